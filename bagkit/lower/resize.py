"""Partitions are what users see; tasks are what workers get. Here large partitions are cut, and many small ones joined.

Only where it can't be seen: one source with nothing but elementwise ops on it, whose records go on in order.

A compressed file is cut too where workers would wait for the one that reads it. That costs something, for all but the
first of its tasks inflate what comes before (`io/input/shares.py`), and it depends on how many workers there are: so
only where the result is the same however records are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import heapreplace
from itertools import groupby
from typing import Any

from bagkit.lower.pending import Pending
from bagkit.plan.node import Plan

CUT_BYTES = 32 << 20
"""Of plain files in one task. Fixed, so that results which depend on it (float sums) do not depend on the machine."""

JOIN_BYTES = 4 << 20
"""Of small files in one task, at the most."""

LEAST_TASKS = 128
"""As many tasks are left whatever is joined: functions may be slow, and workers many."""


MOST_SHARES = 16
"""Of one compressed file: each skips what comes before it, so that more of them gain next to nothing."""

UNEVEN = 1.03
"""How much longer tasks may take than they would if no worker ever waited."""

ROUNDS = 200
"""How often a file is given one share more, at the most."""


def resize(pending: Sequence[Pending], workers: int = 1) -> list[Pending]:
    """Return `pending` with large partitions cut and small ones joined, where their steps allow it.

    Files that can be shared at a cost are shared where some of the `workers` would wait for others.
    """
    most = max(1, len(pending) // LEAST_TASKS)
    result: list[Pending] = []
    for _, run in groupby(pending, key=lambda one: id(one.step)):
        group = list(run)
        if not group[0].step.elementwise:
            result.extend(group)
            continue
        cut = [tuple(small for piece in one.part[0] for small in piece.cut(CUT_BYTES)) for one in group]
        packed = list(_packed(cut, most))
        shared = packed if workers == 1 else _shared(packed, workers)
        result.extend(replace(group[0], part=(pieces,)) for pieces in shared)
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


def is_exact(plan: Plan) -> bool:
    """Return whether `plan`, a reduction or an exchange, gives the same whatever tasks its records come in.

    It does not where it stops reading once it has enough: tasks that read what comes after that may fail there.
    """
    when_cut = plan.op.when_cut
    return when_cut == "same" or (when_cut == "same if plain" and all(below.gives_plain for below in plan.inputs))


def _shared(tasks: list[tuple[Any, ...]], workers: int) -> list[tuple[Any, ...]]:
    """Return the pieces of tasks, where some are a task for each of several shares of a file."""
    weights = [sum(piece.weight for piece in pieces) for pieces in tasks]
    if len(tasks) >= 8 * workers and max(weights) * 4 * workers <= sum(weights):
        return tasks  # enough for all, and none is large
    if any(weight > JOIN_BYTES and len(pieces) > 1 for pieces, weight in zip(tasks, weights, strict=True)):
        tasks = [part for pieces, weight in zip(tasks, weights, strict=True)
                 for part in ([(piece,) for piece in pieces] if weight > JOIN_BYTES else [pieces])]  # fmt: skip
    counts = _share_counts(tasks, workers)
    return [
        (share,) if count > 1 else pieces
        for pieces, count in zip(tasks, counts, strict=True)
        for share in (pieces[0].shares(count) if count > 1 else pieces[:1])
    ]


def _share_counts(tasks: Sequence[tuple[Any, ...]], workers: int) -> list[int]:
    """Return for each task how many it becomes, so that the workers are done as soon as can be."""
    found = [pieces[0].shares(min(workers, MOST_SHARES)) if len(pieces) == 1 else pieces[:1] for pieces in tasks]
    most = list(map(len, found))
    costs = [sum(piece.weight for piece in pieces) for pieces in tasks]
    limit, counts = UNEVEN * sum(costs) / workers, [1] * len(tasks)
    best, soonest = counts, float("inf")
    for _ in range(ROUNDS):
        ends = _ends(costs, counts, workers)
        if max(ends) < soonest:
            best, soonest = counts, max(ends)
        growing = [number for number, count in enumerate(counts) if count < most[number]]
        if not growing or soonest <= limit:
            break
        last = max(range(len(tasks)), key=lambda number: (ends[number], number))
        if counts[last] == most[last]:
            last = max(growing, key=costs.__getitem__)
        counts = [count + (number == last) for number, count in enumerate(counts)]
        costs[last] = tasks[last][0].shares(counts[last])[0].weight  # the first skips nothing, others take as long
    return best


def _ends(costs: Sequence[int], counts: Sequence[int], workers: int) -> list[int]:
    """Return when each task is done, all its shares, if the next one always begins when a worker is free."""
    free = [0] * workers
    return [
        max([heapreplace(free, free[0] + cost) + cost for _ in range(count)])
        for cost, count in zip(costs, counts, strict=True)
    ]
