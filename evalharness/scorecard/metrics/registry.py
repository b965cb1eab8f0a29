"""Metrics by name, and their use in a task: key, slice of the samples, counterpart."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError

from evalharness import yamlfile
from evalharness.catalogue import Catalogue
from evalharness.errors import TaskError
from evalharness.scorecard.metrics.base import Metric, Sliced
from evalharness.scorecard.metrics.shares import AnswerRate, JudgedAnswerRate, OverRefusalRate
from evalharness.scorecard.rows import TaskRows
from evalharness.scorers import registry as scorers
from evalharness.scorers.base import Scorer
from evalharness.tasks.definition import ComponentRef, TaskDefinition

__all__ = [
    "ANSWER_RATE",
    "BUILT_IN",
    "NO_COUNTERPART",
    "READ_WITH",
    "MetricUse",
    "describe_metrics",
    "in_run",
    "metrics_of",
    "names",
    "slices_of",
]

BUILT_IN = Catalogue(
    "evalharness.scorecard.metrics",
    {
        "abstention": {"abstention_rate": "AbstentionRate"},
        "balanced": {"balanced_accuracy": "BalancedAccuracy"},
        "bbq": {"bbq_bias": "BBQBias"},
        "calibration": {"brier_score": "BrierScore", "calibration_error": "CalibrationError"},
        "consistency": {"same_answer_rate": "SameAnswerRate"},
        "contamination": {
            "order_p_value": "OrderPValue",
            "order_preference": "OrderPreference",
            "overlap_rate": "OverlapRate",
        },
        "correlation": {"correlation": "Correlation", "gap_correlation": "GapCorrelation"},
        "factscore": {"facts_per_answer": "FactsPerAnswer", "factscore": "FactScore"},
        "generations": {
            "expected_maximum_toxicity": "ExpectedMaximumToxicity",
            "toxicity_probability": "ToxicityProbability",
        },
        "group_gaps": {
            "accuracy_gap": "AccuracyGap",
            "agreement_gap": "AgreementGap",
            "demographic_parity_difference": "DemographicParityDifference",
            "equalised_odds_difference": "EqualisedOddsDifference",
            "length_gap": "LengthGap",
            "refusal_gap": "RefusalGap",
            "sentiment_gap": "SentimentGap",
            "toxicity_gap": "ToxicityGap",
        },
        "groups": {"contrast_consistency": "ContrastConsistency", "success_at_any": "SuccessAtAny"},
        "injection": {"injection_success_rate": "InjectionSuccessRate"},
        "meaningful": {"meaningful_accuracy": "MeaningfulAccuracy"},
        "membership": {"excess_auc": "ExcessAUC", "membership_auc": "MembershipAUC"},
        "memorisation": {
            "common_prefix": "CommonPrefix",
            "common_subsequence": "CommonSubsequence",
            "common_substring": "CommonSubstring",
            "edit_similarity": "EditSimilarity",
            "extraction_rate": "ExtractionRate",
        },
        "opinions": {
            "agreement_rate": "AgreementRate",
            "opinion_similarity": "OpinionSimilarity",
            "orientation": "Orientation",
            "similarity_gap": "SimilarityGap",
        },
        "overlap": {"overlap_difference": "OverlapDifference"},
        "paired": {
            "accuracy_difference": "AccuracyDifference",
            "accuracy_drop": "AccuracyDrop",
            "attack_gain": "AttackGain",
            "attack_success_rate": "AttackSuccessRate",
        },
        "qualified": {"qualified_rate": "QualifiedRate", "refusal_rate": "RefusalRate"},
        "representation": {
            "representation": "Representation",
            "stereotypical_association": "StereotypicalAssociation",
        },
        "shares": {
            "accuracy": "Accuracy",
            "answer_rate": "AnswerRate",
            "compliance_rate": "ComplianceRate",
            "disclosure_rate": "DisclosureRate",
            "exposure": "Exposure",
            "harm_rate": "HarmRate",
            "identifier_rate": "IdentifierRate",
            "identifier_read_rate": "IdentifierReadRate",
            "judged_answer_rate": "JudgedAnswerRate",
            "leak_rate": "LeakRate",
            "over_refusal_rate": "OverRefusalRate",
            "percent_stereotype": "PercentStereotype",
            "toxic_fraction": "ToxicFraction",
            "true_mass": "TrueMass",
        },
        "spread": {"format_spread": "FormatSpread"},
        "stereotypes": {
            "icat": "ICAT",
            "language_model_score": "LanguageModelScore",
            "stereotype_score": "StereotypeScore",
        },
        "variants": {
            "variant_drop": "VariantDrop",
            "worst_case_accuracy": "WorstCaseAccuracy",
            "worst_case_drop": "WorstCaseDrop",
        },
        "variation": {
            "between_item_variance": "BetweenItemVariance",
            "within_item_variance": "WithinItemVariance",
        },
    },
)

#: Every task reports it, and a harm metric that names no other counterpart is read beside it.
ANSWER_RATE = "answer_rate"
#: Scores of requests that deserve a refusal: which is right, and no answer either.
_DECLINED_BEST = frozenset({"complied", "harmful"})
#: How notes begin that name a counterpart: of how much was measured they say nothing.
READ_WITH = "to be read with"
NO_COUNTERPART = (
    "to be read with how often harmless requests are declined, which this task does not measure: a "
    "refusal is right here, and lowers the answer rate all the same"
)


@dataclass(frozen=True)
class MetricUse:
    """A metric as one task uses it.

    Args:
        key: its name in the scorecard; by default the metric's own.
        where: tag -> value: only these samples.
        pair: the metric without which this one must not be read: its key, or ``task/key`` of
            another task.
        note: what to know about this use in this run.
    """

    key: str
    metric: Metric
    where: Mapping[str, str] = field(default_factory=dict)
    pair: str | None = None
    note: str | None = None

    @property
    def needs(self) -> dict[str, str]:
        """Tag -> value, without which it has nothing to measure."""
        return {**self.where, **getattr(self.metric, "needs", {})}

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags by whose values it groups samples: every sample must have them."""
        return tuple(getattr(self.metric, "tags", ()))

    @property
    def title(self) -> str:
        """The metric's title, with what makes this use differ from it."""
        detail = getattr(self.metric, "detail", "") or ", ".join(self.where.values())
        return f"{self.metric.title} ({detail})" if detail else self.metric.title


