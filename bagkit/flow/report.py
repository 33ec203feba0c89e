"""What a task has to say beside its value."""

from __future__ import annotations

import _pickle
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import field
from time import perf_counter
from typing import Any

from bagkit.flow.sample import Clock, Sample
from bagkit.flow.tallies import Pairs, Reasons
from bagkit.light_classes import dataclass

PlainFigures = tuple[int, int, float, int, int, str, int, bool, bool, int, Pairs]
"""Figures as they cross between processes, in their order: records in, records out, seconds, bytes, and so on."""


@dataclass(slots=True)
class Report:
    """What a task says beside its value; mutable, owned by the one task that fills it."""

    attempt: int = 1
    bytes_read: int = 0
    skipped: int = 0
    lost: int = 0
    """How many records were left out because they failed, skipped or collected."""
    most: int | None = None
    """With how many of them the task is to give up."""
    reads_again: int = 0
    """How often a read was tried again, since that was last noted of a step."""
    failures: list[Any] = field(default_factory=list)
    damage: list[tuple[Any, BaseException]] = field(default_factory=list)
    """What a source has found to be damaged and was asked to go on without: its place, and what was wrong there.

    It waits here until the step that reads makes failures of it.
    """
    outputs: list[Any] = field(default_factory=list)
    """What was written for the caller's side to make outputs of: plain values."""
    on_progress: Callable[[Report], None] | None = None
    """Called now and then while the task runs; it decides itself how often to tell others."""
    directory: Callable[[], str] | None = None
    """Gives the run's directory, where a task may leave files for others; None where tasks share no directory."""
    dumps: Callable[[Any], bytes] = _pickle.dumps
    """Pickles what is written to such a file."""
    figures: list[Figures] = field(default_factory=list)
    """Of each step, in the order of the task's labels."""
    tallied: Reasons = field(default_factory=Reasons)
    """What was counted by reason, since that was last noted of a step."""
    noted: float = field(default_factory=perf_counter)
    """When the time was last given to a step. What passes until the next is noted belongs to that one."""
    sample: Sample | None = None
    """How much of its input the task reads, if it is to look at it more closely."""
    files: list[Any] = field(default_factory=list)
    """Files that the task has begun to write for itself or for others."""
    earlier: list[Figures] = field(default_factory=list)
    """Figures of the partitions before this one, in a task that makes several."""
    before: tuple[int, int, int, int] = (0, 0, 0, 0)
    """What was counted before this partition: bytes read, records skipped, records lost, failures."""

    def close_files(self) -> None:
        """Close what the task has begun to write: a task that fails leaves no file to the collector."""
        for file in self.files:
            with suppress(OSError):  # what could not be written has been told when it was
                file.close()
        self.files.clear()

    def read(self, nbytes: int) -> None:
        """Count `nbytes` more bytes of input as done with."""
        self.bytes_read += nbytes
        if self.on_progress is not None:
            self.on_progress(self)

    def begin(self) -> None:
        """Begin the figures: also again, where an attempt has failed, whose figures do not count."""
        self.figures.clear()
        self.tallied.clear()
        if self.sample is not None:
            self.sample.begin()
        self.noted = perf_counter()

    def next_turn(self) -> None:
        """Go on to the next partition of a task that makes several: what is said of it is added."""
        if self.tallied and self.figures:
            self.figures[-1].note(0, 0)
        for one, more in zip(self.earlier, self.figures, strict=False):
            one.add(more)
        self.earlier += self.figures[len(self.earlier) :]
        self.figures = []
        self.before = self.bytes_read, self.skipped, self.lost, len(self.failures)

    def next_step(self) -> Figures:
        """Return the figures of the next step."""
        figures = Figures(self)
        self.figures.append(figures)
        return figures

    def resume(self) -> None:
        """Go on after a time that belongs to no step: records were on their way out of the task."""
        self.noted = perf_counter()

    def plain_figures(self) -> tuple[PlainFigures, ...]:
        """Return the figures of all steps as plain values."""
        if self.tallied:  # behind the last of them; or the task has told nothing of its only step
            (self.figures[-1] if self.figures else self.next_step()).note(0, 0)
        if self.earlier:
            self.next_turn()
            self.figures, self.earlier = self.earlier, []
        sample = self.sample
        return tuple(
            [
                (
                    f.taken,
                    f.given,
                    f.seconds if sample is None else sample.seconds_of(number, f),
                    f.nbytes,
                    f.careful,
                    f.why,
                    f.fields,
                    f.cut,
                    f.reads,
                    f.reads_again,
                    tuple(f.tallies.items()) if f.tallies else (),
                )
                for number, f in enumerate(self.figures)
            ]
        )

    def clock(self, patience: int = 1) -> Clock | None:
        """Return what says when a step has read enough; None where all is read."""
        sample = self.sample
        return None if sample is None or sample.is_whole else Clock(sample, self.figures, patience)

    def take_figures(self, plain: Iterable[PlainFigures]) -> None:
        """Take over the figures of a task that ran elsewhere."""
        for each in plain:
            self.figures.append(Figures(self, *each[:-1], Reasons(each[-1]) if each[-1] else None))

    def records(self) -> int:
        """Return how many records its sources have given so far."""
        return sum([f.given for f in (*self.earlier, *self.figures) if f.reads])

    def first_failure(self) -> str:
        """Return the first failure in words, "" where there is none."""
        return str(self.failures[0]) if self.failures else ""

    def seconds(self) -> tuple[float, ...]:
        """Return what each step took so far."""
        now = [f.seconds for f in self.figures]
        return tuple([f.seconds + (now[n] if n < len(now) else 0.0) for n, f in enumerate(self.earlier)] or now)

    def start_over(self) -> None:
        """Forget what was said: the task begins anew."""
        self.take_back()
        self.damage.clear()
        self.outputs.clear()
        self.begin()

    def take_back(self) -> None:
        """Forget what was counted since the task, or its partition, has begun."""
        self.bytes_read, self.skipped, self.lost, failures = self.before
        del self.failures[failures:]


