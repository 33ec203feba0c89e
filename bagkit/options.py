"""Options: how a run is done; never what it gives.

    Options            the values, frozen
    options(...)       `with bagkit.options(workers=4):` sets some of them for a block of code
    current_options()  those in force here
    merged(...)        those in force here, with the keywords of one call on top

They are held in a context variable, so threads and asyncio tasks do not disturb each other. A task of asyncio starts
with the options of whoever made it; a thread starts with the defaults, also when it is started inside of a `with`.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import ContextDecorator
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from bagkit.errors import OptionError, one_line
from bagkit.sentinels import NOT_GIVEN

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from types import TracebackType

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
    """How a run is done; made and checked by `options` and `merged`."""

    scheduler: str | Executor | Scheduler | None = None
    """A name of SCHEDULERS, any executor of concurrent.futures, or an object with `run`; None: the best there is."""
    workers: int | None = None
    """How many processes or threads; None: as many as there are CPUs for this process."""
    memory_limit: int | None = None
    """Bytes that a run may hold, given as a number or as text like "2 GB"; None: what the machine has to give."""
    progress: bool | None = None
    """Whether to draw a progress bar; None: in a terminal and in a notebook."""
    temporary_directory: str | None = None
    """Where large intermediate values go; None: where `tempfile` puts its files."""
    on_error: OnError = "raise"
    """What becomes of a record for which a function raises: the run ends, it is left out, or it is collected."""
    optimize: bool = True
    """Whether the plan is rewritten to do less work; the values are the same either way."""
    retries: int = 0
    """How often a task is run again, from its beginning, after a function of yours raised in it."""


_stack: ContextVar[tuple[Options, ...]] = ContextVar("bagkit options", default=(Options(),))
"""Innermost last. A stack and no tokens, so one `options(...)` object can be entered twice, and by two threads."""


class options(ContextDecorator):
    """Set options for a block of code, or for the calls of a function.

    Takes the fields of `Options`, and dask's `num_workers` and `optimize_graph`. Raises OptionError, at once, for a
    name that is no option and for a value that it can't take.

    >>> with options(scheduler="sync", memory_limit="64 MiB") as now:
    ...     now.memory_limit
    67108864
    >>> current_options().memory_limit is None
    True
    """

    def __init__(self, **changes: Any) -> None:
        self._changes = _checked(changes)

    def __enter__(self) -> Options:
        stack = _stack.get()
        _stack.set((*stack, replace(stack[-1], **self._changes)))
        return _stack.get()[-1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _stack.set(_stack.get()[:-1])

    def __call__(self, function: F) -> F:
        import inspect

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


def current_options() -> Options:
    """Return the options in force here."""
    return _stack.get()[-1]


def merged(**keywords: Any) -> Options:
    """Return the options in force here, with the `keywords` of one call in place of theirs.

    A keyword that is NOT_GIVEN or None says nothing. Raises OptionError as `options` does.

    >>> with options(workers=4):
    ...     merged(workers=None, scheduler="threads").workers
    4
    """
    given = {name: value for name, value in keywords.items() if value is not NOT_GIVEN and value is not None}
    return replace(current_options(), **_checked(given))


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
