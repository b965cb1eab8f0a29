"""The notebooks run from top to bottom, and are stored without outputs."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

#: Notebook -> what its output says, as patterns.
EXPECTED = {
    # the demo model's accuracy, as docs/demo.md states it, with the space that does not break
    "01_first_scorecard": [r"<b>6\d\s%</b>", "Permitted requests met"],
    "02_compare_models": ["better", "no difference shown", "items: 80 items"],
    "03_your_own_task_and_adapter": ["checks hold", "no-data-sheet", "insufficient"],
    "04_scorer_validity": [r"truth 0\.107", r"rogan-gladen", r"sensitivity 0\.\d\d"],
    "05_assurance_report": [
        "the gate HOLDS", r"assurance\.html", "holds   signed by the key", "FAILED  every file",
    ],
}  # fmt: skip

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def test_every_notebook_says_what_it_must_show():
    assert sorted(EXPECTED) == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_are_cleared(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.full
@pytest.mark.enable_socket  # the kernel speaks over loopback
@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)  # of the notebook machinery, not ours
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs(path, tmp_path):
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", ())]
    shown = [kind for output in outputs for kind in output.get("data", {})]
    assert "image/svg+xml" in shown, "a notebook has pictures"
    assert "text/html" in shown
    # a progress bar's remark about widgets is not ours
    said = [o["text"] for o in outputs if o.get("name") == "stderr"]
    assert [text for text in said if "TqdmWarning" not in text] == []
    text = "".join(str(output.get("text", "")) for output in outputs)
    text += "".join(output.get("data", {}).get("text/html", "") for output in outputs)
    for expected in EXPECTED[path.stem]:
        assert re.search(expected, text), text
    assert list((tmp_path / "results").glob("*/report.html"))
