"""Log-likelihoods from `echo` and `logprobs`: which of the tokens are the continuation's."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

__all__ = ["PROBE", "continuation_logprobs", "probe_fault"]

#: Asked once to see whether a server really gives the log-probabilities of a prompt.
PROBE = "The capital of France is Paris."


def continuation_logprobs(
    choice: Mapping[str, Any], prompt: str, border: int
) -> tuple[float, ...] | str:
    """The natural log-probability of each token of ``prompt[border:]``, or why there is none."""
    tokens, values, offsets = _fields(choice)
    if not tokens or len(values) != len(tokens):
        return "the server returned no log-probabilities of the prompt"
    starts = _starts(tokens, offsets, prompt)
    if starts is None:
        return "the server's tokens do not spell the prompt that was sent"
    inside = [index for index, start in enumerate(starts) if border <= start < len(prompt)]
    if not inside or starts[inside[0]] != border:
        return "a token straddles the border between context and continuation"
    found = [values[index] for index in inside]
    if inside[0] == 0 and found[0] is None:
        return (
            "there is no context before the continuation, and its first token has no probability; "
            "set 'start' to the model's beginning-of-sequence token"
        )
    if not all(_is_logprob(value) for value in found):
        return "the server returned a log-probability that is none"
    return tuple(float(value) for value in found)


def probe_fault(choice: Mapping[str, Any]) -> str | None:
    """What is missing in the reply to the probe; None when all is there."""
    found = continuation_logprobs(choice, PROBE, PROBE.index(" Paris"))
    if isinstance(found, str):
        return found
    _, values, _ = _fields(choice)
    told = [value for value in values if _is_logprob(value)]
    if len(told) > 1 and len(set(told)) == 1:  # no model finds each of these words as likely
        return "the server returned the same log-probability for every token"
    return None


def _fields(choice: Mapping[str, Any]) -> tuple[list[str], list[Any], list[Any]]:
    logprobs = choice.get("logprobs")
    logprobs = logprobs if isinstance(logprobs, dict) else {}
    lists = [logprobs.get(name) for name in ("tokens", "token_logprobs", "text_offset")]
    tokens, values, offsets = (found if isinstance(found, list) else [] for found in lists)
    return (
        ([], [], []) if not all(isinstance(t, str) for t in tokens) else (tokens, values, offsets)
    )


def _starts(tokens: Sequence[str], offsets: Sequence[Any], prompt: str) -> list[int] | None:
    """Where in the prompt each token starts; below 0 what stands before it (a start token).

    A server may put a start token first, which shifts its own offsets, and may generate although
    it was asked not to. So tokens that spell the prompt are counted by their lengths. Those that
    do not (a character of several tokens) are placed by the server's offsets, each token checked.
    """
    joined = "".join(tokens)
    for shift in (0, len(tokens[0])):
        if joined.startswith(prompt, shift):
            starts, at = [], -shift
            for token in tokens:
                starts.append(at)
                at += len(token)
            return starts
    if len(offsets) != len(tokens) or not all(type(offset) is int for offset in offsets):
        return None
    placed = zip(tokens, offsets, strict=True)
    if any(offset < 0 or not _fits(token, prompt, offset) for token, offset in placed):
        return None
    ordered = all(a <= b for a, b in pairwise(offsets))
    return list(offsets) if ordered else None


def _fits(token: str, prompt: str, offset: int) -> bool:
    if offset >= len(prompt) or "\ufffd" in token or token.startswith("bytes:"):
        return True
    return prompt.startswith(token, offset)


def _is_logprob(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    return -sys.float_info.max <= value <= 0.0
