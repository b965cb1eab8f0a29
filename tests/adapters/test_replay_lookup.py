"""Which recorded output answers which request, for every kind."""

from __future__ import annotations

from typing import Any

from evalharness.adapters.base import Adapter
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.replaying import answer, generated, load, request, slot


def test_an_answer_is_found_by_task_sample_epoch_and_generation(write: Any) -> None:
    adapter = load(
        write(
            [
                {"task": "t", "sample": "a", "response": "0.0"},
                {"task": "t", "sample": "a", "generation": 1, "response": "0.1"},
                {"task": "t", "sample": "a", "epoch": 1, "response": "1.0"},
                {"task": "u", "sample": "a", "response": "u"},
            ]
        )
    )
    assert isinstance(adapter, Adapter)
    assert generated(adapter, "a") == Response("0.0")
    assert generated(adapter, "a", ordinal=1) == Response("0.1")
    assert generated(adapter, "a", epoch=1) == Response("1.0")
    assert generated(adapter, "a", task="u") == Response("u")


def test_a_record_without_a_task_fits_any_task_and_yields_to_its_own(write: Any) -> None:
    adapter = load(
        write([{"sample": "a", "response": "any"}, {"task": "u", "sample": "a", "response": "u"}])
    )
    assert generated(adapter, "a", task="t") == Response("any")
    assert generated(adapter, "a", task="u") == Response("u")


def reason(found: Response | Failure) -> str:
    assert isinstance(found, Failure)
    assert found.outcome == "not_run"
    assert not found.retryable
    return found.reason


def test_what_was_not_recorded_is_not_run(write: Any) -> None:
    adapter = load(write([{"sample": "a", "response": "x"}]))
    found = answer(
        adapter,
        request("generate", "b"),
        request("generate", "a", ordinal=2),
        request("generate", "a", epoch=1),
        request("classify", "a"),
        request("embed", "a"),
        Request("generate"),
    )
    assert [reason(item) for item in found] == [
        "no recorded output for t/b (generate, epoch 0, generation 0)",
        "no recorded output for t/a (generate, epoch 0, generation 2)",
        "no recorded output for t/a (generate, epoch 1, generation 0)",
        "no recorded output for t/a (classify, epoch 0, text 0)",
        "no recorded output for t/a (embed, epoch 0, text 0)",
        "no recorded output for a request without a place in a run",
    ]


def test_null_is_an_empty_answer(write: Any) -> None:
    adapter = load(write([{"sample": "a", "response": None}, {"sample": "b", "response": ""}]))
    assert generated(adapter, "a") == generated(adapter, "b") == Response("")


def test_log_likelihoods_in_the_order_of_the_choices(write: Any) -> None:
    adapter = load(write([{"sample": "a", "loglikelihoods": [-1.5, 0, -3]}]))
    assert adapter.capabilities.kinds == {"loglikelihood"}
    asked = [request("loglikelihood", "a", ordinal=i) for i in range(4)]
    found = answer(adapter, *asked)
    assert found[:3] == [Response(loglikelihood=value) for value in (-1.5, 0.0, -3.0)]
    assert "the record has 3 log-likelihoods" in reason(found[3])
    assert "t/b (loglikelihood, epoch 0, choice 0)" in reason(
        answer(adapter, request("loglikelihood", "b"))[0]
    )


def test_log_likelihoods_one_record_a_choice(write: Any) -> None:
    records = [{"sample": "a", "ordinal": i, "loglikelihood": -float(i)} for i in range(3)]
    adapter = load(write(records))
    found = answer(adapter, *(request("loglikelihood", "a", ordinal=i) for i in range(3)))
    assert found == [Response(loglikelihood=-float(i)) for i in range(3)]


def test_scores_by_which_a_recording_ranks_choices(write: Any) -> None:
    adapter = load(write([{"sample": "a", "choice_scores": [0.25, -7, 1e3]}]))
    assert adapter.capabilities.kinds == {"loglikelihood"}
    found = answer(adapter, *(request("loglikelihood", "a", ordinal=i) for i in range(4)))
    assert found[:3] == [Response(choice_score=value) for value in (0.25, -7.0, 1000.0)]
    assert "the record has 3 scores" in reason(found[3])
    one_each = [{"sample": "a", "ordinal": i, "choice_score": i} for i in range(2)]
    found = answer(
        load(write(one_each)), *(request("loglikelihood", "a", ordinal=i) for i in range(2))
    )
    assert found == [Response(choice_score=0.0), Response(choice_score=1.0)]


