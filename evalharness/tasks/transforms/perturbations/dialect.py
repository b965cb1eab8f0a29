"""Varieties of English: the same sentence as another community of speakers may put it.

Rules of grammar and words that linguists have described, used sparingly and only where they change
no meaning. They are surface features: they make no text that a speaker would call natural, stand
for no speaker, and measure how a model copes with these features, not with people. Nothing is
respelt to mimic an accent but the ending of "-in'", which speakers write themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from evalharness.tasks.transforms.perturbations.base import Draw, Edit, Kind, pick, table
from evalharness.tasks.transforms.perturbations.words import like, words

__all__ = ["AFRICAN_AMERICAN_ENGLISH", "SINGLISH", "SPELLING_VARIETY"]

#: Not "it", after which the copula stays (Labov 1969, as Green has it).
_SUBJECT = r"(?:he|she|we|they|you)"
#: "she is running": a form in -ing follows at once, so nothing else can be the verb.
_COPULA_ING = re.compile(
    rf"\b(?i:{_SUBJECT})(?P<copula>(?: is| are|['’]s|['’]re))"
    r"(?= (?!nothing|something|anything)[a-z]+ing\b)"
)
_CLOSING = re.compile(r"(?<=[a-z]{2})(?P<mark>[.?])(?=\s|$)")

_QUESTION_PARTICLES = (" ah", " huh")
_STATEMENT_PARTICLES = (" lah", " lor", " leh")

_AINT = re.compile(
    r"\b(?:(?:am|is|are|has|have) not|(?:isn|aren|hasn|haven)['’]t)(?= [a-z])", re.IGNORECASE
)
#: Before these it is about the future; before others it may be about a place.
_FUTURE = (
    "be become begin break bring build buy call change come die do drive eat fall feel find get "
    "give go happen have help hit keep know learn leave live look lose make meet need pay play put "
    "rain read ride run say see sell send show sing sleep speak start stay stop take talk teach "
    "tell think try use visit wait walk want watch win work write"
)
_GOING_TO = re.compile(rf"\bgoing to(?= (?:{'|'.join(_FUTURE.split())})\b)")
#: "-ing" that is no ending of a verb.
_NO_VERB = (
    "something nothing anything everything during morning evening building ceiling string spring "
    "wedding interesting according clothing pudding sibling feeling meaning being"
)
_NOT_VERBS = frozenset(_NO_VERB.split())
_SHORTEST_VERB = 6


def _from_table(text: str, known: dict[str, str]) -> Iterator[Edit]:
    for word in words(text):
        other = known.get(word.group().lower())
        if other is not None:
            yield Edit(*word.span(), like(word.group(), other))


def _spelling_variety(text: str, draw: Draw) -> Iterator[Edit]:
    """American spelling becomes British, British becomes American."""
    del draw
    american = table("spelling_variety")
    yield from _from_table(text, american)
    yield from _from_table(text, {british: us for us, british in american.items()})


def _singlish(text: str, draw: Draw) -> Iterator[Edit]:
    """Colloquial Singapore English.

    Discourse particles at the end of a sentence, no copula before a form in -ing (Leimgruber 2013,
    "Singapore English", chapters 3 and 4), and a few everyday words.
    """
    for closing in _CLOSING.finditer(text):
        particles = _QUESTION_PARTICLES if closing["mark"] == "?" else _STATEMENT_PARTICLES
        yield Edit(closing.start(), closing.start(), pick(draw, particles))
    yield from _without_copula(text)
    yield from _from_table(text, table("singlish"))


def _african_american_english(text: str, draw: Draw) -> Iterator[Edit]:
    """African American English.

    No copula before a form in -ing, "ain't", "gonna", "-in'" (Green 2002, "African American
    English", chapters 2 and 4). Features that carry meaning of their own (habitual "be", remote
    "been", negative concord) are left out: they could change an answer.
    """
    del draw
    yield from _without_copula(text)
    for found in _AINT.finditer(text):
        yield Edit(*found.span(), like(found.group(), "ain't"))
    for found in _GOING_TO.finditer(text):
        yield Edit(*found.span(), "gonna")
    for word in words(text):
        verb = word.group()
        is_verb = len(verb) >= _SHORTEST_VERB and verb.islower() and verb not in _NOT_VERBS
        if is_verb and verb.endswith("ing"):
            yield Edit(word.end() - 1, word.end(), "'")


def _without_copula(text: str) -> Iterator[Edit]:
    for found in _COPULA_ING.finditer(text):
        yield Edit(*found.span("copula"), "")


SPELLING_VARIETY = Kind("spelling_variety", 1, ("en",), 1.0, _spelling_variety)
SINGLISH = Kind("singlish", 1, ("en",), 1.0, _singlish, keeps_negations=False)
AFRICAN_AMERICAN_ENGLISH = Kind(
    "african_american_english", 1, ("en",), 1.0, _african_american_english, keeps_negations=False
)
