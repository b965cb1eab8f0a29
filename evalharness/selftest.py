"""The reference models against every task: each must get the value that the construct predicts.

The predictions have three sources: rules that hold for every task (silence is never measured),
the task's own ``expect`` (an oracle is right, the worst model is worst), and truths counted from
the plan (what always answering A must score on these very items).
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from evalharness import pipeline
from evalharness.adapters.base import Adapter
from evalharness.adapters.reference import TEXT_ONLY, Known, ReferenceAdapter, ReferenceOptions
from evalharness.config import Loaded, load_config
from evalharness.errors import ConfigError, DataError
from evalharness.records import Role, Sample
from evalharness.scorecard.metrics.contamination import OverlapRate
from evalharness.scorecard.metrics.registry import MetricUse, metrics_of
from evalharness.scorecard.model import Scorecard, TaskCard
from evalharness.store.directory import RunDirectory
from evalharness.tasks.data import open_data
from evalharness.tasks.library import Library, Task
from evalharness.tasks.render import LETTERS

__all__ = ["CHOICE_SCORERS", "SelfTest", "SelfTestCheck", "known_table", "run_selftest"]

#: Scorers that read a choice: text that names no option is unread, never a value.
CHOICE_SCORERS = frozenset({"choice", "bbq", "decision", "rating", "stance", "coreference"})

#: Texts that name no option.
_NO_CHOICE = frozenset({"garbage", "echo", "judge_injecting"})

_LOGLIKELIHOOD = ("uniform", "oracle", "worst", "planted", "failing")

#: A value predicted exactly may differ by rounding only.
_EXACT = 1e-9


@dataclass(frozen=True)
class SelfTestCheck:
    """One prediction: ``expected`` is None (no value may be given) or a closed range."""

    task: str
    model: str
    metric: str
    expected: tuple[float, float] | None
    found: float | None

    @property
    def holds(self) -> bool:
        """Whether the value is as predicted."""
        if self.expected is None or self.found is None:
            return self.expected is None and self.found is None
        low, high = self.expected
        return low - _EXACT <= self.found <= high + _EXACT

    def sentence(self) -> str:
        """The check in words."""
        if self.expected is None:
            wanted = "no value"
        elif self.expected[0] == self.expected[1]:
            wanted = f"{self.expected[0]:.6g}"
        else:
            wanted = f"{self.expected[0]:.6g} to {self.expected[1]:.6g}"
        found = "no value" if self.found is None else f"{self.found:.6g}"
        return f"{self.task}/{self.metric}: {self.model} must get {wanted}, got {found}"


@dataclass
class SelfTest:
    """All checks, and the tasks that could not be tested, with the reason."""

    checks: list[SelfTestCheck] = field(default_factory=list)
    not_tested: dict[str, str] = field(default_factory=dict)
    n_tasks: int = 0
    n_models: int = 0

    def to_json(self) -> dict[str, Any]:
        return {
            "checks": [
                {
                    "task": c.task, "model": c.model, "metric": c.metric, "holds": c.holds,
                    "expected": list(c.expected) if c.expected is not None else None,
                    "found": c.found,
                }
                for c in self.checks
            ],
            "not_tested": self.not_tested,
        }  # fmt: skip


def run_selftest(
    names: Sequence[str] | None = None,
    *,
    limit: int = 60,
    seed: int = 7,
    library: Library | None = None,
    data_root: Path | None = None,
    supplied: Mapping[str, Path] | None = None,
) -> SelfTest:
    """Run every reference model over the tasks and compare.

    Args:
        names: tasks; default: all whose data is here (embedded, supplied or in the data root).
        supplied: task -> a file of rows in its format, used in place of its own data.

    Raises:
        ConfigError: there is no such task.
    """
    library = library or Library.load()
    wanted = [library.task(n, "selftest") for n in names] if names else library.tasks.values()
    result = SelfTest()
    tasks = []
    for task in wanted:
        here = supplied is not None and task.name in supplied
        if not here and (reason := _without_data(task, data_root)) is not None:
            result.not_tested[task.name] = reason
        else:
            tasks.append(task)
    if not tasks:
        if names:
            return result
        raise ConfigError("selftest: no task has its data here")
    result.n_tasks = len(tasks)
    rows = {task.name: found for task in tasks if (found := task.example_rows) is not None}
    loaded = _config(tasks, limit, seed, data_root, {**rows, **(supplied or {})})
    for answers, models in (
        ("text", (*TEXT_ONLY, "oracle", "worst", "planted", "failing")),
        ("loglikelihood", _LOGLIKELIHOOD),
    ):
        planned = _planned(loaded, library, answers)
        for model in models:
            options = ReferenceOptions.model_validate({"model": model, "answers": answers})
            result.checks += _one_model(planned, options)
            result.n_models += 1
    return result


@dataclass(frozen=True)
class _Planned:
    """A plan for one way of answering; the reference models share it."""

    prepared: pipeline.Prepared
    definitions: Mapping[str, Task]
    samples: Mapping[str, Sequence[Sample]]


def _planned(loaded: Loaded, library: Library, answers: str) -> _Planned:
    options = ReferenceOptions.model_validate({"model": "oracle", "answers": answers})
    lexicon = ReferenceAdapter(ReferenceOptions(model="lexicon"))
    models = {
        "target": ReferenceAdapter(options, table={}),
        "classifier": lexicon,
        "judge": ReferenceAdapter(ReferenceOptions(model="judge")),
    }
    prepared = pipeline.prepare(loaded, cast("dict[Role, Adapter]", models), library)
    samples = {t.name: list(prepared.plan.samples[t.name]) for t in prepared.plan.tasks}
    definitions = {name: library.task(name, "selftest") for name in samples}
    return _Planned(prepared, definitions, samples)


def _without_data(task: Task, data_root: Path | None) -> str | None:
    """Why a task's data is not here, without asking the network."""
    definition = task.definition
    if definition.supplied is not None:
        if task.example_rows is None:
            return f"its rows are its user's; put examples into {task.folder / 'rows.jsonl'}"
        return None
    if all(source.file_refs for source in definition.data):
        return None
    try:
        dataset = open_data(task, data_root=data_root, supplied=None)
    except DataError as fault:
        return str(fault)
    if any(part.origin in {"hub", "web"} for part in dataset.parts):
        return "its data is elsewhere; set EVALHARNESS_DATA to a folder with the mirror files"
    return None


