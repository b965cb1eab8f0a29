"""Keys come from the environment by name and leave in no text."""

from __future__ import annotations

import pytest

from evalharness.adapters._secrets import (
    Secrets,
    check_address,
    check_headers,
    resolved_headers,
)
from evalharness.errors import AdapterError, UnavailableError

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
