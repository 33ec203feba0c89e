"""Runs the calls of a client on a cluster of somebody else's. Values stay there until somebody asks for them.

What there is of each cluster is small: it keeps bytes, runs one call, and says when that is over (`Cluster`, `There`).
Whose call it is, what it needs, who waits for it and what is let go of is the same for all of them, and stands here.
"""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, BrokenExecutor, CancelledError
from concurrent.futures import wait as wait_for
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from bagkit.client.calls import MOST_WORKS
from bagkit.client.futures import Elsewhere
from bagkit.client.quiet import Watch
from bagkit.crossing.generators import seed_generators
from bagkit.crossing.outgoing import Outgoing
from bagkit.crossing.pickling import NOT_SENT, pickled
from bagkit.crossing.remote_errors import pack_error, unpack_error
from bagkit.crossing.transport import loads, name_of
from bagkit.errors import NotPicklableError, TaskError, WorkerDiedError, text_of
from bagkit.flow.inside import running_task
from bagkit.flow.replay import reading
from bagkit.flow.report import Report
from bagkit.lower.graph import Key, Task
from bagkit.schedulers.elsewhere import unpickled
from bagkit.schedulers.executors import SMALL_WORK

if TYPE_CHECKING:
    import concurrent.futures

    from bagkit.client.calls import Submitted
    from bagkit.client.futures import Future


class There(Protocol):
    """A value on a cluster: made, or to be made by a call. Who holds this holds the value."""

    @property
    def reference(self) -> Any:
        """What stands for the value among the arguments of other calls."""

    def when_over(self, tell: Callable[[], None]) -> None:
        """Have `tell` called, by any thread, when the call is over."""

    def error(self) -> BaseException | None:
        """Return why there is no value, once the call is over.

        CallFailed is for what the call has raised, CancelledError for one that was cancelled, NotSent for a value that
        can't be pickled, BrokenExecutor where the processes died that ran it.
        """

    def load(self) -> Any:
        """Bring the value; raises as `error` says where that fails."""


class Cluster(Protocol):
    """Runs calls in processes that are not ours."""

    takes_ahead: bool
    """Whether it takes calls whose needs are not made yet."""

    @property
    def workers(self) -> int:
        """How many tasks it may run at a time."""

    @property
    def scheduler(self) -> Any:
        """What runs bags there."""

    def keep_bytes(self, data: bytes) -> Any:
        """Bring bytes there that many calls need; return what stands for them among the arguments of calls."""

    def keep(self, value: Any) -> There:
        """Bring a value there."""

    def call(self, call: Submitted, key: tuple[str, int], work: Any, part: bytes, needed: Sequence[There]) -> There:
        """Have `run_call` run there with these arguments, for the values `needed`; `work` is a reference."""

    def load_all(self, values: Sequence[There]) -> list[Any]:
        """Bring values that are made; raises whatever it likes where one of them fails."""

    def cancel(self, calls: Sequence[There]) -> None:
        """Have calls not run."""

    def scale(self, workers: int) -> None:
        """Have that many workers from now on; raises OptionError where that is not for us to say."""

    def restart(self) -> None:
        """Have new workers, if that is for us to say."""

    def why_it_waits(self) -> str:
        """Return what may keep calls from ending; nothing where nothing is known."""

    def close(self) -> None:
        """Let go of the cluster."""


