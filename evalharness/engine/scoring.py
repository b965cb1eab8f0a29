"""Scores what came back for one sample: one outcome a generation, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalharness.engine.dialogue import Crashed, Dialogue, Failed, broken_promise
from evalharness.records import Attempt, Failure, Outcome, OutcomeKind, Sample
from evalharness.scorers.base import Scorer
from evalharness.tasks.planned import PlannedTask

__all__ = ["SampleScoring", "failed_outcomes", "same_outcomes"]


@dataclass(frozen=True)
class SampleScoring:
    """One sample's scoring, in the dialogue of its attempt, which is over."""

    dialogue: Dialogue
    task: PlannedTask
    scorer: Scorer
    sample: Sample

    async def outcomes(self, made: Attempt, places: Sequence[int]) -> list[Outcome]:
        """The outcomes; whatever a scorer does wrong costs this one sample, never the run.

        Args:
            places: which generations (or choices) the responses are.
        """
        expected = 1 if made.per_choice else len(made.responses)
        whole = made.per_choice or len(places) == self.task.generations
        self.dialogue.number_by(None if whole else places)
        scorer, sample = self.scorer, self.sample
        try:
            scored = await self.dialogue.hold(lambda: scorer.score(sample, made))
        except Failed as stop:
            if expected == 1:
                return failed_outcomes(stop.failure, self.task)[:1]
            # a generation's outcome depends on it alone: only those whose judge failed are lost
            alone = zip(made.responses, places, strict=True)
            return [(await self.outcomes(Attempt((one,)), [place]))[0] for one, place in alone]
        except Crashed as crash:
            fault = crash.fault
            reason = f"scorer '{scorer.name}' failed: {type(fault).__name__}: {fault}"[:500]
        else:
            wrong = broken_promise(scored, expected, scorer.scores)
            if wrong is None:
                return list(scored)
            reason = f"scorer '{scorer.name}' {wrong}"
        return same_outcomes(OutcomeKind.ERRORED, reason, self.task)[:expected]


def same_outcomes(kind: OutcomeKind, reason: str, task: PlannedTask) -> list[Outcome]:
    """One outcome for every generation of a sample."""
    count = 1 if task.method == "loglikelihood" else task.generations
    return [Outcome(kind, reason=reason)] * count


def failed_outcomes(failure: Failure, task: PlannedTask) -> list[Outcome]:
    """What a failure makes of every generation of a sample."""
    return same_outcomes(OutcomeKind(failure.outcome), failure.reason, task)
