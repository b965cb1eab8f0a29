"""Every text of the library that a report shows, in Chinese: no English is left but names."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from evalharness import policies
from evalharness.banks.rules import rules
from evalharness.reports.language import said, speaking
from evalharness.scorecard.metrics.registry import metrics_of
from evalharness.scorers import validity
from evalharness.scorers.registry import BUILT_IN
from evalharness.tasks.frameworks import framework
from evalharness.tasks.frameworks import known as frameworks
from evalharness.tasks.library import Library
from tests.reports.test_report_languages import IDS, NAMES, TASKS, WORD

#: Names in prose: of data sets, models, tools, grades, files; of scores by their letters.
OF_PROSE = NAMES | frozenset(
    """
    GLUE ChatGPT Brier ECE FActScore Min- IMDA Excellent Very Good Fair Poor AILuminate Moonshot
    AI Verify python FILE bank draw corpus audit generated refuse answer compare responses sqlite
    samples parquet verify NIST ATLAS OWASP XSTest ICAT zlib
    """.split()  # noqa: SIM905 - a list to read - a list of words reads better
)
#: Words of a citation in small letters. In a citation, what begins with a capital is a name.
OF_CITATIONS = OF_PROSE | frozenset(
    "and of for et al arXiv moonshot-cicd prv jailbreak harm".split()  # noqa: SIM905 - a list to read
)
PATHS = re.compile(r"\S*\w/\w\S*|\w[\w-]*\.(?:com|eu|md|xlsx|json)\b|\b(?=\w*\d)\w{7}\b", re.ASCII)
#: What begins with a capital and is none: months, parts of a document, places.
NO_NAMES = frozenset(
    """
    January February March April May June July August September October November December Appendix
    Section Version Singapore China United States European Union
    """.split()  # noqa: SIM905 - a list to read
)

Texts = Iterator[tuple[str, str | None]]


def cited() -> Texts:
    """Sources, licences, names of frameworks."""
    for name, task in Library.load().tasks.items():
        yield f"{name}: source", task.definition.source
        yield f"{name}: licence", task.definition.licence
    for key in frameworks():
        found = framework(key)
        for part in ("title", "publisher", "version", "source"):
            yield f"{key}: {part}", getattr(found, part)
    yield "rules: source", rules("gbt-45654").source


def prose() -> Texts:
    """What is told: of tasks, metrics, scorers, policies and frameworks."""
    for name, task in Library.load().tasks.items():
        told = task.definition
        yield f"{name}: construct", told.construct_
        yield f"{name}: content warning", told.content_warning
        for tag in told.slices:
            yield f"{name}: slices", tag.replace("_", " ")
        for use in metrics_of(told):
            yield f"{name}: {use.key}: title", use.title
            yield f"{name}: {use.key}: unit", use.metric.unit
            yield f"{name}: {use.key}: note", use.note
    for name, scorer in BUILT_IN.items():
        scores = getattr(scorer, "scores", ())
        for score in scores if isinstance(scores, tuple) else ():
            yield f"{name}: score", score.replace("_", " ")
    for name, card in validity.cards().items():
        for line in (*card.lines, *card.not_measured):
            yield f"{name}: card", line
    for name in policies.known():
        policy = policies.load_policy(name)
        yield f"{name}: title", policy.title
        yield f"{name}: note", policy.note
    for key in frameworks():
        found = framework(key)
        yield f"{key}: note", found.note
        for code in found.codes:
            yield f"{key}: {code.id}: instead", code.instead
    yield "rules: note", rules("gbt-45654").note


def left(text: str, allowed: frozenset[str], *, names: bool) -> set[str]:
    """Words of a text that are neither Chinese nor names.

    Args:
        names: a word that begins with a capital is one.
    """
    words = WORD.findall(IDS.sub(" ", PATHS.sub(" ", text)))
    return {
        word
        for word in words
        if word not in allowed | TASKS
        and (not names or word in NO_NAMES or not any(map(str.isupper, word)))
    }


def english(texts: Texts, allowed: frozenset[str], *, names: bool) -> dict[str, set[str]]:
    """Where -> the English words that are left of a text in Chinese."""
    with speaking("zh"):
        shown = {where: said(" ".join(text.split())) for where, text in texts if text is not None}
    assert len(shown) > 100
    found = {where: left(text, allowed, names=names) for where, text in shown.items()}
    return {where: words for where, words in found.items() if words}


def test_prose_of_the_library_has_no_english_but_names() -> None:
    assert english(prose(), OF_PROSE, names=False) == {}


def test_citations_of_the_library_have_no_english_but_names() -> None:
    assert english(cited(), OF_CITATIONS, names=True) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("题目取自 the World Values Survey and Pew", {"the"}),
        ("Carlini et al. 2019, 1802.08232, definitions 2 and 3", {"definitions"}),
        ("Liang et al. 2022, arXiv 2211.09110, section 10", {"section"}),
        ("BIPIA, arXiv 2312.14197, from WikiTableQuestions", {"from"}),
        ("draft, October 2023", {"draft", "October"}),
        ("Huang and Xiong 2023, Findings of ACL, github.com/x-y/z-data, README.md", set()),
    ],
)
def test_half_english_is_found(text: str, words: set[str]) -> None:
    assert left(text, OF_CITATIONS, names=True) == words
