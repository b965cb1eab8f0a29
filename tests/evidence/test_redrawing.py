"""Pages are drawn again: one that the records do not give is found, sealed and signed or not."""

from __future__ import annotations

import json

import pytest

from evalharness.cli.app import run_app
from evalharness.evidence import sign
from evalharness.reports import made as maker
from evalharness.store.directory import RunDirectory
from evalharness.verification import verify_run

PAGES = [
    f"{kind}{language}.{suffix}"
    for kind, language, suffix in [
        ("report", "", "html"), ("report", "", "md"), ("report", ".zh", "html"),
        ("report", ".zh", "md"), ("assurance", "", "html"), ("assurance", "", "md"),
        ("assurance", ".zh", "html"), ("label", "", "html"), ("label", "", "md"),
        ("label", ".zh", "html"), ("label", "", "json"),
    ]
]  # fmt: skip


def forge(directory, name, change, signer):
    """Change a file, seal the run over it and sign that."""
    path = directory.path / name
    before = path.read_bytes()
    after = change(before)
    assert after != before
    path.write_bytes(after)
    directory.seal()
    sign.sign_run(directory, signer[0])


def polished(content):
    """One digit of a figure is another, as whoever polishes a page would have it."""
    place = content.rindex(b"0", 0, -200)  # Markdown ends with what made it
    return content[:place] + b"9" + content[place + 1 :]


def failed(directory, signer):
    return [fault for check in verify_run(directory, signer[1]) for fault in check.faults]


def left(directory):
    return [check.name for check in verify_run(directory) if not check.checked]


