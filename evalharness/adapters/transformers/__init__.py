"""Any causal language model, by hub id or local folder, run here with PyTorch."""

from evalharness.adapters.transformers.adapter import TransformersAdapter, TransformersOptions

__all__ = ["TransformersAdapter", "TransformersOptions"]
