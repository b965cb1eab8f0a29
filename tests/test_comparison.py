"""Comparing runs: the same test or which part is another; pairs, clusters, many claims, margins."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import evalharness
from evalharness.cli.app import run_app
from evalharness.comparison import compare_runs
from evalharness.errors import ConfigError, RunError
from evalharness.pipeline import tasks_of
from evalharness.scorecard.differences import differences
from evalharness.store.directory import RunDirectory
from tests.support import FakeModel, item, write_suite

ITEMS = [item(n, cluster=f"c{n // 4}") for n in range(40)]


def answering(right: set[int]):
    """A model that knows some of the items."""

    def answer(request):
        number = int(request.slot.sample[1:])
        return f"right {number}" if number in right else f"wrong {number}"

    return answer


@pytest.fixture
def ran(tmp_path):
    def run(name, right, items=ITEMS, text=None, answer=None, **config):
        suite = write_suite(tmp_path / name, items)
        if text is not None:
            path = suite / "small" / "task.yaml"
            path.write_text(path.read_text().replace(*text))
        model = FakeModel(answer or answering(set(right)), name=name)
        config = {"target": model, "suites": [str(suite)], "name": name, **config}
        return evalharness.run(config, out=tmp_path / "results").path

    return run


def compared(*paths, **options):
    return compare_runs([RunDirectory.existing(path) for path in paths], **options)


def of(found, metric):
    (claim,) = [claim for claim in found.claims if claim.metric == metric]
    return claim


def test_runs_of_the_same_test_are_paired_sample_by_sample(ran):
    found = compared(ran("a", range(20)), ran("b", range(10, 36)))
    claim = of(found, "accuracy")
    assert found.comparable
    assert (claim.paired.a, claim.paired.b) == (0.5, 0.65)
    # b alone knows 20 to 35, a alone 0 to 9
    assert (claim.paired.wins, claim.paired.ties, claim.paired.losses) == (16, 14, 10)
    assert claim.paired.difference.value == pytest.approx(0.15)
    assert claim.paired.difference.n_clusters == 10
    assert claim.paired.test == "sign-flip permutation over clusters"
    assert claim.verdict == "no difference shown"
    assert claim.paired.detectable > 0.15
    assert of(found, "answer_rate").verdict == "no difference shown"


def test_without_clusters_it_is_mcnemar_s_test(ran):
    plain = [item(n) for n in range(40)]
    one, two = ran("a", range(10), plain), ran("b", range(40), plain)
    claim = of(compared(one, two), "accuracy")
    assert claim.paired.test == "McNemar, exact"
    assert claim.paired.p_value == pytest.approx(2 * 0.5**30)
    # two claims are tested together: accuracy and the answer rate
    assert claim.p_adjusted == pytest.approx(4 * 0.5**30)
    assert claim.verdict == "better"
    assert of(compared(two, one), "accuracy").verdict == "worse"


def test_what_was_not_measured_in_both_is_not_compared(ran):
    def sometimes(request):
        return "" if int(request.slot.sample[1:]) < 5 else answering(set(range(40)))(request)

    found = compared(ran("a", range(40)), ran("b", (), answer=sometimes))
    claim = of(found, "accuracy")
    assert (claim.paired.n_compared, claim.paired.n_planned) == (35, 40)
    assert (claim.paired.a, claim.paired.b) == (1, 1)
    # the answer rate has a value for silence
    assert of(found, "answer_rate").paired.n_compared == 40


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"tasks": [{"task": "small", "method": "letter"}]}, "method: text against letter"),
        (
            {"tasks": [{"task": "small", "method": "text", "decoding": {"max_tokens": 9}}]},
            "decoding: max_tokens 256, temperature 0.0",
        ),
        (
            {"tasks": [{"task": "small", "method": "text", "generations": 2}]},
            "generations: 1 against 2",
        ),
        (
            {"tasks": [{"task": "small", "method": "text",
                        "scorer": {"scorer": "choice", "normalise": "tokens"}}]},
            "scorer: choice against choice, normalise tokens",
        ),
    ],
)  # fmt: skip
def test_another_test_is_refused_with_the_part_that_differs(ran, config, expected):
    one = ran("a", range(9), tasks=[{"task": "small", "method": "text"}])
    found = compared(one, ran("b", range(9), **config))
    assert not found.comparable
    assert not found.claims
    (refused,) = found.refused
    assert any(reason.startswith(expected) for reason in refused.reasons), refused.reasons


def test_another_limit_leaves_a_common_part(ran):
    one, two = ran("a", range(20)), ran("b", range(20), limit=12)
    (refused,) = compared(one, two).refused
    assert refused.reasons[0].startswith("items: 40 items (")
    assert refused.reasons[1] == "12 items are in both; --common compares those"
    found = compared(one, two, common=True)
    assert of(found, "accuracy").paired.n_compared == 12
    assert "the 12 that are in both are compared" in found.notes[0]


def test_another_seed_shows_options_in_another_order(ran):
    letter = [{"task": "small", "method": "letter"}]
    one, two = ran("a", range(20), tasks=letter), ran("b", range(20), tasks=letter, seed=9)
    (refused,) = compared(one, two).refused
    assert "have the same id and another content (another prompt, or options" in refused.reasons[1]


def test_another_prompt_template_leaves_nothing_to_compare(ran):
    one = ran("a", range(20))
    text = ("method: choose", "prompt: 'Q {{ prompt }}'\nmethod: choose")
    changed = ran("b", range(20), text=text)
    (refused,) = compared(one, changed, common=True).refused
    assert "0 items are in both, 40 have the same id and another content" in refused.reasons[1]


def test_a_task_that_one_run_lacks_is_named(ran, tmp_path):
    one = ran("a", range(9))
    more = evalharness.run(
        {"target": FakeModel(answering(set())), "name": "more",
         "tasks": [{"task": "quickstart_factuality", "limit": 4}]},
        out=tmp_path / "results",
    ).path  # fmt: skip
    found = compared(one, more)
    assert {refused.task for refused in found.refused} == {"small", "quickstart_factuality"}


def test_three_runs_share_one_correction(ran):
    plain = [item(n) for n in range(40)]
    found = compared(*(ran(name, range(n), plain) for name, n in (("a", 30), ("b", 36), ("c", 40))))
    tested = [claim.paired.p_value for claim in found.claims]
    assert len(tested) == 4
    claim = [c for c in found.claims if c.metric == "accuracy"][1]
    # ten of ten pairs that differ, and three more claims beside it
    assert claim.p_adjusted == pytest.approx(4 * 2 * 0.5**10)


def test_a_margin_is_shown_or_not(ran):
    plain = [item(n) for n in range(40)]
    found = compared(ran("a", range(20), plain), ran("b", range(19), plain))
    shown = {claim.metric: (claim.paired.not_worse_by, ok) for claim, ok in found.not_inferior(0.2)}
    bound, ok = shown["accuracy"]
    assert 0.025 < bound < 0.2
    assert ok
    assert not {c.metric: ok for c, ok in found.not_inferior(0.03)}["accuracy"]


def test_a_run_is_not_compared_with_itself_nor_an_unfinished_one(ran):
    one, two = ran("a", range(9)), ran("b", range(9))
    with pytest.raises(ConfigError, match="a run stands twice"):
        compared(one, one)
    with pytest.raises(ConfigError, match="name two runs"):
        compared(one)
    (two / "manifest.json").unlink()
    with pytest.raises(RunError, match="was not finished"):
        compared(one, two)


def test_on_the_command_line(ran, capsys):
    plain = [item(n) for n in range(40)]
    one, two = ran("a", range(10), plain), ran("b", range(40), plain)
    assert run_app(["compare", str(one), str(two)]) == 0
    shown = capsys.readouterr().out
    assert "small/accuracy: 0.25 to 1, +0.7500 [" in shown
    assert ": better (p " in shown
    assert "30 won, 10 tied, 0 lost; 40 of 40 samples" in shown
    assert "2 claims, corrected together (Holm) at 5%" in shown
    assert run_app(["compare", str(two), str(one), "--margin", "0.1"]) == 1
    assert "FAILED  small/accuracy" in capsys.readouterr().out
    assert run_app(["compare", str(one), str(two), "--margin", "0.2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["claims"][0]["verdict"] == "better"
    assert run_app(["compare", str(one), str(ran("c", range(9)))]) == 3
    assert "NOT COMPARABLE" in capsys.readouterr().out
    assert run_app(["compare", str(one), str(two), "--margin", "2"]) == 2


def test_in_a_notebook(ran):
    one, two = ran("a", range(20)), ran("b", range(10, 36), limit=12)
    found = evalharness.compare(one, evalharness.load_run(ran("c", range(30))), two)
    frame = found.to_frame()
    assert set(frame["metric"]) == {"accuracy", "answer_rate"}
    assert frame["difference"].notna().all()
    shown = found._repr_html_()
    assert "no difference shown" in shown
    assert "is not comparable: items: 40 items" in shown


def test_a_part_that_one_protocol_lacks_is_a_difference(ran):
    run = ran("a", range(9))
    planned = tasks_of(RunDirectory.existing(run).read_json(run / "run.json"))[0]
    more = replace(planned, protocol={**planned.protocol, "languages": "0123456789abcdef"})
    for one, other in ((planned, more), (more, planned)):
        (found,) = differences(one, other, {}, {})
        assert (found.part, {found.a, found.b}) == ("languages", {"none", "0123456789ab"})