def of_choice(choice: str, **place: Any) -> Request:
    return Request("loglikelihood", choice=choice, slot=slot("a", **place))


def test_a_choice_is_found_by_its_own_id(write: Any) -> None:
    adapter = load(
        write(
            [
                {"choice": "x1", "choice_score": 0.5},
                {"choice": "x2", "loglikelihood": -2},
                {"choice": "x3", "epoch": 1, "choice_score": 0.75},
                {"choice": 4, "task": "u", "choice_score": 4},
            ]
        )
    )
    found = answer(adapter, of_choice("x1"), of_choice("x2", ordinal=1), of_choice("4", task="u"))
    assert found == [
        Response(choice_score=0.5),
        Response(loglikelihood=-2.0),
        Response(choice_score=4.0),
    ]
    assert answer(adapter, of_choice("x3", epoch=1)) == [Response(choice_score=0.75)]
    for request_ in (of_choice("x3"), of_choice("x1", epoch=1), of_choice("4"), of_choice("a")):
        assert "no recorded output" in reason(answer(adapter, request_)[0])
    assert adapter.not_planned([("t", "a")]) == []


def test_scores_of_a_classifier(write: Any) -> None:
    scores = {"toxicity": 0.25, "insult": 1}
    adapter = load(write([{"sample": "a", "scores": scores}]))
    assert adapter.capabilities.kinds == {"classify"}
    assert answer(adapter, request("classify", "a")) == [Response(scores=scores)]


def test_verdict_and_finish_reason_come_along(write: Any) -> None:
    adapter = load(
        write(
            [
                {"sample": "a", "response": "x", "verdict": {"correct": 1}},
                {"sample": "b", "response": "y", "finish_reason": "length"},
                {"sample": "c", "verdict": {"outcome": "refused"}},
            ]
        )
    )
    assert generated(adapter, "a") == Response("x", recorded={"correct": 1})
    assert generated(adapter, "b") == Response("y", finish_reason="length")
    assert generated(adapter, "c") == Response("", recorded={"outcome": "refused"})


def test_kinds_are_those_of_the_records(write: Any) -> None:
    adapter = load(
        write(
            [
                {"sample": "a", "response": None, "loglikelihoods": [-1], "scores": {"x": 0}},
                {"sample": "b", "response": "b"},
            ]
        )
    )
    assert adapter.capabilities.kinds == {"generate", "loglikelihood", "classify"}
    assert (adapter.capabilities.batch_size, adapter.capabilities.concurrency) == (1, 1024)
    assert isinstance(generated(adapter, "a"), Failure)  # null beside other outputs: none recorded


def test_answers_by_content(write: Any) -> None:
    asked = Request("generate", messages=(Message("user", "Why?"),), decoding=Decoding())
    other = Request("loglikelihood", messages=asked.messages, continuation=" so")
    adapter = load(
        write(
            [
                {"digest": asked.content_digest, "response": "Because."},
                {"digest": other.content_digest.upper(), "loglikelihood": -2},
            ]
        ),
        key="digest",
    )
    assert answer(adapter, asked, other) == [Response("Because."), Response(loglikelihood=-2.0)]
    assert reason(answer(adapter, Request("generate", seed=1))[0]).startswith(
        "no recorded output for this generate request (digest "
    )
    assert adapter.not_planned([]) == []
    assert adapter.identity.extra == {"key": "digest"}


def test_samples_beyond_the_plan_are_named_once(write: Any) -> None:
    adapter = load(
        write(
            [
                {"task": "t", "sample": "a", "response": "x"},
                {"task": "t", "sample": "b", "response": "x"},
                {"task": "t", "sample": "b", "generation": 1, "response": "x"},
                {"task": "u", "sample": "a", "response": "x"},
                {"sample": "c", "response": "x"},
                {"sample": "d", "response": "x", "scores": {"y": 0}},
            ]
        )
    )
    assert adapter.not_planned([("t", "a"), ("t", "c"), ("t", "d")]) == ["t/b", "u/a"]
    assert adapter.not_planned(iter([])) == ["t/a", "t/b", "u/a", "c", "d"]
