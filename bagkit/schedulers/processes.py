"""Runs tasks in worker processes that outlive one run and whose deaths a run survives.

    caller's thread            ┌─ socket ── worker 1 ─┐
      next() ──┐               │                      │
               ├─▶ Run.step() ─┼─ socket ── worker 2 ─┼─▶ files of large values
      pump ────┘    RunState   │                      │   (run directory)
     (while the     values     └─ socket ── worker 3 ─┘
      caller is away)

A Run is driven by whoever holds its `turn`: the caller while it waits in `next()`, and while it is busy with a value a
thread, the pump. A step waits for any worker, takes what it says and hands out tasks. A worker has one task at a time.

- Values stay as bytes or files, as they came, until the caller or another worker wants them.
- The end of a worker's process is an event like any other. Its task, and only that, is run again: alone, so that it
  has the memory of the machine for itself; after ATTEMPTS the run fails.
- The first error stops the handing out, and is raised as soon as the caller asks. Then `close` kills the busy workers
  and gives the idle ones back.
- Ahead of a caller that waits, work goes on as long as the values fit `limit`; of one that is busy, at most two
  tasks a worker.
"""

from __future__ import annotations

import atexit
import contextlib
import marshal
import os
import selectors
import threading
import time
import weakref
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any

from bagkit.diagnostics import events
from bagkit.diagnostics.observer import Observer
from bagkit.diagnostics.terminal import show_drawings
from bagkit.errors import TaskError, text_of
from bagkit.lower.graph import Graph, Key, Task
from bagkit.schedulers import pool, transport
from bagkit.schedulers.codec_names import with_error_handlers
from bagkit.schedulers.hearing import Hearing
from bagkit.schedulers.outgoing import Outgoing
from bagkit.schedulers.pool import WorkerGone, WorkerProcess
from bagkit.schedulers.questions import QUESTIONS, answer
from bagkit.schedulers.remote_errors import not_picklable, unpack_error, unpack_failure, worker_died
from bagkit.schedulers.state import RunState
from bagkit.schedulers.surroundings import take_surroundings
from bagkit.schedulers.value_store import ValueStore
from bagkit.visible import visible
from bagkit.warn import warn_at_caller

NOTICE_SECONDS = 0.25
"""The longest wait: a Ctrl-C that reached another thread is noticed only when the caller's runs again."""
ATTEMPTS = 3
INLINE_BYTES = 1 << 16
"""Values of a task up to this come in its message; what is more gets to where it is read by a file in half the time."""
INLINE_BYTES_LATER = 1 << 12
"""The same, once the values that wait here are as many bytes as may be undelivered."""
UNDELIVERED_BYTES = 64 << 20
WARN_BYTES = 100 << 20
PUMP_SECONDS = 0.01

start_workers = pool.start_workers


class ProcessScheduler:
    """Runs graphs in `workers` processes; large values are kept in `temporary_directory`."""

    name = "processes"

    def __init__(
        self, *, workers: int, temporary_directory: str | None = None, memory_limit: int | None = None
    ) -> None:
        self.workers = workers
        self.temporary_directory = temporary_directory
        self.memory_limit = memory_limit

    def run(self, graph: Graph, targets: Sequence[Key], observer: Observer) -> Generator[Any, None, None]:
        """Run what `targets` need, and yield their values in their order."""
        run = Run(self, graph, RunState(graph, targets), observer)
        try:
            run.start()
            while not run.state.done:
                yield run.next_value()
            run.ok = True
        except KeyboardInterrupt as error:
            raise error.with_traceback(None) from None  # where in here it struck is nobody's concern
        except Exception:
            if _ending and run.is_closed:
                raise SystemExit from None  # ends a thread without a word: the program ends, and the workers have gone
            raise
        finally:
            run.close()


