"""What several tests share: small models, small suites, a run in a temporary folder."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

import evalharness
from evalharness.adapters.base import Capabilities, ModelIdentity
from evalharness.records import Failure, Request, Response

#: Task -> items of our own in its format, where its set is in no mirror.
FIXTURES = {path.parent.name: path for path in (Path(__file__).parent / "data").glob("*/*")}

#: What a tester's assignment says, at its least.
ENGAGEMENT = {
    "laboratory": {"name": "Example Labs", "address": "1 Example Road, Singapore"},
    "customer": "Example Clinic",
    "item": {
        "name": "Assistant",
        "version": "1.0",
        "kind": "application",
        "description": "answers questions",
        "received": "2026-11-20",
        "parts": [{"name": "filter", "does": "stops doses"}],
    },
    "performed": ["2026-11-25", "2026-11-26"],
    "issued": "2026-11-27",
    "purpose": "Whether it may be released.",
    "chain": [{"role": "model developer", "name": "Model Co", "answers_for": "its training"}],
    "independence": {
        "relationship": "third party", "statement": "no shares", "paid_by": "the customer",
    },
    "authorised_by": {"name": "Jane Doe", "function": "head of evaluation"},
}  # fmt: skip

#: What every task says of itself.
HEAD = """\
task: {name}
version: 1
construct: a small task of the tests
source: tests
licence: Apache-2.0
languages: [en, zh]
"""
TASK = (
    HEAD
    + """\
data:
  file: {{path: items.jsonl}}
  sample:
    id: id
    prompt: question
    choices: choices
    answer: answer
    language: row.get('language', 'en')
    cluster: row.get('cluster')
    tags: {{topic: "row.get('topic', 'none')"}}
method: choose
scorer: choice
metrics: [accuracy]
"""
)

SUITE = """\
suite: {suite}
version: 1
dimension: factuality
title: Small
construct: a small suite of the tests
headline: [{name}/accuracy]
"""


def item(number: int, **fields: Any) -> dict[str, Any]:
    """One question; the right option is its first."""
    return {
        "id": f"q{number:03d}",
        "question": f"Question number {number}?",
        "choices": [f"right {number}", f"wrong {number}", f"odd {number}"],
        "answer": 0,
        **fields,
    }


def write_suite(
    folder: Path, items: Sequence[dict[str, Any]], *, name: str = "small", task: str = TASK
) -> Path:
    """A suite of one task in ``folder``; returns the suite's folder."""
    suite = folder / f"suite_{name}"
    (suite / name).mkdir(parents=True)
    text = SUITE.format(suite=f"suite_{name}", name=name)
    (suite / "suite.yaml").write_text(text, encoding="utf-8")
    (suite / name / "task.yaml").write_text(task.format(name=name), encoding="utf-8")
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in items)
    (suite / name / "items.jsonl").write_text(lines, encoding="utf-8")
    return suite


def engagement_file(folder: Path, **changes: Any) -> Path:
    """`ENGAGEMENT` with changes, as a tester's file."""
    path = folder / "engagement.yaml"
    path.write_text(yaml.safe_dump({**ENGAGEMENT, **changes}, allow_unicode=True), encoding="utf-8")
    return path


def words(page: str) -> str:
    """What a page says: its text without tags, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def requirements(extra: str = "") -> set[str]:
    """What evalharness asks for, with one extra, and what those ask for, as it is installed."""
    found: set[str] = set()
    waiting = [Requirement(f"evalharness[{extra}]")]
    while waiting:
        asked = waiting.pop()
        try:
            parts = [Requirement(text) for text in metadata.requires(asked.name) or ()]
        except metadata.PackageNotFoundError:  # for another platform or Python
            found.discard(asked.name.lower().replace("_", "-"))
            continue
        for part in parts:
            wanted = part.marker is None or any(
                part.marker.evaluate({"extra": name}) for name in ("", *asked.extras)
            )
            key = part.name.lower().replace("_", "-")
            if wanted and key not in found:
                found.add(key)
                waiting.append(part)
    return found


def finished_run(folder: Path, samples: int, **config: Any) -> Path:
    """The folder of a run below ``folder``: a model that answers A, asked ``samples`` items."""
    suite = write_suite(folder / "suite", [item(n) for n in range(samples)])
    given = {"target": FakeModel(lambda _: "A"), "suites": [str(suite)], **config}
    return evalharness.run(given, out=folder / "results").path


class FakeModel:
    """An adapter made of a function from a request to its answer; keeps what it was asked.

    Args:
        batch_size: above 1 it packs, like a local model.
        delay: seconds that each call takes.
        repeatable: equal requests may share an answer.
    """

    def __init__(
        self,
        answer: Callable[[Request], Response | Failure | str | float],
        *,
        kinds: Sequence[str] = ("generate",),
        batch_size: int = 1,
        concurrency: int = 8,
        delay: float = 0.0,
        name: str = "fake",
        repeatable: bool = False,
    ) -> None:
        self._answer = answer
        self._delay = delay
        self.identity = ModelIdentity("test", name)
        self.capabilities = Capabilities(
            frozenset(kinds),  # type: ignore[arg-type]
            batch_size=batch_size,
            concurrency=concurrency,
            repeatable=repeatable,
        )
        self.calls: list[list[Request]] = []
        self.in_flight = 0
        self.most_in_flight = 0

    @property
    def asked(self) -> list[Request]:
        """Every request, in the order of the calls."""
        return [request for call in self.calls for request in call]

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        self.calls.append(list(requests))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            if self._delay:
                await asyncio.sleep(self._delay)
            return [_as_answer(self._answer(request)) for request in requests]
        finally:
            self.in_flight -= 1


def _as_answer(answer: Response | Failure | str | float) -> Response | Failure:
    if isinstance(answer, str):
        return Response(text=answer)
    if isinstance(answer, float):
        return Response(loglikelihood=answer, output_tokens=1)
    return answer


def in_loop(test: Callable[..., Any]) -> Callable[..., Any]:
    """Run an async test on an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **fixtures: Any) -> None:
        asyncio.run(test(*arguments, **fixtures))

    return run
