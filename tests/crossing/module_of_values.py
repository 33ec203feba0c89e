"""A user's module whose values the tests change; a copy of it is imported."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
import typing
from collections.abc import Callable
from typing import Any

import numpy as np


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: object


@dataclasses.dataclass
class Data:
    a: object


class Named(typing.NamedTuple):
    a: object


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a: object) -> None:
        self.a = a

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slotted) and self.a == other.a


class Plain:
    inner: typing.ClassVar[Any] = re.compile("a")

    def __init__(self, a: object) -> None:
        self.a = a

    def get(self, key: Any = re.compile("a")) -> Any:
        return self.a, key.pattern

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Plain) and vars(self) == vars(other)

    __hash__ = object.__hash__


class Table(dict[str, Any]):
    def __init__(self) -> None:
        self["a"] = re.compile("a")
        self.b = 3


def make(number: int) -> Callable[[], int]:
    return lambda: number


def one() -> str:
    return "one"


def two() -> str:
    return "two"


class Outer:
    class Inner:
        depth: Any = 1

        @classmethod
        def get(cls, key: Any = frozenset((1,))) -> Any:
            return cls.depth, key


__VALUE = 1
__version__ = "1"
VALUE: Any = None
FUNCTION: Callable[[], Any] = make(1)
UNSET = object()
SHARED = np.zeros(2, int)
SETTINGS = Plain(re.compile("a"))


def add(number: int) -> None:
    SHARED[1] += number


def get(_: int) -> Any:
    return VALUE


def call(_: int) -> Any:
    return VALUE()


def of_function(_: int) -> Any:
    return FUNCTION()


@functools.cache
def cached(_: int) -> Any:
    return VALUE


def of_class(_: int) -> str:
    return str(Plain.inner.pattern)


def of_inner(_: int) -> Any:
    return Outer.Inner.get(), __VALUE, __version__


def of_settings(_: int) -> Any:
    return SETTINGS.get()


def defaults(_: int, key: Any = re.compile("a"), more: int = 3, *, last: str = "x") -> Any:
    return key.pattern, more, last


def is_unset(_: int, value: Any = UNSET, more: int = 1) -> tuple[bool, int]:
    return value is UNSET, more


def use(_: int) -> int:
    """Count in the value, as a cache does."""
    VALUE["uses"] += 1
    return int(VALUE["uses"])


def set_value(value: Any) -> None:
    global VALUE
    VALUE = value


def keeping(value: Any) -> Callable[[Callable[[int], Any]], Callable[[int], bool]]:
    def decorate(function: Callable[[int], Any]) -> Callable[[int], bool]:
        @functools.wraps(function)
        def inner(number: int) -> bool:
            return function(number) is value

        return inner

    return decorate


HELD = Slotted(None)
HELD.a = [{str(number): {str(number), "a", "b", "c"} for number in range(20)}, HELD]


@keeping(HELD)
def is_held(_: int) -> Any:
    return HELD
