"""Examples of docstrings as blocks of code: Markdown takes lines that begin with `>>>` for quotes.

mkdocs.yml names this module below `extensions` of mkdocstrings.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_SESSION = re.compile(r"(?:^|(?<=\n))(?P<indent> *)>>> .*(?:\n(?!\s*\n(?! *>>> )).*)*")
"""Lines from `>>>` to a blank line that no other `>>>` follows."""


class Examples(griffe.Extension):
    """Put the examples of every docstring into fences."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = _SESSION.sub(_fenced, obj.docstring.value)


def _fenced(session: re.Match[str]) -> str:
    indent = session["indent"]
    return f"{indent}```pycon\n{session.group()}\n{indent}```"
