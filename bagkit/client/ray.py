"""Ray as what runs the calls of a client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bagkit.client.remote import CallFailed, NotSent, run_call
from bagkit.errors import OptionError, text_of
from bagkit.schedulers.ray_executor import future_of, running_ray

if TYPE_CHECKING:
    from bagkit.client.calls import Submitted
    from bagkit.client.remote import There


class RayCluster:
    """The session of Ray that the program has, or one on this machine; any thread may use it.

    A program ends in which Ray cancels a call while it looks whether the arguments are there: "Check failed:
    submitted_task_ref_count > 0" (2.40 to 2.60). So a call is sent when what it needs is made, and its arguments are
    references in a list, which Ray does not look at: the call itself brings them. It is sent to the node that has most
    of them, as Ray would send it that looked at them.
    """

    scheduler: Any = "ray"
    takes_ahead = False

    def __init__(self) -> None:
        self._ray = running_ray("a Client on Ray")
        self._call = self._ray.remote(num_returns=2)(call_there)

    @property
    def workers(self) -> int:
        """How many tasks the cluster runs at a time."""
        return int(self._ray.cluster_resources().get("CPU", 1))

    def keep_bytes(self, data: bytes) -> Any:
        return self._ray.put(data)

    def keep(self, value: Any) -> There:
        return OnRay(self._ray, self._ray.put(value), None)

    def call(self, call: Submitted, key: tuple[str, int], work: Any, part: bytes, needed: Sequence[There]) -> There:
        """Start a call. Ray knows no priorities."""
        inputs = [value.reference for value in needed]
        send, node = self._call, self._best_node(inputs) if inputs else None
        if node is not None:
            strategies = import_module("ray.util.scheduling_strategies")
            # Another node takes it while that one has no processor free, or if it is gone.
            near = strategies.NodeAffinitySchedulingStrategy(node, soft=True, _spill_on_unavailable=True)
            send = send.options(scheduling_strategy=near)
        end, value = send.remote(key, [work], part, call.retries, inputs)
        return OnRay(self._ray, value, future_of(self._ray, end))

    def _best_node(self, references: Sequence[Any]) -> str | None:
        """Return the node that has most bytes of some values; None for this one, and where Ray sends small ones."""
        nbytes: Counter[str] = Counter()
        try:
            places = import_module("ray.experimental").get_local_object_locations(list(references))
            own = self._ray.get_runtime_context().get_node_id()
        except (AttributeError, RuntimeError):  # another process owns the values of a session that ray:// leads to
            return None
        for place in places.values():
            nbytes.update(dict.fromkeys(place["node_ids"], place["object_size"] or 0))
        if not nbytes or nbytes[own] == max(nbytes.values()):
            return None
        return max(nbytes, key=nbytes.__getitem__)

    def load_all(self, values: Sequence[There]) -> list[Any]:
        found: list[Any] = self._ray.get([value.reference for value in values])
        return found

    def cancel(self, calls: Sequence[There]) -> None:
        """Have calls not run; those that run are interrupted."""
        for call in calls:
            assert isinstance(call, OnRay)
            if call.end is not None:
                call.end.cancel()

    def scale(self, workers: int) -> None:
        """Refuse: a cluster of Ray is scaled where it runs."""
        raise OptionError("scale: a cluster of Ray scales itself; hint: start more nodes where it runs")

    def restart(self) -> None:
        """Do nothing: Ray starts workers as it needs them."""

    def why_it_waits(self) -> str:
        """Return nothing: Ray says itself what it lacks."""
        return ""

    def close(self) -> None:
        """Do nothing: the session goes on."""


class OnRay:
    """A value in the store, and the future of how its call ended; None where there was no call."""

    def __init__(self, ray: Any, reference: Any, end: Future[Any] | None) -> None:
        self.reference = reference
        self.end = end
        self._ray = ray

    def when_over(self, tell: Callable[[], None]) -> None:
        assert self.end is not None
        self.end.add_done_callback(lambda _: tell())

    def error(self) -> BaseException | None:
        assert self.end is not None
        if self.end.cancelled():
            return CancelledError()
        error = self.end.exception()
        return self.end.result() if error is None else _meant(error)

    def load(self) -> Any:
        try:
            return self._ray.get(self.reference)
        except Exception as error:
            raise _meant(error) from None


def _meant(error: BaseException) -> BaseException:
    """Return an error of Ray's as a cluster says it."""
    unpickling = getattr(error, "client_exc", None)  # of a RaySystemError, with a traceback
    if isinstance(unpickling, Exception) and getattr(error, "traceback_str", None):
        return NotSent(f"{type(unpickling).__name__}: {text_of(unpickling)}")
    cause: Any = getattr(error, "cause", None)
    while hasattr(cause, "cause"):
        cause = cause.cause
    if "TaskCancelledError" in (type(error).__name__, type(cause).__name__):
        return CancelledError()
    # All that a call may raise it returns. So this was raised on the way of what it returned.
    return error if cause is None else NotSent(f"{type(cause).__name__}: {cause}")


class Failed:
    """Stands for the value of a call that has failed. Ray complains of errors that nobody asked for, so it is none."""

    def __init__(self, error: CallFailed) -> None:
        self.error = error


def call_there(
    key: tuple[str, int], work: Sequence[Any], part: bytes, retries: int, references: Sequence[Any]
) -> tuple[Any, Any]:
    """Run one call in whatever process this is; return its error, if it has one, and its value."""
    ray: Any = import_module("ray")
    inputs = ray.get(list(references))
    failed = next((value for value in inputs if isinstance(value, Failed)), None)
    if failed is not None:
        return failed.error, failed
    try:
        (there,) = work
        bring = there if isinstance(there, bytes) else partial(ray.get, there)
        return None, run_call(key, bring, part, inputs, retries)
    except CallFailed as error:
        return error, Failed(error)
