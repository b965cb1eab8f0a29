"""Any OpenAI-compatible endpoint: OpenAI, Azure, vLLM, SGLang, Ollama, LM Studio, OpenRouter...

Every fault of the wire becomes a `Failure` at its request, which the engine retries or records;
only a key or an account that the server refuses stops the run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from yarl import URL

from evalharness import jsontext
from evalharness.adapters._deviations import Deviations, cut_at_stop, same_model, without_secrets
from evalharness.adapters._http import Http, Reply, parsed_object, shown
from evalharness.adapters._reasoning import apart
from evalharness.adapters._replies import reply_within, unreadable
from evalharness.adapters._secrets import Secrets
from evalharness.adapters.base import Capabilities
from evalharness.adapters.openai.bodies import Bodies
from evalharness.adapters.openai.faults import error_within, is_filtered, read_fault
from evalharness.adapters.openai.logprobs import PROBE, continuation_logprobs, probe_fault
from evalharness.adapters.openai.options import (
    OpenAIOptions,
    headers_of,
    identity_of,
    key_variable,
    no_money_codes,
    url_of,
)
from evalharness.adapters.openai.probes import Once, SeedProbe
from evalharness.adapters.openai.replies import first_choice, read_answer, read_scores
from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Request, RequestKind, Response

__all__ = ["OpenAIAdapter", "OpenAIOptions"]

#: Where answers stand: one of these makes an answer of a reply with status 201, say.
_ANSWERS = frozenset(("choices", "output", "results"))


class OpenAIAdapter:
    """Asks an endpoint, one request a call.

    Args:
        options: see `OpenAIOptions`. Keys are read from the environment here, once.

    Raises:
        UnavailableError: an environment variable that the options name is not set.
        AdapterError: one holds what a header cannot carry. From `respond`: the server refuses the
            key, or the account cannot pay; no further call is made then.
    """

    Options = OpenAIOptions

    def __init__(self, options: OpenAIOptions) -> None:
        self._options = options
        headers, secrets = headers_of(options)
        self._secrets = Secrets(secrets)
        self._http = Http(options, headers, self._secrets)
        self._url = URL(url_of(options))
        self._bodies = Bodies(options)
        #: The key has brought an answer.
        self._accepted = False
        self._fingerprint: str | None = None
        self._served: str | None = None
        self._other_model = False
        left_out = sorted(self._bodies.left_out)
        #: What did not go as asked, each said once; the run keeps it.
        self.deviations = Deviations(
            self._secrets.redact,
            [f"`{name}` is not sent, as the configuration asks" for name in left_out],
        )
        self._logprobs_missing: Failure | None = None
        self._logprobs_known = False
        self._logprobs_calls = 0
        self._logprobs_probe: Once[Failure | None] = Once()
        self._seed_probe = SeedProbe(self._generate, self.deviations.note)
        self.identity = identity_of(options)
        kinds: set[RequestKind] = {"classify" if options.api == "moderations" else "generate"}
        if options.loglikelihood == "auto":
            kinds.add("loglikelihood")
        self.capabilities = Capabilities(
            frozenset(kinds),
            concurrency=options.concurrency,
            endpoint=self.identity.extra["endpoint"],
            repeatable="temperature" not in left_out,
        )

    def __repr__(self) -> str:
        return f"OpenAIAdapter(model={self._options.model!r}, api={self._options.api!r})"

    @property
    def further_calls(self) -> int:
        """Probes made so far."""
        return self._seed_probe.calls + self._logprobs_calls

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
        await self._logprobs_probe.aclose()
        await self._seed_probe.aclose()
        await self._http.aclose()

    async def _one(self, request: Request) -> Response | Failure:
        if request.kind not in self.capabilities.kinds:
            return Failure(f"this endpoint answers no {request.kind} requests", outcome="not_run")
        if request.kind == "loglikelihood":
            return await self._loglikelihood(request)
        if request.kind == "classify":
            return await self._classify(request)
        if request.seed is not None and not self._seed_probe.settled and self._sends_seed:
            await self._seed_probe.run()
        return await self._generate(request)

    async def _generate(self, request: Request) -> Response | Failure:
        decoding = request.decoding or Decoding()
        data = await self._post(self._bodies.generate(request, decoding))
        if isinstance(data, Failure | Response):
            return data
        tools = self._bodies.offers_tools
        answer = read_answer(data, self._options.api, self._secrets.redact, tools=tools)
        if isinstance(answer, Failure):
            return answer
        self._compare_server(data)
        # before it is cut: half a key would not be found
        answer = without_secrets(answer, self._secrets, self.deviations.note)
        return self._as_asked(answer, decoding)

    async def _classify(self, request: Request) -> Response | Failure:
        if request.text is None:
            return Failure("the request to classify has no text", outcome="not_run")
        data = await self._post(self._bodies.moderation(request.text))
        if isinstance(data, Response):
            return Failure("the provider's content filter blocked the text to classify")
        if isinstance(data, Failure):
            return data
        self._compare_server(data)
        found = read_scores(data, self._options.scores, self._secrets.redact)
        if isinstance(found, Failure):
            return found
        return without_secrets(found, self._secrets, self.deviations.note)

    # -- the wire --------------------------------------------------------------------------------

    async def _post(self, body: dict[str, Any]) -> Mapping[str, Any] | Failure | Response:
        """What the server said to one call; a response where its filter stopped the request."""
        reply = await self._http.send(self._url, jsontext.written(body))
        if isinstance(reply, Failure):
            return reply
        data = parsed_object(reply.body)
        answers = data is not None and not data.keys().isdisjoint(_ANSWERS)
        if reply.status != 200 and not (answers and 200 < reply.status < 300):
            return self._fault(reply)
        if data is None:
            return unreadable(reply)
        error = error_within(data)
        if error is not None and is_filtered(error):
            return Response(finish_reason="content_filter")
        inner = None if error is None else reply_within(error, reply)
        if inner is not None:
            return self._fault(inner)
        self._accepted = self._accepted or (answers and error is None)
        return data

    def _fault(self, reply: Reply) -> Response | Failure:
        rule = self._options.blocked
        if rule is not None and reply.status in rule.statuses:
            return Response(finish_reason="content_filter", blocked_by="the endpoint's filter")
        name = key_variable(self._options)
        hint = f"set {name} to a key that it accepts" if name else "see to the key that it expects"
        try:
            return read_fault(
                reply,
                self._secrets.redact,
                hint,
                no_money_codes(self._options),
                accepted=self._accepted,
            )
        except AdapterError as fault:
            raise self._http.stop(str(fault)) from None

    # -- what came back against what was asked ---------------------------------------------------

    @property
    def _sends_seed(self) -> bool:
        return self._options.send_seed and self._options.api != "responses"

    def _as_asked(self, answer: Response, decoding: Decoding) -> Response:
        note = self.deviations.note
        if answer.output_tokens is not None and answer.output_tokens > decoding.max_tokens:
            note("the server ignores the limit of new tokens in some answers")
        if self._options.reasoning == "split":  # before `stop`, which is for the answer
            answer = apart(answer, note)
        if self._options.api == "responses":
            if decoding.temperature > 0:
                note("the Responses API takes no `seed`: sampled answers cannot be had again")
            if decoding.stop:
                note("the Responses API takes no `stop`; answers are cut at it")
            return cut_at_stop(answer, decoding.stop)
        cut = cut_at_stop(answer, decoding.stop)
        if cut is not answer and "stop" not in self._bodies.left_out:
            note("the server ignores `stop` or leaves it in the text; answers are cut at it")
        return cut

    def _compare_server(self, data: Mapping[str, Any]) -> None:
        fingerprint, served = data.get("system_fingerprint"), data.get("model")
        if isinstance(fingerprint, str) and fingerprint != self._fingerprint:
            if self._fingerprint is not None:
                self.deviations.note("`system_fingerprint` changed: the server's configuration did")
            self._fingerprint = fingerprint
        if isinstance(served, str) and served != self._served:
            if self._served is not None:
                self.deviations.note("the server answered under several names of models")
            self._served = served
            self._compare_model(served)

    def _compare_model(self, served: str) -> None:
        asked = self._options
        known = [asked.model, *([] if asked.revision is None else [asked.revision])]
        if not self._other_model and not any(same_model(name, served) for name in known):
            self._other_model = True  # one name will do: a hostile server could send a million
            self.deviations.note(
                "the server answered as another model than the one asked for: "
                f"'{shown(served, self._secrets.redact)[:80]}', not '{asked.model}'"
            )

    # -- log-likelihoods -------------------------------------------------------------------------

    async def _loglikelihood(self, request: Request) -> Response | Failure:
        if not self._logprobs_known:
            missing = await self._logprobs_probe.ask(self._probe_logprobs)
            if missing is not None:
                return missing
        elif self._logprobs_missing is not None:
            return self._logprobs_missing
        context = self._bodies.context(request)
        if not context.strip():
            context += self._options.start
        prompt = context + (request.continuation or "")
        # white space at the end belongs to the continuation's first token, as in lm-eval
        border = len(context.rstrip())
        choice = await self._echoed(prompt)
        if isinstance(choice, Failure):
            return choice
        found = continuation_logprobs(choice, prompt, border)
        if isinstance(found, str):
            return Failure(found)
        return Response(loglikelihood=sum(found), token_logprobs=found, output_tokens=len(found))

    async def _echoed(self, prompt: str) -> Mapping[str, Any] | Failure:
        """The server's choice for a prompt that it is to send back with log-probabilities."""
        data = await self._post(self._bodies.echo(prompt))
        if isinstance(data, Response):
            return Failure("the provider's content filter blocked the request")
        return data if isinstance(data, Failure) else first_choice(data, self._secrets.redact)

    async def _probe_logprobs(self) -> Failure | None:
        """Why the server gives no log-likelihoods; None when it does."""
        self._logprobs_calls += 1
        choice = await self._echoed(PROBE)
        if isinstance(choice, Failure) and choice.retryable:
            return choice  # says nothing about what the server can do
        reason = choice.reason if isinstance(choice, Failure) else probe_fault(choice)
        if reason is not None:
            sentence = f"the server ignores `echo` or `logprobs` or refuses them: {reason}"
            self.deviations.note(f"no log-likelihoods: {sentence}")
            self._logprobs_missing = Failure(sentence, outcome="not_run")
        self._logprobs_known = True
        return self._logprobs_missing
