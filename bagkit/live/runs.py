"""What is known of one run: its stages and steps, its workers, its failures. Events are kept, and counted later."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bagkit.diagnostics.events import (
    Event,
    Key,
    RunFinished,
    RunStarted,
    TaskAdded,
    TaskFailed,
    TaskFinished,
    TaskProgressed,
    TaskStarted,
    WorkerLost,
    WorkerSaid,
)
from bagkit.errors import one_line
from bagkit.flow.tallies import Reasons

if TYPE_CHECKING:
    from bagkit.lower.graph import Graph
    from bagkit.work.failures import Failure

MOST_SPANS = 200
"""Of one worker. With more, spans that are close together become one."""
FIRST_GAP = 0.001
"""Seconds between spans that become one, to begin with."""
MOST_FAILURES = 100
"""Failures that are kept of one run; all are counted."""
MOST_SAID = 300
"""Texts of workers that are kept of one run."""
MOST_STAGES = 500
"""Stages that are told apart; a loop can make thousands. Those after them are counted together."""
TEXT = 2000
"""Characters of one text, at the most."""


@dataclass(slots=True)
class Span:
    """A time in which a worker ran one or several tasks; mutable, of its Lane."""

    start: float
    stop: float
    stage: int
    """The stage that most of the time went to, as far as it was noticed."""
    tasks: int
    busy: float
    """How many seconds of it tasks took."""


class Lane:
    """The spans of one worker, in the order of their ends; mutable, of one run."""

    __slots__ = ("_gap", "spans")

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._gap = FIRST_GAP

    def add(self, start: float, stop: float, stage: int) -> None:
        """Add a task."""
        if self.spans:
            last = self.spans[-1]
            # Short ones become one whatever they are, long ones of several stages do not.
            if start - last.stop < self._gap and (last.stage == stage or stop - start < self._gap):
                last.stop = max(last.stop, stop)
                last.start = min(last.start, start)
                last.tasks += 1
                last.busy += stop - start
                return
        self.spans.append(Span(start, stop, stage, 1, stop - start))
        while len(self.spans) > MOST_SPANS:
            self._gap *= 2
            self._join()

    def _join(self) -> None:
        joined: list[Span] = []
        for span in self.spans:
            last = joined[-1] if joined else None
            if last is None or span.start - last.stop >= self._gap:
                joined.append(span)
                continue
            if span.stage != last.stage and min(span.stop - span.start, last.stop - last.start) >= self._gap:
                joined.append(span)
                continue
            last.stage = last.stage if last.busy >= span.busy else span.stage
            last.start, last.stop = min(last.start, span.start), max(last.stop, span.stop)
            last.tasks += span.tasks
            last.busy += span.busy
        self.spans = joined


@dataclass(slots=True)
class StepSum:
    """What one step did in all tasks of its stage; mutable: adding StepFigures takes twice as long for each task."""

    label: str
    records_in: int = 0
    records_out: int = 0
    seconds: float = 0.0
    bytes_read: int = 0
    careful: int = 0
    why: str = ""
    reasons: Reasons = field(default_factory=Reasons)
    """What its functions have counted."""


@dataclass(slots=True)
class StageRecord:
    """Tasks that do the same; mutable, of one run."""

    number: int
    text: str
    tasks: int = 0
    needs: tuple[int, ...] = ()
    """The numbers of the stages whose values it takes."""
    running: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    """What its tasks took, with what it took to get and to send values."""
    bytes_out: int = 0
    steps: list[StepSum] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A record, a task or a worker that failed, in words."""

    error: str
    operation: str = ""
    place: str = ""
    record: str = ""


