"""Rules that every registered task, metric and scorer must keep; each is shown to fail when broken.

A figure turned upside down, a value for silence, a harm figure that stands alone, a test that
nobody described: what peers shipped must not come in by a new file.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from evalharness.lint.definition import check_definition, goodness
from evalharness.records import Attempt, Response
from evalharness.scorecard.metrics import registry as metrics
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.scorers import registry as scorers
from evalharness.tasks.bundle import bundled
from evalharness.tasks.data import open_data
from evalharness.tasks.library import Library, Task
from evalharness.tasks.render import Renderer
from tests.scorers.driving import drive
from tests.support import FIXTURES
from tests.tasks.making import SAMPLE, row, task, write_task

LIBRARY = Library.load()
TASKS = LIBRARY.tasks
every_task = pytest.mark.parametrize("name", TASKS)

#: Nothing can be seen of any of these.
SILENCES = ("", " \n\t", "\u00a0\u3000", "\u200b\u200d\u2060", "\ufeff", "\u00ad", "\u3164", "\x00")
#: What a scorer that asks is told: so toxic, harmful and refusing that a value would show.
TOLD = Response(
    text='{"reason": "x", "verdict": "unsafe"}',
    scores=dict.fromkeys(("toxicity", "insult", "sentiment", "positive", "negative"), 1.0),
    loglikelihood=-1.0,
)


def faults(made: Task) -> dict[str, str]:
    """Check -> severity, of what `evalharness lint` says of a definition."""
    return {finding.check: finding.severity for finding in check_definition(made)}


# --- definitions ---------------------------------------------------------------------------------


#: On the hub at a revision that is not known here, and in no mirror: each run lists a deviation.
NOT_PINNED = {"contrast_sets"}


@every_task
def test_a_built_in_task_is_described_pinned_and_predicted(name):
    """Data sheet, source, licence, digests, targets, expectations, directions, known tags."""
    found = [
        finding.sentence()
        for finding in check_definition(TASKS[name])
        if not (finding.check == "unpinned" and name in NOT_PINNED)
    ]
    assert found == []
    assert TASKS[name].definition.languages


EXPECTED = {"oracle": {"accuracy": 1}, "worst": {"accuracy": 0}, "refuse_all": {"accuracy": 0}}
HUB = {"hub": {"path": "a/b"}, "sample": SAMPLE}
MIRROR = {"file": {"path": "a.json"}, "sample": SAMPLE}


def described(folder, **changes) -> Task:
    (folder / "DATASHEET.md").write_text("# Small\n\n## Licence\n\nApache-2.0\n", encoding="utf-8")
    return task(folder, **{"expect": EXPECTED, **changes})


def test_a_sound_definition_has_no_finding(tmp_path):
    assert faults(described(tmp_path)) == {}


@pytest.mark.parametrize(
    ("changes", "check", "severity"),
    [
        ({"licence": "unknown"}, "unsaid", "fault"),
        ({"licence": ""}, "unsaid", "fault"),
        ({"source": "TODO"}, "unsaid", "fault"),
        ({"data": HUB, "mirror": MIRROR}, "unpinned", "fault"),
        ({"data": HUB}, "unpinned", "note"),
        ({"data": {"supplied": "x", "sample": {"prompt": "q"}}}, "no-targets", "fault"),
        (
            {"data": {"supplied": "x", "sample": {"prompt": "q", "good": "g"}}},
            "no-targets",
            "fault",
        ),
        ({"expect": {}}, "no-expectation", "note"),
        ({"expect": {**EXPECTED, "refuse_all": {}}}, "no-expectation", "note"),
        ({"tags": {"catalog": ["1.4"]}}, "unknown-framework", "note"),
        ({"metrics": ["acuracy"]}, "metrics", "fault"),
    ],
)
def test_what_a_definition_lacks_is_found(tmp_path, changes, check, severity):
    assert faults(described(tmp_path, **changes)) == {check: severity}


def test_a_task_without_a_data_sheet(tmp_path):
    assert faults(task(tmp_path, expect=EXPECTED)) == {"no-data-sheet": "fault"}
    (tmp_path / "DATASHEET.md").write_text("# Small\n\n## Licence\n\n## Limits\n", encoding="utf-8")
    assert faults(task(tmp_path, expect=EXPECTED)) == {"empty-data-sheet": "note"}


HARMFUL = {"oracle": 0, "worst": 1, "refuse_all": 0}


@pytest.mark.parametrize(
    ("metrics", "found"),
    [
        (["compliance_rate"], {"no-counterpart": "note"}),
        ([{"metric": "compliance_rate", "pair": "over_refusal/over_refusal_rate"}], {}),
        ([{"metric": "leak_rate", "name": "compliance_rate"}], {}),
    ],
)
def test_harmful_requests_alone_lack_a_counterpart(tmp_path, metrics, found):
    expect = {model: {"compliance_rate": value} for model, value in HARMFUL.items()}
    harm = described(tmp_path, scorer="compliance", metrics=metrics, expect=expect)
    assert faults(harm) == found
    first, _answer_rate = metrics_of(harm.definition)
    assert ("lowers the answer rate all the same" in (first.note or "")) == bool(found)


def test_harmful_requests_are_read_with_the_tasks_own_refusals(tmp_path):
    safe = {"metric": "over_refusal_rate", "name": "declined_safe", "where": {"kind": "safe"}}
    expect = {
        model: {"compliance_rate": value, "declined_safe": int(model != "oracle")}
        for model, value in HARMFUL.items()
    }
    metrics = ["compliance_rate", safe]
    harm = described(tmp_path, scorer="compliance", metrics=metrics, expect=expect)
    assert "no-counterpart" not in faults(harm)
    first, second, _answer_rate = metrics_of(harm.definition)
    assert (first.pair, first.note) == ("declined_safe", None)
    assert (second.pair, second.note) == ("answer_rate", None)


def test_pinned_data_is_no_finding(tmp_path):
    pinned = {"hub": {"path": "a/b", "revision": "0" * 40}, "sample": SAMPLE}
    assert faults(described(tmp_path, data=pinned)) == {}
    mirror = {"file": {"path": "a.json", "sha256": "0" * 64}, "sample": SAMPLE}
    assert faults(described(tmp_path, data=HUB, mirror=mirror)) == {}


# --- directions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "oracle", "worst", "sound"),
    [
        ("accuracy", 1, 0, True),
        ("accuracy", 0, 1, False),
        ("accuracy", [0.9, 1], [0, 0.1], True),
        ("accuracy", [0, 1], [0.5, 1], False),
        ("leak_rate", 0, 1, True),
        ("leak_rate", 1, 0, False),
        ({"metric": "bbq_bias", "condition": "ambiguous"}, 0, 1, True),
        ({"metric": "bbq_bias", "condition": "ambiguous"}, [-0.1, 0.1], -1, True),
        ({"metric": "bbq_bias", "condition": "ambiguous"}, 1, 0, False),
    ],
)
def test_a_metric_turned_upside_down_is_found(tmp_path, metric, oracle, worst, sound):
    name = metric if isinstance(metric, str) else metric["metric"]
    expect = {"oracle": {name: oracle}, "worst": {name: worst}, "refuse_all": {name: None}}
    found = faults(described(tmp_path, metrics=[metric], expect=expect))
    assert found == ({} if sound else {"direction": "fault"})


def test_a_test_that_tells_nobody_apart_is_found(tmp_path):
    expect = {"oracle": {"accuracy": 1}, "worst": {"accuracy": 1}, "refuse_all": {"accuracy": 0}}
    assert faults(described(tmp_path, expect=expect)) == {"direction": "fault"}


def test_how_good_a_value_is_follows_from_the_direction():
    made = metrics_of(
        task(metrics=["accuracy", "leak_rate", {"metric": "bbq_bias", "condition": "ambiguous"}])
        .definition
    )  # fmt: skip
    higher, lower, target = made[:3]
    assert goodness(higher, [0.2, 0.4]) == (0.2, 0.4)
    assert goodness(lower, [0.2, 0.4]) == (-0.4, -0.2)
    assert goodness(target, -0.5) == (-0.5, -0.5)
    assert goodness(target, [-0.5, 0.2]) == (-0.5, 0.0)
    assert goodness(target, [0.2, 0.5]) == (-0.5, -0.2)
    assert goodness(higher, None) is None


@pytest.mark.parametrize("name", metrics.BUILT_IN)
def test_a_metric_declares_how_it_is_read(name):
    """No scale is typed by hand: what is good follows from the direction, within the range."""
    metric = metrics.BUILT_IN[name]
    low, high = metric.range
    assert low < high
    if isinstance(metric.direction, str):
        assert metric.direction in {"higher", "lower"}
    else:
        assert low <= metric.direction <= high
    assert metric.title
    assert metric.unit
    assert metric.version >= 1


# --- harm is never read alone ---------------------------------------------------------------------


@every_task
def test_a_metric_where_lower_is_better_has_a_counterpart(name):
    uses = metrics_of(TASKS[name].definition)
    keys = {use.key for use in uses}
    for use in uses:
        if use.metric.direction != "lower":
            continue
        assert use.pair is not None, use.key
        assert use.pair != use.key
        other, _, key = use.pair.rpartition("/")
        if other:
            keys_there = {found.key for found in metrics_of(TASKS[other].definition)}
            assert key in keys_there, use.pair
        else:
            assert use.pair in keys, use.pair


@pytest.mark.parametrize("name", metrics.BUILT_IN)
def test_no_metric_where_lower_is_better_can_be_used_alone(name):
    """Whatever a task writes: without a pair of its own it gets the answer rate."""
    metric = metrics.BUILT_IN[name]
    needed = {
        field.name
        for field in dataclasses.fields(metric)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    values = {
        "condition": "ambiguous", "x": "rating", "y": "human", "attack": "loss",
        "groups": ["a", "b"], "countries": ["a", "b"],
    }  # fmt: skip
    options = {name: values.get(name, "x") for name in needed}
    (use, *_) = metrics_of(task(metrics=[{"metric": name, **options}]).definition)
    assert (use.pair is not None) == (use.metric.direction == "lower")


# --- silence -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def first_samples(data_root):
    """Task -> a few of its samples, by a method that gives texts; none where it has no such."""
    found = {}
    for name, made in TASKS.items():
        methods = [m for m in made.definition.methods if m != "loglikelihood"]
        if methods:
            supplied = made.example_rows or FIXTURES.get(name)
            dataset = open_data(made, data_root=data_root, supplied=supplied)
            samples = Renderer(made, dataset, methods[-1], 1).samples()
            found[name] = [sample for _, sample in zip(range(5), samples, strict=False)]
    return found


@every_task
def test_silence_has_no_value_on_any_task(name, first_samples):
    """Its own scorer, with its own options, on its own items."""
    definition = TASKS[name].definition
    scorer = scorers.create(definition.scorer.name, definition.scorer.options, name)
    for sample in first_samples.get(name, ()):
        for silence in SILENCES:
            attempt = Attempt((Response(text=silence),) * definition.generations)
            _, outcomes = drive(scorer, sample, attempt, [TOLD] * 9)
            for outcome in outcomes:
                assert outcome.scores == {}, (sample.id, silence)
                assert outcome.kind.value in {"empty", "errored"}


def test_a_scorer_that_gives_silence_a_value_would_be_found():
    """The rule of the test before, on what a peer does: no leak, so harmless."""

    class Naive:
        def score(self, sample, attempt):
            yield from ()
            return [
                dataclasses.replace(
                    outcome, scores={"leaked": float("secret" in attempt.responses[0].text)}
                )
                for outcome in drive(scorers.create("leak", {}, "x"), sample, attempt)[1]
            ]

    item = dataclasses.replace(SAMPLE_ITEM, target={"secret": "secret"})
    _, (outcome,) = drive(Naive(), item, Attempt((Response(text="\u200b"),)))
    assert outcome.scores != {}


def _sample():
    (found,) = Renderer(
        task(), open_data(task(), data_root=None, supplied=[row()]), "generate", 1
    ).samples()
    return found


SAMPLE_ITEM = _sample()


# --- suites --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LIBRARY.suites)
def test_a_suite_s_headline_is_no_harm_metric_without_its_counterpart(name):
    suite = LIBRARY.suites[name]
    made = {found.name: found for found in LIBRARY.tasks_of(suite)}
    for entry in suite.definition.headline:
        owner, _, key = entry.partition("/")
        uses = {use.key: use for use in metrics_of(made[owner].definition)}
        assert key in uses
        if uses[key].metric.direction == "lower":
            assert uses[key].pair is not None


def test_the_full_configuration_runs_all_of_them():
    """Every suite, and rows for every task whose rows only its users have."""
    written = yaml.safe_load((bundled("configs") / "full.yaml").read_text(encoding="utf-8"))
    assert set(written["suites"]) == {
        name for name, suite in LIBRARY.suites.items() if suite.origin.startswith("evalharness")
    }
    supplied = {name for name, made in TASKS.items() if made.definition.supplied is not None}
    assert {entry["task"] for entry in written["tasks"]} == supplied


def test_a_user_s_suite_is_held_to_the_same_rules(tmp_path):
    suite = write_task(tmp_path / "mine", expect=EXPECTED)
    library = Library.load([suite])
    assert faults(library.task("small", "here")) == {"no-data-sheet": "fault"}


def test_the_rules_are_those_of_the_documentation():
    """Every check has its line in docs/lint.md."""
    root = Path(__file__).parents[2]
    page = (root / "docs" / "lint.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z-]+)`", page))
    code = "".join(p.read_text(encoding="utf-8") for p in (root / "evalharness/lint").glob("*.py"))
    used = set(re.findall(r'(?:Finding\(|_finding\(\s*task,)\s*"([a-z-]+)"', code))
    assert used
    assert used <= named
