"""Many small partitions in one task, one after the other, where each is still a partition of its own.

`resize` joins the pieces of neighbours where all ops work record by record. A partition of an exchange, or what
`map_partitions` is given, can't be joined so. Here one task makes several of them in turn: what a task costs is paid
once, and what a partition costs is a few steps that begin again.

Only where nobody sees which task made what: records go on in order, into a result, a reduction or an exchange.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bagkit.lower.pending import Pending
from bagkit.plan.kinds import Source
from bagkit.work.steps import Collecting, Joined, Step


def in_turn(group: Sequence[Pending], most: int, nbytes: int) -> Iterator[Pending]:
    """Yield the partitions of `group`, of one step, up to `most` of them together if they are small.

    Those have `nbytes` of input together at the most. A partition whose size nobody knows stays alone.
    """
    if most < 2 or not _can_be_joined(group[0].step):
        yield from group
        return
    waiting: list[Pending] = []
    weight = 0
    for one in group:
        size = weight_of(one)
        if waiting and (size is None or len(waiting) >= most or weight + size > nbytes):
            yield _joined(waiting)
            waiting, weight = [], 0
        if size is None:
            yield one
        else:
            waiting.append(one)
            weight += size
    if waiting:
        yield _joined(waiting)


def weight_of(one: Pending) -> int | None:
    """Return about how many bytes of input a partition is made of; None where nobody knows."""
    if one.needs and not one.weight:
        return None
    read: int = sum(piece.weight for part in one.part if isinstance(part, tuple) for piece in part)
    return one.weight + read


def share_of(sides: Sequence[Sequence[Pending]], count: int) -> int:
    """Return about how many bytes each of `count` partitions of an exchange has of its inputs; 0 where nobody knows."""
    weights = [weight_of(one) for side in sides for one in side]
    known = [weight for weight in weights if weight is not None]
    return max(1, sum(known) // count) if len(known) == len(weights) else 0


def _can_be_joined(step: Step) -> bool:
    """Return whether all that a step is made of are sources, or it is made of one exchange and sources."""
    leaves = list(_leaves(step))
    exchanges = sum(isinstance(each.op, Collecting) for each in leaves)
    return exchanges < 2 and all(isinstance(each.op, (Source, Collecting)) for each in leaves)


def _leaves(step: Step) -> Iterator[Step]:
    """Yield the steps that take what a task is given; one whose inputs are used twice itself."""
    if not step.inputs or isinstance(step.op, Joined):
        yield step
    for child in step.inputs if not isinstance(step.op, Joined) else ():
        yield from _leaves(child)


def _joined(several: Sequence[Pending]) -> Pending:
    if len(several) == 1:
        return several[0]
    return replace(
        several[0],
        part=tuple([entry for one in several for entry in one.part]),
        needs=tuple([key for one in several for key in one.needs]),
        weight=sum(one.weight for one in several),
        turns=len(several),
    )


def by_leaf(part: Sequence[object]) -> list[object]:
    """Return the part of a task that has several partitions as if it had one: an entry for each leaf of its step.

    >>> by_leaf((("a",), 2, ("b", "c"), 3, 2))
    [('a', 'b', 'c'), 5]
    """
    *entries, turns = part
    leaves = len(entries) // turns  # type: ignore[operator]  # the last entry is a number
    return [_sum(entries[leaf::leaves]) for leaf in range(leaves)]


def _sum(entries: Sequence[object]) -> object:
    if isinstance(entries[0], int):
        return sum(entries)  # type: ignore[arg-type]  # all of them are
    return tuple([piece for pieces in entries for piece in pieces])  # type: ignore[attr-defined]  # tuples of pieces