def _one_model(planned: _Planned, options: ReferenceOptions) -> Iterable[SelfTestCheck]:
    adapter = ReferenceAdapter(options, table=known_table(planned.samples))
    adapters = {**planned.prepared.adapters, "target": adapter}
    with tempfile.TemporaryDirectory() as folder:
        directory = RunDirectory(Path(folder) / "run")
        pipeline.execute_run(replace(planned.prepared, adapters=adapters), directory)
        scorecard = pipeline.scorecard_of(directory)
    label = options.model if options.answers == "text" else f"{options.model} (log-likelihood)"
    return [
        SelfTestCheck(name, label, use.key, expected, card.metrics[use.key].value)
        for name, card in _cards(scorecard).items()
        for use in metrics_of(planned.definitions[name].definition)
        for expected in _expected(
            planned.definitions[name], card, use, adapter, planned.samples[name]
        )
    ]


def _config(
    tasks: Sequence[Task],
    limit: int,
    seed: int,
    data_root: Path | None,
    supplied: Mapping[str, Path],
) -> Loaded:
    entries = [
        {"task": task.name, "data": str(supplied[task.name].resolve())}
        if task.name in supplied
        else {"task": task.name}
        for task in tasks
    ]
    return load_config(
        {
            "name": "selftest",
            "target": "reference",
            # nobody's model is tested here: what a licence asks of those who test one is no matter
            "accept": sorted({name for task in tasks for name in task.definition.conditions}),
            "tasks": entries,
            "limit": limit,
            "seed": seed,
            "retries": 0,
            "data_root": None if data_root is None else str(data_root),
        }
    )


def known_table(samples: Mapping[str, Sequence[Sample]]) -> dict[tuple[str, str], Known]:
    """What each task's samples call good and bad: what a reference model answers from."""
    return {
        (task, sample.id): _known(sample) for task, members in samples.items() for sample in members
    }


def _known(sample: Sample) -> Known:
    def text(end: int | str | None) -> str:
        if isinstance(end, int):
            return LETTERS[sample.order.index(end)] if sample.order else sample.choices[end]
        return end or ""

    def index(end: int | str | None) -> int | None:
        return end if isinstance(end, int) else None

    return Known(text(sample.good), text(sample.bad), index(sample.good), index(sample.bad))


def _cards(scorecard: Scorecard) -> dict[str, TaskCard]:
    return {
        name: card
        for dimension in scorecard.dimensions.values()
        for name, card in dimension.tasks.items()
    }


_Expected = tuple[float, float] | None


