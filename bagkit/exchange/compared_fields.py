"""What of a dataclass counts when two are compared: known where dataclasses themselves have made `__eq__`.

Where their code comes from does not tell: the code of `python -c` and of some notebooks has the same file name as what
dataclasses make, and cloudpickle gives it another one. So the code itself is compared, with what dataclasses make for
these fields.
"""

from __future__ import annotations

import dataclasses
import functools
import weakref
from types import CodeType, FunctionType
from typing import Any

_known: weakref.WeakKeyDictionary[type, tuple[Any, Any, tuple[str, ...] | None]] = weakref.WeakKeyDictionary()
"""For each dataclass the code of its `__eq__` and its `__hash__`, and what came out for these."""


def compared_fields(kind: Any) -> tuple[str, ...] | None:
    """Return the fields that are the same in equal ones of the dataclass `kind`; None if these are not known.

    A field that the hash leaves out is left out here too: its value may have no digest. Two of different classes are
    not equal.
    """
    eq, hashing = getattr(kind.__eq__, "__code__", None), getattr(kind.__hash__, "__code__", None)
    known = _known.get(kind)
    if known is None or known[0] is not eq or known[1] is not hashing:
        known = _known[kind] = eq, hashing, _compared(kind)
    return known[2]


def _compared(kind: Any) -> tuple[str, ...] | None:
    compared = _fields_of_owner(kind, "__eq__")
    hashed = _fields_of_owner(kind, "__hash__")
    if compared is None or hashed is None:
        return None
    by_eq = tuple([field.name for field in compared if field.compare])
    by_hash = tuple([field.name for field in hashed if (field.compare if field.hash is None else field.hash)])
    if not _is_made(kind.__eq__, "__eq__", by_eq) or not _is_made(kind.__hash__, "__hash__", by_hash):
        return None
    return tuple([field.name for field in compared if field.compare and field.hash is not False])


def _fields_of_owner(kind: type, method: str) -> tuple[dataclasses.Field[Any], ...] | None:
    """Return the fields of the dataclass that `kind` has a method from; None if that is no dataclass."""
    owner: Any = next(each for each in kind.__mro__ if method in vars(each))
    return dataclasses.fields(owner) if "__dataclass_fields__" in vars(owner) else None


def _is_made(function: Any, name: str, fields: tuple[str, ...]) -> bool:
    """Whether dataclasses make such a function, for such fields."""
    return type(function) is FunctionType and _content(function.__code__) == _content(_made(name, fields))


@functools.lru_cache(256)
def _made(name: str, fields: tuple[str, ...]) -> CodeType:
    made = dataclasses.make_dataclass("Made", [(field, object) for field in fields], frozen=True)
    code: CodeType = getattr(made, name).__code__
    return code


def _content(code: CodeType) -> tuple[Any, ...]:
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_code, code.co_consts, code.co_argcount, code.co_flags, *names
