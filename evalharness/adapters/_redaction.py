"""Takes secret values out of texts, however they are written there.

A server that repeats a key quotes it as its log, its template or its library does. So it is the
text that is unfolded, not the key that is written in every way: what cannot be seen is left out,
escapes are undone, and the key is looked for in each state of the text. What is found is cut out of
the text as it came.
"""

from __future__ import annotations

import base64
import html
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

__all__ = ["SHORTEST_IN_ANSWERS", "Redact", "Secrets", "is_placeholder", "shown"]

Redact: TypeAlias = Callable[[str], str]

Spans: TypeAlias = list[tuple[int, int]]
#: What is looked for, and the whole that it begins.
Forms: TypeAlias = Sequence[tuple[str, str]]

_MESSAGE_LENGTH = 300
#: A shorter value is a placeholder ("x"), and replacing it would garble every message.
_SHORTEST = 4
#: A shorter value ("EMPTY", "test", "true") may be an honest part of an answer, and what is scored
#: must be what the model said.
SHORTEST_IN_ANSWERS = 12
#: What a longer value consists of that servers without keys document, or that people type for one.
_TYPED = re.compile(
    r"(?<![a-z0-9])(?:"
    # how keys begin
    r"sk|pk|hf|gsk|proj|ant|api03|v1|llm"
    r"|a|an|any|api|auth|bearer|change|default|demo|dummy|empty|example|fake|foo|for|goes|here"
    r"|insert|is|it|key|local|me|model|my|need|needed|no|none|not|null|of|put|real|replace"
    r"|placeholder|required|sample|secret|server|set|some|something|test|testing|the|this|to|token"
    r"|unused|use|used|valid|value|with|your"
    r"|anthropic|azure|claude|gemini|google|groq|huggingface|litellm|mistral|ollama|openai"
    r"|openrouter|together|vllm"
    r")+(?![a-z0-9])"
)
_SEPARATORS = re.compile(r"[\s<>{}\[\]_.:-]+")
#: Of base64, and of a key without what looks like escapes in it, shorter pieces stand in honest
#: words.
_SHORTEST_FORM = 6
#: A line of a longer secret (a PEM file) is one by itself.
_SHORTEST_LINE = 20
#: How often escapes may be wrapped into others: a key in a URL in JSON in HTML, and one to spare.
_MOST_LEVELS = 4

#: How much of a key is found where the rest was cut off, and how many letters that takes.
_CUT_SHARE = 0.7
_SHORTEST_CUT = 12

_SCHEME_AND_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)\s+(\S+)")
#: What stands in front of a key in a header; after another word comes no key ("Customer service").
_SCHEMES = frozenset(
    ("access-key", "access-token", "api-key", "api-token", "apikey", "apitoken", "auth",
     "aws4-hmac-sha256", "basic", "bearer", "bot", "deepl-auth-key", "digest", "dpop", "geniekey",
     "goog4-rsa-sha256", "hawk", "hmac", "hmac-sha256", "jwt", "key", "klaviyo-api-key", "mac",
     "negotiate", "ntlm", "oauth", "privatetoken", "scram-sha-1", "scram-sha-256",
     "sharedaccesssignature", "sharedkey", "sharedkeylite", "splunk", "ssws", "sso-key", "token",
     "x-api-key")
)  # fmt: skip
#: An address that lets nobody in: no user, no parameters.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/@?#;=]+((?:/[^\s@?#;=]*)?)", re.IGNORECASE)
#: A part of its path that is rather a key, as in the addresses of webhooks.
_KEY_IN_PATH = re.compile(r"(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[\w-]{20,}")
_PATH_START = re.compile(r"\.{1,2}/|~/|[A-Za-z]:[\\/]")
_TOP_FOLDER = re.compile(r"/[^/\s]+(?=/)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
#: Printable, yet nothing to see; and what stands for bytes that are no UTF-8.
_BLANKS = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffd"
    "\U000e0100-\U000e01ef"
)
_BLANK = re.compile(f"[{_BLANKS}]")
#: One letter of a URL, of JSON or a programming language, of HTML.
_ESCAPE = re.compile(
    r"%[0-7][0-9a-f]|%[c-f][0-9a-f](?:%[89ab][0-9a-f]){1,3}"
    r"|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|\\u[0-9a-f]{4}|\\x[0-9a-f]{2}|\\."
    r"|&(?:#[0-9]{1,7};?|#x[0-9a-f]{1,6};?|[a-z][a-z0-9]{1,30};)",
    re.IGNORECASE | re.DOTALL,
)
_MARKS = "%\\&"


