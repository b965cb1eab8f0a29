"""The language of a report: messages, numbers and dates.

English is what the code says; every other language is one message catalogue, ``locales/<code>.po``,
whose message ids are the English texts with their fields in braces. A page is drawn within
``speaking(code)``; `_`, `plural` and `said` look the language up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError, MissingExtraError
from evalharness.yamlfile import did_you_mean

__all__ = [
    "ENGLISH", "Language", "_", "comma", "current", "day_said", "gap", "known", "listed", "plural",
    "said", "speaking",
]  # fmt: skip

FOLDER = Path(__file__).with_name("locales")

_FIELD = re.compile(r"\{(\w+)\}")
#: A longer text is looked up whole alone: hostile ones would keep the patterns busy.
_LONGEST = 400
#: How texts that an earlier stage composed are put together, the loosest first.
_SEPARATORS = ("; ", ": ", ", ", " or ")
_BRACKETED = re.compile(r"([^()]+) \(([^()]+)\)")
#: A message of ours that may hold brackets itself, and a remark that may hold commas.
_REMARKED = re.compile(r"(.+) \(([^()]+)\)")


@dataclass(frozen=True)
class _Pattern:
    """A message with fields, to find again in a text. ``fixed`` is its longest part without one."""

    fixed: str
    whole: re.Pattern[str]
    translated: str


@dataclass(frozen=True)
class Language:
    """Messages of one language, and how it writes numbers and dates.

    Args:
        code: BCP 47, as the page's ``lang`` has it.
        patterns: messages with fields, to find again in texts that other stages composed.
        group, decimal: the signs for thousands and decimals.
        percent: the sign, with what stands between it and the figure.
    """

    code: str
    messages: Mapping[str, str] = field(default_factory=dict)
    patterns: tuple[_Pattern, ...] = ()
    group: str = ","
    decimal: str = "."
    percent: str = "\u00a0%"
    _known: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def text(self, message: str, /, **values: Any) -> str:
        """A message of the code, with its fields filled in."""
        found = self.messages.get(message) or message
        return found.format(**values) if values else found

    def said(self, text: str) -> str:
        """A text that an earlier stage composed in English: a title, a note, a reason.

        It is looked up whole, then among the messages with fields, then by its parts (between
        semicolons, colons and commas, in brackets at its end); what is none of these stays.
        """
        if not self.messages:
            return text
        if len(text) > _LONGEST:
            return self.messages.get(text, text)
        if text not in self._known:
            self._known[text] = self._found(text) or text
        return self._known[text]

    def _found(self, text: str) -> str | None:
        if text in self.messages:
            return self.messages[text]
        parts = text.split("; ")
        told = [self.said(part) for part in parts] if len(parts) > 1 else parts
        if all(one != part for one, part in zip(told, parts, strict=True)):
            return self.text("; ").join(told)
        for pattern in self.patterns:
            if pattern.fixed in text and (found := pattern.whole.fullmatch(text)):
                values = {
                    name: self.tongue(value) if name == "language" else self.said(value)
                    for name, value in found.groupdict().items()
                }
                return pattern.translated.format(**values)
        return self._by_parts(text)

    def _by_parts(self, text: str) -> str | None:
        """The text with those of its parts translated that are messages; None if none is."""
        if (found := _REMARKED.fullmatch(text)) and found[1] in self.messages:
            return self._remarked(found)
        for sign in _SEPARATORS:
            if sign in text:
                parts = text.split(sign)
                told = [self.said(part) for part in parts]
                left = [t for t, part in zip(told, parts, strict=True) if t == part and " " in t]
                # a sentence of somebody else's may hold a word of ours between two commas
                mixed = sign in {", ", " or "} and left
                return None if told == parts or mixed else self.text(sign).join(told)
        if found := _BRACKETED.fullmatch(text):
            return self._remarked(found)
        return None

    def _remarked(self, found: re.Match[str]) -> str | None:
        told = [self.said(part) for part in found.groups()]
        if told == list(found.groups()):
            return None
        return self.text("{text} ({remark})", text=told[0], remark=told[1])

    def number(self, digits: str) -> str:
        """Digits with the language's signs for thousands and decimals."""
        if (self.group, self.decimal) == (",", "."):
            return digits
        swapped = {",": self.group, ".": self.decimal}
        return "".join(swapped.get(character, character) for character in digits)

    def tongue(self, code: str) -> str:
        """A language by its name; in English reports, and where it has none, by its code."""
        if self.code == "en":
            return code
        from babel import Locale, UnknownLocaleError

        try:
            name = Locale.parse(code, sep="-").get_display_name(self.code.replace("-", "_"))
        except (UnknownLocaleError, ValueError):
            return code
        return name or code

    def day(self, when: date) -> str:
        """A date, written out."""
        if self.code == "en":
            return f"{when.day} {when:%B} {when.year}"
        from babel.dates import format_date

        return format_date(when, "long", locale=self.code.replace("-", "_"))


