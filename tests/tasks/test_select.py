"""A limit draws whole groups, by stratum, with the seed; never the first N."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from evalharness.records import Sample
from evalharness.tasks.select import select


def make(*sizes: int, group_size: int = 1) -> list[Sample]:
    """Strata of so many groups each."""
    return [
        Sample(
            id=f"{stratum}-{group}-{member}",
            messages=(),
            group=None if group_size == 1 else f"{stratum}-{group}",
            tags={"stratum": str(stratum)},
        )
        for stratum, size in enumerate(sizes)
        for group in range(size)
        for member in range(group_size)
    ]


def draw(samples, limit, seed=1, task="t") -> list[str]:
    chosen = select(samples, limit=limit, seed=seed, task=task, strata=["stratum"])
    return [sample.id for sample in chosen]


sizes = st.lists(st.integers(1, 30), min_size=1, max_size=8)
limits = st.integers(1, 100)
seeds = st.integers(0, 2**32)


@given(sizes, limits, seeds, st.integers(1, 4))
def test_size_whole_groups_and_the_data_s_order(sizes, limit, seed, group_size):
    samples = make(*sizes, group_size=group_size)
    chosen = draw(samples, limit, seed)
    everything = [sample.id for sample in samples]
    fits = min(limit, len(samples))
    whole = max(1, fits // group_size) * group_size
    assert len(chosen) == (fits if limit >= len(samples) else whole)
    assert chosen == [name for name in everything if name in set(chosen)]
    members = Counter(name.rpartition("-")[0] for name in chosen)
    assert set(members.values()) <= {group_size}


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 2)), min_size=1, max_size=20), limits)
def test_groups_of_any_size_stay_whole_below_the_limit(groups, limit):
    samples = [
        Sample(id=f"{g}-{i}", messages=(), group=str(g), tags={"stratum": str(stratum)})
        for g, (size, stratum) in enumerate(groups)
        for i in range(size)
    ]
    chosen = Counter(name.partition("-")[0] for name in draw(samples, limit))
    assert chosen
    assert sum(chosen.values()) <= limit or len(chosen) == 1
    assert all(count == groups[int(group)][0] for group, count in chosen.items())
    more = Counter(name.partition("-")[0] for name in draw(samples, limit + 3))
    assert set(chosen) <= set(more)


@given(sizes, limits, limits, seeds, st.integers(1, 3))
def test_a_smaller_limit_is_a_subset(sizes, one, other, seed, group_size):
    samples = make(*sizes, group_size=group_size)
    low, high = sorted((one, other))
    assert set(draw(samples, low, seed)) <= set(draw(samples, high, seed))


@given(st.lists(st.sampled_from([1, 1, 2, 3, 10, 60]), min_size=1, max_size=12), limits, seeds)
def test_every_stratum_has_its_share_within_one_group(sizes, limit, seed):
    total = sum(sizes)
    limit = min(limit, total)
    drawn = Counter(name.partition("-")[0] for name in draw(make(*sizes), limit, seed))
    for stratum, size in enumerate(sizes):
        assert abs(drawn[str(stratum)] - Fraction(limit * size, total)) < 1


def test_many_small_strata_do_not_crowd_out_a_large_one():
    drawn = Counter(n.partition("-")[0] for n in draw(make(1000, *[1] * 10), 505))
    assert drawn["0"] == 500


@given(sizes, limits, seeds, st.randoms(use_true_random=False))
def test_the_data_s_order_does_not_matter(sizes, limit, seed, chance):
    samples = make(*sizes, group_size=2)
    mixed = samples.copy()
    chance.shuffle(mixed)
    assert set(draw(mixed, limit, seed)) == set(draw(samples, limit, seed))


def test_a_group_over_two_strata_does_not_depend_on_the_order_either():
    samples = [
        Sample(id=f"{g}-{half}", messages=(), group=str(g), tags={"stratum": half})
        for g in range(40)
        for half in ("clean", "attacked")
    ]
    chosen = draw(samples, 20)
    assert set(chosen) == set(draw(samples[::-1], 20))
    assert len(chosen) == 20


def test_the_draw_depends_on_the_seed_and_the_task_and_is_never_the_first_n():
    samples = make(200)
    draws = {tuple(draw(samples, 20, seed)) for seed in range(30)}
    assert len(draws) == 30
    assert tuple(sample.id for sample in samples[:20]) not in draws
    assert draw(samples, 20, task="a") != draw(samples, 20, task="b")


def test_every_sample_is_drawn_as_often_as_any_other():
    """Of 50 samples 10 are drawn 400 times: 80 times each, give or take 5 standard deviations."""
    samples = make(50)
    counts = Counter(name for seed in range(400) for name in draw(samples, 10, seed))
    assert len(counts) == 50
    assert all(abs(count - 80) < 5 * (400 * 0.2 * 0.8) ** 0.5 for count in counts.values())


def test_without_a_limit_or_below_it_everything_stays():
    samples = make(3, 4)
    random.Random(1).shuffle(samples)
    everything = [sample.id for sample in samples]
    assert draw(samples, None) == draw(samples, 7) == draw(samples, 8) == everything
    assert select(iter(samples), limit=None, seed=1, task="t", strata=()) == samples


def test_the_draw_stays_the_same_for_ever():
    """Another draw is another test: it would need another protocol."""
    assert draw(make(4, 4), 3) == ["0-0-0", "0-1-0", "1-1-0"]
