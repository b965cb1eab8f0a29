"""Labels that do not fit are named with file and line; nothing is scored with them."""

from __future__ import annotations

import pytest

from evalharness.errors import ConfigError
from evalharness.labelling.sheet import read_sheet
from evalharness.rescore import rescore
from evalharness.store.directory import RunDirectory
from tests.labelling.judged import World, judged_run, labelled, sheet_of, written


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return judged_run(tmp_path_factory.mktemp("labels"), World(120))


@pytest.fixture(scope="module")
def sheet(run, tmp_path_factory):
    return labelled(sheet_of(run, tmp_path_factory.mktemp("sheet") / "a.csv", 40))


def refused(run, *paths) -> str:
    with pytest.raises(ConfigError) as fault:
        rescore(RunDirectory(run.path), [f"labels=[{', '.join(map(str, paths))}]"])
    assert not (run.path / "scores").exists()
    return str(fault.value)


def changed(rows, place, **cells):
    return [{**row, **cells} if n == place else row for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"label": "unsafe"}, ":4: label 'unsafe' is none of 'harmful'; write 0 or 1"),
        ({"label": "0.5"}, ":4: label '0.5' is none of 'harmful'; write 0 or 1"),
        ({"label": "nan"}, ":4: label 'nan' is none of 'harmful'"),
        ({"rater": ""}, ":4: no rater; write who labelled it"),
        ({"rater": "a\x1b[2Jb"}, ":4: rater 'a\\x1b[2Jb'; write who labelled it (a short"),
        ({"date": ""}, ":4: no date; write the day of labelling, as 2026-05-31"),
        ({"date": "5/1/2026"}, ":4: date '5/1/2026': write the day of labelling as 2026-05-31"),
        ({"date": "2026-02-30"}, ":4: date '2026-02-30': write the day"),
        (
            {"sample_id": "q999"},
            ":4: the run has no sample 'q999' in small; a spreadsheet may have",
        ),
        ({"epoch": "3"}, ":4: the run has no sample 'q0"),
        ({"epoch": "first"}, ":4: epoch 'first' is no whole number"),
        ({"task": "smal"}, ":4: the run has no task 'smal'; did you mean 'small'?"),
        ({"score": "harmfull"}, ":4: labels: task small has no figure that labels of 'harmfull'"),
        ({"draw": ""}, ":4: the draw is not recorded (column 'draw')"),
        ({"draw": "simple"}, ":4: draw 'simple' is not what 'evalharness labels' wrote"),
        (
            {"draw": f"simple seed=1 count=40 of={'0' * 64}"},
            ":4: labels of another run: drawn from",
        ),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(run, sheet, tmp_path, cells, said):
    path = written(tmp_path / "l.csv", changed(sheet, 2, **cells))
    assert f"{path}{said}" in refused(run, path)


def test_a_fault_in_every_row_is_one_line_with_its_count(run, sheet, tmp_path):
    rows = [{**row, "rater": ""} for row in sheet]
    lines = refused(run, written(tmp_path / "l.csv", rows)).splitlines()
    # that no label is 1 and none is 0 follows from it, and is no fault of its own
    assert len(lines) == 1
    assert "l.csv:2: no rater; write who labelled it (a short name or a number)" in lines[0]
    assert f"({len(rows)} rows are so; also " in lines[0]


def test_every_fault_of_a_row_is_told(run, sheet, tmp_path):
    path = written(tmp_path / "l.csv", changed(sheet, 2, rater="", date="5/1/2026", label="yes"))
    assert [line.partition("l.csv:4: ")[2] for line in refused(run, path).splitlines()] == [
        "no rater; write who labelled it (a short name or a number)",
        "date '5/1/2026': write the day of labelling as 2026-05-31",
        "label 'yes' is none of 'harmful'; write 0 or 1",
    ]


def test_a_rater_labels_an_answer_once(run, sheet, tmp_path):
    path = written(tmp_path / "l.csv", [*sheet, sheet[5]])
    assert f"{path}:42: ann has labelled sample '{sheet[5]['sample_id']}' already ({path}:7)" in (
        refused(run, path)
    )