class Secrets:
    """Replaces secret values in texts by ``[secret]``.

    Also where one is broken by white space or by characters that cannot be seen, written in other
    case, quoted for a URL, JSON or HTML (several times, or in part), or stands in base64, by itself
    or within a longer text, or in hexadecimal digits; and the password of a value for Basic
    authorization. In messages also the better part of a key whose end is cut off.

    Args:
        values: what is secret.
        in_answers: those of the values that may stand in an answer.
    """

    def __init__(self, values: Iterable[str], in_answers: Iterable[str] = ()) -> None:
        stay = frozenset(in_answers)
        parts, keys = set[str](), set[str]()
        for value in values:
            found = set(_parts(value))
            parts |= found
            if value not in stay:
                keys |= {part for part in found if not _may_be_said(part)}
        cut = {_lowered(_visible(key)) for key in keys if not re.search(r"\s", key)}
        self._forms = tuple((_beginning(f) if f in cut else f, f) for f in _forms(parts, _SHORTEST))
        self._long_forms = tuple((f, f) for f in _forms(keys, SHORTEST_IN_ANSWERS))

    def redact(self, text: str) -> str:
        """A message without secrets."""
        return _without(text, self._forms)

    def redact_answer(self, text: str) -> str:
        """An answer, which is scored, without secrets; what may be honest stays."""
        return _without(text, self._long_forms)

    def __repr__(self) -> str:
        return "Secrets(...)"


def shown(text: str, redact: Redact) -> str:
    """A server's or program's words as part of a sentence: one line, short, without secrets."""
    # first of all: what is joined or left out below could put a broken key together again
    words = " ".join(redact(text).split())
    kept = "".join(letter for letter in words if letter.isprintable())
    return kept if len(kept) <= _MESSAGE_LENGTH else kept[: _MESSAGE_LENGTH - 3] + "..."


# -- what is looked for --------------------------------------------------------------------------


def _parts(value: str) -> Iterator[str]:
    """The value, and what in it is secret alone."""
    yield value
    # "Bearer KEY" is secret as a whole, and so is the key alone
    key = _key_of(value)
    yield key
    if (pair := _decoded(key)) is not None:
        yield pair
        yield pair.partition(":")[2]
    lines = value.split("\n")
    if len(lines) > 1:
        for line in map(str.strip, lines):
            if len(line) >= _SHORTEST_LINE and not re.search(r"\s", line):
                yield line


def _key_of(value: str) -> str:
    """The value without a scheme in front."""
    found = _SCHEME_AND_KEY.fullmatch(value.strip())
    return found[2] if found is not None and found[1].lower() in _SCHEMES else value


def is_placeholder(value: str) -> bool:
    """Whether somebody typed it because a key was asked for.

    It consists of words (``not-a-real-key``), but for a few letters again and again
    (``sk-xxxxxxxx``) or a row of them (``token-abc123``).
    """
    rest = _SEPARATORS.sub("", _TYPED.sub("", _key_of(value).lower()))
    different = len(set(rest))
    if different < 6 and 3 * different <= 2 * len(rest):
        return True
    breaks = sum(ord(after) - ord(before) not in (0, 1) for before, after in pairwise(rest))
    return 3 * breaks < len(rest) or not rest


def _may_be_said(value: str) -> bool:
    """Whether a value of an environment variable can be an honest part of an answer."""
    return is_placeholder(value) or _is_address(value) or _is_path(value)


def _is_address(value: str) -> bool:
    found = _ADDRESS.fullmatch(value.strip())
    return found is not None and _KEY_IN_PATH.search(found[1]) is None


def _is_path(value: str) -> bool:
    """Whether it is a path; a key that begins with / is none, for there is no such folder."""
    if _PATH_START.match(value) or ("/" in value and _is_there(value)):
        return True
    top = _TOP_FOLDER.match(value)
    return top is not None and _is_there(top[0])


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a path, or none at all
        return False


def _beginning(form: str) -> str:
    """So much of a key as gives it away, where the rest is cut off."""
    return form[: max(_SHORTEST_CUT, math.ceil(len(form) * _CUT_SHARE))]


def _decoded(key: str) -> str | None:
    """The ``user:password`` that a value for Basic authorization consists of, or None."""
    if _BASE64.fullmatch(key) is None:
        return None
    letters = key.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        text = base64.b64decode(letters + "=" * (-len(letters) % 4)).decode()
    except ValueError:  # of that length there is no base64, or its bytes are no text
        return None
    return text if text.isprintable() and ":" in text else None


def _forms(parts: Iterable[str], shortest: int) -> tuple[str, ...]:
    """What is looked for in the states of a text."""
    found: set[str] = set()
    for part in parts:
        if len(_visible(part)) < shortest:
            continue
        found.add(_lowered(_visible(part)))
        state = part
        for _ in range(_MOST_LEVELS):  # it may itself hold what looks like an escape
            state = _ESCAPE.sub(_letter, state)
            if len(form := _lowered(_visible(state))) >= _SHORTEST_FORM:
                found.add(form)
        found.add(_lowered(_visible(part.replace(" ", "+"))))  # as forms are sent
        found |= {form.lower() for form in _base64_forms(part)}
        found.add(part.encode("utf-8", "surrogateescape").hex())
    return tuple(sorted(found))


