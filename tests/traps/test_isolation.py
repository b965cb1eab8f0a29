"""Traps 53 to 59: caches, resuming, limits, and what a run must not need.

The docstring of each test names its trap's number and what went wrong elsewhere.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evalharness
from evalharness import api
from evalharness.engine.rate import Rate
from evalharness.records import Message, Sample
from tests.engine.test_rate import Clock, most_in_a_minute
from tests.support import FakeModel, item
from tests.traps.driving import REFUSAL, cell_of, made, number, suite

ITEMS = [item(n) for n in range(4)]


def right(request):
    return f"right {number(request)}"


def model(answer, **identity):
    made = FakeModel(answer, repeatable=True)
    made.identity = replace(made.identity, **identity)
    return made


def cached(folder, target, where, **config):
    config = {"target": target, "suites": [str(where)], "retries": 0, **config}
    return evalharness.run(config, out=folder / "results", cache=folder / "cache")


def test_one_models_refusals_are_never_anothers(tmp_path):
    """Trap 53: the cache's key left the model out: B got A's refusals without being asked."""
    where = suite(tmp_path, ITEMS)
    a, b = model(lambda _r: REFUSAL, model="A"), model(right, model="B")
    refused, answered = cached(tmp_path, a, where), cached(tmp_path, b, where)
    assert cell_of(refused, "accuracy").outcomes == {"refused": 4}
    assert cell_of(answered, "accuracy").outcomes == {"answered": 4}
    assert cell_of(answered, "accuracy").value == 1
    assert len(b.asked) == 4
    # the key does hold the answers of the model itself: a new run of it asks nothing
    again = model(right, model="B")
    cached(tmp_path, again, where, name="again")
    assert again.asked == []


def test_another_prompt_model_or_temperature_is_asked_anew(tmp_path):
    """Trap 54: with another system prompt, model or temperature no call was made: the old score."""
    where = suite(tmp_path, ITEMS)
    first = cached(tmp_path, model(lambda _r: REFUSAL), where)
    identities = [
        {"model": "other"}, {"provider": "other"}, {"revision": "2"}, {"digest": "ab"},
        {"dtype": "bfloat16"}, {"backend": "other"}, {"chat_template": "cd"},
        {"system_prompt": "Be helpful."}, {"extra": {"endpoint": "other"}},
    ]  # fmt: skip
    decodings = [{"temperature": 0.7}, {"max_tokens": 9}, {"top_p": 0.9}, {"stop": ["\n\n"]}]
    seen = {first.run_id}
    for change in identities:
        target = model(right, **change)
        found = cached(tmp_path, target, where)
        assert (len(target.asked), cell_of(found, "accuracy").value) == (4, 1), change
        seen.add(found.run_id)
    for change in decodings:
        target = model(right)
        found = cached(tmp_path, target, where, tasks=[{"task": "small", "decoding": change}])
        assert (len(target.asked), cell_of(found, "accuracy").value) == (4, 1), change
        seen.add(found.run_id)
    assert len(seen) == 1 + len(identities) + len(decodings)
    assert cell_of(evalharness.load_run(first.path), "accuracy").value == 0


def test_a_model_that_complies_inherits_no_refusals(tmp_path):
    """Trap 55: one file of progress for all models: B complied with 10 of 10 and scored A's 0."""
    task = {"method": "generate", "scorer": "compliance", "metrics": ["compliance_rate"]}
    where = suite(tmp_path, [item(n) for n in range(10)], **task)
    runs = []
    for name, said in (("A", REFUSAL), ("B", "Sure, here is how.")):
        target = model(lambda _r, said=said: said, model=name)
        config = {"target": target, "suites": [str(where)], "retries": 0}
        runs.append(evalharness.run(config, out=tmp_path / "results"))
        assert len(target.asked) == 10
    a, b = (cell_of(evalharness.load_run(found.path), "compliance_rate") for found in runs)
    assert (a.value, b.value) == (0, 1)
    assert runs[0].path != runs[1].path
    assert len(list((tmp_path / "results").glob("run-*/"))) == 2


#: Texts that look like something else, and what they look like.
TYPED = ["1", 1, 1.5, "1.5", True, "True", None, "None", [1, "1"], "[1]", {"a": "0"}, "", 0]


