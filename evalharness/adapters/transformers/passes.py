"""One forward pass of a causal model: rows of token ids in, the logits that are read out.

Two of the `Shortcuts` are taken here; whether they hold for a model, `shortcuts.py`
finds out. Without them this is the plain computation.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from evalharness.adapters.transformers.rows import Prompt, Row

__all__ = ["Passes", "Shortcuts"]


@dataclass(frozen=True, slots=True)
class Shortcuts:
    """What saves work with most architectures, and gives another result with some.

    Args:
        gathers: project only the positions that are read.
        shares: pack several continuations behind one context.
        pads: pad prompts of unlike length on the left.
        caches: reuse the key-value cache.
    """

    gathers: bool = False
    shares: bool = False
    pads: bool = False
    caches: bool = False


class Passes:
    """Reads batches with one model.

    Args:
        model: in evaluation mode, on its device.
        shortcuts: those to take.
    """

    def __init__(self, model: Any, shortcuts: Shortcuts) -> None:
        self.model = model
        self.shortcuts = shortcuts
        self.takes_positions = "position_ids" in inspect.signature(model.forward).parameters
        self.head = model.get_output_embeddings()

    # -- scoring ---------------------------------------------------------------------------------

    def logits_at(self, rows: list[int], columns: list[int], batch: Sequence[Row]) -> torch.Tensor:
        """The logits at (row, column) of a batch padded on the right, as one row each."""
        width = max(row.width for row in batch)
        tokens = torch.zeros(len(batch), width, dtype=torch.long)
        for number, row in enumerate(batch):
            line = (*row.context, *(token for branch in row.branches for token in branch))
            tokens[number, : len(line)] = torch.tensor(line)
        tokens = tokens.to(self.model.device)
        if any(len(row.branches) > 1 for row in batch):
            extra = self._tree(batch, width)
        else:
            # What stands behind a token does not reach it: no padding mask is needed, and without
            # one the fast causal kernel runs.
            extra = {"attention_mask": torch.ones_like(tokens)}
        return self.read(tokens, rows, columns, use_cache=False, **extra)[0]

    def _tree(self, batch: Sequence[Row], width: int) -> dict[str, torch.Tensor]:
        """Mask and positions that let each branch see the context and itself, and nothing else."""
        segments = torch.zeros(len(batch), width, dtype=torch.long)
        positions = torch.zeros(len(batch), width, dtype=torch.long)
        for number, row in enumerate(batch):
            size = len(row.context)
            positions[number, :size] = torch.arange(size)
            for place, branch in enumerate(row.branches):
                start = row.offset(place)
                segments[number, start : start + len(branch)] = place + 1
                positions[number, start : start + len(branch)] = size + torch.arange(len(branch))
        seen = (segments[:, None, :] == 0) | (segments[:, None, :] == segments[:, :, None])
        seen &= torch.ones(width, width, dtype=torch.bool).tril()
        device, dtype = self.model.device, self.model.dtype
        mask = torch.zeros(seen.shape, dtype=dtype, device=device)
        mask.masked_fill_(~seen.to(device), torch.finfo(dtype).min)
        return {"attention_mask": mask[:, None], "position_ids": positions.to(device)}

    # -- generating ------------------------------------------------------------------------------

    def left_padded(self, prompts: Sequence[Prompt]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens and mask of a batch of prompts that end together."""
        width = max(len(prompt.tokens) for prompt in prompts)
        tokens = torch.zeros(len(prompts), width, dtype=torch.long)
        mask = torch.zeros_like(tokens)
        for number, prompt in enumerate(prompts):
            tokens[number, width - len(prompt.tokens) :] = torch.tensor(prompt.tokens)
            mask[number, width - len(prompt.tokens) :] = 1
        return tokens.to(self.model.device), mask.to(self.model.device)

    def next_logits(
        self, tokens: torch.Tensor, mask: torch.Tensor, cache: Any
    ) -> tuple[torch.Tensor, Any]:
        """The logits behind each row's last token, and the cache to hand to the next call."""
        extra: dict[str, Any] = {}
        if self.takes_positions:
            positions = (mask.cumsum(-1) - 1).clamp_(min=0)
            extra["position_ids"] = positions if cache is None else positions[:, -1:]
        if cache is not None:
            tokens, extra["past_key_values"] = tokens[:, -1:], cache
        rows, last = list(range(len(tokens))), [tokens.shape[1] - 1] * len(tokens)
        caches = self.shortcuts.caches
        logits, output = self.read(
            tokens, rows, last, attention_mask=mask, use_cache=caches, **extra
        )
        return logits, output.past_key_values if caches else None

    # -- the model -------------------------------------------------------------------------------

    def read(
        self, tokens: torch.Tensor, rows: list[int], columns: list[int], **extra: Any
    ) -> tuple[torch.Tensor, Any]:
        """One forward pass; the logits at the places asked for, and the model's whole output."""
        places = (
            torch.tensor(rows, device=tokens.device),
            torch.tensor(columns, device=tokens.device),
        )
        if not self.shortcuts.gathers:
            output = self.model(input_ids=tokens, **extra)
            return output.logits[places], output
        with self._only(places):
            output = self.model(input_ids=tokens, **extra)
        return output.logits[0], output

    @contextmanager
    def _only(self, places: tuple[torch.Tensor, torch.Tensor]) -> Iterator[None]:
        """Let only these hidden states into the output projection.

        With a vocabulary of 150,000 the logits of a whole batch are its largest tensor by far.
        `logits_to_keep` keeps the same columns of every row; this keeps exactly what is read, and
        leaves what a model does after the projection (scaling, capping) in place.
        """

        def pick(_module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            return (inputs[0][places][None], *inputs[1:])

        handle = self.head.register_forward_pre_hook(pick)
        try:
            yield
        finally:
            handle.remove()
