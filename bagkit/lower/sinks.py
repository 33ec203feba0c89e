"""The sinks of a run: where each stands, and its outputs as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bagkit.lazily import Lazily
from bagkit.lower.graph import Graph, Key, Work
from bagkit.ops.calls import SinkPart
from bagkit.plan.kinds import Sink, SinkRun
from bagkit.plan.node import Plan, walk
from bagkit.work.works import Write

several = Lazily("bagkit.work.several")


class Writings:
    """An observer that makes outputs of the files that tasks write; mutable, of the run that it observes."""

    essential = True
    """What it raises ends the run."""

    def __init__(self) -> None:
        self._writings: list[SinkRun] = []
        self._numbers: dict[int, int] = {}
        self._sinks: list[Sink] = []
        self._readers: dict[Key, list[int]] = {}
        """The numbers of the sinks that write records made of a task's values, by the task's first key."""

    def begin(self, roots: Sequence[Plan]) -> None:
        """Begin the writing of all sinks below `roots`; raises what forbids one of them."""
        wanted = _wanted(roots)
        plans = [plan for plan in walk(*roots) if isinstance(plan.op, Sink)]
        # In one order in all runs: runs of one token wait for each other, and must not wait in a circle.
        for plan in sorted(plans, key=lambda plan: getattr(plan.op, "token", "")):
            assert isinstance(plan.op, Sink)
            if id(plan.op) not in self._numbers:
                self._writings.append(plan.op.begin(plan.inputs[0], wanted[id(plan.op)]))
                self._numbers[id(plan.op)] = len(self._sinks)
                self._sinks.append(plan.op)

    def of(self, sink: Sink) -> tuple[int, Sequence[tuple[bool, Any] | None]]:
        """Return the number of a sink, and for each partition whether it is written and where it goes, or None."""
        number = self._numbers[id(sink)]
        return number, self._writings[number].parts

    def see(self, graph: Graph) -> None:
        """Find the tasks below those that write: the records that they leave out are in no file either."""
        for number, writing in enumerate(self._writings):
            ends = [task for task in graph.tasks if number in _sinks_of(task.work)]
            below = graph.below(need for task in ends for need in task.needs)
            for key in below:
                self._readers.setdefault(key, []).append(number)
            writing.tell_of_lost(set(map(_name, below)))

    def emit(self, event: Any) -> None:
        """Commit what a task has written that is done."""
        outputs = getattr(event, "outputs", None)
        if outputs is None:  # it is no task's end
            return
        lost = event.skipped + sum(failure.collected or failure.is_damage for failure in event.failures)
        tallies = tuple(event.tallies)
        told: set[int] = set()
        for number, written in outputs:
            self._writings[number].commit(written, 0 if number in told else lost, tallies)
            told.add(number)
            tallies = ()  # a run that finds the files of several outputs again adds up what each of them says
        for number in self._readers.get(event.key, ()):
            if number not in told and (lost or tallies):
                self._writings[number].lose(_name(event.key), lost, tallies)
                tallies = ()

    def kept_tallies(self) -> Iterator[tuple[str, int]]:
        """Yield what was counted when the files were written that are kept."""
        for writing in self._writings:
            yield from writing.kept_tallies()

    def close(self) -> None:
        """End all writing: what was not committed is removed."""
        for writing in self._writings:
            writing.end()


class Foreseen:
    """Stands for Writings where a plan is only shown: all that is asked for is written, and nothing is begun."""

    def __init__(self, roots: Sequence[Plan]) -> None:
        self._wanted = _wanted(roots)
        self._counts = {id(plan.op): plan.inputs[0].npartitions for plan in walk(*roots) if isinstance(plan.op, Sink)}

    def of(self, sink: Sink) -> tuple[int, Sequence[tuple[bool, Any] | None]]:
        """Return a number for a sink, and for each partition that it is to be written, or None."""
        wanted = self._wanted[id(sink)]
        return 0, [
            (False, None) if wanted is None or number in wanted else None for number in range(self._counts[id(sink)])
        ]


def _sinks_of(work: Work) -> Sequence[int]:
    """Return the numbers of the sinks that a task of `work` writes for."""
    if isinstance(work, Write):
        return (work.number,)
    return work.sinks if several.has_made(work, "Several") else ()


def _name(key: Any) -> str:
    """Return what a task is called in each run of a plan: its stage's number, and its own."""
    if isinstance(key, tuple) and key and isinstance(key[0], str):
        return "/".join([key[0].partition(":")[0], *map(str, key[1:])])
    return str(key)


def _wanted(roots: Sequence[Plan]) -> dict[int, frozenset[int] | None]:
    """Return for each sink, by the id of its op, which partitions are asked of it; None where it is all of them."""
    found: dict[int, frozenset[int] | None] = {id(root.op): None for root in roots}
    for plan in walk(*roots):
        for below in plan.inputs:
            if isinstance(below.op, Sink):
                before = found.get(id(below.op), frozenset())
                one = frozenset({plan.op.number}) if isinstance(plan.op, SinkPart) else None
                found[id(below.op)] = None if before is None or one is None else before | one
    return found
