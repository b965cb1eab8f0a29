"""Small corpora of invented texts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

_WORDS = (
    "tea", "rice", "bus", "lamp", "river", "kite", "paper", "stone", "cloud", "garden", "basket",
    "window", "ladder", "pencil", "copper", "meadow", "violin", "harbour", "candle", "thunder",
)  # fmt: skip


def text(number: int) -> str:
    """A text that is like no other."""
    drawn = random.Random(number)
    return " ".join(f"{drawn.choice(_WORDS)}{drawn.randrange(1000)}" for _ in range(8))


def write_jsonl(path: Path, texts: Iterable[str], **more: str) -> Path:
    lines = (json.dumps({"text": one, **more}, ensure_ascii=False) for one in texts)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path
