"""A secret is found in a text however it is written there, and nothing else is touched."""

from __future__ import annotations

import base64
import html
import json
import string
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from yarl import URL

from evalharness.adapters._deviations import without_secrets
from evalharness.adapters._http import shown
from evalharness.adapters._redaction import Secrets, is_placeholder
from evalharness.records import Response

KEY = "sk-Ab+c/9876543210=="
SECRETS = Secrets([KEY])
QUIET = settings(derandomize=True, deadline=None)

#: What a header can carry, without white space. A last letter that could begin an escape with what
#: follows is no key's.
ALNUM = string.digits + string.ascii_letters
KEYS = st.builds(
    str.__add__,
    st.text(ALNUM + string.punctuation, min_size=12, max_size=48),
    st.sampled_from(ALNUM),
).filter(lambda key: not is_placeholder(key))
#: What is not seen: control and format characters, white space of all kinds, bytes that are none.
HIDDEN = st.text(
    "\x00\x07\x1b\x7f\u00ad\u200b\u200d\u2060\ufeff\u202e\u034f\ufe0f\ufffd"
    " \t\r\n\u00a0\u2028\u3000",
    max_size=3,
)
#: Text around a key: shorter than any, and no part of its escapes.
AROUND = st.text("ghijklmnop .,:!?()\n\u00e9\u6c49\U0001f600\u0130", max_size=10).map(
    lambda text: text + " " if text else text
)

Writing = Callable[[str], str]


def _basic(before: str) -> Writing:
    return lambda key: base64.b64encode((before + key).encode()).decode()


def _url_safe(before: str) -> Writing:
    return lambda key: base64.urlsafe_b64encode((before + key + "ab").encode()).decode()


def _each(form: str) -> Writing:
    return lambda key: "".join(form.format(ord(letter)) for letter in key)


def _some(form: str, letters: str = "+/=@&<>\"'%\\") -> Writing:
    """Only what a library thinks dangerous is escaped, as most do."""

    def written(key: str) -> str:
        return "".join(form.format(ord(c)) if c in letters else c for c in key)

    return written


WRITINGS: dict[str, Writing] = {
    "plain": str,
    "capitals": str.upper,
    "small letters": str.lower,
    "json": lambda key: json.dumps(key)[1:-1],
    "json with \\/": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "json with \\u": _some("\\u{:04x}"),
    "json with \\u alone": _each("\\u{:04X}"),
    "javascript": _some("\\x{:02x}"),
    "url": quote,
    "url, all": lambda key: quote(key, safe=""),
    "url, form": quote_plus,
    "url, in part": lambda key: quote(key, safe="/@:,+=;!*'()$&"),
    "url, each letter": _each("%{:02x}"),
    "url, twice": lambda key: quote(quote(key, safe=""), safe=""),
    "html": html.escape,
    "html, decimal": _some("&#{};"),
    "html, hexadecimal": _some("&#x{:X};"),
    "html, with zeros": _each("&#{:05d};"),
    "html of json": lambda key: html.escape(json.dumps(key)[1:-1]),
    "html of a url": lambda key: html.escape(quote(key, safe="")),
    "json of html": lambda key: json.dumps(_some("&#x{:x};")(key))[1:-1].replace("&", "\\u0026"),
    "json of json": lambda key: json.dumps(json.dumps(key))[3:-3],
    "url of json of html": lambda key: quote(json.dumps(html.escape(key))[1:-1], safe=""),
    **{f"base64 after {n} letters": _basic("user:"[:n]) for n in range(6)},
    **{f"url-safe base64 after {n} letters": _url_safe("user:"[:n]) for n in range(6)},
    "hexadecimal": lambda key: key.encode().hex(),
    "hexadecimal in capitals": lambda key: key.encode().hex().upper(),
    "base64 in a url": lambda key: quote(_basic("user:")(key), safe=""),
}


