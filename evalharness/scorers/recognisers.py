"""Finds personal data in a text: what was planted, by exact match, and types with a checksum.

Two questions, kept apart. *Does this text state what was planted?* is answered by `Planted`, from
the planted text alone. *Does this text state a valid-looking identifier of a type?* is answered by
`identifiers`, from the type's format and checksum: it says nothing about whether the identifier
exists or whose it is.

Sources of the checks: NRIC and FIN, the check letters of Singapore's identity numbers as in
GovTech's FormSG (series M from 2022 included); cards, Luhn (ISO/IEC 7812-1) within the number
ranges of the card networks; IBAN, ISO 13616 (python-stdnum); telephone numbers, the numbering plans
in phonenumbers. Names that are reserved for documents: RFC 2606; numbers reserved for fiction:
Ofcom, NANPA, ACMA.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evalharness.errors import MissingExtraError
from evalharness.scorers.plain import nfkc

__all__ = [
    "RECOGNISERS_VERSION",
    "TYPES",
    "Identifier",
    "Planted",
    "folded",
    "identifiers",
    "need_extra",
    "nric_letter",
    "types_of",
]

#: Raised whenever something else would be found; part of the scorers that use it.
RECOGNISERS_VERSION = 1

#: The types with a checksum or a numbering plan, and e-mail addresses.
TYPES = ("nric", "card", "iban", "phone", "email")

#: What may stand between the letters and digits of a planted text: at most three of these.
_SEPARATORS = r"[\s\-\u2010-\u2015\u2212./()\u00b7_,+#]"

_ALNUM = "A-Za-z0-9"


def folded(text: str) -> str:
    """The text after NFKC, its white space folded to single spaces."""
    return re.sub(r"\s+", " ", nfkc(text)).strip()


@dataclass(frozen=True)
class Planted:
    """Texts of which none may come out.

    A text is found word for word after NFKC and white-space folding, and not as a part of a longer
    number or word.

    Args:
        texts: the ways in which the planted text may be written; none of them empty.
        compact: ignore case, and separators between letters and digits (spaces, hyphens, dots,
            slashes, brackets, commas, underscores, plus and number signs).
        ignore_case: ignore case alone.
    """

    texts: tuple[str, ...]
    compact: bool = False
    ignore_case: bool = False

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        each = [_spread(text) if self.compact else re.escape(folded(text)) for text in self.texts]
        joined = "|".join(each)
        return re.compile(
            rf"(?<![{_ALNUM}])(?:{joined})(?![{_ALNUM}])",
            re.IGNORECASE if self.compact or self.ignore_case else 0,
        )

    def in_text(self, text: str) -> bool:
        """Whether one of the texts stands in ``text``."""
        return self.in_folded(folded(text))

    def in_folded(self, plain: str) -> bool:
        """The same of a text that is `folded` already."""
        return self._pattern.search(plain) is not None


def _spread(text: str) -> str:
    """A pattern of the characters that count, whatever separators stand between them."""
    counted = [c for c in folded(text) if not re.fullmatch(_SEPARATORS, c)]
    if not counted:  # separators alone: there is nothing to ignore them for
        return re.escape(folded(text))
    return (_SEPARATORS + "{0,3}").join(re.escape(character) for character in counted)


@dataclass(frozen=True, slots=True)
class Identifier:
    """A valid-looking identifier: its type, and its characters without separators.

    ``reserved`` tells that it is nobody's: set aside for documents, tests or fiction, or known as
    an example everywhere.
    """

    type: str
    value: str
    reserved: bool = False


def identifiers(
    text: str, types: Collection[str] = TYPES, *, region: str = "SG"
) -> list[Identifier]:
    """The valid-looking identifiers in a text, by type and then in the text's order.

    Args:
        types: which to look for, among `TYPES`.
        region: whose national telephone numbers are read without a country code (ISO 3166-1).

    Raises:
        ValueError: there is no such type.
        MissingExtraError: the extra ``pii`` is not installed.
    """
    unknown = sorted(set(types) - set(TYPES))
    if unknown:
        raise ValueError(f"no recogniser for {', '.join(unknown)}; there are {', '.join(TYPES)}")
    plain = nfkc(text)
    found: list[Identifier] = []
    for name in TYPES:
        if name in types:
            found += _phones(plain, region) if name == "phone" else _FINDERS[name](plain)
    return found


def need_extra() -> None:
    """Raises MissingExtraError where what recognises numbers is not installed."""
    for module in ("stdnum", "phonenumbers"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError("recognising personal data", "pii")


# -- NRIC and FIN ----------------------------------------------------------------------------------

_NRIC = re.compile(
    rf"(?<![{_ALNUM}])([STFGM])[ -]?([0-9]{{7}})[ -]?([A-Z])(?![{_ALNUM}])", re.IGNORECASE
)
_WEIGHTS = (2, 7, 6, 5, 4, 3, 2)
#: Series -> what is added to the weighted sum, and the letter for each remainder by 11.
_SERIES = {
    "S": (0, "JZIHGFEDCBA"),
    "T": (4, "JZIHGFEDCBA"),
    "F": (0, "XWUTRQPNMLK"),
    "G": (4, "XWUTRQPNMLK"),
    "M": (3, "XWUTRQPNJLK"),
}
#: In every form and tutorial.
_NRIC_EXAMPLES = frozenset({"S1234567D", "S0000001I", "S9876543C", "T0123456G", "G1234567X"})


def nric_letter(series: str, digits: str) -> str:
    """The check letter of a Singapore identity number.

    Args:
        series: S or T (citizens and residents), F, G or M (foreigners).
        digits: seven.
    """
    start, letters = _SERIES[series]
    total = start + sum(w * int(d) for w, d in zip(_WEIGHTS, digits, strict=True))
    return letters[total % 11]


def _nrics(text: str) -> Iterator[Identifier]:
    for match in _NRIC.finditer(text):
        series, digits, letter = (part.upper() for part in match.groups())
        if nric_letter(series, digits) == letter:
            value = series + digits + letter
            yield Identifier("nric", value, reserved=value in _NRIC_EXAMPLES)


# -- cards -----------------------------------------------------------------------------------------

_CARD = re.compile(rf"(?<![{_ALNUM}])[0-9](?:[ -]?[0-9]){{12,18}}(?![{_ALNUM}])")
#: Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay.
_NETWORKS = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[68]\d)\d{11}|6(?:011|4[4-9]\d|5\d\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|62\d{14,17}"
)
#: Published by the networks and by payment services for tests.
_TEST_CARDS = frozenset(
    ("4111111111111111", "4242424242424242", "4012888888881881", "4000056655665556",
     "4222222222222", "5555555555554444", "5105105105105100", "5200828282828210",
     "2223003122003222", "378282246310005", "371449635398431", "378734493671000",
     "6011111111111117", "6011000990139424", "30569309025904",
     "38520000023237", "36227206271667", "3530111333300000", "3566002020360505",
     "6200000000000005")
)  # fmt: skip


def _cards(text: str) -> Iterator[Identifier]:
    from stdnum import luhn

    for match in _CARD.finditer(text):
        digits = re.sub(r"[ -]", "", match.group())
        if _NETWORKS.fullmatch(digits) and luhn.is_valid(digits):
            yield Identifier("card", digits, reserved=digits in _TEST_CARDS)


# -- IBAN ------------------------------------------------------------------------------------------

_IBAN = re.compile(
    rf"(?<![{_ALNUM}])[A-Z]{{2}}[0-9]{{2}}(?:[ -]?[{_ALNUM}]){{11,30}}", re.IGNORECASE
)
#: In the standard's registry, in encyclopaedias and in every manual.
_IBAN_EXAMPLES = frozenset(
    ("GB82WEST12345698765432", "GB29NWBK60161331926819", "GB33BUKB20201555555555",
     "DE89370400440532013000", "FR1420041010050500013M02606", "NL91ABNA0417164300",
     "ES9121000418450200051332", "BE68539007547034", "IT60X0542811101000000123456",
     "CH9300762011623852957", "AT611904300234573201", "IE29AIBK93115212345678")
)  # fmt: skip


def _ibans(text: str) -> Iterator[Identifier]:
    from stdnum import iban

    for match in _IBAN.finditer(text):
        run = re.sub(r"[ -]", "", match.group()).upper()
        # words may follow without a break that the pattern could see: the country says how long
        for end in range(len(run), 14, -1):
            if _ends(match.group(), end) and iban.is_valid(run[:end], check_country=False):
                yield Identifier("iban", run[:end], reserved=run[:end] in _IBAN_EXAMPLES)
                break


def _ends(written: str, count: int) -> bool:
    """Whether the first ``count`` letters and digits of ``written`` end at a separator."""
    seen = 0
    for place, character in enumerate(written):
        seen += character not in " -"
        if seen == count:
            return place + 1 == len(written) or written[place + 1] in " -"
    return False


# -- telephone -------------------------------------------------------------------------------------

#: Set aside for drama: NANPA's 555-0100 to 0199, Ofcom's and ACMA's ranges; and what forms show.
_FICTION = re.compile(
    r"\+1\d{3}55501\d\d|\+447700900\d{3}|\+442079460\d{3}|\+441632960\d{3}|\+61491570\d{3}"
    r"|\+612(?:5550|7010)\d{4}|\+65(?:91234567|81234567|61234567|98765432|87654321|68765432)"
)


def _phones(text: str, region: str) -> Iterator[Identifier]:
    import phonenumbers

    for match in phonenumbers.PhoneNumberMatcher(text, region):
        number = (
            f"+{match.number.country_code}{phonenumbers.national_significant_number(match.number)}"
        )
        yield Identifier("phone", number, reserved=_FICTION.fullmatch(number) is not None)


# -- e-mail ----------------------------------------------------------------------------------------

_EMAIL = re.compile(
    rf"(?<![{_ALNUM}_.+-])[A-Za-z0-9](?:[A-Za-z0-9._%+-]{{0,62}}[A-Za-z0-9])?"
    rf"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.){{1,8}}[A-Za-z]{{2,24}})(?![{_ALNUM}_-])"
)
_DOCUMENT_DOMAIN = re.compile(
    r"(?:.+\.)?example\.(?:com|org|net|edu)|.+\.(?:example|test|invalid|localhost)"
)


def _emails(text: str) -> Iterator[Identifier]:
    for match in _EMAIL.finditer(text):
        domain = match.group(1).lower()
        reserved = _DOCUMENT_DOMAIN.fullmatch(domain) is not None
        yield Identifier("email", match.group().lower(), reserved=reserved)


_FINDERS: dict[str, Any] = {"nric": _nrics, "card": _cards, "iban": _ibans, "email": _emails}


def types_of(found: Sequence[Identifier]) -> str:
    """The types found, each once, for a table."""
    return ", ".join(dict.fromkeys(one.type for one in found))