class RunRecord:
    """One run, or the calls of one client; mutable. `emit` is called in its thread, all else in the recorder's.

    `emit` does next to nothing, so that a run has no work with it.
    """

    def __init__(self, number: int, graph: Graph | None) -> None:
        self.number = number
        self.is_client = graph is None
        self.scheduler = ""
        self.workers = 0
        self.weight = 0
        self.started = time.time()
        self.ended: float | None = None
        self.ok = True
        self.stages: list[StageRecord] = []
        self.lanes: dict[int, Lane] = {}
        self.busy: dict[int, tuple[int, float, Key]] = {}
        """For each worker that runs a task its stage, since when that is known, and the task."""
        self.troubles: list[Trouble] = []
        self.failures = 0
        """Records that failed, tasks that failed, and workers that were lost: also those not in `troubles`."""
        self.skipped = 0
        self.workers_lost = 0
        self.said: deque[tuple[int, str, str]] = deque(maxlen=MOST_SAID)
        """Worker, kind and text."""
        self._events: deque[Event] = deque()
        self._last = self.started
        """When the run was over."""
        self._graph = graph
        self._bytes_done = 0
        self._bytes_running: dict[Key, int] = {}
        self._stage_of: dict[Any, StageRecord] = {}
        """By the key of a task; for calls of a client by their label."""
        self._begun: dict[Key, TaskStarted] = {}
        """Tasks that run."""

    def emit(self, event: Event) -> None:
        """Keep an event until it is counted."""
        self._events.append(event)
        if type(event) is RunFinished:
            self._last = time.time()

    def forget(self) -> None:
        """Keep no more events: nobody will count them, and a client may go on for days."""
        self._events = deque(maxlen=0)
        self._graph = None

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return sum([stage.tasks for stage in self.stages])

    @property
    def tasks_done(self) -> int:
        """How many tasks have ended well."""
        return sum([stage.done for stage in self.stages])

    @property
    def bytes_read(self) -> int:
        """How many bytes of input were read."""
        return self._bytes_done + sum(self._bytes_running.values())

    @property
    def part(self) -> float:
        """Which part is done, from 0 to 1."""
        done, total = (self.bytes_read, self.weight) if self.weight else (self.tasks_done, self.tasks)
        if self.ended is not None and self.ok and not self.is_client:
            return 1.0
        return min(1.0, done / total) if total else 0.0

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return max(0.0, (time.time() if self.ended is None else self.ended) - self.started)

    def count(self) -> None:
        """Count the events that came since the last time."""
        events, begun = self._events, self._begun
        if not events:
            return
        for _ in range(len(events)):
            event = events.popleft()
            if type(event) is TaskFinished:
                begun.pop(event.key, None)
                self._finish(event)
            elif type(event) is TaskStarted:
                begun[event.key] = event
            else:
                self._take(event)
        self._note_running()

    def _note_running(self) -> None:
        """Note what runs now: most tasks of a long run have begun and ended between two times."""
        before, now = self.busy, time.time()
        self.busy = {}
        for stage in self.stages:
            stage.running = 0
        for event in self._begun.values():
            stage = self._stage(event.key, event.label)
            stage.running += 1
            since = before.get(event.worker)
            since = since if since is not None and since[2] == event.key else (stage.number, now, event.key)
            self.busy.setdefault(event.worker, since)

    def _finish(self, event: TaskFinished) -> None:
        worker = event.worker
        stage = self._over(event.key, event.label)
        stage.done += 1
        stage.seconds += event.stop - event.start
        stage.bytes_out += event.bytes_out
        if worker >= 0:
            lane = self.lanes.get(worker)
            if lane is None:
                lane = self.lanes[worker] = Lane()
            lane.add(event.start, event.stop, stage.number)
        self._bytes_done += event.bytes_read
        if len(stage.steps) != len(event.labels):
            stage.steps = list(map(StepSum, event.labels))
        if not event.figures and len(stage.steps) == 1:
            stage.steps[0].seconds += event.stop - event.start
        for step, figures in zip(stage.steps, event.figures, strict=False):
            taken, given, seconds, nbytes, careful, why, *_, tallies = figures
            step.records_in += taken
            step.records_out += given
            step.seconds += seconds
            step.bytes_read += nbytes
            step.careful += careful
            step.why = step.why or why
            if tallies:
                step.reasons.add(tallies)
        if event.skipped or event.failures:
            self.skipped += event.skipped
            self.failures += max(event.skipped, len(event.failures))
            for failure in event.failures[: MOST_FAILURES - len(self.troubles)]:
                self.troubles.append(_trouble(failure))

    def _over(self, key: Key, label: str) -> StageRecord:
        """Note that a task runs no more; return its stage."""
        if self._bytes_running:
            self._bytes_running.pop(key, None)
        stage = None if self.is_client else self._stage_of.pop(key, None)
        return self._stage(key, label) if stage is None else stage

    def _take(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.scheduler, self.workers, self.weight = event.scheduler, event.workers, event.weight
                self._read_stages()
            case TaskAdded():
                self._stage(event.key, event.label).tasks += 1
            case TaskProgressed():
                self._bytes_running[event.key] = event.bytes_read
            case TaskFailed():
                self._begun.pop(event.key, None)
                self._over(event.key, event.label).failed += 1
                self._add(_trouble_of_task(event))
            case WorkerLost():
                self._lose(event)
            case WorkerSaid():
                self._say(event)
            case RunFinished():
                self.ended, self.ok = self._last, event.ok
                self._bytes_running.clear()  # of tasks that were broken off
                self._begun.clear()
                self._stage_of.clear()
                self._graph = None

    def _add(self, trouble: Trouble) -> None:
        self.failures += 1
        if len(self.troubles) < MOST_FAILURES:
            self.troubles.append(trouble)

    def _lose(self, event: WorkerLost) -> None:
        self.workers_lost += 1
        where = ""
        if event.key is not None:
            self._begun.pop(event.key, None)
            self._bytes_running.pop(event.key, None)
            stage = self._stage_of.get(event.key)
            where = f"attempt {event.attempt}" + (f", stage {stage.number}" if stage is not None else "")
        code = "" if event.exit_code is None else f", exit code {event.exit_code}"
        self._add(Trouble(f"worker {event.worker} has ended{code}", place=where))

    def _say(self, event: WorkerSaid) -> None:
        from bagkit.crossing.hearing import said_text

        kind, text = said_text(event.body)
        self.said.append((event.worker, kind, text[:TEXT]))

    def _stage(self, key: Key, label: str) -> StageRecord:
        """Return the stage of a task; of what no graph tells there is one for each label."""
        if self.is_client:
            key = label
        stage = self._stage_of.get(key)
        if stage is None:
            stage = next((each for each in self.stages if each.text == label), None)
            if stage is None:
                if len(self.stages) >= MOST_STAGES:
                    stage = self.stages[-1]
                else:
                    stage = StageRecord(len(self.stages) + 1, label)
                    self.stages.append(stage)
            if self.is_client:
                self._stage_of[key] = stage
        return stage

    def _read_stages(self) -> None:
        from bagkit.lower.stages import stages_of

        if self._graph is None:
            return
        for stage in stages_of(self._graph):
            if stage.number <= MOST_STAGES:
                needs = tuple(sorted({number for step in stage.steps for number in step.stages}))
                text = " ".join(line.strip() for line in stage.lines())
                record = StageRecord(stage.number, text, 0, needs)
                self.stages.append(record)
            record.tasks += stage.tasks
            self._stage_of.update(dict.fromkeys(stage.keys, record))
        self._graph = None


def _trouble(failure: Failure) -> Trouble:
    from bagkit.work.failures import error_text

    record = one_line(failure.place.record, TEXT) if failure.place is not None else ""
    return Trouble(error_text(failure.error)[:TEXT], failure.operation[:TEXT], failure.where[:TEXT], record)


def _trouble_of_task(event: TaskFailed) -> Trouble:
    """Return the trouble of an error that ended a run; its notes say where that was."""
    found = {"in ": "", "at ": "", "record: ": ""}
    for note in event.notes:
        for start in found:
            if note.startswith(start) and not found[start]:
                found[start] = note.removeprefix(start)[:TEXT]
    operation, place, record = found.values()
    return Trouble(event.error[:TEXT], operation or event.label[:TEXT], place, record)
