"""Signals that ask a process to end, which then stops as with Ctrl-C.

``docker stop``, Kubernetes, Slurm and a CI's time limit send SIGTERM; a terminal that is closed
sends SIGHUP. For the process of the command line only: a library leaves its caller's signals alone.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["exit_code", "heed", "name"]

_NAMES = ("SIGTERM", "SIGHUP")
#: The first that came.
_received: list[signal.Signals] = []


def heed() -> None:
    """Stop as with Ctrl-C from now on; what the caller ignores (``nohup``) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    for text in _NAMES:
        number = getattr(signal, text, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    """Do as an interrupt does; a second signal changes nothing (``timeout`` may send two)."""
    if _received:
        return
    _received.append(signal.Signals(number))
    interrupt: Callable[[int, FrameType | None], object] | int | None
    interrupt = signal.getsignal(signal.SIGINT)  # the event loop's, while a run is under way
    if not callable(interrupt):  # ignored, as in the background of a script
        raise KeyboardInterrupt
    interrupt(signal.SIGINT, frame)


def exit_code() -> int:
    """Of an interrupted command: 128 and the signal's number, as a shell would say."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def name() -> str | None:
    """The signal's name; None after Ctrl-C."""
    return _received[0].name if _received else None
