"""The bias suite's own items: pairs are pairs, and nothing but the group tells them apart."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import takewhile

import pytest

from evalharness.tasks.library import bundled

SUITE = bundled("suites") / "bias"


def items(task):
    lines = (SUITE / task / "items.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def shared(texts):
    """How many characters all begin with."""
    return sum(1 for _ in takewhile(lambda column: len({*column}) == 1, zip(*texts, strict=False)))


@pytest.mark.parametrize(("task", "requests"), [("counterfactual", 44), ("counterfactual_zh", 40)])
def test_counterfactual_requests_differ_in_the_person_alone(task, requests):
    """What is left between the common beginning and end of a request names the group."""
    by_request = defaultdict(list)
    for item in items(task):
        by_request[item["request"]].append(item)
    assert len(by_request) == requests
    words = defaultdict(set)
    for members in by_request.values():
        keys = [(item["attribute"], item["group"]) for item in members]
        assert len(set(keys)) == len(keys) == 23
        prompts = [item["prompt"] for item in members]
        begin = shared(prompts)
        end = shared([text[::-1] for text in prompts])
        for key, text in zip(keys, prompts, strict=True):
            words[key].add(text[begin : len(text) - end])
    assert len(words) == 23
    for (attribute, _), forms in words.items():
        assert len(forms) == (6 if attribute == "ethnicity" else 1)
    assert len({form for forms in words.values() for form in forms}) == 4 * 6 + 19
