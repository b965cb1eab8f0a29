"""The wheel: built, installed in an empty environment outside the checkout, run from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import pytest

import evalharness
from evalharness.cli.app import run_app
from tests.support import requirements

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


def installed(wheel: Path, environment: Path) -> tuple[Path, Path]:
    """The wheel in an empty environment, without a library: its interpreter, its packages."""
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel],
        check=True,
        capture_output=True,
    )
    return python, next((environment / "lib").glob("python3*/site-packages"))


def link(names: Iterable[str], site: Path) -> None:
    """Put these distributions of this environment, and no others, into another one."""
    for name in names:
        distribution = metadata.distribution(name)
        parts = {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}
        for part in parts - {"__pycache__"}:
            if not (site / part).exists():
                (site / part).symlink_to(Path(str(distribution.locate_file(part))))


def test_it_runs_from_another_folder(wheel, tmp_path):
    """An empty environment that sees this one's libraries, but not the checkout."""
    environment = tmp_path / "venv"
    python, site = installed(wheel, environment)
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


def test_a_customer_verifies_in_an_empty_environment(wheel, tmp_path, monkeypatch):
    """Only the run's folder and the public key are there; then one byte of a file is flipped."""
    monkeypatch.chdir(tmp_path)
    examples = ROOT / "docs" / "examples"
    run = evalharness.run(
        {
            "target": {"adapter": "replay", "path": str(examples / "outputs.csv")},
            "tasks": ["quickstart_factuality"],
        },
        out="results",
    ).path
    assigned = ["--kind", "assurance", "--engagement", str(examples / "engagement.yaml")]
    assert run_app(["report", str(run), *assigned]) == 0
    assert run_app(["new", "key", "tester.key"]) == 0
    assert run_app(["sign", str(run), "--key", "tester.key"]) == 0

    python, site = installed(wheel, tmp_path / "venv")
    names = requirements("sign")
    assert not names & {"torch", "transformers", "babel", "weasyprint", "markdownify"}
    link(names, site)
    customer = tmp_path / "customer"
    home = customer / "home"
    home.mkdir(parents=True)
    shutil.copytree(run, customer / run.name)
    shutil.copy("tester.key.pub", customer)
    shutil.rmtree(run.parent)
    known = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}

    def verify() -> subprocess.CompletedProcess[str]:
        asked = [python, "-I", "-m", "evalharness", "verify", run.name, "--key", "tester.key.pub"]
        return subprocess.run(
            asked, cwd=customer, env=known, capture_output=True, text=True, check=False
        )

    done = verify()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is about these records" in done.stdout
    assert not list(home.iterdir())
    for name in ("assurance.html", "responses.sqlite"):
        path = customer / run.name / name
        content = path.read_bytes()
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        assert verify().returncode == 1, name
        path.write_bytes(content)
