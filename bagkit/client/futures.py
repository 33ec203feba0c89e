"""Futures: values that a client's calls will have made."""

from __future__ import annotations

import concurrent.futures
import contextlib
import sys
import weakref
from collections.abc import Generator, Iterable, Iterator, Mapping
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bagkit.diagnostics.observer import listen, stop_listening
from bagkit.diagnostics.standing import Counts
from bagkit.errors import OptionError, TaskError, one_line, text_of
from bagkit.flow.replay import Replay, reading
from bagkit.front_doors import front_door, front_doors
from bagkit.ops.calls import FutureValue, identity
from bagkit.plan.node import Plan
from bagkit.tracebacks import shorten_traceback

if TYPE_CHECKING:
    from bagkit.lower.graph import Key
    from bagkit.options import ComputeOptions
    from bagkit.warn import Line

T = TypeVar("T")


class Owner(Protocol):
    """Who has the values of futures."""

    def let_go(self, key: Key) -> None:
        """Note that nobody holds the future of `key`."""

    def cancel(self, key: Key) -> None:
        """Note that the future of `key` was cancelled."""

    def works_here(self) -> bool:
        """Tell whether this thread gives futures their values, so that it can't wait for one."""


class Elsewhere(partial[Any]):
    """Stands for a value that is not in this process yet; to call it brings the value."""

    __slots__ = ()


