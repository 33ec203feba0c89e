"""Options: how a run is done; never what it gives.

    Options            the values, frozen
    set_options(...)   sets some of them for the session: for all threads, from now on
    options(...)       `with bagkit.options(workers=4):` sets some of them for a block of code
    get_options()      the options in force here
    merged(...)        the options in force here, with the keywords of one call on top
    ComputeOptions     the keywords of all of these, for type checkers

What holds for the session is one value of the process. What holds for a block of code is held in a context variable, so
threads and asyncio tasks do not disturb each other. A task of asyncio starts with the options of whoever made it; a
thread starts with the session's options, also when it is started inside of a `with`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ContextDecorator
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack

from bagkit.errors import OptionError, one_line
from bagkit.front_doors import front_door
from bagkit.option_values import ALIASES, CHECKS, did_you_mean
from bagkit.sentinels import NOT_GIVEN
from bagkit.tracebacks import users_frame
from bagkit.visible import visible

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from types import FrameType, TracebackType

    from bagkit.schedulers.protocol import Scheduler

OnError = Literal["raise", "skip", "collect"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, repr=False)
class Options:
    """The values of all options, as `get_options` returns them. `set_options` and `options` change them.

    Attributes:
        scheduler: What runs the tasks: "sync", "threads", "processes", an executor, an object with `run`. None, the
            default: what suits the plan.
        workers: How many processes or threads. None, the default: as many as there are CPUs for this process.
        memory_limit: How many bytes a run may hold. None, the default: half of what the machine has to give.
        progress: Whether to draw a progress bar. None, the default: in a terminal and in a notebook.
        temporary_directory: Where large intermediate values go. None, the default: where `tempfile` puts its files.
        shared_directory: Where an executor or cluster puts what tasks leave for tasks on other machines: a path that
            all of them have, or a URL. None, the default: no such directory.
        on_error: What to do with a record for which a function raises: "raise" (the default), "skip", "collect".
        optimize: Whether the plan is rewritten to do less work. True is the default.
        retries: How often a task is run again after a function raised in it. 0 is the default.
        max_errors: How many records `on_error` may leave out, or which share of those read, such as "1%". None, the
            default: any number.
        read_retries: How often a read of a remote file is tried again in a row, if what failed may pass. 3 is the
            default.

    >>> Options(workers=4, on_error="skip").workers
    4
    """

    scheduler: str | Executor | Scheduler | None = None
    workers: int | None = None
    memory_limit: int | None = None
    progress: bool | None = None
    temporary_directory: str | None = None
    shared_directory: str | None = None
    on_error: OnError = "raise"
    optimize: bool = True
    retries: int = 0
    max_errors: int | str | None = None
    read_retries: int = 3

    def __repr__(self) -> str:
        values = [f"{each.name}={visible(repr(getattr(self, each.name)))}" for each in fields(self)]
        return f"Options({', '.join(values)})"


class GraphOptions(TypedDict, total=False):
    """The options that `get` takes beside its own `scheduler`."""

    workers: int | None
    memory_limit: int | float | str | None
    progress: bool | None
    temporary_directory: str | os.PathLike[str] | None
    shared_directory: str | os.PathLike[str] | None
    optimize: bool | None
    retries: int | None
    read_retries: int | None
    num_workers: int | None
    optimize_graph: bool | None


class RunOptions(GraphOptions, total=False):
    """The options without `on_error`, which decides what a run returns."""

    scheduler: str | Executor | Scheduler | None
    pool: str | Executor | Scheduler | None
    max_errors: int | str | None


class ComputeOptions(RunOptions, total=False):
    """The options as keywords of `compute`, `persist`, `set_options` and the like, for editors and type checkers.

    Annotate `**options` of a function of your own with it, if the function hands them on. None stands for the default.

    Attributes:
        scheduler: What runs the tasks: "sync", "threads", "processes", an executor, an object with `run`. Default: what
            suits the plan.
        workers: How many processes or threads. Default: as many as there are CPUs for this process.
        memory_limit: How much a run may hold: a number of bytes, or text such as "2 GB". Default: half of what the
            machine has to give.
        progress: Whether to draw a progress bar. Default: in a terminal and in a notebook.
        temporary_directory: Where large intermediate values go. Default: where `tempfile` puts its files.
        shared_directory: Where an executor or cluster puts what tasks leave for tasks on other machines: a path that
            all of them have, or a URL. Default: none.
        on_error: What to do with a record for which a function raises: "raise" (the default), "skip", "collect".
        optimize: Whether the plan is rewritten to do less work. Default: True.
        retries: How often a task is run again after a function raised in it. Default: 0.
        max_errors: How many records `on_error` may leave out: a number, or a share such as "1%". Default: any number.
        read_retries: How often a read of a remote file is tried again in a row, if what failed may pass. Default: 3.
        num_workers: What dask calls `workers`. Default: as there.
        optimize_graph: What dask calls `optimize`. Default: as there.
        pool: What dask calls an executor that is given as `scheduler`. Default: none.

    >>> from typing import Unpack
    >>> import bagkit as bk
    >>> def total(numbers: bk.Bag[int], **options: Unpack[bk.ComputeOptions]) -> int:
    ...     return sum(numbers.persist(**options))
    >>> total(bk.range(5, npartitions=2), scheduler="sync")
    10
    """

    on_error: OnError | None


class PlainOptions(RunOptions, total=False):
    """The options of a run that returns the result itself."""

    on_error: Literal["raise", "skip"] | None


class CollectOptions(RunOptions):
    """The options of a run that returns a Collected."""

    on_error: Literal["collect"]


_session = Options()
"""The options of the session; replaced as a whole."""
_session_lock = Lock()
_stack: ContextVar[tuple[tuple[dict[str, Any], Options, Options], ...]] = ContextVar("bagkit options", default=())
"""Blocks of code, innermost last: what they change, for which session, and what that gives.

