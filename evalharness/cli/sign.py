"""``evalharness sign``: a signed statement about a run's files and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalharness.cli.options import Quiet, RunPath, Staging, TrustConfig


def sign(
    run: RunPath,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="Your private key: 'evalharness new key FILE' makes one."),
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Who signs, in words.")] = None,
    sigstore: Annotated[
        bool,
        typer.Option(
            "--sigstore",
            help="Sign with an identity instead of a key, or beside it; public and for good.",
        ),
    ] = False,
    identity_token: Annotated[
        str | None,
        typer.Option(
            "--identity-token",
            metavar="VARIABLE",
            help="Environment variable with an OIDC token; else a build server's, or a browser.",
        ),
    ] = None,
    staging: Staging = False,
    trust_config: TrustConfig = None,
    quiet: Quiet = False,
) -> int:
    """Sign a finished run: in-toto statements with its files' digests and its figures."""
    from evalharness.errors import ConfigError
    from evalharness.evidence.keyless import Service
    from evalharness.evidence.keys import key_id, private_key
    from evalharness.evidence.sign import Keyless, sign_run
    from evalharness.store.directory import RunDirectory

    if not sigstore and (identity_token or staging or trust_config):
        raise ConfigError(
            "sign: --identity-token, --staging and --trust-config belong to --sigstore"
        )
    service = Service(staging=staging, config=trust_config)
    signed = sign_run(
        RunDirectory.existing(run),
        key,
        signer=by,
        sigstore=Keyless(service, identity_token) if sigstore else None,
    )
    if not quiet:
        for path in signed.files:
            typer.echo(f"Signed: {path}")
        for name in signed.kept:
            typer.echo(f"kept, for it is about these files too: the signature by the key {name}")
        for name in signed.removed:
            typer.echo(
                f"taken away, for it was about other files: the signature by the key {name}",
                err=True,
            )
        for name in signed.replaced:
            typer.echo(
                f"replaced, for a run keeps one identity's: the signature of {name} through "
                "sigstore; several keys sign beside each other",
                err=True,
            )
        if key is not None:
            typer.echo(f"key id {key_id(private_key(key).public_key())}")
            typer.echo(
                f"Whoever has the public key checks it: evalharness verify {run} --key {key}.pub"
            )
        if sigstore:
            typer.echo(f"Anybody checks it: evalharness verify {run} --identity YOU --issuer URL")
    return 0
