"""The command line: one thin file a command, errors in one place.

Importing this package imports nothing heavy; each command loads what it needs when it is called.
"""

from __future__ import annotations

import gc
import sys

__all__ = ["main"]


def main() -> None:
    """Entry point of ``evalharness``."""
    from evalharness.engine.collection import rare_collections

    with rare_collections():  # a tenth of the time that a command takes to load
        from evalharness.cli.app import run_app
        from evalharness.cli.signals import heed

        heed()
        code = run_app(sys.argv[1:])
    # what is left ends with the process: a last search for cycles in it would take longer than many
    # a command
    gc.freeze()
    sys.exit(code)
