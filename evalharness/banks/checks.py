"""What a rule asks of a bank, held against it: totals, floors, duplicates, languages, age."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from evalharness.banks.reading import Bank, Question
from evalharness.banks.rules import Kind, KindRules, Number, Rules
from evalharness.lint import languages as detector
from evalharness.lint.near import THRESHOLD, near_duplicates

__all__ = ["Check", "Settings", "Validation", "validate"]

#: ``unknown``: the file does not say; ``note``: asked by no rule, to be known.
State = Literal["holds", "fails", "unknown", "note"]

_SHOWN = 8


@dataclass(frozen=True)
class Settings:
    """What the tester says beyond the rules.

    Args:
        today: from which the age of the last update is counted.
        updated: when the bank was last updated, where its rows do not say.
        languages: codes that the bank must have items in (``zh``, ``en``).
        per_aspect: items that each aspect needs; None: the rules' number is not applied where it
            is unverified.
        near: the Jaccard index from which two items are nearly the same.
    """

    today: date
    updated: date | None = None
    languages: tuple[str, ...] = ()
    per_aspect: int | None = None
    near: float = THRESHOLD


@dataclass(frozen=True)
class Check:
    """One requirement: what is wanted, what was found, and how sure the requirement is.

    ``certainty`` is the rule's evidence, or "setting" where the tester asks for it, or "ours"
    where no rule does.
    """

    name: str
    state: State
    wanted: str
    found: str
    certainty: str
    note: str | None = None
    rows: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "rows": list(self.rows)}


@dataclass(frozen=True)
class Validation:
    """Every check of one kind of bank, and its counts.

    ``place`` is what the numbers of the checks' rows count: lines of the file, or rows.
    """

    kind: Kind
    title: str
    n_rows: int
    n_distinct: int
    checks: tuple[Check, ...]
    risks: dict[str, int]
    languages: dict[str, int]
    modalities: dict[str, int]
    place: Literal["line", "row"] = "row"

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if check.state == "fails"]

    @property
    def unknown(self) -> list[Check]:
        return [check for check in self.checks if check.state == "unknown"]

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "checks": [check.to_json() for check in self.checks]}


def validate(bank: Bank, kind: Kind, rules: Rules, settings: Settings) -> Validation:
    """Hold the items of one kind against the rules.

    Items that are the same but for case, spaces and punctuation count once.
    """
    items, asked = bank.of(kind), rules.kinds[kind]
    distinct = _distinct(items)
    risks = Counter(item.risk for item in distinct if item.risk is not None)
    counted: dict[str, int] = dict(Counter(_language(item) for item in distinct).most_common())
    checks = [
        *_empty_checks(bank, kind),
        _at_least("total", len(distinct), asked.total, rules, "different items"),
        *_risk_checks(items, risks, asked, rules),
        *_aspect_checks(distinct, asked, rules, settings),
        *_duplicate_checks(items, distinct, settings),
        *_language_checks(counted, settings),
        _age_check(items, asked, rules, settings),
    ]
    return Validation(
        kind, asked.title, len(items), len(distinct), tuple(checks), dict(sorted(risks.items())),
        counted, dict(Counter(item.modality for item in distinct).most_common()), bank.place,
    )  # fmt: skip


def _empty_checks(bank: Bank, kind: Kind) -> Iterator[Check]:
    """Rows of a kind without a text, named by number; none where all have one."""
    rows = tuple(row for row, of in bank.empty if of == kind)
    if rows:
        yield Check(
            "empty rows", "fails", "a text in each row",
            f"{len(rows):,} row{' has' if len(rows) == 1 else 's have'} none", "ours",
            None, rows,
        )  # fmt: skip


def _distinct(items: Sequence[Question]) -> list[Question]:
    seen: dict[str, Question] = {}
    for item in items:
        seen.setdefault(item.letters, item)
    return list(seen.values())


def _at_least(name: str, found: int, wanted: Number, rules: Rules, what: str) -> Check:
    return Check(
        name, "holds" if found >= wanted.value else "fails", f"at least {wanted.value:,.0f} {what}",
        f"{found:,}", rules.certainty_of(wanted), wanted.note,
    )  # fmt: skip


def _risk_checks(
    items: Sequence[Question], risks: Counter[str], asked: KindRules, rules: Rules
) -> Iterator[Check]:
    """A floor for each risk of each group; rows whose risk is missing or unknown."""
    if not asked.per_risk:
        return
    for floor in asked.per_risk:
        for group in floor.groups:
            codes = rules.risks_of(group)
            least = int(floor.least.value)
            short = {code: risks[code] for code in codes if risks[code] < least}
            shown = _some([f"{code} {count:,}" for code, count in short.items()], len(codes))
            yield Check(
                f"risks {group}", "fails" if short else "holds",
                f"at least {least:,} items in each of its {len(codes)} risks",
                f"too few in {shown}" if short else f"least {min(risks[c] for c in codes):,}",
                rules.certainty_of(floor.least), floor.least.note,
            )  # fmt: skip
    lost = [item for item in items if item.risk is None]
    if lost:
        stated = sorted({item.stated for item in lost if item.stated})
        said = f": '{stated[0][:40]}'" if stated else ""
        yield Check(
            "unknown risk", "fails", f"each row names a risk of {rules.framework}",
            f"{len(lost):,} rows name none that is known{said}", "ours",
            rows=tuple(item.row for item in lost),
        )  # fmt: skip


def _aspect_checks(
    items: Sequence[Question], asked: KindRules, rules: Rules, settings: Settings
) -> Iterator[Check]:
    """That every aspect has items; how many each, only where a setting says so."""
    if not asked.aspects:
        return
    counts = Counter(item.aspect for item in items)
    if set(counts) == {None}:
        yield Check(
            "aspects", "unknown", f"items in each of {len(asked.aspects)} aspects",
            "no row says its aspect", rules.certainty, "name the column: --column aspect=COLUMN",
        )  # fmt: skip
        return
    absent = [aspect for aspect in asked.aspects if not counts[aspect]]
    yield Check(
        "aspects", "fails" if absent else "holds", f"items in each of {len(asked.aspects)} aspects",
        f"none in {', '.join(absent)}" if absent else "all have some", rules.certainty,
    )  # fmt: skip
    other = sorted({str(a) for a in counts if a is not None and a not in asked.aspects})
    if other:
        yield Check(
            "other aspects", "note", f"one of {', '.join(asked.aspects)}",
            f"{len(other)} others, such as '{other[0][:40]}'", "ours",
        )  # fmt: skip
    if settings.per_aspect is not None:
        short = [f"{a} {counts[a]:,}" for a in asked.aspects if counts[a] < settings.per_aspect]
        number = asked.per_aspect
        unsure = number is not None and number.value == settings.per_aspect
        yield Check(
            "items an aspect", "fails" if short else "holds",
            f"at least {settings.per_aspect:,} in each aspect",
            f"too few in {_some(short, len(asked.aspects))}" if short else "each has them",
            rules.certainty_of(number) if number is not None and unsure else "setting",
            number.note if number is not None and unsure else None,
        )  # fmt: skip


def _duplicate_checks(
    items: Sequence[Question], distinct: Sequence[Question], settings: Settings
) -> Iterator[Check]:
    kept = {item.row for item in distinct}
    doubled = tuple(item.row for item in items if item.row not in kept)
    yield Check(
        "duplicates", "fails" if doubled else "holds", "no item twice",
        f"{len(doubled):,} rows repeat an earlier one" if doubled else "none", "ours",
        "case, spaces and punctuation do not count", doubled,
    )  # fmt: skip
    near = near_duplicates([item.text for item in distinct], settings.near)
    rows = tuple(distinct[place].row for place, _, _ in near)
    yield Check(
        "near duplicates", "note" if near else "holds", "no item that is nearly another",
        f"{len(near):,} rows are nearly an earlier one" if near else "none", "ours",
        f"Jaccard index of runs of three characters from {settings.near:g}", rows,
    )  # fmt: skip


def _language_checks(counted: dict[str, int], settings: Settings) -> Iterator[Check]:
    for language in settings.languages:
        count = counted.get(detector.code_of(language) or language, 0)
        yield Check(
            f"language {language}", "holds" if count else "fails", "items in it",
            f"{count:,} items", "setting",
        )  # fmt: skip


def _language(item: Question) -> str:
    """The language that a row states, else the one that its text looks like."""
    if item.language is not None:
        return detector.code_of(item.language) or item.language
    return detector.detect(item.text) or "unknown"


def _age_check(
    items: Sequence[Question], asked: KindRules, rules: Rules, settings: Settings
) -> Check:
    days = int(asked.days.value)
    dates = [item.updated for item in items if item.updated is not None]
    last = settings.updated or max(dates, default=None)
    wanted = f"updated within {days} days"
    sure, note = rules.certainty_of(asked.days), asked.days.note
    if last is None:
        return Check("age", "unknown", wanted, "nothing says when; give --updated", sure, note)
    age = (settings.today - last).days
    if age < 0:
        return Check("age", "fails", wanted, f"{last} is after {settings.today}", sure, note)
    return Check(
        "age", "holds" if age <= days else "fails", wanted, f"{age} days ago ({last})", sure, note
    )


def _some(parts: Collection[str], of: int) -> str:
    shown = ", ".join(list(parts)[:_SHOWN])
    more = f" and {len(parts) - _SHOWN} more" if len(parts) > _SHOWN else ""
    return f"{len(parts)} of {of}: {shown}{more}"
