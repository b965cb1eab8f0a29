"""Outputs recorded elsewhere, played back as if the model were here.

A record says which request it answers: by sample (task, sample, epoch, place within the attempt),
by the id of a choice, or by the digest of the request's content. What was not recorded is
``not_run``; nothing is made up.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import Field, field_validator

from evalharness.adapters.base import Capabilities, ModelIdentity, Options
from evalharness.adapters.replay.fields import expression_in
from evalharness.adapters.replay.files import RecordFault, format_of, plain_name, rows_of
from evalharness.adapters.replay.records import (
    BY_CHOICE,
    FIELDS,
    OF_A_CHOICE,
    Entry,
    Key,
    Reader,
    Store,
    key_of,
)
from evalharness.errors import DataError, UnavailableError
from evalharness.records import Failure, Request, RequestKind, Response
from evalharness.yamlfile import did_you_mean

__all__ = ["ReplayAdapter", "ReplayOptions"]

KINDS: dict[Store, RequestKind] = {
    "generate": "generate",
    "loglikelihood": "loglikelihood",
    "loglikelihoods": "loglikelihood",
    "choice_score": "loglikelihood",
    "choice_scores": "loglikelihood",
    "classify": "classify",
}

_WITHOUT_LINES = frozenset({"parquet", "json"})


class ReplayOptions(Options):
    """What may stand beside ``adapter: replay``."""

    path: str = Field(min_length=1, description="JSON, JSONL, CSV, TSV (also .gz), parquet")
    format: Literal["auto", "json", "jsonl", "csv", "tsv", "parquet"] = Field(
        default="auto", description="auto: by the file's suffix"
    )
    key: Literal["sample", "digest"] = Field(
        default="sample", description="what a record is found by: task and sample, or content"
    )
    model: str | None = Field(default=None, min_length=1, description="what was recorded")
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="field -> the file's name for it, or an expression over the row in '{{ }}'",
    )
    base_dir: Path | None = Field(
        default=None, exclude=True, description="what a relative path is relative to"
    )

    @field_validator("columns")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        for name, theirs in value.items():
            if name not in FIELDS:
                raise ValueError(f"there is no field '{name}'{did_you_mean(name, FIELDS)}")
            try:
                expression_in(theirs)
            except ValueError as fault:
                raise ValueError(f"{name}: {fault}") from None
        return value


class ReplayAdapter:
    """Answers from a file of recorded outputs, without waiting.

    The whole file is read once, at construction: its digest is part of the identity, and the kinds
    of outputs in it are what the adapter can answer.

    Raises:
        ConfigError: the format cannot be told from the file's name.
        UnavailableError: the file cannot be read.
        DataError: a record is broken, or contradicts another one; with file and line.
    """

    Options = ReplayOptions

    def __init__(self, options: ReplayOptions) -> None:
        self._options = options
        self._path = (options.base_dir or Path.cwd()) / Path(options.path).expanduser()
        self._format = options.format if options.format != "auto" else format_of(self._path)
        self._reader = self._new_reader()
        self._stores: dict[Store, dict[str | None, dict[Key, Any]]] = {}
        self._lacking: set[tuple[str, str]] = set()
        digest = self._load()
        extra: dict[str, Any] = {"key": options.key} if options.key != "sample" else {}
        self.identity = ModelIdentity(
            provider="replay",
            model=options.model or plain_name(self._path).stem,
            digest=digest,
            extra=extra | ({"columns": options.columns} if options.columns else {}),
        )
        kinds = frozenset(KINDS[store] for store in self._stores)
        self.capabilities = Capabilities(kinds=kinds, concurrency=1024)

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Look the requests up."""
        found = [self._answer(request) for request in requests]
        for request, answer in zip(requests, found, strict=True):
            if isinstance(answer, Failure) and request.slot is not None:
                self._lacking.add((request.slot.task, request.slot.sample))
        return found

    @property
    def deviations(self) -> list[str]:
        """How many samples were asked for, and had no recorded output or not all of them."""
        if not self._lacking:
            return []
        count = len(self._lacking)
        samples = "1 sample" if count == 1 else f"{count} samples"
        return [f"{samples} not run, or not in full: no recorded output"]

    def not_planned(self, planned: Iterable[tuple[str, str]]) -> list[str]:
        """Which samples the file knows beyond the planned ones, as ``task/sample``, each once.

        Args:
            planned: pairs of task and sample. A record without a task fits any task's sample.
                Records that are found by digest, or by a choice's id, name no sample, so none of
                them is extra.
        """
        if self._options.key == "digest":
            return []
        pairs = set(planned)
        samples = {sample for _, sample in pairs}
        found: dict[str, None] = {}
        for tables in self._stores.values():
            for task, table in tables.items():
                for key in table:
                    if key[-1] == BY_CHOICE:
                        continue
                    sample = key if isinstance(key, str) else key[0]
                    if (sample in samples) if task is None else ((task, sample) in pairs):
                        continue
                    found[sample if task is None else f"{task}/{sample}"] = None
        return list(found)

    def has(self, request: Request) -> bool:
        """Whether an answer to a stamped request is recorded."""
        return isinstance(self._answer(request), Response)

    # -- answering -------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Response | Failure:
        kind = request.kind
        if kind == "loglikelihood":
            return self._choice(request)
        if kind == "generate" and (value := self._find("generate", request)) is not None:
            if isinstance(value, str):
                return Response(text=value)
            text, finish_reason, verdict = value
            return Response(text=text, finish_reason=finish_reason, recorded=verdict)
        if kind == "classify" and (value := self._find("classify", request)) is not None:
            return Response(scores=dict(zip(*value, strict=True)))
        return self._missing(request)

    def _choice(self, request: Request) -> Response | Failure:
        """What is recorded for one choice: alone, or in a list with one a choice."""
        why = ""
        for store in OF_A_CHOICE:
            value = self._find(store, request)
            if value is None:
                values = self._find(cast("Store", f"{store}s"), request, ordinal=0)
                place = request.slot.ordinal if request.slot is not None else 0
                if values is not None and place < len(values):
                    value = values[place]
                elif values is not None:
                    what = "log-likelihoods" if store == "loglikelihood" else "scores"
                    why = f"; the record has {len(values)} {what}"
            if value is not None:
                return Response(**{store: value})
        return self._missing(request, why)

    def _find(self, store: Store, request: Request, ordinal: int | None = None) -> Any:
        tables = self._stores.get(store)
        if not tables:
            return None
        if self._options.key == "digest":
            return tables[None].get(request.content_digest)
        slot = request.slot
        if slot is None:
            return None
        keys = [key_of(slot.sample, slot.epoch, slot.ordinal if ordinal is None else ordinal)]
        if request.choice is not None:
            keys.append(key_of(request.choice, slot.epoch, BY_CHOICE))
        for task in (slot.task, None):
            for key in keys:
                value = tables[task].get(key) if task in tables else None
                if value is not None:
                    return value
        return None

    def _missing(self, request: Request, why: str = "") -> Failure:
        slot = request.slot
        if self._options.key == "digest":
            text = (
                f"no recorded output for this {request.kind} request "
                f"(digest {request.content_digest[:16]}...)"
            )
        elif slot is None:
            text = "no recorded output for a request without a place in a run"
        else:
            place = {"generate": "generation", "loglikelihood": "choice"}.get(request.kind, "text")
            text = (
                f"no recorded output for {slot.task}/{slot.sample} "
                f"({request.kind}, epoch {slot.epoch}, {place} {slot.ordinal})"
            )
        return Failure(text + why, outcome="not_run")

    # -- loading ---------------------------------------------------------------------------------

    def _new_reader(self) -> Reader:
        return Reader(
            self._options.columns,
            by_digest=self._options.key == "digest",
            strict=self._format in {"json", "jsonl"},
        )

    def _load(self) -> str:
        """Fill the stores; returns the file's digest, taken from the very bytes that were read."""
        hasher = hashlib.sha256()
        count = 0
        for place, entry in self._entries(hasher):
            store, task, key, value = entry
            count += 1
            table = self._stores.setdefault(store, {}).setdefault(task, {})
            there = table.setdefault(key, value)
            if there is not value and there != value:
                raise self._conflict(place, entry)
        if not count:
            raise DataError(f"{self._path}: there are no records in it")
        for name, theirs in sorted(self._reader.fields.unseen.items()):
            raise DataError(
                f"{self._path}: no record has '{theirs}', which 'columns' names for {name}"
            )
        return hasher.hexdigest()

    def _entries(self, hasher: Any = None) -> Iterator[tuple[int, Entry]]:
        """Everything that the records hold, each with its line or row, from 1."""
        place = 0
        try:
            for place, row in rows_of(self._path, self._format, hasher):
                for entry in self._reader.entries(row):
                    yield place, entry
        except RecordFault as fault:
            raise DataError(f"{self._at(fault.place or place)}: {fault}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
            raise DataError(f"{self._path}: broken compression: {fault}") from None
        except OSError as fault:
            raise UnavailableError(
                f"replay: {self._path} cannot be read ({fault.strerror or fault}); 'path' is "
                "relative to the configuration's folder"
            ) from None

    def _conflict(self, place: int, entry: Entry) -> DataError:
        store, task, key, _ = entry
        # lines are not kept for every record: the first one is looked up again when it matters
        self._reader = self._new_reader()
        first = next(line for line, other in self._entries() if other[:3] == entry[:3])
        sample = key if isinstance(key, str) else key[0]
        name = sample if task is None else f"{task}/{sample}"
        unit = "row" if self._format in _WITHOUT_LINES else "line"
        return DataError(
            f"{self._at(place)}: a record for {name} ({store}) that differs from {unit} {first}'s; "
            "keep one of them, or tell them apart by task, epoch, generation or ordinal"
        )

    def _at(self, place: int) -> str:
        if not place:
            return str(self._path)
        row = f": row {place}" if self._format in _WITHOUT_LINES else f":{place}"
        return f"{self._path}{row}"
