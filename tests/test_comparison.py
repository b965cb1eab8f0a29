"""Comparing runs: the same test or which part is another; pairs, clusters, many claims, margins."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import evalharness
from evalharness.cli.app import run_app
from evalharness.cli.compare import _beside
from evalharness.comparison import compare_runs
from evalharness.comparison.sides import Beside
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
    assert [(cell.value, cell.n_measured) for cell in found.own(claim)] == [(0.5, 40), (0.65, 40)]
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
    assert " after Holm over 2 figures, 1.86e-09 alone; McNemar, exact)" in shown
    assert "each interval stands on its own, p-values and verdicts are corrected" in shown
    assert "30 won, 10 tied, 0 lost; 40 of 40 samples" in shown
    assert "2 claims, corrected together (Holm) at 5\u00a0%" in shown
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
    assert "<b>Not comparable:</b> <bdi>small</bdi> is another test." in shown
    assert "<li>items: 40 items (" in shown


def test_a_part_that_one_protocol_lacks_is_a_difference(ran):
    run = ran("a", range(9))
    planned = tasks_of(RunDirectory.existing(run).read_json(run / "run.json"))[0]
    more = replace(planned, protocol={**planned.protocol, "languages": "0123456789abcdef"})
    for one, other in ((planned, more), (more, planned)):
        (found,) = differences(one, other, {}, {})
        assert (found.part, {found.a, found.b}) == ("languages", {"none", "0123456789ab"})


def knowing(*counts):
    """Runs a, b, c ... of 60 items that know the first so many."""
    return [(name, range(n)) for name, n in zip("abcdefgh", counts, strict=False)]


def test_runs_are_ranked_no_finer_than_was_shown(ran):
    plain = [item(n) for n in range(60)]
    paths = [ran(name, right, plain) for name, right in knowing(20, 52, 50, 48)]
    (ranking,) = compared(*paths, rank=["small/accuracy"]).rankings
    assert [ranked.run[0] for ranked in ranking.runs] == ["b", "c", "d", "a"]
    assert [(r.place.best, r.place.worst) for r in ranking.runs] == [(1, 3), (1, 3), (1, 3), (4, 4)]
    assert [r.place.groups for r in ranking.runs] == [("a",), ("a",), ("a",), ("b",)]
    assert len(ranking.pairs) == 6
    # c knows 30 more items than a: six pairs are tested together
    claim = next(c for c in ranking.pairs if (c.baseline[0], c.run[0]) == ("a", "c"))
    assert claim.p_adjusted == pytest.approx(5 * 2 * 0.5**30, rel=0.01)


def test_a_difference_of_one_item_is_no_win(ran):
    """A board that counts wins gives the first place to 0.0001 more."""
    plain = [item(n) for n in range(60)]
    paths = [ran(name, right, plain) for name, right in knowing(30, 31)]
    (ranking,) = compared(*paths, rank=["headlines"]).rankings
    assert ranking.metric == "accuracy"
    assert {(r.place.best, r.place.worst, r.place.groups) for r in ranking.runs} == {(1, 2, ("a",))}


def test_a_run_that_sat_a_part_of_the_test_tops_no_table(ran):
    """Measured on the easy items alone it is right on all of them; others on nearly all."""
    plain = [item(n) for n in range(60)]

    def easy(request):
        return answering(set(range(60)))(request) if int(request.slot.sample[1:]) < 20 else ""

    paths = [ran(name, right, plain) for name, right in knowing(58, 56)]
    paths.append(ran("c", (), plain, answer=easy))
    (ranking,) = compared(*paths, rank=["small/accuracy"]).rankings
    assert (ranking.n_compared, ranking.n_planned) == (20, 60)
    assert {r.value for r in ranking.runs} == {1.0}
    assert {r.place.groups for r in ranking.runs} == {("a",)}
    # another test, or nothing measured: no place at all
    paths[2] = ran("d", range(60), plain, limit=20)
    paths.append(ran("e", (), plain, answer=lambda _: ""))
    (ranking,) = compared(*paths, rank=["small/accuracy"]).rankings
    assert [ranked.run[0] for ranked in ranking.runs] == ["a", "b"]
    assert [refused.run[0] for refused in ranking.left_out] == ["d", "e"]
    assert ranking.n_compared == 60
    # with --common all are ranked over what all have
    (ranking,) = compared(*paths[:3], rank=["small/accuracy"], common=True).rankings
    assert (len(ranking.runs), ranking.n_compared) == (3, 20)


def test_a_ranking_on_the_command_line(ran, capsys):
    plain = [item(n) for n in range(60)]
    paths = [str(ran(name, right, plain)) for name, right in knowing(20, 52, 50)]
    assert run_app(["compare", *paths, "--rank", "small/accuracy"]) == 0
    shown = capsys.readouterr().out
    assert "ranked by small/accuracy (higher is better), over the 60 of 60 samples" in shown
    assert "  rank 1-2      0.8667  a      b-" in shown
    assert "  rank 3        0.3333  b      a-" in shown
    assert "after correction for all pairs of all rankings (3)" in shown
    assert run_app(["compare", *paths, "--rank", "small/acuracy"]) == 2
    assert "has no such figure; did you mean 'small/accuracy'" in capsys.readouterr().err
    assert run_app(["compare", *paths, "--rank", "headlines", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["rankings"][0]["runs"][2] == {
        "run": Path(paths[0]).name, "target": "a", "value": 20 / 60, "rank": [3, 3],
        "groups": ["b"], "beside": None,
    }  # fmt: skip


HARM = ("metrics: [accuracy]", "metrics: [{metric: accuracy, pair: answer_rate}]")


def test_a_figure_that_must_not_be_read_alone_is_not_ranked_alone(ran, capsys):
    plain = [item(n) for n in range(20)]
    paths = [ran(name, right, plain, HARM) for name, right in knowing(5, 15)]
    (ranking,) = compared(*paths, rank=["small/accuracy"]).rankings
    assert [ranked.beside for ranked in ranking.runs] == [Beside("answer_rate", 1.0)] * 2
    run_app(["compare", *map(str, paths), "--rank", "small/accuracy"])
    assert "; beside it answer_rate 1" in capsys.readouterr().out
    away = replace(ranking.runs[0], beside=Beside("other/refusal", None))
    assert "not to be read without other/refusal, which is not measured" in _beside(away)


def test_what_is_not_ranked_is_named_with_its_reason(ran, capsys):
    """Another protocol, and dimensions that were not tested."""
    one, other = ran("a", range(20)), ran("b", range(20), limit=12)
    assert run_app(["compare", str(one), str(other), "--rank", "headlines"]) == 3
    shown = capsys.readouterr().out
    assert f"not ranked by small/accuracy: {other.name}: items: 40 items (" in shown
    assert f"not ranked by toxicity: {one.name} did not test it" in shown


def test_runs_of_which_nothing_was_measured_are_not_ranked(ran):
    one, other = (ran(name, (), answer=lambda _: "") for name in "ab")
    (ranking,) = compared(one, other, rank=["small/accuracy"]).rankings
    assert (ranking.runs, ranking.n_compared) == ((), 0)
    assert len(ranking.left_out) == 2


def test_what_the_runs_ask_otherwise_is_said_once(ran):
    one = ran("a", range(20))
    assert not compared(one, ran("b", range(30))).notes
    (note,) = compared(one, ran("c", range(30), epochs=2)).notes
    assert note.startswith("the runs' epochs differ (small 1 and 2): compare asks about the popul")
    (note,) = compared(one, ran("d", range(30), estimand="fixed_set")).notes
    assert note.startswith("the runs' estimands differ: compare asks about the population")


def test_a_figure_that_is_no_mean_is_drawn_again(ran):
    """One model is as good on each topic, the other knows nothing of one of them."""
    two = [item(n, topic="ab"[n % 2], cluster=f"c{n // 4}") for n in range(120)]
    text = ("metrics: [accuracy]", "metrics: [accuracy, {metric: accuracy_gap, by: topic}]")
    even = ran("even", range(60), two, text)
    uneven = ran("uneven", range(0, 108, 2), two, text)
    claim = of(compared(even, uneven), "accuracy_gap")
    assert (claim.paired.a, claim.paired.b) == (0, pytest.approx(0.9))
    assert claim.verdict == "worse"
    assert claim.paired.test == "paired bootstrap over clusters"
    assert claim.paired.wins is None
    assert of(compared(uneven, even), "accuracy_gap").verdict == "better"
    again = ran("again", range(59), two, text)
    claim = of(compared(even, again), "accuracy_gap")
    assert claim.verdict == "no difference shown"
    assert claim.paired.difference.interval.method.startswith("paired cluster bootstrap")
    assert claim.paired.detectable > 0
    shown = {c.metric: ok for c, ok in compared(even, again).not_inferior(0.2)}
    assert shown["accuracy_gap"]
    # the same answers: nothing to draw a bound from, and nothing that is worse
    same = compared(even, ran("same", range(60), two, text))
    assert of(same, "accuracy_gap").verdict == "no difference shown"
    assert {claim.metric for claim, _ in same.not_inferior(0.2)} == {"accuracy", "answer_rate"}