class Run:
    """One run; mutable, owned by the generator that made it and its pump, in turns."""

    def __init__(self, scheduler: ProcessScheduler, graph: Graph, state: RunState, observer: Observer) -> None:
        self.state = state
        self.ok = False
        self._scheduler = scheduler
        self._graph = graph
        self._observer = observer
        self._pid = os.getpid()
        self._events: deque[events.Event] = deque()
        self._hearing = Hearing()
        self._limit = scheduler.memory_limit // 4 if scheduler.memory_limit else UNDELIVERED_BYTES
        self._numbers = {task.keys[0]: number for number, task in enumerate(state.tasks)}
        self._works: dict[int, int] = {}
        self._work_messages: list[bytes] = []
        self._outgoing = Outgoing()
        self._surroundings = b""
        self._content = b""
        self._selector = selectors.DefaultSelector()
        self._workers: set[WorkerProcess] = set()
        self._free: list[WorkerProcess] = []
        self._attempts: dict[Key, int] = {}
        self._again: deque[Task] = deque()
        """Tasks whose worker died; each runs alone."""
        self._alone = False
        self._failing: WorkerProcess | None = None
        self._error: BaseException | None = None
        self._values = ValueStore(state.targets, scheduler.temporary_directory)
        self._turn = threading.Lock()
        self._away = False
        self._closed = threading.Event()
        self._pump: threading.Thread | None = None
        self._wake: tuple[int, int] | None = None
        _open_runs.add(self)

    # What the caller's thread does

    def start(self) -> None:
        """Pickle the works, before anything is sent: what can't be pickled is said at once."""
        weight = sum(task.weight for task in self.state.tasks)
        count = self._scheduler.workers
        self._emit(events.RunStarted(len(self.state.tasks), weight, self._scheduler.name, count))
        for task in self.state.tasks:
            if id(task.work) not in self._works:
                self._works[id(task.work)] = len(self._work_messages)
                self._work_messages.append(self._work_message(len(self._work_messages), task))
        self._surroundings = take_surroundings()
        self._content = self._outgoing.content()
        for worker in pool.take_workers(min(count, len(self.state.tasks)), self._outgoing.versions):
            self._employ(worker)

    def next_value(self) -> Any:
        """Wait for the value of the next target and return it."""
        if os.getpid() != self._pid:
            raise TaskError("run: this process was forked from the one that the run belongs to; start one here")
        self._away = False
        if not self._turn.acquire(blocking=False):
            self._wake_pump()
            self._turn.acquire()
        try:
            self._tell()
            if self.state.deliverable:
                self._step(0)
            while not self.state.deliverable and self._error is None:
                if self._closed.is_set():
                    raise TaskError("run: it was closed by another thread, or by the end of the program")
                self._dispatch()
                if self._error is None:
                    self._step(NOTICE_SECONDS)
                show_drawings()
            if self._error is not None:
                raise self._error
            key, last = self.state.deliver()
            self._values.take(key)
            self._dispatch()
        finally:
            self._turn.release()
        value = self._values.load(key, self._graph.maker[key])
        if last:
            self._values.release(key)
        self._tell()
        if not self.state.exhausted:
            self._start_pump()
        self._away = True
        return value

    @property
    def is_closed(self) -> bool:
        """Whether it is over, also for a caller who has not asked for that."""
        return self._closed.is_set()

    def close(self) -> None:
        """End the run: kill the busy workers, keep the idle ones warm, remove what was stored."""
        if os.getpid() != self._pid or self._closed.is_set():
            return  # a forked process has a copy of the run, and none of what belongs to it
        self._closed.set()
        _open_runs.discard(self)
        self._away = False
        self._wake_pump()
        held = self._turn.acquire(timeout=1)
        try:
            busy = [worker for worker in self._workers if worker.task is not None or worker.sending]
            for worker in busy:
                worker.kill()
            self._selector.close()
            for worker in self._workers:
                if worker in busy:
                    for kind, body in worker.receive_all()[0]:
                        if kind == transport.TOLD:
                            self._hearing.take(body, worker.number)
                    worker.close()
                else:
                    pool.give_back(worker)
            self._workers.clear()
        finally:
            if held:
                self._turn.release()
            self._values.end()
            if self._pump is not None and self._pump is not threading.current_thread():
                self._pump.join(timeout=1)
            if self._wake is not None:
                wake, self._wake = self._wake, None
                for descriptor in wake:
                    os.close(descriptor)
            self._error = None  # whose traceback holds this run
            with contextlib.suppress(Exception):  # of what is said: the run is over
                self._tell()
            self._emit(events.RunFinished(self.ok))

    def _emit(self, event: events.Event) -> None:
        """Tell the observer, whose `emit` is called in the caller's thread only."""
        if threading.get_ident() == self._hearing.thread:
            self._observer.emit(event)
        else:
            self._events.append(event)

    def _tell(self) -> None:
        self._hearing.thread = threading.get_ident()
        self._hearing.say_all()
        while self._events:
            self._observer.emit(self._events.popleft())

    # While the caller is away

    def _start_pump(self) -> None:
        if self._pump is None:
            self._wake = os.pipe()
            for descriptor in self._wake:
                os.set_blocking(descriptor, False)
            self._selector.register(self._wake[0], selectors.EVENT_READ, None)
            self._pump = threading.Thread(target=self._pump_steps, name="bagkit-pump", daemon=True)
            self._pump.start()

    def _wake_pump(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(OSError):
                os.write(self._wake[1], b"\0")

    def _pump_steps(self) -> None:
        """Drive the run while the caller is away; looking for that now and then costs the caller nothing."""
        while not self._closed.wait(PUMP_SECONDS):
            if not self._away or not self._turn.acquire(blocking=False):
                continue
            try:
                while self._away and self._error is None and not self.state.exhausted and not self._hearing.is_full:
                    self._dispatch()
                    self._step(None)
            except BaseException as error:
                self._error = error
            finally:
                self._turn.release()
            if self._error is not None or self.state.exhausted:
                return

    # Steps

    def _step(self, timeout: float | None) -> None:
        """Wait for something to happen, for `timeout` seconds at most, and take note of it."""
        ended: list[WorkerProcess] = []
        for key, mask in self._selector.select(timeout):
            worker: WorkerProcess | None = key.data
            if worker is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
            elif worker not in self._workers:
                continue
            elif key.fd == worker.pidfd:
                ended.append(worker)
            else:
                if mask & selectors.EVENT_WRITE:
                    self._flush(worker)
                if mask & selectors.EVENT_READ and not self._listen(worker):
                    ended.append(worker)
        for worker in ended:
            if worker in self._workers:
                self._bury(worker)
        if timeout is not None:
            self._dispatch()

    def _listen(self, worker: WorkerProcess) -> bool:
        """Take what `worker` says; return whether it is still there."""
        try:
            for kind, body in worker.receive():
                self._take(worker, kind, body)
        except WorkerGone:
            return False
        return True

    def _take(self, worker: WorkerProcess, kind: int, body: bytes) -> None:
        if kind == transport.TOLD:
            self._hearing.take(body, worker.number)
            return
        task: Task | None = worker.task
        if task is None:
            return  # a thread that a task left behind
        if kind == transport.DONE:
            self._finish(worker, task, marshal.loads(body))
        elif kind == transport.PROGRESS:
            number, bytes_read = marshal.loads(body)
            if number == self._numbers[task.keys[0]]:
                self._emit(events.TaskProgressed(task.keys[0], bytes_read))
        elif kind == transport.NEED_DIRECTORY:
            self._tell_directory(worker)
            self._flush(worker)
        elif kind in QUESTIONS:
            worker.send(transport.ANSWER, answer(kind, body, self._outgoing.work))
            self._flush(worker)
        elif kind == transport.FAILING:
            self._failing = worker
        elif kind == transport.FAILED:
            self._idle(worker)
            error = unpack_error(body, transport.name_of(task))
            self._fail(task, worker, error)

    def _finish(self, worker: WorkerProcess, task: Task, done: transport.DoneMessage) -> None:
        _, start, stop, bytes_read, skipped, failures, outputs, stored_values = done
        self._idle(worker)
        released = self.state.finish(task)
        size = 0
        for key, stored in zip(task.keys, stored_values, strict=True):
            size += self._values.put(key, stored)
        for key in released:
            self._values.release(key)
        reported = () if failures is None else tuple(map(unpack_failure, transport.loads(failures)))
        numbers = (worker.number, start, stop, bytes_read, size, skipped)
        self._emit(events.TaskFinished(task.keys[0], task.label, *numbers, reported, tuple(outputs)))

    def _idle(self, worker: WorkerProcess) -> None:
        worker.task = None
        worker.idle_since = time.monotonic()
        self._alone = False
        self._free.append(worker)

    def _fail(self, task: Task, worker: WorkerProcess, error: BaseException) -> None:
        if self._error is None:
            self._error = error
            message = f"{type(error).__name__}: {visible(text_of(error))}"
            self._emit(events.TaskFailed(task.keys[0], task.label, worker.number, message))

    # Handing out

    def _dispatch(self) -> None:
        """Give tasks to free workers, and start workers while there are more tasks."""
        if self._error is not None or self._failing is not None or self._alone:
            return
        if self._again:
            if not self.state.running - len(self._again):
                self._alone = True
                self._assign(self._free_worker(), self._again.popleft())
            return
        while len(self._free) or len(self._workers) < self._scheduler.workers:
            task = self.state.next_task(ahead=self._may_run_ahead())
            if task is None:
                return
            self._assign(self._free_worker(), task)

    def _may_run_ahead(self) -> bool:
        if self._values.undelivered_bytes >= self._limit:
            return False
        return not self._away or self._values.undelivered < 2 * self._scheduler.workers

    def _free_worker(self) -> WorkerProcess:
        while self._free:
            if not self._free[-1].stale():
                return self._free.pop()
            self._bury(self._free[-1])
        worker = pool.start_worker()
        self._employ(worker)
        return self._free.pop()

    def _employ(self, worker: WorkerProcess) -> None:
        self._workers.add(worker)
        self._free.append(worker)
        self._selector.register(worker.socket, selectors.EVENT_READ, worker)
        if worker.pidfd is not None:
            self._selector.register(worker.pidfd, selectors.EVENT_READ, worker)

    def _assign(self, worker: WorkerProcess, task: Task) -> None:
        key = task.keys[0]
        attempt = self._attempts.get(key, 0) + 1
        work = self._works[id(task.work)]
        budget = INLINE_BYTES if self._values.inline_bytes < self._limit else INLINE_BYTES_LATER
        inputs = tuple([self._values[need] for need in task.needs])
        number, part = self._numbers[key], self._pickled_part(task)
        if worker.surroundings != self._surroundings:
            worker.send(transport.SURROUNDINGS, self._surroundings)
            worker.surroundings = self._surroundings
        if worker.content != self._content:
            worker.send(transport.MODULES, self._content)
            worker.content = self._content
        if work not in worker.works:
            worker.send(transport.WORK, self._work_messages[work])
            worker.works.add(work)
            worker.modules.update(self._outgoing.versions)
        if self._values.has_directory and not worker.knows_directory:
            self._tell_directory(worker)
        worker.send(transport.TASK, marshal.dumps((number, work, attempt, len(task.keys), budget, part, inputs)))
        worker.task = task
        worker.has_run = True
        self._emit(events.TaskStarted(key, task.label, worker.number))
        self._flush(worker)

    def _flush(self, worker: WorkerProcess) -> None:
        worker.flush()
        if worker.watched_for_writing != worker.sending:
            worker.watched_for_writing = worker.sending
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.sending else 0)
            self._selector.modify(worker.socket, mask, worker)

    def _work_message(self, number: int, task: Task) -> bytes:
        try:
            data = with_error_handlers(self._outgoing.work(task.work), self._outgoing.work)
        except Exception as error:
            raise not_picklable(task.work, "the work", error, task.label) from error
        data = self._outgoing.patched(data)
        if len(data) > WARN_BYTES:
            warn_at_caller(
                f"{task.label}: the functions and what they refer to are {len(data) >> 20} MiB, "
                "which are sent to every worker; hint: load large tables inside of the function",
                UserWarning,
            )
        if len(data) <= INLINE_BYTES:
            return marshal.dumps((number, data))
        return marshal.dumps((number, self._values.write_file(f"work-{number}", data)))

    def _pickled_part(self, task: Task) -> bytes:
        try:
            return self._outgoing.part(task.part)
        except Exception as error:
            raise not_picklable(task.part, "the part", error, transport.name_of(task)) from error

    def _tell_directory(self, worker: WorkerProcess) -> None:
        worker.send(transport.DIRECTORY, os.fsencode(self._values.directory()))
        worker.knows_directory = True

    # Deaths

    def _bury(self, worker: WorkerProcess) -> None:
        """Take leave of a worker that has ended, and see to the task that it had."""
        for kind, body in worker.receive_all()[0]:
            self._take(worker, kind, body)
        self._selector.unregister(worker.socket)
        if worker.pidfd is not None:
            self._selector.unregister(worker.pidfd)
        self._workers.discard(worker)
        if worker in self._free:
            self._free.remove(worker)
        if self._failing is worker:
            self._failing = None
        worker.kill()  # it may have closed its socket only
        report = worker.crash_report()
        task: Task | None = worker.task
        code = worker.close()
        if task is None:
            if code != 0 and not worker.stale():  # else it left after an idle minute
                self._emit(events.WorkerLost(worker.number, None, code, 0))
            return
        self._alone = False
        attempt = self._attempts[task.keys[0]] = self._attempts.get(task.keys[0], 0) + 1
        self._values.discard_file(f"{self._numbers[task.keys[0]]}-{attempt}")
        self._emit(events.WorkerLost(worker.number, task.keys[0], code, attempt))
        if attempt < ATTEMPTS:
            self._again.append(task)
        else:
            self._fail(task, worker, worker_died(transport.name_of(task), attempt, code, report))


_ending = False
_open_runs: weakref.WeakSet[Run] = weakref.WeakSet()


def _close_runs() -> None:
    """Close runs at exit whose caller keeps them, while their pumps can still let go of them."""
    global _ending
    _ending = True
    for run in tuple(_open_runs):
        run.close()


atexit.register(_close_runs)
