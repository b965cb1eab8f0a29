"""Samples: a view that reads what is asked of it, and shows nothing that could do harm."""

from __future__ import annotations

import json
import tracemalloc
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness import Samples
from evalharness.errors import ConfigError, RunCorruptError, RunError
from evalharness.store.samples import SamplesWriter

OUTCOMES = ("answered", "refused", "empty")


def row(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "task": "one" if number % 2 else "two", "dimension": "bias", "sample_id": f"q{number}",
        "epoch": 0, "generation": 0, "outcome": OUTCOMES[number % 3], "prompt": f"ask {number}",
        "response": None if number % 3 == 2 else f"say {number}", "language": "en",
        "tags": json.dumps({"topic": "ab"[number % 2]}), "target": "{}", "input_tokens": number,
        "latency_s": 0.5, **fields,
    }  # fmt: skip


def table(path: Path, rows: list[dict[str, Any]], *scores: str) -> Path:
    with SamplesWriter(path, scores) as writer:
        writer.write(rows)
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    first = [row(n, score_correct=n % 2) for n in range(12)]
    second = [row(n, score_harm=0.25 * n) for n in range(5)]
    return (
        ("run-a", table(folder / "a.parquet", first, "correct")),
        ("run-b", table(folder / "b.parquet", second, "harm")),
    )


@pytest.fixture
def samples(files):
    return Samples(files)


def test_runs_stand_under_each_other_with_the_columns_of_both(samples):
    frame = samples.to_frame()
    assert list(frame.columns) == list(samples.columns)
    assert samples.columns[0] == "run_id"
    assert samples.columns[-2:] == ("score_correct", "score_harm")
    assert len(frame) == len(samples) == 17
    assert frame["run_id"].value_counts().to_dict() == {"run-a": 12, "run-b": 5}


def test_what_is_missing_is_na_and_never_nan(samples):
    frame = samples.to_frame()
    assert frame["score_harm"].iloc[0] is pd.NA
    assert frame["response"].iloc[2] is pd.NA
    assert frame["output_tokens"].iloc[0] is pd.NA
    kinds = {name: str(frame[name].dtype) for name in ("score_harm", "input_tokens", "response")}
    assert kinds == {"score_harm": "Float64", "input_tokens": "Int32", "response": "string"}


def test_tags_are_dictionaries_or_columns(samples):
    assert samples["tags"].iloc[1] == {"topic": "b"}
    flat = samples.to_frame(["sample_id", "tags", "target"], flat=True)
    assert list(flat.columns) == ["sample_id", "tag_topic", "target"]
    assert list(flat["tag_topic"][:2]) == ["a", "b"]
    assert flat["target"].iloc[0] == "{}"


@pytest.mark.parametrize(
    ("conditions", "count"),
    [
        ({"outcome": "refused"}, 6),
        ({"outcome": ["refused", "empty"]}, 11),
        ({"outcome": "refused", "task": "one"}, 3),
        ({"run_id": "run-b"}, 5),
        ({"score_correct": 1}, 6),
        ({"score_correct": None}, 5),
        ({"score_harm": [0.25, None]}, 13),
        ({"response": None}, 5),
        ({"input_tokens": 3.0}, 2),
        ({"input_tokens": 3.5}, 0),
    ],
)
def test_where_keeps_what_was_asked_for(samples, conditions, count):
    found = samples.where(**conditions)
    assert len(found) == len(found.to_frame()) == count
    assert bool(found) == (count > 0)
    assert len(samples) == 17, "the view it came from is as it was"


def test_tagged_keeps_rows_by_their_tags(samples):
    assert set(samples.tagged(topic="a")["sample_id"]) == {f"q{n}" for n in range(0, 12, 2)}
    assert len(samples.tagged(topic=["a", "b"])) == 17
    assert len(samples.tagged(topic="a", other="x")) == 0
    assert len(samples.tagged(topic="a").where(run_id="run-b").to_frame(["prompt"])) == 3


def test_what_a_data_frame_can_do_it_can(samples):
    assert samples.groupby("outcome").size().to_dict() == {"answered": 6, "empty": 5, "refused": 6}
    assert samples.where(run_id="run-b").set_index("sample_id").loc["q3"].prompt == "ask 3"
    assert len(samples[samples["outcome"] == "refused"]) == 6
    assert list(samples.outcome[:2]) == ["answered", "refused"]
    assert "outcome" in samples
    assert list(samples) == list(samples.columns)
    with pytest.raises(AttributeError, match="the samples have no 'gruopby'"):
        samples.gruopby("outcome")
    with pytest.raises(AttributeError):
        _ = samples._repr_markdown_


def test_an_empty_selection_has_all_columns_still(samples):
    frame = samples.where(task="none of it").to_frame()
    assert list(frame.columns) == list(samples.columns)
    assert frame.empty


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=3),
    st.lists(st.sampled_from(["one", "two"]), min_size=1, max_size=2),
)
def test_filters_are_an_intersection_in_any_order(files, outcomes, tasks):
    samples = Samples(files)
    one = samples.where(outcome=outcomes).where(task=tasks)
    other = samples.where(task=tasks, outcome=outcomes)
    frame = samples.to_frame()
    kept = frame[frame["outcome"].isin(outcomes) & frame["task"].isin(tasks)]
    assert list(one["sample_id"]) == list(other["sample_id"]) == list(kept["sample_id"])
    assert len(one) == len(kept)


