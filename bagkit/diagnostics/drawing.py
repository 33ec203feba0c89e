"""What a picture shows, without where: nodes, the edges between them, and how wide text is.

Node      a function (an ellipse), data (a box) or a chain of operations that run as one task (a rounded box)
Edge      from a node to one that works on what it gives
Drawing   all of them, with their direction
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bagkit.visible import without_secrets

Shape = Literal["function", "data", "chain"]

LONGEST_LINE = 48
"""How many characters of a line are shown; the tooltip has the whole text."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a picture; its texts come from `clean`."""

    lines: tuple[str, ...]
    shape: Shape
    fill: str
    """A colour, as `#rrggbb`."""

    @property
    def shown(self) -> tuple[str, ...]:
        """The lines, cut where they are long."""
        return tuple(line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…" for line in self.lines)


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from the node number `source` to the node number `target`."""

    source: int
    target: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nodes and edges; `rankdir` says which way edges go: TB, BT, LR or RL, from top to bottom and so on."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    rankdir: str


def clean(text: str) -> str:
    """Return `text` with what can't be seen, or turns what stands beside it around, replaced by U+FFFD; no passwords.

    >>> clean("a\\x1b\\u202eb") == "a\\ufffd\\ufffdb"
    True
    """
    text = without_secrets(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(one) in _UNSEEN else one for one in text)


_UNSEEN = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}


def text_width(text: str) -> float:
    """Return about how wide `text` is in Helvetica, in units of the font's size: rather too much than too little."""
    return sum(_WIDTHS.get(one) or _other_width(one) for one in text)


def _other_width(one: str) -> float:
    return 1.0 if unicodedata.east_asian_width(one) in "WF" else 0.62


_WIDTHS = {
    one: width
    for letters, width in (
        ("ijl'|", 0.25), (" !,./:;I[]\\ft", 0.31), ("()-`r{}*\"", 0.39), ("^ckJsvxyz", 0.52),
        ("#$?_0123456789Labdeghnopqu", 0.58), ("+<=>~FTZ", 0.61), ("&ABEKPSVXY", 0.68),
        ("CDHNRUw", 0.74), ("GOQm", 0.84), ("%M", 0.9), ("W@", 1.02), ("…", 1.0), ("→", 1.0),
    )
    for one in letters
}  # fmt: skip
