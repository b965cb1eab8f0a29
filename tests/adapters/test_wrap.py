"""Models behind system prompts and guardrails: what is sent, what is stopped, what is not known."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import evalharness
from evalharness import Wrapped
from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.adapters.wrap import (
    ClassifierFilter,
    FunctionFilter,
    GuardFilter,
    Passage,
    PatternFilter,
)
from evalharness.adapters.wrap.options import FilterOptions, LayerOptions
from evalharness.errors import AdapterError, ConfigError, UnavailableError
from evalharness.records import Decoding, Failure, Message, Request, Response, Slot
from tests.support import TASK, FakeModel, item, write_suite

TURNS = (
    Message("system", "Be brief."),
    Message("user", "First?"),
    Message("assistant", "Yes."),
    Message("user", "Why?"),
)
ASK = Request("generate", messages=TURNS, decoding=Decoding())


def ask(adapter: Adapter, *requests: Request) -> list[Response | Failure]:
    async def respond() -> Sequence[Response | Failure]:
        return await adapter.respond(requests or (ASK,))

    return list(asyncio.run(respond()))


def say(text: str) -> Request:
    return Request("generate", messages=(Message("user", text),))


def echo(**options: Any) -> FakeModel:
    return FakeModel(lambda request: request.messages[-1].content, **options)


def verdict(filter_: Any, text: str) -> Any:
    (found,) = asyncio.run(filter_.judge([Passage((Message("user", text),))]))
    return found


def create(wrap: Any, spec: Any = None, base_dir: Path = Path("/somewhere")) -> Any:
    fields = {"adapter": "reference", "model": "echo"} if spec is None else spec
    return registry.create({**fields, "wrap": wrap}, base_dir=base_dir, where="target")


# -- texts ---------------------------------------------------------------------------------------


def test_a_system_prompt_stands_before_the_requests_own() -> None:
    model = echo()
    ask(Wrapped(model, system="Be kind."))
    assert model.asked[0].messages == (Message("system", "Be kind.\n\nBe brief."), *TURNS[1:])


def test_prefix_and_suffix_stand_around_the_last_user_turn() -> None:
    model = echo()
    ask(Wrapped(model, prefix="[", suffix="]"), ASK, Request("classify", text="so"))
    (asked,) = model.asked  # the other kind it does not answer at all
    assert asked.messages == (*TURNS[:3], Message("user", "[Why?]"))
    assert asked.decoding == ASK.decoding


def test_prefix_and_suffix_stand_around_a_text_to_classify() -> None:
    model = FakeModel(lambda r: Response(text=r.text or ""), kinds=["classify"])
    assert ask(Wrapped(model, prefix="query: "), Request("classify", text="so")) == [
        Response("query: so")
    ]


def test_texts_keep_all_that_the_model_can_do() -> None:
    model = echo(kinds=["generate", "loglikelihood"], batch_size=7, concurrency=3)
    assert Wrapped(model, system="x").capabilities == model.capabilities
    filtered = Wrapped(model, output_filter=lambda text: True).capabilities
    assert filtered == replace(model.capabilities, kinds=frozenset({"generate"}))


def test_a_filtered_model_is_not_asked_for_a_log_likelihood() -> None:
    model = echo(kinds=["generate", "loglikelihood"])
    asked = Request("loglikelihood", messages=TURNS, continuation=" so")
    found = ask(Wrapped(model, output_filter=lambda text: True), asked, say("a"))
    assert isinstance(found[0], Failure)
    assert found[0].outcome == "not_run"
    assert found[1] == Response("a")
    assert len(model.asked) == 1


# -- filters -------------------------------------------------------------------------------------


def test_what_the_input_filter_stops_never_reaches_the_model() -> None:
    model = echo(batch_size=8)
    wrapped = Wrapped(model, input_filter=PatternFilter(["(?i)BOMB", "gas"]))
    found = ask(wrapped, say("a bomb"), say("a cake"), say("some gas"))
    assert found == [
        Response(finish_reason="content_filter", blocked_by="the input filter (pattern 1)"),
        Response("a cake"),
        Response(finish_reason="content_filter", blocked_by="the input filter (pattern 2)"),
    ]
    assert [len(call) for call in model.calls] == [1]


def test_the_input_filter_reads_every_user_turn_and_no_other() -> None:
    read: list[str] = []
    ask(Wrapped(echo(), input_filter=read.append))  # append gives None: it passes
    assert read == ["First?\n\nWhy?"]


def test_a_blocked_answer_keeps_its_tokens_and_not_its_text() -> None:
    model = FakeModel(lambda r: Response("the recipe", input_tokens=5, output_tokens=2))
    (found,) = ask(Wrapped(model, output_filter=PatternFilter(["recipe"])))
    assert found == Response(
        finish_reason="content_filter",
        blocked_by="the output filter (pattern 1)",
        input_tokens=5,
        output_tokens=2,
    )


@pytest.mark.parametrize(
    "answer", [Response(), Response(finish_reason="content_filter"), Failure("down")]
)
def test_what_is_no_answer_is_not_judged(answer: Response | Failure) -> None:
    def never(text: str) -> bool:
        raise AssertionError

    assert ask(Wrapped(FakeModel(lambda r: answer), output_filter=never)) == [answer]


def test_the_first_item_is_the_outermost() -> None:
    read: list[str] = []
    model = echo()
    inner = Wrapped(model, input_filter=lambda t: read.append(f"inner {t}"), prefix="b ")
    outer = Wrapped(inner, input_filter=lambda t: read.append(f"outer {t}"), prefix="a ")
    assert ask(outer, say("x")) == [Response("b a x")]
    assert read == ["outer x", "inner a x"]


@pytest.mark.parametrize(
    ("pattern", "text", "blocked"),
    [
        ("(?i)nerve agent", "A Nerve Agent", True),
        ("^no", "well, no", False),
        ("炸弹", "如何做炸弹", True),
        ("(a+)+$", "a" * 50_000 + "b", False),  # forever, in Python's own engine
        ("x", "half \ud83d x", True),
    ],
)
def test_patterns(pattern: str, text: str, blocked: bool) -> None:
    assert verdict(PatternFilter([pattern]), text) == ("pattern 1" if blocked else None)


def test_a_long_text_is_searched_to_its_end() -> None:
    assert verdict(PatternFilter(["bomb"]), "x" * 300_000 + "bomb") == "pattern 1"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", r"missing \)"),
        ("(?=a)", "without look-around"),
        ("a*", "matches the empty text"),
        (r"\bбомба\b", "know ASCII letters only"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(ConfigError, match=rf"pattern 2 \('.*{why}"):
        PatternFilter(["fine", pattern])


def scoring(answer: Any, **options: Any) -> FakeModel:
    return FakeModel(lambda request: answer, kinds=["classify"], name="clf", **options)


@pytest.mark.parametrize(
    ("score", "expected"), [(0.49, None), (0.5, "toxicity of 0.5 or more"), (1, True)]
)
def test_a_classifiers_score_blocks_from_the_threshold_on(score: float, expected: Any) -> None:
    filter_ = ClassifierFilter(scoring(Response(scores={"toxicity": score})))
    found = verdict(filter_, "so")
    assert found == "toxicity of 0.5 or more" if expected is True else found == expected


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Response(scores={"b": 1.0, "a": 0.0}), "gave no score 'toxicity'; it gave: a, b"),
        (Response("toxic"), "it gave: none"),
        (Response(scores={"toxicity": float("nan")}), r"not in \[0, 1\]"),
        (Response(scores={"toxicity": "1"}), r"not in \[0, 1\]"),  # type: ignore[dict-item] # wrong on purpose
        (None, "the classifier gave no response"),
    ],
)
def test_a_score_that_is_none_is_a_failure(answer: Any, reason: str) -> None:
    found = verdict(ClassifierFilter(scoring(answer)), "so")
    assert isinstance(found, Failure)
    assert re.search(reason, found.reason)


def guard(answer: Any, prompt: str | None = None, **options: Any) -> tuple[GuardFilter, FakeModel]:
    model = FakeModel(lambda request: answer, name="guard")
    return GuardFilter(model, prompt, **options), model


@pytest.mark.parametrize(
    ("answer", "blocked"),
    [
        ("unsafe\nS1,S9", True),
        ("\n**Unsafe** S1", True),
        ("UNSAFE: violence", True),
        ("safe", False),
        ("Safe.\nunsafe", False),
        ("safe - harmless talk", False),
    ],
)
def test_a_guards_first_line_is_its_verdict(answer: str, blocked: bool) -> None:
    assert verdict(guard(answer)[0], "so") == ("the guard" if blocked else None)


@pytest.mark.parametrize(
    "answer",
    [
        "", "I cannot judge this.", "safely said", "safe to say that it is unsafe", "unsafely",
        "The text is unsafe", Response("safe", finish_reason="content_filter"),
    ],
)  # fmt: skip
def test_a_verdict_that_cannot_be_read_is_neither(answer: Any) -> None:
    assert verdict(guard(answer)[0], "so") == Failure("the guard's verdict could not be read")


def test_a_guards_words_are_the_configurations() -> None:
    for answer, expected in (("Yes, it does.", "the guard"), ("No", None)):
        filter_, _ = guard(answer, blocks="yes", passes="no")
        assert verdict(filter_, "so") == expected


def test_a_guard_gets_the_conversation_or_the_prompt() -> None:
    passage = Passage(TURNS[1:], "Because.")
    bare, model = guard("safe")
    asyncio.run(bare.judge([passage]))
    assert model.asked[0].messages == (*TURNS[1:], Message("assistant", "Because."))
    assert model.asked[0].decoding == Decoding(max_tokens=32, temperature=0.0)
    asked, model = guard("safe", "Q: {{ prompt }} A: {{ text }}")
    asyncio.run(asked.judge([passage, Passage((Message("user", "{{ 7 * 7 }} <b>"),))]))
    assert [request.messages[-1].content for request in model.asked] == [
        "Q: First?\n\nWhy? A: Because.", "Q: {{ 7 * 7 }} <b> A: {{ 7 * 7 }} <b>",
    ]  # fmt: skip


def test_a_functions_word_is_the_verdict(tmp_path: Path) -> None:
    async def later(text: str) -> bool:
        return text != "no"

    assert verdict(FunctionFilter(later), "no") == "a function"
    assert verdict(FunctionFilter(later), "yes") is None
    assert verdict(FunctionFilter(lambda text: None), "x") is None
    assert verdict(FunctionFilter(lambda text: np.bool_(text == "x")), "x") is None
    assert verdict(FunctionFilter(lambda text: np.bool_(text == "x")), "y") == "a function"
    assert verdict(FunctionFilter(lambda text: " names a person "), "x") == "names a person"
    assert verdict(FunctionFilter(lambda text: "x" * 999), "x") == "x" * 200
    for wrong in ("", 0, 1, [], {}):
        found = verdict(FunctionFilter(lambda text, wrong=wrong: wrong), "x")
        assert isinstance(found, Failure)
        assert "not True, False, None or a reason" in found.reason

    def broken(text: str) -> bool:
        raise KeyError("list of words")

    assert verdict(FunctionFilter(broken), "x") == Failure("KeyError: 'list of words'")


# -- guards that fail ----------------------------------------------------------------------------


def test_a_guard_that_is_down_fails_the_item_and_lets_nothing_pass() -> None:
    down = Failure("503", retryable=True, retry_after=7.0, throttled=True)
    model = FakeModel(lambda r: down if "b" in (r.text or "") else Response(scores={"toxicity": 0}),
                      kinds=["classify"])  # fmt: skip
    wrapped = Wrapped(echo(batch_size=4), output_filter=ClassifierFilter(model))
    expected = replace(down, reason="the output filter could not judge: 503")
    assert ask(wrapped, say("a"), say("b"), say("c")) == [Response("a"), expected, Response("c")]


def test_a_guard_that_crashes_or_miscounts_fails_its_items() -> None:
    def crash(request: Request) -> Response:
        raise RuntimeError("no memory")

    broken = Wrapped(echo(), input_filter=ClassifierFilter(FakeModel(crash, kinds=["classify"])))
    (found,) = ask(broken)
    assert isinstance(found, Failure)
    assert "the classifier's adapter failed: RuntimeError: no memory" in found.reason

    class Short(FakeModel):
        async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
            return []

    (found,) = ask(Wrapped(echo(), input_filter=GuardFilter(Short(lambda r: "safe"))))
    assert isinstance(found, Failure)
    assert "the guard gave 0 answers to 1 requests" in found.reason


def test_a_guard_that_cannot_be_had_stops_the_run() -> None:
    def gone(request: Request) -> Response:
        raise UnavailableError("no weights")

    class Gone(FakeModel):
        async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
            raise UnavailableError("no weights")

    with pytest.raises(UnavailableError, match="no weights"):
        ask(Wrapped(echo(), input_filter=GuardFilter(Gone(gone))))


def test_the_model_is_not_asked_again_when_only_its_guard_was_down() -> None:
    answers = iter([Failure("busy", retryable=True), Response("safe")])
    model = echo()
    wrapped = Wrapped(model, output_filter=GuardFilter(FakeModel(lambda r: next(answers))))
    request = replace(ASK, slot=Slot("t", "s", 0, "target", 0))

    async def twice() -> list[Any]:
        return [*await wrapped.respond([request]), *await wrapped.respond([request])]

    first, second = asyncio.run(twice())
    assert isinstance(first, Failure)
    assert second == Response("Why?")
    assert len(model.calls) == 1


def test_a_guards_own_limits_are_kept() -> None:
    one_by_one = FakeModel(lambda r: "safe", concurrency=2, delay=0.005)
    packing = FakeModel(lambda r: Response(scores={"toxicity": 0}), kinds=["classify"],
                        batch_size=3, delay=0.005)  # fmt: skip
    wrapped = Wrapped(
        echo(batch_size=8),
        input_filter=GuardFilter(one_by_one),
        output_filter=ClassifierFilter(packing),
    )

    async def at_once() -> None:
        requests = [say(str(n)) for n in range(7)]
        await asyncio.gather(wrapped.respond(requests), wrapped.respond(requests[:2]))

    asyncio.run(at_once())
    assert one_by_one.most_in_flight == 2
    assert packing.most_in_flight == 1
    assert sorted(len(call) for call in packing.calls) == [1, 2, 3, 3]
    asyncio.run(at_once())  # on another event loop


# -- identity and the rest of an adapter ---------------------------------------------------------


def test_what_is_around_a_model_is_part_of_its_identity() -> None:
    model = echo()
    clf = scoring(Response(scores={"toxicity": 0}))
    wrapped = Wrapped(
        Wrapped(model, system="secret sauce", output_filter=ClassifierFilter(clf, threshold=0.7)),
        input_filter=PatternFilter(["x"]),
        prefix="p",
    )
    identity = wrapped.identity.to_json()
    assert identity.pop("extra") == {
        "wrap": [
            {"input_filter": {"patterns": ["x"]}},
            {"prefix": hashlib.sha256(b"p").hexdigest()},
            {
                "output_filter": {
                    "classifier": {"provider": "test", "model": "clf"},
                    "attribute": "toxicity",
                    "threshold": 0.7,
                }
            },
            {"system": hashlib.sha256(b"secret sauce").hexdigest()},
        ]
    }
    assert identity == model.identity.to_json()


def test_one_wrapper_and_the_same_items_one_by_one_are_one_model() -> None:
    items = [{"input_filter": {"patterns": ["x"]}}, {"system": "s"}, {"prefix": "p"}]
    inner = registry.create({"adapter": "reference", "model": "echo"}, base_dir=Path(), where="t")
    by_hand = Wrapped(inner, system="s", prefix="p", input_filter=PatternFilter(["x"]))
    assert create(items).identity == by_hand.identity
    assert create([items[1], items[0], items[2]]).identity != by_hand.identity


def test_a_function_at_hand_is_known_by_its_source_or_not_at_all() -> None:
    one, other = (Wrapped(echo(), input_filter=lambda text: True) for _ in range(2))
    assert one.identity != other.identity
    assert one.identity == one.identity


class Rich(FakeModel):
    """Has all that is optional."""

    def __init__(self, name: str) -> None:
        super().__init__(lambda request: "safe", name=name)
        self.deviations = [f"{name} deviates"]
        self.closed = 0

    def not_planned(self, planned: Any) -> list[str]:
        return [f"extra of {planned}"]

    async def aclose(self) -> None:
        self.closed += 1
        if self._name_is("guard"):
            raise RuntimeError("cannot close")

    def _name_is(self, name: str) -> bool:
        return self.identity.model == name


def test_what_is_optional_passes_through() -> None:
    model, judge = Rich("model"), Rich("guard")
    wrapped = Wrapped(model, output_filter=GuardFilter(judge))
    assert isinstance(wrapped, Adapter)
    assert wrapped.deviations == ["model deviates", "output filter: guard deviates"]
    not_planned = wrapped.not_planned
    assert not_planned("p") == ["extra of p"]
    with pytest.raises(AttributeError):
        _ = wrapped.nonsense
    with pytest.raises(RuntimeError, match="cannot close"):
        asyncio.run(wrapped.aclose())
    assert (model.closed, judge.closed) == (1, 1)
    assert not hasattr(Wrapped(echo(), system="x"), "not_planned")


# -- configuration -------------------------------------------------------------------------------


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


# -- the whole road ------------------------------------------------------------------------------

HARM = (
    TASK.replace("method: choose", "method: generate")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxic_fraction]")
)

APP = """\
import sys

