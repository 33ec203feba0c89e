"""What a worker takes over from the process that started it: paths, directory, environment, warnings, log level.

A snapshot is marshalled. A worker gets one when it differs from the last that it got.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any

_Filter = tuple[str, str | None, tuple[str, str], str | None, int]

_DEFAULT_FILTERS: tuple[_Filter, ...] = (
    ("default", None, ("builtins", "DeprecationWarning"), "__main__", 0),
    ("ignore", None, ("builtins", "DeprecationWarning"), None, 0),
    ("ignore", None, ("builtins", "PendingDeprecationWarning"), None, 0),
    ("ignore", None, ("builtins", "ImportWarning"), None, 0),
    ("ignore", None, ("builtins", "ResourceWarning"), None, 0),
)


def take_surroundings() -> bytes:
    """Return this process's, as bytes."""
    try:
        directory: str | None = os.getcwd()
    except OSError:
        directory = None  # it was removed
    logging = sys.modules.get("logging")
    return marshal.dumps(
        (
            [entry for entry in sys.path if type(entry) is str],
            list(map(str, getattr(sys, "argv", ()))),
            directory,
            [(bytes(name), bytes(value)) for name, value in os.environb.items()],
            _filters(),
            logging.root.level if logging is not None else None,
            sys.getrecursionlimit(),
        )
    )


def _filters() -> list[_Filter] | None:
    """The warnings filters as plain values; None where they are what Python starts with."""
    import warnings

    found: list[_Filter] = []
    for action, message, category, module, line in warnings.filters:
        assert isinstance(category, type)
        kind = (category.__module__, category.__qualname__)
        found.append((action, _pattern(message), kind, _pattern(module), line))
    return None if tuple(found) == _DEFAULT_FILTERS else found


def _pattern(value: Any) -> str | None:
    pattern = getattr(value, "pattern", value)
    return pattern if isinstance(pattern, str) else None


def apply_surroundings(data: bytes) -> str | None:
    """Make this process's those of `data`; return the working directory."""
    directory: str | None
    path, argv, directory, environment, filters, level, recursion_limit = marshal.loads(data)
    if sys.path != path:
        sys.path[:] = path
    sys.argv[:] = argv
    if directory is not None:
        try:
            os.chdir(directory)
        except OSError:
            pass  # gone since: relative paths fail in the worker as they would in the parent
    wanted = dict(environment)
    if dict(os.environb) != wanted:
        for name in set(os.environb) - set(wanted):
            del os.environb[name]
        os.environb.update(wanted)
    if filters is not None:
        _apply_filters(filters)
    if level is not None:
        import logging

        logging.root.setLevel(level)
    if sys.getrecursionlimit() != recursion_limit:
        sys.setrecursionlimit(recursion_limit)
    return directory


def _apply_filters(filters: list[_Filter]) -> None:
    import importlib
    import re
    import warnings

    applied: list[Any] = []
    for action, message, (module_name, name), module, line in filters:
        try:
            category: Any = importlib.import_module(module_name)
            for part in name.split("."):
                category = getattr(category, part)
        except Exception:
            continue  # of the user's __main__, or of a package that can't be imported here
        message_pattern = None if message is None else re.compile(message, re.IGNORECASE)
        applied.append((action, message_pattern, category, None if module is None else re.compile(module), line))
    warnings.resetwarnings()
    warnings.filters[:] = applied  # type: ignore[index]
    warnings._filters_mutated() if hasattr(warnings, "_filters_mutated") else None
