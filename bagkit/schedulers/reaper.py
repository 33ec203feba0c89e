"""A thread that waits for the ends of idle workers, so that nothing is left of them, and hears what they still say.

It sleeps while nothing happens, and ends with the last of them. Before a fork it ends too, since a process with threads
is not to fork; the next run that gives its workers back starts it again.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import stat
import sys
import threading
import time
from typing import TYPE_CHECKING

from bagkit.crossing import transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from bagkit.schedulers.worker_process import WorkerProcess

STOP_SECONDS = 0.5
"""The longest wait for the thread, which may be busy with a log handler of the user's."""


def _is_open(descriptor: int) -> bool:
    """Return whether a descriptor is the end of a pipe: the program may have closed it, and opened another file."""
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


class Reaper:
    """The thread and whom it watches; mutable, one for the pool, whose `lock` guards it."""

    def __init__(self, lock: threading.RLock, ended: Callable[[WorkerProcess], None]) -> None:
        self._lock = lock
        self._ended = ended
        self._selector: selectors.BaseSelector | None = None
        self.watched: set[WorkerProcess] = set()
        """Idle workers, and those that are about to end."""
        self._wake: tuple[int, int] | None = None
        self._thread: threading.Thread | None = None
        self._stopping = False

    def add(self, worker: WorkerProcess) -> None:
        """Watch `worker` from now on."""
        with self._lock:
            if self._wake is not None and not _is_open(self._wake[1]):
                self._give_up()
            if self._selector is None:
                self._selector = selectors.DefaultSelector()
                self._wake = os.pipe()
                self._selector.register(self._wake[0], selectors.EVENT_READ)
            self.watched.add(worker)
            self._selector.register(worker.socket, selectors.EVENT_READ, worker)
            if worker.pidfd is not None:
                self._selector.register(worker.pidfd, selectors.EVENT_READ, worker)
            self.start()

    def remove(self, worker: WorkerProcess) -> None:
        """Watch `worker` no more: somebody uses it, or it is closed."""
        with self._lock:
            if self._selector is None or worker not in self.watched:
                return
            self.watched.discard(worker)
            for file in (worker.socket, worker.pidfd):
                if file is not None:
                    with contextlib.suppress(KeyError):
                        self._selector.unregister(file)

    def start(self) -> None:
        """Start the thread, if there is anybody to watch."""
        with self._lock:
            self._stopping = False
            if self.watched and self._thread is None:
                thread = threading.Thread(target=self._watch, name="bagkit-reaper", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    return  # the interpreter is ending, or the system allows no more threads
                self._thread = thread

    def stop(self) -> None:
        """End the thread; `start` or the next worker starts it again."""
        with self._lock:
            thread = self._thread
            if thread is None or self._wake is None or thread is threading.current_thread():
                return
            if not _is_open(self._wake[1]):
                self._give_up()
                return
            self._stopping = True
            os.write(self._wake[1], b"\0")
        thread.join(STOP_SECONDS)
        for _ in range(100):  # the system counts it for a moment longer
            if sys.platform != "linux" or not os.path.exists(f"/proc/self/task/{thread.native_id}"):
                break
            time.sleep(0.0002)

    def _give_up(self) -> None:
        """Begin anew: the program has closed all descriptors, so the thread sleeps for ever, or has ended."""
        self.watched.clear()
        self._selector = self._wake = self._thread = None

    def close(self) -> None:
        """Let go of the descriptors, without a word to the system of whom it watched: that may be another process's."""
        self.watched.clear()
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        if self._wake is not None:
            for descriptor in self._wake:
                os.close(descriptor)
            self._wake = None

    def _watch(self) -> None:
        selector, wake = self._selector, self._wake
        assert selector is not None
        assert wake is not None
        told: list[tuple[bytes, int]] = []
        while True:
            try:
                ready = selector.select()
            except (OSError, ValueError):  # its descriptor is closed
                return
            with self._lock:
                if selector is not self._selector:
                    return
                for key, _ in ready:
                    worker: WorkerProcess | None = key.data
                    if worker is None:
                        os.read(wake[0], 4096)
                    elif worker in self.watched:
                        told += self._look_after(worker, key.fd)
                over = self._stopping or not self.watched
                if over:
                    self._thread = None
                    if not self.watched:
                        self.close()
            if told:
                self._say(told)
                told.clear()
            if over:
                return

    @staticmethod
    def _say(told: list[tuple[bytes, int]]) -> None:
        from bagkit.crossing.hearing import hear

        for body, number in told:
            with contextlib.suppress(Exception):  # nobody waits who could be told
                hear(body, number)

    def _look_after(self, worker: WorkerProcess, descriptor: int) -> list[tuple[bytes, int]]:
        """Take what `worker` says, and leave of it if it has ended; return what is to be said."""
        assert self._selector is not None
        messages, open_ = worker.receive_all()
        if descriptor == worker.pidfd or (not open_ and worker.pidfd is None):
            self.remove(worker)
            self._ended(worker)
        elif not open_:
            self._selector.unregister(worker.socket)  # its process is about to end, which its pidfd tells
        return [(body, worker.number) for kind, body in messages if kind == transport.TOLD]
