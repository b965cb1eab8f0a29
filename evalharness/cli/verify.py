"""``evalharness verify``: digests, counts, and every figure derived again. Changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evalharness.cli.options import Json, Quiet, RunPath, Staging, TrustConfig

if TYPE_CHECKING:
    from evalharness.evidence.keyless import Expected, Service
    from evalharness.store.directory import RunDirectory


def verify(
    run: RunPath,
    key: Annotated[
        Path | None, typer.Option("--key", help="The tester's public key, to check who signed.")
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option("--identity", help="Who signed through sigstore: an e-mail address, a URL."),
    ] = None,
    issuer: Annotated[
        str | None, typer.Option("--issuer", help="URL of who vouches for --identity.")
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Take sigstore's public keys as they are stored here."),
    ] = False,
    staging: Staging = False,
    trust_config: TrustConfig = None,
    supersedes: Annotated[
        list[Path] | None,
        typer.Option(
            "--supersedes",
            metavar="FOLDER",
            help="Run of a report that this one's supersedes, to check that it is what it was.",
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Check a run from its records alone; exit 1 when anything does not hold."""
    from evalharness.evidence import keyless
    from evalharness.evidence.sign import MEANING
    from evalharness.store.directory import RunDirectory
    from evalharness.verification import verify_run

    directory = RunDirectory.existing(run)
    service = keyless.Service(staging, offline, trust_config)
    expected = _expected(identity, issuer, service)
    checks = verify_run(directory, key, supersedes or (), expected)
    made = [check for check in checks if check.checked]
    left = [check for check in checks if not check.checked]
    failed = [check for check in made if check.faults]
    if as_json:
        shown = [
            {"check": c.name, "holds": not c.faults if c.checked else None, "faults": c.faults}
            for c in checks
        ]
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    elif not quiet:
        for check in made:
            typer.echo(f"{'FAILED' if check.faults else 'holds '}  {check.name}")
            for fault in check.faults[:10]:
                typer.echo(f"          {fault}")
            if len(check.faults) > 10:
                typer.echo(f"          and {len(check.faults) - 10} more")
        for check in left:
            typer.echo(f"not checked: {check.name}")
        if key is not None and not failed:
            for line in MEANING:
                typer.echo(f"the signature {line}")
        if expected is not None and not failed:
            for line in keyless.MEANING:
                typer.echo(f"the bundle {line}")
        typer.echo(_verdict(directory, len(made), len(failed), len(left)))
    return 1 if failed else 0


def _verdict(directory: RunDirectory, made: int, failed: int, left: int) -> str:
    """The last line: whether it was verified, and what that leaves open."""
    if failed:
        return f"NOT verified: {failed} of {made} checks failed"
    more = f"; {left} not checked" if left else ""
    unsigned = "" if directory.is_signed else "; nobody signed the run"
    return f"verified: all {made} checks hold{more}{unsigned}"


def _expected(identity: str | None, issuer: str | None, service: Service) -> Expected | None:
    """Who should have signed through sigstore; None where nobody was named.

    Raises:
        ConfigError: half of it was said.
    """
    from evalharness.errors import ConfigError
    from evalharness.evidence.keyless import Expected, Service

    if identity is not None and issuer is not None:
        return Expected(identity, issuer, service)
    if identity is not None or issuer is not None:
        raise ConfigError(
            "verify: --identity and --issuer belong together: another issuer can vouch for anybody "
            "under the same name"
        )
    if service != Service():
        raise ConfigError(
            "verify: --offline, --staging and --trust-config belong to --identity and --issuer"
        )
    return None
