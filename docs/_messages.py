"""Brings the message catalogues up to date: evalharness/reports/locales/<code>.po.

    python docs/_messages.py            write; new messages wait untranslated at the end
    python docs/_messages.py --check    exit 1 when a catalogue is stale or a message untranslated

A message comes from one of four places: the reports' code and templates (calls of `_`, `plural` and
`said`); words that stand in data (outcomes, dimensions, units, roles); texts that earlier stages
compose (notes, reasons, interval methods: the literals of their modules, an f-string with its
fields in braces); and the library (what each task measures, content warnings, policies).
"""

from __future__ import annotations

import ast
import io
import itertools
import re
import string
import sys
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import yaml
from _message_words import COMPOSED, COMPOSING, SILENT, UNSHOWN, WORDS
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2.ext import extract_from_ast

import evalharness
from evalharness.banks.rules import rules
from evalharness.reports.language import FOLDER
from evalharness.reports.page import environment
from evalharness.reports.view import GLOSSARY
from evalharness.scorecard.coverage import STATES
from evalharness.scorers import validity
from evalharness.scorers.registry import BUILT_IN
from evalharness.tasks.frameworks import framework
from evalharness.tasks.frameworks import known as frameworks

ROOT = Path(evalharness.__file__).parent
REPOSITORY = ROOT.parent
CALLS = ("_", "plural", "said")
#: Words of a citation, which stays as it is: "Huang and Xiong 2023", "Findings of ACL".
CITED = frozenset({"and", "et", "al", "of", "evalharness"})

HEADER = """\
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\\n"
"Language: {code}\\n"

"""


def messages() -> dict[str, set[str]]:
    """Every message -> the files that it comes from."""
    found: dict[str, set[str]] = {}
    for where, text in (
        *_code(),
        *_templates(),
        *_words(),
        *_composed(),
        *_failures(),
        *_library(),
        *_frameworks(),
        *_cards(),
    ):
        found.setdefault(text, set()).add(where)
    return found


def _code() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "reports").rglob("*.py")):
        for call in _calls(path, CALLS):
            for argument in call.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield _place(path), argument.value
    for text in GLOSSARY.values():
        yield _place(ROOT / "reports" / "view.py"), text


def _calls(path: Path, names: Container[str]) -> Iterator[ast.Call]:
    """Calls in a module of functions with these names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = node.func if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and isinstance(called, ast.Name) and called.id in names:
            yield node


def _templates() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "reports" / "templates").glob("*.j2")):
        tree = environment().parse(path.read_text(encoding="utf-8"))
        for _line, _name, found in extract_from_ast(tree, CALLS):
            for text in (found,) if isinstance(found, str) else found or ():
                if text is not None:
                    yield _place(path), text


def _words() -> Iterator[tuple[str, str]]:
    for text in (*WORDS, *COMPOSED):
        yield "docs/_message_words.py", text


def _composed() -> Iterator[tuple[str, str]]:
    for name in COMPOSING:
        root = ROOT / name
        for path in sorted(root.rglob("*.py")) if root.is_dir() else (root,):
            if path.relative_to(ROOT).as_posix() not in SILENT:
                tree = ast.parse(path.read_text(encoding="utf-8"))
                for text in _literals(tree):
                    yield _place(path), text


def _failures() -> Iterator[tuple[str, str]]:
    """Why a model gave no answer: what adapters say of it."""
    for path in sorted((ROOT / "adapters").rglob("*.py")):
        for call in _calls(path, ("Failure",)):
            for text in _literals(call):
                yield _place(path), text


def _literals(node: ast.AST) -> Iterator[str]:
    """Literals that read as words, but for docstrings, errors and descriptions of fields."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Raise | ast.Assert) or _is_apart(child):
            continue
        if isinstance(child, ast.keyword) and child.arg == "description":
            continue
        text = _text(child)
        if text is None:
            yield from _literals(child)
        elif _is_words(text) or (_is_title(node) and text):
            yield text


def _is_apart(node: ast.AST) -> bool:
    """A docstring, a type, or a call that makes an error."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.AnnAssign | ast.Assign):  # those of a sheet for raters
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        return isinstance(target, ast.Name) and target.id == "questions"
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Name) and called.id.endswith("Error")


def _is_title(node: ast.AST) -> bool:
    """What gives a metric its title, unit or units counted."""
    names: tuple[str | None, ...] = ()
    if isinstance(node, ast.keyword):
        names = (node.arg,)
    elif isinstance(node, ast.AnnAssign | ast.Assign):
        targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
        names = tuple(target.id for target in targets if isinstance(target, ast.Name))
    return any(name in {"title", "unit", "counted"} for name in names)


def _is_words(text: str) -> bool:
    fixed = re.sub(r"\{\w+\}", "", text)
    odd = "\n" in text or "\\" in text or "(?" in text or len(text) > 400 or text in UNSHOWN
    words = re.findall(r"[A-Za-z]{2,}", fixed)
    return not odd and " " in text and bool(words) and len("".join(words)) >= 4


def _text(node: ast.AST) -> str | None:
    """A literal as a message: an f-string's expressions become fields, each with its own name."""
    if isinstance(node, ast.Constant):
        return node.value.strip(" ,;:") if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts: list[str] = []
    names: dict[str, str] = {}
    for part in node.values:
        if isinstance(part, ast.Constant):
            parts.append(str(part.value).replace("{", "(").replace("}", ")"))
        elif isinstance(part, ast.FormattedValue):
            parts.append(f"{{{_field(part.value, names)}}}")
    return "".join(parts).strip(" ,;:")


