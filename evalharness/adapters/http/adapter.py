"""Any application behind a URL: a request made of templates, an answer found by a JSON path.

For a tester who is handed an address and a curl line. Faults become a `Failure` at their request;
only a key that the application refuses stops the run.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from yarl import URL

from evalharness.adapters._deviations import Deviations, cut_at_stop, without_secrets
from evalharness.adapters._http import (
    BASE_HEADERS,
    Http,
    Reply,
    merged,
    redirected,
    status_failure,
    token_count,
)
from evalharness.adapters._reasoning import apart
from evalharness.adapters._replies import finish_of, refuses_key
from evalharness.adapters._secrets import Secrets, from_environment, resolved_headers
from evalharness.adapters.base import Capabilities
from evalharness.adapters.http.options import HttpOptions, SendAs, identity_of, template_of
from evalharness.adapters.http.replies import NOTHING, Path, Reading, Scores, text_of
from evalharness.adapters.http.templates import TemplateFault
from evalharness.records import Decoding, Failure, Request, RequestKind, Response

__all__ = ["HttpAdapter", "HttpOptions"]

_ENCODE = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode

_CONTENT_TYPES: dict[SendAs, str] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "text": "text/plain; charset=utf-8",
}


class HttpAdapter:
    """Calls an application, one request a call.

    Args:
        options: see `HttpOptions`. Keys are read from the environment here, once.

    Raises:
        UnavailableError: an environment variable that a header or the request names is not set.
        AdapterError: one holds what a header cannot carry. From `respond`: the application refuses
            the key; no further call is made then.
    """

    Options = HttpOptions

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        headers, secrets = resolved_headers(options.headers, "http")

        def secret(name: str) -> str:
            secrets.append(from_environment(name, "request", "http"))
            return secrets[-1]

        self._template = template_of(options, secret)
        self._secrets = Secrets(secrets)
        own = dict(BASE_HEADERS)
        if options.how in _CONTENT_TYPES:
            own["Content-Type"] = _CONTENT_TYPES[options.how]
        self._http = Http(options, merged(own, headers), self._secrets)
        #: The key, if there is one, has brought an answer.
        self._accepted = False
        self._url = URL(options.url)
        self._answer = _path(options.answer)
        self._finish = _path(options.finish_reason)
        self._input_tokens = _path(options.input_tokens)
        self._output_tokens = _path(options.output_tokens)
        self._blocked = _path(options.blocked.path if options.blocked else None)
        self._scores = None if options.scores is None else Scores(options.scores)
        #: What did not go as asked, each said once; the run keeps it.
        self.deviations = Deviations(self._secrets.redact)
        if self._scores is None:
            for name in ("max_tokens", "temperature"):
                if name not in self._template.names:
                    self.deviations.note(
                        f"the tasks' `{name}` is not sent: the application's own holds"
                    )
        self.identity = identity_of(options)
        kind: RequestKind = "generate" if self._scores is None else "classify"
        self.capabilities = Capabilities(
            frozenset((kind,)),
            concurrency=options.concurrency,
            endpoint=self.identity.extra["endpoint"],
        )

    def __repr__(self) -> str:
        return f"HttpAdapter(name={self._options.name!r})"

    def has_answered(self) -> None:
        """Its key is accepted: an earlier session had answers."""
        self._accepted = True

    async def respond(self, requests: Sequence[Request]) -> Sequence[Response | Failure]:
        """Make one call a request."""
        if len(requests) == 1:  # as the engine asks: no task of its own
            return [await self._one(requests[0])]
        return await asyncio.gather(*map(self._one, requests))

    async def aclose(self) -> None:
        """Close the connections of the running event loop; a later `respond` opens new ones."""
        await self._http.aclose()

    async def _one(self, request: Request) -> Response | Failure:
        if request.kind not in self.capabilities.kinds:
            return Failure(f"this endpoint answers no {request.kind} requests", outcome="not_run")
        decoding = request.decoding or Decoding()
        values: Mapping[str, Any] = {"text": request.text}
        if self._scores is None:
            values = self._values(request, decoding)
        elif request.text is None:
            return Failure("the request to classify has no text", outcome="not_run")
        try:
            sent = self._template.render(values)
            url, data = _encoded(self._url, self._options.how, sent)
        except TemplateFault as fault:
            reason = self._secrets.redact(str(fault))
            return Failure(f"the request cannot be made: {reason}")
        except (TypeError, ValueError):  # a value of a template that is no data; a lone surrogate
            return Failure(f"the request cannot be sent as {self._options.how}")
        reply = await self._http.send(url, data, self._options.method)
        if isinstance(reply, Failure):
            return reply
        return self._read(reply, decoding)

    # -- what is sent ----------------------------------------------------------------------------

    def _values(self, request: Request, decoding: Decoding) -> Mapping[str, Any]:
        """What the templates may use. Where they send `system` themselves, the rest is without."""
        names = self._template.names
        system = [turn.content for turn in request.messages if turn.role == "system"]
        turns = [
            turn for turn in request.messages if turn.role != "system" or "system" not in names
        ]
        users = [turn.content for turn in turns if turn.role == "user"]
        self._note_unsent(request, decoding, whole=len(turns) == 1)
        return {
            "prompt": "\n\n".join([turn.content for turn in turns]),
            "last": users[-1] if users else "",
            "messages": [{"role": turn.role, "content": turn.content} for turn in turns],
            "system": "\n\n".join(system) if system else None,
            "max_tokens": decoding.max_tokens,
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "stop": list(decoding.stop),
            "seed": request.seed,
        }

    def _note_unsent(self, request: Request, decoding: Decoding, *, whole: bool) -> None:
        names, note = self._template.names, self.deviations.note
        if not whole and not names & {"prompt", "messages"}:
            note("of prompts with several messages only the last of the user's is sent")
        if decoding.top_p != 1.0 and "top_p" not in names:
            note("`top_p` is not sent: the application's own holds")
        if decoding.stop and "stop" not in names:
            note("`stop` is not sent; answers are cut at it")
        if request.seed is not None and "seed" not in names:
            note("`seed` is not sent: sampled answers cannot be had again")

    # -- what came back --------------------------------------------------------------------------

    def _read(self, reply: Reply, decoding: Decoding) -> Response | Failure:
        elsewhere = redirected(reply, self._secrets.redact, "url")
        if elsewhere is not None:
            return elsewhere
        reading = Reading(reply, self._secrets.redact)
        blocked = self._is_blocked(reading)
        if not blocked and reply.status not in self._options.ok:
            return self._fault(reply, reading)
        if self._scores is not None:
            answer = self._scores.read(reading, self._secrets.redact)
        else:
            answer = self._response(reading, blocked=blocked)
        if isinstance(answer, Failure):
            return answer
        self._accepted = self._accepted or not blocked
        # before it is cut: half a key would not be found
        answer = without_secrets(answer, self._secrets, self.deviations.note)
        if self._scores is not None:
            return answer
        if self._options.reasoning == "split":  # before `stop`, which is for the answer
            answer = apart(answer, self.deviations.note)
        return cut_at_stop(answer, decoding.stop)

    def _is_blocked(self, reading: Reading) -> bool:
        rule = self._options.blocked
        if rule is None:
            return False
        found = reading.find(self._blocked)
        places = found if isinstance(found, list) else [found]
        said = any(
            type(place) is type(value) and place == value
            for place in places
            for value in rule.values
        )
        return said or reading.status in rule.statuses

    def _fault(self, reply: Reply, reading: Reading) -> Failure:
        said = reading.said
        data = reading.data if isinstance(reading.data, dict) else {}
        if refuses_key(reply, data, accepted=self._accepted):
            reason = f"HTTP {reply.status}: {said}" if said else f"HTTP {reply.status}"
            own = (
                ""
                if reply.status == 401
                else (" (or, if its own filter answers so, write `blocked: {statuses: [403]}`)")
            )
            raise self._http.stop(
                f"http: the application refuses the key ({reason}); see to `headers`{own}, and "
                "run again: what was answered is kept"
            )
        if 200 < reply.status < 300:
            also = f"where it brings an answer, write `ok: [200, {reply.status}]`"
            said = f"{said} ({also})" if said else also
        return status_failure(reply, said)

    def _response(self, reading: Reading, *, blocked: bool) -> Response | Failure:
        text: str | None
        if self._answer is None:
            whole = reading.text
            if isinstance(whole, Failure):
                if not blocked:
                    return whole
                whole = ""
            text = whole
        else:
            found = reading.find(self._answer)
            if blocked and (found is NOTHING or text_of(found) is None):
                found = None
            if found is NOTHING:
                return reading.missing("answer", self._answer)
            text = text_of(found)
            if text is None:
                kind = type(found).__name__
                return Failure(f"what stands at {self._answer.path} is no text but a {kind}")
        finish = "content_filter" if blocked else finish_of(reading.find(self._finish))
        if self._answer is not None and not text and finish != "content_filter":
            reported = reading.reported(self._answer)
            if reported is not None:
                return reported
        return Response(
            text=text or "",
            finish_reason=finish,
            input_tokens=token_count(reading.find(self._input_tokens)),
            output_tokens=token_count(reading.find(self._output_tokens)),
            blocked_by="the application's filter" if blocked else None,
        )


def _path(path: str | None) -> Path | None:
    return None if path is None else Path(path)


def _encoded(url: URL, how: SendAs, sent: Any) -> tuple[URL, bytes | None]:
    """The address and the body of one call.

    Raises:
        TypeError, ValueError: a value cannot be sent.
    """
    if how == "json":
        return url, _ENCODE(sent).encode()
    if how == "text":
        return url, str(sent).encode()
    fields = [(name, _field(value)) for name, value in sent.items() if value is not None]
    if how == "form":
        return url, urlencode(fields).encode()
    return url.extend_query(fields), None


def _field(value: Any) -> str:
    """A value as part of a form or query: a text as it is, anything else as JSON."""
    if isinstance(value, str):
        value.encode()  # a lone surrogate cannot be sent
        return value
    return _ENCODE(value)
