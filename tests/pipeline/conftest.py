"""A small suite, and a finished run of it."""

from __future__ import annotations

import pytest

import evalharness
from tests.pipeline.running import by_letter, config
from tests.support import FakeModel, item, write_suite


@pytest.fixture
def suite(tmp_path):
    return write_suite(tmp_path, [item(n, cluster=f"c{n % 5}") for n in range(40)])


@pytest.fixture
def finished(tmp_path, suite):
    return evalharness.run(config(suite, FakeModel(by_letter)), out=tmp_path / "results")
