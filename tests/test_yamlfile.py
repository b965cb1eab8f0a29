"""YAML that people write: an error names the file, the line, the field and what to write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from evalharness import yamlfile
from evalharness.errors import ConfigError, TaskError


class Colour(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    depth: int = Field(default=1, ge=1)


class Paint(BaseModel):
    model_config = ConfigDict(extra="forbid")
    label: str
    kind: Literal["oil", "water"] = "oil"
    colours: list[Colour] = Field(default_factory=list)
    base: Colour | None = None
    finish: Literal["matt", "gloss"] | Annotated[list[Literal["satin"]], Field(min_length=1)] = (
        "matt"
    )
    construct_: str = Field(default="x", alias="construct")


@pytest.fixture
def write(tmp_path):
    def to_file(text: str | bytes) -> Path:
        path = tmp_path / "paint.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to_file


def fault(path: Path) -> str:
    """The message of the error, without the folder."""
    with pytest.raises(ConfigError) as caught:
        yamlfile.validate(Paint, yamlfile.read(path, ConfigError), ConfigError)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_valid_file_becomes_the_model(write):
    path = write("label: a\ncolours:\n  - {name: red}\n  - {name: blue, depth: 3}\n")
    made = yamlfile.validate(Paint, yamlfile.read(path, ConfigError), ConfigError)
    assert [(c.name, c.depth) for c in made.colours] == [("red", 1), ("blue", 3)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "label: a\nkidn: oil\n",
            "paint.yaml:2: kidn: there is no such field; did you mean 'kind'?",
        ),
        (
            "label: a\ncolours:\n- name: red\n  dept: 2\n",
            "paint.yaml:4: colours.0.dept: there is no such field; did you mean 'depth'?",
        ),
        (
            "label: a\nbase:\n  name: red\n  zzz: 2\n",
            "paint.yaml:4: base.zzz: there is no such field; known: depth, name",
        ),
        ("label: a\nconstrukt: b\n", "there is no such field; did you mean 'construct'?"),
        ("kind: oil\n", "paint.yaml:1: label: this field is required; add it"),
        (
            "label: a\ncolours:\n- name: red\n- depth: 2\n",
            "paint.yaml:4: colours.1.name: this field is required; add it",
        ),
        (
            "label: a\nbase: {name: red, depth: 0}\n",
            "paint.yaml:2: base.depth: input should be greater than or equal to 1; found 0",
        ),
        ("label: [1, 2]\n", "paint.yaml:1: label: input should be a valid string; found [1, 2]"),
        ("label: a\nkind: chalk\n", "paint.yaml:2: kind: input should be 'oil' or 'water'"),
        ("label: a\nlabel: b\n", "paint.yaml:2: 'label' stands twice; keep one of them"),
        ("base:\n  name: a\n  depth: 1\n  name: b\n", "paint.yaml:4: 'name' stands twice"),
        ("", "paint.yaml: expected fields such as 'name: value', found none"),
        ("# only a comment\n", "expected fields such as 'name: value'"),
        ("- label: a\n", "paint.yaml:1: expected fields such as 'name: value'"),
        ("just words\n", "paint.yaml:1: expected fields such as 'name: value'"),
        ("label: a\n  kind: oil\n", "paint.yaml:2: not valid YAML: "),
        ("label: 'a\n", "not valid YAML: "),
        ("kind: a\nbase: {x: [2026-02-30]}\n", "paint.yaml:2: 2026-02-30: there is no such day"),
        ("label:\n", "paint.yaml:1: label: this field stands empty; fill it in"),
        ("label: 3.2\n", "label: input should be a valid string; found 3.2; put it in quotes"),
        ("label: a\nbase: [1, 0b]\n", "paint.yaml:2: base: "),
        ("label: 2026-02-03\n", "valid string; found 2026-02-03; put it in quotes"),
        ("label: a\n--- \nlabel: b\n", "not valid YAML: "),
        ("label: a\x00\n", "paint.yaml: not valid YAML: cannot be read"),
        ("? {a: b}\n: c\n", "paint.yaml:1: not valid YAML: found unhashable key"),
        (b"label: \xff\xfe\n", "paint.yaml: not UTF-8 text (byte 7); save it as UTF-8"),
        ("label: " + "x" * 200 + "\nkind: " + "y" * 200 + "\n", "; found 'yyyyyyyyyyyyyyy"),
    ],
)
def test_an_error_says_where_what_and_what_to_write(write, text, expected):
    assert expected in fault(write(text))


def test_every_wrong_field_has_a_line_of_its_own(write):
    message = fault(write("kind: chalk\nbase:\n  nmae: x\n"))
    assert [line.split(": ")[1] for line in message.splitlines()] == [
        "label", "kind", "base.name", "base.nmae",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("mat", "finish: input should be 'matt' or 'gloss', or a valid list; found 'mat'"),
        ("3", "finish: input should be 'matt' or 'gloss', or a valid list; found 3"),
        ("[satn]", "finish.0: input should be 'satin'; found 'satn'"),
        (
            "[]",
            "finish: input should be 'matt' or 'gloss', or list should have at least 1 item",
        ),
    ],
)
def test_a_choice_of_kinds_is_one_sentence_without_internals(write, given, expected):
    (line,) = fault(write(f"label: a\nfinish: {given}\n")).splitlines()
    assert line.startswith(f"paint.yaml:2: {expected}")
    assert line.count("; found ") == 1


def test_a_long_value_is_shown_short(write):
    assert max(map(len, fault(write("label: a\nkind: " + "y" * 5000)).splitlines())) < 160


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['exit 1']",
        "!!python/name:os.system",
        "!!python/object:pathlib.Path {}",
        "!own {a: 1}",
    ],
)
def test_tags_that_would_run_or_make_something_are_refused(write, tag):
    assert "paint.yaml:2: not valid YAML: could not determine a constructor" in fault(
        write(f"kind: oil\nlabel: {tag}\n")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[" * 100_000, "nested more than 50 levels deep"),
        ("label: &x\n  again: *x\n", "an alias (*name) holds itself"),
        (
            "a: &a [1,1,1,1,1,1,1,1,1]\n"
            + "".join(
                f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
                for before, name in zip("abcdefgh", "bcdefghi", strict=True)
            ),
            "an alias (*name) holds itself, or too much",
        ),
    ],
    ids=["nested", "recursive", "billion laughs"],
)
def test_a_hostile_file_is_an_error_not_a_crash(write, text, expected):
    assert expected in fault(write(text))


def test_an_alias_may_repeat_a_mapping(write):
    file = yamlfile.read(write("a: &m {x: 1}\nb: *m\n"), ConfigError)
    assert file.data == {"a": {"x": 1}, "b": {"x": 1}}
    assert file.where(("b", "x")).endswith("paint.yaml:1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing.yaml", "there is no such file; check the path"),
        (".", "this is a folder; name the YAML file in it"),
        ("file/below.yaml", "cannot be read: Not a directory"),
    ],
)
def test_what_is_no_file_is_an_error_of_the_callers_kind(tmp_path, name, expected):
    (tmp_path / "file").write_text("")
    with pytest.raises(TaskError, match=expected):
        yamlfile.read(tmp_path / name, TaskError)


def test_where_falls_back_to_the_nearest_parent_with_a_line(write):
    file = yamlfile.read(write("label: a\nbase:\n  name: b\n"), ConfigError)
    assert file.where(("base", "depth")).endswith(":2")
    assert file.where(("nothing",)).endswith(":1")
    assert yamlfile.YamlFile(None, {}).where(("a", 0)) == "configuration"


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("claasify", ["classify", "embed"], "; did you mean 'classify'?"),
        ("zzz", ["embed", "classify"], "; known: classify, embed"),
        ("zzz", [], ""),
        ("temperatur", {"temperature": 1}, "; did you mean 'temperature'?"),
    ],
)
def test_did_you_mean(word, known, expected):
    assert yamlfile.did_you_mean(word, known) == expected


def test_a_fault_of_a_record_has_no_word_of_pydantic_s():
    class Record(BaseModel):
        kind: str

        @field_validator("kind")
        @classmethod
        def _known(cls, value: str) -> str:
            raise ValueError(f"'{value}' is none of good, bad")

    with pytest.raises(ValidationError) as caught:
        Record(kind="wrong")
    assert yamlfile.first_fault(caught.value) == "kind: 'wrong' is none of good, bad"
