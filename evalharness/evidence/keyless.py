"""Signatures without a key of one's own: bundles of sigstore, with the same statements.

An identity provider vouches for a name; a certificate authority (Fulcio) binds a key that lives for
minutes to it; a public log (Rekor) keeps that it was used, and when. Nothing but the library talks
to these services, and only `sign_bundles` needs them; verification needs their public keys alone.

Source: https://docs.sigstore.dev; the bundle's format is 0.3 of
https://github.com/sigstore/protobuf-specs.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness.errors import ConfigError, MissingExtraError, UnavailableError
from evalharness.evidence.dsse import PAYLOAD_TYPE
from evalharness.store.directory import RunDirectory

if TYPE_CHECKING:
    from sigstore.models import ClientTrustConfig
    from sigstore.oidc import IdentityToken

__all__ = [
    "MEANING", "Expected", "Service", "bundle_faults", "form_faults", "sign_bundles", "signers_of",
    "statements_of",
]  # fmt: skip

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: What a reader of a valid bundle may conclude, and what not.
MEANING = """\
proves: somebody whom the issuer knew by this name signed exactly these files, the log recorded it \
at the time that it states, and not one byte of them changed since
does not prove: who uses that account, that the named model gave these answers, or that the tests \
were the right ones\
""".splitlines()


@dataclass(frozen=True)
class Service:
    """Which sigstore is meant: the public one unless something else is said.

    Args:
        staging: the public one's twin for trials, whose signatures mean nothing.
        offline: take the public keys that are stored here, or came with the library, without asking
            whether there are newer ones.
        config: file of a client trust configuration (JSON) of another instance.
    """

    staging: bool = False
    offline: bool = False
    config: Path | None = None

    def trust(self) -> ClientTrustConfig:
        """The services' addresses and public keys.

        Raises:
            MissingExtraError: the library is missing; ConfigError: the file is no configuration;
                UnavailableError: the public keys cannot be brought up to date.
        """
        _require()
        from sigstore.models import ClientTrustConfig

        if self.config is not None:
            try:
                return ClientTrustConfig.from_json(self.config.read_text(encoding="utf-8"))
            except Exception as fault:  # noqa: BLE001 - a file of others can be wrong in any way
                raise ConfigError(
                    f"{self.config}: no client trust configuration of sigstore "
                    f"({_said(fault)}); name the instance's JSON file"
                ) from None
        make = ClientTrustConfig.staging if self.staging else ClientTrustConfig.production
        try:
            return make(offline=self.offline)
        except Exception as fault:  # noqa: BLE001 - the library's own, TUF's and the network's
            raise UnavailableError(
                f"sigstore: its public keys cannot be brought up to date ({_said(fault)}); "
                "'verify --offline' takes those that are stored here"
            ) from None


@dataclass(frozen=True)
class Expected:
    """Who should have signed.

    Args:
        identity: the name in the certificate: an e-mail address, or a build's URL.
        issuer: URL of the provider that vouched for it.
    """

    identity: str
    issuer: str
    service: Service = field(default_factory=Service)


def _require() -> None:
    try:
        import sigstore  # noqa: F401 - whether it is there
    except ImportError:
        raise MissingExtraError("A signature of sigstore", "sigstore") from None


def _said(fault: BaseException, secret: str = "") -> str:
    """A fault of the library in a line; no token is in it."""
    text = f"{type(fault).__name__}: {fault}"
    shown = text.replace(secret, "[token]") if secret else text
    return " ".join(shown.split())[:300]


def sign_bundles(
    statements: Sequence[dict[str, Any]], service: Service, variable: str | None = None
) -> str:
    """A bundle for each statement, one a line: the text of ``attestation.sigstore.jsonl``.

    Args:
        variable: environment variable with the identity token (OIDC); without it the one that a
            build server offers, or else whoever sits here logs in with a browser.

    Raises:
        MissingExtraError: the library is missing; ConfigError: the variable is not set, or holds no
            token; UnavailableError: a service refused or cannot be reached.
    """
    trust = service.trust()
    from sigstore.dsse import Statement
    from sigstore.sign import SigningContext

    token = _token(trust, variable)
    secret = str(token)
    try:
        with SigningContext.from_trust_config(trust).signer(token) as signer:
            lines = [
                signer.sign_dsse(Statement(json.dumps(one, ensure_ascii=False).encode())).to_json()
                for one in statements
            ]
    except Exception as fault:  # noqa: BLE001 - whatever it is, the token must not be shown
        raise UnavailableError(
            f"sigstore: not signed, and nothing was written ({_said(fault, secret)}); try again, "
            "or sign with --key FILE"
        ) from None
    return "".join(f"{line}\n" for line in lines)


def _token(trust: ClientTrustConfig, variable: str | None) -> IdentityToken:
    from sigstore.oidc import IdentityToken, Issuer, detect_credential

    if variable is not None and _VARIABLE.fullmatch(variable) is None:
        raise ConfigError(
            "--identity-token: this is no name of an environment variable (letters, digits and _); "
            "is it the token itself? put that into a variable, and name the variable"
        )
    if variable is not None and not os.environ.get(variable):
        raise ConfigError(
            f"--identity-token {variable}: names an environment variable that is not set; put the "
            "token there, never on the command line"
        )
    # a mounted secret often ends with a line break
    raw = os.environ.get(variable, "").strip() if variable is not None else None
    try:
        raw = raw or detect_credential()
        if raw is None:
            return Issuer(trust.signing_config.get_oidc_url()).identity_token()
        return IdentityToken(raw)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the token must not be shown
        raise ConfigError(
            f"sigstore: no identity ({_said(fault, raw or '')}); log in with a browser, or name "
            "the variable that holds a token with --identity-token"
        ) from None


def form_faults(directory: RunDirectory) -> list[str]:
    """Whether the file is one that `sign_bundles` could have written; whose, is not looked at."""
    try:
        statements_of(directory)
    except ValueError as fault:
        return [f"{directory.bundles.name}: not as it was written: {fault}"]
    return []


def _bundles(directory: RunDirectory) -> list[tuple[str, Any]]:
    """Each line of the file, and what it holds.

    Raises:
        ValueError: the file is not as `sign_bundles` writes it.
    """
    lines = directory.bundles.read_bytes().decode("utf-8", "strict").split("\n")
    if len(lines) < 2 or lines.pop() != "":
        raise ValueError("it does not end with a whole line")
    found = [(line, json.loads(line)) for line in lines]
    for line, content in found:
        if json.dumps(content, ensure_ascii=False, separators=(",", ":")) != line:
            raise ValueError("bytes were changed or added")
    return found


def statements_of(directory: RunDirectory) -> list[dict[str, Any]]:
    """What the bundles state, without a look at their signatures.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        return [
            json.loads(base64.b64decode(content["dsseEnvelope"]["payload"], validate=True))
            for _line, content in _bundles(directory)
        ]
    except (KeyError, TypeError, binascii.Error) as fault:
        raise ValueError(f"no sigstore bundle: {type(fault).__name__}: {fault}") from None


