"""Profile: what the tasks of runs took, for those who ask afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from bagkit.amounts import how_many, seconds_text
from bagkit.diagnostics.events import Event, StepFigures, TaskFinished
from bagkit.diagnostics.observer import listen, stop_listening
from bagkit.diagnostics.standing import by_label
from bagkit.errors import printable
from bagkit.flow.anew import RunAnew
from bagkit.flow.tallies import Reasons


@dataclass(frozen=True, slots=True)
class Spent:
    """How many tasks there were, and the seconds that they took, added up over all workers."""

    tasks: int = 0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.tasks + other.tasks, self.seconds + other.seconds)


class _OneRun:
    """Puts the tasks of one run into a profile. A run that begins anew has none."""

    def __init__(self, tasks: list[TaskFinished]) -> None:
        self._tasks = tasks
        self._own: set[int] = set()

    def __enter__(self) -> _OneRun:
        return self

    def emit(self, event: Event) -> None:
        if isinstance(event, TaskFinished):
            self._tasks.append(event)
            self._own.add(id(event))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, RunAnew):
            self._tasks[:] = [task for task in self._tasks if id(task) not in self._own]


class Profile:
    """Collects the times of all tasks of the runs inside its block; `visualize(color="time")` draws them.

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
        text = how_many(count, "task")
        if not count:
            return f"Profile({text})"
        spent = self.spent()
        seconds = sum([stage.seconds for stage in spent.values()])
        by_step = by_label((step.label, step.seconds) for task in self.tasks for step in task.steps)
        label = max(by_step, key=lambda label: by_step[label], default="")
        where = f"; the most of them, {by_step[label]:.3g} s, in {printable(label, 100)}" if label else ""
        return f"Profile({text}, {seconds:.3g} s{where})"

    def _repr_html_(self) -> str:
        from bagkit.html.runs import profile_page

        rows = [
            (step.label, step.records_in, step.records_out, seconds_text(step.seconds), step.seconds)
            for steps in self.figures().values()
            for step in steps
        ]
        return profile_page(len(self.tasks), rows, self.tallies())

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
        listen(self, partial(_OneRun, self.tasks))
        return self

    def __exit__(self, *error: object) -> None:
        stop_listening(self)

    def spent(self) -> dict[tuple[str, ...], Spent]:
        """Add up what the tasks of each stage took.

        Returns:
            A dict from the labels of the operations that a task ran, first to last, to the number of tasks and their
            seconds. These include the time to get and send values, which belongs to no operation.

        >>> import bagkit as bk
        >>> with bk.Profile() as profile:
        ...     bk.range(100, npartitions=4).sum().compute(scheduler="sync")
        4950
        >>> [spent.tasks for spent in profile.spent().values()]
        [4, 1]
        """
        result: dict[tuple[str, ...], Spent] = {}
        for task in self.tasks:
            result[task.labels] = result.get(task.labels, Spent()) + Spent(1, task.stop - task.start)
        return result

    def figures(self) -> dict[tuple[str, ...], tuple[StepFigures, ...]]:
        """Add up what each operation did in the tasks of each stage.

        Returns:
            A dict from the labels of the operations that a task ran, first to last, to what each of them did: records
            in and out, seconds of its own, bytes read.

        >>> import bagkit as bk
        >>> with bk.Profile() as profile:
        ...     bk.range(100, npartitions=4).map(abs).sum().compute(scheduler="sync")
        4950
        >>> for step in profile.figures()["range", "map(abs)", "sum"]:
        ...     print(step.label, step.records_in, step.records_out, step.seconds < 1)
        range 0 100 True
        map(abs) 100 100 True
        sum 100 0 True
        """
        return figures_by_labels(self.tasks)

    def tallies(self) -> dict[str, int]:
        """Add up what was counted by reason: by `bagkit.tally`, and by `filter(reason=)`.

        Returns:
            A dict from each reason to its count, the largest first.

        >>> import bagkit as bk
        >>> with bk.Profile() as profile:
        ...     bk.range(9, npartitions=2).filter(lambda x: x % 3, reason="a third").sum().compute(scheduler="sync")
        27
        >>> profile.tallies()
        {'a third': 3}
        """
        reasons = Reasons()
        for task in self.tasks:
            reasons.add(task.tallies)
        return reasons.most_first()


def figures_by_labels(tasks: Iterable[TaskFinished]) -> dict[tuple[str, ...], tuple[StepFigures, ...]]:
    """Return what the steps of `tasks` did, added up for tasks with the same labels."""
    result: dict[tuple[str, ...], tuple[StepFigures, ...]] = {}
    for task in tasks:
        steps = task.steps
        if task.labels in result and len(steps) == len(result[task.labels]):
            steps = tuple(map(StepFigures.__add__, result[task.labels], steps))
        result[task.labels] = steps or result.get(task.labels, ())
    return result