def _expected(
    task: Task,
    card: TaskCard,
    use: MetricUse,
    adapter: ReferenceAdapter,
    samples: Sequence[Sample],
) -> list[_Expected]:
    """What this model must get here: one prediction, or none where the construct makes none."""
    model = adapter.identity.model
    scorer = task.definition.scorer.name
    if card.not_run is not None:
        return [None]
    if use.key == "answer_rate":
        return _answer_rate(scorer, model)
    if model == "silent" or (model in _NO_CHOICE and scorer in CHOICE_SCORERS):
        return [] if isinstance(use.metric, OverlapRate) else [None]  # that one asks no model
    if model in {"planted", "always_a", "random"}:
        return _counted(task, card, use, adapter, samples)
    if model == "uniform" and use.key not in task.definition.expect.get(model, {}):
        return _uniform(task, use, samples)
    return _written(task, card, use, model)


def _written(task: Task, card: TaskCard, use: MetricUse, model: str) -> list[_Expected]:
    """The task's own ``expect``."""
    measured = card.metrics[use.key].n_measured
    if model == "failing" and use.metric.counted == "items" and not measured:
        return []  # of an item with many variants one fails nearly always
    key = {"failing": "oracle", "judge_injecting": "garbage"}.get(model, model)
    written = task.definition.expect.get(key, {})
    if use.key not in written:
        return []
    expected = _as_range(written[use.key])
    # one sample in five is missing: what was a range over all of them need not hold for the rest
    if model == "failing" and (expected is None or expected[0] != expected[1]):
        return []
    return [expected]


def _answer_rate(scorer: str, model: str) -> list[_Expected]:
    if model in {"silent", "refuse_all"}:
        return [(0.0, 0.0)]
    if model in {"oracle", "worst", "planted"} and scorer in CHOICE_SCORERS:
        return [(1.0, 1.0)]
    return []


def _as_range(written: Any) -> _Expected:
    if written is None:
        return None
    if isinstance(written, list):
        return float(written[0]), float(written[1])
    return float(written), float(written)


def _counted(
    task: Task,
    card: TaskCard,
    use: MetricUse,
    adapter: ReferenceAdapter,
    samples: Sequence[Sample],
) -> list[_Expected]:
    """The value that follows from these very items and this model's known answers."""
    chosen = [s for s in samples if all(s.tags.get(t) == v for t, v in use.where.items())]
    model = adapter.identity.model
    name = use.metric.name
    counted = {
        "accuracy", "leak_rate", "disclosure_rate", "harm_rate", "compliance_rate",
        "over_refusal_rate", "identifier_rate", "identifier_read_rate",
    }  # fmt: skip
    if model == "planted" and name in counted:
        good = [adapter.is_good(task.name, sample.id) for sample in chosen]
        if name == "accuracy" and task.definition.scorer.name in CHOICE_SCORERS:
            hits = [_is_answer(s, g) for s, g in zip(chosen, good, strict=True)]
        else:
            hits = good if use.metric.direction == "higher" else [not g for g in good]
        share = sum(hits) / len(hits)
        return [(share, share)]
    if model in {"always_a", "random"} and name == "accuracy" and card.method == "letter":
        picks = [adapter.letter(task.name, sample) for sample in chosen]
        share = sum(s.order[p] == s.answer for s, p in zip(chosen, picks, strict=True))
        return [(share / len(chosen), share / len(chosen))]
    return []


def _is_answer(sample: Sample, good: bool) -> bool:
    return (sample.good if good else sample.bad) == sample.answer


def _longest(use: MetricUse, samples: Sequence[Sample]) -> list[_Expected]:
    """Equal sums divided by characters: the longest option wins, and two of them are a tie."""
    chosen = [s for s in samples if all(s.tags.get(t) == v for t, v in use.where.items())]
    lengths = [[len(choice) for choice in sample.choices] for sample in chosen]
    won = [
        sample.answer == sizes.index(max(sizes))
        for sample, sizes in zip(chosen, lengths, strict=True)
        if sizes.count(max(sizes)) == 1
    ]
    if use.metric.name != "accuracy":
        return []
    return [(sum(won) / len(won), sum(won) / len(won)) if won else None]


def _uniform(task: Task, use: MetricUse, samples: Sequence[Sample]) -> list[_Expected]:
    """A model without preference: every choice a tie, every mass its share of the options."""
    scorer = task.definition.scorer.name
    if scorer in CHOICE_SCORERS and task.definition.scorer.options.get("normalise") == "characters":
        return _longest(use, samples)
    if use.metric.name == "true_mass":
        shares = [sum(s.target["labels"]) / len(s.choices) for s in samples]
        mean = math.fsum(shares) / len(shares)
        return [(mean, mean)]
    if use.metric.name == "exposure":
        return [(0.0, 2.0)]
    return [None] if scorer in CHOICE_SCORERS else []
