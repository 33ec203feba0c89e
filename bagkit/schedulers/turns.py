"""Tasks whose errors have an order, and the error of one that waits until those before it have ended.

Tasks that read one file have it: the error of the first part goes before the error of a later one, as if one task had
read the file. So have all tasks of a `take`: records that stand behind an error may not be needed, and those before it
may be enough.
"""

from __future__ import annotations

from bagkit.light_classes import dataclass
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.state import RunState


@dataclass(frozen=True, slots=True)
class Failed:
    """How a task ended."""

    task: Task
    worker: int
    error: BaseException


class Turns:
    """The error of such a task that waits; mutable, of the run of `graph` with that `state`."""

    def __init__(self, graph: Graph, state: RunState) -> None:
        self._turn_of = graph.turn_of
        self._state = state
        self._held: Failed | None = None
        self._before: list[int] = []
        """The ranks of the tasks that the error waits for, but for some that have ended well."""

    @property
    def waits(self) -> bool:
        """Whether there is an error that has waited, or waits."""
        return self._held is not None

    @property
    def due(self) -> Failed | None:
        """The error that has waited, if all tasks before it have ended well."""
        before = self._before
        while before and self._state.is_finished(before[-1]):
            before.pop()
        return None if before else self._held

    def hold(self, failed: Failed) -> bool:
        """Have an error wait for its turn; return whether it has one."""
        held, turn, state = self._held, self._turn_of(failed.task), self._state
        if turn is None or (held is not None and self._turn_of(held.task) != turn):
            return False
        rank = state.rank(failed.task)
        if held is None or rank < state.rank(held.task):
            self._held = failed
            before = enumerate(state.tasks[:rank])
            self._before = [n for n, task in before if self._turn_of(task) == turn and not state.is_finished(n)]
        return True

    def may_begin(self, task: Task) -> bool:
        """Return whether a task may begin: where an error waits, only what comes before it."""
        held = self._held
        if held is None:
            return True
        is_before = self._state.rank(task) < self._state.rank(held.task)
        return is_before and self._turn_of(task) == self._turn_of(held.task)
