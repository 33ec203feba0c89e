"""The worker processes of this process: those that stay warm between runs, and the start and the end of all."""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import select
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

from bagkit.crossing import transport
from bagkit.errors import TaskError
from bagkit.schedulers import homes
from bagkit.schedulers.reaper import Reaper
from bagkit.schedulers.worker_process import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bagkit.user_code.module_loads import Version

END_SECONDS = 2.0
"""How many seconds idle workers have at the end of the program, for exit handlers and files of the user's functions."""


_workers: set[WorkerProcess] = set()
"""All workers that this process has started and not yet waited for."""
_idle: list[WorkerProcess] = []
"""Those that no run has checked out, the one that is taken next as the last."""
_lock = threading.RLock()  # taken again by a run that the garbage collector closes meanwhile


def all_workers() -> tuple[WorkerProcess, ...]:
    """Return all workers that this process has started and not yet waited for."""
    return tuple(_workers)


def bury(worker: WorkerProcess) -> int | None:
    """Wait for the end of a worker, which was killed or has ended; return its exit code."""
    code = worker.close()
    _workers.discard(worker)
    homes.leave(worker)
    return code


def _ended(worker: WorkerProcess) -> None:
    """Remove an idle worker that has ended."""
    if worker in _idle:
        _idle.remove(worker)
    worker.kill()  # what it has started
    bury(worker)


_reaper = Reaper(_lock, _ended)


def take_workers(
    count: int, modules: Mapping[str, Version] | None = None, kept: Iterable[str] = ()
) -> list[WorkerProcess]:
    """Check out up to `count` warm workers, which are the caller's until given back; first who keeps most of `kept`.

    A worker that has imported another version of one of `modules` is let go: it would run old code.
    """
    taken: list[WorkerProcess] = []
    told: list[tuple[bytes, int]] = []
    known = Counter(map(homes.home_of, kept))
    with _lock:
        if known:
            _idle.sort(key=lambda worker: known[worker])
        while _idle and len(taken) < count:
            worker = _idle.pop()
            if worker.has_other(modules or {}):
                worker.dismiss()
            elif _is_usable(worker, told):
                _reaper.remove(worker)
                taken.append(worker)
    _say(told)
    return taken


def _say(told: list[tuple[bytes, int]]) -> None:
    """Say what idle workers have sent."""
    if told:
        from bagkit.crossing.hearing import hear

        for body, number in told:
            hear(body, number)


def _is_usable(worker: WorkerProcess, told: list[tuple[bytes, int]]) -> bool:
    """Return whether an idle worker is still there and will be; add to `told` what it has to say."""
    if worker.stale() or worker.is_of_another_user():
        worker.dismiss()
        return False  # it goes in its own time, and the reaper waits for it
    messages, open_ = worker.receive_all()
    told.extend((body, worker.number) for kind, body in messages if kind == transport.TOLD)
    if open_ and not worker.has_ended():
        return True
    _reaper.remove(worker)
    _ended(worker)
    return False


def start_worker() -> WorkerProcess:
    """Start a worker that is the caller's. Raises TaskError where the system allows no more."""
    try:
        worker = WorkerProcess()
    except OSError as error:
        raise _cannot_start(error) from error
    _workers.add(worker)
    return worker


def give_back(worker: WorkerProcess) -> None:
    """Keep an idle `worker` warm for later runs."""
    worker.leave_run()
    if worker.sending:  # it does not read: something is wrong with it
        worker.kill()
        bury(worker)
        return
    with _lock:
        _idle.append(worker)
        _reaper.add(worker)
        _say_unwanted(worker)  # of what others have let go since it left its run


def let_go(name: str) -> None:
    """Have the worker that keeps the records `name` let go of them: now if it is idle, else before its next task.

    Called by finalisers: from any thread, and in the middle of anything.
    """
    worker = homes.move_out(name)
    if worker is None:
        return
    worker.let_go(name)
    with _lock:
        if worker in _idle:
            _say_unwanted(worker)


