"""The plan: what is drawn, what is refused before a model is asked."""

from __future__ import annotations

import re

import pytest

from evalharness.config import load_config
from evalharness.engine.plan import make_plan
from evalharness.errors import MappingError, TaskError
from evalharness.tasks.library import Library
from evalharness.tasks.transforms.perturbation import Perturbation
from tests.support import TASK, FakeModel, item, write_suite

PAIRED = TASK.replace(
    "    tags: {{",
    "    group: row.get('group')\n    tags: {{variant: \"row.get('variant', 'none')\", ",
)


def planned(suite, *more, **entry):
    """The plan of the suite's one task, called small."""
    loaded = load_config({"target": "demo", "tasks": [{"task": "small"} | entry], "seed": 1})
    target = FakeModel(lambda request: "A")
    return make_plan(loaded, Library.load([suite, *more]), {"target": target}, {})


#: A task derived from it.
NAME = "perturbation(small)"


def drawn(plan):
    return [sample.id for sample in plan.samples["small"]]


def pairs(count, **of_clean):
    return [
        item(2 * n + half, variant=variant, group=f"g{n}", **(of_clean if not half else {}))
        for n in range(count)
        for half, variant in enumerate(("clean", "attacked"))
    ]


# -- where keeps groups whole ----------------------------------------------------------------------


@pytest.mark.parametrize("limit", [None, 100])
def test_where_drops_a_group_that_fits_in_part(tmp_path, limit):
    items = [
        *pairs(3, topic="a"),
        item(90, group="whole", topic="a"), item(91, topic="a"), item(92, group="other"),
    ]  # fmt: skip
    items[1]["topic"] = "a"  # both halves of the first pair
    plan = planned(write_suite(tmp_path, items, task=PAIRED), where={"topic": "a"}, limit=limit)
    assert drawn(plan) == ["q000", "q001", "q090", "q091"]
    assert drawn(plan) == ["q000", "q001", "q090", "q091"]
    assert plan.tasks[0].n_planned == 4


def test_where_that_cuts_all_groups_names_them(tmp_path):
    suite = write_suite(tmp_path, pairs(5), task=PAIRED)
    message = (
        "task small: no sample is left after 'where' and 'limit'; widen them ('where' fits a part "
        "only of groups that stay whole: 'g0', 'g1', 'g2' and 2 more)"
    )
    with pytest.raises(TaskError, match=re.escape(message)):
        planned(suite, where={"variant": "attacked"})


def test_where_that_fits_nothing_names_no_group(tmp_path):
    suite = write_suite(tmp_path, pairs(5), task=PAIRED)
    with pytest.raises(TaskError, match=r"'where' and 'limit'; widen them$"):
        planned(suite, where={"variant": "neither"})


# -- a metric with nothing to measure --------------------------------------------------------------


def with_metric(tmp_path, metric, items=None):
    task = TASK.replace(
        "[accuracy]", f"[accuracy, {{{metric}}}]".replace("{", "{{").replace("}", "}}")
    )
    return write_suite(tmp_path, items or [item(1, topic="a"), item(2, topic="b")], task=task)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("{topic: x}", "task small: metric 'own': no sample has topic 'x'; there is: a, b"),
        ("{topik: a}", "task small: metric 'own': no sample has a tag 'topik'; did you mean 'top"),
    ],
)
def test_a_metric_whose_where_fits_no_sample_is_refused(tmp_path, where, expected):
    suite = with_metric(tmp_path, f"metric: accuracy, name: own, where: {where}")
    with pytest.raises(TaskError, match=re.escape(expected)):
        planned(suite)
    with pytest.raises(TaskError, match=re.escape(expected)):
        planned(suite, limit=1)


def test_values_that_no_sample_has_at_once_are_refused(tmp_path):
    task = PAIRED.replace(
        "[accuracy]",
        "[accuracy, {{metric: accuracy, name: own, where: {{topic: a, variant: clean}}}}]",
    )
    items = [item(1, topic="a", variant="attacked"), item(2, topic="b", variant="clean")]
    with pytest.raises(TaskError, match="no sample has topic 'a' and variant 'clean' at once"):
        planned(write_suite(tmp_path, items, task=task))


