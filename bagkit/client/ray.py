"""Runs the calls of a client on Ray. Values stay in Ray's store until somebody asks for them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from concurrent.futures import wait as wait_for
from functools import partial
from typing import TYPE_CHECKING, Any

from bagkit.client.futures import Elsewhere
from bagkit.errors import OptionError, TaskError
from bagkit.flow.replay import reading
from bagkit.flow.report import Report
from bagkit.lower.graph import Key, Task
from bagkit.schedulers.by_value import seed_generators
from bagkit.schedulers.elsewhere import unpickled
from bagkit.schedulers.executors import pickled
from bagkit.schedulers.inside import running_task
from bagkit.schedulers.outgoing import Outgoing
from bagkit.schedulers.ray_executor import future_of, running_ray
from bagkit.schedulers.remote_errors import pack_error, unpack_error
from bagkit.schedulers.transport import loads

if TYPE_CHECKING:
    import concurrent.futures

    from bagkit.client.calls import Submitted
    from bagkit.client.futures import Future


class RayEngine:
    """Runs calls on Ray; mutable. Any thread may use it."""

    scheduler: Any = "ray"

    def __init__(self) -> None:
        self._ray = running_ray("a Client on Ray")
        self._call = self._ray.remote(num_returns=2)(call_there)
        self._run = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._closed = False
        self._outgoing = Outgoing(tracked=True)
        self._works: dict[int, tuple[int, Any, Any]] = {}
        """For each work by its id: its number, its pickle in the store, and itself, so that the id stays its own."""
        self._values: dict[Key, Any] = {}
        """The references of what somebody holds."""
        self._ends: dict[Key, concurrent.futures.Future[Any]] = {}
        """Of calls that are not over."""

    @property
    def workers(self) -> int:
        """How many tasks the cluster runs at a time."""
        return int(self._ray.cluster_resources().get("CPU", 1))

    def add(self, call: Submitted, future: Future[Any], needs: Sequence[Future[Any]]) -> None:
        """Have `call` run, and give `future` its value or its error. It is pickled now."""
        task = Task((call.key,), call.work, call.part, call.needs, call.title)
        with self._lock:
            self._check_open()
            number, work = self._work(task)
            part = pickled(self._outgoing.part, call.part, "the part", task)
            needed = [self._values[need] for need in call.needs]
            end, value = self._call.remote((self._run, number), work, part, call.retries, *needed)
            self._values[call.key] = value
            self._ends[call.key] = ended = future_of(self._ray, end)
        ended.add_done_callback(partial(self._tell, future, value))

    def keep(self, key: Key, value: Any, future: Future[Any]) -> None:
        """Bring a value to the store, and give it to `future`."""
        self._check_open()
        self._values[key] = self._ray.put(value)
        future.set_result(value)

    def promise(self, other: concurrent.futures.Future[Any], future: Future[Any]) -> None:
        """Wait for the `other` future, which is not of this engine, and give `future` its value."""
        self.keep(future.key, other.result(), future)

    def let_go(self, key: Key) -> None:
        """Note that nobody holds the future of `key`; its call runs all the same."""
        self._values.pop(key, None)

    def cancel(self, key: Key) -> None:
        """Have the call of `key` not run."""
        end = self._ends.get(key)
        if end is not None:
            end.cancel()

    def scale(self, workers: int) -> None:
        """Refuse: a cluster of Ray is scaled where it runs."""
        raise OptionError("scale: a cluster of Ray scales itself; hint: start more nodes where it runs")

    def restart(self) -> None:
        """Cancel what is not done."""
        for end in tuple(self._ends.values()):
            end.cancel()

    def close(self, *, wait: bool, cancel: bool) -> None:
        """Take no more calls; end when all are over, or with `cancel` now. The session of Ray goes on."""
        with self._lock:
            self._closed = True
        if cancel:
            self.restart()
        elif wait:
            wait_for(tuple(self._ends.values()))

    def _check_open(self) -> None:
        if self._closed:
            raise TaskError("client: it is closed; hint: make another one")

    def _work(self, task: Task) -> tuple[int, Any]:
        """Return the number of the work of `task` and its pickle in the store: it goes to each machine once."""
        if id(task.work) not in self._works:
            data = pickled(self._outgoing.work_with_content, task.work, "the function", task)
            self._works[id(task.work)] = len(self._works), self._ray.put(data), task.work
        number, there, _ = self._works[id(task.work)]
        return number, there

    def _tell(self, future: Future[Any], value: Any, ended: concurrent.futures.Future[Any]) -> None:
        """Give `future` what a call has made, which stays in the store, or its error."""
        self._ends.pop(future.key, None)
        if ended.cancelled() or future.cancelled():
            future.end_cancelled()
            return
        error = ended.exception()
        packed = None if error is not None else ended.result()
        if packed is not None:
            error = unpack_error(packed, str(future.key))
        if type(error).__name__ == "TaskCancelledError":
            future.end_cancelled()
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(Elsewhere(partial(_load, self._ray.get, value)))


def _load(get: Any, reference: Any) -> Any:
    return reading(get(reference))


class Failed:
    """What stands for the value of a call that has failed: its error, packed."""

    def __init__(self, packed: bytes) -> None:
        self.packed = packed


def call_there(key: tuple[str, int], work: bytes, part: bytes, retries: int, *inputs: Any) -> tuple[bytes | None, Any]:
    """Run one call in whatever process this is; return its packed error, if it has one, and its value."""
    failed = next((value for value in inputs if isinstance(value, Failed)), None)
    if failed is not None:
        return failed.packed, failed
    try:
        function, arguments = unpickled(key, work), loads(part)
        seed_generators(str(arguments[0][2]))
        for left in range(retries, -1, -1):
            try:
                with running_task():
                    return None, function(arguments, [reading(value) for value in inputs], Report())
            except Exception:  # whatever it was: retries are for any error of the user's
                if not left:
                    raise
    except BaseException as error:
        packed = pack_error(error)
        return packed, Failed(packed)
    raise AssertionError("the last attempt returns or raises")
