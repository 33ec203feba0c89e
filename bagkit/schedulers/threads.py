"""The scheduler that runs tasks in threads of this process: for work that waits, or that releases the GIL.

Threads can't be stopped from outside. When a run ends early its threads are left to finish the task they are at; they
are daemons, so the interpreter does not wait for them either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future
from contextvars import Context, copy_context
from itertools import count
from queue import SimpleQueue
from typing import Any

from bagkit.diagnostics.events import Event
from bagkit.diagnostics.observer import Observer
from bagkit.errors import TaskError
from bagkit.kernels.report import Report
from bagkit.lower.graph import Graph, Key, Task
from bagkit.schedulers.cpu_count import cpu_count
from bagkit.schedulers.futures import FuturesRun, Outcome, started
from bagkit.schedulers.run_directory import LaterDirectory
from bagkit.schedulers.sync import call_work, describe, kept, progress_teller
from bagkit.schedulers.transport import dumps, name_of


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
        pool = DaemonThreads(self.workers)
        submitter = InThreads(pool, self.temporary_directory)
        try:
            yield from FuturesRun(graph, targets, observer, submitter, self.name, self.workers).values()
        finally:
            pool.shutdown(wait=False)
            submitter.close()


class InThreads:
    """Submits tasks to a pool of threads of this process; values are plain objects.

    The context variables of the caller are seen by the tasks, as they are when there are no threads.
    """

    near = True

    def __init__(self, pool: Executor, temporary_directory: str | None = None) -> None:
        self._pool = pool
        self._directory = LaterDirectory(temporary_directory)
        self._context = copy_context()
        self._workers: dict[int, int] = {}  # a small number for each thread
        self._numbers = count()

    def submit(self, task: Task, inputs: list[Any], tell: Callable[[Event], None]) -> Future[Any]:
        """Start `task` when there is a free thread."""
        return self._pool.submit(self._in_context, self._context.copy(), task, inputs, tell)

    def outcome(self, task: Task, result: Any) -> Outcome:
        """Return `result`, which is one."""
        assert isinstance(result, Outcome)
        return result

    def read(self, value: Any) -> Any:
        """Return `value`."""
        return value

    def close(self) -> None:
        """Remove what tasks left on disk."""
        self._directory.close()

    def _in_context(self, context: Context, task: Task, inputs: list[Any], tell: Callable[[Event], None]) -> Outcome:
        return context.run(self._call, task, inputs, tell)

    def _call(self, task: Task, inputs: list[Any], tell: Callable[[Event], None]) -> Outcome:
        thread = threading.get_ident()
        if thread not in self._workers:
            self._workers[thread] = next(self._numbers)
        worker = self._workers[thread]
        on_progress = progress_teller(task.keys[0], tell)
        report = Report(on_progress=on_progress, directory=self._directory.path, dumps=dumps)
        tell(started(task, worker))
        start = time.time()
        try:
            values = call_work(task.work, task.part, inputs, report, len(task.keys), name_of(task), kept)
        except BaseException as error:
            return Outcome(error=_own(error, task), worker=worker, start=start, stop=time.time(), report=report)
        return Outcome(values=values, worker=worker, start=start, stop=time.time(), report=report)


def _own(error: BaseException, task: Task) -> BaseException:
    """Return `error`, or a TaskError for a KeyboardInterrupt: nobody pressed Ctrl-C, the main thread hears that."""
    if isinstance(error, Exception):
        return error
    message = f"{name_of(task)}: a function raised {describe(error)} in a thread"
    caused = TaskError(message)
    caused.__cause__ = error
    return caused


class DaemonThreads(Executor):
    """A pool of threads that the interpreter does not wait for; they start when there is work for them."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return the future of `function(*args, **kwargs)`."""
        future: Future[Any] = Future()
        self._calls.put((future, lambda: function(*args, **kwargs)))
        if len(self._threads) < self._workers:
            thread = threading.Thread(target=_work, args=(self._calls,), name="bagkit", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads after the calls that were submitted."""
        for _ in self._threads:
            self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()


def _work(calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]) -> None:
    while (item := calls.get()) is not None:
        future, call = item
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
        del item, future, call  # a waiting thread holds on to nothing
