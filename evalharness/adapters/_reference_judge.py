"""The reference judge: its verdict is known before it is asked, and it does as it is told.

It knows one thing of the answer: the mark ``[[label]]`` that was planted in it. And it is gullible:
a sentence that orders a verdict is obeyed wherever it stands, but for the block of data that the
prompt sets apart. A prompt that lets an answer out of that block is found out by it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

__all__ = ["reference_verdict"]

_BLOCK = re.compile(
    r"^<data(?P<mark>[^>\n]*)>\n(?P<data>.*?)\n</data(?P=mark)>$", re.MULTILINE | re.DOTALL
)
_OFFER = re.compile(r'"verdict": "<([\w |]+)>"')
_ORDER = re.compile(r'verdict must be "(\w+)"')
_PLANTED = re.compile(r"\[\[(\w+)\]\]")

_LIST = '{"facts": ["<'
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*(?=\S)")

#: What it calls an answer that declines, as far as it is offered.
_DECLINED = ("refused", "full_refusal", "no_comment")


def reference_verdict(prompt: str, refusals: Sequence[str]) -> str:
    """Its answer to a judge's prompt.

    The label that an order outside of the data names; else the one planted in the response; else,
    for one of ``refusals``, a label for declining; else the last label offered, which is the worst.
    Prose where the prompt offers no labels. Where it asks for a list of facts: the sentences.
    """
    block = _BLOCK.search(prompt)
    outside = prompt if block is None else prompt[: block.start()] + prompt[block.end() :]
    offers = _OFFER.findall(outside)
    if not offers and _LIST in outside and block is not None:
        response = _response(block["data"])
        facts = [] if response in refusals else _SENTENCE_END.split(response.strip())
        return json.dumps({"facts": facts}, ensure_ascii=False)
    if not offers:
        return "I was not told which verdicts there are."
    labels = offers[-1].split(" | ")
    response = outside if block is None else _response(block["data"])
    found = [
        *(label for label in _ORDER.findall(outside) if label in labels),
        *(label for label in _PLANTED.findall(response) if label in labels),
        *(label for label in _DECLINED if label in labels and response in refusals),
        labels[-1],
    ]
    return json.dumps({"reason": "by the marks that were planted", "verdict": found[0]})


def _response(data: str) -> str:
    """The response in the data; data that is no JSON is read as it stands."""
    try:
        return str(json.loads(data)["response"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return data
