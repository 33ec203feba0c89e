"""Client: calls in the background, on worker processes, with futures for their values."""

from __future__ import annotations

import contextvars
import threading
import uuid
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from bagkit.client.calls import CallMaker, check_call
from bagkit.client.executor import ClientExecutor
from bagkit.client.futures import Future, compute_for, futures_in, without_failed
from bagkit.client.inline import InlineEngine
from bagkit.client.mapping import named_calls, some_ahead
from bagkit.client.page import Page
from bagkit.diagnostics.standing import Counts
from bagkit.errors import OptionError, TaskError, one_line
from bagkit.flow.inside import inside_task
from bagkit.flow.replay import Replay, is_plain
from bagkit.front_doors import front_door, front_doors
from bagkit.lazy.background import Turns, here
from bagkit.lazy.nesting import Lift, plan_of
from bagkit.ops.calls import FutureValue
from bagkit.options import merged
from bagkit.plan.node import Plan
from bagkit.plan.template import fill
from bagkit.warn import begun_at, users_line

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Unpack

    from bagkit.client.engine import Engine
    from bagkit.lower.graph import Key
    from bagkit.options import ComputeOptions

T = TypeVar("T")


@front_doors
class Client(Executor):
    """Runs calls in the background, on worker processes, and gives a future for the value of each.

    A call may have futures among its arguments, also inside lists, dicts and dataclasses: it runs when their values are
    there, and gets these. Values stay where they were made until somebody asks for a result. Inside a task, `Client()`
    runs each call at once, in the process of the task: so a task never waits for workers that wait for it.

    A Client is an Executor of `concurrent.futures`, so `asyncio` and others can use it. But its `map` returns futures;
    `get_executor()` is one whose `map` returns values.

    Args:
        where: Where calls, and the bags that this client computes, run: the address of a dask.distributed scheduler,
            such as "tcp://host:8786", or a client of dask.distributed. Default: None, worker processes of this machine.
        engine: "ray" runs calls and bags on Ray, in the session of the program, or in one on this machine. Default:
            None, what `where` says.
        workers: How many processes to use. Default: the option `workers`, else the number of CPUs.
        temporary_directory: Where large values are kept. Default: the option of that name.
        memory_limit: The memory for values that wait in this process, as the option of that name: they take a part of
            it. Default: that option.
        dashboard: Whether to serve a page that shows what runs in this process, as `bagkit.dashboard()` does;
            `dashboard_link` is its address. Default: False.

    Raises:
        MissingExtraError: dask.distributed, or Ray, is not installed.
        OptionError: An argument has a value that the option of that name does not take.

    >>> import bagkit as bk
    >>> with bk.Client(workers=2) as client:
    ...     squares = client.map(pow, [1, 2, 3], [2, 2, 2])
    ...     client.submit(sum, squares).result()
    14
    """

    @front_door
    def __init__(
        self,
        where: Any = None,
        *,
        engine: str | None = None,
        workers: int | None = None,
        temporary_directory: str | None = None,
        memory_limit: int | str | None = None,
        dashboard: bool = False,
    ) -> None:
        given = {"workers": workers, "temporary_directory": temporary_directory, "memory_limit": memory_limit}
        options = merged(**{name: value for name, value in given.items() if value is not None})
        self._calls = CallMaker()
        self._lock = threading.Lock()
        self._by_key: weakref.WeakValueDictionary[Any, Future[Any]] = weakref.WeakValueDictionary()
        self._engine: Engine = InlineEngine()
        if where is not None or engine is not None:
            from bagkit.client.engine import engine_on

            self._engine = engine_on(where, engine, given)
        elif not inside_task():
            from bagkit.client.local import LocalEngine

            limit: Any = options.memory_limit
            self._engine = LocalEngine(options.workers, options.temporary_directory, limit)
        self._turns = here if self._engine.scheduler is None else Turns()
        """The row of the bags that it computes: each uses all workers."""
        weakref.finalize(self, self._engine.close, wait=False, cancel=False).atexit = False
        self._closed = False
        self._page = Page() if dashboard and not inside_task() else None
        if not inside_task():
            _known.append(weakref.ref(self))

    def __repr__(self) -> str:
        return f"Client(workers={self.workers})"

    @property
    def workers(self) -> int:
        """How many processes it may use.

        >>> import bagkit as bk
        >>> with bk.Client(workers=2) as client:
        ...     client.workers
        2
        """
        return self._engine.workers

    @property
    def dashboard_link(self) -> str | None:
        """The address of the page that shows what runs; None without `dashboard=True`.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1, dashboard=True) as client:
        ...     client.dashboard_link.startswith("http://127.0.0.1:")
        True
        """
        return None if self._page is None else self._page.address

    def submit(  # type: ignore[override]  # the options come after the function's own arguments
        self,
        function: Callable[..., T],
        /,
        *args: Any,
        key: Key | None = None,
        retries: int = 0,
        priority: float = 0.0,
        **kwargs: Any,
    ) -> Future[T]:
        """Call a function in the background.

        The arguments are pickled now, so later changes do not matter.

        Args:
            function: The function. If it has an argument called `key`, `retries` or `priority` itself, give
                `functools.partial(function, key=...)`.
            *args: Its arguments. Futures, bags, items and delayed values among them, also inside of containers, are
                replaced by their values.
            key: The name of the call. While somebody holds the future of a call with that name, `submit` returns this
                future and calls nothing. Default: a new name.
            retries: How often to call the function again if it raises. Default: 0.
            priority: Calls with a higher number run first. Default: 0.
            **kwargs: Its keyword arguments.

        Returns:
            The Future of what the function returns. The call runs even if nobody holds the future.

        Raises:
            NotPicklableError: The function or an argument can't be sent to a worker process.
            OptionError: `retries` is not a number from 0 up, `priority` is no number, or `key` is no name.
            TaskError: The client is closed.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.submit(round, 3.14159, ndigits=2).result()
        3.14
        """
        self._calls.look_again(function)
        return self._submit(function, args, kwargs, key, retries, priority)

    def _submit(
        self, function: Any, args: Sequence[Any], kwargs: dict[str, Any], key: Any, retries: int, priority: float
    ) -> Future[Any]:
        if retries or key is not None or priority != 0:
            check_call(key, retries, priority)
        call, needs = self._calls.call(function, args, kwargs, self._future_of, key, retries, priority)
        with self._lock:
            known = self._by_key.get(key) if key is not None else None
            if known is not None:
                if not known.cancelled():
                    return known
                known.let_go()  # while its key is its own
            future: Future[Any] = Future(call.key, self._engine)
            self._engine.add(call, future, needs)
            if key is not None:
                self._by_key[key] = future
        return future

    def map(  # type: ignore[override]  # it gives futures, and not values
        self,
        function: Callable[..., T],
        /,
        *iterables: Iterable[Any],
        key: str | Sequence[Key] | None = None,
        retries: int = 0,
        priority: float = 0.0,
        **kwargs: Any,
    ) -> Sequence[Future[T]] | Iterator[Future[T]]:
        """Call a function for each element, in the background.

        Args:
            function: The function.
            *iterables: Its arguments. From several iterables each call gets the elements at the same place, to the end
                of the shortest.
            key: What the calls are called: a list with a name for each, as for `submit`, or text that their names begin
                with. If the function has an argument called `key`, give `functools.partial(function, key=...)`.
                Default: the name of the function.
            retries: How often to call the function again if it raises. Default: 0.
            priority: Calls with a higher number run first. Default: 0.
            **kwargs: Keyword arguments that are the same in each call.

        Returns:
            A list of the futures, in order. If an iterable does not know its length, an iterator of the futures, which
            submits calls while you read it, some ahead: so the iterable may be endless.

        Raises:
            NotPicklableError: The function or an argument can't be sent to a worker process.
            OptionError: `retries` is not a number from 0 up, `priority` is no number, or `key` does not name the calls.
            TaskError: The client is closed.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.gather(client.map(str.upper, ["a", "b"]))
        ['A', 'B']
        """
        self._calls.look_again(function)
        named = named_calls(key, iterables)
        futures = (self._submit(function, args, kwargs, name, retries, priority) for name, args in named)
        if all(isinstance(each, Sized) for each in iterables):
            return list(futures)
        return some_ahead(futures)

    def gather(self, futures: Any, *, errors: str = "raise") -> Any:
        """Wait for futures, and return their values.

        Args:
            futures: A future, or containers with futures anywhere inside. An iterator gives a list.
            errors: "raise" raises the first error; "skip" leaves futures that have failed out of the list, tuple,
                set or dict that they are in. Default: "raise".

        Returns:
            The same, with values in place of the futures.

        Raises:
            OptionError: `errors` is another word.
            Exception: What a function raised.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.gather({"a": client.submit(len, "ab"), "b": [client.submit(len, "c"), "no future"]})
        {'a': 2, 'b': [1, 'no future']}
        """
        if errors not in ("raise", "skip"):
            raise OptionError(f"gather: errors is {one_line(errors)}; expected 'raise' or 'skip'")
        if isinstance(futures, Iterator):
            futures = list(futures)
        if errors == "skip":
            futures = without_failed(futures)
        lift = Lift("gather")
        template = lift.template(futures)
        found = [self._future_of(plan) for plan in lift.plans]
        self._engine.bring(found)
        return fill(template, [future.result() for future in found])

    def scatter(self, data: Any) -> Any:
        """Keep data for later calls, so that each worker gets it from the place for large values.

        Args:
            data: A value. A list, tuple or set gives a future for each element, a dict one for each value.

        Returns:
            A Future, or the container with futures.

        Raises:
            NotPicklableError: A value can't be sent to a worker process.
            TaskError: The client is closed, or its cluster has gone.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     table = client.scatter({"a": 1})["a"]
        ...     client.submit(pow, 2, table).result()
        2
        """
        if isinstance(data, (list, tuple, set)):
            make = getattr(type(data), "_make", type(data))  # of a namedtuple
            return make([self._scattered(each) for each in data])
        if type(data) is dict:
            return {key: self._scattered(value) for key, value in data.items()}
        return self._scattered(data)

    def compute(self, value: Any, **options: Unpack[ComputeOptions]) -> Any:
        """Compute a bag, an item or a delayed value in the background.

        Args:
            value: The bag, item or delayed value; or a list or tuple of those.
            **options: Options of `compute`.

        Returns:
            The Future of the result; for a list or tuple, a list of futures.

        Raises:
            OptionError: `compute` does not take an option.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.compute(bk.range(4, npartitions=2).sum()).result()
        6
        """
        if isinstance(value, (list, tuple)):
            return [self.compute(each, **options) for each in value]
        plan = plan_of(value)
        if plan is None:
            raise OptionError(
                f"compute: it got a {type(value).__name__}; expected a bag, an item or a delayed value; "
                "hint: client.submit(function, ...) calls a function"
            )
        merged(**options)
        return self._computed(plan, options)

    def persist(self, value: Any, **options: Unpack[ComputeOptions]) -> Any:
        """Compute a bag or an item in the background, and keep its records or value where they were made.

        Args:
            value: The bag, item or delayed value; or a list or tuple of those.
            **options: Options of `compute`.

        Returns:
            What `value.persist()` returns; for a list or tuple, a list of that.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.persist(bk.range(4, npartitions=2)).count().compute()
        4
        """
        from bagkit.lazy.together import persist_in

        several = isinstance(value, (list, tuple))
        kept = persist_in(self._turns, value if several else (value,), traverse=True, options=self._options(options))
        return kept if several else kept[0]

    def cancel(self, futures: Any) -> None:
        """Cancel calls that do not run yet, and calls that need their values.

        Args:
            futures: A future, or containers with futures anywhere inside.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.cancel(client.map(len, ["a", "b"]))
        """
        for future in futures_in(futures, "cancel"):
            future.cancel()

    def scale(self, workers: int) -> None:
        """Have more workers, or fewer, from now on. Calls that run already go on.

        Args:
            workers: How many processes to use, from 1 up.

        Raises:
            OptionError: `workers` is not a number from 1 up.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.scale(2)
        ...     client.workers
        2
        """
        count = merged(workers=workers).workers
        assert count is not None
        self._engine.scale(count)

    def restart(self) -> None:
        """End the workers at once, and cancel all calls that are not done. Later calls get new workers.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     client.restart()
        ...     client.submit(len, "ab").result()
        2
        """
        self._engine.restart()

    def get_executor(self) -> Executor:
        """Return an Executor on this client, whose `map` gives values, as executors do.

        Returns:
            The Executor. Its `shutdown` leaves the client open.

        >>> import bagkit as bk
        >>> with bk.Client(workers=1) as client:
        ...     list(client.get_executor().map(len, ["a", "bc"]))
        [1, 2]
        """
        return ClientExecutor(self.submit, self._engine.scheduler)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls.

        Args:
            wait: Whether to wait until all calls are over. Default: True.
            cancel_futures: Whether to cancel calls that do not run yet, and to end calls that run. Default: False.

        >>> import bagkit as bk
        >>> client = bk.Client(workers=1)
        >>> client.shutdown()
        """
        self._closed = not isinstance(self._engine, InlineEngine)
        self._engine.close(wait=wait, cancel=cancel_futures)
        if self._page is not None:
            self._page.close()

    def close(self) -> None:
        """Cancel all calls that are not done, and let go of the workers. Results that are there can still be asked for.

        >>> import bagkit as bk
        >>> client = bk.Client(workers=1)
        >>> client.close()
        """
        self.shutdown(cancel_futures=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown(cancel_futures=isinstance(error, KeyboardInterrupt))

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        await asyncio.to_thread(self.shutdown, cancel_futures=error is not None)

    def __reduce__(self) -> tuple[Any, ...]:
        return get_client, ()

    def _future_of(self, plan: Plan) -> Future[Any]:
        """Return the future of what stands among the arguments of a call."""
        other = plan.op.future if isinstance(plan.op, FutureValue) else self._computed(plan, {})
        if isinstance(other, Future) and other.belongs_to(self._engine):
            return other
        future: Future[Any] = Future(f"value-{uuid.uuid4().hex}", self._engine)
        self._engine.promise(other, future)
        return future

    def _scattered(self, value: Any) -> Future[Any]:
        future: Future[Any] = Future(f"scatter-{uuid.uuid4().hex}", self._engine)
        self._engine.keep(future.key, Replay(value, shared=True) if is_plain(type(value)) else value, future)
        return future

    def _computed(self, plan: Plan, options: ComputeOptions) -> Future[Any]:
        """Return the future of a plan, which a thread computes."""
        if self._closed:
            raise TaskError("client: it is closed; hint: make another one")
        future: Future[Any] = Future(f"compute-{uuid.uuid4().hex}")
        future.counts = Counts()
        work = partial(compute_for, future, plan, self._options(options))
        if isinstance(self._engine, InlineEngine):
            work()
        else:
            context = contextvars.copy_context()  # with the options of this block
            context.run(begun_at, users_line())
            self._turns.add(partial(context.run, work))
            self._engine.wait_at_the_end(future)
        return future

    def _options(self, options: ComputeOptions) -> ComputeOptions:
        """Return the options of a run on what this client runs calls on."""
        return options if self._engine.scheduler is None else {"scheduler": self._engine.scheduler, **options}


_known: deque[weakref.ref[Client]] = deque(maxlen=1)
"""The client that was made last."""


@front_door
def get_client() -> Client:
    """Return the client that was made last in this process; inside a task, a client that runs each call at once.

    Returns:
        The Client. One is made if there is none.

    >>> import bagkit as bk
    >>> with bk.Client(workers=1) as client:
    ...     bk.get_client() is client
    True
    """
    last = _known[0]() if _known and not inside_task() else None
    return Client() if last is None else last
