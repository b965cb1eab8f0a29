"""From a model's files to its tokenizer and its weights, by transformers; its code is never run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evalharness.adapters._local import first_line, no_progress_bars
from evalharness.adapters.transformers.source import Source, read_json
from evalharness.adapters.transformers.texts import Texts
from evalharness.errors import AdapterError

__all__ = ["load_classifier", "load_model", "load_texts", "load_tokenizer"]

SAFE: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}


def load_texts(source: Source, system: str | None, *, use_template: bool) -> Texts:
    with _named_faults(source):
        return Texts(load_tokenizer(source), system, use_template)


def load_tokenizer(source: Source) -> Any:
    """The checkpoint's tokenizer.

    Raises:
        AdapterError: transformers cannot load it.
    """
    from transformers import AutoTokenizer

    with _named_faults(source):
        return AutoTokenizer.from_pretrained(source.text_folder(), **SAFE)


def load_model(source: Source, dtype: str) -> Any:
    """The model in evaluation mode, on the CPU.

    Args:
        dtype: torch's name of it.

    Raises:
        AdapterError: transformers cannot load it, or weights are missing.
    """
    from transformers import AutoModelForCausalLM

    return _load(source, dtype, AutoModelForCausalLM, "causal language model")


def load_classifier(source: Source, dtype: str) -> Any:
    """A model for sequence classification in evaluation mode, on the CPU.

    Raises:
        AdapterError: transformers cannot load it, or weights (those of its head, say) are missing.
    """
    from transformers import AutoModelForSequenceClassification

    return _load(source, dtype, AutoModelForSequenceClassification, "sequence classifier")


def _load(source: Source, dtype: str, kind: Any, what: str) -> Any:
    import torch
    from transformers import AutoConfig

    folder = source.weight_folder()
    with _named_faults(source), no_progress_bars():
        config = AutoConfig.from_pretrained(folder, **SAFE)
        if dtype == "float32":
            _fuse_activation(config)
        loaded: Any = kind.from_pretrained(
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
            f"({', '.join(lacking[:3])}); get a complete {what}"
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
