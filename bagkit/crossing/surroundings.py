"""What a worker takes over from the process that started it, and has again at the start of each of its runs.

One row of SETTINGS for each: how to read it and how to make it so. The caller reads all of them into a snapshot, which
is marshalled; a worker gets one when it differs from the last that it got, and compares each value with its own. None
stands for what Python starts with, where that spares an import. So what the caller changes back changes back in the
workers too, and so does, after a run, what the user's functions changed there.
"""

from __future__ import annotations

import marshal
import os
import sys
import time

from bagkit.crossing import speech, warning_filters

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def take_surroundings() -> bytes:
    """Return this process's, as bytes."""
    try:
        return marshal.dumps([take() for take, _ in SETTINGS])
    except Exception:  # values of odd types, or objects of the user's in the place of Python's
        return marshal.dumps([_taken(take) for take, _ in SETTINGS])


def _taken(take: Callable[[], Any]) -> Any:
    try:
        value = take()
        marshal.dumps(value)
    except Exception:  # a setting that is odd, or not there, stays what it is in workers
        return None
    return value


def apply_surroundings(data: bytes) -> str | None:
    """Give this process the surroundings in `data`; return the working directory."""
    wanted = marshal.loads(data)
    for (take, give), value in zip(SETTINGS, wanted, strict=True):
        if take() != value:
            try:
                give(value)
            except Exception:
                pass  # what this process can't do (a directory that is gone, a limit) fails where it is used
    directory: str | None = wanted[0]
    return directory


def _take_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # it was removed


def _give_directory(directory: str | None) -> None:
    if directory is not None:
        os.chdir(directory)


def _take_path() -> list[str]:
    return [entry for entry in sys.path if type(entry) is str]


def _give_path(path: list[str]) -> None:
    sys.path[:] = path


def _take_arguments() -> list[str]:
    return list(map(str, getattr(sys, "argv", ())))


def _give_arguments(arguments: list[str]) -> None:
    sys.argv[:] = arguments


def _take_environment() -> dict[bytes, bytes]:
    return dict(os.environ._data)  # type: ignore[attr-defined]  # as it is: its public face decodes each of them


def _give_environment(wanted: dict[bytes, bytes]) -> None:
    global _earlier_zone
    zone = os.environ.get("TZ")
    for name in set(os.environb) - set(wanted):
        del os.environb[name]
    os.environb.update(wanted)
    if os.environ.get("TZ") != zone:
        _earlier_zone = zone
        time.tzset()


_earlier_zone: str | None = None
"""What TZ was before it was changed last."""


def _take_clock() -> tuple[tuple[str, ...], int, int]:
    return time.tzname, time.timezone, time.altzone


def _give_clock(wanted: tuple[tuple[str, ...], int, int]) -> None:
    """Make the clock go by TZ, or by what that was before: the caller may have changed it and not told its clock."""
    time.tzset()
    if _take_clock() != wanted:
        zone = os.environ.get("TZ")
        _set_zone(_earlier_zone)
        time.tzset()
        _set_zone(zone)


def _set_zone(zone: str | None) -> None:
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone


def _take_mask() -> int:
    """Return the umask, which is read by setting it: not while other threads may be making files."""
    threading = sys.modules.get("threading")
    if sys.platform == "linux" and threading is not None and threading.active_count() > 1:
        try:
            with open("/proc/self/status", "rb", 0) as file:
                status = file.read()
            start = status.index(b"Umask:") + 6
            return int(status[start : status.index(b"\n", start)], 8)
        except (OSError, ValueError):
            pass
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _take_locale() -> str | None:
    import _locale

    return _locale.setlocale(_locale.LC_ALL)


def _give_locale(locale: str) -> None:
    import _locale

    _locale.setlocale(_locale.LC_ALL, locale)


def _take_limits() -> tuple[int, int, bool]:
    return sys.getrecursionlimit(), sys.get_int_max_str_digits(), bool(sys.dont_write_bytecode)


def _give_limits(limits: tuple[int, int, bool]) -> None:
    recursion, digits, sys.dont_write_bytecode = limits
    sys.set_int_max_str_digits(digits)
    sys.setrecursionlimit(recursion)


_CONTEXTS = ("DefaultContext", "BasicContext", "ExtendedContext")
_OFTEN = ["DivisionByZero", "InvalidOperation", "Overflow"]
_EXPONENTS = (-999999, 999999, 1, 0)
_Context = tuple[int, str, int, int, int, int, list[str], list[str]]
_FIRST_CONTEXTS: list[_Context] = [
    (28, "ROUND_HALF_EVEN", *_EXPONENTS, [], _OFTEN),
    (28, "ROUND_HALF_EVEN", *_EXPONENTS, [], _OFTEN),
    (9, "ROUND_HALF_UP", *_EXPONENTS, [], ["Clamped", *_OFTEN, "Underflow"]),
    (9, "ROUND_HALF_EVEN", *_EXPONENTS, [], []),
]
"""What decimal starts with: the context of a thread, and the three that it has ready; flags and traps are sets."""


