"""What may stand under `wrap`, and what is said of the rest."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalharness import Wrapped
from evalharness.adapters import registry
from evalharness.adapters.wrap.options import FilterOptions, LayerOptions
from evalharness.errors import AdapterError, ConfigError
from evalharness.records import Failure, Response
from tests.adapters.wrapping import ask, create, echo, say


def test_nothing_around_a_model_leaves_it_as_it_is() -> None:
    for nothing in (None, [], [None]):
        assert type(create(nothing)).__name__ == "ReferenceAdapter"


def test_a_configuration_builds_every_kind(tmp_path: Path) -> None:
    (tmp_path / "guard.py").write_text("def allow(text):\n    return 'spam' not in text\n")
    lexicon = {"adapter": "reference", "model": "lexicon"}
    silent = {"adapter": "reference", "model": "silent"}
    adapter = create(
        [
            {"input_filter": {"function": "./guard.py:allow"}},
            {"output_filter": {"classifier": lexicon, "threshold": 0.9}},
            {"input_filter": {"guard": {**silent, "wrap": [{"system": "Judge."}]}}},
            {"suffix": "!"},
        ],
        base_dir=tmp_path,
    )
    layers = adapter.identity.to_json()["extra"]["wrap"]
    digest = hashlib.sha256((tmp_path / "guard.py").read_bytes()).hexdigest()
    assert layers[0] == {"input_filter": {"function": "guard.py:allow", "digest": digest}}
    assert layers[1]["output_filter"]["threshold"] == 0.9
    assert "wrap" in layers[2]["input_filter"]["guard"]["extra"]
    (blocked, failed) = ask(adapter, say("spam"), say("fine"))
    assert isinstance(blocked, Response)
    assert blocked.blocked_by == "the input filter (a function)"
    assert failed == Failure(
        "the input filter could not judge: the guard's verdict could not be read"
    )


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        ("system", r"^target.wrap: expected a list such as .*, found str"),
        (["x"], r"^target.wrap.0: expected one of system, prefix.*, found str"),
        ([{}], r"^target.wrap.0: this item does nothing; write one of: system, prefix"),
        ([{"sytem": "x"}], r"target.wrap.0.sytem: there is no such field; did you mean 'system'"),
        ([{"system": 3}], r"^target.wrap.0.system: .*found 3"),
        ([{"system": "a", "prefix": "b"}], r"target.wrap.0: system and prefix stand in one item"),
        ([{"system": "a"}, {"input_filter": {}}],
         r"target.wrap.1.input_filter: a filter judges by one of .*found none"),
        ([{"input_filter": {"patterns": ["a"], "function": "a:b"}}],
         r"target.wrap.0.input_filter: .*found patterns and function"),
        ([{"input_filter": {"patterns": ["a", "("]}}],
         r"target.wrap.0.input_filter.patterns: pattern 2 \('\('\): missing \)"),
        ([{"input_filter": {"patterns": []}}], r"target.wrap.0.input_filter.patterns: "),
        ([{"output_filter": {"patterns": ["a"], "threshold": 0.2}}],
         r"target.wrap.0.output_filter: 'threshold' belongs to `classifier`"),
        ([{"output_filter": {"classifier": "reference"}}],
         r"target.wrap.0.output_filter.classifier.model: this field is required"),
        ([{"output_filter": {"classifier": 3}}],
         r"target.wrap.0.output_filter.classifier: expected a model .*found int"),
        ([{"output_filter": {"classifier": {"adapter": "reference", "model": "echo"}}}],
         r"target.wrap.0.output_filter.classifier: this model gives no scores"),
        ([{"output_filter": {"classifier": "demo_toxicity", "threshold": 2}}],
         r"target.wrap.0.output_filter.threshold: "),
        ([{"output_filter": {"guard": {"adapter": "reference", "model": "lexicon"}}}],
         r"target.wrap.0.output_filter.guard: this model gives no answers"),
        ([{"output_filter": {"guard": "demo", "prompt": "Is it safe?"}}],
         r"target.wrap.0.output_filter.prompt: it must hold \{\{ text \}\}"),
        ([{"output_filter": {"guard": "demo", "prompt": "{{ txt }}"}}],
         r"target.wrap.0.output_filter.prompt: there is no 'txt' to fill in"),
        ([{"output_filter": {"guard": "demo", "prompt": "{{ text"}}],
         r"target.wrap.0.output_filter.prompt: this is no template"),
        ([{"output_filter": {"guard": "demo", "prompt": "{{ text.nothing }}"}}],
         r"target.wrap.0.output_filter.prompt: this is no template that works"),
        ([{"output_filter": {"guard": "demo", "blocks": "Yes", "passes": "yes"}}],
         r"target.wrap.0.output_filter: blocks and passes are the same word"),
        ([{"output_filter": {"function": "nowhere"}}],
         r"target.wrap.0.output_filter.function: 'nowhere' names no callable"),
        ([{"output_filter": {"function": "./nowhere.py:allow"}}],
         r"target.wrap.0.output_filter.function: .*nowhere.py cannot be read"),
        ([{"sytem": "x"}, {"prefix": 3}], r"(?s)target.wrap.0.sytem.*\ntarget.wrap.1.prefix: "),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(wrap: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create(wrap)


def test_what_the_page_shows_is_accepted() -> None:
    page = Path(__file__).parents[2] / "docs" / "adapters" / "wrap.md"
    seen = []
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        for number, wrapped in enumerate(yaml.safe_load(block).get("target", {}).get("wrap", ())):
            where = f"wrap.{number}"
            layer = registry.options_of(LayerOptions, wrapped, Path(), where)
            for side in (layer.input_filter, layer.output_filter):
                if side is not None:
                    options = registry.options_of(FilterOptions, side, Path(), where)
                    seen += [name for name in side if name in options.model_fields_set]
    assert seen == ["patterns", "classifier", "threshold", "guard", "prompt", "blocks", "passes"]


def test_a_wrapper_without_effect_is_refused() -> None:
    lexicon = {"adapter": "reference", "model": "lexicon"}
    with pytest.raises(ConfigError, match=r"^target.wrap.0: a system prompt has no effect"):
        create([{"system": "x"}], lexicon)
    with pytest.raises(ConfigError, match=r"^target.wrap.1: a filter is for models that give ans"):
        create([{"prefix": "x"}, {"input_filter": {"patterns": ["x"]}}], lexicon)
    with pytest.raises(ConfigError, match="does nothing"):
        Wrapped(echo())


def test_a_filter_that_fails_to_import_is_named(tmp_path: Path) -> None:
    (tmp_path / "guard.py").write_text("raise RuntimeError('no words')\n")
    with pytest.raises(AdapterError, match=r"^target.wrap.0.input_filter.function: .*no words"):
        create([{"input_filter": {"function": "./guard.py:allow"}}], base_dir=tmp_path)
