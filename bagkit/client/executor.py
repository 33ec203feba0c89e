"""An Executor on a client, whose `map` gives values, as executors do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import Any, TypeVar

from bagkit.client.futures import Future

T = TypeVar("T")


class ClientExecutor(Executor):
    """An Executor whose calls are a client's."""

    def __init__(self, submit: Callable[..., Future[Any]], scheduler: Any = None) -> None:
        self._submit = submit
        self.scheduler = scheduler
        """What runs bags where the calls run; None where that is this machine."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a function called; return the Future of its value.

        Args:
            fn: The function.
            *args: Its arguments.
            **kwargs: Its keyword arguments.
        """
        return self._submit(partial(fn, **kwargs) if kwargs else fn, *args)
