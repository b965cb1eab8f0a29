"""Runs a causal model over many rows: log-probabilities of continuations, or new tokens.

Everything here is about tokens; texts and requests stay in `transformers.py`. How rows are put into
batches depends on the rows alone, so the same call gives the same batches again. What runs out of
memory is tried in smaller ones.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from evalharness.adapters._packing import pack, pass_cost
from evalharness.adapters.transformers.rows import Drawn, Pair, Prompt, Row, Weighed, share_rows
from evalharness.adapters.transformers.shortcuts import examine
from evalharness.records import Decoding, Failure

__all__ = ["Runner", "draw"]

Unit = TypeVar("Unit")

# Logits turned into float32 at once: 64 MB, whatever the vocabulary.
CHUNK = 1 << 24


class Runner:
    """Runs one loaded causal model.

    Args:
        model: in evaluation mode, on its device.
        eos: the tokens that end a sequence.
        token_budget: padded tokens in one batch, new tokens included.
        limit: the most positions that the model has, or None.
        standardise: give z-scores beside log-probabilities.

    Raises:
        AdapterError: the model is not causal, or gives no finite numbers.
    """

    def __init__(
        self,
        model: Any,
        *,
        eos: frozenset[int],
        token_budget: int,
        limit: int | None,
        standardise: bool = False,
    ) -> None:
        self._eos = eos
        self._token_budget = token_budget
        self._limit = limit
        self._standardise = standardise
        self.halvings = 0
        self.lowest_budget = token_budget
        with torch.inference_mode():
            self._passes = examine(model)

    # -- scoring ---------------------------------------------------------------------------------

    def score(self, pairs: Sequence[Pair]) -> list[Weighed | Failure]:
        """The log-probability of each token of each continuation."""
        results: dict[int, Weighed | Failure] = {}

        def work(rows: Sequence[Row]) -> None:
            results.update(self._score_batch(rows, pairs))

        def fail(row: Row, failure: Failure) -> None:
            results.update((index, failure) for index, _ in row.asks)

        with torch.inference_mode():
            rows = share_rows(pairs, self._limit, branching=self._passes.shortcuts.shares)
            self._in_batches(rows, lambda row: row.width, work, fail)
        return [results[index] for index in range(len(pairs))]

    def _score_batch(
        self, rows: Sequence[Row], pairs: Sequence[Pair]
    ) -> dict[int, Weighed | Failure]:
        places: dict[tuple[int, int], int] = {}  # (row, column) -> its place among the logits
        reads: list[int] = []
        targets: list[int] = []
        asked: list[int] = []
        for number, row in enumerate(rows):
            for index, branch in row.asks:
                continuation = pairs[index].continuation
                start = 0 if branch is None else row.offset(branch)
                columns = (len(row.context) - 1, *range(start, start + len(continuation) - 1))
                reads += (places.setdefault((number, c), len(places)) for c in columns)
                targets += continuation
                asked.append(index)
        at_rows, at_columns = [key[0] for key in places], [key[1] for key in places]
        logits = self._passes.logits_at(at_rows, at_columns, rows)
        parts = torch.split(logits, max(1, CHUNK // logits.shape[-1]))
        norms = torch.cat([torch.logsumexp(part.float(), -1) for part in parts])
        at = torch.tensor(reads, device=logits.device)
        values = (logits[at, torch.tensor(targets, device=logits.device)].float() - norms[at]).cpu()
        standard = None
        if self._standardise:
            moments = torch.cat([_moments(part.float()) for part in parts]).cpu()[at.cpu()]
            standard = (values - moments[:, 0]) / moments[:, 1]
        out: dict[int, Weighed | Failure] = {}
        begin = 0
        for index in asked:
            end = begin + len(pairs[index].continuation)
            out[index] = _weighed(
                values[begin:end], None if standard is None else standard[begin:end]
            )
            begin = end
        return out

    # -- generating ------------------------------------------------------------------------------

    def generate(
        self,
        prompts: Sequence[Prompt],
        decoding: Decoding,
        finished: Callable[[list[int]], bool] | None = None,
    ) -> list[Drawn | Failure]:
        """Go on from each prompt until an end of sequence, ``finished`` or ``max_tokens``.

        ``finished`` sees a row's new tokens after each step (stop strings).
        """
        results: dict[int, Drawn | Failure] = {}
        steps = decoding.max_tokens

        def work(batch: Sequence[int]) -> None:
            drawn = self._generate_batch([prompts[i] for i in batch], decoding, finished)
            results.update(zip(batch, drawn, strict=True))

        def fail(index: int, failure: Failure) -> None:
            results[index] = failure

        with torch.inference_mode():
            self._in_batches(
                range(len(prompts)),
                lambda index: len(prompts[index].tokens) + steps,
                work,
                fail,
                passes=1 + steps,
                even=not self._passes.shortcuts.pads,
            )
        return [results[index] for index in range(len(prompts))]

    def _generate_batch(
        self,
        prompts: Sequence[Prompt],
        decoding: Decoding,
        finished: Callable[[list[int]], bool] | None,
    ) -> list[Drawn | Failure]:
        # Python's own generator takes every bit of the seed (torch's on the CPU takes 32), gives
        # the same numbers on every device, and leaves the global state alone.
        noise = [random.Random(prompt.seed) for prompt in prompts]  # noqa: S311 - not for secrets
        new: list[list[int]] = [[] for _ in prompts]
        results: dict[int, Drawn | Failure] = {}
        live = list(range(len(prompts)))
        tokens, mask = self._passes.left_padded(prompts)
        cache = None
        for _ in range(decoding.max_tokens):
            logits, cache = self._passes.next_logits(tokens, mask, cache)
            broken = logits.isnan().any(-1).tolist()
            uniforms = [noise[i].random() for i in live] if decoding.temperature > 0 else []
            chosen = draw(logits, decoding, uniforms)
            for index, token, is_broken in zip(live, chosen.tolist(), broken, strict=True):
                new[index].append(token)
                if is_broken:
                    results[index] = Failure("the model gave logits that are not numbers")
                elif token in self._eos or (finished is not None and finished(new[index])):
                    results[index] = Drawn(tuple(new[index]), ended=True)
            keep = [place for place, index in enumerate(live) if index not in results]
            if not keep:
                break
            tokens = torch.cat([tokens, chosen[:, None]], -1)
            mask = torch.cat([mask, torch.ones_like(chosen)[:, None]], -1)
            if len(keep) < len(live):  # rows that are done cost nothing more
                rest = torch.tensor(keep, device=tokens.device)
                tokens, mask = tokens[rest], mask[rest]
                live = [live[place] for place in keep]
                if cache is not None:
                    cache.reorder_cache(rest)
        return [
            results.get(index, Drawn(tuple(found), ended=False)) for index, found in enumerate(new)
        ]

    def _in_batches(
        self,
        units: Sequence[Unit],
        width: Callable[[Unit], int],
        work: Callable[[Sequence[Unit]], None],
        fail: Callable[[Unit, Failure], None],
        *,
        passes: int = 1,
        even: bool = False,
    ) -> None:
        """Do ``work`` batch by batch, longest first; what fails is tried in smaller batches.

        A smaller budget lasts for this call only: batches stay a function of the requests.
        """
        cost = passes * pass_cost(self._passes.model.device.type)
        todo = pack(units, width, self._token_budget, cost, even=even)
        while todo:
            batch = todo.pop(0)
            reason, is_memory = self._attempt(work, batch)
            if reason is None:
                continue
            if len(batch) == 1:
                fail(batch[0], Failure(reason))
            elif is_memory:
                budget = len(batch) * width(batch[0]) // 2
                self.halvings += 1
                self.lowest_budget = min(self.lowest_budget, budget)
                rest = [unit for part in (batch, *todo) for unit in part]
                todo = pack(rest, width, budget, cost, even=even)
            else:  # one row is at fault, and the others shall not suffer for it
                todo[:0] = [[unit] for unit in batch]

    def _attempt(
        self, work: Callable[[Sequence[Unit]], None], batch: Sequence[Unit]
    ) -> tuple[str | None, bool]:
        """Run ``work``; why it failed (None: it did not), and whether memory ran out.

        The cache is emptied behind the handler: within it the traceback still holds the tensors.
        """
        try:
            work(batch)
        except (RuntimeError, IndexError, ValueError, MemoryError) as fault:
            is_memory = _is_out_of_memory(fault)
            reason = f"the forward pass failed: {type(fault).__name__}: {str(fault)[:200]}"
        else:
            return None, False
        if is_memory:
            reason = "out of memory with this request alone in its batch"
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return reason, is_memory


def _moments(logits: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation of log p under p itself, shape (places, 2)."""
    logprobs = torch.log_softmax(logits, -1)
    weights = logprobs.exp()
    # a token that cannot come has weight 0 and a log-probability without end: together nothing
    logprobs = torch.where(weights > 0, logprobs, 0.0)
    mean = (weights * logprobs).sum(-1)
    spread = (weights * (logprobs - mean[:, None]).square()).sum(-1).sqrt()
    return torch.stack([mean, spread], -1)


