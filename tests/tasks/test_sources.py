"""Where rows come from beside a plain file: nested files, joins, several sources, web and hub."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import datasets
import huggingface_hub
import pytest
from pydantic import ValidationError

from evalharness.errors import DataError, MappingError, TaskError
from evalharness.tasks.data import open_data
from evalharness.tasks.files import read_rows
from evalharness.tasks.render import Renderer
from evalharness.tasks.sources import FileRef, Source
from tests.tasks.making import SAMPLE, row, task


def rows_of(folder: Path, content, **shape):
    path = folder / "d.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return list(read_rows(path, FileRef(path="d.json", **shape)))


@pytest.mark.parametrize(
    ("content", "shape", "expected"),
    [
        ({"qa": {"items": [{"q": 1}]}}, {"at": "qa.items"}, [{"q": 1}]),
        # nested objects: the key of each level is a field
        ({"sst2": [{"q": 1}], "qqp": [{"q": 2}]}, {"keys": ["task"]},
         [{"task": "sst2", "q": 1}, {"task": "qqp", "q": 2}]),
        ({"a": {"x": ["one", "two"]}, "b": {"y": ["three"]}}, {"keys": ["kind", "name"]},
         [{"kind": "a", "name": "x", "value": "one"}, {"kind": "a", "name": "x", "value": "two"},
          {"kind": "b", "name": "y", "value": "three"}]),
        ({"2": {"answer": 1}}, {"keys": ["id"]}, [{"id": "2", "answer": 1}]),
        # lists in lists, and a byte order mark in a key
        ([[{"\ufeffid": 1}], [{"id": 2}]], {"keys": []}, [{"id": 1}, {"id": 2}]),
        (["one", "two"], {"keys": []}, [{"value": "one"}, {"value": "two"}]),
        # a field of the leaf wins over a key of the same name
        ({"2": {"id": 5}}, {"keys": ["id"]}, [{"id": 5}]),
    ],
)  # fmt: skip
def test_nested_files_become_rows(tmp_path, content, shape, expected):
    assert rows_of(tmp_path, content, **shape) == expected


@pytest.mark.parametrize(
    ("content", "shape", "expected"),
    [
        ({"qa": []}, {"at": "demo"}, "at: there is no 'demo' of 'demo' in it"),
        ({"a": ["x"]}, {"keys": ["kind", "name"]}, "keys: 'name' would be the keys of an object"),
    ],
)
def test_a_shape_that_does_not_fit_is_named(tmp_path, content, shape, expected):
    with pytest.raises(DataError, match=expected):
        rows_of(tmp_path, content, **shape)


def test_shapes_are_for_json(tmp_path):
    (tmp_path / "d.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match="'at' and 'keys' are for JSON files"):
        list(read_rows(tmp_path / "d.csv", FileRef(path="d.csv", keys=["a"])))


def test_a_text_file_gives_its_lines(tmp_path):
    (tmp_path / "d.txt").write_bytes(b"one\r\n\n  two\nthree")
    rows = list(read_rows(tmp_path / "d.txt"))
    assert rows == [
        {"line": 1, "text": "one"}, {"line": 3, "text": "  two"}, {"line": 4, "text": "three"}
    ]  # fmt: skip


# --- a row of another file -----------------------------------------------------------------------


def joined(tmp_path, others, *, by="name.split('.')[0]", to="job"):
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({**row(n), "name": f"{job}.{n}"}) + "\n" for n, job in enumerate("ab"))
    )
    (tmp_path / "others.json").write_text(json.dumps(others))
    join = {"file": {"path": "others.json"}, "by": by, "to": to, "as": "statistics"}
    sample = {**SAMPLE, "id": "name", "target": {"share": "statistics.share"}}
    made = task(tmp_path, data={"file": {"path": "rows.jsonl"}, "join": join, "sample": sample})
    dataset = open_data(made, data_root=None, supplied=None)
    assert [file["path"] for file in dataset.to_json()["files"]] == ["rows.jsonl", "others.json"]
    return list(Renderer(made, dataset, "letter", 1).samples())


def test_a_row_gets_the_row_of_another_file_that_belongs_to_it(tmp_path):
    samples = joined(tmp_path, [{"job": "b", "share": 2}, {"job": "a", "share": 1}])
    assert [s.target["share"] for s in samples] == [1, 2]


@pytest.mark.parametrize(
    ("others", "to", "expected"),
    [
        ([{"job": "a", "share": 1}], "job", "join: no row has 'job' = 'b'"),
        ([{"job": "a"}, {"job": "a"}], "job", "join: 'job' is 'a' in two rows"),
        ([{"job": "a"}], "jobs", "join: a row has no field 'jobs'"),
    ],
)
def test_a_join_that_does_not_fit_is_named(tmp_path, others, to, expected):
    with pytest.raises(DataError, match=expected):
        joined(tmp_path, others, to=to)


# --- several sources -----------------------------------------------------------------------------


def two_sources(tmp_path, ids=("'x' ~ n", "'y' ~ m")):
    (tmp_path / "one.jsonl").write_text("".join(json.dumps(row(n, n=n)) + "\n" for n in range(2)))
    (tmp_path / "two.jsonl").write_text(
        "".join(json.dumps({"m": n, "frage": f"F{n}", "opts": ["p", "q"]}) + "\n" for n in range(3))
    )
    first = {**SAMPLE, "id": ids[0], "tags": {"from": "'one'"}}
    second = {
        "id": ids[1], "prompt": "frage", "choices": "opts", "answer": "0", "tags": {"from": "'two'"}
    }  # fmt: skip
    data = [
        {"file": {"path": "one.jsonl"}, "sample": first},
        {"file": {"path": "two.jsonl"}, "where": "m != 1", "sample": second},
    ]
    made = task(tmp_path, data=data, slices=["from"])
    return list(
        Renderer(made, open_data(made, data_root=None, supplied=None), "letter", 1).samples()
    )


def test_each_source_has_its_own_mapping(tmp_path):
    samples = two_sources(tmp_path)
    assert [s.id for s in samples] == ["x0", "x1", "y0", "y2"]
    assert [s.tags["from"] for s in samples] == ["one", "one", "two", "two"]
    assert samples[2].choices == ("p", "q")


def test_ids_are_unique_over_all_sources_and_rows_are_counted_on(tmp_path):
    with pytest.raises(MappingError, match="id '0' stands twice"):
        two_sources(tmp_path, ("n", "m"))
    (tmp_path / "one.jsonl").write_text(json.dumps(row()) + "\n")
    (tmp_path / "two.jsonl").write_text(json.dumps(row()) + "\n" + json.dumps({"q": "?"}) + "\n")
    parts = [{"file": {"path": f"{name}.jsonl"}, "sample": SAMPLE} for name in ("one", "two")]
    made = task(tmp_path, data=parts)
    dataset = open_data(made, data_root=None, supplied=None)
    with pytest.raises(MappingError, match="row 3: choices"):
        list(Renderer(made, dataset, "letter", 1).samples())


def test_supplied_rows_stand_alone():
    with pytest.raises(ValidationError, match="either supplied or come from sources"):
        task(data=[{"supplied": "x", "sample": SAMPLE}, {"hub": {"path": "a/b"}, "sample": SAMPLE}])


# --- files of the web and of the hub -------------------------------------------------------------


def test_a_file_of_the_web_is_fetched_when_its_rows_are_asked_for(tmp_path, monkeypatch):
    file = tmp_path / "5f3a"  # a cache names files by their digests
    file.write_text(json.dumps({"a": [row(1)]}))
    fetched = []

    def download(_self, url):
        fetched.append(url)
        return str(file)

    monkeypatch.setattr(datasets.DownloadManager, "download", download)
    web = {
        "url": "https://example.org/0123abc/data.json",
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "keys": ["kind"],
    }
    made = task(data={"web": [web], "sample": {**SAMPLE, "tags": {"kind": "kind"}}})
    dataset = open_data(made, data_root=None, supplied=None)
    assert not fetched
    assert [r["kind"] for r in dataset.rows()] == ["a"]
    assert dataset.to_json() == {
        "source": "web", "files": [{"path": web["url"], "sha256": web["sha256"]}]
    }  # fmt: skip
    file.write_text("[]")
    with pytest.raises(DataError, match="SHA-256"):
        list(dataset.rows())


def test_a_known_ending_may_have_another_behind_it(tmp_path):
    (tmp_path / "rows.txt.dev").write_text("ab\n\ncd\n")
    found = list(read_rows(tmp_path / "rows.txt.dev"))
    assert found == [{"line": 1, "text": "ab"}, {"line": 3, "text": "cd"}]


def test_without_network_a_file_of_the_web_says_what_to_do(monkeypatch):
    def download(_self, _url):
        raise ConnectionError("no route\nand more")

    monkeypatch.setattr(datasets.DownloadManager, "download", download)
    web = {"url": "https://example.org/d.json", "sha256": "0" * 64}
    made = task(data={"web": [web], "sample": SAMPLE})
    with pytest.raises(DataError, match=r"d\.json cannot be had: no route\. Go online once"):
        list(open_data(made, data_root=None, supplied=None).rows())


def test_raw_files_of_the_hub(tmp_path, monkeypatch):
    (tmp_path / "x.json").write_text(json.dumps({"qa": [row(1)]}))
    asked = []

    def download(repo, path, **options):
        asked.append((repo, path, options))
        return str(tmp_path / "x.json")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    hub = {"path": "a/b", "revision": "1" * 40, "files": [{"path": "in/x.json", "at": "qa"}]}
    made = task(data={"hub": hub, "sample": SAMPLE})
    dataset = open_data(made, data_root=None, supplied=None)
    assert [r["q"] for r in dataset.rows()] == ["Question 1?"]
    assert asked == [("a/b", "in/x.json", {"repo_type": "dataset", "revision": "1" * 40})]


@pytest.mark.parametrize("url", ["http://example.org/d.json", "file:///etc/passwd", "x.json"])
def test_the_web_is_https(url):
    with pytest.raises(ValidationError, match="pattern"):
        Source.model_validate({"web": [{"url": url, "sha256": "0" * 64}], "sample": SAMPLE})


def test_files_of_the_web_are_joined_too(tmp_path, monkeypatch):
    texts = {"rows.jsonl": json.dumps(row(1)), "others.csv": "kind,more\na,7\nb,8\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(
        datasets.DownloadManager, "download", lambda _, url: str(tmp_path / url.rpartition("/")[2])
    )
    rows, others = (
        {"url": f"https://example.org/{n}", "sha256": hashlib.sha256(t.encode()).hexdigest()}
        for n, t in texts.items()
    )
    join = {"web": others, "by": "'b'", "to": "kind", "as": "other"}
    sample = {**SAMPLE, "tags": {"more": "other.more"}}
    dataset = open_data(
        task(data={"web": [rows], "join": join, "sample": sample}), data_root=None, supplied=None
    )
    assert [r["other"]["more"] for r in dataset.rows()] == ["8"]
    assert [f["path"] for f in dataset.to_json()["files"]] == [rows["url"], others["url"]]


@pytest.mark.parametrize(
    ("join", "expected"),
    [
        ({"file": {"path": "a.csv"}}, "its 'file' goes with 'file' or 'files'"),
        ({}, "name one of file, web"),
    ],
)
def test_a_join_names_a_file_of_the_same_kind(join, expected):
    web = {"url": "https://example.org/d.json", "sha256": "0" * 64}
    with pytest.raises(ValidationError, match=expected):
        task(
            data={
                "web": [web],
                "join": {**join, "by": "a", "to": "b", "as": "c"},
                "sample": SAMPLE,
            }
        )


# --- names for parts of a mapping -----------------------------------------------------------------


def let_rendered(rows, let, sample, **source):
    data = {"supplied": "rows", "let": let, "sample": {**SAMPLE, **sample}, **source}
    made = task(data=data)
    return list(
        Renderer(made, open_data(made, data_root=None, supplied=rows), "letter", 1).samples()
    )


def test_what_let_names_is_seen_by_all_that_follows():
    let = {"kinds": "opts | map('length') | list", "longest": "kinds | max"}
    (_, two) = let_rendered(
        [row(1, opts=["a", "b"]), row(2, opts=["long", "ab"]), row(3)],
        let,
        {"target": {"longest": "longest", "twice": "longest * 2"}, "tags": {"n": "kinds[1]"}},
        where="longest < 5",
    )
    assert two.target == {"longest": 4, "twice": 8}
    assert two.tags == {"n": "2"}


@pytest.mark.parametrize(
    ("let", "sample", "expected"),
    [
        ({"q": "'mine'"}, {}, "row 1: let: 'q' is a field of the row; take another name"),
        ({"x": "nothing"}, {"id": "x"}, "row 1: let: x: 'nothing' finds nothing"),
        ({"x": "opts[9]"}, {"id": "x ~ 'a'"}, "row 1: let: x: 'opts[9]' finds nothing"),
        ({"x": "1"}, {"id": "y ~ x"}, "row 1: id: 'y ~ x': 'y' is undefined"),
    ],
)
def test_a_fault_in_let_is_named(let, sample, expected):
    with pytest.raises(MappingError) as caught:
        let_rendered([row()], let, sample)
    assert str(caught.value).startswith(f"task small: {expected}")


def test_let_that_cannot_be_parsed_is_a_fault_of_the_task():
    with pytest.raises(TaskError, match="let: x: not a Jinja expression"):
        let_rendered([row()], {"x": "1 +"}, {"id": "x"})