@pytest.mark.parametrize("name", WRITINGS)
@QUIET
@given(key=KEYS, before=AROUND, after=AROUND)
@example(key=KEY, before="", after="")
@example(key="pa:ss@wo,rd;1", before="", after="")
@example(key="a%41&lt;\\u0041\\n/b", before="", after="")
def test_no_key_comes_out_however_it_is_written(name, key, before, after) -> None:
    written = WRITINGS[name](key)
    text = f"{before}{written}{' ' if after else ''}{after}"
    secrets = Secrets([f"Bearer {key}"])
    for said in (secrets.redact(text), secrets.redact_answer(text)):
        assert written not in said
        assert "[secret]" in said
        assert said.startswith(before)
        assert said.endswith(after)


@QUIET
@given(key=KEYS, gaps=st.lists(HIDDEN, min_size=1, max_size=8))
@example(key=KEY, gaps=["\u200b"])
@example(key=KEY, gaps=["\x00"])
@example(key=KEY, gaps=["\n"])
def test_no_key_comes_out_that_is_broken_by_what_is_not_seen(key, gaps) -> None:
    broken = key[0] + "".join(f"{gap}{letter}" for gap, letter in zip(cycle(gaps), key[1:]))
    secrets = Secrets([key])
    for said in (
        secrets.redact(f"auth {broken} fails"),
        secrets.redact_answer(f"auth {broken} fails"),
        shown(f"auth {broken} fails", secrets.redact),
    ):
        assert said == "auth [secret] fails"
    assert shown(f"{broken}", secrets.redact) == "[secret]"


@QUIET
@given(key=KEYS, writing=st.sampled_from([n for n in WRITINGS if "base64" not in n]), gap=HIDDEN)
def test_no_key_comes_out_that_is_escaped_and_broken(key, writing, gap) -> None:
    written = WRITINGS[writing](key)
    middle = len(written) // 2
    said = Secrets([key]).redact(f"{written[:middle]}{gap}{written[middle:]}")
    assert said == "[secret]"


@QUIET
@given(text=st.text(max_size=200))
@example(text="100 % \\n &amp; %41 \\u0041 \u200b a+b/c==")
def test_a_text_without_the_key_stays_as_it_is(text) -> None:
    assert SECRETS.redact(text) == text
    assert SECRETS.redact_answer(text) == text


@QUIET
@given(
    pieces=st.lists(st.sampled_from(["a", " ", "\u200b", "%41", "&#65;", "\\u0041"]), max_size=20)
)
def test_what_stands_around_a_key_stays_as_it_is(pieces) -> None:
    around = "".join(pieces)
    assert SECRETS.redact(f"{around}.{KEY}.{around}") == f"{around}.[secret].{around}"
    escaped = quote(KEY, safe="")
    assert SECRETS.redact(f"{around}.{escaped}.{around}") == f"{around}.[secret].{around}"


def test_yarls_own_quoting_hides_no_key() -> None:
    key = "pa:ss@wo,rd;1"
    url = str(URL("https://bot.example/ask").extend_query({"token": key, "q": "Why?"}))
    assert key not in url
    assert Secrets([key]).redact(url) == "https://bot.example/ask?token=[secret]&q=Why?"


@pytest.mark.parametrize("value", ["Basic {}", "{}", "basic  {}"])
def test_the_password_of_a_basic_header_is_secret_too(value: str) -> None:
    header = value.format(base64.b64encode(b"alice:hunter2secret").decode())
    secrets = Secrets([header])
    said = secrets.redact(f"user alice, password hunter2secret, {header}, alice:hunter2secret")
    assert said == "user alice, password [secret], [secret], [secret]"
    assert secrets.redact_answer("it is hunter2secret") == "it is [secret]"
    assert secrets.redact_answer("alice") == "alice"


def test_a_line_of_a_long_secret_is_secret_too() -> None:
    line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"
    secrets = Secrets([f"-----BEGIN KEY-----\n{line}\nshort\n-----END KEY-----\n"])
    assert secrets.redact(f"cannot read {line}, short") == "cannot read [secret], short"


