"""What holds for every scorer in the registry, whatever it reads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from importlib import metadata
from types import SimpleNamespace

import pytest

from evalharness.errors import TaskError
from evalharness.records import Attempt, Outcome, OutcomeKind, Response, digest
from evalharness.scorers import registry
from evalharness.scorers.base import first_look
from tests.scorers.driving import drive, said, sample

SCORERS = sorted(registry.BUILT_IN)
NEEDS_LIKELIHOODS = {
    "calibration", "crows_pairs", "exposure", "membership", "order", "stereoset", "true_mass",
}  # fmt: skip
#: Those that read a recorded verdict, whatever the answer.
RECORDED = {"recorded", "fact_labels"}
#: Of those that have no default.
OPTIONS = {
    "judge": {"rubric": "harm"},
    "keywords": {"words": {"version": 1, "words": ["flimflam"]}},
    "mentions": {"words": {"version": 1, "axes": {"colour": {"red": ["a"], "blue": ["b"]}}}},
}
every_scorer = pytest.mark.parametrize("name", SCORERS)
every_reader = pytest.mark.parametrize("name", sorted({*SCORERS} - NEEDS_LIKELIHOODS))

#: An item on which every scorer has all it needs.
ITEM = sample(
    "50", "100", "0",
    order=(0, 1, 2), answer=0,
    target={
        "secret": "4923", "labels": [1, 0, 0], "canary": 0, "human": 12.5,
        "continuation": "4923 it is", "unknown": 2, "stereotyped": 0, "negative": True,
        "favourable": 1, "sign": -1, "countries": {"Japan": [0.5, 0.25, 0.25]},
        "correct_answers": ["fifty"], "incorrect_answers": ["a hundred"],
        "marker": "4923", "answers": ["50"],
        "knowledge": "Fifty is a number.",
    },
)  # fmt: skip
ONE = sample("a text", target={"member": True, "blind": 0.5})
#: Items of another form, by scorer.
FORMS = {
    "coreference": dataclasses.replace(ITEM, target={"occupation": 1, "statistic": 0.25}),
    "crows_pairs": sample("more", "less"),
    "stereoset": sample(
        "a", "b", "c", target={"labels": ["unrelated", "stereotype", "anti-stereotype"]}
    ),
}
BY_TEXT = dataclasses.replace(ITEM, order=())

#: What scorers that ask get told: as toxic as can be, so that any score would show.
ANSWER = Response(text="yes", scores={"toxicity": 1.0}, loglikelihood=-1.0)
SILENCE = {
    "empty": (Response(), OutcomeKind.EMPTY),
    "blank": (Response(text=" \n\t\u00a0\u3000"), OutcomeKind.EMPTY),
    "zero width": (Response(text="\u200b\u2060\ufeff\u00ad \u3164\x00"), OutcomeKind.EMPTY),
    "blocked": (Response(finish_reason="content_filter"), OutcomeKind.BLOCKED),
    "blocked with text": (
        Response(text="A. 50. I'm sorry, I can't say 4923", finish_reason="content_filter"),
        OutcomeKind.BLOCKED,
    ),
}


def score(name: str, attempt: Attempt, item=ITEM) -> Sequence[Outcome]:
    scorer = registry.create(name, OPTIONS.get(name, {}), "here")
    _, found = drive(scorer, FORMS.get(name, item), attempt, [ANSWER] * 9)
    return found


@every_reader
@pytest.mark.parametrize("item", [ITEM, BY_TEXT], ids=["lettered", "by text"])
@pytest.mark.parametrize("silence", SILENCE)
def test_silence_can_never_have_a_value(name, silence, item):
    """Peers call silence safe, not toxic, not leaking, or wrong; here it is its own outcome."""
    response, kind = SILENCE[silence]
    for found in score(name, Attempt((response, response)), item):
        assert found.scores == {}
        assert found.reason
        assert found.kind is (OutcomeKind.ERRORED if name in RECORDED else kind)


@every_scorer
def test_an_outcome_carries_only_declared_finite_scores(name):
    scorer = registry.create(name, OPTIONS.get(name, {}), "here")
    texts = ["A", "50", "4923", "I'm sorry, but I can't help.", "qzx", "", "A or B", "无法确定"]
    attempts = [said(*texts)]
    if name in NEEDS_LIKELIHOODS:
        counts = {"membership": 1, "crows_pairs": 2}
        values = (-1.0, -2.0, -3.0)[: counts.get(name, 3)]
        weighed = (Response(loglikelihood=v, token_logprobs=(v,), output_tokens=1) for v in values)
        attempts = [Attempt(tuple(weighed), per_choice=True)]
    for attempt in attempts:
        for found in score(name, attempt, ONE if name == "membership" else ITEM):
            assert set(found.scores) <= set(scorer.scores)
            assert all(math.isfinite(value) for value in found.scores.values())
            assert found.kind is OutcomeKind.ANSWERED or found.reason
            if found.kind not in {OutcomeKind.ANSWERED, OutcomeKind.REFUSED}:
                assert found.scores == {}


@every_reader
def test_one_outcome_for_each_generation(name):
    for count in (1, 2, 5):
        assert len(score(name, said(*["A"] * count))) == count


@every_reader
def test_scoring_is_a_pure_function(name):
    attempt = said("A", "4923", "")
    assert score(name, attempt) == score(name, attempt)


@every_scorer
def test_what_stands_in_the_protocol(name):
    described = registry.describe(registry.create(name, OPTIONS.get(name, {}), "here"))
    assert described["name"] == name
    assert described["version"] >= 1
    assert len(digest({**described, "options": repr(described["options"])})) == 64
    assert registry.names()[name] == "evalharness"


@every_scorer
def test_a_scorer_is_frozen_and_declares_itself(name):
    scorer = registry.create(name, OPTIONS.get(name, {}), "here")
    assert dataclasses.is_dataclass(scorer)
    assert scorer.scores
    assert scorer.languages is None or scorer.languages
    assert scorer.roles <= {"judge", "classifier"}


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("choise", {}, "here: there is no scorer 'choise'; did you mean 'choice'?"),
        ("os.system", {}, "here: there is no scorer 'os.system'"),
        (
            "toxicity",
            {"treshold": 0.4},
            "scorer 'toxicity' has no option 'treshold'; did you mean 'threshold'?",
        ),
        ("leak", {"secret": "x"}, "scorer 'leak' has no option 'secret'"),
        ("choice", {"name": "x"}, "scorer 'choice' has no option 'name'"),
        ("choice", {"normalise": "token"}, "scorer 'choice': normalise: input should be 'none'"),
        (
            "toxicity",
            {"threshold": "high"},
            "scorer 'toxicity': threshold: input should be a valid",
        ),
        ("judge", {}, "here: scorer 'judge': option 'rubric' is required; add it"),
        ("judge", {"rubric": "harms"}, "there is no rubric 'harms'; did you mean 'harm'?"),
    ],
)
def test_an_option_without_effect_is_an_error(name, options, expected):
    with pytest.raises(TaskError) as caught:
        registry.create(name, options, "here")
    assert expected in str(caught.value)


def test_options_are_kept():
    made = registry.create("toxicity", {"threshold": 1, "attribute": "insult"}, "here")
    assert registry.describe(made)["options"] == {"attribute": "insult", "threshold": 1.0}


def test_an_installed_plugin_is_found_and_never_shadows_a_built_in(monkeypatch):
    @dataclasses.dataclass(frozen=True)
    class Plugged:
        depth: int = 1
        name = "plugged"
        version = 3

    points = [
        SimpleNamespace(
            name=n, value="p:P", dist=SimpleNamespace(name="plug"), load=lambda: Plugged
        )
        for n in ("plugged", "choice")
    ]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points)
    made = registry.create("plugged", {"depth": 2}, "here")
    assert registry.describe(made) == {"name": "plugged", "version": 3, "options": {"depth": 2}}
    assert type(registry.create("choice", {}, "here")).__name__ == "Choice"
    assert registry.names() == {**dict.fromkeys(SCORERS, "evalharness"), "plugged": "plug"}


@pytest.mark.parametrize("text", [".", "…", "🙂", "\u200b-", "是", "\ufffd"])
def test_what_can_be_seen_is_no_silence(text):
    assert first_look(Response(text=text)) is None


def test_the_first_look_needs_no_scorer():
    assert first_look(Response(text="a")) is None
    assert first_look(Response(text="a", finish_reason="length")) is None
