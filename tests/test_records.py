"""The records: typed JSON there and back, and digests that tell every difference."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness import errors
from evalharness.records import (
    Decoding,
    Message,
    OutcomeKind,
    Request,
    Response,
    Sample,
    Slot,
    canonical_json,
    digest,
)

texts = st.text(max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
indices = st.none() | st.integers(0, 9)
names = st.dictionaries(texts, texts, max_size=3)

responses = st.builds(
    Response,
    text=texts,
    loglikelihood=st.none() | numbers,
    token_logprobs=st.none() | st.lists(numbers, max_size=3).map(tuple),
    scores=st.none() | st.dictionaries(texts, numbers, max_size=2),
    embedding=st.none() | st.lists(numbers, max_size=3).map(tuple),
    recorded=st.none() | st.dictionaries(texts, texts | numbers | st.booleans(), max_size=2),
    finish_reason=st.sampled_from(["stop", "length", "content_filter"]),
    input_tokens=indices,
    output_tokens=indices,
    reasoning=st.none() | texts,
)
samples = st.builds(
    Sample,
    id=texts,
    messages=st.lists(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), texts), max_size=2
    ).map(tuple),
    choices=st.lists(texts, max_size=3).map(tuple),
    order=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    continuations=st.lists(texts, max_size=3).map(tuple),
    answer=indices,
    good=indices | texts,
    bad=indices | texts,
    group=st.none() | texts,
    cluster=st.none() | texts,
    tags=names,
    target=st.dictionaries(texts, texts | st.integers(-9, 9) | st.none(), max_size=3),
    language=st.sampled_from(["en", "zh"]),
)


def through_json(value):
    return json.loads(json.dumps(value))


@given(responses)
def test_a_response_comes_back_from_json_as_it_went(response):
    assert Response.from_json(through_json(response.to_json())) == response


@given(samples)
def test_a_sample_comes_back_from_json_as_it_went(sample):
    assert Sample.from_json(through_json(sample.to_json())) == sample


def test_an_answer_without_reasoning_is_stored_as_it_always_was():
    assert Response("a").to_json() == {"text": "a"}
    assert Response("a", reasoning="b").to_json() == {"text": "a", "reasoning": "b"}
    assert Response.from_json({"text": "a"}).reasoning is None


def test_types_survive_json():
    """A peer resumed runs through text, and "1" became 1."""
    response = Response(recorded={"a": "1", "b": 1, "c": 1.0, "d": True, "e": None})
    back = Response.from_json(through_json(response.to_json())).recorded
    assert back is not None
    assert {key: type(value).__name__ for key, value in back.items()} == {
        "a": "str", "b": "int", "c": "float", "d": "bool", "e": "NoneType",
    }  # fmt: skip


@pytest.mark.parametrize("value", [0.0, -0.0])
def test_a_zero_is_a_value(value):
    response = Response(loglikelihood=value, output_tokens=0)
    assert response.to_json() == {"loglikelihood": 0.0, "output_tokens": 0}


REQUEST = Request(
    "generate",
    messages=(Message("user", "one"), Message("user", "two")),
    decoding=Decoding(),
    seed=1,
)


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(REQUEST, kind="loglikelihood"),
        dataclasses.replace(REQUEST, messages=(Message("user", "onet"), Message("user", "wo"))),
        dataclasses.replace(REQUEST, messages=(Message("user", "two"), Message("user", "one"))),
        dataclasses.replace(REQUEST, messages=(Message("system", "one"), Message("user", "two"))),
        dataclasses.replace(REQUEST, messages=REQUEST.messages[:1]),
        dataclasses.replace(REQUEST, continuation=""),
        dataclasses.replace(REQUEST, text=""),
        dataclasses.replace(REQUEST, seed=None),
        dataclasses.replace(REQUEST, seed=2),
        dataclasses.replace(REQUEST, decoding=None),
        dataclasses.replace(REQUEST, decoding=Decoding(max_tokens=255)),
        dataclasses.replace(REQUEST, decoding=Decoding(temperature=0.1)),
        dataclasses.replace(REQUEST, decoding=Decoding(top_p=0.9)),
        dataclasses.replace(REQUEST, decoding=Decoding(stop=("\n",))),
    ],
)
def test_whatever_changes_an_answer_changes_the_digest(other):
    """Peers left the system prompt, the model or the temperature out of their cache's key."""
    assert other.content_digest != REQUEST.content_digest


