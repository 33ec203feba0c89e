"""Runs the calls of a client in worker processes of this machine.

    caller's threads                    a thread of the client           workers
      submit ── pickled call ── inbox ──▶ Backlog ── Sending ── socket ──▶ run it
      result ◀────────── Future ◀─────── ValueStore ◀────── socket ─────── value

Calls are pickled when they are submitted: what their user changes later does not matter. Values stay as bytes or files,
as they came, until somebody asks for the result; the calls that need them get them as they are.
"""

from __future__ import annotations

import atexit
import contextlib
import marshal
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import wait as wait_for
from functools import partial
from typing import TYPE_CHECKING, Any

from bagkit.client.backlog import Backlog, Entry
from bagkit.client.calls import MOST_WORKS
from bagkit.client.futures import Elsewhere
from bagkit.client.recording import CallRecord
from bagkit.crossing import transport
from bagkit.crossing.hearing import hear
from bagkit.crossing.remote_errors import unpack_error, worker_died
from bagkit.crossing.values import Output
from bagkit.errors import TaskError
from bagkit.flow.replay import reading
from bagkit.lower.graph import Key, Task, Work
from bagkit.own_threads import started_thread
from bagkit.schedulers.cpu_count import cpu_count
from bagkit.schedulers.crew import Crew
from bagkit.schedulers.dispatch import ATTEMPTS
from bagkit.schedulers.sending import NOTHING, Pickled, Sending
from bagkit.schedulers.value_store import ValueStore
from bagkit.schedulers.worker_process import WorkerProcess

if TYPE_CHECKING:
    import concurrent.futures

    from bagkit.client.calls import Submitted
    from bagkit.client.futures import Future
    from bagkit.crossing.transport import Stored

IDLE_SECONDS = 1.0
"""How long the client keeps workers that have nothing to do; then all runs of this process may have them."""

QUEUED = 16
"""Calls that a worker is given at the same time, if they take no longer than QUICK_SECONDS: so it need not wait for the
next one."""
QUICK_SECONDS = 0.0005

Order = Entry | tuple[Key] | Callable[[], None]
"""What the thread is told to do: take in a call, let go of a value, or anything."""


