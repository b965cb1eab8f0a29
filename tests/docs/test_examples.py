"""The models that README and pages show are ones that can be configured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from evalharness.adapters import registry
from evalharness.errors import AdapterError, ConfigError, DataError

ROOT = Path(__file__).resolve().parents[2]
_ON_THE_COMMAND_LINE = re.compile(
    r"--set '(?:target|judge|classifier)=(\{.*?\})'\s*$", re.MULTILINE
)
_BLOCK = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


def shown() -> list[tuple[str, dict]]:
    """(Page, model) of every model in a command or a block of YAML."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        name = str(page.relative_to(ROOT))
        found += [(name, yaml.safe_load(spec)) for spec in _ON_THE_COMMAND_LINE.findall(text)]
        for block in _BLOCK.findall(text):
            try:
                data = yaml.safe_load(block)
            except yaml.YAMLError:  # several ways side by side, say
                continue
            for role in ("target", "judge", "classifier") if isinstance(data, dict) else ():
                spec = data.get(role)
                if isinstance(spec, dict) and "adapter" in spec:
                    found.append((name, spec))
    return found


SHOWN = shown()


def test_there_are_examples():
    assert len(SHOWN) > 20
    assert len({page for page, _ in SHOWN}) > 8


@pytest.mark.parametrize(
    ("page", "spec"), SHOWN, ids=[f"{page}-{number}" for number, (page, _) in enumerate(SHOWN)]
)
def test_what_a_page_shows_can_be_configured(page, spec, tmp_path):
    """Keys, weights and files need not be here; but every option must be right."""
    try:
        registry.create(spec, base_dir=tmp_path, where="target")
    except ConfigError as fault:
        if "No such file" not in str(fault):
            pytest.fail(f"{page}: {fault}")
    except (AdapterError, DataError):
        pass
