"""Containers with holes in them. Values that are computed later fill the holes.

A value without a hole is not a template: it is passed on as it is, the same object, and nobody looks into it again.
"""

from __future__ import annotations

import copy
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bagkit.flow.replay import read_again


class Hole:
    """The place of a value that is computed later: the number of the value."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return Hole, (self.number,)


class Nest:
    """A container that `make` makes of `parts`. Some of the parts are holes or nests."""

    __slots__ = ("make", "parts")

    def __init__(self, make: Callable[[list[Any]], Any], parts: Sequence[Any]) -> None:
        self.make = make
        self.parts = parts

    def __reduce__(self) -> tuple[Any, ...]:
        return Nest, (self.make, self.parts)


def fill(template: Any, values: Sequence[Any]) -> Any:
    """Return `template` with `values` in its holes; anything else as it is.

    >>> fill(Nest(tuple, [Hole(1), "a", Nest(list, [Hole(0)])]), ["x", "y"])
    ('y', 'a', ['x'])
    """
    kind = type(template)
    if kind is Hole:
        return values[template.number]
    if kind is Nest:
        return template.make([fill(part, values) for part in template.parts])
    return template


def makes_iterators(template: Any) -> bool:
    """Return whether what fills `template` can be read once: each user needs one of its own."""
    if type(template) is not Nest:
        return False
    return template.make in (iter, read_again) or any(map(makes_iterators, template.parts))


def fill_arguments(
    args: Sequence[Any], kwargs: Mapping[str, Any], values: Sequence[Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a call, by position and by name, with `values` in the holes of their templates."""
    return [fill(arg, values) for arg in args], {name: fill(value, values) for name, value in kwargs.items()}


def as_dict(parts: list[Any]) -> dict[Any, Any]:
    """Return the dict whose keys and values take turns in `parts`."""
    return dict(zip(parts[::2], parts[1::2], strict=True))


def as_ordered_dict(parts: list[Any]) -> OrderedDict[Any, Any]:
    """Return the OrderedDict whose keys and values take turns in `parts`."""
    return OrderedDict(as_dict(parts))


def as_default_dict(factory: Callable[[], Any] | None, parts: list[Any]) -> defaultdict[Any, Any]:
    """Return the defaultdict whose keys and values take turns in `parts`."""
    return defaultdict(factory, as_dict(parts))


def as_slice(parts: list[Any]) -> slice:
    """Return the slice of a start, a stop and a step."""
    return slice(*parts)


class CopyWith:
    """Makes copies of a dataclass instance in which the fields called `names` have other values.

    A copy and not a new instance: `__init__` may take something else than the fields, and some fields are not its.
    """

    __slots__ = ("names", "original")

    def __init__(self, original: Any, names: tuple[str, ...]) -> None:
        self.original = original
        self.names = names

    def __call__(self, parts: list[Any]) -> Any:
        made = copy.copy(self.original)
        for name, value in zip(self.names, parts, strict=True):
            object.__setattr__(made, name, value)  # frozen ones too
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return CopyWith, (self.original, self.names)
