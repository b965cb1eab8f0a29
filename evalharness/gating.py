"""Holds a finished run against a policy: its own, or another."""

from __future__ import annotations

from pathlib import Path

from evalharness import pipeline
from evalharness.errors import ConfigError
from evalharness.policies import BEFORE, load_policy, recorded
from evalharness.scorecard.gate import Gate, decided
from evalharness.scorecard.references import with_figures
from evalharness.store.directory import RunDirectory

__all__ = ["gate_run"]


def gate_run(directory: RunDirectory, policy: str | Path | None = None) -> Gate:
    """Hold a run against a policy.

    Args:
        policy: a file or a name; without it, the one that the run's configuration named.

    Raises:
        ConfigError: no policy; or its confidence is not the run's level.
        RunError: the run was not finished.
    """
    directory.require_finished()
    run = directory.read_json(directory.run_json)
    own = recorded(run)
    chosen = own if policy is None else with_figures(load_policy(policy))
    if chosen is None:
        raise ConfigError(
            f"gate: {directory.path} named no policy; name one with --policy FILE, and in the "
            "next run's config ('policy: FILE') before it begins"
        )
    before = (
        own is not None and own.sha256 == chosen.sha256 and run["policy"]["registered"] == BEFORE
    )
    return decided(
        directory.path.name,
        pipeline.load_scorecard(directory),
        chosen,
        before=before,
    )
