"""Reasoning in the text of an answer: split off by every adapter that may meet it, and recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalharness
from evalharness.adapters._reasoning import NOTE, UNENDED, apart, opens, split
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
    ("text", "parts"),
    [
        ("<think>a</think>b", ("a", "b")),
        (" \n<think>\na\n\nb \n</think>\n\nc \n", ("a\n\nb", "c \n")),
        ("<think>a</think>", ("a", "")),
        ("<think>\n\n</think>\n\nb", ("", "b")),
        ("<think>a</think>b</think>c", ("a", "b</think>c")),
        ("a and so", None),
        ("Well. <think>a</think>b", None),
        ("Write <think> first", None),
        ("<thinking>a</thinking>b", None),
        ("<THINK>a</THINK>b", None),
        ("", None),
    ],
)
def test_what_is_reasoning(text: str, parts: Any) -> None:
    found = split(text)
    assert found == (parts if parts is None else (*parts, True))


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>a <think>b</think> c</think> d", "a <think>b</think> c", "d"),
        ("<think>a<think>b<think>c</think>d</think>e</think>f</think>g",
         "a<think>b<think>c</think>d</think>e", "f</think>g"),
        ("<think>a<think>b</think>c", "a<think>b", "c"),  # opened more often than closed
        ("<think>a<think>b</think>c<think>d</think>e", "a<think>b</think>c<think>d", "e"),
        ("<think>a</think>\n\n<think>b</think>c", "a</think>\n\n<think>b", "c"),
    ],
)  # fmt: skip
def test_tags_within_reasoning_end_nothing(text: str, reasoning: str, answer: str) -> None:
    assert split(text) == (reasoning, answer, True)


@pytest.mark.parametrize(
    "text", ["<think>a and so", "<think>a</think> <think>b", " <think>", "<think>a <think>"]
)
def test_reasoning_that_does_not_end_leaves_nothing(text: str) -> None:
    reasoning = text.strip().removeprefix("<think>").strip()
    assert split(text) == (reasoning, "", False)


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("a\n</think>\n\nb", "a", "b"),
        ("a.</think> \t\r\n b\n</think>\nc", "a.", "b\n</think>\nc"),
        ("</think>\n\nb", "", "b"),
    ],
)
def test_a_closing_tag_alone_that_ends_its_line(text: str, reasoning: str, answer: str) -> None:
    """The tag was opened in the prompt."""
    assert split(text) == (reasoning, answer, True)


@pytest.mark.parametrize(
    "text",
    [
        "In HTML there is no </think> tag; close it with </div>.",
        "Sure. Step 1: mix. Step 2: heat.\n</think>",
        "Sure. Step 1: mix. Step 2: heat.\n</think>\n \n",
        "Here is how: step 1</think> I'm sorry",
        '{"reason": "the answer holds </think>", "verdict": "safe"}',
        '{"reason": "it says </think>\nno", "verdict": "safe"}',
        '["</think>\n", "safe"]',
        " ```json\n</think>\n```",
        "a</think>b</think>c",
        "Write </think> here.\n</think>\nb",  # the first is said, and so nothing is sure
        "The <think> tag\n</think>\nb",
    ],
)
def test_a_closing_tag_that_is_only_said(text: str) -> None:
    assert split(text) is None
    answer = Response(text)
    assert apart(answer, pytest.fail) is answer


def test_a_tag_that_the_prompt_is_known_to_open() -> None:
    assert opens("<|assistant|>\n<think>\n")
    assert not opens("<|assistant|>\n<think>\n\n</think>\n\n")
    assert split("a and so", opened=True) == ("a and so", "", False)
    assert split("the <think> tag</think>b", opened=True) == ("the <think> tag", "b", True)
    assert split("Close it </think> so", opened=True) == ("Close it", "so", True)
    assert split("<think>a</think>b", opened=True) == ("a", "b", True)


def test_tags_without_end_are_read_in_time() -> None:
    """A thousand times a thousand looks would take minutes."""
    for block in ("<think>", "<think>a</think> ", "</think>", " \n"):
        for start in ("<think>", "", "a"):
            split(start + block * 300_000)


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
def test_unfinished_reasoning_is_no_answer_however_it_stopped(finish: Any) -> None:
    noted: list[str] = []
    said = Response("<think>\nSure, I could say: ANSWER: A. But wait", finish_reason=finish)
    answer = apart(said, noted.append)
    assert (answer.text, answer.finish_reason) == ("", finish)
    assert answer.reasoning == "Sure, I could say: ANSWER: A. But wait"
    assert noted == [UNENDED]
    known = apart(Response("Sure, A.", finish_reason=finish), noted.append, opened=True)
    assert (known.text, known.reasoning) == ("", "Sure, A.")
    assert noted == [UNENDED] * 2


@given(anything, st.booleans())
def test_nothing_is_lost_but_tags_and_the_white_space_around_them(text: str, opened: bool) -> None:
    parts = split(text, opened=opened)
    if parts is None:
        return
    assert parts.reasoning == parts.reasoning.strip()
    assert text.endswith(parts.answer)
    assert parts.ended or parts.answer == ""
    rest = text[: len(text) - len(parts.answer)].strip().removeprefix("<think>")
    rest = rest.removesuffix("</think>") if parts.ended else rest
    assert rest.strip() == parts.reasoning


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
    assert model._reasoned == {NOTE}
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
    answer = answered(opening, "so A. But", stop=("But",))
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("", "so A. But", "stop")
    opening._note_deviations(opening._load())
    assert opening.deviations == [UNENDED]


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
