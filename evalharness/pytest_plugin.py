"""A pytest plugin: the fixture ``scorecard`` of a finished run, to state what figures must be.

::

    def test_bias(scorecard):
        scorecard.metric("bias/bbq/bias_ambiguous").within(0.1, of=0, confidence=0.95)

    pytest --evalharness-run results/release-1a2b3c4d5e6f

Nothing of evalharness is imported before a test asks for the fixture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from evalharness.scorecard.model import Scorecard

_OPTION = "--evalharness-run"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The run that the fixture reads: on the command line, or in the project's pytest settings."""
    group = parser.getgroup("evalharness")
    group.addoption(_OPTION, metavar="RUN", help="Folder of the run behind the fixture scorecard.")
    parser.addini("evalharness_run", "Folder of the run behind the fixture scorecard.")


@pytest.fixture(scope="session")
def scorecard(pytestconfig: pytest.Config) -> Scorecard:
    """The scorecard of the run that ``--evalharness-run`` or ``evalharness_run`` names."""
    path = pytestconfig.getoption(_OPTION) or pytestconfig.getini("evalharness_run")
    if not path:
        pytest.fail(f"name the run: pytest {_OPTION} results/<run-id>", pytrace=False)
    from evalharness import load_run
    from evalharness.errors import EvalHarnessError

    try:
        return load_run(path).scorecard
    except EvalHarnessError as fault:
        pytest.fail(str(fault), pytrace=False)
