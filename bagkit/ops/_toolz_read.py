"""What functions of toolz and cytoolz read of a record that they are called with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial, reduce
from types import BuiltinMethodType, FunctionType, MethodWrapperType
from typing import Any, Final

from bagkit.plan.kinds import ALL, Field, Fields, union

Read = Callable[[Any, Sequence[Any], Mapping[str, Any]], Fields]
"""Says what a function reads of the last of the arguments that it is called with."""

_PACKAGES: Final = frozenset({"toolz", "cytoolz"})
_METHODS: Final = frozenset({BuiltinMethodType, MethodWrapperType})
_FUNCTIONS: Final = frozenset({"function", "cython_function_or_method", "builtin_function_or_method"})
_CONTAINERS: Final = frozenset({set, frozenset, list, tuple, dict})


def toolz_name(function: Any) -> str:
    """Return the name of `function` if it is one of toolz or cytoolz, "" if not.

    >>> import toolz
    >>> toolz_name(toolz.get_in), toolz_name(len)
    ('get_in', '')
    """
    if type(function).__name__ not in _FUNCTIONS:  # others may run code of the user's when they are asked
        return ""
    name, home = function.__name__, function.__module__
    if not _is_of_toolz(home):
        return ""
    return name if getattr(sys.modules.get(home), name, None) is function else ""


def toolz_kind(function: Any) -> str:
    """Return what kind of object of toolz or cytoolz `function` is: "curry", "Compose", "juxt", ...; "" for others."""
    kind = type(function)
    return kind.__name__ if _is_of_toolz(kind.__module__) else ""


def _is_of_toolz(module: Any) -> bool:
    return type(module) is str and module.partition(".")[0] in _PACKAGES


def toolz_reads(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], read: Read) -> Fields:
    """Return which fields a function of toolz reads of the last of `args`; `read` tells it of functions it calls."""
    match toolz_kind(function):
        case "curry":
            # A curried function that is not known to take no more arguments may return itself with the record bound.
            inner, given = function.func, {**function.keywords, **kwargs}
            if given.get("no_default") or not (type(inner) is FunctionType or toolz_name(inner) in _READS):
                return ALL
            return read(inner, (*function.args, *args), given)
        case "Compose":
            return read(function.first, args, kwargs)
        case "juxt":
            nothing: Fields = frozenset()
            return reduce(union, [read(each, args, kwargs) for each in function.funcs], nothing)
        case "excepts":
            return read(function.func, args, kwargs)
        case "complement":
            return read(complemented(function), args, kwargs)
    reads = _READS.get(toolz_name(function))
    return ALL if reads is None or len(args) != 2 else reads(args[0], kwargs)


def complemented(function: Any) -> Any:
    """Return the function inside a complement of cytoolz, which tells pickle only; toolz's is a Compose."""
    return function.__reduce__()[1][0]


def _get(index: Any, kwargs: Mapping[str, Any]) -> Fields:
    return ALL if kwargs.keys() - {"default"} else fields_named(index if type(index) is list else [index])


def _get_in(keys: Any, kwargs: Mapping[str, Any]) -> Fields:
    if kwargs.keys() - {"default", "no_default"} or type(keys) not in (list, tuple):
        return ALL
    path: list[str] = []
    for key in keys:
        if type(key) is not str:
            break
        path.append(key)
    field: Field = path[0] if len(path) == 1 else tuple(path)
    return frozenset({field}) if path else ALL


def _keyfilter(predicate: Any, kwargs: Mapping[str, Any]) -> Fields:
    """Return the keys that `{"a", "b"}.__contains__` is true for."""
    if kwargs or type(predicate) not in _METHODS or predicate.__name__ != "__contains__":
        return ALL
    names: Any = predicate.__self__
    return fields_named(names) if type(names) in _CONTAINERS else ALL


_READS: Final[dict[str, Callable[[Any, Mapping[str, Any]], Fields]]] = {
    "get": _get,
    "get_in": _get_in,
    "keyfilter": _keyfilter,
}


def plucked_fields(function: Any) -> Fields:
    """Return the fields that toolz's `pluck("name")`, curried or partial, reads of each of the records it is given."""
    if toolz_kind(function) != "curry" and type(function) is not partial:
        return ALL
    inner, args, keywords = function.func, function.args, set(function.keywords or ())
    if toolz_kind(inner) == "curry":  # partial(toolz.curried.pluck, "name")
        inner, args, keywords = inner.func, (*inner.args, *args), keywords | set(inner.keywords or ())
    if toolz_name(inner) != "pluck" or len(args) != 1 or keywords - {"default"}:
        return ALL
    return fields_named(args[0] if type(args[0]) is list else [args[0]])


def fields_named(names: Iterable[Any]) -> Fields:
    """Return the fields with these names; ALL if some are no texts."""
    found = list(names)
    return frozenset(found) if all(type(name) is str for name in found) else ALL
