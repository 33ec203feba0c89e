"""What mkdocs does not do by itself: pages from files outside of docs/, and links that lead out of it.

mkdocs.yml names this module below `hooks`. README.md and the other files of PAGES become pages. A link to one of them
leads to its page. A link to what the site does not have (samples, folders) stays as its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "measuring.md",
}
"""By the path in the checkout: the page."""
_SOURCES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(([^)#:\s]+)(#[^)\s]*)?\)")
_IMAGE = re.compile(r"!\[([^\[\]]+)\]\(docs/([^)]+)\)")
_BLANK = re.compile(r"^ *<BLANKLINE>$", re.MULTILINE)
"""What doctest has for an empty line."""
_FENCED_SESSION = re.compile(r"^```python\n(?=>>> )", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that come from outside of docs/."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the text of a page with links as the site has them, and sessions of Python in their colours."""
    here = page.file.src_uri
    source = _SOURCES.get(here, f"docs/{here}")

    def linked(link: re.Match[str]) -> str:
        text, target, anchor = link.group(1), link.group(2), link.group(3) or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if not (ROOT / path).exists():
            return link.group()  # mkdocs says what is wrong with it
        goal = PAGES.get(path, path.removeprefix("docs/") if path.startswith("docs/") else "")
        if files.get_file_from_path(goal) is None:
            return text
        return f"[{text}]({posixpath.relpath(goal, posixpath.dirname(here) or '.')}{anchor})"

    shown = _BLANK.sub("", _IMAGE.sub(r"![\1](\2)", markdown) if source == "README.md" else markdown)
    return _FENCED_SESSION.sub("```pycon\n", _LINK.sub(linked, shown))
