"""What an OpenAI-compatible server says went wrong, and what that means for the request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.adapters._http import (
    Redact,
    Reply,
    error_message,
    parsed,
    plain,
    redirected,
    shown,
    status_failure,
)
from evalharness.adapters._replies import error_codes, finish_of, refuses_key
from evalharness.errors import AdapterError
from evalharness.records import Failure, Response

__all__ = ["error_within", "is_filtered", "read_fault"]

#: How services say that their own filter stopped a request, in `code`, `type` or `innererror.code`.
_FILTER_CODES = frozenset(
    ("content_filter", "content_policy_violation", "responsibleaipolicyviolation",
     "data_inspection_failed", "datainspectionfailed")
)  # fmt: skip


_FIREWALL = "write `blocked: {statuses: [403]}`)"


def read_fault(
    reply: Reply,
    redact: Redact,
    key_hint: str,
    no_money: frozenset[str],
    *,
    accepted: bool = False,
) -> Response | Failure:
    """What a status other than 200 means for the request that met it.

    Args:
        key_hint: what to do when the server does not accept the key.
        no_money: codes that mean, with 429, that the account cannot pay.
        accepted: the key has brought an answer before.

    Raises:
        AdapterError: no request can succeed: the key or the account is refused.
    """
    if (elsewhere := redirected(reply, redact, "base_url")) is not None:
        return elsewhere
    status, content = reply.status, parsed(reply.body)
    data = content if isinstance(content, dict) else {}
    if status in {400, 403} and is_filtered(data):
        return Response(finish_reason="content_filter")
    said = shown(error_message(data) or plain(reply.body), redact)
    reason = f"{reply.told}: {said}" if said else reply.told
    if refuses_key(reply, data, accepted=accepted):
        own = "" if status == 401 else " (or, if a firewall stops some prompts so, " + _FIREWALL
        raise AdapterError(
            f"openai: the server refuses the key ({reason}); {key_hint}{own}, and run again: what "
            "was answered is kept"
        )
    if status == 402 or (status == 429 and no_money & set(error_codes(data))):
        raise AdapterError(
            f"openai: the account cannot pay for more ({reason}); top it up, and run again: what "
            "was answered is kept"
        )
    return status_failure(reply, said)


def is_filtered(data: Mapping[str, Any]) -> bool:
    """Whether an error object says that the provider's own filter stopped the request."""
    if any(code.lower() in _FILTER_CODES for code in error_codes(data)):
        return True
    error = data.get("error")
    metadata = error.get("metadata") if isinstance(error, dict) else None
    # OpenRouter's moderation
    return isinstance(metadata, dict) and "flagged_input" in metadata


def error_within(data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The error that a reply with status 200 holds in place of an answer, None where it has none.

    At the top, or at the choice (OpenRouter's, where a provider fails after the first byte). One
    beside an answer, or beside a filter's end of one, is no failure.
    """
    choices = data.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    choice = first if isinstance(first, dict) else {}
    if choice.get("error"):
        return {"error": choice["error"]}
    if not data.get("error") and data.get("object") != "error":
        return None
    message = choice.get("message")
    spoken = message if isinstance(message, dict) else {}
    told = choice.get("text") or spoken.get("content") or spoken.get("refusal")
    if told or finish_of(choice.get("finish_reason")) == "content_filter":
        return None
    if data.get("output") and data.get("status") not in {"failed", "cancelled"}:
        return None
    results = data.get("results")
    scored = isinstance(results, list) and any(isinstance(result, dict) for result in results)
    return None if scored else data
