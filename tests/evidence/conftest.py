"""A signed run with a file of every kind that the harness leaves in a run's folder."""

from __future__ import annotations

import shutil

import pytest

from evalharness.cli.app import run_app
from evalharness.evidence import keys, sign
from evalharness.store.directory import RunDirectory
from tests.labelling.judged import TASK, World, judged_run, labelled, sheet_of, written
from tests.support import engagement_file, item, write_suite

POLICY = """\
policy: mine
version: 1
title: ours
criteria:
  - {metric: factuality/small/harm_rate, at_most: 0.9}
"""
CARD = "---\ndatasets: [wiki]\n---\n## Limitations\nInvents doses.\n"
WARNING = "content_warning: Items ask for harm.\n"


@pytest.fixture(scope="session")
def signer(tmp_path_factory):
    """A key of a tester: (private, public)."""
    path = tmp_path_factory.mktemp("signer") / "tester.key"
    return path, keys.write_pair(path)


@pytest.fixture(scope="session")
def every_made(tmp_path_factory, signer):
    """The run, with people's labels, every report in every language, and a later scoring."""
    folder = tmp_path_factory.mktemp("every")
    world = World(30)
    write_suite(folder, [item(n) for n in range(30)], task=TASK + WARNING)
    first = judged_run(folder, world)
    sheet = written(folder / "done.csv", labelled(sheet_of(first, folder / "sheet.csv", 20)))
    told = {"file": str(sheet), "of": "exchangeable", "note": "the same", "run": str(first.path)}
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "README.md").write_text(CARD)
    more = {"labels": [told], "policy": str(folder / "policy.yaml")}
    run = judged_run(folder, world, out="later", **more).path
    assigned = ["--engagement", str(engagement_file(folder))]
    assurance = ["--kind", "assurance", *assigned, "--withhold", "responses", "--sample", "q003"]
    label = ["--kind", "label", *assigned, "--card", str(folder / "README.md")]
    for options in (
        ["--markdown", "--hazardous"],
        ["--lang", "zh", "--markdown"],
        [*assurance, "--markdown"],
        [*assurance, "--lang", "zh"],
        [*label, "--markdown"],
        [*label, "--lang", "zh", "--pdf"],
    ):
        assert run_app(["report", str(run), *options]) == 0
    assert run_app(["score", str(run), "--set", "floor=0.4"]) == 0
    sign.sign_run(RunDirectory(run), signer[0], signer="Jane Doe")
    return run


@pytest.fixture
def every(every_made, tmp_path):
    """A copy of that run of its own."""
    return RunDirectory(shutil.copytree(every_made, tmp_path / every_made.name))
