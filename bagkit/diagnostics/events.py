"""What happens during a run, as named tuples, which are quick to make: there are two for each task.

Times are seconds of `time.time()`, taken where the work was done.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

from bagkit.flow.tallies import together
from bagkit.light_classes import NamedTuple

if TYPE_CHECKING:
    from bagkit.flow.report import PlainFigures

Key = Hashable


class RunStarted(NamedTuple):
    tasks: int
    weight: int
    """How many bytes of input all tasks have together; 0 if unknown."""
    scheduler: str
    workers: int


class TaskStarted(NamedTuple):
    key: Key
    label: str
    worker: int


class TaskProgressed(NamedTuple):
    key: Key
    bytes_read: int
    """How many bytes of input this attempt of the task has read so far."""
    labels: tuple[str, ...] = ()
    seconds: tuple[float, ...] = ()
    """What each step of this attempt took so far."""
    records: int = 0
    """How many records the sources of this attempt have given so far."""
    lost: int = 0
    """How many of them, or of what was made of them, were left out because they failed."""
    failure: str = ""
    """The first failure, in words."""


class StepFigures(NamedTuple):
    """What a step of one task did, or of several tasks that run the same steps.

    Attributes:
        label: The operation, as `explain()` shows it.
        records_in: How many records it was given. A source is given none.
        records_out: How many it gave. A reduction that makes a single value gives none.
        seconds: The time that it took itself, without the time of the steps before and after it.
        bytes_read: The bytes of input that a source has read, compressed as they are.
        careful: How many of the records it took one by one, in a slower way that is always right.
        why: What the first of them was about.
        fields: How many fields the records have that a parser was given; known after `explain(analyze=...)` only.
        cut: Whether a sample of its input was enough, as in `explain(analyze=True)`.
        reads: Whether it is a source, which reads the records of others.
        reads_again: How often a source has read again from a remote file what had failed for a reason that passes.
        tallies: What its functions have counted by reason, as `filter(reason=)` and `bagkit.tally` do: pairs of a
            reason and its count.

    >>> import bagkit as bk
    >>> with bk.Profile() as profile:
    ...     bk.range(100, npartitions=4).filter(lambda x: x % 2).sum().compute(scheduler="sync")
    2500
    >>> steps = next(iter(profile.figures().values()))
    >>> [(step.records_in, step.records_out) for step in steps]
    [(0, 100), (100, 50), (50, 0)]
    """

    label: str
    records_in: int = 0
    records_out: int = 0
    seconds: float = 0.0
    bytes_read: int = 0
    careful: int = 0
    why: str = ""
    fields: int = 0
    cut: bool = False
    reads: bool = False
    reads_again: int = 0
    tallies: tuple[tuple[str, int], ...] = ()

    def __add__(self, other: object) -> StepFigures:
        """Return the figures of both together."""
        if not isinstance(other, StepFigures):
            return NotImplemented
        return StepFigures(
            self.label,
            self.records_in + other.records_in,
            self.records_out + other.records_out,
            self.seconds + other.seconds,
            self.bytes_read + other.bytes_read,
            self.careful + other.careful,
            self.why or other.why,
            max(self.fields, other.fields),
            self.cut or other.cut,
            self.reads or other.reads,
            self.reads_again + other.reads_again,
            together(self.tallies, other.tallies),
        )


class TaskFinished(NamedTuple):
    key: Key
    label: str
    worker: int
    start: float
    stop: float
    bytes_read: int
    bytes_out: int
    skipped: int
    failures: tuple[Any, ...]
    outputs: tuple[Any, ...] = ()
    """What the task has written, for the caller's side to make outputs of."""
    labels: tuple[str, ...] = ()
    """The labels of its steps, first to last."""
    figures: tuple[PlainFigures, ...] = ()
    """What the steps did, as it comes from where the work was done; `steps` has names for it."""

    @property
    def steps(self) -> tuple[StepFigures, ...]:
        """What each step did, first to last. A task that tells nothing of its only step spent all its time on it."""
        if len(self.labels) == 1 and not self.figures:
            return (StepFigures(self.labels[0], seconds=self.stop - self.start),)
        return tuple(map(StepFigures, self.labels, *zip(*self.figures, strict=True))) if self.figures else ()

    @property
    def tallies(self) -> list[tuple[str, int]]:
        """What the steps have counted by reason."""
        return [pair for step in self.figures if step[-1] for pair in step[-1]]


class TaskFailed(NamedTuple):
    key: Key
    label: str
    worker: int
    error: str
    notes: tuple[str, ...] = ()
    """What the error says of its place: operation, file, line, record."""


class WorkerLost(NamedTuple):
    worker: int
    key: Key | None
    """The task that it ran; None if it was idle."""
    exit_code: int | None
    attempt: int


class WorkerSaid(NamedTuple):
    worker: int
    body: bytes
    """What it printed, logged or warned of, as it came; `crossing/hearing.py` has the text of it."""


class TaskAdded(NamedTuple):
    """One more call of a client, which was not known when its run started."""

    key: Key
    label: str


class RunFinished(NamedTuple):
    ok: bool


Event = (
    RunStarted | TaskAdded | TaskStarted | TaskProgressed | TaskFinished | TaskFailed | WorkerLost | WorkerSaid
    | RunFinished
)  # fmt: skip
