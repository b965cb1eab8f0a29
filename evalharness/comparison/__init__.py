"""Comparing runs: the same test or not, what differs, and who stands where."""

from __future__ import annotations

from evalharness.comparison.claims import Claim
from evalharness.comparison.compare import Comparison, compare_runs
from evalharness.comparison.rankings import Ranked, Ranking
from evalharness.comparison.sides import Refused

__all__ = ["Claim", "Comparison", "Ranked", "Ranking", "Refused", "compare_runs"]
