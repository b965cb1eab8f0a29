"""What is read from an application's reply: answers, blocks and a classifier's scores."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evalharness.records import Failure, Request, Response
from tests.adapters.http_asking import ASK, ask, make, one
from tests.adapters.openai_server import Say, serving

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
    assert one(b"\xef\xbb\xbfBecause.", answer=None) == Response(text="Because.")


CHARSETS = [
    ("gbk", "\u5bf9\u4e0d\u8d77\uff0c\u6211\u4e0d\u80fd\u3002", "gbk"),
    ('"GB2312"', "\u6731\u9555\u57fa", "gbk"),  # a letter that GBK alone has
    ("big5", "\u5c0d\u4e0d\u8d77", "big5"),
    ("Shift_JIS", "\u3059\u307f\u307e\u305b\u3093", "shift_jis"),
    ("iso-2022-jp", "\u3059\u307f\u307e\u305b\u3093", "iso2022_jp"),
    ("windows-1251", "\u0418\u0437\u0432\u0438\u043d\u0438\u0442\u0435", "cp1251"),
    ("ISO-8859-1", "caf\u00e9 \u201cyes\u201d", "cp1252"),
    ("utf-16", "caf\u00e9", "utf-16"),
    ("utf-16le", "cafe", "utf-16le"),
    ("iso-8859-1", "caf\u00e9", "utf-8"),  # by default in its header, and not so
    ("no-such", "caf\u00e9", "utf-8"),
    ("rot13", "caf\u00e9", "utf-8"),
]


@pytest.mark.parametrize(("charset", "text", "encoding"), CHARSETS)
def test_a_reply_in_another_charset(charset: str, text: str, encoding: str) -> None:
    headers = {"Content-Type": f"text/plain; charset={charset}"}
    assert one(Say(text.encode(encoding), headers=headers), answer=None) == Response(text=text)
    headers = {"Content-Type": f"application/json; charset={charset}"}
    body = json.dumps({"a": text}, ensure_ascii=False).encode(encoding)
    assert one(Say(body, headers=headers)) == Response(text=text)
    assert text in one(Say(text.encode(encoding), 400, headers)).reason


@pytest.mark.parametrize(
    "kind", ["a/b", *(f"a/b; charset={n}" for n in ("utf-8", "rot13", "utf-16", "punycode"))]
)
@pytest.mark.parametrize("answer", ["$.a", None])
def test_what_cannot_be_decoded_is_no_answer(kind: str, answer: str | None) -> None:
    """Replacement characters would be measured as if the application had said them."""
    reply = Say("\u5bf9\u4e0d\u8d77x".encode("gbk"), headers={"Content-Type": kind})
    reason = "the application's reply is neither UTF-8 nor in the charset that its header names"
    assert one(reply, answer=answer) == Failure(reason)
    blocked = one(reply, answer=answer, blocked={"statuses": [200]})
    assert (blocked.text, blocked.finish_reason) == ("", "content_filter")


def test_a_reply_cut_off_within_a_letter_may_heal() -> None:
    cut = one(Say("caf\u00e9".encode()[:-1]), answer=None)
    assert isinstance(cut, Failure)
    assert cut.retryable
    assert one(Say(b'{"a": "caf\xc3')) == Failure(
        "the application's reply is not JSON, or was cut off", retryable=True
    )


@pytest.mark.parametrize(
    ("kind", "text", "cut"),
    [
        ("a/b", b"caf\xe9", True),  # it may be UTF-8
        ("a/b; charset=utf-8", b"caf\xe9", True),
        ("a/b; charset=gbk", "\u5bf9\u4e0d".encode("gbk")[:-1], True),
        ("a/b; charset=shift_jis", "\u3059\u307f".encode("shift_jis")[:-1], True),
        ("a/b; charset=windows-1252", b"\x81 caf\xe9", False),
        ("a/b; charset=iso-8859-1", b"\x81 caf\xe9", False),
        ("a/b; charset=iso-8859-7", b"caf\xff", False),
        ("a/b; charset=windows-1253", b"caf\xd2", False),
    ],
)
def test_only_letters_of_several_bytes_are_cut(kind: str, text: bytes, cut: bool) -> None:
    failure = one(Say(text, headers={"Content-Type": kind}), answer=None)
    assert isinstance(failure, Failure)
    assert ("cut off within a letter" in failure.reason, failure.retryable) == (cut, cut)


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
    filtered = one({"a": "x", "why": "content_filter: SPII", "usage": {"in": 2**31}}, **paths)
    assert filtered == Response(text="x", finish_reason="content_filter")


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
    hint = "where it brings an answer, write `ok: [200, 201]`"
    failure = one(Say({"a": "x"}, 201))
    assert failure == Failure(f'the server answered HTTP 201: {{"a": "x"}} ({hint})')
    assert one(Say("", 201)) == Failure(f"the server answered HTTP 201: {hint}")


# -- a classifier --------------------------------------------------------------------------------


TEXT = Request("classify", role="classifier", text="You fool.")
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
