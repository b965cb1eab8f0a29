"""Safety classifiers of the hub, in the classifier role."""

from evalharness.adapters.guard.adapter import GuardAdapter, GuardOptions

__all__ = ["GuardAdapter", "GuardOptions"]
