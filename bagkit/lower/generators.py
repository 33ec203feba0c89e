"""Finds generators of random numbers in the user's functions; each task gets generators of its own."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bagkit.user_code.code_parts import content_of, names_of
from bagkit.visible import ask

MOST: Final = 1000
"""How many objects are looked at; a function that holds more counts as one with a generator."""


def hold_generator(functions: Iterable[Any]) -> bool:
    """Return whether a generator, of `random` or NumPy, can be reached from one of `functions`.

    The one behind `random.random` and its like does not count: it belongs to the process, and nobody knows its numbers.
    """
    waiting, seen = list(functions), set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, (type, str, bytes, int, float, types.ModuleType)):
            continue
        seen.add(id(value))
        if _is_generator(value) or len(seen) > MOST:
            return True
        waiting += _held(value)
    return False


def _is_generator(value: Any) -> bool:
    random = sys.modules.get("random")  # without which there is none
    if random is not None and isinstance(value, random.Random):
        return value is not getattr(random, "_inst", None)
    return type(value).__module__.startswith("numpy.random")


def _held(value: Any) -> Iterator[Any]:
    """Yield what `value` holds, as far as it is pickled with it."""
    if isinstance(value, types.FunctionType):
        yield from value.__defaults__ or ()
        yield from (value.__kwdefaults__ or {}).values()
        yield from map(content_of, value.__closure__ or ())
        names = {*names_of(value.__code__)}
        yield from [value.__globals__[name] for name in names if name in value.__globals__]
    elif isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, (types.MethodType, types.BuiltinMethodType)):
        yield value.__self__
        yield getattr(value, "__func__", None)
    elif isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    yield from ask(value, "__dict__", {}).values()
