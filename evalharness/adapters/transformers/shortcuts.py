"""Which shortcuts hold for a model: each is tried once on ten tokens against the plain computation.

A shortcut that gives another result, or fails, is not taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from evalharness.adapters.transformers.passes import Passes, Shortcuts
from evalharness.adapters.transformers.rows import Prompt, Row
from evalharness.errors import AdapterError

__all__ = ["examine"]

Tokens = tuple[int, ...]


def examine(model: Any) -> Passes:
    """The model's passes, with the shortcuts that hold for it.

    Raises:
        AdapterError: the model is not causal, or gives no finite numbers.
    """
    size = min(int(model.get_input_embeddings().weight.shape[0]), 1000)
    line = tuple((37 * place + 11) % size for place in range(10))
    context, first, second = line[:4], line[4:7], line[7:]
    plain = _plain(model, context + first)
    tolerance = 1e-4 if model.dtype == torch.float32 else 5e-2
    _check(model, plain, _plain(model, context), tolerance)

    def holds(attempt: Callable[[], torch.Tensor], expected: torch.Tensor) -> bool:
        try:
            found = attempt().float()
        except (RuntimeError, IndexError, TypeError, ValueError, AttributeError, KeyError):
            return False
        return found.shape == expected.shape and _agree(found, expected, tolerance)

    tokens = torch.tensor([context + first], device=model.device)
    trial = Passes(model, Shortcuts(gathers=True))
    gathers = trial.head is not None and holds(
        lambda: trial.read(tokens, [0, 0], [3, 6])[0], plain[[3, 6]]
    )
    passes = Passes(model, Shortcuts(gathers=gathers))
    other, tree = _plain(model, context + second), Row(context, [first, second])
    shares = (
        passes.takes_positions
        and holds(lambda: passes.logits_at([0, 0], [3, 9], [tree]), other[[3, 6]])
        and _sees_everything(model)
    )
    batch = [Prompt(line[4:]), Prompt(context)]
    pads = holds(lambda: passes.next_logits(*passes.left_padded(batch), None)[0][1:], plain[3:4])
    caching = Passes(model, Shortcuts(gathers=gathers, caches=True))
    caches = holds(lambda: _cached_step(caching, context, first), plain[4:5])
    return Passes(model, Shortcuts(gathers, shares, pads, caches))


def _check(model: Any, whole: torch.Tensor, beginning: torch.Tensor, tolerance: float) -> None:
    """Refuse a model whose logits are no numbers, or change with the tokens that follow."""
    if not whole.isfinite().all():
        raise AdapterError(
            f"the model gives logits that are not finite numbers in {model.dtype}; "
            "set `dtype: float32`"
        )
    if not _agree(whole[: len(beginning)], beginning, tolerance):
        raise AdapterError(
            "the model is not causal: later tokens change the probabilities of earlier ones, "
            "so it has no log-likelihood and cannot generate; name a causal language model"
        )


def _plain(model: Any, tokens: Tokens) -> torch.Tensor:
    ids = torch.tensor([tokens], device=model.device)
    found: torch.Tensor = model(input_ids=ids, use_cache=False).logits[0]
    return found.float()


def _agree(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    gap = (found - expected).abs().max()
    return bool(gap <= tolerance * expected.abs().max())


def _cached_step(passes: Passes, context: Tokens, rest: Tokens) -> torch.Tensor:
    """What follows the context's next token, by the cache of a batch that lost a row."""
    tokens, mask = passes.left_padded([Prompt(rest[:1] * len(context)), Prompt(context)])
    cache = passes.next_logits(tokens, mask, None)[1]
    cache.reorder_cache(torch.tensor([1], device=tokens.device))
    after = Prompt((*context, rest[0]))
    return passes.next_logits(*passes.left_padded([after]), cache)[0]


def _sees_everything(model: Any) -> bool:
    """No layer with a window or chunks: a mask of our own would switch that off unseen."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    window = getattr(config, "sliding_window", None)
    return kinds == {"full_attention"} and (
        not window or getattr(config, "use_sliding_window", True) is False
    )
