"""The scheduler that runs tasks in threads of this process: for work that waits, or that releases the GIL.

Threads can't be stopped from outside. When a run ends early its threads are left to finish the task they are at; they
are daemons, so the interpreter does not wait for them either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from itertools import count
from queue import SimpleQueue
from typing import Any

from bagkit.crossing.pickling import dumps_records
from bagkit.crossing.transport import name_of
from bagkit.diagnostics.events import Event
from bagkit.diagnostics.observer import Observer
from bagkit.errors import TaskError, in_place_of, one_line
from bagkit.flow.report import Report
from bagkit.lower.graph import Graph, Key, Task
from bagkit.schedulers.cpu_count import cpu_count
from bagkit.schedulers.futures import FuturesRun, Outcome, Ticket, task_started
from bagkit.schedulers.later_directory import LaterDirectory
from bagkit.schedulers.sync import all_kept, call_here, progress_teller


class ThreadScheduler:
    """Runs tasks in `workers` threads, by default as many as there are CPUs for this process."""

    name = "threads"

    def __init__(
        self, workers: int | None = None, *, temporary_directory: str | None = None, memory_limit: int | None = None
    ) -> None:
        self.workers = workers or cpu_count()
        self.temporary_directory = temporary_directory

    def run(self, graph: Graph, targets: Sequence[Key], observer: Observer) -> Generator[Any, None, None]:
        """Yield the values of `targets`, as the Scheduler protocol says; nothing runs until one is asked for."""
        threads = DaemonThreads(self.workers)
        submitter = InThreads(threads.start, self.temporary_directory)
        try:
            yield from FuturesRun(graph, targets, observer, submitter, self.name, self.workers).values()
        finally:
            threads.end()
            submitter.close()


Start = Callable[[Callable[[], Any], Callable[[Ticket], None]], Ticket]
"""Has a function called in some thread, and a second one told the ticket when that is over."""


def start_on(executor: Executor) -> Start:
    """Return what starts calls on `executor`."""

    def start(function: Callable[[], Any], tell: Callable[[Ticket], None]) -> Ticket:
        future = executor.submit(function)
        future.add_done_callback(tell)
        return future

    return start


class InThreads:
    """Has tasks run in threads of this process; values are plain objects.

    The context variables of the caller are seen by the tasks, as they are when there are no threads.
    """

    near = True
    most_together = 1
    mends = False

    def __init__(self, start: Start, temporary_directory: str | None = None) -> None:
        self._start = start
        self._directory = LaterDirectory(temporary_directory)
        self._context = copy_context()
        self._workers: dict[int, int] = {}  # a small number for each thread
        self._numbers = count()

    def submit(
        self,
        tasks: Sequence[Task],
        numbers: Sequence[int],
        inputs: Sequence[list[Any]],
        tell: Callable[[Event | Ticket], None],
    ) -> Ticket:
        """Start the one task when there is a free thread."""
        return self._start(partial(self._context.copy().run, self._call, tasks[0], inputs[0], tell), tell)

    def outcome(self, task: Task, result: Any) -> Outcome:
        """Return `result`, which is one."""
        assert isinstance(result, Outcome)
        return result

    def dealt(self, inputs: list[Any], count: int) -> list[Any]:
        """Deal in no way of its own: the task does."""
        raise AssertionError("a task that deals runs in a thread, as others do")

    def read(self, key: Key, value: Any) -> Any:
        """Return `value`."""
        return value

    def why_it_waits(self) -> str:
        return ""

    def let_go(self, value: Any) -> None:
        """Do nothing: who needs it no more holds it no more."""

    def close(self) -> None:
        """Remove what tasks left on disk."""
        self._directory.close()

    def _call(self, task: Task, inputs: list[Any], tell: Callable[[Event | Ticket], None]) -> Outcome:
        thread = threading.get_ident()
        if thread not in self._workers:
            self._workers[thread] = next(self._numbers)
        worker = self._workers[thread]
        on_progress = progress_teller(task, tell)
        report = Report(on_progress=on_progress, directory=self._directory.path, dumps=dumps_records)
        tell(task_started(task, worker))
        start = time.time()
        try:
            values = call_here(task.work, task.part, inputs, report, len(task.keys), name_of(task), all_kept)
        except BaseException as error:
            return Outcome(error=_own(error, task), worker=worker, start=start, stop=time.time(), report=report)
        return Outcome(values=values, worker=worker, start=start, stop=time.time(), report=report)


def _own(error: BaseException, task: Task) -> BaseException:
    """Return `error`, or a TaskError for a KeyboardInterrupt: nobody pressed Ctrl-C, the main thread hears that."""
    if isinstance(error, (Exception, BaseExceptionGroup)):
        return error
    message = f"{name_of(task)}: a function raised {one_line(error)} in a thread"
    return in_place_of(error, TaskError(message))


class ThreadCall:
    """A call on its way through the threads: a Future without the locks with which others wait for one."""

    __slots__ = ("_error", "_function", "_tell", "_value")

    def __init__(self, function: Callable[[], Any], tell: Callable[[Ticket], None]) -> None:
        self._function: Callable[[], Any] | None = function
        self._tell = tell
        self._value: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call, unless it was cancelled, and tell of its end."""
        function, self._function = self._function, None  # nothing holds on to its arguments when it is over
        if function is None:
            return
        try:
            self._value = function()
        except BaseException as error:
            self._error = error
        del function
        self._tell(self)

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value

    def cancel(self) -> None:
        self._function = None


class DaemonThreads:
    """A pool of threads that the interpreter does not wait for; they start when there is work for them."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._calls: SimpleQueue[ThreadCall | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def start(self, function: Callable[[], Any], tell: Callable[[Ticket], None]) -> ThreadCall:
        """Have `function` called as soon as a thread is free, and `tell` called with the result's ticket then."""
        call = ThreadCall(function, tell)
        self._calls.put(call)
        if len(self._threads) < self._workers:
            thread = threading.Thread(target=_work, args=(self._calls,), name="bagkit", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is ending, or the system allows no more threads
                if not self._threads:
                    call.run()
            else:
                self._threads.append(thread)
        return call

    def end(self) -> None:
        """End the threads after the calls that were started; return at once."""
        for _ in self._threads:
            self._calls.put(None)


def _work(calls: SimpleQueue[ThreadCall | None]) -> None:
    while (call := calls.get()) is not None:
        call.run()
        del call  # a waiting thread holds on to nothing
