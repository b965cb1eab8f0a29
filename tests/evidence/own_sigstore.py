"""A sigstore of our own, without a network: authority, certificate log and signature log.

The real library signs and verifies; only what its clients would send away is answered here. Bundles
are of version 0.3 with a log entry of Rekor v1, as RFC 6962 and the log's own formats have them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import rfc8785
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from sigstore._internal.fulcio import FulcioCertificateSigningResponse
from sigstore._internal.rekor.client import RekorClient
from sigstore.models import TransparencyLogEntry

ISSUER = "https://accounts.example"
IDENTITY = "jane@example.org"
_SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ISSUER_V1 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ORIGIN = "log.example"


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _id(key: ec.EllipticCurvePrivateKey) -> bytes:
    return hashlib.sha256(_der(key)).digest()


def _sign(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class OwnSigstore:
    """Stands for `SigningContext.from_trust_config`'s services, and has their public keys."""

    authority: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    certificates: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    log: ec.EllipticCurvePrivateKey = field(default_factory=_key)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begun = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority.example")])
        self.root = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.authority.public_key())
            .serial_number(1)
            .not_valid_before(self.begun)
            .not_valid_after(self.begun + timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign=False), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.authority.public_key()),
                critical=False,
            )
            .sign(self.authority, hashes.SHA256())
        )

    def token(self, identity: str = IDENTITY) -> str:
        """An identity token, which nobody signed: the services here believe it."""
        now = datetime.now(UTC)
        claims = {
            "iss": ISSUER, "sub": identity, "aud": "sigstore", "iat": now,
            "exp": now + timedelta(minutes=5),
        }  # fmt: skip
        return jwt.encode(claims, "a-secret-of-the-provider-that-nobody-knows")

    # what stands for Fulcio: `fulcio.signing_cert.post`

    @property
    def signing_cert(self) -> OwnSigstore:
        return self

    def post(self, request: Any, token: Any) -> FulcioCertificateSigningResponse:
        """A certificate for the key of the request, with the token's identity, on the log."""
        assert request.is_signature_valid
        now = datetime.now(UTC).replace(microsecond=0)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.root.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(minutes=9))
            .add_extension(_usage(sign=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.authority.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.RFC822Name(token.identity)]), critical=True
            )
            .add_extension(
                x509.UnrecognizedExtension(_ISSUER_V1, token.issuer.encode()), critical=False
            )
        )
        before = builder.sign(self.authority, hashes.SHA256())
        stamp = x509.UnrecognizedExtension(_SCT_LIST, self._stamp(before, now))
        whole = builder.add_extension(stamp, critical=False).sign(self.authority, hashes.SHA256())
        return FulcioCertificateSigningResponse(whole, [self.root])

    def _stamp(self, certificate: x509.Certificate, now: datetime) -> bytes:
        """RFC 6962, 3.2 and 3.3: a list of one signed timestamp of the precertificate."""
        body = certificate.tbs_certificate_bytes
        millis = int(now.timestamp() * 1000)
        entry = _id(self.authority) + len(body).to_bytes(3, "big") + body
        signature = _sign(
            self.certificates, struct.pack("!BBQH", 0, 0, millis, 1) + entry + b"\0\0"
        )
        stamp = (
            b"\0" + _id(self.certificates) + struct.pack("!QH", millis, 0)
            + b"\x04\x03" + struct.pack("!H", len(signature)) + signature
        )  # fmt: skip
        listed = struct.pack("!H", len(stamp)) + stamp
        listed = struct.pack("!H", len(listed)) + listed
        return b"\x04" + _length(len(listed)) + listed

    # what stands for Rekor

    def _build_dsse_request(self, envelope: Any, certificate: Any) -> dict[str, Any]:
        self.envelope, self.certificate = envelope, certificate
        return RekorClient("http://127.0.0.1:9")._build_dsse_request(envelope, certificate)

    def create_entry(self, request: dict[str, Any]) -> TransparencyLogEntry:
        """The entry of a log that holds nothing else."""
        self.sent.append(request)
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        envelope = json.loads(self.envelope.to_json())
        digests = {
            "envelopeHash": hashlib.sha256(self.envelope.to_json().encode()).hexdigest(),
            "payloadHash": hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest(),
        }
        body = rfc8785.dumps(
            {
                "apiVersion": "0.0.1",
                "kind": "dsse",
                "spec": {
                    **{n: {"algorithm": "sha256", "value": v} for n, v in digests.items()},
                    "signatures": [
                        {"signature": envelope["signatures"][0]["sig"], "verifier": _b64(pem)}
                    ],
                },
            }
        )
        now, log_id = int(datetime.now(UTC).timestamp()), _id(self.log)
        leaf = hashlib.sha256(b"\0" + body).digest()
        note = f"{_ORIGIN}\n1\n{_b64(leaf)}\n"
        signature = _b64(log_id[:4] + _sign(self.log, note.encode()))
        promise = rfc8785.dumps(
            {"body": _b64(body), "integratedTime": now, "logID": log_id.hex(), "logIndex": 0}
        )
        return TransparencyLogEntry._from_v1_response(
            {
                "id": {
                    "body": _b64(body),
                    "integratedTime": now,
                    "logID": log_id.hex(),
                    "logIndex": 0,
                    "verification": {
                        "signedEntryTimestamp": _b64(_sign(self.log, promise)),
                        "inclusionProof": {
                            "logIndex": 0,
                            "rootHash": leaf.hex(),
                            "treeSize": 1,
                            "hashes": [],
                            "checkpoint": f"{note}\n\u2014 {_ORIGIN} {signature}\n",
                        },
                    },
                }
            }
        )

    def trust_config(self) -> str:
        """The client trust configuration of this sigstore: its public keys, no services."""
        since = {"start": self.begun.isoformat().replace("+00:00", "Z")}

        def log(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
            return {
                "baseUrl": "http://127.0.0.1:9",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": _b64(_der(key)),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": since,
                },
                "logId": {"keyId": _b64(_id(key))},
            }

        root = self.root.public_bytes(serialization.Encoding.DER)
        trusted = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "example", "commonName": "authority.example"},
                    "certChain": {"certificates": [{"rawBytes": _b64(root)}]},
                    "validFor": since,
                }
            ],
            "ctlogs": [log(self.certificates)],
        }
        return json.dumps(
            {
                "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
                "trustedRoot": trusted,
                "signingConfig": {
                    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json"
                },
            }
        )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign, key_cert_sign=not sign, crl_sign=not sign,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _length(count: int) -> bytes:
    """A length in DER."""
    return bytes([count]) if count < 128 else b"\x81" + bytes([count])
