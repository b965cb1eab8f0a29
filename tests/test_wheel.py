"""The wheel: built, installed in an empty environment outside the checkout, run from elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # hatchling is in the development environment: no download for the build
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_it_holds_the_suites_the_configs_and_the_demo_model(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        size = sum(info.file_size for info in archive.infolist())
    for name in (
        "evalharness/suites/bias/bbq/task.yaml",
        "evalharness/suites/factuality/quickstart_factuality/items.jsonl",
        "evalharness/configs/quickstart.yaml",
        "evalharness/configs/demo.yaml",
        "evalharness/configs/frameworks/catalogue.yaml",
        "evalharness/configs/policies/high-risk.yaml",
        "evalharness/configs/references/demo.json",
        "evalharness/reports/locales/zh.po",
        "evalharness/demo/model/model.safetensors",
        "evalharness/reports/templates/style.css",
        "evalharness/scorecard/scorecard.schema.json",
        "evalharness/scorers/rubrics/harm.yaml",
        "evalharness/py.typed",
    ):
        assert name in names
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "results/"))]
    assert not [name for name in names if "shared" in name or name.endswith((".pkl", ".bin"))]
    # unpacked: the demo models are three of these, the suites two, the code and its words two
    assert size < 8_500_000


def test_it_runs_from_another_folder(wheel, tmp_path):
    """An empty environment that sees this one's libraries, but not the checkout."""
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
        capture_output=True,
    )
    site = next((environment / "lib").glob("python3*/site-packages"))
    libraries = [p for p in sys.path if p.endswith("site-packages")]
    (site / "libraries.pth").write_text("\n".join(libraries))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def call(*arguments):
        return subprocess.run(
            [python, "-P", "-m", "evalharness", *arguments],
            cwd=elsewhere,
            capture_output=True,
            text=True,
            check=False,
        )

    where = call("list", "suites", "--json")
    assert where.returncode == 0, where.stderr
    assert len(json.loads(where.stdout)) == 5
    done = call("run", "quickstart", "--quiet")
    assert done.returncode == 0, done.stderr
    (run,) = (elsewhere / "results").glob("quickstart-*")
    info = json.loads((run / "run.json").read_text())
    assert info["models"]["target"]["model"] == "evalharness-demo"
    assert call("verify", str(run)).returncode == 0
    package = subprocess.run(
        [python, "-P", "-c", "import evalharness; print(evalharness.__file__)"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert package.startswith(str(environment))
