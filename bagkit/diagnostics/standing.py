"""How far runs are: counted from their events, for a progress bar, a future that is asked, and the page of runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from bagkit.amounts import how_many
from bagkit.diagnostics.events import Event, Key, RunFinished, RunStarted, TaskFinished, TaskProgressed, WorkerLost
from bagkit.errors import printable
from bagkit.flow.tallies import Reasons, in_words, together
from bagkit.light_classes import dataclass

NAME_LENGTH = 40
"""Characters of the name of a step, at the most."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one or several runs are."""

    tasks: int = 0
    tasks_done: int = 0
    weight: int = 0
    """How many bytes of input there are; 0 if unknown."""
    bytes_read: int = 0
    skipped: int = 0
    workers_lost: int = 0
    failed: int = 0
    """Runs or calls that have failed, or were cancelled."""
    seconds: dict[str, float] = field(default_factory=dict)
    """What the steps of each label took."""
    unit: str = "task"
    reads_again: int = 0
    """How often something was read again that had failed for a reason that passes."""
    tallies: tuple[tuple[str, int], ...] = ()
    """What was counted by reason, the largest counts first."""

    def __add__(self, other: Standing) -> Standing:
        return Standing(
            self.tasks + other.tasks,
            self.tasks_done + other.tasks_done,
            self.weight + other.weight,
            self.bytes_read + other.bytes_read,
            self.skipped + other.skipped,
            self.workers_lost + other.workers_lost,
            self.failed + other.failed,
            by_label([*self.seconds.items(), *other.seconds.items()]),
            self.unit,
            self.reads_again + other.reads_again,
            together(self.tallies, other.tallies),
        )

    @property
    def done(self) -> int:
        """How much is done: bytes where they are known, else tasks."""
        return self.bytes_read if self.weight else self.tasks_done

    @property
    def total(self) -> int:
        """How much there is; no less than is done, for files grow, and ranges overlap by a line."""
        return max(self.weight or self.tasks, self.done)

    @property
    def part(self) -> float:
        """Which part is done, from 0 to 1."""
        return self.done / self.total if self.total else 0.0

    def remarks(self, *, slowest: bool) -> list[str]:
        """Return remarks beside how much is done; with `slowest` also the step that takes most of the time."""
        remarks = [f"{self.tasks_done}/{self.tasks} {self.unit}s"] if self.weight else []
        if self.failed:
            remarks.append(f"{self.failed:,} failed")
        if self.skipped:
            remarks.append(f"{how_many(self.skipped, 'record')} skipped")
        if self.workers_lost:
            remarks.append(f"{how_many(self.workers_lost, 'worker')} lost")
        if self.reads_again:
            remarks.append(f"{how_many(self.reads_again, 'read')} again")
        if self.tallies:
            remarks.append(in_words(dict(self.tallies)))
        total = sum(self.seconds.values())
        if slowest and total:
            label, most = max(self.seconds.items(), key=lambda item: item[1])
            remarks.append(f"{most / total:.0%} in {printable(label, NAME_LENGTH)}")
        return remarks


class Counts:
    """Counts the events of one run; mutable, of that run. Any thread may ask it for the standing."""

    def __init__(self) -> None:
        self._weight = self._tasks = self._tasks_done = 0
        self._bytes_done = 0  # of tasks that finished
        self._bytes_running: dict[Key, int] = {}
        self._seconds_done: dict[str, float] = {}  # of the steps of each label, in tasks that finished
        self._seconds_running: dict[Key, dict[str, float]] = {}
        self._skipped = 0
        self._workers_lost = 0
        self._reads_again = 0
        self._reasons = Reasons()
        self.ok: bool | None = None
        """Whether the run ended well; None while it goes on."""

    def emit(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._weight, self._tasks = event.weight, event.tasks
            case TaskProgressed():
                self._bytes_running[event.key] = event.bytes_read
                self._seconds_running[event.key] = by_label(zip(event.labels, event.seconds, strict=False))
            case TaskFinished():
                self._forget(event.key)
                for step in event.steps:
                    self._seconds_done[step.label] = self._seconds_done.get(step.label, 0.0) + step.seconds
                    self._reads_again += step.reads_again
                self._bytes_done += event.bytes_read
                self._tasks_done += 1
                self._skipped += event.skipped
                self._reasons.add(event.tallies)
            case WorkerLost():
                # Its task begins anew.
                self._forget(event.key)
                self._workers_lost += 1
            case RunFinished():
                self.ok = event.ok

    def _forget(self, key: Key) -> None:
        self._bytes_running.pop(key, None)
        self._seconds_running.pop(key, None)

    def standing(self) -> Standing:
        """Return how far the run is."""
        bytes_read = self._bytes_done + sum(tuple(self._bytes_running.values()))
        if self.ok is not None and self._tasks_done == self._tasks:
            bytes_read = max(bytes_read, self._weight)  # ranges may be a little shorter than was thought
        running = tuple(self._seconds_running.values())
        seconds = by_label(item for each in (self._seconds_done, *running) for item in tuple(each.items()))
        numbers = (self._tasks, self._tasks_done, self._weight, bytes_read, self._skipped, self._workers_lost)
        tallies = tuple(self._reasons.most_first().items())
        failed = int(self.ok is False)
        return Standing(*numbers, failed=failed, seconds=seconds, reads_again=self._reads_again, tallies=tallies)


def by_label(steps: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return what the steps of each label took together."""
    seconds: dict[str, float] = {}
    for label, one in steps:
        seconds[label] = seconds.get(label, 0.0) + one
    return seconds
