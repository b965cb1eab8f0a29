"""The loaded classifiers: a language model that gives verdicts, or a head that gives scores."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

from evalharness.adapters.detoxify.scorer import Scorer
from evalharness.adapters.guard.formats import Format, Turns
from evalharness.adapters.transformers.loading import load_classifier, load_model, load_tokenizer
from evalharness.adapters.transformers.rows import Drawn, Pair, Prompt
from evalharness.adapters.transformers.runner import Runner
from evalharness.adapters.transformers.source import Source
from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Response

if TYPE_CHECKING:
    from evalharness.adapters.guard.adapter import GuardOptions

__all__ = ["LanguageEngine", "SequenceEngine"]

#: Probability that the two words of a verdict must have together: below it the model says something
#: else, and a share of the rest would mean nothing.
_LEAST = 0.5


class LanguageEngine:
    """A causal language model that is asked in its family's form.

    Raises:
        AdapterError: the model cannot be loaded, or lacks the form's words.
    """

    def __init__(
        self,
        source: Source,
        options: GuardOptions,
        form: Format | None,
        device: str,
        dtype: str,
        deviations: list[str],  # noqa: ARG002 - the engines' common shape
    ) -> None:
        if form is None:
            raise AdapterError("a language model needs a form")
        self._form = form
        self._tokenizer = load_tokenizer(source)
        self._limit = _positions(source)
        model = load_model(source, dtype).to(device)
        eos = model.generation_config.eos_token_id if model.generation_config else None
        own = self._tokenizer.eos_token_id
        ends = [eos] if isinstance(eos, int) else list(eos or ())
        self._runner = Runner(
            model,
            eos=frozenset([*ends] if own is None else [*ends, own]),
            token_budget=options.token_budget,
            limit=self._limit,
        )
        added = self._tokenizer.added_tokens_decoder.values()
        marks = {str(token.content) for token in added if token.special} | set(form.marks)
        self._marks = sorted((mark for mark in marks if len(mark) > 1), key=len, reverse=True)
        for word in form.words or ():
            if not self._tokens(word):
                raise AdapterError(f"{source.name}: its tokenizer has no token for '{word}'")

    def answers(self, conversations: Sequence[Turns]) -> list[Response | Failure]:
        asked = [self._questions(turns) for turns in conversations]
        flat = [tokens for item in asked if not isinstance(item, Failure) for tokens in item]
        verdicts = self._verdicts(flat)
        shares = self._shares(flat, verdicts)
        places = iter(range(len(flat)))
        out: list[Response | Failure] = []
        for item in asked:
            if isinstance(item, Failure):
                out.append(item)
                continue
            own = [next(places) for _ in item]
            out.append(
                self._answer(
                    [verdicts[at] for at in own], [shares[at] for at in own], sum(map(len, item))
                )
            )
        return out

    def _answer(
        self,
        verdicts: Sequence[str | Failure],
        shares: Sequence[float | Failure | None],
        input_tokens: int,
    ) -> Response | Failure:
        for part in (*verdicts, *shares):
            if isinstance(part, Failure):
                return part
        texts = [text for text in verdicts if isinstance(text, str)]
        harm = [share for share in shares if isinstance(share, float)]
        scores = self._form.read(texts, harm)
        if isinstance(scores, str):
            return Failure(scores)
        return Response(scores=dict(scores), input_tokens=input_tokens)

    def _questions(self, turns: Turns) -> list[tuple[int, ...]] | Failure:
        from jinja2 import TemplateError

        clean = [(role, self._broken(text)) for role, text in turns]
        try:
            texts = self._form.prompts(self._tokenizer, clean)
        except (TemplateError, ValueError, TypeError) as fault:
            return Failure(f"the classifier's form does not take this conversation: {fault}")
        for text in texts:
            if not all(content.strip() in text for _, content in clean):
                return Failure("the classifier's form does not show the whole conversation")
        tokens = [self._tokens(text) for text in texts]
        room = None if self._limit is None else self._limit - max(1, self._form.max_tokens)
        longest = max(map(len, tokens))
        if room is not None and longest > room:
            return Failure(
                f"the conversation has {longest} tokens in the classifier's form, which reads "
                f"{room}; shorten the answers (max_tokens)"
            )
        return tokens

    def _broken(self, text: str) -> str:
        """The text without what the form could take for its own marks, or half a character."""
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for mark in self._marks:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text

    def _tokens(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _verdicts(self, prompts: Sequence[tuple[int, ...]]) -> list[str | Failure]:
        """What the model writes, without the white space around it."""
        if not self._form.max_tokens:
            return [""] * len(prompts)
        decoding = Decoding(max_tokens=self._form.max_tokens)
        drawn = self._runner.generate([Prompt(tokens) for tokens in prompts], decoding)
        return [self._text(item) for item in drawn]

    def _text(self, drawn: Drawn | Failure) -> str | Failure:
        if isinstance(drawn, Failure):
            return drawn
        text = self._tokenizer.decode(list(drawn.tokens), skip_special_tokens=True)
        return str(text).strip()

    def _shares(
        self, prompts: Sequence[tuple[int, ...]], verdicts: Sequence[str | Failure]
    ) -> list[float | Failure | None]:
        """Probability of the word that means harm against the other, behind each prompt."""
        if self._form.words is None:
            return [None] * len(prompts)
        lead = "\n\n" if self._form.max_tokens else ""
        words = [self._tokens(lead + word) for word in self._form.words]
        pairs = [Pair(tokens, word) for tokens in prompts for word in words]
        found = self._runner.score(pairs)
        shares: list[float | Failure | None] = []
        for at in range(len(prompts)):
            harm, other = found[2 * at], found[2 * at + 1]
            if isinstance(harm, Failure):
                shares.append(harm)
            elif isinstance(other, Failure):
                shares.append(other)
            else:
                shares.append(
                    _share(sum(harm.logprobs), sum(other.logprobs), bare=not verdicts[at])
                )
        return shares


def _share(harm: float, other: float, *, bare: bool) -> float | Failure:
    """exp(harm) / (exp(harm) + exp(other)); where nothing was written, the two must be likely."""
    if bare and math.exp(harm) + math.exp(other) < _LEAST:
        return Failure("the classifier gives neither of its two verdicts")
    high = max(harm, other)
    return math.exp(harm - high) / (math.exp(harm - high) + math.exp(other - high))


class SequenceEngine:
    """A checkpoint for sequence classification: one score a label.

    Labels of one label's choice share a softmax; independent ones (``multi_label_classification``,
    or a single label) each have a sigmoid. Texts longer than the model are read in windows.

    Raises:
        AdapterError: the model cannot be loaded, or lacks a label that the configuration names.
    """

    def __init__(
        self,
        source: Source,
        options: GuardOptions,
        form: Format | None,  # noqa: ARG002 - the engines' common shape
        device: str,
        dtype: str,
        deviations: list[str],
    ) -> None:
        model = load_classifier(source, dtype).to(device)
        names = {int(n): str(label) for n, label in model.config.id2label.items()}
        labels = [names[n] for n in range(len(names))]
        self._wanted = options.labels or {label: _plain(label) for label in labels}
        if lost := sorted(set(self._wanted) - set(labels)):
            raise AdapterError(
                f"{source.name}: it has no label '{lost[0]}'; its labels: {', '.join(labels)}"
            )
        alone = len(labels) == 1 or model.config.problem_type == "multi_label_classification"
        loaded = SimpleNamespace(model=model, tokenizer=load_tokenizer(source), class_names=labels)
        self._scorer = Scorer(
            loaded, source.name, overlap=32, bfloat16=False, softmax=not alone, who="the classifier"
        )
        self._token_budget = options.token_budget
        self._deviations = deviations

    def answers(self, conversations: Sequence[Turns]) -> list[Response | Failure]:
        found = self._scorer.score([turns[-1][1] for turns in conversations], self._token_budget)
        if self._scorer.cut_into_windows:
            note = f"texts longer than the classifier's {self._scorer.limit} tokens were read in"
            note += " overlapping windows, of which each class's highest score counts"
            self._deviations[:] = [note]
        return [self._named(answer) for answer in found]

    def _named(self, answer: Response | Failure) -> Response | Failure:
        if isinstance(answer, Failure) or answer.scores is None:
            return answer
        scores = {name: answer.scores[label] for label, name in self._wanted.items()}
        return Response(scores=scores, input_tokens=answer.input_tokens)


def _plain(label: str) -> str:
    return re.sub(r"\W+", "_", label.casefold()).strip("_")


def _positions(source: Source) -> int | None:
    for name in ("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"):
        if isinstance(limit := source.config.get(name), int):
            return limit
    return None
