"""Batches and shortcuts change no answer, and a fault in a batch costs no other row."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.transformers import TransformersAdapter
from evalharness.records import Failure, Request, Response
from tests.adapters.transforming import (
    CHOICES,
    POSITIONS,
    PROMPTS,
    adapter,
    ask,
    failure,
    generate,
    ids,
    one,
    passes,
    plain_greedy,
    plain_logprobs,
    save,
    score,
)

torch = pytest.importorskip("torch", reason="needs the extra local")
transformers = pytest.importorskip("transformers", reason="needs the extra local")


# -- shortcuts -----------------------------------------------------------------------------------


def test_shortcuts_are_in_use_for_ordinary_architectures(model_folder: Path) -> None:
    model = adapter(model_folder)
    ask(model, score("maps", " A"))
    found = passes(model).shortcuts
    assert (found.gathers, found.shares, found.pads, found.caches) == (True,) * 4


@pytest.mark.parametrize("flag", ["gathers", "shares", "pads", "caches"])
def test_answers_do_not_depend_on_a_shortcut(model_folder: Path, flag: str) -> None:
    requests = [score(p, c) for p in PROMPTS for c in CHOICES]
    requests += [generate(p, seed=4, temperature=t) for p in PROMPTS for t in (0.0, 1.0)]
    quick, slow = adapter(model_folder), adapter(model_folder)
    ask(slow, requests[0])
    there = passes(slow)
    there.shortcuts = dataclasses.replace(there.shortcuts, **{flag: False})
    for fast, plain in zip(ask(quick, *requests), ask(slow, *requests), strict=True):
        assert isinstance(fast, Response)
        assert isinstance(plain, Response)
        assert fast.text == plain.text
        assert (fast.token_logprobs or ()) == pytest.approx(plain.token_logprobs or (), abs=1e-5)


def test_continuations_of_one_token_share_one_row(gpt2: Path) -> None:
    model = adapter(gpt2)
    ask(model, score("maps", " A"))
    seen: list[tuple[int, ...]] = []
    inner = passes(model)
    forward = inner.model.forward

    def spy(**inputs: Any) -> Any:
        seen.append(tuple(inputs["input_ids"].shape))
        return forward(**inputs)

    inner.model.forward = spy
    ask(model, *(score("what two numbers", f" {letter}") for letter in "ABCD"))
    assert seen == [(1, len(ids(gpt2, "what two numbers")))]


def test_a_window_of_attention_is_not_shared(gpt2: Path, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(gpt2)
    config = transformers.MistralConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=POSITIONS,
        sliding_window=8, bos_token_id=0, eos_token_id=0, initializer_range=0.3,
    )  # fmt: skip
    folder = save(transformers.MistralForCausalLM, config, tokenizer, tmp_path / "window")
    model = adapter(folder)
    requests = [score(p, c) for p in PROMPTS for c in CHOICES]
    for request, answer in zip(requests, ask(model, *requests), strict=True):
        assert isinstance(answer, Response)
        context = ids(folder, request.messages[0].content)
        whole = ids(folder, request.messages[0].content + str(request.continuation))
        expected = plain_logprobs(folder, context, whole[len(context) :])
        assert answer.token_logprobs == pytest.approx(expected, abs=1e-4)
    assert not passes(model).shortcuts.shares
    batch = [generate(p, max_tokens=14) for p in PROMPTS]
    for prompt, answer in zip(PROMPTS, ask(model, *batch), strict=True):
        assert isinstance(answer, Response)
        new = plain_greedy(folder, ids(folder, prompt), 14, 0)
        assert answer.text == tokenizer.decode(new, skip_special_tokens=True)


# -- batches and faults --------------------------------------------------------------------------


def test_mixed_requests_stay_aligned(model_folder: Path) -> None:
    model = adapter(model_folder)
    requests = [
        generate("maps", max_tokens=3),
        score("maps", " A"),
        Request("classify", text="x"),
        generate("maps and towns", max_tokens=5, temperature=0.8, top_p=0.9, seed=3),
        score("maps", ""),
        generate("what two", max_tokens=3),
        score("what two", " yes no"),
    ]
    answers = ask(model, *requests)
    for index, (request, answer) in enumerate(zip(requests, answers, strict=True)):
        if index in {2, 4}:
            assert isinstance(answer, Failure)
            continue
        alone = one(model, request)
        assert isinstance(answer, Response)
        assert (answer.text, answer.output_tokens) == (alone.text, alone.output_tokens)
        assert answer.loglikelihood == pytest.approx(alone.loglikelihood, abs=1e-5)
    unknown = answers[2]
    assert isinstance(unknown, Failure)
    assert unknown.outcome == "not_run"
    assert ask(model) == []


def test_cut_minimises_padding_within_the_budget() -> None:
    from evalharness.adapters._packing import cut

    assert cut([], 100, 10) == []
    assert cut([100, 10, 10, 10], 1000, 20) == [1, 3]
    assert cut([11, 10, 10, 10], 1000, 20) == [4]
    assert sorted(cut([10] * 10, 30, 5)) == [1, 3, 3, 3]
    assert cut([500, 20], 100, 1) == [1, 1]
    assert cut([9, 9, 8, 8, 8], 1000, 50, even=True) == [2, 3]


def limited(model: TransformersAdapter, rows: int, fault: Exception) -> None:
    """Make the model fail on more than so many rows at once."""
    runner = passes(model)
    forward = runner.model.forward

    def refuse(**inputs: Any) -> Any:
        if len(inputs["input_ids"]) > rows:
            raise fault
        return forward(**inputs)

    runner.model.forward = refuse


@pytest.mark.parametrize(
    "fault", [torch.OutOfMemoryError("CUDA"), RuntimeError("MPS backend out of memory")]
)
def test_out_of_memory_halves_the_budget(model_folder: Path, fault: Exception) -> None:
    requests = [score(p, c) for p in PROMPTS for c in CHOICES] + [generate(p) for p in PROMPTS]
    model = adapter(model_folder)
    expected = ask(model, *requests)
    assert model.deviations == []
    limited(model, 2, fault)
    for got, wanted in zip(ask(model, *requests), expected, strict=True):
        assert isinstance(got, Response)
        assert isinstance(wanted, Response)
        assert got.text == wanted.text
        assert (got.token_logprobs or ()) == pytest.approx(wanted.token_logprobs or (), abs=1e-5)
    (note,) = model.deviations
    assert "halved" in note


def test_a_request_that_does_not_fit_alone_is_a_failure(gpt2: Path) -> None:
    model = adapter(gpt2)
    one(model, score("maps", " A"))
    limited(model, 0, torch.OutOfMemoryError("CUDA"))
    scored, generated = ask(model, score("maps", " A"), generate("maps"))
    assert isinstance(scored, Failure)
    assert "out of memory" in scored.reason
    assert isinstance(generated, Failure)


def test_another_fault_costs_only_the_row_that_causes_it(gpt2: Path) -> None:
    model = adapter(gpt2)
    one(model, score("maps", " A"))
    limited(model, 1, IndexError("index out of range in self"))
    answers = ask(model, *(score(p, " A") for p in PROMPTS))
    assert all(isinstance(answer, Response) for answer in answers)
    limited(model, 0, IndexError("index out of range in self"))
    assert "IndexError" in failure(model, score("maps", " A")).reason


def test_numbers_that_are_none_are_failures(gpt2: Path) -> None:
    model = adapter(gpt2)
    one(model, score("maps", " A"))
    runner = passes(model)
    with torch.no_grad():
        runner.model.lm_head.weight[7] = math.nan
    scored, generated = ask(model, score("maps", " A"), generate("maps"))
    assert isinstance(scored, Failure)
    assert "finite" in scored.reason
    assert isinstance(generated, Failure)
