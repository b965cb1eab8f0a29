"""What an application behind a URL answered, found by JSON paths (RFC 9535)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jsonpath

from evalharness.adapters._http import Redact, Reply, error_message, parsed, plain, shown
from evalharness.adapters._replies import is_page, is_stream
from evalharness.adapters.http.charsets import in_utf8, undecodable
from evalharness.adapters.openai.faults import is_filtered
from evalharness.records import Failure, Response

__all__ = ["NOTHING", "Path", "Reading", "Scores", "check_path", "text_of"]

#: What a path finds where there is nothing; null is something.
NOTHING: Any = object()


def check_path(path: str) -> str:
    """The path itself.

    Raises:
        ValueError: it is no JSON path.
    """
    if not path.startswith("$"):
        raise ValueError(f"a JSON path starts with $; write, for example, $.answer, not {path!r}")
    try:
        jsonpath.compile(path)
    except (jsonpath.JSONPathError, RecursionError) as fault:
        said = str(fault).partition("\n")[0]
        raise ValueError(f"{path!r} is no JSON path: {said}") from None
    return path


class Path:
    """A JSON path, compiled."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._query = jsonpath.compile(path)

    def find(self, data: Any) -> Any:
        """The value at the path, a list of them where it finds several, `NOTHING` where none."""
        try:
            found = self._query.findall(data)
        except (jsonpath.JSONPathError, RecursionError):  # a reply nested beyond what can be read
            return NOTHING
        if not found:
            return NOTHING
        return found[0] if len(found) == 1 else found


class Reading:
    """One reply: its status, its text and, where it is JSON, what paths find in it."""

    def __init__(self, reply: Reply, redact: Redact) -> None:
        self.status = reply.status
        self._reply = reply
        self._body = in_utf8(reply.body, reply.headers)
        self._redact = redact
        self.data = parsed(self._body)
        # `null` is JSON too, and nothing else that is none starts with an n
        self.is_json = self.data is not None or self._body.strip() == b"null"

    def find(self, path: Path | None) -> Any:
        """The value at the path; `NOTHING` where there is no path, no JSON or no such place."""
        return NOTHING if path is None or not self.is_json else path.find(self.data)

    @property
    def text(self) -> str | Failure:
        """The whole body, as text; letters that cannot be read are not the application's answer."""
        return self._undecodable or self._body.decode().removeprefix("\ufeff")

    @property
    def _undecodable(self) -> Failure | None:
        return undecodable(self._body, self._reply.headers)

    @property
    def said(self) -> str:
        """The application's reason, fit for a sentence."""
        return shown(error_message(self.data) or plain(self._body), self._redact)

    def missing(self, what: str, path: Path) -> Failure:
        """The failure of a reply that has nothing at ``path``.

        Another try may heal what is no JSON, or an error that the application reports. A reply of
        another shape is the path's fault.
        """
        if not self.is_json:
            return self._unreadable()
        reason = f"the application's reply holds no {what} (nothing at {path.path})"
        said = shown(error_message(self.data), self._redact)
        return Failure(f"{reason}: {said}", retryable=True) if said else Failure(reason)

    def reported(self, path: Path) -> Response | Failure | None:
        """What an error beside an answer that is null or empty means; None where there is none."""
        error = self.data.get("error") if isinstance(self.data, dict) else None
        if not error:
            return None
        if is_filtered({"error": error}):
            return Response(finish_reason="content_filter")
        said = shown(error_message({"error": error}) or json.dumps(error), self._redact)
        where = path.path
        return Failure(
            f"the application reports an error (nothing at {where}): {said}", retryable=True
        )

    def _unreadable(self) -> Failure:
        """The failure of a reply that is no JSON."""
        if is_page(self._reply):
            return Failure(
                "the application sends an HTML page: is `url` the right address?", retryable=True
            )
        if is_stream(self._reply):
            return Failure("the application sends a stream of events, which needs a function")
        unread = self._undecodable
        if unread is not None and not unread.retryable:
            return unread
        return Failure("the application's reply is not JSON, or was cut off", retryable=True)


class Scores:
    """Reads a classifier's scores: from one object, or each by a path of its own."""

    def __init__(self, paths: str | Mapping[str, str]) -> None:
        self._object = Path(paths) if isinstance(paths, str) else None
        self._each = {} if isinstance(paths, str) else {n: Path(p) for n, p in paths.items()}

    def read(self, reading: Reading, redact: Redact) -> Response | Failure:
        """Numbers by name, each in [0, 1]; true and false are 1 and 0, null is left out."""
        found: dict[str, Any] = {name: reading.find(path) for name, path in self._each.items()}
        for name, value in found.items():
            if value is NOTHING:
                return reading.missing(f"score '{name}'", self._each[name])
        if self._object is not None:
            whole = reading.find(self._object)
            if whole is NOTHING:
                return reading.missing("scores", self._object)
            if not isinstance(whole, dict):
                what = f"no object of numbers but a {type(whole).__name__}"
                return Failure(f"what stands at {self._object.path} is {what}")
            found = whole
        scores: dict[str, float] = {}
        for name, value in found.items():
            if value is None:
                continue
            if not isinstance(value, (bool, int, float)) or not 0 <= value <= 1:
                said = shown(name, redact)
                return Failure(f"the application's score for '{said}' is no number from 0 to 1")
            scores[name] = float(value)
        if not scores:
            return Failure("the application's reply holds no score", retryable=True)
        return Response(scores=scores)


def text_of(value: Any) -> str | None:
    """The text that a value stands for: null is an empty one, several are joined; None for none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (bool, int, float)):
        return json.dumps(value)
    if isinstance(value, Sequence) and all(isinstance(part, str) for part in value):
        return "".join(value)
    return None
