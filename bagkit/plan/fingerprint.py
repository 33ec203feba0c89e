"""What a plan is known by from one run of a program to the next: digests of its ops, their functions, their inputs.

Of a function written in Python it is the bytecode, the constants, the names, the defaults, what it has closed over, and
the same of the functions of its own module that it names. Not seen are: functions that it reaches in other modules, in
attributes or through names made while running, the methods of classes, the data of a file or a service that it reads
by itself. Of data it is the value. What can't be pickled has no digest that would last, so it is never the same.
"""

from __future__ import annotations

import hashlib
import marshal
import pickle
import secrets
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any

from bagkit.plan.node import Plan, walk


def fingerprint(plan: Plan) -> list[tuple[str, str]]:
    """Return the label and the digest of each op below and of `plan`, inputs first."""
    numbers: dict[Plan, int] = {}
    steps = []
    for number, each in enumerate(walk(plan)):
        numbers[each] = number
        below = [numbers[part] for part in each.inputs]
        steps.append((each.op.label, digest((type(each.op).__qualname__, each.op, below, each.npartitions))))
    return steps


def digest(value: Any) -> str:
    """Return the digest of a value, which lasts from one process to the next.

    >>> digest([1, "a", {"b": lambda x: x + 1}]) == digest([1, "a", {"b": lambda x: x + 1}])
    True
    >>> digest(lambda x: x + 1) == digest(lambda x: x + 2)
    False
    """
    result = hashlib.blake2b(digest_size=16)
    try:
        for part in _parts(value, set()):
            result.update(part)
    except Exception:  # too deep, in itself, or an object that raises when it is looked at
        return secrets.token_hex(16)
    return result.hexdigest()


def _parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield bytes that are the same for the same value, each kind of value told from the others."""
    kind = type(value)
    yield f"<{kind.__qualname__}".encode("utf-8", "surrogatepass")
    if value is None or kind in (bool, int, float, complex, range, slice) or value is ...:
        yield repr(value).encode()
    elif kind is str:
        yield f"{len(value)}:{value}".encode("utf-8", "surrogatepass")
    elif kind in (bytes, bytearray):
        yield b"%d:" % len(value)
        yield value
    elif kind in (list, tuple):
        for start in range(0, len(value), _AT_ONCE):
            yield from _element_parts(value[start : start + _AT_ONCE], seen)
    elif kind is dict:
        for key, part in value.items():
            yield from _parts(key, seen)
            yield from _parts(part, seen)
    elif kind in (set, frozenset):
        yield from (part.encode() for part in sorted(map(digest, value)))
    else:
        yield from _object_parts(value, seen)
    yield b">"


_AT_ONCE = 512


def _element_parts(values: Any, seen: set[int]) -> Iterator[bytes]:
    """Yield the parts of some elements: in one go where they are plain data, of which there can be much."""
    if len(values) == _AT_ONCE:
        import orjson

        plain = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
        try:
            orjson.dumps(values, option=plain)  # so there are no sets in it, whose order is by chance
            yield marshal.dumps(values, 2)  # and no enums and such; this version knows neither sharing nor interning
            return
        except (TypeError, ValueError):
            pass
    for value in values:
        yield from _parts(value, seen)


def _object_parts(value: Any, seen: set[int]) -> Iterator[bytes]:
    if id(value) in seen:
        yield b"again"
        return
    if isinstance(value, types.FunctionType):
        yield from _function_parts(value, seen | {id(value)})
    elif isinstance(value, types.MethodType):
        yield from _parts((value.__func__, value.__self__), seen)
    elif isinstance(value, partial):
        yield from _parts((value.func, value.args, value.keywords), seen)
    elif isinstance(value, types.CodeType):
        yield from _code_parts(value, seen)
    elif isinstance(value, (type, types.BuiltinFunctionType, types.ModuleType)):
        yield f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}".encode()
    elif isinstance(value, Plan):
        yield from (part for step in fingerprint(value) for part in _parts(step, seen))
    elif is_dataclass(value):
        for field in fields(value):
            yield field.name.encode()
            yield from _parts(getattr(value, field.name), seen | {id(value)})
    else:
        try:
            yield pickle.dumps(value, protocol=4)
        except Exception:
            yield secrets.token_bytes(16)  # what can't be described is like nothing else: a resume declines


def _function_parts(function: types.FunctionType, seen: set[int]) -> Iterator[bytes]:
    yield from _code_parts(function.__code__, seen)
    yield from _parts((function.__defaults__, function.__kwdefaults__), seen)
    for cell in function.__closure__ or ():
        try:
            yield from _parts(cell.cell_contents, seen)
        except ValueError:
            yield b"empty"
    for name in _names(function.__code__):
        value = function.__globals__.get(name)
        own = isinstance(value, types.FunctionType) and value.__module__ == function.__module__
        if own or isinstance(value, (bool, int, float, str, bytes, tuple, frozenset)):
            yield from _parts(value, seen)


def _names(code: types.CodeType) -> list[str]:
    inner = [name for part in code.co_consts if isinstance(part, types.CodeType) for name in _names(part)]
    return sorted({*code.co_names, *inner})


def _code_parts(code: types.CodeType, seen: set[int]) -> Iterator[bytes]:
    yield code.co_code
    yield from _parts((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags), seen)
    yield from _parts(code.co_consts, seen)
