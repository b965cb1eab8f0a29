"""Between texts and tokens: a model's chat template, special tokens, stop strings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from evalharness.adapters._local import special_tokens
from evalharness.adapters._reasoning import opens
from evalharness.adapters.transformers.rows import Drawn, Pair
from evalharness.records import Failure, Message, Request, Response

__all__ = ["Texts"]

# Templates may ask for today's date; a test may not depend on the day on which it runs. A macro
# hides transformers' function of the same name, for which its own arguments cannot stand in.
FIXED_DATE = (
    "{%- macro strftime_now(format) -%}{{ format.replace('%d', '01').replace('%m', '01')"
    ".replace('%b', 'Jan').replace('%B', 'January').replace('%Y', '2025').replace('%y', '25')"
    ".replace('%A', 'Wednesday').replace('%a', 'Wed').replace('%H', '00').replace('%M', '00')"
    ".replace('%S', '00') }}{%- endmacro -%}"
)
SENTINEL = "evalharness-system-probe"


class Texts:
    """Between texts and tokens: templates, special tokens, stop strings."""

    def __init__(self, tokenizer: Any, system: str | None, use_template: bool) -> None:
        self._tokenizer = tokenizer
        self._system = system
        limit = int(tokenizer.model_max_length)
        self.limit = limit if limit < 1 << 30 else None
        # We cut prompts ourselves; without this, each long text logs a warning.
        tokenizer.model_max_length = 1 << 62
        has_template = use_template and tokenizer.chat_template is not None
        self.template: str | None = tokenizer.get_chat_template() if has_template else None
        asks_date = self.template is not None and "strftime_now" in self.template
        self._dated_template = FIXED_DATE + (self.template or "") if asks_date else self.template
        # What the tokenizer puts in front of a text by itself (a beginning of sequence).
        self._leading = (special_tokens(tokenizer, "a") or ((), ()))[0]
        self.system_as_user = self.template is not None and not self._takes_system()

    def eos(self, configured: int | Sequence[int] | None) -> frozenset[int]:
        """The tokens that end an answer: the generation configuration's and the tokenizer's."""
        ends = [configured] if isinstance(configured, int) else list(configured or ())
        own = self._tokenizer.eos_token_id
        return frozenset([*ends] if own is None else [*ends, own])

    def prompts(self, requests: Sequence[Request]) -> list[tuple[int, ...] | Failure]:
        texts = [self._render(request.messages) for request in requests]
        encoded = self._encode(text for text in texts if isinstance(text, str))
        return [
            text if isinstance(text, Failure) else self._with_leading(encoded[text])
            for text in texts
        ]

    def pairs(self, requests: Sequence[Request]) -> list[Pair | Failure]:
        """Context and continuation, tokenised together as lm-evaluation-harness does."""
        rendered: dict[tuple[Message, ...], str | Failure] = {}
        texts: list[tuple[str, str] | Failure] = []
        for request in requests:
            if request.messages not in rendered:
                rendered[request.messages] = self._render(request.messages)
            texts.append(self._split_texts(rendered[request.messages], request.continuation))
        good = [text for text in texts if not isinstance(text, Failure)]
        encoded = self._encode(part for first, both in good for part in (first, both))
        out: list[Pair | Failure] = []
        for text in texts:
            if isinstance(text, Failure):
                out.append(text)
                continue
            context, whole = encoded[text[0]], encoded[text[1]]
            at = len(context)
            if len(whole) <= at:  # the two merged into fewer tokens: split where they part
                both = zip(context, whole, strict=False)
                at = next((i for i, (a, b) in enumerate(both) if a != b), len(whole) - 1)
                context = context[: max(0, at)]
            lead = self._with_leading(context)
            if isinstance(lead, Failure):
                out.append(lead)
            elif not whole:
                out.append(Failure("the tokenizer makes no tokens of this continuation"))
            else:
                out.append(Pair(lead, tuple(whole[at:])))
        return out

    def _split_texts(
        self, context: str | Failure, continuation: str | None
    ) -> tuple[str, str] | Failure:
        """The context, and context and continuation together."""
        if isinstance(context, Failure):
            return context
        tail = continuation or ""
        if self.template is not None:
            # The template ends where the assistant's turn starts: its last line break is part of
            # the prompt, and the space that parts a choice from plain text has no place there.
            tail = tail.removeprefix(" ")
        else:
            # Tokens carry their space in front, so it belongs to what follows.
            bare = context.rstrip()
            context, tail = bare, context[len(bare) :] + tail if tail else ""
        if not tail:
            return Failure("the continuation is empty: there is no probability to ask for")
        if not _is_unicode(tail):
            return Failure("the continuation is no valid Unicode (a lone surrogate)")
        return context, context + tail

    def last(self, tokens: tuple[int, ...], size: int) -> tuple[int, ...]:
        """The last ``size`` tokens; a leading beginning-of-sequence token stays in front."""
        bos = self._tokenizer.bos_token_id
        if bos is not None and tokens[0] == bos and size > 1:
            return (bos, *tokens[len(tokens) - size + 1 :])
        return tokens[len(tokens) - size :]

    def stop_check(self, stop: Sequence[str]) -> Callable[[list[int]], bool] | None:
        """Says of new tokens whether a stop string has just come up, or None without any."""
        stops = tuple(text for text in stop if text)
        if not stops:
            return None
        added = self._tokenizer.added_tokens_decoder.items()
        special = {  # decoding leaves these out, so they are known by their number
            number for number, token in added if token.special and token.content in stops
        }
        # A token is at least a byte: so many hold the longest stop string, with some to spare.
        size = max(len(text.encode("utf-8", "replace")) for text in stops) + 8

        def finished(tokens: list[int]) -> bool:
            tail = self._decode(tokens[-size:])
            return tokens[-1] in special or any(text in tail for text in stops)

        return finished

    def response(self, drawn: Drawn, input_tokens: int) -> Response:
        """What was drawn, as text; a stop string that ended it still stands in it."""
        return Response(
            text=self._decode(drawn.tokens),
            finish_reason="stop" if drawn.ended else "length",
            input_tokens=input_tokens,
            output_tokens=len(drawn.tokens),
        )

    def opens_reasoning(self, prompt: Sequence[int]) -> bool:
        """Whether the template has begun the model's reasoning."""
        return self.template is not None and opens(self._decode(prompt[-8:]))

    def _decode(self, tokens: Sequence[int]) -> str:
        text = self._tokenizer.decode(
            list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)

    def _encode(self, texts: Iterable[str]) -> dict[str, list[int]]:
        unique = list(dict.fromkeys(texts))
        if not unique:
            return {}
        found = self._tokenizer(unique, add_special_tokens=False)["input_ids"]
        return dict(zip(unique, found, strict=True))

    def _with_leading(self, tokens: Sequence[int]) -> tuple[int, ...] | Failure:
        """Put the leading tokens in front, unless a template wrote them or has none on purpose."""
        lead = self._leading
        if self.template is None and tuple(tokens[: len(lead)]) != lead:
            tokens = (*lead, *tokens)
        if tokens:
            return tuple(tokens)
        for first in (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id):
            if first is not None:
                return (first,)
        return Failure("the prompt is empty, and the tokenizer has no token to begin with")

    def _render(self, messages: Sequence[Message]) -> str | Failure:
        turns: list[tuple[str, str]] = [(m.role, m.content) for m in messages]
        if self._system is not None:
            own = [content for role, content in turns if role == "system"]
            system = "\n\n".join([self._system, *own])
            turns = [("system", system), *(turn for turn in turns if turn[0] != "system")]
        if not all(_is_unicode(content) for _, content in turns):
            return Failure("the prompt is no valid Unicode (a lone surrogate)")
        if self.template is None:
            return "\n\n".join(content for _, content in turns)
        if self.system_as_user:
            turns = _fold_system(turns)
        return self._apply(turns)

    def _apply(self, turns: Sequence[tuple[str, str]]) -> str | Failure:
        from jinja2 import TemplateError

        try:
            text = self._tokenizer.apply_chat_template(
                [{"role": role, "content": content} for role, content in turns],
                tokenize=False,
                add_generation_prompt=True,
                chat_template=self._dated_template,
            )
        except (TemplateError, ValueError, TypeError) as fault:
            return Failure(f"the model's chat template refuses these messages: {fault}")
        return str(text)

    def _takes_system(self) -> bool:
        rendered = self._apply([("system", SENTINEL), ("user", "a")])
        return isinstance(rendered, str) and SENTINEL in rendered


def _fold_system(turns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put what the system said in front of what the user says first."""
    system = [content for role, content in turns if role == "system"]
    rest = [turn for turn in turns if turn[0] != "system"]
    if not system:
        return rest
    if not rest or rest[0][0] != "user":
        return [("user", "\n\n".join(system)), *rest]
    return [("user", "\n\n".join([*system, rest[0][1]])), *rest[1:]]


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
