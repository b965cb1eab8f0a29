"""What a notebook shows: tables and pictures of scorecards, comparisons, samples and runs.

Model output is hostile here as on a page: everything is escaped, hidden characters are named, and
the notebook is told to set no formulas in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evalharness.display import Drawing
from evalharness.errors import ConfigError
from evalharness.records import OutcomeKind
from evalharness.reports import numbers, svg
from evalharness.reports.comparison import run_views
from evalharness.reports.drawing import Line, drawn
from evalharness.reports.numbers import Quantity
from evalharness.reports.text import visible
from evalharness.reports.view import CellView, figure_views, word_of
from evalharness.scorecard.decisions import matching
from evalharness.scorecard.grades import counterpart_of
from evalharness.scorecard.model import DIMENSIONS, Cell, Scorecard
from evalharness.yamlfile import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from evalharness.comparison import Comparison

__all__ = [
    "draw_comparison",
    "draw_figure",
    "draw_outcomes",
    "draw_scorecard",
    "runs_fragment",
    "samples_fragment",
    "scorecard_fragment",
]

#: Told to the typesetters of notebooks: a model's text is no formula.
_PLAIN = "tex2jax_ignore mathjax_ignore"
_TABLE = Markup('<table class="' + _PLAIN + '"><caption>{}</caption>{}{}</table>')  # noqa: S704 - ours
_ROW = Markup("<tr>{}</tr>").format
_HEAD = Markup("<th>{}</th>").format
_DATA = Markup("<td>{}</td>").format
_SHOWN_TEXT = 240
#: Figures that are drawn at once; more are no picture.
_MOST = 60


# --- pictures ------------------------------------------------------------------------------------


def draw_scorecard(
    scorecard: Scorecard, figures: str | Sequence[str] = "*/headline", slices: str | None = None
) -> Drawing:
    """Figures with their intervals, each on the range of its metric.

    A figure that must not be read alone brings its counterpart.

    Args:
        figures: patterns of ``dimension/task/metric`` or ``dimension/headline``.
        slices: a tag: each figure is followed by those of the tag's values.

    Raises:
        ConfigError: no figure has such a name, or none such a slice; or there are too many.
    """
    keys = _chosen(scorecard, figures)
    cells = scorecard.cells()
    if slices is None:
        chosen = [(key, "", cells[key]) for key in keys]
    else:
        chosen = list(_sliced(cells, keys, slices))
    if len(chosen) > _MOST:
        raise ConfigError(
            f"plot: {len(chosen)} figures are no picture (at most {_MOST}); name fewer"
        )
    views = figure_views((key, cell) for key, _, cell in chosen)
    lines = [
        _line(view, part or view.title, key.split("/")[1], _mark(scorecard, key))
        for (key, part, _), view in zip(chosen, views, strict=True)
    ]
    return drawn(f"{scorecard.model}: {numbers.level(scorecard.level)} intervals", lines)


def _chosen(scorecard: Scorecard, figures: str | Sequence[str]) -> list[str]:
    """The keys that patterns name, each figure's counterpart behind it."""
    patterns = [figures] if isinstance(figures, str) else list(figures)
    cells = scorecard.cells()
    found: dict[str, None] = {}
    for pattern in patterns:
        keys = matching(scorecard, pattern)
        if not keys:
            raise ConfigError(
                f"plot: there is no figure '{pattern}' (dimension/task/metric, or "
                f"dimension/headline; * stands for anything){did_you_mean(pattern, list(cells))}"
            )
        for key in keys:
            found[key] = None
            pair = counterpart_of(key, cells[key], cells)
            if pair is not None:
                found[pair] = None
    return list(found)


def _sliced(
    cells: Mapping[str, Cell], keys: Sequence[str], tag: str
) -> Iterator[tuple[str, str, Cell]]:
    tags = sorted({name for key in keys for name in cells[key].slices})
    if tag not in tags:
        there = f"; there are: {', '.join(tags)}" if tags else "; these figures have none"
        raise ConfigError(f"plot: no slices by '{tag}'{there}")
    for key in keys:
        if tag in cells[key].slices:
            yield key, "", cells[key]
            for part, cell in sorted(cells[key].slices[tag].items()):
                yield key, f"\u2003{word_of(tag)}: {part}", cell


def _mark(scorecard: Scorecard, key: str) -> str:
    dimension, task, _ = key.split("/")
    return "demonstration" if scorecard.dimensions[dimension].tasks[task].demonstration else ""


