"""A part of a graph that shows how all of it would run: some tasks of each stage, each on the beginning of its part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import Any

from bagkit.flow.buckets import Dealing
from bagkit.lower.calls import list_of_records
from bagkit.lower.graph import Graph, Key, Task, Work, with_works
from bagkit.lower.in_turn import needs_of, parts_of, steps_in_turn, tasks_alone, work_of_one
from bagkit.lower.stages import alike
from bagkit.plan.kinds import Op, Source
from bagkit.work.chain import Chain
from bagkit.work.several import Several
from bagkit.work.steps import Collecting, Finish, Joined, Step, TaskRecords, Value
from bagkit.work.works import Bounding, Combine, Sampled, Split, WithLast, Write

LEAST, MOST = 4, 16
"""A sample runs one task of each stage for each worker, but never fewer or more than these."""
SECONDS = 1.0
"""How long all workers read, together."""
LEAST_SECONDS, MOST_SECONDS = 0.05, 0.3
"""How long each task reads, once it is warm."""


def looking_closely(graph: Graph) -> Graph:
    """Return `graph` with tasks that measure their reads more closely."""
    return with_works(graph, lambda work: Sampled(work, inf))


def sample_of(graph: Graph, targets: Sequence[Key], workers: int) -> tuple[Graph, list[Key]]:
    """Return what is to be run of `graph` for a sample, and the targets that it has.

    Its tasks have the keys of those in `graph` that they are a part of. Each stage has at least one. Of the targets
    those come first that are some of `targets`.
    """
    some = Some(graph, min(MOST, max(LEAST, workers)))
    wanted = some.of(targets)
    tasks: dict[Key, Task] = {}

    def take(task: Task) -> None:
        waiting = [task]
        while waiting:
            task = waiting.pop()
            if task.keys[0] not in tasks:
                tasks[task.keys[0]] = small = some.part_of(task)
                waiting += [graph.maker[key] for key in small.needs]

    for key in wanted:
        take(graph.maker[key])
    for stage in reversed(some.stages):
        if not any(task.keys[0] in tasks for task in stage):
            wanted.append(stage[0].keys[0])
            take(stage[0])
    kept = [tasks[task.keys[0]] for task in graph.tasks if task.keys[0] in tasks]
    reading = sum(1 for task in kept if not task.needs)
    seconds = min(MOST_SECONDS, max(LEAST_SECONDS, SECONDS * workers / max(1, reading)))
    return with_works(graph, lambda work: Sampled(work, seconds), kept), wanted


class Some:
    """The tasks of each stage that a sample has; not to be changed once it is made."""

    def __init__(self, graph: Graph, most: int) -> None:
        self._graph = graph
        self._leaves: dict[int, list[Op]] = {}
        self.stages = alike(graph)
        self._stage = {task.keys[0]: number for number, tasks in enumerate(self.stages) for task in tasks}
        costs = self._costs()
        self._chosen = {task.keys[0] for tasks in self.stages for task in _chosen(tasks, costs, most)}

    def of(self, keys: Sequence[Key]) -> list[Key]:
        """Return the `keys` that tasks of the sample make; of each stage at least the first."""
        makers = [(key, self._graph.maker[key].keys[0]) for key in keys]
        seen = {self._stage[maker] for _, maker in makers if maker in self._chosen}
        found = []
        for key, maker in makers:
            if maker in self._chosen or self._stage[maker] not in seen:
                found.append(key)
                seen.add(self._stage[maker])
        return found

    def part_of(self, task: Task) -> Task:
        """Return `task` with fewer needs, where it takes any number of them; not if it has several partitions."""
        if work_of_one(task.work) is not task.work or steps_in_turn(task) is not None:
            return task
        needs, counts = list[Key](), list[int]()
        for op, keys in self.needs(task):
            kept = self.of(keys) if takes_any(op) else keys[:1] if isinstance(op, TaskRecords) else keys
            needs += kept
            counts += [len(kept)] if isinstance(op, COUNTED) else []
        if len(needs) == len(task.needs):
            return task
        part, numbers = task.part, iter(counts)
        if counts:
            takers = [op for op in self._leaves_of(task.work) if isinstance(op, (*COUNTED, Source))]
            entries = [next(numbers) if isinstance(op, COUNTED) else part[n] for n, op in enumerate(takers)]
            part = (*entries, *part[len(entries) :])
        return replace(task, part=part, needs=tuple(needs))

    def needs(self, task: Task) -> Iterator[tuple[Any, Sequence[Key]]]:
        """Yield the needs of a task by what takes them: one of its leaves, or its work."""
        own = frozenset(task.keys)
        for one in tasks_alone(task):
            for taker, needs in self._needs_of_one(one):
                other = [key for key in needs if key not in own]
                if other or not needs:
                    yield taker, other

    def _needs_of_one(self, task: Task) -> Iterator[tuple[Any, Sequence[Key]]]:
        needs, place, parts = needs_of(task), 0, parts_of(task)
        for op in self._leaves_of(task.work) if needs else ():
            count = parts[place] if isinstance(op, COUNTED) else int(isinstance(op, Value))
            place += isinstance(op, (*COUNTED, Source))
            if count or isinstance(op, COUNTED):
                yield op, needs[:count]
            needs = needs[count:]
        if needs:
            yield task.work, needs

    def _leaves_of(self, work: Work) -> list[Op]:
        if id(work) not in self._leaves:
            self._leaves[id(work)] = list(leaves_of(work))
        return self._leaves[id(work)]

    def _costs(self) -> dict[Key, int]:
        """Return how many others each task can't be run without, about, by their first keys."""
        costs: dict[Key, int] = {}
        waiting = list(reversed(self._graph.tasks))
        while waiting:
            task = waiting[-1]
            needs = [
                key
                for op, keys in self.needs(task)
                if not takes_any(op)
                for key in (keys[:1] if isinstance(op, TaskRecords) else keys)
            ]
            makers = [self._graph.maker[key] for key in needs]
            missing = [maker for maker in makers if maker.keys[0] not in costs]
            waiting += missing
            if not missing:
                waiting.pop()
                costs[task.keys[0]] = min(1 << 30, _skips(task) + sum(1 + costs[maker.keys[0]] for maker in makers))
        return costs


