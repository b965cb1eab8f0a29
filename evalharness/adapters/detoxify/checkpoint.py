"""A checkpoint in Detoxify's format: read as weights only, checked, then handed to Detoxify."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.adapters._local import first_line, no_progress_bars
from evalharness.errors import AdapterError

__all__ = ["Checkpoint", "build", "read_checkpoint", "refuse_own_code"]

# The architectures and tokenizers that a checkpoint may name: it is input, and transformers'
# namespace holds more than these.
MODEL_NAME = re.compile(r"(?!Auto)[A-Za-z0-9]+ForSequenceClassification")
TOKENIZER_NAME = re.compile(r"[A-Za-z0-9]+Tokenizer(Fast)?")
UNSAFE = re.compile(r"GLOBAL ([\w.]+)")
# Those of its config.arch.args that Detoxify reads.
ARGS = ("model_name", "model_type", "num_classes", "tokenizer_name")


@dataclass
class Checkpoint:
    """What Detoxify needs of a checkpoint.

    Args:
        args: by `ARGS`; ``model_type`` is the base model's name, until its folder is filled in.
        classes: one a score.
        state: the weights.
    """

    args: dict[str, Any]
    classes: list[str]
    state: dict[str, Any]


def read_checkpoint(file: Any, path: Path) -> Checkpoint:
    """Read an open file.

    Args:
        path: the file's, for messages.

    Raises:
        AdapterError: it is more than weights, or not what Detoxify writes.
    """
    return _checked(_load_weights_only(file, path), path)


def _load_weights_only(file: Any, path: Path) -> Any:
    import pickle

    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as fault:
        found = UNSAFE.search(str(fault))
        what = f"it asks for '{found[1]}'" if found else "it is no plain file of weights"
        raise AdapterError(
            f"detoxify: {path} is refused: {what}, and loading that could run code. Save only "
            "tensors and plain values in it: torch.save({'config': ..., 'state_dict': ...})"
        ) from None
    except Exception as fault:  # a broken file breaks the reader in many ways
        raise AdapterError(
            f"detoxify: {path} cannot be read as a checkpoint: {type(fault).__name__}: "
            f"{first_line(fault)}"
        ) from fault


def _checked(loaded: Any, path: Path) -> Checkpoint:
    import torch

    try:
        args = loaded["config"]["arch"]["args"]
        classes = list(loaded["config"]["dataset"]["args"]["classes"])
        state = loaded["state_dict"]
        args = {name: args[name] for name in ARGS}
    except (KeyError, TypeError, IndexError):
        raise AdapterError(
            f"detoxify: {path} is no Detoxify checkpoint: it must hold config.arch.args "
            "(model_type, model_name, tokenizer_name, num_classes), config.dataset.args.classes "
            "and state_dict"
        ) from None
    fault = None
    count, model, tokenizer = args["num_classes"], args["model_name"], args["tokenizer_name"]
    texts = (args["model_type"], model, tokenizer, *classes)
    if not all(isinstance(item, str) and item for item in texts):
        fault = "model_type, model_name, tokenizer_name and the classes must be texts"
    elif len(set(classes)) != len(classes) or len(classes) != count or not classes:
        fault = f"it names {len(classes)} classes for num_classes {count}"
    elif not MODEL_NAME.fullmatch(model):
        fault = f"model_name '{model}' is no ...ForSequenceClassification of transformers"
    elif not TOKENIZER_NAME.fullmatch(tokenizer):
        fault = f"tokenizer_name '{tokenizer}' is no tokenizer of transformers"
    elif not isinstance(state, Mapping) or not all(map(torch.is_tensor, state.values())):
        fault = "state_dict must hold tensors"
    if fault is not None:
        raise AdapterError(f"detoxify: {path} is no Detoxify checkpoint: {fault}")
    return Checkpoint(args, classes, dict(state))


def refuse_own_code(folder: Path) -> None:
    """Check a base model's folder.

    Raises:
        AdapterError: it names code to run, or cannot be read.
    """
    for name in ("config.json", "tokenizer_config.json"):
        try:
            found = json.loads((folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as fault:
            raise AdapterError(f"detoxify: {folder / name} cannot be read: {fault}") from None
        if isinstance(found, dict) and "auto_map" in found:
            raise AdapterError(
                f"detoxify: {folder / name} names code of its own (auto_map), which evalharness "
                "never runs; use an architecture that transformers has"
            )


def build(checkpoint: Checkpoint, device: str, name: str) -> Any:
    """Detoxify's own constructor, on the weights that were checked.

    It loads checkpoints by itself, as pickles that may run code. So it is handed a copy in memory,
    written here from tensors and plain values, with the base model's folder filled in: nothing of
    the file is read a second time, and every line of the library runs as it is. The checkpoint
    loses its weights: they need not be in memory twice.

    Args:
        name: the checkpoint's, for messages.

    Raises:
        AdapterError: Detoxify cannot load it, or weights are missing.
    """
    import torch
    from detoxify import Detoxify

    buffer = io.BytesIO()
    config = {
        "arch": {"args": checkpoint.args},
        "dataset": {"args": {"classes": checkpoint.classes}},
    }
    torch.save({"config": config, "state_dict": checkpoint.state}, buffer)
    buffer.seek(0)
    names = set(checkpoint.state)
    checkpoint.state = {}
    try:
        with no_progress_bars():
            detoxify = Detoxify(checkpoint=buffer, device=device)
    except Exception as fault:  # two libraries that read what others wrote
        raise AdapterError(
            f"detoxify: {name}: Detoxify cannot load it: {type(fault).__name__}: "
            f"{first_line(fault)}"
        ) from fault
    # transformers fills what a checkpoint lacks with random numbers, and only logs it
    if lacking := sorted(n for n, _ in detoxify.model.named_parameters() if n not in names):
        raise AdapterError(
            f"detoxify: {name} lacks {len(lacking)} weights of its model "
            f"({', '.join(lacking[:3])}); get a complete checkpoint"
        )
    detoxify.model.float().eval()
    return detoxify
