"""The page of runs as a whole: HTML for a browser that asks, and for a file that is sent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

IDS = ("ended", "runs", "run", "stages", "steps", "counted", "stream", "workers", "memory", "failures", "said")
"""The parts of the page, in their order."""


@cache
def page_file(name: str) -> str:
    """Return the text of one of the files beside this one."""
    return files("bagkit.live").joinpath(name).read_text("utf-8")


def live_page(parts: Mapping[str, str]) -> str:
    """Return the page that a browser gets, which goes on with the server's events."""
    style, script = '<link rel="stylesheet" href="page.css">', '<script src="page.js"></script>'
    return _page(style, script, _sections(parts))


def whole_page(style: str, content: str) -> str:
    """Return a page in one piece, which asks nobody for anything and runs no script."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>\n{style}</style>'
    return _page(head, "", content)


def _page(style: str, script: str, content: str) -> str:
    first, _, rest = page_file("page.html").partition("<!--sections-->")
    first = first.replace("<!--style-->", style).replace("<!--link-->", "")
    return first + content + rest.replace("<!--script-->", script)


def _sections(parts: Mapping[str, str]) -> str:
    return "\n".join(f'<section id="{name}">{parts.get(name, "")}</section>' for name in IDS)