def _base64_forms(part: str) -> Iterator[str]:
    """The letters of base64 that the part alone decides, at each of the three places in a group."""
    data = part.encode("utf-8", "surrogateescape")
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + data).decode()
        core = whole[(0, 2, 3)[before] : (before + len(data)) * 8 // 6]
        if len(core) >= _SHORTEST_FORM:
            yield core
            yield core.replace("+", "-").replace("/", "_")


# -- where it stands -----------------------------------------------------------------------------


def _without(text: str, forms: Forms) -> str:
    spans = _spans(text, forms, _MOST_LEVELS) if forms else []
    if not spans:
        return text
    pieces, at = [], 0
    for start, end in spans:
        pieces += [text[at:start], "[secret]"]
        at = end
    return "".join([*pieces, text[at:]])


def _spans(text: str, forms: Forms, levels: int) -> Spans:
    """Where secrets stand, in order and apart from each other."""
    view = _visible(text)
    spans = _occurrences(view, forms)
    if levels and any(mark in view for mark in _MARKS):
        unfolded = _ESCAPE.sub(_letter, view)
        if unfolded != view and (deeper := _spans(unfolded, forms, levels - 1)):
            spans += _before_unfolding(view, deeper)
    if not spans:
        return []
    spans = _apart(spans)
    return spans if len(view) == len(text) else _before_hiding(text, spans)


def _occurrences(view: str, forms: Forms) -> Spans:
    text, found = _lowered(view), []
    for begin, form in forms:
        if begin in text:
            found += [(at, at + len(form)) for at in _places(text, form)]
            if begin != form:
                found += [(at, _end_of_cut(text, at, begin, form)) for at in _places(text, begin)]
    return found


def _places(text: str, sought: str) -> Iterator[int]:
    at = text.find(sought)
    while at >= 0:
        yield at
        at = text.find(sought, at + len(sought))


def _end_of_cut(text: str, at: int, begin: str, form: str) -> int:
    """Up to where the text says the form whose beginning stands there."""
    end = at + len(begin)
    while end < len(text) and end - at < len(form) and text[end] == form[end - at]:
        end += 1
    return end


def _apart(spans: Spans) -> Spans:
    """Spans in order, those that overlap as one."""
    kept: Spans = []
    for start, end in sorted(spans):
        if kept and start < kept[-1][1]:
            kept[-1] = (kept[-1][0], max(end, kept[-1][1]))
        else:
            kept.append((start, end))
    return kept


def _before_unfolding(view: str, spans: Spans) -> Spans:
    """Spans of the unfolded text as spans of ``view``; one pass, whatever the number."""
    wanted = [place for start, end in spans for place in (start, end - 1)]
    found: Spans = []
    longer = 0  # by how much the view is, up to here
    for escape in _ESCAPE.finditer(view):
        begin, size = escape.start() - longer, len(_letter(escape))
        while len(found) < len(wanted) and (place := wanted[len(found)]) < begin + size:
            at = place + longer
            found.append(escape.span() if place >= begin else (at, at + 1))
        if len(found) == len(wanted):
            break
        longer += escape.end() - escape.start() - size
    found += [(place + longer, place + longer + 1) for place in wanted[len(found) :]]
    return [(found[at][0], found[at + 1][1]) for at in range(0, len(found), 2)]


def _before_hiding(text: str, spans: Spans) -> Spans:
    """Spans of the visible letters as spans of ``text``."""
    hidden = {letter for letter in set(text) if not _visible(letter)}
    places = (place for place, letter in enumerate(text) if letter not in hidden)
    found, at = [], 0
    for start, end in spans:
        first = next(islice(places, start - at, None))
        last = first if end == start + 1 else next(islice(places, end - start - 2, None))
        found.append((first, last + 1))
        at = end
    return found


# -- the states of a text ------------------------------------------------------------------------


def _visible(text: str) -> str:
    """The text without white space and what else cannot be seen."""
    seen = "".join(text.split())
    if not seen.isprintable():
        seen = "".join(filter(str.isprintable, seen))
    return seen if seen.isascii() else _BLANK.sub("", seen)


def _lowered(text: str) -> str:
    """In small letters, each at its place: one capital would become two letters."""
    return text.replace("\u0130", "i").lower()


def _letter(escape: re.Match[str]) -> str:
    return _unescaped(escape.group())


@lru_cache(maxsize=4096)
def _unescaped(escape: str) -> str:
    """What an escape stands for."""
    if escape[0] == "%":
        return unquote(escape, errors="replace")
    if escape[0] == "&":
        return html.unescape(escape)
    digits = escape[2:6]
    if len(escape) == 12:  # two halves of one letter
        return (
            escape.encode()
            .decode("unicode_escape")
            .encode("utf-16", "surrogatepass")
            .decode("utf-16")
        )
    if digits:
        return chr(int(digits, 16))
    return " " if escape[1] in "nrtbfv" else escape[1]
