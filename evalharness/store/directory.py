"""A run's folder: which file is which, atomic writes, one process at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from evalharness.errors import RunConflictError, RunCorruptError, RunError
from evalharness.outfile import replaced

__all__ = ["FORMAT_VERSION", "RunDirectory", "file_sha256", "json_bytes"]

#: Of the folder as a whole; raised with a migration when a file's meaning changes.
FORMAT_VERSION = 1

#: The manifest cannot hold itself, and the attestations are about the manifest.
_SKIPPED = frozenset({"manifest.json", "attestation.intoto.jsonl", "attestation.sigstore.jsonl"})


class RunDirectory:
    """The files of one run (DESIGN section 5). Creates nothing by itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_json = path / "run.json"
        self.summary = path / "summary.json"
        self.journal = path / "responses.sqlite"
        self.samples = path / "samples.parquet"
        self.labels = path / "labels.json"
        self.scorecard = path / "scorecard.json"
        self.report = path / "report.html"
        self.manifest = path / "manifest.json"
        self.attestation = path / "attestation.intoto.jsonl"
        self.bundles = path / "attestation.sigstore.jsonl"

    @classmethod
    def existing(cls, path: Path) -> RunDirectory:
        """A run that is there.

        Raises:
            RunError: the folder is missing or holds no run.
        """
        directory = cls(path)
        if not path.is_dir():
            raise RunError(f"{path}: there is no such run folder; runs land in results/<run-id>")
        if not directory.run_json.is_file():
            raise RunError(f"{path}: no run.json in it, so this is no run; name a results/<run-id>")
        return directory

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end: manifest.json is written last."""
        return self.manifest.is_file()

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing left to ask: finished, and not stopped before its end."""
        return self.is_finished and self.read_json(self.run_json).get("stopped") is None

    @property
    def is_signed(self) -> bool:
        """Whether a signature lies here; not whether it is of these files."""
        return self.attestation.is_file() or self.bundles.is_file()

    def require_finished(self) -> None:
        """Make sure that the run came to its end.

        Raises:
            RunError: it did not; what lies here may still change.
        """
        if not self.is_finished:
            raise RunError(
                f"{self.path}: was not finished (no {self.manifest.name}); "
                "run its config again to resume"
            )

    def require_intact(self, consequence: str, *, but: str = "") -> None:
        """Make sure that the run came to its end, and that its files are those of its manifest.

        Args:
            consequence: why it matters, as the end of a sentence.
            but: a file that may differ.

        Raises:
            RunError: it was not finished; RunCorruptError: a file was changed, added or taken away.
        """
        self.require_finished()
        faults = [one for one in self.check_seal() if not but or not one.startswith(f"{but}:")]
        if faults:
            raise RunCorruptError(
                f"{self.path}: {faults[0]}; {consequence}. 'evalharness verify' says more"
            )

    def check_belongs(self, measurement: str) -> None:
        """Make sure that what lies here is this measurement, or nothing.

        Raises:
            RunConflictError: the folder holds another measurement, or files that are no run's.
        """
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise RunConflictError(f"{self.path}: is a file; a run needs a folder there, move it")
        if not self.run_json.is_file():
            others = sorted(p.name for p in self.path.iterdir() if not p.name.endswith(".tmp"))
            known = {self.journal.name, f"{self.journal.name}-wal", f"{self.journal.name}-shm"}
            if set(others) - known:
                raise RunConflictError(
                    f"{self.path}: holds {', '.join(others[:3])} but no run.json, so it is no run "
                    "of evalharness; move it away or choose another --out"
                )
            return
        found = self.read_json(self.run_json).get("measurement")
        if found != measurement:
            raise RunConflictError(
                f"{self.path}: belongs to another configuration (measurement {str(found)[:12]}, "
                f"this one is {measurement[:12]}). Nothing was changed: move that folder away, "
                "or choose another --out or name"
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out while this one writes.

        Raises:
            RunConflictError: another process holds the run.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:16]
        lock = filelock.FileLock(self.path.parent / f".{name}.lock", timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise RunConflictError(
                f"{self.path}: another process is working on this run; wait for it or stop it"
            ) from None
        try:
            yield
        finally:
            lock.release()

    @property
    def measured(self) -> str:
        """The day of the measurement, in UTC, as 2026-01-31: when its last session began.

        Raises:
            RunError: it was not finished.
        """
        return str(self.read_json(self.summary)["started"])[:10]

    def read_json(self, path: Path) -> dict[str, Any]:
        """A JSON file of the run.

        Raises:
            RunError: missing; RunCorruptError: not readable.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise RunError(
                f"{path}: missing: the run was not finished; run its config again to resume"
            ) from None
        except (ValueError, UnicodeDecodeError) as fault:
            raise RunCorruptError(
                f"{path}: not valid JSON ({fault}); the file is damaged"
            ) from None
        if not isinstance(data, dict):
            raise RunCorruptError(f"{path}: expected an object; the file is damaged")
        return data

    def write_json(self, path: Path, data: Mapping[str, Any]) -> None:
        """Write indented JSON in the order given (tasks as planned); all or nothing."""
        self.write_bytes(path, json_bytes(data))

    def write_text(self, path: Path, text: str) -> None:
        """Write a text file; all or nothing."""
        self.write_bytes(path, text.encode())

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write a file; all or nothing."""
        replaced(path, [content])

    def seal(self) -> None:
        """Write manifest.json: the SHA-256 of every file of the run."""
        files = self.digests()
        files.pop(self.manifest.name, None)
        self.write_json(self.manifest, {"format": FORMAT_VERSION, "files": files})

    def digests(self) -> dict[str, str]:
        """The SHA-256 of every file of the run as it is now, the manifest's own among them."""
        files = [*self._sealed_files(), *([self.manifest] if self.is_finished else [])]
        return {str(path.relative_to(self.path)): file_sha256(path) for path in files}

    def check_seal(self, digests: Mapping[str, str] | None = None) -> list[str]:
        """What differs from the manifest: a sentence a file, empty when nothing does.

        Args:
            digests: what `digests` found, where they were made already.
        """
        recorded = self.read_json(self.manifest).get("files", {})
        present = dict(self.digests() if digests is None else digests)
        present.pop(self.manifest.name, None)
        faults = [
            f"{name}: named in the manifest, but missing" for name in recorded.keys() - present
        ]
        faults += [f"{name}: not in the manifest" for name in present.keys() - recorded.keys()]
        faults += [
            f"{name}: SHA-256 differs from the manifest's"
            for name in recorded.keys() & present.keys()
            if present[name] != recorded[name]
        ]
        return sorted(faults)

    def _sealed_files(self) -> list[Path]:
        return sorted(
            path
            for path in self.path.rglob("*")
            if path.is_file()
            and path.relative_to(self.path).parts[0] != "scores"
            and path.name not in _SKIPPED
            and not path.name.endswith(".tmp")
        )


def json_bytes(data: Mapping[str, Any]) -> bytes:
    """A JSON file of a run: indented, in the order given, ended by a line feed."""
    return (json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
