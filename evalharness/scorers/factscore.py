"""FActScore: the share of an answer's facts that are supported.

Two scorers with the same numbers: `FactLabels` counts the labels that people gave to a recorded
answer's facts; `FactScore` has a judge split a live answer into facts and judge each against a
text that the user supplied.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from evalharness.records import (
    Attempt,
    Decoding,
    Message,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    Role,
    Sample,
)
from evalharness.scorers.base import Scoring, first_look, one_by_one
from evalharness.scorers.fact_list import facts_prompt, read_facts
from evalharness.scorers.judge_prompt import judge_prompt, read_verdict
from evalharness.scorers.refusal import LANGUAGES, REFUSAL_VERSION, is_refusal
from evalharness.scorers.rubric import Rubric, rubric_of

__all__ = ["FactLabels", "FactScore"]

#: The labels of human-atomic-facts: supported, not supported, irrelevant to the prompt.
_LABELS = frozenset({"S", "NS", "IR"})


@dataclass(frozen=True)
class FactLabels:
    """Counts the labels that came with a recorded output: ``{annotations: [...]}`` as its verdict.

    The form is that of the authors' released data: a list of sentences, each with
    ``is-relevant`` and ``human-atomic-facts`` (``text``, ``label`` S, NS or IR) or, where the
    sentence is irrelevant, ``model-atomic-facts``. ``supported`` is the share of facts labelled
    S; facts labelled IR and the facts of irrelevant sentences are not supported. ``facts`` is
    their number. ``annotations: null`` is what the authors wrote for no answer: ``refused``. A
    record without annotations, or with others than these, is ``errored`` with the reason.

    Source: Min et al. 2023 (FActScore, 2305.14251), section 3.
    """

    name: ClassVar[str] = "fact_labels"
    version: ClassVar[int] = 1
    scores: ClassVar[tuple[str, ...]] = ("supported", "facts")
    languages: ClassVar[frozenset[str] | None] = None
    roles: ClassVar[frozenset[Role]] = frozenset()

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:  # noqa: ARG002 - the seam's shape
        return one_by_one([self._read(response.recorded) for response in attempt.responses])

    def _read(self, verdict: Any) -> Outcome:
        if not isinstance(verdict, Mapping) or "annotations" not in verdict:
            return _errored("the record holds no 'annotations' in its verdict")
        if verdict["annotations"] is None:
            return Outcome(OutcomeKind.REFUSED, reason="the annotators found no answer")
        try:
            labels = [label for one in verdict["annotations"] for label in _labels(one)]
        except (TypeError, KeyError, ValueError, AttributeError) as fault:
            return _errored(f"annotations that cannot be read: {type(fault).__name__}: {fault}")
        if not labels:
            return Outcome(OutcomeKind.REFUSED, reason="the annotators found no fact in the answer")
        return _counted(labels.count("S"), len(labels))


def _labels(sentence: Mapping[str, Any]) -> list[str]:
    """The label of each fact of a sentence; those of an irrelevant one are all IR."""
    if not sentence["is-relevant"]:
        return ["IR"] * len(sentence["model-atomic-facts"] or ())
    labels = [str(fact["label"]) for fact in sentence["human-atomic-facts"]]
    if unknown := sorted({*labels} - _LABELS):
        raise ValueError(f"label {unknown[0]!r} is none of S, NS, IR")
    return labels


@dataclass(frozen=True)
class FactScore:
    """Splits an answer into facts and judges each against ``target.knowledge``, by the judge.

    ``supported`` in [0, 1] is the share of facts that the text supports, ``facts`` their number.
    What the text does not say is not supported, even if it is true: the text must be as broad as
    the question. An answer that declines or states nothing is ``refused``. A list of facts or a
    verdict that cannot be read makes the outcome ``unparsed`` with a reason that begins with "the
    judge": no share is made of a part of the facts. No knowledge is ``errored``.

    Args:
        rubric: what a fact is judged by; its numbers are averaged, its score is ``supported``.
        max_facts: a longer list is unread; it bounds what one answer may cost.
        max_tokens: of the judge's list of facts; its verdicts get 256.

    Source: Min et al. 2023 (FActScore, 2305.14251), section 4, with the knowledge given instead of
    retrieved.
    """

    rubric: Annotated[Rubric, BeforeValidator(rubric_of)] = field(
        default_factory=partial(rubric_of, "supported")
    )
    max_facts: Annotated[int, Field(ge=1, le=1000)] = 100
    max_tokens: Annotated[int, Field(ge=1)] = 2048

    name: ClassVar[str] = "factscore"
    version: ClassVar[int] = 100 + REFUSAL_VERSION
    scores: ClassVar[tuple[str, ...]] = ("supported", "facts")
    languages: ClassVar[frozenset[str] | None] = LANGUAGES
    roles: ClassVar[frozenset[Role]] = frozenset({"judge"})

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        outcomes = [self._early(sample, response) for response in attempt.responses]
        waiting = [place for place, outcome in enumerate(outcomes) if outcome is None]
        lists: Sequence[Response] = ()
        if waiting:
            lists = yield [
                _ask(facts_prompt(sample, attempt.responses[place].text), self.max_tokens)
                for place in waiting
            ]
        facts: dict[int, list[str]] = {}
        for place, response in zip(waiting, lists, strict=False):
            read = read_facts(response.text)
            if read:
                facts[place] = read
            outcomes[place] = self._unlisted(response, read)
        asked = [(place, fact) for place, members in facts.items() if outcomes[place] is None
                 for fact in members]  # fmt: skip
        verdicts: Sequence[Response] = ()
        if asked:
            verdicts = yield [
                _ask(judge_prompt(self.rubric, sample, fact), 256) for _, fact in asked
            ]
        given: dict[int, list[float | None]] = {}
        for (place, _), verdict in zip(asked, verdicts, strict=False):
            given.setdefault(place, []).append(self._value(verdict))
        return [
            outcome if outcome is not None else _judged(given[place])
            for place, outcome in enumerate(outcomes)
        ]

    def _value(self, verdict: Response) -> float | None:
        """What the judge's verdict on one fact is worth; None where there is none."""
        label = read_verdict(verdict.text, tuple(self.rubric.verdicts))
        value = None if label is None else self.rubric.verdicts[label]
        return None if isinstance(value, str) else value

    @staticmethod
    def _early(sample: Sample, response: Response) -> Outcome | None:
        if (early := first_look(response)) is not None:
            return early
        if is_refusal(response.text):
            return Outcome(OutcomeKind.REFUSED, reason="the answer is a refusal")
        if not str(sample.target.get("knowledge") or "").strip():
            return _errored("target.knowledge holds no text to judge facts against: supply it")
        return None

    def _unlisted(self, response: Response, facts: list[str] | None) -> Outcome | None:
        """The outcome where there is no list of facts to go on with."""
        if facts is None:
            cut = response.finish_reason == "length"
            how = f"was cut off at {self.max_tokens} tokens" if cut else "could not be read"
            return Outcome(OutcomeKind.UNPARSED, reason=f"the judge's list of facts {how}")
        if not facts:
            return Outcome(OutcomeKind.REFUSED, reason="the answer states no fact")
        if len(facts) > self.max_facts:
            reason = f"the judge found more than {self.max_facts} facts; raise max_facts"
            return Outcome(OutcomeKind.UNPARSED, reason=reason)
        return None


def _ask(prompt: str, max_tokens: int) -> Request:
    return Request(
        "generate",
        role="judge",
        messages=(Message("user", prompt),),
        decoding=Decoding(max_tokens=max_tokens),
    )


def _judged(values: Sequence[float | None]) -> Outcome:
    read = [value for value in values if value is not None]
    if len(read) < len(values):
        unread = len(values) - len(read)
        reason = f"the judge's verdict on {unread} of {len(values)} facts was not read"
        return Outcome(OutcomeKind.UNPARSED, reason=reason)
    return _counted(math.fsum(read), len(read))


def _counted(supported: float, facts: int) -> Outcome:
    return Outcome(
        OutcomeKind.ANSWERED,
        {"supported": supported / facts, "facts": float(facts)},
        answer=f"{supported:g} of {facts} facts supported",
    )


def _errored(reason: str) -> Outcome:
    return Outcome(OutcomeKind.ERRORED, reason=reason[:300])
