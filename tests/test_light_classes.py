"""Light dataclasses do what dataclasses do, but that nothing refuses to set a field of a frozen one."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field, fields, replace
from typing import Any, Generic, TypeVar

import pytest

from bagkit import light_classes

T = TypeVar("T")
Decorator = Callable[..., Any]


def made_by(dataclass: Decorator) -> dict[str, type]:
    """Return classes of all sorts, decorated with `dataclass`."""

    @dataclass(frozen=True)
    class Plain:
        a: int
        b: Any = 2

    @dataclass(frozen=True, slots=True)
    class Slots:
        a: int
        b: Any = field(default=2, repr=False)
        c: Any = field(default_factory=list, compare=False)

    @dataclass(frozen=True, slots=True)
    class Below(Slots):
        d: int = 4

    @dataclass(frozen=True, slots=True)
    class Single(Generic[T]):
        a: T

    @dataclass(frozen=True)
    class Empty:
        pass

    @dataclass(frozen=True, eq=False)
    class ByIdentity:
        a: int

    @dataclass(slots=True)
    class Mutable:
        a: int
        b: list[int] = field(default_factory=list)

    @dataclass
    class Bare:
        a: int

    @dataclass(frozen=True)
    class WithOwn:
        a: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

    @dataclass(frozen=True)
    class OwnEquality:
        a: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, OwnEquality)

    return {name: value for name, value in locals().items() if isinstance(value, type)}


TRUE, LIGHT = made_by(dataclasses.dataclass), made_by(light_classes.dataclass)
globals().update({f"_{name}": cls for name, cls in LIGHT.items()})
for _name, _cls in LIGHT.items():  # pickle finds them by name
    _cls.__qualname__ = f"_{_name}"


def behaviour(cls: type) -> dict[str, Any]:
    """Return what can be seen of a class with up to four fields."""
    names = [each.name for each in fields(cls)]
    one, same, other = (cls(**({"a": number} if names else {})) for number in (1, 1, 3))
    changed = replace(one, a=3) if names else one
    return {
        "fields": names,
        "repr": repr(one).replace("made_by.<locals>.", "").replace("_", ""),
        "equal": (one == same, one == other, changed == other, one == 1, one != same),
        "hash": (hash(one) == hash(same), hash(one) == hash(other)) if cls.__hash__ is not None else None,
        "match": cls.__match_args__,  # type: ignore[attr-defined]
        "slots": "__dict__" in dir(one),
        "copied": [getattr(copy.copy(changed), name) for name in names],
    }


@pytest.mark.parametrize("name", TRUE)
def test_they_behave_as_dataclasses_do(name: str) -> None:
    assert behaviour(LIGHT[name]) == behaviour(TRUE[name])


@pytest.mark.parametrize("name", ["Plain", "Slots", "Below", "Single", "Empty", "Mutable"])
def test_they_are_pickled(name: str) -> None:
    cls = LIGHT[name]
    value = cls(*([5] if fields(cls) else []))
    for protocol in (2, 5):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert again == value
        assert type(again) is cls
        assert repr(again) == repr(value)


def test_values_are_compared_as_in_tuples() -> None:
    nan = float("nan")
    for classes in (TRUE, LIGHT):
        assert classes["Single"](nan) == classes["Single"](nan)
        assert classes["Single"](nan) != classes["Single"](float("nan"))