def test_an_unchanged_run_holds_and_says_which_pages(every, signer):
    checks = verify_run(every, signer[1])
    assert [check.name for check in checks if check.faults] == []
    assert {f"{name} is what the records give" for name in PAGES} <= {c.name for c in checks}
    (scored,) = (every.path / "scores").iterdir()
    assert [check.name for check in checks if not check.checked] == [
        "PDF label.zh.pdf (its HTML is)",
        f"scores/{scored.name}: who made it; nobody signed it",
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_polished_page_that_was_sealed_and_signed_again_is_found(every, signer, name):
    forge(every, name, polished, signer)
    what = "what" if name == "label.json" else "the page that"
    assert f"{name}: not {what} these records give" in failed(every, signer)


def test_a_polished_page_is_found_on_the_command_line(every, signer, capsys):
    forge(every, "assurance.html", lambda page: page.replace(b"30", b"90"), signer)
    assert run_app(["verify", str(every.path), "--key", str(signer[1])]) == 1
    printed = capsys.readouterr().out
    assert "FAILED  assurance.html is what the records give" in printed
    assert "assurance.html: not the page that these records give" in printed
    assert "holds   assurance.zh.html is what the records give" in printed


def test_a_page_that_was_put_in_the_place_of_another_is_found(every, signer):
    forge(every, "report.html", lambda _: b"<p>all is well</p>", signer)
    assert failed(every, signer) == ["report.html: not the page that these records give"]


def test_what_is_withheld_is_as_it_was_recorded(every, signer):
    def shown(content):
        return json.dumps({**json.loads(content), "withheld": []}).encode()

    forge(every, "assurance.json", shown, signer)
    assert "assurance.html: not the page that these records give" in failed(every, signer)


@pytest.mark.parametrize("name", ["report.html", "report.zh.md", "assurance.md", "label.zh.html"])
def test_a_page_of_another_version_is_not_checked(every, signer, name):
    own = maker.maker_of((every.path / name).read_bytes(), f".{name.split('.')[-1]}")
    theirs = own.replace("evalharness 0", "evalharness 9")
    forge(every, name, lambda p: polished(p).replace(own.encode(), theirs.encode()), signer)
    assert failed(every, signer) == []
    (said,) = [one for one in left(every) if one.startswith(name)]
    assert said == f"{name} (made with {theirs}; here is {own})"


def test_the_same_page_of_another_version_holds(every, signer):
    forge(every, "report.html", lambda p: p.replace(b'"evalharness ', b'"evalharness 9.'), signer)
    assert failed(every, signer) == []
    assert not [one for one in left(every) if one.startswith("report")]


def test_a_run_of_an_earlier_version_whose_pages_say_nothing_is_not_checked(every, signer):
    record = every.read_json(every.run_json)
    every.write_json(every.run_json, {**record, "evalharness": "0.0.1"})
    forge(every, "report.html", lambda page: page.replace(b"generator", b"keywords"), signer)
    assert "report.html (made with evalharness 0.0.1; here is evalharness 0.1.0)" in left(every)


def test_what_a_model_wrote_names_no_maker():
    page = b"# Report\n\n```text\n<!-- evalharness 9.9 -->\n```\n"
    assert maker.maker_of(page, ".md") is None
    assert maker.maker_of(maker.marked(page), ".md") == maker.made_with(".md")
    assert not maker.same_page(page, page.replace(b"9.9", b"9.8"), ".md")


def test_a_language_whose_library_is_missing_is_not_checked(every, monkeypatch):
    from evalharness.errors import MissingExtraError
    from evalharness.reports import language

    def load(code):
        raise MissingExtraError(f"A report in another language ({code})", "report")

    monkeypatch.setattr(language, "_load", load)
    assert not [check.name for check in verify_run(every) if check.faults]
    assert len([one for one in left(every) if ".zh." in one and "'report'" in one]) == 4
    assert "PDF label.zh.pdf (nor is its HTML)" in left(every)


def test_what_a_label_was_given_and_is_gone_is_named(every):
    (every.path / "label.given.json").unlink()
    every.seal()
    found = left(every)
    assert "label.json (label.given.json, with what it was given, is not here)" in found
    assert not [c.name for c in verify_run(every) if c.faults and "give" in c.name]


def test_a_page_in_a_language_of_a_later_version_is_named(every):
    (every.path / "report.fr.html").write_text("<p>tout va bien</p>")
    every.seal()
    assert "report.fr.html (this version draws nothing in 'fr')" in left(every)


# later scorings


def test_a_later_scoring_is_verified_with_its_run(every, signer):
    (scored,) = (every.path / "scores").iterdir()
    for path in (scored / name for name in ("samples.parquet", "report.html", "manifest.json")):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        found = [check.name for check in verify_run(every, signer[1]) if check.faults]
        assert found, path.name
        assert {name.partition(":")[0] for name in found} == {f"scores/{scored.name}"}
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert not failed(every, signer)


def test_a_polished_page_of_a_later_scoring_is_found(every, signer):
    (path,) = (every.path / "scores").iterdir()
    scored = RunDirectory(path)
    page = scored.report.read_bytes()
    scored.report.write_bytes(polished(page))
    scored.seal()
    assert failed(every, signer) == ["report.html: not the page that these records give"]


def test_whose_a_later_scoring_is(every, signer, tmp_path):
    from evalharness.evidence import keys

    (path,) = (every.path / "scores").iterdir()
    name, scored = f"scores/{path.name}", RunDirectory(path)
    own = keys.key_id(keys.public_key(signer[1]))
    sign.sign_run(scored, signer[0])
    checks = verify_run(every, signer[1])
    assert f"{name}: signed by the key {own}" in {check.name for check in checks}
    assert not [check.name for check in checks if check.faults]
    scored.attestation.unlink()
    other = keys.key_id(keys.public_key(keys.write_pair(tmp_path / "other.key")))
    sign.sign_run(scored, tmp_path / "other.key")
    checks = verify_run(every, signer[1])
    assert not [check.name for check in checks if check.faults]
    asked = f"{name}: whether the key {other} signed; give its file with --key"
    assert asked in {check.name for check in checks if not check.checked}


def test_what_is_no_finished_scoring_is_named(every):
    (path,) = (every.path / "scores").iterdir()
    RunDirectory(path).manifest.unlink()
    (path.parent / "mine.txt").write_text("mine")
    assert not [check.name for check in verify_run(every) if check.faults]
    assert f"scores/{path.name} (no finished scoring)" in left(every)
    assert "scores/mine.txt (no finished scoring)" in left(every)


def test_a_scoring_under_a_name_that_none_has_is_named(every):
    (path,) = (every.path / "scores").iterdir()
    (path.parent / "loop").symlink_to(every.path, target_is_directory=True)
    path.rename(path.with_name(f"{path.name}.tmp"))
    found = left(every)
    assert f"scores/{path.name}.tmp (no finished scoring)" in found
    assert "scores/loop (no finished scoring)" in found
