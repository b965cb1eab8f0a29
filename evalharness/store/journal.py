"""The journal: the planned samples and every response, in one SQLite file.

The slot is the key and drives resume; the content digest (the model's identity and everything that
changes an answer) is stored with it, and a mismatch on resume is an error. WAL with NORMAL survives
kill -9; power loss may cost the last moments, never corrupts. Sealed at the end: no -wal left.
"""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from evalharness.errors import RunCorruptError, RunError
from evalharness.records import Failure, Request, Response, Role, Sample, Slot
from evalharness.store.packed import BLOCK, PackedSamples, unpacked

__all__ = ["Entry", "Journal"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plan (
    task TEXT NOT NULL, position INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (task, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS responses (
    number INTEGER PRIMARY KEY,
    task TEXT NOT NULL, sample TEXT NOT NULL, epoch INTEGER NOT NULL, role TEXT NOT NULL,
    ordinal INTEGER NOT NULL, digest BLOB NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL,
    latency_s REAL NOT NULL, attempts INTEGER NOT NULL,
    UNIQUE (task, sample, epoch, role, ordinal)
);
"""

_Key: TypeAlias = tuple[str, str, int, str, int]


#: Made once: json.dumps makes one for each call that names an option. Lone surrogates cannot be
#: stored as UTF-8, so they stay escaped.
_BODY = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal.

    ``latency_s``: seconds of the last try; ``attempts``: tries made, 0 where the answer was given
    to an equal request before, in this run or another. ``number`` is its place in the journal, once
    it is read from there.
    """

    slot: Slot
    digest: bytes
    answer: Response | Failure
    latency_s: float
    attempts: int
    number: int | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        request: Request,
        digest: bytes,
        answer: Response | Failure,
        latency_s: float = 0.0,
        attempts: int = 0,
    ) -> Entry:
        """What came of a request; by default one that was not made."""
        if request.slot is None:
            raise RuntimeError("a request was asked without a slot")
        return cls(request.slot, digest, answer, latency_s, attempts)

    @property
    def status(self) -> Literal["ok", "errored"]:
        return "ok" if isinstance(self.answer, Response) else "errored"

    def _row(self) -> tuple[Any, ...]:
        answer = self.answer
        body = answer.to_json() if isinstance(answer, Response) else {"reason": answer.reason}
        text = _BODY.encode(body)
        s = self.slot
        return (
            s.task, s.sample, s.epoch, s.role, s.ordinal,
            self.digest, self.status, text, self.latency_s, self.attempts,
        )  # fmt: skip


class Journal:
    """One run's journal.

    Args:
        path: the SQLite file; created when missing, unless ``sealed``.
        sealed: open read-only and immutable (a finished run; leaves no trace on disk).
        full: ``synchronous=FULL``: every commit survives power loss.
    """

    def __init__(self, path: Path, *, sealed: bool = False, full: bool = False) -> None:
        self._path = path
        self.full = full
        mode = "mode=ro&immutable=1" if sealed else "mode=rwc"
        try:
            # the engine writes from one thread at a time, though not always from the same
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?{mode}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            if not sealed:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
                # a checkpoint waits for the disk: one in 16 MB of answers, not one in 4
                self._db.execute("PRAGMA wal_autocheckpoint=4000")
                self._db.executescript(_SCHEMA)
            else:
                self._db.execute("SELECT count(*) FROM plan")
            (last,) = self._db.execute("SELECT max(number) FROM responses").fetchone()
        except sqlite3.DatabaseError as fault:
            raise RunCorruptError(f"{path}: not a readable journal ({fault})") from None
        self._next = (last or 0) + 1
        #: Whether an entry may take the place of a failure, whose tries then count on.
        self.replaces = False

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All or nothing; a failure leaves no transaction open, which would refuse every later one.

        Raises:
            RunError: the file cannot be written (a full disk, say).
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                yield
        except sqlite3.Error as fault:
            raise RunError(
                f"{self._path}: cannot be written: {fault}; what was recorded before is kept: "
                "mend the cause and run the same command again"
            ) from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def seal(self) -> None:
        """Fold the write-ahead log into the file and close it: nothing but the file is left."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as fault:
            raise RunError(
                f"{self._path}: cannot be sealed: {fault}; another program has it open: close "
                "that, and run the same command again (nothing is asked twice)"
            ) from None
        finally:
            self._db.close()

    # -- the plan ---------------------------------------------------------------------------------

    def has_plan(self) -> bool:
        """Whether the plan was written whole."""
        return self._db.execute("SELECT 1 FROM meta WHERE key='planned'").fetchone() is not None

    def write_plan(self, planned: Iterable[tuple[str, PackedSamples]]) -> None:
        """Store the planned samples by task, in one transaction."""
        with self._transaction():
            self._db.execute("DELETE FROM plan")
            for task, samples in planned:
                rows = (
                    (task, number * BLOCK, block) for number, block in enumerate(samples.blocks())
                )
                self._db.executemany("INSERT INTO plan VALUES (?, ?, ?)", rows)
            self._db.execute("INSERT INTO meta VALUES ('planned', '1')")

    def samples(self, task: str) -> Iterator[Sample]:
        """The planned samples of one task, in order."""
        query = "SELECT body FROM plan WHERE task=? AND position=?"
        start = 0
        # one bounded query a block: an open cursor would keep the write-ahead log from folding
        while (row := self._db.execute(query, (task, start)).fetchone()) is not None:
            yield from unpacked(row[0])
            start += BLOCK

    def windows(self, task: str, size: int) -> Iterator[tuple[Sample, ...]]:
        """The planned samples of one task, ``size`` at a time."""
        samples = self.samples(task)
        while window := tuple(itertools.islice(samples, size)):
            yield window

    def planned(self) -> set[tuple[str, str]]:
        """(task, sample id) of everything planned."""
        tasks = self._db.execute("SELECT DISTINCT task FROM plan").fetchall()
        return {(task, sample.id) for (task,) in tasks for sample in self.samples(task)}

    # -- the responses ----------------------------------------------------------------------------

    def count(self) -> int:
        """How many responses are stored."""
        (found,) = self._db.execute("SELECT count(*) FROM responses").fetchone()
        return int(found)

    def get(self, slot: Slot) -> Entry | None:
        """What is stored for a slot."""
        row = self._db.execute(
            f"SELECT {_ENTRY} FROM responses "  # noqa: S608 - names of columns
            "WHERE task=? AND sample=? AND epoch=? AND role=? AND ordinal=?",
            (slot.task, slot.sample, slot.epoch, slot.role, slot.ordinal),
        ).fetchone()
        return None if row is None else _entry(row)

    def at(self, number: int) -> Entry | None:
        """What stands at a number."""
        row = self._db.execute(
            f"SELECT {_ENTRY} FROM responses WHERE number=?",  # noqa: S608 - names of columns
            (number,),
        ).fetchone()
        return None if row is None else _entry(row)

    @property
    def last(self) -> int:
        """The number of the last entry; 0 where there is none."""
        return self._next - 1

    def answered(self) -> set[str]:
        """The roles whose models were asked in this run and answered."""
        query = "SELECT DISTINCT role FROM responses WHERE status='ok' AND attempts>0"
        return {role for (role,) in self._db.execute(query)}

    def slots(self) -> Iterator[_Key]:
        """Every stored slot as a tuple (task, sample, epoch, role, ordinal)."""
        yield from self._db.execute("SELECT task, sample, epoch, role, ordinal FROM responses")

    def append(self, entries: Sequence[Entry]) -> int:
        """Commit entries in one transaction; a later entry for a slot takes its place.

        Returns:
            The number of the first; the others follow.
        """
        first = self._next
        rows = [
            (number, *entry._row())  # noqa: SLF001 - the entry's own storage form
            for number, entry in enumerate(entries, first)
        ]
        with self._transaction():
            if self.replaces:
                self._db.executemany(_KEEP_TRIES, (row[1:6] for row in rows))
            self._db.executemany(
                "INSERT OR REPLACE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
        self._next = first + len(rows)
        return first

    def used(self) -> dict[Role, tuple[int, int, int]]:
        """Role -> tries, input tokens and output tokens of all that this run asked for.

        The tries of failures that were tried again are among them.
        """
        rows = self._db.execute(
            "SELECT role, sum(attempts), "
            "sum(CASE WHEN attempts > 0 THEN json_extract(body, '$.input_tokens') END), "
            "sum(CASE WHEN attempts > 0 THEN json_extract(body, '$.output_tokens') END) "
            "FROM responses GROUP BY role"
        )
        found = {role: (tries or 0, given or 0, made or 0) for role, tries, given, made in rows}
        replaced = self._db.execute(
            "SELECT substr(key, ?), CAST(value AS INTEGER) FROM meta WHERE key LIKE ? || '%'",
            (len(_REPLACED) + 1, _REPLACED),
        )
        for role, tries in replaced.fetchall():
            own, given, made = found.get(role, (0, 0, 0))
            found[role] = (own + tries, given, made)
        return found

    # -- failures that are tried again ------------------------------------------------------------

    def failed(self, *, everything: bool) -> int:
        """How many failures there are: all, or those that are suspected."""
        if everything:
            query = "SELECT count(*) FROM responses WHERE status='errored'"
            return int(self._db.execute(query).fetchone()[0])
        query = (
            "SELECT count(*) FROM responses "
            "WHERE status='errored' AND role=? AND number BETWEEN ? AND ?"
        )
        return sum(self._db.execute(query, each).fetchone()[0] for each in set(self.suspected()))

    def suspected(self) -> list[tuple[str, int, int]]:
        """Role, first and last number of failures that say nothing about their requests.

        Nothing but failures came then; each stands until an entry takes its place.
        """
        row = self._db.execute("SELECT value FROM meta WHERE key=?", (_SUSPECTED,)).fetchone()
        return [] if row is None else [tuple(each) for each in json.loads(row[0])]

    def suspect(self, roles: Iterable[str], since: int) -> None:
        """Remember the failures of some roles from a number on as suspected."""
        told = [*self.suspected(), *((role, since, self.last) for role in sorted(roles))]
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)", (_SUSPECTED, json.dumps(told))
            )

    def drop_failures(self, last: int) -> None:
        """Drop the failures up to a number; their tries count on."""
        which = "FROM responses WHERE status='errored' AND number<=?"
        with self._transaction():
            self._db.execute(
                f"INSERT INTO meta SELECT '{_REPLACED}' || role, sum(attempts) {which} "
                f"GROUP BY role {_ADDED}",
                (last,),
            )
            self._db.execute(f"DELETE {which}", (last,))


#: Keys of `meta`: before a role, how many tries its replaced failures took; what is suspected.
_REPLACED = "tries of replaced: "
_SUSPECTED = "suspected"
_ADDED = (
    "ON CONFLICT(key) DO UPDATE "
    "SET value = CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER)"
)
_KEEP_TRIES = (
    f"INSERT INTO meta SELECT '{_REPLACED}' || role, attempts FROM responses "  # noqa: S608 - constants
    "WHERE task=? AND sample=? AND epoch=? AND role=? AND ordinal=? AND status='errored' "
    f"{_ADDED}"
)
_ENTRY = "number, task, sample, epoch, role, ordinal, digest, status, body, latency_s, attempts"


def _entry(row: Sequence[Any]) -> Entry:
    number, task, sample, epoch, role, ordinal, digest, status, body, latency_s, attempts = row
    data = json.loads(body)
    answer = Response.from_json(data) if status == "ok" else Failure(data["reason"])
    slot = Slot(task, sample, epoch, role, ordinal)
    return Entry(slot, digest, answer, latency_s, attempts, number)
