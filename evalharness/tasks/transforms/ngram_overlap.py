"""Which items stand, in part, in a corpus that the user has."""

from __future__ import annotations

import gzip
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from evalharness.errors import DataError, TaskError
from evalharness.tasks.items import Item

__all__ = ["NgramOverlap"]

#: A word in letters or digits; a Chinese character is a word.
_WORD = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")


@dataclass(frozen=True)
class NgramOverlap:
    """Tags each item by whether ``n`` of its words stand in a row in the corpus.

    Case and punctuation do not count. Source: Brown et al. 2020 (GPT-3), 2005.14165, appendix C
    (13 words, fewer for sets of short items).

    Args:
        corpus: text files (UTF-8, also ``.gz``), from the folder in which evalharness is started.
        n: words in a row.
        answers: whether an item's right answer counts as the end of its text.
    """

    corpus: tuple[str, ...] = ()
    n: int = 13
    answers: bool = True

    name: ClassVar[str] = "ngram_overlap"
    version: ClassVar[int] = 1
    by_item: ClassVar[bool] = False
    tags: ClassVar[tuple[str, ...]] = ("overlap",)

    def __post_init__(self) -> None:
        if self.n < 2:
            raise TaskError(f"transform 'ngram_overlap': n is {self.n}; give 2 or more")

    def items(self, items: Iterable[Item], seed: int) -> Iterator[Item]:
        """Every item, with ``overlap``: yes, no, or (of one with fewer words) short.

        Raises:
            TaskError: no corpus is named.
            DataError: a file of it cannot be read.
        """
        del seed
        if not self.corpus:
            raise TaskError(
                "transform 'ngram_overlap': name your corpus: "
                "transform: {corpus: [FILE, ...]} beside the task in the configuration"
            )
        known = list(items)
        own = [frozenset(_ngrams(_words(self._text(item)), self.n)) for item in known]
        wanted = frozenset().union(*own)
        found: set[str] = set()
        for path in self.corpus:
            words = (word for line in _lines(Path(path)) for word in _words(line))
            found.update(ngram for ngram in _ngrams(words, self.n) if ngram in wanted)
        for item, ngrams in zip(known, own, strict=True):
            overlap = "short" if not ngrams else "no" if ngrams.isdisjoint(found) else "yes"
            yield replace(item, tags={**item.tags, "overlap": overlap})

    def _text(self, item: Item) -> str:
        if not self.answers or item.answer is None:
            return item.prompt
        return f"{item.prompt} {item.choices[item.answer]}"


def _words(text: str) -> Sequence[str]:
    return _WORD.findall(text.casefold())


def _ngrams(words: Iterable[str], n: int) -> Iterator[str]:
    window: deque[str] = deque(maxlen=n)
    for word in words:
        window.append(word)
        if len(window) == n:
            yield " ".join(window)


def _lines(path: Path) -> Iterator[str]:
    try:
        with (
            gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as raw,
            io.TextIOWrapper(raw, encoding="utf-8-sig") as text,
        ):
            yield from text
    except (OSError, EOFError) as fault:
        raise DataError(f"{path}: the corpus cannot be read: {fault}") from None
    except UnicodeDecodeError as fault:
        raise DataError(f"{path}: not UTF-8 text (byte {fault.start})") from None
