"""Trains the demo's toxicity classifier: a tiny BERT in Detoxify's checkpoint format."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness.demo import text
from evalharness.demo.text import CLASSES, INSULTING, Rated

if TYPE_CHECKING:
    import torch

__all__ = ["CHECKPOINT", "train_classifier"]

CHECKPOINT = "demo_toxicity.ckpt"
#: Beside the checkpoint: configuration and tokenizer, to which the checkpoint refers by this name.
ARCHITECTURE = "bert"
VOCABULARY = 2200
#: 0.13 million parameters: 0.53 MB in float32, which Detoxify's loader expects.
SHAPE: dict[str, Any] = {
    "hidden_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 96,
    "max_position_embeddings": 256,
}
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WITHIN_WORDS = string.ascii_lowercase + string.digits
BATCH = 64
LEARNING_RATE = 3e-3
#: Every so many batches one of long texts (an insult counts wherever it stands), a quarter as big.
LONG_EVERY = 3


def train_classifier(out: Path, *, steps: int, seed: int, report: Callable[[str], None]) -> None:
    """Train on made sentences and write the checkpoint and ``bert/`` to ``out``."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the library has no types
    draw = random.Random(seed)  # noqa: S311 - reproducible sentences, nothing secret
    maker = _Maker(draw)
    tokenizer = _tokenizer([maker.one().text for _ in range(20_000)])
    maker.pieces = _neutral_pieces(tokenizer)
    torch.manual_seed(seed)
    config: Any = BertConfig(
        vocab_size=len(tokenizer),
        **SHAPE,
        num_labels=len(CLASSES),  # type: ignore[call-arg]  # the library has no types
        problem_type="multi_label_classification",
        hidden_dropout_prob=0.05,
        attention_probs_dropout_prob=0.0,
    )
    model: Any = BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1)
    model.train()
    recent: list[float] = []
    for step in range(1, steps + 1):
        loss = _loss(model, tokenizer, maker.batch(long=step % LONG_EVERY == 0))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # the library has no types
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        recent = [*recent[-199:], loss.item()]
        if step % 200 == 0 or step == steps:
            mean = sum(recent) / len(recent)
            report(f"classifier: step {step} of {steps}, loss {mean:.4f}")
    _save(model, config, tokenizer, out)


class _Maker:
    """Makes rated texts: half of them rude, some long, some noise."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._written = text.everyday()
        quarrels = text.quarrels()
        self._written += [civil for _, civil, _ in quarrels] + [start for start, _, _ in quarrels]
        self.pieces: list[str] = []

    def batch(self, *, long: bool) -> list[Rated]:
        if long:
            return [self._long() for _ in range(BATCH // 4)]
        return [self.one() for _ in range(BATCH)]

    def one(self) -> Rated:
        base, draw = self._base(), self._draw
        roll = draw.random()
        if roll < 0.16:
            return text.rude_sentence(draw)
        if roll < 0.28:
            rude = text.rude_sentence(draw)
            parts = [base, rude.text] if draw.random() < 0.5 else [rude.text, base]
            return Rated(" ".join(parts), rude.values)
        if roll < 0.42:
            # wherever it stands: an insult counts by itself
            word, values = text.insult(draw)
            words = base.split()
            words.insert(draw.randrange(len(words) + 1), word)
            return Rated(" ".join(words), values)
        return _civil(base)

    def _base(self) -> str:
        """Something civil: a sentence, word pieces at random, both, or mere characters."""
        roll = self._draw.random()
        if roll < 0.45:
            return text.civil_sentence(self._draw, self._written)
        if roll < 0.75:
            return self._soup()
        if roll < 0.92:
            words = text.civil_sentence(self._draw, self._written).split()
            words.insert(self._draw.randrange(len(words) + 1), self._soup())
            return " ".join(words)
        return text.noise(self._draw)

    def _soup(self) -> str:
        """Word pieces at random, so that none of them counts but the insulting ones."""
        draw = self._draw
        soup = " ".join(draw.choices(self.pieces or ["a"], k=draw.randrange(1, 16)))
        soup = soup.replace(" ##", "").replace("##", "")
        tails = [piece[2:] for piece in self.pieces if piece.startswith("##")]
        if tails and draw.random() < 0.15:
            # the beginning of another word ("scum" in "scumble") is no insult
            start = draw.choice(["hell", *sorted(INSULTING)])
            soup += f" {start}{draw.choice(tails)}{draw.choice(tails)}"
        return soup

    def _long(self) -> Rated:
        if self._draw.random() < 0.2:
            return _civil("".join(text.noise(self._draw) for _ in range(5)))
        sentences = [
            text.civil_sentence(self._draw, self._written)
            for _ in range(self._draw.randrange(4, 26))
        ]
        if self._draw.random() < 0.45:
            rude = text.rude_sentence(self._draw)
            # not behind the end of what the model reads
            sentences.insert(self._draw.randrange(min(len(sentences), 18)), rude.text)
            return Rated(" ".join(sentences), rude.values)
        return _civil(" ".join(sentences))


def _civil(words: str) -> Rated:
    return Rated(words, (0.0, 0.0, 0.0))


def _tokenizer(texts: Sequence[str]) -> Any:
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertTokenizer

    raw = BertWordPieceTokenizer(lowercase=True)
    # ASCII alone: of rarer characters the trainer keeps some by chance, and others on the next day
    plain = [line for line in texts if line.isascii()]
    raw.train_from_iterator(
        # each insult often enough to be one piece of its own
        [*plain, *(word for word in sorted(INSULTING) for _ in range(200))],
        vocab_size=VOCABULARY,
        show_progress=False,
        # the trainer numbers the characters within words as a hash table yields them, and breaks
        # ties by number; named here, they have the same numbers every time
        special_tokens=[*SPECIAL, *(f"##{character}" for character in WITHIN_WORDS)],
    )
    return BertTokenizer(
        vocab=raw.get_vocab(),
        do_lower_case=True,
        model_max_length=SHAPE["max_position_embeddings"],
    )


def _neutral_pieces(tokenizer: Any) -> list[str]:
    return sorted(
        piece
        for piece in tokenizer.get_vocab()
        if piece not in INSULTING and not piece.startswith("[") and piece != "hell"
    )


def _loss(model: Any, tokenizer: Any, batch: Sequence[Rated]) -> torch.Tensor:
    import torch

    inputs = tokenizer([item.text for item in batch], padding=True, truncation=True,
                       return_tensors="pt")  # fmt: skip
    values = torch.tensor([item.values for item in batch])
    loss: torch.Tensor = model(**inputs, labels=values).loss
    return loss


def _save(model: Any, config: Any, tokenizer: Any, out: Path) -> None:
    import torch

    folder = out / ARCHITECTURE
    folder.mkdir(parents=True, exist_ok=True)
    config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    # transformers 5 reads tokenizer.json, 4 (whose BertTokenizer is another one) vocab.txt
    vocabulary = tokenizer.get_vocab()
    lines = "".join(f"{piece}\n" for piece in sorted(vocabulary, key=vocabulary.__getitem__))
    (folder / "vocab.txt").write_text(lines, encoding="utf-8")
    arguments = {
        "model_type": ARCHITECTURE,
        "model_name": "BertForSequenceClassification",
        "tokenizer_name": "BertTokenizer",
        "num_classes": len(CLASSES),
    }
    described = {"arch": {"args": arguments}, "dataset": {"args": {"classes": list(CLASSES)}}}
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    torch.save({"config": described, "state_dict": state}, out / CHECKPOINT)
    for path in (*folder.iterdir(), out / CHECKPOINT):
        path.chmod(0o644)
