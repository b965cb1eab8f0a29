"""Texts to a loaded Detoxify in good batches, and its scores back to the texts.

A text longer than the model reads becomes several windows, which overlap; texts of like length
share a batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from evalharness.adapters._local import special_tokens
from evalharness.adapters._packing import pack, pass_cost
from evalharness.errors import AdapterError
from evalharness.records import Failure, Response

__all__ = ["Scorer"]


class Scorer:
    """Scores texts; ``cut_into_windows`` says whether any was too long.

    Args:
        detoxify: the loaded model, its tokenizer and its classes.
        name: the checkpoint's, for messages.
        overlap: tokens that two windows share.
        bfloat16: compute in it.
        softmax: the classes exclude each other; else each has a sigmoid of its own.
        who: the classifier, for messages.

    Raises:
        AdapterError: with this tokenizer there can be no windows.
    """

    def __init__(
        self,
        detoxify: Any,
        name: str,
        *,
        overlap: int,
        bfloat16: bool,
        softmax: bool = False,
        who: str = "Detoxify",
    ) -> None:
        self._bfloat16 = bfloat16
        self._softmax = softmax
        self._who = who
        self._detoxify = detoxify
        self._prefix, self._suffix = self._special_tokens(name)
        self.limit = self._find_limit()
        self._room = max(1, self.limit - len(self._prefix) - len(self._suffix))
        self._step = self._room - min(overlap, self._room // 2)
        self.cut_into_windows = False

    def score(self, texts: Sequence[str], token_budget: int) -> list[Response | Failure]:
        """Scores of each text, in the texts' order."""
        tokens = self._tokens(texts)
        windows = [
            (index, (*self._prefix, *window, *self._suffix))
            for index, content in enumerate(tokens)
            for window in self._windows(content)
        ]
        cost = pass_cost(self._detoxify.model.device.type)
        best: dict[int, tuple[float, ...] | str] = {}
        for batch in pack(windows, lambda item: len(item[1]), token_budget, cost):
            found = self._forward([window for _, window in batch])
            for (index, _), scores in zip(batch, found, strict=True):
                best[index] = _highest(best.get(index), scores)
        extra = len(self._prefix) + len(self._suffix)
        return [self._answer(best[i], len(tokens[i]) + extra) for i in range(len(texts))]

    def _answer(self, scores: tuple[float, ...] | str, input_tokens: int) -> Response | Failure:
        if isinstance(scores, str):
            return Failure(f"{self._who} failed on this text: {scores}")
        if not all(map(math.isfinite, scores)):
            return Failure(f"{self._who} gave a score that is not a finite number")
        named = dict(zip(self._detoxify.class_names, scores, strict=True))
        return Response(scores=named, input_tokens=input_tokens)

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Without special tokens, and of any length."""
        # a lone surrogate is no text; the tokenizer's Rust half would not take it
        clean = [
            text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts
        ]
        found: list[list[int]] = self._detoxify.tokenizer(
            clean, add_special_tokens=False, truncation=False, padding=False, verbose=False
        )["input_ids"]
        return found

    def _windows(self, content: Sequence[int]) -> Iterator[Sequence[int]]:
        """The text itself, or windows over it; the last one ends with the text, full-size."""
        last = len(content) - self._room
        if last <= 0:
            yield content
            return
        self.cut_into_windows = True
        for start in (*range(0, last, self._step), last):
            yield content[start : start + self._room]

    def _forward(self, windows: Sequence[Sequence[int]]) -> list[tuple[float, ...] | str]:
        """Scores of one batch; where it fails, of its halves, down to the one text at fault."""
        reason = ""
        try:
            return self._batch(windows)
        except (RuntimeError, IndexError, ValueError, MemoryError) as fault:
            reason = f"{type(fault).__name__}: {str(fault)[:200]}"
        # out of the handler: within it, the traceback still holds the batch's tensors
        if len(windows) == 1:
            return [reason]
        half = len(windows) // 2
        return self._forward(windows[:half]) + self._forward(windows[half:])

    def _batch(self, windows: Sequence[Sequence[int]]) -> list[tuple[float, ...] | str]:
        import torch

        model, width = self._detoxify.model, max(map(len, windows))
        pad = self._detoxify.tokenizer.pad_token_id or 0
        ids = torch.full((len(windows), width), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = torch.tensor(window)
            mask[row, : len(window)] = 1
        with (
            torch.inference_mode(),
            torch.autocast(model.device.type, torch.bfloat16, enabled=self._bfloat16),
        ):
            logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device))[0]
        logits = logits.float()
        found = torch.softmax(logits, -1) if self._softmax else torch.sigmoid(logits)
        scores: list[list[float]] = found.tolist()
        return [tuple(row) for row in scores]

    def _special_tokens(self, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What the tokenizer puts before and behind a text."""
        for probe in ("a", "the"):
            if found := special_tokens(self._detoxify.tokenizer, probe):
                return found
        raise AdapterError(
            f"{name}: its tokenizer changes a text's tokens when it adds its own; "
            "long texts cannot be read in windows with it"
        )

    def _find_limit(self) -> int:
        """How many tokens the model reads at once, special ones included."""
        import torch

        model = self._detoxify.model
        limits = [int(self._detoxify.tokenizer.model_max_length)]
        for module_name, module in model.named_modules():
            if module_name.endswith("position_embeddings") and isinstance(
                module, torch.nn.Embedding
            ):
                # RoBERTa counts positions from behind its padding token's
                offset = 0 if module.padding_idx is None else module.padding_idx + 1
                limits.append(module.num_embeddings - offset)
        if len(limits) == 1:
            limits.append(int(getattr(model.config, "max_position_embeddings", None) or 1 << 62))
        return min(limits)


def _highest(
    before: tuple[float, ...] | str | None, now: tuple[float, ...] | str
) -> tuple[float, ...] | str:
    """The maximum of each class; a failed or broken window makes the whole text fail."""
    if before is None or isinstance(now, str):
        return now
    if isinstance(before, str):
        return before
    # max() would drop a NaN that stands second
    return tuple(
        max(pair) if all(map(math.isfinite, pair)) else math.nan
        for pair in zip(before, now, strict=True)
    )
