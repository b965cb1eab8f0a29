"""Safety classifiers of the hub as classifiers: Llama Guard, ShieldGemma, WildGuard, or any other.

The first three are language models that are asked about a conversation: the user's words and the
answer. The last is any checkpoint for sequence classification, which reads the answer alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from pydantic import Field, model_validator

from evalharness.adapters._local import choose_device, choose_dtype, need_torch
from evalharness.adapters.base import Capabilities, ModelIdentity, Options
from evalharness.adapters.guard.formats import FORMATS, Turns
from evalharness.adapters.transformers.source import Source
from evalharness.records import Failure, Request, Response, digest

__all__ = ["GuardAdapter", "GuardOptions"]


class GuardOptions(Options):
    """What may stand beside ``adapter: guard``."""

    model: str = Field(
        min_length=1,
        description="hub id (org/name), or a folder with config.json and *.safetensors",
    )
    kind: Literal["llama_guard", "shieldgemma", "wildguard", "sequence"] = Field(
        description="how it is asked; sequence: a checkpoint for sequence classification"
    )
    revision: str | None = Field(default=None, description="branch, tag or commit of a hub id")
    labels: dict[str, str] | None = Field(
        default=None,
        description="of a sequence classifier: its own label -> the score's name; others are left",
    )
    languages: tuple[str, ...] | None = Field(
        default=None, description="that it reads; none: those of the model card (sequence: en)"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: float32 on the CPU, the checkpoint's own on a GPU"
    )
    allow_pickle: bool = Field(
        default=False,
        description="also load *.bin weights; they are pickles, so only from those you trust",
    )
    batch_size: int = Field(default=32, ge=1, description="requests in one call")
    token_budget: int = Field(
        default=16384, ge=1, description="padded tokens in one forward pass, new ones included"
    )
    base_dir: Path | None = Field(
        default=None, exclude=True, description="what a relative folder is relative to"
    )

    @model_validator(mode="after")
    def _labels_are_of_sequences(self) -> GuardOptions:
        if self.labels is not None and self.kind != "sequence":
            raise ValueError("'labels' is for kind: sequence")
        return self


class Engine(Protocol):
    """A loaded classifier: answers of conversations, aligned by position."""

    def answers(self, conversations: Sequence[Turns]) -> list[Response | Failure]: ...


class GuardAdapter:
    """Answers classify requests with scores in [0, 1]; ``unsafe`` is the verdict as a whole.

    A request carries the conversation (``messages``) and the answer (``text``); without a text the
    user's last words are classified. What it cannot read of its model is a failure with the
    reason, never a score.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        UnavailableError: the folder is not complete, or the hub does not give the model.
    """

    Options = GuardOptions

    def __init__(self, options: GuardOptions) -> None:
        need_torch("guard")
        self.options = options
        self.deviations: list[str] = []
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._source = Source(
            options.model, options.revision, options.base_dir, allow_pickle=options.allow_pickle
        )
        self._format = FORMATS.get(options.kind)

    @property
    def capabilities(self) -> Capabilities:
        own = {"en"} if self._format is None else self._format.languages
        return Capabilities(
            kinds=frozenset({"classify"}),
            languages=frozenset(self.options.languages or own),
            batch_size=self.options.batch_size,
            repeatable=True,
        )

    @cached_property
    def identity(self) -> ModelIdentity:
        with self._lock:
            extra: dict[str, object] = {"kind": self.options.kind}
            if self._format is not None:
                extra |= {"form": self._format.version, "reads": "conversation"}
            elif self.options.labels is not None:
                extra["labels"] = digest(self.options.labels)[:16]
            return ModelIdentity(
                provider="guard",
                model=self._source.name,
                revision=self._source.commit,
                digest=None if self._source.commit else self._source.digest(),
                dtype=self._dtype,
                backend="torch",
                extra=extra,
            )

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Classify; the first call loads the model (and downloads it, if a hub id was named).

        Raises:
            AdapterError: the model cannot be loaded.
        """
        return await asyncio.to_thread(self._respond, tuple(requests))

    # -- answering -------------------------------------------------------------------------------

    def _respond(self, requests: Sequence[Request]) -> list[Response | Failure]:
        asked = [self._turns(request) for request in requests]
        good = [turns for turns in asked if not isinstance(turns, Failure)]
        with self._lock:
            found = iter(self._load().answers(good) if good else ())
        return [turns if isinstance(turns, Failure) else next(found) for turns in asked]

    def _turns(self, request: Request) -> Turns | Failure:
        """The conversation of a request, its system message before the user's first words."""
        if request.kind != "classify":
            return Failure("a safety classifier answers only classify requests", outcome="not_run")
        turns: list[tuple[str, str]] = []
        for message in request.messages:
            role = "user" if message.role == "system" else message.role
            if turns and turns[-1][0] == role:
                turns[-1] = (role, f"{turns[-1][1]}\n\n{message.content}")
            else:
                turns.append((role, message.content))
        if self._format is None:
            text = request.text if request.text is not None else (turns[-1][1] if turns else None)
            return [("user", text)] if text else Failure("there is no text to classify")
        if not turns or turns[-1][0] != "user" or turns[0][0] != "user":
            return Failure(
                "this classifier judges an answer by what was asked: the request holds no turn of "
                "the user before it"
            )
        return turns if request.text is None else [*turns, ("assistant", request.text)]

    # -- loading ---------------------------------------------------------------------------------

    def _load(self) -> Engine:
        if self._engine is None:
            from evalharness.adapters.guard import engines

            load = engines.SequenceEngine if self._format is None else engines.LanguageEngine
            self._engine = load(
                self._source, self.options, self._format, self._device, self._dtype, self.deviations
            )
        return self._engine

    @cached_property
    def _device(self) -> str:
        return choose_device(self.options.device, ("cuda", "mps"), "guard: ")

    @cached_property
    def _dtype(self) -> str:
        return choose_dtype(self.options.dtype, self._device, self._source.config)
