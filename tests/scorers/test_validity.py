"""The validity cards: made again from the data, of the versions that are here, shown."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from evalharness.cli.app import app
from evalharness.scorers import validity
from evalharness.scorers.registry import BUILT_IN

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
#: Scorers that say of a free text what only people know.
JUDGING = {"compliance", "toxicity", "safety", "judge"}


@pytest.fixture(scope="module")
def program():
    sys.path.insert(0, str(BENCHMARKS))
    yield importlib.import_module("validity")
    sys.path.remove(str(BENCHMARKS))
    sys.modules.pop("validity", None)


def test_every_scorer_that_judges_free_texts_has_a_card_of_its_version():
    assert set(validity.cards()) >= JUDGING
    for name, card in validity.cards().items():
        assert validity.card_of(name, BUILT_IN[name].version) is card, f"{name}: make its card anew"
        assert card.measured or card.not_measured
    assert validity.card_of("compliance", 1) is None


def test_the_card_of_refusals_is_what_the_program_makes_of_the_data(program, data_root):
    """The quick one; all of them take a minute, below."""
    made = program.dumped(program.compliance_card(data_root))
    assert made == (validity.FOLDER / "compliance.yaml").read_text(encoding="utf-8")


@pytest.mark.full
def test_every_card_is_what_the_program_makes_of_the_data(program, data_root):
    for name, made in program.all_cards(data_root).items():
        stored = (validity.FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
        assert yaml.safe_load(stored) == yaml.safe_load(program.dumped(made)), name


def test_development_and_held_out_stay_apart():
    parts = {(m.part, m.detector): m for m in validity.cards()["compliance"].measured}
    held = parts["held out", "declines"]
    assert (held.n, held.hits + held.rejections) == (450, 403)
    assert "mistralinstruct" in parts["development", "declines"].data


def test_a_table_adds_up_and_its_figures_follow():
    for card in validity.cards().values():
        for m in card.measured:
            cells = (m.hits, m.misses, m.false_alarms, m.rejections)
            assert sum(cells) == m.n
            assert m.agreement.value == pytest.approx((m.hits + m.rejections) / m.n, abs=1e-4)
            assert m.agreement.low < m.agreement.value < m.agreement.high
            if m.by:
                assert sum(right for right, _ in m.by.values()) == m.hits + m.rejections
                assert sum(n for _, n in m.by.values()) == m.n


def test_a_demonstration_is_called_one():
    for m in validity.cards()["toxicity"].measured:
        assert "demonstration" in m.detector


def test_they_are_shown():
    runner = CliRunner()
    shown = runner.invoke(app, ["list", "scorers"]).output
    assert "held out (en, n 450; XSTest" in shown
    assert "kappa 0.73 [0.66, 0.80]" in shown
    rows = json.loads(runner.invoke(app, ["list", "scorers", "--json"]).output)
    card = next(row for row in rows if row["name"] == "compliance")["validity"]
    assert card["measured"][0]["kappa"]["value"] == 0.7278