class RemoteEngine:
    """Runs calls on a cluster; mutable. Any thread may use it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._run = uuid.uuid4().hex
        self._lock = threading.Lock()
        self._closed = False
        self._outgoing = Outgoing(tracked=True)
        self._works: dict[int, tuple[int, Any, Any]] = {}
        """For each work by its id: its number, its pickle on the cluster, and itself, so that the id stays its own."""
        self._numbers = 0
        """How many works there were."""
        self._values: dict[Key, There] = {}
        """What somebody holds."""
        self._open: dict[Key, Future[Any]] = {}
        """The futures of calls that are not over, so that those run too that nobody holds."""
        self._late: deque[Callable[[], None]] = deque()
        """Calls whose needs are over, to be sent."""
        self._sending = threading.Lock()
        """Of the thread that sends them."""
        self._watch = Watch(self)

    @property
    def workers(self) -> int:
        return self._cluster.workers

    @property
    def scheduler(self) -> Any:
        return self._cluster.scheduler

    def add(self, call: Submitted, future: Future[Any], needs: Sequence[Future[Any]]) -> None:
        """Have `call` run, and give `future` its value or its error. It is pickled now."""
        task = Task((call.key,), call.work, call.part, call.needs, call.title)
        with self._lock:
            self._check_open()
            if not self._open and not self._outgoing.is_current():
                self._outgoing = Outgoing(tracked=True)
                self._works.clear()
            if not self._open:
                self._outgoing.renew()
            number, work = self._work(task)
            part = pickled(self._outgoing.part, call.part, "the part", NOT_SENT, name_of(task))
            if not self._open:
                self._watch.begin()
            self._open[call.key] = future
        send = partial(self._send, call, (self._run, number), work, part, future, needs)
        late = [need for need in needs if not self._is_there(need)]
        if late:
            _when_all_are_over(late, partial(self._send_in_turn, send))
        else:
            send()

    def _is_there(self, need: Future[Any]) -> bool:
        """Return whether a call that needs a value can be sent.

        Values that the cluster makes are there as soon as they are asked for; those that others make come later.
        """
        return need.key in self._values and (self._cluster.takes_ahead or need.done())

    def keep(self, key: Key, value: Any, future: Future[Any]) -> None:
        """Bring a value to the cluster, and give it to `future`."""
        self._check_open()
        self._values[key] = self._cluster.keep(value)
        future.set_result(reading(value))

    def promise(self, other: concurrent.futures.Future[Any], future: Future[Any]) -> None:
        """Give `future`, and the cluster, what the `other` one, which is not of this engine, will have."""
        other.add_done_callback(partial(self._keep_other, future))

    def bring(self, futures: Sequence[Future[Any]]) -> None:
        """Wait for `futures`, unless one fails, and bring their values together: one by one is a message each."""
        if len(futures) < 2:
            return
        wait_for(futures, return_when=FIRST_EXCEPTION)
        wanted = [(future, self._values[future.key]) for future in futures if self._has(future)]
        if not wanted:
            return
        with contextlib.suppress(Exception):  # each by itself says what is wrong with it
            for (future, _), value in zip(wanted, self._cluster.load_all([there for _, there in wanted]), strict=True):
                future.bring(value)

    def _has(self, future: Future[Any]) -> bool:
        return future.is_elsewhere and future.belongs_to(self) and future.key in self._values

    def let_go(self, key: Key) -> None:
        self._values.pop(key, None)

    def cancel(self, key: Key) -> None:
        value = self._values.get(key)
        if value is not None:
            self._cluster.cancel([value])

    def wait_at_the_end(self, future: Future[Any]) -> None:
        self._open[future.key] = future
        future.add_done_callback(self._is_over)

    def works_here(self) -> bool:
        """Return False: which thread tells us of values is for the cluster to say."""
        return False

    def scale(self, workers: int) -> None:
        """Have that many workers from now on, if the cluster is one that can be told."""
        self._cluster.scale(workers)

    def restart(self) -> None:
        """Cancel what is not done, and have new workers, if the cluster is one that can be told."""
        self._cancel_open()
        with self._lock:
            self._works.clear()
        self._cluster.restart()

    def close(self, *, wait: bool, cancel: bool) -> None:
        """Take no more calls; end when all are over, or with `cancel` now. The values stay if the cluster does."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if cancel:
            self._watch.end()
            self._cancel_open()
        elif wait:
            wait_for(tuple(self._open.values()))
            self._watch.end()
        self._works.clear()  # values hold what they were made with
        if cancel or wait:
            self._cluster.close()

    def has_calls(self) -> bool:
        """Return whether calls are not over; runs of bags look after themselves."""
        return any(future.belongs_to(self) for future in tuple(self._open.values()))

    def why_it_waits(self) -> str:
        """Return what may keep calls from ending."""
        return self._cluster.why_it_waits()

    def _check_open(self) -> None:
        if self._closed:
            raise TaskError("client: it is closed; hint: make another one")

    def _cancel_open(self) -> None:
        for future in tuple(self._open.values()):
            if not future.belongs_to(self):  # of a run
                future.cancel()
        self._cluster.cancel([self._values[key] for key in tuple(self._open) if key in self._values])

    def _work(self, task: Task) -> tuple[int, Any]:
        """Return the number of the work of `task`, and its pickle or what stands for it: a large one is sent once.

        A small one goes with each call, which is less to do than to look for it.
        """
        if id(task.work) not in self._works:
            if len(self._works) >= MOST_WORKS:
                self._works.clear()
            data = pickled(self._outgoing.work_with_content, task.work, "the function", NOT_SENT, name_of(task))
            self._numbers += 1
            there = data if len(data) <= SMALL_WORK else self._cluster.keep_bytes(data)
            self._works[id(task.work)] = self._numbers, there, task.work
        number, there, _ = self._works[id(task.work)]
        return number, there

    def _send_in_turn(self, send: Callable[[], None]) -> None:
        """Send a call in this thread, or have the one do it that is sending: the end of one call may send the next.

        So the ends of a long chain of calls do not stand inside of each other.
        """
        self._late.append(send)
        while self._late and self._sending.acquire(blocking=False):
            try:
                while self._late:
                    self._late.popleft()()
            finally:
                self._sending.release()

    def _send(
        self,
        call: Submitted,
        key: tuple[str, int],
        work: Any,
        part: bytes,
        future: Future[Any],
        needs: Sequence[Future[Any]],
    ) -> None:
        """Have the cluster run a call whose needs are there, or have failed."""
        if future.cancelled():
            self._end(future, None)
            return
        try:
            failed = next((need for need in needs if need.cancelled() or need.key not in self._values), None)
            if failed is not None:
                failed.result()  # raises what it has
            needed = [self._values[need.key] for need in needs]
            self._values[call.key] = there = self._cluster.call(call, key, work, part, needed)
            if future.cancelled():  # meanwhile, when there was nothing yet that could be told so
                self._cluster.cancel([there])
        except BaseException as error:
            self._end(future, error)
        else:
            there.when_over(partial(self._tell, future, there))

    def _keep_other(self, future: Future[Any], other: concurrent.futures.Future[Any]) -> None:
        try:
            self.keep(future.key, other.result(), future)
        except BaseException as error:
            self._end(future, error)

    def _tell(self, future: Future[Any], there: There) -> None:
        """Give `future` what a call has made, which stays there, or its error."""
        error = there.error()
        self._watch.went_on()
        if error is None and not future.cancelled():
            self._is_over(future)
            future.set_result(Elsewhere(_load, future.key, there))
        else:
            self._end(future, error)

    def _is_over(self, future: Any) -> None:
        key = future.key
        if self._open.get(key) is future:  # of one that was cancelled another call may have the key
            del self._open[key]

    def _end(self, future: Future[Any], error: BaseException | None) -> None:
        """End a future that has no value."""
        self._is_over(future)
        if error is None or future.cancelled() or isinstance(error, CancelledError):
            future.end_cancelled()
        else:
            future.set_exception(_meant(future.key, error))


