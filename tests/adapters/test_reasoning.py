"""Reasoning in the text of an answer: split off by every adapter that may meet it, and recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalharness
from evalharness.adapters._reasoning import NOTE, apart, opens, split
from evalharness.adapters.openai import OpenAIOptions
from evalharness.adapters.transformers.rows import Drawn
from evalharness.adapters.wrap import GuardFilter
from evalharness.errors import ConfigError
from evalharness.records import Decoding, Message, Request, Response
from tests.adapters import http_asking, openai_asking
from tests.adapters.openai_asking import KEY, ask, make
from tests.adapters.openai_server import Say, chat, serving
from tests.adapters.providers import PROVIDERS, VARIABLE
from tests.adapters.providers import ask as ask_provider

HUB = PROVIDERS["huggingface"]
THOUGHT = "<think>\nHmm, A. No.\n</think>\n\nANSWER: B"
STOPPED = Request(
    "generate", messages=(Message("user", "Why?"),), decoding=Decoding(max_tokens=20, stop=("No",))
)

words = st.text(st.characters(exclude_characters="<"), max_size=30)
anything = st.text(st.sampled_from("ab \n<>/think")) | st.lists(
    st.sampled_from(["<think>", "</think>", " ", "\n", "a", "b c"]), max_size=8
).map("".join)
finishes = st.sampled_from(["stop", "length", "content_filter"])


# -- the texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "finish", "parts"),
    [
        ("<think>a</think>b", "stop", ("a", "b")),
        (" \n<think>\na\n\nb \n</think>\n\nc \n", "stop", ("a\n\nb", "c \n")),
        ("<think>a</think>b", "length", ("a", "b")),
        ("<think>a</think>", "length", ("a", "")),
        ("<think>\n\n</think>\n\nb", "stop", ("", "b")),
        ("a\n</think>\n\nb", "stop", ("a", "b")),  # the tag was opened in the prompt
        ("a</think>b</think>c", "stop", ("a", "b</think>c")),
        ("<think>a<think>b</think>c", "stop", ("a<think>b", "c")),
        ("<think>a and so", "length", ("a and so", "")),
        ("<think>a and so", "stop", None),
        ("a and so", "length", None),
        ("Well. <think>a</think>b", "stop", None),
        ("Write <think> first", "length", None),
        ("<thinking>a</thinking>b", "stop", None),
        ("<THINK>a</THINK>b", "stop", None),
        ("", "stop", None),
        ("", "length", None),
    ],
)
def test_what_is_reasoning(text: str, finish: str, parts: Any) -> None:
    assert split(text, finish) == parts


def test_a_tag_that_the_prompt_is_known_to_open() -> None:
    assert opens("<|assistant|>\n<think>\n")
    assert not opens("<|assistant|>\n<think>\n\n</think>\n\n")
    assert split("a and so", "length", opened=True) == ("a and so", "")
    assert split("a and so", "stop", opened=True) is None
    assert split("the <think> tag</think>b", "stop", opened=True) == ("the <think> tag", "b")


@given(anything, finishes, st.booleans())
def test_nothing_is_lost_but_tags_and_the_white_space_around_them(
    text: str, finish: str, opened: bool
) -> None:
    parts = split(text, finish, opened=opened)
    if parts is None:
        return
    reasoning, answer = parts
    assert reasoning == reasoning.strip()
    assert text.endswith(answer)
    rest = text[: len(text) - len(answer)].strip()
    rest = rest.removeprefix("<think>")
    rest = rest if answer == "" and not rest.endswith("</think>") else rest.removesuffix("</think>")
    assert rest.strip() == reasoning


@given(words, finishes)
def test_a_text_without_tags_is_untouched(text: str, finish: Any) -> None:
    answer, noted = Response(text, finish_reason=finish), list[str]()
    assert apart(answer, noted.append) is answer
    assert noted == []


def test_what_the_answer_says_beside_its_text_stays() -> None:
    noted: list[str] = []
    given_ = Response(THOUGHT, finish_reason="length", input_tokens=3, output_tokens=9)
    assert apart(given_, noted.append) == Response(
        "ANSWER: B",
        finish_reason="length",
        input_tokens=3,
        output_tokens=9,
        reasoning="Hmm, A. No.",
    )
    assert noted == [NOTE]


def test_an_empty_block_is_no_reasoning() -> None:
    noted: list[str] = []
    assert apart(Response("<think>\n\n</think>\n\nYes"), noted.append) == Response("Yes")
    assert noted == []


# -- the adapters --------------------------------------------------------------------------------


def said(api: str, text: str, **fields: Any) -> Any:
    if api == "chat":
        return chat(text, **fields)
    if api == "responses":
        part = {"type": "output_text", "text": text}
        return {"status": "completed", "output": [{"type": "message", "content": [part]}]}
    return {"choices": [{"text": text, "finish_reason": "stop", **fields}]}


@pytest.mark.parametrize("api", ["chat", "completions", "responses"])
def test_openai(api: str) -> None:
    with serving(lambda _: said(api, THOUGHT)) as server:
        adapter = make(server.url, api=api)
        for answer in ask(adapter, *[openai_asking.ASK] * 3):
            assert (answer.text, answer.reasoning) == ("ANSWER: B", "Hmm, A. No.")
        assert adapter.deviations == [NOTE]
        kept = make(server.url, api=api, reasoning="keep")
        assert (ask(kept)[0].text, ask(kept)[0].reasoning) == (THOUGHT, None)
        assert kept.deviations == []


def test_the_limit_reached_within_the_reasoning_leaves_an_empty_answer() -> None:
    reply = chat("<think>Let me see", finish_reason="length")
    answer = openai_asking.one(reply)
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("", "Let me see", "length")


def test_stop_strings_are_for_the_answer() -> None:
    """A server that leaves them in meets one in the reasoning first."""
    with serving(lambda _: chat("<think>A? No.</think>\n\nB. No more")) as server:
        adapter = make(server.url)
        answer = ask(adapter, STOPPED)[0]
        assert (answer.text, answer.reasoning) == ("B. ", "A? No.")
        assert len(adapter.deviations) == 2
        found = ask(adapter, STOPPED)[0]
    assert found == answer
    reply = {"a": "<think>A? No.</think>\n\nB. No more"}
    assert http_asking.one(reply, STOPPED).text == "B. "


def test_the_reasoning_holds_no_key_either(key: str) -> None:
    answer = openai_asking.one(chat(f"<think>The key is {key}</think>ok"))
    assert (answer.text, answer.reasoning) == ("ok", "The key is [secret]")
    assert KEY not in repr(answer)


def test_two_seeds_that_reason_differently_are_sampled() -> None:
    """The probe sees all that was drawn, the reasoning too."""
    sampled = Request(
        "generate", messages=(Message("user", "?"),), decoding=Decoding(temperature=1.0), seed=4
    )

    def says(asked: Any) -> Any:
        return chat(f"<think>{asked.number}</think>ok")

    with serving(says) as server:
        adapter = make(server.url)
        ask(adapter, sampled)
    assert any("ignores `seed`" in text for text in adapter.deviations)


def test_huggingface(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "hf_key")
    with serving(lambda _: chat(THOUGHT)) as server:
        adapter = HUB.make(server.url)
        answer = ask_provider(adapter)[0]
        assert (answer.text, answer.reasoning) == ("ANSWER: B", "Hmm, A. No.")
        assert NOTE in adapter.deviations
        kept = HUB.make(server.url, reasoning="keep")
        assert ask_provider(kept)[0].text == THOUGHT
    assert kept.identity.extra == {**adapter.identity.extra, "reasoning": "keep"}


def test_http() -> None:
    with serving(lambda _: Say({"a": THOUGHT})) as server:
        adapter = http_asking.make(server.url)
        answer = http_asking.ask(adapter)[0]
        assert (answer.text, answer.reasoning) == ("ANSWER: B", "Hmm, A. No.")
        assert NOTE in adapter.deviations
        kept = http_asking.make(server.url, reasoning="keep")
        assert http_asking.ask(kept)[0].text == THOUGHT
    assert kept.identity.extra == {**adapter.identity.extra, "reasoning": "keep"}


def test_a_whole_reply_that_is_text() -> None:
    answer = http_asking.one(Say(THOUGHT), answer=None)
    assert (answer.text, answer.reasoning) == ("ANSWER: B", "Hmm, A. No.")


def test_transformers(llama: Path) -> None:
    from tests.adapters.transforming import adapter

    def answered(model: Any, text: str, *, ended: bool = True, stop: tuple[str, ...] = ()) -> Any:
        drawn = Drawn(tuple(model._texts._encode([text])[text]), ended)
        return model._generated(prompt(model), drawn, Decoding(stop=stop))

    def prompt(model: Any) -> Any:
        (tokens,) = model._texts.prompts([openai_asking.ASK])
        return model._fit_prompt(tokens, Decoding(max_tokens=4), None)

    model = adapter(llama)
    answer = answered(model, "<think>\nA? No.\n</think>\n\nB. No more", stop=("No", ""))
    assert (answer.text, answer.reasoning) == ("B. ", "A? No.")
    assert model._reasoned
    assert answered(model, "and so", ended=False).text == "and so"
    kept = adapter(llama, reasoning="keep")
    assert answered(kept, THOUGHT).text == THOUGHT
    assert kept.identity.extra == {**model.identity.extra, "reasoning": "keep"}
    assert "reasoning" not in model.identity.extra

    opening = adapter(llama)
    template = opening._texts._dated_template.replace("<|assistant|>\n", "<|assistant|>\n<think>\n")
    opening._texts._dated_template = template
    answer = answered(opening, "and so", ended=False)
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("", "and so", "length")


# -- filters -------------------------------------------------------------------------------------


def test_an_output_filter_reads_the_answer_alone() -> None:
    read: list[str] = []

    def passes(text: str) -> bool:
        read.append(text)
        return "B" not in text

    with serving(
        lambda asked: chat(THOUGHT if asked.number % 2 else "<think>B</think>A")
    ) as server:
        adapter: Any = evalharness.Wrapped(make(server.url), output_filter=passes)
        stopped, passed = ask(adapter)[0], ask(adapter)[0]
    assert read == ["ANSWER: B", "A"]
    assert (stopped.finish_reason, stopped.text, stopped.reasoning) == ("content_filter", "", None)
    assert (passed.text, passed.reasoning) == ("A", "B")


def test_a_guard_that_thinks_is_read() -> None:
    with serving(lambda _: chat("<think>Is it safe?\nunsafe?</think>\n\nsafe")) as server:
        guard = GuardFilter(make(server.url))
        adapter: Any = evalharness.Wrapped(make(server.url), input_filter=guard)
        answer = ask(adapter)[0]
    assert (answer.text, answer.finish_reason) == ("safe", "stop")


# -- the options ---------------------------------------------------------------------------------


def test_the_default_is_no_part_of_the_identity(key: str) -> None:
    plain = make("http://127.0.0.1:1/v1")
    assert "reasoning" not in plain.identity.extra
    assert plain.identity == make("http://127.0.0.1:1/v1", reasoning="split").identity
    kept = make("http://127.0.0.1:1/v1", reasoning="keep").identity
    assert kept.extra == {**plain.identity.extra, "reasoning": "keep"}


def test_a_classifier_has_none() -> None:
    with pytest.raises(ValueError, match="'reasoning' has no effect with `api: moderations`"):
        OpenAIOptions(model="m", api="moderations", reasoning="keep")
    with pytest.raises(ConfigError, match="'reasoning' has no effect with `scores`"):
        http_asking.create(request={"t": "{{ text }}"}, scores="$.s", reasoning="split")
