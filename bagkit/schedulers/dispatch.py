"""Which task of a run is next, how tasks ended, and what a worker's death means for its task."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

from bagkit.crossing import transport
from bagkit.diagnostics import events
from bagkit.errors import notes_of, text_of
from bagkit.flow.buckets import Dealing
from bagkit.lazily import Lazily
from bagkit.lower.graph import Graph, Key, Task
from bagkit.schedulers.state import RunState
from bagkit.schedulers.turns import Failed, Turns
from bagkit.schedulers.value_store import ValueStore
from bagkit.visible import visible

remote_errors = Lazily("bagkit.crossing.remote_errors")

ATTEMPTS = 3


class Dispatch:
    """The tasks of one run and what they made; mutable, of that run. It knows workers by their numbers only."""

    def __init__(
        self,
        graph: Graph,
        targets: Sequence[Key],
        values: ValueStore,
        emit: Callable[[events.Event], None],
        workers: int,
    ) -> None:
        self.state = RunState(graph, targets)
        self.error: BaseException | None = None
        """The first error; it ends the run."""
        self._values = values
        self._emit = emit
        self._workers = workers
        self._turns = Turns(graph, self.state)
        self._attempts: dict[Key, int] = {}
        self._again: deque[Task] = deque()
        """Tasks whose worker died; each runs alone."""
        self._alone = False
        self._parked: dict[int, deque[Task]] = {}
        """Tasks that wait for the worker which keeps their records, by its number."""
        self._failed = 0
        """Tasks that failed while the run goes on."""
        self._failing: int | None = None
        """The worker that is preparing an error."""

    @property
    def can_go_on(self) -> bool:
        """Whether there are tasks left, and no error."""
        return self.error is None and not self.state.exhausted and self._turns.due is None

    def attempt(self, task: Task) -> int:
        """Return which attempt at a task is the next one."""
        return self._attempts.get(task.keys[0], 0) + 1

    def next_task(self, *, away: bool) -> Task | None:
        """Return the task that a free worker should run now, or None. Less runs ahead while the caller is `away`."""
        if self.error is not None or self._failing is not None or self._alone:
            return None
        if self._again:
            if self.state.running - self._failed > len(self._again):
                return None
            self._alone = True
            return self._again.popleft()
        task = self._next_in_turn(away)
        while task is not None and isinstance(task.work, Dealing):
            self._deal(task)
            task = self._next_in_turn(away)
        return task

    def _deal(self, task: Task) -> None:
        """Do what no worker need do."""
        start = time.time()
        self._emit(events.TaskStarted(task.keys[0], task.label, -1))
        self._values.deal(task, self.state.rank(task))
        for key in self.state.finish(task):
            self._values.release(key)
        told = events.TaskFinished(task.keys[0], task.label, -1, start, time.time(), 0, 0, 0, (), labels=task.labels)
        self._emit(told)

    def _next_in_turn(self, away: bool) -> Task | None:
        """Return the next task; where an error waits, one that comes before it, however much has been made."""
        task = self.state.next_task(ahead=self._turns.waits or self._may_run_ahead(away))
        if task is None or self._turns.may_begin(task):
            return task
        self.state.put_back(task)
        return None

    def _may_run_ahead(self, away: bool) -> bool:
        busy = away and self._values.undelivered >= 2 * self._workers
        return not busy and not self._values.is_full

    @property
    def has_parked(self) -> bool:
        """Whether tasks wait for certain workers."""
        return bool(self._parked)

    def park(self, task: Task, worker: int) -> None:
        """Have `task`, which is the next one, wait for a worker."""
        self._parked.setdefault(worker, deque()).append(task)

    def parked_for(self, worker: int, *, away: bool) -> Task | None:
        """Return the first task that waits for `worker`, if it may run now."""
        parked = self._parked.get(worker)
        if parked is None or self.error is not None or self._failing is not None:
            return None
        if not self._may_run_ahead(away) and not self.state.is_needed_next(parked[0]):
            return None
        task = parked.popleft()
        if not parked:
            del self._parked[worker]
        return task

    def unpark(self, workers: Collection[int] = ()) -> None:
        """Have no task wait for a worker, unless it is one of `workers`."""
        for number in tuple(self._parked):
            if number not in workers:
                for task in self._parked.pop(number):
                    self.state.put_back(task)

    def progress(self, task: Task, number: int, bytes_read: int, *so_far: Any) -> None:
        """Report the progress of a task, unless it is about another attempt."""
        if number == self.state.rank(task):
            self._emit(events.TaskProgressed(task.keys[0], bytes_read, task.labels, *so_far))

    def finish(self, task: Task, worker: int, done: transport.DoneMessage) -> None:
        """Keep the values of `task`, and drop values that nobody needs now."""
        _, start, stop, bytes_read, skipped, failures, outputs, figures, stored_values, _ = done
        self._alone = False
        released = self.state.finish(task)
        size = self._values.put_all(task.keys, stored_values)
        for key in released:
            self._values.release(key)
        reported = () if failures is None else tuple(map(remote_errors.unpack_failure, transport.loads(failures)))
        numbers = (worker, start, stop, bytes_read, size, skipped)
        said = (reported, tuple(outputs), task.labels, figures)
        self._emit(events.TaskFinished(task.keys[0], task.label, *numbers, *said))

    def expect_error(self, worker: int) -> None:
        """Start nothing more: `worker` is preparing the error of its task."""
        self._failing = worker

    def fail(self, task: Task, worker: int, body: bytes) -> None:
        """End the run with the error of a task, packed in `body`, unless it has one."""
        self._alone = False
        self._fail_in_turn(task, worker, remote_errors.unpack_error(body, transport.name_of(task)))

    def _fail_in_turn(self, task: Task, worker: int, error: BaseException) -> None:
        """End the run with the error of a task, at once or when its turn has come."""
        failed = Failed(task, worker, error)
        if self._turns.hold(failed):
            self._failing = None
            self._failed += 1
        else:
            self._fail(failed)

    def end_in_turn(self) -> None:
        """End the run with the error that has waited, if it is due: the caller needs more than there is."""
        due = self._turns.due
        if due is not None:
            self._fail(due)

    def _fail(self, failed: Failed) -> None:
        if self.error is None:
            task, error = failed.task, failed.error
            self.error = error
            message = f"{type(error).__name__}: {visible(text_of(error))}"
            self._emit(events.TaskFailed(task.keys[0], task.label, failed.worker, message, tuple(notes_of(error))))

    def break_off(self, error: BaseException | None) -> None:
        """End the run with an `error` that is of no task; with None, let go of the error that it has."""
        self.error = error

    def lose(self, task: Task, worker: int, code: int | None, report: str) -> None:
        """Have `task`, whose worker has died, run again; or end the run if no worker survives it."""
        self._alone = False
        if self._failing == worker:
            self._failing = None
        self.unpark()
        attempt = self._attempts[task.keys[0]] = self.attempt(task)
        self._values.discard_file(f"{self.state.rank(task)}-{attempt}")
        self._emit(events.WorkerLost(worker, task.keys[0], transport.known_code(code), attempt))
        if attempt < ATTEMPTS:
            self._again.append(task)
        else:
            self._fail_in_turn(task, worker, remote_errors.worker_died(transport.name_of(task), attempt, code, report))
