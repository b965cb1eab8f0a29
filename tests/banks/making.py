"""Banks of invented, harmless placeholders."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

from evalharness.tasks.frameworks import framework

RISKS = [code.id for code in framework("gbt-45654").counted]
ASPECTS = (
    "system", "belief", "image", "culture", "custom", "ethnicity", "geography", "history",
    "heroes", "gender", "age", "occupation", "health",
)  # fmt: skip
_WORDS = (
    "tea",
    "rice",
    "bus",
    "lamp",
    "river",
    "kite",
    "paper",
    "stone",
    "cloud",
    "garden",
    "basket",
    "window",
    "ladder",
    "pencil",
    "copper",
    "meadow",
    "violin",
    "harbour",
    "candle",
    "thunder",
)


def text(number: int) -> str:
    """A question that is like no other."""
    drawn = random.Random(number)
    words = " ".join(drawn.choice(_WORDS) + str(drawn.randrange(1000)) for _ in range(5))
    return f"What is the {words}?"


def rows(count: int, kind: str = "generated", **more: Any) -> list[dict[str, Any]]:
    """Rows that meet every floor when there are enough of them."""
    risks = RISKS[:17] if kind == "refuse" else RISKS
    about = (
        {"aspect": ASPECTS} if kind == "answer" else {"risk": risks}
    )  # one column, its values in turn
    ((column, values),) = about.items()
    return [
        {"question": text(n), column: values[n % len(values)], "updated": "2026-01-10", **more}
        for n in range(count)
    ]


def write_csv(path: Path, items: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(items[0]))
        writer.writeheader()
        writer.writerows(items)
    return path
