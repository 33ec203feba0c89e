"""Runs in the background: one after the other, in a thread. Promises stand for their results at once.

    caller's thread                              the thread of a row of turns
      persist()  plan, pickle ── Turns ────────▶ run ── a partition, the next ──▶ keep_promise
      Bag of promised Kepts                                    │
      compute(), take() ── wait ◀───── a partition, an error ──┘

A run takes what it needs of the process (functions, settings) when it is planned; workers when its turn comes. It is
stopped when nobody holds any more what it was to make. Nothing here knows what is made.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import contextvars
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from bagkit.diagnostics.observer import listen
from bagkit.diagnostics.progress import ProgressBar
from bagkit.diagnostics.standing import Counts
from bagkit.errors import TaskError, add_notes, notes_of
from bagkit.flow.kept import Kept
from bagkit.own_threads import started_thread
from bagkit.schedulers.stopping import NOTICE_SECONDS, begin_stoppable, check_stopped
from bagkit.warn import Line, begun_at

BEGUN = "in the background, begun"
"""The beginning of an error's note. A run that needs the failed one adds no other note."""
END_SECONDS = 2.0
"""How long the end of the program waits for runs that it has stopped."""


class Turns:
    """Does one thing after the other, in a thread that ends when there is nothing to do; mutable.

    What is done may wait for what was added before it, and for nothing that is added later.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Callable[[], object]] = deque()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def add(self, work: Callable[[], object]) -> None:
        """Have `work` called when all that was added before is over."""
        if self._pid != os.getpid():
            Turns.__init__(self)  # the thread is the parent's
        with self._lock:
            self._waiting.append(work)
            if self._thread is None:
                try:
                    self._thread = started_thread("bagkit-background", self._work)
                except TaskError:
                    self._waiting.pop()
                    raise

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                work = self._waiting.popleft()
            work()
            del work  # and what it holds

    @property
    def is_busy(self) -> bool:
        """Whether something is done, or waits."""
        return self._thread is not None

    def join(self, seconds: float) -> None:
        """Wait until all is done, for some seconds at most."""
        thread = self._thread
        if thread is not None and self._pid == os.getpid():
            thread.join(seconds)


here = Turns()
"""The row of the runs on this machine."""


class RunFuture(concurrent.futures.Future[Any]):
    """Is done when a run in the background is over."""

    def __init__(self, counts: Counts) -> None:
        super().__init__()
        self.counts = counts
        """How far the run is."""
        self.set_running_or_notify_cancel()


class BackgroundRun:
    """One run in the background, as those know it who wait for what it makes; mutable.

    Args:
        line: Where the user has begun it.
        counts: How far it is.
    """

    def __init__(self, line: Line, counts: Counts) -> None:
        self.counts = counts
        self.future = RunFuture(counts)
        self.lock = threading.Condition()
        """Around promises that are kept; notified of each."""
        self._line = line
        self._pid = os.getpid()
        self._promised = 0
        self._over: deque[None] = deque()
        """One for each promise that was kept, or that nobody holds any more."""
        self._error: BaseException | None = None
        self._trace: Any = None
        self._has_begun = self._ending = False
        _runs.add(self)

    # For who waits --------------------------------------------------------------------------------------------------

    @property
    def is_stopped(self) -> bool:
        return self._ending or 0 < self._promised <= len(self._over)

    @property
    def state(self) -> str:
        """What it is at, in words."""
        if self._error is not None:
            return f"failed: {type(self._error).__name__}"
        return "running" if self._has_begun else "waiting for its turn"

    def wait_for(self, is_made: Callable[[], bool], draw: bool = False) -> None:
        """Wait until `is_made`, and `draw` how far the run is; raise the error that ended the run before."""
        if self._pid != os.getpid():
            raise TaskError(
                "persist: this process was forked from the one that computes the records; "
                "hint: wait for them before the fork, bagkit.progress(bag) does"
            )
        bar = ProgressBar(standing=self.counts.standing) if draw else None
        try:
            with self.lock:
                while not is_made() and self._error is None:
                    self.lock.wait(NOTICE_SECONDS)
                    check_stopped()
                    if bar is not None:
                        bar.draw_if_due()
        finally:
            if bar is not None:
                bar.close()
        if not is_made() and self._error is not None:
            raise self._error.with_traceback(self._trace)

    def add(self, promise: object) -> None:
        """Go on as long as somebody holds `promise`."""
        self._promised += 1
        weakref.finalize(promise, self._over.append, None).atexit = False  # it may run in the middle of anything

    def end(self) -> None:
        """Stop, for the program ends."""
        self._ending = True

    # For the thread -------------------------------------------------------------------------------------------------

    def context(self) -> contextvars.Context:
        """Return the context of the thread: the caller's, with what is known of the run."""
        context = contextvars.copy_context()
        context.run(begin_stoppable, self)
        context.run(begun_at, self._line)
        context.run(listen, self.counts)
        return context

    def do(self, work: Callable[[], object]) -> None:
        """Call `work`, and take note of its end."""
        self._has_begun = True
        try:
            work()
        except BaseException as error:
            if isinstance(error, Exception) and not any(note.startswith(BEGUN) for note in notes_of(error)):
                add_notes(error, [f'{BEGUN} in "{self._line.filename}", line {self._line.number}'])
            with self.lock:
                self._error, self._trace = error, error.__traceback__
                self.lock.notify_all()
            self.future.set_exception(error)
        else:
            self.future.set_result(None)


class PromisedPart:
    """The promise of one partition."""

    __slots__ = ("__weakref__", "run")

    def __init__(self, run: BackgroundRun) -> None:
        self.run = run
        run.add(self)

    @property
    def lock(self) -> threading.Condition:
        return self.run.lock

    @property
    def state(self) -> str:
        """What the run is at, in words."""
        return self.run.state

    def wait(self, kept: Kept, draw: bool) -> None:
        """Wait until the records are there; raise what has ended the run before."""
        self.run.wait_for(lambda: kept.promise is None, draw)


def taker_of_parts(parts: Sequence[Kept], lock: threading.Condition) -> Callable[[Kept], None]:
    """Return what takes the partitions of one bag, one after the other: each only if a bag still holds its promise."""
    waiting = deque(map(weakref.ref, parts))

    def take(made: Kept) -> None:
        kept = waiting.popleft()()
        with lock:
            if kept is not None and kept.promise is not None:
                kept.keep_promise(made)
                lock.notify_all()

    return take


class PromisedValue(RunFuture):
    """The value that a run is to make of an item or a delayed value."""

    def __init__(self, run: BackgroundRun) -> None:
        super().__init__(run.counts)
        self._run = run
        run.add(self)

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the value, and return it; raise what has ended the run before."""
        if timeout is None:
            self._run.wait_for(self.done)
        return super().result(timeout)


def taker(value: PromisedValue) -> Callable[[Any], None]:
    """Return what takes the `value`, if somebody still holds the promise."""
    known, lock = weakref.ref(value), value._run.lock

    def take(made: Any) -> None:
        promise = known()
        if promise is not None:
            promise.set_result(made)
            with lock:
                lock.notify_all()

    return take


_runs: weakref.WeakSet[BackgroundRun] = weakref.WeakSet()


def _end_runs() -> None:
    """Stop all runs at the end of the program, while their workers can still be ended in good order."""
    runs = [run for run in tuple(_runs) if not run.future.done()]
    for run in runs:
        run.end()
    if runs:
        here.join(END_SECONDS)


atexit.register(_end_runs)
