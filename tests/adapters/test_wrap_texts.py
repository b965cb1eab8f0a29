"""System prompts, prefixes and suffixes around a model: what it is then asked."""

from __future__ import annotations

from dataclasses import replace

from evalharness import Wrapped
from evalharness.records import Failure, Message, Request, Response
from tests.adapters.wrapping import ASK, TURNS, ask, echo, say
from tests.support import FakeModel


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
