"""A hook of the documentation's site: pages that lie elsewhere in the repository, and their links.

Data sheets stand beside their tasks, changelog and security policy at the root, where people look
for them. On the site they are pages too, and links to anything else of the repository lead to its
host.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
SOURCE = "https://github.com/evalharness/evalharness/blob/main"

#: Path in the repository -> path on the site.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    **{
        sheet.relative_to(ROOT).as_posix(): f"data-sheets/{sheet.parent.name}.md"
        for sheet in sorted(ROOT.glob("suites/*/*/DATASHEET.md"))
    },
}

_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside of docs/."""
    for source, target in PAGES.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        named = source.endswith("DATASHEET.md")  # seventy entries would drown the menu
        level = InclusionLevel.NOT_IN_NAV if named else InclusionLevel.INCLUDED
        files.append(File.generated(config, target, content=text, inclusion=level))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links that leave docs/ lead to the page of the site, or to the repository's host."""
    at = {target: source for source, target in PAGES.items()}
    here = at.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def follow(match: re.Match[str]) -> str:
        before, link, anchor, after = match.groups()
        if ":" in link or link.startswith("/"):
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(here), link))
        if target in PAGES:
            shown = PAGES[target]
        elif target.startswith("docs/"):
            shown = target.removeprefix("docs/")
        else:
            return f"{before}{SOURCE}/{target}{anchor or ''}{after}"
        relative = posixpath.relpath(shown, posixpath.dirname(page.file.src_uri) or ".")
        return f"{before}{relative}{anchor or ''}{after}"

    return _LINK.sub(follow, markdown)
