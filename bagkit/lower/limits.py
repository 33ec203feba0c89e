"""Ends a task, in the worker, at the record with which it alone has left out more than the run may."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.lower.graph import Graph, Key, Work, with_works
from bagkit.lower.sampling import leaves_of
from bagkit.plan.kinds import Source


@dataclass(frozen=True, slots=True, eq=False)
class Limited:
    """A Work: does `work`, and gives up with more than `most` records that were left out."""

    work: Work
    most: int

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        report.most = self.most
        return self.work(part, inputs, report)


def readers_of(graph: Graph) -> frozenset[Key]:
    """Return the first keys of the tasks of `graph` that read records of a source."""
    reads: dict[int, bool] = {}
    for task in graph.tasks:
        if id(task.work) not in reads:
            reads[id(task.work)] = any(isinstance(op, Source) for op in leaves_of(task.work))
    return frozenset([task.keys[0] for task in graph.tasks if reads[id(task.work)]])


def turns_of(graph: Graph, targets: Iterable[Key]) -> dict[Key, Key]:
    """Return the task that has its turn just before, for each task below `targets` that has one behind another.

    Keys are the first ones of the tasks, which stand in the graph in their order: as their parts in a file, say.
    """
    needed = graph.below(targets)
    last: dict[Hashable, Key] = {}
    turns: dict[Key, Key] = {}
    for task in graph.tasks:
        key, turn = task.keys[0], graph.turn_of(task)
        if turn is not None and key in needed:
            if turn in last:
                turns[key] = last[turn]
            last[turn] = key
    return turns


def with_limit(graph: Graph, most: int | str | None) -> Graph:
    """Return `graph` with tasks that know how many records they may leave out; of a share only the run can judge."""
    return with_works(graph, lambda work: Limited(work, most)) if isinstance(most, int) else graph
