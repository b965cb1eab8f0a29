"""Which language a text is in: by its script, and for Latin letters by its commonest words.

Small on purpose: it tells apart what data sets confuse (a Chinese file under a Malay name), says
None where it is not sure, and is no judge of dialects.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

__all__ = ["claimed", "code_of", "detect", "shared_prefix"]

#: First word of a letter's Unicode name -> language, where the script says it all.
_SCRIPTS = {
    "CJK": "zh", "TAMIL": "ta", "DEVANAGARI": "hi", "ARABIC": "ar", "HANGUL": "ko", "THAI": "th",
    "CYRILLIC": "ru", "GREEK": "el", "HEBREW": "he", "BENGALI": "bn", "TELUGU": "te",
    "HIRAGANA": "ja", "KATAKANA": "ja",
}  # fmt: skip

#: Words that are frequent in one of these languages and rare or absent in the others.
_WORDS = {
    "en": """the of and to is in that it was for you are this with not what how have be they who can
        your from their there would about which when my we he she his her do does i""",
    "fr": """le la les des du une est et en que qui dans pour pas sur avec je vous il elle sont au
        aux ce cette mon ma mes nous ont plus comment quelle quel puis être leur ils peut""",
    "ms": """yang dan di ke dari untuk dengan adalah ini itu tidak saya anda mereka akan pada
        boleh kita oleh telah sebagai atau dalam apa bagaimana orang semua patut lebih kamu aku""",
    "de": """der die das und ist nicht ein eine zu den mit ich sie es auf für von dem wie sich""",
    "es": """el los las una es y que en por para con no del al se lo su como más pero qué mi""",
}  # fmt: skip
_STOP = {word: code for code, words in _WORDS.items() for word in words.split()}
_SHARED = {
    word for word, n in Counter(w for t in _WORDS.values() for w in t.split()).items() if n > 1
}

#: Codes and names as files and columns write them -> what `detect` says.
_CODES = {
    "en": "en", "eng": "en", "english": "en", "ss": "en", "singlish": "en", "sg": "en",
    "zh": "zh", "cn": "zh", "chinese": "zh", "mandarin": "zh",
    "ms": "ms", "malay": "ms", "ta": "ta", "tamil": "ta", "fr": "fr", "french": "fr",
    "hi": "hi", "hindi": "hi", "ar": "ar", "arabic": "ar", "fa": "ar", "farsi": "ar",
    "persian": "ar", "ja": "ja", "japanese": "ja", "ko": "ko", "korean": "ko", "th": "th",
    "thai": "th", "ru": "ru", "russian": "ru", "de": "de", "german": "de", "es": "es",
    "spanish": "es", "bn": "bn", "bengali": "bn", "te": "te", "telugu": "te",
}  # fmt: skip
#: In a file's name these are words or places more often than languages.
_NOT_IN_NAMES = {"sg", "de", "es", "ar", "te", "fa", "hi", "ja", "th"}

_MIN_WORDS = 2


def code_of(name: str) -> str | None:
    """A language's code as data writes it (``EN``, ``fr_FR``, ``zh-SG``) -> what `detect` says."""
    return _CODES.get(re.split(r"[-_]", name.strip().lower())[0])


def claimed(path: str) -> str | None:
    """The language that a file's name claims, if it claims just one."""
    stem = (
        path.rsplit("/", 1)[-1]
        .split(".json", maxsplit=1)[0]
        .split(".csv", maxsplit=1)[0]
        .split(".tsv", maxsplit=1)[0]
        .lower()
    )
    parts = [part for part in re.split(r"[-_. ]", stem) if part]
    found = {_CODES[part] for part in parts if part in _CODES and part not in _NOT_IN_NAMES}
    return found.pop() if len(found) == 1 else None


def detect(text: str) -> str | None:
    """The language of a text, or None: too short, mixed, or none of those that are known."""
    scripts: Counter[str] = Counter()
    for char in text:
        if char.isalpha():
            scripts[_SCRIPTS.get(unicodedata.name(char, "").split(" ")[0], "latin")] += 1
    total = sum(scripts.values())
    if total == 0:
        return None
    if scripts["ja"] > 0.1 * total:
        return "ja"
    script, count = scripts.most_common(1)[0]
    # a Chinese sentence with an English name in it is Chinese: its characters weigh more
    if script == "latin" and scripts["zh"] > 0.3 * total:
        script, count = "zh", total
    if count < 0.5 * total:
        return None
    return _latin(text) if script == "latin" else script


def _latin(text: str) -> str | None:
    counts: Counter[str] = Counter()
    for word in re.findall(r"[^\W\d_]+", text.lower()):
        if word in _STOP and word not in _SHARED:
            counts[_STOP[word]] += 1
    if not counts:
        return None
    (first, most), *others = counts.most_common(2)
    second = others[0][1] if others else 0
    return first if most >= _MIN_WORDS and most >= 2 * second else None


def shared_prefix(texts: Iterable[str]) -> str:
    """What all texts begin with, to the last space: an instruction, which is no item's own."""
    texts = list(texts)
    if len(texts) < 2:
        return ""
    low, high = min(texts), max(texts)
    end = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    return low[: low.rfind(" ", 0, end) + 1]
