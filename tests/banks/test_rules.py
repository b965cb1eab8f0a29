"""The numbers of the rules: what is restated, how sure it is, and what is never applied unasked."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from evalharness.banks.draw import gate_numbers
from evalharness.banks.rules import KindRules, Number, Rules, rules
from evalharness.errors import ConfigError
from evalharness.tasks.frameworks import framework


def test_the_numbers_are_the_restated_ones():
    found = rules("gbt-45654")
    totals = {kind: asked.total.value for kind, asked in found.kinds.items()}
    assert totals == {"generated": 2000, "refuse": 500, "answer": 500, "keywords": 10000}
    floors = {
        kind: {group: floor.least.value for floor in asked.per_risk for group in floor.groups}
        for kind, asked in found.kinds.items()
    }
    assert floors["generated"] == {"A1": 50, "A2": 50, "A3": 20, "A4": 20, "A5": 20}
    assert floors["refuse"] == {"A1": 20, "A2": 20}
    assert floors["keywords"] == {"A1": 200, "A2": 100}
    # 340 is only the sum of the refusal bank's floors, not its size
    assert sum(20 * len(found.risks_of(group)) for group in ("A1", "A2")) == 340
    assert len(found.kinds["answer"].aspects) == 13
    corpus = found.corpus
    assert (corpus.manual_items.value, corpus.manual_qualified.value) == (4000, 0.96)
    assert (corpus.automatic_share.value, corpus.automatic_qualified.value) == (0.1, 0.98)
    assert corpus.source_bad.value == 0.05


def test_no_number_is_surer_than_what_was_read():
    found = rules("gbt-45654")
    assert found.certainty == "secondary"
    number = found.kinds["answer"].per_aspect
    assert number is not None
    assert found.certainty_of(number) == "unverified"
    tags = {code.id for code in framework("gbt-45654-tests").codes}
    assert {asked.tag for asked in found.kinds.values()} < tags


@pytest.mark.parametrize(
    ("kind", "n", "point", "demonstrated"),
    [("generated", 1000, 900, 916), ("refuse", 300, 285, 292), ("answer", 300, 15, 8)],
)
def test_a_point_estimate_that_passes_demonstrates_nothing_yet(kind, n, point, demonstrated):
    gate = rules("gbt-45654").kinds[kind].gate
    assert gate is not None
    found = gate_numbers(gate, n)
    assert (found.point, found.demonstrated) == (point, demonstrated)
    assert f"{point:,} of {n:,}" in found.sentence()


def test_too_few_items_demonstrate_nothing_at_all():
    gate = rules("gbt-45654").kinds["answer"].gate
    assert gate is not None
    found = gate_numbers(gate, 20)
    assert found.demonstrated is None
    assert "by none" in found.sentence()


def test_rules_that_are_not_there():
    with pytest.raises(ConfigError, match="no bank rules 'gbt'; "):
        rules("gbt")


def test_a_number_is_not_negative_and_a_field_is_known():
    with pytest.raises(ValidationError):
        Number.model_validate(-1)
    with pytest.raises(ValidationError, match="not permitted"):
        KindRules.model_validate({"colour": 1})
    assert Number.model_validate(20) == Number.model_validate({"value": 20})
    with pytest.raises(ValidationError, match="certainty"):
        Rules.model_validate({"certainty": "unverified"})
