"""Detoxify as a classifier: its checkpoints, its model and its tokenizer, run in good batches.

Three things are done around the library, because it does not do them: a checkpoint is read as
weights only before anything else sees it (Detoxify unpickles whatever it is given), texts longer
than the model reads are scored in overlapping windows (Detoxify cuts them off without a word), and
texts of like length share a batch (Detoxify pads all of them to the longest). For a text that fits,
the scores are those of ``Detoxify.predict``.
"""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from evalharness.adapters._local import choose_device
from evalharness.adapters.base import Capabilities, ModelIdentity, Options
from evalharness.adapters.detoxify.checkpoint import build
from evalharness.adapters.detoxify.scorer import Scorer
from evalharness.adapters.detoxify.source import RELEASES, Source
from evalharness.errors import MissingExtraError
from evalharness.records import Failure, Request, Response

__all__ = ["DetoxifyAdapter", "DetoxifyOptions"]


class DetoxifyOptions(Options):
    """What may stand beside ``adapter: detoxify``."""

    checkpoint: str = Field(
        default="original",
        min_length=1,
        description="original, unbiased, multilingual, or a checkpoint file in Detoxify's format",
    )
    model_path: str | None = Field(
        default=None,
        min_length=1,
        description="folder with the base model's config.json and tokenizer files; none: what the "
        "checkpoint names (a folder beside it, or a model in the hub's cache)",
    )
    download: bool = Field(
        default=False, description="fetch a published checkpoint that is not in torch.hub's cache"
    )
    languages: tuple[str, ...] | None = Field(
        default=None, description="languages that a checkpoint file was trained for; none: en"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="bfloat16: faster where the processor has it, coarser"
    )
    batch_size: int = Field(default=64, ge=1, description="texts in one call")
    token_budget: int = Field(default=8192, ge=1, description="padded tokens in one forward pass")
    window_overlap: int = Field(
        default=32, ge=0, description="tokens that two windows of a long text share"
    )
    base_dir: Path | None = Field(
        default=None, exclude=True, description="what relative paths are relative to"
    )

    @model_validator(mode="after")
    def _languages_are_known(self) -> DetoxifyOptions:
        if self.languages is not None and self.checkpoint in RELEASES:
            known = ", ".join(sorted(RELEASES[self.checkpoint].languages))
            raise ValueError(
                f"'languages' is for checkpoint files; '{self.checkpoint}' was trained on {known}"
            )
        return self


class DetoxifyAdapter:
    """Scores texts with Detoxify: for each class a number in [0, 1].

    A text longer than the model reads is scored in windows that overlap, and keeps the highest
    score of each class; ``deviations`` says so once it happened.

    Raises:
        MissingExtraError: detoxify is not installed.
        UnavailableError: the checkpoint, or its base model's configuration, is not here.
    """

    Options = DetoxifyOptions

    def __init__(self, options: DetoxifyOptions) -> None:
        if not all(map(importlib.util.find_spec, ("detoxify", "torch", "transformers"))):
            raise MissingExtraError("The detoxify adapter", "local")
        self._options = options
        self._lock = threading.RLock()
        self._scorer: Scorer | None = None
        self._source = Source(
            options.checkpoint, options.model_path, options.base_dir, download=options.download
        )
        self.deviations: list[str] = []

    @property
    def capabilities(self) -> Capabilities:
        release = self._source.release
        own = frozenset(self._options.languages or ("en",))
        return Capabilities(
            kinds=frozenset({"classify"}),
            languages=own if release is None else release.languages,
            batch_size=self._options.batch_size,
            repeatable=True,
        )

    @cached_property
    def identity(self) -> ModelIdentity:
        with self._lock:
            return ModelIdentity(
                provider="detoxify",
                model=self._source.name,
                digest=self._source.digest(),
                dtype=self._options.dtype,
                backend="torch",
                extra={
                    "detoxify": metadata.version("detoxify"),
                    "window_overlap": self._options.window_overlap,
                },
            )

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Score; the first call loads the model (and downloads it, if that was asked for).

        Raises:
            AdapterError: the checkpoint is refused or cannot be loaded.
            UnavailableError: the download failed, or there is no such device.
        """
        return await asyncio.to_thread(self._respond, tuple(requests))

    # -- answering -------------------------------------------------------------------------------

    def _respond(self, requests: Sequence[Request]) -> list[Response | Failure]:
        texts = {
            index: request.text
            for index, request in enumerate(requests)
            if request.kind == "classify" and request.text is not None
        }
        answers: dict[int, Response | Failure] = {}
        if texts:
            with self._lock:
                scorer = self._load()
                found = scorer.score(list(texts.values()), self._options.token_budget)
                answers = dict(zip(texts, found, strict=True))
                if scorer.cut_into_windows:
                    note = f"texts longer than the classifier's {scorer.limit} tokens were read in"
                    note += " overlapping windows, of which each class's highest score counts"
                    self.deviations[:] = [note]
        refusal = Failure("Detoxify answers only classify requests with a text", outcome="not_run")
        return [answers.get(index, refusal) for index in range(len(requests))]

    def _load(self) -> Scorer:
        if self._scorer is None:
            checkpoint = self._source.take()
            device = choose_device(self._options.device, ("cuda",), "detoxify: ")
            name = self._source.path.name
            self._scorer = Scorer(
                build(checkpoint, device, name),
                name,
                overlap=self._options.window_overlap,
                bfloat16=self._options.dtype == "bfloat16",
            )
        return self._scorer
