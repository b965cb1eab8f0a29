"""Answers that need no call: equal greedy requests, another run, a cache."""

from __future__ import annotations

import asyncio
import functools

import pytest

import evalharness
from evalharness.adapters.base import ModelIdentity
from evalharness.engine.keys import answer_key, entry_digest
from evalharness.errors import RunError
from evalharness.records import Decoding, Failure, Message, Request, Response, Slot
from evalharness.store.cache import ResponseCache
from tests.engine.driving import GENERATE
from tests.support import TASK, item, write_suite
from tests.support import FakeModel as Model

FakeModel = functools.partial(Model, repeatable=True)

#: Three questions, each asked four times under other names.
SAME = [item(n, question=f"Question {n % 3}?", choices=["a", "b"]) for n in range(12)]
FIXED = TASK.replace("method: choose", "method: letter\norder: 'fixed: equal prompts are meant'")


def run(folder, model, items=SAME, task=FIXED, cache=None, **config):
    if not (folder / "suite_small").exists():
        write_suite(folder, items, task=task)
    return evalharness.run(
        {"target": model, "suites": [str(folder / "suite_small")], "retries": 0, **config},
        out=folder / "results",
        cache=cache,
    )


@pytest.mark.parametrize("concurrency", [1, 8])
def test_equal_greedy_requests_are_sent_once(tmp_path, concurrency):
    model = FakeModel(lambda r: "A", concurrency=concurrency, delay=0.002)
    found = run(tmp_path, model)
    assert len(model.asked) == 3
    assert list(found.samples["outcome"]) == ["answered"] * 12
    assert sorted(found.samples["attempts"]) == [0] * 9 + [1] * 3
    summary = found._directory.read_json(found.path / "summary.json")
    assert (summary["asked"], summary["replayed"]) == (3, 9)


def test_only_a_model_that_repeats_itself_shares(tmp_path):
    """A recording, say, has an answer of its own for each of two equal prompts."""
    model = Model(lambda r: "A")
    found = run(tmp_path / "a", model, cache=tmp_path / "cache")
    assert len(model.asked) == 12
    assert set(found.samples["attempts"]) == {1}
    again = Model(lambda r: "A")
    run(tmp_path / "b", again, cache=tmp_path / "cache")
    assert len(again.asked) == 12


def test_sampled_requests_are_never_shared(tmp_path):
    task = FIXED.replace("scorer:", "decoding: {{temperature: 1.0}}\nscorer:")
    model = FakeModel(lambda r: "A")
    run(tmp_path, model, task=task, cache=tmp_path / "cache")
    assert len(model.asked) == 12
    assert len({r.seed for r in model.asked}) == 12
    again = FakeModel(lambda r: "A")
    run(tmp_path / "b", again, task=task, cache=tmp_path / "cache")
    assert len(again.asked) == 12


def test_repeats_are_asked_again_though_they_are_greedy(tmp_path):
    model = FakeModel(lambda r: "A")
    run(tmp_path, model, epochs=3)
    assert len(model.asked) == 3 * 3
    target = FakeModel(lambda r: f"text {r.slot.ordinal}")
    classifier = FakeModel(lambda r: Response(scores={"toxicity": 0.1}), kinds=["classify"])
    run(tmp_path / "b", target, task=GENERATE, classifier=classifier)
    assert len(target.asked) == 3 * 3, "three generations of three prompts"
    assert len(classifier.asked) == 3, "but three texts"


def test_a_failure_serves_nobody_else(tmp_path):
    asked = []

    def answer(request: Request):
        asked.append(request.slot.sample)
        return Failure("no luck") if len(asked) == 1 else "A"

    found = run(tmp_path, FakeModel(answer, concurrency=8, delay=0.001))
    assert sorted(found.samples["outcome"]) == ["answered"] * 11 + ["errored"]
    assert len(asked) == 2 + 4, "each of the other three with the same question asks for itself"


def test_a_resumed_run_shares_with_what_was_recorded(tmp_path):
    class Stopping(Model):
        async def respond(self, requests):
            if len(self.calls) == 2:
                raise evalharness.errors.AdapterError("stop")
            return await super().respond(requests)

    with pytest.raises(evalharness.errors.AdapterError):
        run(tmp_path, Stopping(lambda r: "A", concurrency=1, repeatable=True))
    model = FakeModel(lambda r: "A", concurrency=1)
    found = run(tmp_path, model)
    assert len(model.asked) == 1
    assert set(found.samples["outcome"]) == {"answered"}


def test_a_scorecard_does_not_depend_on_sharing(tmp_path):
    one = run(tmp_path / "a", FakeModel(lambda r: "A", concurrency=1))
    other = run(tmp_path / "b", FakeModel(lambda r: "A", concurrency=8, delay=0.001))
    cards = [(found.path / "scorecard.json").read_bytes() for found in (one, other)]
    assert cards[0] == cards[1]


# -- over runs ------------------------------------------------------------------------------------


def test_a_cache_serves_another_run_of_the_same_model(tmp_path):
    items = [item(n) for n in range(10)]
    cache = tmp_path / "cache"
    run(tmp_path / "a", FakeModel(lambda r: "A"), items, cache=cache)
    model = FakeModel(lambda r: "B")
    found = run(tmp_path / "b", model, items, cache=cache, name="another")
    assert model.asked == []
    assert set(found.samples["response"]) == {"A"}
    assert found.exit_code == 0


