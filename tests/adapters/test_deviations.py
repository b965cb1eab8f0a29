"""What was asked against what came back."""

from __future__ import annotations

import pytest

from evalharness.adapters._deviations import Deviations, cut_at_stop, same_model
from evalharness.adapters._secrets import Secrets
from evalharness.records import Response


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
        ("gpt-4", "gpt-4-0613"),
        ("omni-moderation-latest", "omni-moderation-2024-09-26"),
        ("qwen3-8b", "qwen/Qwen3-8B"),
        ("Qwen/Qwen3-8B", "/models/Qwen3-8B"),
        ("/models/demo", "/models/demo@main"),
        ("model.gguf", "C:\\models\\model.gguf"),
        ("llama3.2", "llama3.2:latest"),
        ("meta/llama-3:free", "meta/llama-3"),
        ("gemini-2.0-flash", "gemini-2.0-flash-001"),
        ("mistral-large-latest", "mistral-large-2411"),
    ],
)
def test_two_names_of_one_model(asked: str, served: str) -> None:
    assert same_model(asked, served)
    assert same_model(served, asked)


@pytest.mark.parametrize(
    ("asked", "served"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4", "gpt-4.1"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06"),
        ("gpt-4-0314", "gpt-4-0613"),
        ("llama3.2:3b", "llama3.2:1b"),
        ("qwen3-8b", "qwen3-32b"),
        ("deepseek-reasoner", "deepseek-chat"),
        ("my-deployment", "gpt-4o-2024-11-20"),
    ],
)
def test_two_models(asked: str, served: str) -> None:
    assert not same_model(asked, served)


def test_a_difference_is_said_once_and_without_secrets() -> None:
    found = Deviations(Secrets(["abcdefg"]).redact, ["first"])
    for text in ("it said abcdefg", "first", "it said abcdefg"):
        found.note(text)
    assert found == ["first", "it said [secret]"]


def test_an_answer_is_cut_at_the_first_stop() -> None:
    answer = Response(text="one\ntwo END", finish_reason="length")
    assert cut_at_stop(answer, ("END", "\n")) == Response(text="one")
    assert cut_at_stop(answer, ("three",)) is answer
    filtered = Response(text="a\nb", finish_reason="content_filter")
    assert cut_at_stop(filtered, ("\n",)).finish_reason == "content_filter"
