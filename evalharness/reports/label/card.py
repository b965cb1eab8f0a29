"""What a provider declares in a model card: README.md of a model on Hugging Face, or of the kind.

Read are the YAML front matter (fields of <https://huggingface.co/docs/hub/model-cards>) and the
sections whose heading names one of the label's areas, cut to an excerpt. The file is hostile:
its size is bounded, YAML goes through the safe loader, nothing of it is rendered, and a template's
placeholder declares nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness import yamlfile
from evalharness.errors import ConfigError
from evalharness.reports.engagement import Area
from evalharness.reports.label.model import shortened

__all__ = ["LARGEST", "Claim", "ModelCard", "read_card"]

#: Bytes of a model card; a longer file is none.
LARGEST = 1_048_576
#: Statements taken from one card.
MOST = 40
#: Characters of a section, or entries of a list, that are looked at.
_SECTION, _ENTRIES = 4000, 20

_HEADING = re.compile(r"(#{1,6})[ \t]+(\S.*)")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})")
_IMAGE = re.compile(r"!\[[^\[\]\n]*\]\([^()\n]*\)")
_LINK = re.compile(r"\[([^\[\]\n]*)\]\([^()\n]*\)")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>")
#: A tag in whose place no space may stand.
_LAST_TAG = re.compile(r"</?[A-Za-z][^<>\n]*>(?=[.,;:!?])")
_PLACEHOLDER = re.compile(r"\[?(optional|tbd|todo|n/a|none)\]?[.*_ ]*", re.IGNORECASE)
#: In lines that stand in the Hub's template itself.
_TEMPLATE = ("more information needed", "carbon emissions can be estimated using")

#: Field of the front matter -> area. ``model-index`` holds results.
FIELDS: Mapping[str, Area] = {
    "datasets": "data",
    "base_model": "training",
    "co2_eq_emissions": "training",
    "model-index": "evaluation",
    "license": "intended_use",
    "language": "intended_use",
    "tags": "intended_use",
}

#: Of headings in small letters without punctuation: the area, what may stand anywhere in one, what
#: must be all of it. The first that fits decides.
_RULES: tuple[tuple[Area, tuple[str, ...], tuple[str, ...]], ...] = (
    ("user_data", ("users? data", "data protection", "personal data"), ("privacy",)),
    (
        "training",
        ("environmental impact", "training (?:procedure|infrastructure|details)"),
        ("hardware", "compute infrastructure", "carbon footprint"),
    ),
    ("data", ("(?:pre ?)?training data(?: ?sets?)?", "data used"), ("data ?sets?",)),
    (
        "mitigations",
        ("mitigations?", "safeguards?", "guardrails?", "safety measures?"),
        ("safety", "recommendations"),
    ),
    (
        "intended_use",
        ("intended uses?", "(?:direct|downstream|out of scope|acceptable) use", "misuse"),
        ("uses?", "use cases"),
    ),
    ("risks", ("limitations?", "risks?", "bias(?:es)?", "ethical considerations"), ("caveats",)),
    ("evaluation", ("evaluation results",), ("evaluation", "results", "benchmarks?")),
)
_HEADINGS = tuple(
    (area, re.compile(rf"\b(?:{'|'.join(anywhere)})\b|^(?:{'|'.join(whole)})$"))
    for area, anywhere, whole in _RULES
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement of a card.

    Args:
        field: of the front matter; None for a section.
        heading: of the section, as written.
    """

    area: Area
    says: str
    field: str | None = None
    heading: str | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A card's file name, the SHA-256 of its bytes, and what it declares."""

    name: str
    sha256: str
    claims: tuple[Claim, ...]


def read_card(path: Path) -> ModelCard:
    """What a model card declares of the label's areas; nothing where it has none of them.

    Raises:
        ConfigError: there is no such file, it is too large, no UTF-8, or its front matter is no
            YAML mapping.
    """
    content = _bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ConfigError(
            f"{path}: not UTF-8 text (byte {fault.start}); name the model card, a README.md"
        ) from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    front, body = _split(lines, path)
    claims = [*_fields(front), *_sections(_without_comments("\n".join(body)).split("\n"))]
    return ModelCard(path.name, hashlib.sha256(content).hexdigest(), tuple(claims[:MOST]))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file; --card names a model card") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: this is a folder; name the README.md in it") from None
    except OSError as fault:
        raise ConfigError(f"{path}: cannot be read: {fault.strerror}") from None
    if len(content) > LARGEST:
        raise ConfigError(
            f"{path}: larger than {LARGEST:,} bytes, so no model card; name its README.md"
        )
    return content