@front_doors
class Future(concurrent.futures.Future[T]):
    """A value that is made in the background: what `Client.submit` returns.

    It is a `concurrent.futures.Future`, so code that takes such futures takes it, and it can be awaited. As an argument
    of further calls, also inside lists, dicts and dataclasses, it stands for its value. The value stays where it was
    made until you call `result()`. When nobody holds the future any more, its value goes.

    >>> import bagkit as bk
    >>> with bk.Client(workers=1) as client:
    ...     two = client.submit(len, "ab")
    ...     client.submit(pow, two, 3).result()
    8
    """

    def __init__(self, key: Key, owner: Owner | None = None) -> None:
        super().__init__()
        self.key = key
        """What the call is called: unique, or what its user said."""
        self._owner = owner
        self._plan: weakref.ref[Plan] | None = None
        self.replay: Replay | None = None
        """What calls in this process read in place of a value that can be read once."""
        self.counts: Counts | None = None
        """How far the run is that makes its value; None for a call."""

    def cancel(self) -> bool:
        """Cancel the call, and the calls that need its value.

        Returns:
            Whether it is cancelled; False if it runs already, or is over.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     future = client.submit(len, "ab")
        ...     _ = future.result()
        ...     future.cancel()
        False
        """
        cancelled = super().cancel()
        if cancelled and self._owner is not None:
            self._owner.cancel(self.key)
        return cancelled

    def belongs_to(self, owner: Owner) -> bool:
        """Return whether `owner` has its value, or will have it."""
        return self._owner is owner

    def let_go(self) -> None:
        """Tell its owner, once, that nobody asks for its value: another call may have its key then."""
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.let_go(self.key)

    def end_cancelled(self) -> None:
        """Be cancelled, though its call may run, and tell those who wait: the engine calls it."""
        with self._condition:
            if self.running():
                self._state = "PENDING"  # of these only it can be cancelled
        super().cancel()
        self.set_running_or_notify_cancel()

    @property
    def is_elsewhere(self) -> bool:
        """Whether its value is made, and not in this process."""
        return type(self._result) is Elsewhere

    def bring(self, value: Any) -> Any:
        """Take the value, which was elsewhere, unless it is here; return the one that is here. The engine calls it."""
        with self._condition:
            if type(self._result) is Elsewhere:
                self._result = reading(value)
            return self._result

    @property
    def plan(self) -> Plan:
        """The plan that gives its value, where it stands among lazy values."""
        plan = None if self._plan is None else self._plan()
        if plan is None:
            plan = Plan(FutureValue(self))
            self._plan = weakref.ref(plan)  # a plan holds its future: a circle would keep the value until it is found
        return plan

    @property
    def status(self) -> str:
        """One word: pending, running, finished, error or cancelled.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     future = client.submit(len, "ab")
        ...     _ = future.result()
        ...     future.status
        'finished'
        """
        if self.cancelled():
            return "cancelled"
        if not self.done():
            return "running" if self.running() else "pending"
        return "finished" if self.exception() is None else "error"

    def result(self, timeout: float | None = None) -> T:
        """Wait for the value and return it.

        Args:
            timeout: How many seconds to wait. Default: None, without end.

        Returns:
            The value: the same object each time.

        Raises:
            TimeoutError: The value is not there after `timeout` seconds.
            concurrent.futures.CancelledError: The call was cancelled.
            Exception: The function raised it; a note names the call.
            TaskError: A callback of another future waits for this one, in the thread that gives futures their values.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.submit(sorted, "ba").result(timeout=60)
        ['a', 'b']
        """
        if timeout is None:
            self.check_wait()
        try:
            found: Any = super().result(timeout)
        except BaseException as error:
            shorten_traceback(error)
            raise
        if type(found) is Elsewhere:
            found = self.bring(found())
        return found  # type: ignore[no-any-return]  # it is what the function returned

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the call, and return what it raised.

        Args:
            timeout: How many seconds to wait. Default: None, without end.

        Returns:
            The error; None if there is none.

        Raises:
            TimeoutError: The call is not over after `timeout` seconds.
            concurrent.futures.CancelledError: The call was cancelled.
            TaskError: A callback of another future waits for this one, as for `result`.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.submit(int, "x").exception()
        ValueError("invalid literal for int() with base 10: 'x'")
        """
        if timeout is None:
            self.check_wait()
        found = super().exception(timeout)
        if found is None and self.is_elsewhere and _in_event_loop():
            # asyncio asks for the error and then for the value. If that raised, who awaits it would wait for ever.
            try:
                self.result()
            except Exception as error:
                return error
        return found

    def check_wait(self) -> None:
        """Raise TaskError where nobody would make the value while this thread waits for it."""
        if not self.done() and self._owner is not None and self._owner.works_here():
            raise TaskError(
                f"{self.key}: a callback can't wait for it, for the thread that calls callbacks gives futures their "
                "values; hint: add_done_callback() of this future too, or a thread that waits"
            )

    def _get_snapshot(self) -> tuple[bool, bool, Any, BaseException | None]:
        """Return whether it is over, whether it is cancelled, its value and its error.

        From Python 3.15 on asyncio asks for these in one go, not for `result`.
        """
        if not self.done() or self.cancelled():
            return self.done(), self.cancelled(), None, None
        error = self.exception()
        return True, False, self.result() if error is None else None, error

    def __await__(self) -> Generator[Any, None, T]:
        import asyncio

        return asyncio.wrap_future(self).__await__()

    def __dask_graph__(self) -> None:
        """Return None: dask is to take it for a plain value."""

    def __reduce__(self) -> tuple[Any, ...]:
        from bagkit.dask_locks import wait_while_pickled

        return identity, (wait_while_pickled(self.result),)

    def __repr__(self) -> str:
        return f"Future({self.key!r}, {self.status})"

    def __del__(self) -> None:
        with contextlib.suppress(Exception):  # at the end of the program, or before it was made in full
            self.let_go()


def _in_event_loop() -> bool:
    """Return whether this thread runs an event loop of asyncio."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


def compute_for(future: Future[Any], plan: Plan, options: ComputeOptions) -> None:
    """Compute `plan`, and give `future` its value or its error."""
    from bagkit.computing import run

    if not future.set_running_or_notify_cancel():
        return
    counts = future.counts or Counts()
    listen(counts)
    try:
        (value,) = run((plan,), options)
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(value)
    finally:
        stop_listening(counts)


