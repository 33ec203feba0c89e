"""Worker processes as their parent sees them, and those that stay warm between runs."""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any

from bagkit.errors import TaskError
from bagkit.schedulers import transport
from bagkit.schedulers.interpreter import start_interpreter
from bagkit.schedulers.reaper import Reaper
from bagkit.schedulers.worker import IDLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bagkit.user_modules import Version

READ_BYTES = 1 << 16
STALE_SECONDS = IDLE_SECONDS - 10
"""A worker that was idle for more seconds than this is not used again: it is about to leave."""

END_SECONDS = 2.0
"""How many seconds idle workers have at the end of the program, for exit handlers and files of the user's functions."""


class WorkerGone(Exception):
    """The other end of the socket is closed."""


class WorkerProcess:
    """A worker from the parent's side; mutable, owned by the pool while idle and by one run while checked out.

    Four file descriptors: a socket of its own; the only writable end of its life pipe; its process, to see its end
    even where a process that it forked keeps the socket open; and the file that its crash report goes to.
    """

    _numbers = 0

    def __init__(self) -> None:
        WorkerProcess._numbers += 1
        self.number = WorkerProcess._numbers
        self.task: Any = None
        """What the run that has checked it out makes it do; None while it is idle."""
        self._works: set[int] = set()
        """The works of this run that the worker has."""
        self._modules: dict[str, Version] = {}
        """The versions of the user's modules that its works have named so far."""
        self._told = {transport.MODULES: b""}
        """What it was told last, by the kind of the message."""
        self._has_run = False
        """Whether it was given a task."""
        self._idle_since = time.monotonic()
        self._frames = transport.Frames()
        self._out = bytearray()
        self._closed = False
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.socket.setblocking(False)
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", IDLE_SECONDS, 0))
            life, self._life = os.pipe()
            self._diary: int | None = None
            passed: list[int] = []
            try:
                self._diary = _anonymous_file()
                for descriptor in (theirs.fileno(), life, self._diary):
                    passed.append(_above_standard(descriptor))
                self.process = start_interpreter(*passed)
            except BaseException:
                self.pidfd: int | None = None
                self._let_go()
                raise
            finally:
                for descriptor in (life, *passed):
                    os.close(descriptor)
        self.pidfd = _open_pidfd(self.process.pid)

    @property
    def sending(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)

    def send(self, kind: int, body: bytes = b"") -> None:
        """Send a message, as much of it as goes without waiting; `flush` sends the rest."""
        self._out += transport.frame(kind, body)

    def tell(self, kind: int, body: bytes) -> None:
        """Send a message, unless the last message of this kind was the same."""
        if self._told.get(kind) != body:
            self.send(kind, body)
            self._told[kind] = body

    def give_work(self, number: int, message: bytes, modules: Mapping[str, Version]) -> None:
        """Send a work of this run, which names `modules`, unless it has it."""
        if number not in self._works:
            self.send(transport.WORK, message)
            self._works.add(number)
            self._modules.update(modules)

    def give_task(self, task: Any, message: bytes) -> None:
        """Send a task."""
        self.send(transport.TASK, message)
        self.task = task
        self._has_run = True

    def rest(self) -> None:
        """Note that its task is over."""
        self.task = None
        self._idle_since = time.monotonic()

    def leave_run(self) -> None:
        """Make the worker forget the run that it was in."""
        self._works.clear()
        self._told.pop(transport.DIRECTORY, None)
        self.send(transport.FORGET)
        self.flush()
        self.rest()

    def flush(self) -> None:
        """Send as much as goes without waiting."""
        while self._out:
            try:
                sent = self.socket.send(self._out)
            except BlockingIOError:
                return
            except OSError:
                self._out.clear()  # it is gone, which reading will tell
                return
            del self._out[:sent]

    def receive(self) -> list[tuple[int, bytes]]:
        """Return the messages that have come; raises WorkerGone at the end of the socket."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            raise WorkerGone from None
        if not data:
            raise WorkerGone
        return self._frames.feed(data)

    def receive_all(self) -> tuple[list[tuple[int, bytes]], bool]:
        """Return all messages that have come, and whether more can come."""
        messages: list[tuple[int, bytes]] = []
        try:
            while data := self.socket.recv(READ_BYTES):
                messages += self._frames.feed(data)
        except BlockingIOError:
            return messages, True
        except OSError:
            pass
        return messages, False

    def stale(self) -> bool:
        """Whether it has been idle for so long that it is about to leave."""
        return time.monotonic() - self._idle_since > STALE_SECONDS

    def has_other(self, modules: Mapping[str, Version]) -> bool:
        """Whether it was sent to another version of one of `modules` before."""
        return any(self._modules.get(name, wanted) != wanted for name, wanted in modules.items())

    def dismiss(self) -> None:
        """Have the idle worker end, as a program ends; one that has had nothing to do is killed."""
        if self._has_run and not self.sending:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)
        else:
            self.kill()

    def kill(self) -> None:
        """End the worker and all that it started, now."""
        if self.process.returncode is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except OSError:
                pass  # it has ended, or has not yet come to make its group
            self.process.kill()

    def close(self) -> int | None:
        """Wait for the end of the worker, which was killed or has ended; return its exit code."""
        code = self.process.wait()
        if not self._closed:
            self._closed = True
            self._let_go()
        _workers.discard(self)
        return code

    def crash_report(self) -> str:
        """Return the Python traceback that a crash left, or nothing."""
        try:
            return os.pread(self._diary or -1, 20_000, 0).decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def forget(self) -> None:
        """Close its descriptors in a forked process: the worker belongs to the parent."""
        self.process.returncode = 0  # not this process's child: nothing to wait for
        self._let_go()

    def _let_go(self) -> None:
        self.socket.close()
        for descriptor in (self._life, self._diary, self.pidfd):
            if descriptor is not None:
                os.close(descriptor)


def _above_standard(descriptor: int) -> int:
    """Return another descriptor of the same file, which is not 0, 1 or 2."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("bagkit-crash-report")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