def test_without_the_option_nothing_is_kept_or_used(tmp_path):
    items = [item(n) for n in range(3)]
    run(tmp_path / "a", FakeModel(lambda r: "A"), items)
    model = FakeModel(lambda r: "A")
    run(tmp_path / "b", model, items)
    assert len(model.asked) == 3


def test_a_local_models_packs_use_the_cache_too(tmp_path):
    items = [item(n) for n in range(10)]
    cache = tmp_path / "cache"

    def packing():
        return FakeModel(lambda r: -1.0, kinds=["loglikelihood"], batch_size=4)

    run(tmp_path / "a", packing(), items, task=TASK, cache=cache)
    model = packing()
    run(tmp_path / "b", model, items, task=TASK, cache=cache)
    assert model.asked == []


def test_failures_are_not_cached(tmp_path):
    cache = tmp_path / "cache"
    run(tmp_path / "a", FakeModel(lambda r: Failure("no luck")), cache=cache)
    model = FakeModel(lambda r: "A")
    found = run(tmp_path / "b", model, cache=cache)
    assert len(model.asked) == 3
    assert set(found.samples["outcome"]) == {"answered"}


IDENTITIES = [
    ModelIdentity("p", "m"),
    ModelIdentity("q", "m"),
    ModelIdentity("p", "n"),
    ModelIdentity("p", "m", revision="2"),
    ModelIdentity("p", "m", digest="d"),
    ModelIdentity("p", "m", dtype="float32"),
    ModelIdentity("p", "m", backend="b"),
    ModelIdentity("p", "m", chat_template="t"),
    ModelIdentity("p", "m", system_prompt="s"),
    ModelIdentity("p", "m", extra={"endpoint": "e"}),
]
USER = (Message("user", "x"),)
REQUESTS = [
    Request("generate", messages=USER, decoding=Decoding()),
    Request("generate", messages=(Message("user", "y"),), decoding=Decoding()),
    Request("generate", messages=(Message("system", "s"), *USER), decoding=Decoding()),
    Request("generate", messages=USER, decoding=Decoding(max_tokens=5)),
    Request("generate", messages=USER, decoding=Decoding(top_p=0.5)),
    Request("generate", messages=USER, decoding=Decoding(stop=("a",))),
    Request("generate", messages=USER, decoding=Decoding(stop=("a", "b"))),
    Request("loglikelihood", messages=USER, continuation=" a"),
    Request("loglikelihood", messages=USER, continuation=" b"),
    Request("classify", role="classifier", text="x"),
]


def test_everything_that_changes_an_answer_changes_its_key():
    slot = Slot("t", "s", 0, "target", 0)
    keys = set()
    for identity in IDENTITIES:
        for request in REQUESTS:
            made = Request(**{name: getattr(request, name) for name in
                              ("kind", "role", "messages", "continuation", "text", "decoding")},
                           slot=slot)  # fmt: skip
            keys.add(answer_key(made, entry_digest(str(identity.to_json()), made)))
    assert None not in keys
    assert len(keys) == len(IDENTITIES) * len(REQUESTS)


def test_two_runs_may_use_one_cache_at_once(tmp_path):
    first, second = ResponseCache(tmp_path), ResponseCache(tmp_path)
    first.put([(b"k", Response(text="one"))])
    second.put([(b"k", Response(text="two")), (b"l", Response(scores={"a": 0.5}))])
    assert first.get(b"k") == second.get(b"k") == Response(text="one")
    assert first.get(b"l") == Response(scores={"a": 0.5})
    first.close()
    second.close()


def test_a_cache_that_is_none_is_said_to_be(tmp_path):
    (tmp_path / "answers.sqlite").write_text("this is no database, however long it is " * 20)
    with pytest.raises(RunError, match="cannot be used as a cache"):
        ResponseCache(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be used as a cache"):
        ResponseCache(tmp_path / "file")


def test_cancelled_while_it_asks_leaves_nobody_waiting(tmp_path):
    """Two equal requests, the first of which goes away: the second asks for itself."""
    from evalharness.engine.known import Known
    from evalharness.engine.writer import Writer
    from evalharness.store.journal import Entry, Journal

    async def both():
        journal = Journal(tmp_path / "j.sqlite")
        writer = Writer(journal)
        known = Known(journal, writer, ["target"])

        async def ask(name, key):
            if name == "a":
                await asyncio.sleep(10)
            entry = Entry(Slot("t", name, 0, "target", 0), b"d", Response(text=name), 0.0, 1)
            await writer.commit([entry], [key])
            return entry

        def asking(name):
            request = Request("generate", messages=USER, slot=Slot("t", name, 0, "target", 0))
            return asyncio.create_task(known.once(request, b"d", lambda key: ask(name, key)))

        first = asking("a")
        await asyncio.sleep(0)
        second = asking("b")
        await asyncio.sleep(0)
        first.cancel()
        entry, asked = await asyncio.wait_for(second, 2)
        assert (entry.answer.text, asked) == ("b", True)
        await writer.close()
        journal.close()

    asyncio.run(both())
