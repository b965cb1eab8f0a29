"""The words of a text, and the stretches of it that no perturbation may touch."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

__all__ = ["Span", "inner_letters", "is_common", "like", "protected_spans", "words"]

#: From its first character to before its end.
Span: TypeAlias = tuple[int, int]

#: Letters of the Latin alphabet, with the apostrophe of "don't" inside; no hyphens, no digits.
_WORD = re.compile(r"(?<![\w'’])[A-Za-z]+(?:['’][A-Za-z]+)*(?![\w'’])")

_NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand million billion trillion dozen half quarter third first second fourth fifth "
    "sixth seventh eighth ninth tenth once twice double triple hundreds thousands millions halves "
    "thirds quarters"
)

_NEGATIONS = (
    "no not never none nor neither nothing nobody nowhere cannot without unless except hardly "
    "barely scarcely rarely seldom least most more less fewer only all any every each some always"
)

_RUN = r"[A-Za-z0-9_.,:/%°$€£¥+\-−–#&@]"

_FIXED = (
    rf"(?<!{_RUN}){_RUN}*\d{_RUN}*",  # anything with a digit: dates, sums, codes, units
    rf"(?i:\b(?:{'|'.join(_NUMBER_WORDS.split())})\b)",
    r"[〇零一二三四五六七八九十百千万亿两半几]+",
    r"\"[^\"\n]*\"|“[^”\n]*”|「[^」\n]*」|『[^』\n]*』|《[^》\n]*》",
    r"(?<!\w)'[^'\n]+'(?!\w)|(?<!\w)‘[^’\n]+’(?!\w)",
    r"```.*?```|`[^`\n]+`",
    r"\b(?:https?://|www\.)\S+|\b[\w.+-]+@[\w-]+\.[\w.-]+",
    r"\{[^{}\n]*\}|<[^<>\n]*>|\[[^\[\]\n]*\]|_{2,}",  # placeholders, markup, blanks
    r"(?<![A-Za-z])(?:[A-Z]{2,}s?(?![A-Za-z])|(?:[A-Z]\.){2,})",  # acronyms: "US" is not "us"
    r"(?m:^[ \t]*\(?[A-Za-z][.)、:][ \t])",  # labels of options
    r"(?i:\boptions?:[^\n]*|\bchoices?:[^\n]*)|选项[：:][^\n]*",
)
_ALWAYS = re.compile("|".join(f"(?:{pattern})" for pattern in _FIXED), re.DOTALL)
_NEGATION = re.compile(
    rf"(?i:\b(?:{'|'.join(_NEGATIONS.split())})\b|\b[a-z]+n['’]t\b)|[不没沒非无無未勿莫否别]"
)

_SHORTEST = 5

#: Words of a named option that name it only together with the others.
_COMMON = (
    "the and for with from that this not are was were has have had but its his her their our your "
    "who what which when where will would can could"
)
#: An option of more words is a sentence, whose words stand everywhere.
_MOST_WORDS = 5


def words(text: str) -> Iterator[re.Match[str]]:
    """The words in Latin letters, in order; what has a digit or another script in it is none."""
    return _WORD.finditer(text)


def inner_letters(word: str) -> list[int]:
    """Places in a word whose letters a reader can miss: neither the first nor the last.

    None in words of fewer than five letters, where most errors make another word, and none where
    an apostrophe stands inside.
    """
    return list(range(1, len(word) - 1)) if len(word) >= _SHORTEST and word.isalpha() else []


def is_common(word: str) -> bool:
    """Whether a misspelt word is another common one, which a reader would take it for."""
    return word.lower() in _common_words()


@functools.cache
def _common_words() -> frozenset[str]:
    text = (Path(__file__).parent / "tables" / "common_words.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


def like(model: str, text: str) -> str:
    """A text in the case of another: lower, Capitalised or UPPER."""
    if len(model) > 1 and model.isupper():
        return text.upper()
    if model[:1].isupper():
        return text[:1].upper() + text[1:]
    return text


def protected_spans(text: str, protect: Sequence[str], *, negations: bool) -> list[Span]:
    """The stretches that must stay as they are, in order, none touching another.

    Args:
        protect: texts that must stay wherever they stand as words of their own, in any case; of
            one that is short (five words at most) each telling word too, for "the grandfather" may
            stand as "my grandfather".
        negations: whether words that negate or compare are among them.
    """
    found = [match.span() for match in _ALWAYS.finditer(text)]
    if negations:
        found += [match.span() for match in _NEGATION.finditer(text)]
    if (named := _named(tuple(protect))) is not None:
        found += [match.span() for match in named.finditer(text)]
    return _joined(found)


@functools.lru_cache(maxsize=256)
def _named(protect: tuple[str, ...]) -> re.Pattern[str] | None:
    texts = {text.strip() for text in protect}
    for text in protect:
        parts = text.split()
        if len(parts) <= _MOST_WORDS:
            texts |= {
                word
                for match in words(text)
                if len(word := match.group()) > 2 and word.lower() not in _COMMON.split()
            }
    texts.discard("")
    if not texts:
        return None
    longest_first = sorted(texts, key=lambda text: (-len(text), text))
    return re.compile("|".join(map(_whole, longest_first)), re.IGNORECASE)


def _whole(text: str) -> str:
    """A pattern for a text that is no part of a longer word (of a Latin one, that is)."""
    before = r"(?<![A-Za-z])" if re.match(r"[A-Za-z]", text) else ""
    after = r"(?![A-Za-z])" if re.search(r"[A-Za-z]$", text) else ""
    return rf"{before}{re.escape(text)}{after}"


def _joined(spans: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(spans):
        if start == end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
