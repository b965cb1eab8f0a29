"""evalharness measures how safe a large language model is, and says how sure it is.

Run an evaluation and look at it::

    import evalharness

    run = evalharness.run({"target": "demo", "tasks": ["quickstart_factuality"]})
    run.scorecard.dimensions["factuality"]
    run.samples.counts("outcome")
    evalharness.load_runs("results/*").metrics

Importing this package imports nothing heavy; each name loads what it needs at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from evalharness.adapters.base import Adapter, Capabilities, ModelIdentity
    from evalharness.adapters.wrap import Wrapped
    from evalharness.api import Run, compare, load_run, run
    from evalharness.comparison import Comparison
    from evalharness.errors import (
        AdapterError,
        ConfigError,
        DataError,
        EvalHarnessError,
        RunError,
        TaskError,
    )
    from evalharness.records import (
        Attempt,
        Decoding,
        Failure,
        Message,
        Outcome,
        OutcomeKind,
        Request,
        Response,
        Sample,
    )
    from evalharness.runs import Runs, load_runs
    from evalharness.samples import Samples
    from evalharness.scorecard.model import Scorecard

__all__ = [
    "Adapter",
    "AdapterError",
    "Attempt",
    "Capabilities",
    "Comparison",
    "ConfigError",
    "DataError",
    "Decoding",
    "EvalHarnessError",
    "Failure",
    "Message",
    "ModelIdentity",
    "Outcome",
    "OutcomeKind",
    "Request",
    "Response",
    "Run",
    "RunError",
    "Runs",
    "Sample",
    "Samples",
    "Scorecard",
    "TaskError",
    "Wrapped",
    "compare",
    "load_run",
    "load_runs",
    "run",
]

_HOME = {
    **dict.fromkeys(("Adapter", "Capabilities", "ModelIdentity"), "evalharness.adapters.base"),
    **dict.fromkeys(("Run", "compare", "load_run", "run"), "evalharness.api"),
    **dict.fromkeys(
        ("AdapterError", "ConfigError", "DataError", "EvalHarnessError", "RunError", "TaskError"),
        "evalharness.errors",
    ),
    **dict.fromkeys(
        (
            "Attempt", "Decoding", "Failure", "Message", "Outcome", "OutcomeKind", "Request",
            "Response", "Sample",
        ),
        "evalharness.records",
    ),
    **dict.fromkeys(("Runs", "load_runs"), "evalharness.runs"),
    "Comparison": "evalharness.comparison",
    "Samples": "evalharness.samples",
    "Scorecard": "evalharness.scorecard.model",
    "Wrapped": "evalharness.adapters.wrap",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Load a public name from its module at first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'evalharness' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
