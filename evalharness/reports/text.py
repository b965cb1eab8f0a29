"""Text that others wrote, made harmless to look at: nothing hidden, nothing that reorders the page.

Escaping keeps text from being markup. It does not keep it from deceiving a reader: a bidi override
turns a line around, a zero-width or tag character hides words, a NUL or a lone surrogate breaks the
file. Such characters are replaced by a label. The ranges are written out, not asked of
``unicodedata``, so that every Python gives the same bytes.
"""

from __future__ import annotations

import html
import re

from markupsafe import Markup, escape

from evalharness.reports.language import _, current

__all__ = ["LIMIT", "begun", "cut", "markdown", "plain", "visible"]

#: Characters of a prompt or response that a report shows.
LIMIT = 2000

# Joiners are ordinary letters' company in Arabic and Indic scripts, and only there.
_JOINING = "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17d3"
_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but for tab and line feed
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"  # blank letters
    "\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f"  # zero width, direction
    "\ufe00-\ufe0d\ufeff\ufff0-\ufffb\ufffe\uffff"  # variation selectors, marks, non-characters
    "\ud800-\udfff"  # lone surrogates: a str holds no others
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"  # tags and variation selectors: text smuggled past the eye
)
_PATTERN = re.compile(
    rf"([{_HIDDEN}])\1*|(?<![{_JOINING}])([\u200c\u200d])|([\u200c\u200d])(?![{_JOINING}])"
)
_LABEL = Markup('<span class="ctl">{}</span>')


def _label(match: re.Match[str]) -> str:
    """The code point: few fonts have pictures for the controls, every font has digits."""
    name = f"U+{ord(match[0][0]):04X}"
    return name if len(match[0]) == 1 else f"{name} \u00d7{len(match[0])}"


def cut(text: str, limit: int) -> tuple[str, str | None]:
    """The first ``limit`` characters, and a remark where there were more."""
    if len(text) <= limit:
        return text, None
    length = current().number(f"{len(text):,}")
    return text[:limit], _("\u2026 cut, {n} characters in all", n=length)


def begun(text: str) -> str:
    """The text with a large first letter, as a sentence begins; the others as they are."""
    return f"{text[:1].upper()}{text[1:]}"


def plain(text: str, limit: int = 2 * LIMIT) -> str:
    """``text`` with its hidden characters named, still to be escaped: safe in any attribute."""
    kept, remark = cut(text, limit)
    shown = _PATTERN.sub(lambda match: f"\u27e8{_label(match)}\u27e9", kept.replace("\r\n", "\n"))
    return shown if remark is None else f"{shown} {remark}"


#: What makes a block of Markdown at the beginning of a line: a list, a rule, an underlined heading.
_BLOCK = re.compile(r"^([-+=])(?=[-+=\s]|$)|^(\d+)([.)])(?=\s|$)")


def markdown(text: str) -> str:
    """``text`` on one line of Markdown, out of whose place it cannot break: no markup, no cell."""
    safe = html.escape(" ".join(plain(text).split()), quote=False)
    for character in "\\|`*_[]~#!":
        safe = safe.replace(character, f"\\{character}")
    return _BLOCK.sub(
        lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", safe
    )


def visible(text: str, limit: int = LIMIT) -> Markup:
    """``text`` escaped, with each hidden character as a small label, for the body of an element."""
    kept, remark = cut(text, limit)
    kept = kept.replace("\r\n", "\n")
    parts: list[Markup] = []
    start = 0
    for match in _PATTERN.finditer(kept):
        parts += (escape(kept[start : match.start()]), _LABEL.format(_label(match)))
        start = match.end()
    parts.append(escape(kept[start:]))
    if remark is not None:
        parts.append(Markup('<span class="cut">{}</span>').format(remark))
    return Markup("").join(parts)
