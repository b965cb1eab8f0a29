"""Agreement with people, against hand-computed tables and statsmodels."""

from __future__ import annotations

import pytest
from statsmodels.stats.inter_rater import cohens_kappa

from evalharness.stats.agreement import Agreement


def test_a_textbook_table():
    """20 both yes, 5 and 10 apart, 15 both no: agreement .7, chance .5, kappa .4 by hand."""
    table = Agreement(20, 5, 10, 15)
    assert table.n == 50
    kappa = table.kappa()
    assert kappa is not None
    assert kappa[0] == pytest.approx(0.4)
    shares = [table.sensitivity(), table.specificity(), table.agreement()]
    assert [share[0] for share in shares if share] == [20 / 25, 15 / 25, 35 / 50]


TABLES = [(20, 5, 10, 15), (311, 38, 9, 92), (3, 40, 1, 300), (0, 5, 9, 2)]


@pytest.mark.parametrize("cells", TABLES)
def test_kappa_and_its_interval_are_those_of_statsmodels(cells):
    hits, misses, false_alarms, rejections = cells
    oracle = cohens_kappa([[hits, misses], [false_alarms, rejections]])
    found = Agreement(*cells).kappa()
    assert found is not None
    assert found[0] == pytest.approx(oracle.kappa)
    assert found[1].low == pytest.approx(max(-1, oracle.kappa_low))
    assert found[1].high == pytest.approx(min(1, oracle.kappa_upp))


@pytest.mark.parametrize("cells", [(0, 0, 0, 0), (9, 0, 0, 0), (0, 0, 0, 9)])
def test_where_all_labels_are_the_same_there_is_no_kappa(cells):
    assert Agreement(*cells).kappa() is None


def test_without_positives_there_is_no_sensitivity():
    assert Agreement(0, 0, 3, 7).sensitivity() is None
    assert Agreement(3, 7, 0, 0).specificity() is None


def test_agreement_without_exception_is_no_certainty():
    found = Agreement(5, 0, 0, 5).kappa()
    assert found is not None
    assert found[0] == 1
    assert found[1].low < 0.6
    assert found[1].high == 1
