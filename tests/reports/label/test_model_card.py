"""What is read of a model card, and what a hostile one can do: nothing."""

from __future__ import annotations

import hashlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import ConfigError
from evalharness.reports.label.card import LARGEST, MOST, read_card
from evalharness.reports.label.model import TEXT, LabelCell

CARD = """\
---
license: other
license_name: example-licence
language: [en, no]
datasets: [wiki, books]
base_model: example/base
co2_eq_emissions: {emissions: 149200, source: codecarbon}
model-index:
- results:
  - metrics: [{type: acc, value: 1}, {type: f1, value: 1}]
  - metrics: no list
---
# Example
<!-- ## Privacy
never shown -->
## Intended uses & limitations
General **chat**, see [the page](https://example.org). <b>Not</b> for doses.
### How to use
```python
# Limitations
run()
```
### Limitations and bias
It invents doses.
## Training Data
Web pages.
#### Preprocessing
32k tokens.
## Environmental Impact
Carbon emissions can be estimated using the calculator.
- **Hardware Type:** [More Information Needed]
- **Hours used:** 300
## Out-of-Scope Use
[More Information Needed]
## Citation
Nobody.
"""


@pytest.fixture
def read(tmp_path):
    def read(content: str | bytes):
        path = tmp_path / "README.md"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_card(path)

    return read


def said(card):
    return {claim.field or claim.heading: (claim.area, claim.says) for claim in card.claims}


def test_what_markup_leaves_is_no_space_before_a_full_stop(read):
    card = read("## Limitations\n\nSee <a href='https://example.org'>terms</a>. Or a : b<br>!\n")
    assert [claim.says for claim in card.claims] == ["See terms. Or a : b!"]


def test_fields_and_sections_go_to_their_areas(read):
    assert said(read(CARD)) == {
        "license": ("intended_use", "other, example-licence"),
        "language": ("intended_use", "en, no"),
        "datasets": ("data", "wiki, books"),
        "base_model": ("training", "example/base"),
        "co2_eq_emissions": ("training", "emissions: 149200; source: codecarbon"),
        "model-index": ("evaluation", "2"),
        "Intended uses & limitations": (
            "intended_use", "General chat, see the page. Not for doses.",
        ),
        "Limitations and bias": ("risks", "It invents doses."),
        "Training Data": ("data", "Web pages. 32k tokens."),
        "Environmental Impact": ("training", "Hours used: 300"),
    }  # fmt: skip


def test_it_is_named_with_the_digest_of_its_bytes(read):
    card = read("\ufeff" + CARD.replace("\n", "\r\n"))
    assert card.name == "README.md"
    assert (
        card.sha256 == hashlib.sha256(("\ufeff" + CARD.replace("\n", "\r\n")).encode()).hexdigest()
    )
    assert said(card) == said(read(CARD))


@pytest.mark.parametrize(
    ("heading", "area"),
    [
        ("Uses", "intended_use"),
        ("How to use", None),
        ("Direct Use", "intended_use"),
        ("Bias, Risks, and Limitations", "risks"),
        ("Users' data", "user_data"),
        ("Training Procedure", "training"),
        ("Risk mitigations", "mitigations"),
        ("Evaluation", "evaluation"),
        ("Model Card Authors", None),
    ],
)
def test_a_heading_names_an_area(read, heading, area):
    claims = read(f"## {heading}\n\nSome words.\n").claims
    assert [claim.area for claim in claims] == ([] if area is None else [area])


@pytest.mark.parametrize("text", ["", "\n", "# Title\nwords\n", "---\n---\n", "---\n# only\n---\n"])
def test_a_card_that_declares_nothing_is_no_fault(read, text):
    assert read(text).claims == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("---\nlicense: mit\n", ":1: the front matter has no end"),
        ("---\n- a\n---\n", ":2: the front matter is no mapping"),
        ("---\na: 1\nlicense: [\n---\n", "README.md:4: not valid YAML"),
        ("---\nlicense: mit\nlicense: gpl\n---\n", ":3: 'license' stands twice"),
        ("---\na: !!python/object/apply:os.system [x]\n---\n", "not valid YAML"),
        ("---\na: 2026-13-45\n---\n", ":2: 2026-13-45: there is no such day"),
        ("---\na: " + "[" * 200 + "]" * 200 + "\n---\n", "levels deep"),
        (b"\xff\xfe\x00", "not UTF-8 text (byte 0)"),
        (b"x" * (LARGEST + 1), "larger than 1,048,576 bytes"),
    ],
)
def test_a_broken_card_is_a_sentence(read, content, words):
    with pytest.raises(ConfigError) as fault:
        read(content)
    assert words in str(fault.value)


def test_a_card_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file; --card names a model card"):
        read_card(tmp_path / "README.md")
    with pytest.raises(ConfigError, match=r"name the README\.md in it"):
        read_card(tmp_path)


def test_aliases_that_multiply_are_stopped(read):
    lines = ["a: &x0 [lol, lol]"]
    lines += [f"b{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(ConfigError, match="an alias"):
        read("---\n" + "\n".join(lines) + "\ndatasets: *x8\n---\n")


@pytest.mark.parametrize(
    "unit", ["<!-- ", "[", "![", "<a", "## Risks\n", "```\n", "~~~~\n", "- **", "[](", "#", "> "]
)
def test_a_large_hostile_card_takes_no_time(read, unit):
    started = time.process_time()
    card = read("## Limitations\nbad\n" + unit * (900_000 // len(unit)))
    assert time.process_time() - started < 5
    assert len(card.claims) <= MOST


def test_huge_values_are_bounded(read):
    card = read(f"---\ntags: [{', '.join(['x' * 50] * 900)}]\nbase_model: 0x{'f' * 9000}\n---\n")
    assert [claim.field for claim in card.claims] == ["tags"]
    assert card.claims[0].says.endswith("(+880)")
    assert len(card.claims[0].says) < 1100


def test_a_set_is_read_in_one_order(read):
    names = [f"name{n}" for n in range(9)]
    card = read("---\ndatasets: !!set {" + ", ".join(reversed(names)) + "}\n---\n")
    assert card.claims[0].says == ", ".join(names)


@given(st.text(max_size=2 * TEXT))
def test_every_text_becomes_one_bounded_line_without_hidden_characters(text):
    cell = LabelCell(area="data", state="declared", what="x", says=text, source="y", sha256="z")
    assert cell.says
    assert "\n" not in cell.says
    assert not set("\u202e\u200b\x00\u2066") & set(cell.says)
    assert len(cell.says) <= 5 * TEXT
    cell.says.encode()
