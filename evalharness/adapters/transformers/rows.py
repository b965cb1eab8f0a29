"""What a causal model is asked and answers, in token ids, and which questions share a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Drawn", "Pair", "Prompt", "Row", "Weighed", "share_rows"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A continuation whose log-probabilities are asked for, behind at least one token."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Weighed:
    """A continuation's tokens: log-probabilities, and what they are in standard deviations.

    ``zscores`` are (log p - mean) / standard deviation of log p under the model's distribution at
    each place; None where they were not asked for.
    """

    logprobs: tuple[float, ...]
    zscores: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens to go on from; ``seed`` belongs to this row alone."""

    tokens: tuple[int, ...]
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """New tokens; ``ended``: the last one is an end of sequence, or completes a stop string."""

    tokens: tuple[int, ...]
    ended: bool


@dataclass(slots=True)
class Row:
    """One row of a scoring pass: a context, and the continuations that branch off its end.

    A branch leaves out its last token, which is predicted but never read. ``asks`` holds, for each
    pair served by this row, its index and its branch (None: a continuation of one token).
    """

    context: tuple[int, ...]
    branches: list[tuple[int, ...]] = field(default_factory=list)
    asks: list[tuple[int, int | None]] = field(default_factory=list)

    @property
    def width(self) -> int:
        return len(self.context) + sum(map(len, self.branches))

    def offset(self, branch: int) -> int:
        return len(self.context) + sum(map(len, self.branches[:branch]))


def share_rows(pairs: Sequence[Pair], limit: int | None, *, branching: bool) -> list[Row]:
    """Put pairs with the same context into one row, as far as that saves work.

    Args:
        limit: the most positions that the model has, or None.
        branching: a row may hold several continuations. They are added while they are together at
            most twice as long as the context: beyond that attention over the other branches costs
            more than the context that is saved.
    """
    rows: list[Row] = []
    open_rows: dict[tuple[int, ...], list[Row]] = {}
    for index, pair in enumerate(pairs):
        branch = pair.continuation[:-1]
        most = len(pair.context) * 3
        most = most if limit is None else min(most, limit)
        shared = open_rows.setdefault(pair.context, [])
        for row in shared:
            if not branch:
                row.asks.append((index, None))
            elif branch in row.branches:
                row.asks.append((index, row.branches.index(branch)))
            elif not row.branches or (branching and row.width + len(branch) <= most):
                row.asks.append((index, len(row.branches)))
                row.branches.append(branch)
            else:
                continue
            break
        else:
            row = Row(pair.context, [branch] if branch else [], [(index, 0 if branch else None)])
            rows.append(row)
            shared.append(row)
    return rows
