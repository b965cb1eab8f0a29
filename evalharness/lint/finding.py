"""What a check found: in which file, which rows and field, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Finding", "Severity"]

#: A fault makes figures wrong or missing; a note is to be known before they are read.
Severity = Literal["fault", "note"]

_SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One fault of a file or task. It names rows, and quotes none: texts may be harmful.

    Args:
        check: the check's name, as the documentation lists it.
        place: the file or task.
        rows: the rows concerned: numbers (from 1) in a file, ids in a task; none: the whole.
        field: the column or field, if one is to blame.
        message: what is wrong.
        do: what to do about it.
    """

    check: str
    severity: Severity
    place: str
    message: str
    do: str
    rows: tuple[str, ...] = ()
    field: str | None = None

    def sentence(self) -> str:
        """The finding in one line."""
        field = f" ({self.field})" if self.field else ""
        return f"{self.place}: {self.check}{field}: {self.message}{self._where()}; {self.do}"

    def _where(self) -> str:
        if not self.rows:
            return ""
        shown = ", ".join(self.rows[:_SHOWN])
        more = f" and {len(self.rows) - _SHOWN:,} more" if len(self.rows) > _SHOWN else ""
        return f" [{'row' if len(self.rows) == 1 else 'rows'} {shown}{more}]"

    def to_json(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "severity": self.severity,
            "place": self.place,
            "field": self.field,
            "n_rows": len(self.rows),
            "rows": list(self.rows),
            "message": self.message,
            "do": self.do,
        }


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """By place, faults first."""
    return sorted(findings, key=lambda f: (f.place, f.severity != "fault", f.check, f.field or ""))
