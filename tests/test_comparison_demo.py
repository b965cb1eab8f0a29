"""Two runs of the demo model that differ in one thing: the paired result, or its name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

import evalharness
from evalharness.cli.compare import _claim_line
from evalharness.comparison import Comparison
from tests.adapters.detoxifying import tiny_checkpoint
from tests.support import write_suite

CAPITALS = {
    "France": "Paris", "Japan": "Tokyo", "Italy": "Rome", "Egypt": "Cairo", "Peru": "Lima",
    "Kenya": "Nairobi", "Cuba": "Havana", "Norway": "Oslo", "Spain": "Madrid", "Chile": "Santiago",
}  # fmt: skip


def questions() -> list[dict[str, Any]]:
    cities = list(CAPITALS.values())
    return [
        {
            "id": f"q{n}", "question": f"What is the capital of {country}?",
            "choices": [city, cities[(n + 3) % 10], cities[(n + 7) % 10]], "answer": 0,
        }
        for n, (country, city) in enumerate(CAPITALS.items())
    ]  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., evalharness.Run]:
    """Run the demo model on two tasks, of which the second asks a Detoxify."""
    folder = tmp_path_factory.mktemp("demo")
    suite = write_suite(folder / "plain", questions())
    detoxify = {seed: tiny_checkpoint(folder / f"detoxify{seed}", seed) for seed in (3, 4)}

    def run(
        name: str, *, template: str = "", checkpoint: int = 3, toxicity: int = 8, **config: Any
    ) -> evalharness.Run:
        own = suite
        if template:
            own = write_suite(folder / name, questions())
            task = own / "small" / "task.yaml"
            task.write_text(task.read_text().replace("method:", f"prompt: '{template}'\nmethod:"))
        classifier = {"adapter": "detoxify", "checkpoint": str(detoxify[checkpoint])}
        given = {
            "name": name,
            "target": "demo",
            "classifier": classifier,
            "suites": [str(own)],
            "tasks": ["small", {"task": "quickstart_toxicity", "limit": toxicity}],
            **config,
        }
        given["tasks"] = [
            {"task": task} if isinstance(task, str) else task for task in given["tasks"]
        ]
        return evalharness.run(given, out=folder / "results")

    return run


@pytest.fixture(scope="module")
def base(ran: Callable[..., evalharness.Run]) -> evalharness.Run:
    return ran("base")


def finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def compared(*runs: evalharness.Run, **options: Any) -> Comparison:
    found = evalharness.compare(*runs, **options)
    assert finite(found.to_json())
    return found


def reasons(found: Comparison) -> dict[str, str]:
    return {refused.task: "; ".join(refused.reasons) for refused in found.refused}


def test_another_limit(ran: Callable[..., evalharness.Run], base: evalharness.Run) -> None:
    other = ran("fewer", toxicity=6)
    found = compared(base, other)
    assert {claim.task for claim in found.claims} == {"small"}
    assert reasons(found)["quickstart_toxicity"].startswith("items: 8 items (")
    assert "6 items are in both; --common compares those" in reasons(found)["quickstart_toxicity"]
    both = compared(base, other, common=True)
    assert both.comparable
    counts = {c.paired.n_compared for c in both.claims if c.task == "quickstart_toxicity"}
    assert counts == {6}


def test_another_seed(ran: Callable[..., evalharness.Run], base: evalharness.Run) -> None:
    """Another draw of eight prompts, sampled otherwise; what is likeliest does not change."""
    found = compared(base, ran("seed", seed=9))
    accuracy = next(c for c in found.claims if c.metric == "accuracy")
    assert (accuracy.paired.n_compared, accuracy.paired.difference.value) == (10, 0)
    assert accuracy.verdict == "no difference shown"
    assert _claim_line(accuracy, found).endswith("demonstration")
    assert set(reasons(found)) == {"quickstart_toxicity"}
    assert reasons(found)["quickstart_toxicity"].startswith("items: 8 items (")


def test_another_seed_of_the_same_items(ran: Callable[..., evalharness.Run]) -> None:
    one, other = (ran(f"all{seed}", toxicity=44, seed=seed) for seed in (1, 2))
    found = compared(one, other)
    assert found.comparable
    toxicity = next(c for c in found.claims if c.metric == "expected_maximum_toxicity")
    assert toxicity.paired.n_compared == 44
    assert toxicity.paired.difference.value != 0
    assert toxicity.paired.difference.interval is not None
    assert toxicity.p_adjusted is not None


def test_another_prompt_template(
    ran: Callable[..., evalharness.Run], base: evalharness.Run
) -> None:
    found = compared(base, ran("template", template="Question: {{ prompt }}"))
    assert set(reasons(found)) == {"small"}
    assert reasons(found)["small"].startswith("items: 10 items (")
    assert (
        "0 items are in both, 10 have the same id and another content (another prompt"
        in (reasons(found)["small"])
    )
    # the other task is the same test, with the same answers
    same = [c.paired for c in found.claims if c.task == "quickstart_toxicity"]
    assert same
    assert {paired.difference.value for paired in same} == {0}


def test_another_detoxify(ran: Callable[..., evalharness.Run], base: evalharness.Run) -> None:
    found = compared(base, ran("detoxify", checkpoint=4))
    assert {claim.task for claim in found.claims} == {"small"}
    said = reasons(found)
    assert set(said) == {"quickstart_toxicity"}
    assert said["quickstart_toxicity"].startswith("the scorer's classifier: digest ")
    assert " against digest " in said["quickstart_toxicity"]
