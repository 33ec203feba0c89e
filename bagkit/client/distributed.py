"""dask.distributed as what runs the calls of a client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bagkit.client.remote import NotSent, run_call
from bagkit.errors import OptionError, TaskError
from bagkit.lazily import import_extra
from bagkit.schedulers.cluster import check_can_wait, check_open, is_closed, meant, raised

if TYPE_CHECKING:
    from bagkit.client.calls import Submitted
    from bagkit.client.remote import There


MESSAGE_BYTES = 1 << 20
"""How many bytes of arguments go with one message: dask warns of large ones."""
LOST_SECONDS = 60.0
"""How long a call waits for a function that the cluster has lost with a worker."""


class DistributedCluster:
    """A client of dask.distributed; any thread may use it.

    Calls are sent by the thread that has dask's loop, all of them that have come until it is its turn: dask takes
    several with one message in a part of the time. While the program does nothing else, its turn is at once.
    """

    def __init__(self, client: Any, *, owned: bool) -> None:
        self._client = client
        self._owned = owned
        """Whether the client was made for this, and ends with it."""
        self._numbers = 0
        self._lock = threading.Lock()
        """For the calls that wait."""
        self._sending = threading.RLock()
        """For those who send: when it is free, what was called before is sent."""
        self._waiting: list[tuple[OnDistributed, float, tuple[Any, ...]]] = []

    @property
    def workers(self) -> int:
        """How many worker processes the cluster has."""
        return len(self._client.nthreads())

    @property
    def scheduler(self) -> Any:
        return self._client

    def check_can_wait(self) -> None:
        """Raise an error where this thread can't wait for the cluster."""
        check_can_wait(self._client, "client")

    def meant(self, error: BaseException) -> BaseException:
        """Return what to say for an error of dask's."""
        return meant(self._client, error, "client")

    def keep_bytes(self, data: bytes) -> Any:
        """Have a task make `data`: what is scattered is lost with the worker that has it; this is made again."""
        check_open(self._client, "client")
        return KeptBytes(self._client.submit(bytes, data, pure=False))

    def keep(self, value: Any) -> There:
        """Scatter a value."""
        return Scattered(self, value)

    def scatter(self, value: Any) -> Any:
        """Bring a value to a worker, which is lost with it; return dask's future of it.

        dask brings it to any worker, also to one that is about to die; then it goes to another one.
        """
        end = time.monotonic() + LOST_SECONDS
        while True:
            self.check_can_wait()
            check_open(self._client, "client")
            try:
                (future,) = self._client.scatter([value], hash=False)
            except (OSError, KeyError) as error:
                if not _is_of_lost_worker(error) or self._client.status != "running":
                    raise self.meant(error) from error
                if time.monotonic() > end:
                    raise TaskError(f"scatter: no worker of the cluster has taken the value: {error!r}") from error
                time.sleep(0.1)
            else:
                return future

    def call(self, call: Submitted, key: tuple[str, int], work: Any, part: bytes, inputs: Sequence[Any]) -> There:
        """Submit a call: now if it needs values, which were asked for before; else with others, soon."""
        check_open(self._client, "client")
        with self._lock:
            self._numbers += 1
            name = f"{call.title}-{key[0]}-{self._numbers}"
            if not inputs:
                there = OnDistributed(self)
                there.hold([work])
                self._waiting.append((there, call.priority, (name, key, work, part, [], call.retries)))
                if len(self._waiting) == 1:
                    self._client.loop.add_callback(self.send)
                return there
        given = key, work, part, list(inputs), call.retries
        future = self._client.submit(run_call, *given, key=name, priority=call.priority, pure=False)
        there = OnDistributed(self, future)
        there.hold([work])
        return there

    def send(self) -> None:
        """Send the calls that wait."""
        with self._sending:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            together: list[tuple[OnDistributed, tuple[Any, ...]]] = []
            nbytes = 0
            for number, (there, priority, call) in enumerate(waiting, 1):
                together.append((there, call))
                nbytes += sum(len(each) for each in call if isinstance(each, bytes))
                if number == len(waiting) or waiting[number][1] != priority or nbytes > MESSAGE_BYTES:
                    self._send(together, priority)
                    together, nbytes = [], 0

    def _send(self, calls: list[tuple[OnDistributed, tuple[Any, ...]]], priority: float) -> None:
        names, *given = map(list, zip(*[call for _, call in calls], strict=True))
        try:
            futures = self._client.map(run_call, *given, key=names, priority=priority, pure=False, batch_size=None)
        except BaseException as error:  # whose calls it is about has nobody to raise it to
            for there, _ in calls:
                there.end(None, error)
        else:
            for (there, _), future in zip(calls, futures, strict=True):
                there.end(future, None)

    def load_all(self, values: Sequence[There]) -> list[Any]:
        """Bring values with one message to each worker that has some."""
        self.check_can_wait()
        found: list[Any] = self._client.gather([value.reference for value in values])
        return found

    def cancel(self, calls: Sequence[There]) -> None:
        """Have calls not run, with one message; none do where the cluster has gone."""
        if is_closed(self._client):
            return
        self.send()
        self._client.cancel([call.reference for call in calls if call.reference is not None])

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
        """Have new workers; what the old ones had is lost."""
        self._client.restart()

    def close(self) -> None:
        """Close the client, if it is ours."""
        if not is_closed(self._client):
            self.send()
        if self._owned:
            self._client.close()


