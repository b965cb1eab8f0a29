"""Makes the scorers' validity cards from human-labelled data.

    python benchmarks/validity.py                       # write evalharness/scorers/cards
    python benchmarks/validity.py --check               # compare with what stands there
    python benchmarks/validity.py --classifier my.yaml  # print a card of your own classifier

Labelled data is looked for below EVALHARNESS_DATA. A classifier's file holds what a configuration
has under ``classifier``, for instance ``{adapter: detoxify, checkpoint: unbiased}``;
``--attribute`` names its class (default toxicity) and ``--threshold`` from which score a text is
positive.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import gzip
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evalharness.adapters import registry as adapters
from evalharness.adapters.base import Adapter
from evalharness.records import Failure, Message, Request
from evalharness.scorers.compliance import Compliance
from evalharness.scorers.judge import Judge
from evalharness.scorers.refusal import declines, is_refusal
from evalharness.scorers.safety import Safety
from evalharness.scorers.toxicity import Toxicity
from evalharness.scorers.validity import FOLDER, Card
from evalharness.stats.agreement import Agreement

#: Its texts were read while the refusal detector's phrases were written; of the others none was.
DEVELOPMENT = "mistralinstruct"
_HATECHECK = "hatecheck/test_suite_cases.csv.gz"
_SINGAPORE = {"ss": "en", "ms": "ms", "ta": "ta", "zh": "zh"}


@dataclass(frozen=True)
class Text:
    """A labelled text; ``kind`` is a functionality, where the data has them."""

    text: str
    positive: bool
    kind: str = ""


def table(texts: Sequence[Text], found: Sequence[bool]) -> Agreement:
    """The two-by-two table of labels and findings."""
    pairs = [(text.positive, hit) for text, hit in zip(texts, found, strict=True)]
    return Agreement(*(pairs.count(pair) for pair in _CELLS))


_CELLS = ((True, True), (True, False), (False, True), (False, False))


def measured(texts: Sequence[Text], found: Sequence[bool], **about: Any) -> dict[str, Any]:
    """One entry of a card."""
    cells = table(texts, found)
    kinds: dict[str, list[int]] = {}
    for text, hit in zip(texts, found, strict=True):
        if text.kind:
            right = kinds.setdefault(text.kind, [0, 0])
            right[0] += text.positive == hit
            right[1] += 1
    entry: dict[str, Any] = {
        **about,
        "n": cells.n,
        "hits": cells.hits,
        "misses": cells.misses,
        "false_alarms": cells.false_alarms,
        "rejections": cells.rejections,
    }
    for name in ("agreement", "sensitivity", "specificity", "kappa"):
        figure = getattr(cells, name)()
        entry[name] = figure and {
            "value": round(float(figure[0]), 4),
            "low": round(float(figure[1].low), 4),
            "high": round(float(figure[1].high), 4),
        }
    if kinds:
        entry["by"] = {kind: list(right) for kind, right in sorted(kinds.items())}
    return entry


def compliance_card(root: Path) -> dict[str, Any]:
    """Refusals against XSTest's labels: refused in whole or in part, against compliance."""
    entries = []
    paths = sorted((root / "published" / "xstest").glob("xstest_v2_completions_*.csv.gz"))
    for path in paths:
        model = path.name.removeprefix("xstest_v2_completions_").removesuffix(".csv.gz")
        texts = [
            Text(row["completion"], row["final_label"] != "1_full_compliance") for row in _csv(path)
        ]
        detectors: Mapping[str, Callable[[str], bool]] = {
            "declines": declines, "is_refusal": is_refusal
        }  # fmt: skip
        for name, detector in detectors.items():
            entries.append(
                measured(
                    texts,
                    [detector(text.text) for text in texts],
                    data=f"XSTest, completions of {model} (Röttger et al. 2024, 2308.01263)",
                    sha256=_sha256(path),
                    part="development" if model == DEVELOPMENT else "held out",
                    language="en",
                    detector=name,
                )
            )
    return {
        "scorer": "compliance",
        "version": Compliance.version,
        "positive": "the answer declines, in whole or in part",
        "detector": "declines",
        "scores": {"declined": "positive", "complied": "negative"},
        "labels": "two annotators; the final label",
        "measured": entries,
        "not_measured": [
            "Chinese: no answers with people's labels are here",
            "declines is what this scorer asks; is_refusal (no denied premises) what others ask",
        ],
    }


def toxicity_card(root: Path, classifier: Adapter, name: str, **how: Any) -> dict[str, Any]:
    """A classifier against HateCheck's and SGHateCheck's labels."""
    entries = []
    reads = classifier.capabilities.languages
    unread = []
    for path, language, title, texts in _hate(root):
        if reads is not None and language not in reads:
            unread.append(f"{title} ({language}): a language that the classifier does not read")
            continue
        scores = classify(classifier, [text.text for text in texts], **how)
        entries.append(
            measured(
                texts,
                [score >= how.get("threshold", 0.5) for score in scores],
                data=title,
                sha256=_sha256(path),
                part="held out",
                language=language,
                detector=name,
            )
        )
    return {
        "scorer": "toxicity",
        "version": Toxicity.version,
        "positive": "the text is hateful",
        "labels": "the cases' gold labels, given by their authors and checked by annotators",
        "measured": entries,
        "not_measured": [
            *unread,
            "hateful is narrower than toxic: neutral profanity counts as negative here",
        ],
    }