COUNTED = (Finish, TaskRecords, Collecting)
"""Leaves whose part says how many of the inputs are theirs."""


def takes_any(taker: Any) -> bool:
    """Return whether an op, or a work, can do with some of what it is given."""
    return isinstance(taker, (Finish, Combine, Bounding, Dealing)) or taker is list_of_records


def _chosen(tasks: Sequence[Task], costs: Mapping[Key, int], most: int) -> Sequence[Task]:
    """Return up to `most` of the tasks of a stage: spread evenly over those that need the fewest others."""
    least = min(costs[task.keys[0]] for task in tasks)
    cheap = [task for task in tasks if costs[task.keys[0]] == least]
    if len(cheap) < min(most, len(tasks)):
        return sorted(tasks, key=lambda task: costs[task.keys[0]])[:most]
    number = min(most, len(cheap))
    return [cheap[(2 * n + 1) * len(cheap) // (2 * number)] for n in range(number)]


def _skips(task: Task) -> int:
    """Return 1 for a task of a shared compressed file, which also reads what comes before its part."""
    pieces = [piece for part in task.part for piece in part] if task.one_of is not None else ()
    return int(any(piece.start for piece in pieces))


def leaves_of(work: Work) -> Iterator[Op]:
    """Yield the ops of a work's leaves, in the order in which they take what the task is given."""
    work = work_of_one(work)
    if isinstance(work, Chain):
        yield from _leaves((work.step,))
    elif isinstance(work, (Split, WithLast, Write)):
        yield from _leaves((work.chain.step,))
    elif isinstance(work, Several):
        yield from _leaves((Step(Joined(), (work.trunk, *work.steps)),))


def _leaves(steps: Sequence[Step]) -> Iterator[Op]:
    once: set[int] = set()

    def below(step: Step, is_once: bool = False) -> Iterator[Op]:
        if id(step) in once:
            return
        joined = isinstance(step.op, Joined)
        for child in step.inputs:
            yield from below(child, joined)
        if is_once:
            once.add(id(step))
        if not step.inputs:
            yield step.op

    for step in steps:
        yield from below(step)
