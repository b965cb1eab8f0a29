"""What may stand beside ``adapter: http``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from evalharness.adapters._http import EndpointOptions, endpoint_digest, sendable
from evalharness.adapters._reasoning import Reasoning
from evalharness.adapters._secrets import check_address
from evalharness.adapters.base import ModelIdentity
from evalharness.adapters.http.replies import check_path
from evalharness.adapters.http.templates import Template
from evalharness.records import digest

__all__ = ["Blocked", "HttpOptions", "SendAs", "identity_of", "template_of"]

JsonPath: TypeAlias = Annotated[str, AfterValidator(check_path)]
SendAs: TypeAlias = Literal["json", "form", "query", "text"]
Status: TypeAlias = Annotated[int, Field(ge=100, le=599)]

#: What the templates of a request may use.
_TO_GENERATE = frozenset(
    ("prompt", "last", "messages", "system", "max_tokens", "temperature", "top_p", "stop", "seed")
)
_TO_CLASSIFY = frozenset(("text",))
_SAY_THE_PROMPT = frozenset(("prompt", "last", "messages"))


class Blocked(BaseModel):
    """How the application says that its own filter stopped a request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: JsonPath | None = Field(default=None, description="where it says so in its reply")
    values: list[Any] = Field(
        default=[True], min_length=1, description="the values at `path` that mean: blocked"
    )
    statuses: list[Status] = Field(default=[], description="HTTP statuses that mean: blocked")

    @model_validator(mode="after")
    def _says_how(self) -> Blocked:
        if self.path is None and not self.statuses:
            raise ValueError("say how a block is told: `path` and `values`, or `statuses`")
        if self.path is None and "values" in self.model_fields_set:
            raise ValueError("'values' needs the `path` at which they stand")
        return self


class HttpOptions(EndpointOptions):
    """What may stand beside ``adapter: http``."""

    name: str = Field(min_length=1, description="what the application is called in the report")
    version: str | None = Field(
        default=None, min_length=1, description="which version of it answers; part of the identity"
    )
    url: str = Field(description="the address that is called")
    method: Literal["POST", "PUT", "GET"] = "POST"
    request: Any = Field(
        description="what is sent: a JSON structure whose texts are Jinja templates; `env:NAME` "
        "takes a value from the environment"
    )
    send_as: SendAs | None = Field(
        default=None,
        description="json, form, query or text; none: query for GET, json for the others",
    )
    answer: JsonPath | None = Field(
        default=None, description="where the answer stands; none: the whole reply is its text"
    )
    finish_reason: JsonPath | None = Field(default=None, description="where the reason to end is")
    input_tokens: JsonPath | None = Field(default=None, description="where the prompt's count is")
    output_tokens: JsonPath | None = Field(default=None, description="where the answer's count is")
    reasoning: Reasoning = "split"
    blocked: Blocked | None = Field(
        default=None, description="how the application's own filter says that it blocked"
    )
    scores: JsonPath | dict[str, JsonPath] | None = Field(
        default=None,
        description="makes it a classifier: where an object of numbers from 0 to 1 stands, or a "
        "path for each name",
    )
    ok: list[Status] = Field(
        default=[200], min_length=1, description="HTTP statuses that bring an answer"
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        check_address(value)
        return value

    @field_validator("request")
    @classmethod
    def _is_json(cls, value: Any) -> Any:
        return sendable(value)

    @model_validator(mode="after")
    def _fit_together(self) -> HttpOptions:
        if self.scores is not None:
            for name in ("answer", "finish_reason", "input_tokens", "output_tokens", "blocked"):
                if getattr(self, name) is not None:
                    raise ValueError(f"'{name}' has no effect with `scores`; leave it out")
            if "reasoning" in self.model_fields_set:
                raise ValueError("'reasoning' has no effect with `scores`; leave it out")
            if isinstance(self.scores, dict) and not self.scores:
                raise ValueError("'scores' names no score")
        if self.method == "GET" and self.how != "query":
            raise ValueError("GET has no body: leave 'send_as' out, or write `send_as: query`")
        if self.how in {"form", "query"} and not isinstance(self.request, dict):
            raise ValueError(f"'request' must be fields by name to be sent as {self.how}")
        if self.how == "text" and not isinstance(self.request, str):
            raise ValueError("'request' must be one text to be sent as text")
        try:
            names = template_of(self).names
        except ValueError as fault:
            raise ValueError(f"request: {fault}") from None
        wanted = _TO_CLASSIFY if self.scores is not None else _SAY_THE_PROMPT
        if not names & wanted:
            choice = " or ".join(f"{{{{ {name} }}}}" for name in sorted(wanted))
            raise ValueError(f"'request' never says what is asked; write {choice} where it belongs")
        return self

    @property
    def how(self) -> SendAs:
        """How the request travels."""
        return self.send_as or ("query" if self.method == "GET" else "json")


def template_of(options: HttpOptions, secret: Callable[[str], str] | None = None) -> Template:
    """The request's templates.

    Args:
        secret: gives the value of a text that is ``env:NAME``; None: nothing is to be sent yet.

    Raises:
        ValueError: one cannot be parsed, or uses a name that there is not; a key stands there.
    """
    known = _TO_CLASSIFY if options.scores is not None else _TO_GENERATE
    return Template(options.request, known, secret)


def identity_of(options: HttpOptions) -> ModelIdentity:
    """What makes the application that application, without address and key."""
    asked = {
        "method": options.method,
        "send_as": options.how,
        "request": options.request,
        "ok": sorted(options.ok),
        "blocked": None if options.blocked is None else options.blocked.model_dump(),
        "paths": {
            name: getattr(options, name)
            for name in ("answer", "finish_reason", "input_tokens", "output_tokens", "scores")
        },
    }
    extra: dict[str, Any] = {"endpoint": endpoint_digest(options.url), "call": digest(asked)[:12]}
    if options.headers:
        extra["headers"] = digest(dict(options.headers))[:12]
    if options.reasoning != "split":
        extra["reasoning"] = options.reasoning
    return ModelIdentity(provider="http", model=options.name, revision=options.version, extra=extra)
