"""The scheduler that runs tasks one after the other in the caller's thread: for debugging, and for small inputs.

It does no more work than the next value needs, so an error has a plain traceback, pdb works, and a caller that stops
early has paid for what it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any

from bagkit.crossing.pickling import dumps_records
from bagkit.crossing.transport import name_of
from bagkit.diagnostics.events import RunFinished, RunStarted, TaskFailed, TaskFinished, TaskProgressed, TaskStarted
from bagkit.diagnostics.observer import Observer
from bagkit.errors import StoppedEarlyError, TaskError, in_place_of, notes_of, one_line
from bagkit.exchange.spill import Held
from bagkit.flow.batches import Batches, InTurns, kept
from bagkit.flow.inside import running_task
from bagkit.flow.report import Report
from bagkit.lower.graph import Graph, Key, Task, Work
from bagkit.schedulers.apart import call_task
from bagkit.schedulers.kept_parts import promised_in
from bagkit.schedulers.later_directory import LaterDirectory
from bagkit.schedulers.state import RunState
from bagkit.schedulers.stopping import check_stopped

PROGRESS_SECONDS = 0.1
"""How often a task tells of its progress, at most."""


class SyncScheduler:
    """Runs tasks one by one, here and now."""

    name = "sync"

    def __init__(
        self, workers: int | None = None, *, temporary_directory: str | None = None, memory_limit: int | None = None
    ) -> None:
        """Take what all schedulers with a name take; the directory is for what exchanges do not hold in memory."""
        self._temporary_directory = temporary_directory

    def run(self, graph: Graph, targets: Sequence[Key], observer: Observer) -> Generator[Any, None, None]:
        """Yield the values of `targets`, as the Scheduler protocol says; nothing runs until one is asked for."""
        state = RunState(graph, targets)
        values: dict[Key, Any] = {}
        directory = LaterDirectory(self._temporary_directory)
        observer.emit(RunStarted(len(state.tasks), sum(task.weight for task in state.tasks), self.name, workers=1))
        ok = False
        try:
            while not state.done:
                while not state.deliverable:
                    task = state.next_task(ahead=False)
                    assert task is not None, "a graph has no circles, so some task is ready"
                    check_stopped()
                    for kept in promised_in(task.part):
                        if kept.local is None:
                            kept.wait()
                    made, event = _run_task(task, [values[need] for need in task.needs], observer, directory)
                    observer.emit(event)
                    values.update(made)
                    for key in state.finish(task):
                        del values[key]
                key, last = state.deliver()
                yield values.pop(key) if last else values[key]
            ok = True
        except GeneratorExit:
            ok = True  # the caller has enough
            raise
        finally:
            directory.close()
            observer.emit(RunFinished(ok))


def _run_task(
    task: Task, inputs: list[Any], observer: Observer, directory: LaterDirectory
) -> tuple[dict[Key, Any], TaskFinished]:
    """Return the values of `task` by their keys, and the event of its end."""
    key = task.keys[0]
    report = Report(on_progress=progress_teller(task, observer.emit), directory=directory.path, dumps=dumps_records)
    observer.emit(TaskStarted(key, task.label, worker=0))
    start = time.time()
    try:
        values = call_here(task.work, task.part, inputs, report, len(task.keys), name_of(task), all_kept)
    except BaseException as error:
        observer.emit(TaskFailed(key, task.label, worker=0, error=one_line(error), notes=tuple(notes_of(error))))
        raise
    finally:
        report.on_progress = None  # it leads to the plan, and a report waits for the garbage collector
    return dict(zip(task.keys, values, strict=True)), finished(task, 0, start, time.time(), report)


def call_here(
    work: Work,
    part: Any,
    inputs: Sequence[Any],
    report: Report,
    width: int,
    name: str,
    store: Callable[[Any], Any],
) -> tuple[Any, ...]:
    """Do as `call_work`; errors that are kept, as objects in this process, hold no frames of its callers."""
    return call_task(partial(call_work, work, part, inputs, report, width, name, store), report)


def call_work(
    work: Work,
    part: Any,
    inputs: Sequence[Any],
    report: Report,
    width: int,
    name: str,
    store: Callable[[Any], Any],
) -> tuple[Any, ...]:
    """Return the `width` values of one call of `work` in this thread, as `store` keeps them all.

    An exception or a group of them is raised as it is, and so is KeyboardInterrupt. What would be taken for something
    else further up is not: StopIteration (the end of the values) becomes StoppedEarlyError; SystemExit, GeneratorExit
    and the like become TaskError. Each has the original as its cause. `name` is what messages call the task.
    """
    try:
        with running_task(report.tallied):
            value = work(part, inputs, report)
            values = tuple(store((value,) if width == 1 else value))
    except StopIteration as error:
        stopped = StoppedEarlyError(
            f"{name}: a function raised {one_line(error)}, which would have ended the data as if there were no more; "
            f"expected it to return, or to raise another exception"
        )
        raise in_place_of(error, stopped) from error
    except (Exception, KeyboardInterrupt, BaseExceptionGroup):
        raise
    except BaseException as error:
        ended = TaskError(
            f"{name}: a function raised {one_line(error)}; expected it to return, or to raise a subclass of Exception"
        )
        raise in_place_of(error, ended) from error
    if len(values) != width:
        raise TaskError(f"{name}: the work gave {len(values)} values, expected {width}, one for each key")
    return values


def all_kept(values: Any) -> Any:
    """Return the values of a task as they can be read again and again in this process."""
    with Held():
        if isinstance(values, InTurns):
            return kept(values)
        return [kept(Batches(_held(value)) if isinstance(value, Batches) else value) for value in values]


def _held(batches: Batches) -> Iterator[Sequence[Any]]:
    """Yield `batches` for one who keeps them all: the collector need not look at them again and again."""
    for batch in batches:
        yield batch
        Held.add()


def finished(task: Task, worker: int, start: float, stop: float, report: Report, bytes_out: int = 0) -> TaskFinished:
    """Return the event of a task that ended well; `bytes_out` is what left its process."""
    said = (report.bytes_read, bytes_out, report.skipped, tuple(report.failures), tuple(report.outputs))
    figures = task.labels, report.plain_figures()
    return TaskFinished(task.keys[0], task.label, worker, start, stop, *said, *figures)


def progress_teller(task: Task, tell: Callable[[TaskProgressed], object]) -> Callable[[Report], None]:
    """Return an `on_progress` that tells how far `task` is, not more often than is of use."""
    due = time.monotonic() + PROGRESS_SECONDS
    key, labels = task.keys[0], task.labels  # a report lives on for a while, and its task may have kept records

    def on_progress(report: Report) -> None:
        nonlocal due
        now = time.monotonic()
        if now >= due:
            due = now + PROGRESS_SECONDS
            so_far = report.seconds(), report.records(), report.lost, report.first_failure()
            tell(TaskProgressed(key, report.bytes_read, labels, *so_far))

    return on_progress
