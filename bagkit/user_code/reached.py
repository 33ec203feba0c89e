"""What a function of the program's own reaches by name: globals, variables around it, defaults, through its helpers.

Where a client has pickled a function, this says whether the same function means something else by now.
"""

from __future__ import annotations

import sys
import types
import weakref
from functools import partial
from typing import Any

from bagkit.user_code.code_parts import globals_of, held_by
from bagkit.user_code.main_module import MAIN


def reached(function: Any) -> list[Any]:
    """Return what `function` and its helpers in the program's own module stand on now, in an order that stays."""
    found: list[Any] = []
    waiting, seen = [function], set[int]()
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is partial:
            waiting.append(each.func)
        elif kind in (types.MethodType, staticmethod, classmethod):
            waiting.append(each.__func__)
        elif (kind is types.FunctionType or issubclass(kind, type)) and _is_own(each) and id(each) not in seen:
            seen.add(id(each))
            values = _values(each) if kind is types.FunctionType else [*vars(each).values(), *each.__bases__]
            found += values
            waiting += values
    return found


def _is_own(value: Any) -> bool:
    """Return whether a function or a class travels by value: it is of the program's own module, or of none."""
    name = value.__module__
    if not isinstance(name, str) or name in MAIN:
        return True
    module = sys.modules.get(name)
    return module is None or (type(value) is types.FunctionType and vars(module) is not value.__globals__)


Memory = list[weakref.ref[Any] | list[Any]]


def remembered(values: list[Any]) -> Memory:
    """Return what knows `values` again: it holds on to those only that can be held in no other way."""
    return [_held(value) for value in values]


def is_as_remembered(memory: Memory, values: list[Any]) -> bool:
    """Return whether `values` are the same objects as those in `memory`."""
    if len(memory) != len(values):
        return False
    pairs = zip(memory, values, strict=True)
    return all((held[0] if type(held) is list else held()) is value for held, value in pairs)  # type: ignore[operator]


def _held(value: Any) -> weakref.ref[Any] | list[Any]:
    try:
        return weakref.ref(value)
    except TypeError:
        return [value]


def _values(function: types.FunctionType) -> list[Any]:
    given = function.__globals__
    values = [given[name] for name in globals_of(function.__code__) if name in given]
    return [*values, *held_by(function), function.__code__]
