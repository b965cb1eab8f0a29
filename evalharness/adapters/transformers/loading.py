"""From a model's files to its tokenizer and its weights, by transformers; its code is never run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evalharness.adapters._local import first_line, no_progress_bars
from evalharness.adapters.transformers.source import Source, read_json
from evalharness.adapters.transformers.texts import Texts
from evalharness.errors import AdapterError

__all__ = ["load_model", "load_texts"]

SAFE: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}


def load_texts(source: Source, system: str | None, *, use_template: bool) -> Texts:
    from transformers import AutoTokenizer

    folder = source.text_folder()
    with _named_faults(source):
        return Texts(AutoTokenizer.from_pretrained(folder, **SAFE), system, use_template)


def load_model(source: Source, dtype: str) -> Any:
    """The model in evaluation mode, on the CPU.

    Args:
        dtype: torch's name of it.

    Raises:
        AdapterError: transformers cannot load it, or weights are missing.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = source.weight_folder()
    with _named_faults(source), no_progress_bars():
        config = AutoConfig.from_pretrained(folder, **SAFE)
        if dtype == "float32":
            _fuse_activation(config)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=source.weights()[0].suffix == ".safetensors",
            output_loading_info=True,
            **SAFE,
        )
    model, info = loaded
    # transformers fills what a checkpoint lacks with random numbers, and only logs it.
    if lacking := sorted(info["missing_keys"]):
        raise AdapterError(
            f"{source.name}: the checkpoint lacks {len(lacking)} weights of the model "
            f"({', '.join(lacking[:3])}); get a complete causal language model"
        )
    return model.eval()


def _fuse_activation(config: Any) -> None:
    """GPT-2's activation as one kernel: the same function, a fifth less time on a CPU."""
    config = config.get_text_config()
    for name in ("activation_function", "hidden_act"):
        if getattr(config, name, None) == "gelu_new":
            setattr(config, name, "gelu_pytorch_tanh")


@contextmanager
def _named_faults(source: Source) -> Iterator[None]:
    """Turn what transformers raises for an unusable checkpoint into one sentence."""
    import transformers
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as fault:
        config = read_json(source.text_folder() / "config.json")
        if "auto_map" in config and isinstance(fault, ValueError):
            raise AdapterError(
                f"{source.name}: the model comes with its own code (auto_map in config.json), "
                f"which evalharness never runs, and transformers {transformers.__version__} does "
                f"not know the architecture {config.get('model_type')!r}; try a newer "
                "transformers, or serve the model elsewhere and use an API adapter"
            ) from None
        raise AdapterError(
            f"{source.name}: transformers {transformers.__version__} cannot load it: "
            f"{type(fault).__name__}: {first_line(fault)}"
        ) from fault
