"""Blocks written by `map(json.dumps)` are what json.dumps writes, record by record, and raise what it raises."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import functools
import json
import random
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import orjson
import pytest

import bagkit as bk
from bagkit.optimizer import optimize
from bagkit.plan.explain import plan_text
from tests.each_case import each_case


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Share(float, enum.Enum):
    HALF = 1


class Word(str, enum.Enum):  # noqa: UP042  # json.dumps is to see both kinds
    YES = "yes"


class Yes(enum.StrEnum):
    YES = "yes"


class Coordinate(bytes, enum.Enum):
    """Its value is not its content."""

    X = 0

    def __new__(cls, number: int) -> Coordinate:
        self = bytes.__new__(cls, b"x")
        self._value_ = "text"
        return self


class Text(str):
    __slots__ = ()


class Whole(int):
    def __repr__(self) -> str:
        return "whole"


class Real(float):
    def __repr__(self) -> str:
        return "real"


class Several(list):  # type: ignore[type-arg]
    def __iter__(self) -> Iterator[Any]:
        return iter(["other"])


class Record(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        return [("own", 1)]


@dataclasses.dataclass
class Point:
    x: int


class Struct(msgspec.Struct):
    x: int = 1


Pair = collections.namedtuple("Pair", "a b")
HOLDING_ITSELF: list[Any] = [1]
HOLDING_ITSELF.append({"again": HOLDING_ITSELF})


def nested(depth: int) -> Any:
    value: Any = 1
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


ODD: list[Any] = [
    Colour.RED, Level.LOW, Share.HALF, Word.YES, Yes.YES, Coordinate.X, Text("text"), Whole(3), Real(1.5),
    Several([1]), Record(a=1), Point(1), Struct(), Pair(1, "b"), collections.OrderedDict(a=1),
    collections.Counter("ab"), collections.defaultdict(int, a=1), uuid.UUID(int=5), {1, 2}, frozenset(),
    b"x", bytearray(b"x"), 1j, range(3),
    decimal.Decimal("1.5"), datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), datetime.timedelta(1),
    datetime.time(1), object, ..., orjson.Fragment(b"1"), msgspec.Raw(b"1"), HOLDING_ITSELF, nested(300), nested(250),
    2**64, -(2**63) - 1, 2**63, 10**40, "\ud800", "a\udc00b", {Text("a"): 1}, {Word.YES: 1}, {(1, 2): 3},
    ["a", "\x1e", "b"], {"a": [1, "\x1e", "\x1e", None]},
]  # fmt: skip
FLOATS = [
    float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 1e16, 1e15, 9999999999999998.0, 1e-4, 1e-5, 9.999e-5, 5e-324,
    1e22, 1.7976931348623157e308, 0.1, 2.5, -1e-7, 123456789.123456789, 1e100, 1 / 3,
]  # fmt: skip
TEXTS = [
    "", "a", "é", "€", "😀", "\U0010ffff", "\x7f", "\x80", "\xff", "\\", "\\\\xe9", "\\u00e9", "\\U0001f600é", '"',
    '", "', "/", "</a>", "\n", "\r\n\t\b\f", "\x00\x1e\x1f", "\x1e", ', "\x1e", ', "\u2028\u2029", "null", "NaN", "1e5",
    "0.0000", "a\\é", "\\😀", "日本語のテキスト", "a" * 600, "é" * 600, "\ufeff", "\uffff",
]  # fmt: skip
KEYS = ["a", "b", "name", "é", "😀", '"', "\\", "\x7f", "", "\x1e"]
ODD_KEYS: list[Any] = [1, 1.5, None, True, float("nan"), 2**70, Level.LOW, "1", 1e-5]


def value_of(rng: random.Random, odd: float, depth: int = 4) -> Any:
    """Return a value as records have it; with the probability `odd` each part of it is something else."""
    if rng.random() < odd:
        return rng.choice(ODD)
    kind = rng.randrange(12 if depth else 8)
    if kind < 2:
        return rng.choice(TEXTS) if rng.random() < 0.5 else "".join(rng.choices('abc xyz\\"é0.e-', k=rng.randrange(9)))
    if kind < 4:
        return rng.choice(
            [0, -1, 1, 36, 2**31, 2**53 + 1, -(2**63), 2**63 - 1, rng.randrange(10 ** rng.randrange(1, 19))]
        )
    if kind == 4:
        return rng.choice(FLOATS) if rng.random() < odd * 4 else round(rng.uniform(-1000, 1000), rng.randrange(9))
    if kind < 8:
        return rng.choice([None, True, False])
    inner = [value_of(rng, odd, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 8:
        return inner
    if kind == 9:
        return tuple(inner)
    return {rng.choice(ODD_KEYS if rng.random() < odd else KEYS): value for value in inner}


Outcome = tuple[type, Any]


def outcome(call: Callable[[], Any]) -> Outcome:
    """Return what a call returns, or the type and the text of what it raises."""
    try:
        value = call()
    except Exception as error:
        return type(error), str(error)
    return type(value), value


SETTINGS: list[dict[str, Any]] = [
    {}, {"ensure_ascii": False}, {"separators": (",", ":")}, {"ensure_ascii": False, "separators": (",", ":")},
    {"sort_keys": True}, {"allow_nan": False}, {"skipkeys": True}, {"default": str},
    {"default": repr, "sort_keys": True}, {"check_circular": True, "indent": None, "cls": None},
    {"separators": [", ", ": "]},
]  # fmt: skip


def check(records: list[Any], settings: dict[str, Any]) -> None:
    """Compare what a bag gives of each record, and the error of each that has one, with json.dumps."""
    bag = bk.from_sequence(records, npartitions=1).map(json.dumps, **settings)
    got = bag.compute(scheduler="sync", on_error="collect")
    expected = [outcome(functools.partial(json.dumps, record, **settings)) for record in records]
    assert got.result == [value for kind, value in expected if kind is str]
    assert {*map(type, got.result)} <= {str}
    assert [(type(each.error), str(each.error)) for each in got.failures] == [
        each for each in expected if each[0] is not str
    ]


@each_case("settings", SETTINGS, ids=repr)
@each_case("odd", [0.0, 0.001, 0.02, 0.3])
def test_generated_records(settings: dict[str, Any], odd: float) -> None:
    rng = random.Random(f"{settings} {odd}")
    check([value_of(rng, odd) for _ in range(300)], settings)


@pytest.mark.parametrize("settings", SETTINGS, ids=repr)
def test_each_odd_value_among_others(settings: dict[str, Any]) -> None:
    values = [*ODD, *FLOATS, *TEXTS, *[{key: 1} for key in ODD_KEYS], *[{text: text} for text in TEXTS]]
    for value in values[SETTINGS.index(settings) % 3 :: 3]:
        check([{"a": 1}, {"a": value}, {"a": [1.5, {"b": (value,)}]}, "é", value], settings)
    check(values, settings)


@each_case("settings", [{}, {"separators": (",", ":")}, {"ensure_ascii": False}], ids=repr)
def test_long_lines_some_of_them_not_ascii(settings: dict[str, Any]) -> None:
    """Those that are ASCII are left as they are, so the others have to go back to where they were."""
    odd = ["é", "日本", "😀", "\x7f", "\x80", "\n", '"', "\x1e", "\U0010ffff"]
    records = [{"n": n, "text": "a" * 700 + "".join(odd[n % 9 :: 4]) * (n % 3)} for n in range(300)]
    check(records, settings)
    check([{"n": n, "text": "a" * 700 + "\\" * (n % 2) + "é"} for n in range(100)], settings)


def test_deep_nesting_ends_where_json_dumps_ends() -> None:
    levels = range(sys.getrecursionlimit() - 300, sys.getrecursionlimit(), 2)
    bag = bk.from_sequence([nested(depth) for depth in levels], npartitions=1).map(json.dumps)
    got = [bag.compute(scheduler="sync", on_error="collect", optimize=on) for on in (True, False)]
    assert got[0].result == got[1].result


REAL = json.dumps
RECORDS: list[Any] = [{"a": 1, "b": "é"}, {"a": [1.5, None]}, "x"]


def is_recognised(bag: Any) -> bool:
    return "dump_json" in plan_text(*optimize((bag.plan,)))


def wrapped(value: Any, **settings: Any) -> str:
    return "wrapped " + REAL(value, **settings)


def iterencode(self: Any, value: Any, _one_shot: bool = False) -> Iterator[str]:
    return iter(["patched"])


def own_encoder(**settings: Any) -> json.JSONEncoder:
    return json.JSONEncoder(**settings)


PATCHES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "wrapper": lambda patch: patch.setattr(json, "dumps", wrapped),
    "partial": lambda patch: patch.setattr(json, "dumps", functools.partial(REAL, indent=1)),
    "orjson": lambda patch: patch.setattr(json, "dumps", orjson.dumps),
    "defaults": lambda patch: patch.setitem(REAL.__kwdefaults__, "indent", 1),  # type: ignore[arg-type]
    "encoder": lambda patch: patch.setattr(json, "_default_encoder", own_encoder(sort_keys=True, indent=2)),
    "encoder with a default": lambda patch: patch.setattr(json, "_default_encoder", own_encoder(default=str)),
    "a setting of the encoder": lambda patch: patch.setattr(json._default_encoder, "item_separator", ";"),  # type: ignore[attr-defined]
    "a method of the encoder": lambda patch: patch.setattr(json.JSONEncoder, "iterencode", iterencode),
    "a separator of the class": lambda patch: patch.setattr(json.JSONEncoder, "key_separator", "="),
    "below the encoder": lambda patch: patch.setattr(
        json.encoder, "encode_basestring_ascii", lambda text: '"other"'),
}  # fmt: skip


@pytest.mark.parametrize("name", PATCHES)
def test_what_is_in_its_place_runs(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert is_recognised(bk.from_sequence(RECORDS).map(json.dumps))
    PATCHES[name](monkeypatch)
    bag = bk.from_sequence(RECORDS, npartitions=1).map(json.dumps)
    assert not is_recognised(bag)
    assert bag.compute(scheduler="sync") == [json.dumps(record) for record in RECORDS]
    monkeypatch.undo()
    assert is_recognised(bk.from_sequence(RECORDS).map(json.dumps))


dumps = json.dumps


def compact(record: Any) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


KNOWN: dict[str, Callable[[Any], str]] = {
    "partial": functools.partial(json.dumps, sort_keys=True),
    "partial of a partial": functools.partial(functools.partial(json.dumps, sort_keys=True), sort_keys=False),
    "lambda": lambda record: json.dumps(record),
    "lambda with settings": lambda record: json.dumps(record, ensure_ascii=False, separators=(",", ":")),
    "lambda with a default": lambda record: json.dumps(record, default=str),
    "lambda by its own name": lambda record: dumps(record, sort_keys=True),
    "function": compact,
}
OTHER: dict[str, Callable[[Any], Any]] = {
    "indent": functools.partial(json.dumps, indent=2),
    "cls": functools.partial(json.dumps, cls=json.JSONEncoder),
    "separators": functools.partial(json.dumps, separators=(", ", ":")),
    "ensure_ascii is no bool": functools.partial(json.dumps, ensure_ascii=0),  # type: ignore[arg-type]
    "with an end": lambda record: json.dumps(record) + ".",
    "twice": lambda record: json.dumps(json.dumps(record)),
    "of a part": lambda record: json.dumps([record]),
    "of something else": lambda record: json.dumps(RECORDS),
    "separators from outside": lambda record: json.dumps(record, separators=SEPARATORS),
    "another function": lambda record: str(record),
    "several arguments": lambda record, end="": json.dumps(record),
    "orjson": orjson.dumps,
}
SEPARATORS = (",", ":")


@pytest.mark.parametrize("name", [*KNOWN, *OTHER])
def test_functions_that_call_it(name: str) -> None:
    function = {**KNOWN, **OTHER}[name]
    bag = bk.from_sequence(RECORDS, npartitions=1).map(function)
    assert is_recognised(bag) == (name in KNOWN)
    assert bag.compute(scheduler="sync") == list(map(function, RECORDS))


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
@pytest.mark.parametrize("function", [json.dumps, compact, functools.partial(json.dumps, allow_nan=False)])
def test_errors_are_those_of_json_dumps(scheduler: Any, function: Callable[[Any], str]) -> None:
    records = [*RECORDS * 30, {"a": {1, 2}}, *RECORDS]
    odd = ({1, 2}, uuid.UUID(int=1), Colour.RED, {(1, 2): 3})
    for broken in odd if scheduler == "sync" else odd[:1]:
        records[90] = {"a": broken}
        bag = bk.from_sequence(records, npartitions=2).map(function)
        told = []
        for on in (True, False):
            with pytest.raises(TypeError) as caught:
                bag.compute(scheduler=scheduler, optimize=on)
            told.append((str(caught.value), caught.value.__notes__[:3]))  # the operation, the place, the record
        assert told[0] == told[1]


def test_records_that_it_refuses_are_given_to_the_default_once() -> None:
    given = []

    def default(value: Any) -> str:
        given.append(value)
        return "given"

    records = [{"a": 1}, {"a": {1}}, {"a": uuid.UUID(int=1)}, {"a": Colour.RED}] * 20
    lines = bk.from_sequence(records, npartitions=1).map(json.dumps, default=default).compute(scheduler="sync")
    assert lines == ['{"a": 1}', *['{"a": "given"}'] * 3] * 20
    assert given == [record["a"] for record in records if record["a"] != 1]
