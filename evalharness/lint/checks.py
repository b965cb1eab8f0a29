"""The checks: each takes a table or its items and gives findings. `CHECKS` names them all."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

from evalharness.lint import languages
from evalharness.lint.artefacts import classes_of
from evalharness.lint.finding import Finding, Severity
from evalharness.lint.items import Item, Items
from evalharness.lint.table import Table

__all__ = ["check_items", "check_table"]

_MOJIBAKE = re.compile(r"Ã[\u0080-\u00bf]|â€[\u0080-\u2122]|Â[\u00a0-\u00bf]|ï»¿")
_PLACEHOLDER = re.compile(
    r"\{[a-z_]{3,30}\}|\[(?:IDENTITY|TARGET|target)_?\w*\]|\$[A-Z]{4,}_?[A-Z]*"
)
_MIN_LABELLED, _MOST_CLASSES = 10, 10
_UNBALANCED = 0.8
#: A larger share of texts in another language is no slip of the detector.
_SLIPS = 0.05
_INVISIBLE = frozenset(
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
)


def check_table(table: Table) -> Iterator[Finding]:
    """What can be said of rows and columns, whatever they mean."""
    yield from table.findings
    yield from _names(table)
    yield from _missing_columns(table)
    yield from _characters(table)
    yield from _doubled_rows(table)


def check_items(items: Items) -> Iterator[Finding]:
    """What can be said of prompts, options and answers."""
    for check in CHECKS:
        yield from check(items)


# --- tables --------------------------------------------------------------------------------------


def _names(table: Table) -> Iterator[Finding]:
    for name in table.columns:
        if "\ufeff" in name:
            yield Finding(
                "byte-order-mark", "fault", table.place,
                "the column's name begins with a byte order mark, so nobody finds it by name",
                "remove it from the name", field=name.replace("\ufeff", "\\ufeff"),
            )  # fmt: skip


def _missing_columns(table: Table) -> Iterator[Finding]:
    total = len(table.rows)
    partial = {name: count for name, count in table.columns.items() if count < total}
    if partial:
        most = sorted(partial, key=lambda name: -partial[name])
        shown = ", ".join(f"{name} in {partial[name]:,}" for name in most[:4])
        more = f" and {len(most) - 4} more" if len(most) > 4 else ""
        yield Finding(
            "missing-column", "note", table.place,
            f"of {total:,} rows some columns stand in a part only: {shown}{more}",
            "give every row the same fields, or read them with row.get(...)",
            field=", ".join(most),
        )  # fmt: skip
    for name, recognised, wanted, without in _FORMATS:
        if recognised(table) and (lacking := [c for c in wanted if c not in table.columns]):
            yield Finding(
                "missing-column", "fault", table.place,
                f"a file of {name} without {', '.join(lacking)}: {without}",
                "take the original file", field=", ".join(lacking),
            )  # fmt: skip


def _asks(table: Table) -> bool:
    return any(name in table.columns for name in ("ans0", "input", "context"))


#: Formats whose derived copies lack what their scores need: how known, which columns, what is lost.
_FORMATS: Sequence[tuple[str, Callable[[Table], bool], tuple[str, ...], str]] = (
    (
        "BBQ", lambda table: "bbq" in table.place.lower() and _asks(table),
        ("question_polarity", "context_condition"),
        "accuracy can be computed, the bias score cannot",
    ),
    (
        "CrowS-Pairs", lambda table: "sent_more" in table.columns,
        ("sent_less", "stereo_antistereo", "bias_type"),
        "the share by kind of bias cannot be computed",
    ),
)  # fmt: skip


def _texts_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts_of(key)
            yield from _texts_of(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts_of(inner)


def _characters(table: Table) -> Iterator[Finding]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in table.rows:
        for name, value in row.fields.items():
            for text in _texts_of(value):
                for kind in _strange(text):
                    found[kind, name].append(str(row.number))
    for (kind, name), rows in found.items():
        message, do, fault = _STRANGE[kind]
        yield Finding(
            kind, "fault" if fault else "note", table.place, message, do,
            tuple(dict.fromkeys(rows)), name,
        )  # fmt: skip


_STRANGE = {
    "lone-surrogate": (
        "half of a character (a lone surrogate), which no UTF-8 file can hold",
        "write the whole character", True,
    ),
    "replaced-character": (
        "a character that was lost in an earlier conversion (U+FFFD)",
        "take the text from the original again", True,
    ),
    "wrong-encoding": (
        "UTF-8 that was read as Latin-1 (as in 'Ã©')", "decode the original as UTF-8", True,
    ),
    "control-character": (
        "control characters other than line break and tab", "remove them", False,
    ),
    "invisible-character": (
        "invisible characters (zero width, direction marks)",
        "remove them where they are no part of the test", False,
    ),
}  # fmt: skip


def _strange(text: str) -> Iterator[str]:
    if text.isascii() and text.isprintable():
        return
    if any("\ud800" <= char <= "\udfff" for char in text):
        yield "lone-surrogate"
    if "\ufffd" in text:
        yield "replaced-character"
    if _MOJIBAKE.search(text):
        yield "wrong-encoding"
    if any(unicodedata.category(char) == "Cc" and char not in "\n\r\t" for char in text):
        yield "control-character"
    if not _INVISIBLE.isdisjoint(text):
        yield "invisible-character"


def _doubled_rows(table: Table) -> Iterator[Finding]:
    """Rows that are the same in all but their number."""
    rows = table.rows
    kept = [name for name in table.columns if not (table.has_texts and name in table.numbering)]
    seen: dict[str, int] = {}
    doubled = []
    for row in rows:
        key = repr([row.fields.get(name) for name in kept])
        if seen.setdefault(key, row.number) != row.number:
            doubled.append(str(row.number))
    if doubled:
        yield Finding(
            "duplicate-rows", "fault", table.place,
            f"{len(doubled):,} of {len(rows):,} rows repeat an earlier one ({len(seen):,} differ)",
            "keep one of each: a repeat counts an item twice and narrows every interval",
            tuple(doubled),
        )  # fmt: skip


# --- items ---------------------------------------------------------------------------------------


def _empty(items: Items) -> Iterator[Finding]:
    if items.prompt is not None:
        rows = tuple(
            item.row for item in items.items if item.prompt is not None and not item.prompt.strip()
        )
        if rows:
            yield Finding(
                "empty-prompt", "fault", items.place, "nothing is asked",
                "fill it, or leave the row out", rows, items.prompt,
            )  # fmt: skip
    rows = tuple(i.row for i in items.items if any(not text.strip() for text in i.options))
    if rows:
        yield Finding(
            "empty-option", "fault", items.place, "an option is empty",
            "fill it, or leave the option out", rows, items.options,
        )  # fmt: skip


def _same_items(items: Items) -> Iterator[Finding]:
    """The same question again: with another answer, with other fields, or the same in all."""
    by_question: dict[tuple[str, tuple[str, ...]], list[Item]] = defaultdict(list)
    for item in items.items:
        if item.prompt:
            by_question[item.prompt, tuple(sorted(item.options))].append(item)
    contradicting: list[str] = []
    repeated: list[str] = []
    doubled: list[str] = []
    for same in by_question.values():
        if len({_answer_text(item) for item in same} - {None}) > 1:
            contradicting += [item.row for item in same]
            continue
        seen: set[str] = set()
        for item in same:
            if item.rest in seen:
                doubled.append(item.row)
            elif seen and (item.cluster is None or item.cluster != same[0].cluster):
                repeated.append(item.row)
            seen.add(item.rest)
    total = len(items.items)
    if contradicting:
        yield Finding(
            "contradicting-answers", "note", items.place,
            f"{len(contradicting):,} of {total:,} ask what another asks, and have another answer",
            "decide which answer is right, or say by a field what differs",
            tuple(contradicting), items.answer,
        )  # fmt: skip
    if repeated:
        yield Finding(
            "repeated-question", "note", items.place,
            f"{len(repeated):,} of {total:,} ask what an earlier one asks",
            "map a cluster, so that intervals count them as what they are worth",
            tuple(repeated), items.prompt,
        )  # fmt: skip
    if doubled and items.mapped:  # of a bare file its rows are compared, not what was made of them
        yield Finding(
            "duplicate-items", "fault", items.place,
            f"{len(doubled):,} of {total:,} are an earlier one again",
            "keep one of each: a repeat counts an item twice and narrows every interval",
            tuple(doubled), items.prompt,
        )  # fmt: skip


def _answer_text(item: Item) -> str | None:
    return item.options[item.answer] if item.answer is not None else item.label


def _option_faults(items: Items) -> Iterator[Finding]:
    doubled = tuple(i.row for i in items.items if len(set(i.options)) < len(i.options))
    if doubled:
        yield Finding(
            "repeated-option", "fault", items.place, "two options are the same",
            "make them differ, or leave one out", doubled, items.options,
        )  # fmt: skip
    counts = Counter(len(item.options) for item in items.items)
    usual, often = counts.most_common(1)[0] if counts else (0, 0)
    if usual >= 2 and often >= 0.8 * len(items.items):
        for most, severity in ((1, "fault"), (usual - 1, "note")):
            least = 0 if most == 1 else 2
            fewer = tuple(i.row for i in items.items if least <= len(i.options) <= most)
            if fewer:
                yield Finding(
                    "missing-option", cast("Severity", severity), items.place,
                    f"fewer options than the {usual} that {often:,} rows have"
                    if most > 1 else f"no choice, where {often:,} rows have {usual} options",
                    "add what is missing, or give these rows a task of their own",
                    fewer, items.options,
                )  # fmt: skip


def _answers(items: Items) -> Iterator[Finding]:
    unmatched = tuple(item.row for item in items.items if item.unmatched)
    choosing = [item for item in items.items if item.options]
    # a class such as "unsafe" beside options is no answer to them
    if unmatched and len(unmatched) < 0.9 * len(choosing):
        yield Finding(
            "answer-out-of-range", "fault", items.place,
            "the answer is none of the options", "mend the answer or the options",
            unmatched, items.answer,
        )  # fmt: skip
    if items.answer is None:
        return
    blank = tuple(
        i.row for i in items.items if i.has_answer and i.label is None and i.answer is None
    )
    if blank:
        whole = len(blank) == len(items.items)
        yield Finding(
            "missing-answer", "fault", items.place,
            "no row has an answer" if whole else "rows without an answer",
            "add the answers, or use it only where none is needed", blank, items.answer,
        )  # fmt: skip


def _placeholders(items: Items) -> Iterator[Finding]:
    rows = tuple(item.row for item in items.items if _PLACEHOLDER.search(item.prompt or ""))
    if rows:
        yield Finding(
            "unfilled-template", "note", items.place,
            "the text holds what looks like a placeholder that nobody filled",
            "fill it before it is asked", rows, items.prompt,
        )  # fmt: skip


def _labels(items: Items) -> Iterator[Finding]:
    """One class, or nearly one: who always says it is right."""
    classes = classes_of(items)
    labelled = [
        (item, label)
        for item in items.items
        if (not item.options or frozenset(item.options) in classes)
        and (label := _answer_text(item)) is not None
    ]
    counts = Counter(label.strip() for _, label in labelled)
    if len(labelled) < _MIN_LABELLED or len(counts) > _MOST_CLASSES:
        return
    label, most = counts.most_common(1)[0]
    if most < _UNBALANCED * len(labelled):
        return
    asked = sum(label.casefold() in (item.prompt or "").casefold() for item, _ in labelled)
    alone = len(counts) == 1
    yield Finding(
        "unbalanced-labels",
        # where the question offers the label, its accuracy will be read as one
        "fault" if alone and asked > len(labelled) / 2 else "note",
        items.place,
        f"{most:,} of {len(labelled):,} rows have the label '{label[:30]}'",
        "add rows of the other labels, or read no accuracy from it: one word gets it all"
        if alone
        else "compare an accuracy with what always saying it gets",
        field=items.answer,
    )


def _language(items: Items) -> Iterator[Finding]:
    """Texts that are not in the language that the row, the task or the file's name says."""
    of_file = languages.claimed(items.place) if not items.mapped else None
    prefix = languages.shared_prefix(item.prompt for item in items.items if item.prompt)
    wrong: dict[tuple[str, str], list[str]] = defaultdict(list)
    counted: Counter[str] = Counter()
    for item in items.items:
        said = languages.code_of(item.language) if item.language else of_file
        if said is None or not item.prompt:
            continue
        found = languages.detect(item.prompt[len(prefix) :])
        if found is not None:
            counted[said] += 1
            if found != said:
                wrong[said, found].append(item.row)
    whose = "the file's name" if of_file is not None else "their language field"
    for (said, found), rows in wrong.items():
        share = len(rows) / counted[said]
        yield Finding(
            "wrong-language", "fault" if share > _SLIPS else "note", items.place,
            f"{whose} says '{said}', {len(rows):,} of {counted[said]:,} texts look like '{found}'",
            "fetch the right file, or mend the label" if share > 0.5 else "look at these rows",
            tuple(rows), items.prompt,
        )  # fmt: skip


Check = Callable[[Items], Iterable[Finding]]

CHECKS: Sequence[Check] = (
    _empty, _same_items, _option_faults, _answers, _placeholders, _labels, _language,
)  # fmt: skip
