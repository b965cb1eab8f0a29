"""Whether the pages of a run's folder are those that its records give: each is drawn again.

What was drawn by another version, or rests on what does not lie in the folder, cannot be told; that
is no fault of the page, and nothing that speaks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import evalharness
from evalharness.checking import Check, NotCheckedError, checked
from evalharness.errors import MissingExtraError
from evalharness.pipeline import load_scorecard
from evalharness.reports.drawn import KINDS, LABEL, LABEL_GIVEN, LABEL_RECORD, PAGE
from evalharness.reports.formats import as_markdown
from evalharness.reports.issued import ENGAGEMENT, RECORD, engagement_of, issued_of, withheld_of
from evalharness.reports.label.given import LabelInput
from evalharness.reports.label.write import (
    Given,
    given_of,
    label_input,
    label_page,
    label_record,
)
from evalharness.reports.language import ENGLISH, known, speaking
from evalharness.reports.made import made_with, maker_of, marked, same_page
from evalharness.reports.page import SCREEN, Medium
from evalharness.reports.write import Draw, assurance_page, scorecard_page
from evalharness.scorecard.model import Scorecard
from evalharness.store.directory import RunDirectory, json_bytes

__all__ = ["page_checks"]


class _NotHereError(Exception):
    """A file rests on what does not lie here; the message says on what."""


@dataclass(frozen=True)
class _Drawn:
    """A file that was drawn: of which kind, and in which language."""

    path: Path
    kind: str
    language: str

    @property
    def name(self) -> str:
        return self.path.name


def page_checks(directory: RunDirectory) -> list[Check]:
    """Of each file that was drawn: that it is what the records give; it changes nothing."""
    again = _Redrawing(directory)
    files = again.files()
    checks = {
        file.name: checked(f"{file.name} is what the records give", partial(again.faults, file))
        for file in files
        if file.path.suffix != ".pdf"
    }
    for file in files:
        if file.path.suffix == ".pdf":  # its bytes depend on the fonts of the machine
            page = checks.get(file.path.with_suffix(".html").name)
            its = "its HTML is" if page is not None and page.checked else "nor is its HTML"
            checks[file.name] = Check.left(f"PDF {file.name} ({its})")
    return list(checks.values())


class _Redrawing:
    """Draws the files of a run's folder again."""

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory

    def files(self) -> list[_Drawn]:
        """The files that were drawn, with label.json."""
        found = []
        for path in self._directory.path.iterdir():
            if path.name == LABEL_RECORD:
                found.append(_Drawn(path, LABEL, ENGLISH.code))
            elif page := PAGE.fullmatch(path.name):
                found.append(_Drawn(path, page[1], page[2] or ENGLISH.code))
        return sorted(found, key=lambda file: (KINDS.index(file.kind), file.name))

    def faults(self, file: _Drawn) -> list[str]:
        """What speaks against a file; nothing where the records give its very bytes.

        Raises:
            NotCheckedError: it cannot be told here, and why.
        """
        there = file.path.read_bytes()
        try:
            if self._is_given(file, there):
                return []
        except (MissingExtraError, _NotHereError) as why:
            raise NotCheckedError(f"{file.name} ({why})") from None
        except Exception:
            self._require_same_maker(file, there)  # else that it cannot be drawn says nothing
            raise
        self._require_same_maker(file, there)
        what = "what" if file.name == LABEL_RECORD else "the page that"
        return [f"{file.name}: not {what} these records give"]

    def _is_given(self, file: _Drawn, there: bytes) -> bool:
        if file.name == LABEL_RECORD:
            return there == json_bytes(label_record(self._label_input))
        if file.language not in known():
            raise _NotHereError(f"this version draws nothing in '{file.language}'")
        draw: Draw = getattr(self, f"_{file.kind}")
        with speaking(file.language):
            if file.path.suffix == ".html":
                return same_page(draw(SCREEN).encode(), there, ".html")
            # whether Markdown has the texts behind a content warning is written nowhere
            return any(
                same_page(marked(as_markdown(draw(Medium(paper=True, hazardous=shown))).encode()),
                          there, ".md")
                for shown in (False, True)
            )  # fmt: skip

    @cached_property
    def _scorecard(self) -> Scorecard:
        return load_scorecard(self._directory)

    @cached_property
    def _report(self) -> Draw:
        return scorecard_page(self._directory, self._scorecard, withheld_of(self._directory))

    @cached_property
    def _assurance(self) -> Draw:
        issued, engagement = issued_of(self._directory), engagement_of(self._directory)
        if issued is None or engagement is None:
            raise _NotHereError(
                f"{RECORD} and {ENGAGEMENT}, which it follows from, are not both here"
            )
        return assurance_page(self._directory, self._scorecard, engagement, issued)

    @cached_property
    def _label(self) -> Draw:
        return label_page(self._label_input)

    @cached_property
    def _label_input(self) -> LabelInput:
        given = given_of(self._directory)
        if given == Given() and self._names_others():
            raise _NotHereError(f"{LABEL_GIVEN}, with what it was given, is not here")
        return label_input(self._directory, self._scorecard, given)

    def _names_others(self) -> bool:
        """Whether the label names a file that is none of the run's records."""
        own = (self._directory.scorecard, self._directory.run_json, self._directory.summary)
        sources = self._directory.read_json(self._directory.path / LABEL_RECORD)["sources"]
        return bool({source["name"] for source in sources} - {path.name for path in own})

    def _require_same_maker(self, file: _Drawn, there: bytes) -> None:
        """Make sure that the file was made with what would draw it here.

        Raises:
            NotCheckedError: it was not, or so it says.
        """
        page = file
        if file.name == LABEL_RECORD:  # which says nothing itself: as its page says
            page = _Drawn(file.path.with_suffix(".html"), LABEL, ENGLISH.code)
            there = page.path.read_bytes() if page.path.is_file() else b""
        said = maker_of(there, page.path.suffix)
        if said is None:
            run = self._directory.read_json(self._directory.run_json)
            said, here = (
                f"evalharness {run['evalharness']}",
                f"evalharness {evalharness.__version__}",
            )
        else:
            with speaking(file.language):
                here = made_with(page.path.suffix)
        if said != here:
            raise NotCheckedError(f"{file.name} (made with {said[:200]}; here is {here})")
