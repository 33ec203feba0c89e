"""Options: how a run is done; never what it gives.

    Options            the values, frozen
    set_options(...)   sets some of them for the session: for all threads, from now on
    options(...)       `with bagkit.options(workers=4):` sets some of them for a block of code
    get_options()      those in force here
    merged(...)        those in force here, with the keywords of one call on top
    OptionKeywords     the keywords of all of these, for type checkers

What holds for the session is one value of the process. What holds for a block of code is held in a context variable, so
threads and asyncio tasks do not disturb each other. A task of asyncio starts with the options of whoever made it; a
thread starts with the session's options, also when it is started inside of a `with`.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ContextDecorator
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack

from bagkit.errors import OptionError, one_line
from bagkit.front_doors import front_door
from bagkit.sentinels import NOT_GIVEN
from bagkit.tracebacks import users_frame

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from types import FrameType, TracebackType

    from bagkit.schedulers.protocol import Scheduler

OnError = Literal["raise", "skip", "collect"]
F = TypeVar("F", bound=Callable[..., Any])

SCHEDULERS: Mapping[str, str] = {
    "sync": "bagkit.schedulers.sync:SyncScheduler",
    "threads": "bagkit.schedulers.threads:ThreadScheduler",
    "processes": "bagkit.schedulers.processes:ProcessScheduler",
}
"""Where the schedulers that have a name are; `schedulers.registry` imports them when they are asked for.

It stands here because a wrong name is an error of the call that gives it, before any scheduler is imported."""

SCHEDULER_ALIASES: Mapping[str, str] = {
    "synchronous": "sync",
    "single-threaded": "sync",
    "threading": "threads",
    "multiprocessing": "processes",
}
"""The other words that dask has for them."""

ALIASES: Mapping[str, str] = {"num_workers": "workers", "optimize_graph": "optimize"}
"""The words that dask has for some options."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a run is done: the values of all options, as `get_options` gives them. `set_options` says more of each.

    Attributes:
        scheduler: What runs the tasks: "sync", "threads", "processes", an executor, an object with `run`. None, the
            default: what suits the plan.
        workers: How many processes or threads. None, the default: as many as there are CPUs for this process.
        memory_limit: How many bytes a run may hold. None, the default: half of what the machine has to give.
        progress: Whether to draw a progress bar. None, the default: in a terminal and in a notebook.
        temporary_directory: Where large intermediate values go. None, the default: where `tempfile` puts its files.
        on_error: What is done with a record for which a function raises: "raise" (the default), "skip", "collect".
        optimize: Whether the plan is rewritten to do less work. True is the default.
        retries: How often a task is run again after a function raised in it. 0 is the default.

    >>> Options(workers=4)
    Options(scheduler=None, workers=4, memory_limit=None, progress=None, temporary_directory=None, on_error='raise', \
optimize=True, retries=0)
    """

    scheduler: str | Executor | Scheduler | None = None
    workers: int | None = None
    memory_limit: int | None = None
    progress: bool | None = None
    temporary_directory: str | None = None
    on_error: OnError = "raise"
    optimize: bool = True
    retries: int = 0


class GraphKeywords(TypedDict, total=False):
    """The options as keywords that `get` takes beside its own `scheduler`."""

    workers: int | None
    memory_limit: int | float | str | None
    progress: bool | None
    temporary_directory: str | os.PathLike[str] | None
    optimize: bool | None
    retries: int | None
    num_workers: int | None
    optimize_graph: bool | None


class RunKeywords(GraphKeywords, total=False):
    """The options as keywords, but for the one on which it depends what a run returns."""

    scheduler: str | Executor | Scheduler | None


class OptionKeywords(RunKeywords, total=False):
    """The options as keywords; also by the names in ALIASES. None stands for the default."""

    on_error: OnError | None


class PlainKeywords(RunKeywords, total=False):
    """The options of a run that returns the result itself."""

    on_error: Literal["raise", "skip"] | None


class CollectKeywords(RunKeywords):
    """The options of a run that returns a Collected."""

    on_error: Literal["collect"]


_session = Options()
"""Those of the session; replaced as a whole."""
_session_lock = Lock()
_stack: ContextVar[tuple[tuple[dict[str, Any], Options, Options], ...]] = ContextVar("bagkit options", default=())
"""Blocks of code, innermost last: what they change, for which session, and what that gives.

