"""Scales a sample up: how many times longer each step takes for everything than for the sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bagkit.flow.buckets import Dealing
from bagkit.light_classes import dataclass
from bagkit.lower.graph import Graph, Key, Task
from bagkit.lower.sampling import Some, takes_any
from bagkit.lower.stages import Stage, StageStep
from bagkit.work.steps import TaskRecords


class Measured(Protocol):
    """What a step did: in one task, or in several."""

    @property
    def records_in(self) -> int: ...
    @property
    def records_out(self) -> int: ...
    @property
    def bytes_read(self) -> int: ...
    @property
    def cut(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Scale:
    """How what was measured of a stage compares to all of it."""

    times: tuple[float, ...]
    """How many times longer each step takes for everything."""
    at_least: bool = False
    """Whether it may be more: nobody knows how much there is."""


class Scales:
    """The scales of the stages of `graph` after a run of `sample`; mutable while they are worked out."""

    def __init__(self, graph: Graph, sample: Graph, figures: Mapping[Key, Sequence[Measured]]) -> None:
        """`figures` are of the steps of each task that ran, by its first key."""
        self._graph = graph
        self._sample = sample
        self._figures = figures
        self._some = Some(graph, 1)
        self._growth: dict[Key, float] = {}
        """How many times more records a task of the sample would have given, by all its keys."""
        self._open: set[Key] = set()

    def of(self, stage: Stage, known: Sequence[StageStep], steps: Sequence[Measured]) -> Scale:
        """Return the scale of a stage, whose steps, as `known`, did `steps`; the stages that it needs come before."""
        ran = [task for task in self._sample.tasks if task.keys[0] in stage.keys]
        every = [task for task in self._graph.tasks if task.keys[0] in stage.keys]
        first, own, at_least = self._taken(ran, steps)
        growth: list[float] = []
        for number, step in enumerate(steps):
            inputs = known[number].inputs
            given = sum(steps[below].records_out for below in inputs)
            before = growth[inputs[0]] if inputs else first
            growth.append(before * (given / step.records_in if step.records_in and given > step.records_in else 1.0))
            at_least = at_least or (step.cut and bool(inputs))
        for task in ran:
            self._growth.update(dict.fromkeys(task.keys, growth[-1] if growth else first))
            self._open.update(task.keys if at_least else ())
        more = _more(ran, every)
        times = [(own if not number else 1.0) * each * more for number, each in enumerate(growth)]
        return Scale(tuple(times), at_least)

    def _taken(self, ran: Sequence[Task], steps: Sequence[Measured]) -> tuple[float, float, bool]:
        """Return how much more a task would take in: of records, and of values; and whether it may be more."""
        growth, own = 1.0, 1.0
        at_least = any(need in self._open for task in ran for need in task.needs)
        for task in ran[:1]:
            for op, needs in self._some.needs(self._graph.maker[task.keys[0]]):
                made = [need for need in needs if need in self._growth]
                times = len(needs) / max(1, len(made))
                if takes_any(op) and not isinstance(op, Dealing):
                    own = max(own, times)
                elif made:
                    growth = max(
                        growth, self._growth[made[0]] * (times if isinstance(op, (TaskRecords, Dealing)) else 1.0)
                    )
        read = sum(step.bytes_read for step in steps)
        if any(step.cut for step in steps) and not any(task.needs for task in ran):
            known = [(task.weight, self._figures[task.keys[0]]) for task in ran]
            weight = sum(size if any(s.cut for s in done) else sum(s.bytes_read for s in done) for size, done in known)
            if read and weight >= read and all(size for size, _ in known):
                growth = weight / read
            else:
                at_least = True
        return growth, own, at_least


def _more(ran: Sequence[Task], every: Sequence[Task]) -> float:
    """Return how many times more the tasks of a stage are than those that ran."""
    if ran and all(task.weight for task in every):
        return sum(task.weight for task in every) / sum(task.weight for task in ran)
    return len(every) / max(1, len(ran))


def used(steps: Sequence[Measured], known: Sequence[StageStep]) -> tuple[int, ...]:
    """Return how many of the records of each step others took: of a sample there may be more, which were counted."""
    taken: dict[int, int] = {}
    for step, one in zip(steps, known, strict=True):
        if len(one.inputs) == 1:
            taken[one.inputs[0]] = max(taken.get(one.inputs[0], 0), step.records_in)
    return tuple([min(step.records_out, taken.get(number, step.records_out)) for number, step in enumerate(steps)])


def reader(task: Any) -> str:
    """Return what one task reads, for people: `one xz file`; "" if that is no file."""
    pieces = [piece for part in task.part if isinstance(part, tuple) for piece in part] if task.weight else []
    files = [piece for piece in pieces if hasattr(piece, "compression")]  # databases and entries of caches have none
    kinds = {piece.compression for piece in files}
    paths = {piece.path for piece in files}
    if len(kinds) != 1 or len(paths) != 1:
        return ""
    return f"one {kinds.pop() or 'plain'} file"
