"""A tiny random checkpoint in Detoxify's own format, and what is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evalharness.adapters.detoxify import DetoxifyAdapter, DetoxifyOptions
from evalharness.records import Failure, Request, Response
from tests.adapters.device import DEVICE

CLASSES = ["toxic", "severe_toxic", "obscene"]
LIMIT = 24
WORDS = [
    "the", "a", "cat", "dog", "you", "are", "nice", "idiot", "awful", "day", "it", "was", "is",
    "not", "so", "and", "very", "good", "bad", "one",
]  # fmt: skip


def tiny_checkpoint(folder: Path, seed: int = 3) -> Path:
    """A BERT with random weights, large enough ones that every text has scores of its own."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    base = folder / "base"
    base.mkdir(parents=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz.,"]
    pieces += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    tokenizer = BertTokenizer(
        vocab={piece: i for i, piece in enumerate(dict.fromkeys(pieces))}, model_max_length=LIMIT
    )
    tokenizer.save_pretrained(base)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=LIMIT,
        num_labels=len(CLASSES),
        initializer_range=0.6,
    )
    config.save_pretrained(base)
    torch.manual_seed(seed)
    model: Any = BertForSequenceClassification(config)
    arguments = {
        "model_type": "base",
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
        "num_classes": len(CLASSES),
    }
    described = {"arch": {"args": arguments}, "dataset": {"args": {"classes": CLASSES}}}
    torch.save({"config": described, "state_dict": model.state_dict()}, folder / "tiny.ckpt")
    return folder / "tiny.ckpt"


def load(path: Path, **options: Any) -> DetoxifyAdapter:
    return DetoxifyAdapter(
        DetoxifyOptions(checkpoint=path.name, base_dir=path.parent, device=DEVICE, **options)
    )


def ask(adapter: DetoxifyAdapter, *texts: str) -> list[Response | Failure]:
    return list(asyncio.run(_respond(adapter, [Request("classify", text=text) for text in texts])))


async def _respond(
    adapter: DetoxifyAdapter, requests: Sequence[Request]
) -> Sequence[Response | Failure]:
    return await adapter.respond(requests)


def scores(found: Response | Failure) -> dict[str, float]:
    assert isinstance(found, Response), found
    assert found.scores is not None
    assert all(0 <= value <= 1 for value in found.scores.values())
    return dict(found.scores)


def _args(**values: Any) -> Callable[[Any], None]:
    return lambda content: content["config"]["arch"]["args"].update(values)
