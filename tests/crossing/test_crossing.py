"""What crosses to workers by value and by reference, and means the same there and back."""

from __future__ import annotations

import array
import builtins
import dataclasses
import sys
import textwrap
import types
import unittest.mock
from collections.abc import Callable
from typing import Any

import pytest

import bagkit as bk

pytestmark = pytest.mark.usefixtures("workers_end")


def main_program(text: str, name: str = "__main__") -> dict[str, Any]:
    """Run a text as a program's own module; return what is in it."""
    content: dict[str, Any] = {"__name__": name}
    exec(compile(textwrap.dedent(text), f"<{name}>", "exec", dont_inherit=True), content)
    return content


def through(function: Callable[..., Any], *records: Any, npartitions: int = 2) -> list[Any]:
    """Map in worker processes."""
    bag = bk.from_sequence(list(records), npartitions=npartitions).map(function)
    return bag.compute(scheduler="processes", workers=2)


# Classes of the program's own module

CLASSES = """
    import abc, collections, dataclasses, decimal, enum, functools, typing, weakref
    from typing import ClassVar
    import msgspec

    class Struct(msgspec.Struct, frozen=True, tag="s", rename="camel", omit_defaults=True):
        first_name: int
        tags: list[str] = msgspec.field(default_factory=list)
        other: int = msgspec.field(name="OTHER", default=3)
        def twice(self): return Struct(self.first_name * 2)

    class Longer(Struct, kw_only=True):
        more: str = "x"

    Value = typing.TypeVar("Value")

    class Box(msgspec.Struct, typing.Generic[Value]):
        value: Value

    class BoxOfInt(Box[int]):
        label: str = "x"

    class Unknown(msgspec.Struct):
        value: "OnlyForTypeCheckers"
        kind: typing.ClassVar[str] = "u"
        other: "ClassVar[str]" = "o"

    @dataclasses.dataclass(frozen=True)
    class Frozen:
        a: int

    @dataclasses.dataclass(slots=True)
    class Slotted:
        a: int
        b: str = "x"

    class Private:
        __slots__ = ("__hidden", "__weakref__")
        def __init__(self, value): self.__hidden = value
        def __eq__(self, other): return self.__hidden == other.__hidden
        def get(self): return self.__hidden

    class Below(Private):
        __slots__ = ("more",)
        def get(self): return super().get() + 1

    class Color(enum.Enum):
        RED = 1
        BLUE = 2

    class Planet(enum.Enum):
        EARTH = (5, 6)
        TERRA = (5, 6)
        def __init__(self, mass, radius): self.mass, self.radius = mass, radius
        @classmethod
        def _missing_(cls, value): return cls.EARTH

    class Coordinate(bytes, enum.Enum):
        X = (1, "first")
        Y = (2, "second")
        def __new__(cls, value, label):
            made = bytes.__new__(cls, [value])
            made._value_, made.label = value, label
            return made

    class Counted(enum.Enum):
        A = "x"
        B = "y"
        def __new__(cls, letter):
            made = object.__new__(cls)
            made._value_, made.letter = len(cls.__members__) + 1, letter
            return made

    class Table(dict, enum.Enum):
        SIZES = {"small": [1], "large": [2]}

    class Row(list, enum.Enum):
        FIRST = [1, 2]

    class Letters(set, enum.Enum):
        VOWELS = {"a", "e"}

    class Last(collections.deque, enum.Enum):
        TWO = [1, 2], 2

    class Rate(decimal.Decimal, enum.Enum):
        HALF = "0.50"

    class Slot(Slotted, enum.Enum):
        ONE = 1, "one"

    class Rights(enum.IntFlag):
        READ = 1
        WRITE = 2
        ALL = 3

    class Length:
        def __init__(self, metres): self.metres = metres

    class Track(Length, enum.Enum):
        SHORT = 100
        def __str__(self): return f"{self.metres} m"

    class Operation(enum.Enum):
        ADD = enum.member(lambda a, b: a + b)
        KEPT = enum.nonmember(7)
        def __call__(self, *numbers): return self.value(*numbers)

    class Named(typing.NamedTuple):
        a: int
        b: int = 3

    Identifier = typing.NewType("Identifier", int)

    Point = collections.namedtuple("Point", "x y")

    class Outer:
        class Inner: pass

    class Lazily:
        def __init__(self, value): self.value = value
        @functools.cached_property
        def twice(self): return self.value * 2
        def times(self, number, *, plus=0): return self.value * number + plus
        thrice = functools.partialmethod(times, 3, plus=1)

    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self): ...

    class Square(Shape):
        def area(self): return 4

    @functools.singledispatch
    def kind(value): return "other"
    @kind.register
    def _(value: int): return "int"

    @functools.cache
    def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)

    @functools.cache
    def counted(n): return n + counted.step
    counted.step = 3

    registry = weakref.WeakValueDictionary()
    registry["frozen"] = Frozen

    def typo(value):
        made = Private(value)
        made.mistyped = 1
"""


