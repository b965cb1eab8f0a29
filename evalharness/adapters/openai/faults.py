"""What an OpenAI-compatible server says went wrong, and what that means for the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from evalharness.errors import AdapterError
from evalharness.records import Failure, Response

__all__ = ["is_filtered", "read_fault"]

#: How services say that their own filter stopped a request, in `code`, `type` or `innererror.code`.
_FILTER_CODES = frozenset(
    ("content_filter", "content_policy_violation", "responsibleaipolicyviolation",
     "data_inspection_failed", "datainspectionfailed")
)  # fmt: skip


def read_fault(
    reply: Reply, redact: Redact, key_hint: str, no_money: frozenset[str]
) -> Response | Failure:
    """What a status other than 200 means for the request that met it.

    Args:
        key_hint: what to do when the server does not accept the key.
        no_money: codes that mean, with 429, that the account cannot pay.

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
    reason = f"HTTP {status}: {said}" if said else f"HTTP {status}"
    if status in {401, 403}:
        raise AdapterError(
            f"openai: the server refuses the key ({reason}); {key_hint}, and run again: what was "
            "answered is kept"
        )
    if status == 402 or (status == 429 and no_money & set(_codes(data))):
        raise AdapterError(
            f"openai: the account cannot pay for more ({reason}); top it up, and run again: what "
            "was answered is kept"
        )
    return status_failure(reply, said)


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
