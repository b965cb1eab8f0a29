"""A run's configuration: what may be written, and what is said when it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalharness.config import RunConfig, load_config
from evalharness.errors import ConfigError

SMALL = {"target": "demo", "tasks": ["a_task"]}


def fault(source, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(source, overrides)
    return str(caught.value)


def test_the_short_forms_of_a_task_and_a_model():
    config = load_config({**SMALL, "tasks": ["a_task", {"task": "b_task", "limit": 5}]}).config
    assert [(entry.task, entry.limit) for entry in config.tasks] == [
        ("a_task", None),
        ("b_task", 5),
    ]
    assert config.target == "demo"


def test_the_defaults_are_the_documented_ones():
    config = load_config(SMALL).config
    assert (config.seed, config.floor, config.level, config.limit) == (1, 0.95, 0.95, None)


def test_a_file_counts_its_paths_from_its_folder(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("target: demo\nsuites: [factuality]\n", encoding="utf-8")
    assert load_config(path).base_dir == tmp_path.resolve()
    assert load_config(str(path)).config.suites == ["factuality"]
    assert load_config(SMALL).base_dir == Path.cwd()


def test_an_error_in_a_file_names_file_line_and_field(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("target: demo\ntasks:\n  - task: a\n    limt: 3\nlevel: 2\n", encoding="utf-8")
    first, second = fault(path).splitlines()
    assert first == (f"{path}:4: tasks.0.limt: there is no such field; did you mean 'limit'?")
    assert second == f"{path}:5: level: input should be less than 1; found 2"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"target": None}, "target"),
        ({"tasks": []}, "name what to run: 'suites: [factuality]' or 'tasks: [truthfulqa_mc1]'"),
        ({"sede": 1}, "sede: there is no such field; did you mean 'seed'?"),
        ({"seed": -1}, "seed: input should be greater than or equal to 0; found -1"),
        ({"seed": 1.5}, "seed: input should be a valid integer"),
        ({"seed": "one"}, "seed: input should be a valid integer"),
        ({"seed": 2**53}, "seed: input should be less than or equal to 9007199254740991"),
        ({"target": 3}, "target: input should be a valid string, or a valid dictionary; found 3"),
        (
            {"tasks": [{"task": "a", "where": {"kind": 3}}]},
            "tasks.0.where.kind: input should be a valid string, or a valid list; found 3",
        ),
        (
            {"tasks": [{"task": "a", "where": {"kind": [3]}}]},
            "tasks.0.where.kind.0: input should be a valid string; found 3",
        ),
        ({"limit": 0}, "limit: input should be greater than or equal to 1; found 0"),
        ({"limit": True}, "limit: true, false, yes and no are no value here"),
        ({"floor": 1.01}, "floor: input should be less than or equal to 1"),
        ({"floor": float("nan")}, "floor: "),
        ({"level": 0}, "level: input should be greater than 0"),
        ({"name": "../x"}, "name: string should match pattern"),
        ({"name": "x" * 61}, "name: string should have at most 60 characters"),
        ({"suites": "factuality"}, "suites: input should be a valid list"),
        ({"tasks": ["a", 3]}, "tasks.1: input should be a valid dictionary; found 3"),
        ({"tasks": [{"limit": 3}]}, "tasks.0.task: this field is required; add it"),
        ({"tasks": [{"task": "a", "epochs": False}]}, "tasks.0.epochs: true, false, yes and no"),
        (
            {"tasks": [{"task": "a", "decoding": {"temprature": 1}}]},
            "tasks.0.decoding.temprature: there is no such field; did you mean 'temperature'?",
        ),
        ({"tasks": [{"task": "a", "decoding": {"top_p": 0}}]}, "tasks.0.decoding.top_p: "),
        (
            {"tasks": [{"task": "a", "method": "guess"}]},
            "tasks.0.method: input should be 'generate'",
        ),
        ({"retries": 101}, "retries: input should be less than or equal to 100"),
    ],
)
def test_a_wrong_field_is_named_with_what_to_write(change, expected):
    message = fault({**SMALL, **change})
    assert message.startswith("configuration: ")
    assert expected in message
    assert "\n" not in message


def test_nothing_at_all_is_a_sentence(tmp_path):
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    assert "expected fields such as 'name: value'" in fault(tmp_path / "empty.yaml")
    assert "there is no such file" in fault(tmp_path / "none.yaml")


def test_the_source_is_not_changed_by_overrides():
    source = {"target": "demo", "tasks": ["a_task"]}
    load_config(source, ["target.dtype=float32", "tasks.0.limit=3"])
    assert source == {"target": "demo", "tasks": ["a_task"]}


@pytest.mark.parametrize(
    ("override", "field", "value"),
    [
        ("seed=7", "seed", 7),
        ("limit=", "limit", None),
        ("level=9e-1", "level", 0.9),
        ("name=nightly", "name", "nightly"),
        ("suites=[bias, toxicity]", "suites", ["bias", "toxicity"]),
        ("target=other", "target", "other"),
        ("target.dtype=bfloat16", "target", {"adapter": "demo", "dtype": "bfloat16"}),
        ("target.a.b.c=[1, x]", "target", {"adapter": "demo", "a": {"b": {"c": [1, "x"]}}}),
        ("target.url=http://a.b/c?d=e", "target", {"adapter": "demo", "url": "http://a.b/c?d=e"}),
        ("judge.model=x", "judge", {"model": "x"}),
    ],
)  # fmt: skip
def test_an_override_sets_any_field(override, field, value):
    assert getattr(load_config(SMALL, [override]).config, field) == value


def test_overrides_reach_into_lists_and_short_forms():
    config = load_config(
        {"target": "demo", "tasks": ["a", {"task": "b"}]},
        ["tasks.0.limit=10", "tasks.1.decoding.temperature=0.5", "tasks.1=c", "limit=3"],
    ).config
    assert [(entry.task, entry.limit) for entry in config.tasks] == [("a", 10), ("c", None)]
    nested = load_config(SMALL, ["tasks.0.decoding.temperature=0.5"]).config.tasks[0]
    assert nested.decoding is not None
    assert nested.decoding.temperature == 0.5


def test_a_later_override_wins():
    assert load_config(SMALL, ["seed=1", "seed=2"]).config.seed == 2


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("seed", "--set seed: write key=value"),
        ("=3", "--set =3: write key=value"),
        ("seed=[1", "--set seed=[1: the value is not valid YAML; quote it"),
        ("target=!!python/name:os.system", "the value is not valid YAML"),
        ("sede=3", "sede: there is no such field; did you mean 'seed'?"),
        ("tasks.1.limit=3", "--set tasks.1.limit=3: '1' leads nowhere"),
        ("tasks.-1.limit=3", "'-1' leads nowhere"),
        ("tasks.²=3", "'²' is no place in a list of 1"),
        ("tasks.5=x", "'5' is no place in a list of 1"),
        ("tasks.first=x", "'first' is no place in a list of 1"),
        ("seed.a=3", "--set seed.a=3: there is nothing with fields at 'seed.a'"),
        ("seed.a.b=3", "'a' leads nowhere"),
        ("limit=true", "limit: true, false, yes and no are no value here"),
        ("limit=yes", "limit: true, false, yes and no are no value here"),
    ],
)
def test_a_wrong_override_is_a_sentence(override, expected):
    assert expected in fault({**SMALL, "seed": 1}, override)


def test_a_scorer_of_a_task_has_a_short_and_a_long_form():
    short = load_config({**SMALL, "tasks": [{"task": "a", "scorer": "recorded"}]}).config.tasks[0]
    options = {"scorer": "toxicity", "threshold": 0.7}
    long = load_config({**SMALL, "tasks": [{"task": "a", "scorer": options}]}).config.tasks[0]
    assert short.scorer is not None
    assert long.scorer is not None
    assert (short.scorer.name, short.scorer.options) == ("recorded", {})
    assert (long.scorer.name, long.scorer.options) == ("toxicity", {"threshold": 0.7})


def test_a_configuration_cannot_be_changed_after_loading():
    with pytest.raises(ValueError, match="frozen"):
        load_config(SMALL).config.seed = 3  # type: ignore[misc]


def test_every_field_that_defines_the_measurement_has_a_default_or_is_the_target():
    required = {name for name, field in RunConfig.model_fields.items() if field.is_required()}
    assert required == {"target"}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("max_request=3", "--set max_request=3: max_request: there is no such field"),
        ("max_requests=-5", "--set max_requests=-5: max_requests: "),
        ("tasks.0.limit=0", "--set tasks.0.limit=0: tasks.0.limit: "),
    ],
)
def test_a_fault_of_an_override_is_not_blamed_on_the_file(tmp_path, override, said):
    (tmp_path / "run.yaml").write_text("target: demo\ntasks: [a]\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "run.yaml", [override])
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("field", ["retry_seconds", "max_outage", "max_cost", "max_minutes"])
def test_an_endless_number_is_named(field):
    """A run could not write it down, and called that a fault of its own."""
    said = fault({**SMALL, field: float("inf")})
    assert said.startswith(f"configuration: {field}: ")
    assert "input should be a finite number; found inf" in said
