"""Log-likelihoods of a model on this machine against plain, one-by-one computations."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from evalharness.records import Failure, Response
from tests.adapters.transforming import (
    CHOICES,
    CORPUS,
    POSITIONS,
    PROMPTS,
    adapter,
    ask,
    failure,
    ids,
    one,
    plain_logprobs,
    score,
)

torch = pytest.importorskip("torch", reason="needs the extra local")
transformers = pytest.importorskip("transformers", reason="needs the extra local")


def test_loglikelihoods_equal_a_plain_computation_whatever_the_batch(model_folder: Path) -> None:
    model = adapter(model_folder, chat_template="off", token_budget=150)
    requests = [score(prompt, choice) for choice in CHOICES for prompt in PROMPTS]
    lead = [0] if model_folder.name == "tiny-llama" else []
    for request, answer in zip(requests, ask(model, *requests), strict=True):
        assert isinstance(answer, Response)
        context = ids(model_folder, request.messages[0].content)
        whole = ids(model_folder, request.messages[0].content + str(request.continuation))
        tail = whole[len(context) :]
        expected = plain_logprobs(model_folder, lead + context, tail)
        assert answer.token_logprobs == pytest.approx(expected, abs=1e-4)
        assert answer.loglikelihood == pytest.approx(sum(expected), abs=1e-4)
        assert answer.loglikelihood == sum(answer.token_logprobs or ())
        assert (answer.input_tokens, answer.output_tokens) == (
            len(lead) + len(context),
            len(tail),
        )


def test_token_statistics_equal_a_plain_computation(model_folder: Path) -> None:
    """z = (log p - E[log p]) / sd[log p], both under the model's own distribution."""
    model = adapter(model_folder, chat_template="off", token_budget=150, token_statistics=True)
    requests = [score(prompt, choice) for choice in CHOICES[:3] for prompt in PROMPTS[:2]]
    lead = [0] if model_folder.name == "tiny-llama" else []
    plain = transformers.AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float64)
    for request, answer in zip(requests, ask(model, *requests), strict=True):
        assert isinstance(answer, Response)
        context = lead + ids(model_folder, request.messages[0].content)
        whole = request.messages[0].content + str(request.continuation)
        tail = ids(model_folder, whole)[len(context) - len(lead) :]
        with torch.no_grad():
            logits = plain(torch.tensor([[*context, *tail[:-1]]])).logits[0]
        expected = []
        for place, token in enumerate(tail):
            p = torch.softmax(logits[len(context) - 1 + place], -1)
            mean = float((p * p.log()).sum())
            variance = float((p * p.log() ** 2).sum()) - mean**2
            expected.append((float(p[token].log()) - mean) / math.sqrt(variance))
        assert answer.token_zscores == pytest.approx(expected, abs=1e-3)


def test_token_statistics_are_asked_for_and_part_of_the_identity(gpt2: Path) -> None:
    """Answers that were kept without them must not serve a run that needs them."""
    with_them, without = (adapter(gpt2, token_statistics=wanted) for wanted in (True, False))
    (answer,) = ask(without, score("maps", " A"))
    assert isinstance(answer, Response)
    assert answer.token_zscores is None
    assert with_them.identity != without.identity


def test_trailing_space_moves_to_the_continuation(gpt2: Path) -> None:
    model = adapter(gpt2)
    spaced, plain = ask(model, score("what two numbers ", "add"), score("what two numbers", " add"))
    assert spaced == plain


def test_a_continuation_that_merges_into_the_context_keeps_a_token(gpt2: Path) -> None:
    context, whole = ids(gpt2, "the m"), ids(gpt2, "the model")
    assert len(whole) <= len(context)
    answer = one(adapter(gpt2), score("the m", "odel"))
    assert answer.output_tokens == len(whole) - answer.input_tokens > 0  # type: ignore[operator]  # both are there


@pytest.mark.parametrize("continuation", [None, ""])
def test_an_empty_continuation_is_a_failure(model_folder: Path, continuation: str | None) -> None:
    found = failure(adapter(model_folder), score("maps ", continuation))
    assert (found.outcome, "empty" in found.reason) == ("errored", True)


def test_an_empty_context_starts_at_the_beginning_of_sequence(gpt2: Path) -> None:
    answer = one(adapter(gpt2), score("", "maps and towns"))
    tail = ids(gpt2, "maps and towns")
    assert answer.token_logprobs == pytest.approx(plain_logprobs(gpt2, [0], tail), abs=1e-4)


def test_a_long_context_is_cut_from_the_left_and_noted(model_folder: Path) -> None:
    model = adapter(model_folder, chat_template="off")
    text = " ".join(CORPUS[0] for _ in range(20))
    answer = one(model, score(text, " yes no"))
    tail = ids(model_folder, text + " yes no")[len(ids(model_folder, text)) :]
    size = POSITIONS - len(tail) + 1
    lead = [0] if model_folder.name == "tiny-llama" else []
    context = lead + ids(model_folder, text)[-(size - len(lead)) :]
    assert answer.input_tokens == size
    expected = plain_logprobs(model_folder, context, tail)
    assert answer.token_logprobs == pytest.approx(expected, abs=1e-4)
    assert "1 prompts were cut" in " ".join(model.deviations)


def test_a_continuation_longer_than_the_model_is_a_failure(gpt2: Path) -> None:
    model = adapter(gpt2)
    long, short = ask(model, score("maps", " zq" * POSITIONS), score("maps", " A"))
    assert isinstance(long, Failure)
    assert "positions" in long.reason
    assert isinstance(short, Response)


def test_a_lone_surrogate_fails_alone(gpt2: Path) -> None:
    bad, worse, good = ask(
        adapter(gpt2), score("\ud800", " A"), score("maps", "\ud800"), score("maps", " A")
    )
    assert isinstance(bad, Failure)
    assert isinstance(worse, Failure)
    assert isinstance(good, Response)
