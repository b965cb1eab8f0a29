"""Every configuration on the pages of the adapters that speak HTTP is one that they take."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from evalharness.adapters.registry import BUILT_IN

PAGES = Path(__file__).resolve().parents[2] / "docs" / "adapters"
_BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)


def configured() -> list[tuple[str, dict[str, Any]]]:
    """Each model of each YAML block, with the page that it stands on."""
    found = []
    for page in (PAGES / "http.md", PAGES / "openai.md"):
        for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
            data = yaml.safe_load(block)
            for role in ("target", "judge", "classifier"):
                model = data.get(role) if isinstance(data, dict) else None
                if isinstance(model, dict) and model.get("adapter") in BUILT_IN:
                    found.append((page.name, model))
    return found


def test_the_pages_have_configurations() -> None:
    pages = [page for page, _ in configured()]
    assert pages.count("openai.md") > 10
    assert pages.count("http.md") >= 2


@pytest.mark.parametrize(("page", "model"), configured())
def test_a_configuration_on_a_page_is_taken(page: str, model: dict[str, Any]) -> None:
    module, _, name = BUILT_IN[model["adapter"]].partition(":")
    options = {key: value for key, value in model.items() if key != "adapter"}
    getattr(import_module(module), name).Options.model_validate(options)
