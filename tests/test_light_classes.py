"""Light dataclasses do what dataclasses do, but that nothing refuses to set a field of a frozen one."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import field, fields, replace
from typing import Any, Generic, NamedTuple, TypeVar, get_type_hints

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

    @dataclass(frozen=True, slots=True)
    class AllSorts:
        a: int
        b: list[int] = field(default_factory=list, compare=False)
        c: Any = field(default=3, init=False)
        d: list[int] = field(default_factory=list, init=False, compare=False)
        e: Any = None

    @dataclass(frozen=True)
    class AfterInit:
        a: int
        b: int = 0

        def __post_init__(self) -> None:
            if self.a < 0:
                raise ValueError("negative")

    @dataclass(frozen=True)
    class BelowAfterInit(AfterInit):
        c: int = 5

    @dataclass
    class OwnInit:
        a: int

        def __init__(self, a: int) -> None:
            self.a = a + 1

    @dataclass
    class BelowOwnInit(OwnInit):
        b: int = 2

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
    single = LIGHT["Single"]  # true ones do so up to Python 3.12
    assert single(nan) == single(nan)
    assert single(nan) != single(float("nan"))


CALLS: dict[str, Callable[[type], Any]] = {
    "nothing": lambda cls: cls(),
    "one": lambda cls: cls(1),
    "two": lambda cls: cls(1, [2]),
    "by name": lambda cls: cls(e=7, a=1) if "e" in cls.__match_args__ else cls(a=1),  # type: ignore[attr-defined]
    "too many": lambda cls: cls(*range(9)),
    "unknown": lambda cls: cls(1, zzz=1),
    "twice": lambda cls: cls(1, a=1),
    "negative": lambda cls: cls(-1),
}


def made(cls: type, call: Callable[[type], Any]) -> Any:
    """Return the fields of what a call makes, or the error that it raises."""
    try:
        value = call(cls)
    except (TypeError, ValueError) as error:
        return type(error), str(error).rpartition("locals>.")[2].removeprefix("_")
    return [getattr(value, each.name) for each in fields(cls)]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", TRUE)
def test_instances_are_made_alike(name: str, call: str) -> None:
    again = made_by(light_classes.dataclass)[name]  # a class without an instance so far
    for _ in range(2):
        assert made(again, CALLS[call]) == made(TRUE[name], CALLS[call])


def test_each_instance_has_lists_of_its_own() -> None:
    cls = LIGHT["AllSorts"]
    first, second = cls(1), cls(1)
    assert first.b is not second.b
    assert first.d is not second.d


def test_the_first_instance_may_be_of_a_class_below() -> None:
    classes = made_by(light_classes.dataclass)
    below, above = classes["BelowAfterInit"](1), classes["AfterInit"](2)
    assert (below.a, below.b, below.c) == (1, 0, 5)
    assert (above.a, above.b) == (2, 0)

    class Plain(classes["Bare"]):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__(4)

    assert Plain().a == 4
    assert classes["Bare"](a=5).a == 5


def test_other_classes_are_written_when_there_is_an_instance() -> None:
    cls = made_by(light_classes.dataclass)["Bare"]
    stands_in = cls.__init__  # type: ignore[misc]
    cls(1)
    assert cls.__init__ is not stands_in  # type: ignore[misc]


class Pair(NamedTuple):
    """Two."""

    a: int
    b: str | None = None
    """The second."""

    def both(self) -> tuple[int, str | None]:
        return self.a, self.b

    @property
    def first(self) -> int:
        return self.a


class LightPair(light_classes.NamedTuple):
    """Two."""

    a: int
    b: str | None = None
    """The second."""

    def both(self) -> tuple[int, str | None]:
        return self.a, self.b

    @property
    def first(self) -> int:
        return self.a


def seen_of(cls: Any) -> dict[str, Any]:
    """Return what can be seen of a named tuple."""
    one = cls(1, b="x")
    return {
        "base": cls.__mro__[1:],
        "fields": (cls._fields, cls._field_defaults, cls.__match_args__, get_type_hints(cls)),
        "values": (one, one.both(), one.first, one._asdict(), tuple(one._replace(a=2)), cls(3)),
        "repr": repr(one).removeprefix("Light"),
        "of": (cls.__module__, cls.__doc__, cls.__qualname__.removeprefix("Light")),
        "pickled": type(pickle.loads(pickle.dumps(one))) is cls,
        "slots": hasattr(one, "__dict__"),
        "errors": [made_tuple(cls, call) for call in (lambda cls: cls(), lambda cls: cls(1, 2, 3))],
    }


def made_tuple(cls: Any, call: Callable[[Any], Any]) -> tuple[type, str]:
    """Return the error of a call."""
    with pytest.raises(TypeError) as raised:
        call(cls)
    return raised.type, str(raised.value).removeprefix("Light")


def test_named_tuples_are_as_those_of_typing() -> None:
    assert seen_of(LightPair) == seen_of(Pair)
