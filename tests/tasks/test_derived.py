"""Derived tasks: what they take of their base, what they replace, and where they do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest
import yaml

import evalharness
from evalharness.errors import ConfigError, TaskError
from evalharness.tasks.data import open_data
from evalharness.tasks.items import Item, Layout
from evalharness.tasks.library import Library
from evalharness.tasks.render import Renderer
from evalharness.tasks.transforms import registry
from tests.support import FakeModel
from tests.tasks.making import write_task


@dataclass(frozen=True)
class Shout:
    """Two variants an item: as it is, and in capitals with the options turned round."""

    mark: str = "!"

    name: ClassVar[str] = "shout"
    version: ClassVar[int] = 1
    tags: ClassVar[tuple[str, ...]] = ("variant",)

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:
        del seed
        for item in items:
            for variant in ("clean", "attacked"):
                loud = variant == "attacked"
                yield replace(
                    item,
                    id=f"{item.id}:{variant}",
                    group=item.id,
                    prompt=item.prompt.upper() + self.mark if loud else item.prompt,
                    tags={**item.tags, "variant": variant},
                    layout=Layout(prompt="Q: {{ prompt }}", option="{letter}) {text}"),
                    order=tuple(reversed(range(len(item.choices)))),
                    repeat=int(loud),
                )


@pytest.fixture(autouse=True)
def shout(monkeypatch):
    monkeypatch.setitem(registry.BUILT_IN, "shout", Shout)


def derived(tmp_path, base: Any = "small", **changes: Any) -> Library:
    """A suite with the task ``small``, and the derived one ``loud``."""
    suite = write_task(tmp_path / "mine", "small", tags={"catalogue": ["imda-cat:1.4"]})
    (suite / "loud").mkdir()
    definition = {
        "task": "loud", "version": 3, "base": base, "construct": "the same, but loud",
        "source": "tests too", "transform": {"transform": "shout", "mark": "?!"},
        "metrics": [{"metric": "accuracy_drop", "pair": "accuracy"}, "accuracy"],
        "slices": ["variant"], **changes,
    }  # fmt: skip
    definition = {key: value for key, value in definition.items() if value is not None}
    (suite / "loud" / "task.yaml").write_text(yaml.safe_dump(definition), encoding="utf-8")
    library = Library.load([suite])
    library.tasks_of(library.suites["mine"])
    return library


def test_a_derived_task_replaces_what_it_names_of_its_base(tmp_path):
    task = derived(tmp_path).task("loud", "here")
    definition = task.definition
    assert (definition.task, definition.version, definition.base) == ("loud", 3, "small 1")
    assert definition.source == "tests too; items: tests"
    assert definition.licence == "Apache-2.0"
    assert [ref.name for ref in definition.metrics] == ["accuracy_drop", "accuracy"]
    assert definition.tags == {}
    assert task.folder.name == "loud"
    assert type(definition).model_validate(
        definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    ) == definition  # fmt: skip


def test_its_items_are_made_of_the_base_s(tmp_path):
    task = derived(tmp_path).task("loud", "here")
    clean, attacked = Renderer(
        task, open_data(task, data_root=None, supplied=None), "letter", 1
    ).samples()
    assert (clean.id, attacked.id) == ("000000:clean", "000000:attacked")
    assert clean.order == attacked.order == (2, 1, 0)
    assert clean.messages[0].content.startswith("Q: Question 0?\n\nA) blue\nB) green\nC) red\n")
    assert "QUESTION 0??!" in attacked.messages[0].content
    assert attacked.tags == {"variant": "attacked"}
    assert (clean.repeat, attacked.repeat) == (0, 1)


def test_a_base_of_choice_makes_a_task_for_each(tmp_path):
    library = derived(tmp_path, {"default": ["small"], "scorers": ["choice"]}, title="Loud")
    assert library.task("loud(small)", "here").definition.title == "Loud: small"
    names = [task.name for task in library.tasks_of(library.suites["mine"])]
    assert names == ["loud(small)", "small"]
    other = library.task("loud(quickstart_factuality)", "here")
    assert other.data_folder.name == "quickstart_factuality"
    with pytest.raises(ConfigError, match=re.escape("write loud(small)")):
        library.task("loud", "here")
    with pytest.raises(ConfigError, match="no task 'smal' to derive from; did you mean 'small'"):
        library.task("loud(smal)", "here")
    with pytest.raises(TaskError, match="has the scorer 'bbq'; a base has one of: choice"):
        library.task("loud(bbq)", "here")
    with pytest.raises(TaskError, match="'loud' is derived itself"):
        library.task("loud(loud)", "here")


@pytest.mark.parametrize(
    ("base", "kept"),
    [
        ("hellaswag", {"normalise": "characters"}),
        ("openbookqa", {"normalise": "characters"}),
        ("truthfulqa_mc1", {}),
    ],
)
def test_calibration_weighs_options_as_its_base_does(base, kept):
    """By another weighing it would be the certainty of another choice."""
    definition = Library.load().task(f"calibration({base})", "here").definition
    assert (definition.scorer.name, definition.scorer.options) == ("calibration", kept)


def test_an_option_of_its_own_counts_more_than_a_kept_one(tmp_path):
    library = derived(
        tmp_path,
        {"default": ["small"], "scorers": ["choice"], "keeps": ["normalise"]},
        scorer={"scorer": "calibration", "normalise": "tokens"},
        metrics=["brier_score"],
        slices=None,
    )
    scorer = library.task("loud(hellaswag)", "here").definition.scorer
    assert scorer.options == {"normalise": "tokens"}


def test_a_base_with_a_transform_of_its_own_is_none_for_another(tmp_path):
    library = derived(tmp_path, {"default": ["small"], "scorers": ["choice"]})
    with pytest.raises(TaskError, match="'ood_style' makes its items by a transform itself"):
        library.task("loud(ood_style)", "here")


def test_a_base_that_is_named_is_the_only_one(tmp_path):
    with pytest.raises(TaskError, match="'loud' is made of small alone"):
        derived(tmp_path).task("loud(quickstart_factuality)", "here")


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        ("smal", {}, "task.yaml:.*: there is no task 'smal'; did you mean 'small'"),
        ("small", {"scorer": "leak", "metrics": None}, "another scorer needs metrics"),
        ("small", {"slices": ["variantt"]}, "'variantt' is none of"),
        ("small", {"languages": ["fr"]}, r"has no items in \['fr'\]"),
        ("small", {"languages": ["en"], "transform": None}, "has items in"),
        ("small", {"data": {}}, "data: there is no such field"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(tmp_path, base, changes, expected):
    with pytest.raises(TaskError, match=expected):
        derived(tmp_path, base, **changes)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        ("shoutt", "there is no transform 'shoutt'; did you mean 'shout'"),
        ({"transform": "shout", "marks": "?"}, "has no option 'marks'; did you mean 'mark'"),
        ({"transform": "shout", "mark": [1]}, "transform 'shout': mark: "),
    ],
)
def test_a_wrong_transform_is_named(tmp_path, transform, expected):
    task = derived(tmp_path, transform=transform, slices=None).task("loud", "here")
    with pytest.raises(TaskError, match=expected):
        Renderer(task, open_data(task, data_root=None, supplied=None), "letter", 1)


def test_a_derived_task_runs_like_any_other(tmp_path):
    derived(tmp_path)
    config = {
        "target": FakeModel(lambda _request: "green"),
        "suites": [str(tmp_path / "mine")],
        "limit": 4,
    }
    run = evalharness.run(config, out=tmp_path / "results")
    card = run.scorecard.dimensions["bias"].tasks["loud"]
    assert card.metrics["accuracy"].value == 1
    assert set(card.metrics["accuracy"].slices["variant"]) == {"clean", "attacked"}
    assert run.scorecard.dimensions["bias"].tasks["small"].protocol_id != card.protocol_id


def test_a_misspelled_derived_task_is_named_by_its_first_part(tmp_path):
    library = derived(tmp_path, {"default": ["small"], "scorers": ["choice"]})
    with pytest.raises(ConfigError, match="no task 'loudd'; did you mean 'loud'"):
        library.task("loudd(small)", "here")


def test_a_run_of_nothing_is_an_error(tmp_path):
    suite = write_task(
        tmp_path / "mine", "own", data={"supplied": "rows", "sample": {"prompt": "q"}}
    )
    model = FakeModel(lambda _request: "green")
    with pytest.raises(ConfigError, match="nothing to run: 'own' needs data of yours"):
        evalharness.run({"target": model, "suites": [str(suite)]}, out=tmp_path / "results")