def test_where_a_request_stands_does_not_change_its_digest():
    moved = dataclasses.replace(REQUEST, slot=Slot("task", "sample", 0, "target", 0))
    assert moved.content_digest == REQUEST.content_digest


@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=2))
def test_parts_cannot_run_into_each_other(pairs):
    """("ab", "c") and ("a", "bc") are two requests."""
    made = [
        Request("loglikelihood", messages=(Message("user", prompt),), continuation=rest)
        for prompt, rest in pairs
    ]
    assert (made[0].content_digest == made[1].content_digest) == (pairs[0] == pairs[1])


@given(samples)
def test_good_and_bad_are_no_part_of_the_protocol(sample):
    other = dataclasses.replace(sample, good="x", bad="y")
    assert other.protocol_bytes() == sample.protocol_bytes()


@pytest.mark.parametrize(
    "change",
    [
        {"id": "b"},
        {"messages": (Message("user", "q2"),)},
        {"choices": ("y", "x")},
        {"order": (1, 0)},
        {"continuations": (" x",)},
        {"answer": 1},
        {"group": "g"},
        {"cluster": "c"},
        {"tags": {"t": "v"}},
        {"target": {"secret": "s"}},
        {"language": "zh"},
    ],
)
def test_everything_else_of_a_sample_is(change):
    sample = Sample("a", (Message("user", "q"),), choices=("x", "y"), order=(0, 1), answer=0)
    assert dataclasses.replace(sample, **change).protocol_bytes() != sample.protocol_bytes()


def test_canonical_json_is_rfc_8785():
    value = {"b": [1.0, 1e30, "é\n"], "a": None}
    assert canonical_json(value) == '{"a":null,"b":[1,1e+30,"é\\n"]}'.encode()
    # sha256sum of {"a":1}
    assert digest({"a": 1}) == "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}])
def test_what_json_cannot_hold_has_no_digest(value):
    with pytest.raises(ValueError, match=r".*"):
        digest(value)


@pytest.mark.parametrize("record", [REQUEST, Response(), Decoding(), Message("user", "x")])
def test_records_cannot_be_changed(record):
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        setattr(record, dataclasses.fields(record)[0].name, "other")


def test_outcomes_are_the_documented_seven():
    assert [kind.value for kind in OutcomeKind] == [
        "answered", "refused", "blocked", "empty", "unparsed", "errored", "not_run",
    ]  # fmt: skip


def test_one_root_catches_every_error_and_its_exit_code_is_usage():
    kinds = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(kind, errors.EvalHarnessError) for kind in kinds)
    assert {kind.__name__ for kind in kinds if kind.exit_code != 2} == {"RunCorruptError"}


def test_a_missing_extra_prints_its_pip_line():
    message = str(errors.MissingExtraError("the transformers adapter", "local"))
    assert "pip install 'evalharness[local]'" in message


def test_a_stamped_request_is_the_same_one_at_a_place():
    given: dict[str, object] = {
        "kind": "classify", "role": "judge", "messages": (Message("user", "a"),),
        "continuation": "b", "choice": "c", "text": "d", "decoding": Decoding(7), "seed": 1,
        "slot": None, "repeat": 3,
    }  # fmt: skip
    assert list(given) == [field.name for field in dataclasses.fields(Request)]
    request, slot = Request(**given), Slot("t", "s", 0, "judge", 0)
    assert request.stamped(slot, 5) == dataclasses.replace(request, slot=slot, seed=5)
