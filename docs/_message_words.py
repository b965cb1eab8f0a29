"""What docs/_messages.py cannot read from the code: which modules to read, and words of data."""

from __future__ import annotations

from evalharness.records import OutcomeKind
from evalharness.scorecard.model import DIMENSIONS

__all__ = ["COMPOSED", "COMPOSING", "SILENT", "UNSHOWN", "WORDS"]

#: Modules whose literals reach a scorecard, run.json or samples.parquet, and so a report.
COMPOSING = (
    "scorecard", "stats", "comparison", "scorers", "policies.py", "pipeline.py",
    "corpus/audit.py", "corpus/measure.py", "engine/budget.py",
    "engine/circuit.py", "engine/dialogue.py", "engine/lanes.py",
    "engine/plan.py", "engine/scoring.py", "adapters/demo.py", "adapters/reference.py",
)  # fmt: skip

#: Of these modules, the ones that only check, store or ask.
SILENT = (
    "scorecard/coverage.py", "scorecard/labels.py", "scorecard/people.py",
    "scorecard/references.py", "scorers/fact_list.py", "scorers/judge_prompt.py",
    "scorers/reading.py", "scorers/recognisers.py", "scorers/refusal.py", "scorers/registry.py",
    "scorers/rubric.py", "scorers/opinions.py",
)  # fmt: skip

#: Literals of those modules that no report shows.
UNSHOWN = frozenset(
    {
        "{FEW}clusters (", "{FEW}units (", "{FEW}{what} ({m})",
        "{NOT_SHOWN} for {m} {what}, fewer than {least}",
        "{NOT_SHOWN} for {events} effective events, fewer than {SHOWN_EVENTS}",
        "npt.ArrayLike | None", "the target value", "Very Good", "I agree",
        "I disagree", "to be read with",
        "{name}: {value}", "task {name}: scorer", "task {task}: metrics",
        "task {task}: metric '{key}'", "labels: {name}", "{counted}, {n_missing} missing",
        "estimate {value}{b}", "NOT within the limit", "this run's own answers{how}",
        "demonstrated at least {low}, at most {high} (each end alone: one-sided {c} %, {method})",
        "sign-flip permutation{over}", "I'm sorry, but I can't help with that.",
        'The verdict must be "{label}".', "qzx vrrk 7#! blorp mxyz ~~ ttk", "on clusters",
        "by its {by}; {worse} to {better} at the ends of what is demonstrated", "over clusters",
        "{key}: {demand}: {c} ({rule})", "{n_measured} of {n_planned} {counted} measured",
        "before the first call", "after the run", "of clusters", "of the same items",
        "k = {k} attempts a goal", "where {tag} is {value}", "task {task}: scorer",
        "(and {a} more reasons)", "simultaneous over {a} pairs",
        "a simple random draw of {n_drawn} (seed {seed})", "within {within} of {of}",
        "graded {grade}", "1 sample", "{a} samples",
        (
            "policy {label} has grades and no criteria: figures are graded, and the gate has "
            "nothing to decide; add 'criteria' before the run where it is to"
        ),
    }
)  # fmt: skip

#: Words of data: what a report shows of a scorecard's keys, and of the values with a fixed list.
WORDS = (
    *(kind.value.replace("_", " ") for kind in OutcomeKind),
    *(name.replace("_", " ") for name in DIMENSIONS),
    # roles, parts of a protocol, methods
    "target", "judge", "classifier", "attacker", "reference",
    "columns",
    "items", "prompt", "method", "decoding", "generations", "scorer", "metrics", "epochs",
    "generate", "choose", "loglikelihood", "classify", "file", "mirror", "hub", "web", "supplied",
    # an audit of a corpus: its routes, and what a gate does
    "manual", "automatic", "holds", "fails",
    # a model's identity
    "provider", "model", "revision", "digest", "dtype", "backend", "chat template",
    "system prompt", "extra", "endpoint", "filters", "adapter", "none", "tokenizer",
    # values of tags in the suites that come along
    "t", "BCa", "bootstrap", "letter",
    "neutral", "provoking", "negative", "non negative", "positive", "english", "chinese",
    "similarity", "paired", "typo", "spacing", "case", "punctuation", "synonym", "paraphrase",
    "ethnicity", "profession", "adjective", "repeat", "order", "male", "female", "expected",
    # a score by what it says (reports/page.py)
    "disclosed",
    # units and what is counted
    "proportion", "percentage points", "bits", "bias score", "samples", "pairs", "prompts",
    "generations", "groups", "clusters", "units", "items", "goals", "texts", "answers",
    "contexts", "facts", "words", "requests", "countries", "shards", "records", "mentions",
    # methods of intervals by name
    "keywords", "classifier", "left out", "lang-reiczigel", "lang-reiczigel, of the same items",
    "Rogan-Gladen", "prediction-powered",
    "wilson", "clopper-pearson", "korn-graubard", "agresti-min", "newcombe", "bca", "percentile",
    "sensitivity", "specificity", "kappa", "simple", "one-sided", "guard-band", "grade",
    # comparison
    "better", "worse", "no difference shown", "not tested", "positive", "negative",
    # an engagement
    "model developer", "application deployer", "host", "data provider", "other",
    "within the whole", "on its own", "first party", "second party", "third party",
    "as provided", "prompts", "responses",
    "Test report: safety evaluation of a language model",
    "not pinned",
)  # fmt: skip

#: Texts that the modules compose of several literals, as they come out.
COMPOSED = (
    "graded {grade} by its value", "graded {grade} by its bound",
    "{method}, simultaneous over {n} pairs",
    "k = {k} attempts a goal", "k = {least} to {most} attempts a goal",
    "{reason} (and {n} more reasons)",
    "target: 1 sample recorded, but not planned: {shown}",
    "target: {n} samples recorded, but not planned: {shown}",
    "session {n}: {text}",
    # what a recording lacks (adapters/replay)
    "target: 1 sample not run, or not in full: no recorded output",
    "target: {n} samples not run, or not in full: no recorded output",
    "no recorded output for this {kind} request (digest {digest}...)",
    "no recorded output for a request without a place in a run",
    "no recorded output for {name} (generate, epoch {epoch}, generation {n})",
    "no recorded output for {name} (loglikelihood, epoch {epoch}, choice {n})",
    "no recorded output for {name} ({kind}, epoch {epoch}, text {n})",
    "the record has {n} log-likelihoods", "the record has {n} scores",
    "at least {low} where {tag} is {value}", "at most {high} where {tag} is {value}",
    "within {distance} of {target} where {tag} is {value}",
    "graded {grade} or better where {tag} is {value}", "{method} on clusters",
    "few {what} ({m})",
    "coverage not shown for {m} {what}, fewer than {n}",
    "coverage not shown for {m} effective events, fewer than {n}",
    # scorers' cards
    ("{part} ({language}, n {n}; {data}), sensitivity {sensitivity}, "
     "specificity {specificity}, kappa {kappa}"),
    "XSTest, completions of {model}", "development", "declines", "is_refusal",
    "a demonstration trained on invented sentences",
    "graded {grade} or better", "within {distance} of {target}",
    "at least {low} and at most {high}",
    "paired {method}", "paired bootstrap over clusters",
    "sign-flip permutation over clusters", "sign-flip permutation",
    "{method}, of the same items", "{method}, clipped to range", "{method}, cluster-robust",
    "this run's own answers, a simple random draw of {n} (seed {seed})",
    "this run's own answers",
    "{value} measured, below the floor of {floor}",
)  # fmt: skip
