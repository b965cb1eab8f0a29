"""The formats of runs, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evalharness.errors import ConfigError
from evalharness.exports.eee import write_eee
from evalharness.exports.figures import Choices
from evalharness.exports.junit import write_junit
from evalharness.exports.model_card import write_model_card
from evalharness.exports.moonshot import write_moonshot
from evalharness.exports.tables import write_tables
from evalharness.finished import Finished
from evalharness.outfile import outside_runs
from evalharness.yamlfile import did_you_mean

__all__ = ["FORMATS", "export_run"]


@dataclass(frozen=True)
class Format:
    """How a run is written.

    Args:
        write: run, place, choices -> the files that were written.
        is_folder: the place is a folder, for it takes several files; else a file.
        asks: who measured, and the relationship to the provider, have a place in it.
    """

    write: Callable[[Finished, Path, Choices], list[Path]]
    is_folder: bool = False
    asks: bool = False


FORMATS = {
    "eee": Format(write_eee, is_folder=True, asks=True),
    "hf": Format(write_model_card),
    "moonshot": Format(write_moonshot),
    "csv": Format(write_tables, is_folder=True),
    "junit": Format(write_junit),
}


def export_run(run: Path, format_: str, out: Path, choices: Choices) -> list[Path]:
    """Write a finished run in another's format; the same run gives the same bytes.

    Returns:
        The files that were written.

    Raises:
        ConfigError: no such format, or ``out`` is a file where a folder is needed, or the reverse,
            or lies in the run's folder.
        RunError: the run was not finished; RunCorruptError: its files were changed.
    """
    if format_ not in FORMATS:
        raise ConfigError(
            f"--format: there is no format '{format_}'{did_you_mean(format_, FORMATS)}"
        )
    chosen = FORMATS[format_]
    if not chosen.asks and (choices.organization or choices.relationship):
        asking = ", ".join(name for name, known in FORMATS.items() if known.asks)
        raise ConfigError(
            f"--organization and --relationship have no place in {format_}; only in {asking}"
        )
    if chosen.is_folder and out.is_file():
        raise ConfigError(f"--out {out}: is a file; {format_} takes a folder for its files")
    finished = Finished.of(run)
    return chosen.write(finished, outside_runs(out), choices)
