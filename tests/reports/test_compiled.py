"""Compiled templates are kept, and never stand in the way of a page."""

from __future__ import annotations

import io
import marshal
import os
import pickle
import tempfile
from pathlib import Path

import jinja2
import pytest
from jinja2.bccache import bc_magic

from evalharness.reports.compiled import compiled_templates

SOURCE = "Hello {{ name }}"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is kept on Windows")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The temporary folder of the machine."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def page(*made_by: Path, source: str = SOURCE) -> tuple[str, int]:
    """What a new engine draws, and how many templates it compiled."""
    engine = jinja2.Environment(
        loader=jinja2.DictLoader({"page": source}),
        autoescape=True,
        bytecode_cache=compiled_templates(*made_by),
    )
    compiled = []
    compile_ = engine.compile
    engine.compile = lambda *args, **kwargs: compiled.append(1) or compile_(*args, **kwargs)
    return engine.get_template("page").render(name="<you>"), len(compiled)


def test_a_template_is_compiled_once(folder):
    assert page() == ("Hello &lt;you&gt;", 1)
    assert page() == ("Hello &lt;you&gt;", 0)
    assert list(folder.rglob("*.cache"))


def test_it_is_compiled_again_when_it_or_what_it_depends_on_changes(folder, tmp_path):
    code = tmp_path / "code.py"
    code.write_text("1")
    assert page(code)[1] == 1
    assert page(code, source="Bye {{ name }}") == ("Bye &lt;you&gt;", 1)
    assert page(code, source="Bye {{ name }}")[1] == 0
    code.write_text("2")
    assert page(code, source="Bye {{ name }}")[1] == 1


def no_code(kept: bytes) -> bytes:
    """A kept file's header, and something else than code behind it."""
    header = io.BytesIO(kept)
    header.read(len(bc_magic))
    pickle.load(header)  # noqa: S301 - the test wrote it
    return kept[: header.tell()] + marshal.dumps(5)


@pytest.mark.parametrize(
    "damaged", [lambda _: b"", lambda _: b"nonsense", lambda kept: kept[:30], no_code]
)
def test_a_damaged_file_is_compiled_again(folder, damaged):
    page()
    (kept,) = folder.rglob("*.cache")
    kept.write_bytes(damaged(kept.read_bytes()))
    assert page() == ("Hello &lt;you&gt;", 1)
    assert page()[1] == 0


def test_code_that_cannot_be_read_costs_only_time(folder):
    assert compiled_templates(folder / "no-such.py") is None


def test_nobody_elses_folder_is_used(folder, monkeypatch):
    page()
    (kept,) = folder.iterdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    (folder / "_jinja2-cache-12345").symlink_to(kept)  # whose owner is another
    assert compiled_templates() is None
    assert page() == ("Hello &lt;you&gt;", 1)


def test_a_folder_that_cannot_be_written_costs_only_time(folder, monkeypatch):
    cache = compiled_templates()
    assert cache is not None
    Path(cache.directory).rmdir()
    engine = jinja2.Environment(
        loader=jinja2.DictLoader({"page": SOURCE}), bytecode_cache=cache, autoescape=True
    )
    assert engine.get_template("page").render(name="you") == "Hello you"

    def full(*_: object, **__: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(os, "mkdir", full)
    assert compiled_templates() is None
