"""What a run's tasks are called in words: the ``title`` of their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["task_titles"]


def task_titles(run: Mapping[str, Any]) -> dict[str, str]:
    """Task -> its title, of those that have one.

    Args:
        run: the content of run.json.
    """
    definitions = {
        name: planned.get("definition", {}) for name, planned in run.get("tasks", {}).items()
    }
    return {
        name: str(definition["title"])
        for name, definition in definitions.items()
        if definition.get("title")
    }