def _line(view: CellView, label: str, more: str, mark: str) -> Line:
    figure = "not measured" if view.value is None else f"{view.value} {view.unit}".rstrip()
    said = [mark, "insufficient" if view.insufficient else ""]
    marks = "".join(f" ({word})" for word in said if word)
    span = "no interval" if view.interval is None else view.interval.text
    measured = view.measured.removesuffix(" measured")
    return Line((label, more, view.direction), view.plot, (figure + marks, span, measured))


def draw_figure(rows: Sequence[tuple[str, str, Cell]], title: str) -> Drawing:
    """One figure of several runs: (run, model, its cell)."""
    views = figure_views((run, cell) for run, _, cell in rows)
    lines = [_line(view, model, run, "") for (run, model, _), view in zip(rows, views, strict=True)]
    return drawn(title, lines)


def draw_comparison(found: Comparison, figures: str = "*") -> Drawing:
    """Differences with their intervals; those of one unit on one scale.

    Args:
        figures: a pattern of ``task/metric``.

    Raises:
        ConfigError: no claim has such a name.
    """
    from fnmatch import fnmatchcase

    several = len(found.runs) > 2
    claims = [
        (claim, run.target) for run in run_views(found) for claim in run.claims
        if fnmatchcase(claim.name, figures)
    ]  # fmt: skip
    if not claims:
        names = sorted({f"{claim.task}/{claim.metric}" for claim in found.claims})
        raise ConfigError(
            f"plot: there is no difference of '{figures}' (task/metric; * stands for anything)"
            f"{did_you_mean(figures, names)}"
        )
    title = f"Later minus {found.targets[0]}, {numbers.level(found.level)} intervals"
    if len(claims) > _MOST:
        title = f"{title} (the first {_MOST} of {len(claims)})"
        claims = sorted(claims, key=lambda item: not item[0].shown)[:_MOST]
    lines = [
        Line(
            (f"{claim.title}: {target}" if several else claim.title, claim.name, claim.direction),
            claim.plot,
            (claim.difference, claim.interval, f"{claim.verdict}, {claim.counted}"),
        )
        for claim, target in claims
    ]
    return drawn(title, lines)


def draw_outcomes(counted: Mapping[str, Mapping[str, int]], title: str) -> Drawing:
    """A bar for each name: how often each outcome came back."""
    kinds = [str(kind) for kind in OutcomeKind]
    lines, seen = [], set()
    for number, (name, counts) in enumerate(list(counted.items())[:_MOST], 1):
        total = sum(counts.values())
        seen |= {kind for kind, times in counts.items() if times}
        words = ", ".join(f"{word_of(k)} {numbers.count(counts[k])}" for k in kinds if k in counts)
        bar = svg.outcome_svg(
            f"bar-{number}", [(kind, counts.get(kind, 0)) for kind in kinds], name, words
        )
        most = max(counts, key=lambda kind: counts[kind])
        share = Quantity("proportion", (0, 1), total).value(counts[most] / total)
        lines.append(
            Line((name, f"{numbers.count(total)} rows"), bar, (f"{word_of(most)} {share}", words))
        )
    if len(counted) > _MOST:
        title = f"{title} (the first {_MOST} of {len(counted)})"
    return drawn(title, lines, [(kind, word_of(kind)) for kind in kinds if kind in seen])


# --- tables --------------------------------------------------------------------------------------


def scorecard_fragment(scorecard: Scorecard, caption: str | None = None) -> str:
    """A small table of the headlines, each with its counterpart where it has one."""
    rows = []
    for name in DIMENSIONS:
        card = scorecard.dimensions.get(name)
        if card is None or card.headline is None:
            rows.append(_ROW(_HEAD(word_of(name)) + Markup("<td colspan=4>not tested</td>")))
            continue
        for number, key in enumerate(_chosen(scorecard, f"{name}/headline")):
            label = _HEAD("" if number else word_of(name))
            rows.append(_ROW(label + _figure(scorecard, key)))
    head = _heads(("", "metric", "value", "interval", "measured"))
    return str(_TABLE.format(visible(caption or scorecard.name), head, Markup("").join(rows)))


