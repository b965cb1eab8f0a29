"""Keys: read from the environment by name, and kept out of every text that leaves the adapter."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from evalharness.adapters._redaction import Secrets
from evalharness.errors import AdapterError, UnavailableError

__all__ = [
    "Secrets", "check_address", "check_headers", "check_variable", "from_environment", "holds_key",
    "is_loopback", "is_secret_field", "is_secret_name", "resolved_headers", "secret_field",
]  # fmt: skip

#: How a header says that its value stands in an environment variable: `env:NAME`, or with a word
#: in front, as in `Bearer env:NAME`.
_REFERENCE = re.compile(r"(?:([A-Za-z][A-Za-z0-9-]*) +)?env:(.*)", re.DOTALL)
#: Headers and URL parameters, with - for _.
_SECRET_NAME = re.compile(
    r"authori[sz]ation|api-?key|access-?key|subscription-key|secret|password|credential|cookie"
    # a number of tokens is none
    r"|token(?![a-z]|-(?:budget|count|limit|type|usage))"
    r"|(?:^|-)(?:auth|bearer|jwt|passphrase|passwd|pass|pwd|sig|signature)(?:-\d+)?$"
    r"|(?:^|-)(?:account|auth|client|functions?|master|private|service|shared|x)-?key$"
    r"|^(?:code|key)$",  # Azure's functions, Google's services
    re.IGNORECASE,
)
#: Fields of a request, with - for _ and between the words of camelCase. A body has honest fields
#: that a header has not: `pad_token`, `sort_key`, `code`.
_SECRET_FIELD = re.compile(
    r"(?:auth|bearer|token)"
    r"|(?:.*-)?(?:api-?key|api-?token|access-?key|access-?token|auth-?key|auth-?token"
    r"|(?:bearer|refresh|security|session)-token|secret|secret-(?:access-)?key|client-secret"
    r"|(?:account|functions?|private|service|subscription)-key|password|passwd|pwd|passphrase"
    r"|authori[sz]ation|credentials?|cookie|jwt)",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
#: What keys of well-known services look like.
_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9+/=._-]{16,}|(?:gsk|hf|r8|sk_live)_[A-Za-z0-9]{20,}"
    r"|gh[oprsu]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|glpat-[\w-]{18,}|xox[abprs]-[\w-]{10,}"
    r"|(?:nvapi|pplx|xai)-[\w-]{20,}|AIza[\w-]{30,}|A[KS]IA[A-Z0-9]{16}"
    r"|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
_BEARER = re.compile(r"bearer +\S{16,}", re.IGNORECASE)
#: How a header's value begins that is one.
_HEADER_KEY = re.compile(r"(?:bearer|basic) |sk-", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{[{%#]")
_FIELD_REFERENCE = re.compile(r"env:[^\s=]+")
_OWN_HEADERS = frozenset(
    ("accept-encoding", "content-length", "content-type", "host", "transfer-encoding")
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: A name of that shape is rather a key: letters and digits in no words.
_NO_NAME = re.compile(r"(?=[A-Za-z]*[0-9]+[A-Za-z]+[0-9])[A-Za-z0-9]{24,}$")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def is_secret_name(name: str) -> bool:
    """Whether a header or URL parameter of this name usually holds a secret."""
    return _SECRET_NAME.search(name.replace("_", "-")) is not None


def is_secret_field(name: str) -> bool:
    """Whether a field of a request with this name usually holds a secret."""
    return _SECRET_FIELD.fullmatch(_CAMEL.sub("-", name).replace("_", "-")) is not None


def holds_key(text: str) -> bool:
    """Whether something in the text looks like a key of a well-known service."""
    return _KEY.search(text) is not None


def secret_field(data: Any, *, references: bool) -> str | None:
    """Where a key stands in the fields of a request (``extra.api_key``), at any depth; or None.

    Args:
        references: ``env:NAME`` is taken from the environment there, templates are filled in.
    """
    # where, what, and whether it stands under a name that tells it to be secret
    left: list[tuple[tuple[str, ...], Any, bool]] = [((), data, False)]
    while left:
        at, value, named = left.pop()
        if isinstance(value, Mapping):
            fields = [(str(name), part) for name, part in value.items()]
            left += [((*at, n), part, is_secret_field(n)) for n, part in reversed(fields)]
        elif isinstance(value, list):
            left += [((*at, str(n)), value[n], named) for n in reversed(range(len(value)))]
        elif isinstance(value, str):
            if references and (_TEMPLATE.search(value) or _FIELD_REFERENCE.fullmatch(value)):
                named = False
            if (named and value) or holds_key(value) or _BEARER.fullmatch(value):
                return ".".join(at)
        elif named and value is not None and not isinstance(value, bool):
            return ".".join(at)
    return None


def check_variable(name: str, what: str = "this") -> str:
    """The name of an environment variable, as a configuration gives it.

    Args:
        what: what is said to be none.

    Raises:
        ValueError: it is none, and may be a key (which the message does not repeat).
    """
    if _VARIABLE.fullmatch(name) is None or _NO_NAME.match(name) or holds_key(name):
        raise ValueError(
            f"{what} is no name of an environment variable (letters, digits and _) and looks like "
            "a key, which may not stand in a configuration; set a variable to the key, and write "
            "the variable's NAME"
        )
    return name


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
    if holds_key(unquote(url)):
        raise ValueError(
            "an address may not hold a secret, and this one holds what looks like a key; put it "
            "into an environment variable and send it as a header: headers: {NAME: env:VARIABLE}"
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
            if not reference[2] or re.search(r"[\s=]", reference[2]):
                raise ValueError(f"'{name}' names no variable; write env:NAME")
            check_variable(reference[2], f"what '{name}' has after env:")
        elif is_secret_name(name) or _HEADER_KEY.match(value.strip()) or holds_key(value):
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
