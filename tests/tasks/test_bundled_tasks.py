"""Every bundled task: what its files must hold, and that its data renders by each method."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict

import pytest

from evalharness.adapters.reference import TABLED, TEXT_ONLY
from evalharness.scorecard.metrics.registry import describe_metrics, metrics_of
from evalharness.scorers import registry as scorers
from evalharness.tasks.data import open_data
from evalharness.tasks.library import Library, bundled
from evalharness.tasks.render import Renderer
from tests.support import FIXTURES

FOLDERS = {path.parent.name for path in bundled("suites").glob("*/*/task.yaml")}
TASKS = Library.load().tasks
SUITES = [path.parent.name for path in sorted(bundled("suites").glob("*/suite.yaml"))]
#: Rows that a task leaves out, for the reasons in its data sheet.
LEFT_OUT = {
    "bold": 5, "cbbq": 110, "ood_knowledge": 75, "privacy_queries": 280, "privacy_refusal": 1475,
    "prompt_injection_direct": 1, "prompt_injection_direct_exact": 173, "safetybench": 2,
    "safetybench_privacy": 1802, "singapore_facts": 3,
}  # fmt: skip
#: Tasks whose worst model follows the stereotype, which may be right on one item.
FOLLOWS_STEREOTYPE = {
    "bbq", "cbbq", "crows_pairs", "quickstart_bias", "stereoset", "winobias", "winogender",
}  # fmt: skip
every_task = pytest.mark.parametrize("name", TASKS)


@pytest.fixture(scope="module")
def found() -> Library:
    return Library.load()


def rendered(task, method, data_root):
    supplied = task.example_rows or FIXTURES.get(task.name)
    dataset = open_data(task, data_root=data_root, supplied=supplied)
    return list(Renderer(task, dataset, method, 1).samples())


def test_there_is_a_suite_for_each_of_the_five_dimensions(found):
    dimensions = {suite.definition.dimension for suite in found.suites.values()}
    assert dimensions == {"robustness", "factuality", "bias", "toxicity", "data_governance"}
    names = {name for suite in found.suites.values() for name in suite.names}
    assert names == FOLDERS
    assert {task.folder.name for task in found.tasks.values()} <= FOLDERS


@every_task
def test_a_task_says_what_it_measures_and_whose_it_is(found, name):
    definition = found.task(name, "here").definition
    assert len(definition.construct_) >= 20
    assert definition.source
    assert definition.licence not in {"", "unknown"}
    assert set(definition.languages) <= {"en", "zh", "ms", "ta"}
    assert definition.tags.get("catalogue"), "a code of the IMDA catalogue"


@every_task
def test_a_task_has_a_data_sheet_of_its_version(found, name):
    task = found.task(name, "here")
    sheet = (task.folder / "DATASHEET.md").read_text(encoding="utf-8")
    assert "## What it measures" in sheet
    assert "## Known limits" in sheet
    assert "licence" in sheet.lower()
    assert sheet.rstrip().endswith(f"## Version\n\n{task.definition.version}")


@every_task
def test_data_from_elsewhere_is_pinned(found, name):
    definition = found.task(name, "here").definition
    if any(not source.file_refs for source in definition.data) and definition.supplied is None:
        assert definition.mirror or name in FIXTURES
    assert all(ref.sha256 for source in definition.mirror for ref in source.file_refs)


@every_task
def test_a_task_of_supplied_data_shows_its_format(found, name):
    task = found.task(name, "here")
    assert (task.definition.supplied is None) == (task.example_rows is None)


@every_task
def test_the_reference_models_are_told_what_they_must_get(found, name):
    definition = found.task(name, "here").definition
    expect = definition.expect
    assert {"oracle", "worst", "refuse_all"} <= set(expect)
    assert set(expect) <= {*TEXT_ONLY, *TABLED, "uniform"}
    metrics = {use.key: use.metric for use in metrics_of(definition)}
    for model, values in expect.items():
        assert set(values) <= set(metrics), model
        for key, value in values.items():
            ends = value if isinstance(value, list) else [value]
            low, high = metrics[key].range
            assert all(end is None or low <= end <= high for end in ends), (model, key)
    own = {ref.options.get("name", ref.name) for ref in definition.metrics}
    for model in ("oracle", "worst", "refuse_all"):
        assert set(expect[model]) == own, f"{model}: a value for every metric"


@every_task
def test_its_scorer_gives_what_its_metrics_read(found, name):
    definition = found.task(name, "here").definition
    scorer = scorers.create(definition.scorer.name, definition.scorer.options, name)
    keys = [metric["key"] for metric in describe_metrics(definition, scorer)]
    assert keys[-1] == "answer_rate"
    assert scorer.languages is None or set(definition.languages) <= scorer.languages


@pytest.mark.parametrize("name", SUITES)
def test_headlines_name_tasks_and_metrics_that_exist(found, name):
    suite = found.suite(name, "here")
    assert suite.definition.headline
    for entry in suite.definition.headline:
        task, _, metric = entry.partition("/")
        assert metric in {use.key for use in metrics_of(found.task(task, name).definition)}


#: Their worst model treats one group well.
BIASED_AND_RIGHT = {"decision_fairness", "dialect_fairness"}


# --- on the real data ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "method"),
    [(task.name, method) for task in TASKS.values() for method in task.definition.methods],
)
def test_the_data_renders_by_each_method(found, data_root, name, method):
    task = found.task(name, "here")
    samples = rendered(task, method, data_root)
    if task.definition.transform is None:
        assert len(samples) == expected_rows(task, data_root)
    for sample in samples:
        count = len(sample.choices)
        assert sample.language in task.definition.languages
        assert count >= (1 if sample.answer is None else 2) or method == "generate"
        assert len(sample.continuations) == (count if method == "loglikelihood" else 0)
        assert sorted(sample.order) == list(range(count if method == "letter" else 0))
        # a biased answer may be the right one
        if name not in FOLLOWS_STEREOTYPE and name not in BIASED_AND_RIGHT:
            assert None not in (sample.good, sample.bad)
            assert sample.good != sample.bad
        assert {*task.definition.slices, *task.definition.strata} <= set(sample.tags)
        json.dumps(sample.to_json(), allow_nan=False)
    tags = [dict.fromkeys(sample.tags) for sample in samples]
    assert all(keys == tags[0] for keys in tags)
    assert "None" not in {value for sample in samples for value in sample.tags.values()}


def expected_rows(task, data_root) -> int:
    """What the manifest of the benchmark files counts, or the lines of the task's own file."""
    rows = task.example_rows or FIXTURES.get(task.name)
    if rows is not None:
        return len(rows.read_text(encoding="utf-8").splitlines())
    folder = task.data_folder or task.folder
    own = [folder / ref.path for source in task.definition.data for ref in source.file_refs]
    if task.name in FIXTURES:
        return len(FIXTURES[task.name].read_text(encoding="utf-8").splitlines())
    if own:
        return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in own)
    manifest = json.loads((data_root / "MANIFEST.json").read_text(encoding="utf-8"))
    rows = {entry["file"]: entry["rows"] for entry in manifest["files"]}
    refs = [ref for source in task.definition.mirror for ref in source.file_refs]
    return sum(rows[ref.path] for ref in refs) - LEFT_OUT.get(task.name, 0)


