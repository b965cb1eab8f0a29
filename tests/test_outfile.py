"""Files that a user names."""

from __future__ import annotations

import pytest

from evalharness.errors import ConfigError
from evalharness.outfile import write_file, write_whole


def test_a_file_is_whole_or_not_there(tmp_path):
    def chunks():
        yield "first"
        raise KeyError("stopped")

    path = tmp_path / "made" / "out.txt"
    with pytest.raises(KeyError):
        write_whole(path, chunks())
    assert list(path.parent.iterdir()) == []
    write_whole(path, ["\ufeffa", b"b", "\ud800"])
    assert path.read_bytes() == b"\xef\xbb\xbfab?"


def test_nothing_is_written_into_a_run(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    for path in (run / "page.html", run / "deep" / "page.html"):
        with pytest.raises(ConfigError, match=r"--html .*lies in the run run, which is sealed"):
            write_file(path, "text", "--html")
    assert [path.name for path in run.iterdir()] == ["run.json"]


def test_a_summary_is_added_to_and_what_cannot_be_written_is_told(tmp_path):
    path = tmp_path / "new" / "summary.md"
    for text in ("one\n", "two\n"):
        write_file(path, text, "--summary", append=True)
    assert path.read_text() == "one\ntwo\n"
    with pytest.raises(ConfigError, match=r"--html .* is a folder; name a file"):
        write_file(tmp_path / "new", b"", "--html")
    with pytest.raises(ConfigError, match=r"--html .*no folder"):
        write_file(path / "below.html", b"", "--html")
    with pytest.raises(ConfigError, match=r"--summary .*cannot be written"):
        write_file(tmp_path / "new", b"", "--summary", append=True)
