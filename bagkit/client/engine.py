"""What runs the calls of a client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bagkit.client.futures import Owner

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Sequence

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
        """Give `future` a value that is there already."""

    def promise(self, other: concurrent.futures.Future[Any], future: Future[Any]) -> None:
        """Give `future` what the `other` one, which is not of this engine, will have."""

    def scale(self, workers: int) -> None:
        """Have that many workers from now on."""

    def restart(self) -> None:
        """Cancel what is not done, and have new workers."""

    def close(self, *, wait: bool, cancel: bool) -> None:
        """Take no more calls; end when all are over, or with `cancel` now."""
