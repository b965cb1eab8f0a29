"""``evalharness plan``: what would run; no call made."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalharness.cli.options import ConfigPath, Json, Limit, Seed, Set, overrides_of
from evalharness.cli.progress import short_list

if TYPE_CHECKING:
    from evalharness.pipeline import Prepared
    from evalharness.scorecard.sizes import Question
    from evalharness.tasks.planned import PlannedTask


def plan(
    config: ConfigPath,
    limit: Limit = None,
    seed: Seed = None,
    sets: Set = None,
    as_json: Json = False,
    margin: Annotated[
        float | None,
        typer.Option("--margin", help="Say what sizes show such a difference of two rates: 0.03."),
    ] = None,
    power: Annotated[
        float | None, typer.Option("--power", help="With --margin: chance to find it [0.8].")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="With --margin: about which it lies, unpaired [0.9]."),
    ] = None,
    discordant: Annotated[
        float | None,
        typer.Option("--discordant", help="With --margin: share of items that differ [0.1]."),
    ] = None,
    icc: Annotated[
        float | None,
        typer.Option("--icc", help="With --margin: correlation of outcomes within a cluster."),
    ] = None,
) -> int:
    """Show what would run: tasks, samples, requests, and what interval to expect. Asks nothing."""
    from evalharness import pipeline
    from evalharness.config import load_config
    from evalharness.scorecard.sizes import Question

    given = {"power": power, "rate": rate, "discordant": discordant, "icc": icc}
    question = Question.of(margin, {k: v for k, v in given.items() if v is not None})
    loaded = load_config(config, overrides_of(limit, seed, sets))
    prepared = pipeline.prepare(loaded)
    shown = describe(prepared, question)
    if as_json:
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False))
        return 0
    typer.echo(f"run id {shown['run_id']}")
    typer.echo(f"target {shown['target']}")
    for task in shown["tasks"]:
        note = f"  NOT RUN: {task['not_run']}" if task["not_run"] else ""
        typer.echo(
            f"  {task['task']:<30} {task['samples']:>6} of {task['available']:<6} samples  "
            f"{task['method']:<13} {task['requests']:>7} requests  "
            f"{_expected(task['half_width'])}{note}"
        )
    typer.echo(
        f"{shown['samples']} samples, {shown['requests']} requests to the target, "
        f"{shown['prompt_characters']:,} characters of prompts, "
        f"at most {shown['new_tokens_at_most']:,} new tokens"
    )
    for line in (
        *_recorded(shown), *shown["undecided"], *shown["left_out"].values(),
        *_means(shown), *_sizes(shown),
    ):  # fmt: skip
        typer.echo(line)
    return 0


#: What is said of a planned number of samples; None where it depends on clusters.
_ENOUGH = {True: "enough", False: "too few", None: "at least"}


def _recorded(shown: dict[str, Any]) -> list[str]:
    """Of a recording: what it lacks, and what it holds beyond the plan, in words."""
    from evalharness.engine.recorded import not_planned_line

    found = shown["recorded"]
    if found is None:
        return []
    requests, missing = found["requests"], found["missing"]
    lines = [f"all {requests:,} requests have a recorded output"]
    if missing:
        alone = f"{shown['tasks'][0]['task']}/" if len(shown["tasks"]) == 1 else ""
        names = short_list([name.removeprefix(alone) for name in found["samples"]])
        lines = [f"no recorded output for {missing:,} of {requests:,} requests: {names}"]
    if found["not_planned"]:
        lines.append(not_planned_line(found["not_planned"]))
    return lines


def _percent(share: float) -> str:
    """A share to a tenth of a percent, as reports write it."""
    from evalharness.reports.numbers import level

    return level(round(share, 3))


def _expected(half_width: float) -> str:
    return f"interval up to +/- {_percent(half_width)}" if half_width else "no sampling error"


def _sizes(shown: dict[str, Any]) -> list[str]:
    """The sizes that a margin needs, task by task, in words."""
    if shown["question"] is None:
        return []
    asked = shown["question"]
    question = (
        f"To find a difference of {_percent(asked['margin'])} with a power of "
        f"{_percent(asked['power'])} (two-sided, {_percent(asked['level'])}), in samples a model. "
        f"Paired: the same items, {_percent(asked['discordant'])} of them with another outcome; "
        f"unpaired: other items, about {_percent(asked['rate'])}."
    )
    lines = [question]
    for task in shown["tasks"]:
        found = task["sizes"]
        parts = [
            f"{kind} {found[kind]:,} ({_ENOUGH[found[kind + '_enough']]})"
            for kind in ("paired", "unpaired")
        ]
        if found["design_effect"] is not None:
            parts.append(f"{found['design_effect']:.2f} times as many for its clusters")
        elif found["clusters"] is not None:
            parts.append(
                f"more for its {found['clusters']:,} clusters: --icc 0.3, say, tells how many"
            )
        lines.append(f"  {task['task']:<30} {task['samples']:>6,} planned: {', '.join(parts)}")
        lines.append(f"  {'':<30} {_gates(task)}")
    return lines


def _gates(task: dict[str, Any]) -> str:
    """Which counts of the planned samples demonstrate the rates that gates ask for."""
    parts = []
    for gate in task["sizes"]["gates"]:
        more, less = ("more", "more") if gate["side"] == "at least" else ("fewer", "less")
        rate = f"{_percent(gate['rate'])} or {less}"
        if gate["count"] is None:
            parts.append(f"too few to demonstrate {rate}")
        else:
            parts.append(f"{gate['count']:,} or {more} demonstrate {rate}")
    what = " independent ones" if task["sizes"]["clusters"] is not None else ""
    return f"of {task['samples']:,}{what}, one-sided exact {_percent(0.95)}: {'; '.join(parts)}"


def _means(shown: dict[str, Any]) -> list[str]:
    """What it takes, in words: tokens, cost, whom else is asked, the budgets."""
    sent = f"about {shown['input_tokens_estimated']:,} tokens to send, at 4 characters a token"
    if shown["recorded"] is not None:
        sent = "nothing is sent to the target: its outputs are read from the recording"
    lines = [sent]
    cost = shown["cost_at_most"]
    if cost is not None:
        lines.append(
            f"the target costs at most {cost['amount']:,.2f} {cost['currency']} "
            f"(prices of {cost['prices']})"
        )
    asked = [f"up to {count} to the {role}" for role, count in shown["further_requests"].items()]
    if asked:
        lines.append(f"further requests for scoring: {', '.join(asked)}; their tokens come on top")
    filters = shown["filter_requests"]
    if filters:
        asked = [f"up to {count} to {model}" for model, count in filters.items()]
        lines.append(
            f"further requests of the target's filters: {', '.join(asked)}; max_requests counts "
            "them, max_tokens and max_cost do not"
        )
    budgets = [f"{name} {value:,g}" for name, value in shown["budgets"].items()]
    if budgets:
        lines.append(f"budgets: {', '.join(budgets)}")
    allowed = shown["budgets"].get("max_requests")
    wanted = shown["requests"] + sum(filters.values())
    if allowed is not None and allowed < wanted:
        lines.append(
            f"max_requests does not cover the {wanted} requests: the run will stop "
            "there, and resume with a higher one"
        )
    return lines


def describe(prepared: Prepared, question: Question | None = None) -> dict[str, Any]:
    """The plan as plain data: counts, methods, and the widest interval to expect.

    Args:
        question: adds the sizes that it needs to each task.
    """
    from evalharness.engine.budget import tokens_of
    from evalharness.engine.recorded import recorded_of
    from evalharness.scorecard.sizes import sizes_of

    config = prepared.loaded.config
    tasks = [_describe_task(prepared, task) for task in prepared.plan.tasks]
    if question is not None:
        for task in tasks:
            task["sizes"] = sizes_of(question, prepared.plan.samples[task["task"]])
    totals = ("requests", "prompt_characters", "new_tokens_at_most")
    sent = tokens_of(sum(task["prompt_characters"] for task in tasks))
    made = sum(task["new_tokens_at_most"] for task in tasks)
    further: Counter[str] = Counter()
    for task in tasks:
        further.update(task["further_requests"])
    recorded = recorded_of(prepared.plan, prepared.adapters["target"], config.seed)
    limits = ("max_requests", "max_tokens", "max_cost", "max_minutes")
    return {
        "run_id": prepared.plan.run_id,
        "target": prepared.plan.identities["target"]["model"],
        "samples": sum(task["samples"] * task["epochs"] for task in tasks),
        **{name: sum(task[name] for task in tasks) for name in totals},
        "input_tokens_estimated": sent,
        "cost_at_most": _cost(prepared, sent, made),
        "further_requests": dict(further),
        "filter_requests": _filters(prepared, sum(task["requests"] for task in tasks)),
        "budgets": {name: value for name in limits if (value := getattr(config, name)) is not None},
        "recorded": None if recorded is None else asdict(recorded),
        "question": None if question is None else asdict(question),
        "tasks": tasks,
        "undecided": list(prepared.undecided),
        "left_out": {name: f"left out: {why}" for name, why in prepared.plan.left_out.items()},
    }


def _filters(prepared: Prepared, requests: int) -> dict[str, int]:
    """Model -> how often the filters around the target may ask it."""
    names = Counter(getattr(prepared.adapters["target"], "filter_models", ()))
    return {model: times * requests for model, times in names.items()}


def _cost(prepared: Prepared, sent: int, made: int) -> dict[str, Any] | None:
    """What the target costs at most; None without its price."""
    from evalharness.engine.budget import Used, cost_of

    prices = prepared.loaded.config.prices
    model = prepared.plan.identities["target"]["model"]
    if prices is None or model not in prices.models:
        return None
    amount = cost_of(prices, model, Used(input_tokens=sent, output_tokens=made))
    return {"amount": amount, "currency": prices.currency, "prices": prices.version}


def _describe_task(prepared: Prepared, task: PlannedTask) -> dict[str, Any]:
    from evalharness import stats
    from evalharness.scorecard import estimand

    weighed = task.method == "loglikelihood"
    samples = prepared.plan.samples[task.name]
    requests = samples.continuations if weighed else samples.count * task.generations
    characters = samples.weighed if weighed else samples.characters * task.generations
    asks = 0 if task.not_run else task.epochs
    # the widest that a share of independent samples can get: half of them
    config = prepared.loaded.config
    widest = stats.wilson(task.n_planned / 2, task.n_planned, config.level)
    factor = 1.0
    if config.estimand == "fixed_set" and task.greedy:
        factor = estimand.scale(task.drawn, 0.0)
    return {
        "task": task.name,
        "dimension": task.dimension,
        "protocol_id": task.protocol_id,
        "samples": task.n_planned,
        "available": task.n_available,
        "epochs": task.epochs,
        "method": task.method,
        "requests": requests * asks,
        "prompt_characters": characters * asks,
        "new_tokens_at_most": 0 if weighed else requests * asks * task.decoding.max_tokens,
        "further_requests": {
            role: task.n_planned * task.generations * asks for role in task.roles if asks
        },
        "half_width": factor * (widest.high - widest.low) / 2,
        "not_run": task.not_run,
    }
