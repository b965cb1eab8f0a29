"""A wrapped model's identity, and what else of an adapter passes through."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from evalharness import Wrapped
from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.adapters.wrap import ClassifierFilter, GuardFilter, PatternFilter
from evalharness.records import Response
from tests.adapters.wrapping import create, echo, scoring
from tests.support import FakeModel


def test_what_is_around_a_model_is_part_of_its_identity() -> None:
    model = echo()
    clf = scoring(Response(scores={"toxicity": 0}))
    wrapped = Wrapped(
        Wrapped(model, system="secret sauce", output_filter=ClassifierFilter(clf, threshold=0.7)),
        input_filter=PatternFilter(["x"]),
        prefix="p",
    )
    identity = wrapped.identity.to_json()
    assert identity.pop("extra") == {
        "wrap": [
            {"input_filter": {"patterns": ["x"]}},
            {"prefix": hashlib.sha256(b"p").hexdigest()},
            {
                "output_filter": {
                    "classifier": {"provider": "test", "model": "clf"},
                    "attribute": "toxicity",
                    "threshold": 0.7,
                }
            },
            {"system": hashlib.sha256(b"secret sauce").hexdigest()},
        ]
    }
    assert identity == model.identity.to_json()


def test_one_wrapper_and_the_same_items_one_by_one_are_one_model() -> None:
    items = [{"input_filter": {"patterns": ["x"]}}, {"system": "s"}, {"prefix": "p"}]
    inner = registry.create({"adapter": "reference", "model": "echo"}, base_dir=Path(), where="t")
    by_hand = Wrapped(inner, system="s", prefix="p", input_filter=PatternFilter(["x"]))
    assert create(items).identity == by_hand.identity
    assert create([items[1], items[0], items[2]]).identity != by_hand.identity


def test_a_function_at_hand_is_known_by_its_source_or_not_at_all() -> None:
    one, other = (Wrapped(echo(), input_filter=lambda text: True) for _ in range(2))
    assert one.identity != other.identity
    assert one.identity == one.identity


class Rich(FakeModel):
    """Has all that is optional."""

    def __init__(self, name: str) -> None:
        super().__init__(lambda request: "safe", name=name)
        self.deviations = [f"{name} deviates"]
        self.closed = 0

    def not_planned(self, planned: Any) -> list[str]:
        return [f"extra of {planned}"]

    async def aclose(self) -> None:
        self.closed += 1
        if self._name_is("guard"):
            raise RuntimeError("cannot close")

    def _name_is(self, name: str) -> bool:
        return self.identity.model == name


def test_what_is_optional_passes_through() -> None:
    model, judge = Rich("model"), Rich("guard")
    wrapped = Wrapped(model, output_filter=GuardFilter(judge))
    assert isinstance(wrapped, Adapter)
    assert wrapped.deviations == ["model deviates", "output filter: guard deviates"]
    not_planned = wrapped.not_planned
    assert not_planned("p") == ["extra of p"]
    with pytest.raises(AttributeError):
        _ = wrapped.nonsense
    with pytest.raises(RuntimeError, match="cannot close"):
        asyncio.run(wrapped.aclose())
    assert (model.closed, judge.closed) == (1, 1)
    assert not hasattr(Wrapped(echo(), system="x"), "not_planned")
