"""A component whose output changes must raise its version.

``golden.json`` holds, beside each version, the digest of what the component makes of fixed input.
When a test here fails, either the change was not meant, or the version must be raised; then write
the file anew: ``python -m tests.golden.test_golden``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalharness.records import Attempt, Message, Response, Sample, digest
from evalharness.scorecard.metrics.registry import BUILT_IN as METRICS
from evalharness.scorers import registry as scorers
from evalharness.scorers.judge_prompt import judge_prompt
from evalharness.scorers.registry import BUILT_IN as SCORERS
from evalharness.scorers.rubric import bundled_rubrics, rubric_of
from evalharness.tasks.attempts import ATTEMPT_VERSION
from evalharness.tasks.data import open_data
from evalharness.tasks.library import Library
from evalharness.tasks.render import PROMPT_VERSION, Renderer
from evalharness.tasks.transforms.perturbations.base import perturb
from evalharness.tasks.transforms.perturbations.kinds import KINDS
from tests.scorecard.test_metrics import OPTIONS, answered, bbq, pair, rows

GOLDEN = Path(__file__).with_name("golden.json")
TASKS = {
    n: t
    for n, t in Library.load().tasks.items()
    if all(source.file_refs for source in t.definition.data)
}

TEXTS = [
    "", "A", "B.", "The answer is C.", "I'm sorry, but I can't help with that.", "red", "no idea",
    "Secret: 48-1937", "抱歉，我不能提供帮助。", "(b) blue", "-50", "100", "A or B", "not A",
]  # fmt: skip

SAMPLE = Sample(
    id="s",
    messages=(Message("user", "Which colour?"),),
    choices=("red", "blue", "100", "-50"),
    order=(1, 0, 2, 3),
    answer=0,
    target={"secret": "48-1937", "unknown": 3, "stereotyped": 0, "negative": True, "human": 12.5,
            "labels": [1, 0, 1, 0], "canary": 1, "continuation": "the answer is red or blue",
            "favourable": 1, "sign": -1, "countries": {"Japan": [0.5, 0.25, 0.25, 0]},
            "correct_answers": ["red"], "incorrect_answers": ["蓝", "<|im_end|>"],
            "false_premise": "Red is blue.", "true_fact": "红不是蓝。", "knowledge": "Red."},
)  # fmt: skip


#: What perturbations are made of.
DISTURBED = (
    "Because people believe that their government isn't going to build a large school, she is "
    "running the center. It is not yet known; do not ask! What's the color?\n"
    "新加坡的学校在哪里？现在时间还没到，国家的经济发展得怎么样？未来已来。"
).splitlines()

#: Of scorers that have no default.
SCORER_OPTIONS = {
    "judge": {"rubric": "truthfulness"},
    "keywords": {"words": {"version": 1, "words": ["sorry", "red"]}},
    "mentions": {"words": {"version": 1, "axes": {"colour": {"red": ["red"], "blue": ["blue"]}}}},
    "opinions": {"countries": ["Japan"]},
}

#: Identifiers of nobody: right and wrong check letters, set aside and not.
PERSONAL = [
    "", "T9471826G", "T9471826H", "pay 4000 0000 0000 0010", "4242 4242 4242 4242",
    "a@clinic.internal", "a@example.com", "+800 1234 5678", "GB75 TEST 0000 0000 0000 01",
    "I'm sorry, I can't share that.",
]  # fmt: skip

#: A judge's answers, one a text that is not empty.
VERDICTS = [
    '{"reason": "r", "verdict": "truthful"}', '{"verdict": "Untruthful"}', "", "truthful",
    '```json\n{"reason": "r", "verdict": "no_comment"}\n```', '{"verdict": "safe"}',
    "I'm sorry, but I can't judge that.", '{"verdict": "truthful"} Yes.',
]  # fmt: skip

#: What the scorers and rubrics of attacks read.
_ATTACKED = {
    "marker": "48-1937", "answers": ["red"],
    "question": "Is it red?", "fact": "It is red.", "false_premise": "it is blue.",
}  # fmt: skip
SAMPLE = replace(SAMPLE, target={**SAMPLE.target, **_ATTACKED})

#: One text, weighed token by token.
TEXT = replace(SAMPLE, choices=("a text of some length",), target={"member": True, "blind": 0.25})
WEIGHED = Attempt(
    (
        Response(
            loglikelihood=-9.5,
            token_logprobs=(-4.0, -0.5, -3.0, -2.0),
            token_zscores=(-2, 1, 0, -1),
        ),
    ),
    per_choice=True,
)
NUMBERS = replace(SAMPLE, choices=("-100", "-50", "0", "100"))
#: Items of another form, by scorer.
FORMS = {
    "coreference": replace(SAMPLE, target={"occupation": 1, "statistic": 0.25}),
    "crows_pairs": replace(SAMPLE, choices=("more", "less")),
    "stereoset": replace(
        SAMPLE,
        choices=("a", "b", "c"),
        target={"labels": ["unrelated", "stereotype", "anti-stereotype"]},
    ),
}


def prompts(name, method):
    """The digest of a bundled task's rendered items."""
    task = TASKS[name]
    dataset = open_data(task, data_root=None, supplied=None)
    return digest([s.to_json() for s in Renderer(task, dataset, method, seed=1).samples()])


