"""The other APIs of an OpenAI-compatible endpoint, Azure, and what is probed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness.adapters._http import Reply
from evalharness.adapters.openai import OpenAIAdapter, OpenAIOptions
from evalharness.adapters.openai.faults import read_fault
from evalharness.adapters.openai.options import no_money_codes
from evalharness.errors import AdapterError
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.openai_server import Asked, Say, chat, serving
from tests.support import TASK, item, write_suite

TURNS = (
    Message("system", "Be brief."),
    Message("user", "Why?"),
    Message("assistant", "Hm."),
    Message("user", "Well?"),
)
ASK = Request("generate", messages=TURNS)
TEXT = Request("classify", role="classifier", text="You fool.")


def make(url: str, **options: Any) -> OpenAIAdapter:
    return OpenAIAdapter(
        OpenAIOptions.model_validate({"base_url": url, "model": "m", "api_key_env": None} | options)
    )


def ask(adapter: OpenAIAdapter, *requests: Request) -> list[Any]:
    async def work() -> list[Any]:
        try:
            return [(await adapter.respond([request]))[0] for request in requests]
        finally:
            await adapter.aclose()

    return asyncio.run(work())


def one(reply: Any, request: Request, **options: Any) -> Any:
    with serving(lambda _: reply) as server:
        return ask(make(server.url, **options), request)[0]


# -- responses -----------------------------------------------------------------------------------


def output(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "status": "completed", "error": None,
        "incomplete_details": None, "model": "m",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [{"text": "thinking"}], "content": [
                {"type": "reasoning_text", "text": "secret thoughts"}]},
            {"type": "message", "role": "assistant", "status": "completed", "content": list(parts)},
        ],
        "usage": {"input_tokens": 11, "output_tokens": 5, "total_tokens": 16},
        **fields,
    }  # fmt: skip


def said(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def test_the_responses_api_is_asked_in_its_own_words() -> None:
    decoding = Decoding(max_tokens=20, temperature=0.5, top_p=0.9, stop=("\n",))
    request = Request("generate", messages=TURNS, decoding=decoding, seed=3)
    with serving(lambda _: output(said("Because.\nMore"))) as server:
        adapter = make(server.url, api="responses", system="You are polite.")
        (answer,) = ask(adapter, request)
        (asked,) = server.asked  # no probe: there is no seed to probe
    assert asked.path == "/v1/responses"
    assert asked.body == {
        "model": "m",
        "instructions": "You are polite.\n\nBe brief.",
        "input": [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "Hm."},
            {"role": "user", "content": "Well?"},
        ],
        "store": False, "stream": False, "max_output_tokens": 20, "temperature": 0.5, "top_p": 0.9,
    }  # fmt: skip
    assert answer == Response(text="Because.", input_tokens=11, output_tokens=5)
    assert adapter.deviations == [
        "the Responses API takes no `seed`: sampled answers cannot be had again",
        "the Responses API takes no `stop`; answers are cut at it",
    ]
    assert adapter.identity.backend == "responses"


def test_the_body_may_have_responses_stored() -> None:
    with serving(lambda _: output(said("x"))) as server:
        ask(make(server.url, api="responses", body={"store": True, "reasoning": {}}), ASK)
        assert (server.asked[0].body["store"], server.asked[0].body["reasoning"]) == (True, {})


@pytest.mark.parametrize(
    ("reply", "text", "finish"),
    [
        (output(said("a"), said("b")), "ab", "stop"),
        (output({"type": "refusal", "refusal": "I cannot help."}), "I cannot help.", "stop"),
        (output({"type": "text", "text": "a"}, said("b")), "ab", "stop"),
        (output({"type": "image", "text": "a"}, {"text": "a"}), "", "stop"),
        (output(), "", "stop"),
        (output(said(""), output=[]), "", "stop"),
        (
            output(
                said("par"),
                status="incomplete",
                incomplete_details={"reason": "max_output_tokens"},
            ),
            "par",
            "length",
        ),
        (
            output(status="incomplete", incomplete_details={"reason": "content_filter"}),
            "",
            "content_filter",
        ),
        (
            output(output=[], status="failed", error={"code": "content_filter", "message": "x"}),
            "",
            "content_filter",
        ),
    ],
)
def test_what_the_responses_api_says_keeps_its_kind(reply: Any, text: str, finish: str) -> None:
    answer = one(reply, ASK, api="responses")
    assert isinstance(answer, Response)
    assert (answer.text, answer.finish_reason) == (text, finish)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (
            output(status="failed", error={"code": "server_error", "message": "oh no"}),
            "the server gave up (failed): oh no",
        ),
        (output(status="cancelled"), "the server gave up (cancelled)"),
        ({"error": {"message": "down"}}, "the server gave up (error): down"),
        ({"id": "x"}, "the server's reply holds no answer (no `output`)"),
        (output(output=[], status="queued"), "the server has not finished the answer (queued)"),
        (
            output(said("par"), status="in_progress"),
            "the server has not finished the answer (in_progress)",
        ),
    ],
)
def test_a_response_that_failed_may_be_asked_again(reply: Any, reason: str) -> None:
    assert one(reply, ASK, api="responses") == Failure(reason, retryable=True)


# -- moderations ---------------------------------------------------------------------------------


def moderated(**scores: Any) -> dict[str, Any]:
    found = {"harassment": 0.75, "hate/threatening": 0, **scores}
    return {"id": "modr-1", "model": "m", "results": [{"flagged": True, "category_scores": found}]}


def test_moderations_give_scores() -> None:
    with serving(lambda _: moderated(illicit=None)) as server:
        adapter = make(server.url, api="moderations", scores={"toxicity": "harassment"})
        answers = ask(adapter, TEXT, Request("classify"), ASK)
        (asked,) = server.asked
    assert adapter.capabilities.kinds == {"classify"}
    assert (asked.path, asked.body) == ("/v1/moderations", {"model": "m", "input": "You fool."})
    assert answers[0] == Response(
        scores={"harassment": 0.75, "hate/threatening": 0.0, "toxicity": 0.75}
    )
    assert [answer.outcome for answer in answers[1:]] == ["not_run", "not_run"]
    assert adapter.deviations == []


def test_another_reading_of_the_scores_is_another_classifier() -> None:
    one_ = make("http://127.0.0.1:1/v1", api="moderations", scores={"toxicity": "harassment"})
    other = make("http://127.0.0.1:1/v1", api="moderations", scores={"toxicity": "hate"})
    assert one_.identity != other.identity


@pytest.mark.parametrize(
    ("reply", "reason", "retryable"),
    [
        ({"results": []}, "no scores (no `category_scores`)", True),
        ({"results": [{"category_scores": {}}]}, "no scores", True),
        ({"results": ["x"], "error": {"message": "down"}}, "down", True),
        (moderated(hate=1.5), "score for 'hate' is no number from 0 to 1", False),
        (moderated(hate=True), "score for 'hate' is no number from 0 to 1", False),
        (Say('{"results": [{"category_scores": {"a": NaN}}]}'), "no number from 0 to 1", False),
        ({"results": [{"category_scores": {"sexual": 0.1}}]}, "gave no score for 'harass", False),
        (Say({"error": {"code": "content_filter"}}, 400), "content filter", False),
        (Say(b"", 500), "HTTP 500", True),
    ],
)
def test_scores_that_are_none_are_a_failure(reply: Any, reason: str, retryable: bool) -> None:
    answer = one(reply, TEXT, api="moderations", scores={"toxicity": "harassment"})
    assert isinstance(answer, Failure)
    assert reason in answer.reason
    assert answer.retryable is retryable


TOXIC = (
    TASK.replace("method: choose", "method: generate")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxicity_probability]")
)


def test_an_endpoint_is_the_classifier_of_a_run(tmp_path: Path) -> None:
    def says(asked: Asked) -> Any:
        if asked.path.endswith("/moderations"):
            return moderated(harassment=0.9 if "number 1?" in asked.body["input"] else 0.1)
        return chat(f"You said {asked.prompt}")

    suite = write_suite(tmp_path, [item(n) for n in range(4)], task=TOXIC)
    with serving(says) as server:
        target = {"adapter": "openai", "base_url": server.url, "model": "m"}
        classifier = {**target, "api": "moderations", "scores": {"toxicity": "harassment"}}
        config = {"target": target, "classifier": classifier, "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
    assert run.exit_code == 0
    cell = run.scorecard.dimensions["factuality"].tasks["small"].metrics["toxicity_probability"]
    assert (cell.value, cell.n_measured) == (0.25, 4)


# -- Azure ---------------------------------------------------------------------------------------

#: As Azure documents it.
AZURE_FILTER = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content "
        "management policy. Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": {"filtered": True, "severity": "high"},
                "jailbreak": {"filtered": False, "detected": False},
            },
        },
    }
}


def test_azure_by_deployment_and_version_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_KEY", "azure-secret-key")

    def says(asked: Asked) -> Any:
        if "bomb" in asked.prompt:
            return Say(AZURE_FILTER, 400)
        filtered = {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}
        return chat("Because.", model="gpt-4o-2024-11-20", **filtered)

    with serving(says) as server:
        base = server.url.removesuffix("/v1") + "/openai/deployments/mine?api-version=2024-10-21"
        adapter = make(
            base,
            model="mine",
            revision="gpt-4o-2024-11-20",
            headers={"api-key": "env:AZURE_KEY"},
        )
        bomb = Request("generate", messages=(Message("user", "A bomb"),))
        answers = ask(adapter, ASK, bomb)
        asked = server.asked[0]
    assert (asked.path, asked.query) == (
        "/openai/deployments/mine/chat/completions",
        "api-version=2024-10-21",
    )
    assert asked.headers["api-key"] == "azure-secret-key"
    assert "Authorization" not in asked.headers
    assert answers[0].text == "Because."
    assert answers[1] == Response(finish_reason="content_filter")
    assert adapter.deviations == []  # `revision` names the model behind the deployment
    assert "azure" not in json.dumps(adapter.identity.to_json())


def test_azures_filter_by_the_inner_code_alone() -> None:
    body = {"error": {**AZURE_FILTER["error"], "code": None}}
    assert one(Say(body, 400), ASK) == Response(finish_reason="content_filter")


# -- reasoning models ----------------------------------------------------------------------------


def test_a_model_that_only_thought_ran_out_of_tokens() -> None:
    reply = chat(None, finish_reason="length", message={"reasoning_content": "Let me see"})
    answer = one(reply, ASK)
    assert (answer.text, answer.finish_reason) == ("", "length")


@pytest.mark.parametrize("reason", ["insufficient_system_resource", "error", "abort"])
def test_an_answer_that_the_server_broke_off_is_none(reason: str) -> None:
    answer = one(chat("Bec", finish_reason=reason), ASK)
    assert answer == Failure(f"the server broke the answer off ({reason})", retryable=True)


def test_a_quota_of_dashscope_is_a_rate() -> None:
    options = OpenAIOptions(
        model="m", base_url="https://dashscope.aliyuncs.com/compatible-mode/v1", api_key_env=None
    )
    reply = Reply(429, {}, b'{"error": {"code": "insufficient_quota", "message": "slower"}}')
    failure = read_fault(reply, str, "", no_money_codes(options))
    assert isinstance(failure, Failure)
    assert (failure.retryable, failure.throttled) == (True, True)


# -- which model answered ------------------------------------------------------------------------


def test_another_model_than_the_one_asked_for_is_said_once() -> None:
    with serving(lambda asked: chat("x", model=f"gpt-4o-mini-{asked.number}" * 20)) as server:
        adapter = make(server.url, model="gpt-4o")
        ask(adapter, ASK, ASK, ASK)
    assert len(adapter.deviations) == 2  # and one for the change of names
    assert adapter.deviations[0].startswith(
        "the server answered as another model than the one asked for: 'gpt-4o-mini-1"
    )
    assert adapter.deviations[0].endswith("', not 'gpt-4o'")


# -- the seed ------------------------------------------------------------------------------------

DRAWN = Request("generate", messages=TURNS, decoding=Decoding(temperature=1.0), seed=7)
IGNORED = "the server ignores `seed`: the same request with the same seed got two answers"


def seeded(asked: Asked) -> Any:
    return chat(f"by seed {asked.body['seed']}")


def fixed(asked: Asked) -> Any:
    return chat("always this")


def unseeded(asked: Asked) -> Any:
    return chat(f"by chance {asked.number}")


def thinking(asked: Asked) -> Any:
    return chat(None, finish_reason="length")


@pytest.mark.parametrize(
    ("says", "deviation"),
    [
        (seeded, None),
        (unseeded, IGNORED),
        (fixed, "the server may not sample where it was asked to"),
        (thinking, None),
    ],
)
def test_whether_a_seed_is_honoured_is_probed(says: Any, deviation: str | None) -> None:
    with serving(says) as server:
        adapter = make(server.url)
        answers = ask(adapter, ASK if says is not seeded else DRAWN, DRAWN, DRAWN)
        probes = [asked for asked in server.asked if asked.body["messages"][0]["role"] == "user"]
    assert len(answers) == 3
    assert all(isinstance(answer, Response) for answer in answers)
    assert len(probes) == 3  # once for all
    assert adapter.further_calls == 3
    assert probes[0].body == probes[1].body
    assert probes[0].body["seed"] != probes[2].body["seed"]
    assert [text.startswith(deviation or "-") for text in adapter.deviations] == (
        [] if deviation is None else [True]
    )


def test_no_probe_without_seeds() -> None:
    with serving(unseeded) as server:
        adapter = make(server.url, send_seed=False)
        ask(adapter, DRAWN)
        greedy = make(server.url)
        ask(greedy, ASK)
        assert len(server.asked) == 2
    assert adapter.deviations == greedy.deviations == []


def test_many_at_once_wait_for_one_probe() -> None:
    async def work(adapter: OpenAIAdapter) -> list[Any]:
        found = await asyncio.gather(*(adapter.respond([DRAWN]) for _ in range(20)))
        await adapter.aclose()
        return [answers[0].text for answers in found]

    with serving(seeded) as server:
        texts = asyncio.run(work(make(server.url)))
        assert len(server.asked) == 23
    assert texts == ["by seed 7"] * 20


@pytest.mark.parametrize(("status", "probes"), [(503, 3), (400, 1)])
def test_a_probe_that_fails_costs_no_answer(status: int, probes: int) -> None:
    def says(asked: Asked) -> Any:
        probe = asked.body["messages"][0]["role"] == "user"
        return Say(b"", status) if probe else chat("answered")

    with serving(says) as server:
        adapter = make(server.url)
        answers = ask(adapter, *[DRAWN] * 5)
        assert len(server.asked) == 5 + probes
    assert [answer.text for answer in answers] == ["answered"] * 5
    assert adapter.deviations == [
        "it is not known whether the server honours `seed`: no probe worked"
    ]


def test_a_fault_at_the_probe_that_heals_leaves_no_trace() -> None:
    with serving(lambda asked: Say(b"", 500) if asked.number == 1 else seeded(asked)) as server:
        adapter = make(server.url)
        ask(adapter, DRAWN, DRAWN)
        assert len(server.asked) == 1 + 1 + 3 + 1
    assert adapter.deviations == []


def test_a_wrong_key_at_the_seed_probe_stops_the_run() -> None:
    with serving(lambda _: Say(b"", 401)) as server:
        with pytest.raises(AdapterError, match="refuses the key"):
            ask(make(server.url), DRAWN)
        assert len(server.asked) == 1


def test_closing_during_the_seed_probe_leaves_nothing_behind() -> None:
    with serving(lambda _: Say(delay=30)) as server:
        adapter = make(server.url)

        async def work() -> None:
            asking = asyncio.create_task(adapter._one(DRAWN))
            await asyncio.sleep(0.1)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await adapter.aclose()

        asyncio.run(work())
