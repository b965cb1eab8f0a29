"""Failures of earlier sessions that are tried again: each stands until another result is stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from evalharness.records import Failure, Response, Slot
from evalharness.store.journal import Entry, Journal

__all__ = ["Again", "Before"]


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier session recorded for a slot that is tried again.

    Args:
        proven: the failure is the request's own, as far as that session could tell: its endpoint
            answered others.
    """

    entry: Entry
    proven: bool

    def was(self, answer: Response | Failure) -> bool:
        """Whether this is the failure that is known already, and so says nothing new.

        What stands behind a colon is the server's own text, which may name each request apart.
        """
        old = self.entry.answer
        return (
            self.proven
            and isinstance(answer, Failure)
            and isinstance(old, Failure)
            and answer.reason.partition(":")[0] == old.reason.partition(":")[0]
        )


class Again:
    """Says which recorded failures are tried again, and keeps them until that has come to an end.

    Args:
        everything: all of them; else those alone that a session recorded which was given up without
            one answer (a model that was not loaded, say): the requests were not at fault.
    """

    def __init__(self, journal: Journal, *, everything: bool = False) -> None:
        self._journal = journal
        self._everything = everything
        self._last = journal.last
        self._suspected = journal.suspected()
        self._open: dict[Slot, Before] = {}
        #: ``answered``, ``failed`` again, ``left`` as they were -> how many.
        self.counts: Counter[str] = Counter()
        if everything or self._suspected:
            journal.replaces = True

    def takes(self, entry: Entry) -> bool:
        """Whether what was recorded is to be tried again; it is kept in mind then."""
        number = entry.number
        if isinstance(entry.answer, Response) or number is None or number > self._last:
            return False
        role = entry.slot.role
        suspected = any(r == role and low <= number <= high for r, low, high in self._suspected)
        if not (self._everything or suspected):
            return False
        self._open[entry.slot] = Before(entry, proven=not suspected)
        return True

    def before(self, slot: Slot | None) -> Before | None:
        """What was recorded for a slot that is being tried again."""
        return self._open.get(slot) if self._open and slot is not None else None

    def settled(self, entry: Entry) -> Entry:
        """What holds for a slot from now on: the new result, or the old one where none was stored.

        A request that is turned away (a budget, an outage) was not tried again.
        """
        if not self._open or (before := self._open.pop(entry.slot, None)) is None:
            return entry
        answer = entry.answer
        if isinstance(answer, Failure) and answer.outcome != "errored":
            self.counts["left"] += 1
            return before.entry
        self.counts["answered" if isinstance(answer, Response) else "failed"] += 1
        return entry

    def close(self) -> None:
        """Every sample was gone through: failures that no request met belong to none any more.

        A generation that healed, say, is judged in another set of generations than before.
        """
        if self._everything and not self.counts["left"]:
            self._journal.drop_failures(self._last)
