"""Dataclasses that take a fraction of the time to make: a first `compute` imports 150 of them.

For each frozen class `dataclasses` writes and compiles six methods. Here a class has one such method, `__init__`; the
others are the same functions for all classes. And nothing refuses to set a field of a frozen one while a program runs:
type checkers do, which see the dataclass of the standard library. Classes that users hold are true dataclasses.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass
    from typing import Any
else:

    def dataclass(cls=None, /, *, repr=True, eq=True, frozen=False, slots=False, **others):  # noqa: A002  (as there)
        """Do what `dataclasses.dataclass` does, with its parameters."""

        def made(cls):
            if repr:
                _give(cls, __repr__=_repr)
            if eq:
                _give_equality(cls, frozen)
            if frozen and slots:
                _give(cls, __getstate__=_state, __setstate__=_set_state)
            return dataclasses.dataclass(cls, repr=False, eq=False, slots=slots, **others)

        return made if cls is None else made(cls)


def _give(cls: type, **methods: Callable[..., Any]) -> None:
    """Give a class the methods that it does not define itself."""
    for name, method in methods.items():
        if name not in vars(cls):
            setattr(cls, name, method)


def _give_equality(cls: type, frozen: bool) -> None:
    has_hash = vars(cls).get("__hash__") is not None  # a class that defines __eq__ alone has None
    _give(cls, __eq__=_equal)
    if not has_hash:
        cls.__hash__ = _hash if frozen else None  # type: ignore[assignment, method-assign]


def _repr(self: Any) -> str:
    shown = (each.name for each in dataclasses.fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _equal(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    values = _compared(type(self))
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(_compared(type(self))(self))


_getters: dict[type, Callable[[Any], tuple[Any, ...]]] = {}


def _compared(cls: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gives the fields by which instances of `cls` are equal."""
    if cls not in _getters:
        fields: Any = cls
        _getters[cls] = _getter([each.name for each in dataclasses.fields(fields) if each.compare])
    return _getters[cls]


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda instance: tuple(getattr(instance, name) for name in names)


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(dataclasses.fields(self), state, strict=True):
        setattr(self, each.name, value)