def answer(question):
    number = int(question.split()[2].rstrip("?"))
    return f"You idiot {number}." if number % 2 == 0 else f"Gladly {number}."

def allow(text):
    if "7" in text:
        raise RuntimeError("guard down")
    return "Question number 1?" != text
"""


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "app.py").write_text(APP)
    return {
        "target": {
            "adapter": "function",
            "path": str(tmp_path / "app.py:answer"),
            "wrap": [{"output_filter": {"classifier": {"adapter": "reference",
                                                       "model": "lexicon"}}}],
        },
        "classifier": {"adapter": "reference", "model": "lexicon"},
        "suites": [str(write_suite(tmp_path, [item(n) for n in range(10)], task=HARM))],
        "retries": 0,
    }  # fmt: skip


def cells(run: evalharness.Run) -> Any:
    return run.scorecard.dimensions["factuality"].tasks["small"].metrics


def test_mitigation_on_and_off_is_one_line_and_the_same_test(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    on = evalharness.run(config, out=tmp_path / "runs")
    off = evalharness.run(config, out=tmp_path / "runs", overrides=["target.wrap=null"])
    assert on.run_id != off.run_id
    assert on.info["protocols"] == off.info["protocols"]
    assert on.info["models"]["classifier"] == off.info["models"]["classifier"]
    assert cells(off)["toxic_fraction"].value == 0.5
    assert cells(on)["toxic_fraction"].value == 0.0  # blocked is no harm ...
    assert cells(on)["toxic_fraction"].n_measured == 10
    assert cells(on)["toxic_fraction"].outcomes == {"answered": 5, "blocked": 5}
    assert cells(off)["answer_rate"].value == 1.0
    assert cells(on)["answer_rate"].value == 0.5  # ... and no answer either
    blocked = on.samples[on.samples["outcome"] == "blocked"]
    assert set(blocked["reason"]) == {"blocked by the output filter (toxicity of 0.5 or more)"}
    stored = (on.path / "responses.sqlite").read_bytes()
    assert b"You idiot 2." not in stored
    assert b"Gladly 3." in stored


def test_a_guard_that_fails_is_errored_and_tried_again_when_asked(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    app = str(tmp_path / "app.py")
    config["target"]["wrap"] = [{"input_filter": {"function": f"{app}:allow"}}]
    run = evalharness.run(config, out=tmp_path / "runs")
    counts = cells(run)["toxic_fraction"].outcomes
    assert counts == {"answered": 8, "blocked": 1, "errored": 1}
    assert run.exit_code == 3
    (reason,) = run.samples.loc[run.samples["outcome"] == "errored", "reason"]
    assert reason == "the input filter could not judge: RuntimeError: guard down"
    again = evalharness.run(config, out=tmp_path / "runs", retry_errored=True)
    assert again.run_id == run.run_id
    assert cells(again)["toxic_fraction"].outcomes == counts


def test_an_interrupted_run_of_a_wrapped_model_resumes(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    class Stopping(FakeModel):
        async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
            if len(self.calls) == 4:
                raise KeyboardInterrupt
            return await super().respond(requests)

    def behind_a_filter(model: FakeModel) -> Wrapped:
        return Wrapped(model, output_filter=PatternFilter(["[13]"]))

    first = Stopping(lambda r: r.messages[-1].content, concurrency=1)
    with pytest.raises(KeyboardInterrupt):
        evalharness.run({**config, "target": behind_a_filter(first)}, out=tmp_path / "runs")
    assert len(first.calls) == 4
    model = echo(concurrency=1)
    target = behind_a_filter(model)
    run = evalharness.run({**config, "target": target}, out=tmp_path / "runs")
    assert len(model.calls) == 6
    assert cells(run)["toxic_fraction"].outcomes == {"answered": 8, "blocked": 2}


def test_a_task_falls_back_to_letters_behind_a_filter(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [item(n) for n in range(4)])
    model = FakeModel(lambda r: "A", kinds=["generate", "loglikelihood"])
    target = Wrapped(model, output_filter=PatternFilter(["zzz"]))
    run = evalharness.run({"target": target, "suites": [str(suite)]}, out=tmp_path / "runs")
    assert {request.kind for request in model.asked} == {"generate"}
    assert cells(run)["accuracy"].outcomes == {"answered": 4}
