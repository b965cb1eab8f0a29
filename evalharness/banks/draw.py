"""Draws a test from a bank: simple random, with a seed, over its different items."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from evalharness import stats
from evalharness.banks.reading import Bank, Question
from evalharness.banks.rules import Gate, Kind
from evalharness.errors import ConfigError
from evalharness.tasks.select import draw_order

__all__ = ["Draw", "GateNumbers", "draw_items", "gate_numbers"]


@dataclass(frozen=True)
class Draw:
    """What was drawn from which bank, so that anybody can draw it again.

    Args:
        items: the items by their ids, in the bank's order; an id is a digest of the item's text.
        n_distinct: how many different items there were to draw from.
    """

    kind: Kind
    seed: int
    file: str
    sha256: str
    n_rows: int
    n_distinct: int
    items: dict[str, Question]

    def sentence(self) -> str:
        """The draw in one line."""
        return (
            f"{len(self.items):,} of {self.n_distinct:,} different items ({self.n_rows:,} rows), "
            f"simple random with seed {self.seed}; bank {self.file}, SHA-256 {self.sha256}"
        )

    def to_json(self) -> dict[str, Any]:
        kept = {key: value for key, value in vars(self).items() if key != "items"}
        return {**kept, "n_drawn": len(self.items), "ids": list(self.items)}


def draw_items(bank: Bank, kind: Kind, count: int, seed: int) -> Draw:
    """Draw ``count`` different items; a smaller draw is a part of a larger one.

    The order is a hash of seed and text, so it does not depend on the bank's own order.

    Raises:
        ConfigError: the bank has fewer different items of that kind.
    """
    items: dict[str, Question] = {}
    of_kind = bank.of(kind)
    for item in of_kind:
        name = hashlib.sha256(item.letters.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        items.setdefault(name, item)
    if count > len(items):
        raise ConfigError(
            f"{bank.path}: has {len(items):,} different items of kind '{kind}', fewer than --count "
            f"{count:,}; draw fewer, or add items"
        )
    order = draw_order(dict.fromkeys(items, ()), seed=seed, task=f"bank {kind}")
    drawn = set(order[:count])
    return Draw(
        kind, seed, bank.path.name, bank.sha256, len(of_kind), len(items),
        {name: item for name, item in items.items() if name in drawn},
    )  # fmt: skip


@dataclass(frozen=True)
class GateNumbers:
    """A pass rule in counts: what its point estimate asks, and what demonstrates it.

    ``demonstrated`` is exact and one-sided; None where not even the best result does.
    """

    gate: Gate
    n: int
    point: int
    demonstrated: int | None

    def sentence(self) -> str:
        """Both in one line."""
        word = self.gate.rule.replace("_", " ")
        shown = "by none" if self.demonstrated is None else f"by {word} {self.demonstrated:,}"
        return (
            f"{self.gate.metric} {word} {100 * self.gate.rate.value:g} %: as a point estimate "
            f"{word} {self.point:,} of {self.n:,}, shown with 95 % confidence {shown}"
        )


def gate_numbers(gate: Gate, n: int) -> GateNumbers:
    """The counts of a pass rule for ``n`` measured items, at a level of 95 %."""
    rate = gate.rate.value
    if gate.rule == "at_least":
        return GateNumbers(gate, n, math.ceil(n * rate - 1e-9), stats.demonstrates(rate, n))
    return GateNumbers(gate, n, math.floor(n * rate + 1e-9), stats.at_most(rate, n))
