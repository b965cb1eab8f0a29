"""Bedrock's Converse API: what is sent, and what its own replies and faults mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalharness.adapters.sdk.bedrock import BedrockAdapter, BedrockOptions
from evalharness.errors import AdapterError, UnavailableError
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.openai_server import Say, serving
from tests.adapters.providers import KEY, PROVIDERS, TURNS, ask, bedrock_reply, one, sent

BEDROCK = PROVIDERS["bedrock"]
FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret-value")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in FILES:
        monkeypatch.setenv(name, str(tmp_path / name))


def test_what_is_sent() -> None:
    decoding = Decoding(5, 0.7, 0.9, ("x",))
    turns = (*TURNS, Message("user", "Really?"), Message("assistant", "Be"))
    asked = sent(BEDROCK, Request("generate", messages=turns, decoding=decoding, seed=1))
    assert asked.path == "/model/m/converse"
    assert "/us-east-1/bedrock/aws4_request" in asked.headers["Authorization"]
    assert asked.body == {
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "Why?\n\nReally?"}]},
            {"role": "assistant", "content": [{"text": "Be"}]},
        ],
        "inferenceConfig": {
            "maxTokens": 5, "temperature": 0.7, "topP": 0.9, "stopSequences": ["x"],
        },
    }  # fmt: skip


def test_guardrail_and_fields_are_sent_and_told_in_the_identity() -> None:
    options = {"guardrail": "g1", "guardrail_version": "3", "fields": {"top_k": 1}}
    body = sent(BEDROCK, **options).body
    assert body["guardrailConfig"] == {"guardrailIdentifier": "g1", "guardrailVersion": "3"}
    assert body["additionalModelRequestFields"] == {"top_k": 1}
    extra = BEDROCK.make("http://127.0.0.1:1/v1", **options).identity.extra
    assert (extra["guardrail"], extra["fields"]) == (["g1", "3"], {"top_k": 1})


def test_claude_gets_a_temperature_or_top_p_and_no_seed() -> None:
    decoding = Decoding(5, 0.7, 0.9)
    request = Request("generate", messages=TURNS, decoding=decoding, seed=1)
    with serving(lambda _: bedrock_reply()) as server:
        options = BedrockOptions(
            model="us.anthropic.some-model-v1:0",
            region="us-east-1",
            endpoint_url=server.url.removesuffix("/v1"),
        )
        adapter = BedrockAdapter(options)
        ask(adapter, request, request)
        assert server.asked[0].body["inferenceConfig"] == {"maxTokens": 5, "temperature": 0.7}
    assert sorted(text.split(":")[0] for text in adapter.deviations) == [
        "`seed` is not sent", "`top_p` is not sent",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (bedrock_reply("Sorry, blocked.", "guardrail_intervened", usage={}),
         Response("Sorry, blocked.", finish_reason="content_filter",
                  blocked_by="the Bedrock guardrail")),
        (bedrock_reply("par", "content_filtered", usage={}),
         Response("par", finish_reason="content_filter")),
        (bedrock_reply("x", "model_context_window_exceeded", usage={}),
         Response("x", finish_reason="length")),
        (bedrock_reply(output={"message": {"role": "assistant", "content": []}}, usage={}),
         Response()),
        (bedrock_reply(usage={}, output={"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm"}}}, {"text": "a"}]}}),
         Response("a")),
        (bedrock_reply("", "malformed_model_output"),
         Failure("the model stopped without an answer (malformed_model_output)", retryable=True)),
        (bedrock_reply("", "tool_use"),
         Failure("the model stopped without an answer (tool_use)", retryable=True)),
    ],
)  # fmt: skip
def test_what_came_back_keeps_its_kind(reply: Any, expected: Any) -> None:
    assert one(BEDROCK, reply) == expected


@pytest.mark.parametrize(
    ("code", "status", "retryable", "throttled"),
    [
        ("ThrottlingException", 429, True, True),
        ("ThrottlingException", 400, True, True),
        ("ModelNotReadyException", 429, True, True),
        ("ServiceUnavailableException", 503, True, True),
        ("InternalServerException", 500, True, False),
        ("ModelTimeoutException", 408, True, False),
        ("ModelErrorException", 424, True, False),
        ("ValidationException", 400, False, False),
        ("ResourceNotFoundException", 404, False, False),
        ("ServiceQuotaExceededException", 400, False, False),
    ],
)
def test_each_error_of_the_service(
    code: str, status: int, retryable: bool, throttled: bool
) -> None:
    reply = Say({"message": "words"}, status, {"x-amzn-ErrorType": f"{code}:http://aws/"})
    assert one(BEDROCK, reply) == Failure(
        f"the server answered HTTP {status}: {code}: words",
        retryable=retryable,
        throttled=throttled,
    )


@pytest.mark.parametrize(
    ("code", "status"),
    [("AccessDeniedException", 403), ("UnrecognizedClientException", 403),
     ("ExpiredTokenException", 400), ("InvalidSignatureException", 403)],
)  # fmt: skip
def test_refused_credentials_stop_the_run(code: str, status: int) -> None:
    with pytest.raises(AdapterError, match=rf"refuses the credentials.*{code}: no"):
        one(BEDROCK, Say({"message": "no"}, status, {"x-amzn-ErrorType": code}))


def test_no_credentials_are_said_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(UnavailableError, match="no AWS credentials"):
        one(BEDROCK, bedrock_reply())


def test_a_bedrock_key_of_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-bearer-token")
    with serving(lambda asked: bedrock_reply(asked.headers["Authorization"])) as server:
        (answer,) = ask(BEDROCK.make(server.url))
        assert server.asked[0].headers["Authorization"] == "Bearer bedrock-bearer-token"
    assert answer.text == "Bearer [secret]"


def test_a_profile_gives_region_and_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / FILES[0]).write_text("[profile lab]\nregion = eu-central-1\n")
    (tmp_path / FILES[1]).write_text(
        "[lab]\naws_access_key_id = AKLAB\naws_secret_access_key = lab-secret-value\n"
    )
    asked = sent(BEDROCK, region=None, profile="lab")
    assert "Credential=AKLAB/" in asked.headers["Authorization"]
    assert "/eu-central-1/" in asked.headers["Authorization"]
    with pytest.raises(AdapterError, match="there is no profile 'other'"):
        BEDROCK.make("http://127.0.0.1:1/v1", region=None, profile="other")


def test_a_missing_region_is_said() -> None:
    with pytest.raises(AdapterError, match="add `region`"):
        BEDROCK.make("http://127.0.0.1:1/v1", region=None)