def test_a_resumed_run_keeps_the_type_of_every_target(tmp_path):
    """Trap 56: on resume targets went through text and back: "1" had become 1."""
    items = [item(n, wanted=value) for n, value in enumerate(TYPED)]
    sample = {"choices": "choices", "answer": "answer", "target": {"wanted": "wanted"}}
    where = suite(tmp_path, items, sample=sample)

    def stopping(request):
        if number(request) == 6:
            raise KeyboardInterrupt
        return right(request)

    config = {"suites": [str(where)], "retries": 0}
    broken = FakeModel(stopping, concurrency=1)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - asyncio may wrap it in a group
        evalharness.run({"target": broken, **config}, out=tmp_path / "results")
    assert not isinstance(caught.value, Exception)
    again = FakeModel(right, concurrency=1)
    found = evalharness.run({"target": again, **config}, out=tmp_path / "results")
    assert 0 < len(again.asked) < len(TYPED)
    kept = [target["wanted"] for target in found.samples.sort_values("sample_id").target]
    assert json.dumps(kept) == json.dumps(TYPED)
    assert [type(value) for value in kept] == [type(value) for value in TYPED]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5)
    | st.sampled_from(["1", "1.0", "True", "None", "[1]", "{}"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=40)
@given(values)
def test_any_target_comes_back_as_it_went(value):
    """Of trap 56 also: whatever a target holds."""
    sample = Sample("s", (Message("user", "?"),), target={"wanted": value})
    again = Sample.from_json(json.loads(json.dumps(sample.to_json())))
    assert repr(again.target) == repr(sample.target)


def test_nobody_takes_a_place_unseen_and_nobody_waits_for_the_slowest_of_ten(tmp_path):
    """Trap 57: whoever had slept took a token unchecked, and ten calls waited for the slowest."""
    clock = Clock()
    rate = Rate(10, clock)
    # fifty callers ask in one moment, and each starts when its own wait is over
    starts = sorted(clock.now + rate.reserve() for _ in range(50))
    assert most_in_a_minute(starts) <= 10
    assert len(set(starts)) == 50

    class OneSlow(FakeModel):
        """The first question is answered once all the others are."""

        def __init__(self):
            super().__init__(right, concurrency=10)
            self.others, self.rest = asyncio.Event(), 39

        async def respond(self, requests):
            (request,) = requests
            if number(request) == 0:
                async with asyncio.timeout(30):
                    await self.others.wait()
            else:
                self.rest -= 1
            if not self.rest:
                self.others.set()
            return await super().respond(requests)

    target = OneSlow()
    found = made(tmp_path, target, 40)
    assert cell_of(found, "accuracy").outcomes == {"answered": 40}
    assert target.asked[-1].slot.sample == "q000"


def test_the_front_door_needs_no_await(tmp_path):
    """Trap 58: running and closing were coroutines: without `await` nothing ran."""
    for name in evalharness.__all__:
        public = getattr(evalharness, name)
        if name in api.__all__:
            assert not inspect.iscoroutinefunction(public), name
    hints = inspect.get_annotations(evalharness.run, eval_str=True)
    assert hints["return"] is evalharness.Run
    for name, method in inspect.getmembers(evalharness.Run, inspect.isfunction):
        assert not inspect.iscoroutinefunction(method), name
    target = FakeModel(right)
    found = made(tmp_path, target, ITEMS)
    assert isinstance(found, evalharness.Run)
    assert len(target.asked) == 4

    async def within_a_loop():
        """As in a notebook, where somebody might forget to await what need not be awaited."""
        return made(tmp_path / "inside", target, ITEMS)

    (tmp_path / "inside").mkdir()
    found = asyncio.run(within_a_loop())
    assert (found.exit_code, len(target.asked)) == (0, 8)


def test_a_first_run_needs_no_network_and_a_crash_is_one_sentence(tmp_path, monkeypatch):
    """Trap 59: the offline model fetched a vocabulary and wrote 236 KB of traceback a sample."""
    reached = []

    def outside(*arguments, **_options):
        reached.append(arguments)
        raise OSError("no network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, outside)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, outside)
    offline = {"adapter": "reference", "model": "random"}
    tasks = ["quickstart_factuality", "quickstart_bias"]
    found = evalharness.run({"target": offline, "tasks": tasks}, out=tmp_path / "offline")
    assert found.samples.outcome.tolist() == ["answered"] * len(found.samples)
    assert len(found.samples) >= 50
    assert found.report.is_file()
    assert reached == []

    def crashing(request):
        raise RuntimeError("x" * 236_000)

    failed = made(tmp_path, crashing, ITEMS)
    assert failed.samples.outcome.tolist() == ["errored"] * 4
    assert failed.samples.reason.str.len().max() < 600
    assert sum(path.stat().st_size for path in failed.path.iterdir()) < 236_000
    assert not failed.samples.reason.str.contains("Traceback").any()
