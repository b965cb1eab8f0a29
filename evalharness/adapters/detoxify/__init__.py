"""Detoxify as a classifier: its checkpoints, its model and its tokenizer, run in good batches."""

from evalharness.adapters.detoxify.adapter import DetoxifyAdapter, DetoxifyOptions

__all__ = ["DetoxifyAdapter", "DetoxifyOptions"]
