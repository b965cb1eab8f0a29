"""What services say in their replies, each in its own words: reasons to end, errors, and pages.

One place for these lists, so that an answer means the same through whichever adapter it came.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from evalharness.adapters._http import Reply, no_json
from evalharness.records import Failure, FinishReason

__all__ = [
    "error_codes", "finish_of", "is_page", "is_stream", "no_answer_by", "reason_word",
    "refuses_key", "reply_within", "unreadable", "without_answer",
]  # fmt: skip

#: The answer ran out of tokens.
_LENGTH = frozenset(
    ("length", "max_tokens", "max_output_tokens", "max_length", "model_length",
     "model_context_window_exceeded")
)  # fmt: skip
#: A filter stopped the answer (Azure, Bedrock, Gemini, Zhipu).
_FILTERED = frozenset(
    ("content_filter", "content_filtered", "guardrail_intervened", "safety", "recitation",
     "blocklist", "prohibited_content", "spii", "sensitive", "image_safety",
     "image_prohibited_content", "image_recitation")
)  # fmt: skip
#: The model ended without saying anything, and not because it was done: it called a tool that
#: nobody offered, paused, or the service does not say why.
_NO_ANSWER = frozenset(
    ("finish_reason_unspecified", "function_call_filter", "image_other", "language",
     "malformed_function_call", "malformed_model_output", "malformed_response",
     "malformed_tool_use", "missing_thought_signature", "no_image", "other", "pause_turn",
     "too_many_tool_calls", "tool_use", "unexpected_tool_call")
)  # fmt: skip
#: Of those, what another try does not heal.
_STAYS = frozenset(("language",))

#: Codes and types of errors that speak of the key, whatever else the error says.
_KEY_CODES = frozenset(
    ("account_deactivated", "authentication_error", "incorrect_api_key", "invalid_api_key",
     "invalid_authentication", "invalid_authentication_error", "invalidapikey",
     "missing_api_key", "unauthenticated", "unauthorized")
)  # fmt: skip
#: The status that OpenAI sends an error with, for servers that send its code alone.
_STATUSES = {"insufficient_quota": 429, "invalid_api_key": 401, "rate_limit_exceeded": 429}


# -- reasons to end ------------------------------------------------------------------------------


def reason_word(value: Any) -> str:
    """A reason to end in lower case, without what some servers add after a colon."""
    return value.partition(":")[0].strip().lower() if isinstance(value, str) else ""


def finish_of(value: Any) -> FinishReason:
    """What a server's reason to end means; ``stop`` for every word that is not known."""
    word = reason_word(value)
    if word in _FILTERED:
        return "content_filter"
    return "length" if word in _LENGTH else "stop"


def no_answer_by(value: Any) -> Failure | None:
    """The failure that a reason to end is where no text came with it; None where it is none."""
    word = reason_word(value)
    if word not in _NO_ANSWER:
        return None
    # as it was written, without the server's own words after a colon
    return without_answer(str(value).partition(":")[0].strip(), retryable=word not in _STAYS)


def without_answer(why: str, *, retryable: bool = True) -> Failure:
    """The failure of a model that ended, or called a tool, and said nothing."""
    return Failure(f"the model stopped without an answer ({why})", retryable=retryable)


# -- errors --------------------------------------------------------------------------------------


def error_codes(data: Mapping[str, Any]) -> Iterator[str]:
    """Every `code` and `type` of an error that is a text."""
    error = data.get("error")
    for place in (error, error.get("innererror") if isinstance(error, dict) else None, data):
        if isinstance(place, dict):
            found = (place.get("code"), place.get("type"))
            yield from (value for value in found if isinstance(value, str))


def refuses_key(reply: Reply, data: Mapping[str, Any], *, accepted: bool) -> bool:
    """Whether a status means that the key is refused, and not this one request.

    A firewall before a service answers 403 to single prompts, the harmful ones above all.

    Args:
        data: the error, {} where it is no JSON.
        accepted: the key has brought an answer before.
    """
    if reply.status != 403:
        return reply.status == 401
    if any(code.lower() in _KEY_CODES for code in error_codes(data)):
        return True
    return not accepted and (bool(data) or not is_page(reply))


def reply_within(error: Mapping[str, Any], outer: Reply) -> Reply | None:
    """The reply that ``outer``, of status 200, stands for by the error in it.

    None: the error has no status of its own.
    """
    status = _status(error)
    if status is None:
        return None
    try:
        body = json.dumps(error).encode()
    except RecursionError:
        body = b""
    return Reply(status, outer.headers, body, inside=True)


def _status(data: Mapping[str, Any]) -> int | None:
    """The HTTP status that an error names: a number, a numeric text, or a word for one."""
    error = data.get("error")
    for place in (error, data):
        if not isinstance(place, dict):
            continue
        for value in (place.get("code"), place.get("status")):
            number = value
            if isinstance(value, str):
                word = value.strip().lower()
                number = int(word) if len(word) == 3 and word.isdecimal() else _STATUSES.get(word)
            if type(number) is int and 400 <= number < 600:
                return number
    return None


# -- what is no reply at all ---------------------------------------------------------------------


def is_page(reply: Reply) -> bool:
    """Whether a browser should show this: the words of a firewall, a login, a wrong address."""
    if "html" in reply.headers.get("Content-Type", "").lower():
        return True
    start = reply.body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html"))


def is_stream(reply: Reply) -> bool:
    """Whether this is a stream of events, which comes where a whole reply was asked for."""
    if "event-stream" in reply.headers.get("Content-Type", "").lower():
        return True
    return reply.body[:64].lstrip().startswith((b"data:", b"event:"))


def unreadable(reply: Reply) -> Failure:
    """The failure of a good status with a body that is no JSON; a stream comes again."""
    if is_page(reply):  # a proxy's page while the service is down, perhaps: it may heal
        return Failure(
            "the server sends an HTML page: is `base_url` the right address?", retryable=True
        )
    if is_stream(reply):
        return Failure("the server sends a stream of events, which cannot be read here")
    return no_json()