def futures_in(value: Any, who: str) -> list[Any]:
    """Return the futures that `value` is, or has in containers: of a dict its keys, or else its values.

    Raises OptionError for anything else, in the words of `who`.
    """
    is_lazy = hasattr(type(value), "__dask_graph__") and not isinstance(value, Future)
    if not is_lazy and callable(getattr(value, "add_done_callback", None)):  # a lazy value seems to have any method
        return [value]
    if isinstance(value, Mapping):
        value = [key if isinstance(key, concurrent.futures.Future) else value[key] for key in value]
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)) or is_lazy:
        raise OptionError(f"{who}: it got {one_line(value)}; expected futures, also in containers")
    return [future for each in value for future in futures_in(each, who)]


def without_failed(value: Any) -> Any:
    """Return `value` without the futures in it that have failed or were cancelled; waits for all."""
    if type(value) in (list, tuple, set, frozenset):
        return type(value)([without_failed(each) for each in value if not _has_failed(each)])
    if isinstance(value, dict):
        left = copy(value)
        for key, each in value.items():
            if _has_failed(each):
                del left[key]
            else:
                left[key] = without_failed(each)
        return left
    return value


def _has_failed(future: Any) -> bool:
    return isinstance(future, Future) and (future.cancelled() or future.exception() is not None)


@front_door
def wait(
    futures: Iterable[concurrent.futures.Future[Any]],
    timeout: float | None = None,
    return_when: str = concurrent.futures.ALL_COMPLETED,
) -> tuple[set[Any], set[Any]]:
    """Wait for futures.

    Args:
        futures: The futures.
        timeout: How many seconds to wait. Default: None, without end.
        return_when: "ALL_COMPLETED", "FIRST_COMPLETED" or "FIRST_EXCEPTION". Default: "ALL_COMPLETED".

    Returns:
        Two sets: the futures that are done, and the others.

    >>> import bagkit as bk
    >>> with bk.Client(workers=1) as client:
    ...     done, not_done = bk.wait([client.submit(len, "ab"), client.submit(len, "c")])
    >>> len(done), len(not_done)
    (2, 0)
    """
    futures = _to_wait_for(futures, timeout, "wait")
    done, others = concurrent.futures.wait(futures, timeout, return_when)
    return done, others


@front_door
def as_completed(futures: Iterable[concurrent.futures.Future[Any]], timeout: float | None = None) -> Iterator[Any]:
    """Wait for futures one by one, as they are done.

    Args:
        futures: The futures. Each is yielded once.
        timeout: How many seconds to wait for all of them. Default: None, without end.

    Returns:
        An iterator of the futures, in the order in which they are done.

    Raises:
        TimeoutError: Some were not done in `timeout` seconds.

    >>> import bagkit as bk
    >>> with bk.Client(workers=1) as client:
    ...     sorted(future.result() for future in bk.as_completed(client.map(len, ["ab", "c"])))
    [1, 2]
    """
    return concurrent.futures.as_completed(_to_wait_for(futures, timeout, "as_completed"), timeout)


def _to_wait_for(
    futures: Iterable[concurrent.futures.Future[Any]], timeout: float | None, who: str
) -> list[concurrent.futures.Future[Any]]:
    """Return futures that this thread may wait for."""
    found = futures_in(futures, who)
    if timeout is None:
        for future in found:
            if isinstance(future, Future):
                future.check_wait()
    return found


@front_door
def fire_and_forget(futures: Any) -> None:
    """Say that nobody will ask for some results. Calls run in any case; this is here for programs written for dask.

    Args:
        futures: A future, or containers with futures anywhere inside.

    >>> import bagkit as bk
    >>> with bk.Client(workers=1) as client:
    ...     bk.fire_and_forget(client.submit(len, "ab"))
    """
    from bagkit.warn import users_line

    report = partial(_report, users_line())
    for future in futures_in(futures, "fire_and_forget"):
        future.add_done_callback(report)


def _report(line: Line, future: concurrent.futures.Future[Any]) -> None:
    """Warn of an error that nobody asks for, at the line that has said so."""
    from bagkit.warn import warn_at

    error = None if future.cancelled() else future.exception()
    if error is not None and isinstance(future, Future):
        warn_at(line, f"{future.key}: {type(error).__name__}: {text_of(error)}", UserWarning)
