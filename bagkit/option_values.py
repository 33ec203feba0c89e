"""The values that options may have, and what may stand for them: dask's words, text for a number of bytes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bagkit.errors import OptionError, one_line
from bagkit.signatures import whole_number

if TYPE_CHECKING:
    from fractions import Fraction

SCHEDULERS: Mapping[str, str] = {
    "sync": "bagkit.schedulers.sync:SyncScheduler",
    "threads": "bagkit.schedulers.threads:ThreadScheduler",
    "processes": "bagkit.schedulers.processes:ProcessScheduler",
}
"""Where the schedulers that have a name are; `schedulers.registry` imports them when they are asked for.

It stands here because a wrong name is an error of the call that gives it, before any scheduler is imported."""

ENGINES: Mapping[str, str] = {"ray": "bagkit.schedulers.ray_executor:RayExecutor"}
"""The executors that have a name."""

SCHEDULER_ALIASES: Mapping[str, str] = {
    "synchronous": "sync",
    "single-threaded": "sync",
    "threading": "threads",
    "multiprocessing": "processes",
}
"""The other words that dask has for them."""

DASK_FUNCTIONS: Mapping[tuple[str, str], str] = {
    ("dask.local", "get_sync"): "sync",
    ("dask.threaded", "get"): "threads",
    ("dask.multiprocessing", "get"): "processes",
}
"""The names here of dask's functions for running graphs, by their module and name."""

ALIASES: Mapping[str, str] = {"num_workers": "workers", "optimize_graph": "optimize", "pool": "scheduler"}
"""The words that dask has for some options."""


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
        nbytes = int(size) if isinstance(size, float) and size.is_integer() else whole_number(size) or 0
    if nbytes < 1:
        raise OptionError(
            f"{name}: not a size: got {one_line(size)}, expected a number of bytes, or text like '64 MiB' or '2 GB'"
        )
    return nbytes


_UNITS = {"": 1, "b": 1}
for _power, _letter in enumerate("kmgtp", start=1):
    _UNITS |= {_letter: 1000**_power, f"{_letter}b": 1000**_power}
    _UNITS |= {f"{_letter}i": 1024**_power, f"{_letter}ib": 1024**_power}


def did_you_mean(name: object, names: Iterable[str], most: int = 1) -> str:
    """Return the end of a message about an unknown `name`: up to `most` similar names if there are any, else nothing.

    >>> did_you_mean("worker", ["workers", "progress"])
    "; did you mean 'workers'?"
    """
    import difflib

    near = difflib.get_close_matches(str(name), list(names), n=most)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _wrong(name: str, value: object, expected: str, hint: str = "") -> OptionError:
    return OptionError(f"option {name!r}: wrong value: got {one_line(value)}, expected {expected}{hint}")


def is_distributed(said: Any) -> bool:
    """Return whether it is dask's word for the Client of the session."""
    return isinstance(said, str) and said.lower() in ("dask.distributed", "distributed")


def of_dask(said: Any) -> Any:
    """Return what a scheduler in dask's words is here: one of its functions, or the Client of the session."""
    if is_distributed(said):
        return session_client() or said
    client = getattr(said, "__self__", None)  # of its method `get`
    if callable(getattr(client, "get_executor", None)):
        return client
    return DASK_FUNCTIONS.get((str(getattr(said, "__module__", "")), str(getattr(said, "__name__", ""))), said)


def session_client() -> Any:
    """Return the Client of dask.distributed that dask would compute with, None if there is none."""
    find = getattr(sys.modules.get("distributed.client"), "_get_global_client", None)
    return None if find is None else find()


