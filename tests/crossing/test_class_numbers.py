"""Classes in records that an earlier run has left: they are the ones that functions of later runs know."""

from __future__ import annotations

import concurrent.futures
import enum
import importlib
import sys
import textwrap
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers import pool

PROGRAM = """
    import abc, dataclasses, enum, typing
    import attr, msgspec

    class Color(enum.Enum):
        RED = 1

    class Rights(enum.Flag):
        READ = 1
        WRITE = 2

    @dataclasses.dataclass(frozen=True)
    class Frozen:
        a: int

    class Named(typing.NamedTuple):
        a: int

    class Struct(msgspec.Struct, frozen=True):
        a: int
        def twice(self): return self.a * 2

    @attr.frozen
    class Attributes:
        a: int

    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...

    class Square(Shape):
        __slots__ = ("a",)
        def __init__(self, a): self.a = a
        def area(self): return self.a
        def older(self): return True
        def __str__(self): return f"square {self.a}"

    def local():
        class Local: pass
        return Local

    def make(x):
        return [Color.RED, Rights.READ | Rights.WRITE, Frozen(x), Named(x), Struct(x), Attributes(x), Square(x), Square]

    def check(records):
        color, rights, frozen, named, struct, attributes, square, cls = records
        return [
            color is Color.RED,
            rights == Rights.READ | Rights.WRITE,
            frozen == Frozen(frozen.a),
            isinstance(named, Named),
            isinstance(struct, Struct) and struct == Struct(struct.a),
            attributes == Attributes(attributes.a),
            isinstance(square, Square) and isinstance(square, Shape),
            cls is Square,
        ]
"""
WORKERS: dict[str, Any] = {"scheduler": "processes", "workers": 2}


pytestmark = pytest.mark.usefixtures("workers_end")


@pytest.fixture
def program() -> types.SimpleNamespace:
    content: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(textwrap.dedent(PROGRAM), "<program>", "exec"), content)
    return types.SimpleNamespace(**content)


def persisted(function: Callable[..., Any], **options: Any) -> bk.Bag[Any]:
    return bk.from_sequence([1, 2], npartitions=2).map(function).persist(**(options or WORKERS))


def assert_all(results: list[list[bool]]) -> None:
    assert results == [[True] * 8] * 2


def test_persisted_records_are_of_the_programs_classes(program: types.SimpleNamespace) -> None:
    p = program
    bag = persisted(p.make)
    assert_all(bag.map(p.check).compute(**WORKERS))
    assert_all(bag.map(p.check).compute(**WORKERS))
    assert_all([p.check(records) for records in bag.compute(**WORKERS)])
    pool.end_workers()
    assert_all(bag.map(p.check).compute(**WORKERS))


def test_persisted_records_beside_new_ones(program: types.SimpleNamespace) -> None:
    p = program
    for old, new in ((persisted(lambda x: p.Color.RED), p.Color.RED), (persisted(lambda x: p.Frozen(0)), p.Frozen(0))):
        fresh = bk.from_sequence([new, new], npartitions=2)
        assert bk.concat([old, fresh]).distinct().count().compute(**WORKERS) == 1
        assert bk.concat([old, fresh]).groupby(lambda x: x).map(lambda kv: len(kv[1])).compute(**WORKERS) == [4]


def test_persisted_and_persisted_again(program: types.SimpleNamespace) -> None:
    p = program
    again = persisted(p.make).map(lambda records: records).persist(**WORKERS)
    assert_all(again.map(p.check).compute(**WORKERS))


def test_classes_that_only_workers_have_made(program: types.SimpleNamespace) -> None:
    p = program
    bag = persisted(lambda x: p.local()())
    first = type(bag.take(1)[0])
    assert bag.map(lambda record: isinstance(record, first)).compute(**WORKERS) == [True, False]


