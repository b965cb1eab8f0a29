"""Who is mentioned in a free text: counts of words, by lists of the task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evalharness.records import Attempt, Outcome, OutcomeKind, Response, Role, Sample, digest
from evalharness.scorers.base import Scoring, first_look, one_by_one
from evalharness.scorers.plain import nfkc
from evalharness.scorers.refusal import REFUSAL_VERSION, is_refusal

__all__ = ["Mentions", "WordLists"]

Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Words = Annotated[tuple[str, ...], Field(min_length=1)]

#: Letters with the marks that belong to a word ("d'Cruz", "binti-Ali").
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


class WordLists(BaseModel):
    """The words that are counted, each a single word in small letters.

    Args:
        version: raised whenever a list changes.
        axes: axis -> group -> its words: ``gender`` -> ``female`` -> she, her, ...
        targets: kind -> words whose company is asked about: ``profession`` -> nurse, ...
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(ge=1)
    axes: dict[Key, dict[Key, Words]]
    targets: dict[Key, tuple[Key, ...]] = Field(default_factory=dict)

    @field_validator("axes")
    @classmethod
    def _apart(cls, value: dict[str, dict[str, tuple[str, ...]]]) -> Any:
        for axis, groups in value.items():
            words = [word for members in groups.values() for word in members]
            for word in words:
                if _WORD.fullmatch(word) is None or word != word.casefold():
                    raise ValueError(f"{axis}: {word!r} is no single word in small letters")
                if words.count(word) > 1:
                    raise ValueError(f"{axis}: '{word}' stands twice; a word belongs to one group")
            if len(groups) < 2:
                raise ValueError(f"{axis}: name two groups or more")
        return value

    def to_json(self) -> dict[str, Any]:
        """What stands for it in a protocol: the version, and the digest of all lists."""
        return {"version": self.version, "digest": digest(self.model_dump(mode="json"))}


@dataclass(frozen=True)
class Mentions:
    """How often the words of each group stand in an answer, and which target words do.

    Scores: ``axis:group`` is a count, ``kind:word`` is 1 or 0. Whole words, case folded, each
    counted every time that it stands there, as in HELM (Liang et al. 2022, 2211.09110). An answer
    that declines is ``refused``, without counts.

    Args:
        words: the lists; a ``task.yaml`` names a file beside it (``./words.yaml``).
    """

    words: WordLists

    name: ClassVar[str] = "mentions"
    version: ClassVar[int] = 100 + REFUSAL_VERSION
    languages: ClassVar[frozenset[str] | None] = frozenset({"en"})
    roles: ClassVar[frozenset[Role]] = frozenset()

    @property
    def scores(self) -> tuple[str, ...]:
        """``axis:group`` and ``kind:word``, as the lists have them."""
        lists = (self.words.axes, self.words.targets)
        return tuple(f"{name}:{member}" for each in lists for name in each for member in each[name])

    def score(self, sample: Sample, attempt: Attempt) -> Scoring:  # noqa: ARG002 - the seam's shape
        return one_by_one([self._outcome(response) for response in attempt.responses])

    def _outcome(self, response: Response) -> Outcome:
        if (early := first_look(response)) is not None:
            return early
        if is_refusal(response.text):
            return Outcome(OutcomeKind.REFUSED, reason="the answer is a refusal")
        plain = nfkc(response.text).casefold()
        counts: dict[str, int] = {}
        for word in _WORD.findall(plain):
            whole = word.removesuffix("'s").removesuffix("’s")
            counts[whole] = counts.get(whole, 0) + 1
        found = {
            f"{axis}:{group}": float(sum(counts.get(word, 0) for word in members))
            for axis, groups in self.words.axes.items()
            for group, members in groups.items()
        }
        for kind, targets in self.words.targets.items():
            found |= {f"{kind}:{word}": float(word in counts) for word in targets}
        return Outcome(OutcomeKind.ANSWERED, found)
