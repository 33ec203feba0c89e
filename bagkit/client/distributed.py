"""Runs the calls of a client on a cluster of dask.distributed. Values stay there until somebody asks for them."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from bagkit.client.futures import Elsewhere
from bagkit.errors import OptionError, TaskError, missing_extra
from bagkit.flow.replay import reading
from bagkit.flow.report import Report
from bagkit.lower.graph import Key, Task
from bagkit.schedulers.by_value import seed_generators
from bagkit.schedulers.elsewhere import unpickled
from bagkit.schedulers.executors import pickled
from bagkit.schedulers.inside import running_task
from bagkit.schedulers.outgoing import Outgoing
from bagkit.schedulers.transport import loads

if TYPE_CHECKING:
    import concurrent.futures

    from bagkit.client.calls import Submitted
    from bagkit.client.futures import Future


class DistributedEngine:
    """Runs calls through a client of dask.distributed; mutable. Any thread may use it."""

    def __init__(self, client: Any, *, owned: bool) -> None:
        self._client = client
        self._owned = owned
        """Whether the client was made for this, and ends with it."""
        self._run = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._closed = False
        self._outgoing = Outgoing(tracked=True)
        self._works: dict[int, tuple[int, Any, Any]] = {}
        """For each work by its id: its number, its pickle on the cluster, and itself, so that the id stays its own."""
        self._values: dict[Key, Any] = {}
        """The cluster's futures of what somebody holds."""
        self._loose: set[Any] = set()
        """Those of calls that run though nobody holds them."""
        self._numbers = 0

    @property
    def workers(self) -> int:
        """How many worker processes the cluster has."""
        return len(self._client.nthreads())

    @property
    def scheduler(self) -> Any:
        """What runs bags there."""
        return self._client

    def add(self, call: Submitted, future: Future[Any], needs: Sequence[Future[Any]]) -> None:
        """Have `call` run, and give `future` its value or its error. It is pickled now."""
        task = Task((call.key,), call.work, call.part, call.needs, call.title)
        with self._lock:
            self._check_open()
            number, work = self._work(task)
            part = pickled(self._outgoing.part, call.part, "the part", task)
            self._numbers += 1
            value = self._client.submit(
                call_here,
                (self._run, number),
                work,
                part,
                [self._values[need] for need in call.needs],
                key=f"{call.title}-{self._run}-{self._numbers}",
                retries=call.retries,
                priority=call.priority,
                pure=False,
            )
            self._values[call.key] = value
        value.add_done_callback(partial(self._tell, future))

    def keep(self, key: Key, value: Any, future: Future[Any]) -> None:
        """Bring a value to the cluster, and give it to `future`."""
        self._check_open()
        (self._values[key],) = self._client.scatter([value], hash=False)
        future.set_result(value)

    def promise(self, other: concurrent.futures.Future[Any], future: Future[Any]) -> None:
        """Wait for the `other` future, which is not of this engine, and give `future` its value."""
        self.keep(future.key, other.result(), future)

    def let_go(self, key: Key) -> None:
        """Note that nobody holds the future of `key`; its call runs all the same."""
        value = self._values.pop(key, None)
        if value is not None and not value.done():
            self._loose.add(value)
            if value.done():
                self._loose.discard(value)

    def cancel(self, key: Key) -> None:
        """Have the call of `key` not run."""
        value = self._values.get(key)
        if value is not None:
            value.cancel()

    def scale(self, workers: int) -> None:
        """Have that many workers, if the cluster is one that can be told."""
        cluster: Any = getattr(self._client, "cluster", None)
        if not callable(getattr(cluster, "scale", None)):
            raise OptionError(
                "scale: the cluster was reached by its address; expected one that this program has made; "
                "hint: start more workers where the cluster runs"
            )
        cluster.scale(workers)

    def restart(self) -> None:
        """Cancel what is not done, and have new workers."""
        self._works.clear()
        self._client.restart()

    def close(self, *, wait: bool, cancel: bool) -> None:
        """Take no more calls; end when all are over, or with `cancel` now. The values stay if the cluster does."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        left = [value for value in [*self._values.values(), *self._loose] if not value.done()]
        if cancel:
            self._client.cancel(left)
        elif wait:
            for value in left:
                with contextlib.suppress(Exception):  # its future tells of it
                    value.exception()  # which waits
        if self._owned and (cancel or wait):
            self._client.close()

    def _check_open(self) -> None:
        if self._closed:
            raise TaskError("client: it is closed; hint: make another one")

    def _work(self, task: Task) -> tuple[int, Any]:
        """Return the number of the work of `task` and its pickle on the cluster: it goes to each worker once."""
        if id(task.work) not in self._works:
            data = pickled(self._outgoing.work_with_content, task.work, "the function", task)
            # A value that was scattered is lost with the worker that has it; one that a task makes is made again.
            there = self._client.submit(bytes, data, pure=False)
            self._works[id(task.work)] = len(self._works), there, task.work
        number, there, _ = self._works[id(task.work)]
        return number, there

    def _tell(self, future: Future[Any], value: Any) -> None:
        """Give `future` what the cluster's future has."""
        self._loose.discard(value)
        if value.status == "cancelled" or future.cancelled():
            future.end_cancelled()
        elif value.status == "finished":
            future.set_result(Elsewhere(partial(_load, value.result)))
        else:
            error = value.exception()
            lost = TaskError(f"{future.key}: the cluster has lost its value, which is {value.status}")
            future.set_exception(lost if error is None else error)


def _load(result: Callable[[], Any]) -> Any:
    return reading(result())


def call_here(key: tuple[str, int], work: bytes, part: bytes, inputs: Sequence[Any]) -> Any:
    """Run one call in whatever process this is."""
    function = unpickled(key, work)
    arguments = loads(part)
    seed_generators(str(arguments[0][2]))
    with running_task():
        return function(arguments, [reading(value) for value in inputs], Report())


def client_of(where: Any) -> tuple[Any, bool]:
    """Return the client of dask.distributed that `where` means, an address or a client, and whether it was made here.

    Raises OptionError for anything else.
    """
    if callable(getattr(where, "get_executor", None)) and callable(getattr(where, "scatter", None)):
        return where, False
    if not isinstance(where, str):
        raise OptionError(
            f"Client: it got a {type(where).__name__}; expected the address of a dask.distributed scheduler, such as "
            "'tcp://host:8786', a client of dask.distributed, or nothing for worker processes of this machine"
        )
    try:
        import distributed
    except ImportError as error:
        raise missing_extra("distributed", "distributed", "a Client on a cluster") from error
    connect: Any = distributed.Client
    return connect(where, set_as_default=False), True
