"""Odd values through every way out: what is read back is the value, in the form that docs say, or it is an error."""

from __future__ import annotations

import datetime as dt
import enum
import math
import sqlite3
import subprocess
import sys
import uuid
from collections import Counter, OrderedDict, deque, namedtuple
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

import bagkit as bk
from tests.each_case import each_case

SYNC = {"scheduler": "sync"}
NOON = dt.datetime(2026, 1, 2, 12, 0, 0, 678901)
EAST = dt.timezone(dt.timedelta(hours=2))
Pair = namedtuple("Pair", "x y")


class Colour(enum.IntEnum):
    RED = 1


class Word(enum.StrEnum):
    YES = "yes"


class Kind(enum.Enum):
    ONE = 1


class Shouted(str):
    def __str__(self) -> str:
        return self.upper()


class Half(float):
    pass


class Table(dict):  # type: ignore[type-arg]
    pass


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


VALUES: list[Any] = [
    None, True, 0, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64, -(2**70), 0.0, -0.0, 0.1, 5e-324, 1e308,
    math.nan, math.inf, -math.inf, Half(0.5), 1j, Decimal("1.10"), Decimal("NaN"), Fraction(1, 3), Colour.RED, Kind.ONE,
    "", "é", "a\0b", "a\r\nb", "\ud800", "nan", "null", "😀" * 3, Word.YES, Shouted("quiet"), b"", b"\xff\0",
    bytearray(b"a"), memoryview(b"a"), NOON, NOON.replace(tzinfo=dt.UTC), NOON.replace(tzinfo=EAST), dt.datetime.min,
    dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1), dt.datetime.max,
    NOON.replace(tzinfo=dt.timezone(dt.timedelta(seconds=1, microseconds=5))), NOON.date(), dt.date.min, NOON.time(),
    NOON.time().replace(tzinfo=EAST), dt.timedelta(1, 2, 3), uuid.UUID(int=5), Path("a"), [], [1, 2], (1, 2), [1, 0.5],
    [1, "a"], [0.5, 2**60], [None, 1], [math.nan, 1.5], [[]], [[1], None], [NOON], [NOON.date()], {1}, frozenset({1}),
    deque([1]), range(3), Pair(1, 2), {"a": 1}, {"": 1}, {1: 2}, {1: 2, "1": 3}, {"a": (1, 2)}, {"a": None}, {"a": {}},
    {}, Table(a=1), OrderedDict(b=1, a=2), Counter("a"), {Word.YES: 1}, {"a": {1}}, {"\ud800": 1}, [{}], deep(50),
    deep(1500), np.int8(3), np.uint64(2**64 - 1), np.float32(0.1), np.float16(0.1), np.bool_(True), np.str_("a"),
    np.bytes_(b"a"), np.datetime64("2026-01-02"), np.datetime64(1, "ns"), np.timedelta64(1, "s"), np.array([1, 2]),
    np.array([0.1], "f4"), np.array(5), pd.Timestamp(NOON), pd.Timestamp(1), pd.NaT, pd.NA, pd.Timedelta(1), int,
    ..., iter(()),
]  # fmt: skip


@contextmanager
def deeper() -> Iterator[None]:
    """Let this file follow what Python 3.13 writes and reads: that may be nested more deeply than its own limit."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


def plain(value: Any) -> Any:
    """Return the value as what is no class of its own: what every way out may give instead of it."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, np.generic | np.ndarray) and value.shape == ():
        value = value.item()
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime()
    if isinstance(value, dict):
        return {str.__str__(name) if isinstance(name, str) else name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    for kind in (float, str):
        if isinstance(value, kind):
            return kind.__str__(value) if kind is str else kind(value)
    return value


def arrow(bag: Any, folder: Path) -> Any:
    return bag.to_arrow(**SYNC).to_pylist()


def polars(bag: Any, folder: Path) -> Any:
    return bag.to_polars(**SYNC).to_dicts()


def parquet(bag: Any, folder: Path) -> Any:
    (path,) = bag.to_parquet(folder / "a.parquet", **SYNC)
    return pq.read_table(path).to_pylist()


def pandas(bag: Any, folder: Path) -> Any:
    rows = bag.to_dataframe(**SYNC).to_dict("records")
    with deeper():
        return [{name: plain(value) for name, value in row.items()} for row in rows]


def sqlite(bag: Any, folder: Path) -> Any:
    bag.to_sqlite(folder / "a.db", "t", **SYNC)
    with closing(sqlite3.connect(folder / "a.db")) as database:
        return [{"x": value} for (value,) in database.execute("SELECT x FROM t")]


def jsonl(bag: Any, folder: Path) -> Any:
    return bk.read_json(bag.to_jsonl(folder / "*.jsonl", **SYNC).paths).compute(**SYNC)


def as_sqlite(value: Any) -> Any:
    """Return what SQLite has for the value: dates as text, no bools, no NaN, no -0.0."""
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):
        return None if math.isnan(value) else value or 0.0
    return int(value) if isinstance(value, bool) else value