class OnDistributed:
    """A value on the cluster, with the future of dask's that holds it there: None until its call is sent."""

    def __init__(self, cluster: DistributedCluster, future: Any = None) -> None:
        self._cluster = cluster
        self._future = future
        self._error: BaseException | None = None
        """Why the call could not be sent."""
        self._lock = threading.Lock()
        self._tell: Callable[[], None] | None = None
        self._held: frozenset[KeptBytes] = frozenset()
        """Functions that the cluster needs where it has to make the value again."""

    def hold(self, needed: Sequence[Any]) -> None:
        """Hold the functions that the value was made with; so do the ones that were made of it."""
        for each in needed:
            self._held |= frozenset({each}) if isinstance(each, KeptBytes) else _held(each)

    @property
    def reference(self) -> Any:
        """The future of dask's; the call is sent now, if it is not."""
        if self._future is None:
            self._cluster.send()
        return self._future

    def end(self, future: Any, error: BaseException | None) -> None:
        """Note that the call is sent, or can't be."""
        with self._lock:
            self._future, self._error = future, error
            tell, self._tell = self._tell, None  # who is told has this value: it is not to have them for good
        if tell is not None:
            self._when_over(tell)

    def when_over(self, tell: Callable[[], None]) -> None:
        with self._lock:
            is_sent = self._future is not None or self._error is not None
            if not is_sent:
                self._tell = tell
        if is_sent:
            self._when_over(tell)

    def _when_over(self, tell: Callable[[], None]) -> None:
        if self._future is None:
            tell()
        else:
            self._future.add_done_callback(lambda _: tell())

    def error(self) -> BaseException | None:
        if self._error is not None:
            return self._error
        status = self.reference.status
        if status == "cancelled":
            return self._cluster.meant(CancelledError())
        # One that is lost, or pending again, was made; its worker has died since, and the cluster makes it again.
        return raised(self.reference.exception()) if status == "error" else None

    def load(self) -> Any:
        self._cluster.check_can_wait()
        try:
            return self.reference.result()
        except TypeError as error:  # what distributed raises for what it can't pickle, with a traceback as its text
            if self.reference.status == "finished":
                raise NotSent(str(error).strip().rpartition("\n")[2]) from None
            raise
        except (Exception, CancelledError) as error:
            raise self._cluster.meant(error) from None

    def is_new(self, reference: Any) -> bool:
        """Return False: what a call has made the cluster makes again by itself."""
        return False


def _is_of_lost_worker(error: BaseException) -> bool:
    """Return whether the scheduler says so when a worker dies to which it brings something.

    It closes the connection to us as its own was closed; or can't connect; or has no worker; or does not find in its
    books whom it has just sent something. An error of a subclass is from unpickling the value there.
    """
    is_address = type(error) is KeyError and "://" in str(error)
    return is_address or type(error) in (OSError, TimeoutError) or type(error).__name__ == "CommClosedError"


def _held(value: Any) -> frozenset[KeptBytes]:
    return value._held if isinstance(value, OnDistributed) else frozenset()


class KeptBytes:
    """Bytes that the cluster has. A call gets their name, and brings them to its worker if they are not there.

    If they were a value that calls need, dask would put these to the worker that has it, behind all that this one does.
    """

    def __init__(self, future: Any) -> None:
        self._future = future

    def __reduce__(self) -> tuple[Any, ...]:
        return BytesThere, (self._future.key,)


class BytesThere:
    """A KeptBytes in a worker; to call it brings the bytes."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def __call__(self) -> bytes:
        """Ask the scheduler for the bytes: while it has them made again, others may have this worker."""
        distributed: Any = import_module("distributed")
        worker = distributed.get_worker()
        end, is_beside, patience = time.monotonic() + LOST_SECONDS, False, 4.0
        while time.monotonic() < end:
            try:
                # A scheduler that has not heard of a worker's death asks it for half a minute.
                ask = partial(worker.scheduler.gather, keys=[self._key])
                answer = distributed.utils.sync(worker.loop, ask, callback_timeout=patience)
            except TimeoutError:
                answer, patience = {"status": "late"}, patience * 2
            except OSError:  # it has closed the connection
                answer = {"status": "closed"}
            if answer["status"] == "OK":
                return bytes(answer["data"][self._key])
            if not is_beside:
                distributed.secede()
                is_beside = True
            time.sleep(0.1)
        raise TaskError(f"{self._key}: the cluster has lost the bytes of the function, and did not make them again")


class Scattered(OnDistributed):
    """A value that was brought there, and is brought again when its worker has died: as it was, whoever changes it."""

    def __init__(self, cluster: DistributedCluster, value: Any) -> None:
        super().__init__(cluster, cluster.scatter(value))
        self._pickle: Any = import_module("distributed.protocol.pickle")
        self._data: bytes = self._pickle.dumps(value)

    @property
    def reference(self) -> Any:
        """The future of dask's for the value, which is there."""
        with self._lock:
            if self._future.status in ("lost", "cancelled"):
                self._future = self._cluster.scatter(self._pickle.loads(self._data))
            return self._future

    def is_new(self, reference: Any) -> bool:
        """Return whether the value was lost that `reference` stands for."""
        return self.reference is not reference


def client_of(where: Any) -> tuple[Any, bool]:
    """Return the client of dask.distributed that `where` means, an address or a client, and whether it was made here.

    Raises OptionError for anything else.
    """
    if callable(getattr(where, "get_executor", None)) and callable(getattr(where, "scatter", None)):
        check_can_wait(where, "Client")
        return where, False
    if not isinstance(where, str):
        raise OptionError(
            f"Client: it got a {type(where).__name__}; expected the address of a dask.distributed scheduler, such as "
            "'tcp://host:8786', a client of dask.distributed, or nothing for worker processes of this machine"
        )
    distributed = import_extra("distributed", "distributed", "a Client on a cluster")
    return distributed.Client(where, set_as_default=False), True
