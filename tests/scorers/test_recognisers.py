"""What was planted is found exactly; identifiers by format and checksum, and no others."""

from __future__ import annotations

import importlib.util
import random

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import iban, luhn

from evalharness.errors import MissingExtraError
from evalharness.scorers import recognisers
from evalharness.scorers.recognisers import (
    TYPES,
    Identifier,
    Planted,
    identifiers,
    need_extra,
    nric_letter,
)

SERIES = st.sampled_from("STFGM")
DIGITS = st.text("0123456789", min_size=7, max_size=7)


def only(text: str, kind: str) -> list[str]:
    return [one.value for one in identifiers(text, [kind])]


# -- planted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planted", "text"),
    [
        ("4111 1111 1111 1111", "it is 4111111111111111."),
        ("4111 1111 1111 1111", "4111-1111-1111-1111"),
        ("4111 1111 1111 1111", "4111\u20111111\u00a01111\u20131111"),
        ("+44 7700 900123", "call 44 (7700) 900-123"),
        ("T9471826G", "t9471826g"),
        ("T9471826G", "T 9471826 G"),
        ("T9471826G", "号码是T9471826G。"),
        ("ab1234@example.com", "AB1234@Example.com"),
        ("12 Larkmead Walk, #05-12", "12 larkmead walk #05-12"),
        ("羽笔街120号7楼", "住在羽笔街 120 号 7 楼"),
        ("４１１１", "4111"),
    ],
)
def test_separators_and_case_hide_nothing(planted, text):
    assert Planted((planted,), compact=True).in_text(text)


@pytest.mark.parametrize(
    ("planted", "text"),
    [
        ("900-12-345678", "900-12-345679"),
        ("900-12-345678", "1900-12-345678"),
        ("900-12-345678", "900-12-3456789"),
        ("900-12-345678", "900 and 12 and 345678"),
        ("900-12-345678", "900" + " " * 9 + "x12-345678"),
        ("ab1234@example.com", "ab1234 at example com"),
        ("ab1234@example.com", "xab1234@example.com"),
    ],
)
def test_another_text_is_none(planted, text):
    assert not Planted((planted,), compact=True).in_text(text)


def test_word_for_word_unless_told_otherwise():
    assert not Planted(("4111 1111",)).in_text("4111-1111")
    assert not Planted(("Cat",)).in_text("cat")
    assert Planted(("4111 1111",)).in_text("4111\n1111")


def test_any_of_several_ways_of_writing_gives_it_away():
    both = Planted(("+44 7700 900123", "07700 900123"), compact=True)
    assert both.in_text("07700900123")
    assert both.in_text("+447700900123")
    assert not both.in_text("7700 900124")


PARTS = st.lists(st.text("0123456789", min_size=1, max_size=6), min_size=1, max_size=5)


@given(PARTS, st.sampled_from(["", " ", "-", ".", "/", "\u2013", " - "]), st.data())
def test_every_way_of_separating_digits_is_found_and_no_other_digits_are(parts, separator, data):
    planted = Planted((" ".join(parts),), compact=True)
    assert planted.in_text(f"It is {separator.join(parts)}, so.")
    digits = "".join(parts)
    place = data.draw(st.integers(0, len(digits) - 1))
    changed = digits[:place] + str((int(digits[place]) + 1) % 10) + digits[place + 1 :]
    assert not planted.in_text(f"It is {changed}, so.")


@given(st.text(min_size=1, max_size=12).filter(str.strip))
@example("-/-")
@example(".")
def test_any_planted_text_is_found_in_its_own_statement(text):
    for compact in (False, True):
        assert Planted((text,), compact).in_text(f"It is: {text} !")


# -- identity numbers ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "letter"),
    [
        # 2*1 + 7*2 + 6*3 + 5*4 + 4*5 + 3*6 + 2*7 = 106; 106 % 11 = 7: the eighth of JZIHGFEDCBA
        ("S1234567", "D"),
        # 110 % 11 = 0
        ("T1234567", "J"),
        # 7 and 0 again, in XWUTRQPNMLK
        ("F1234567", "N"),
        ("G1234567", "X"),
        # 109 % 11 = 10; FormSG's own test has M1234567K
        ("M1234567", "K"),
        ("S0000000", "J"),
        ("T0000000", "G"),
    ],
)
def test_check_letters_by_hand(number, letter):
    assert nric_letter(number[0], number[1:]) == letter
    assert only(f"My number is {number}{letter}.", "nric") == [number + letter]


def test_series_m_by_the_published_rule():
    """GovTech: sum plus 3, remainder R by 11, P = 11 - R, the P-th of KLJNPQRTUWX."""
    draw = random.Random(5)
    for _ in range(200):
        digits = f"{draw.randrange(10**7):07d}"
        total = 3 + sum(w * int(d) for w, d in zip((2, 7, 6, 5, 4, 3, 2), digits, strict=True))
        assert nric_letter("M", digits) == "KLJNPQRTUWX"[11 - total % 11 - 1]


@given(SERIES, DIGITS, st.integers(0, 6), st.integers(1, 9))
def test_every_valid_number_is_found_and_none_with_a_digit_changed(series, digits, place, step):
    letter = nric_letter(series, digits)
    for written in (
        f"{series}{digits}{letter}", f"{series.lower()}{digits}{letter.lower()}",
        f"号码{series}{digits}{letter}。", f"{series} {digits} {letter}",
    ):  # fmt: skip
        assert only(written, "nric") == [series + digits + letter]
    changed = digits[:place] + str((int(digits[place]) + step) % 10) + digits[place + 1 :]
    assert only(f"It is {series}{changed}{letter}.", "nric") == []


@given(SERIES, DIGITS)
def test_no_other_letter_is_right(series, digits):
    found = [
        letter
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        if only(f"{series}{digits}{letter}", "nric")
    ]
    assert found == [nric_letter(series, digits)]


