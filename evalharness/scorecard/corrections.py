"""A figure corrected for its scorer's errors: with people's labels, or a what-if without them.

Only where it is right: the share, or the mean, of one score over samples. A share is corrected by
how often the scorer found what people found (Rogan and Gladen); a mean by how far it was from what
people gave (prediction-powered inference). Positives are score = 1, whichever way is better.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from evalharness import stats
from evalharness.scorecard import model
from evalharness.scorecard.metrics.base import Flags, Numbers
from evalharness.scorecard.metrics.registry import MetricUse
from evalharness.scorecard.metrics.samples import MeanMetric, SampleMetric, ShareMetric
from evalharness.scorecard.people import LabelSet
from evalharness.scorecard.rows import TaskRows
from evalharness.scorers import registry as scorers
from evalharness.scorers.validity import card_of
from evalharness.tasks.definition import TaskDefinition

__all__ = ["corrected", "score_of", "what_if"]

#: Fewer labels of a kind than that are noted: the interval is wide, and its theory is strained.
_FEW = 10

_UNSEEN = "no correction: no labelled answer has a verdict"


def score_of(metric: Any) -> str | None:
    """The one score whose share or mean over samples a metric is; None for all other figures."""
    if not isinstance(metric, SampleMetric) or len(metric.reads) != 1 or not metric.as_scored:
        return None
    known = (ShareMetric.compute, MeanMetric.compute)
    return metric.reads[0] if getattr(type(metric), "compute", None) in known else None


def corrected(
    use: MetricUse, rows: TaskRows, sets: Iterable[LabelSet], level: float
) -> model.Corrected | None:
    """A metric of these rows as people would have it; None where nobody labelled its score.

    Args:
        rows: those that the metric is about, with people's labels of this run's answers.
        sets: the labels of the task.
    """
    metric, score = use.metric, score_of(use.metric)
    labels = next((found for found in sets if found.score == score), None)
    if labels is None or score is None or not isinstance(metric, SampleMetric):
        return None
    own = labels.of == "this_run"
    source = rows if own else labels.rows().where(use.where)
    labelled = source.only(~np.isnan(source.people[score]))
    if not len(labelled):
        return None  # not of this metric's part of the task
    found = _Corrected(metric, rows, labelled, labelled.people[score], own, level)
    return found.record(labels)


class _Corrected:
    """One correction while it is made.

    Args:
        rows: what the figure is of.
        labelled: rows with a label; among ``rows`` where ``own``.
        people: their labels, shape (k,).
    """

    def __init__(
        self,
        metric: SampleMetric,
        rows: TaskRows,
        labelled: TaskRows,
        people: Numbers,
        own: bool,
        level: float,
    ) -> None:
        self._metric = metric
        self._rows = rows
        self._own = own
        self._level = level
        values, missing, excluded = metric.values(labelled)
        self._has = ~missing & ~excluded
        self._labelled = labelled.only(self._has)
        self._verdicts, self._people = values[self._has], people[self._has]

    def record(self, labels: LabelSet) -> model.Corrected:
        share = self._is_share()
        estimate, rates = self._rate() if share else (self._mean(), {})
        sides = dict.fromkeys(("sensitivity", "specificity"))
        n_labelled = len({label.key for label in labels.labels})
        unresolved = sum(value is None for value in labels.agreed.values())
        interval = estimate.interval
        return model.Corrected(
            value=estimate.value,
            interval=None if interval is None else model.Interval.of(interval),
            method="rogan-gladen" if share else "prediction-powered",
            scope=_scope(labels),
            n_labels=len(self._people),
            n_without_verdict=int((~self._has).sum()),
            n_unresolved=unresolved,
            n_unlabelled=max(0, labels.n_drawn - n_labelled),
            raters=labels.raters,
            dates=labels.dates,
            agreement=labels.pairs(self._level),
            notes=(*estimate.notes, *_remarks(labels, unresolved, n_labelled)),
            **{**sides, **rates},
        )

    def _values(self) -> tuple[Numbers, TaskRows, Flags]:
        """The figure's rows that have a value, and which of them people labelled."""
        values, missing, excluded = self._metric.values(self._rows)
        has = ~missing & ~excluded
        labelled = np.zeros(len(self._rows), dtype=bool)
        if self._own:
            (score,) = self._metric.reads
            labelled = ~np.isnan(self._rows.people[score])
        return values[has], self._rows.only(has), labelled[has]

    def _is_share(self) -> bool:
        if not isinstance(self._metric, ShareMetric):
            return False
        values, _, _ = self._values()
        columns = (values, self._verdicts, self._people)
        return all(np.isin(column, (0.0, 1.0)).all() for column in columns)

    def _rate(self) -> tuple[stats.Estimate, dict[str, model.Rate]]:
        """The share corrected by sensitivity and specificity, and these two."""
        if not len(self._people):
            return _nothing(_UNSEEN, 0), {}
        kinds = {"sensitivity": self._people == 1, "specificity": self._people == 0}
        rates: dict[str, model.Rate] = {}
        parts: list[float] = []
        notes: list[str] = []
        for name, kind in kinds.items():
            right = (self._verdicts == self._people)[kind].astype(float)
            word = "positive" if name == "sensitivity" else "negative"
            if not len(right):
                why = f"no correction: none of {len(kind)} labels is {word}; label more rows"
                return _nothing(why, len(kind)), rates
            if len(right) < _FEW:
                notes.append(f"few {word} labels ({len(right)})")
            clusters = _clusters(self._labelled.only(kind))
            found = stats.clustered_proportion(right, clusters, self._level)
            if found.interval is None:
                why = f"no correction: all {word} labels share one cluster; label more rows"
                return _nothing(why, len(kind)), rates
            size = found.effective_n or float(len(right))
            parts += [float(right.mean()) * size, size]
            rates[name] = model.Rate(
                value=float(right.mean()),
                interval=model.Interval.of(found.interval),
                n=len(right),
            )
        estimate = self._of_the_run(stats.Calibration(*parts))
        return replace(estimate, notes=(*estimate.notes, *notes)), rates

    def _of_the_run(self, calibration: stats.Calibration) -> stats.Estimate:
        units = self._metric.units(self._rows)
        values = units.measured_values
        if not len(values):
            return _nothing("nothing was measured", 0)
        found = stats.effective_size(values, units.clusters, tail=(1 - self._level) / 2)
        if found is None:
            return _nothing("no correction: all samples share one cluster", len(values))
        among = len(self._values()[0]) if self._own else None
        called = min(found.size, max(0.0, float(values.mean()) * found.size))
        return stats.corrected_rate(called, found.size, calibration, self._level, among=among)

    def _mean(self) -> stats.Estimate:
        """The mean corrected by people's scores."""
        if not len(self._people):
            return _nothing(_UNSEEN, 0)
        values, rows, labelled = self._values()
        clusters, theirs = _clusters(rows), _clusters(self._labelled)
        if self._own:
            # a cluster may be seen among all rows only
            theirs = None if clusters is None else _picked(clusters, labelled)
        elif clusters is not None or theirs is not None:
            clusters = clusters or [f"own {place}" for place in range(len(values))]
            names = theirs or [f"own {place}" for place in range(len(self._people))]
            theirs = [f"labels: {name}" for name in names]
        return stats.prediction_powered_mean(
            stats.Labelled(self._people, self._verdicts, theirs),
            values[~labelled],
            None if clusters is None else _picked(clusters, ~labelled),
            self._level,
            value_range=self._metric.range,
        )


