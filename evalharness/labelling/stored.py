"""People's labels as a run keeps them: in ``labels.json``, with their digest in the measurement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from evalharness.config import RunConfig
from evalharness.errors import RunCorruptError
from evalharness.scorecard.people import HumanLabels
from evalharness.store.directory import RunDirectory
from evalharness.yamlfile import first_fault

__all__ = ["labels_of", "settings_of"]


def settings_of(config: RunConfig, labels: HumanLabels | None) -> dict[str, Any]:
    """What defines a measurement beside its tasks and models: people's labels are in it."""
    return config.settings if labels is None else {**config.settings, "labels": labels.digest}


def labels_of(directory: RunDirectory, run: Mapping[str, Any]) -> HumanLabels | None:
    """People's labels of a run; None where its measurement has none.

    Raises:
        RunCorruptError: they are not those of the measurement.
    """
    wanted = run["settings"].get("labels")
    if wanted is None:
        return None
    try:
        labels = HumanLabels.from_json(directory.read_json(directory.labels))
    except ValidationError as fault:
        raise RunCorruptError(
            f"{directory.labels}: {first_fault(fault)}; the file is damaged"
        ) from None
    if labels.digest != wanted:
        raise RunCorruptError(
            f"{directory.labels}: the labels are not those of the measurement (digest "
            f"{labels.digest[:12]}, run.json says {str(wanted)[:12]})"
        )
    return labels
