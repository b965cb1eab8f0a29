"""Hugging Face: a model card whose metadata holds the results (``model-index``).

Made by huggingface_hub's own classes, https://huggingface.co/docs/hub/model-cards. Readers of the
metadata show the value alone, so a figure of which too little was measured is not in it: it stands
in the card's table, with the reason. What is evaluated is a task's protocol, so the protocol id
stands as the revision.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.exports.figures import Choices, Figure, figures_of
from evalharness.finished import Finished
from evalharness.outfile import write_whole
from evalharness.reports.numbers import Quantity, level
from evalharness.reports.text import markdown, plain

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

__all__ = ["write_model_card"]


def write_model_card(run: Finished, path: Path, choices: Choices) -> list[Path]:  # noqa: ARG001 - it has no texts
    """Write a model card; to be joined to the model's own by a person."""
    from huggingface_hub import ModelCard, ModelCardData

    figures = list(figures_of(run))
    results = [_result(figure) for figure in figures if figure.reason is None]
    data = ModelCardData(model_name=plain(run.model.name), eval_results=results or None)
    card = ModelCard(f"---\n{data.to_yaml()}\n---\n\n{_body(run, figures)}")
    write_whole(path, [str(card.content)])
    return [path]


def _result(figure: Figure) -> EvalResult:
    from huggingface_hub import EvalResult

    cell, mark = figure.cell, " (demonstration only)" if figure.demonstration else ""
    return EvalResult(
        task_type="text-generation",
        task_name=plain(figure.card.construct_),
        dataset_type=figure.task,
        dataset_name=f"{figure.task} version {figure.card.version} (evalharness)",
        dataset_revision=cell.protocol_id,
        metric_type=figure.metric,
        metric_name=plain(cell.title) + mark,
        metric_value=cell.value,
        metric_args=figure.details(),
    )


def _body(run: Finished, figures: list[Figure]) -> str:
    measured = (
        f"Measured with evalharness {markdown(run.run['evalharness'])} on {run.measured} (UTC), "
        f"run {markdown(run.run['run_id'])}."
    )
    lines = [
        f"# Evaluation of {markdown(run.model.name)}",
        "",
        measured,
        "Each figure stands with its interval and with how much of what was planned was measured.",
        f"An interval is about {markdown(run.scorecard.estimand)}.",
        "",
        "| dimension | task | metric | value | interval | measured | read with | protocol |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_line(figure) for figure in figures),
    ]
    return "\n".join([*lines, *_remarks(figures)]) + "\n"


def _line(figure: Figure) -> str:
    cell, quantity = figure.cell, Quantity.of(figure.cell)
    value = "not measured" if cell.value is None else quantity.value(cell.value)
    if figure.reason is not None and cell.value is not None:
        value += " (insufficient)"
    if figure.demonstration:
        value += " (demonstration only)"
    span = cell.interval
    interval = "none"
    if span is not None:
        interval = f"{quantity.span(span.low, span.high)} ({level(span.level)}, {span.method})"
    texts = (
        figure.dimension, figure.task, cell.title, value, interval, figure.counted,
        cell.headline_pair or "", cell.protocol_id[:12],
    )  # fmt: skip
    return "| " + " | ".join(map(markdown, texts)) + " |"


def _remarks(figures: list[Figure]) -> Iterator[str]:
    reasons = [figure for figure in figures if figure.reason is not None]
    if reasons:
        yield "\nNot among the results of the metadata:\n"
    for figure in reasons:
        yield f"- {markdown(figure.key)}: {markdown(figure.reason or '')}"
    said = dict.fromkeys(f.demonstration for f in figures if f.demonstration)
    if said:
        yield "\nFigures marked so only demonstrate the harness:\n"
    for reason in said:
        yield f"- {markdown(reason)}"
