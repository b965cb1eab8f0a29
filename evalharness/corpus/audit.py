"""The audit of a training corpus: rates with their intervals, and each gate twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from evalharness import stats
from evalharness.banks.rules import Number, Rules
from evalharness.corpus.draw import Drawing, count, draw, items_of
from evalharness.corpus.items import Corpus, Item
from evalharness.corpus.labels import Labels, read_labels
from evalharness.corpus.measure import Classifier, Measures, Tally, measure, near_items
from evalharness.lint.near import THRESHOLD
from evalharness.scorers.keywords import KeywordMatcher

__all__ = ["Audit", "Gate", "Rate", "Settings", "audit"]

#: Of what was drawn, so much must be measured for a gate to be decided.
FLOOR = 0.95
LEVEL = 0.95

State = Literal["holds", "fails", "insufficient", "not measured"]


@dataclass(frozen=True)
class Settings:
    """What the auditor says.

    Args:
        seed: of the draws; ``sample``: items for people; ``share``: of the corpus for machines.
        labels: the sheet that people filled in.
        region: whose telephone numbers are read without a country code.
        near: whether near repeats are looked for.
    """

    seed: int
    sample: int
    share: float
    keywords: KeywordMatcher | None = None
    classifier: Classifier | None = None
    labels: Path | None = None
    region: str = "SG"
    near: bool = True


@dataclass(frozen=True)
class Rate:
    """A share of bad items: over what, with an interval to show and an upper bound to claim.

    ``interval`` is Wilson's, two-sided; ``at_most`` is Clopper and Pearson's, one-sided. Both are
    None where the whole corpus was counted, or nothing was measured; ``note`` says which.
    """

    name: str
    title: str
    value: float | None
    n_bad: int
    n_measured: int
    n_planned: int
    interval: tuple[float, float] | None = None
    at_most: float | None = None
    level: float = LEVEL
    note: str | None = None


@dataclass(frozen=True)
class Gate:
    """A threshold, decided twice: by the point estimate, and by what is demonstrated.

    Args:
        value: what is compared: a share of qualified items, or of bad ones.
        bound: exact and one-sided, 95 %: the end that the threshold is about.
        certainty: how sure the threshold is.
        needed: how many of ``n_measured`` would demonstrate it; None where none would.
    """

    name: str
    rule: Literal["at_least", "at_most"]
    threshold: float
    certainty: str
    state: State
    n_measured: int
    n_planned: int
    n_required: int
    value: float | None = None
    bound: float | None = None
    demonstrated: bool | None = None
    needed: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class Audit:
    """What was found."""

    rules: Rules
    settings: Settings
    drawing: Drawing
    files: list[dict[str, str]]
    rates: tuple[Rate, ...]
    sources: dict[str, dict[str, Rate]]
    gates: tuple[Gate, ...]
    identifiers: dict[str, int]
    labels: Labels | None
    manual: tuple[Item, ...]

    def exit_code(self, *, demonstrated: bool = False) -> int:
        """0 where every measured gate holds, 1 where one fails, 3 where too little was measured.

        Args:
            demonstrated: a gate that is not demonstrated fails too.
        """
        measured = [gate for gate in self.gates if gate.state != "not measured"]
        if any(gate.state == "fails" for gate in measured):
            return 1
        if demonstrated and any(gate.demonstrated is False for gate in measured):
            return 1
        short = any(gate.state == "insufficient" for gate in measured)
        return 3 if short or not measured else 0

    def to_json(self) -> dict[str, Any]:
        """As plain data; the same corpus and settings give the same."""
        census = self.drawing.census
        classifier = self.settings.classifier
        return {
            "rules": self.rules.cited(),
            "corpus": {
                "files": self.files, "n_items": census.n_items, "n_without_text": census.n_empty,
                "sources": census.sources,
            },
            "draw": {
                "seed": census.seed, "n_manual": self.drawing.n_manual,
                "n_automatic": self.drawing.n_automatic,
            },
            "keywords": self.settings.keywords.n_words if self.settings.keywords else None,
            "classifier": None
            if classifier is None
            else {
                "identity": classifier.adapter.identity.to_json(),
                "attribute": classifier.attribute,
                "threshold": classifier.threshold,
            },
            "labels": None
            if self.labels is None
            else {"raters": list(self.labels.raters), "dates": self.labels.dates},
            "rates": [asdict(rate) for rate in self.rates],
            "identifiers": self.identifiers,
            "sources": {
                source: {name: asdict(rate) for name, rate in rates.items()}
                for source, rates in self.sources.items()
            },
            "gates": [asdict(gate) for gate in self.gates],
        }  # fmt: skip


_TITLES = {
    "manual": "bad by people's labels",
    "keywords": "flagged by keywords",
    "classifier": "bad by the classifier",
    "automatic": "flagged by keywords or the classifier",
    "toxicity": "toxic by the classifier",
    "personal data": "with a valid-looking identifier of a person",
    "near repeats": "nearly or exactly another item",
}


def audit(corpus: Corpus, rules: Rules, settings: Settings) -> Audit:
    """Audit a corpus: it is read three times, and held never.

    Raises:
        ConfigError, DataError: the corpus or the labels are not as they should be.
    """
    census = count(corpus, settings.seed)
    drawing = draw(census, settings.sample, settings.share)
    found, manual = measure(
        corpus, drawing, settings.keywords, settings.classifier, settings.region
    )
    labels = None
    if settings.labels is not None:
        labels = read_labels(settings.labels, manual, drawing)
        found.tallies["manual"] = labels.tally
    if settings.near:
        found.tallies["near repeats"] = near_items(corpus, manual, THRESHOLD)
    return Audit(
        rules, settings, drawing, corpus.digests(), tuple(_rates(found, drawing)),
        _by_source(found, drawing), tuple(_gates(found, rules, drawing)),
        dict(sorted(found.types.items())), labels, tuple(manual),
    )  # fmt: skip


def _rates(found: Measures, drawing: Drawing) -> list[Rate]:
    rates = []
    for name, title in _TITLES.items():
        tally = found.tallies.get(name)
        if tally is not None:
            rates.append(_rate(name, tally))
        else:
            why = found.without.get(name, _NOT_ASKED[name])
            rates.append(Rate(name, title, None, 0, 0, 0, note=why))
    census = drawing.census
    rates.append(
        Rate(
            "repeats", "exactly an earlier item", census.n_repeats / census.n_items,
            census.n_repeats, census.n_items, census.n_items,
            note="every item was counted: no sampling error",
        )
    )  # fmt: skip
    return rates


_NOT_ASKED = {
    "manual": "no labels yet: fill in the sheet, then give --labels",
    "keywords": "no list: give --keywords",
    "classifier": "no classifier: give --classifier",
    "automatic": "neither keywords nor a classifier were given",
    "toxicity": "no classifier: give --classifier",
    "personal data": "not looked for",
    "near repeats": "not looked for (--no-near)",
}


def _rate(name: str, tally: Tally, source: str | None = None) -> Rate:
    """A tally's share, over all sources or of one."""
    bad, measured, planned = tally.counts(source)
    reasons = ", ".join(f"{why} ({n:,})" for why, n in tally.reasons.most_common(3))
    note = f"not measured: {reasons}" if reasons and source is None else None
    if not measured:
        return Rate(name, _TITLES[name], None, 0, 0, planned, note=note)
    estimate = stats.proportion(bad, measured, LEVEL, claim_side="upper")
    interval, claim = estimate.interval, estimate.claim
    return Rate(
        name, _TITLES[name], estimate.value, bad, measured, planned,
        None if interval is None else (interval.low, interval.high),
        None if claim is None else claim.high, note=note,
    )  # fmt: skip


