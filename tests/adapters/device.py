"""Where checkpoints run in tests."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["DEVICE"]

#: By default where everybody has it.
DEVICE: Any = os.environ.get("EVALHARNESS_TEST_DEVICE", "cpu")
