"""Answers kept over runs: one SQLite file in a folder that the user names.

Only answers that would be the same again are kept: greedy ones, log-likelihoods, a classifier's.
The key holds the model's identity and everything that changes an answer, as in the journal.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from evalharness.errors import RunError
from evalharness.records import Response

__all__ = ["ResponseCache"]

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID"
)
#: Seconds to wait for another run that is writing.
_PATIENCE = 30.0


class ResponseCache:
    """A folder's answers; several runs may use it at once.

    Raises:
        RunError: the folder or its file cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "answers.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(
                self._path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as fault:
            raise RunError(
                f"{self._path}: cannot be used as a cache ({fault}); name another folder"
            ) from None

    def get(self, key: bytes) -> Response | None:
        """The answer kept under ``key``.

        Raises:
            RunError: the file cannot be read.
        """
        try:
            row = self._db.execute("SELECT body FROM answers WHERE key=?", (key,)).fetchone()
            return None if row is None else Response.from_json(json.loads(row[0]))
        except (sqlite3.Error, ValueError, TypeError) as fault:
            raise RunError(
                f"{self._path}: cannot be read ({fault}); delete it, or name another folder"
            ) from None

    def put(self, answers: Iterable[tuple[bytes, Response]]) -> None:
        """Keep answers; one that is there already stays.

        Raises:
            RunError: the file cannot be written.
        """
        rows = [
            (key, json.dumps(answer.to_json(), separators=(",", ":"), allow_nan=False))
            for key, answer in answers
        ]
        if not rows:
            return
        try:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                self._db.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)
        except sqlite3.Error as fault:
            raise RunError(
                f"{self._path}: cannot be written ({fault}); mend the cause or leave --cache out, "
                "and run the same command again: what was answered is kept"
            ) from None

    def close(self) -> None:
        """Close the file."""
        self._db.close()
