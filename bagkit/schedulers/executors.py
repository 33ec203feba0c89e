"""The scheduler that runs tasks on an executor of the user's, who makes it, sizes it and shuts it down.

Threads of a ThreadPoolExecutor get the objects themselves. Any other executor may run things elsewhere, so all that
it gets is bytes and the name of a function of `elsewhere.py`. Values come back as bytes, and those that only other
tasks need are passed on as they came. Where tasks share a directory with this process, what is large goes through
files of it: a work is there once, and what tasks leave for each other does not come here.

A work is pickled once a run, and an unpickled one serves all tasks of its process. It crosses

    with each task             if it is small
    by a file, or by what      once a worker
    the executor has for it
    with the first tasks       where there is neither: later ones come without it, and a process that does not have it
                               says so, and gets the task again, with it
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

from bagkit.crossing.outgoing import Outgoing
from bagkit.crossing.pickling import NOT_SENT, pickled
from bagkit.crossing.remote_errors import unpack_error, unpack_failure
from bagkit.crossing.transport import name_of
from bagkit.crossing.values import dealt, files_of, load, sizes
from bagkit.diagnostics.events import Event
from bagkit.diagnostics.observer import Observer
from bagkit.flow.batches import Batches
from bagkit.flow.kept import Kept
from bagkit.flow.report import Report
from bagkit.lower.graph import Graph, Key, Task, Work
from bagkit.schedulers.elsewhere import run_pickled, run_several
from bagkit.schedulers.executor_facts import Facts, client_of, facts_of, why_it_waits
from bagkit.schedulers.futures import (
    MOST_TOGETHER,
    TASKS_PER_WORKER,
    FuturesRun,
    Outcome,
    Submitter,
    Ticket,
    task_started,
)
from bagkit.schedulers.kept_parts import with_stored
from bagkit.schedulers.run_directory import FilesOfRun, RunDirectory
from bagkit.schedulers.threads import InThreads, start_on
from bagkit.schedulers.value_store import INLINE_BYTES, INLINE_BYTES_LATER, UNDELIVERED_BYTES

SMALL_WORK = 1 << 12
"""A work of so few bytes goes with each task."""


class ExecutorScheduler:
    """Runs tasks on any executor of `concurrent.futures`, which is used as it is and never shut down.

    `workers` says how many tasks it works at; by default what the executor says, else the number of CPUs. Large values
    go through files of `shared_directory`, which all machines see that run tasks, or of `temporary_directory` where it
    is known that they run on this one.
    """

    def __init__(
        self,
        executor: Executor,
        *,
        workers: int | None = None,
        temporary_directory: str | None = None,
        shared_directory: str | None = None,
        read_retries: int = 3,
    ) -> None:
        client = client_of(executor)
        if client is not None:
            from bagkit.schedulers.cluster import check_can_wait, check_open

            check_open(client)
            check_can_wait(client)
        self.executor = executor
        self.facts = facts_of(executor, workers)
        self.workers = self.facts.workers
        self.keeps = not self.facts.near
        self.name = type(executor).__name__
        self._temporary_directory = temporary_directory
        self._shared_directory = shared_directory
        self._read_retries = read_retries

    def run(
        self, graph: Graph, targets: Sequence[Key], observer: Observer, keep: Collection[Key] = ()
    ) -> Generator[Any, None, None]:
        """Yield the values of `targets`, as the Scheduler protocol says; nothing runs until one is asked for.

        Of those in `keep` a Kept, for a value that stays in the files of the run, or here as it came.
        """
        submitter: Submitter
        if self.facts.near:
            submitter = InThreads(start_on(self.executor), self._temporary_directory)
        else:
            submitter = AsBytes(self.executor, self.facts, self._files(), frozenset(keep))
        try:
            yield from FuturesRun(graph, targets, observer, submitter, self.name, self.workers).values()
        finally:
            submitter.close()

    def _files(self) -> FilesOfRun | None:
        if self._shared_directory is not None:
            return shared_files(self._shared_directory, self._read_retries)
        return RunDirectory(self._temporary_directory) if self.facts.here else None


def shared_files(directory: str, read_retries: int) -> FilesOfRun:
    """Return a directory of its own for a run in one that machines share, a path or a URL.

    What fails of a URL is tried again `read_retries` times in a row.
    """
    if "://" not in directory:
        return RunDirectory(directory, shared=True)
    from bagkit.schedulers.remote_directory import RemoteDirectory

    return RemoteDirectory(directory, read_retries)


class AsBytes:
    """Submits tasks to an executor, which may run them anywhere; mutable, owned by one run."""

    near = False

    def __init__(
        self, executor: Executor, facts: Facts, files: FilesOfRun | None, keep: frozenset[Key] = frozenset()
    ) -> None:
        self._executor = executor
        self._files = files
        self._run = uuid.uuid4().hex
        self._here = facts.here
        self._works = Works(facts, files)
        self._keep = keep
        self._plain: set[Key] = set()
        """Of the values to be kept those that are plain data."""
        self.mends = facts.mends
        self.most_together = MOST_TOGETHER if facts.mends else 1  # else it must be known which one died
        self._outgoing = Outgoing(tracked=True)
        self._workers: dict[Any, int] = {}  # a small number for each process
        self._missed: set[Key] = set()
        """Tasks that came to a process that did not have their work."""
        self._inline_bytes = 0
        """Of the values that are here, not in files."""
        self._lock = threading.Lock()
        self._unfinished = 0
        """Tasks that the executor has, also when the run is over: what runs then can't be stopped."""
        self._closed = False

    def submit(
        self,
        tasks: Sequence[Task],
        numbers: Sequence[int],
        inputs: Sequence[list[Any]],
        tell: Callable[[Event | Ticket], None],
    ) -> Future[Any]:
        """Send `tasks` to the executor; they count as started from then on, by a worker that is not known (-1)."""
        again = tasks[0].keys[0] in self._missed
        key, work = self._works.sent(tasks[0], self._outgoing, again)
        calls = []
        for task, number, values in zip(tasks, numbers, inputs, strict=True):
            stored = with_stored(task.part, self._is_seen)
            part = pickled(self._outgoing.part, stored, "the part", NOT_SENT, name_of(task))
            watched = not self._keep.isdisjoint(task.keys)
            calls.append((part, values, number, len(task.keys), task.label, task.place, watched))
            if not again:
                tell(task_started(task, worker=-1))
        few = self._inline_bytes > UNDELIVERED_BYTES
        files = None if self._files is None else (self._files.path, INLINE_BYTES_LATER if few else INLINE_BYTES)
        future: Future[Any]
        if len(calls) == 1:
            future = self._executor.submit(run_pickled, (self._run, key), work, *calls[0], files)
        else:
            future = self._executor.submit(run_several, (self._run, key), work, calls, files)
        with self._lock:
            self._unfinished += 1
        future.add_done_callback(tell)
        future.add_done_callback(self._finished)
        return future

    def _finished(self, future: Future[Any]) -> None:
        with self._lock:
            self._unfinished -= 1
            is_last = self._closed and not self._unfinished
        if is_last and self._files is not None:
            self._files.end()

    def outcome(self, task: Task, result: Any) -> Outcome:
        """Return how `task` ended, from what `run_pickled` gave."""
        if not result:
            self._missed.add(task.keys[0])
            self._works.missed()
            return Outcome(again=True)
        self._missed.discard(task.keys[0])
        pid, start, stop, bytes_read, skipped, figures, failures, outputs, values, plain, error = result
        worker = self._workers.setdefault(pid, len(self._workers))
        if error is not None:
            return Outcome(error=unpack_error(error, name_of(task)), worker=worker, start=start, stop=stop)
        report = Report(bytes_read=bytes_read, skipped=skipped, failures=list(map(unpack_failure, load(failures))))
        report.outputs += load(outputs)
        report.take_figures(figures)
        self._plain.update(key for key, is_plain in zip(task.keys, plain, strict=True) if is_plain)
        nbytes = sum(map(self._count, values))
        return Outcome(tuple(values), None, worker, start, stop, nbytes, report)

    def dealt(self, inputs: list[Any], count: int) -> list[Any]:
        """Return for each partition where its buckets are: in the bytes that are here, or in files."""

        def write(table: bytes) -> str:
            assert self._files is not None, "only tasks that share files leave something in them"
            path = self._files.write(f"table-{uuid.uuid4().hex}", table, "places of buckets")
            self._files.hold(path, files_of(inputs))
            return path

        made = dealt(inputs, count, write)
        for value in made:
            self._count(value)
        return made

    def read(self, key: Key, value: Any) -> Any:
        """Return the value that `value` is the pickle of, or what keeps it when the run is over."""
        if key in self._keep:
            return self._kept(key, value)
        found, path = load(value), value[1]
        if isinstance(found, Batches) and path is not None and self._files is not None:
            self._files.keep_for(found, path)
        return found

    def let_go(self, value: Any) -> None:
        self._inline_bytes -= sizes(value)[0]
        if value[1] is not None and self._files is not None:
            self._files.drop(value[1])

    def why_it_waits(self) -> str:
        client = client_of(self._executor)
        return "" if client is None else why_it_waits(client)

    def close(self) -> None:
        """Remove what tasks left in files, once no task writes to them and the caller has none of it."""
        with self._lock:
            self._closed, is_over = True, not self._unfinished
        if is_over and self._files is not None:
            self._files.end()

    def _kept(self, key: Key, value: Any) -> Kept:
        path, release = value[1], None
        if path is not None and self._files is not None:
            self._files.keep(path)
            release = partial(self._files.drop, path)
        nbytes, plain = sum(sizes(value)), key in self._plain
        return Kept(stored=(value, 0), nbytes=nbytes, read=partial(load, value), release=release, plain=plain)

    def _is_seen(self, path: str) -> bool:
        """Return whether tasks see the file at `path`, of this run or an earlier one."""
        if self._here and "://" not in path:
            return True
        return self._files is not None and path.startswith(self._files.path.rpartition("/")[0] + "/")

    def _count(self, value: Any) -> int:
        """Count a value as here; return its bytes, here and in a file."""
        inline, in_file = sizes(value)
        self._inline_bytes += inline
        if value[1] is not None and self._files is not None:
            self._files.keep(value[1])
        return inline + in_file


