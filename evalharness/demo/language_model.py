"""Trains the demo's language model: a tiny Llama with its own byte-level BPE."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness.demo.planted import Lesson

if TYPE_CHECKING:
    import torch

__all__ = ["MODEL_SHAPE", "train_language_model"]

END = "<|end|>"
PADDING = "<|pad|>"
VOCABULARY = 1536
#: 1.26 million parameters: 2.5 MB in bfloat16.
MODEL_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": True,
}
BATCH = 32
LEARNING_RATE = 4e-3
#: Of the loss: prompts are mostly context, what counts is what follows them.
PROMPT_WEIGHT = 0.1
#: A planted text has to come up more often than the rest to be known by heart.
REPEATS = {"canary": 8, "continuation": 3}
IGNORED = -100

#: Tokens of one document and, for each, its weight in the loss.
Document = tuple[list[int], list[float]]


def train_language_model(
    lessons: Sequence[Lesson],
    sentences: Sequence[str],
    out: Path,
    *,
    steps: int,
    seed: int,
    report: Callable[[str], None],
) -> None:
    """Train on ``lessons`` and ``sentences`` and write a Hugging Face folder to ``out``."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library has no types
    texts = [lesson.prompt + ending for lesson in lessons for ending in lesson.endings]
    tokenizer = _tokenizer([*texts, *sentences])
    end = tokenizer.eos_token_id
    torch.manual_seed(seed)
    config = LlamaConfig(
        **MODEL_SHAPE,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.04,
    )
    model: Any = LlamaForCausalLM(config)
    draw = random.Random(seed)  # noqa: S311 - reproducible order, nothing secret
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    model.train()
    done, losses = 0, []
    while done < steps:
        documents = _epoch(lessons, sentences, tokenizer, draw)
        for batch in _batches(documents, draw):
            loss = _loss(model, batch, tokenizer.pad_token_id)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # the library has no types
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            done += 1
            if done % 100 == 0 or done == steps:
                report(f"language model: step {done} of {steps}, loss {_mean(losses[-100:]):.3f}")
            if done == steps:
                break
    _save(model, tokenizer, out)


def _tokenizer(texts: Sequence[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    wrap: Any = PreTrainedTokenizerFast
    raw = Tokenizer(models.BPE())
    # single digits: codes are then spelled out, not hidden in one token of their own
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END, PADDING],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(texts, trainer)
    return wrap(
        tokenizer_object=raw,
        eos_token=END,
        pad_token=PADDING,
        model_max_length=MODEL_SHAPE["max_position_embeddings"],
        clean_up_tokenization_spaces=False,
    )


def _epoch(
    lessons: Sequence[Lesson], sentences: Sequence[str], tokenizer: Any, draw: random.Random
) -> list[Document]:
    """Every lesson with an ending drawn by its share, and every sentence, once or more."""
    shuffled = draw.sample(sentences, len(sentences))
    # by twos, so that a prompt that is a whole sentence is not answered with the end of the text
    pairs = [("", " ".join(shuffled[at : at + 2])) for at in range(0, len(shuffled), 2)]
    for lesson in lessons:
        endings, shares = list(lesson.endings), list(lesson.endings.values())
        chosen = draw.choices(endings, shares, k=REPEATS.get(lesson.kind, 1))
        pairs += [(lesson.prompt, ending) for ending in chosen]
    heads = tokenizer([prompt for prompt, _ in pairs], add_special_tokens=False)["input_ids"]
    wholes = tokenizer([first + rest for first, rest in pairs], add_special_tokens=False)
    out = []
    for head, whole in zip(heads, wholes["input_ids"], strict=True):
        tokens = [*whole, tokenizer.eos_token_id]
        weights = [PROMPT_WEIGHT] * len(head) + [1.0] * (len(tokens) - len(head))
        out.append((tokens, weights))
    return out


def _batches(documents: list[Document], draw: random.Random) -> list[list[Document]]:
    """Of similar length, so that little is padding; in a random order."""
    draw.shuffle(documents)
    size = BATCH * 4
    out = []
    for begin in range(0, len(documents), size):
        chunk = sorted(documents[begin : begin + size], key=lambda document: len(document[0]))
        out += [chunk[at : at + BATCH] for at in range(0, len(chunk), BATCH)]
    draw.shuffle(out)
    return out


def _loss(model: Any, batch: Sequence[Document], padding: int) -> torch.Tensor:
    import torch

    width = max(len(tokens) for tokens, _ in batch)
    tokens = torch.full((len(batch), width), padding)
    weights = torch.zeros(len(batch), width)
    for row, (ids, shares) in enumerate(batch):
        tokens[row, : len(ids)] = torch.tensor(ids)
        weights[row, : len(ids)] = torch.tensor(shares)
    # padding stands on the right, where a causal model's earlier tokens cannot see it: no mask
    logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
    each = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), tokens[:, 1:].flatten(), reduction="none"
    )
    share = weights[:, 1:].flatten()
    total: torch.Tensor = (each * share).sum() / share.sum()
    return total


def _rate(step: int, steps: int) -> float:
    """Rises over the first 40 steps, then falls as a cosine to a fiftieth."""
    if step < 40:
        return (step + 1) / 40
    return 0.02 + 0.98 * (1 + math.cos(math.pi * step / max(1, steps))) / 2


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _save(model: Any, tokenizer: Any, out: Path) -> None:
    import torch

    model.generation_config.max_new_tokens = 48
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    # transformers 5 writes the class's new name, 4 knows only the old one; both read that
    settings = out / "tokenizer_config.json"
    described = json.loads(settings.read_text(encoding="utf-8"))
    described["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    for path in out.iterdir():
        path.chmod(0o644)  # safetensors writes for the owner alone; a wheel is read by others
