"""Profile: what the tasks of runs took, for those who ask afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bagkit.diagnostics.events import Event, TaskFinished
from bagkit.diagnostics.observer import listen, stop_listening
from bagkit.errors import printable


@dataclass(frozen=True, slots=True)
class Spent:
    """How many tasks there were, and the seconds that they took, added up over all workers."""

    tasks: int = 0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tasks + other.tasks, self.seconds + other.seconds)


class Profile:
    """Collects what the tasks of all runs inside its block took; `visualize(color="time")` draws it.

    >>> import bagkit as bk
    >>> with bk.Profile() as profile:
    ...     bk.range(100, npartitions=4).sum().compute(scheduler="sync")
    4950
    >>> for labels, spent in profile.spent().items():
    ...     print(" → ".join(labels), spent.tasks, spent.seconds < 1)
    range → sum 4 True
    sum 1 True
    """

    def __init__(self) -> None:
        self.tasks: list[TaskFinished] = []
        """The events of finished tasks, in the order in which they came."""

    def __repr__(self) -> str:
        count = len(self.tasks)
        text = f"{count:,} task{'s' if count != 1 else ''}"
        if not count:
            return f"Profile({text})"
        spent = self.spent()
        seconds = sum([stage.seconds for stage in spent.values()])
        labels, most = max(spent.items(), key=lambda stage: stage[1].seconds)
        name = printable(" → ".join(labels), 100)
        return f"Profile({text}, {seconds:.3g} s; the most of them, {most.seconds:.3g} s, in {name})"

    def emit(self, event: Event) -> None:
        """Take note of an event: runs call it, while the block is open.

        Args:
            event: The event. Only finished tasks count.

        >>> import bagkit as bk
        >>> profile = bk.Profile()
        >>> with profile:
        ...     bk.range(3, npartitions=1).sum().compute(scheduler="sync")
        3
        >>> other = bk.Profile()
        >>> for task in profile.tasks:
        ...     other.emit(task)
        >>> other.spent() == profile.spent()
        True
        """
        if isinstance(event, TaskFinished):
            self.tasks.append(event)

    def __enter__(self) -> Profile:
        listen(self)
        return self

    def __exit__(self, *error: object) -> None:
        stop_listening(self)

    def spent(self) -> dict[tuple[str, ...], Spent]:
        """Add up what the tasks of each stage took.

        Returns:
            A dict from the labels of the operations that a task ran, first to last, to the number of tasks and their
            seconds.

        >>> import bagkit as bk
        >>> with bk.Profile() as profile:
        ...     bk.range(100, npartitions=4).sum().compute(scheduler="sync")
        4950
        >>> [spent.tasks for spent in profile.spent().values()]
        [4, 1]
        """
        return spent_by_labels(self.tasks)


def spent_by_labels(tasks: Iterable[TaskFinished]) -> dict[tuple[str, ...], Spent]:
    """Return what `tasks` took, by the labels of the operations that each ran, first to last."""
    result: dict[tuple[str, ...], Spent] = {}
    for task in tasks:
        labels = tuple(task.label.removeprefix("combine ").split(" → "))
        result[labels] = result.get(labels, Spent()) + spent_on(task)
    return result


def spent_on(task: TaskFinished) -> Spent:
    """Return what one task took."""
    return Spent(1, task.stop - task.start)
