"""show: values as a tree that a notebook opens and closes, and as indented text where there is no notebook."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from bagkit.errors import LazyError, PlanError, one_line
from bagkit.front_doors import front_door
from bagkit.html.style import framed
from bagkit.html.trees import DEEPEST, TREE, brief, parts_of, tree
from bagkit.signatures import whole_number

WIDTH: Final = 100
LINES: Final = 60
WIDEST: Final = 20
"""Parts of one list or dict, in text."""


class Shown:
    """A value that a notebook and a prompt show as a tree, cut to what people can read; `value` is all of it.

    >>> import bagkit as bk
    >>> bk.show([1, 2]).value
    [1, 2]
    """

    __slots__ = ("_levels", "value")

    def __init__(self, value: Any, levels: int | None) -> None:
        self.value = value
        self._levels = levels

    def __repr__(self) -> str:
        found = list(islice(_lines("", self.value, 0, self._levels), LINES + 1))
        return "\n".join([*found[:LINES], "…"] if len(found) > LINES else found)

    def _repr_html_(self) -> str:
        return framed(tree(self.value, self._levels), style=TREE)


@front_door
def show(value: Any, levels: int | None = None) -> Shown:
    """Show records, or any other value, as a tree: in a notebook it opens and closes, at a prompt it is text.

    A notebook shows it if it is the last expression of a cell, and `display` shows it anywhere else; `print` gives the
    text. A huge value is cut: to about 1,000 of its parts in a notebook, and to 60 lines of text.

    Args:
        value: What to show: the result of `take` or `compute`, a record, a list, anything that is computed.
        levels: How many levels are open at first. Default: None, all levels if there is little to see, otherwise one.

    Returns:
        A Shown, whose `value` is the value.

    Raises:
        LazyError: The value is a bag, an Item or a delayed value.
        PlanError: `levels` is no number of levels.

    >>> import bagkit as bk
    >>> records = bk.from_sequence([{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": []}]).take(2, scheduler="sync")
    >>> bk.show(records)
    ({id: 1, tags: ['a', 'b']}, {id: 2, tags: []})
    """
    depth = whole_number(levels)
    if levels is not None and (depth is None or depth < 0):
        raise PlanError(f"show: levels is {one_line(levels, 60)}; expected None, or an int of 0 or more")
    if hasattr(type(value), "__dask_graph__"):
        kind = type(value).__name__
        hint = "value.compute()" if not hasattr(type(value), "take") else "bag.take(5)"
        raise LazyError(f"show: got a {kind}, which is not computed yet; hint: bagkit.show({hint})")
    return Shown(value, depth)


def _lines(key: str, value: Any, depth: int, levels: int | None) -> Iterator[str]:
    """Yield the lines of a value below its `key`."""
    indent = "  " * depth + (f"{key}: " if key else "")
    found = parts_of(value)
    room = max(20, WIDTH - len(indent))
    short = brief(value, room)
    if found is None or not short.endswith("…") or depth >= DEEPEST or (levels is not None and depth >= levels):
        yield indent + short
        return
    start, size, parts, end = found
    yield indent + start
    for name, part in islice(parts, WIDEST):
        yield from _lines(name, part, depth + 1, levels)
    if size > WIDEST:
        yield "  " * (depth + 1) + f"… {size - WIDEST:,} more"
    yield "  " * depth + end
