"""Log-likelihoods of an OpenAI-compatible endpoint: probed, placed and run."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

import evalharness
from evalharness.adapters.openai.logprobs import continuation_logprobs
from evalharness.errors import AdapterError
from evalharness.records import Failure, Message, Request, Response
from tests.adapters.openai_asking import accuracy, ask, make, one, spec
from tests.adapters.openai_server import Asked, Say, echoed, serving
from tests.support import item, write_suite

AUTO = {"api": "completions", "loglikelihood": "auto"}


def test_log_likelihoods_are_declared_only_where_asked_for() -> None:
    assert make("http://127.0.0.1:1/v1").capabilities.kinds == {"generate"}
    assert make("http://127.0.0.1:1/v1", **AUTO).capabilities.kinds == {"generate", "loglikelihood"}


LIKELY = Request(
    "loglikelihood", messages=(Message("user", "One two"),), continuation=" three four"
)


@pytest.mark.parametrize(
    "shape", [{}, {"start": "<s>"}, {"more": " five"}, {"start": "<s>", "more": "!"}]
)
def test_a_server_that_echoes_gives_log_likelihoods(shape: dict[str, str]) -> None:
    with serving(lambda asked: echoed(asked, **shape)) as server:
        adapter = make(server.url, **AUTO)
        answers = ask(adapter, LIKELY, LIKELY)
    expected = Response(loglikelihood=-1.0, token_logprobs=(-0.5, -0.5), output_tokens=2)
    assert answers == [expected, expected]
    assert len(server.asked) == 3  # one probe
    body = server.asked[1].body
    assert body["prompt"] == "One two three four"
    assert (body["echo"], body["logprobs"], body["max_tokens"]) == (True, 1, 1)
    assert adapter.deviations == []


def test_white_space_before_the_border_belongs_to_the_continuation() -> None:
    request = Request("loglikelihood", messages=(Message("user", "One "),), continuation="two")
    assert one(echoed, request, **AUTO).token_logprobs == (-0.5,)


def ignores(asked: Asked) -> Any:
    return {"choices": [{"text": "ok", "logprobs": None}]}


def generates(asked: Asked) -> Any:
    """logprobs of its own new tokens, no echo."""
    logprobs = {"tokens": [" ok"], "token_logprobs": [-0.1], "text_offset": [0]}
    return {"choices": [{"text": " ok", "logprobs": logprobs}]}


def refuses(asked: Asked) -> Any:
    return Say({"error": {"message": "echo is not supported"}}, 400)


def lies(asked: Asked) -> Any:
    reply = echoed(asked)
    values = reply["choices"][0]["logprobs"]["token_logprobs"]
    reply["choices"][0]["logprobs"]["token_logprobs"] = [None, *[0.9] * (len(values) - 1)]
    return reply


@pytest.mark.parametrize("says", [ignores, generates, refuses, lies])
def test_the_capability_is_probed_not_believed(says: Any) -> None:
    with serving(says) as server:
        adapter = make(server.url, **AUTO)
        answers = ask(adapter, LIKELY, LIKELY, LIKELY)
        assert len(server.asked) == 1
    assert {answer.outcome for answer in answers} == {"not_run"}
    assert "`echo` or `logprobs`" in answers[0].reason
    assert len(adapter.deviations) == 1
    assert adapter.deviations[0].startswith("no log-likelihoods: ")


@pytest.mark.parametrize("value", [0.0, -1e9, float("-inf"), -1.5, float("nan"), -(10**400)])
def test_a_server_that_finds_every_token_as_likely_is_not_believed(value: float) -> None:
    def says(asked: Asked) -> Any:
        reply = echoed(asked)
        found = reply["choices"][0]["logprobs"]
        found["token_logprobs"] = [None, *[value] * (len(found["tokens"]) - 1)]
        return Say(json.dumps(reply))

    with serving(says) as server:
        answers = ask(make(server.url, **AUTO), LIKELY, LIKELY)
        assert len(server.asked) == 1
    assert {answer.outcome for answer in answers} == {"not_run"}


def test_a_log_probability_that_is_not_finite_is_none() -> None:
    logprobs = {"tokens": ["One", " two"], "token_logprobs": [None, float("-inf")]}
    found = continuation_logprobs({"logprobs": logprobs}, "One two", len("One"))
    assert found == "the server returned a log-probability that is none"


def test_a_fault_at_the_probe_says_nothing_about_the_server() -> None:
    def says(asked: Asked) -> Any:
        return Say(b"", 503) if asked.number == 1 else echoed(asked)

    with serving(says) as server:
        adapter = make(server.url, **AUTO)

        async def work() -> list[Any]:
            found = [*await adapter.respond([LIKELY, LIKELY]), *await adapter.respond([LIKELY])]
            await adapter.aclose()
            return found

        first, second, third = asyncio.run(work())
    down = Failure("the server answered HTTP 503", retryable=True, throttled=True)
    assert first == second == down
    assert third.loglikelihood == -1.0
    assert adapter.deviations == []


def test_a_wrong_key_at_the_probe_stops_the_run() -> None:
    with pytest.raises(AdapterError, match="refuses the key"):
        one(Say(b"", 401), LIKELY, **AUTO)


def test_closing_during_the_probe_leaves_nothing_behind() -> None:
    with serving(lambda _: Say(delay=30)) as server:
        adapter = make(server.url, **AUTO)

        async def work() -> None:
            asking = asyncio.create_task(adapter._one(LIKELY))
            await asyncio.sleep(0.1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await adapter.aclose()

        asyncio.run(work())


@pytest.mark.parametrize(
    ("tokens", "offsets", "expected"),
    [
        ([" One", " tw", "o th", "ree four"], None, "a token straddles the border"),
        (["One two", " three four"], None, (-0.5,)),
        (["One two", " thr\ufffd", "\ufffd", " four"], [0, 7, 11, 13], (-0.5, -0.5, -0.5)),
        (["One two", " thr\ufffd", "x", " four"], [0, 7, 11, 13], "do not spell the prompt"),
        (["One two", " thr\ufffd", "\ufffd", " four"], [0, 7, 13, 11], "do not spell the prompt"),
        (["One two", " thr\ufffd", " four"], ["0", 7, 13], "do not spell the prompt"),
        (["One two", " thr\ufffd", " four"], [0], "do not spell the prompt"),
        ([], None, "no log-probabilities"),
    ],
)
def test_tokens_are_placed_or_refused(tokens: Any, offsets: Any, expected: Any) -> None:
    prompt = "One two three four"
    tokens = [token.lstrip() if n == 0 else token for n, token in enumerate(tokens)]
    starts = [sum(map(len, tokens[:n])) for n in range(len(tokens))]
    logprobs = {
        "tokens": tokens,
        "token_logprobs": [None, *[-0.5] * (len(tokens) - 1)][: len(tokens)],
        "text_offset": starts if offsets is None else offsets,
    }
    found = continuation_logprobs({"logprobs": logprobs}, prompt, len("One two"))
    assert found == expected if isinstance(expected, tuple) else expected in found


def test_a_first_token_has_no_probability() -> None:
    request = Request("loglikelihood", continuation="three four")
    answer = one(echoed, request, **AUTO)
    assert answer.reason.startswith("there is no context before the continuation")


def test_a_text_with_nothing_before_it_begins_with_a_start_token() -> None:
    """The server's own, or the one that the configuration names."""
    request = Request("loglikelihood", messages=(Message("user", ""),), continuation="three four")
    assert one(lambda asked: echoed(asked, start="<s>"), request, **AUTO).loglikelihood == -1.0

    def says(asked: Asked) -> Any:
        spelled = re.findall(r"<s>|\s*[^\s<]+", asked.prompt)
        return echoed(asked, tokens=spelled)

    with serving(says) as server:
        adapter = make(server.url, **AUTO, start="<s>")
        (answer, after) = ask(adapter, request, LIKELY)
        prompts = [asked.prompt for asked in server.asked[1:]]
    assert answer.token_logprobs == after.token_logprobs == (-0.5, -0.5)
    assert sorted(prompts) == ["<s>three four", "One two three four"]
    assert adapter.identity.extra["start"] == "<s>"
    assert "start" not in make("http://127.0.0.1:1/v1", **AUTO).identity.extra


