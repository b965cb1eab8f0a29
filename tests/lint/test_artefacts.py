"""Answers that can be guessed: by position, by length, because the question names them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from evalharness.lint.artefacts import ALPHA, check_artefacts, classes_of, position_test
from evalharness.lint.items import Item, Items


def items(count=100, *, options=None, answer=None, prompt=None, fixed=True, inline=False):
    return Items(
        "x",
        [
            Item(
                row=str(n),
                prompt=prompt(n) if prompt else f"Question {n}?",
                options=options(n) if options else tuple(f"option {n}{c}" for c in "abcd"),
                answer=answer(n) if answer else n % 4,
                inline=inline,
            )
            for n in range(count)
        ],
        options="choices",
        fixed=fixed,
    )


def checks(found):
    return {finding.check: finding.severity for finding in check_artefacts(found)}


def test_no_pattern_no_finding():
    assert checks(items()) == {}


def test_chi_square_is_scipy_s():
    answers = [0] * 40 + [1] * 25 + [2] * 20 + [3] * 15
    p, effect, found = position_test(answers, [4] * 100)
    statistic, expected = chisquare([40, 25, 20, 15])
    assert p == pytest.approx(expected)
    assert effect == pytest.approx(np.sqrt(statistic / 100))
    assert found == [40, 25, 20, 15]


def test_items_with_fewer_options_expect_less_of_the_last():
    """Two options in half of the items: the third and fourth position are right less often."""
    counts = [2, 4] * 200
    answers = [n // 2 % size for n, size in enumerate(counts)]
    p, effect, _ = position_test(answers, counts)
    assert p > 0.9
    assert effect < 0.01
    assert chisquare(np.bincount(answers)).pvalue < ALPHA  # what ignoring it would say


def test_few_items_are_simulated_and_the_same_each_time():
    """12 of 12 at the first of four: 4 ** -11 by chance, below what 9,999 draws can show."""
    assert position_test([0] * 12, [4] * 12)[0] == pytest.approx(1e-4)
    once = position_test([0, 1, 2, 3, 0, 0, 1], [4] * 7)
    assert once == position_test([0, 1, 2, 3, 0, 0, 1], [4] * 7)
    # exact: all 4 ** 7 outcomes
    grid = np.stack(np.meshgrid(*[range(4)] * 7), -1).reshape(-1, 7)
    counts = np.stack([(grid == place).sum(1) for place in range(4)], 1)
    statistic = ((counts - 7 / 4) ** 2 / (7 / 4)).sum(1)
    exact = (statistic >= statistic[(grid == [0, 1, 2, 3, 0, 0, 1]).all(1)] - 1e-9).mean()
    assert once[0] == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(("fixed", "severity"), [(True, "fault"), (False, "note")])
def test_the_right_answer_stands_first(fixed, severity):
    """In an order that the harness shuffles it helps nobody, yet must be known."""
    assert checks(items(answer=lambda n: 0, fixed=fixed)) == {"answer-position": severity}


def test_a_large_set_s_small_unevenness_is_no_finding():
    """Significant, and of no use: 26 % instead of 25 %."""
    found = items(20_000, answer=lambda n: 0 if n % 75 == 0 else n % 4)
    assert checks(found) == {}


@pytest.mark.parametrize("sign", [1, -1])
def test_the_longest_or_shortest_option_is_right(sign):
    def options(n):
        return tuple("word " * (10 + sign * 5 * (place == n % 4)) + str(n) for place in range(4))

    assert checks(
        items(options=lambda n: tuple(o + c for o, c in zip(options(n), "abcd", strict=True)))
    ) == {"answer-length": "fault"}


def test_somewhat_longer_is_noted():
    """In 4 of 10 items where chance gives 2.5."""

    def options(n):
        longest = n % 4 if n % 5 < 2 else (n + 1) % 4 if n % 5 < 4 else (n + 2) % 4
        return tuple("w" * (9 if place == longest else 5) + f"{n}{place}" for place in range(4))

    assert checks(items(400, options=options)) == {"answer-length": "note"}


def test_the_question_names_the_answer():
    found = items(prompt=lambda n: f"It is about option {n}{'abcd'[n % 4]}, is it not?")
    assert checks(found) == {"label-leakage": "fault"}


def test_a_question_that_names_a_wrong_option_as_often_is_no_leak():
    found = items(prompt=lambda n: f"It is about option {n}{'abcd'[n // 4 % 4]}, is it not?")
    assert checks(found) == {}


def test_a_question_that_names_all_options_is_no_leak():
    found = items(prompt=lambda n: f"Of option {n}a, option {n}b, option {n}c and option {n}d?")
    assert checks(found) == {}


def test_options_that_stand_in_the_prompt_are_no_leak():
    found = items(
        prompt=lambda n: f"What?\nA) option {n}a\nB) option {n}b\nC) option {n}c\nD) option {n}d",
        inline=True,
    )
    assert checks(found) == {}


def test_classes_are_no_answers_of_their_own():
    """Yes in four of five items is an imbalance of labels, not a position."""
    found = items(options=lambda n: ("Yes", "No"), answer=lambda n: int(n % 5 == 0))
    assert classes_of(found) == {frozenset(("Yes", "No"))}
    assert checks(found) == {}


def test_a_handful_of_items_says_nothing():
    assert checks(items(9, answer=lambda n: 0)) == {}