def signers_of(directory: RunDirectory) -> set[str]:
    """Names in the bundles' certificates; unchecked, for `bundle_faults` alone does that.

    A certificate that nobody can read is ``somebody``'s. Needs the library where there are bundles.
    """
    if not directory.bundles.is_file():
        return set()
    from cryptography import x509
    from sigstore.models import Bundle

    try:
        certificates = [
            Bundle.from_json(line).signing_certificate for line, _content in _bundles(directory)
        ]
        names = [
            name
            for certificate in certificates
            for name in certificate.extensions.get_extension_for_class(
                x509.SubjectAlternativeName
            ).value
        ]
    except Exception:  # noqa: BLE001 - hostile bytes can fail in any way
        return {"somebody"}
    # a text of others, on its way to a terminal
    return {repr(str(name.value))[1:-1][:200] for name in names}


def bundle_faults(
    directory: RunDirectory, expected: Expected, trust: ClientTrustConfig
) -> list[str]:
    """What speaks against the bundles: certificate, identity, log, signature, form.

    Args:
        trust: the public keys, from `Service.trust`.
    """
    from sigstore.models import Bundle
    from sigstore.verify import Verifier
    from sigstore.verify.policy import Identity

    verifier = Verifier(trusted_root=trust.trusted_root)
    policy = Identity(identity=expected.identity, issuer=expected.issuer)
    faults = form_faults(directory)
    for number, (line, _content) in enumerate([] if faults else _bundles(directory), 1):
        try:
            bundle = Bundle.from_json(line)
            kind, _payload = verifier.verify_dsse(bundle, policy)
        except Exception as fault:  # noqa: BLE001 - hostile bytes can fail in any way
            faults.append(f"statement {number}: not verified ({_said(fault)})")
            continue
        if kind != PAYLOAD_TYPE:
            faults.append(f"statement {number}: is signed as {kind[:60]!r}, not {PAYLOAD_TYPE}")
        if bundle.to_json() != line:
            faults.append(f"statement {number}: not as it was written; bytes were changed")
    return faults
