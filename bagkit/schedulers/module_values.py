"""The plain values in the user's modules: the caller tells workers about them.

Workers import modules, and a module's constants are then what its file says. Where the program has changed one, its
functions mean the changed one, in workers too.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import sys
import types
import uuid
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from bagkit.user_modules import assigned_together, is_users

PLAIN = frozenset(
    (type(None), bool, int, float, complex, str, bytes, datetime.date, datetime.datetime, datetime.time,
     datetime.timedelta, decimal.Decimal, fractions.Fraction, pathlib.PosixPath, uuid.UUID, range)
)  # fmt: skip
CONTAINERS = frozenset((list, tuple, dict, set, frozenset))
MOST_PARTS = 1000
"""A value with more parts than this is taken for data that nobody changes."""
MOST_BYTES = 1 << 18
"""A value of more bytes than this is taken for data too."""

Content = dict[str, dict[str, Any]]
"""Values by module and dotted name."""


def plain_values(modules: Iterable[types.ModuleType]) -> Content:
    """Return the plain values that stand in `modules`, and in their classes,"""
    found: Content = {}
    for module in modules:
        if module.__name__ not in found:
            values = dict(_values_in(module))
            if values:
                found[module.__name__] = values
    return found


def _values_in(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    content = {name: value for name, value in tuple(vars(module).items()) if type(value) not in _CODE}
    for name in _parts_of_more(content, assigned_together(module)):
        del content[name]
    for name, value in content.items():
        if name.startswith("__"):
            continue
        if isinstance(value, type):
            if value.__module__ == module.__name__:
                yield from _attributes(name, value)
        elif _is_plain(value):
            yield name, value
        elif _has_plain_attributes(value):
            yield from _attributes(name, value)


_CODE = (types.FunctionType, types.ModuleType, types.BuiltinFunctionType)


def _parts_of_more(content: dict[str, Any], groups: Iterable[frozenset[str]]) -> set[str]:
    """Return the names that a function assigns together with others whose values are not plain.

    They belong together: a flag that says that a model was loaded is worth nothing without the model.
    """
    found = {name for group in groups for name in group if not _is_plain(content.get(name, _CODE))}
    for _ in groups:
        found.update(*(group for group in groups if group & found))
    return found & content.keys()


def _has_plain_attributes(value: Any) -> bool:
    """Return whether `value` is an object that holds settings: of a class of the user's, or a SimpleNamespace."""
    kind = type(value)
    if kind is types.SimpleNamespace:
        return True
    as_it_is = getattr(kind, "__reduce_ex__", None) is getattr(object, "__reduce_ex__")  # noqa: B009
    return is_users(kind.__module__) and as_it_is and hasattr(value, "__dict__")


def _attributes(owner: str, value: Any) -> Iterator[tuple[str, Any]]:
    for name, each in tuple(vars(value).items()):
        if type(each) not in _CODE and not name.startswith("__") and _is_plain(each):
            yield f"{owner}.{name}", each


def _is_plain(value: Any) -> bool:
    """Return whether `value` is data of the language's own types, and little of it."""
    if type(value) in PLAIN:
        return sys.getsizeof(value) <= MOST_BYTES
    level, parts, nbytes = [value], 0, 0
    while level:
        if not CONTAINERS.issuperset(map(type, level)):
            return False
        parts += sum(map(len, level))
        if parts > MOST_PARTS:
            return False
        of_dicts = (each.values() for each in level if type(each) is dict)
        inner = [*chain.from_iterable(level), *chain.from_iterable(of_dicts)]
        nbytes += sum(map(sys.getsizeof, inner))
        if nbytes > MOST_BYTES:
            return False
        level = [] if PLAIN.issuperset(map(type, inner)) else [each for each in inner if type(each) not in PLAIN]
    return True
