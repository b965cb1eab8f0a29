"""What was asked against what came back: each difference said once, answers cut at `stop`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from evalharness.adapters._redaction import Secrets
from evalharness.records import Response

__all__ = ["Deviations", "cut_at_stop", "same_model", "without_secrets"]

#: A version at the end of a model's name: a date, a revision, a pointer to the newest.
_VERSION = re.compile(
    r"[-@:](?:\d{4}-\d\d-\d\d|\d\d-\d{4}|\d\d-\d\d|\d{3,8}|v\d+|[0-9a-f]{7,40}"
    r"|latest|main|stable|preview|free)$"
)
_POINTER = re.compile(r"[-@:](?:latest|main|stable|preview|free)$")


class Deviations(list[str]):
    """Sentences, none twice, without secrets."""

    def __init__(self, redact: Callable[[str], str], known: Sequence[str] = ()) -> None:
        super().__init__(known)
        self._redact = redact

    def note(self, text: str) -> None:
        """Say it, if it was not said yet."""
        text = self._redact(text)
        if text not in self:
            self.append(text)


def without_secrets(answer: Response, secrets: Secrets, note: Callable[[str], None]) -> Response:
    """The answer without keys, which the server repeats; the very same one if there are none.

    Args:
        note: is told when something was taken out: what is scored is then not what was said.
    """
    clean = secrets.redact_answer
    changed: dict[str, Any] = {}
    if (text := clean(answer.text)) != answer.text:
        changed["text"] = text
    if answer.reasoning is not None and (said := clean(answer.reasoning)) != answer.reasoning:
        changed["reasoning"] = said
    if answer.scores:
        scores = {clean(name): value for name, value in answer.scores.items()}
        if scores != answer.scores:
            changed["scores"] = scores
    if not changed:
        return answer
    note("the server repeats a key in some answers; it was taken out, and [secret] stands there")
    return replace(answer, **changed)


def cut_at_stop(answer: Response, stop: Sequence[str]) -> Response:
    """The answer up to the first stop string in it; the very same one if there is none."""
    found = [at for at in map(answer.text.find, stop) if at >= 0]
    if not found:
        return answer
    filtered = answer.finish_reason == "content_filter"
    return replace(
        answer,
        text=answer.text[: min(found)],
        finish_reason="content_filter" if filtered else "stop",
    )


def same_model(asked: str, served: str) -> bool:
    """Whether two names may stand for one model.

    A server may put a path or an owner in front, and resolve a name to a dated one. Two dates are
    two models, and so are two names of which one only begins like the other.
    """
    one, other = _bare(asked), _bare(served)
    if one == other:
        return True
    (stem, version), (other_stem, other_version) = _split(one), _split(other)
    return stem == other_stem and not (version and other_version)


def _bare(name: str) -> str:
    name = name.strip().replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    return name.removesuffix(".gguf")


def _split(name: str) -> tuple[str, str]:
    """A name without its versions, and the versions that point to one model."""
    version = ""
    while (match := _VERSION.search(name)) is not None and match.start() > 0:
        if _POINTER.fullmatch(match.group()) is None:
            version = match.group() + version
        name = name[: match.start()]
    return name, version