def test_the_condition_of_a_bias_score_must_exist(tmp_path):
    task = TASK.replace("[accuracy]", "[{{metric: bbq_bias, condition: ambiguous}}]").replace(
        "scorer: choice", "scorer: recorded"
    )
    with pytest.raises(TaskError, match="metric 'bbq_bias': no sample has a tag 'condition'"):
        planned(write_suite(tmp_path, [item(1)], task=task))


@pytest.mark.parametrize(
    "entry", [{"where": {"topic": "b"}}, {"limit": 1}, {"data": [item(1, topic="c")]}]
)
def test_what_a_run_leaves_out_or_supplies_may_lack_a_slice(tmp_path, entry):
    suite = with_metric(tmp_path, "metric: accuracy, name: own, where: {topic: a}")
    assert planned(suite, **entry).tasks[0].n_planned == 1


def test_the_groups_of_a_gap_must_exist(tmp_path):
    suite = with_metric(tmp_path, "metric: accuracy_gap, by: topics")
    expected = "metric 'accuracy_gap': q001 has no tag 'topics'; did you mean 'topic'?"
    with pytest.raises(TaskError, match=re.escape(expected)):
        planned(suite)


# -- headlines -------------------------------------------------------------------------------------


def test_what_people_call_a_test_does_not_make_it_another(tmp_path):
    """Its name for people is its version and title; its identity follows from its content."""
    ids = set()
    for number, change in enumerate((("", ""), ("version: 1", "version: 2\ntitle: Another"))):
        task = TASK.replace(*change) if change[0] else TASK
        assert not change[0] or change[0] in TASK
        suite = write_suite(tmp_path / str(number), [item(1)], task=task)
        ids.add(planned(suite).tasks[0].protocol_id)
    assert len(ids) == 1
    other = planned(write_suite(tmp_path / "other", [item(1), item(2)]))
    assert other.tasks[0].protocol_id not in ids


def test_two_suites_of_one_dimension_keep_the_headlines_of_both(tmp_path):
    one = write_suite(tmp_path, [item(1)], name="small")
    other = write_suite(tmp_path, [item(1)], name="other")
    loaded = load_config({"target": "demo", "tasks": ["other", "small"]})
    library = Library.load([one, other])
    plan = make_plan(loaded, library, {"target": FakeModel(lambda request: "A")}, {})
    assert plan.headlines == {"factuality": ("small/accuracy", "other/accuracy")}


@pytest.mark.parametrize("limit", [1, 40, 100, 10_000])
def test_a_limit_draws_the_same_variants_whether_all_are_made_or_not(tmp_path, limit, monkeypatch):
    items = [item(n, question=f"Because people believe it, number {n}?") for n in range(30)]
    suite = write_suite(tmp_path, items)

    def samples():
        return list(planned(suite, task="perturbation(small)", limit=limit).samples[NAME])

    made = samples()
    monkeypatch.setattr(Perturbation, "by_item", False)
    assert made == samples()
    items = {sample.group for sample in made}
    assert len(items) == {1: 1, 10_000: 30}.get(limit, len(items))
    assert len(made) <= limit or len(items) == 1


def test_a_limit_makes_the_variants_of_no_item_that_it_does_not_draw(tmp_path, monkeypatch):
    suite = write_suite(tmp_path, [item(n) for n in range(200)])
    seen = []
    items = Perturbation.items

    def watched(self, given, seed):
        given = list(given)
        seen.extend(given)
        return items(self, given, seed)

    monkeypatch.setattr(Perturbation, "items", watched)
    plan = planned(suite, task="perturbation(small)", limit=30)
    assert 1 <= len({sample.group for sample in plan.samples[NAME]}) <= len(seen) < 20
    assert plan.tasks[0].n_available == 200
    assert plan.tasks[0].drawn == len({s.group for s in plan.samples[NAME]}) / 200


@pytest.mark.parametrize(("limit", "drawn"), [(None, 1.0), (10, 0.25), (99, 1.0)])
def test_the_share_that_was_drawn_is_known(tmp_path, limit, drawn):
    plan = planned(write_suite(tmp_path, [item(n) for n in range(40)]), limit=limit)
    assert plan.tasks[0].drawn == drawn


def test_an_id_that_stands_twice_in_the_base_is_refused_under_a_limit_too(tmp_path):
    suite = write_suite(tmp_path, [item(1), item(2), item(1)])
    with pytest.raises(MappingError, match="stands twice"):
        planned(suite, task="perturbation(small)", limit=5)
