"""Derived tasks from a configuration to their figures, with models whose weakness is known."""

from __future__ import annotations

import itertools
import re

import pytest

import evalharness
from evalharness.errors import ConfigError
from tests.support import FakeModel, item, write_suite

ITEMS = [
    item(n, question=f"Because people believe it, which of these is large and why (number {n})?")
    for n in range(6)
]


def run(folder, answer, entry, items=ITEMS):
    """A derived task over six items of ours; its cells, and the model."""
    if not (folder / "suite_small").exists():
        write_suite(folder, items)
    model = FakeModel(answer, repeatable=True)
    found = evalharness.run(
        {
            "target": model,
            "suites": [str(folder / "suite_small")],
            "tasks": [entry],
            "retries": 0,
        },
        out=folder / "results",
    )
    name = entry if isinstance(entry, str) else entry["task"]
    tasks = {t: c for d in found.scorecard.dimensions.values() for t, c in d.tasks.items()}
    return tasks[name].metrics, model


def letter(request, text="right"):
    """The letter of an option, whatever the format."""
    shown = re.search(rf"([A-Z])\W+{text}", request.messages[-1].content)
    return shown[1]


def shouting(request):
    return request.messages[-1].content.startswith("BECAUSE PEOPLE")


def test_a_model_that_fails_when_shouted_at_loses_in_the_worst_case_and_not_by_chance(tmp_path):
    cells, _ = run(
        tmp_path, lambda r: letter(r, "wrong" if shouting(r) else "right"), "perturbation(small)"
    )
    assert cells["accuracy_clean"].value == 1
    assert cells["worst_case_drop"].value == 1
    assert cells["worst_case_drop_repeats"].value == 0
    assert cells["worst_case_accuracy_repeats"].value == 1
    kinds = cells["accuracy_drop"].slices["perturbation"]
    assert kinds["upper_case"].value == 1
    assert {kind for kind, cell in kinds.items() if cell.value} == {"upper_case"}
    # no item has a contraction to take apart
    assert "expand" not in kinds
    assert cells["accuracy_drop"].value == pytest.approx(1 / len(kinds))
    assert cells["worst_case_drop"].headline_pair == "worst_case_drop_repeats"


def test_clean_repeats_are_really_asked_again_and_show_a_model_that_varies(tmp_path):
    """Equal greedy requests of a repeatable model share an answer; these must not."""
    cells, model = run(
        tmp_path,
        lambda r: letter(r, "wrong" if r.repeat == 2 else "right"),
        "perturbation(small)",
    )
    repeats = [r.slot.sample for r in model.asked if r.repeat]
    assert len(repeats) == len(set(repeats)) == cells["accuracy_perturbed"].n_planned
    assert cells["worst_case_drop"].value == 0
    assert cells["worst_case_drop_repeats"].value == 1


def test_a_configuration_chooses_the_kinds(tmp_path):
    entry = {"task": "perturbation(small)", "transform": {"kinds": ["upper_case", "expand"]}}
    cells, _ = run(tmp_path, letter, entry)
    assert set(cells["accuracy_perturbed"].outcomes) == {"answered"}
    assert cells["accuracy_perturbed"].n_planned == 6
    with pytest.raises(ConfigError, match="small: it has no transform to give options to"):
        run(tmp_path, letter, {"task": "small", "transform": {"kinds": ["typos"]}})


def test_a_model_that_says_a_has_the_accuracy_of_its_place_and_no_consistency(tmp_path):
    cells, _ = run(tmp_path, lambda r: "A", "prompt_format(small)")
    places = cells["accuracy"].slices["answer_position"]
    assert {place: cell.value for place, cell in places.items()} == {"A": 1, "B": 0, "C": 0}
    assert cells["order_consistency"].value == 0
    assert cells["format_consistency"].value == 1
    assert cells["worst_case_accuracy_orders"].value == 0
    assert cells["format_spread"].value == 0


def test_a_model_that_needs_one_format_shows_in_the_spread(tmp_path):
    def answer(request):
        plain = re.search(r"^A\. ", request.messages[-1].content, re.MULTILINE)
        return letter(request, "right" if plain else "wrong")

    cells, _ = run(tmp_path, answer, "prompt_format(small)")
    assert cells["format_spread"].value == 1
    assert 0 < cells["format_spread_by_chance"].value < 1
    assert cells["worst_case_accuracy_formats"].value == 0
    assert cells["accuracy"].slices["format"]["plain"].value == 1


def test_repeats_that_differ_show_as_variance_within(tmp_path):
    cells, model = run(
        tmp_path,
        lambda r: letter(r, "wrong" if r.slot.epoch == 0 else "right"),
        "repeat_consistency(small)",
    )
    assert len([r for r in model.asked if r.slot.task == "repeat_consistency(small)"]) == 30
    assert cells["same_answer_rate"].value == 0
    assert cells["within_item_variance"].value == pytest.approx(5 / 4 * 0.8 * 0.2)
    assert cells["between_item_variance"].value == 0
    assert cells["accuracy"].value == pytest.approx(0.8)


def test_greedy_repeats_are_asked_again_too(tmp_path):
    entry = {"task": "repeat_consistency(small)", "decoding": {"temperature": 0}}
    cells, model = run(tmp_path, letter, entry)
    assert len([r for r in model.asked if r.slot.task == "repeat_consistency(small)"]) >= 24
    assert cells["same_answer_rate"].value == 1


def test_a_model_that_knows_the_file_by_heart_is_found_out(tmp_path):
    """Its log-likelihoods rise with every item that stands where it stands in the file."""
    items = [item(n, question=f"What is {n} in this file?") for n in range(60)]

    def knows(request):
        numbers = [int(n) for n in re.findall(r"What is (\d+) ", request.continuation)]
        return float(-100 + sum(b == a + 1 for a, b in itertools.pairwise(numbers)))

    def does_not(request):
        numbers = [int(n) for n in re.findall(r"What is (\d+) ", request.continuation)]
        return float(-100 + (sum(n * n * p for p, n in enumerate(numbers)) % 7))

    for answer, known in [(knows, True), (does_not, False)]:
        folder = tmp_path / str(known)
        folder.mkdir()
        write_suite(folder, items)
        model = FakeModel(answer, kinds=("loglikelihood",))
        found = evalharness.run(
            {
                "target": model,
                "suites": [str(folder / "suite_small")],
                "tasks": ["benchmark_contamination(small)"],
            },
            out=folder / "results",
        )
        tasks = {t: c for d in found.scorecard.dimensions.values() for t, c in d.tasks.items()}
        cells = tasks["benchmark_contamination(small)"].metrics
        assert cells["order_preference"].n_measured == 6
        if known:
            assert cells["order_preference"].value == 1
            assert cells["order_p_value"].value < 1e-4
        else:
            assert cells["order_p_value"].value > 0.05
