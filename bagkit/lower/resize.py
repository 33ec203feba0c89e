"""Partitions are what users see; tasks are what workers get. Here large partitions are cut, and many small ones joined.

Only where it can't be seen: one source with nothing but elementwise ops on it, whose records go on in order. Partitions
of other steps stay what they are, but one task may make many small ones (`in_turn.py`).

A compressed file is cut too where workers would wait for the one that reads it: between two of its members if it has
several (`io/input/borders.py`), and elsewhere so that all but the first of its tasks inflate what comes before
(`io/input/shares.py`). It depends on how many workers there are: so only where the result is the same however records
are cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import heapreplace
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from bagkit.lazily import Lazily
from bagkit.lower.in_turn import in_turn, small_ones
from bagkit.lower.pending import Pending
from bagkit.plan.node import Plan
from bagkit.plan.pieces import Separable
from bagkit.work.steps import Collecting

tables = Lazily("bagkit.ops.tables")

CUT_BYTES = 32 << 20
"""Bytes of plain files in one task. Fixed, so that results that depend on it do not depend on the machine."""

JOIN_BYTES = 4 << 20
"""Of small files in one task, at the most."""

LEAST_TASKS = 64
"""As many tasks are left whatever is joined, for functions may be slow."""

TASKS_A_WORKER = 8
"""The same for each of many workers."""

SPREAD_TASKS = 12
"""The same of partitions that nobody has asked for."""

MOST_SHARES = 16
"""Of one compressed file: each skips what comes before it, so that more of them gain next to nothing."""

UNEVEN = 1.03
"""How much longer tasks may take than they would if no worker ever waited."""

ROUNDS = 200
"""How often a file is given one share more, at the most."""


def resize(pending: Sequence[Pending], workers: int = 1) -> list[Pending]:
    """Return `pending` with large partitions cut and small ones joined, where their steps allow it.

    Files that can be shared at a cost are shared where some of the `workers` would wait for others. Partitions that
    can't be joined are put into one task, one after the other, where they are small.
    """
    most = max(1, len(pending) // least_tasks(workers))
    result: list[Pending] = []
    for _, run in groupby(pending, key=lambda one: id(one.step)):
        group = list(run)
        if not group[0].step.elementwise:
            result.extend(in_turn(group, max(most, _most_spread(group)), JOIN_BYTES))
            continue
        cut = [tuple(small for piece in one.part[0] for small in piece.cut(CUT_BYTES)) for one in group]
        packed = list(_packed(cut, most))
        opaque = any(op.opaque for op in group[0].step.ops())
        shared = packed if workers == 1 else _shared(packed, workers, opaque)
        result.extend(replace(group[0], part=(pieces,)) for pieces in shared)
    return result


def least_tasks(workers: int) -> int:
    """Return how many tasks are left whatever is joined."""
    return max(LEAST_TASKS, TASKS_A_WORKER * workers)


def are_many(workers: int) -> bool:
    """Return whether more tasks are left for these `workers` than for one."""
    return least_tasks(workers) > LEAST_TASKS


def _most_spread(group: Sequence[Pending]) -> int:
    """Return how many partitions to put into one task where nobody has asked for them."""
    collected = [op.exchange for op in group[0].step.ops() if isinstance(op, Collecting)]
    spread = any(tables.has_made(op, "ByTable") and op.is_spread for op in collected)
    return len(group) // SPREAD_TASKS if spread else 1


def _packed(partitions: Sequence[tuple[Any, ...]], most: int) -> Iterator[tuple[Any, ...]]:
    """Yield the pieces of tasks: at the most `most` partitions and JOIN_BYTES together, or CUT_BYTES of one."""
    for several in small_ones(partitions, _small_weight, most, JOIN_BYTES):
        pieces = tuple(chain.from_iterable(several))
        if _small_weight(pieces) is None:
            yield from map(tuple, small_ones(pieces, attrgetter("weight"), len(pieces), CUT_BYTES * 3 // 2))
        elif pieces:
            yield pieces


def _small_weight(pieces: Iterable[Any]) -> int | None:
    """Return the weight of pieces; None if it is too much for a task."""
    weight: int = sum(piece.weight for piece in pieces)
    return weight if weight <= CUT_BYTES else None


def is_exact(plan: Plan) -> bool:
    """Return whether `plan`, a reduction or an exchange, gives the same whatever tasks its records come in.

    It does not where it stops reading once it has enough: tasks that read what comes after that may fail there.
    """
    when_cut = plan.op.when_cut
    return when_cut == "same" or (when_cut == "same if plain" and all(below.gives_plain for below in plan.inputs))


def _shared(tasks: list[tuple[Any, ...]], workers: int, opaque: bool) -> list[tuple[Any, ...]]:
    """Return the pieces of tasks, where some are a task for each of several shares of a file.

    `opaque` says whether code of the user's works on the records.
    """
    weights = [sum(piece.weight for piece in pieces) for pieces in tasks]
    if len(tasks) >= 8 * workers and max(weights) * 4 * workers <= sum(weights):
        return tasks  # enough for all, and none is large
    if any(weight > JOIN_BYTES and len(pieces) > 1 for pieces, weight in zip(tasks, weights, strict=True)):
        tasks = [part for pieces, weight in zip(tasks, weights, strict=True)
                 for part in ([(piece,) for piece in pieces] if weight > JOIN_BYTES else [pieces])]  # fmt: skip
    sharings = [_Sharing(pieces, workers, opaque) for pieces in tasks]
    while True:
        counts = _share_counts(sharings, workers)
        unseen = [one for one, count in zip(sharings, counts, strict=True) if count > 1 and not one.is_sure]
        if not unseen:
            break
        for one, count in zip(sharings, counts, strict=True):
            if one in unseen:
                one.look(count)
    return [
        (share,) if count > 1 else pieces
        for pieces, one, count in zip(tasks, sharings, counts, strict=True)
        for share in (one.shares(count) if count > 1 else pieces[:1])
    ]


class _Sharing:
    """Ways to share the pieces of one task; mutable, of one planning.

    A file that may have parts which are read without each other is thought to have them, until it is opened: which is
    done only if it is to be shared then.
    """

    def __init__(self, pieces: tuple[Any, ...], workers: int, opaque: bool) -> None:
        self._pieces = pieces
        self._opaque = opaque
        self._workers = workers
        self.parts: Sequence[Any] | None = None
        """Its parts that are read without each other, once they are found."""
        self.weight: int = sum(piece.weight for piece in pieces)
        separable = len(pieces) == 1 and isinstance(pieces[0], Separable)
        most = min(workers, pieces[0].most_parts) if separable else 1
        self.is_sure = most < 2
        """Whether it is known to be shared in this way."""
        self.most = most
        if self.is_sure:
            self._share_again()

    def _share_again(self) -> None:
        """Have shares that read what is before them, as far as there are any."""
        count = min(self._workers, MOST_SHARES)
        self.most = len(self._pieces[0].shares(count, self._opaque)) if len(self._pieces) == 1 else 1

    def look(self, count: int) -> None:
        """Find out whether there are parts that are read without each other."""
        self.is_sure = True
        parts = self._pieces[0].parts(count)
        if len(parts) > 1:
            self.parts, self.most = parts, len(parts)
        else:
            self._share_again()

    def shares(self, count: int) -> Sequence[Any]:
        """Return `count` shares."""
        return self._pieces[0].shares(count, self._opaque) if self.parts is None else self.parts

    def cost(self, count: int) -> int:
        """Return how long each of `count` shares takes."""
        if not self.is_sure:
            return self.weight // count
        largest: int = max([piece.weight for piece in self.shares(count)])
        return largest  # of those that skip the first, and the others take as long


def _share_counts(sharings: Sequence[_Sharing], workers: int) -> list[int]:
    """Return for each task how many it becomes, so that the workers are done as soon as can be."""
    counts = [1 if one.parts is None else one.most for one in sharings]
    costs = [one.cost(count) if count > 1 else one.weight for one, count in zip(sharings, counts, strict=True)]
    limit = UNEVEN * sum(one.weight for one in sharings) / workers
    best, soonest = counts, float("inf")
    for _ in range(ROUNDS):
        ends = _ends(costs, counts, workers)
        if max(ends) < soonest:
            best, soonest = counts, max(ends)
        growing = [number for number, count in enumerate(counts) if count < sharings[number].most]
        if not growing or soonest <= limit:
            break
        last = max(range(len(sharings)), key=lambda number: (ends[number], number))
        if counts[last] == sharings[last].most:
            last = max(growing, key=costs.__getitem__)
        counts = [count + (number == last) for number, count in enumerate(counts)]
        costs[last] = sharings[last].cost(counts[last])
    return best


def _ends(costs: Sequence[int], counts: Sequence[int], workers: int) -> list[int]:
    """Return when each task is done, all its shares, if the next one always begins when a worker is free."""
    free = [0] * workers
    return [
        max([heapreplace(free, free[0] + cost) + cost for _ in range(count)])
        for cost, count in zip(costs, counts, strict=True)
    ]
