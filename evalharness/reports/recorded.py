"""Outputs that were recorded before a run: what a page says of them.

Nothing was asked then, and that the item gave these outputs is the word of whoever recorded them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.reports.language import _

__all__ = ["is_recorded", "provider_of"]

#: The adapter that plays recordings back.
_REPLAY = "replay"


def is_recorded(identity: Mapping[str, Any]) -> bool:
    """Whether a model's answers were read from a recording."""
    return identity.get("provider") == _REPLAY


def provider_of(name: str) -> str:
    """Who or what gave the answers, in words where it is a recording."""
    return _("recorded outputs (replay)") if name == _REPLAY else name