def _say_unwanted(worker: WorkerProcess) -> None:
    """Tell an idle worker what it is to let go of, also what a finaliser adds in the middle of that."""
    if worker in _letting_go:
        return
    _letting_go.add(worker)
    try:
        while worker.has_unwanted:
            worker.send_unwanted()
            worker.flush()
    finally:
        _letting_go.discard(worker)


_letting_go: set[WorkerProcess] = set()
"""Those that are being told what to let go of."""


def start_workers(count: int, modules: Iterable[str] = ()) -> None:
    """Have `count` warm workers, or start them, so that they boot while a run is prepared. Never raises.

    Those that are started import `modules` until they have something else to do.
    """
    told: list[tuple[bytes, int]] = []
    with _lock:
        _idle[:] = [worker for worker in tuple(_idle) if _is_usable(worker, told)]
        while len(_idle) < count:
            try:
                worker = start_worker()
            except TaskError:
                break  # the run that needs them says why
            worker.send(transport.PRELOAD, " ".join(modules).encode())
            worker.flush()
            _idle.append(worker)
            _reaper.add(worker)
    _say(told)


def end_workers() -> None:
    """End all workers of this process: the idle ones as programs end, the others at once."""
    _reaper.stop()
    with _lock:
        workers = tuple(_workers)
        busy = _workers.difference(_idle, _reaper.watched)
        _idle.clear()
        for worker in workers:
            _reaper.remove(worker)
    try:
        for worker in workers:
            if worker in busy:
                worker.kill()
            else:
                worker.dismiss()
        _hear_last_words(workers, time.monotonic() + END_SECONDS)
    finally:
        for worker in workers:
            worker.kill()
        for worker in workers:
            bury(worker)


def _hear_last_words(workers: Iterable[WorkerProcess], deadline: float) -> None:
    """Wait for the ends of `workers` until `deadline`, and say what they have to say."""
    waiting = set(workers)
    while waiting and (left := deadline - time.monotonic()) > 0:
        poll = select.poll()
        for worker in waiting:
            poll.register(worker.socket if worker.pidfd is None else worker.pidfd, select.POLLIN)
            poll.register(worker.socket, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(left * 1000)}
        for worker in tuple(waiting):
            messages, open_ = worker.receive_all()
            if not open_ or worker.pidfd in ready:
                waiting.discard(worker)
            with contextlib.suppress(Exception):
                _say([(body, worker.number) for kind, body in messages if kind == transport.TOLD])


def _cannot_start(error: OSError) -> TaskError:
    import resource

    limits = {
        errno.EMFILE: ("RLIMIT_NOFILE", "open files"),
        errno.EAGAIN: ("RLIMIT_NPROC", "processes"),
        errno.ENOMEM: ("RLIMIT_AS", "memory"),
    }
    reason = ""
    if error.errno in limits:
        name, words = limits[error.errno]
        reason = f"; the limit of {words} ({name}) is {resource.getrlimit(getattr(resource, name))[0]}"
    return TaskError(
        f"workers: a worker process can't be started: {error}{reason}; "
        f"got {len(_workers)} workers; hint: fewer workers (each needs 4 open files), or scheduler='threads'"
    )


def _forget_all() -> None:
    """In a forked process: the workers are its parent's."""
    global _lock, _reaper
    _lock = threading.RLock()
    _reaper.close()
    _reaper = Reaper(_lock, _ended)
    for worker in tuple(_workers):
        worker.forget()
    _workers.clear()
    _idle.clear()
    homes.forget_all()


def _watch_again() -> None:
    """In the process that has forked; since Python 3.12 a thread would make it warn of the fork that is over."""
    if sys.version_info < (3, 12):
        _reaper.start()


atexit.register(end_workers)
os.register_at_fork(before=lambda: _reaper.stop(), after_in_parent=_watch_again, after_in_child=_forget_all)
