"""The sinks of a run: where each stands, and its outputs as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bagkit.plan.kinds import Sink, Writing
from bagkit.plan.node import Plan, walk


class Writings:
    """An observer that makes outputs of what tasks have written; mutable, of the one run that it observes."""

    essential = True
    """What it raises ends the run."""

    def __init__(self) -> None:
        self._writings: list[Writing] = []
        self._numbers: dict[int, int] = {}
        self._sinks: list[Sink] = []

    def begin(self, roots: Sequence[Plan]) -> None:
        """Begin the writing of all sinks below `roots`; raises what forbids one of them."""
        for plan in walk(*roots):
            if isinstance(plan.op, Sink) and id(plan.op) not in self._numbers:
                self._writings.append(plan.op.begin(plan.inputs[0]))
                self._numbers[id(plan.op)] = len(self._sinks)
                self._sinks.append(plan.op)

    def of(self, sink: Sink) -> tuple[int, Sequence[tuple[bool, Any]]]:
        """Return the number of a sink, and for each partition whether it is written and where it goes."""
        number = self._numbers[id(sink)]
        return number, self._writings[number].parts

    def emit(self, event: Any) -> None:
        """Commit what a task has written that is done."""
        told: set[int] = set()
        for number, written in getattr(event, "outputs", ()):
            lost = event.skipped + sum(failure.collected for failure in event.failures) if number not in told else 0
            self._writings[number].commit(written, lost)
            told.add(number)

    def close(self) -> None:
        """End all writing: what was not committed is removed."""
        for writing in self._writings:
            writing.end()
