"""Which part of a function or value it is that can't be pickled. Imported when something could not be."""

from __future__ import annotations

import functools
import os
import types
from collections.abc import Iterator, Mapping
from typing import Any

from bagkit.schedulers.transport import pickle_for_worker

DEPTH = 30
ELEMENTS = 100_000
"""Of a container, how many elements are looked at."""


def find_culprit(value: Any, root: str, error: BaseException) -> str:
    """Return `closure variable `conn` of `clean` (jobs.py:12) is a sqlite3.Connection, which can't be pickled`.

    `root` are the words for `value` itself, `error` is what its pickling raised.
    """
    if isinstance(error, RecursionError):
        return f"{root} is nested too deeply to be pickled ({error})"
    where, culprit = _descend(value, root)
    reason = "" if culprit is not value else f" ({type(error).__name__}: {error})"[:300]
    return f"{where} is {_kind(culprit)}, which can't be pickled{reason}"


def _descend(value: Any, where: str) -> tuple[str, Any]:
    """Follow the first child that does not pickle, as far as there is one."""
    seen = {id(value)}
    for _ in range(DEPTH):
        for child_where, child in _children(value, where):
            if id(child) not in seen and not _pickles(child):
                seen.add(id(child))
                value, where = child, child_where
                break
        else:
            break
    return where, value


def _pickles(value: Any) -> bool:
    if type(value) in (int, float, str, bytes, bool, type(None)):
        return True
    try:
        pickle_for_worker(value)
    except Exception:
        return False
    return True


def _children(value: Any, where: str) -> Iterator[tuple[str, Any]]:
    """The parts of `value` that its pickle holds, each with the words for it."""
    if isinstance(value, types.FunctionType):
        yield from _function_parts(value)
    elif isinstance(value, types.MethodType):
        yield f"the object of the method `{value.__func__.__qualname__}`", value.__self__
        yield where, value.__func__
    elif isinstance(value, functools.partial):
        yield f"the function of {where}", value.func
        for index, argument in enumerate(value.args):
            yield f"argument {index + 1} of a partial of `{_function_name(value.func)}`", argument
        for name, argument in value.keywords.items():
            yield f"argument `{name}` of a partial of `{_function_name(value.func)}`", argument
    elif isinstance(value, Mapping):
        for _, (key, element) in zip(range(ELEMENTS), value.items(), strict=False):
            yield f"a key of {where}", key
            yield f"{where}[{_short(key)}]", element
    elif isinstance(value, (list, tuple)):
        for index, element in enumerate(value[:ELEMENTS]):
            yield f"{where}[{index}]", element
    elif isinstance(value, (set, frozenset)):
        for _, element in zip(range(ELEMENTS), value, strict=False):
            yield f"an element of {where}", element
    else:
        for name, attribute in _attributes(value):
            yield f"attribute `{name}` of {where}" if where[:4] == "the " else f"{where}.{name}", attribute


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    name = f"`{function.__qualname__}` ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"
    for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"closure variable `{variable}` of {name}", cell.cell_contents
        except ValueError:
            pass  # not yet assigned
    for variable in _global_names(code):
        if variable in function.__globals__:
            yield f"global `{variable}`, used by {name},", function.__globals__[variable]
    for default in function.__defaults__ or ():
        yield f"a default argument of {name}", default
    for variable, default in (function.__kwdefaults__ or {}).items():
        yield f"the default of `{variable}` of {name}", default
    for attribute, value in vars(function).items():
        yield f"attribute `{attribute}` of {name}", value


def _global_names(code: types.CodeType) -> Iterator[str]:
    """Names of globals that `code` may use, and the functions and comprehensions inside of it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _global_names(constant)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    yield from getattr(value, "__dict__", {}).items()
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield name, getattr(value, name)


def _kind(value: Any) -> str:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _function_name(value: Any) -> str:
    return getattr(value, "__qualname__", type(value).__qualname__)


def _short(key: Any) -> str:
    try:
        text = repr(key)
    except Exception:
        text = f"<{type(key).__name__}>"
    return text if len(text) <= 40 else text[:39] + "…"
