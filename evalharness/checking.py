"""One check of a verification, and what is said where a file is too damaged to be checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evalharness.errors import EvalHarnessError

__all__ = ["Check", "NotCheckedError", "checked", "said_of"]


@dataclass(frozen=True)
class Check:
    """One thing that must hold, and what speaks against it.

    Args:
        checked: False: it needs something that was not given, and nothing is said of it.
    """

    name: str
    faults: list[str]
    checked: bool = True

    @classmethod
    def left(cls, name: str) -> Check:
        """What was not checked, and why not."""
        return cls(name, [], checked=False)


class NotCheckedError(Exception):
    """A check cannot be made here; the message says which, and what is missing."""


def checked(name: str, work: Callable[[], list[str]]) -> Check:
    """The check, made; what stops it is its fault.

    Args:
        work: gives what speaks against it; raises `NotCheckedError` where that cannot be told.
    """
    try:
        return Check(name, work())
    except NotCheckedError as why:
        return Check.left(str(why))
    except Exception as fault:  # noqa: BLE001 - damaged records can fail in any way; that is a fault
        return Check(name, [f"could not be checked: {said_of(fault)}"])


def said_of(fault: Exception) -> str:
    """What stopped a check, for whoever received the run."""
    if isinstance(fault, EvalHarnessError):
        return str(fault)
    what = str(fault) if isinstance(fault, OSError | ValueError) else repr(fault)
    return f"a file that it reads is damaged ({what})"
