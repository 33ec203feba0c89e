"""Lines of JSON say what json.dumps says, whatever wrote them."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import math
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bagkit.json.write import json_lines_encoder, quick_look
from tests.each_case import each_case
from tests.examples import examples

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "Lu", "Zl", "So"]))
)
KEYS = st.text() | st.integers() | st.none() | st.booleans() | st.floats(allow_nan=False)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=12,
)


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Word(enum.StrEnum):
    YES = "yes"


class Strict(enum.StrEnum):
    RED = "red"

    def __eq__(self, other: Any) -> bool:
        return bool(self.value == other.value)

    __hash__ = str.__hash__


class Text(str):
    __slots__ = ()


class Record(dict):  # type: ignore[type-arg]
    pass


@dataclasses.dataclass
class Point:
    x: int


Pair = collections.namedtuple("Pair", "a b")
ODD: list[Any] = [
    uuid.UUID(int=5), Colour.RED, Level.LOW, Word.YES, Strict.RED, Text("null"), Record(a=1), Point(1), Pair(1, "b"),
    {1, 2}, b"x", bytearray(b"x"), 1j, decimal.Decimal("1.5"), datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1),
    object, range(3), float("nan"), float("inf"), -0.0, 1e16, 5e-324, 2**64, -(2**63) - 1, 2**63, "null", "\ud800",
    None, "\u2028\x7f\x00", {"null": "null"}, {None: None}, {1: 1, "1": 2}, {(1, 2): 3}, {Level.LOW: 1},
    {Text("a"): 1}, collections.OrderedDict(a=1), collections.Counter("ab"), [Text("a"), None], (),
    ((1, (2,)),), [[[]]],
]  # fmt: skip


def meant(value: Any, **options: Any) -> Any:
    """Return what json.dumps says `value` is, as one can read it; or the error's type."""
    try:
        return json.loads(json.dumps(value, **options))
    except Exception as error:
        return type(error)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, in type too, and NaN equal to NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return math.copysign(1, one) == math.copysign(1, other) and (one == other or (one != one and other != other))
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(same, one.values(), other.values()))
    return bool(one == other)


def check(value: Any, allow_nan: bool, default: Any = None) -> None:
    expected = meant(value, allow_nan=allow_nan, default=default)

    def encode(value: Any) -> bytes:
        (line,) = json_lines_encoder(default, allow_nan)([value])
        return line

    if isinstance(expected, type):
        with pytest.raises(expected) as caught:
            encode(value)
        assert caught.type is expected
        return
    line = encode(value)
    assert b"\n" not in line
    assert b"\r" not in line
    assert same(json.loads(line), expected)


@examples(150)
@given(VALUES, st.booleans())
def test_is_what_json_dumps_means(value: Any, allow_nan: bool) -> None:
    check(value, allow_nan)


@each_case("allow_nan", [True, False])
@each_case("value", ODD, ids=[f"{number}-{type(odd).__name__}" for number, odd in enumerate(ODD)])
def test_is_what_json_dumps_means_of_odd_values(value: Any, allow_nan: bool) -> None:
    for around in (value, [value], {"a": [1, value]}, (1, value)):
        check(around, allow_nan)
        check(around, allow_nan, default=str)
        check(around, allow_nan, default=lambda odd: [type(odd).__name__])


def test_too_deep_and_circular() -> None:
    deep: Any = []
    for _ in range(300):  # orjson gives up at 254
        deep = [deep]
    check(deep, False)
    circle: list[Any] = []
    circle.append(circle)
    check(circle, False)
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        list(json_lines_encoder()([deep]))


def test_no_spaces_and_no_escapes_without_need() -> None:
    assert list(json_lines_encoder()([{"ä": [1, "b"], "c": (1,)}])) == ['{"ä":[1,"b"],"c":[1]}'.encode()]


def test_a_quick_look_never_takes_what_json_gives_back_otherwise() -> None:
    look = quick_look()
    deep: list[Any] = []
    for _ in range(600):
        deep = [deep]
    endless: list[Any] = []
    endless += [endless, endless]
    odd = [float("nan"), float("inf"), "\ud800", b"a", (1,), {1: 2}, {"a": (1,)}, {Text("a"): 1}, {"\ud800": 1}, {1}]
    odd += [Text("a"), Record(a=1), *Colour, *Level, *Word, uuid.UUID(int=1), datetime.date(2024, 1, 1), 10**700]
    for value in (*odd, decimal.Decimal(1), deep, endless):
        for record in (value, {"record": value}, [[value], value]):
            assert not look([record])
            assert not look([{"a": 1}, record, {"a": 2}])
    plain: Any
    for plain in (None, True, -0.0, 2**63, "é", [], {}, {"a": [1.5, {"b": None}]}):
        assert look([plain, {"record": plain}, [plain]])
