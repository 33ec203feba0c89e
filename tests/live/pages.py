"""What a browser makes of a page: its texts, and what it would run or fetch."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = "<script>document.title='taken'</script>\"'&<img src=x onerror=alert(1)>"


class Page(HTMLParser):
    """A page as it is read; mutable, filled by the text that it is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.cells: list[list[str]] = []
        """The rows of all tables."""
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag == "tr":
            self.cells.append([])
        elif tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.cells and self.cells[-1]:
            self.cells[-1][-1] += data

    @property
    def is_harmless(self) -> bool:
        """Whether nothing of it runs but the page's own script."""
        scripts = [value for name, value in self.attributes if name == "src"]
        handlers = [name for name, _ in self.attributes if name.startswith("on") or name == "style"]
        return set(scripts) <= {"page.js"} and len(scripts) == self.tags.count("script") and not handlers