def test_a_class_that_was_changed_meanwhile_is_as_it_is_now(program: types.SimpleNamespace) -> None:
    p = program
    bag = persisted(p.make)
    p.Square.area = lambda self: "area"
    del p.Square.older
    del p.Square.__str__
    p.Struct.twice = lambda self: "twice"
    assert bag.map(lambda r: (r[6].area(), r[4].twice())).compute(**WORKERS) == [("area", "twice")] * 2
    assert bag.map(lambda r: hasattr(r[6], "older")).compute(**WORKERS) == [False] * 2
    assert bag.map(lambda r: str(r[6]) == repr(r[6])).compute(**WORKERS) == [True] * 2
    assert_all(bag.map(p.check).compute(**WORKERS))


def test_a_class_that_was_defined_again_is_another_one(program: types.SimpleNamespace) -> None:
    old, make, older = program.Square, program.make, program.check
    bag = persisted(make)
    make.__globals__["Square"] = new = type("Square", (old,), {"__module__": "__main__"})
    found = bag.map(lambda r: (type(r[6]) is old, isinstance(r[6], new), r[6].area())).compute(**WORKERS)
    assert found == [(True, False, 1), (True, False, 2)]
    assert [sum(result) for result in bag.map(older).compute(**WORKERS)] == [6, 6]


def test_records_of_modules_that_travel_by_value_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "earlier_users.py"
    path.write_text("class C:\n    def f(self): return g()\ndef g(): return 1\ndef is_c(x): return isinstance(x, C)\n")
    module = importlib.import_module("earlier_users")
    bag = persisted(lambda x: module.C())
    assert bag.map(module.is_c).compute(**WORKERS) == [True, True]
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(module, "g", lambda: 2)
        assert bag.map(lambda c: c.f()).compute(**WORKERS) == [2, 2]
        assert bag.map(module.is_c).compute(**WORKERS) == [True, True]
        patched = persisted(lambda x: module.C())
    assert bag.map(lambda c: (c.f(), module.is_c(c))).compute(**WORKERS) == [(1, True)] * 2
    assert patched.map(lambda c: (c.f(), module.is_c(c))).compute(**WORKERS) == [(1, True)] * 2
    path.write_text(path.read_text().replace("return 1", "return 3"))  # and it is not reloaded
    assert bag.map(lambda c: (c.f(), module.is_c(c))).compute(**WORKERS) == [(1, True)] * 2


def test_records_of_a_cache_whose_module_was_edited_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = tmp_path / "earlier_cached.py"
    path.write_text("class C:\n    def f(self): return g()\ndef g(): return 1\ndef is_c(x): return isinstance(x, C)\n")
    module = importlib.import_module("earlier_cached")
    bag = bk.from_sequence([1, 2], npartitions=2).map(lambda x: module.C()).cache(tmp_path / "cache")
    assert bag.map(module.is_c).compute(**WORKERS) == [True, True]
    path.write_text(path.read_text().replace("return 1", "return 3"))  # and it is not reloaded
    assert bag.map(lambda c: (c.f(), module.is_c(c))).compute(**WORKERS) == [(1, True)] * 2


def test_a_class_that_can_not_be_changed() -> None:
    content: dict[str, Any] = {"__name__": "__main__"}
    text = """
        class Frozen(type):
            def __setattr__(cls, name, value):
                if name == "a" and name in vars(cls): raise TypeError("frozen")
                super().__setattr__(name, value)
        class C(metaclass=Frozen):
            a = 1
        def read(x): return C.a
    """
    exec(textwrap.dedent(text), content)
    for _ in range(2):
        assert bk.from_sequence([1, 2], npartitions=2).map(content["read"]).compute(**WORKERS) == [1, 1]


def test_a_class_that_comes_again_has_all_that_it_had(program: types.SimpleNamespace) -> None:
    p = program
    for cls in (p.Square, p.Frozen, p.Named, p.Color, p.Struct):
        # Python 3.14 keeps annotations there once somebody has asked for them.
        bag = bk.from_sequence([1], npartitions=1).map(
            lambda x, cls=cls: sorted(vars(cls).keys() - {"__annotations_cache__"})
        )
        assert bag.compute(**WORKERS) == bag.compute(**WORKERS)


