"""The scheduler that runs tasks on an executor of the user's, who makes it, sizes it and shuts it down.

Threads of a ThreadPoolExecutor get the objects themselves. Any other executor may run things elsewhere, so all that
it gets is bytes and the name of a function of this module. A work is pickled once a run and sent with each of its
tasks, for nobody knows which process gets which; a process unpickles it once. Values come back as bytes, and those
that only other tasks need are passed on as they came.
"""

from __future__ import annotations

import concurrent.futures
import os
import sys
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

from bagkit.diagnostics.events import Event
from bagkit.diagnostics.observer import Observer
from bagkit.flow.report import Report
from bagkit.lower.graph import Graph, Key, Task, Work
from bagkit.schedulers.by_value import seed_generators
from bagkit.schedulers.cpu_count import cpu_count
from bagkit.schedulers.futures import FuturesRun, Outcome, Submitter, Ticket, started
from bagkit.schedulers.outgoing import Outgoing
from bagkit.schedulers.remote_errors import pack_error, pack_failure, unpack_error, unpack_failure
from bagkit.schedulers.sync import call_work
from bagkit.schedulers.threads import InThreads, start_on
from bagkit.schedulers.transport import Stored, loads, name_of, task_name
from bagkit.schedulers.values import Output, dealt, load


class ExecutorScheduler:
    """Runs tasks on any executor of `concurrent.futures`, which is used as it is and never shut down.

    `workers` says how many tasks it works at; by default what the executor says, else the number of CPUs.
    """

    def __init__(self, executor: Executor, *, workers: int | None = None) -> None:
        self.executor = executor
        own = getattr(executor, "_max_workers", None)
        self.workers = workers or (own if isinstance(own, int) and own > 0 else cpu_count())
        self.name = type(executor).__name__

    def run(self, graph: Graph, targets: Sequence[Key], observer: Observer) -> Generator[Any, None, None]:
        """Yield the values of `targets`, as the Scheduler protocol says; nothing runs until one is asked for."""
        submitter: Submitter
        near = _shares_objects(self.executor)
        submitter = InThreads(start_on(self.executor)) if near else AsBytes(self.executor)
        try:
            yield from FuturesRun(graph, targets, observer, submitter, self.name, self.workers).values()
        finally:
            submitter.close()


def _shares_objects(executor: Executor) -> bool:
    """Return whether the executor's tasks see the objects of this interpreter."""
    # Its threads belong to interpreters of their own, though it is a ThreadPoolExecutor (Python 3.14 and later).
    interpreters = getattr(concurrent.futures, "InterpreterPoolExecutor", ())
    return isinstance(executor, ThreadPoolExecutor) and not isinstance(executor, interpreters)


class AsBytes:
    """Submits tasks to an executor, which may run them anywhere; mutable, owned by one run."""

    near = False

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._run = uuid.uuid4().hex
        self._outgoing = Outgoing()
        self._works: dict[int, tuple[int, bytes, Work]] = {}  # the work is held on to, so its id stays its own
        self._workers: dict[int, int] = {}  # a small number for each process

    def submit(self, task: Task, inputs: list[Any], tell: Callable[[Event | Ticket], None]) -> Future[Any]:
        """Send `task` to the executor; it counts as started from then on, by a worker that is not known (-1)."""
        if id(task.work) not in self._works:
            data = pickled(self._outgoing.work_with_content, task.work, "the function", task)
            self._works[id(task.work)] = (len(self._works), data, task.work)
        number, work, _ = self._works[id(task.work)]
        part = pickled(self._outgoing.part, task.part, "the part", task)
        tell(started(task, worker=-1))
        future = self._executor.submit(
            run_pickled, (self._run, number), work, part, inputs, len(task.keys), task.label, task.place
        )
        future.add_done_callback(tell)
        return future

    def outcome(self, task: Task, result: Any) -> Outcome:
        """Return how `task` ended, from what `run_pickled` gave."""
        pid, start, stop, bytes_read, skipped, figures, failures, outputs, values, error = result
        worker = self._workers.setdefault(pid, len(self._workers))
        if error is not None:
            return Outcome(error=unpack_error(error, name_of(task)), worker=worker, start=start, stop=stop)
        report = Report(bytes_read=bytes_read, skipped=skipped, failures=list(map(unpack_failure, load(failures))))
        report.outputs += load(outputs)
        report.take_figures(figures)
        nbytes = sum(len(piece) for *_, pieces in values for piece in pieces)
        return Outcome(tuple(values), None, worker, start, stop, nbytes, report)

    def dealt(self, inputs: list[Any], count: int) -> list[Any]:
        """Return for each partition where its buckets are: in the bytes that are here."""
        return dealt(inputs, count, _no_file)

    def read(self, value: Any) -> Any:
        """Return the value that `value` is the pickle of."""
        return load(value)

    def close(self) -> None:
        """Do nothing: tasks leave everything in memory, because nobody knows which directories they share."""


def _no_file(table: bytes) -> str:
    raise AssertionError("what tasks leave is in memory")


def pickled(pickle: Callable[[Any], bytes], value: Any, what: str, task: Task) -> bytes:
    """Return the pickle of `value`; raises NotPicklableError with `what` it is of `task`."""
    try:
        return pickle(value)
    except Exception as error:
        from bagkit.schedulers.culprits import not_picklable

        raise not_picklable(value, what, error, "it can't be sent to another process", name_of(task)) from error


WORKS_KEPT = 16
kept_works: OrderedDict[tuple[str, int], Work] = OrderedDict()
"""The works that this process unpickled last, by run and number."""


def run_pickled(
    key: tuple[str, int],
    work: bytes,
    part: bytes,
    inputs: Sequence[Stored],
    width: int,
    label: str,
    place: str,
) -> tuple[Any, ...]:
    """Run one task in whatever process this is; return plain values that any pickle can take back.

    They are: process id, start, stop, bytes read, skipped records, figures, stored failures, stored outputs, stored
    values, packed error.
    """
    report = Report()
    start = time.time()
    # All of it stays in memory: nobody knows which directories the other side can see.
    output = Output(sys.maxsize, lambda: os.devnull, "")
    failures: Stored | None = None
    outputs: Stored | None = None
    values: tuple[Stored, ...] = ()
    packed: bytes | None = None
    try:
        function = unpickled(key, work)
        seed_generators(f"{label} {place}")
        values = call_work(
            function,
            loads(part),
            list(map(load, inputs)),
            report,
            width,
            task_name(label, place),
            output.store_all,
        )
        failures = output.store(list(map(pack_failure, report.failures)))
        outputs = output.store(report.outputs)
    except BaseException as error:
        packed = pack_error(error)
    said = (report.bytes_read, report.skipped, report.plain_figures(), failures, outputs)
    return os.getpid(), start, time.time(), *said, values, packed


def unpickled(key: tuple[str, int], data: bytes) -> Work:
    """Return the work that `data` is the pickle of: of each run and number the same one, while it is used."""
    work = kept_works.get(key)
    if work is None:
        work = kept_works.setdefault(key, loads(data))
        while len(kept_works) > WORKS_KEPT:
            kept_works.popitem(last=False)
    return work