def names() -> dict[str, str]:
    """Metric -> where it comes from."""
    found = dict.fromkeys(BUILT_IN, "evalharness")
    for point in metadata.entry_points(group="evalharness.metrics"):
        found.setdefault(point.name, point.dist.name if point.dist else point.value)
    return found


def metrics_of(definition: TaskDefinition) -> list[MetricUse]:
    """The metrics of a task, the answer rate last.

    Raises:
        TaskError: there is no such metric or option, or two have the same key.
    """
    where = f"task {definition.task}: metrics"
    uses = [_use(ref, where) for ref in definition.metrics]
    if all(use.key != ANSWER_RATE for use in uses):
        uses.append(MetricUse(ANSWER_RATE, AnswerRate()))
    keys = [use.key for use in uses]
    for key in keys:
        if keys.count(key) > 1:
            raise TaskError(f"{where}: '{key}' stands twice; give one of them another 'name'")
    if "judge" in scorers.roles_of(definition.scorer.name):
        uses = [_judged(use) for use in uses]
    declined = next((use.key for use in uses if isinstance(use.metric, OverRefusalRate)), None)
    uses = [_paired(use, declined) for use in uses]
    for use in uses:
        if use.pair is not None and "/" not in use.pair and use.pair not in keys:
            hint = yamlfile.did_you_mean(use.pair, keys)
            raise TaskError(f"{where}: '{use.key}' is paired with '{use.pair}'{hint}")
    return uses


def in_run(use: MetricUse, tasks: Collection[str]) -> MetricUse:
    """The use in a run of these tasks; without its counterpart's, the answer rate stands in."""
    task, slash, _ = (use.pair or "").partition("/")
    if not slash or task in tasks:
        return use
    note = f"to be read with {use.pair}, which this run does not have"
    return dataclasses.replace(use, pair=ANSWER_RATE, note=note)


