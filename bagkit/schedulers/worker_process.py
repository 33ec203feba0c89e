"""A worker process as its parent sees it."""

from __future__ import annotations

import contextlib
import fcntl
import marshal
import os
import select
import signal
import socket
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from bagkit.crossing import transport
from bagkit.schedulers.interpreter import start_interpreter
from bagkit.schedulers.worker import IDLE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bagkit.user_code.module_loads import Version

READ_BYTES = 1 << 16
STALE_SECONDS = IDLE_SECONDS - 10
"""A worker that was idle for more seconds than this is not used again: it is about to leave."""


GRACE_SECONDS = 1
"""How long a worker may take to end after its socket has closed: what ends a process closes its files first."""


def _owner() -> tuple[int, ...]:
    return os.getuid(), os.geteuid(), os.getgid(), os.getegid()


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
        self._idle_since = self._busy_since = time.monotonic()
        self._slowest = 0.0
        """How many seconds the slowest task of this run has taken it."""
        self.keeps: dict[str, int] = {}
        """What it keeps for later runs: names, and how many bytes they take."""
        self.kept_bytes = 0
        self._unwanted: deque[str] = deque()
        """What it is to keep no longer; any thread adds to it, and finalisers in the middle of anything."""
        self._taken: list[str] = []
        """What its task has to itself: when that is over, it keeps none of it, whether or not it has read it."""
        self._frames = transport.IncomingMessages()
        self._out = bytearray()
        self._closed = False
        self._code: int | None = None
        """Its exit code, once that is known."""
        self._owner = _owner()
        self._start()

    def _start(self) -> None:
        """Start the process, with its ends of the socket and of the pipe, and with the file for its crash report."""
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
        self._busy_since = time.monotonic()
        self._has_run = True

    def rest(self) -> None:
        """Note that its task is over."""
        self.task = None
        self._unwanted.extend(self._taken)
        self._taken.clear()
        self._idle_since = time.monotonic()
        self._slowest = max(self._slowest, self._idle_since - self._busy_since)

    def leave_run(self) -> None:
        """Make the worker forget the run that it was in."""
        self._works.clear()
        self._told.pop(transport.DIRECTORY, None)
        self.send_unwanted()
        self.send(transport.FORGET)
        self.flush()
        self.rest()
        self._slowest = 0.0

    def is_slow(self, seconds: float) -> bool:
        """Whether a task of this run took it longer than `seconds`, or does so now."""
        now = time.monotonic() - self._busy_since if self.task is not None else 0.0
        return max(now, self._slowest) > seconds

    def keep(self, name: str, nbytes: int) -> None:
        """Note that it keeps records."""
        self.kept_bytes += nbytes - self.keeps.get(name, 0)
        self.keeps[name] = nbytes

    def let_go(self, name: str) -> None:
        """Have it keep the records `name` no longer: it is told with the next message."""
        self._unwanted.append(name)

    def take(self, name: str) -> None:
        """Note that the task that it is about to get takes the records `name`."""
        self.kept_bytes -= self.keeps.pop(name, 0)
        self._taken.append(name)

    @property
    def has_unwanted(self) -> bool:
        """Whether it is to be told what it is to let go of."""
        return bool(self._unwanted)

    def send_unwanted(self) -> None:
        """Tell it what it is to let go of; what it is given to keep after that, it keeps."""
        names = []
        while self._unwanted:
            names.append(self._unwanted.popleft())
            self.kept_bytes -= self.keeps.pop(names[-1], 0)
        if names:
            self.send(transport.LET_GO, marshal.dumps(names))

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

    def is_of_another_user(self) -> bool:
        """Whether the program has changed its user or group since the worker was started, to have fewer rights, say."""
        return self._owner != _owner()

    def stale(self) -> bool:
        """Whether it has been idle for so long that it is about to leave."""
        return not self.keeps and time.monotonic() - self._idle_since > STALE_SECONDS

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
            with contextlib.suppress(PermissionError):  # it is of another user's, and ends when its life pipe closes
                if not self.has_ended():
                    os.kill(self.process.pid, signal.SIGKILL)

    def ran_on(self) -> bool:
        """Return whether it runs on without its socket, or has ended for that; waits a moment for its end."""
        deadline = time.monotonic() + GRACE_SECONDS
        while not self.has_ended():
            left = deadline - time.monotonic()
            if left <= 0:
                return True
            if self.pidfd is None:
                time.sleep(min(left, 0.01))
            else:
                poll = select.poll()
                poll.register(self.pidfd, select.POLLIN)
                poll.poll(left * 1000)
        return self._code == transport.CLOSED

    def has_ended(self, wait: bool = False) -> bool:
        """Return whether the process has ended, and take note of its exit code; `wait` for its end if asked.

        Popen says 0 where the program itself has waited for all of its children, or ignores SIGCHLD. There the exit
        code is not known.
        """
        if self.process.returncode is None:
            try:
                pid, status = os.waitpid(self.process.pid, 0 if wait else os.WNOHANG)
            except ChildProcessError:
                self.process.returncode = 0  # as Popen has it
            else:
                if pid:
                    self._code = self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode is not None

    def close(self) -> int | None:
        """Wait for the end of the worker, which was killed or has ended; return its exit code, None if not known."""
        self.has_ended(wait=True)
        if not self._closed:
            self._closed = True
            self._let_go()
        return self._code

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
        with contextlib.suppress(OSError):  # the program has closed all descriptors, as daemons do
            self.socket.close()
        for descriptor in (self._life, self._diary, self.pidfd):
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)


def _above_standard(descriptor: int) -> int:
    """Return another descriptor of the same file, which is not 0, 1 or 2."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 3)


def _anonymous_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("bagkit-crash-report")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
