"""Draws the samples that a limit leaves: whole groups, by stratum, with the seed."""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

from evalharness.records import Sample

__all__ = ["draw_order", "select"]


def select(
    samples: Iterable[Sample], *, limit: int | None, seed: int, task: str, strata: Sequence[str]
) -> list[Sample]:
    """At most ``limit`` samples, in the data's order; all of them without a limit.

    Groups are kept whole, and one of them is drawn at least, though it have more members (the
    variants of an item may be many). Each stratum (the values of the tags named in ``strata``)
    gets its share of the groups, within one. Groups are ranked by a hash of seed, task and group,
    so the choice does not depend on the data's order, is never "the first N", and a smaller limit
    draws a subset of a larger one's.
    """
    everything = list(samples)
    if limit is None or limit >= len(everything):
        return everything
    groups: dict[str, list[int]] = defaultdict(list)
    stratum_of: dict[str, tuple[str, ...]] = {}
    for index, sample in enumerate(everything):
        key = f"s:{sample.id}" if sample.group is None else f"g:{sample.group}"
        groups[key].append(index)
        stratum = tuple(sample.tags.get(tag, "") for tag in strata)
        stratum_of[key] = min(stratum, stratum_of.get(key, stratum))
    chosen: list[int] = []
    for key in draw_order(stratum_of, seed=seed, task=task):
        if chosen and len(chosen) + len(groups[key]) > limit:
            break  # to go on with smaller ones would favour items with few variants
        chosen += groups[key]
    return [everything[index] for index in sorted(chosen)]


def draw_order(stratum_of: Mapping[str, tuple[str, ...]], *, seed: int, task: str) -> list[str]:
    """All groups in the order in which a limit draws them.

    Args:
        stratum_of: group (``g:`` and its name, or ``s:`` and a lone sample's id) -> its stratum.
    """
    ranked: dict[tuple[str, ...], list[str]] = defaultdict(list)
    rank = {key: hashlib.sha256(f"{seed}\0{task}\0{key}".encode()).digest() for key in stratum_of}
    for key in sorted(stratum_of, key=rank.__getitem__):
        ranked[stratum_of[key]].append(key)
    return _interleaved(ranked, rank)


def _interleaved(ranked: dict[tuple[str, ...], list[str]], rank: dict[str, bytes]) -> list[str]:
    """All groups, ordered so that each prefix holds each stratum's share within one group.

    With N groups in all, the j-th of a stratum's n has its place between j N / n, rounded down, and
    (j + 1) N / n, rounded up; of those that may come next, the one that must come first does
    (Baruah et al. 1996, "Proportionate progress": this order meets every such window).
    """
    total = sum(map(len, ranked.values()))
    windows = sorted(
        (place * total // len(keys), -(-(place + 1) * total // len(keys)), rank[key], key)
        for keys in ranked.values()
        for place, key in enumerate(keys)
    )
    waiting, order = deque(windows), []
    ready: list[tuple[int, bytes, str]] = []
    for place in range(total):
        while waiting and waiting[0][0] <= place:
            heapq.heappush(ready, waiting.popleft()[1:])
        order.append(heapq.heappop(ready)[2])
    return order