ENGLISH = Language("en")
_CURRENT: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def known() -> list[str]:
    """The languages that a report can be drawn in, English first."""
    return [ENGLISH.code, *sorted(path.stem for path in FOLDER.glob("*.po"))]


@cache
def _load(code: str) -> Language:
    try:
        from babel import Locale
        from babel.messages.pofile import read_po
    except ImportError:
        raise MissingExtraError(f"A report in another language ({code})", "report") from None
    with (FOLDER / f"{code}.po").open("rb") as file:
        catalogue = read_po(file, locale=code.replace("-", "_"), abort_invalid=True)
    entries = [entry for entry in catalogue if entry.id and entry.string and not entry.fuzzy]
    messages = {str(entry.id): str(entry.string) for entry in entries}
    composed = [str(entry.id) for entry in entries if _from_data(entry.locations)]
    locale = Locale.parse(code, sep="-")
    symbols = locale.number_symbols["latn"]
    return Language(
        code,
        messages,
        tuple(_patterns(composed, messages)),
        group=symbols["group"],
        decimal=symbols["decimal"],
        percent=locale.percent_formats[None].suffix[0],
    )


def _from_data(locations: Iterable[tuple[str, int | None]]) -> bool:
    """Whether a message comes from an earlier stage, not from the reports' own code."""
    return any("/reports/" not in path for path, _line in locations)


def _patterns(composed: Iterable[str], messages: Mapping[str, str]) -> Iterator[_Pattern]:
    """Messages with fields as patterns; those with more fixed text are tried first."""
    with_fields = [message for message in composed if _FIELD.search(message)]
    for message in sorted(with_fields, key=lambda m: (-len(_FIELD.sub("", m)), m)):
        parts, seen = [], set()
        split = _FIELD.split(message)
        for place, part in enumerate(split):
            if place % 2 == 0:
                parts.append(re.escape(part))
            elif place > 1 and not split[place - 1] and part not in seen:
                # nobody can tell where one of two fields that touch ends: the first has it all
                parts.append(f"(?P<{part}>)")
                seen.add(part)
            else:
                parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>.+?)")
                seen.add(part)
        if sum(map(str.isalpha, _FIELD.sub("", message))) >= 2:  # else it would match anything
            fixed = max(_FIELD.split(message)[::2], key=len)
            yield _Pattern(fixed, re.compile("".join(parts), re.DOTALL), messages[message])


@contextmanager
def speaking(code: str) -> Iterator[Language]:
    """Draw what follows in this language.

    Raises:
        ConfigError: there is no catalogue for it; MissingExtraError: it needs the extra 'report'.
    """
    if code not in known():
        raise ConfigError(f"language '{code}' is not there{did_you_mean(code, known())}")
    token = _CURRENT.set(ENGLISH if code == ENGLISH.code else _load(code))
    try:
        yield _CURRENT.get()
    finally:
        _CURRENT.reset(token)


def current() -> Language:
    """The language that is spoken now."""
    return _CURRENT.get()


def _(message: str, /, **values: Any) -> str:
    """A message of the code in the language that is spoken now."""
    return _CURRENT.get().text(message, **values)


def said(text: str) -> str:
    """A text that an earlier stage composed, in the language that is spoken now."""
    return _CURRENT.get().said(text)


def day_said(text: str) -> str:
    """A recorded day (2026-01-31) as the language that is spoken now writes it.

    Any other text stays as it is.
    """
    try:
        return current().day(date.fromisoformat(text))
    except ValueError:
        return text


def plural(number: int, one: str, many: str, /, **values: Any) -> str:
    """One of two messages by a number, which both may show as ``{n}``."""
    language = current()
    shown = language.number(f"{number:,}")
    return language.text(one if number == 1 else many, **{"n": shown, **values})


def comma() -> str:
    """What stands between two things of a list."""
    return _("{thing}, {next}", thing="", next="")


def listed(texts: Iterable[str]) -> str:
    """Texts one after the other, with the language's comma for lists."""
    return comma().join(texts)


def gap() -> str:
    """What stands between two sentences: not every language has a space there."""
    return _("{sentence} {next}", sentence="", next="")