def test_what_the_users_modules_keep_in_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "earlier_keeps.py").write_text("seen = set()\ndef note(x):\n    seen.add(x)\n    return len(seen)\n")
    module = importlib.import_module("earlier_keeps")
    content: dict[str, Any] = {"__name__": "__main__", "note": module.note}
    exec("import enum\nclass E(enum.Enum):\n    A = 1\ndef noted(x): return note(E.A)", content)
    bag = bk.from_sequence([1, 2], npartitions=1).map(content["noted"])
    assert bag.compute(scheduler="processes", workers=1) == [1, 1]
    assert bag.compute(scheduler="processes", workers=1) == [1, 1]


def test_values_of_a_client(program: types.SimpleNamespace) -> None:
    p = program
    with bk.Client(workers=2) as client:
        made = client.submit(p.make, 1)
        assert all(client.submit(p.check, made).result())
        assert all(p.check(made.result()))
        kept = client.persist(bk.from_sequence([1, 2], npartitions=2).map(p.make))
        assert_all(client.compute(kept.map(p.check)).result())
        assert_all(bk.from_sequence([1, 2], npartitions=2).map(lambda x, y: p.check(y), made).compute(**WORKERS))


def test_a_client_takes_classes_as_they_are_when_it_begins_anew(program: types.SimpleNamespace) -> None:
    p = program
    with bk.Client(workers=2) as client:
        kept = client.submit(p.Square, 3)
        assert client.submit(lambda square: square.area(), kept).result() == 3
        p.Square.area = lambda self: -self.a
        assert client.submit(lambda square: square.area(), p.Square(5)).result() == -5
        assert client.submit(lambda square: (square.area(), isinstance(square, p.Square)), kept).result() == (-3, True)


def test_values_that_were_computed_together(program: types.SimpleNamespace) -> None:
    p = program
    delayed = bk.delayed(p.make)(1).persist(**WORKERS)
    assert all(bk.delayed(p.check)(delayed).compute(**WORKERS))
    item = bk.from_sequence([1, 2], npartitions=2).map(p.make).fold(lambda one, other: one).persist(**WORKERS)
    assert_all(bk.from_sequence([1, 2], npartitions=2).map(lambda x, y: p.check(y), item).compute(**WORKERS))


def test_on_executors(program: types.SimpleNamespace) -> None:
    p = program
    with concurrent.futures.ProcessPoolExecutor(1) as executor:
        bag = persisted(p.make, scheduler=executor)
        assert_all(bag.map(p.check).compute(scheduler=executor))
        assert_all(bag.map(p.check).compute(**WORKERS))
        assert_all(persisted(p.make).map(p.check).compute(scheduler=executor))


def test_what_bases_do_about_a_class_they_do_once() -> None:
    """In another process they would do it again, without the arguments of the `class` line."""
    names: list[str] = []

    class Base:
        def __init_subclass__(cls, key: str, **others: Any) -> None:
            super().__init_subclass__(**others)
            names.append(key)
            cls.key = key

        key = ""

    class Derived(Base, key="first"):
        pass

    class Kinds(enum.Enum):
        def __init_subclass__(cls, **others: Any) -> None:
            names.append(cls.__name__)

    class Kind(Kinds):
        ONE = 1

    def known(number: int) -> Any:
        return Derived().key, Kind.ONE.value, list(names)

    def defined_there(number: int) -> Any:
        class There(Derived, key="there"):
            pass

        names.remove("there")
        return There()

    numbers = bk.range(2, npartitions=2)
    for _ in range(2):
        assert numbers.map(known).compute(scheduler="processes", workers=1) == [("first", 1, ["first", "Kind"])] * 2
        found = numbers.map(defined_there).compute(scheduler="processes", workers=1)
        assert [(one.key, isinstance(one, Base)) for one in found] == [("there", True)] * 2
    assert names == ["first", "Kind"]

    class Later(Base, key="later"):
        pass

    assert names.pop() == Later.key == "later"
