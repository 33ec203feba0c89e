"""Which fields of a record does a function read? Told from its bytecode, or not at all.

A function that does nothing with its record but look up `r["name"]`, `r.get("name", default)` and `"name" in r` gives
the same answer for a dict of only those fields; and so on for the dicts inside: `r["address"]["city"]`. Functions that
others make of functions and names are asked for these: `itemgetter`, `methodcaller`, `partial`, and toolz's. Whatever
is not known is taken to need the whole record.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import operator
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FunctionType
from typing import Any, Final

from bagkit.ops._bytecode import asks_in
from bagkit.ops._known_calls import RECORD, KnownCalls
from bagkit.ops._paths_read import Path, WholeRecord, paths_read
from bagkit.ops._toolz_read import fields_named, toolz_kind, toolz_name, toolz_reads
from bagkit.ops.functions import TupleOf
from bagkit.plan.kinds import ALL, Field, Fields, union

_OTHER_WAYS_TO_RUN: Final = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ITERABLE_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)
_SEES_LOCALS: Final = frozenset(
    {"locals", "vars", "dir", "eval", "exec", "breakpoint", "set_trace", "settrace", "setprofile", "stack", "trace"}
    | {"_getframe", "_current_frames", "currentframe", "f_locals", "f_back", "gi_frame", "tb_frame", "__traceback__"}
    | {"exc_info", "__closure__", "cell_contents"}
)
"""Names by which code could reach the record without naming it."""


def fields_read(function: Any, arguments: int = 1) -> Fields:
    """Return the fields that `function` reads of its record; ALL where it may need the whole record.

    The record is the last of the `arguments` it is called with: a fold's function is called with a total and a record.

    >>> sorted(fields_read(lambda r: r["age"] > 30 and r.get("name", "")))
    ['age', 'name']
    >>> fields_read(lambda r: r["address"]["city"])
    frozenset({('address', 'city')})
    >>> fields_read(lambda r: len(r)) is None
    True
    """
    return _fields_read(function, (_NOT_KNOWN,) * (arguments - 1) + (RECORD,), {})


def fields_of_pair_read(function: Any) -> Fields:
    """Return the fields that `function` reads of the second record of a pair; ALL where it may need all of the pair.

    >>> fields_of_pair_read(lambda pair: pair[0]["number"] + pair[1]["age"])
    frozenset({'age'})
    >>> fields_of_pair_read(lambda pair: pair[1]) is None
    True
    """
    if type(function) is not FunctionType or hasattr(function, "__wrapped__"):
        return ALL
    paths = _paths_of(function, (RECORD,), {}, (), of_pair=True)
    if paths is None or any(path[0] not in (0, 1) or path == (1,) for path in paths):
        return ALL
    return union(frozenset([_field(path[1:]) for path in paths if path[0] == 1]), frozenset())


def needs_all(function: Any) -> bool:
    """Say whether `function` raises for a record that lacks a field it reads: it has no default, and catches nothing.

    Nor does it keep the record for later, in a function that it makes.

    >>> needs_all(lambda total, r: total + r["n"])
    True
    >>> needs_all(lambda total, r: total + r.get("n", 0))
    False
    """
    if type(function) is not FunctionType:
        return False
    code = function.__code__
    return "get" not in code.co_names and not code.co_exceptiontable and not code.co_cellvars and not asks_in(code)


_NOT_KNOWN: Final = object()
"""Stands for an argument that is another one in each call."""


def _fields_read(
    function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], inside: tuple[CodeType, ...] = ()
) -> Fields:
    """Return the fields that a call with these arguments reads of the record, the last of `args`.

    `inside` has the code of those that call it.
    """
    kind = type(function)
    if toolz_kind(function) or toolz_name(function):
        return toolz_reads(function, args, kwargs, functools.partial(_fields_read, inside=inside))
    if kind is FunctionType:
        paths = None if hasattr(function, "__wrapped__") else _paths_of(function, args, kwargs, inside)
        return ALL if paths is None else union(frozenset(map(_field, paths)), frozenset())
    if kind is functools.partial:
        if any(type(arg).__name__ == "_PlaceholderType" for arg in function.args):
            return ALL
        return _fields_read(function.func, (*function.args, *args), {**function.keywords, **kwargs}, inside)
    if len(args) == 1 and not kwargs:
        if kind is operator.itemgetter:
            return fields_named(function.__reduce__()[1])
        if kind is TupleOf:
            return fields_named(function.keys)
        if kind is operator.methodcaller:
            return _of_method(function.__reduce__())
    return ALL


def _of_method(reduced: tuple[Any, ...]) -> Fields:
    """Return what `methodcaller("get", "name", default)` reads."""
    make, (method, *args) = reduced[:2]
    is_get = make is operator.methodcaller and method == "get" and 1 <= len(args) <= 2
    return fields_named(args[:1]) if is_get else ALL


def _paths_of(
    function: FunctionType,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    inside: tuple[CodeType, ...],
    of_pair: bool = False,
) -> frozenset[Path] | None:
    """Return the parts that are read of the record, the last of `args`; None where it may be all of it."""
    try:
        return _paths_or_raise(function, args, kwargs, inside, of_pair)
    except WholeRecord:
        return None


def _paths_or_raise(
    function: FunctionType,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    inside: tuple[CodeType, ...] = (),
    of_pair: bool = False,
) -> frozenset[Path]:
    """Return the parts that are read of the record, the last of `args`; raises WholeRecord if it may be all of it."""
    code = function.__code__
    known = _bound(function, args, kwargs)
    if known is None:
        raise WholeRecord(code, None, _why_not_called(code))
    if code in inside:
        raise WholeRecord(code, None, "it calls itself")
    if seen := _SEES_LOCALS.intersection(_names(code)):
        raise WholeRecord(code, None, f"{min(seen)!r} in it could reach all of its variables")
    names = ChainMap(function.__globals__, vars(builtins))
    calls = KnownCalls(names, functools.partial(_fields_read, inside=(*inside, code)))
    return paths_read(code, code.co_varnames[len(args) - 1], known, calls, of_pair)


def why_whole(function: Any) -> WholeRecord | None:
    """Return what makes a function of Python need the whole record; None for others, and where it reads some fields.

    It is called with a record, or as a fold's function with a total and a record.
    """
    given: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    while type(function) is functools.partial:
        function, given, kwargs = function.func, (*function.args, *given), {**function.keywords, **kwargs}
    if type(function) is not FunctionType:
        return None
    if hasattr(function, "__wrapped__"):
        return WholeRecord(function.__code__, None, "a decorator stands around it")
    found: list[WholeRecord] = []
    for args in ((*given, RECORD), (*given, _NOT_KNOWN, RECORD)):
        try:
            _paths_or_raise(function, args, kwargs)
        except WholeRecord as whole:
            found.append(whole.with_traceback(None))
    told = [whole for whole in found if whole.offset is not None]
    return (told or found)[0] if len(found) == 2 else None


def constant_arguments(function: FunctionType) -> dict[str, Any] | None:
    """Return the parameters that have the same value whatever record `function` is called with.

    None where it can't be called with a record alone, or gives no value at once.
    """
    return _bound(function, (RECORD,), {})


def _field(path: Path) -> Field:
    return path[0] if len(path) == 1 else path


def _bound(function: FunctionType, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the parameters that have the same value in each call; None where it can't be called so."""
    code = function.__code__
    if code.co_flags & _OTHER_WAYS_TO_RUN or code.co_argcount < len(args):
        return None
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    by_name = frozenset(names[max(len(args), code.co_posonlyargcount) :])
    if not by_name.issuperset(kwargs):
        return None
    defaults = function.__defaults__ or ()
    values = dict(zip(names[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True))
    values |= {**(function.__kwdefaults__ or {}), **kwargs, **dict(zip(names, args, strict=False))}
    if len(values) < len(names):
        return None
    return {name: value for name, value in values.items() if value is not RECORD and value is not _NOT_KNOWN}


def _why_not_called(code: CodeType) -> str:
    """Return why a function, for which `_bound` knows no arguments, is not followed."""
    if code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return "it takes any arguments"
    return "it gives no value at once" if code.co_flags & _OTHER_WAYS_TO_RUN else "it takes other arguments too"


def _names(code: CodeType) -> Iterator[str]:
    """Yield the global and attribute names in `code` and in the functions that it defines."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
