"""Scorers, metrics and transforms by name: each imported when it is first asked for."""

from __future__ import annotations

import inspect
import pkgutil
import subprocess
import sys
from importlib import import_module

import pytest

from evalharness.catalogue import Catalogue
from evalharness.scorecard.metrics import registry as metrics
from evalharness.scorers import registry as scorers
from evalharness.tasks.transforms import registry as transforms

REGISTRIES = {"scorers": scorers, "scorecard.metrics": metrics, "tasks.transforms": transforms}


@pytest.mark.parametrize("package", REGISTRIES)
def test_a_class_stands_under_its_own_name(package):
    found = REGISTRIES[package].BUILT_IN
    assert list(found) == sorted(found)
    assert len(found) > 5
    for name, class_ in found.items():
        assert class_.name == name


@pytest.mark.parametrize("package", REGISTRIES)
def test_no_class_is_forgotten(package):
    """What a module of the package defines with a name, a version and fields can be asked for."""
    root = import_module(f"evalharness.{package}")
    defined = {
        class_
        for module in pkgutil.iter_modules(root.__path__, f"{root.__name__}.")
        for _, class_ in inspect.getmembers(import_module(module.name), inspect.isclass)
        if class_.__module__ == module.name
        and isinstance(class_.__dict__.get("name"), str)
        and hasattr(class_, "version")
    }
    assert defined
    assert defined <= set(REGISTRIES[package].BUILT_IN.values())


def test_a_command_loads_no_more_than_it_uses():
    asked = "evalharness.scorers.choice"
    unasked = [
        "evalharness.scorers.factscore",
        "evalharness.scorecard.metrics.group_gaps",
        "evalharness.tasks.transforms.perturbation",
    ]
    code = (
        "import sys, evalharness.api\n"
        "from evalharness.scorers.registry import BUILT_IN\n"
        "'factscore' in BUILT_IN, len(BUILT_IN), list(BUILT_IN)\n"
        "BUILT_IN['choice']\n"
        f"print([name in sys.modules for name in {[asked, *unasked]}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[True, False, False, False]"


def test_there_is_no_other_name():
    made = Catalogue("evalharness", {"errors": {"run": "RunError"}})
    assert "run" in made
    assert made["run"] is made["run"]
    assert made["run"].__name__ == "RunError"
    assert "other" not in made
    assert made.get("other") is None
    with pytest.raises(KeyError):
        made["other"]


def test_a_module_that_cannot_be_imported_is_not_taken_for_a_name_that_is_not_there(monkeypatch):
    def broken(_: str) -> None:
        raise KeyError("inside the module")

    monkeypatch.setattr("evalharness.catalogue.import_module", broken)
    made = Catalogue("evalharness", {"errors": {"run": "RunError"}})
    with pytest.raises(KeyError, match="inside the module"):
        made.get("run")