def _split(lines: list[str], path: Path) -> tuple[Mapping[str, Any], list[str]]:
    """Front matter between two lines of three hyphens, and what follows it."""
    if lines[0].rstrip() != "---":
        return {}, lines
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
    if end is None:
        raise ConfigError(f"{path}:1: the front matter has no end; close it with a line of '---'")
    # the empty line stands for the first '---', so that messages name the file's lines
    data = yamlfile.parse("\n".join(["", *lines[1:end]]), path, ConfigError).data
    if data is None:
        return {}, lines[end + 1 :]
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path}:2: the front matter is no mapping; write 'field: value' lines")
    return data, lines[end + 1 :]


def _fields(front: Mapping[str, Any]) -> Iterator[Claim]:
    for name, area in FIELDS.items():
        value = front.get(name)
        if name == "model-index":
            says = _results(value)
        elif name == "license":
            more = (front.get(f"license_{part}") for part in ("name", "link"))
            says = ", ".join(filter(None, map(_words, (value, *more))))
        elif name == "language":
            says = _words(_norwegian(value))
        else:
            says = _words(value)
        if says:
            yield Claim(area, says, field=name)


def _words(value: Any, depth: int = 0) -> str:
    """A value of the front matter on one line: lists and mappings are cut, not followed far."""
    if value is None or depth > 2:
        return ""
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_ENTRIES]
        inner = ((_words(key, 2)[:100], _words(part, depth + 1)) for key, part in pairs)
        return "; ".join(f"{key}: {text}" for key, text in inner if text)
    if isinstance(value, set):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple):
        parts = (_words(inner, depth + 1) for inner in list(value)[:_ENTRIES])
        more = f" (+{len(value) - _ENTRIES})" if len(value) > _ENTRIES else ""
        return ", ".join(filter(None, parts)) + more
    if isinstance(value, int) and value.bit_length() > 256:
        return ""  # no figure of a model card; Python refuses to write the largest
    return "" if isinstance(value, str) and _is_placeholder(value) else str(value)[:_SECTION]


def _norwegian(value: Any) -> Any:
    """YAML 1.1 reads the language code ``no`` as false."""
    if isinstance(value, list):
        return [_norwegian(inner) for inner in value[: 10 * _ENTRIES]]
    return "no" if value is False else value


def _results(index: Any) -> str:
    """How many results a ``model-index`` states; they are not tested here."""
    count = 0
    for model in index if isinstance(index, list) else ():
        results = model.get("results") if isinstance(model, Mapping) else None
        for result in results if isinstance(results, list) else ():
            metrics = result.get("metrics") if isinstance(result, Mapping) else None
            count += len(metrics) if isinstance(metrics, list) else 0
    return str(count) if count else ""


def _without_comments(text: str) -> str:
    """The text without HTML comments; one that is never closed ends it. Linear in its length."""
    kept, start = [], 0
    while (begin := text.find("<!--", start)) >= 0:
        kept.append(text[start:begin])
        end = text.find("-->", begin + 4)
        if end < 0:
            return "".join(kept)
        start = end + 3
    return "".join([*kept, text[start:]])


def _sections(lines: list[str]) -> Iterator[Claim]:
    """Each section with a known heading, with those below it that are not known themselves."""
    found: tuple[Area, str, int] | None = None
    body: list[str] = []
    fence: str | None = None
    for line in lines:
        if (mark := _FENCE.match(line)) is not None:
            if fence is None:
                fence = mark[1]
            elif mark[1].startswith(fence):
                fence = None
            continue
        if fence is not None:
            continue  # code declares nothing
        heading = _HEADING.fullmatch(line.rstrip()[:300])
        if heading is None:
            body.append(line)
            continue
        level, title = len(heading[1]), heading[2].rstrip("# ").strip()
        area = _area(title)
        if area is not None or (found is not None and level <= found[2]):
            yield from _section(found, body)
            found = None if area is None else (area, title, level)
            body = []
    yield from _section(found, body)


def _area(title: str) -> Area | None:
    words = " ".join(re.findall(r"\w+", title.lower().replace("'s", "s")))
    return next((area for area, pattern in _HEADINGS if pattern.search(words)), None)


def _section(found: tuple[Area, str, int] | None, body: list[str]) -> Iterator[Claim]:
    if found is None:
        return
    lines = (re.sub(r"^[ \t>*+|-]{1,20}", "", line[:_SECTION]) for line in body[:200])
    text = _IMAGE.sub("", "\n".join(line for line in lines if not _is_placeholder(line))[:_SECTION])
    text = _LAST_TAG.sub("", _LINK.sub(r"\1", text))
    text = _TAG.sub(" ", text).replace("**", "").replace("`", "")
    says = " ".join(text.split())
    if re.search(r"\w", says):
        yield Claim(found[0], says, heading=shortened(found[1].strip("*_ ") or found[1], 100))


def _is_placeholder(line: str) -> bool:
    """What the template of a card leaves for its author to fill in."""
    if any(said in line[:_SECTION].lower() for said in _TEMPLATE):
        return True
    return _PLACEHOLDER.fullmatch(line.strip(" *_-:\t")[:60]) is not None
