"""A model behind a system prompt, a prefix or a guardrail: an adapter around an adapter."""

from evalharness.adapters.wrap.adapter import Wrapped, wrap
from evalharness.adapters.wrap.filters import (
    ClassifierFilter,
    Filter,
    FunctionFilter,
    GuardFilter,
    Passage,
    PatternFilter,
    Verdict,
)

__all__ = [
    "ClassifierFilter",
    "Filter",
    "FunctionFilter",
    "GuardFilter",
    "Passage",
    "PatternFilter",
    "Verdict",
    "Wrapped",
    "wrap",
]
