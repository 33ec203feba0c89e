"""Writes docs/llms.txt for programs that read docs: what bagkit is, and its pages, which mkdocs.yml names.

    python .ci/llms.py            # writes the file
    python .ci/llms.py --print    # prints it

Each page is named with its first sentence, and the reference with every public name. A test compares the file.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUTSIDE = {
    page: source
    for source, page in re.findall(r'^    "(.+)": "(.+\.md)",$', (ROOT / ".ci/site_pages.py").read_text(), re.MULTILINE)
}
"""Pages that come from outside of docs/. The hook that makes them can't be imported without mkdocs."""
_SKIPPED = ("decisions/", "changelog.md")
_ENTRY = re.compile(
    r"^(?:  - ([\w ]+):|\s+- (?:[\w ]+: )?([\w./-]+\.md))$|^  - ([\w ]+): ([\w./-]+\.md)$", re.MULTILINE
)


def text() -> str:
    """Return the content of llms.txt."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    promise = readme.split("\n\n")[1].replace("\n", " ")
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    lines = ["# bagkit", "", f"> {promise}", "", *(example.group(0).splitlines() if example else [])]
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    lines += ["", "## Start here", ""]
    for section, page, name, alone in _ENTRY.findall(nav):
        if section:
            if section != "Decisions":
                lines += ["", f"## {section}", ""]
        elif not (alone or page).startswith(_SKIPPED):
            lines.append(_line(alone or page, name))
    return "\n".join(lines) + "\n"


def _line(page: str, name: str) -> str:
    """Return the line of a page: its title, where it is, and its first sentence."""
    content = (ROOT / OUTSIDE[page] if page in OUTSIDE else ROOT / "docs" / page).read_text(encoding="utf-8")
    title = name or content.splitlines()[0].removeprefix("# ")
    names = re.findall(r"^::: bagkit\.([\w.]+)$", content, re.MULTILINE)
    if names:
        return f"- [{title}]({page.replace('.md', '.html')}): {', '.join(names)}"
    prose = re.sub(r"^```.*?^```", "", content, flags=re.DOTALL | re.MULTILINE)
    paragraphs = [each for each in prose.split("\n\n") if each.strip() and each.lstrip("\n")[0] not in "#|>-!<*1 "]
    plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", " ".join(paragraphs[0].split())) if paragraphs else ""
    sentence = re.match(r".+?[.?](?=\s|$)", plain)
    said = sentence.group(0) if sentence else plain.rstrip(":") + "."
    return f"- [{title}]({page.replace('.md', '.html')}): {said}"


if __name__ == "__main__":
    if "--print" in sys.argv:
        sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # a program's output is a TextIOWrapper
        print(text(), end="")
    else:
        (ROOT / "docs/llms.txt").write_text(text(), encoding="utf-8")