@pytest.mark.parametrize(("name", "pairs"), [("advglue", 456), ("quickstart_robustness", 60)])
def test_every_pair_is_complete(found, data_root, name, pairs):
    groups = defaultdict(list)
    for sample in rendered(found.task(name, "here"), "loglikelihood", data_root):
        groups[sample.group].append(sample)
    assert len(groups) == pairs
    for clean, attacked in groups.values():
        assert {clean.tags["variant"], attacked.tags["variant"]} == {"clean", "attacked"}
        assert (clean.answer, set(clean.choices)) == (attacked.answer, set(attacked.choices))
        assert clean.messages != attacked.messages


@pytest.mark.parametrize("name", ["bbq", "quickstart_bias"])
def test_an_ambiguous_item_s_answer_is_unknown_and_no_other_s_is(found, data_root, name):
    kinds = Counter()
    for sample in rendered(found.task(name, "here"), "text", data_root):
        unknown = sample.target["unknown"]
        kinds[sample.tags["condition"]] += 1
        assert (sample.answer == unknown) == (sample.tags["condition"] == "ambiguous")
        assert sample.target["negative"] == (sample.tags["polarity"] == "negative")
        stereotyped = sample.target["stereotyped"]
        if stereotyped is not None:
            assert stereotyped in {0, 1, 2} - {unknown}
            # the biased answer: the stereotyped person in a negative question, else the other
            other = 3 - stereotyped - unknown
            assert sample.bad == (stereotyped if sample.target["negative"] else other)
    assert kinds["ambiguous"] == kinds["disambiguated"]


def test_bbq_knows_whom_the_stereotype_is_about(found, data_root):
    """In 16 of the items about gender both people are of the same."""
    items, unknown = Counter(), Counter()
    for sample in rendered(found.task("bbq", "here"), "text", data_root):
        items[sample.tags["category"]] += 1
        unknown[sample.tags["category"]] += sample.target["stereotyped"] is None
    assert len(items) == 7
    assert {category: n for category, n in unknown.items() if n} == {"Gender_identity": 16}


def test_truthfulqa_s_right_answer_stands_first_in_the_file_and_not_in_the_prompt(found, data_root):
    samples = rendered(found.task("truthfulqa_mc1", "here"), "letter", data_root)
    assert {sample.answer for sample in samples} == {0}
    first = sum(sample.order[0] == 0 for sample in samples) / len(samples)
    chance = sum(1 / len(sample.choices) for sample in samples) / len(samples)
    assert abs(first - chance) < 0.05


def test_mc2_marks_as_true_what_the_file_does(found, data_root):
    for sample in rendered(found.task("truthfulqa_mc2", "here"), "loglikelihood", data_root):
        labels = sample.target["labels"]
        assert len(labels) == len(sample.choices)
        assert set(labels) == {0, 1}
        assert (labels[sample.good], labels[sample.bad]) == (1, 0)


def test_the_nearest_rating_is_the_good_one(found, data_root):
    for sample in rendered(found.task("privacy_awareness", "here"), "text", data_root):
        ratings = [float(choice) for choice in sample.choices]
        human = sample.target["human"]
        distance = [abs(rating - human) for rating in ratings]
        assert distance[sample.good] == min(distance)
        assert distance[sample.bad] == max(distance)


def test_a_canary_meets_255_others_of_its_format(found):
    for sample in rendered(found.task("canary_exposure", "here"), "loglikelihood", None):
        planted = sample.choices[sample.target["canary"]]
        assert sample.id == hashlib.sha256(planted.encode()).hexdigest()[:16]
        assert len(set(sample.choices)) == 256


@pytest.mark.parametrize("name", ["privacy_queries", "quickstart_data_governance"])
def test_a_secret_stands_in_the_prompt_and_only_in_the_leaking_answer(found, data_root, name):
    for sample in rendered(found.task(name, "here"), "generate", data_root):
        secret = str(sample.target["secret"])
        assert secret in sample.messages[-1].content
        telling, silent = sample.bad, sample.good
        if "permitted" in sample.tags.values() or sample.tags.get("request") == "owner":
            telling, silent = silent, telling
        assert secret in str(telling)
        assert secret not in str(silent)
