"""Partitions are what users see; tasks are what workers get. Here large partitions are cut, and many small ones joined.

Only where it can't be seen: one source with nothing but elementwise ops on it, whose records go on in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bagkit.lower.lower import Pending

CUT_BYTES = 32 << 20
"""Of plain files in one task. Fixed, so that results which depend on it (float sums) do not depend on the machine."""

JOIN_BYTES = 4 << 20
"""Of small files in one task, at the most."""

LEAST_TASKS = 128
"""As many tasks are left whatever is joined: functions may be slow, and workers many."""


def resize(pending: Sequence[Pending]) -> list[Pending]:
    """Return `pending` with large partitions cut and small ones joined, where their steps allow it."""
    most = max(1, len(pending) // LEAST_TASKS)
    result: list[Pending] = []
    for _, run in groupby(pending, key=lambda one: id(one.step)):
        group = list(run)
        if not group[0].step.elementwise:
            result.extend(group)
            continue
        cut = [tuple(small for piece in one.part[0] for small in piece.cut(CUT_BYTES)) for one in group]
        result.extend(replace(group[0], part=(pieces,)) for pieces in _packed(cut, most))
    return result


def _packed(partitions: Sequence[tuple[Any, ...]], most: int) -> Iterator[tuple[Any, ...]]:
    """Yield the pieces of tasks: at the most `most` partitions and JOIN_BYTES together, or CUT_BYTES of one."""
    waiting: list[Any] = []
    count = weight = 0
    for pieces in partitions:
        size = sum(piece.weight for piece in pieces)
        if waiting and (count >= most or weight + size > JOIN_BYTES):
            yield tuple(waiting)
            waiting, count, weight = [], 0, 0
        if size > CUT_BYTES:
            yield from _in_portions(pieces)
            continue
        waiting.extend(pieces)
        count += 1
        weight += size
    if waiting:
        yield tuple(waiting)


def _in_portions(pieces: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    portion: list[Any] = []
    weight = 0
    for piece in pieces:
        if portion and weight + piece.weight > CUT_BYTES * 3 // 2:
            yield tuple(portion)
            portion, weight = [], 0
        portion.append(piece)
        weight += piece.weight
    if portion:
        yield tuple(portion)
