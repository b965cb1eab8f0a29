"""One run of each kind for all tests of the folder; none of them changes it."""

from __future__ import annotations

import pytest

from tests.exports import runs


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    return runs.mixed(tmp_path_factory.mktemp("mixed")).path


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    return runs.hostile(tmp_path_factory.mktemp("hostile")).path
