"""The language of a report: messages, numbers and dates.

English is what the code says; every other language is one message catalogue, ``locales/<code>.po``,
whose message ids are the English texts with their fields in braces. A page is drawn within
``speaking(code)``; `_` and `said` look the language up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from evalharness.errors import ConfigError, MissingExtraError
from evalharness.yamlfile import did_you_mean

__all__ = ["ENGLISH", "Language", "_", "current", "known", "said", "speaking"]

FOLDER = Path(__file__).with_name("locales")

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Language:
    """Messages of one language, and how it writes numbers and dates.

    Args:
        code: BCP 47, as the page's ``lang`` has it.
        patterns: messages with fields, to find again in texts that other stages composed.
    """

    code: str
    messages: Mapping[str, str] = field(default_factory=dict)
    patterns: tuple[tuple[re.Pattern[str], str], ...] = ()
    group: str = ","
    decimal: str = "."

    def text(self, message: str, /, **values: Any) -> str:
        """A message of the code, with its fields filled in."""
        found = self.messages.get(message) or message
        return found.format(**values) if values else found

    def said(self, text: str) -> str:
        """A text that an earlier stage composed in English: a title, a note, a reason.

        It is looked up whole, then among the messages with fields; a text that is neither stays.
        """
        if not self.messages:
            return text
        if text in self.messages:
            return self.messages[text] or text
        for pattern, translated in self.patterns:
            if found := pattern.fullmatch(text):
                values = {name: self.said(value) for name, value in found.groupdict().items()}
                return translated.format(**values)
        return text

    def number(self, digits: str) -> str:
        """Digits with the language's signs for thousands and decimals."""
        if (self.group, self.decimal) == (",", "."):
            return digits
        swapped = {",": self.group, ".": self.decimal}
        return "".join(swapped.get(character, character) for character in digits)

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
    messages = {
        str(entry.id): str(entry.string)
        for entry in catalogue
        if entry.id and entry.string and not entry.fuzzy
    }
    symbols = Locale.parse(code, sep="-").number_symbols["latn"]
    return Language(
        code, messages, tuple(_patterns(messages)), symbols["group"], symbols["decimal"]
    )


def _patterns(messages: Mapping[str, str]) -> Iterator[tuple[re.Pattern[str], str]]:
    """Messages with fields as patterns; those with more fixed text are tried first."""
    with_fields = [message for message in messages if _FIELD.search(message)]
    for message in sorted(with_fields, key=lambda m: (-len(_FIELD.sub("", m)), m)):
        parts, seen = [], set()
        for place, part in enumerate(_FIELD.split(message)):
            if place % 2 == 0:
                parts.append(re.escape(part))
            else:
                parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>.+?)")
                seen.add(part)
        if len(_FIELD.sub("", message).strip()) >= 3:  # else it would match anything
            yield re.compile("".join(parts), re.DOTALL), messages[message]


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
