"""An executor on a client of dask.distributed, which fetches what is done together.

distributed's own executor fetches one result after the other, each with a message there and back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from bagkit.errors import OptionError, TaskError

T = TypeVar("T")


class ClusterExecutor(Executor):
    """Runs calls on a cluster of dask.distributed; any thread may use it. The client stays open."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._lock = threading.Lock()
        self._pending = 0
        """Calls that are not over; while there are some, a thread fetches their values."""
        self._done: SimpleQueue[tuple[Any, Future[Any]]] = SimpleQueue()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a function called; return the Future of its value.

        Args:
            fn: The function.
            *args: Its arguments.
            **kwargs: Its keyword arguments.
        """
        try:
            there = self.client.submit(fn, *args, pure=False, **kwargs)  # calls with the same bytes are several calls
        except Exception as error:
            raise meant(self.client, error) from error
        future: Future[T] = Future()
        with self._lock:
            self._pending += 1
            if self._pending == 1:
                threading.Thread(target=self._fetch, name="bagkit-cluster", daemon=True).start()
        there.add_done_callback(lambda done: self._done.put((done, future)))
        future.add_done_callback(partial(self._cancelled, there))
        return future

    def _cancelled(self, there: Any, future: Future[Any]) -> None:
        if future.cancelled():
            cancel(self.client, [there])

    def _fetch(self) -> None:
        """Give their values to futures, until none is left."""
        over = False
        while not over:
            found = [self._done.get()]
            try:
                while True:
                    found.append(self._done.get_nowait())
            except Empty:
                pass
            self._tell(found)
            for there, _ in found:
                there.release()  # the cluster is to hold a value no longer than somebody waits for it
            with self._lock:
                self._pending -= len(found)
                over = not self._pending

    def _tell(self, found: list[tuple[Any, Future[Any]]]) -> None:
        wanted = [(there, future) for there, future in found if future.set_running_or_notify_cancel()]
        made = [there for there, _ in wanted if there.status == "finished"]
        try:
            values = dict(zip([there.key for there in made], self.client.gather(made), strict=True)) if made else {}
        except BaseException:
            values = {}  # one of them was lost meanwhile: each by itself
        for there, future in wanted:
            try:
                future.set_result(values[there.key] if there.key in values else _value_of(there))
            except BaseException as error:
                future.set_exception(meant(self.client, error))


def raised(error: BaseException) -> BaseException:
    """Return an error of the cluster; where the workers died, as executors say it."""
    return BrokenExecutor(str(error)) if type(error).__name__ == "KilledWorker" else error


def can_wait(client: Any) -> bool:
    """Return whether this thread can wait for a client of dask.distributed: one is no good in its own event loop."""
    return is_closed(client) or not getattr(client, "asynchronous", False)


def check_can_wait(client: Any, subject: str = "scheduler") -> None:
    """Raise OptionError where this thread can't wait for a client: what it returns would be a coroutine."""
    if not can_wait(client):
        raise OptionError(
            f"{subject}: dask's client is asynchronous, and this thread, where its event loop runs, can't wait for it; "
            "hint: await asyncio.to_thread(bag.compute), or await client.compute(bag), or a client that waits: "
            "distributed.Client(address)"
        )


def is_closed(client: Any) -> bool:
    """Return whether a client of dask.distributed sends nothing any more, also for its event loop has ended."""
    return client.status in ("closing", "closed") or has_lost_its_loop(client)


def has_lost_its_loop(client: Any) -> bool:
    """Return whether the event loop of a client is closed: `asyncio.run` leaves one that nobody has closed."""
    loop = getattr(getattr(client, "loop", None), "asyncio_loop", None)
    return bool(loop is not None and loop.is_closed())


def cancel(client: Any, futures: Sequence[Any]) -> None:
    """Have calls not run; none do where the cluster has gone, be it meanwhile."""
    if is_closed(client):
        return
    try:
        client.cancel(list(futures))
    except Exception:  # dask has no type of its own for one that closes meanwhile
        if not is_closed(client):
            raise


def check_open(client: Any, subject: str = "scheduler") -> None:
    """Raise TaskError if a client is closed."""
    if is_closed(client):
        raise _gone(client, subject)


def meant(client: Any, error: BaseException, subject: str = "scheduler") -> BaseException:
    """Return what to say for an error of the cluster's.

    A client of dask's that is closed, or has lost its scheduler, has cancelled all futures: its errors are about that.
    """
    if client.status != "running" or has_lost_its_loop(client):
        return _gone(client, subject)
    return raised(error)


def _gone(client: Any, subject: str) -> TaskError:
    status = "without its event loop" if has_lost_its_loop(client) else client.status
    return TaskError(
        f"{subject}: the cluster has gone: dask's client is {status}; hint: make another client when there is a cluster"
    )


def _value_of(there: Any) -> Any:
    if there.status == "cancelled":
        raise TaskError(f"{there.key}: the cluster has lost it: it is {there.status}")
    return there.result()  # waits where the value was lost with a worker: the cluster makes it again
