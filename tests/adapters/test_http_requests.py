"""What an application behind a URL is sent, and that no prompt leaves its place."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.adapters.base import Adapter
from evalharness.adapters.http import HttpAdapter
from evalharness.adapters.http.templates import Template, TemplateFault
from evalharness.records import Decoding, Failure, Message, Request, Response
from tests.adapters.http_asking import ASK, TURNS, ask, create, make, one
from tests.adapters.openai_server import Asked, Say, serving


def test_it_is_an_adapter_and_the_registry_knows_it() -> None:
    adapter = create(concurrency=7)
    assert isinstance(adapter, Adapter)
    assert isinstance(adapter, HttpAdapter)
    assert adapter.capabilities.kinds == {"generate"}
    assert (adapter.capabilities.batch_size, adapter.capabilities.concurrency) == (1, 7)
    assert adapter.capabilities.endpoint is not None


def sent(asked: Request = ASK, /, **options: Any) -> Asked:
    with serving(lambda _: Say({"a": "ok"})) as server:
        answer = ask(make(server.url, **options), asked)[0]
        assert isinstance(answer, Response), answer
        return server.asked[0]


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


NAMES = frozenset(("prompt", "messages", "stop", "seed"))


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