class LocalEngine:
    """Runs calls in up to `workers` processes; mutable. Any thread may use it."""

    scheduler = None

    def __init__(self, workers: int | None, temporary_directory: str | None, memory_limit: int | None) -> None:
        self.workers = workers or cpu_count()
        self._pid = os.getpid()
        self._lock = threading.Lock()
        """For those who submit."""
        self._inbox: deque[Order] = deque()
        self._wake = os.pipe()
        for descriptor in self._wake:
            os.set_blocking(descriptor, False)
        self._asleep = False
        self._ended = False
        self._thread: threading.Thread | None = None
        self._numbers = 0
        self._waiting = 0
        """How many calls were submitted and are not over, as those who submit know it."""
        self._values = ValueStore((), temporary_directory, memory_limit)
        self._sending = Sending((), self._values)
        self._backlog = Backlog()
        self._record = CallRecord()
        self._crew = Crew(self.workers, self._hear)
        self._crew.watch(self._wake[0])
        self._running: dict[WorkerProcess, deque[Entry]] = {}
        """The calls that each busy worker has: it runs the first, the others wait there."""
        self._seconds: dict[Work, float] = {}
        """How long each function took the last time, by its work."""
        self._again: deque[Entry] = deque()
        """Calls whose worker died; each runs alone."""
        self._alone = False
        self._runs: set[Future[Any]] = set()
        """The runs of bags that are not over."""
        _engines.add(self)

    # For those who submit -------------------------------------------------------------------------------------------

    def add(self, call: Submitted, future: Future[Any], needs: Sequence[Future[Any]]) -> None:
        """Have `call` run, and give `future` its value or its error. It is pickled now."""
        with self._lock:
            self._check_open()
            if not self._waiting:
                self._begin_anew()
            part = self._sending.learn(call.work, call.part, call.title)
            task = Task((call.key,), call.work, Pickled(part), call.needs, call.title)
            self._numbers += 1
            self._take_note(Entry(task, self._numbers, future, call.retries, call.priority))

    def keep(self, key: Key, value: Any, future: Future[Any]) -> None:
        """Store a value that is there already, and give it to `future`."""
        with self._lock:
            self._check_open()
            entry = self._entry_of_value(key)
            stored = self._stored(entry, value)
            self._take_note(entry)
            self._tell(partial(self._make, entry, stored))
        future.set_result(reading(value))

    def promise(self, other: concurrent.futures.Future[Any], future: Future[Any]) -> None:
        def keep_promise(_: concurrent.futures.Future[Any]) -> None:
            error: BaseException | None
            try:
                error = None if other.cancelled() else other.exception()
                if error is None and not other.cancelled():
                    self._tell(partial(self._make, entry, self._stored(entry, other.result())))
                    return
            except BaseException as raised:  # by pickling it
                error = raised
            self._tell(partial(self._end_entry, entry, error))

        with self._lock:
            self._check_open()
            entry = self._entry_of_value(future.key, future)
            future.set_running_or_notify_cancel()
            self._take_note(entry)
        other.add_done_callback(keep_promise)

    def bring(self, futures: Sequence[Future[Any]]) -> None:
        """Do nothing: the values came to this machine when they were made."""

    def let_go(self, key: Key) -> None:
        """Note that nobody holds the future of `key`; called by finalisers, in the middle of anything."""
        if not self._ended and os.getpid() == self._pid:
            self._tell((key,))

    def cancel(self, key: Key) -> None:
        self._tell(partial(self._cancel, key))

    def wait_at_the_end(self, future: Future[Any]) -> None:
        import bagkit.schedulers.processes  # noqa: F401  # at the end of the program it ends runs, so it comes after us

        atexit.unregister(_end_engines)
        atexit.register(_end_engines)
        self._runs.add(future)
        future.add_done_callback(self._runs.discard)

    def works_here(self) -> bool:
        """Tell whether this is the engine's own thread, in a callback of a future."""
        return threading.current_thread() is self._thread

    def scale(self, workers: int) -> None:
        """Have up to `workers` processes from now on."""
        self.workers = workers
        self._tell(partial(self._crew.resize, workers))

    def restart(self) -> None:
        """Cancel what is not done, end the workers at once, and start others when they are needed."""
        self._wait_for(self._restart)

    def close(self, *, wait: bool, cancel: bool) -> None:
        """Take no more calls. End when all are over, or with `cancel` those that run."""
        for future in tuple(self._runs) if os.getpid() == self._pid else ():
            if cancel:
                future.cancel()
            elif wait and not self.works_here():
                wait_for((future,))  # it may need calls
        with self._lock:
            if self._ended or os.getpid() != self._pid:
                return
            if self._thread is None:
                self._end()
                return
        self._tell(partial(self._close, cancel))
        if wait and not self.works_here():
            self._thread.join()

    def _entry_of_value(self, key: Key, future: Future[Any] | None = None) -> Entry:
        """Return the entry of a value that no worker makes."""
        self._numbers += 1
        return Entry(Task((key,), _nothing, label="value"), self._numbers, future, missing=1)  # so it is never ready

    def _take_note(self, entry: Entry) -> None:
        self._waiting += 1
        self._tell(entry)

    def _stored(self, entry: Entry, value: Any) -> Stored:
        output = Output(self._values.inline_budget, self._values.directory, f"{entry.number}-0")
        try:
            return output.store(value)
        finally:
            output.close()

    def _check_open(self) -> None:
        if os.getpid() != self._pid:
            raise TaskError("client: this process was forked from the one that the client belongs to; make one here")
        if self._ended or self._closing:
            raise TaskError("client: it is closed; hint: make another one")
        if self._thread is None:
            self._thread = started_thread("bagkit-client", self._work)

    def _begin_anew(self) -> None:
        """Take the surroundings of this process as they are now; forget functions if there are many, or others now."""
        if self._sending.works > MOST_WORKS or not self._sending.is_current():
            self._sending = Sending((), self._values)
            self._seconds.clear()
            # Not waited for: this may be the thread that does it, in a callback. It comes before the calls that follow.
            self._tell(partial(self._crew.let_go_free, self.workers))
        else:
            self._sending.begin_anew()

    def _tell(self, order: Order) -> None:
        self._inbox.append(order)
        if self._asleep:
            self._asleep = False  # one is enough to wake it
            with contextlib.suppress(OSError):
                os.write(self._wake[1], b"\0")

    def _wait_for(self, order: Callable[[], None]) -> None:
        if self._thread is None or self._ended:
            return
        done = threading.Event()

        def do() -> None:
            try:
                order()
            finally:
                done.set()

        self._tell(do)
        if not self.works_here():
            done.wait()

    # In the thread --------------------------------------------------------------------------------------------------

    _closing = False

    def _work(self) -> None:
        try:
            while not (self._closing and not self._backlog.pending and not self._inbox):
                self._do_orders()
                self._hand_out()
                self._step()
        except BaseException as error:
            with self._lock:
                self._closing = True
            self._do_orders()
            self._end_all(TaskError(f"client: it has failed: {type(error).__name__}: {error}"))
            raise
        finally:
            self._end()

    def _do_orders(self) -> None:
        while self._inbox:
            order = self._inbox.popleft()
            if type(order) is Entry:
                self._take_in(order)
            elif type(order) is tuple:
                self._release(self._backlog.let_go(order[0]))
            elif callable(order):
                order()

    def _step(self) -> None:
        """Wait for something to happen, and take note of it."""
        self._asleep = True
        busy = self._inbox or (self._closing and not self._backlog.pending)
        said, ended = self._crew.wait(0 if busy else None if self._backlog.pending else IDLE_SECONDS)
        self._asleep = False
        if not (said or ended or self._inbox or self._backlog.pending):
            self._crew.let_go_free(self.workers)
        for worker, kind, body in said:
            self._take(worker, kind, body)
        for worker in ended:
            self._bury(worker)

    def _hand_out(self) -> None:
        """Give a call to each free worker, and more of them to those whose calls take no time."""
        given: set[WorkerProcess] = set()
        while self._crew.has_free and not self._alone and (entry := self._next()) is not None:
            self._give(entry, None, given)
        if not self._again and self._backlog.has_ready:
            for worker, entries in self._running.items():
                if len(entries) <= QUEUED // 2:
                    self._give_more(worker, entries, given)
        for worker in given:
            self._crew.flush(worker)

    def _give_more(self, worker: WorkerProcess, entries: deque[Entry], given: set[WorkerProcess]) -> None:
        while len(entries) < QUEUED and self._is_quick(entries[-1]) and (entry := self._next()) is not None:
            self._give(entry, worker, given)

    def _is_quick(self, entry: Entry) -> bool:
        return self._seconds.get(entry.task.work, 1.0) < QUICK_SECONDS

    def _next(self) -> Entry | None:
        """Return the call that is next; those whose worker died run alone, with the memory of the machine."""
        if self._again:
            if self._running:
                return None
            self._alone = True
            return self._again.popleft()
        while (entry := self._backlog.next()) is not None:
            if entry.future is not None and (entry.runs or entry.future.set_running_or_notify_cancel()):
                return entry
            self._end_entry(entry, None)
        return None

    def _give(self, entry: Entry, worker: WorkerProcess | None, given: set[WorkerProcess]) -> None:
        try:
            worker = self._free_worker() if worker is None else worker
            entry.runs += 1
            self._sending.give(worker, entry.task, entry.number, entry.runs, NOTHING)
        except Exception as error:
            self._end_entry(entry, error)
            return
        if worker in self._running:
            self._running[worker].append(entry)
        else:
            self._running[worker] = deque((entry,))
        self._record.start(entry, worker.number)
        given.add(worker)

    def _free_worker(self) -> WorkerProcess:
        """Return a free worker that has imported no other version of the user's modules."""
        versions = self._sending.versions
        if not self._crew.free:
            self._crew.gather(1, versions, ())
        while (worker := self._crew.take_free()).has_other(versions):
            self._crew.part_from(worker)
        return worker

    def _take(self, worker: WorkerProcess, kind: int, body: bytes) -> None:
        if worker not in self._running:
            return  # a thread that a call left behind
        if kind == transport.DONE:
            entry = self._over(worker)
            _, start, stop, *_, values, _ = marshal.loads(body)
            self._seconds[entry.task.work] = stop - start
            self._record.finish(entry, worker.number, start, stop)
            self._make(entry, values[0])
        elif kind == transport.FAILED:
            entry = self._over(worker)
            if entry.retries:
                entry.retries -= 1
                self._backlog.put_back(entry)
            else:
                error = unpack_error(body, transport.name_of(entry.task))
                self._record.fail(entry, worker.number, error)
                self._end_entry(entry, error)
        elif self._sending.answer(worker, kind, body):
            self._crew.flush(worker)

    def _over(self, worker: WorkerProcess) -> Entry:
        """Return the call that a worker is done with."""
        entries = self._running[worker]
        entry = entries.popleft()
        self._alone = False
        if not entries:
            del self._running[worker]
            self._crew.set_free(worker)
        return entry

    def _bury(self, worker: WorkerProcess) -> None:
        entries = self._running.pop(worker, None)
        if entries is None:
            self._crew.part_from(worker)
            return
        code, report = self._crew.bury(worker)
        self._alone = False
        entry = entries.popleft()
        for waiting in entries:
            self._backlog.put_back(waiting)
        self._values.discard_file(f"{entry.number}-{entry.runs}")
        entry.attempts += 1
        self._record.lose(entry, worker.number, transport.known_code(code), entry.attempts)
        if entry.attempts < ATTEMPTS:
            self._again.append(entry)
        else:
            self._end_entry(entry, worker_died(transport.name_of(entry.task), entry.attempts, code, report))

    # What comes of calls --------------------------------------------------------------------------------------------

    def _hear(self, body: bytes, worker: int) -> None:
        hear(body, worker)
        self._record.say(body, worker)

    def _take_in(self, entry: Entry) -> None:
        self._record.add(entry, self.workers)
        failed = self._backlog.add(entry)
        if failed is not None:
            self._waiting -= 1
            _tell_future(entry, failed.error)

    def _make(self, entry: Entry, stored: Stored) -> None:
        """Note that a call has made its value."""
        self._values.put(entry.key, stored)
        load = self._values.loader(entry.key, entry.task)
        future, entry.future = entry.future, None
        self._waiting -= 1
        released = self._backlog.finish(entry)
        if future is not None:
            future.set_result(Elsewhere(load))
        self._release(released)

    def _end_entry(self, entry: Entry, error: BaseException | None) -> None:
        """End a call with an error, or as cancelled, and so all that need its value."""
        ended, released = self._backlog.fail(entry, error)
        self._waiting -= len(ended)
        for each in ended:
            _tell_future(each, error)
        self._release(released)

    def _cancel(self, key: Key) -> None:
        with contextlib.suppress(KeyError):
            entry = self._backlog[key]
            if entry.future is not None and entry.future.cancelled():
                self._end_entry(entry, None)

    def _release(self, keys: Sequence[Key]) -> None:
        for key in keys:
            self._values.release(key)

    def _restart(self) -> None:
        for worker in tuple(self._running):
            del self._running[worker]
            self._crew.part_from(worker)
        self._crew.let_go_free(self.workers)
        self._again.clear()
        self._alone = False
        self._end_all(None)

    def _close(self, cancel: bool) -> None:
        self._closing = True
        if cancel:
            self._restart()

    def _end_all(self, error: BaseException | None) -> None:
        for entry in tuple(self._backlog):
            if not entry.is_over:
                self._end_entry(entry, error)

    def _end(self) -> None:
        """Let go of everything but of the values that somebody may still ask for."""
        self._ended = True
        self._record.end()
        self._crew.end()
        self._values.end()
        for descriptor in self._wake:
            os.close(descriptor)


def _tell_future(entry: Entry, error: BaseException | None) -> None:
    future, entry.future = entry.future, None
    if future is None or (future.done() and not future.cancelled()):
        return
    if error is not None and not future.cancelled():
        future.set_exception(error)
    else:
        future.end_cancelled()


def _nothing(part: Any, inputs: Sequence[Any], report: Any) -> None:
    """The work of a value that is there already."""


_engines: weakref.WeakSet[LocalEngine] = weakref.WeakSet()


def _end_engines() -> None:
    """Wait at the end of the program for what was submitted, as concurrent.futures does; not if Ctrl-C ended it."""
    interrupted = not hasattr(sys, "ps1") and isinstance(getattr(sys, "last_value", None), KeyboardInterrupt)
    for engine in tuple(_engines):
        engine.close(wait=True, cancel=interrupted)


atexit.register(_end_engines)
