"""Tiny random models for the transformers adapter, requests to them, the plain computation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.transformers import TransformersAdapter, TransformersOptions
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.device import DEVICE

torch = pytest.importorskip("torch", reason="needs the extra local")
transformers = pytest.importorskip("transformers", reason="needs the extra local")


CORPUS = [
    "the model reads a long text about rivers bridges maps and small towns",
    "what two numbers add up to is asked so that samples differ in length",
    "Answer: yes no true false A B C D 0 1 2 3 4 5 6 7 8 9\n\n",
]

CHAT = (
    "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}{{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
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


def tiny_gpt2(folder: Path) -> Path:
    tokenizer = make_tokenizer("<|endoftext|>", "<|endoftext|>", adds_bos=False)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=2,
        bos_token_id=0, eos_token_id=0, initializer_range=0.3,
    )  # fmt: skip
    return save(transformers.GPT2LMHeadModel, config, tokenizer, folder)


def tiny_llama(folder: Path) -> Path:
    tokenizer = make_tokenizer("<s>", "</s>", adds_bos=True)
    tokenizer.chat_template = CHAT
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=POSITIONS,
        bos_token_id=0, eos_token_id=1, initializer_range=0.3,
    )  # fmt: skip
    return save(transformers.LlamaForCausalLM, config, tokenizer, folder)


def adapter(folder: Path | str, **options: Any) -> TransformersAdapter:
    return TransformersAdapter(TransformersOptions(model=str(folder), device=DEVICE, **options))


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
