"""Outputs recorded elsewhere, played back as if the model were here."""

from evalharness.adapters.replay.adapter import ReplayAdapter, ReplayOptions

__all__ = ["ReplayAdapter", "ReplayOptions"]
