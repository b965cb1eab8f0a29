"""Reads which option an answer names: by letter or by its text; whole tokens, no guessing.

An answer that names two options, or none, is unread (None): a contradiction is never settled by
position or by a coin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalharness.scorers.plain import nfkc

__all__ = ["lists_options", "normalise", "read_letter", "read_text"]

#: "A" or "I" before a word ("A cat", "I can't"), unless the word goes on about the letter.
_NO_ARTICLE = r"(?!(?<=[AI])[ \t]+(?!(?:because|since|as|due|is|was|and|or)\b)[a-z])"
_NOT_DENIED = r"(?![)\].\"'*]*\s+(?:(?:is|was)\s+(?:not|wrong|incorrect|false)\b|isn|wasn))"
_LETTER = rf"([A-Z])(?![A-Za-z'’]){_NO_ARTICLE}{_NOT_DENIED}"

_LETTER_ALONE = re.compile(r"[\W_]*([A-Za-z])[\W_]*")
_LETTER_FIRST = re.compile(rf"[\s\"'*_(\[【]*{_LETTER}[\s\"'*_]*[.):,。、】\]]{_NOT_DENIED}")
_LETTER_NAMED = re.compile(
    r"(?:(?i:answer|option|choice)[*_\"']*"
    r"(?:[ \t]+(?i:is|would[ ]be)[*_ \t]*:?|[ \t]*:|[ \t])"
    r"|(?<![不别没])(?<!不应)(?<!不能)(?:答案|选项|选择|应选|选)[ \t*_]*(?:是|为)?[ \t*_]*:?"
    r"|boxed\{)"
    rf"[ \t\"'*_(【\[]*{_LETTER}"
)
_LETTERS_JOINED = re.compile(
    r"(?<![A-Za-z'’])([A-Z])[)\]】.\"'*_]*\s*(?:,|、|/|&|\bor\b|\band\b|或者?|和|及|与)\s*"
    r"(?:(?i:or|and|option|answer|choice)\s+)*[(\[【\"'*_]*([A-Z])(?![A-Za-z'’])"
)
_LETTERED_LINE = re.compile(r"^[ \t]*([A-Z])[.)、]", re.MULTILINE)
_LETTER_LOOSE = re.compile(rf"(?<![A-Za-z'’])([A-Z])(?![A-Za-z'’]){_NO_ARTICLE}")
_DENIAL = re.compile(r"\b(?:not|never|neither|wrong|incorrect)\b|n['’]t\b|[不非错]", re.IGNORECASE)
#: What must not stand before an option's text, and after it: part of a word or number, "not", or
#: a key of JSON, whose value is about that key (`"safe": true`).
_BEFORE = (
    r"(?<![\w\-+])(?<!\d[.,])(?<!\bnot )(?<!\bnot a )(?<!\bnot an )(?<!\bnot the )(?<!n't )"
    r"(?<!\": )(?<!\":)"
)
_AFTER = r"(?!\w|-\d|[.,]\d)"
#: What denies the option that it stands before, with up to three words between: "not entirely
#: true", "I don't really agree", "neither agree nor disagree".
_DENIED = re.compile(
    r"(?:\b(?:not|never|neither|nor|none|hardly|scarcely|barely|far from|cannot)"
    r"|n['’]t|(?<!no )(?<!without )(?<!without a )\bdoubt\w*)\b(?:\s+[\w'’]+){0,3}\s+[\"'“‘*_]*$"
)
#: The same in Chinese, which it precedes directly: 不太同意, 不是男董事.
_DENIED_HAN = re.compile(
    r"(?:不(?:太|大|完全|全|很|怎么|怎麼|能|会|會|敢|是|算|认为|認為|觉得|覺得|一定|见得|見得)"
    r"|[并並](?:不|非)|[没沒]有?|[无無]法|[难難]以|未必|绝非|絕非|谈不上|称不上)[\"'“‘「*_]*$"
)
_HAN = "\u4e00-\u9fff"
#: How much before an option is looked at for what denies it, in characters.
_LOOK_BACK = 60
#: Options that are a verb of other sentences: "I cannot help" does not name the option "cannot".
_MODAL = frozenset({"能", "不能", "会", "不会", "可以", "不可以", "应该", "不应该"})
_LEAD_IN = re.compile(
    r"^(?:the\s+)?(?:correct\s+|right\s+)?(?:answer|option)\s*(?:is|:)\s*|^(?:正确)?答案\s*(?:是|为|：|:)\s*",
    re.IGNORECASE,
)


def normalise(text: str) -> str:
    """NFKC, case folded, outer punctuation and extra white space gone: 'True.' equals 'TRUE'."""
    folded = nfkc(text).casefold()
    signed = re.sub(r"(?<!\w)\+(?=\d)", "", re.sub(r"[−–—](?=\d)", "-", folded))
    words = re.sub(r"\s+", " ", signed).strip()
    end = len(words)  # by hand: a pattern at the end is quadratic in a hostile text
    while end and not (words[end - 1].isalnum() or words[end - 1] in "_%"):
        end -= 1
    return re.sub(r"^[^\w\-+]+", "", words[:end])


def read_letter(text: str, order: Sequence[int], choices: Sequence[str]) -> int | None:
    """Index of the option that an answer names, by its letter or else by its own text.

    Args:
        text: the answer.
        order: position shown (A, B, ...) -> index into ``choices``.
        choices: the options.
    """
    plain = nfkc(text).strip()
    if match := _LETTER_ALONE.fullmatch(_LEAD_IN.sub("", plain)):
        return _at(match.group(1), order)
    named = _in_range(_LETTER_NAMED.findall(plain), order) | _on_a_line(plain, order)
    listed = lists_options(plain)
    if (first := _LETTER_FIRST.match(plain)) and not listed:
        named |= _in_range([first.group(1)], order)
    joined = _in_range([x for pair in _LETTERS_JOINED.findall(plain) for x in pair], order)
    if named:
        return _at(named.pop(), order) if len(named) == 1 and not named & joined else None
    if listed:
        return None
    by_text = read_text(plain, choices)
    if by_text is not None:
        return by_text
    loose = _in_range(_LETTER_LOOSE.findall(plain), order)
    vague = len(plain) > 80 or joined or _DENIAL.search(plain)
    return _at(loose.pop(), order) if len(loose) == 1 and not vague else None


def _in_range(letters: Sequence[str], order: Sequence[int]) -> set[str]:
    return {letter for letter in letters if ord(letter) - ord("A") < len(order)}


def _on_a_line(text: str, order: Sequence[int]) -> set[str]:
    """The letters that stand alone on the first or the last line."""
    lines = text.splitlines()
    matches = [_LETTER_ALONE.fullmatch(line) for line in (lines[0], lines[-1])] if lines else []
    found = [match.group(1) for match in matches if match is not None]
    return _in_range([letter for letter in found if letter.isupper()], order)


def lists_options(text: str) -> bool:
    """Whether the options stand in the answer again, by their letters: nothing is chosen then."""
    return len(set(_LETTERED_LINE.findall(text))) > 1


def _at(letter: str, order: Sequence[int]) -> int | None:
    place = ord(letter.upper()) - ord("A")
    return order[place] if place < len(order) else None


def read_text(text: str, choices: Sequence[str]) -> int | None:
    """Index of the option whose text the answer gives: equal, else cut short, else the only one.

    "Cut short" is an answer that is the beginning of exactly one option, or the other way round
    (recorded answers lose their last token); "the only one" is a single option named as whole
    words.
    """
    answer = normalise(_LEAD_IN.sub("", text.strip()))
    if not answer:
        return None
    options = [normalise(choice) for choice in choices]
    equal = [index for index, option in enumerate(options) if option == answer]
    if len(equal) == 1:
        return equal[0]
    if len(answer) >= 3:
        cut = [index for index, option in enumerate(options) if option.startswith(answer)]
        if len(cut) == 1:
            return cut[0]
    named = [index for index, option in enumerate(options) if _names(answer, option)]
    longest = [
        index
        for index in named
        if not any(options[index] in options[other] for other in named if other != index)
    ]
    if len(longest) != 1 or _in_passing(answer, options[longest[0]]):
        return None
    return longest[0]


def _names(answer: str, option: str) -> bool:
    if not option:
        return False
    if not option.isascii():
        if len(option) == 1:  # a part of many words: it counts only where it stands alone
            word = rf"{re.escape(option)}的?"
            alone = rf"(?<![{_HAN}]){word}(?![{_HAN}])|.[为是选]{word}$"
            return re.search(alone, answer) is not None
        before = "不非没未我们" if option in _MODAL else "不非没未"
        return _affirmed(rf"(?<![{before}]){re.escape(option)}", answer, _DENIED_HAN)
    sign = "(?<!- )" if option[0].isdigit() else ""
    return _affirmed(f"{_BEFORE}{sign}{re.escape(option)}{_AFTER}", answer, _DENIED)


def _affirmed(pattern: str, answer: str, denied: re.Pattern[str]) -> bool:
    """Whether a pattern stands in the answer at a place where nothing before it denies it."""
    return any(
        denied.search(answer[max(0, match.start() - _LOOK_BACK) : match.start()]) is None
        for match in re.finditer(pattern, answer)
    )


def _in_passing(answer: str, option: str) -> bool:
    """Whether an ASCII number or a word of two letters stands amid the answer.

    Such a one stands in many a sentence that is about something else: it counts only where it
    opens or closes the answer.
    """
    brief = option.isascii() and (len(option) < 3 or option.lstrip("-").isdigit())
    return brief and not (answer.startswith(option) or answer.endswith(option))
