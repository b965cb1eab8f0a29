"""What goes into a program that is a model, and what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.base import Adapter
from evalharness.records import Failure, Request, Response
from tests.adapters.commanding import ask, create, reason, say, sh


def test_it_is_an_adapter() -> None:
    adapter = create(["cat"], concurrency=3)
    assert isinstance(adapter, Adapter)
    assert adapter.capabilities.kinds == {"generate"}
    assert adapter.capabilities.concurrency == 3
    (found,) = ask(adapter, Request("classify", text="so"))
    assert isinstance(found, Failure)
    assert found.outcome == "not_run"


def test_the_prompt_comes_on_the_input_and_the_answer_goes_to_the_output() -> None:
    assert ask(create("cat")) == [Response("Be brief.\n\nWhy?")]


@pytest.mark.parametrize(
    ("written", "text"),
    [("a\\n", "a"), ("a\\r\\n", "a"), ("a\\n\\n", "a\n"), (" a ", " a "), ("", ""), ("\\377", "�")],
)
def test_one_newline_at_the_end_is_not_part_of_the_answer(written: str, text: str) -> None:
    assert sh(f"printf '{written}'") == Response(text)


def test_the_prompt_as_an_argument_meets_no_shell() -> None:
    hostile = say("$(touch x); `id` \"'* \n{prompt}")
    adapter = create(["printf", "%s", "<{prompt}>"], input="argument")
    assert ask(adapter, hostile) == [Response(f"<{hostile.messages[0].content}>")]


def test_what_no_argument_can_carry_is_a_failure() -> None:
    adapter = create(["printf", "%s", "{prompt}"], input="argument")
    nul, long, half = ask(adapter, say("a\0b"), say("x" * 3_000_000), say("half \ud83d"))
    assert "NUL" in reason(nul)
    assert "input: stdin" in reason(long)
    assert half == Response("half ?")


def test_a_text_is_split_into_words_without_a_shell() -> None:
    assert ask(create("printf '%s|' 'a b' $HOME")) == [Response("a b|$HOME|")]


def test_json_holds_all_that_was_asked(tmp_path: Path) -> None:
    (found,) = ask(create(["cat"], input="json"))
    assert isinstance(found, Response)
    assert json.loads(found.text) == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
        ],
        "max_tokens": 9,
        "temperature": 0.0,
        "top_p": 1.0,
        "stop": ["\n"],
        "seed": 5,
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('{"text": "so", "finish_reason": "length", "input_tokens": 3, "output_tokens": 1}',
         Response("so", finish_reason="length", input_tokens=3, output_tokens=1)),
        ('{"text": "so", "input_tokens": -3, "output_tokens": true, "more": []}', Response("so")),
        ('{"text": "so", "input_tokens": 2147483648, "output_tokens": 2147483647}',
         Response("so", output_tokens=2147483647)),
        ('{"text": null}', Response()),
        ('{"text": "", "finish_reason": "content_filter"}',
         Response(finish_reason="content_filter", blocked_by="the program's own filter")),
        ('{"error": "no  such model"}', Failure("the program reports: no such model")),
        ('{"error": "busy", "retryable": true}',
         Failure("the program reports: busy", retryable=True)),
        ('{"text": 3}', Failure("the program's JSON object holds no `text`")),
        ('{}', Failure("the program's JSON object holds no `text`")),
        ('["so"]', Failure("the program's output is no JSON object")),
        ('so', Failure("the program's output is no JSON object")),
        ('', Failure("the program's output is no JSON object")),
    ],
)  # fmt: skip
def test_json_is_read_and_nothing_is_invented(written: str, expected: Any) -> None:
    assert sh(f"printf '%s' '{written}'", output="json") == expected


def test_hostile_json_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("[" * 100_000)
    (tmp_path / "long").write_text('{"text": ' + "9" * 10_000 + "}")
    for name in ("deep", "long"):
        found = ask(create(["cat", name], tmp_path, output="json"))
        assert found == [Failure("the program's output is no JSON object")]
