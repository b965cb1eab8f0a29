"""Any causal language model, by hub id or local folder, run here with PyTorch.

Requests are dealt with in this file; where the model lies, its texts, and its forward passes in
`source.py`, `texts.py` and `runner.py`. Neither torch nor
transformers is imported before an identity or an answer is asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from evalharness.adapters._deviations import cut_at_stop
from evalharness.adapters._local import choose_device, choose_dtype, need_torch
from evalharness.adapters._reasoning import Reasoning, apart
from evalharness.adapters.base import Capabilities, ModelIdentity, Options
from evalharness.adapters.transformers.loading import load_model, load_texts
from evalharness.adapters.transformers.rows import Drawn, Pair, Prompt, Weighed
from evalharness.adapters.transformers.source import Source
from evalharness.adapters.transformers.texts import Texts
from evalharness.records import Decoding, Failure, Request, Response

if TYPE_CHECKING:
    from evalharness.adapters.transformers.runner import Runner

__all__ = ["TransformersAdapter", "TransformersOptions"]


class TransformersOptions(Options):
    """What may stand beside ``adapter: transformers``."""

    model: str = Field(
        min_length=1,
        description="hub id (org/name), or a folder with config.json and *.safetensors",
    )
    revision: str | None = Field(
        default=None, description="branch, tag or commit of a hub id; none: the cached or main one"
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: float32 on the CPU, the checkpoint's own on a GPU"
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="auto: the first there is of cuda, mps, cpu"
    )
    system: str | None = Field(
        default=None, description="system prompt, sent first in every request; part of the identity"
    )
    chat_template: Literal["auto", "off"] = Field(
        default="auto", description="auto: the tokenizer's template, if it has one; off: plain text"
    )
    reasoning: Reasoning = "split"
    allow_pickle: bool = Field(
        default=False,
        description="also load *.bin weights; they are pickles, so only from those you trust",
    )
    batch_size: int = Field(default=64, ge=1, description="requests in one call")
    token_budget: int = Field(
        default=16384, ge=1, description="padded tokens in one forward pass, new ones included"
    )
    token_statistics: bool = Field(
        default=False,
        description="with log-likelihoods also each token's z-score, for membership_inference",
    )
    base_dir: Path | None = Field(
        default=None, exclude=True, description="what a relative folder is relative to"
    )


class TransformersAdapter:
    """Runs a causal language model with PyTorch, one call at a time, in a thread.

    ``deviations`` says, after each call, where memory forced smaller batches, how many prompts
    were cut to fit the model, and whether answers held reasoning or nothing else.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        UnavailableError: the folder is not complete, or the hub does not give the model.
    """

    Options = TransformersOptions

    def __init__(self, options: TransformersOptions) -> None:
        need_torch("transformers")
        self.options = options
        self.deviations: list[str] = []
        self._lock = threading.RLock()
        self._runner: Runner | None = None
        self._truncated = 0
        self._reasoned: set[str] = set()
        self._source = Source(
            options.model, options.revision, options.base_dir, allow_pickle=options.allow_pickle
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            kinds=frozenset({"generate", "loglikelihood"}),
            batch_size=self.options.batch_size,
            repeatable=True,
        )

    @cached_property
    def identity(self) -> ModelIdentity:
        with self._lock:
            system, template = self.options.system, self._texts.template
            # another cache entry: answers without the statistics cannot serve
            extra = {
                "system_as_user": self._texts.system_as_user,
                "token_statistics": self.options.token_statistics,
                "reasoning": self.options.reasoning if self.options.reasoning == "keep" else None,
            }
            return ModelIdentity(
                provider="transformers",
                model=self._source.name,
                revision=self._source.commit,
                digest=None if self._source.commit else self._source.digest(),
                dtype=self._dtype,
                backend="torch",
                chat_template="none" if template is None else _sha256(template)[:16],
                system_prompt=None if system is None else _sha256(system),
                extra={name: value for name, value in extra.items() if value},
            )

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Answer; the first call loads the model (and downloads it, if a hub id was named).

        Raises:
            AdapterError: the model cannot be loaded.
        """
        return await asyncio.to_thread(self._respond, tuple(requests))

    # -- answering -------------------------------------------------------------------------------

    def _respond(self, requests: Sequence[Request]) -> list[Response | Failure]:
        with self._lock:
            runner = self._load()
            answers: dict[int, Response | Failure] = {}
            scored: list[int] = []
            generated: dict[Decoding, list[int]] = {}
            for index, request in enumerate(requests):
                if request.kind == "loglikelihood":
                    scored.append(index)
                elif request.kind == "generate":
                    generated.setdefault(request.decoding or Decoding(), []).append(index)
                else:
                    answers[index] = Failure(
                        f"a causal language model does not answer {request.kind} requests",
                        outcome="not_run",
                    )
            found = self._score(runner, [requests[index] for index in scored])
            answers.update(zip(scored, found, strict=True))
            for decoding, members in generated.items():
                found = self._generate(runner, decoding, [requests[index] for index in members])
                answers.update(zip(members, found, strict=True))
            self._note_deviations(runner)
            return [answers[index] for index in range(len(requests))]

    def _score(self, runner: Runner, requests: Sequence[Request]) -> list[Response | Failure]:
        pairs = [
            pair if isinstance(pair, Failure) else self._fit_pair(pair)
            for pair in self._texts.pairs(requests)
        ]
        results = iter(runner.score([pair for pair in pairs if not isinstance(pair, Failure)]))
        return [
            pair if isinstance(pair, Failure) else _scored(pair, next(results)) for pair in pairs
        ]

    def _generate(
        self, runner: Runner, decoding: Decoding, requests: Sequence[Request]
    ) -> list[Response | Failure]:
        prompts = [
            tokens
            if isinstance(tokens, Failure)
            else self._fit_prompt(tokens, decoding, request.seed)
            for request, tokens in zip(requests, self._texts.prompts(requests), strict=True)
        ]
        good = [prompt for prompt in prompts if not isinstance(prompt, Failure)]
        results = iter(runner.generate(good, decoding, self._texts.stop_check(decoding.stop)))
        return [
            prompt
            if isinstance(prompt, Failure)
            else self._generated(prompt, next(results), decoding)
            for prompt in prompts
        ]

    def _generated(
        self, prompt: Prompt, drawn: Drawn | Failure, decoding: Decoding
    ) -> Response | Failure:
        if isinstance(drawn, Failure):
            return drawn
        answer = self._texts.response(drawn, len(prompt.tokens))
        if self.options.reasoning == "split":  # before `stop`, which is for the answer
            opened = self._texts.opens_reasoning(prompt.tokens)
            answer = apart(answer, self._reasoned.add, opened=opened)
        return cut_at_stop(answer, [mark for mark in decoding.stop if mark])

    def _fit_pair(self, pair: Pair) -> Pair | Failure:
        """Cut the context from the left, so that all but the last token has a position."""
        limit, size = self._limit, len(pair.continuation)
        if limit is None or len(pair.context) + size - 1 <= limit:
            return pair
        if size > limit:
            return Failure(
                f"the continuation has {size} tokens and the model {limit} positions; "
                "shorten the continuation"
            )
        self._truncated += 1
        return Pair(self._texts.last(pair.context, limit - size + 1), pair.continuation)

    def _fit_prompt(
        self, tokens: tuple[int, ...], decoding: Decoding, seed: int | None
    ) -> Prompt | Failure:
        limit, size = self._limit, decoding.max_tokens
        if size < 1:
            return Failure(f"max_tokens is {size}; ask for at least 1")
        if decoding.temperature > 0 and seed is None:
            return Failure("a sampled answer (temperature above 0) needs a seed in its request")
        if limit is not None and len(tokens) + size > limit:
            if size >= limit:
                return Failure(
                    f"max_tokens is {size} and the model has {limit} positions, which leaves no "
                    "room for a prompt; lower max_tokens"
                )
            self._truncated += 1
            tokens = self._texts.last(tokens, limit - size)
        return Prompt(tokens, seed)

    def _note_deviations(self, runner: Runner) -> None:
        notes = []
        if runner.halvings:
            notes.append(
                f"out of memory: the token budget of {self.options.token_budget} was halved "
                f"{runner.halvings} times, at the lowest to {runner.lowest_budget}; "
                "set a lower token_budget"
            )
        if self._truncated:
            notes.append(
                f"{self._truncated} prompts were cut from the left to fit the model's "
                f"{self._limit} positions"
            )
        self.deviations[:] = [*notes, *sorted(self._reasoned)]

    # -- loading ---------------------------------------------------------------------------------

    def _load(self) -> Runner:
        if self._runner is None:
            from evalharness.adapters.transformers.runner import Runner

            model = load_model(self._source, self._dtype).to(self._device)
            eos = model.generation_config.eos_token_id if model.generation_config else None
            self._runner = Runner(
                model,
                eos=self._texts.eos(eos),
                token_budget=self.options.token_budget,
                limit=self._limit,
                standardise=self.options.token_statistics,
            )
        return self._runner

    @cached_property
    def _texts(self) -> Texts:
        use_template = self.options.chat_template == "auto"
        return load_texts(self._source, self.options.system, use_template=use_template)

    @cached_property
    def _limit(self) -> int | None:
        for name in ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"):
            if isinstance(limit := self._source.config.get(name), int):
                return limit
        return self._texts.limit

    @cached_property
    def _device(self) -> str:
        return choose_device(self.options.device, ("cuda", "mps"))

    @cached_property
    def _dtype(self) -> str:
        return choose_dtype(self.options.dtype, self._device, self._source.config)


def _scored(pair: Pair, found: Weighed | Failure) -> Response | Failure:
    if isinstance(found, Failure):
        return found
    return Response(
        loglikelihood=sum(found.logprobs),
        token_logprobs=found.logprobs,
        token_zscores=found.zscores,
        input_tokens=len(pair.context),
        output_tokens=len(pair.continuation),
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