def test_counts_and_columns_read_no_other_column(samples, monkeypatch):
    asked = []
    whole = pq.ParquetFile.iter_batches

    def noting(self, *arguments, columns=None, **options):
        asked.append(columns)
        return whole(self, *arguments, columns=columns, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", noting)
    assert samples.counts("outcome", "task")["refused", "one"] == 3
    assert samples.counts().to_dict() == {"answered": 6, "refused": 6, "empty": 5}
    assert samples["sample_id"].iloc[0] == "q0"
    assert {name for names in asked for name in names} == {"outcome", "task", "sample_id"}


def test_a_run_that_is_not_asked_for_is_not_opened(files, tmp_path):
    samples = Samples([*files, ("gone", files[0][1])])
    _ = samples.columns
    absent = Samples([*files[:1], ("gone", tmp_path / "gone.parquet")])
    vars(absent)["_kinds"] = vars(samples)["_kinds"]
    assert len(absent.where(run_id="run-a")) == 12


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda s: s.where(outcom="refused"), "no column 'outcom'; did you mean 'outcome'"),
        (lambda s: s.where(outcome=1), "the column 'outcome' holds text, found 1"),
        (lambda s: s.where(input_tokens="1"), "the column 'input_tokens' holds numbers, found '1'"),
        (lambda s: s.where(input_tokens=True), "holds numbers, found True"),
        (lambda s: s.tagged(topic=1), "a tag's value is text"),
        (lambda s: s["responce"], "no column 'responce'; did you mean 'response'"),
        (lambda s: s.to_frame("response"), r"name them as a list, \['response'\]"),
        (lambda s: s.where(task="x").plot(), "there is no row to draw"),
    ],
)
def test_what_cannot_be_is_said(samples, ask, said):
    with pytest.raises(ConfigError, match=said):
        ask(samples)


def test_a_table_that_is_missing_or_damaged_is_said(tmp_path):
    with pytest.raises(RunError, match="missing"):
        len(Samples([("r", tmp_path / "samples.parquet")]))
    (tmp_path / "samples.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(RunCorruptError, match="damaged"):
        Samples([("r", tmp_path / "samples.parquet")]).to_frame()


def test_a_page_that_is_damaged_and_tags_that_are_none_are_said(tmp_path):
    path = table(tmp_path / "samples.parquet", [row(n, prompt=f"{n}" * 50) for n in range(900)])
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    path.write_bytes(content)
    with pytest.raises(RunCorruptError, match="damaged"):
        Samples([("r", path)]).to_frame()
    for tags in ("[1]", "{", '"x"'):
        other = Samples([("r", table(tmp_path / "tags.parquet", [row(1, tags=tags)]))])
        for ask in (other.to_frame, lambda view=other: len(view.tagged(topic="a"))):
            with pytest.raises(RunCorruptError, match="is no object; the file is damaged"):
                ask()
    none = Samples([("r", table(tmp_path / "none.parquet", [row(1, tags=None)]))])
    assert none["tags"].iloc[0] == {}
    assert len(none.tagged(topic="a")) == 0


def test_head_and_frames(samples, monkeypatch):
    monkeypatch.setattr("evalharness.samples._BATCH", 4)
    assert list(samples.head(3)["sample_id"]) == ["q0", "q1", "q2"]
    assert len(samples.head(0)) == 0
    assert len(samples.head(99)) == 17
    parts = [len(frame) for frame in samples.frames(["run_id", "prompt"])]
    assert sum(parts) == 17
    assert max(parts) <= 4


def test_many_rows_are_counted_without_being_held(tmp_path):
    """The text of 40,000 rows is 40 MB; what Python holds meanwhile is a fraction of it."""
    text = "x" * 1_000
    path = tmp_path / "big.parquet"
    with SamplesWriter(path, []) as writer:
        for start in range(0, 40_000, 4_000):
            writer.write([row(n, response=f"{n}{text}") for n in range(start, start + 4_000)])
    samples = Samples([("big", path)])
    tracemalloc.start()
    assert len(samples.where(outcome="answered")) == 13_334
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 2**20


# --- looking at it ---------------------------------------------------------------------------


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        self.found.update(f"@{name}" for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</table><iframe src=//x>",
    "safe \u202eoverride\u202c", "zero\u200bwidth", "\x00\x1b[31m",
    "$\\href{javascript:alert(1)}{x}$", "<svg onload=alert(1)>", "]]><!--", "y" * 100_000,
]  # fmt: skip


def test_hostile_output_is_shown_and_does_nothing(tmp_path):
    rows = [row(n, response=text, prompt=text, sample_id=text) for n, text in enumerate(HOSTILE)]
    samples = Samples([("<b>run</b>", table(tmp_path / "h", rows))])
    for part in (samples, samples.where(outcome="refused"), samples.where(outcome="empty")):
        html = part._repr_html_()
        seen = Tags()
        seen.feed(html)
        assert seen.found <= {
            "table", "caption", "tr", "th", "td", "bdi", "i", "span", "@class",
        }  # fmt: skip
        assert len(html) < 30_000
    html = samples._repr_html_()
    assert "\u202e" not in html
    assert "U+202E" in html
    assert 'class="tex2jax_ignore mathjax_ignore"' in html, "a notebook sets formulas otherwise"


def test_a_type_of_str_leaves_nothing_escaped_twice(samples):
    html = samples._repr_html_()
    assert type(html) is str
    assert "&lt;table" not in html + "<p>"
    assert "17 rows of 2 runs" in html
    assert repr(samples.where(task="one")) == "<Samples: 8 rows of 2 runs where task=['one']>"


def test_a_picture_of_outcomes(samples):
    drawing = samples.plot("run_id")
    assert (drawing.title, drawing.rows) == ("Outcomes by run id", 2)
    assert "answered 4, refused 4, empty 4" in drawing.svg
    assert "answered 2, refused 2, empty 1" in drawing.svg
    assert samples.plot("outcome").rows == 3