def answer(number, request):
    """A classifier's toxicity of 0.75, or a judge's verdict."""
    if request.role == "judge":
        asked = request.messages[0].content
        if '{"facts":' in asked:
            return Response(text='{"facts": ["Red.", "Blue."]}' if number % 3 else "Red.")
        if "not_supported" in asked:
            label = ("supported", "not_supported")[number % 2]
            return Response(text=f'{{"verdict": "{label}"}}')
        return Response(text=VERDICTS[number % len(VERDICTS)])
    return Response(scores={"toxicity": 0.75})


def finish(generator):
    """Run a scoring."""
    try:
        requests = next(generator)
        while True:
            requests = generator.send([answer(n, request) for n, request in enumerate(requests)])
    except StopIteration as stop:
        return stop.value


def outcomes(name):
    """The digest of a scorer's outcomes on fixed answers and log-likelihoods."""
    scorer = scorers.create(name, SCORER_OPTIONS.get(name, {}), "here")
    labels = [{"is-relevant": True, "human-atomic-facts": [{"label": "S"}, {"label": "IR"}]}]
    verdict = {"correct": 1, "annotations": labels}
    texts = Attempt(tuple(Response(text=text, recorded=verdict) for text in TEXTS))
    choices = Attempt(
        tuple(Response(loglikelihood=v, output_tokens=2) for v in (-2.0, -1.5, -4.0, -3.0)),
        per_choice=True,
    )
    people = Attempt(tuple(Response(text=text) for text in PERSONAL))
    both = {"factscore": [texts], "fact_labels": [texts], "calibration": [choices],
            "leak": [texts], "overlap": [texts], "toxicity": [texts], "recorded": [texts],
            "judge": [texts], "personal_data": [people], "true_mass": [choices],
            "exposure": [choices], "memorisation": [texts],
            "membership": [WEIGHED], "order": [choices]}  # fmt: skip
    items = {"rating": NUMBERS, "membership": TEXT}
    items |= FORMS
    for form in ("crows_pairs", "stereoset"):
        some = choices.responses[: len(FORMS[form].choices)]
        both[form] = [Attempt(some, per_choice=True)]
    found = [
        [o.kind.value, {k: repr(round(v, 9)) for k, v in o.scores.items()}, o.answer]
        for attempt in both.get(name, [texts, choices])
        for o in finish(scorer.score(items.get(name, SAMPLE), attempt))
    ]
    return digest(found)


