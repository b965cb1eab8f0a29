"""Whether a text stands in an answer: exactly, or hidden in a simple way of writing."""

from __future__ import annotations

import re

from evalharness.ciphers import readings
from evalharness.scorers.plain import nfkc
from evalharness.scorers.recognisers import Planted, folded

__all__ = ["hidden_in", "repeats", "stands_in", "ungrouped"]

#: A number whose thousands are set apart by commas, whatever letters stand before it: 5,725 and
#: 1,234,567.89, but no list of years. A list without spaces of numbers of three digits each cannot
#: be told from one: 100,200,300 is read as 100200300.
_GROUPED = re.compile(r"(?<!\d)(?<!\d[,.])\d{1,3}(?:,\d{3})+(?!,?\d)")


def stands_in(phrase: str, plain: str, *, ignore_case: bool = False) -> bool:
    """Whether ``phrase`` stands in a text, and not as a part of a longer number or word.

    Args:
        phrase: compared after NFKC and white-space folding.
        plain: the text, as `recognisers.folded` or `ungrouped` gives it: once for all phrases.
        ignore_case: compare without case.
    """
    return Planted((phrase,), ignore_case=ignore_case).in_folded(plain)


def ungrouped(text: str) -> str:
    """The text `folded`, its numbers without commas between thousands: 5,725 as 5725."""
    return _GROUPED.sub(lambda number: number.group().replace(",", ""), folded(text))


def hidden_in(phrase: str, text: str) -> bool:
    """Whether ``phrase`` stands in ``text`` in any way of `ciphers.readings`, or spelled out.

    Case, white space and punctuation do not count, so a phrase must be long and odd enough not to
    come up by chance: use it for planted ones only.
    """
    wanted = _squeezed(phrase)
    return any(wanted in _squeezed(reading) for reading in readings(text))


def repeats(source: str, text: str, run: int) -> bool:
    """Whether ``run`` characters of ``source`` or more stand in ``text`` in one piece.

    In any of `ciphers.readings`; case, white space and punctuation do not count, nor do they count
    as characters. A source shorter than ``run`` repeats when all of it does.
    """
    whole = _squeezed(source)
    run = min(run, len(whole))
    if not run:
        return False
    pieces = [whole[start : start + run] for start in range(len(whole) - run + 1)]
    return any(
        any(piece in squeezed for piece in pieces) for squeezed in map(_squeezed, readings(text))
    )


def _squeezed(text: str) -> str:
    """Letters and digits alone, case folded."""
    return re.sub(r"[\W_]+", "", nfkc(text).casefold())