@dataclass(slots=True)
class Figures:
    """What one step of a task did; mutable, of that task.

    Steps take turns: one notes what it did as soon as it is done, and has all the time since the last note of any step.
    So each has its own time, without the time of the steps that it waits for.
    """

    report: Report
    taken: int = 0
    """Records in."""
    given: int = 0
    """Records out."""
    seconds: float = 0.0
    nbytes: int = 0
    """Of input."""
    careful: int = 0
    """Records that it took one by one, in a slower way that is always right."""
    why: str = ""
    """What the first of them was about."""
    fields: int = 0
    """How many fields the records have that a parser was given, where it has looked."""
    cut: bool = False
    """Whether it has left some of its input, for a sample was enough."""
    reads: bool = False
    """Whether it is a source."""
    reads_again: int = 0
    """How often it read again what had failed for a reason that passes."""
    tallies: Reasons | None = None
    """What its functions have counted by reason; None for nothing."""

    def note(self, taken: int, given: int) -> None:
        """Note how many records the step has just taken and given."""
        now = perf_counter()
        report = self.report
        self.seconds += now - report.noted
        report.noted = now
        self.taken += taken
        self.given += given
        if report.tallied:
            self._take_tallied(report.tallied)

    def add(self, other: Figures) -> None:
        """Add what the same step did to another partition."""
        self.taken += other.taken
        self.given += other.given
        self.seconds += other.seconds
        self.nbytes += other.nbytes
        self.careful += other.careful
        self.why = self.why or other.why
        self.fields = max(self.fields, other.fields)
        self.cut = self.cut or other.cut
        self.reads_again += other.reads_again
        if other.tallies:
            self._take_tallied(other.tallies)

    def _take_tallied(self, tallied: Reasons) -> None:
        if self.tallies is None:
            self.tallies = Reasons()
        self.tallies.add(tallied.items())
        tallied.clear()

    def took_care(self, records: int, why: str) -> None:
        """Note that the step took records one by one."""
        self.careful += records
        self.why = self.why or why
