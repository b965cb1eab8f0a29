"""Texts of a model on this machine: greedy, sampled by a seed, and where they end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evalharness.records import Decoding, Failure, Message, Response
from tests.adapters.transforming import (
    CORPUS,
    POSITIONS,
    PROMPTS,
    adapter,
    ask,
    failure,
    generate,
    ids,
    one,
    plain_greedy,
)

torch = pytest.importorskip("torch", reason="needs the extra local")
transformers = pytest.importorskip("transformers", reason="needs the extra local")


def test_greedy_equals_one_by_one_and_ignores_neighbours(model_folder: Path) -> None:
    model = adapter(model_folder, chat_template="off")
    lead, eos = ([0], 1) if model_folder.name == "tiny-llama" else ([], 0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder)
    requests = [generate(prompt) for prompt in PROMPTS]
    together = ask(model, *requests)
    assert together == [one(model, request) for request in requests]
    for prompt, answer in zip(PROMPTS, together, strict=True):
        new = plain_greedy(model_folder, lead + ids(model_folder, prompt), 12, eos)
        assert isinstance(answer, Response)
        assert answer.text == tokenizer.decode(new, skip_special_tokens=True)
        assert answer.output_tokens == len(new)
        assert answer.finish_reason == ("stop" if new[-1] == eos else "length")


def test_sampled_answers_depend_on_their_seed_alone(model_folder: Path) -> None:
    model = adapter(model_folder)
    requests = [generate(p, seed=s, temperature=1.0) for p in PROMPTS for s in (1, 2**62 + 1)]
    together = ask(model, *requests, generate("maps", temperature=0.7, seed=1, max_tokens=3))[:-1]
    assert together == ask(model, *reversed(requests))[::-1]
    assert together == [one(adapter(model_folder), request) for request in requests]
    texts = [answer.text for answer in together if isinstance(answer, Response)]
    assert all(a != b for a, b in zip(texts[::2], texts[1::2], strict=True))


def test_sampling_leaves_the_global_generator_alone(gpt2: Path) -> None:
    model = adapter(gpt2)
    before = torch.random.get_rng_state()
    one(model, generate("maps", seed=1, temperature=1.0))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_sampling_without_a_seed_is_a_failure(gpt2: Path) -> None:
    assert "seed" in failure(adapter(gpt2), generate("maps", temperature=1.0)).reason


def test_draw_follows_the_distribution() -> None:
    from evalharness.adapters.transformers.runner import draw

    probabilities = torch.tensor([0.1, 0.4, 0.2, 0.3])
    count = 1000
    points = [(i + 0.5) / count for i in range(count)]
    logits = probabilities.log().repeat(count, 1)

    def shares(**decoding: float) -> list[float]:
        tokens = draw(logits, Decoding(**{"temperature": 1.0, **decoding}), points)  # type: ignore[arg-type]  # any of its fields
        return [int((tokens == token).sum()) / count for token in range(4)]

    assert shares() == pytest.approx([0.1, 0.4, 0.2, 0.3], abs=0.002)
    assert shares(top_p=0.75) == pytest.approx([0, 4 / 9, 2 / 9, 3 / 9], abs=0.002)
    assert shares(top_p=0.65) == pytest.approx([0, 4 / 7, 0, 3 / 7], abs=0.002)
    assert shares(top_p=0.0) == [0, 1, 0, 0]
    sharp = [p**2 / 0.3 for p in (0.1, 0.4, 0.2, 0.3)]
    assert shares(temperature=0.5) == pytest.approx(sharp, abs=0.002)
    assert draw(logits[:1], Decoding(), ()).tolist() == [1]


def test_text_ends_before_the_first_stop_string(model_folder: Path) -> None:
    model = adapter(model_folder)
    free = one(model, generate("what two", max_tokens=20))
    stop = free.text[3:6]
    assert len(stop) == 3
    stopped, other = ask(
        model,
        generate("what two", max_tokens=20, stop=("never seen", stop)),
        generate("maps", max_tokens=20, stop=("never seen", stop)),
    )
    assert isinstance(stopped, Response)
    assert isinstance(other, Response)
    assert stopped.text == free.text[: free.text.index(stop)]
    assert stopped.finish_reason == "stop"
    assert (stopped.output_tokens or 0) < (free.output_tokens or 0)
    assert stop not in other.text


def test_every_listed_end_of_sequence_ends_an_answer(
    llama: Path, copy_of: Callable[[Path], Path]
) -> None:
    folder = copy_of(llama)
    model = adapter(folder)
    prompt = model._texts._encode([str(model._texts._render((Message("user", "maps"),)))])
    greedy = plain_greedy(folder, next(iter(prompt.values())), 6, 1)
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": [1, greedy[2]]}))
    answer = one(adapter(folder), generate("maps"))
    assert answer.finish_reason == "stop"
    assert answer.output_tokens == greedy.index(greedy[2]) + 1


def test_a_stop_string_that_is_a_special_token_ends_the_answer(llama: Path) -> None:
    check = adapter(llama)._texts.stop_check(("<|user|>",))
    user, word = ids(llama, "<|user|>"), ids(llama, "maps")
    assert check(word + user)
    assert not check(word)


def test_no_room_for_new_tokens(gpt2: Path) -> None:
    model = adapter(gpt2)
    text = " ".join(CORPUS[0] for _ in range(20))
    cut, none, negative = ask(
        model,
        generate(text, max_tokens=6),
        generate("maps", max_tokens=POSITIONS),
        generate("maps", max_tokens=0),
    )
    assert isinstance(cut, Response)
    assert cut.input_tokens == POSITIONS - 6
    tokens = plain_greedy(gpt2, ids(gpt2, text)[-(POSITIONS - 6) :], 6, 0)
    assert cut.text == transformers.AutoTokenizer.from_pretrained(gpt2).decode(
        tokens, skip_special_tokens=True
    )
    assert isinstance(none, Failure)
    assert "no room" in none.reason
    assert isinstance(negative, Failure)