_workers: set[WorkerProcess] = set()
"""All workers that this process has started and not yet waited for."""
_idle: list[WorkerProcess] = []
_lock = threading.RLock()  # taken again by a run that the garbage collector closes meanwhile


def _ended(worker: WorkerProcess) -> None:
    """Remove an idle worker that has ended."""
    if worker in _idle:
        _idle.remove(worker)
    worker.kill()  # what it has started
    worker.close()


_reaper = Reaper(_lock, _ended)


def take_workers(count: int, modules: Mapping[str, Version] | None = None) -> list[WorkerProcess]:
    """Check out up to `count` warm workers; they are the caller's until given back.

    A worker that has imported another version of one of `modules` is let go: it would run old code.
    """
    taken: list[WorkerProcess] = []
    told: list[tuple[bytes, int]] = []
    with _lock:
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
        from bagkit.schedulers.hearing import hear

        for body, number in told:
            hear(body, number)


def _is_usable(worker: WorkerProcess, told: list[tuple[bytes, int]]) -> bool:
    """Return whether an idle worker is still there and will be; add to `told` what it has to say."""
    if worker.stale():
        worker.dismiss()
        return False  # it goes in its own time, and the reaper waits for it
    messages, open_ = worker.receive_all()
    told.extend((body, worker.number) for kind, body in messages if kind == transport.TOLD)
    if open_ and worker.process.poll() is None:
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
        worker.close()
        return
    with _lock:
        _idle.append(worker)
        _reaper.add(worker)


def start_workers(count: int) -> None:
    """Have `count` warm workers, or start them, so that they boot while a run is prepared. Never raises."""
    told: list[tuple[bytes, int]] = []
    with _lock:
        _idle[:] = [worker for worker in tuple(_idle) if _is_usable(worker, told)]
        while len(_idle) < count:
            try:
                worker = start_worker()
            except TaskError:
                break  # the run that needs them says why
            worker.send(transport.PRELOAD, " ".join(_modules_to_preload()).encode())
            worker.flush()
            _idle.append(worker)
            _reaper.add(worker)
    _say(told)


def _modules_to_preload() -> list[str]:
    """The modules that this process has imported and that tasks may need, in the order of import."""
    parts = ("bagkit.kernels.", "bagkit.lower.", "bagkit.ops.", "bagkit.io.")
    return ["bagkit.lower.graph", "cloudpickle", *(name for name in tuple(sys.modules) if name.startswith(parts))]


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
            worker.close()


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


def _watch_again() -> None:
    """In the process that has forked; since Python 3.12 a thread would make it warn of the fork that is over."""
    if sys.version_info < (3, 12):
        _reaper.start()


atexit.register(end_workers)
os.register_at_fork(before=lambda: _reaper.stop(), after_in_parent=_watch_again, after_in_child=_forget_all)