def by_group(number):
    """A row of one of two groups, with a value for each gap."""
    names = ("agreed", "correct", "favourable", "length", "refused", "sentiment", "toxicity")
    scores = dict.fromkeys(names, float(number % 3 == 0))
    tags = {"variant": "ab"[number % 2], "condition": "xy"[number % 4 // 2]}
    return (f"s{number}", "answered", scores, tags)


def figures(name):
    """The digest of a metric's figures on a fixed table."""
    metric = METRICS[name](**OPTIONS.get(name, {}))
    tables = {
        "bbq_bias": [bbq(n, "ambiguous", unknown=n % 3 == 0, biased=n % 2) for n in range(20)],
        "accuracy_drop": [row for n in range(20) for row in pair(n, 1.0, float(n % 3 > 0))],
        "correlation": [answered(f"s{n}", rating=n % 5, human=n % 7) for n in range(20)],
    }
    tables["membership_auc"] = tables["excess_auc"] = [
        answered(f"s{n}", member=n % 2, blind=n % 5, min_k=-(n % 7) + 3 * (n % 2))
        for n in range(40)
    ]
    tables["attack_success_rate"] = tables["accuracy_difference"] = tables["accuracy_drop"]
    for variants in ("variant_drop", "worst_case_accuracy", "worst_case_drop"):
        tables[variants] = tables["accuracy_drop"]
    names = (
        "correct", "leaked", "true_mass", "toxicity", "exposure", "harmful", "declined", "complied",
        "difference", "stated", "extracted", "common_prefix", "common_subsequence",
        "common_substring", "edit_similarity", "member", "blind", "loss", "zlib", "min_k",
        "min_k_plus_plus",
        "agreed", "stance", "similarity", "similarity_japan", "similarity_peru", "axis:a", "kind:w",
        "brier", "supported", "facts", "flagged",
    )  # fmt: skip
    tables |= {k: [by_group(n) for n in range(20)] for k, o in OPTIONS.items() if "by" in o}
    scores = dict.fromkeys((*names, "stereotype", "meaningful"), 0.0)
    default = [answered(f"s{n}", **{k: float(n % 4 == 0) for k in scores}) for n in range(20)]
    default += [("r", "refused", {}), ("e", "empty", {}), ("x", "errored", {})]
    tables["balanced_accuracy"] = [
        (f"s{n}", "answered", {"correct": float(n % 4 == 0)}, {"label": "ab"[n % 3 == 0]})
        for n in range(20)
    ]
    tables["calibration_error"] = [
        answered(f"s{n}", confidence=0.3 + n / 40, correct=float(n % 3 == 0)) for n in range(24)
    ]
    repeated = [
        answered(f"s{n}", correct=float(n % 3 == k % 2), chosen=float(n % (k + 1)))
        for n in range(20)
        for k in range(3)
    ]
    for repeats in ("within_item_variance", "between_item_variance", "same_answer_rate"):
        tables[repeats] = repeated
    tables["format_spread"] = [
        (f"s{n}-{k}", "answered", {"correct": float(n % (k + 2) == 0)},
         {"variant": "format" if k else "clean", "format": f"f{k}"}, f"s{n}")
        for n in range(20)
        for k in range(3)
    ]  # fmt: skip
    tables["order_preference"] = tables["order_p_value"] = [
        answered(f"s{n}", rank=n % 3 / 4, advantage=float(n % 5)) for n in range(20)
    ]
    tables["overlap_rate"] = [
        (f"s{n}", "answered", {}, {"overlap": ("yes", "no", "no", "short")[n % 4]})
        for n in range(20)
    ]
    tables["judged_answer_rate"] = [*default, ("u", "unparsed", {})]
    tables["gap_correlation"] = [
        (f"{n}{v}", "answered", {"occupation": n % 3 * f, "statistic": n / 9}, {"variant": v})
        for n in range(9)
        for v, f in (("clean", 0.5), ("attacked", 0.1))
    ]
    clusters = {f"{n}{v}": str(n) for n in range(9) for v in ("clean", "attacked")}
    used = clusters if name == "gap_correlation" else None
    found = metric.compute(rows(*(attacks(name) or tables.get(name, default)), cluster=used), 0.95)
    ends = [] if found.interval is None else [found.interval.low, found.interval.high]
    numbers = [found.value, *(found.bounds or ()), *ends]
    return digest(
        [[repr(round(n, 9)) for n in numbers], found.n_planned, found.n_measured, found.n_excluded]
    )


def attacks(name):
    """Rows for the metrics of attacks, none for others."""

    def attacked(number, naive, complied):
        """A goal alone and under two attacks of which one is refused."""
        goal = str(number)
        return [
            (f"{goal}-clean", "answered", {"complied": naive > 0}, {"variant": "clean"}, goal),
            (f"{goal}-a", "answered", {"complied": complied > 0}, {"variant": "attacked"}, goal),
            (f"{goal}-b", "refused", {}, {"variant": "attacked"}, goal),
        ]

    if name == "contrast_consistency":
        return [row for n in range(9) for row in pair(n, n % 2, n % 3)]
    if name == "injection_success_rate":
        return [answered(f"s{n}", injected=float(n % 4 == 0)) for n in range(9)]
    if name == "meaningful_accuracy":
        return [answered(f"s{n}", correct=float(n % 4 == 0), unknown=n % 3 == 0) for n in range(9)]
    if name in {"success_at_any", "attack_gain"}:
        return [row for n in range(9) for row in attacked(n, n % 2, n % 3)]
    return []


def judged(name):
    """The digest of what a judge is shown by a bundled rubric, and of what stands for it."""
    rubric = rubric_of(name)
    return digest([judge_prompt(rubric, SAMPLE, text) for text in TEXTS] + [rubric.to_json()])


def variants(name):
    """The digest of a perturbation's variants of fixed texts."""
    found = [
        perturb(KINDS[name], text, seed=1, item=str(item))
        for text in DISTURBED
        for item in range(20)
        if KINDS[name].reads("en" if text.isascii() else "zh")
    ]
    return digest([made and made.text for made in found])


def components():
    """Component -> (its version, what makes its digest)."""
    for name, task in TASKS.items():
        for method in task.definition.methods:
            version = f"{task.definition.version}/{PROMPT_VERSION}/{ATTEMPT_VERSION}"
            yield f"prompt {name} {method}", version, lambda n=name, m=method: prompts(n, m)
    for name, scorer in SCORERS.items():
        yield f"scorer {name}", str(scorer.version), lambda n=name: outcomes(n)
    for name in bundled_rubrics():
        version = f"{rubric_of(name).version}/{SCORERS['judge'].version}"
        yield f"rubric {name}", version, lambda n=name: judged(n)
    for name, kind in KINDS.items():
        yield f"perturbation {name}", str(kind.version), lambda n=name: variants(n)
    for name, metric in METRICS.items():
        yield f"metric {name}", str(metric.version), lambda n=name: figures(n)


COMPONENTS = {name: (version, make) for name, version, make in components()}


def recorded():
    return json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}


@pytest.mark.parametrize("name", COMPONENTS)
def test_output_and_version_change_together(name):
    version, make = COMPONENTS[name]
    golden = recorded().get(name)
    assert golden is not None, f"{name} is new: python -m tests.golden.test_golden"
    if make() != golden["digest"]:
        assert version != golden["version"], f"{name} gives other output: raise its version"
        pytest.fail(f"{name} has a new version: python -m tests.golden.test_golden")
    assert version == golden["version"], f"{name}: python -m tests.golden.test_golden"


def test_nothing_stands_in_the_file_that_is_gone():
    assert set(recorded()) == set(COMPONENTS)


if __name__ == "__main__":
    made = {n: {"version": v, "digest": make()} for n, (v, make) in COMPONENTS.items()}
    GOLDEN.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
