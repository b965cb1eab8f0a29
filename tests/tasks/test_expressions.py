"""Expressions keep types, never turn a missing field into None, and cannot leave the sandbox."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evalharness.errors import MappingError, TaskError
from evalharness.tasks import expressions
from evalharness.tasks.expressions import alternatives, expression, record, template

ROW = {
    "text": "hello",
    "number": 3,
    "share": 0.5,
    "flag": False,
    "nothing": None,
    "list": ["a", "b"],
    "nested": {"labels": [0, 1, 0], "deep": {"er": "x"}},
    "info-content": "dashed",
}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("text", "hello"),
        ("number", 3),
        ("number + 1", 4),
        ("share", 0.5),
        ("flag", False),
        ("nothing", None),
        ("list", ["a", "b"]),
        ("[text, number]", ["hello", 3]),
        ("nested.labels.index(1)", 1),
        ("nested.deep.er", "x"),
        ("nested['deep']['er']", "x"),
        ("row['info-content']", "dashed"),
        ("row.text", "hello"),
        ("'3'", "3"),
        ("3", 3),
        ("none", None),
        ("text ~ '-' ~ number", "hello-3"),
        ("row.get('absent', 'en')", "en"),
        ("list | length", 2),
        ("'yes' if flag else 'no'", "no"),
        ("number == 3", True),
        ("nested.labels", [0, 1, 0]),
    ],
)
def test_a_value_keeps_its_type(source, expected):
    value = expression(source, "here")(ROW)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("source", "row"),
    [
        ("text", {"text": "a"}),
        ("a.b.c", {"a": {"b": {"c": [1]}}}),
        ("a['b'][1]", {"a": {"b": ["x", "y"]}}),
        ("a.items", {"a": {"items": 1}}),
        ("row.a", {"a": 1}),
        ("row", {"row": 1}),
        ("'x'", {}),
        ("(a)", {"a": None}),
        ("a[true]", {"a": ["x", "y"]}),
        ("a[0]", {"a": "text"}),
        ("a.b", {"a": "text"}),
        ("a[-1]", {"a": ["x", "y"]}),
        ("a[1]", {"a": {"1": "x"}}),
        ("range", {}),
        ("self", {"self": 1}),
        ("result", {"result": 2}),
        ("a.b", {"a": {"b": float("nan")}}),
    ],
)
def test_a_lookup_without_jinja_gives_what_jinja_gives(monkeypatch, source, row):
    def outcome():
        try:
            single, joined = expression(source, "here"), record({"f": source}, "here")
            return repr((single(row), joined(row)["f"]))
        except MappingError as fault:
            return str(fault)

    quick = outcome()
    monkeypatch.setattr(expressions, "_plain_expression", lambda source: None)
    assert quick == outcome()


def test_most_mappings_do_without_jinja():
    assert expressions._plain_expression("mc1_targets.choices") is not None
    assert expressions._plain_expression("targets['labels'][0]") is not None
    assert expressions._plain_expression("labels.index(1)") is None


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("{{ prompt }}", {"prompt": "a\n"}),
        ("Q: {{ prompt }}\r\n{{- tags.kind }}\n", {"prompt": "a", "tags": {"kind": "k"}}),
        ("{{ number }}", {"number": 3}),
        ("{{ row.prompt }}", {"prompt": "a"}),
        ("{{ absent }}", {}),
        ("{% if prompt %}{{ prompt }}{% endif %}", {"prompt": "a"}),
        ("", {}),
    ],
)
def test_a_template_without_jinja_gives_what_jinja_gives(monkeypatch, source, fields):
    def outcome():
        try:
            return template(source, "here")(fields)
        except MappingError as fault:
            return str(fault)

    quick = outcome()
    monkeypatch.setattr(expressions, "_plain_template", lambda source: None)
    assert quick == outcome()


@pytest.mark.parametrize(
    "source",
    [
        "absent",
        "row.absent",
        "nested.absent",
        "nested.deep.absent",
        "nested.absent.er",
        "text ~ absent",
        "[text, absent]",
        "{'a': nested.absent}",
        "[[nested.absent]]",
        "nested.labels[7]",
        "row['absent']",
        "absent + 1",
        "'a' if absent else 'b'",
    ],
)
def test_a_missing_field_is_an_error_never_none(source):
    with pytest.raises(MappingError) as caught:
        expression(source, "task t: prompt")(ROW)
    assert str(caught.value).startswith("task t: prompt: ")


def test_a_missing_field_says_what_the_row_has():
    with pytest.raises(MappingError, match="'txt' finds nothing; the row has: number, text"):
        expression("txt", "here")({"text": "a", "number": 1})


@pytest.mark.parametrize("name", ["items", "values", "keys", "get", "copy", "pop", "update"])
def test_a_key_of_the_row_wins_over_a_method_of_dict(name):
    for source in (name, f"row.{name}", f"inner.{name}"):
        assert expression(source, "here")({name: 5, "inner": {name: 5}}) == 5


@pytest.mark.parametrize("name", ["items", "values", "keys"])
def test_a_method_is_no_substitute_for_a_missing_field(name):
    with pytest.raises(MappingError, match="finds a method, no field"):
        expression(f"row.{name}", "here")(ROW)
    assert list(expression(f"nested.deep.{name}() | list", "here")(ROW))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("list | map('upper')", "iterator"),
        ("nested.deep.values() | map('upper')", "iterator"),
        ("share * 1e308 * 1e10", "no finite number"),
        ("[share * 1e308 * 1e10]", "no finite number"),
        ("1e999", "no finite number"),
        ("number / 0", "division by zero"),
        ("text + 1", "can only concatenate str"),
        ("nested.labels.index(5)", "is not in list"),
        ("number.real.absent", "absent"),
        ("text | regex('(z+)')", "nothing in 'hello' matches"),
        ("text | regex('(')", "missing )"),
        ("number | regex('3')", "expected string"),
        ("range(10 ** 9)", "Range too big"),
        ("alternatives('7', 10)", "too few variants"),
    ],
)
def test_what_cannot_be_made_is_a_mapping_error(source, expected):
    with pytest.raises(MappingError, match=re.escape(expected)):
        expression(source, "here")(ROW)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("absent", "finds nothing"),
        ("[text, absent]", "finds nothing"),
        ("{'a': [nested.absent]}", "finds nothing"),
        ("number / 0", "division by zero"),
        ("text | regex('(')", "missing )"),
        ("row.items", "finds a method, no field"),
        ("[row.items]", "finds a method, no field"),
        ("list | map('upper')", "gives an iterator"),
        ("1e999", "gives no finite number"),
        ("1e308 * 10", "gives no finite number"),
        ("[share * 1e308 * 1e10]", "gives no finite number"),
    ],
)
def test_several_expressions_at_once_are_checked_like_one(source, expected):
    mapping = record({"prompt": "text", "tags.kind": source}, "task t")
    with pytest.raises(MappingError, match=r"^task t: tags\.kind: .*" + re.escape(expected)):
        mapping(ROW)


def test_several_expressions_at_once_keep_their_types():
    fields = {"a": "number", "b": "nothing", "c": "nested.labels", "tags.d": "share"}
    assert record(fields, "t")(ROW) == {"a": 3, "b": None, "c": [0, 1, 0], "tags.d": 0.5}


@pytest.mark.parametrize(
    "source",
    [
        "text.__class__",
        "''.__class__.__mro__",
        "''.__class__.__base__.__subclasses__()",
        "row.__class__.__init__.__globals__",
        "alternatives.__globals__",
        "alternatives.__code__",
        "text.format.__self__",
        "'{0.__class__}'.format(text)",
        "self.__init__",
        "list.append('c')",
        "list.clear()",
        "nested.update({'a': 1})",
        "nested.pop('deep')",
        "row.setdefault('x', 1)",
        "nested.labels.sort()",
        "cycler.__init__.__globals__",
        "lipsum.__globals__",
        "joiner.__init__",
        "text | attr('__class__')",
    ],
)
def test_the_sandbox_holds(source):
    row = {**ROW, "list": ["a", "b"], "nested": {"labels": [1, 0], "deep": {}}}
    before = repr(row)
    with pytest.raises((MappingError, TaskError)):
        expression(source, "here")(row)
    assert repr(row) == before


@pytest.mark.parametrize("source", ["", "a +", "{{ a }}", "a b", "import os", "a | nofilter", "'x"])
def test_what_is_no_expression_is_a_task_error_that_says_where(source):
    with pytest.raises(TaskError, match="task t: prompt: not a Jinja expression") as caught:
        expression(source, "task t: prompt")
    assert """a constant stands in single quotes within YAML's double ones: "'like""" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("text | regex('l+')", "ll"),
        ("text | regex('h(.)l')", "e"),
        ("lines | regex('^one(.*)three$')", "\ntwo\n"),
    ],
)
def test_the_regex_filter_gives_the_first_group_or_the_match(source, expected):
    assert expression(source, "here")({"text": "hello", "lines": "one\ntwo\nthree"}) == expected


def test_a_template_keeps_text_as_it_is():
    render = template("Q: {{ prompt }}\n", "here")
    assert render({"prompt": "<b>&'\"{{ x }}"}) == "Q: <b>&'\"{{ x }}\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [("{{ absent }}", "absent"), ("{{ a + 1 }}", "concatenate"), ("{{ 1 / 0 }}", "division")],
)
def test_a_template_that_cannot_be_filled_is_a_mapping_error(source, expected):
    with pytest.raises(MappingError, match=f"^here: .*{expected}"):
        template(source, "here")({"a": "x"})


@pytest.mark.parametrize("source", ["{{ a", "{% if a %}", "{{ a | nofilter }}"])
def test_a_broken_template_is_a_task_error(source):
    with pytest.raises(TaskError, match="here: not a Jinja template"):
        template(source, "here")


def shape(text: str) -> str:
    """Digits, small letters and capitals as one sign each."""
    for kind, sign in (("0-9", "0"), ("a-z", "a"), ("A-Z", "A")):
        text = re.sub(f"[{kind}]", sign, text)
    return text


@given(st.text("0123456789abcXYZ- ", min_size=1, max_size=12), st.integers(1, 40))
def test_alternatives_are_distinct_others_of_the_same_format(text, count):
    free = 1
    for sign in shape(text):
        free *= {"0": 10, "a": 26, "A": 26}.get(sign, 1)
    assume(free > 4 * count)
    found = alternatives(text, count)
    assert len(set(found)) == len(found) == count
    assert text not in found
    assert {shape(other) for other in found} == {shape(text)}
    assert found == alternatives(text, count)
    assert found[: count - 1] == (alternatives(text, count - 1) if count > 1 else [])


def test_alternatives_of_different_texts_differ_and_stay_the_same_for_ever():
    assert alternatives("71-40", 3) != alternatives("71-41", 3)
    assert alternatives("71-40", 3) == ["85-58", "15-17", "10-36"]


@pytest.mark.parametrize("text", ["", "--", "中文", "7"])
def test_a_format_without_enough_variants_is_refused(text):
    with pytest.raises(ValueError, match="too few variants"):
        alternatives(text, 255)


# --- values in Python's notation ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("['a', \"it's\"]", ["a", "it's"]), (" {'a': [0.5, 1]} ", {"a": [0.5, 1]}), ("3", 3)],
)
def test_a_text_in_python_s_notation_is_read(text, value):
    assert expression("column | literal", "here")({"column": text}) == value


@pytest.mark.parametrize(
    "text", ["__import__('os')", "[", "1 + x", "(" * 5000, "[" * 500_001 + "]" * 500_001, "1 2"]
)
def test_what_is_no_value_is_an_error_and_nothing_is_run(text):
    with pytest.raises(MappingError, match=r"here: .*Python's notation"):
        expression("column | literal", "here")({"column": text})
