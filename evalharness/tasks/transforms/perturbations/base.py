"""What a perturbation is: it lists the places it could change; a seed draws some of them.

A kind knows nothing of seeds, shares or protected texts: it lists edits. Which of them are made is
settled here, alike for all, so that every kind keeps what must be kept, by construction.
"""

from __future__ import annotations

import bisect
import functools
import hashlib
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import yaml

from evalharness.tasks.transforms.perturbations.words import Span, protected_spans

__all__ = ["Draw", "Edit", "Kind", "Perturbed", "perturb", "pick", "table"]

#: The next number in [0, 1). `random.Random.random` is the one method of which Python promises the
#: same sequence in every version.
Draw: TypeAlias = Callable[[], float]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Writes ``text`` in place of the characters from ``start`` to before ``end``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Kind:
    """One kind of perturbation.

    Args:
        name: as in configurations, tags and tables.
        version: raised whenever the same text, seed and item would give another text.
        languages: primary BCP 47 subtags that it is made for.
        share: of the places that it finds, how many are changed by default; in (0, 1].
        find: the text and a source of draws -> every edit that it could make. Edits may overlap; of
            two that do, one is made at most.
        keeps_negations: whether "not", "never" and the like are protected too: for kinds that
            write characters at random, one of which could turn "not" into "now".
    """

    name: str
    version: int
    languages: tuple[str, ...]
    share: float
    find: Callable[[str, Draw], Iterable[Edit]]
    keeps_negations: bool = True

    def reads(self, language: str) -> bool:
        """Whether it is made for a BCP 47 language: "en" and "en-SG" alike."""
        return language.partition("-")[0].lower() in self.languages


@dataclass(frozen=True, slots=True)
class Perturbed:
    """A disturbed text, and the edits of the original that made it, in order."""

    text: str
    edits: tuple[Edit, ...]


def perturb(
    kind: Kind,
    text: str,
    *,
    seed: int,
    item: str,
    protect: Sequence[str] = (),
    share: float | None = None,
) -> Perturbed | None:
    """Disturb a text.

    A pure function of its arguments, the same in every version of Python. The edits of a smaller
    share are among those of a larger one.

    Args:
        seed: the run's.
        item: id of the item: each item has its own draws.
        protect: texts that must stay as they are (options, answers). Numbers, quotations, links,
            acronyms and labels of options are always protected.
        share: of the places found, the share that is changed, in (0, 1], one place at least;
            default: the kind's own.

    Returns:
        None where the kind finds nothing to change.

    Raises:
        ValueError: ``share`` is not in (0, 1].
    """
    share = kind.share if share is None else share
    if not 0 < share <= 1:
        raise ValueError(f"a share of {share} is not in (0, 1]")
    key = hashlib.sha256(f"{seed}\0{item}\0{kind.name}".encode("utf-8", "surrogatepass")).digest()
    draw = random.Random(int.from_bytes(key)).random  # noqa: S311 - noise, no secret
    spans = protected_spans(text, protect, negations=kind.keeps_negations)
    found = [edit for edit in kind.find(text, draw) if not _touches(edit, spans)]
    changing = [edit for edit in found if edit.text != text[edit.start : edit.end]]
    apart = _apart(edit for _, edit in sorted((draw(), edit) for edit in changing))
    chosen = sorted(apart[: max(1, round(share * len(apart)))])
    written = _written(text, chosen)
    # edits may undo each other
    return Perturbed(written, tuple(chosen)) if written != text else None


def pick(draw: Draw, options: Sequence[_T]) -> _T:
    """One of the options, each as likely as the others."""
    return options[int(draw() * len(options))]


@functools.cache
def table(name: str) -> Any:
    """A table of words or characters from ``tables/<name>.yaml``. Not to be changed."""
    path = Path(__file__).parent / "tables" / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _touches(edit: Edit, spans: Sequence[Span]) -> bool:
    """Whether an edit changes a protected text, or what sets it off from its neighbours."""
    first = bisect.bisect_right(spans, edit.start, key=lambda span: span[0]) - 1
    for start, end in itertools.islice(spans, max(0, first), None):
        if start > edit.end:
            return False
        if edit.start == edit.end:
            if start < edit.start < end:
                return True
        elif edit.start <= end:
            return True
    return False


def _apart(ranked: Iterable[Edit]) -> list[Edit]:
    """In the same order, those that overlap none before them."""
    kept: list[Edit] = []
    in_text: list[Edit] = []
    for edit in ranked:
        place = bisect.bisect_left(in_text, edit)
        if all(_clear(edit, other) for other in in_text[max(0, place - 1) : place + 1]):
            kept.append(edit)
            in_text.insert(place, edit)
    return kept


def _clear(one: Edit, other: Edit) -> bool:
    """Whether two edits do not overlap; two insertions at one place do."""
    first, second = sorted((one, other))
    if first.end > second.start:
        return False
    return first.start != second.start or first.end != second.end


def _written(text: str, edits: Sequence[Edit]) -> str:
    parts, at = [], 0
    for edit in edits:
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])