def _picked(names: list[str], flags: Flags) -> list[str]:
    return [name for name, wanted in zip(names, flags.tolist(), strict=True) if wanted]


def _nothing(why: str, n: int) -> stats.Estimate:
    return stats.Estimate(None, None, None, n, notes=(why,))


def _clusters(rows: TaskRows) -> list[str] | None:
    """What shares variance: the task's clusters, else the repeats of a sample; None for neither."""
    clusters, samples = rows.cluster.tolist(), rows.sample.tolist()
    if all(cluster is None for cluster in clusters):
        repeated = len(set(samples)) < len(samples)
        return [f"s {sample}" for sample in samples] if repeated else None
    pairs = zip(clusters, samples, strict=True)
    return [f"s {sample}" if c is None else f"c {c}" for c, sample in pairs]


def _scope(labels: LabelSet) -> str:
    """Whose answers the labels are of."""
    if labels.of == "exchangeable":
        return f"other answers, declared exchangeable with these: {labels.note}"
    draw = labels.draw
    how = "" if draw is None else f", a simple random draw of {labels.n_drawn} (seed {draw.seed})"
    return f"this run's own answers{how}"


def _remarks(labels: LabelSet, unresolved: int, n_labelled: int) -> tuple[str, ...]:
    found = []
    if unresolved:
        found.append(f"{unresolved} answers left out: the raters tie")
    if n_labelled < labels.n_drawn:
        left = labels.n_drawn - n_labelled
        found.append(
            f"{left} of {labels.n_drawn} drawn answers have no label: if these were the hard ones, "
            "the correction is off"
        )
    if len(labels.raters) == 1:
        found.append("one rater: how far people agree is not known")
    return tuple(found)


def what_if(definition: TaskDefinition, use: MetricUse, rows: TaskRows) -> model.WhatIf | None:
    """What a share would be for a scorer that errs as its card says.

    Only where the card is of this very scorer: the detector that it asks, its version, and the
    language of the task's items, on held-out data.
    """
    score = score_of(use.metric)
    if score is None or not isinstance(use.metric, ShareMetric):
        return None
    scorer = scorers.create(definition.scorer.name, definition.scorer.options, definition.task)
    card = card_of(scorer.name, scorer.version)
    sense = None if card is None else card.scores.get(score)
    if card is None or sense is None:
        return None
    values = use.metric.units(rows).measured_values
    if not len(values):
        return None
    for measured in card.measured:
        own = measured.detector == card.detector and measured.part == "held out"
        found, left = measured.sensitivity, measured.specificity
        if not own or {measured.language} != set(definition.languages) or not found or not left:
            continue
        ends = [(found.low, found.high), (left.low, left.high)]
        sensitivity, specificity = ends if sense == "positive" else ends[::-1]
        if sensitivity[0] + specificity[0] <= 1:
            return None  # it may be no better than chance: any rate is possible
        share = float(values.mean())
        low, high = stats.sensitivity_range(share, 1, sensitivity, specificity)
        return model.WhatIf(
            low=low,
            high=high,
            clipped=share < 1 - specificity[0] or share > sensitivity[0],
            sensitivity=sensitivity,
            specificity=specificity,
            source=f"{measured.data}, n {measured.n}",
        )
    return None
