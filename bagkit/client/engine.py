"""What runs the calls of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bagkit.client.futures import Owner
from bagkit.errors import OptionError

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Mapping, Sequence

    from bagkit.client.calls import Submitted
    from bagkit.client.futures import Future
    from bagkit.lower.graph import Key


class Engine(Owner, Protocol):
    """What runs the calls of a client."""

    @property
    def workers(self) -> int:
        """How many processes it may use."""

    @property
    def scheduler(self) -> Any:
        """What runs bags where it runs calls; None for what the options say."""

    def add(self, call: Submitted, future: Future[Any], needs: Sequence[Future[Any]]) -> None:
        """Have `call` run, and give `future` its value or its error."""

    def keep(self, key: Key, value: Any, future: Future[Any]) -> None:
        """Give `future` a value that is there already; a Replay if it is one that calls can read only once."""

    def promise(self, other: concurrent.futures.Future[Any], future: Future[Any]) -> None:
        """Give `future` what the `other` one, which is not of this engine, will have."""

    def bring(self, futures: Sequence[Future[Any]]) -> None:
        """Bring values here together, where that is quicker than one by one: somebody is about to ask for each."""

    def wait_at_the_end(self, future: Future[Any]) -> None:
        """Have `close` wait for `future`, which it does not make, or cancel it."""

    def scale(self, workers: int) -> None:
        """Have that many workers from now on."""

    def restart(self) -> None:
        """Cancel what is not done, and have new workers."""

    def close(self, *, wait: bool, cancel: bool) -> None:
        """Take no more calls; end when all are over, or with `cancel` now."""


def engine_on(where: Any, engine: str | None, given: Mapping[str, Any]) -> Engine:
    """Return what runs calls on a cluster; raises OptionError for what does not go together."""
    from bagkit.client.remote import RemoteEngine

    if engine is not None and (engine != "ray" or where is not None):
        raise OptionError(
            f"Client: engine={engine!r}{' and a place' if where is not None else ''}; expected 'ray' alone, or none; "
            "hint: bagkit.Client(address) is for dask.distributed"
        )
    for name, value in given.items():
        if value is not None:
            raise OptionError(f"Client: {name} is for worker processes of this machine; hint: the cluster has its own")
    if engine is not None:
        from bagkit.client.ray import RayCluster

        return RemoteEngine(RayCluster())
    from bagkit.client.distributed import DistributedCluster, client_of

    client, owned = client_of(where)
    return RemoteEngine(DistributedCluster(client, owned=owned))