def _weighed(values: torch.Tensor, standard: torch.Tensor | None) -> Weighed | Failure:
    logprobs = tuple(values.tolist())
    if not all(map(math.isfinite, logprobs)):
        return Failure("the model gave a log-likelihood that is not a finite number")
    zscores = None if standard is None else tuple(standard.tolist())
    # where every token is as likely as any other there is no deviation to count in
    if zscores is not None and not all(map(math.isfinite, zscores)):
        zscores = None
    return Weighed(logprobs, zscores)


def draw(logits: torch.Tensor, decoding: Decoding, uniforms: Sequence[float]) -> torch.Tensor:
    """Choose one token a row: the likeliest, or by the row's own uniform number.

    Temperature divides the logits; ``top_p`` then keeps the smallest set of likeliest tokens whose
    probability reaches it. The cumulative sum runs in vocabulary order: two tokens of nearly equal
    probability then cannot change places with the last bit of a neighbour's rounding.
    """
    if decoding.temperature == 0:
        return logits.argmax(-1)
    # Metal has no float64; everywhere else the sum over a large vocabulary deserves it.
    exact = torch.float32 if logits.device.type == "mps" else torch.float64
    weights = torch.softmax(logits.float() / decoding.temperature, -1).to(exact)
    if decoding.top_p < 1:
        ranked, order = weights.sort(dim=-1, descending=True, stable=True)
        outside = ranked.cumsum(-1) - ranked >= decoding.top_p
        outside[:, 0] = False
        weights = weights.masked_fill(outside.scatter(-1, order, outside), 0)
    sums = weights.cumsum(-1)
    points = torch.tensor(uniforms, dtype=exact, device=logits.device)[:, None] * sums[:, -1:]
    return torch.searchsorted(sums, points, right=True).clamp_(max=logits.shape[-1] - 1)[:, 0]


def _is_out_of_memory(fault: Exception) -> bool:
    text = str(fault).lower()
    return isinstance(fault, MemoryError | torch.OutOfMemoryError) or (
        "out of memory" in text or "can't allocate memory" in text
    )
