"""dask.distributed as what runs the calls of a client."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bagkit.client.remote import NotSent, run_call
from bagkit.errors import OptionError, TaskError, text_of
from bagkit.lazily import import_extra
from bagkit.schedulers.cluster import cancel, check_can_wait, check_open, is_closed, meant, raised
from bagkit.schedulers.executor_facts import why_it_waits

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

    takes_ahead = True

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

    def has(self, future: Any) -> bool:
        """Ask the scheduler whether a worker has the value of a future."""
        self.check_can_wait()
        if self._client.status != "running":
            raise self.meant(CancelledError())
        try:
            return any(self._client.who_has([future]).values())
        except CancelledError:
            return False

    def call(self, call: Submitted, key: tuple[str, int], work: Any, part: bytes, needed: Sequence[There]) -> There:
        """Submit a call: now if it needs values, which were asked for before; else with others, soon."""
        check_open(self._client, "client")
        if not needed:
            there = OnDistributed(self)
            there.hold([work])
            with self._lock:
                name = self._name(call.title, key)
                self._waiting.append((there, call.priority, (name, key, work, part, [], call.retries)))
                if len(self._waiting) == 1:
                    self._client.loop.add_callback(self.send)
            return there
        make = partial(self._submit, call.title, call.priority, call.retries, (key, work, part))
        there = OnDistributed(self, make([value.reference for value in needed]), make)
        there.hold([work, *needed])
        return there

    def _submit(
        self, title: str, priority: float, retries: int, given: tuple[tuple[str, int], Any, bytes], inputs: list[Any]
    ) -> Any:
        with self._lock:
            name = self._name(title, given[0])  # a new one each time: to dask, a name that was cancelled stays so
        return self._client.submit(run_call, *given, inputs, retries, key=name, priority=priority, pure=False)

    def _name(self, title: str, key: tuple[str, int]) -> str:
        self._numbers += 1
        return f"{title}-{key[0]}-{self._numbers}"

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
        while True:
            futures = [value.reference for value in values]
            try:
                found: list[Any] = self._client.gather(futures)
            except CancelledError:  # by dask, for what was scattered is lost: all that was made of it is made again
                if not any(isinstance(value, OnDistributed) and value.seems_lost() for value in values):
                    raise
            else:
                return found

    def cancel(self, calls: Sequence[There]) -> None:
        """Have calls not run, with one message; none do where the cluster has gone."""
        if is_closed(self._client):
            return
        self.send()
        futures = [call.give_up() for call in calls if isinstance(call, OnDistributed)]
        cancel(self._client, [future for future in futures if future is not None])

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

    def why_it_waits(self) -> str:
        """Ask the scheduler whether its workers take calls."""
        return why_it_waits(self._client)

    def close(self) -> None:
        """Close the client, if it is ours."""
        if not is_closed(self._client):
            self.send()
        if self._owned:
            self._client.close()


class OnDistributed:
    """A value on the cluster, with the future of dask's that holds it there: None until its call is sent.

    dask makes a value again that it loses with a worker, unless it was made of scattered ones: it cancels that. Then
    `make` gives another future, for the futures of the values that it needs.
    """

    def __init__(self, cluster: DistributedCluster, future: Any = None, make: Callable[[list[Any]], Any] | None = None):
        self._cluster = cluster
        self._future = future
        self._make = make
        self._error: BaseException | None = None
        """Why the call could not be sent, or not be sent again."""
        self._lock = threading.Lock()
        self._tell: Callable[[], None] | None = None
        self._held: frozenset[KeptBytes] = frozenset()
        """Functions that the cluster needs where it has to make the value again."""
        self._needs: list[weakref.ref[OnDistributed]] = []
        self._waits_for: tuple[OnDistributed, ...] = ()
        """The values of `_needs`, as long as the call is not over: later they are no longer there for this one."""

    def hold(self, needed: Sequence[Any]) -> None:
        """Hold the functions that the value was made with; so do the ones that were made of it."""
        for each in needed:
            self._held |= frozenset({each}) if isinstance(each, KeptBytes) else _held(each)
        values = tuple([each for each in needed if isinstance(each, OnDistributed)])
        if any(each._make is not None for each in values):
            self._needs, self._waits_for = list(map(weakref.ref, values)), values
        elif values:
            self._make = None  # dask makes it again, and arguments may be large

    @property
    def reference(self) -> Any:
        """The future of dask's; the call is sent now, if it is not, and once more if dask has cancelled it."""
        if self._future is None:
            self._cluster.send()
        elif self.seems_lost():
            _make_again(self)
        return self._future

    def give_up(self) -> Any:
        """Return the future of dask's, which is going to be cancelled for good."""
        self._make = None
        return self._future

    def seems_lost(self) -> bool:
        """Return whether dask has cancelled it that could be made again."""
        return self._make is not None and self._future.status in ("lost", "cancelled")

    def is_cancelled(self) -> bool:
        """Return whether it is cancelled for good."""
        return self._make is None and self._future.status == "cancelled"

    def is_lost(self) -> bool:
        """Return the same, for one that is needed to make another one again."""
        return self.seems_lost()

    def needs(self) -> list[OnDistributed]:
        """Return the values that it was made of; raises TaskError where they are gone."""
        found = [value for each in self._needs if (value := each()) is not None]
        if len(found) < len(self._needs):
            raise TaskError(
                f"{self._future.key}: the cluster has lost its value with a worker, and can't make it again, for what "
                "was scattered for it is gone too; hint: keep the futures of its arguments"
            )
        return found

    def make_again(self, needs: Sequence[OnDistributed]) -> None:
        """Have it made again, unless another thread has; what it needs is there."""
        with self._lock:
            if self._make is not None and self.is_lost():
                self._future = self._make([need._future for need in needs])

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
            self._future.add_done_callback(partial(self._over, tell))

    def _over(self, tell: Callable[[], None], future: Any) -> None:
        """Tell that the call is over, or have it run again if dask has cancelled it."""
        try:
            again = self.reference
        except BaseException as error:  # it has nobody else to raise it to
            self._error, again = self._cluster.meant(error), future
        if again is future:
            self._waits_for = ()
            tell()
        else:
            self._when_over(tell)

    def error(self) -> BaseException | None:
        if self._error is not None:
            return self._error
        status = self._future.status
        if status == "cancelled" and self._make is None:
            return self._cluster.meant(CancelledError())
        # One that is lost, or pending again, was made; its worker has died since, and it is made again.
        return raised(self._future.exception()) if status == "error" else None

    def load(self) -> Any:
        self._cluster.check_can_wait()
        future = None
        while True:
            try:
                future = self.reference
                return future.result()
            except TypeError as error:  # what distributed raises for what it can't pickle, its traceback as its text
                if future is not None and future.status == "finished":
                    raise NotSent(str(error).strip().rpartition("\n")[2]) from None
                raise
            except CancelledError as error:
                if not self.seems_lost():
                    raise self._gone(error) from None
            except Exception as error:
                if future is not None and future.status == "finished" and not isinstance(error, OSError):
                    raise NotSent(f"{type(error).__name__}: {text_of(error)}") from None
                raise self._cluster.meant(error) from None

    def _gone(self, error: CancelledError) -> BaseException:
        """Return what to say where dask has cancelled what was made."""
        said = self._cluster.meant(error)
        if not isinstance(said, CancelledError):
            return said
        return TaskError(
            f"{self._future.key}: the cluster has lost its value: it was restarted, or a program has cancelled it there"
        )


def _make_again(value: OnDistributed) -> None:
    """Have a value made again, and before it those that are lost among the ones that it needs.

    Raises TaskError where these are gone, CancelledError where one of them is cancelled for good.
    """
    waiting = [value]
    while waiting:
        needs = waiting[-1].needs()
        lost = [need for need in needs if need.is_lost()]
        if any(need.is_cancelled() for need in needs):
            raise CancelledError
        if lost:
            waiting += lost
        else:
            waiting.pop().make_again(needs)


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
        pickle: Any = import_module("distributed.protocol.pickle")
        future = cluster.scatter(value)
        data: bytes = pickle.dumps(value)
        super().__init__(cluster, future, lambda _: cluster.scatter(pickle.loads(data)))

    def is_lost(self) -> bool:
        """Ask the scheduler: if it is lost while we hear that it is there, that is the last that we hear."""
        return self.seems_lost() or not self._cluster.has(self._future)


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