def _when_all_are_over(futures: Sequence[Future[Any]], then: Callable[[], None]) -> None:
    lock, left = threading.Lock(), len(futures)

    def one_is(_: Any) -> None:
        nonlocal left
        with lock:
            left -= 1
            is_last = not left
        if is_last:
            then()

    for future in futures:
        future.add_done_callback(one_is)


def _load(key: Key, there: There) -> Any:
    try:
        return reading(there.load())
    except (CallFailed, NotSent, BrokenExecutor) as error:
        raise _meant(key, error) from None


def _meant(key: Key, error: BaseException) -> BaseException:
    """Return the error that is the user's to see, for one of a cluster."""
    if isinstance(error, CallFailed):
        return unpack_error(error.packed, str(key))
    if isinstance(error, NotSent):
        return NotPicklableError(f"{key}: what it returned can't be sent to other processes: {error}")
    if isinstance(error, BrokenExecutor):
        return WorkerDiedError(f"{key}: the processes that ran it died: {error}", attempts=1)
    return error


class NotSent(Exception):
    """What a call has returned can't be pickled."""


class CallFailed(Exception):
    """A call has raised: what, is packed, for not every exception can be pickled. The message is for logs."""

    def __init__(self, packed: bytes, said: str) -> None:
        super().__init__(packed, said)
        self.packed = packed

    def __str__(self) -> str:
        return str(self.args[1])


def run_call(
    key: tuple[str, int], work: bytes | Callable[[], bytes], part: bytes, inputs: Sequence[Any], retries: int
) -> Any:
    """Run one call in whatever process this is; raises CallFailed for what it raises."""
    try:
        function, arguments = unpickled(key, work), loads(part)
        seed_generators(str(arguments[0][2]))
        for left in range(retries, -1, -1):
            try:
                with running_task():
                    return function(arguments, [reading(value) for value in inputs], Report())
            except Exception:  # whatever it was: retries are for any error of the user's
                if not left:
                    raise
    except BaseException as error:
        failed = CallFailed(pack_error(error), f"{type(error).__name__}: {text_of(error)}")
    raise failed  # not where the error is its context: that would be pickled with it, and not every exception can be