def _figure(scorecard: Scorecard, key: str) -> Markup:
    """The cells of one figure's row: metric, value, interval, what was measured."""
    cell = scorecard.cells()[key]
    scale, shown = Quantity.of(cell), cell.interval
    title = Markup("{} <small>({})</small>").format(visible(cell.title), visible(key.split("/")[1]))
    marks = [mark for mark in (cell.grade, _mark(scorecard, key)) if mark]
    said = Markup("").join(Markup(" <i>{}</i>").format(mark) for mark in marks)
    return (
        _DATA(title)
        + _DATA(_value(cell))
        + _DATA("no interval" if shown is None else scale.span(shown.low, shown.high))
        + _DATA(Markup("{}{}").format(_counted(cell), said))
    )


def runs_fragment(runs: Sequence[tuple[str, str, Scorecard]]) -> str:
    """The headlines of several runs: a row a run, a column a test.

    A column holds figures of one protocol alone, so what stands under each other was measured by
    the same test.
    """
    columns: dict[tuple[str, str], Cell] = {}
    found: list[dict[tuple[str, str], Markup]] = []
    for _, _, scorecard in runs[:_MOST]:
        cells = scorecard.cells()
        own: dict[tuple[str, str], Markup] = {}
        for key in dict.fromkeys(matching(scorecard, "*/headline")):
            for one in (key, counterpart_of(key, cells[key], cells)):
                if one is not None:
                    place = (one, cells[one].protocol_id)
                    columns.setdefault(place, cells[one])
                    own[place] = _short(cells[one], _mark(scorecard, one))
        found.append(own)
    heads = [Markup("<th>run</th><th>model</th>")]
    heads += [
        Markup("<th>{}<br><small>{}<br>protocol {}</small></th>").format(
            visible(cell.title), visible(key.split("/")[1]), protocol[:8]
        )
        for (key, protocol), cell in columns.items()
    ]
    rows = [
        _ROW(
            _DATA(visible(run))
            + _DATA(visible(model))
            + Markup("").join(_DATA(own.get(place, "")) for place in columns)
        )
        for (run, model, _), own in zip(runs, found, strict=False)
    ]
    more = f"; the first {_MOST} are shown" if len(runs) > _MOST else ""
    caption = f"{len(runs)} runs, headlines by test{more}"
    return str(_TABLE.format(caption, _ROW(Markup("").join(heads)), Markup("").join(rows)))


def samples_fragment(rows: pd.DataFrame, caption: str, *, several: bool) -> str:
    """The first rows of samples: what was asked and what came back, cut, and made harmless."""
    columns = ["run_id"] if several else []
    columns += ["task", "sample_id", "outcome", "prompt", "response", "answer"]
    scores = [name for name in rows.columns if name.startswith("score_")]
    made = []
    for record in rows.to_dict("records"):
        cells = [_DATA(_shown(record.get(name))) for name in columns]
        said = [f"{k.removeprefix('score_')} {numbers.significant(float(record[k]))}"
                for k in scores if _is_there(record[k])]  # fmt: skip
        made.append(_ROW(Markup("").join([*cells, _DATA(", ".join(said))])))
    head = _heads([*(word_of(name) for name in columns), "scores"])
    return str(_TABLE.format(visible(caption), head, Markup("").join(made)))


def _is_there(value: Any) -> bool:
    import pandas as pd

    return not pd.isna(value)


def _shown(value: Any) -> Markup:
    if not _is_there(value):
        return Markup("<i>none</i>")
    if not str(value).strip():
        return Markup("<i>empty</i>")
    return Markup("<bdi>{}</bdi>").format(visible(str(value), _SHOWN_TEXT))


def _heads(words: Sequence[str]) -> Markup:
    return _ROW(Markup("").join(_HEAD(word) for word in words))


def _counted(cell: Cell) -> str:
    return f"{cell.n_measured} of {cell.n_planned} {cell.counted}"


def _value(cell: Cell) -> Markup:
    said = "not measured" if cell.value is None else Quantity.of(cell).value(cell.value)
    return Markup("<b>{}</b>").format(said)


def _short(cell: Cell, mark: str) -> Markup:
    """A figure with its interval and denominator, in one cell of a table."""
    scale, shown = Quantity.of(cell), cell.interval
    span = "no interval" if shown is None else scale.span(shown.low, shown.high)
    said = ", ".join(word for word in (span, _counted(cell), cell.grade, mark) if word)
    return Markup("{}<br><small>{}</small>").format(_value(cell), said)
