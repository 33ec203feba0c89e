"""dask.distributed as what runs the calls of a client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from bagkit.client.remote import NotSent, run_call
from bagkit.errors import OptionError, TaskError, missing_extra
from bagkit.schedulers.cluster import raised

if TYPE_CHECKING:
    from bagkit.client.calls import Submitted
    from bagkit.client.remote import There


class DistributedCluster:
    """A client of dask.distributed; any thread may use it."""

    def __init__(self, client: Any, *, owned: bool) -> None:
        self._client = client
        self._owned = owned
        """Whether the client was made for this, and ends with it."""
        self._numbers = 0

    @property
    def workers(self) -> int:
        """How many worker processes the cluster has."""
        return len(self._client.nthreads())

    @property
    def scheduler(self) -> Any:
        """What runs bags there."""
        return self._client

    def keep_bytes(self, data: bytes) -> Any:
        """Have a task make `data`: what is scattered is lost with the worker that has it; this is made again."""
        return self._client.submit(bytes, data, pure=False)

    def keep(self, value: Any) -> There:
        """Scatter a value."""
        (future,) = self._client.scatter([value], hash=False)
        return OnDistributed(future)

    def call(self, call: Submitted, key: tuple[str, int], work: Any, part: bytes, inputs: Sequence[Any]) -> There:
        """Submit a call."""
        self._numbers += 1
        name = f"{call.title}-{key[0]}-{self._numbers}"
        given = key, work, part, list(inputs), call.retries
        return OnDistributed(self._client.submit(run_call, *given, key=name, priority=call.priority, pure=False))

    def cancel(self, calls: Sequence[There]) -> None:
        """Have calls not run, with one message."""
        self._client.cancel([call.reference for call in calls])

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
        if self._owned:
            self._client.close()


class OnDistributed:
    """A value on the cluster, with the future of dask's that holds it there."""

    def __init__(self, future: Any) -> None:
        self.reference = future

    def when_over(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when the call is over."""
        self.reference.add_done_callback(lambda _: tell())

    def error(self) -> BaseException | None:
        """Return why there is no value."""
        status = self.reference.status
        if status == "finished":
            return None
        if status == "cancelled":
            return CancelledError()
        error = self.reference.exception()
        return TaskError(f"the cluster has lost its value, which is {status}") if error is None else raised(error)

    def load(self) -> Any:
        """Bring the value."""
        try:
            return self.reference.result()
        except TypeError as error:  # what distributed raises for what it can't pickle, with a traceback as its text
            if self.reference.status == "finished":
                raise NotSent(str(error).strip().rpartition("\n")[2]) from None
            raise
        except Exception as error:
            raise raised(error) from None


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