class Works:
    """The works of a run, each with what is sent of it to where tasks run; mutable, of that run."""

    def __init__(self, facts: Facts, files: FilesOfRun | None) -> None:
        self._put = facts.put
        self._files = files
        self._first = TASKS_PER_WORKER * facts.workers
        """How many tasks bring along a work that later ones come without."""
        self._made: dict[int, tuple[int, Any, Work]] = {}  # the work is held on to, so its id stays its own
        self._sent: dict[int, int] = {}
        """How often a work was sent that goes with its first tasks."""
        self._misses = 0

    def sent(self, task: Task, outgoing: Outgoing, again: bool) -> tuple[int, Any]:
        """Return the number of the work of `task`, and what to send for it; nothing if it should be there by now."""
        if id(task.work) not in self._made:
            data = pickled(outgoing.work_with_content, task.work, "the function", NOT_SENT, name_of(task))
            self._made[id(task.work)] = (len(self._made), self._placed(data), task.work)
        number, work, _ = self._made[id(task.work)]
        if isinstance(work, bytes) and len(work) > SMALL_WORK:
            self._sent[number] = self._sent.get(number, 0) + 1
            # Where processes are new each time, as in the cloud, to leave it out would be to ask each time.
            if self._sent[number] > self._first and not again and self._misses <= 2 * self._first:
                return number, None
        return number, work

    def missed(self) -> None:
        """Note that a process did not have a work that was left out."""
        self._misses += 1

    def _placed(self, data: bytes) -> Any:
        if len(data) > SMALL_WORK:
            if self._put is not None:
                return self._put(data)
            if self._files is not None:
                return self._files.write(f"work-{len(self._made)}", data, "functions")
        return data