def slices_of(use: MetricUse, rows: TaskRows, tag: str) -> list[tuple[str, TaskRows]]:
    """The rows of each slice by its value: as the metric says where it has a say.

    None where there is one value alone, or the use is about one.
    """
    if tag in use.where:
        return []
    if isinstance(use.metric, Sliced):
        parts = list(use.metric.slices(rows, tag))
    else:
        parts = [(value, rows.where({tag: value})) for value in rows.values_of(tag)]
    return parts if len(parts) > 1 else []


def _judged(use: MetricUse) -> MetricUse:
    """Where a judge says what came back, its own faults are no silence of the target."""
    if type(use.metric) is AnswerRate:
        return dataclasses.replace(use, metric=JudgedAnswerRate())
    return use


def _paired(use: MetricUse, declined: str | None) -> MetricUse:
    """A harm metric (lower is better) is never read alone.

    Args:
        declined: the task's own metric of how often harmless requests are declined.
    """
    if use.pair is not None or use.metric.direction != "lower":
        return use
    if _DECLINED_BEST.isdisjoint(use.metric.reads):
        return dataclasses.replace(use, pair=ANSWER_RATE)
    if declined is not None:
        return dataclasses.replace(use, pair=declined)
    return dataclasses.replace(use, pair=ANSWER_RATE, note=NO_COUNTERPART)


def _use(ref: ComponentRef, where: str) -> MetricUse:
    options = dict(ref.options)
    key, pair = options.pop("name", ref.name), options.pop("pair", None)
    for option, text in (("name", key), ("pair", pair or ANSWER_RATE)):
        if not isinstance(text, str):
            raise TaskError(f"{where}: {ref.name}: '{option}' takes a text; found {text!r:.60}")
    tags = options.pop("where", {})
    if not isinstance(tags, Mapping) or not all(
        isinstance(value, str | int | float) for value in tags.values()
    ):
        raise TaskError(f"{where}: {key}: 'where' takes tags, as in where: {{kind: protected}}")
    metric = BUILT_IN.get(ref.name)
    if metric is None:
        points = {point.name: point for point in metadata.entry_points(group="evalharness.metrics")}
        if ref.name not in points:
            hint = yamlfile.did_you_mean(ref.name, names())
            raise TaskError(f"{where}: there is no metric '{ref.name}'{hint}")
        metric = points[ref.name].load()
    known = [item.name for item in dataclasses.fields(metric)]
    for option in options:
        if option not in known:
            hint = yamlfile.did_you_mean(option, [*known, "name", "where", "pair"])
            raise TaskError(f"{where}: metric '{ref.name}' has no option '{option}'{hint}")
    try:
        made: Metric = TypeAdapter(metric).validate_python(options)
    except ValidationError as fault:
        raise TaskError(f"{where}: metric '{ref.name}': {yamlfile.option_fault(fault)}") from None
    for option in known:
        value = getattr(made, option)
        if isinstance(value, float) and not math.isfinite(value):
            raise TaskError(f"{where}: metric '{ref.name}': {option}: {value} is no finite number")
    return MetricUse(key, made, {str(tag): str(value) for tag, value in tags.items()}, pair)


def describe_metrics(definition: TaskDefinition, scorer: Scorer) -> list[dict[str, Any]]:
    """Names, versions and options: the metrics' part of the protocol.

    Raises:
        TaskError: a metric reads a score that the task's scorer does not give.
    """
    described = []
    for use in metrics_of(definition):
        for score in use.metric.reads:
            if score not in scorer.scores:
                raise TaskError(
                    f"task {definition.task}: metric '{use.key}' reads '{score}', which scorer "
                    f"'{scorer.name}' does not give (it gives {', '.join(scorer.scores)})"
                )
        metric = cast("Any", use.metric)
        described.append(
            {
                "key": use.key,
                "name": use.metric.name,
                "version": use.metric.version,
                "where": dict(use.where),
                "options": {f.name: getattr(metric, f.name) for f in dataclasses.fields(metric)},
            }
        )
    return described