A stack and no tokens, so one `options(...)` object can be entered twice, and by two threads."""


@front_door
def set_options(**changes: Unpack[OptionKeywords]) -> None:
    """Set options for the session: for all that is computed from now on, in all threads.

    What a call says, as in `bag.compute(workers=2)`, goes before it, and what `with bagkit.options(...):` says for a
    block of code too. None for an option stands for its default.

    Args:
        scheduler: What runs the tasks. "processes": worker processes that stay warm between runs. "threads": threads
            of this process. "sync": one after the other, in this thread, for the debugger. Or an executor of
            concurrent.futures, or an object with a method `run`. Default: what suits the plan. That is processes;
            threads for delayed calls; sync for a little data and no function of yours. "synchronous" and
            "single-threaded", "threading", "multiprocessing" are dask's words for the same.
        workers: How many processes or threads there are, a number from 1 up; also as `num_workers`. Default: as many as
            there are CPUs for this process.
        memory_limit: How much a run may hold before what it holds waits on disk: a number of bytes, or text like
            "2 GB" or "512 MiB". Default: half of the memory that the machine, or the container, has to give.
        progress: Whether to draw a progress bar. Default: in a terminal and in a notebook, for runs that take a while.
        temporary_directory: Where large intermediate values go: the path of a directory that exists. Default: where
            the module `tempfile` puts its files.
        on_error: What is done with a record for which a function raises. "raise": the run ends with the error. "skip":
            the record is left out, and a warning says how many were. "collect": it is left out, and what is computed is
            `Collected(result, failures)`. Default: "raise".
        optimize: Whether the plan is rewritten to do less work; the values are the same either way. Also as
            `optimize_graph`. Default: True.
        retries: How often a task is run again, from its beginning, after a function of yours raised in it: a number
            from 0 up. Default: 0.

    Raises:
        OptionError: For a name that is no option, and for a value that it can't take.

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
    A call that is a statement by itself does what `set_options` does: there is no block that it could be for.

    Args:
        changes: The fields of `Options`, and dask's `num_workers` and `optimize_graph`; `help(bagkit.set_options)` says
            what each means.

    Raises:
        OptionError: At once, for a name that is no option and for a value that it can't take.

    >>> import bagkit as bk
    >>> with bk.options(scheduler="sync", memory_limit="64 MiB") as now:
    ...     now.memory_limit
    67108864
    >>> bk.get_options().memory_limit is None
    True
    """

    @front_door
    def __init__(self, **changes: Unpack[OptionKeywords]) -> None:
        global _session
        self._changes = _checked(changes)
        self._for_session: tuple[Options, Options] | None = None
        if _stands_alone(users_frame()):
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


def _stands_alone(frame: FrameType) -> bool:
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
    """Return the options in force here: the innermost `with bagkit.options(...):`, on top of the session's.

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


def parse_bytes(size: float | str, name: str = "size") -> int:
    """Return a number of bytes, from a number or from text; `name` is what messages call it.

    kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB of 1024; the case does not matter, and the B may be left out.
    Raises OptionError for anything else, and for less than one byte.

    >>> parse_bytes("64 MiB"), parse_bytes("1.5kB"), parse_bytes("2 g"), parse_bytes(512)
    (67108864, 1500, 2000000000, 512)
    """
    if isinstance(size, str):
        text = size.strip().lower()
        number = text.rstrip("bikmgtp ")
        unit = text[len(number) :].strip()
        try:
            nbytes = int(number) * _UNITS[unit] if number.isdigit() else round(float(number) * _UNITS[unit])
        except (KeyError, ValueError, OverflowError):
            nbytes = 0
    else:
        nbytes = int(size) if isinstance(size, float) and size.is_integer() else _index(size)
    if nbytes < 1:
        raise OptionError(
            f"{name}: not a size: got {one_line(size)}, expected a number of bytes, or text like '64 MiB' or '2 GB'"
        )
    return nbytes


