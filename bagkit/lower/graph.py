"""What schedulers run: tasks, named by keys, that need the values of other tasks.

    task      one call: `work(part, inputs, report)`
    work      shared by all tasks of a stage, so it crosses to a worker once a run, not once a task
    part      what is the task's own: file ranges, a slice of a list, a number
    inputs    the values of `needs`, in that order
    report    what the task has to say beside its value (progress, counts, skipped records)

A Graph is checked once, when it is made. Schedulers know this file and nothing of plans.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from bagkit.errors import PlanError
from bagkit.flow.buckets import Dealing
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.work.in_turn import EachInTurn

Key = Hashable


Work = Callable[[Any, Sequence[Any], Report], Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One call of `work`. With several `keys` it returns as many values; other tasks can need each value alone."""

    keys: tuple[Key, ...]
    work: Work
    part: Any = None
    needs: tuple[Key, ...] = ()
    label: str = ""
    """What it does, for people: `read_text → map(json.loads) → count`."""
    place: str = ""
    """What it does it to, for people: `partition 3 (logs/a.json.gz)`."""
    weight: int = 0
    """Bytes of input, for progress; 0 where unknown."""
    one_of: Hashable = None
    """What tasks have in common whose errors come in turns, in the order of their ranks: the error of an earlier one
    goes before the error of a later one, as if one task had read their file. None: it is no such task."""
    steps: tuple[str, ...] = ()
    """The labels of its steps, in the order in which it reports their figures; none where it is a step itself."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its steps, or its own."""
        return self.steps or (self.label,)


class Graph:
    """Tasks by the keys of their values.

    Raises PlanError for two tasks with one key, a need that no task makes, and a cycle.
    """

    def __init__(self, tasks: Iterable[Task], in_turn: bool = False) -> None:
        self.tasks = tuple(tasks)
        self.in_turn = in_turn
        """Whether errors of all tasks come in turn: the caller may not need what failed."""
        self.maker: dict[Key, Task] = {}
        """The task that makes each key."""
        maker = self.maker
        in_order = True
        for task in self.tasks:
            in_order = in_order and all(map(maker.__contains__, task.needs))
            for key in task.keys:
                if key in maker:
                    raise PlanError(f"graph: two tasks make the key {key!r}: {maker[key].label} and {task.label}")
                maker[key] = task
        if not in_order:  # with each task after those that it needs there is no circle
            self._check_needs()
            self._check_cycles()

    def turn_of(self, task: Task) -> Hashable:
        """Return what tasks have in common whose errors come in turn with the one of `task`; None if it has no turn."""
        return "all in turn" if self.in_turn else task.one_of

    def below(self, keys: Iterable[Key]) -> set[Key]:
        """Return the first keys of the tasks that make `keys`, and of all that these need."""
        found, waiting = set[Key](), list(keys)
        while waiting:
            task = self.maker[waiting.pop()]
            if task.keys[0] not in found:
                found.add(task.keys[0])
                waiting.extend(task.needs)
        return found

    def _check_needs(self) -> None:
        for task in self.tasks:
            for need in task.needs:
                if need not in self.maker:
                    raise PlanError(
                        f"graph: the task {task.label or task.keys[0]!r} needs {need!r}, which no task makes"
                    )

    def _check_cycles(self) -> None:
        import graphlib

        order: graphlib.TopologicalSorter[Key] = graphlib.TopologicalSorter()
        for task in self.tasks:
            if task.needs:
                order.add(task.keys[0], *{self.maker[need].keys[0] for need in task.needs})
        try:
            order.prepare()
        except graphlib.CycleError as error:
            cycle = " -> ".join(map(repr, error.args[1]))
            raise PlanError(f"graph: tasks need each other in a circle: {cycle}") from None


def with_works(graph: Graph, changed: Callable[[Work], Work], some: Iterable[Task] | None = None) -> Graph:
    """Return the graph with works that are `changed`, but for those that run no function and schedulers know.

    Of a work that does another in turn this one is. With `some` tasks it is the graph of these.
    """
    works: dict[int, Work] = {}  # one for each work, which crosses to a worker once

    def work_of(work: Work) -> Work:
        if id(work) not in works:
            if isinstance(work, EachInTurn):
                works[id(work)] = EachInTurn(changed(work.work), work.width)
            else:
                works[id(work)] = changed(work)
        return works[id(work)]

    tasks = graph.tasks if some is None else some
    made = [task if isinstance(task.work, Dealing) else replace(task, work=work_of(task.work)) for task in tasks]
    return Graph(made, graph.in_turn)


def shown_pieces(pieces: Sequence[Any]) -> str:
    """Return what a task works on, for people: `partition 3 (logs/a.json.gz)`."""
    if not pieces:
        return ""
    numbers = sorted({piece.partition for piece in pieces})
    words = f"partition {numbers[0]}" if len(numbers) == 1 else f"partitions {numbers[0]} to {numbers[-1]}"
    labels = [piece.label for piece in pieces if piece.label]
    if len(labels) > 3:
        labels = [labels[0], "…", labels[-1]]
    return f"{words} ({', '.join(labels)})" if labels else words
