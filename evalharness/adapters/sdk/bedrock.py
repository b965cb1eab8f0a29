"""Models at Amazon Bedrock's Converse API, through aiobotocore (botocore on asyncio).

Not boto3 in threads: a thread cannot be cancelled, so a run that is stopped would wait for its
calls, and each call in flight would hold a thread.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator, model_validator

from evalharness.adapters._http import Reply, status_failure, token_count
from evalharness.adapters._replies import finish_of, no_answer_by, refuses_key
from evalharness.adapters._secrets import Secrets, check_address, secret_field
from evalharness.adapters.sdk.base import SdkAdapter, SdkOptions, require, turns_of
from evalharness.errors import AdapterError, UnavailableError
from evalharness.records import Decoding, Failure, Request, Response

__all__ = ["BedrockAdapter", "BedrockOptions"]

_THROTTLED = frozenset(
    ("ThrottlingException", "TooManyRequestsException", "ModelNotReadyException",
     "ServiceUnavailableException", "RequestLimitExceeded")
)  # fmt: skip
_REFUSED = frozenset(
    ("AccessDeniedException", "AccessDenied", "ExpiredToken", "ExpiredTokenException",
     "IncompleteSignature", "InvalidClientTokenId", "InvalidSignatureException",
     "MissingAuthenticationToken", "NotAuthorized", "OptInRequired", "UnrecognizedClientException")
)  # fmt: skip


class BedrockOptions(SdkOptions):
    """What may stand beside ``adapter: bedrock``."""

    model: str = Field(
        min_length=1, description="a model's id, or that of an inference profile or its ARN"
    )
    region: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]+$",
        description="AWS region; left out: as AWS_DEFAULT_REGION or the profile say",
    )
    profile: str | None = Field(
        default=None,
        min_length=1,
        description="a profile of the AWS configuration files; left out: AWS's usual chain",
    )
    endpoint_url: str | None = Field(
        default=None, description="another address than the region's (a VPC endpoint)"
    )
    guardrail: str | None = Field(
        default=None, min_length=1, description="a guardrail's id or ARN; part of the identity"
    )
    guardrail_version: str | None = Field(
        default=None, pattern=r"^([1-9][0-9]{0,7}|DRAFT)$", description="its version"
    )
    fields: dict[str, Any] = Field(
        default={},
        description="additionalModelRequestFields: what the model takes beyond Converse's own "
        "parameters. Part of the identity",
    )

    @field_validator("endpoint_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        return None if value is None else check_address(value)

    @field_validator("fields")
    @classmethod
    def _hold_no_secret(cls, value: dict[str, Any]) -> dict[str, Any]:
        if (at := secret_field(value, references=False)) is not None:
            raise ValueError(f"'{at}' would put a secret into the run; leave it out")
        return value

    @model_validator(mode="after")
    def _guardrail_has_a_version(self) -> BedrockOptions:
        if (self.guardrail is None) != (self.guardrail_version is None):
            raise ValueError("guardrail and guardrail_version: give both, or neither")
        return self


class BedrockAdapter(SdkAdapter):
    """Asks Bedrock's Converse API, one request a call.

    Raises:
        MissingExtraError: aiobotocore is not installed.
        AdapterError: there is no such profile, or no region. From `respond`: no credentials
            (`UnavailableError`), or see `SdkAdapter`.
    """

    Options = BedrockOptions
    NAME = "bedrock"
    BACKEND = "converse"

    def __init__(self, options: BedrockOptions) -> None:
        require(("aiobotocore", "botocore"), "the adapter bedrock", "bedrock")
        self._options = options
        self._region = options.region or _region(options.profile)
        extra: dict[str, Any] = {}
        if options.guardrail is not None:
            extra["guardrail"] = [options.guardrail, options.guardrail_version]
        if options.fields:
            extra["fields"] = dict(options.fields)
        endpoint = f"bedrock {self._region} {options.endpoint_url or ''}"
        super().__init__(options, endpoint=endpoint, extra=extra)

    async def _open(self) -> Any:
        from aiobotocore.config import AioConfig
        from aiobotocore.session import AioSession
        from botocore.exceptions import BotoCoreError

        session = AioSession(profile=self._options.profile)
        bearer = os.environ.get("AWS_BEARER_TOKEN_BEDROCK", "").strip()
        why = "AWS's usual places (environment, configuration files, role) hold none"
        try:
            credentials = await session.get_credentials()
            known = [bearer]
            if credentials is not None:
                frozen = await credentials.get_frozen_credentials()
                known += [frozen.access_key, frozen.secret_key, frozen.token]
            self._secrets = Secrets(value for value in known if value)
        except BotoCoreError as fault:  # a role, a process or a sign-in that gives none
            credentials, why = None, self._shown(str(fault))
        if credentials is None and not bearer:
            raise UnavailableError(
                f"bedrock: no AWS credentials ({why}); set them up, or name another `profile`"
            )
        config = AioConfig(
            connect_timeout=self._options.timeout_connect,
            read_timeout=self._options.timeout_first_byte,
            max_pool_connections=self._options.concurrency,
            retries={"mode": "standard", "total_max_attempts": 1},
            proxies={},
            user_agent="evalharness",
        )
        context = session.create_client(
            "bedrock-runtime",
            region_name=self._region,
            endpoint_url=self._options.endpoint_url,
            config=config,
        )
        return await context.__aenter__()

    async def _close(self, client: Any) -> None:
        await client.close()

    async def _ask(
        self, client: Any, request: Request, decoding: Decoding
    ) -> Response | Failure | AdapterError:
        from botocore import exceptions

        body = self._body(request, decoding)
        try:
            data = await client.converse(**body)
        except exceptions.ClientError as fault:
            return self._refusal(fault.response)
        except Exception as fault:  # noqa: BLE001 - botocore's parser raises what it likes
            return self._wire_failure(fault)
        return self._answer(data)

    def _wire_failure(self, fault: Exception) -> Failure:
        """What the network, or a reply that is none, did to a request."""
        from botocore import exceptions

        connect = f"no connection to the server within {self._options.timeout_connect:g} s"
        silent = f"the server was silent for {self._options.timeout_first_byte:g} s"
        kind = type(fault).__name__
        known: list[tuple[type[Exception], str, bool]] = [
            (exceptions.ConnectTimeoutError, connect, True),
            (exceptions.ReadTimeoutError, silent, True),
            (exceptions.SSLError, f"the server's certificate is not accepted ({kind})", False),
            (exceptions.EndpointConnectionError, f"no connection to the server ({kind})", True),
            (exceptions.HTTPClientError, f"the connection to the server was lost ({kind})", True),
        ]
        for what, reason, retryable in known:
            if isinstance(fault, what):
                return Failure(reason, retryable=retryable)
        said = self._shown(str(fault))
        if isinstance(fault, exceptions.BotoCoreError | UnicodeEncodeError):
            return Failure(f"the request cannot be sent ({kind}: {said})")
        return Failure(f"the server's reply cannot be read ({kind}: {said})", retryable=True)

    def _body(self, request: Request, decoding: Decoding) -> dict[str, Any]:
        turns = turns_of(request, self._options.system)
        self._no_seed(request)
        # Claude's newer models take a temperature or top_p
        sampling = self._sampling(decoding, both="anthropic." not in self._options.model)
        inference: dict[str, Any] = {"maxTokens": decoding.max_tokens}
        inference |= {_camel(name): value for name, value in sampling.items()}
        if decoding.stop:
            inference["stopSequences"] = list(decoding.stop)
        body: dict[str, Any] = {
            "modelId": self._options.model,
            "messages": [
                {"role": turn.role, "content": [{"text": turn.content}]} for turn in turns.messages
            ],
            "inferenceConfig": inference,
        }
        if turns.system is not None:
            body["system"] = [{"text": turns.system}]
        if self._options.guardrail is not None:
            body["guardrailConfig"] = {
                "guardrailIdentifier": self._options.guardrail,
                "guardrailVersion": self._options.guardrail_version,
            }
        if self._options.fields:
            body["additionalModelRequestFields"] = dict(self._options.fields)
        return body

    def _refusal(self, response: Mapping[str, Any]) -> Failure | AdapterError:
        """What an error of the service means for the request that met it."""
        error, metadata = response.get("Error", {}), response.get("ResponseMetadata", {})
        code, status = str(error.get("Code", "")), int(metadata.get("HTTPStatusCode", 0))
        said = self._shown(f"{code}: {error.get('Message', '')}")
        wait = str(metadata.get("HTTPHeaders", {}).get("retry-after", ""))
        body = str(error.get("Message", "")).encode("utf-8", "replace")  # where it is no JSON
        reply = Reply(status, {"Retry-After": wait}, body)
        if code in _REFUSED or refuses_key(reply, {}, accepted=self._accepted):
            return AdapterError(
                f"bedrock: AWS refuses the credentials, or access to the model (HTTP {status}: "
                f"{said}); see to the credentials and their permissions, and run again: what was "
                "answered is kept"
            )
        return status_failure(reply, said, throttled=code in _THROTTLED)

    def _answer(self, data: Mapping[str, Any]) -> Response | Failure:
        message = _object(_object(data.get("output")).get("message"))
        why = data.get("stopReason")
        blocks = message.get("content")
        if blocks is None and why is not None:
            blocks = []
        if not isinstance(blocks, list):
            return self._no_answer(data, "output.message")
        texts = [_object(block).get("text") for block in blocks]
        text = "".join(text for text in texts if isinstance(text, str))
        if not text and (failure := no_answer_by(why)) is not None:
            return failure
        usage = _object(data.get("usage"))
        return Response(
            text=text,
            finish_reason=finish_of(why),
            input_tokens=token_count(usage.get("inputTokens")),
            output_tokens=token_count(usage.get("outputTokens")),
            blocked_by="the Bedrock guardrail" if why == "guardrail_intervened" else None,
        )


def _region(profile: str | None) -> str:
    """The region that the environment or the profile names.

    Raises:
        AdapterError: neither does, or there is no such profile.
    """
    from botocore.exceptions import ProfileNotFound
    from botocore.session import Session

    try:
        region = Session(profile=profile).get_config_variable("region")
    except ProfileNotFound as fault:
        raise AdapterError(
            f"bedrock: there is no profile '{profile}' in the AWS configuration files; name one "
            "of theirs in `profile`, or leave it out"
        ) from fault
    if not region:
        raise AdapterError("bedrock: no region is named; add `region`, for example us-east-1")
    return str(region)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
