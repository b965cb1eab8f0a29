"""Ed25519 keys of a tester: made, read, named by the digest of their public half."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from evalharness.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

__all__ = ["key_id", "private_key", "public_key", "write_pair"]

_MOST_BYTES = 64 * 1024


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise MissingExtraError("Signing", "sign") from None
    return serialization, ed25519


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key, as hexadecimal digits."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def write_pair(path: Path) -> Path:
    """Make a key: ``path`` for the tester alone, ``path``.pub for everybody.

    Returns:
        The path of the public key.

    Raises:
        ConfigError: a file of either name is there already.
    """
    serialization, ed25519 = _library()
    public = path.with_name(path.name + ".pub")
    for file in (path, public):
        if file.exists():
            raise ConfigError(f"{file}: is there already; a key is never overwritten, move it")
    key = ed25519.Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file_:
        file_.write(secret)
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return public


def private_key(path: Path) -> Ed25519PrivateKey:
    """A private key from a PEM file (PKCS 8), without a password.

    Raises:
        ConfigError: it is missing, or no such key.
    """
    serialization, ed25519 = _library()
    try:
        key: Any = serialization.load_pem_private_key(_bytes(path), password=None)
    except (ValueError, TypeError):
        key = None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return cast("Ed25519PrivateKey", key)
    raise ConfigError(
        f"{path}: no private Ed25519 key in PEM without a password; "
        "'evalharness new key tester.key' makes one"
    )


def public_key(path: Path) -> Ed25519PublicKey:
    """A public key from a PEM file.

    Raises:
        ConfigError: it is missing, or no such key (a private one is none: it is not for others).
    """
    serialization, ed25519 = _library()
    try:
        key: Any = serialization.load_pem_public_key(_bytes(path))
    except ValueError:
        key = None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return cast("Ed25519PublicKey", key)
    raise ConfigError(f"{path}: no public Ed25519 key in PEM; it ends in .pub where we made it")


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such key file; check the path")
    if path.stat().st_size > _MOST_BYTES:
        raise ConfigError(f"{path}: too large for a key file; name the PEM file of the key")
    return path.read_bytes()
