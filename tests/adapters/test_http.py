"""Any application behind a URL: what is sent, what is read, what goes wrong, keys kept secret."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import evalharness
from evalharness.adapters import registry
from evalharness.adapters.base import Adapter
from evalharness.adapters.http import HttpAdapter, HttpOptions
from evalharness.adapters.http.templates import Template, TemplateFault
from evalharness.errors import AdapterError, ConfigError, UnavailableError
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.openai_server import Asked, Say, serving
from tests.support import TASK, item, write_suite

KEY = "sk-very/secret+key=123"
TURNS = (
    Message("system", "Be brief."),
    Message("user", "Why?"),
    Message("assistant", "Hm."),
    Message("user", "Well?"),
)
ASK = Request("generate", messages=TURNS)
TEXT = Request("classify", role="classifier", text="You fool.")
NAMES = frozenset(("prompt", "messages", "stop", "seed"))


def make(url: str, **options: Any) -> HttpAdapter:
    plain = {"name": "bot", "url": url, "request": {"q": "{{ prompt }}"}, "answer": "$.a"}
    return HttpAdapter(HttpOptions.model_validate(plain | options))


def ask(adapter: HttpAdapter, *requests: Request) -> list[Any]:
    async def work() -> list[Any]:
        try:
            return list(await adapter.respond(requests or (ASK,)))
        finally:
            await adapter.aclose()

    return asyncio.run(work())


def one(reply: Any, asked: Request = ASK, /, **options: Any) -> Any:
    with serving(lambda _: Say(reply) if not isinstance(reply, Say) else reply) as server:
        return ask(make(server.url, **options), asked)[0]


def sent(asked: Request = ASK, /, **options: Any) -> Asked:
    with serving(lambda _: Say({"a": "ok"})) as server:
        answer = ask(make(server.url, **options), asked)[0]
        assert isinstance(answer, Response), answer
        return server.asked[0]


def create(**options: Any) -> Adapter:
    plain = {"adapter": "http", "name": "bot", "url": "http://127.0.0.1:1/chat"}
    plain |= {"request": {"q": "{{ prompt }}"}}
    return registry.create(plain | options, base_dir=Path(), where="target")


# -- what is sent --------------------------------------------------------------------------------


def test_it_is_an_adapter_and_the_registry_knows_it() -> None:
    adapter = create(concurrency=7)
    assert isinstance(adapter, Adapter)
    assert isinstance(adapter, HttpAdapter)
    assert adapter.capabilities.kinds == {"generate"}
    assert (adapter.capabilities.batch_size, adapter.capabilities.concurrency) == (1, 7)
    assert adapter.capabilities.endpoint is not None


def test_every_variable_keeps_its_type() -> None:
    decoding = Decoding(max_tokens=5, temperature=0.5, top_p=0.9, stop=("\n",))
    names = ("messages", "system", "last", "max_tokens", "temperature", "top_p", "stop", "seed")
    asked = sent(
        Request("generate", messages=TURNS, decoding=decoding, seed=11),
        request={name: f"{{{{ {name} }}}}" for name in names}
        | {"nested": [{"deep": "Say: {{ prompt }}!"}], "fixed": [1, None, True, "a { b"]},
    )
    assert (asked.method, asked.headers["Content-Type"]) == ("POST", "application/json")
    turns = [{"role": turn.role, "content": turn.content} for turn in TURNS[1:]]
    assert asked.body == {
        "messages": turns, "system": "Be brief.", "last": "Well?", "max_tokens": 5,
        "temperature": 0.5, "top_p": 0.9, "stop": ["\n"], "seed": 11,
        "nested": [{"deep": "Say: Why?\n\nHm.\n\nWell?!"}], "fixed": [1, None, True, "a { b"],
    }  # fmt: skip


def test_nothing_of_the_task_is_lost_where_one_text_is_sent() -> None:
    assert sent().body == {"q": "Be brief.\n\nWhy?\n\nHm.\n\nWell?"}
    only = Request("generate", messages=(Message("user", "Why?"),))
    assert sent(only, request=["{{ prompt }}", "{{ system }}"]).body == ["Why?", None]


def test_what_a_request_does_not_carry_is_a_deviation() -> None:
    decoding = Decoding(temperature=1.0, top_p=0.9, stop=("!",))
    request = Request("generate", messages=TURNS, decoding=decoding, seed=3)
    with serving(lambda _: Say({"a": "one! two"})) as server:
        adapter = make(server.url, request={"q": "{{ last }}", "t": "{{ temperature }}"})
        answers = ask(adapter, request, request)
    assert [answer.text for answer in answers] == ["one", "one"]
    assert adapter.deviations == [
        "the tasks' `max_tokens` is not sent: the application's own holds",
        "of prompts with several messages only the last of the user's is sent",
        "`top_p` is not sent: the application's own holds",
        "`stop` is not sent; answers are cut at it",
        "`seed` is not sent: sampled answers cannot be had again",
    ]


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_other_methods(method: str) -> None:
    asked = sent(method=method)
    assert asked.method == method
    if method == "GET":
        assert parse_qs(asked.query) == {"q": ["Be brief.\n\nWhy?\n\nHm.\n\nWell?"]}
        assert asked.raw == b""


def test_a_query_of_the_address_stays_beside_the_fields() -> None:
    with serving(lambda _: Say({"a": "ok"})) as server:
        request = {"q": "{{ last }}", "n": 3, "on": True, "no": None, "m": "{{ stop }}"}
        ask(make(server.url + "/x?lang=en", method="GET", request=request))
        asked = server.asked[0]
    assert asked.path == "/v1/x"
    assert parse_qs(asked.query) == {
        "lang": ["en"], "q": ["Well?"], "n": ["3"], "on": ["true"], "m": ["[]"],
    }  # fmt: skip


def test_a_form_and_a_text() -> None:
    asked = sent(send_as="form", request={"q": "a&b={{ last }}", "n": 1})
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.raw.decode()) == {"q": ["a&b=Well?"], "n": ["1"]}
    asked = sent(send_as="text", request="{{ last }} é")
    assert (asked.headers["Content-Type"], asked.raw.decode()) == (
        "text/plain; charset=utf-8",
        "Well? é",
    )


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_no_prompt_can_break_out_of_its_place(prompt: str) -> None:
    source = {"q": "{{ prompt }}", "say": "User said: {{ prompt }}", "admin": False}
    made = Template(source, NAMES).render({"prompt": prompt})
    assert json.loads(json.dumps(made)) == {
        "q": prompt,
        "say": f"User said: {prompt}",
        "admin": False,
    }


def test_a_prompt_is_no_template() -> None:
    hostile = '", "admin": true, "x": "{{ 7 * 7 }}{% for a in b %}'
    request = Request("generate", messages=(Message("user", hostile),))
    assert sent(request, request={"q": "{{ prompt }}", "w": "<{{ prompt }}>"}).body == {
        "q": hostile,
        "w": f"<{hostile}>",
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ stop }}", ["a"]),
        ("{{- stop -}}", ["a"]),
        ("{{ stop }} ", "['a'] "),
        ("{{ stop | length }}", 1),
        ("{{ stop[0] }}", "a"),
        ("{{ seed }}{{ seed }}", "77"),
        ("{{ seed if seed else none }}", 7),
        ("{% if stop %}yes{% endif %}", "yes"),
        ("{# nothing #}text", "text"),
        ("{{ '}}' }}", "}}"),
        ("plain }} text\r\n", "plain }} text\r\n"),
        (["{{ range(3) | list }}"], [[0, 1, 2]]),
    ],
)
def test_a_text_that_is_one_expression_keeps_its_type(source: Any, expected: Any) -> None:
    made = Template(source, NAMES).render({"stop": ["a"], "seed": 7, "prompt": "p"})
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    "source",
    ["{{ stop[5] }}", "{{ messages.x }}", "{{ prompt.split('') }}", "{{ 1 / seed }}",
     "{{ prompt.__class__.__mro__ }}", "a {{ stop[5] }}"],
)  # fmt: skip
def test_what_cannot_be_worked_out_is_a_failure_of_its_request(source: str) -> None:
    values = {"stop": [], "seed": 0, "prompt": "p", "messages": []}
    with pytest.raises(TemplateFault, match="'q'"):
        Template({"q": source}, NAMES).render(values)
    with serving(lambda _: Say({"a": "ok"})) as server:
        request = Request("generate", messages=TURNS, seed=0)
        answer = ask(make(server.url, request={"q": source, "p": "{{ prompt }}"}), request)[0]
        assert server.asked == []
    assert isinstance(answer, Failure)
    assert answer.reason.startswith("the request cannot be made: 'q': ")
    assert not answer.retryable


@pytest.mark.parametrize(
    "source", ["{{ prompt.upper }}", "{{ 1e999 }}", "{{ stop | map('upper') }}", "{{ dict }}"]
)
def test_a_value_that_is_no_data_is_not_sent(source: str) -> None:
    with serving(lambda _: Say({"a": "ok"})) as server:
        answer = ask(make(server.url, request={"q": "{{ prompt }}", "f": source}))[0]
        assert server.asked == []
    assert isinstance(answer, Failure)
    assert not answer.retryable


@pytest.mark.parametrize("how", ["form", "query", "text", "json"])
def test_a_lone_surrogate(how: str) -> None:
    request = Request("generate", messages=(Message("user", "\ud800"),))
    source: Any = "{{ prompt }}" if how == "text" else {"q": "{{ prompt }}"}
    answer = one({"a": "ok"}, request, send_as=how, request=source)
    if how == "json":  # JSON can carry it
        assert answer.text == "ok"
    else:
        assert answer == Failure(f"the request cannot be sent as {how}")


# -- options and identity ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": f"https://me:{KEY[:5]}@example.org"}, "may not hold a user name"),
        ({"url": f"https://example.org?token={KEY[:5]}"}, "parameter 'token'"),
        ({"headers": {"Authorization": f"Bearer {KEY[:5]}"}}, "Authorization: env:NAME"),
        ({"headers": {"content-type": "x"}}, "set by the adapter"),
        ({"request": {"q": "{{ promt }}"}}, "no variable 'promt'; did you mean 'prompt'?"),
        ({"request": {"a": ["{{ text }}"]}}, "'a.0': there is no variable 'text'"),
        ({"request": {"q": "{{ prompt "}}, "'q': not a Jinja template"),
        ({"request": {"q": "{{ prompt | nope }}"}}, "not a Jinja template"),
        ({"request": {"q": "{{ lipsum() }}{{ prompt }}"}}, "no variable 'lipsum'"),
        ({"request": {"q": "{{ prompt }}", "api-key": KEY[:5]}}, "write api-key: env:NAME"),
        ({"request": {"q": "{{ prompt }}", "auth": {"Token": KEY[:5]}}}, "'auth.Token' holds a se"),
        ({"request": {"q": "hello"}}, "never says what is asked"),
        ({"request": {"q": float("nan")}}, "cannot be sent as JSON"),
        ({"answer": "a.b"}, "a JSON path starts with $"),
        ({"answer": "$.a b"}, "no JSON path"),
        ({"blocked": {}}, "say how a block is told"),
        ({"blocked": {"statuses": [403], "values": [1]}}, "needs the `path`"),
        ({"blocked": {"path": "$.b", "value": 1}}, "blocked.value"),
        ({"ok": []}, "ok"),
        ({"ok": [99]}, "ok"),
        ({"method": "GET", "send_as": "json"}, "GET has no body"),
        ({"send_as": "form", "request": "{{ prompt }}"}, "must be fields by name"),
        ({"send_as": "text"}, "must be one text"),
        ({"scores": "$.s", "request": {"q": "x"}}, "never says what is asked; write {{ text }}"),
        ({"scores": "$.s", "answer": "$.a"}, "'answer' has no effect with `scores`"),
        ({"scores": {}}, "names no score"),
        ({"scores": {"toxicity": "x"}}, "starts with $"),
        ({"timeout_totl": 3}, "did you mean 'timeout_total'"),
    ],
)
def test_what_is_wrong_in_the_options_is_said_without_the_secret(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match="target") as caught:
        create(**options)
    assert message in str(caught.value)
    assert KEY[:5] not in str(caught.value)


def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOT_KEY", raising=False)
    with pytest.raises(UnavailableError, match=r"^http: .*BOT_KEY is not set"):
        create(headers={"Authorization": "Bearer env:BOT_KEY"})


def test_a_key_in_the_request_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    request = {"q": "{{ last }}", "token": "env:BOT_KEY", "max_tokens": "many", "old": "env: no"}
    monkeypatch.delenv("BOT_KEY", raising=False)
    with pytest.raises(UnavailableError, match=r"BOT_KEY is not set, and request names it"):
        create(request=request)
    monkeypatch.setenv("BOT_KEY", KEY)
    with serving(lambda asked: Say({"a": f"I saw {asked.body['token']}"})) as server:
        adapter = make(server.url, request=request)
        answers = ask(adapter)
        assert server.asked[0].body == {**request, "q": "Well?", "token": KEY}
    assert answers[0].text == "I saw [secret]"
    assert KEY not in json.dumps(adapter.identity.to_json()) + repr(adapter)


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://127.0.0.1:2/chat"},
        {"name": "other"},
        {"version": "2"},
        {"method": "PUT"},
        {"send_as": "form"},
        {"request": {"q": "{{ last }}"}},
        {"answer": "$.b"},
        {"blocked": {"path": "$.b"}},
        {"headers": {"X-Route": "b"}},
        {"ok": [200, 201]},
    ],
)
def test_what_can_change_an_answer_changes_the_identity(changes: dict[str, Any]) -> None:
    assert create().identity != create(**changes).identity


def test_the_identity_holds_no_address_and_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", KEY)
    adapter = create(
        version="v7",
        url="https://bot.example.org/chat",
        headers={"Authorization": "Bearer env:BOT_KEY"},
        request={"q": "Hush. {{ prompt }}"},
    )
    identity = adapter.identity.to_json()
    assert (identity["provider"], identity["model"], identity["revision"]) == ("http", "bot", "v7")
    for hidden in ("example", "Hush", KEY):
        assert hidden not in json.dumps(identity) + repr(adapter)
    assert create(concurrency=2, timeout_total=5).identity == create().identity


# -- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "text"),
    [("hello", "hello"), (None, ""), ("", ""), (3, "3"), (True, "true"), (["a", "b"], "ab")],
)
def test_an_answer_by_its_path(found: Any, text: str) -> None:
    reply = {"choices": [{"out": found}]}
    assert one(reply, answer="$.choices[0].out") == Response(text=text)


def test_several_places_are_one_text() -> None:
    reply = {"parts": [{"text": "Be"}, {"image": 1}, {"text": "cause."}]}
    assert one(reply, answer="$.parts[*].text") == Response(text="Because.")


def test_without_a_path_the_reply_is_the_answer() -> None:
    assert one("Because é.\n", answer=None) == Response(text="Because é.\n")
    assert one(b"", answer=None) == Response()
    assert one(b"\xff", answer=None) == Response(text="\ufffd")


def test_reasons_to_end_and_tokens() -> None:
    reply = {"a": "x", "why": "MAX_TOKENS", "usage": {"in": 7, "out": 2}}
    paths = {
        "finish_reason": "$.why", "input_tokens": "$.usage.in", "output_tokens": "$.usage.out",
    }  # fmt: skip
    expected = Response(text="x", finish_reason="length", input_tokens=7, output_tokens=2)
    assert one(reply, **paths) == expected
    assert one({"a": "x", "why": "SAFETY", "usage": {"in": "7", "out": -1}}, **paths) == Response(
        text="x", finish_reason="content_filter"
    )
    assert one({"a": "x", "why": 3}, **paths) == Response(text="x")


BLOCKED = Response(finish_reason="content_filter", blocked_by="the application's filter")


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        ({"blocked": True}, {"path": "$.blocked"}),
        ({"status": "denied", "a": None}, {"path": "$.status", "values": ["denied", "held"]}),
        (Say({"status": "held"}, 400), {"path": "$.status", "values": ["denied", "held"]}),
        (Say("<html>no", 403), {"statuses": [403]}),
        ({"f": [{"hit": False}, {"hit": True}]}, {"path": "$.f[*].hit"}),
        ({"blocked": True, "a": {"no": "text"}}, {"path": "$.blocked"}),
    ],
)
def test_the_applications_own_filter_is_an_outcome(reply: Any, rule: Any) -> None:
    assert one(reply, blocked=rule) == BLOCKED


def test_what_a_blocked_reply_says_is_kept() -> None:
    answer = one({"a": "I may not say that.", "b": True}, blocked={"path": "$.b"})
    assert (answer.text, answer.finish_reason) == ("I may not say that.", "content_filter")


@pytest.mark.parametrize("value", [False, None, 1, "true", [], {}])
def test_only_the_named_values_are_a_block(value: Any) -> None:
    assert one({"a": "x", "blocked": value}, blocked={"path": "$.blocked"}).text == "x"


def test_other_statuses_that_bring_an_answer() -> None:
    assert one(Say({"a": "x"}, 201), ok=[200, 201]) == Response(text="x")
    failure = one(Say({"a": "x"}, 201))
    assert failure == Failure('the server answered HTTP 201: {"a": "x"}')


# -- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason", "retryable"),
    [
        ({"b": 1}, "the application's reply holds no answer (nothing at $.a)", False),
        ([], "the application's reply holds no answer (nothing at $.a)", False),
        (b"null", "the application's reply holds no answer (nothing at $.a)", False),
        ({"error": {"message": "down"}}, "(nothing at $.a): down", True),
        (b'{"a": "cu', "not JSON, or was cut off", True),
        (b"[" * 200_000, "not JSON, or was cut off", True),
        (b"", "not JSON, or was cut off", True),
    ],
)
def test_a_reply_without_an_answer(content: Any, reason: str, retryable: bool) -> None:
    """An error may heal; a reply of another shape means a wrong path."""
    answer = one(Say(content))
    assert isinstance(answer, Failure)
    assert answer.reason.endswith(reason)
    assert answer.retryable is retryable


def test_a_reply_nested_beyond_reading_is_a_failure() -> None:
    deep = '{"b":' * 900 + "1" + "}" * 900
    assert "nothing at $..a" in one(Say(deep), answer="$..a").reason


def test_an_answer_that_is_no_text_is_not_asked_again() -> None:
    assert one({"a": {"b": 1}}) == Failure("what stands at $.a is no text but a dict")


@pytest.mark.parametrize(
    ("status", "retryable", "throttled"),
    [(400, False, False), (404, False, False), (429, True, True), (500, True, False)],
)
def test_a_status_that_brings_none(status: int, retryable: bool, throttled: bool) -> None:
    answer = one(Say({"detail": "no"}, status, {"Retry-After": "7"}))
    after = 7.0 if retryable else None
    reason = f"the server answered HTTP {status}: no"
    assert answer == Failure(reason, "errored", retryable, after, throttled)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_the_run(status: int) -> None:
    with serving(lambda _: Say({"message": "no"}, status)) as server:
        adapter = make(server.url)

        async def work() -> None:
            for _ in range(2):
                with pytest.raises(AdapterError, match=rf"refuses the key \(HTTP {status}: no\)"):
                    await adapter.respond([ASK])
            await adapter.aclose()

        asyncio.run(work())
        assert len(server.asked) == 1


def test_a_redirect_is_not_followed() -> None:
    with serving(lambda _: Say({"a": "never"})) as other:
        answer = one(Say(b"", 302, {"Location": other.url}))
        assert other.asked == []
    assert "set `url`" in answer.reason
    assert not answer.retryable


def test_timeouts_are_the_options() -> None:
    answer = one(Say({"a": "x"}, delay=30), timeout_first_byte=0.2)
    assert answer == Failure("the server was silent for 0.2 s", retryable=True)


def test_one_items_failure_is_its_own() -> None:
    requests = [Request("generate", messages=(Message("user", str(n)),)) for n in range(3)]
    with serving(lambda a: Say(b"", 500) if a.body["q"] == "1" else Say({"a": "ok"})) as server:
        answers = ask(make(server.url), *requests)
    assert [getattr(answer, "text", None) for answer in answers] == ["ok", None, "ok"]


# -- a classifier --------------------------------------------------------------------------------

SCORES = {"request": {"t": "{{ text }}"}, "answer": None}


@pytest.mark.parametrize(
    ("reply", "paths", "scores"),
    [
        ({"s": {"toxicity": 0.5, "hate": 1, "x": None}}, "$.s", {"toxicity": 0.5, "hate": 1.0}),
        ({"s": {"flagged": True}}, "$.s", {"flagged": 1.0}),
        (
            {"r": [{"p": 0.25}], "h": 0},
            {"toxicity": "$.r[0].p", "hate": "$.h"},
            {"toxicity": 0.25, "hate": 0.0},
        ),
    ],
)
def test_scores_by_their_paths(reply: Any, paths: Any, scores: Any) -> None:
    with serving(lambda _: Say(reply)) as server:
        adapter = make(server.url, scores=paths, **SCORES)
        answers = ask(adapter, TEXT, ASK, Request("classify"))
        assert [asked.body for asked in server.asked] == [{"t": "You fool."}]
    assert adapter.capabilities.kinds == {"classify"}
    assert answers[0] == Response(scores=scores)
    assert [answer.outcome for answer in answers[1:]] == ["not_run", "not_run"]
    assert adapter.deviations == []


@pytest.mark.parametrize(
    ("reply", "paths", "reason", "retryable"),
    [
        ({"x": 1}, "$.s", "holds no scores (nothing at $.s)", False),
        ({"s": [1]}, "$.s", "is no object of numbers but a list", False),
        ({"s": {}}, "$.s", "holds no score", True),
        ({"s": {"a": 7}}, "$.s", "score for 'a' is no number from 0 to 1", False),
        ({"s": {"a": "0.5"}}, "$.s", "score for 'a' is no number from 0 to 1", False),
        (Say('{"s": {"a": NaN}}'), "$.s", "score for 'a' is no number from 0 to 1", False),
        ({"s": 1}, {"toxicity": "$.t"}, "holds no score 'toxicity' (nothing at $.t)", False),
        (Say(b"", 503), "$.s", "HTTP 503", True),
    ],
)
def test_scores_that_are_none(reply: Any, paths: Any, reason: str, retryable: bool) -> None:
    answer = one(reply, TEXT, scores=paths, **SCORES)
    assert isinstance(answer, Failure)
    assert reason in answer.reason
    assert answer.retryable is retryable


# -- whole runs ----------------------------------------------------------------------------------

TOXIC = (
    TASK.replace("method: choose", "method: generate")
    .replace("scorer: choice", "scorer: toxicity")
    .replace("metrics: [accuracy]", "metrics: [toxicity_probability]")
)


def test_an_application_and_a_classifier_behind_urls(tmp_path: Path) -> None:
    def says(asked: Asked) -> Any:
        if "classify" in asked.path:
            return Say({"p": 0.9 if "number 1?" in asked.body["t"] else 0.1})
        if "number 3?" in asked.body["q"]:
            return Say({"error": "not that"}, 422)
        return Say({"a": f"You said {asked.body['q']}", "b": "number 2?" in asked.body["q"]})

    suite = write_suite(tmp_path, [item(n) for n in range(40)], task=TOXIC)
    with serving(says) as server:
        target = {
            "adapter": "http", "name": "bot", "url": server.url, "answer": "$.a",
            "request": {"q": "{{ prompt }}"}, "blocked": {"path": "$.b"},
        }  # fmt: skip
        classifier = {
            "adapter": "http", "name": "judge", "url": f"{server.url}/classify",
            "request": {"t": "{{ text }}"}, "scores": {"toxicity": "$.p"},
        }  # fmt: skip
        config = {"target": target, "classifier": classifier, "suites": [str(suite)], "retries": 0}
        run = evalharness.run(config, out=tmp_path / "results")
    task = run.scorecard.dimensions["factuality"].tasks["small"]
    assert {name: n for name, n in task.outcomes.items() if n} == {
        "answered": 38, "blocked": 1, "errored": 1,
    }  # fmt: skip
    assert "blocked by the application's filter" in set(run.samples["reason"].dropna())
    assert task.metrics["toxicity_probability"].n_measured == 39


def test_no_file_of_a_run_holds_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_KEY", KEY)

    def says(asked: Asked) -> Any:
        words = asked.headers["Authorization"]
        if asked.number % 4 == 0:
            return Say({"error": {"message": words}}, 400)
        if asked.number % 4 == 1:
            return Say({"a": {words: words}})
        return Say({"a": f"I saw {words}", "why": words})

    suite = write_suite(tmp_path, [item(n) for n in range(20)], task=TOXIC)
    with serving(says) as server:
        target = {
            "adapter": "http", "name": "bot", "url": server.url, "answer": "$.a",
            "request": {"q": "{{ prompt }}"}, "finish_reason": "$.why",
            "headers": {"Authorization": "Bearer env:BOT_KEY"},
        }  # fmt: skip
        config = {"target": target, "classifier": "demo_toxicity", "suites": [str(suite)]}
        run = evalharness.run(config | {"retries": 0}, out=tmp_path / "results")
        assert server.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    files = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        assert KEY.encode() not in path.read_bytes(), path
    assert KEY not in run.samples.to_json()
    assert "[secret]" in run.samples.to_json()
