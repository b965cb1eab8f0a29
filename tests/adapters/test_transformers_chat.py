"""Chat templates and system prompts: the very tokens that a model on this machine reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from evalharness.records import Failure, Message, Request, Response
from tests.adapters.transforming import (
    CHAT,
    adapter,
    ask,
    generate,
    ids,
    one,
    plain_logprobs,
    score,
)


def test_chat_prompt_has_one_bos_and_a_continuation_without_its_space(llama: Path) -> None:
    answer = one(adapter(llama), score("what two", " yes no"))
    context = ids(llama, "<s><|user|>\nwhat two</s><|assistant|>\n")
    assert context.count(0) == 1
    assert answer.input_tokens == len(context)
    expected = plain_logprobs(llama, context, ids(llama, "yes no"))
    assert answer.token_logprobs == pytest.approx(expected, abs=1e-4)


def test_plain_text_has_one_bos_even_when_it_brings_its_own(llama: Path) -> None:
    model = adapter(llama, chat_template="off")
    with_bos, without = ask(model, generate("<s>maps"), generate("maps"))
    assert with_bos == without


def test_system_prompt_leads_and_joins_the_samples_own(llama: Path) -> None:
    model = adapter(llama, system="small towns")
    messages = (Message("system", "two maps"), Message("user", "what"))
    answer = one(model, Request("loglikelihood", messages=messages, continuation="yes"))
    text = "<s><|system|>\nsmall towns\n\ntwo maps</s><|user|>\nwhat</s><|assistant|>\n"
    expected = plain_logprobs(llama, ids(llama, text), ids(llama, "yes"))
    assert answer.token_logprobs == pytest.approx(expected, abs=1e-4)
    assert model.identity.extra == {}


def test_without_a_template_contents_are_joined(gpt2: Path) -> None:
    model = adapter(gpt2, system="small towns")
    messages = (Message("user", "what"), Message("assistant", "maps"))
    answer = one(model, Request("loglikelihood", messages=messages, continuation=" yes"))
    assert answer.input_tokens == len(ids(gpt2, "small towns\n\nwhat\n\nmaps"))


NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"


@pytest.mark.parametrize("template", [NO_SYSTEM + CHAT, CHAT.replace("m['content']", "'' if m['role'] == 'system' else m['content']")])  # fmt: skip  # noqa: E501 - two templates side by side
def test_a_template_without_system_gets_it_with_the_first_question(
    llama: Path, copy_of: Callable[[Path], Path], template: str
) -> None:
    folder = copy_of(llama)
    (folder / "chat_template.jinja").write_text(template)
    model = adapter(folder, system="small towns")
    answer = one(model, score("what", "yes"))
    text = "<s><|user|>\nsmall towns\n\nwhat</s><|assistant|>\n"
    assert answer.input_tokens == len(ids(llama, text))
    assert model.identity.extra == {"system_as_user": True}


def test_messages_that_the_template_refuses_fail_alone(
    llama: Path, copy_of: Callable[[Path], Path]
) -> None:
    folder = copy_of(llama)
    refuse = "{% if messages[0]['role'] == 'assistant' %}{{ raise_exception('order') }}{% endif %}"
    (folder / "chat_template.jinja").write_text(refuse + CHAT)
    wrong = Request("loglikelihood", messages=(Message("assistant", "a"),), continuation="b")
    bad, good = ask(adapter(folder), wrong, score("what", "yes"))
    assert isinstance(bad, Failure)
    assert "order" in bad.reason
    assert isinstance(good, Response)


def test_a_template_that_asks_for_the_date_gets_a_fixed_one(
    llama: Path, copy_of: Callable[[Path], Path]
) -> None:
    folder = copy_of(llama)
    (folder / "chat_template.jinja").write_text("{{ strftime_now('%d %b %Y') }}\n" + CHAT)
    model = adapter(folder)
    rendered = model._texts._render((Message("user", "a"),))
    assert rendered == "01 Jan 2025\n<s><|user|>\na</s><|assistant|>\n"