@pytest.fixture(scope="module")
def program() -> types.SimpleNamespace:
    return types.SimpleNamespace(**main_program(CLASSES))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("frozen", lambda p: lambda x: p.Frozen(x)),
        ("slots", lambda p: p.Slotted),
        ("private slots", lambda p: p.Private),
        ("private slots, read", lambda p: lambda x: p.Private(x).get()),
        ("slots of a subclass", lambda p: lambda x: p.Below(x).get()),
        ("struct", lambda p: p.Struct),
        ("struct, its method", lambda p: lambda x: p.Struct(x).twice()),
        ("struct of a struct", lambda p: lambda x: p.Longer(x, more="y")),
        ("struct, as JSON", lambda p: lambda x: p.msgspec.json.encode(p.Longer(x, more="y"))),
        ("struct of what only type checkers know", lambda p: lambda x: (p.Unknown(x), p.Unknown.kind, p.Unknown.other)),
        ("generic struct", lambda p: lambda x: (p.Box(x), p.Box[int](x), p.Box.__parameters__ == (p.Value,))),
        ("what a generic struct is of", lambda p: lambda x: p.msgspec.convert({"value": x}, p.Box[int])),
        ("struct of a generic struct", lambda p: lambda x: (p.BoxOfInt(x), p.BoxOfInt.__orig_bases__ == (p.Box[int],))),
        ("enum", lambda p: p.Color),
        ("enum with an __init__", lambda p: lambda x: (p.Planet.EARTH.radius, p.Planet(99) is p.Planet.EARTH)),
        ("enum with other names", lambda p: lambda x: (p.Planet.TERRA.mass, *p.Planet.__members__)),
        ("enum with a __new__", lambda p: lambda x: (p.Coordinate(x).label, bytes(p.Coordinate(x)))),
        ("enum with a __new__, its members", lambda p: p.Coordinate),
        ("enum that counts", lambda p: lambda x: (p.Counted(x), p.Counted(x).letter)),
        ("flag", lambda p: lambda x: (p.Rights(x), p.Rights.ALL, str(p.Rights.READ | p.Rights.WRITE), *p.Rights)),
        (
            "enum of a class",
            lambda p: lambda x: (p.Track.SHORT.metres, str(p.Track.SHORT), p.Track(p.Track.SHORT.value)),
        ),
        ("enum of dicts", lambda p: lambda x: (p.Table.SIZES["small"], p.Table.SIZES.value)),
        ("enum of lists", lambda p: lambda x: ([*p.Row.FIRST, x], p.Row.FIRST.value)),
        ("enum of sets", lambda p: lambda x: sorted(p.Letters.VOWELS)),
        ("enum of deques", lambda p: lambda x: (list(p.Last.TWO), p.Last.TWO.maxlen)),
        ("enum of decimals", lambda p: lambda x: (str(p.Rate.HALF * x), p.Rate.HALF.value)),
        ("enum of a class with slots", lambda p: lambda x: (p.Slot.ONE.a, p.Slot.ONE.b)),
        ("enum of functions", lambda p: lambda x: (p.Operation.ADD(x, 1), p.Operation.KEPT)),
        ("named tuple", lambda p: p.Named),
        ("collections' named tuple", lambda p: lambda x: p.Point(x, 1)),
        ("new type", lambda p: p.Identifier),
        ("nested", lambda p: lambda x: p.Outer.Inner.__qualname__),
        ("cached property", lambda p: lambda x: p.Lazily(x).twice),
        ("partial method", lambda p: lambda x: p.Lazily(x).thrice()),
        ("abstract", lambda p: lambda x: p.Square().area()),
        ("single dispatch", lambda p: p.kind),
        ("cache, recursive", lambda p: p.fib),
        ("cache with an attribute", lambda p: lambda x: (p.counted(x), p.counted.step, p.counted.__name__)),
        ("weak dictionary", lambda p: lambda x: p.registry["frozen"](x)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_program_defines_crosses(program: types.SimpleNamespace, name: str, function: Any) -> None:
    p = types.SimpleNamespace(**vars(program))
    assert through(function(p), 1, 2) == list(map(function(p), [1, 2]))


def test_a_class_of_c_is_found_by_its_name_where_a_class_of_the_program_stands_in_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those on the heap, as array and from 3.12 on deque, were taken for classes that were made while running."""
    program = main_program("""
        import array
        class Longer(array.array):
            def __len__(self): return super().__len__() + 1
        def length(x): return len(array.array("i", [x]))
    """)
    monkeypatch.setattr(array, "array", program["Longer"])
    assert through(program["length"], 1, 4) == [2, 2]


def test_members_of_an_enum_come_back_as_the_callers(program: types.SimpleNamespace) -> None:
    (red,) = through(program.Color, 1)
    assert red is program.Color.RED


def test_slots_refuse_other_attributes_in_workers_too(program: types.SimpleNamespace) -> None:
    with pytest.raises(AttributeError, match="mistyped"):
        through(program.typo, 1)


@pytest.mark.parametrize("kind", ["Frozen", "Named", "Point"])
def test_classes_of_the_program_are_keys(program: types.SimpleNamespace, kind: str) -> None:
    make = getattr(program, kind)
    more = () if kind == "Frozen" else (3,)
    groups = bk.from_sequence([1, 2, 1], npartitions=2).groupby(lambda n: make(n, *more)).compute(scheduler="processes")
    assert groups == [(make(1, *more), [1, 1]), (make(2, *more), [2])]


def test_a_class_that_comes_back_is_the_callers_and_is_left_alone() -> None:
    p = main_program(
        """
        K = 1
        class C:
            n = 0
            def __init__(self, value): self.value = value
            def k(self): return K
        """
    )
    for record in bk.from_sequence(range(6), npartitions=3).map(p["C"]):
        assert type(record) is p["C"]
        p["C"].n += 1
    p["K"] = 2
    assert p["C"].n == 6
    assert p["C"](0).k() == 2


def test_a_warm_worker_has_the_class_as_it_is_now() -> None:
    p = main_program("class C:\n    n = 0\ndef read(x): return C.n, hasattr(C, 'old')")
    p["C"].old = True
    assert through(p["read"], 1, 2) == [(0, True)] * 2
    p["C"].n = 5
    del p["C"].old
    assert through(p["read"], 1, 2) == [(5, False)] * 2


def test_instances_are_of_one_class_wherever_they_come_from() -> None:
    p = main_program("class C:\n    pass\ndef check(x): return isinstance(x, C)\ndef make(x): return C()")
    bag = bk.from_sequence([p["C"](), p["C"]()], npartitions=2)
    assert bag.map(p["check"]).compute(scheduler="processes") == [True, True]
    made = bk.from_sequence([1, 2, 3, 4], npartitions=4).map(p["make"])
    again = made.repartition(npartitions=2).map(p["check"]).compute(scheduler="processes")
    assert again == [True] * 4


def test_an_exception_class_of_the_program_is_caught_as_such() -> None:
    p = main_program(
        """
        class Coded(Exception):
            def __init__(self, value, *, code):
                super().__init__(value)
                self.code = code
        def fail(x): raise Coded(x, code=7)
        """
    )
    with pytest.raises(p["Coded"]) as caught:
        through(p["fail"], 1)
    assert caught.value.code == 7


def test_a_child_of_multiprocessing_computes() -> None:
    p = main_program("class C:\n    pass\ndef inc(x): return x + 1\ndef make(x): return C()", "__mp_main__")
    module = types.ModuleType("__mp_main__")
    vars(module).update(p)
    with unittest.mock.patch.dict(sys.modules, {"__mp_main__": module}):
        assert through(p["inc"], 1, 2) == [2, 3]
        assert [type(each) for each in through(p["make"], 1)] == [p["C"]]


def test_code_keeps_its_file_name() -> None:
    p = main_program("def where(x):\n    import sys\n    return sys._getframe().f_code.co_filename")
    assert through(p["where"], 1) == ["<__main__>"]


def test_sentinels_are_the_ones_under_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python 3.15 on, the two of dataclasses have one type, and a program can make more of it."""
    make = getattr(builtins, "sentinel", lambda name: dataclasses.KW_ONLY)
    own = eval("make('OWN')", {"__name__": "__main__", "make": make})
    monkeypatch.setattr(sys.modules["__main__"], "OWN", own, raising=False)
    known = [dataclasses.MISSING, dataclasses.KW_ONLY, own]
    with_default: Any = dataclasses.make_dataclass("WithDefault", [("x", int), ("y", Any, own)])

    def looked_at(number: int) -> tuple[list[bool], Any, bool]:
        fields = dataclasses.fields(with_default)
        defaults = [each is fields[number % 2].default for each in known]
        return defaults, own, own is known[2] and with_default(1).y is own

    found = bk.range(4, npartitions=2).map(looked_at).compute(scheduler="processes", workers=2)
    fields = dataclasses.fields(with_default)
    assert [each for each, _, _ in found] == [[each is fields[n % 2].default for each in known] for n in range(4)]
    assert all(is_same for _, _, is_same in found)
    assert all(each is own for _, each, _ in found) or make is not getattr(builtins, "sentinel", None)


def test_code_that_is_equal_but_for_its_file_or_lines_keeps_its_own() -> None:
    text = "def where(x):\n    def inner():\n{}        return __import__('sys')._getframe()\n    return place(inner())"
    found = []
    for blank, name in (("", "one"), ("\n", "one"), ("", "two"), ("", "one")):
        content = main_program("def place(frame): return frame.f_code.co_filename, frame.f_lineno")
        exec(compile(text.format(blank), name, "exec"), content)
        found += through(content["where"], 0, npartitions=1)
    assert found == [("one", 3), ("one", 4), ("two", 3), ("one", 3)]
