"""The workers of one run: who starts them, listens to them, sees that they have ended, and lets go of them."""

from __future__ import annotations

import contextlib
import os
import selectors
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from bagkit.crossing import transport
from bagkit.schedulers import pool
from bagkit.schedulers.worker_process import WorkerGone, WorkerProcess

if TYPE_CHECKING:
    from bagkit.user_code.module_loads import Version

Said = list[tuple[WorkerProcess, int, bytes]]
"""Messages of workers: the worker, the kind, and the rest."""


class Crew:
    """At most `size` workers; mutable, of one run. What they print and log goes to `hear`, with their numbers."""

    def __init__(self, size: int, hear: Callable[[bytes, int], None]) -> None:
        self._size = size
        self._hear = hear
        self._workers: set[WorkerProcess] = set()
        self._free: list[WorkerProcess] = []
        self._sending: set[WorkerProcess] = set()
        """Workers with bytes left to send, once their sockets take more."""

    @cached_property
    def _selector(self) -> selectors.BaseSelector:
        return selectors.DefaultSelector()  # an open file, which a run that waits for its turn need not have

    @property
    def has_free(self) -> bool:
        """Whether a worker is free, or can be started."""
        return bool(self._free) or len(self._workers) < self._size

    @property
    def free(self) -> tuple[WorkerProcess, ...]:
        """The workers that are free."""
        return tuple(self._free)

    def slower_than(self, seconds: float) -> list[WorkerProcess]:
        """Return the workers that take longer than `seconds` for a task."""
        return [worker for worker in self._workers if worker.is_slow(seconds)]

    def has(self, worker: WorkerProcess) -> bool:
        """Whether `worker` is one of them."""
        return worker in self._workers

    @property
    def numbers(self) -> set[int]:
        """The numbers of the workers."""
        return {worker.number for worker in self._workers}

    def gather(self, count: int, modules: Mapping[str, Version], kept: Iterable[str]) -> None:
        """Take in up to `count` warm workers, rather those that keep `kept`, and none with other `modules`."""
        for worker in pool.take_workers(min(count, self._size), modules, kept):
            self._take_in(worker)

    def take_free(self, wanted: WorkerProcess | None = None) -> WorkerProcess:
        """Return a free worker, which is busy from now on: `wanted` if it is free; start one if none is."""
        if wanted in self._free:
            self._free.remove(wanted)
            return wanted
        while self._free:
            worker = self._free.pop()
            if not worker.stale():
                return worker
            self._hear_out(worker, worker.receive_all()[0], [])
            self.part_from(worker)
        worker = pool.start_worker()
        self._take_in(worker)
        return self._free.pop()

    def set_free(self, worker: WorkerProcess) -> None:
        """Note that `worker` has no task now."""
        worker.rest()
        self._free.append(worker)
        if len(self._workers) > self._size:
            self.let_go_free(1)

    def _take_in(self, worker: WorkerProcess) -> None:
        self._workers.add(worker)
        self._free.append(worker)
        self._selector.register(worker.socket, selectors.EVENT_READ, worker)
        if worker.pidfd is not None:
            self._selector.register(worker.pidfd, selectors.EVENT_READ, worker)

    def flush(self, worker: WorkerProcess) -> None:
        """Send the bytes that wait for `worker`: as many as go now, and the rest when its socket takes more."""
        worker.flush()
        if worker.sending != (worker in self._sending):
            self._sending ^= {worker}
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.sending else 0)
            self._selector.modify(worker.socket, mask, worker)

    def watch(self, descriptor: int) -> None:
        """End a wait also when something comes through the pipe `descriptor`."""
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def wait(self, timeout: float | None) -> tuple[Said, list[WorkerProcess]]:
        """Wait for something to happen, `timeout` seconds at most; return what was said, and who has ended."""
        said: Said = []
        ended: list[WorkerProcess] = []
        for key, mask in self._selector.select(timeout):
            worker: WorkerProcess | None = key.data
            if worker is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
                continue
            gone = key.fd == worker.pidfd
            if not gone:
                if mask & selectors.EVENT_WRITE:
                    self.flush(worker)
                try:
                    self._hear_out(worker, worker.receive() if mask & selectors.EVENT_READ else [], said)
                except WorkerGone:
                    gone = True
            if gone and worker not in ended:
                ended.append(worker)
        for worker in ended:
            self._hear_out(worker, worker.receive_all()[0], said)
        return said, ended

    def resize(self, size: int) -> None:
        """Have at most `size` workers from now on: free ones that are too many leave, busy ones when they are free."""
        self._size = size
        self.let_go_free(max(0, len(self._workers) - size))

    def let_go_free(self, count: int) -> None:
        """Give up to `count` free workers back to the pool."""
        for worker in self._free[:count]:
            self._unregister(worker)
            pool.give_back(worker)

    def _hear_out(self, worker: WorkerProcess, messages: list[tuple[int, bytes]], said: Said) -> None:
        """Add messages of `worker` to `said`, but for what it prints and logs."""
        for kind, body in messages:
            if kind == transport.TOLD:
                self._hear(body, worker.number)
            else:
                said.append((worker, kind, body))

    def bury(self, worker: WorkerProcess) -> tuple[int | None, str]:
        """Remove a worker that has ended at a task, as `part_from`; of one that lost its socket the code is CLOSED."""
        lost = worker.ran_on()
        code, report = self.part_from(worker)
        return (transport.CLOSED if lost else code), report

    def part_from(self, worker: WorkerProcess) -> tuple[int | None, str]:
        """Remove a worker that has ended or is about to; return its exit code if it is known, and a crash report."""
        self._unregister(worker)
        worker.kill()  # it may have closed its socket only
        report = worker.crash_report()
        return pool.bury(worker), report

    def _unregister(self, worker: WorkerProcess) -> None:
        self._selector.unregister(worker.socket)
        if worker.pidfd is not None:
            self._selector.unregister(worker.pidfd)
        self._workers.discard(worker)
        self._sending.discard(worker)
        if worker in self._free:
            self._free.remove(worker)

    def end(self) -> None:
        """Kill the busy workers, and keep the idle ones warm."""
        busy = [worker for worker in self._workers if worker.task is not None or worker.sending]
        for worker in busy:
            worker.kill()
        self._selector.close()
        for worker in self._workers:
            if worker in busy:
                self._hear_out(worker, worker.receive_all()[0], [])
                pool.bury(worker)
            else:
                pool.give_back(worker)
        self._workers.clear()
