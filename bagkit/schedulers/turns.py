"""Tasks whose errors have an order, and the error of one that waits until those before it have ended.

Tasks that read one file have it: the error of the first part goes before the error of a later one, as if one task had
read the file. So have all tasks of a `take`: records that stand behind an error may not be needed, and those before it
may be enough.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from bagkit.light_classes import dataclass
from bagkit.lower.graph import Key, Task


@dataclass(frozen=True, slots=True)
class Failed:
    """How a task ended."""

    task: Task
    worker: int
    error: BaseException


class Turns:
    """What has ended of such tasks, and the error that waits; mutable, of one run."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._numbers: dict[Key, int] = {task.keys[0]: number for number, task in enumerate(tasks)}
        self._left: dict[Hashable, set[int]] = {}
        """The numbers of those that have not ended well."""
        for number, task in enumerate(tasks):
            if task.one_of is not None:
                self._left.setdefault(task.one_of, set()).add(number)
        self._held: Failed | None = None

    def number(self, task: Task) -> int:
        """Return the number of a task in its run."""
        return self._numbers[task.keys[0]]

    @property
    def waits(self) -> bool:
        """Whether there is an error that has waited, or waits."""
        return self._held is not None

    @property
    def due(self) -> Failed | None:
        """The error that has waited, if all tasks before it have ended well."""
        held = self._held
        if held is not None and min(self._left[held.task.one_of]) == self.number(held.task):
            return held
        return None

    def hold(self, failed: Failed) -> bool:
        """Have an error wait for its turn; return whether it has one."""
        held, one_of = self._held, failed.task.one_of
        if one_of is None or (held is not None and held.task.one_of != one_of):
            return False
        if held is None or self.number(failed.task) < self.number(held.task):
            self._held = failed
        return True

    def end(self, task: Task) -> None:
        """Note that a task has ended well."""
        if task.one_of is not None:
            self._left[task.one_of].discard(self.number(task))

    def may_begin(self, task: Task) -> bool:
        """Return whether a task may begin: where an error waits, only what comes before it."""
        held = self._held
        return held is None or (task.one_of == held.task.one_of and self.number(task) < self.number(held.task))
