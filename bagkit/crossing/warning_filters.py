"""Warning filters as plain values, and filters of those again.

A category is known by its module and name, and its module is not imported for it: a class that is not here yet, or that
is of the user's `__main__`, is stood for by one that says of each warning whether such a name is among its bases.
"""

from __future__ import annotations

import sys
import warnings

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from typing import Any

    Pattern = str | tuple[str, int] | None
    """A text that is to be equal, or what a regular expression is compiled from."""
    Filter = tuple[str, Pattern, tuple[str, str], Pattern, int]


_taken: tuple[Any, tuple[list[Filter], str]] = ((), ([], "default"))
"""The filters that were read last, and what came of them."""


def take_filters() -> tuple[list[Filter], str]:
    """Return the filters of this process, and what is done where none fits."""
    global _taken
    get = getattr(warnings, "_get_filters", None)  # they may be of the context (Python 3.14 and later)
    filters = tuple(warnings.filters if get is None else get())
    default = getattr(warnings, "defaultaction", "default")
    if filters == _taken[0] and _taken[1][1] == default:
        return _taken[1]
    found = []
    for action, message, category, module, line in filters:
        kind = (getattr(category, "__module__", ""), getattr(category, "__qualname__", ""))
        found.append((action, _pattern(message), kind, _pattern(module), line))
    _taken = (filters, (found, default))
    return _taken[1]


def _pattern(value: Any) -> Pattern:
    if value is None or type(value) is str:
        return value
    return value.pattern, value.flags


def give_filters(wanted: tuple[list[Filter], str]) -> None:
    """Give this process the filters `wanted`."""
    filters, defaultaction = wanted
    applied: list[Any] = []
    for action, message, (module_name, name), module, line in filters:
        applied.append((action, _compiled(message), _category(module_name, name), _compiled(module), line))
    warnings.resetwarnings()  # it also makes Python forget which warnings were shown
    warnings.filters[:] = applied  # type: ignore[index]
    warnings.defaultaction = defaultaction  # type: ignore[attr-defined]


def forget_shown() -> None:
    """Make this process forget which warnings it has shown, for that is the caller's to know."""
    filters = list(warnings.filters)
    warnings.resetwarnings()
    warnings.filters[:] = filters  # type: ignore[index]
    warnings.onceregistry.clear()  # type: ignore[attr-defined]


def _compiled(pattern: Pattern) -> Any:
    if pattern is None or isinstance(pattern, str):
        return pattern
    import re

    return re.compile(*pattern)


def _category(module_name: str, name: str) -> Any:
    found: Any = sys.modules.get(module_name)
    if found is sys.modules.get("__main__"):  # by each of its names: that is a worker's own, which would ask the caller
        found = None
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, type):
        return found
    return _Named(name.rpartition(".")[2], (Warning,), {"__module__": module_name, "__qualname__": name})


class _Named(type):
    """A class that stands for another one of its module and name; warnings asks only whether others are subclasses."""

    def __subclasscheck__(cls, other: type) -> bool:
        # By the last part of the name: a class that was pickled by value does not say in what it was defined.
        name = (cls.__module__, cls.__name__)
        return any((each.__module__, each.__name__) == name for each in other.__mro__)