def _take_decimal() -> list[_Context] | None:
    decimal = sys.modules.get("decimal")
    if decimal is None or not hasattr(decimal, "ExtendedContext"):  # it is being imported
        return None
    contexts = [decimal.getcontext(), *(getattr(decimal, name) for name in _CONTEXTS)]
    found = []
    for context in contexts:
        *numbers, flags, traps = context.__reduce__()[1]  # a tenth of the time that asking for each takes
        found.append((*numbers, _names(flags), _names(traps)))
    return None if found == _FIRST_CONTEXTS else found


def _names(signals: list[type]) -> list[str]:
    return sorted([signal.__name__ for signal in signals])


def _give_decimal(wanted: list[_Context] | None) -> None:
    import decimal

    contexts = [decimal.getcontext(), *(getattr(decimal, name) for name in _CONTEXTS)]
    for context, values in zip(contexts, wanted or _FIRST_CONTEXTS, strict=True):
        context.prec, context.rounding, context.Emin, context.Emax, context.capitals, context.clamp = values[:6]
        for signal in context.flags:
            context.flags[signal] = signal.__name__ in values[6]
            context.traps[signal] = signal.__name__ in values[7]


_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_NUMPY_PRINTS = {"edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8, "suppress": False}
_NUMPY_PRINTS |= {"linewidth": 75, "nanstr": "nan", "infstr": "inf", "sign": "-", "legacy": False}


def _take_numpy() -> tuple[dict[str, Any], dict[str, Any]] | None:
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "set_printoptions") or not hasattr(numpy, "geterr"):
        return None  # or it is being imported
    options = numpy.get_printoptions()
    found = dict(numpy.geterr()), {name: options.get(name, value) for name, value in _NUMPY_PRINTS.items()}
    return None if found == (_NUMPY_ERRORS, _NUMPY_PRINTS) else found


def _give_numpy(wanted: tuple[dict[str, Any], dict[str, Any]] | None) -> None:
    import numpy  # type: ignore[import-not-found,unused-ignore]

    errors, prints = wanted or (_NUMPY_ERRORS, _NUMPY_PRINTS)
    numpy.seterr(**errors)
    numpy.set_printoptions(**prints)


_CSV_LIMIT = 131072
_CSV_DIALECTS = ("excel", "excel-tab", "unix")
_CSV_FORMAT: tuple[str, ...] = ("delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting")
_CSV_FORMAT += ("skipinitialspace", "strict")


def _take_csv() -> tuple[int, dict[str, dict[str, Any]]] | None:
    csv = sys.modules.get("_csv")
    if csv is None:
        return None
    dialects = {}
    for name in csv.list_dialects():
        if name not in _CSV_DIALECTS and type(name) is str:
            dialect = csv.get_dialect(name)
            dialects[name] = {field: getattr(dialect, field) for field in _CSV_FORMAT}
    found = csv.field_size_limit(), dialects
    return None if found == (_CSV_LIMIT, {}) else found


def _give_csv(wanted: tuple[int, dict[str, dict[str, Any]]] | None) -> None:
    import _csv

    limit, dialects = wanted or (_CSV_LIMIT, {})
    _csv.field_size_limit(limit)
    for name in {*_csv.list_dialects()} - {*dialects, *_CSV_DIALECTS}:
        _csv.unregister_dialect(name)
    for name, fields in dialects.items():
        _csv.register_dialect(name, **fields)


def _take_timeout() -> float | None:
    socket = sys.modules.get("_socket")
    timeout: float | None = None if socket is None else socket.getdefaulttimeout()
    return timeout


def _give_timeout(seconds: float | None) -> None:
    import _socket

    _socket.setdefaulttimeout(seconds)


def _take_temporary() -> str | bytes | None:
    tempfile = sys.modules.get("tempfile")
    directory: str | bytes | None = getattr(tempfile, "tempdir", None)
    return directory


def _give_temporary(directory: str | bytes | None) -> None:
    import tempfile

    tempfile.tempdir = directory  # type: ignore[assignment]


def _take_logging() -> Any:
    if "logging" not in sys.modules:
        return None
    if speech.can_tell() and "bagkit.crossing.log_records" not in sys.modules:
        return None  # this is a worker that was told of no logger so far
    from bagkit.crossing.log_records import take_loggers

    return take_loggers()


def _give_logging(loggers: Any) -> None:
    from bagkit.crossing.log_records import give_loggers

    give_loggers(loggers)


SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any]], ...] = (
    (_take_directory, _give_directory),
    (_take_path, _give_path),
    (_take_arguments, _give_arguments),
    (_take_environment, _give_environment),
    (_take_clock, _give_clock),
    (_take_mask, os.umask),
    (_take_locale, _give_locale),
    (_take_limits, _give_limits),
    (warning_filters.take_filters, warning_filters.give_filters),
    (_take_decimal, _give_decimal),
    (_take_numpy, _give_numpy),
    (_take_csv, _give_csv),
    (_take_timeout, _give_timeout),
    (_take_temporary, _give_temporary),
    (_take_logging, _give_logging),
)
"""How to read each, and how to make it so. The directory is the first: tasks come back to it."""
