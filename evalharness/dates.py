"""Days, as people write them in files and on the command line: 2026-01-31, and in no other way."""

from __future__ import annotations

import re
from datetime import date

from evalharness.errors import EvalHarnessError

__all__ = ["day_of", "is_day"]

#: Python reads more of ISO 8601 (20260131, 2026-W05-6), which people take for other things.
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar."""
    return _parsed(text) is not None


def day_of(text: str, where: str, fault: type[EvalHarnessError]) -> date:
    """The day that a text names.

    Raises:
        EvalHarnessError: it names none; of the kind ``fault``, beginning with ``where``.
    """
    found = _parsed(text)
    if found is None:
        raise fault(f"{where}: '{text[:40]}' is no date; write it as 2026-01-31")
    return found


def _parsed(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
