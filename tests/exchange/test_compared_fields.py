"""Dataclasses as keys: equal ones have one digest, or are refused, wherever their code comes from."""

from __future__ import annotations

import enum
import itertools
import pickle
import uuid
from typing import Any

import cloudpickle
import pytest

import bagkit as bk
from bagkit.exchange.digest import Undigestible, digest
from bagkit.schedulers import pool

PROGRAM = """
import dataclasses, enum, pathlib, typing
from dataclasses import dataclass, field

@dataclass(frozen=True)
class Plain:
    a: int
    b: int = 0

@dataclass(frozen=True)
class Nothing:
    pass

@dataclass(frozen=True)
class OwnEq:
    a: int
    def __eq__(self, other): return self.a % 2 == other.a % 2
    def __hash__(self): return self.a % 2

@dataclass(frozen=True)
class OwnHash:
    a: int
    def __hash__(self): return self.a % 2

@dataclass(frozen=True)
class InheritedOwnEq(OwnEq):
    b: int = 0
    __eq__ = OwnEq.__eq__
    __hash__ = OwnEq.__hash__

@dataclass(frozen=True, eq=False)
class InheritedEq(Plain):
    c: int = 0

@dataclass(frozen=True, eq=False)
class BelowOwnEq(OwnEq):
    c: int = 0

class Below(Plain):
    pass

class BelowWithOwnEq(Plain):
    def __eq__(self, other): return self.a == other.a
    def __hash__(self): return self.a

@dataclass(frozen=True)
class Longer(Plain):
    c: int = 0

@dataclass(eq=False, frozen=True)
class Identity:
    a: int

@dataclass(frozen=True)
class Partly:
    a: int
    b: int = field(default=0, compare=False)
    c: int = field(default=0, hash=False)
    d: int = field(default=0, compare=False, hash=True)

@dataclass(unsafe_hash=True, order=True, slots=True)
class Slotted:
    a: int
    b: int = 0

Called = dataclasses.make_dataclass("Called", ["a", ("b", int, 0)], frozen=True)

@dataclass(frozen=True, eq=False, init=False)
class Text(str):
    pass

class Cached:
    def __eq__(self, other): return type(self) is type(other)
    def __hash__(self): return 1

@dataclass(frozen=True, eq=False)
class BelowHand(Cached):
    a: int = 0

def patched(cls):
    cls.__eq__ = lambda self, other: self.a % 2 == other.a % 2
    cls.__hash__ = lambda self: self.a % 2
    return cls

@patched
@dataclass(frozen=True)
class Patched:
    a: int

class Named(typing.NamedTuple):
    a: int
    def __eq__(self, other): return self[0] % 2 == other[0] % 2
    def __hash__(self): return self[0] % 2

class Walked(typing.NamedTuple):
    a: int
    def __iter__(self): return iter([id(self)])

class Word(str):
    def encode(self, *_): return str(id(self)).encode()

class Path(pathlib.PurePosixPath):
    def __eq__(self, other): return str(self).lower() == str(other).lower()
    def __hash__(self): return hash(str(self).lower())

class Colour(enum.Enum):
    RED = 1
    BLUE = 2
    def __eq__(self, other): return True
    def __hash__(self): return 1

class Planet(Plain, enum.Enum):
    EARTH = (1, 2)
    MARS = (2, 2)
"""
KEYS = {
    "Plain": [(1,), (1, 0), (True, 0.0), (2,), (1, 1)],
    "Nothing": [(), ()],
    "InheritedEq": [(1, 0, 5), (1, 0, 6), (2, 0, 5)],
    "Below": [(1,), (1, 0), (2,)],
    "Longer": [(1,), (1, 0, 0), (1, 0, 1)],
    "Partly": [(1, 1, 0, 1), (1, 2, 0, 2), (1, 1, 1, 1), (2,)],
    "Slotted": [(1,), (1, 0), (2,)],
    "Called": [(1,), (1, 0), (2,)],
    "Text": [("a",), ("a",), ("b",)],
    "Walked": [(1,), (1,), (2,)],
    "Word": [("a",), ("a",), ("b",)],
    "Planet": [("EARTH",), ("MARS",), ("EARTH",)],
}
REFUSED = {
    "OwnEq": [(1,), (3,)],
    "OwnHash": [(1,)],
    "InheritedOwnEq": [(1,)],
    "BelowOwnEq": [(1,)],
    "BelowWithOwnEq": [(1,)],
    "BelowHand": [()],
    "Identity": [(1,)],
    "Patched": [(1,)],
    "Named": [(1,)],
    "Path": [("a",)],
    "Colour": [("RED",)],
}


def program(file: str) -> dict[str, Any]:
    content: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(PROGRAM, file, "exec"), content)
    return content


@pytest.fixture(scope="module", params=["<string>", "<stdin>", "script.py", "cloudpickle"])
def classes(request: pytest.FixtureRequest) -> dict[str, Any]:
    content = program("<string>" if request.param == "cloudpickle" else request.param)
    if request.param == "cloudpickle":
        for name in {*KEYS, *REFUSED} - {"Colour", "Planet"}:  # whose members are made otherwise
            tracker = cloudpickle.cloudpickle._get_or_create_tracker_id(content[name])
            data = cloudpickle.dumps(content[name]).replace(tracker.encode(), uuid.uuid4().hex.encode())
            content[name] = pickle.loads(data)
    return content


def key_of(cls: Any, arguments: tuple[Any, ...]) -> Any:
    return cls[arguments[0]] if issubclass(cls, enum.Enum) else cls(*arguments)


@pytest.mark.parametrize("name", KEYS)
def test_equal_keys_have_one_digest(classes: dict[str, Any], name: str) -> None:
    keys = [key_of(classes[name], arguments) for arguments in KEYS[name]]
    for one, other in itertools.product(keys, repeat=2):
        assert (digest(one) == digest(other)) >= (one == other)
    if name != "Nothing":
        assert len({*map(digest, keys)}) > 1


@pytest.mark.parametrize("name", REFUSED)
def test_keys_of_unknown_equality_are_refused(classes: dict[str, Any], name: str) -> None:
    for arguments in REFUSED[name]:
        with pytest.raises(Undigestible, match=name):
            digest(key_of(classes[name], arguments))


def test_a_class_that_is_changed_meanwhile() -> None:
    cls = program("<string>")["Plain"]
    assert digest(cls(1)) == digest(cls(1.0))
    cls.__eq__ = lambda self, other: True
    with pytest.raises(Undigestible):
        digest(cls(1))


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@pytest.mark.parametrize(("name", "groups"), [("OwnEq", None), ("InheritedEq", 1), ("Plain", 3), ("Named", None)])
def test_groups(scheduler: str, name: str, groups: int | None) -> None:
    content = program("<string>")
    exec(f"def key(x): return {name}({'1, 0, ' if name == 'InheritedEq' else ''}x)", content)
    bag = bk.from_sequence([1, 2, 3], npartitions=3).groupby(content["key"]).count()
    distinct = bk.from_sequence([1, 2, 3], npartitions=3).map(content["key"]).approx_distinct()
    for counted in (bag, distinct):
        if groups is None:
            with pytest.raises(bk.UnstableKeyError, match=name):
                counted.compute(scheduler=scheduler, workers=2)
        else:
            assert counted.compute(scheduler=scheduler, workers=2) == groups
    pool.end_workers()
