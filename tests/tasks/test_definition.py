"""What a task.yaml may hold: a wrong field is found when it is read, not when it is used."""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from evalharness.tasks.definition import METHODS, SuiteDefinition, TaskDefinition
from evalharness.tasks.sources import HubRef
from tests.tasks.making import SAMPLE, fields

SUITE = {
    "suite": "mine", "version": 1, "dimension": "bias", "title": "Mine", "construct": "mine",
    "headline": ["a/b"],
}  # fmt: skip


def source(**origin):
    return {"sample": SAMPLE, **origin}


FILE = {"path": "a.csv"}


@pytest.mark.parametrize(
    ("change", "field", "expected"),
    [
        ({"task": "Big"}, "task", "match pattern"),
        ({"task": "a/b"}, "task", "match pattern"),
        ({"version": 0}, "version", "greater than or equal to 1"),
        ({"construct": "short"}, "construct", "at least 8 characters"),
        ({"licence": None}, "licence", "required"),
        ({"source": None}, "source", "required"),
        ({"languages": []}, "languages", "at least 1 item"),
        ({"languages": ["en", False]}, "languages.1", "valid string"),  # YAML's "no"
        ({"method": []}, "method", "at least 1 item"),
        ({"method": "guess"}, "method", "input should be"),
        ({"method": ["choose"]}, "method", "input should be"),
        ({"metrics": []}, "metrics", "at least 1 item"),
        ({"metrics": "accuracy"}, "metrics", "valid list"),
        ({"metrics": [{"condition": "x"}]}, "metrics.0.name", "required"),
        ({"scorer": None}, "scorer", "required"),
        ({"scorer": ["choice"]}, "scorer", "valid dictionary"),
        ({"order": "shuffled"}, "order", "write 'fixed: <the reason>'"),
        ({"generations": 0}, "generations", "greater than or equal to 1"),
        ({"tags": {"catalogue": "imda"}}, "tags.catalogue", "valid list"),
        ({"slices": ["topic"]}, "", "slices and strata name tags of the samples; 'topic' is none"),
        ({"strata": ["topic"]}, "", "'topic' is none of []"),
        ({"decoding": {"temperature": -1}}, "decoding.temperature", "greater than or equal to 0"),
        ({"decoding": {"top_k": 4}}, "decoding.top_k", "not permitted"),
        ({"data": source()}, "data", "name exactly one of hub, file, files, web, supplied"),
        ({"data": source(file=FILE, supplied="x")}, "data", "name exactly one of"),
        ({"data": source(file=FILE, files=[FILE])}, "data", "name exactly one of"),
        ({"data": {"supplied": "x"}}, "data.sample", "required"),
        ({"data": source(file={"path": "../a"})}, "data.file.path", "stays in its folder"),
        ({"data": source(file={"path": "a", "sha256": "F" * 64})}, "data.file.sha256", "pattern"),
        ({"data": source(hub={"path": "a", "revision": "main"})}, "data.hub.revision", "pattern"),
        (
            {"data": {"supplied": "x", "sample": {"promt": "q"}}},
            "data.sample",
            "no such field of a sample: promt; known: ['answer', 'bad'",
        ),
        (
            {"data": {"supplied": "x", "sample": {"prompt": {"a": "b"}}}},
            "data.sample",
            "prompt: one expression wanted",
        ),
        (
            {"data": {"supplied": "x", "sample": {"prompt": "q", "tags": "t"}}},
            "data.sample",
            "tags: fields, each with an expression wanted",
        ),
        ({"data": {"supplied": "x", "sample": {"prompt": 0}}}, "data.sample.prompt", "string"),
        ({"mirrors": {}}, "mirrors", "not permitted"),
    ],
)
def test_a_wrong_definition_is_refused(change, field, expected):
    with pytest.raises(ValidationError) as caught:
        TaskDefinition.model_validate(fields(**change))
    # one source may stand for a list of one
    found = {
        ".".join(map(str, item["loc"])).replace("data.0", "data"): item["msg"].lower()
        for item in caught.value.errors()
    }
    assert any(
        place.startswith(field) and expected.lower() in message for place, message in found.items()
    ), found


def test_slices_must_be_tags_of_the_mirror_too():
    tagged = {"supplied": "x", "sample": {**SAMPLE, "tags": {"topic": "t"}}}
    assert TaskDefinition.model_validate(fields(data=tagged, slices=["topic"])).slices == ["topic"]
    with pytest.raises(ValidationError, match=re.escape("'topic' is none of []")):
        TaskDefinition.model_validate(
            fields(data=tagged, mirror=source(file=FILE), slices=["topic"])
        )


@pytest.mark.parametrize(
    ("written", "methods"),
    [
        ("choose", ("loglikelihood", "letter")),
        ("letter", ("letter",)),
        (["text", "loglikelihood"], ("text", "loglikelihood")),
    ],
)
def test_methods_in_order_of_preference(written, methods):
    assert TaskDefinition.model_validate(fields(method=written)).methods == methods
    assert set(METHODS["choose"]) == {"loglikelihood", "letter"}


def test_components_have_a_short_and_a_long_form():
    made = TaskDefinition.model_validate(
        fields(
            scorer={"scorer": "choice", "normalise": "tokens"},
            metrics=["accuracy", {"metric": "accuracy", "name": "other", "where": {"a": "b"}}],
        )
    )
    assert (made.scorer.name, made.scorer.options) == ("choice", {"normalise": "tokens"})
    assert [(m.name, m.options) for m in made.metrics] == [
        ("accuracy", {}),
        ("accuracy", {"name": "other", "where": {"a": "b"}}),
    ]


def test_codes_of_a_framework_become_texts():
    assert TaskDefinition.model_validate(fields(tags={"nist": [2.4, "x"]})).tags == {
        "nist": ["2.4", "x"]
    }


def test_a_definition_comes_back_from_its_record():
    made = TaskDefinition.model_validate(
        fields(order="fixed: it is a scale", metrics=[{"metric": "accuracy", "name": "x"}])
    )
    kept = made.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert TaskDefinition.model_validate(kept) == made


@pytest.mark.parametrize(
    "change", [{"dimension": "safety"}, {"suite": "A"}, {"headlines": []}, {"version": 0}]
)
def test_a_wrong_suite_is_refused(change):
    with pytest.raises(ValidationError):
        SuiteDefinition.model_validate({**SUITE, **change})
    assert SuiteDefinition.model_validate(SUITE).tasks is None


def test_a_pinned_revision_is_a_whole_commit():
    assert HubRef(path="a/b", revision="0" * 40).split == "train"
    with pytest.raises(ValidationError):
        HubRef(path="a/b", revision="0" * 39)