def test_a_filtered_or_failed_echo_is_errored() -> None:
    def says(asked: Asked) -> Any:
        return (
            echoed(asked) if asked.number == 1 else Say({"error": {"code": "content_filter"}}, 400)
        )

    answer = one(says, LIKELY, **AUTO)
    assert (answer.outcome, answer.retryable) == ("errored", False)
    assert "content filter" in answer.reason


def knows(asked: Asked) -> Any:
    """Finds the right option likelier than the others."""
    reply = echoed(asked)
    found = reply["choices"][0]["logprobs"]
    likely = [-0.1 if word in (" right", " Paris.") else -0.5 for word in found["tokens"]]
    found["token_logprobs"] = [None, *likely[1:]]
    return reply


def test_log_likelihoods_run_a_task_that_compares_them(tmp_path) -> None:
    suite = write_suite(tmp_path, [item(n) for n in range(5)])
    with serving(knows) as server:
        config = {"target": spec(server, **AUTO), "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
        assert len(server.asked) == 1 + 5 * 3
    assert run.info["tasks"]["small"]["method"] == "loglikelihood"
    assert (accuracy(run).value, run.exit_code) == (1.0, 0)


def test_a_failed_probe_is_not_run_with_the_reason(tmp_path) -> None:
    suite = write_suite(tmp_path, [item(n) for n in range(5)])
    with serving(ignores) as server:
        config = {"target": spec(server, **AUTO), "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
    assert run.exit_code == 3
    assert run.scorecard.dimensions["factuality"].tasks["small"].outcomes["not_run"] == 5
    assert any("no log-likelihoods" in text for text in run.info["deviations"])