_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    _UNITS |= {_letter: 1000**_power, f"{_letter}b": 1000**_power}
    _UNITS |= {f"{_letter}i": 1024**_power, f"{_letter}ib": 1024**_power}


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """Return the end of a message about an unknown `name`: the near one if there is one, else nothing.

    >>> did_you_mean("worker", ["workers", "progress"])
    "; did you mean 'workers'?"
    """
    import difflib

    near = difflib.get_close_matches(str(name), list(names), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _checked(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `changes` by the true names of the options, with values as `Options` holds them."""
    checked: dict[str, Any] = {}
    for given, value in changes.items():
        name = ALIASES.get(given, given)
        if name not in _CHECKS:
            raise OptionError(
                f"no option is called {given!r}; expected one of {', '.join(_CHECKS)}"
                + did_you_mean(given, [*_CHECKS, *ALIASES])
            )
        if name in checked:
            raise OptionError(f"option {name!r}: given twice, also as {_other_word(name)!r}; expected one of them")
        checked[name] = _DEFAULTS[name] if value is None else _CHECKS[name](value)
    return checked


def _other_word(name: str) -> str:
    return next(alias for alias, meant in ALIASES.items() if meant == name)


def _wrong(name: str, value: object, expected: str, hint: str = "") -> OptionError:
    return OptionError(f"option {name!r}: wrong value: got {one_line(value)}, expected {expected}{hint}")


def _index(value: object) -> int:
    """Return `value` as an int, 0 if it is none; True is none."""
    if isinstance(value, bool):
        return 0
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return 0


def checked_scheduler(value: Any) -> Any:
    """Return what `value` means as a scheduler: a name of SCHEDULERS, or the object itself.

    Raises OptionError for another name, and for an object that is neither an executor nor has a method `run`.
    """
    if isinstance(value, str):
        name = SCHEDULER_ALIASES.get(value, value)
        if name not in SCHEDULERS:
            near = did_you_mean(value, [*SCHEDULERS, *SCHEDULER_ALIASES])
            raise _wrong("scheduler", value, f"one of {', '.join(SCHEDULERS)}", near)
        return name
    if isinstance(value, type):
        raise _wrong("scheduler", value, "an object", f"; hint: this is a class, call it: {value.__name__}(...)")
    if callable(getattr(value, "get_executor", None)):
        # A dask.distributed Client has a `run` and a `submit`, and neither does what ours do.
        raise _wrong("scheduler", value, "an executor", "; hint: scheduler=client.get_executor()")
    if not callable(getattr(value, "submit", None)) and not callable(getattr(value, "run", None)):
        raise _wrong(
            "scheduler",
            value,
            f"one of {', '.join(SCHEDULERS)}, an executor of concurrent.futures, or an object with a method `run`",
        )
    return value


def _check_workers(value: Any) -> int:
    workers = _index(value)
    if workers < 1:
        raise _wrong("workers", value, "a whole number from 1 up")
    return workers


def _check_retries(value: Any) -> int:
    retries = _index(value)
    if retries < 0 or (not retries and (isinstance(value, bool) or value != 0)):
        raise _wrong("retries", value, "a whole number from 0 up")
    return retries


def _check_directory(value: Any) -> str:
    try:
        path = os.fspath(value)
    except TypeError:
        path = b""
    if not isinstance(path, str):
        raise _wrong("temporary_directory", value, "a path, as text or pathlib.Path")
    # Absolute from here on: the current directory may be another one by the time of the run.
    path = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(path):
        raise _wrong("temporary_directory", value, "a directory that exists")
    return path


def _check_on_error(value: Any) -> Any:
    choices = ("raise", "skip", "collect")
    if not isinstance(value, str) or value not in choices:
        raise _wrong("on_error", value, "'raise', 'skip' or 'collect'", did_you_mean(value, choices))
    return value


def _bool_check(name: str) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        if not isinstance(value, bool):
            raise _wrong(name, value, "True or False")
        return value

    return check


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "scheduler": checked_scheduler,
    "workers": _check_workers,
    "memory_limit": lambda value: parse_bytes(value, "option 'memory_limit'"),
    "progress": _bool_check("progress"),
    "temporary_directory": _check_directory,
    "on_error": _check_on_error,
    "optimize": _bool_check("optimize"),
    "retries": _check_retries,
}
_DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in fields(Options)}