def _field(node: ast.expr, names: dict[str, str]) -> str:
    said = ast.unparse(node)
    if said not in names:
        name = (node.attr if isinstance(node, ast.Attribute) else said).strip("_")
        plain = name.isidentifier() and name not in names.values()
        names[said] = name if plain else string.ascii_lowercase[len(names)]
    return names[said]


def _library() -> Iterator[tuple[str, str]]:
    for path in sorted((REPOSITORY / "suites").glob("*/*/task.yaml")):
        task = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key in ("title", "construct", "content_warning"):
            if task.get(key):
                yield "suites", " ".join(str(task[key]).split())
        for key in ("source", "licence"):
            yield from (("suites", part) for part in _prose(task.get(key)))
        for value in _wheres(task):
            yield "suites", value
        for tag in _tags(task):
            yield "suites", tag.replace("_", " ")
    for name in sorted(BUILT_IN):
        scores = getattr(BUILT_IN[name], "scores", ())
        for score in scores if isinstance(scores, tuple) else ():
            yield "scorers", score.replace("_", " ")
    for path in sorted((REPOSITORY / "configs" / "policies").glob("*.yaml")):
        policy = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key in ("title", "note"):
            if policy.get(key):
                yield "configs/policies", " ".join(str(policy[key]).split())


def _prose(text: str | None) -> Iterator[str]:
    """The parts of a source or licence that are more than a citation: those with words."""
    for part in " ".join((text or "").split()).split("; "):
        words = (word.strip("().,:'") for word in part.split())
        if any(re.fullmatch(r"[a-z][a-z'-]+", word) and word not in CITED for word in words):
            yield part


def _frameworks() -> Iterator[tuple[str, str]]:
    """What is said of a framework: its title, its source, what stands instead of a clause."""
    for name in sorted(frameworks()):
        found = framework(name)
        for text in (found.note, *(code.instead for code in found.codes)):
            if text:
                yield "configs/frameworks", text
        for text in (found.title, found.publisher, found.version, found.source):
            if re.search("[a-z]{2}", text) and " " in text:  # more than a number or one name
                yield "configs/frameworks", text
    bank = rules("gbt-45654")
    for text in (bank.note, bank.source):
        if text is not None:
            yield "configs/banks", text
    yield from (("scorecard/coverage", text) for pair in STATES.items() for text in pair)
    yield from (("configs/frameworks", text) for text in ("primary", "secondary", "unverified"))


def _wheres(task: dict[str, Any]) -> list[str]:
    """Values of tags to which metrics are restricted: they stand in the metrics' titles."""
    uses = [use for use in task.get("metrics", ()) if isinstance(use, dict)]
    options: list[dict[str, Any]] = []
    for use in uses:
        options += [use, *(inner for inner in use.values() if isinstance(inner, dict))]
    wheres = [option["where"] for option in options if isinstance(option.get("where"), dict)]
    return sorted({str(value) for where in wheres for value in where.values()})


def _tags(task: dict[str, Any]) -> list[str]:
    """The tags of a task's samples, by which its figures are sliced."""
    data = task.get("data", {})
    parts = [*(data if isinstance(data, list) else [data]), task.get("mirror", {})]
    found = set(task.get("slices", ()))
    for part in parts:
        tags = part.get("sample", {}).get("tags", {}) if isinstance(part, dict) else {}
        found |= set(tags if isinstance(tags, dict) else ())
    return sorted(found)


def _cards() -> Iterator[tuple[str, str]]:
    for card in validity.cards().values():
        for text in card.not_measured:
            yield "scorers/cards", text


def _place(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def updated(path: Path) -> tuple[Catalog, list[str]]:
    """A catalogue with today's messages, and those of them that it does not translate."""
    with path.open("rb") as file:
        old = read_po(file, locale=path.stem.replace("-", "_"), abort_invalid=True)
    translated = {str(entry.id): str(entry.string) for entry in old if entry.id}
    new = Catalog(locale=path.stem.replace("-", "_"), fuzzy=False)
    missing = []
    for text, places in messages().items():
        new.add(text, translated.get(text, ""), locations=[(place, 0) for place in sorted(places)])
        if not translated.get(text):
            missing.append(text)
    return new, missing


def written(path: Path, catalogue: Catalog) -> bytes:
    """A catalogue's file, under the comment that it has: the same messages give the same bytes."""
    head = itertools.takewhile(
        lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines(True)
    )
    file = io.BytesIO()
    write_po(file, catalogue, width=0, omit_header=True, sort_output=False, include_lineno=False)
    return ("".join(head) + HEADER.format(code=path.stem)).encode() + file.getvalue()


def main(arguments: list[str]) -> int:
    """Write or check every catalogue."""
    faults = 0
    for path in sorted(FOLDER.glob("*.po")):
        catalogue, missing = updated(path)
        made = written(path, catalogue)
        if "--check" not in arguments:
            path.write_bytes(made)
        elif made != path.read_bytes():
            sys.stderr.write(f"{path.name} is stale: run python docs/_messages.py\n")
            faults += 1
        for text in missing:
            sys.stderr.write(f"{path.name} does not translate: {text!r}\n")
        faults += len(missing)
    return 1 if faults and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