def test_the_last_word_of_a_text_is_no_key() -> None:
    secrets = Secrets(["You weigh your responsibilities"])
    assert secrets.redact_answer("My responsibilities") == "My responsibilities"
    assert secrets.redact_answer("you weigh your\nresponsibilities") == "[secret]"


@pytest.mark.parametrize(
    "placeholder",
    ["EMPTY", "ollama", "none", "test", "dummy", "1234", "lm-studio", "token-abc123",
     "sk-no-key-required", "Bearer EMPTY"],
)  # fmt: skip
def test_a_placeholder_is_an_honest_part_of_an_answer(placeholder: str) -> None:
    secrets = Secrets([placeholder])
    answer = f"The glass is empty, the {placeholder} says, none of it a test, 1234."
    assert secrets.redact_answer(answer) == answer
    assert placeholder not in secrets.redact(f"wrong key {placeholder}")


TYPED = (
    "sk-xxxxxxxxxxxxxxxx", "xxxxxxxxxxxx", "000000000000", "sk-proj-xxxx-xxxx-xxxx",
    "00000000-0000-0000-0000-000000000000", "not-a-real-key", "your-openai-api-key",
    "<your-api-key>", "my-api-key-123", "YOUR_API_KEY_HERE", "yourapikeyhere", "${OPENAI_API_KEY}",
    "sk-1234567890abcdef", "abcdefghijklmnop", "1234-5678-9012-3456", "sk-abc123def456ghi789",
    "sk-no-key-required", "token-abc123", "your api key here",
)  # fmt: skip


@pytest.mark.parametrize("value", TYPED)
@pytest.mark.parametrize("form", ["{}", "Bearer {}"])
def test_what_was_typed_in_for_a_key_stays_in_answers(value: str, form: str) -> None:
    secrets = Secrets([form.format(value)])
    answer = f"Write Authorization: Bearer {value} into the header, or {value} alone."
    assert secrets.redact_answer(answer) == answer
    assert secrets.redact(form.format(value)) == "[secret]"


@settings(QUIET, max_examples=500)
@given(
    seed=st.integers(0, 2**32),
    letters=st.sampled_from([ALNUM, ALNUM + "-_", ALNUM + "+/", "0123456789abcdef"]),
    size=st.integers(20, 64),
    prefix=st.sampled_from(["", "sk-", "sk-proj-", "hf_", "Bearer sk-ant-api03-", "my-key-"]),
)
def test_no_random_key_is_taken_for_one_that_was_typed_in(seed, letters, size, prefix) -> None:
    key = prefix + "".join(Random(seed).choices(letters, k=size))
    assert not is_placeholder(key)
    assert Secrets([key]).redact_answer(f"It is {key}.") == "It is [secret]."


@pytest.mark.parametrize(
    "value", ["hunter2secret", "test-key-7f3a9", "my-secret-pass1", "aws-secret-value",
              "AKIAIOSFODNN7EXAMPLE", "correct-horse-battery", KEY],
)  # fmt: skip
def test_a_short_secret_with_words_in_it_is_no_placeholder(value: str) -> None:
    assert Secrets([value]).redact_answer(f"It is {value}.") == "It is [secret]."


@pytest.mark.parametrize(
    "scheme", ["Bearer", "basic", "TOKEN", "ApiKey", "Api-Key", "Key", "Digest", "Negotiate",
               "AWS4-HMAC-SHA256", "GenieKey", "SharedAccessSignature"],
)  # fmt: skip
def test_a_key_after_a_scheme_is_secret_alone(scheme: str) -> None:
    assert Secrets([f"{scheme} {KEY}"]).redact_answer(f"It is {KEY}.") == "It is [secret]."


def test_the_second_of_two_words_is_no_key() -> None:
    secrets = Secrets(["Customer representative"])
    answer = "I am a representative of ACME."
    assert secrets.redact(answer) == secrets.redact_answer(answer) == answer
    assert secrets.redact_answer("a customer representative") == "a [secret]"


