"""Keys: read from the environment by name, and kept out of every text that leaves the adapter."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

from evalharness.errors import AdapterError, UnavailableError

__all__ = [
    "Secrets", "check_address", "check_headers", "from_environment", "is_loopback",
    "is_secret_name", "resolved_headers",
]  # fmt: skip

#: How a header says that its value stands in an environment variable: `env:NAME`, or with a word
#: in front, as in `Bearer env:NAME`.
_REFERENCE = re.compile(r"(?:([A-Za-z][A-Za-z0-9-]*) +)?env:(.*)", re.DOTALL)
#: A shorter value is a placeholder ("x"), and replacing it would garble every message.
_SHORTEST = 4
_SECRET = re.compile(
    r"authori[sz]ation|api-?key|subscription-key|token|secret|password|credential|cookie|^key$|^sig$",
    re.IGNORECASE,
)
_OWN_HEADERS = frozenset(
    ("accept-encoding", "content-length", "content-type", "host", "transfer-encoding")
)
_VARIABLE = re.compile(r"[^\s=]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class Secrets:
    """Replaces secret values in texts by ``[secret]``, also where they are quoted for a URL."""

    def __init__(self, values: Iterable[str]) -> None:
        forms: set[str] = set()
        for value in values:
            # "Bearer KEY" is secret as a whole, and so is the key alone
            for part in {value, value.rpartition(" ")[2]}:
                forms |= {part, quote(part), quote(part, safe=""), quote_plus(part)}
                forms.add(json.dumps(part)[1:-1])
        known = sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True)
        self._pattern = (
            re.compile("|".join(map(re.escape, known)), re.IGNORECASE) if known else None
        )

    def redact(self, text: str) -> str:
        """The text without secrets."""
        return text if self._pattern is None else self._pattern.sub("[secret]", text)

    def __repr__(self) -> str:
        return "Secrets(...)"


def is_secret_name(name: str) -> bool:
    """Whether a header or URL parameter of this name usually holds a secret."""
    return _SECRET.search(name.replace("_", "-")) is not None


def is_loopback(url: str) -> bool:
    """Whether the address is on this machine."""
    host = (urlsplit(url).hostname or "").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_address(url: str) -> str:
    """The address without a trailing slash.

    Raises:
        ValueError: it is no HTTP address, or it holds a secret (which the message does not repeat).
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        _check_host(url)
    except ValueError:
        raise ValueError(
            "this is no address; write, for example, http://127.0.0.1:8000/v1"
        ) from None
    if "@" in parts.netloc:
        raise ValueError(
            "an address may not hold a user name or password; put the key into an environment "
            "variable and name that: api_key_env: NAME, or headers: {Authorization: env:NAME}"
        )
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if is_secret_name(name):
            raise ValueError(
                f"an address may not hold a secret (the parameter '{name}'); put it into an "
                "environment variable and send it as a header: headers: {NAME: env:VARIABLE}"
            )
    if parts.scheme not in {"http", "https"} or not host or parts.fragment:
        raise ValueError(
            "expected an address that starts with http:// or https://, for example "
            "http://127.0.0.1:8000/v1"
        )
    return url if parts.query else url.rstrip("/")


def _check_host(url: str) -> None:
    """See that the host's name can be looked up at all.

    Raises:
        ValueError: a part of it is empty or too long, or cannot stand in a name.
    """
    from yarl import URL  # as it will be called

    host = URL(url).raw_host or ""
    if ":" not in host:  # an IPv6 address is no name
        host.encode("idna")
    if any(letter.isspace() for letter in host):
        raise ValueError("white space")


def check_headers(headers: Mapping[str, str]) -> None:
    """See that no key stands in the configuration.

    Raises:
        ValueError: one does, or a header is none of the configuration's business; no value is
            repeated in the message.
    """
    for name, value in headers.items():
        reference = _REFERENCE.fullmatch(value)
        if _HEADER_NAME.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no name of a header")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"'{name}' is set by the adapter; leave it out")
        if reference is not None:
            if _VARIABLE.fullmatch(reference[2]) is None:
                raise ValueError(f"'{name}' names no variable; write env:NAME")
        elif is_secret_name(name):
            raise ValueError(
                f"'{name}' holds a secret, which may not stand in a configuration; put the value "
                f"into an environment variable and write {name}: env:NAME (or Bearer env:NAME)"
            )
        elif not _printable(value):
            raise ValueError(f"'{name}' holds characters that a header cannot carry")


def resolved_headers(headers: Mapping[str, str], adapter: str) -> tuple[dict[str, str], list[str]]:
    """Configured headers with their values from the environment, and which values are secret.

    Raises:
        UnavailableError: an environment variable that a header names is not set.
        AdapterError: one holds what a header cannot carry.
    """
    found, secrets = {}, []
    for name, value in headers.items():
        reference = _REFERENCE.fullmatch(value)
        if reference is None:
            found[name] = value
            continue
        secret = from_environment(reference[2], f"headers.{name}", adapter)
        secrets.append(secret)
        found[name] = f"{reference[1]} {secret}" if reference[1] else secret
    return found, secrets


def from_environment(name: str, option: str, adapter: str, *, keyless: bool = False) -> str:
    """The value of the environment variable ``name``, without white space around it.

    Args:
        option: what names the variable.
        keyless: ``option`` may be null, for an endpoint without keys.

    Raises:
        UnavailableError: it is not set, or empty.
        AdapterError: it holds what a header cannot carry.
    """
    value = os.environ.get(name, "").strip()
    hint = f", or write `{option}: null` for an endpoint without keys" if keyless else ""
    if not value:
        raise UnavailableError(
            f"{adapter}: the environment variable {name} is not set, and {option} names it; set it "
            f"to the endpoint's key, or name another variable{hint}"
        )
    if not _printable(value):
        raise AdapterError(
            f"{adapter}: the environment variable {name} holds characters that a header cannot "
            "carry (line breaks, or others than ASCII); set it to the key alone"
        )
    return value


def _printable(value: str) -> bool:
    return value.isascii() and value.isprintable()
