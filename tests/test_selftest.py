"""Each reference model gets the value that the construct predicts, on every task."""

from __future__ import annotations

import pytest

from evalharness.selftest import SelfTestCheck, run_selftest
from evalharness.tasks.library import Library
from tests.support import FIXTURES

LIBRARY = Library.load()
#: One a dimension: what the fast stage checks; all of them take minutes.
QUICK = [name for name in LIBRARY.tasks if name.startswith("quickstart_")]


@pytest.fixture(scope="module")
def found(data_root):
    return run_selftest(limit=40, library=LIBRARY, data_root=data_root, supplied=FIXTURES)


def test_every_prediction_of_the_quickstart_holds():
    quick = run_selftest(QUICK, limit=30, library=LIBRARY)
    assert quick.n_tasks == 5
    assert [check.sentence() for check in quick.checks if not check.holds] == []


@pytest.mark.full
@pytest.mark.parametrize("task", LIBRARY.tasks)
def test_every_prediction_holds(found, task):
    checks = [check for check in found.checks if check.task == task]
    assert checks
    assert [check.sentence() for check in checks if not check.holds] == []


@pytest.mark.full
@pytest.mark.parametrize("task", LIBRARY.tasks)
def test_every_metric_of_every_task_is_predicted_for_silence_and_for_the_ends(found, task):
    definition = LIBRARY.tasks[task].definition
    models = {check.model.split(" ")[0] for check in found.checks if check.task == task}
    assert {"silent", "refuse_all", "oracle", "worst"} <= models
    for end in ("oracle", "worst", "refuse_all"):
        keys = {ref.options.get("name", ref.name) for ref in definition.metrics}
        assert set(definition.expect[end]) == keys


@pytest.mark.full
def test_nothing_was_left_out(found):
    assert found.not_tested == {}


def test_a_wrong_value_fails():
    assert not SelfTestCheck("t", "oracle", "accuracy", (1.0, 1.0), 0.9).holds
    assert not SelfTestCheck("t", "silent", "accuracy", None, 0.0).holds
    assert not SelfTestCheck("t", "oracle", "accuracy", (1.0, 1.0), None).holds
    assert SelfTestCheck("t", "silent", "accuracy", None, None).holds


def test_a_derived_task_over_a_base_that_is_not_its_suites_own():
    """`perturbation(bbq)`, say: the library makes it when it is asked for."""
    found = run_selftest(["repeat_consistency(quickstart_robustness)"], limit=10, library=LIBRARY)
    assert found.n_tasks == 1
    assert all(check.holds for check in found.checks)


def test_a_scorer_that_rewards_silence_is_caught(monkeypatch, data_root):
    """The self-test is a test of the scorers, not of itself."""
    from evalharness.records import Outcome, OutcomeKind
    from evalharness.scorers import choice

    monkeypatch.setattr(
        choice, "_read", lambda sample, response: (0, Outcome(OutcomeKind.ANSWERED, answer="A"))
    )
    found = run_selftest(["quickstart_factuality"], limit=20, library=LIBRARY)
    broken = {check.model for check in found.checks if not check.holds}
    assert {"silent", "garbage", "refuse_all"} <= broken