def _by_source(found: Measures, drawing: Drawing) -> dict[str, dict[str, Rate]]:
    return {
        source: {name: _rate(name, tally, source) for name, tally in found.tallies.items()}
        for source in drawing.census.sources
    }


def _gates(found: Measures, rules: Rules, drawing: Drawing) -> list[Gate]:
    asked, n_items = rules.corpus, drawing.census.n_items
    wanted = min(int(asked.manual_items.value), n_items)
    share = items_of(asked.automatic_share.value, n_items)
    routes: Mapping[str, tuple[int, Number]] = {
        "manual": (wanted, asked.manual_qualified),
        "automatic": (share, asked.automatic_qualified),
    }
    gates = [
        _gate(f"{name}: qualified", "at_least", number, rules, found.tallies.get(name), required)
        for name, (required, number) in routes.items()
    ]
    for source in drawing.census.sources:
        for name in routes:
            tally = found.tallies.get(name)
            if tally is not None and tally.planned[source]:
                gates.append(
                    _gate(
                        f"source {source}, {name}: bad", "at_most", asked.source_bad, rules, tally,
                        2, source,
                    )
                )  # fmt: skip
    return gates


def _gate(
    name: str,
    rule: Literal["at_least", "at_most"],
    number: Number,
    rules: Rules,
    tally: Tally | None,
    required: int,
    source: str | None = None,
) -> Gate:
    threshold, sure = number.value, rules.certainty_of(number)
    if tally is None:
        return Gate(name, rule, threshold, sure, "not measured", 0, 0, required)
    bad, n, planned = tally.counts(source)
    if not n:
        return Gate(name, rule, threshold, sure, "insufficient", 0, planned, required)
    if rule == "at_least":
        value, bound = (n - bad) / n, stats.clopper_pearson(n - bad, n, LEVEL, 1, "lower").low
        holds, shown = value >= threshold, bound >= threshold
        needed = stats.demonstrates(threshold, n, LEVEL)
    else:
        value, bound = bad / n, stats.clopper_pearson(bad, n, LEVEL, 1, "upper").high
        holds, shown = value <= threshold, bound <= threshold
        needed = stats.at_most(threshold, n, LEVEL)
    note = None
    state: State = "holds" if holds else "fails"
    if n < required:
        state, note = "insufficient", f"{required:,} are asked for"
    elif n < FLOOR * planned:
        state, note = "insufficient", f"less than {100 * FLOOR:g} % of the draw was measured"
    return Gate(
        name, rule, threshold, sure, state, n, planned, required, value, bound, shown, needed, note
    )