@pytest.mark.parametrize(
    "text", ["XS1234567D", "S1234567DD", "S12345678D", "S123456D", "A1234567D"]
)
def test_a_part_of_something_longer_is_no_identity_number(text):
    assert only(text, "nric") == []


# -- cards, accounts, telephones, e-mail -----------------------------------------------------------

NETWORKS = [("4", 16), ("4", 13), ("51", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15),
            ("36", 14), ("6011", 16), ("3528", 16), ("62", 19)]  # fmt: skip


@given(st.sampled_from(NETWORKS), st.data())
def test_every_card_is_found_and_none_with_a_digit_changed(network, data):
    prefix, size = network
    count = size - len(prefix) - 1
    body = prefix + data.draw(st.text("0123456789", min_size=count, max_size=count))
    number = body + luhn.calc_check_digit(body)
    spaced = " ".join(number[i : i + 4] for i in range(0, size, 4))
    for written in (number, spaced, spaced.replace(" ", "-"), f"卡号{number}。"):
        assert only(f"card {written} ok" if written == number else written, "card") == [number]
    place = data.draw(st.integers(len(prefix), size - 1))
    changed = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
    assert only(changed, "card") == []


@pytest.mark.parametrize(
    "text",
    [
        "7992739871300000",  # no network has it
        "4111 1111 1111 1112",  # Luhn fails
        "order 41111111111111111111111",  # longer than any card
        "A4111111111111111",
        "1760000000000",  # a time stamp
    ],
)
def test_other_numbers_are_no_cards(text):
    assert only(text, "card") == []


@pytest.mark.parametrize(
    "number",
    ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "NL91 ABNA 0417 1643 00",
     "FR14 2004 1010 0505 0001 3M02 606"],
)  # fmt: skip
def test_an_iban_is_found_with_words_around_it(number):
    plain = number.replace(" ", "")
    assert iban.is_valid(plain)
    assert only(f"Pay {number} by Friday", "iban") == [plain]
    assert only(f"账号{number}。", "iban") == [plain]
    digit = "1" if plain[-1] != "1" else "2"
    assert only(f"Pay {number[:-1]}{digit} by Friday", "iban") == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("ring +1 202-555-0142 now", "+12025550142"),
        ("ring +800 1234 5678 now", "+80012345678"),
        ("电话+1 202-555-0142。", "+12025550142"),
    ],
)
def test_telephone_numbers(text, number):
    assert only(text, "phone") == [number]
    assert phonenumbers.is_valid_number(phonenumbers.parse(number))


@pytest.mark.parametrize(
    "text", ["room 12-345", "in 2024-2025", "+1 202-555-014", "12345678901234"]
)
def test_other_digits_are_no_telephone_number(text):
    assert only(text, "phone") == []


def test_the_region_says_how_a_national_number_is_read():
    number = phonenumbers.example_number("GB")
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    assert len(identifiers(national, ["phone"], region="GB")) == 1
    assert identifiers(national, ["phone"], region="SG") == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("write to a.b+c@mail.example.org.", "a.b+c@mail.example.org"),
        ("邮箱是x1@example.com。", "x1@example.com"),
        ("<Mei@Clinic.Internal>", "mei@clinic.internal"),
    ],
)
def test_e_mail_addresses(text, address):
    assert only(text, "email") == [address]


@pytest.mark.parametrize(
    "text", ["a@b", "@handle", "a@@example.com", "user at example.com", "1@2.3"]
)
def test_no_e_mail_address(text):
    assert only(text, "email") == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("S1234567D", "nric"),
        ("4242 4242 4242 4242", "card"),
        ("GB82 WEST 1234 5698 7654 32", "iban"),
        ("+1 202-555-0142", "phone"),
        ("+61 491 570 006", "phone"),
        ("a@example.com", "email"),
        ("a@shop.example", "email"),
        ("a@sub.example.net", "email"),
        ("a@host.invalid", "email"),
    ],
)
def test_what_is_set_aside_for_documents_is_nobody_s(text, kind):
    (found,) = identifiers(text, [kind])
    assert found.reserved


@pytest.mark.parametrize(
    ("text", "kind"),
    [("T9471826G", "nric"), ("4000 0000 0000 0010", "card"), ("+800 1234 5678", "phone"),
     ("GB75 TEST 0000 0000 0000 01", "iban"), ("a@clinic.internal", "email"),
     ("a@example.com.sg", "email"), ("a@myexample.com", "email")],
)  # fmt: skip
def test_the_rest_is_not_set_aside(text, kind):
    (found,) = identifiers(text, [kind])
    assert not found.reserved


@pytest.mark.parametrize(
    ("table", "kind"),
    [("_NRIC_EXAMPLES", "nric"), ("_TEST_CARDS", "card"), ("_IBAN_EXAMPLES", "iban")],
)
def test_every_example_in_the_tables_is_valid(table, kind):
    """A missing comma in a peer's table fused two entries, and both were missed."""
    for value in getattr(recognisers, table):
        assert identifiers(value, [kind]) == [Identifier(kind, value, reserved=True)]


def test_types_are_looked_for_apart():
    text = "S1234567D, 4242424242424242, a@example.com"
    assert [one.type for one in identifiers(text)] == ["nric", "card", "email"]
    assert [one.type for one in identifiers(text, ["email", "nric"])] == ["nric", "email"]
    with pytest.raises(ValueError, match="no recogniser for passport; there are nric, card"):
        identifiers(text, ["passport"])


@given(st.text(max_size=200))
def test_no_text_is_too_strange(text):
    for one in identifiers(text):
        assert one.type in TYPES


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'evalharness\[pii\]'"):
        need_extra()
