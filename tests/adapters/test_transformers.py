"""The transformers adapter against plain, one-by-one computations on tiny random models."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.base import Adapter
from evalharness.adapters.transformers import TransformersAdapter, TransformersOptions
from evalharness.errors import AdapterError, MissingExtraError, UnavailableError
from evalharness.records import Decoding, Failure, Message, Request, Response

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

CORPUS = [
    "the model reads a long text about rivers bridges maps and small towns",
    "what two numbers add up to is asked so that samples differ in length",
    "Answer: yes no true false A B C D 0 1 2 3 4 5 6 7 8 9\n\n",
]
CHAT = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
POSITIONS = 96


def make_tokenizer(bos: str, eos: str, *, adds_bos: bool) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = list(dict.fromkeys([bos, eos, "<|user|>", "<|assistant|>", "<|system|>"]))
    tokenizer.train_from_iterator(
        CORPUS * 3,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=specials,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    if adds_bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=bos, eos_token=eos, model_max_length=POSITIONS
    )


def save(model_type: Any, config: Any, tokenizer: Any, folder: Path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = model_type(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Learned positions, one token for beginning and end, no template, no leading token."""
    tokenizer = make_tokenizer("<|endoftext|>", "<|endoftext|>", adds_bos=False)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=2,
        bos_token_id=0, eos_token_id=0, initializer_range=0.3,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "tiny-gpt2"
    return save(transformers.GPT2LMHeadModel, config, tokenizer, folder)


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rotary positions, grouped heads, a chat template, a tokenizer that adds its own BOS."""
    tokenizer = make_tokenizer("<s>", "</s>", adds_bos=True)
    tokenizer.chat_template = CHAT
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=POSITIONS,
        bos_token_id=0, eos_token_id=1, initializer_range=0.3,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    return save(transformers.LlamaForCausalLM, config, tokenizer, folder)


@pytest.fixture(params=["gpt2", "llama"])
def model_folder(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Path], Path]:
    return lambda folder: Path(shutil.copytree(folder, tmp_path / folder.name))


def adapter(folder: Path | str, **options: Any) -> TransformersAdapter:
    return TransformersAdapter(TransformersOptions(model=str(folder), device="cpu", **options))


def ask(model: TransformersAdapter, *requests: Request) -> list[Response | Failure]:
    return list(asyncio.run(model.respond(requests)))


def one(model: TransformersAdapter, request: Request) -> Response:
    (answer,) = ask(model, request)
    assert isinstance(answer, Response), answer
    return answer


def passes(model: TransformersAdapter) -> Any:
    """The loaded model's forward passes."""
    assert model._runner is not None
    return model._runner._passes


def failure(model: TransformersAdapter, request: Request) -> Failure:
    (answer,) = ask(model, request)
    assert isinstance(answer, Failure), answer
    return answer


def score(prompt: str, continuation: str | None) -> Request:
    return Request("loglikelihood", messages=(Message("user", prompt),), continuation=continuation)


def generate(prompt: str, seed: int | None = None, **decoding: Any) -> Request:
    chosen = Decoding(**{"max_tokens": 12, **decoding})
    return Request("generate", messages=(Message("user", prompt),), decoding=chosen, seed=seed)


def ids(folder: Path, text: str) -> list[int]:
    found = transformers.AutoTokenizer.from_pretrained(folder)(text, add_special_tokens=False)
    return list(found["input_ids"])


