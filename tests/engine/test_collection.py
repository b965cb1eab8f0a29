"""The collector is left as it was found, also after an error and where it was set higher."""

from __future__ import annotations

import gc

import pytest

from evalharness.cli import main
from evalharness.engine.collection import rare_collections


@pytest.fixture
def threshold():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("threshold")
def test_collections_are_rare_within_and_as_before_after():
    gc.set_threshold(700, 10, 10)
    with rare_collections():
        assert gc.get_threshold()[0] >= 10_000
    with pytest.raises(KeyError), rare_collections():
        raise KeyError
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.usefixtures("threshold")
def test_a_higher_threshold_stays():
    gc.set_threshold(1_000_000, 10, 10)
    with rare_collections():
        assert gc.get_threshold()[0] == 1_000_000


@pytest.mark.usefixtures("threshold")
def test_a_command_looks_for_cycles_seldom(monkeypatch):
    gc.set_threshold(700, 10, 10)
    seen = []
    monkeypatch.setattr("evalharness.cli.app.run_app", lambda _: seen.append(gc.get_threshold()))
    monkeypatch.setattr(gc, "freeze", lambda: None)
    with pytest.raises(SystemExit):
        main()
    assert seen[0][0] >= 10_000
    assert gc.get_threshold() == (700, 10, 10)
