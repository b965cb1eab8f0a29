"""What is public, and the budgets of size that keep the rest readable."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import evalharness
from evalharness.scorecard.model import Scorecard
from tests.support import requirements

PACKAGE = Path(evalharness.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def test_every_public_name_is_there_and_sorted():
    assert evalharness.__all__ == sorted(evalharness.__all__)
    for name in evalharness.__all__:
        assert getattr(evalharness, name).__doc__


def test_a_name_that_is_not_there_says_so():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = evalharness.nonsense


def test_the_type_marker_ships():
    assert (PACKAGE / "py.typed").is_file()


def test_the_scorecards_schema_is_the_one_in_the_repository():
    recorded = json.loads((PACKAGE / "scorecard" / "scorecard.schema.json").read_text())
    assert recorded == Scorecard.model_json_schema(by_alias=True)


def test_the_core_resolves_to_at_most_sixty_packages():
    """Counted over what is installed: the core's requirements and theirs, without extras."""
    found = requirements()
    assert "torch" not in found
    assert len(found) <= 60, sorted(found)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 450, "a file tells one idea"
    tree = ast.parse(text)
    assert ast.get_docstring(tree) or not text.strip(), "a module says what it is"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # a command's options are declarations: what is done begins with the body
            length = (node.end_lineno or 0) - node.body[0].lineno + 1
            doc = ast.get_docstring(node)
            length -= len(doc.splitlines()) if doc else 0
            assert length <= 60, f"{node.name} has {length} lines"


def layer(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


#: What each folder may import of evalharness: nothing points backwards along the road.
ALLOWED = {
    "adapters": {"adapters", "errors", "jsontext", "records", "sandbox", "yamlfile", "demo"},
    "catalogue": set(),
    "ciphers": set(),
    "tasks": {"tasks", "catalogue", "ciphers", "errors", "records", "sandbox", "yamlfile"},
    "scorers": {"scorers", "catalogue", "ciphers", "errors", "records", "yamlfile"},
    "stats": {"stats"},
    "store": {"store", "arrow", "errors", "jsontext", "outfile", "records"},
    "jsontext": set(),
    "policies": {"errors", "records", "tasks", "yamlfile"},
    "display": {"errors"},
    "outfile": {"errors"},
    "scorecard": {"scorecard", "policies", "scorers", "stats", "tasks", "arrow", "catalogue",
                  "display", "errors", "records", "yamlfile"},
    "engine": {"engine", "adapters", "config", "errors", "records", "scorecard", "scorers",
               "store", "tasks", "yamlfile"},
    "reports": {"reports", "comparison", "corpus", "display", "policies", "scorecard", "scorers",
                "store", "records", "stats", "errors", "outfile", "yamlfile"},
    "config": {"errors", "policies", "scorecard", "tasks", "yamlfile"},
    "sandbox": set(),
}  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_points_backwards(path):
    allowed = ALLOWED.get(layer(path))
    if allowed is None:
        return
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "evalharness":
                names = [f"evalharness.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "evalharness" and len(parts) > 1:
                assert parts[1] in allowed, f"{path.name} imports {name}"