def plain_logprobs(folder: Path, context: Sequence[int], tail: Sequence[int]) -> list[float]:
    """One sequence, all logits, in float64: the definition, without any of the shortcuts."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)
    with torch.no_grad():
        logits = model(torch.tensor([[*context, *tail[:-1]]])).logits[0]
    logprobs = torch.log_softmax(logits, -1)
    return [float(logprobs[len(context) - 1 + i, token]) for i, token in enumerate(tail)]


def plain_greedy(folder: Path, context: list[int], steps: int, eos: int) -> list[int]:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    new: list[int] = []
    with torch.no_grad():
        while len(new) < steps and (not new or new[-1] != eos):
            new.append(int(model(torch.tensor([context + new])).logits[0, -1].argmax()))
    return new


PROMPTS = [
    "what two numbers",
    "the model reads a long text about rivers bridges maps and small towns so that",
    "maps",
    "Answer: 1 2 3 4\n\nAnswer:",
]
CHOICES = [" A", " yes", " rivers and small bridges", " 1 2 3", " rivers and small bridges", "\nno"]


# -- log-likelihood ------------------------------------------------------------------------------


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


def test_trailing_space_moves_to_the_continuation(gpt2: Path) -> None:
    model = adapter(gpt2)
    spaced, plain = ask(model, score("what two numbers ", "add"), score("what two numbers", " add"))
    assert spaced == plain


def test_a_continuation_that_merges_into_the_context_keeps_a_token(gpt2: Path) -> None:
    context, whole = ids(gpt2, "the m"), ids(gpt2, "the model")
    assert len(whole) <= len(context)
    answer = one(adapter(gpt2), score("the m", "odel"))
    assert answer.output_tokens == len(whole) - answer.input_tokens > 0  # type: ignore[operator]


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


# -- chat templates ------------------------------------------------------------------------------


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


@pytest.mark.parametrize("template", [NO_SYSTEM + CHAT, CHAT.replace("m['content']", "'' if m['role'] == 'system' else m['content']")])  # fmt: skip  # noqa: E501
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


# -- generation ----------------------------------------------------------------------------------


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
        tokens = draw(logits, Decoding(**{"temperature": 1.0, **decoding}), points)  # type: ignore[arg-type]
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


# -- batches and faults --------------------------------------------------------------------------


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


# -- identity ------------------------------------------------------------------------------------


def test_identity_says_what_the_model_is_and_never_where(llama: Path) -> None:
    model = adapter(llama, system="small towns")
    found = model.identity
    assert isinstance(model, Adapter)
    assert (found.provider, found.model, found.backend) == ("transformers", "tiny-llama", "torch")
    assert (found.dtype, found.revision, len(found.digest or "")) == ("float32", None, 64)
    assert len(found.chat_template or "") == 16
    assert len(found.system_prompt or "") == 64
    assert str(llama.parent) not in json.dumps(found.to_json())
    assert found == adapter(llama, system="small towns", batch_size=3, token_budget=9).identity


def test_identity_is_the_same_for_a_copy_and_by_a_relative_path(
    llama: Path, copy_of: Callable[[Path], Path]
) -> None:
    folder = copy_of(llama)
    (folder / "README.md").write_text("not part of the model")
    base = adapter("./tiny-llama", base_dir=folder.parent)
    assert base.identity == adapter(llama).identity == adapter(folder).identity
    assert "base_dir" not in base.options.model_dump()


def test_identity_changes_with_whatever_changes_answers(
    llama: Path, copy_of: Callable[[Path], Path]
) -> None:
    found = [adapter(llama).identity, adapter(llama, system="x").identity]
    found.append(adapter(llama, chat_template="off").identity)
    found.append(adapter(llama, dtype="bfloat16").identity)
    folder = copy_of(llama)
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-3] ^= 1
    weights.chmod(0o600)
    weights.write_bytes(data)
    found.append(adapter(folder).identity)
    (folder / "chat_template.jinja").write_text(CHAT + " ")
    found.append(adapter(folder).identity)
    assert len({json.dumps(identity.to_json()) for identity in found}) == len(found)
    assert found[2].chat_template == "none"


def test_capabilities_and_options(gpt2: Path) -> None:
    model = adapter(gpt2, batch_size=7)
    assert model.capabilities.kinds == {"generate", "loglikelihood"}
    assert model.capabilities.batch_size == 7
    assert all(f.description for f in TransformersOptions.model_fields.values())
    with pytest.raises(ValueError, match="extra"):
        TransformersOptions.model_validate({"model": "x", "trust_remote_code": True})


# -- construction and loading --------------------------------------------------------------------


def test_construction_imports_no_torch(gpt2: Path) -> None:
    code = textwrap.dedent(f"""
        import sys
        from evalharness.adapters.transformers import TransformersAdapter, TransformersOptions
        TransformersAdapter(TransformersOptions(model={str(gpt2)!r})).capabilities
        print(sorted({{"torch", "transformers", "huggingface_hub"}} & set(sys.modules)))
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_library_names_the_pip_line(gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"evalharness\[local\]"):
        adapter(gpt2)


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def only_bin(folder: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (without("config.json"), "no config.json"),
        (without("model.safetensors"), "no weights"),
        (shutil.rmtree, "no such folder"),
        (only_bin, "allow_pickle: true"),
        (missing_shard, "1 of 2 weight files are missing"),
        (lambda folder: (folder / "adapter_config.json").write_text("{}"), "merge it"),
    ],
)
def test_an_unusable_folder_says_what_to_do(
    gpt2: Path, copy_of: Callable[[Path], Path], damage: Callable[[Path], Any], says: str
) -> None:
    folder = copy_of(gpt2)
    damage(folder)
    with pytest.raises(UnavailableError, match=says) as caught:
        adapter(folder)
    assert str(folder) in str(caught.value)


def test_pickled_weights_load_when_insisted_on(gpt2: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(gpt2)
    only_bin(folder)
    model = adapter(folder, allow_pickle=True)
    assert one(model, generate("maps")) == one(adapter(gpt2), generate("maps"))
    assert model.identity.digest != adapter(gpt2).identity.digest


def edit_config(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_model_with_code_of_its_own_is_refused(
    gpt2: Path, copy_of: Callable[[Path], Path]
) -> None:
    folder = copy_of(gpt2)
    code = {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}
    edit_config(folder, auto_map=code)
    (folder / "code.py").write_text("raise SystemExit('this must never run')")
    assert one(adapter(folder), generate("maps")) == one(adapter(gpt2), generate("maps"))
    edit_config(folder, model_type="home-made", architectures=["M"])
    with pytest.raises(AdapterError, match=r"own code .*'home-made'"):
        ask(adapter(folder, chat_template="off"), generate("maps"))


def test_a_checkpoint_with_missing_weights_is_refused(
    gpt2: Path, copy_of: Callable[[Path], Path]
) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy_of(gpt2)
    weights = load_file(folder / "model.safetensors")
    weights.pop("transformer.h.1.mlp.c_fc.weight")
    (folder / "model.safetensors").unlink()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AdapterError, match=r"lacks 1 weights .*h\.1\.mlp\.c_fc"):
        ask(adapter(folder), generate("maps"))


def test_a_broken_file_is_one_sentence(gpt2: Path, copy_of: Callable[[Path], Path]) -> None:
    folder = copy_of(gpt2)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"nonsense" * 9)
    with pytest.raises(AdapterError, match="cannot load it: SafetensorError"):
        ask(adapter(folder), generate("maps"))
    (folder / "config.json").write_text("{")
    with pytest.raises(UnavailableError, match="JSON"):
        _ = adapter(folder).identity