def checked_scheduler(value: Any) -> Any:
    """Return what `value` means as a scheduler: a name of SCHEDULERS, or the object itself.

    Raises OptionError for another name, and for an object that is neither an executor nor has a method `run`.
    """
    value = of_dask(value)
    if isinstance(value, str):
        name = SCHEDULER_ALIASES.get(value.lower(), value.lower())
        if is_distributed(name):
            raise _wrong("scheduler", value, "a client of dask.distributed to be there", "; hint: make one: Client()")
        if name not in SCHEDULERS and name not in ENGINES:
            near = did_you_mean(value, [*SCHEDULERS, *ENGINES, *SCHEDULER_ALIASES])
            raise _wrong("scheduler", value, f"one of {', '.join([*SCHEDULERS, *ENGINES])}", near)
        return name
    if isinstance(value, type):
        raise _wrong("scheduler", value, "an object", f"; hint: this is a class, call it: {value.__name__}(...)")
    if callable(getattr(value, "get_executor", None)):
        return value  # a client, of dask.distributed or ours
    if not callable(getattr(value, "submit", None)) and not callable(getattr(value, "run", None)):
        raise _wrong(
            "scheduler",
            value,
            f"one of {', '.join([*SCHEDULERS, *ENGINES])}, an executor of concurrent.futures, or an object with a "
            "method `run`",
        )
    return value


def _scheduler(name: str, value: Any) -> Any:
    return checked_scheduler(value)


def _whole_from_0(name: str, value: Any, least: int = 0) -> int:
    number = whole_number(value)
    if number is None or number < least:
        raise _wrong(name, value, f"a whole number from {least} up")
    return number


def _whole_from_1(name: str, value: Any) -> int:
    return _whole_from_0(name, value, 1)


def _nbytes(name: str, value: Any) -> int:
    return parse_bytes(value, f"option {name!r}")


def _directory(name: str, value: Any) -> str:
    try:
        path = os.fspath(value)
    except TypeError:
        path = b""
    if not isinstance(path, str):
        raise _wrong(name, value, "a path, as text or pathlib.Path")
    # Absolute from here on: the current directory may be another one by the time of the run.
    path = os.path.abspath(os.path.expanduser(path))
    if not os.path.isdir(path):
        raise _wrong(name, value, "a directory that exists")
    return path


def _directory_or_url(name: str, value: Any) -> str:
    if isinstance(value, str) and "://" in value:
        return value.rstrip("/")
    return _directory(name, value)


def _what_on_error(name: str, value: Any) -> Any:
    choices = ("raise", "skip", "collect")
    if not isinstance(value, str) or value not in choices:
        raise _wrong(name, value, "'raise', 'skip' or 'collect'", did_you_mean(value, choices))
    return value


def share(text: str) -> Fraction | int:
    """Return the number that text like "1%" stands for; -1 for any other text.

    >>> share("0.5 %"), share("5")
    (Fraction(1, 200), -1)
    """
    from fractions import Fraction  # 29 of 100 are 29%, and more than a float of that

    number, percent, rest = text.strip().partition("%")
    try:
        found = Fraction(number) / 100 if percent and not rest and "/" not in number else -1
    except ValueError:
        return -1
    return found if 0 <= found <= 1 else -1


def _count_or_share(name: str, value: Any) -> int | str:
    if isinstance(value, str):
        if share(value) >= 0:
            return value
    elif (count := whole_number(value)) is not None and count >= 0:
        return count
    raise _wrong(name, value, "a whole number from 0 up, or a share as text like '1%'")


def _true_or_false(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "True or False")
    return value


CHECKS: Mapping[str, Callable[[str, Any], Any]] = {
    "scheduler": _scheduler,
    "workers": _whole_from_1,
    "memory_limit": _nbytes,
    "progress": _true_or_false,
    "temporary_directory": _directory,
    "shared_directory": _directory_or_url,
    "on_error": _what_on_error,
    "optimize": _true_or_false,
    "retries": _whole_from_0,
    "max_errors": _count_or_share,
    "read_retries": _whole_from_0,
}
"""By the name of the option what is called with that name and a value: it returns the value as `Options` holds it, and
raises OptionError for another."""
