"""An executor on Ray: on the session that the program has, or one on this machine that it starts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from typing import Any, TypeVar

from bagkit.lazily import import_extra

T = TypeVar("T")

_DIED = frozenset({"WorkerCrashedError", "NodeDiedError", "OutOfMemoryError"})
"""The errors of a task whose process died each time."""


def running_ray(purpose: str) -> Any:
    """Return the module ray with a session; raises MissingExtraError where it is not installed."""
    module = import_extra("ray", "ray", purpose)
    if not module.is_initialized():
        module.init(include_dashboard=False)  # the cluster of RAY_ADDRESS, or one of this machine
    return module


class RayExecutor(Executor):
    """Runs calls on Ray; any thread may use it. The session goes on when it is let go of."""

    def __init__(self) -> None:
        self.ray = running_ray("to run on Ray")
        self._remotes: dict[Any, Any] = {}

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Have a function called; return the Future of its value.

        Args:
            fn: The function.
            *args: Its arguments. One that is a reference of Ray's is replaced by its value.
            **kwargs: Its keyword arguments.
        """
        if fn not in self._remotes:
            self._remotes[fn] = self.ray.remote(fn)
        reference = self._remotes[fn].remote(*args, **kwargs)
        return future_of(self.ray, reference)


def future_of(ray: Any, reference: Any) -> Future[Any]:
    """Return a future for the value of a reference; to cancel it cancels the task."""
    future: Future[Any] = Future()
    there: Future[Any] = reference.future()
    there.add_done_callback(partial(_tell, future))
    future.add_done_callback(partial(_cancel, ray, reference))
    return future


def _tell(future: Future[Any], there: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    error = there.exception()
    if error is None:
        future.set_result(there.result())
    else:
        future.set_exception(BrokenExecutor(str(error)) if type(error).__name__ in _DIED else error)


def _cancel(ray: Any, reference: Any, future: Future[Any]) -> None:
    if future.cancelled():
        ray.cancel(reference)
