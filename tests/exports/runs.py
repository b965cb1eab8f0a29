"""Runs to be handed out: with failures of each kind, and with texts that mean harm."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import evalharness
from evalharness.records import Failure
from tests.labelling.judged import World, judged_run
from tests.reports.test_report_hostile import HOSTILE
from tests.support import FakeModel, item, write_suite

#: Beside what a report must survive: what a spreadsheet takes for a formula.
FORMULAS = {
    "equals": '=HYPERLINK("https://evil.example","x")',
    "plus": "+1+1",
    "minus": "-2+3",
    "at": "@SUM(A1)",
    "tab": "\t=1+1",
    "return": "\r=1+1",
    "apostrophe": "'=1",
    "cells": 'a,"b";c\r\nd | e',
}
TEXTS = list((HOSTILE | FORMULAS).values())


def answered(request: Any) -> Any:
    """Of every five answers the first is wrong; three more are no answers."""
    number = int(request.slot.sample[1:])
    if number == 7:
        return Failure("the server is gone")
    if number == 8:
        return ""
    if number == 9:
        return "I'm sorry, but I cannot help with that."
    return f"wrong {number}" if number % 5 == 0 else f"right {number}"


def mixed(folder: Path, **changes: Any) -> Any:
    """24 questions twice: two clusters of six, the rest alone."""
    suite = write_suite(
        folder, [item(n, **({"cluster": f"c{n // 6}"} if n < 12 else {})) for n in range(24)]
    )
    config = {"target": FakeModel(answered), "suites": [str(suite)], "retries": 0, "epochs": 2}
    return evalharness.run({**config, **changes}, out=folder / "results")


def hostile(folder: Path) -> Any:
    """Every answer is judged harmful and is, like its question and its cluster, a hostile text."""
    world = World(len(TEXTS), rate=1.0, found=1.0)
    storable = [text.encode("utf-8", "replace").decode() for text in TEXTS]
    items = [
        item(n, question=f"{text}", cluster=f"{text[:50]}{n}") for n, text in enumerate(storable)
    ]
    model = FakeModel(lambda request: TEXTS[int(request.slot.sample[1:])], name="=evil|`<b>\u202e")
    return judged_run(folder, world, items=items, target=model)
