"""What may differ between two runs of the same test: summary.json; versions and deviations.

A session is one call that works on a run: an interrupted run has several. Each one leaves its times
and what did not go as planned in it, however it ends (but for a kill).
"""

from __future__ import annotations

import platform
import re
import time
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any

import evalharness
from evalharness.errors import RunError
from evalharness.records import Response
from evalharness.store.directory import RunDirectory
from evalharness.store.journal import Entry

__all__ = [
    "SESSION_PREFIX", "Session", "add_deviations", "earlier_seconds", "earlier_used",
    "merged_deviations",
    "versions",
]  # fmt: skip

#: Before a sentence that holds for one session only.
SESSION_PREFIX = re.compile(r"^session \d+: ")

_REPORTED_PACKAGES = (
    "datasets", "detoxify", "numpy", "pandas", "pyarrow", "scipy", "statsmodels", "torch",
    "transformers",
)  # fmt: skip


class _Asked:
    """What was asked of one role's model: eight bytes a response, so that a million stay small."""

    def __init__(self) -> None:
        self.latencies = array("d")
        self.attempts: Counter[int] = Counter()
        self.errored = 0
        self.tokens: Counter[str] = Counter()

    def add(self, entry: Entry) -> None:
        self.latencies.append(entry.latency_s)
        self.attempts[entry.attempts] += 1
        if isinstance(entry.answer, Response):
            self.tokens["input"] += entry.answer.input_tokens or 0
            self.tokens["output"] += entry.answer.output_tokens or 0
        else:
            self.errored += 1

    def to_json(self, took: float) -> dict[str, Any]:
        asked = len(self.latencies)
        tries = sum(tries * count for tries, count in self.attempts.items())
        return {
            "asked": asked,
            "responses_per_second": _per_second(asked, took),
            "retried": sum(count for tries, count in self.attempts.items() if tries > 1),
            "errored": self.errored,
            "availability": round((asked - self.errored) / tries, 6) if tries else None,
            "attempts": {str(tries): self.attempts[tries] for tries in sorted(self.attempts)},
            "latency_s": _percentiles(self.latencies),
            "tokens": dict(self.tokens),
            "tokens_per_second": {
                kind: _per_second(count, took) for kind, count in self.tokens.items()
            },
        }


class Session:
    """Counts what one session asks and what it finds recorded."""

    def __init__(self) -> None:
        self._started = time.time()
        self._clock = time.perf_counter()
        self._replayed = 0
        self._roles: dict[str, _Asked] = {}
        self._stopped: str | None = None
        self._whole: Mapping[str, Any] = {}

    def asked(self, entry: Entry) -> None:
        """A model answered."""
        role = entry.slot.role
        if (asked := self._roles.get(role)) is None:
            asked = self._roles[role] = _Asked()
        asked.add(entry)

    def replayed(self, _entry: Entry) -> None:
        """The answer was recorded already, in this run or in one that it reuses."""
        self._replayed += 1

    def ended(self, stopped: str | None, whole: Mapping[str, Any]) -> None:
        """The engine came to its end.

        Args:
            stopped: why it left samples out.
            whole: what it says of the run so far, all sessions together; goes into summary.json.
        """
        self._stopped, self._whole = stopped, whole

    def close(self, directory: RunDirectory, deviations: Iterable[str]) -> None:
        """Write summary.json, and into run.json what did not go as planned.

        Args:
            deviations: sentences of this session.
        """
        own = self._to_json()
        sessions = [*_earlier(directory), _session(own, sorted(set(deviations)))]
        directory.write_json(directory.summary, {**own, "sessions": sessions})
        run = directory.read_json(directory.run_json)
        told = [session["deviations"] for session in sessions]
        merged = merged_deviations(run["deviations"], told)
        if merged != run["deviations"] or self._stopped != run.get("stopped"):
            changed = {**run, "deviations": merged, "stopped": self._stopped}
            directory.write_json(directory.run_json, changed)

    def _to_json(self) -> dict[str, Any]:
        took = time.perf_counter() - self._clock
        whole = _Asked()
        for asked in self._roles.values():
            whole.latencies += asked.latencies
            whole.attempts += asked.attempts
            whole.errored += asked.errored
            whole.tokens.update(asked.tokens)
        counted = whole.to_json(took)
        return {
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "seconds": round(took, 3),
            "asked": counted.pop("asked"),
            "replayed": self._replayed,
            **counted,
            "roles": {role: self._roles[role].to_json(took) for role in sorted(self._roles)},
            **self._whole,
            "platform": {"system": platform.system(), "machine": platform.machine()},
        }


def versions() -> dict[str, str]:
    """Python's, evalharness's, and those of the libraries that matter."""
    found = {"python": platform.python_version(), "evalharness": evalharness.__version__}
    for package in _REPORTED_PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def add_deviations(directory: RunDirectory, deviations: Iterable[str]) -> None:
    """Add sentences that follow from the plan alone, and so hold for every session."""
    run = directory.read_json(directory.run_json)
    merged = sorted({*run["deviations"], *deviations})
    if merged != run["deviations"]:
        directory.write_json(directory.run_json, {**run, "deviations": merged})


def merged_deviations(recorded: Sequence[str], sessions: Sequence[Sequence[str]]) -> list[str]:
    """What run.json lists: nothing recorded is lost, and no session's count stands for another's.

    A sentence with a number in it counts for its session only, so it names the session where
    several have something to say.

    Args:
        recorded: what run.json lists now.
        sessions: the sentences of each session, in order.
    """
    told = [(number, text) for number, texts in enumerate(sessions, 1) for text in texts]
    several = len({number for number, _ in told}) > 1
    lines = {
        f"session {number}: {text}" if several and re.search(r"\d", text) else text
        for number, text in told
    }
    texts = {text for _, text in told}
    return sorted(lines | {line for line in recorded if SESSION_PREFIX.sub("", line) not in texts})


def _per_second(count: int, took: float) -> float | None:
    return round(count / took, 3) if took > 0 else None


def _percentiles(latencies: array[float]) -> dict[str, float] | None:
    import numpy as np

    if not latencies:
        return None
    values = np.frombuffer(latencies)
    found = {f"p{q}": float(np.percentile(values, q)) for q in (50, 90, 99)}
    return {name: round(value, 6) for name, value in (*found.items(), ("max", float(values.max())))}


def _session(summary: dict[str, Any], deviations: list[str]) -> dict[str, Any]:
    kept = {name: summary[name] for name in ("started", "seconds", "asked", "replayed")}
    return {**kept, "deviations": deviations}


def earlier_used(directory: RunDirectory) -> dict[str, dict[str, int]]:
    """Role -> what the earlier sessions used, as the last one told."""
    try:
        found = directory.read_json(directory.summary).get("used", {})
    except RunError:
        return {}
    return {role: dict(counts) for role, counts in found.items()}


def earlier_seconds(directory: RunDirectory) -> float:
    """How long the earlier sessions worked."""
    return sum(float(session.get("seconds", 0.0)) for session in _earlier(directory))


def _earlier(directory: RunDirectory) -> list[dict[str, Any]]:
    """The sessions before this one; a damaged file (it proves nothing) counts as none."""
    try:
        found = directory.read_json(directory.summary).get("sessions", [])
    except RunError:
        return []
    return list(found)
