"""Keys come from the environment by name and leave in no text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from evalharness.adapters import registry
from evalharness.adapters._secrets import (
    Secrets,
    check_address,
    check_headers,
    check_variable,
    resolved_headers,
    secret_field,
)
from evalharness.adapters.openai import OpenAIOptions
from evalharness.errors import AdapterError, ConfigError, UnavailableError

KEY = "sk-very/secret+key=123"


def test_secrets_are_redacted_in_every_form() -> None:
    secrets = Secrets([f"Bearer {KEY}", "xy"])
    said = (
        f"a {KEY} b Bearer {KEY} c sk-very%2Fsecret%2Bkey%3D123 d sk-very%2fsecret%2bkey%3d123 xy"
    )
    assert secrets.redact(said) == "a [secret] b [secret] c [secret] d [secret] xy"
    assert KEY not in repr(secrets)
    assert Secrets([]).redact("all") == "all"


def test_a_header_may_hold_a_word_in_front_of_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KEY", KEY)
    headers = {"Authorization": "Bearer env:APP_KEY", "X-Key": "env:APP_KEY", "X-Title": "tests"}
    check_headers(headers)
    found, secrets = resolved_headers(headers, "http")
    assert found == {"Authorization": f"Bearer {KEY}", "X-Key": KEY, "X-Title": "tests"}
    assert secrets == [KEY, KEY]


def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP_KEY", raising=False)
    with pytest.raises(UnavailableError, match=r"^http: .*APP_KEY is not set.*headers\.X-Key"):
        resolved_headers({"X-Key": "env:APP_KEY"}, "http")
    monkeypatch.setenv("APP_KEY", "two\nlines")
    with pytest.raises(AdapterError, match="line breaks"):
        resolved_headers({"X-Key": "env:APP_KEY"}, "http")


@pytest.mark.parametrize(
    "value", ["Bearer abcdef", "env:", "Bearer env:", "env:A B", "Bearerenv:A"]
)
def test_what_is_no_reference_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="Authorization"):
        check_headers({"Authorization": value})


@pytest.mark.parametrize(
    "host", ["a..b", ".a", f"{'a' * 64}.org", "a\u3002\u3002b", "a b.org", "b\u00fccher..de"]
)
def test_a_host_that_cannot_be_looked_up_is_no_address(host: str) -> None:
    """Else each request would meet it, and the run would have only errors."""
    with pytest.raises(ValueError, match="this is no address") as caught:
        check_address(f"http://{host}/v1")
    assert host not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    ["a.org.", "my_server", "b\u00fccher.de", "xn--bcher-kva.de", "127.1", "[::1]:80", "a-.b"],
)
def test_a_host_that_can_is_one(host: str) -> None:
    assert check_address(f"http://{host}/v1/") == f"http://{host}/v1"


#: As they are copied from a provider's page. None is a real one.
PASTED = (
    "sk-Ab+c/9876543210==", "sk-proj-0123456789abcdef", "hf_abcdefghijklmnopqrstuvwxyz01234567",
    "gsk_0123456789abcdefghijklmnopqrstuvwxyz", "AKIAIOSFODNN7EXAMPLE",
    "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "e5f60718293a4b5c6d7e8f90a1b2c3d4", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0x.c2lnbmF0dXJl",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv", "xai-0123456789abcdefghijklmn", "my-keyring-42",
)  # fmt: skip


@pytest.mark.parametrize("key", PASTED)
@pytest.mark.parametrize(
    "spec",
    [
        {"adapter": "openai", "api_key_env": "{}"},
        {"adapter": "anthropic", "api_key_env": "{}"},
        {"adapter": "google", "api_key_env": "{}"},
        {"adapter": "huggingface", "api_key_env": "{}"},
        {"adapter": "openai", "headers": {"Authorization": "Bearer env:{}"}},
        {"adapter": "openai", "headers": {"X-Gate": "env:{}"}},
        {"adapter": "http", "headers": {"Authorization": "env:{}"}},
        {"adapter": "http", "request": {"q": "{{{{ prompt }}}}", "token": "env:{}"}},
        {"adapter": "command", "command": "cat", "env": ["{}"]},
    ],
    ids=lambda spec: f"{spec['adapter']}-{list(spec)[-1]}",
)
def test_a_key_where_a_variables_name_belongs_is_not_repeated(spec: Any, key: str) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, str):
            return value.format(key) if "{" in value else value
        if isinstance(value, list):
            return [filled(part) for part in value]
        return {name: filled(part) for name, part in value.items()}

    plain = {"http": {"name": "bot", "url": "https://a.example", "request": "{{ prompt }}"}}
    fields = {"model": "m"} if "command" not in spec else {}
    fields = {**plain.get(spec["adapter"], fields), **filled(spec)}
    with pytest.raises(ConfigError) as caught:
        registry.create(fields, base_dir=Path(), where="target")
    said = str(caught.value)
    assert key not in said
    assert key[3:] not in said
    assert "NAME" in said


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "key", "_K2", "hf_token", "AZURE_OPENAI_KEY_2024", "SK_TEST", "A1"]
)
def test_a_variables_name_is_one(name: str) -> None:
    assert check_variable(name) == name


@pytest.mark.parametrize(
    "parameter",
    ["code", "auth", "pwd", "sig", "key", "token", "apiKey", "X-Amz-Signature", "X-Amz-Credential",
     "AWSAccessKeyId", "access_token", "subscription-key", "functions_key"],
)  # fmt: skip
def test_an_address_holds_no_key(parameter: str) -> None:
    with pytest.raises(ValueError, match=f"parameter '{parameter}'") as caught:
        check_address(f"https://a.example/v1?api-version=1&{parameter}={KEY[:5]}")
    assert KEY[:5] not in str(caught.value)


def test_what_looks_like_a_key_stands_nowhere_in_an_address() -> None:
    for place in (
        "/sk-0123456789abcdefgh/v1",
        "/v1?x=sk-0123456789abcdefgh",
        "/sk%2d0123456789abcdefgh",
    ):
        with pytest.raises(ValueError, match="looks like a key") as caught:
            check_address(f"https://a.example{place}")
        assert "0123456789" not in str(caught.value)


@pytest.mark.parametrize(
    "parameter",
    ["api-version", "max_tokens", "tokenizer", "sort_key", "code_interpreter", "language_code",
     "author", "authority", "passage", "design", "model", "keyword", "token_count", "compass"],
)  # fmt: skip
def test_an_honest_parameter_may_stand_in_an_address(parameter: str) -> None:
    address = f"https://a.example/v1?{parameter}=1"
    assert check_address(address) == address


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-Functions-Key", "abc"), ("X-Auth-Key", "abc"), ("X-Auth", "abc"), ("X-Signature", "abc"),
     ("X-Hub-Signature-256", "abc"), ("X-Key", "abc"), ("PRIVATE-TOKEN", "abc"), ("X-Pass", "abc"),
     ("X-Custom", "Bearer abc"), ("X-Custom", "bearer abc"), ("X-Custom", "Basic YTpi"),
     ("X-Custom", "sk-abc"), ("X-Custom", f"v=1 {PASTED[2]}")],
)  # fmt: skip
def test_a_header_holds_no_key(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' holds a secret.*{name}: env:NAME") as caught:
        check_headers({name: value})
    assert value not in str(caught.value)


def test_an_honest_header_may_stand_in_a_configuration() -> None:
    names = ("X-Title", "Idempotency-Key", "X-Cache-Key", "X-Token-Limit", "X-Max-Tokens",
             "Accept", "X-Author", "X-Auth-Type", "X-Signature-Version", "X-Sort-Key")  # fmt: skip
    check_headers(dict.fromkeys(names, "basically tests"))


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"token": "abc"}, "token"),
        ({"accessToken": "abc"}, "accessToken"),
        ({"extra": {"api_key": "abc"}}, "extra.api_key"),
        ({"a": [{"b": [{"apiKey": "abc"}]}]}, "a.0.b.0.apiKey"),
        ({"provider": {"headers": {"Authorization": "abc"}}}, "provider.headers.Authorization"),
        ({"password": 123456}, "password"),
        ({"extra": {"secret": ["", "abc"]}}, "extra.secret.1"),
        ({"azure-functions-key": "abc"}, "azure-functions-key"),
        ({"user": PASTED[1]}, "user"),
        ({"tools": [{"url": f"https://a.example/?k={PASTED[0]}"}]}, "tools.0.url"),
        ({"note": "Bearer 0123456789abcdef"}, "note"),
    ],
)
def test_the_fields_of_a_request_hold_no_key_at_any_depth(fields: Any, at: str) -> None:
    assert secret_field(fields, references=True) == at
    body = {"adapter": "openai", "model": "m", "body": fields}
    with pytest.raises(ConfigError, match=f"'{at}' would put a secret") as caught:
        registry.create(body, base_dir=Path(), where="target")
    assert "abc" not in str(caught.value)
    request = {"adapter": "http", "name": "b", "url": "https://a.example",
               "request": {"q": "{{ prompt }}", **fields}}  # fmt: skip
    with pytest.raises(ConfigError, match=f"'{at}' holds a secret.*: env:NAME"):
        registry.create(request, base_dir=Path(), where="target")
    with pytest.raises(ConfigError, match=f"'{at}' would put a secret"):
        registry.create({"adapter": "bedrock", "model": "m", "fields": fields},
                        base_dir=Path(), where="target")  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["max_tokens", "tokenizer", "sort_key", "code_interpreter", "code", "pad_token",
     "stop_token_ids", "prompt_cache_key", "idempotency_key", "tokens", "author", "authority",
     "secretary", "keywords", "passwordless", "token_type", "session_id", "signature"],
)  # fmt: skip
def test_an_honest_field_may_stand_in_a_request(name: str) -> None:
    fields = {name: "basic understanding", "deep": [{name: 5}]}
    assert secret_field(fields, references=False) is None


def test_an_unset_secret_is_none() -> None:
    fields = {"token": "", "api_key": None, "password": True, "secret": {"name": "x"}}
    assert secret_field(fields, references=False) is None
    fields = {"token": "env:NAME", "api_key": "{{ prompt }}"}
    assert secret_field(fields, references=True) is None
    assert secret_field(fields, references=False) == "token"


def test_a_wrong_option_that_looks_like_a_key_is_not_shown() -> None:
    for options in ({"headers": f"X-Title: {PASTED[0]}"}, {"concurrency": PASTED[0]}):
        with pytest.raises(ConfigError, match="found what looks like a key") as caught:
            registry.create(
                {"adapter": "openai", "model": "m", **options}, base_dir=Path(), where="target"
            )
        assert PASTED[0] not in str(caught.value)
    with pytest.raises(ValidationError) as direct:  # without the registry, as from Python
        OpenAIOptions(model="m", body={"token": PASTED[0]})
    assert PASTED[0] not in str(direct.value)