def as_json(value: Any) -> Any:
    """Return the value with keys as json.dumps writes them."""
    if isinstance(value, dict):
        return {str(name): as_json(inner) for name, inner in value.items()}
    return value


WAYS: dict[str, tuple[Callable[[Any, Path], Any], Callable[[Any], Any]]] = {
    "to_arrow": (arrow, lambda value: value),
    "to_polars": (polars, lambda value: value),
    "to_parquet": (parquet, lambda value: value),
    "to_dataframe": (pandas, lambda value: value),
    "to_sqlite": (sqlite, as_sqlite),
    "to_jsonl": (jsonl, as_json),
}


def same(one: Any, other: Any) -> bool:
    """Return whether two plain values are one value: of one type, NaN and NaN too, 0.0 and -0.0 not."""
    if isinstance(one, float) and isinstance(other, float):
        return repr(one) == repr(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, dt.datetime) and isinstance(other, dt.datetime) and one.tzinfo is not None:
        return other.tzinfo is not None and one.astimezone(dt.UTC) == other.astimezone(dt.UTC)
    return bool(type(one) is type(other) and one == other)


def as_float(value: Any) -> Any:
    """Return the value with its ints as floats, which they are in lists beside floats, if they are exact in them."""
    if isinstance(value, list) and any(isinstance(inner, float) for inner in value):
        return [float(inner) if type(inner) is int else inner for inner in value]
    return value


@each_case("value", VALUES, ids=lambda value: f"{type(value).__name__}")
def test_what_is_read_back_is_what_was_given_or_it_is_an_error(value: Any, tmp_path: Path) -> None:
    for way in WAYS:
        try:
            (tmp_path / way).mkdir()
            check(way, value, tmp_path / way)
        except BaseException as error:
            error.add_note(f"by {way}")
            raise


def check(way: str, value: Any, folder: Path) -> None:
    write, form = WAYS[way]
    bag = bk.range(2, 2).map(lambda n: {"x": value})
    try:
        found = write(bag, folder)
    except bk.ColumnTypeError as error:
        text = str(error)
        found = []
    except (TypeError, ValueError, RecursionError) as error:  # what json.dumps raises, with the place
        text = "\n".join(error.__notes__) if way == "to_jsonl" else ""
        found = []
    if not found:
        assert "'x'" in text or "nested too deeply" in text or "partition 0" in text
        assert sorted(path for path in folder.glob("[!.]*") if path.suffix != ".jsonl") == []
        return
    assert len(found) == 2
    with deeper():
        expected = form(plain(value))
        for row in found:
            got = plain(row["x"])
            missing = expected is None and (got is None or got is pd.NA or got is pd.NaT)
            assert same(got, expected) or missing or same(got, as_float(expected)) or value is pd.NaT, (got, expected)


SCRIPT = """
import enum, collections
import bagkit as bk
class Colour(enum.IntEnum):
    RED = 1
class Word(str):
    pass
class Odd:
    def __str__(self):
        return "odd"
Pair = collections.namedtuple("Pair", "x y")
def record(n):
    return {"c": Colour.RED, "w": Word("a"), "p": Pair(n, 2), "l": [Colour.RED], Word("k"): {Word("k"): n}}
made = bk.range(2, 2).map(record)
options = {"scheduler": "processes", "workers": 2}
rows = [{"c": 1, "w": "a", "p": [n, 2], "l": [1], "k": {"k": n}} for n in range(2)]
assert made.to_arrow(**options).to_pylist() == rows
frame = made.to_dataframe(**options)
assert frame["p"].tolist() == [Pair(0, 2), Pair(1, 2)] and frame["c"].tolist() == [1, 1]
odd = bk.range(2, 2).map(lambda n: {"x": Odd() if n else 1})
assert odd.to_arrow(on_conflict="string", **options)["x"].to_pylist() == ["1", "odd"]
assert odd.to_arrow(on_conflict="null", **options)["x"].to_pylist() == [1, None]
try:
    odd.to_arrow(**options)
except bk.ColumnTypeError as error:
    assert "the field 'x' is __main__.Odd, and was int before" in str(error)
    print("done")
"""


def test_values_of_classes_of_a_script_come_from_workers(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    ran = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert (ran.stdout, ran.returncode) == ("done\n", 0), ran.stderr