def test_an_answer_that_was_not_drawn_makes_the_sample_no_random_one(run, sheet, tmp_path):
    drawn = {row["sample_id"] for row in sheet}
    chosen = next(f"q{n:03d}" for n in range(120) if f"q{n:03d}" not in drawn)
    path = written(tmp_path / "l.csv", [*sheet, {**sheet[0], "sample_id": chosen}])
    assert f"{path}:42: {chosen} was not drawn; label the sheet's own rows only" in (
        refused(run, path)
    )


def test_labels_of_one_kind_correct_nothing(run, sheet, tmp_path):
    path = written(tmp_path / "l.csv", labelled(sheet, lambda row: "0"))
    assert refused(run, path).startswith(
        f"{path}: too few of a kind: of 40 labels of 'harmful' in small none is 1 (positive)"
    )


def test_two_draws_are_not_one(run, sheet, tmp_path):
    other = labelled(sheet_of(run, tmp_path / "b.csv", 40, "--seed", "5"), rater="ben")
    paths = [written(tmp_path / "l.csv", sheet), written(tmp_path / "m.csv", other)]
    assert "two draws, with the seeds 1 and 5; keep one of them" in refused(run, *paths)


def test_a_sheet_without_labels_is_no_sheet(run, tmp_path):
    sheet_of(run, tmp_path / "a.csv", 40)
    assert refused(run, tmp_path / "a.csv") == (
        f"{tmp_path / 'a.csv'}: no row has a label; fill the column 'label'"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "task,sample_id,label\n",
            ":1: lacks the columns rater, date; 'evalharness labels' writes",
        ),
        ("task,sample_id,label,rater,date,lable\n", ":1: there is no column 'lable'; did you mean"),
        ("task,sample_id,label,label,rater,date\n", ":1: column 'label' stands twice; keep one"),
        ("task,sample_id,label,rater,date\na,b,1,c,d,e\n", ":2: 6 cells under 5 columns"),
        ('task,sample_id,label,rater,date\na,"b,1,c,d\n', ":2: not valid CSV: unexpected end"),
        ("", ":1: lacks the columns task"),
    ],
)
def test_a_file_that_is_no_sheet_is_named(tmp_path, text, said):
    path = tmp_path / "l.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as fault:
        read_sheet(path)
    assert str(fault.value).startswith(f"{path}{said}")


def test_a_file_in_another_encoding_is_named(tmp_path):
    path = tmp_path / "l.csv"
    path.write_bytes("task,新加坡".encode("gb18030"))
    with pytest.raises(ConfigError, match=r"not UTF-8 text .*save it as 'CSV UTF-8'"):
        read_sheet(path)
    with pytest.raises(ConfigError, match=r"gone\.csv: there is no such file"):
        read_sheet(tmp_path / "gone.csv")
    with pytest.raises(ConfigError, match="this is a folder"):
        read_sheet(tmp_path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_it_reads_what_spreadsheets_write(tmp_path, delimiter):
    """Semicolons and tabs of other countries, blank lines, texts over several lines, formulas."""
    cells = [
        ["Task", "sample_id", "label", "rater", "date", "response"],
        ["small", "'=q1", "1", "ann", "2026-05-01", '"two\nlines"'],
        ["", "", "", "", "", ""],
        ["small", "007", "0", "ann", "2026-05-01", "x"],
    ]
    path = tmp_path / "l.csv"
    text = "\r\n".join(delimiter.join(row) for row in cells)
    path.write_text(text, encoding="utf-8-sig", newline="")
    found = read_sheet(path).entries
    assert [(entry.key[0], entry.label, entry.line) for entry in found] == [
        ("=q1", "1", 2),
        ("007", "0", 5),
    ]


def test_faults_of_one_kind_are_one_line():
    from evalharness.labelling.importing import _folded

    days = [f"/x/a.csv:{n}: date '{n}.5.2026': write the day as 2026-05-31" for n in range(2, 32)]
    other = "/x/a.csv:40: no rater; write who labelled it"
    found = _folded([*days, other])
    assert found == [f"{days[0]} (30 rows are so; also /x/a.csv:3, /x/a.csv:4)", other]
    assert _folded(days[:3]) == days[:3]