def classify(
    classifier: Adapter, texts: Sequence[str], attribute: str = "toxicity", **_: Any
) -> list[float]:
    """The classifier's score of each text; a classifier of conversations sees it as a request."""
    converses = classifier.identity.extra.get("reads") == "conversation"
    requests = [
        Request("classify", role="classifier", messages=(Message("user", text),))
        if converses
        else Request("classify", role="classifier", text=text)
        for text in texts
    ]
    size = max(1, classifier.capabilities.batch_size)

    async def ask() -> list[Any]:
        answers: list[Any] = []
        for at in range(0, len(requests), size):
            answers += await classifier.respond(requests[at : at + size])
        return answers

    scores = []
    for answer in asyncio.run(ask()):
        if isinstance(answer, Failure):
            raise SystemExit(f"the classifier failed: {answer.reason}")
        score = (answer.scores or {}).get(attribute)
        if score is None:
            given = ", ".join(answer.scores or {})
            raise SystemExit(f"the classifier gives no '{attribute}'; it gives: {given}")
        scores.append(float(score))
    return scores


def unmeasured(scorer: str, version: int, positive: str, reason: str) -> dict[str, Any]:
    """A card that says that nothing is known here."""
    return {
        "scorer": scorer, "version": version, "positive": positive, "labels": "none",
        "measured": [], "not_measured": [reason],
    }  # fmt: skip


def all_cards(root: Path) -> dict[str, dict[str, Any]]:
    """Every bundled card, by file."""
    demo = adapters.create("demo_toxicity", base_dir=Path(), where="classifier")
    own = "with a classifier of your own: python benchmarks/validity.py --classifier FILE"
    return {
        "compliance": compliance_card(root),
        "toxicity": toxicity_card(
            root, demo, "evalharness-demo-toxicity, a demonstration trained on invented sentences"
        ),
        "safety": unmeasured(
            "safety", Safety.version, "the answer is harmful",
            f"no safety classifier's weights are here; {own}",
        ),
        "judge": unmeasured(
            "judge", Judge.version, "by rubric",
            "its errors are those of the model that judges; measure yours on labelled answers",
        ),
    }  # fmt: skip


def _hate(root: Path) -> Iterable[tuple[Path, str, str, list[Text]]]:
    path = root / _HATECHECK
    yield (
        path,
        "en",
        "HateCheck (Röttger et al. 2021, 2012.15606)",
        [
            Text(row["test_case"], row["label_gold"] == "hateful", row["functionality"])
            for row in _csv(path)
        ],
    )
    for code, language in _SINGAPORE.items():
        path = root / "moonshot" / "toxicity" / f"sghatecheck-{code}.json.gz"
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = json.load(file)["examples"]
        unique = {_statement(row["input"]): row["target"] == "hateful" for row in rows}
        name = "Singlish" if code == "ss" else f"file {code}"
        yield (
            path,
            language,
            f"SGHateCheck, {name} (Ng et al. 2024, 2405.01842)",
            [Text(text, positive) for text, positive in unique.items()],
        )


def _statement(prompt: str) -> str:
    """The text itself, without the instruction to classify it."""
    return prompt.partition("'hateful' or 'non-hateful'. ")[2]


def _csv(path: Path) -> Iterable[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def dumped(card: Mapping[str, Any]) -> str:
    """A card as its file."""
    return yaml.safe_dump(dict(card), sort_keys=False, allow_unicode=True, width=100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make, check or print cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("EVALHARNESS_DATA"))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--classifier", help="a YAML file: what stands under 'classifier'")
    parser.add_argument("--attribute", default="toxicity")
    parser.add_argument("--threshold", type=float, default=0.5)
    chosen = parser.parse_args(arguments)
    if chosen.data is None:
        parser.error("set EVALHARNESS_DATA, or name the data's folder with --data")
    root = Path(chosen.data)
    if chosen.classifier:
        file = Path(chosen.classifier)
        model = adapters.create(
            yaml.safe_load(file.read_text(encoding="utf-8")),
            base_dir=file.parent, where="classifier",
        )  # fmt: skip
        card = toxicity_card(
            root, model, model.identity.model,
            attribute=chosen.attribute, threshold=chosen.threshold,
        )  # fmt: skip
        print(dumped(card), end="")
        return 0
    stale = []
    for name, made in all_cards(root).items():
        Card.model_validate(made)
        path = FOLDER / f"{name}.yaml"
        if path.exists() and path.read_text(encoding="utf-8") == dumped(made):
            continue
        stale.append(name)
        if not chosen.check:
            path.write_text(dumped(made), encoding="utf-8")
    print("\n".join(f"{name}: {'differs' if chosen.check else 'written'}" for name in stale))
    return 1 if chosen.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
