"""A run on anything that gives futures: the loop that the thread scheduler and the executor scheduler share.

The loop lives in the caller's thread. It submits what RunState says is ready, and otherwise waits on one queue, into
which the threads of the pool put their events and their finished futures; so observers are told in the caller's
thread, Ctrl-C comes through at once, and the first error is raised while other tasks still run.

How far it runs ahead: three tasks a worker may be running or waiting for a worker. On threads it is one more than there
are workers, for what waits there was chosen before the newest values were made, which would be used up first; but of
functions that are quick and have made nothing large, the quicker they are, the more tasks. Of those that the next
target does not need, only as many are started as leave no more than that number, and three a worker, undone or not
handed out.

To send a task elsewhere takes about a millisecond, and as long on the other side. Where a pool replaces processes that
die, tasks of one work that are quick, and make little, go several in one message; the more of those run ahead, the more
values the caller has asked for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from dataclasses import field
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from bagkit.crossing.transport import name_of
from bagkit.diagnostics.events import Event, RunFinished, RunStarted, TaskFailed, TaskStarted
from bagkit.diagnostics.observer import Observer
from bagkit.errors import TaskError, WorkerDiedError, add_notes, notes_of, one_line
from bagkit.flow.buckets import Dealing
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.lower.graph import Graph, Key, Task
from bagkit.schedulers.state import RunState
from bagkit.schedulers.stopping import NOTICE_SECONDS, check_stopped
from bagkit.schedulers.sync import finished
from bagkit.schedulers.turns import Failed, Turns
from bagkit.warn import warn_about

TASKS_PER_WORKER = 3

QUICK_SECONDS = 0.0005
"""Tasks that take less than this are queued several at a time: to choose them one by one takes as long as they do."""
QUEUED_SECONDS, MOST_PER_WORKER = 0.0015, 32
"""How much work, and how many tasks at the most, wait for a thread then: to go from one thread to another takes longer
than a tiny task does."""
MESSAGE_SECONDS, MOST_TOGETHER = 0.01, 32
"""How much work, and how many tasks at the most, go with one message to where tasks are quick."""
QUIET_SECONDS = 30.0
"""If no task has ended for so long, the pool is asked why that may be."""
LITTLE = 10_000
"""How many bytes the values may have of a task that goes together with others."""
NUMBERS = frozenset({int, float, complex, bool, type(None)})
SHORT = 1000
"""How many characters or bytes a value may have and still count as small."""


class Ticket(Protocol):
    """A task that a pool has: a Future, or as much of a Future as is used here."""

    def result(self) -> Any:
        """Return what the call returned, or raise what it raised."""

    def cancel(self) -> Any:
        """See to it that the task does not begin, unless it has."""


@dataclass(slots=True)
class Outcome:
    """How a task ended. An error is a value here, so that it is not taken for an error of the executor."""

    values: tuple[Any, ...] = ()
    error: BaseException | None = None
    worker: int = 0
    start: float = 0.0
    stop: float = 0.0
    bytes_out: int = 0
    report: Report = field(default_factory=Report)
    again: bool = False
    """Whether the task did not run, and has to be submitted once more."""


class Submitter(Protocol):
    """A kind of pool, as one run uses it."""

    near: bool
    """Whether its workers take a task at once, without anything being sent."""
    most_together: int
    """How many tasks may go with one message."""
    mends: bool
    """Whether a process that dies is replaced, so that what it had can be tried again."""

    def submit(
        self,
        tasks: Sequence[Task],
        numbers: Sequence[int],
        inputs: Sequence[list[Any]],
        tell: Callable[[Event | Ticket], None],
    ) -> Ticket:
        """Start `tasks` of one work when there is room, and `tell` their ticket when they are over; from any thread.

        `numbers` are theirs in the run.

        What the ticket has of several is a list of what it would have of each, to the first that has failed.
        """

    def outcome(self, task: Task, result: Any) -> Outcome:
        """Return how `task` ended, from the result of its ticket."""

    def dealt(self, inputs: list[Any], count: int) -> list[Any]:
        """Return what a Dealing makes of `inputs` for `count` partitions; asked only where workers are not near."""

    def read(self, key: Key, value: Any) -> Any:
        """Return for the caller what the pool gave as the value of `key`."""

    def let_go(self, value: Any) -> None:
        """Let go of what the pool gave as a value: nobody needs it."""

    def why_it_waits(self) -> str:
        """Return what may keep tasks from ending; nothing where nothing is known."""

    def close(self) -> None:
        """Remove what tasks left on disk; the run is over."""


class FuturesRun:
    """One run; mutable, owned by the thread that iterates over it."""

    def __init__(
        self, graph: Graph, targets: Sequence[Key], observer: Observer, submitter: Submitter, name: str, workers: int
    ) -> None:
        self._state = RunState(graph, targets)
        self._turns = Turns(graph, self._state)
        self._targets = frozenset(targets)
        self._observer = observer
        self._submitter = submitter
        self._name = name
        self._workers = workers
        self._seconds = 2 * QUICK_SECONDS  # that the slower ones of the last tasks took
        self._small: dict[int, bool] = {}  # by the ids of works: whether nothing that it made is large
        self._values: dict[Key, Any] = {}
        self._waiting: set[Key] = set()  # made, wanted by the caller, and not handed out yet
        self._running: dict[Ticket, Sequence[Task]] = {}
        self._alone: Ticket | None = None
        """The last one that was begun, if no other has run beside it."""
        self._begun = 0
        """How many tasks are running, or waiting for a worker."""
        self._suspects: deque[Task] = deque()
        """Of these tasks one has killed a worker: each is tried with no other beside it, to know which it was."""
        self._delivered = 0
        self._seconds_of: dict[int, float] = {}
        """By the ids of works: how long the slower ones of the last tasks took that may go together with others."""
        self._messages = _Messages()
        self._quiet_since = time.monotonic()
        """Since when no task has ended, or the pool was not asked why."""
        self._told: set[str] = set()

    def values(self) -> Generator[Any, None, None]:
        """Yield the values of the targets, as the Scheduler protocol says."""
        state = self._state
        weight = sum(task.weight for task in state.tasks)
        self._observer.emit(RunStarted(len(state.tasks), weight, self._name, self._workers))
        ok = False
        try:
            while not state.done:
                check_stopped()
                self._submit()
                self._raise_in_turn()
                self._listen(wait=not state.deliverable)
                if state.deliverable:
                    yield self._next_value()
            ok = True
        except GeneratorExit:
            ok = True  # the caller has enough
            raise
        finally:
            for ticket in tuple(self._running):
                ticket.cancel()
            self._messages.end()
            self._release(list(self._values))
            self._observer.emit(RunFinished(ok))

    def _submit(self) -> None:
        if self._suspects:
            if not self._running:
                self._start([self._suspects.popleft()])
            return
        window, near = self._window(), self._submitter.near
        while len(self._running) < window:
            task = self._next_task(window)
            if task is None:
                return
            if near and len(self._running) > self._workers and not self._small.get(id(task.work)):
                self._state.put_back(task)
                return
            if not near and isinstance(task.work, Dealing):
                self._deal(task)
            else:
                self._start(self._with_others(task, window))

    def _next_task(self, window: int, chosen: int = 0) -> Task | None:
        """Return a task that may begin, when as many are `chosen` already."""
        some = min(window, TASKS_PER_WORKER * self._workers)
        most = max(some, min(self._delivered // 4, some * self._submitter.most_together))
        ahead = self._turns.waits or self._begun + chosen + len(self._waiting) < most
        task = self._state.next_task(ahead=ahead)
        if task is None or self._turns.may_begin(task):
            return task
        self._state.put_back(task)
        return None

    def _with_others(self, task: Task, window: int) -> list[Task]:
        """Return `task`, and others that go with it in one message."""
        tasks = [task]
        seconds = self._seconds_of.get(id(task.work), MESSAGE_SECONDS)
        count = min(self._submitter.most_together, int(MESSAGE_SECONDS / max(seconds, MESSAGE_SECONDS / MOST_TOGETHER)))
        count = min(count, self._state.ready // self._workers)
        while len(tasks) < count:
            other = self._next_task(window, len(tasks))
            if other is None:
                break
            if other.work is not task.work:
                self._state.put_back(other)
                break
            tasks.append(other)
        return tasks

    def _start(self, tasks: Sequence[Task]) -> None:
        inputs = [[self._values[need] for need in task.needs] for task in tasks]
        try:
            ticket = self._submitter.submit(tasks, list(map(self._state.rank, tasks)), inputs, self._messages.put)
        except BrokenExecutor as error:
            raise self._died(tasks[0], error) from error
        except Exception as error:
            self._failed(tasks[0], error)
            raise
        self._alone = None if self._running else ticket
        self._running[ticket] = tasks
        self._begun += len(tasks)

    def _release(self, keys: Sequence[Key]) -> None:
        for key in keys:
            self._submitter.let_go(self._values.pop(key))

    def _deal(self, task: Task) -> None:
        """Do what no worker need do: where values are is known here."""
        start = time.time()
        inputs = [self._values[need] for need in task.needs]
        self._observer.emit(task_started(task, -1))
        self._values.update(zip(task.keys, self._submitter.dealt(inputs, len(task.keys)), strict=True))
        self._release(self._state.finish(task))
        self._observer.emit(finished(task, -1, start, time.time(), Report()))

    def _window(self) -> int:
        """Return how many tasks may be running or waiting for a worker."""
        if not self._submitter.near:
            return TASKS_PER_WORKER * self._workers
        if self._seconds > QUICK_SECONDS:
            return self._workers + 1
        most = int(QUEUED_SECONDS / max(self._seconds, QUEUED_SECONDS / MOST_PER_WORKER))
        return self._workers * max(TASKS_PER_WORKER, most)

    def _next_value(self) -> Any:
        key, last = self._state.deliver()
        self._delivered += 1
        self._waiting.discard(key)
        self._submit()  # so that work goes on while the caller is busy
        value = self._submitter.read(key, self._values[key])
        if last:
            self._release([key])
        return value

    def _listen(self, wait: bool) -> None:
        """Take in all messages there are; wait for one first if asked to."""
        try:
            message = self._messages.queue.get(block=wait, timeout=NOTICE_SECONDS if wait else None)
            while True:
                if isinstance(message, tuple):
                    self._observer.emit(message)
                else:
                    self._take(message)
                message = self._messages.queue.get_nowait()
        except Empty:
            if wait and time.monotonic() - self._quiet_since > QUIET_SECONDS:
                self._say_why_it_waits()

    def _say_why_it_waits(self) -> None:
        """Warn of what may keep tasks from ending, of each once: it may pass."""
        why = self._submitter.why_it_waits()
        self._quiet_since = time.monotonic()
        if why and why not in self._told:
            self._told.add(why)
            warn_about(None, f"no task has ended for a while: {why}", UserWarning)

    def _take(self, ticket: Ticket) -> None:
        tasks = self._running.pop(ticket)
        self._quiet_since = time.monotonic()
        self._begun -= len(tasks)
        try:
            result = ticket.result()
        except BrokenExecutor as error:
            if not self._submitter.mends or (len(tasks) == 1 and ticket is self._alone):
                raise self._died(tasks[0], error) from error
            results: Sequence[Any] = ()
            self._suspects.extend(tasks)
            tasks = ()
        except CancelledError as error:
            self._failed(tasks[0], error)
            raise TaskError(f"{name_of(tasks[0])}: the executor cancelled it, and gave no result") from error
        except Exception as error:
            self._failed(tasks[0], error)
            add_notes(error, [f"raised by the executor, for {name_of(tasks[0])}"])
            raise
        else:
            results = result if len(tasks) > 1 else [result]
        for task, one in zip(tasks, results, strict=False):
            self._finish(task, one)
        for task in tasks[len(results) :]:
            self._start([task])

    def _finish(self, task: Task, result: Any) -> None:
        """Take in how one task ended."""
        try:
            outcome = self._submitter.outcome(task, result)
        except Exception as error:
            self._failed(task, error)
            raise
        if outcome.again:
            self._start([task])
            return
        if outcome.error is not None:
            if self._turns.hold(Failed(task, outcome.worker, outcome.error)):
                return
            self._failed(task, outcome.error, outcome.worker)
            raise outcome.error
        self._time(task, outcome)
        self._observer.emit(
            finished(task, outcome.worker, outcome.start, outcome.stop, outcome.report, outcome.bytes_out)
        )
        self._values.update(zip(task.keys, outcome.values, strict=True))
        self._waiting.update(self._targets.intersection(task.keys))
        self._release(self._state.finish(task))

    def _raise_in_turn(self) -> None:
        """Raise the error that has waited, if it is due and the caller needs more than there is."""
        due = None if self._state.deliverable else self._turns.due
        if due is not None:
            self._failed(due.task, due.error, due.worker)
            raise due.error

    def _time(self, task: Task, outcome: Outcome) -> None:
        """Note how long a task took, and whether it made little."""
        seconds, work = outcome.stop - outcome.start, id(task.work)
        self._seconds = max(seconds, self._seconds * 0.9)
        self._small[work] = self._small.get(work, True) and all(map(_is_small, outcome.values))
        alone = seconds if outcome.bytes_out <= LITTLE else MESSAGE_SECONDS
        self._seconds_of[work] = max(alone, self._seconds_of.get(work, 0.0) * 0.9)

    def _failed(self, task: Task, error: BaseException, worker: int = -1) -> None:
        self._observer.emit(TaskFailed(task.keys[0], task.label, worker, one_line(error), tuple(notes_of(error))))

    def _died(self, task: Task, error: BrokenExecutor) -> WorkerDiedError:
        self._failed(task, error)
        return WorkerDiedError(
            f"{name_of(task)}: the executor broke: {error}; hint: one of its processes may have been "
            f"killed, for want of memory or by a crash of compiled code",
            attempts=1,
        )


class _Messages:
    """What tickets and events tell a run until it is over; tickets have `put`, and may have it for longer."""

    __slots__ = ("_is_over", "queue")

    def __init__(self) -> None:
        self.queue: SimpleQueue[Event | Ticket] = SimpleQueue()
        self._is_over = False

    def put(self, message: Event | Ticket) -> None:
        if not self._is_over:
            self.queue.put(message)

    def end(self) -> None:
        """Let go of what nobody will hear: a ticket in the queue holds itself, and what it brought to a cluster."""
        self._is_over = True
        try:
            while True:
                self.queue.get_nowait()
        except Empty:
            pass


def _is_small(value: Any) -> bool:
    kind = type(value)
    return kind in NUMBERS or (kind in (str, bytes) and len(value) <= SHORT)


def task_started(task: Task, worker: int) -> TaskStarted:
    """Return the event of a task that begins."""
    return TaskStarted(task.keys[0], task.label, worker)