A stack and no tokens, so one `options(...)` object can be entered twice, and by two threads."""


@front_door
def set_options(**changes: Unpack[ComputeOptions]) -> None:
    """Set options for the session: for all runs from now on, in all threads.

    An option of a single call, as in `bag.compute(workers=2)`, wins over the session, and so does an option of a block,
    `with bagkit.options(...):`. None for an option restores its default.

    Args:
        **changes: The options to set, by their names:
            scheduler: What runs the tasks. "processes": worker processes that stay warm between runs. "threads":
                threads of this process. "sync": one task after the other, in this thread, for the debugger. Or an
                executor of concurrent.futures, or an object with a method `run`. Default: what suits the plan. That is
                processes; threads for delayed calls; sync if the data is small and no function of yours runs.
                "synchronous" and "single-threaded", "threading", "multiprocessing" are dask's words for the same; and
                `pool` is, for an executor.
            workers: How many processes or threads there are, a number from 1 up; also as `num_workers`. Default: as
                many as there are CPUs for this process.
            memory_limit: How much memory a run may hold for groups, sorts and the like before they wait on disk: a
                number of bytes, or text like "512 MiB" or "2 GB". Default: half of the memory that the machine, or the
                container, has to give.
            progress: Whether to draw a progress bar. Default: in a terminal and in a notebook, for runs that take a
                while.
            temporary_directory: Where large intermediate values go: the path of a directory that exists. Default: where
                the module `tempfile` puts its files.
            shared_directory: Where tasks on an executor or a cluster leave large values for other tasks: a path that
                all machines have, or a URL such as "s3://bucket/tmp". Default: none; values go through the program that
                computes, or on one machine through `temporary_directory`.
            on_error: What to do with a record for which a function raises. "raise": the run ends with the error.
                "skip": the record is left out, and a warning says how many were. "collect": it is left out, and the run
                returns `Collected(result, failures)`. Default: "raise".
            optimize: Whether the plan is rewritten to do less work; the values are the same either way. Also as
                `optimize_graph`. Default: True.
            retries: How often a task is run again, from its beginning, after a function of yours raised in it: a number
                from 0 up. Default: 0.
            max_errors: How many records `on_error` may leave out: with one more the run gives up with a
                TooManyErrorsError. A number from 0 up; or text like "1%", a share of the records that were read, which
                is judged as soon as there are 1,000 of them, and at the end. Default: any number.
            read_retries: How often a read of a remote file is tried again in a row, after a connection that broke, a
                time-out, or a server that is busy: a number from 0 up. Each time it waits longer. Default: 3.

    Raises:
        OptionError: No option has that name, or it can't take that value.

    >>> import bagkit as bk
    >>> bk.set_options(workers=2, on_error="skip")
    >>> bk.get_options().workers
    2
    >>> bk.set_options(workers=None, on_error=None)
    """
    global _session
    checked = _checked(changes)
    with _session_lock:
        _session = replace(_session, **checked)


class options(ContextDecorator):
    """Set options for a block of code, or for the calls of a function; in a line of its own, for the session.

    `with bagkit.options(...):` holds for the block, in this thread; `@bagkit.options(...)` for the calls of a function.
    A call that stands alone as a statement does what `set_options` does, because it has no block.

    Args:
        **changes: The options to set, by the names of `bagkit.Options`. `help(bagkit.set_options)` explains each.

    Raises:
        OptionError: At once: no option has that name, or it can't take that value.

    >>> import bagkit as bk
    >>> with bk.options(scheduler="sync", memory_limit="64 MiB") as now:
    ...     now.memory_limit
    67108864
    >>> bk.get_options().memory_limit is None
    True
    """

    @front_door
    def __init__(self, **changes: Unpack[ComputeOptions]) -> None:
        global _session
        self._changes = _checked(changes)
        self._for_session: tuple[Options, Options] | None = None
        if _is_statement(users_frame()):
            with _session_lock:
                before, _session = _session, replace(_session, **self._changes)
                self._for_session = before, _session

    def __enter__(self) -> Options:
        self._leave_session()
        session = _session
        changes = {**_stack.get()[-1][0], **self._changes} if _stack.get() else self._changes
        now = replace(session, **changes)
        _stack.set((*_stack.get(), (changes, session, now)))
        return now

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _stack.set(_stack.get()[:-1])

    def __call__(self, function: F) -> F:
        import inspect

        self._leave_session()
        if (
            inspect.iscoroutinefunction(function)
            or inspect.isgeneratorfunction(function)
            or inspect.isasyncgenfunction(function)
        ):
            # The call of such a function returns before its body has run, so the options would be gone by then.
            raise OptionError(
                f"options(...) can't decorate {one_line(function)}: got a function whose body runs after its call, "
                f"expected a plain function; hint: write `with bagkit.options(...):` inside it"
            )
        return super().__call__(function)

    def _leave_session(self) -> None:
        """Take back what was set for the session: it was no line of its own, as where compiled code calls."""
        global _session
        if self._for_session is not None:
            before, after = self._for_session
            with _session_lock:
                if _session is after:
                    _session = before
            self._for_session = None

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={one_line(value, 60)}" for name, value in self._changes.items())
        if self._for_session is not None:
            return f"<bagkit.options({given}): set for the session>"
        return f"<bagkit.options({given}): for a `with` block; bagkit.set_options({given}) sets them for the session>"


def _is_statement(frame: FrameType) -> bool:
    """Return whether the call that `frame` is in is a statement: its value is dropped, or shown by a prompt.

    Setting at once and putting back at the end of a `with` would need no look at the caller. But other threads would
    see in between what is meant for a block of this one, and so would all code between `skip = options(...)` and
    `with skip:`. Records would be skipped where nobody asked for it.
    """
    from opcode import opmap

    code = frame.f_code.co_code
    after = frame.f_lasti + 2
    while after < len(code) and code[after] == opmap["CACHE"]:
        after += 2
    following = tuple(code[after : after + 2])
    return following[:1] in ((opmap["POP_TOP"],), (opmap.get("PRINT_EXPR"),)) or following == (
        opmap.get("CALL_INTRINSIC_1"),
        1,  # print: what a prompt does with the value of a statement, from Python 3.12 on
    )


def get_options() -> Options:
    """Return the options that hold here: the session's, as changed by the `with bagkit.options(...):` blocks around.

    Returns:
        An Options. It does not change when options are set later.

    >>> import bagkit as bk
    >>> with bk.options(workers=4):
    ...     bk.get_options().workers
    4
    """
    stack = _stack.get()
    if not stack:
        return _session
    changes, session, now = stack[-1]
    return now if session is _session else replace(_session, **changes)


def merged(**keywords: Any) -> Options:
    """Return the options in force here, with the `keywords` of one call in place of theirs.

    A keyword that is NOT_GIVEN or None says nothing. Raises OptionError as `options` does.

    >>> with options(workers=4):
    ...     merged(workers=None, scheduler="threads").workers
    4
    """
    given = {name: value for name, value in keywords.items() if value is not NOT_GIVEN and value is not None}
    return replace(get_options(), **_checked(given))


def of_a_run(operation: str, keywords: Mapping[str, Any]) -> ComputeOptions:
    """Return the `keywords` that are options; a warning names the others, which have no effect.

    Programs written for dask hand on what only its schedulers take, such as `chunksize`; dask passes over all that its
    scheduler does not take. A name like one of our options is a slip of the user's, and an error as it is elsewhere.
    """
    options: Any = {name: value for name, value in keywords.items() if name in CHECKS or name in ALIASES}
    others = [name for name in keywords if name not in options]
    slips = [name for name in others if did_you_mean(name, [*CHECKS, *ALIASES])]
    if slips:
        _checked({slips[0]: None})
    if others:
        from bagkit.warn import warn_at_caller

        message = f"{operation}: no option is called {', '.join(map(repr, others))}, so it has no effect"
        warn_at_caller(f"{message}; options are {', '.join(CHECKS)}", UserWarning)
    return options  # type: ignore[no-any-return]  # by names that are not written out here


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `changes` by the true names of the options, with values as `Options` holds them."""
    checked: dict[str, Any] = {}
    for given, value in changes.items():
        name = ALIASES.get(given, given)
        if name not in CHECKS:
            raise OptionError(
                f"no option is called {given!r}; expected one of {', '.join(CHECKS)}"
                + did_you_mean(given, [*CHECKS, *ALIASES])
            )
        if name in checked:
            other = next(alias for alias, meant in ALIASES.items() if meant == name)
            raise OptionError(f"option {name!r}: given twice, also as {other!r}; expected one of them")
        checked[name] = _DEFAULTS[name] if value is None else CHECKS[name](name, value)
    return checked


_DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in fields(Options)}
