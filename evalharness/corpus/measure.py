"""What is found in the items of a draw: keywords, a classifier's verdict, identifiers, repeats."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from evalharness import yamlfile
from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.corpus.draw import Drawing, rank
from evalharness.corpus.items import Corpus, Item
from evalharness.engine.loop import run_to_end
from evalharness.errors import ConfigError, MissingExtraError
from evalharness.lint.languages import detect
from evalharness.lint.near import NearIndex
from evalharness.records import Failure, Request, Response
from evalharness.scorers.keywords import KeywordMatcher
from evalharness.scorers.recognisers import identifiers, need_extra

__all__ = ["Classifier", "Measures", "Tally", "classifier_of", "measure", "near_items"]

_AT_ONCE = 512
#: Of a longer text the beginning is compared with others.
_COMPARED = 20_000


@dataclass
class Tally:
    """How many items a measure planned, measured and found bad, by source; why not measured."""

    planned: Counter[str] = field(default_factory=Counter)
    measured: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, source: str, verdict: bool | str) -> None:
        """One item: whether it is bad, or why that is not known."""
        self.planned[source] += 1
        if isinstance(verdict, str):
            self.reasons[verdict] += 1
        else:
            self.measured[source] += 1
            self.bad[source] += verdict

    def counts(self, source: str | None = None) -> tuple[int, int, int]:
        """Bad, measured and planned items: of one source, or of all."""
        bad, measured, planned = (
            counter[source] if source is not None else sum(counter.values())
            for counter in (self.bad, self.measured, self.planned)
        )
        return bad, measured, planned


@dataclass(frozen=True)
class Classifier:
    """A model in the role of a classifier, and how its scores are read.

    Args:
        attribute: the class of what is bad; ``threshold``: from which score.
    """

    adapter: Adapter
    attribute: str = "toxicity"
    threshold: float = 0.5


@dataclass
class Measures:
    """The tallies of every measure that was asked for, by its name."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    types: Counter[str] = field(default_factory=Counter)
    without: dict[str, str] = field(default_factory=dict)

    def add(self, measure: str, source: str, verdict: bool | str) -> None:
        self.tallies.setdefault(measure, Tally()).add(source, verdict)


def classifier_of(named: str) -> Adapter:
    """A classifier by its adapter's name, or by a YAML file with ``adapter:`` and its options.

    Raises:
        ConfigError: there is no such adapter or file, or it cannot classify.
        AdapterError: it cannot be set up.
    """
    spec: Any = named
    base = Path.cwd()
    if named.endswith((".yaml", ".yml")):
        spec = yamlfile.read(Path(named), ConfigError).data
        base = Path(named).resolve().parent
        if not isinstance(spec, dict):
            raise ConfigError(f"{named}: expected 'adapter: NAME' and its options")
    adapter = registry.create(spec, base_dir=base, where="--classifier")
    if "classify" not in adapter.capabilities.kinds:
        raise ConfigError(f"--classifier {named}: it classifies no texts; name one that does")
    return adapter


def measure(
    corpus: Corpus,
    drawing: Drawing,
    keywords: KeywordMatcher | None,
    classifier: Classifier | None,
    region: str = "SG",
) -> tuple[Measures, list[Item]]:
    """Read the corpus again, look at the automatic draw, and give the items of the manual one.

    Args:
        region: whose telephone numbers are read without a country code.
    """
    found, manual = Measures(), []
    try:
        need_extra()
    except MissingExtraError as fault:
        found.without["personal data"] = str(fault)

    def automatic() -> Iterator[Item]:
        for item, by_hand, by_machine in drawing.items(corpus):
            if by_hand:
                manual.append(item)
            if by_machine:
                yield item

    async def all_of_it() -> None:
        items = automatic()
        try:
            while chunk := list(islice(items, _AT_ONCE)):
                await _chunk(chunk, found, keywords, classifier, region)
        finally:
            close = getattr(classifier.adapter, "aclose", None) if classifier else None
            if close is not None:
                await close()

    run_to_end(all_of_it())
    # in the order of the draw: whoever labels a part of them from the top labels a random part
    return found, sorted(manual, key=lambda item: rank(drawing.census.seed, item))


