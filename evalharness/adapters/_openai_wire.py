"""What an OpenAI-compatible server said, as an answer or as the reason why there is none."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal, TypeAlias

from evalharness.errors import AdapterError
from evalharness.records import Failure, Response

__all__ = [
    "Api", "Reply", "first_choice", "parsed", "read_answer", "read_fault", "retry_after", "shown",
]  # fmt: skip

Api: TypeAlias = Literal["chat", "completions"]
Redact: TypeAlias = Callable[[str], str]

MESSAGE_LENGTH = 300
LONGEST_RETRY_AFTER = 300.0

_RETRYABLE = frozenset((408, 409, 425, 429))
_FINAL = frozenset((501, 505))
#: Too many requests, or no room for more at the moment (529: Anthropic's).
_THROTTLED = frozenset((429, 503, 529))
#: How services say that their own filter stopped a request, in `code`, `type` or `innererror.code`.
_FILTER_CODES = frozenset(
    ("content_filter", "content_policy_violation", "responsibleaipolicyviolation",
     "data_inspection_failed", "datainspectionfailed")
)  # fmt: skip
_NO_MONEY = frozenset(("insufficient_quota", "billing_hard_limit_reached"))
_LARGEST_COUNT = 2**53


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def parsed(body: bytes) -> Mapping[str, Any] | None:
    """The JSON object in ``body``, or None if it holds none."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):  # ValueError: also bytes that are no UTF-8
        return None
    return data if isinstance(data, dict) else None


def shown(text: str, redact: Redact) -> str:
    """A server's words as part of a sentence: one line, short, without secrets."""
    words = redact(" ".join(text.split()))
    kept = "".join(letter for letter in words if letter.isprintable())
    return kept if len(kept) <= MESSAGE_LENGTH else kept[: MESSAGE_LENGTH - 3] + "..."


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """How long the server asks to wait, in seconds: at most 300, None if it does not say."""
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - (
                time.time() if now is None else now
            )
        except (ValueError, OverflowError):
            return None
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER)


# -- faults --------------------------------------------------------------------------------------


def read_fault(reply: Reply, redact: Redact, key_hint: str) -> Response | Failure:
    """What a status other than 200 means for the request that met it.

    Args:
        key_hint: what to do when the server does not accept the key.

    Raises:
        AdapterError: no request can succeed: the key or the account is refused.
    """
    status = reply.status
    data = parsed(reply.body) or {}
    if 300 <= status < 400:
        place = shown(reply.headers.get("Location", "elsewhere"), redact)
        return Failure(
            f"the server redirects to {place} (HTTP {status}), which is not followed; set "
            "`base_url` to the address that answers"
        )
    if status in {400, 403} and is_filtered(data):
        return Response(finish_reason="content_filter")
    said = shown(_message(data) or _plain(reply.body), redact)
    reason = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in {401, 403}:
        raise AdapterError(
            f"openai: the server refuses the key ({reason}); {key_hint}, and run again: what was "
            "answered is kept"
        )
    if status == 402 or (status == 429 and _NO_MONEY & set(_codes(data))):
        raise AdapterError(
            f"openai: the account cannot pay for more ({reason}); top it up, and run again: what "
            "was answered is kept"
        )
    retryable = status in _RETRYABLE or (status >= 500 and status not in _FINAL)
    return Failure(
        f"the server answered {reason}",
        retryable=retryable,
        retry_after=retry_after(reply.headers) if retryable else None,
        throttled=status in _THROTTLED,
    )


def is_filtered(data: Mapping[str, Any]) -> bool:
    """Whether an error object says that the provider's own filter stopped the request."""
    if any(code.lower() in _FILTER_CODES for code in _codes(data)):
        return True
    error = data.get("error")
    metadata = error.get("metadata") if isinstance(error, dict) else None
    # OpenRouter's moderation
    return isinstance(metadata, dict) and "flagged_input" in metadata


def _codes(data: Mapping[str, Any]) -> Iterator[str]:
    error = data.get("error")
    for place in (error, error.get("innererror") if isinstance(error, dict) else None, data):
        if isinstance(place, dict):
            found = (place.get("code"), place.get("type"))
            yield from (value for value in found if isinstance(value, str))


def _message(data: Mapping[str, Any]) -> str:
    error = data.get("error")
    places = [error.get("message") if isinstance(error, dict) else error]
    places += [data.get("message"), data.get("detail")]
    for place in places:
        if isinstance(place, str) and place:
            return place
        if isinstance(place, (list, dict)) and place:
            return json.dumps(place)
    return ""


def _plain(body: bytes) -> str:
    return body[:8192].decode("utf-8", "replace")


# -- answers -------------------------------------------------------------------------------------


def first_choice(data: Mapping[str, Any] | None, redact: Redact) -> Mapping[str, Any] | Failure:
    """The first of `choices`; a reply that was cut off or has none may succeed at another try."""
    if data is None:
        return Failure("the server's reply is not JSON, or was cut off", retryable=True)
    choices = data.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        error = choices[0].get("error")
        if not error:
            return choices[0]
        data = {"error": error}
    said = shown(_message(data), redact)
    reason = f": {said}" if said else ""
    return Failure(f"the server's reply holds no answer (no `choices`){reason}", retryable=True)


def read_answer(data: Mapping[str, Any] | None, api: Api, redact: Redact) -> Response | Failure:
    """The answer in a reply with status 200. Null and "" are an empty answer, not a failure."""
    if data is not None and not data.get("choices") and is_filtered(data):
        return Response(finish_reason="content_filter")
    choice = first_choice(data, redact)
    if isinstance(choice, Failure):
        return choice
    text = _chat_text(choice) if api == "chat" else _text(choice.get("text"))
    if text is None:
        return Failure("the server's reply holds an answer that is no text", retryable=True)
    usage = data.get("usage") if data is not None else None
    usage = usage if isinstance(usage, dict) else {}
    finish = choice.get("finish_reason")
    return Response(
        text=redact(text),
        finish_reason=finish if finish in ("length", "content_filter") else "stop",
        input_tokens=_count(usage.get("prompt_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def _chat_text(choice: Mapping[str, Any]) -> str | None:
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    text = _text(message.get("content"))
    refusal = message.get("refusal")
    if text == "" and isinstance(refusal, str):
        return refusal
    return text


def _text(content: Any) -> str | None:
    """A content that is a text, null, or parts of which those of type text count."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
    texts = [part.get("text") for part in parts]
    return "".join(text for text in texts if isinstance(text, str))


def _count(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_COUNT:
        return value
    return None
