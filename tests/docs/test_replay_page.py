"""The page on recorded outputs: its conversion of a wide table is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.adapters.replaying import generated, load

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adapters" / "replay.md"


def test_a_wide_table_becomes_a_record_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    wide = 'id,answer_en,answer_zh,model\n001,NA,"甲,乙",m\n002,,丙,m\n'
    (tmp_path / "answers.csv").write_text(wide, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(PAGE), "exec"), {})  # noqa: S102 - our own page
    adapter = load(tmp_path / "outputs.csv")
    names = ("001-en", "002-en", "001-zh", "002-zh")
    assert {name: generated(adapter, name).text for name in names} == {
        "001-en": "NA",
        "002-en": "",
        "001-zh": "甲,乙",
        "002-zh": "丙",
    }
