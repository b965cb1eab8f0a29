"""Collects the commands, and turns what they raise into a sentence and an exit code."""

from __future__ import annotations

import functools
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import typer

from evalharness.cli import (
    bank,
    compare,
    corpus,
    coverage,
    export,
    findings,
    gate,
    labels,
    lint,
    list_,
    new,
    plan,
    reference,
    report,
    run,
    score,
    selftest,
    sign,
    signals,
    verify,
)
from evalharness.errors import EvalHarnessError

__all__ = ["DEBUG_VARIABLE", "app", "run_app"]

#: Of DESIGN section 7; 130 and its like are in `signals`.
_UNREAD = 141
#: Of a fault of evalharness itself too: 1 is kept for checks that failed.
_CRASHED = 2

#: Set to anything: a fault of evalharness shows its traceback.
DEBUG_VARIABLE = "EVALHARNESS_DEBUG"

app = typer.Typer(
    name="evalharness",
    help="Measure how safe a language model is: robustness, factuality, bias, toxicity and data "
    "governance, each figure with its denominator, its interval and what was not measured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _command(function: Callable[..., int]) -> Callable[..., None]:
    """A command as typer wants it: leaves with what ``function`` returns, or with its error."""

    @functools.wraps(function)
    def leaving(*arguments: Any, **options: Any) -> None:
        try:
            code = function(*arguments, **options)
        except EvalHarnessError as fault:
            for line in str(fault).splitlines():
                sys.stderr.write(f"evalharness: {line}\n")
            code = fault.exit_code
        except BrokenPipeError:
            code = _unread()
        except OSError as fault:
            name = f"{fault.filename}: " if fault.filename else ""
            sys.stderr.write(
                f"evalharness: {name}{fault.strerror or fault}; check path and rights\n"
            )
            code = 2
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not look like a failed check
            code = _crashed(fault)
        except KeyboardInterrupt:
            code = _interrupted()
        raise typer.Exit(code)

    return leaving


def _interrupted() -> int:
    """Say that what was answered is kept; nobody may be there to read it."""
    by = f" by {name}" if (name := signals.name()) else ""
    with suppress(OSError):  # the terminal was closed
        sys.stderr.write(
            f"evalharness: interrupted{by}; what was answered is kept: the same command resumes\n"
        )
        sys.stderr.flush()
    return signals.exit_code()


def _unread() -> int:
    """Whoever read the output (``| head``) has read enough: no more is written, and none is wrong.

    The code is the one that a shell gives a program which ends so.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    return _UNREAD


def _crashed(fault: Exception) -> int:
    """Say in a sentence that evalharness itself failed; the exit code is never a check's."""
    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exception(fault)
        again = "please report it with the traceback above"
    else:
        again = f"run again with {DEBUG_VARIABLE}=1 for a traceback, and please report it"
    said = " ".join(str(fault).split())[:500]
    sys.stderr.write(
        f"evalharness: this is a fault of evalharness: {type(fault).__name__}: {said}; {again}\n"
    )
    return _CRASHED


app.command("run")(_command(run.run))
app.command("plan")(_command(plan.plan))
app.command("list")(_command(list_.list_))
app.add_typer(new.app, name="new")
new.app.command("task")(_command(new.task))
new.app.command("key")(_command(new.key))
new.app.command("engagement")(_command(new.engagement))
app.add_typer(bank.app, name="bank")
bank.app.command("validate")(_command(bank.validate))
bank.app.command("draw")(_command(bank.draw))
app.add_typer(corpus.app, name="corpus")
corpus.app.command("audit")(_command(corpus.audit))
app.command("score")(_command(score.score))
app.command("labels")(_command(labels.labels))
app.command("report")(_command(report.report))
app.command("compare")(_command(compare.compare))
app.add_typer(reference.app, name="reference")
reference.app.command("add")(_command(reference.add))
reference.app.command("list")(_command(reference.list_))
app.command("gate")(_command(gate.gate))
app.command("sign")(_command(sign.sign))
app.command("findings")(_command(findings.findings))
app.command("export")(_command(export.export))
app.command("coverage")(_command(coverage.coverage))
app.command("verify")(_command(verify.verify))
app.command("lint")(_command(lint.lint))
app.command("selftest")(_command(selftest.selftest))


def _print_version(wanted: bool) -> None:
    if wanted:
        import evalharness

        typer.echo(f"evalharness {evalharness.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def run_app(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        app(list(arguments))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else _CRASHED
    return 0
