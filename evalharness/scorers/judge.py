"""An answer judged by a model in the judge role, by a rubric."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

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
from evalharness.scorers.base import Scoring, first_look
from evalharness.scorers.judge_prompt import judge_prompt, read_verdict
from evalharness.scorers.refusal import REFUSAL_VERSION, is_refusal
from evalharness.scorers.rubric import Rubric, rubric_of

__all__ = ["Judge"]


@dataclass(frozen=True)
class Judge:
    """The number that the rubric gives to the judge's verdict, in [0, 1]; ``answer`` is the label.

    Silence and blocked answers are not judged. A verdict that the rubric calls ``refused`` is that
    outcome, without a number. Whatever else a judge does (it refuses, is blocked, answers prose,
    nothing, or half a verdict) makes the outcome ``unparsed`` with a reason that begins with "the
    judge": never a number. The judge answers greedily.

    Args:
        rubric: a bundled rubric's name, or a rubric's fields; a ``task.yaml`` may name a file
            beside it (``./mine.yaml``).
        max_tokens: of the judge's answer.
    """

    rubric: Annotated[Rubric, BeforeValidator(rubric_of)]
    max_tokens: Annotated[int, Field(ge=1)] = 512

    name: ClassVar[str] = "judge"
    version: ClassVar[int] = 100 + REFUSAL_VERSION
    roles: ClassVar[frozenset[Role]] = frozenset({"judge"})

    @property
    def scores(self) -> tuple[str, ...]:
        """The rubric's own number: a metric with the wrong direction cannot read it."""
        return (self.rubric.score,)

    @property
    def languages(self) -> frozenset[str] | None:
        return frozenset(self.rubric.languages)

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:
        early = [first_look(response) for response in attempt.responses]
        requests = [
            self._request(sample, response.text)
            for response, outcome in zip(attempt.responses, early, strict=True)
            if outcome is None
        ]
        verdicts = iter((yield requests) if requests else ())
        return [
            outcome if outcome is not None else self._outcome(next(verdicts)) for outcome in early
        ]

    def _request(self, sample: Sample, response: str) -> Request:
        prompt = judge_prompt(self.rubric, sample, response)
        # one turn of the user: not every model has a place for a system message
        return Request(
            "generate",
            role="judge",
            messages=(Message("user", prompt),),
            decoding=Decoding(max_tokens=self.max_tokens),
        )

    def _outcome(self, verdict: Response) -> Outcome:
        if (fault := first_look(verdict)) is not None:
            what = "was blocked" if fault.kind is OutcomeKind.BLOCKED else "gave no verdict"
            return Outcome(OutcomeKind.UNPARSED, reason=f"the judge {what}: {fault.reason}")
        label = read_verdict(verdict.text, tuple(self.rubric.verdicts))
        if label is not None:
            value = self.rubric.verdicts[label]
            if isinstance(value, str):
                reason = "the judge found that the answer declines"
                return Outcome(OutcomeKind.REFUSED, answer=label, reason=reason)
            return Outcome(OutcomeKind.ANSWERED, {self.rubric.score: value}, answer=label)
        if is_refusal(verdict.text):
            reason = "the judge refused to judge"
        elif verdict.finish_reason == "length":
            reason = f"the judge's verdict was cut off at {self.max_tokens} tokens"
        else:
            reason = "the judge's verdict could not be read"
        return Outcome(OutcomeKind.UNPARSED, reason=reason)