@pytest.mark.filterwarnings("default")
def test_a_model_that_looks_ahead_is_refused(gpt2: Path, tmp_path: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(gpt2)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, initializer_range=0.3, is_decoder=False,
    )  # fmt: skip
    save(transformers.BertLMHeadModel, config, tokenizer, tmp_path / "bert")
    with pytest.raises(AdapterError, match="not causal"):
        ask(adapter(tmp_path / "bert"), generate("maps"))


def test_a_device_that_is_not_there(gpt2: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("it is there")
    model = TransformersAdapter(TransformersOptions(model=str(gpt2), device="cuda"))
    with pytest.raises(UnavailableError, match="device: cuda"):
        _ = model.identity


def test_half_precision_on_request(llama: Path) -> None:
    model = adapter(llama, dtype="bfloat16")
    exact = one(adapter(llama), score("what two", "yes no"))
    rough = one(model, score("what two", "yes no"))
    assert rough.loglikelihood == pytest.approx(exact.loglikelihood, rel=0.05)
    assert rough != exact
    runner = passes(model)
    assert runner.model.dtype == torch.bfloat16


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


# -- the hub -------------------------------------------------------------------------------------

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub that cannot be reached."""
    import huggingface_hub

    def unreachable(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    return tmp_path / "cache" / "models--org--tiny"


def test_no_network_and_no_cache(hub: Path) -> None:
    with pytest.raises(UnavailableError, match=r"org/tiny: .*point `model:` at the folder"):
        adapter("org/tiny")


def test_a_cached_snapshot_is_used_offline(hub: Path, gpt2: Path) -> None:
    (hub / "refs").mkdir(parents=True)
    (hub / "refs" / "main").write_text(COMMIT)
    shutil.copytree(gpt2, hub / "snapshots" / COMMIT)
    model = adapter("org/tiny")
    found = model.identity
    assert (found.model, found.revision, found.digest) == ("org/tiny", COMMIT, None)
    assert one(model, generate("maps")) == one(adapter(gpt2), generate("maps"))
    (hub / "snapshots" / COMMIT / "model.safetensors").unlink()
    with pytest.raises(UnavailableError, match="not in the local cache"):
        adapter("org/tiny")


class Hub:
    """Stands for the hub: lists a folder's files, and copies those that are asked for."""

    def __init__(self, source: Path, cache: Path, names: Sequence[str]) -> None:
        self.source, self.cache, self.names = source, cache, names
        self.asked: list[list[str]] = []

    def model_info(self, *_: Any, **__: Any) -> Any:
        from huggingface_hub.hf_api import ModelInfo

        return ModelInfo(id="org/tiny", sha=COMMIT, siblings=[{"rfilename": n} for n in self.names])

    def snapshot_download(self, name: str, **options: Any) -> str:
        from huggingface_hub.utils import filter_repo_objects

        if options.get("local_files_only"):
            raise FileNotFoundError(name)
        assert options["revision"] == COMMIT
        wanted = list(
            filter_repo_objects(
                self.names,
                allow_patterns=options["allow_patterns"],
                ignore_patterns=options["ignore_patterns"],
            )
        )
        self.asked.append(wanted)
        self.cache.mkdir(exist_ok=True)
        for file in wanted:
            shutil.copy(self.source / file, self.cache)
        return str(self.cache)


def test_a_hub_id_downloads_no_pickle_and_weights_only_when_needed(
    hub: Path, gpt2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [path.name for path in gpt2.iterdir()]
    fake = Hub(gpt2, tmp_path / "got", [*names, "pytorch_model.bin", "original/a.safetensors"])
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", fake.model_info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", fake.snapshot_download)
    model = adapter("org/tiny")
    assert fake.asked == []
    assert model.identity.revision == COMMIT
    assert fake.asked == [[name for name in names if name != "model.safetensors"]]
    assert one(model, generate("maps")) == one(adapter(gpt2), generate("maps"))
    assert sorted(fake.asked[1]) == sorted(names)
    fake.names = ["config.json", "pytorch_model.bin"]
    with pytest.raises(UnavailableError, match="allow_pickle"):
        adapter("org/tiny")
    fake.names = ["config.json", "original/a.safetensors"]
    with pytest.raises(UnavailableError, match="no weights"):
        adapter("org/tiny")
