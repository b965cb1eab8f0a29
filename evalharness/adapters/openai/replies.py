"""The answer in an OpenAI-compatible server's reply, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evalharness.adapters._http import Redact, error_message, shown, token_count
from evalharness.adapters._replies import finish_of, no_answer_by, reason_word, without_answer
from evalharness.adapters.openai.faults import error_within, is_filtered
from evalharness.adapters.openai.options import Api
from evalharness.records import Failure, Response

__all__ = ["first_choice", "read_answer", "read_scores"]

#: Reasons to end that mean that the server broke off half way (DeepSeek, OpenRouter, SGLang, vLLM,
#: Zhipu).
_BROKEN_OFF = frozenset(("insufficient_system_resource", "error", "abort", "network_error"))
#: What a response is that will be ready later, for whoever asked for it in the background.
_UNFINISHED = frozenset(("queued", "in_progress"))
#: Reasons to end, and fields of a message, that mean a call of a tool.
_CALLS = ("tool_calls", "function_call")
#: Types of a message's parts in the Responses API, with the field of what they say.
_SAYS = {"output_text": "text", "text": "text", "refusal": "refusal"}


def read_answer(
    data: Mapping[str, Any], api: Api, redact: Redact, *, tools: bool = False
) -> Response | Failure:
    """The answer in a reply with status 200. Null and "" are an empty answer, not a failure.

    Args:
        tools: the model was offered some, so that a call without a text is its answer, too.
    """
    if api == "responses":
        return _responses_answer(data, redact, tools=tools)
    error = error_within(data)
    told = data if error is None and not data.get("choices") else error
    if told is not None and is_filtered(told):
        return Response(finish_reason="content_filter")
    choice = first_choice(data, redact)
    if isinstance(choice, Failure):
        return choice
    if error is not None:
        return _nothing("an error and no answer", error, redact)
    text = _chat_text(choice) if api == "chat" else _text(choice.get("text"))
    return _ended(choice, text, tools=tools) or Response(
        text=text or "",
        finish_reason=finish_of(choice.get("finish_reason")),
        input_tokens=token_count(_usage(data).get("prompt_tokens")),
        output_tokens=token_count(_usage(data).get("completion_tokens")),
    )


def _ended(choice: Mapping[str, Any], text: str | None, *, tools: bool) -> Failure | None:
    """Why the way in which a choice ended leaves no answer; None where it does."""
    why = choice.get("finish_reason")
    finish = reason_word(why)
    if finish in _BROKEN_OFF:
        return Failure(f"the server broke the answer off ({finish})", retryable=True)
    # nothing may be left of a message that a filter took
    if text is None and finish_of(why) != "content_filter":
        return Failure("the server's reply holds an answer that is no text", retryable=True)
    called = None if tools or finish_of(why) == "content_filter" else _called(choice)
    if called is not None and not (text or "").strip():  # line breaks stand before some calls
        return without_answer(called)
    return None if text else no_answer_by(why)


def _called(choice: Mapping[str, Any]) -> str | None:
    """How a choice says that the model called a tool; None where it did not."""
    message = choice.get("message")
    said = message if isinstance(message, dict) else {}
    finish = reason_word(choice.get("finish_reason"))
    return next((name for name in _CALLS if name == finish or said.get(name)), None)


def first_choice(data: Mapping[str, Any], redact: Redact) -> Mapping[str, Any] | Failure:
    """The first of `choices`; a reply that has none may have one at another try."""
    choices = data.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        error = choices[0].get("error")
        if not error:
            return choices[0]
        data = {"error": error}
    return _nothing("no answer (no `choices`)", data, redact)


def read_scores(
    data: Mapping[str, Any], names: Mapping[str, str], redact: Redact
) -> Response | Failure:
    """A moderation's `category_scores`, each in [0, 1].

    Args:
        names: further name -> category.
    """
    results = data.get("results")
    first = results[0] if isinstance(results, list) and results else None
    found = first.get("category_scores") if isinstance(first, dict) else None
    if not isinstance(found, dict) or not found:
        return _nothing("no scores (no `category_scores`)", data, redact)
    for name, value in found.items():
        # a category that a model does not know is null with some servers
        if not _is_number(value) or not 0 <= value <= 1:
            if value is None:
                continue
            said = shown(name, redact)
            return Failure(f"the server's score for '{said}' is no number from 0 to 1")
    scores = {name: float(value) for name, value in found.items() if value is not None}
    missing = sorted(set(names.values()) - set(scores))
    if missing:
        known = shown(", ".join(sorted(scores)), redact)
        return Failure(f"the server gave no score for '{missing[0]}'; it has: {known}")
    return Response(scores={**scores, **{name: scores[of] for name, of in names.items()}})


# -- responses -----------------------------------------------------------------------------------


def _responses_answer(
    data: Mapping[str, Any], redact: Redact, *, tools: bool
) -> Response | Failure:
    """Texts and refusals of all messages in `output`; reasoning is no part of the answer."""
    status, output = data.get("status"), data.get("output")
    error = data.get("error")
    gave_up = status in ("failed", "cancelled")
    if gave_up or (error and not output):
        if is_filtered(data):
            return Response(finish_reason="content_filter")
        said = shown(error_message(data), redact)
        reason = f"the server gave up ({status if gave_up else 'error'})"
        return Failure(f"{reason}: {said}" if said else reason, retryable=True)
    if status in _UNFINISHED:
        return Failure(f"the server has not finished the answer ({status})", retryable=True)
    if not isinstance(output, list):
        return _nothing("no answer (no `output`)", data, redact)
    details = data.get("incomplete_details")
    why = details.get("reason") if isinstance(details, dict) else None
    text = "".join(map(_parts, output))
    called = None if text.strip() or tools or why == "content_filter" else _call_in(output)
    if called is not None:
        return without_answer(shown(called, redact)[:80])
    usage = _usage(data)
    return Response(
        text=text,
        finish_reason="content_filter"
        if why == "content_filter"
        else ("length" if status == "incomplete" or why else "stop"),
        input_tokens=token_count(usage.get("input_tokens")),
        output_tokens=token_count(usage.get("output_tokens")),
    )


def _call_in(output: Sequence[Any]) -> str | None:
    """The type of the first item that is a call of a tool: `function_call`, `mcp_call`..."""
    types = [item.get("type") for item in output if isinstance(item, dict)]
    return next((one for one in types if isinstance(one, str) and one.endswith("_call")), None)


def _parts(item: Any) -> str:
    """The text of one item of `output`, "" for what is no message."""
    if not isinstance(item, dict) or item.get("type") != "message":
        return ""
    content = item.get("content")
    if isinstance(content, str):
        return content
    found = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            value = part.get(_SAYS.get(str(part.get("type")), ""))
            found.append(value if isinstance(value, str) else "")
    return "".join(found)


# -- parts ---------------------------------------------------------------------------------------


def _nothing(what: str, data: Mapping[str, Any], redact: Redact) -> Failure:
    said = shown(error_message(data), redact)
    reason = f": {said}" if said else ""
    return Failure(f"the server's reply holds {what}{reason}", retryable=True)


def _usage(data: Mapping[str, Any]) -> Mapping[str, Any]:
    usage = data.get("usage")
    return usage if isinstance(usage, dict) else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _chat_text(choice: Mapping[str, Any]) -> str | None:
    message = choice.get("message")
    if not isinstance(message, dict):
        return None
    text = _text(message.get("content"))
    refusal = message.get("refusal")
    if text == "" and isinstance(refusal, str):
        return refusal
    return text or _refusal_in(message.get("content")) or text


def _refusal_in(content: Any) -> str:
    """The text of the parts of type refusal."""
    parts = content if isinstance(content, list) else []
    found = [
        part.get("refusal")
        for part in parts
        if isinstance(part, dict) and part.get("type") == "refusal"
    ]
    return "".join(text for text in found if isinstance(text, str))


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