@pytest.mark.parametrize(
    "value",
    ["https://bot.example/v1/chat", "http://localhost:8000/v1", "postgres://db.example:5432/facts",
     "./answers/of-today.txt", "~/models/small.gguf", "C:\\models\\small.gguf"],
)  # fmt: skip
def test_an_address_or_a_path_stays_in_answers(value: str) -> None:
    secrets = Secrets([value])
    assert secrets.redact_answer(f"It is {value}.") == f"It is {value}."
    assert secrets.redact(f"no {value} here") == "no [secret] here"


def test_a_file_that_is_there_stays_in_answers(tmp_path: Path) -> None:
    (tmp_path / "facts.txt").touch()
    for value in (str(tmp_path / "facts.txt"), str(tmp_path / "answers.txt")):
        assert Secrets([value]).redact_answer(f"It is {value}.") == f"It is {value}."


@pytest.mark.parametrize(
    "value",
    ["postgres://me:hunter2@db.example/facts", "https://me@bot.example/v1",
     "postgres://me:hun/ter2@db.example/facts", "https://bot.example/v1?code=kR7vQ2mZ9xLp",
     "jdbc:sqlserver://db.example;password=hunter2", "Endpoint=sb://bus.example/;Key=kR7vQ2mZ9xLp",
     "https://hooks.example/services/T0001/B0001/kR7vQ2mZ9xLp4TnWb8Yc3HfD",
     "/kR7vQ2mZ9xLp/4TnWb8Yc3HfD", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYQ2"],
)  # fmt: skip
def test_an_address_that_lets_in_or_a_key_with_slashes_is_secret(value: str) -> None:
    assert Secrets([value]).redact_answer(f"It is {value} .") == "It is [secret] ."


@pytest.mark.parametrize("kept", range(14, len(KEY) + 1))
def test_a_key_whose_end_is_cut_off_is_in_no_message(kept: int) -> None:
    secrets = Secrets([f"Bearer {KEY}"])
    assert secrets.redact(f"wrong key {KEY[:kept]}...") == "wrong key [secret]..."
    assert secrets.redact(f"wrong key {quote(KEY[:kept], safe='')}, ") == "wrong key [secret], "


def test_a_shorter_beginning_of_a_key_stays() -> None:
    for said in (f"wrong key {KEY[:13]}...", f"wrong key {KEY[:4]}***"):
        assert SECRETS.redact(said) == said
    assert Secrets(["kR7vQ2mZ9xLpb"]).redact("kR7vQ2mZ9xL") == "kR7vQ2mZ9xL"
    # an answer loses what is the key alone
    assert SECRETS.redact_answer(KEY[:-1]) == KEY[:-1]


def test_a_key_that_repeats_itself_is_found_after_its_own_beginning() -> None:
    key = "kR7vQ2kR7vQ2kR7vQ3"
    assert Secrets([key]).redact(f"kR7vQ2{key}!") == "[secret]!"


def test_a_value_of_three_letters_stays_everywhere() -> None:
    assert Secrets(["xyz"]).redact("the xyz of it") == "the xyz of it"


@pytest.mark.parametrize(
    "piece",
    ["a", "s ", "s\u200b", "%25", "%2", "\\", "\\u0041", "&#37;", "&", "&a", "sk-Ab+c/987654321",
     KEY, f"{KEY} ", "\u200b".join(KEY), quote(KEY, safe="")],
)  # fmt: skip
def test_a_long_text_of_pieces_of_keys_and_escapes_is_read_once(piece: str) -> None:
    """A search that went back would not be seen to end."""
    said = SECRETS.redact(piece * (200_000 // len(piece)))
    assert KEY not in said


def test_ten_levels_of_escapes_are_given_up() -> None:
    said = "%" + "25" * 100_000 + "41"
    assert SECRETS.redact(said) == said


def test_a_key_within_reasoning_is_taken_out_too() -> None:
    notes: list[str] = []
    answer = Response("hello", reasoning=f"my key is {KEY}")
    clean = without_secrets(answer, SECRETS, notes.append)
    assert clean == Response("hello", reasoning="my key is [secret]")
    assert len(notes) == 1
    assert without_secrets(clean, SECRETS, notes.append) is clean