async def _chunk(
    chunk: Sequence[Item],
    found: Measures,
    keywords: KeywordMatcher | None,
    classifier: Classifier | None,
    region: str,
) -> None:
    answers: Sequence[Response | Failure | str | None] = [None] * len(chunk)
    if classifier is not None:
        answers = await _classified([item.text for item in chunk], classifier.adapter)
    for item, answer in zip(chunk, answers, strict=True):
        verdicts: list[bool | str] = []
        if keywords is not None:
            verdicts.append(keywords.any_in(item.text))
            found.add("keywords", item.source, verdicts[-1])
        if classifier is not None and answer is not None:
            verdicts.append(_verdict(answer, classifier.attribute, classifier.threshold))
            found.add("classifier", item.source, verdicts[-1])
            found.add("toxicity", item.source, _verdict(answer, "toxicity", classifier.threshold))
        if verdicts:
            found.add("automatic", item.source, _either(verdicts))
        if "personal data" not in found.without:
            types = {one.type for one in identifiers(item.text, region=region) if not one.reserved}
            found.types.update(types)
            found.add("personal data", item.source, bool(types))


def _either(verdicts: Sequence[bool | str]) -> bool | str:
    """Bad if one route says so; not known where none does and one could not tell."""
    if any(verdict is True for verdict in verdicts):
        return True
    return next((verdict for verdict in verdicts if isinstance(verdict, str)), False)


def _verdict(answer: Response | Failure | str, attribute: str, threshold: float) -> bool | str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, Failure):
        return "the classifier failed"
    value = (answer.scores or {}).get(attribute)
    if value is None or not 0 <= value <= 1:  # NaN is in no range either
        return f"the classifier gave no score for '{attribute}'"
    return value >= threshold


async def _classified(texts: Sequence[str], adapter: Adapter) -> Sequence[Response | Failure | str]:
    """Each text's answer; a text in a language that the classifier does not read is not asked."""
    can = adapter.capabilities
    answers: list[Response | Failure | str] = [""] * len(texts)
    asked = []
    for place, text in enumerate(texts):
        language = detect(text[:_COMPARED]) if can.languages is not None else None
        if can.languages is not None and language is not None and language not in can.languages:
            answers[place] = f"the classifier does not read '{language}'"
        else:
            asked.append(place)
    size = max(1, can.batch_size)
    batches = [asked[start : start + size] for start in range(0, len(asked), size)]
    places = asyncio.Semaphore(1 if size > 1 else max(1, can.concurrency))

    async def one(batch: Sequence[int]) -> None:
        async with places:
            requests = [
                Request("classify", role="classifier", text=texts[place]) for place in batch
            ]
            for place, answer in zip(batch, await adapter.respond(requests), strict=True):
                answers[place] = answer

    await asyncio.gather(*(one(batch) for batch in batches))
    return answers


def near_items(corpus: Corpus, drawn: Sequence[Item], threshold: float) -> Tally:
    """Which drawn items are nearly, or exactly, another item of the whole corpus.

    The corpus is read once more; only the drawn items are held.
    """
    index = NearIndex(threshold)
    keys = {item.id: key for key, item in enumerate(drawn)}
    for key, item in enumerate(drawn):
        index.add(key, item.text[:_COMPARED])
    twins: set[int] = set()
    for other in corpus.items():
        if other is None:
            continue
        own = keys.get(other.id)
        twins.update(key for key, _ in index.near(other.text[:_COMPARED]) if key != own)
    tally = Tally()
    for key, item in enumerate(drawn):
        tally.add(item.source, key in twins)
    return tally
