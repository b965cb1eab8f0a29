"""Sums in the form of multiple choice: what the benchmarks ask, and what the fake model answers.

The suite on disk and the answers of `server.py` come from here, so that a run's score is known
before it is made: the fake model is right for the numbers that `is_right` names (seven in ten, by a
hash) and takes the next letter for the others.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

__all__ = ["answer", "count_right", "draw", "is_right", "number_of", "prompt", "write"]

RIGHT_SHARE = 0.7

SUITE = """\
suite: bench
version: 1
dimension: factuality
title: Bench
construct: short questions for a measurement of speed
headline: [questions/accuracy]
"""

TASK = """\
task: questions
version: 1
construct: short questions for a measurement of speed
source: made by benchmarks/suite.py
licence: Apache-2.0
languages: [en]
data:
  file: {path: items.jsonl}
  sample: {id: id, prompt: question, choices: choices, answer: answer}
method: letter
scorer: choice
metrics: [accuracy]
"""

CONFIG = """\
name: bench
target: %s
suites: [./bench]
"""

_ASKED = re.compile(r"How many are (\d+) and (\d+)\?")
_SHOWN = re.compile(r"^([A-Z])\. (\d+)$", re.MULTILINE)


def write(folder: Path, samples: int, target: dict[str, object]) -> Path:
    """Write a suite of ``samples`` questions and a configuration for ``target``; its path."""
    task = folder / "bench" / "questions"
    task.mkdir(parents=True)
    (folder / "bench" / "suite.yaml").write_text(SUITE)
    (task / "task.yaml").write_text(TASK)
    with (task / "items.jsonl").open("w") as items:
        for number in range(samples):
            row = {
                "id": f"q{number:07d}",
                "question": question(number),
                "choices": choices(number),
                "answer": 0,
            }
            items.write(json.dumps(row) + "\n")
    config = folder / "run.yaml"
    config.write_text(CONFIG % json.dumps(target))  # JSON is YAML
    return config


def question(number: int) -> str:
    """The question of one sample."""
    return f"How many are {number} and {number % 7}?"


def choices(number: int) -> list[str]:
    """Its options; the first is right."""
    return [str(number + number % 7), str(number + 500), str(number + 1000)]


def prompt(number: int) -> str:
    """What is asked for one sample, as long as evalharness sends it: the options' order differs."""
    shown = [f"{letter}. {text}" for letter, text in zip("ABC", choices(number), strict=True)]
    order = "Answer with the letter of the right option only."
    return "\n".join([question(number), "", *shown, "", order])


def number_of(text: str) -> int | None:
    """Which sample a prompt is; None when it is none of ours."""
    found = _ASKED.search(text)
    return int(found[1]) if found else None


def answer(text: str) -> str:
    """The fake model's answer to a prompt: a letter, or "ok" to what is none of ours."""
    found = _ASKED.search(text)
    if found is None:
        return "ok"
    total = str(int(found[1]) + int(found[2]))
    shown = _SHOWN.findall(text, found.end())
    places = [place for place, (_, option) in enumerate(shown) if option == total]
    if not places:
        return "ok"
    place = places[0] if is_right(int(found[1])) else (places[0] + 1) % len(shown)
    return str(shown[place][0])


def is_right(number: int) -> bool:
    """Whether the fake model answers this sample right."""
    return draw("right", number) < RIGHT_SHARE


def count_right(samples: int) -> int:
    """How many of the first ``samples`` it answers right."""
    return sum(map(is_right, range(samples)))


def draw(*parts: object) -> float:
    """A number in [0, 1) that depends on ``parts`` alone."""
    text = "\0".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big") / 2**32
