"""`read_parquet`: the rows of Parquet files, exact, by row groups, and of only the columns that are read."""

from __future__ import annotations

import datetime as dt
import math
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bagkit as bk
from bagkit.errors import CorruptInputError, InputChangedError, NoFilesError, PlanError, SourceError
from bagkit.io.input import parquet
from bagkit.plan.explain import plan_text

SYNC: dict[str, Any] = {"scheduler": "sync"}
PEOPLE = [
    {"n": n, "name": f"é{n}", "address": None if n % 7 == 0 else {"city": f"c{n % 3}", "zip": n}, "tags": [{"t": n}]}
    for n in range(1000)
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(PEOPLE), tmp_path / "people.parquet", row_group_size=64)
    return tmp_path / "people.parquet"


@pytest.mark.parametrize("options", [SYNC, {"scheduler": "threads"}, {"scheduler": "processes", "workers": 2}])
def test_rows_whatever_is_read_of_them(path: Path, options: dict[str, Any]) -> None:
    for blocksize, count in ((None, 2), (3000, 2 * -(-path.stat().st_size // 3000)), ("1 MB", 2)):
        bag = bk.read_parquet([path, path], blocksize=blocksize)
        assert bag.npartitions == count
        assert bag.compute(**options) == PEOPLE * 2
    bag = bk.read_parquet(path)
    for optimize in (True, False):
        with bk.options(optimize=optimize, **options):
            assert bag.count().compute() == 1000
            assert bag.pluck("n").sum().compute() == sum(range(1000))
            assert bag.filter(lambda row: row["n"] > 995).pluck("name").compute() == [f"é{n}" for n in range(996, 1000)]
            assert bag.map(lambda row: (row["address"] or {}).get("city")).frequencies().compute() == (
                bk.from_sequence(PEOPLE).map(lambda row: (row["address"] or {}).get("city")).frequencies().compute()
            )
            assert bag.map(lambda row: row["tags"][0]["t"]).max().compute() == 999
            with pytest.raises(KeyError) as caught:
                bag.map(lambda row: row["n"] if row["n"] < 70 else row["none"]).compute()
            assert f"at {path}, record 70, partition 0" in caught.value.__notes__
            assert bag.map(lambda row: row.get("none", 3)).frequencies().compute() == [(3, 1000)]


def test_only_what_functions_read_is_decoded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []
    values = parquet._values

    def seen(piece: Any, name: str, column: Any) -> list[Any]:
        decoded.append(f"{name}: {column.type}")
        return values(piece, name, column)

    monkeypatch.setattr(parquet, "_values", seen)
    bag = bk.read_parquet(path)
    bag.count().compute(**SYNC)
    assert decoded == []
    bag.map(lambda row: row["address"]["city"] if row["n"] % 7 else "").compute(**SYNC)
    assert set(decoded) == {"address: struct<city: string>", "n: int64"}
    assert "columns: name)" in plan_text(bk.optimize(bag.pluck("name"))[0].plan)
    good, bad = bag.map(lambda row: 1 // (row["n"] - 3)).split_errors()
    assert bk.compute(good.count(), bad.pluck("input"), **SYNC) == (999, [PEOPLE[3]])


def test_columns(path: Path) -> None:
    bag = bk.read_parquet(path, columns=["name", ("address", "city")])
    expected = [{"name": row["name"], "address": row["address"] and {"city": row["address"]["city"]}} for row in PEOPLE]
    assert bag.compute(**SYNC) == expected
    assert bag.pluck("name").compute(**SYNC) == [row["name"] for row in PEOPLE]
    assert bk.read_parquet(path, columns=[]).compute(**SYNC) == [{}] * 1000
    with pytest.raises(SourceError, match=r"has no column 'nam'; it has 'n', 'name', .*; did you mean 'name'"):
        bk.read_parquet(path, columns=["nam"]).pluck("nam").compute(**SYNC)
    for columns, words in (
        (["name", ("address", "ctiy")], "no column 'ctiy' in 'address'; it has 'city', 'zip'; did you mean 'city'?"),
        ([("n", "x")], "no column 'x' in 'n'; it is of int64"),
        ([("tags", "t")], "no column 't' in 'tags'; it is of list<"),
    ):
        with pytest.raises(SourceError, match=re.escape(words)):
            bk.read_parquet(path, columns=columns).compute(**SYNC)
    with pytest.raises(PlanError, match="read_parquet: columns is 'name'; expected a list of keys"):
        bk.read_parquet(path, columns="name")


def test_a_dot_in_the_name_of_a_field_is_no_step_on_the_way_to_it(tmp_path: Path) -> None:
    """Arrow has no path to such a field: all fields beside it were in the records too."""
    rows = [{"a": {"x.y": 1, "x": {"y": 2, "z": 3}, "b": 4}, "n": 5}, {"a": None, "n": 6}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    bag = bk.read_parquet(tmp_path / "a.parquet", columns=[("a", "x.y"), ("a", "x", "z")])
    assert bag.compute(**SYNC) == [{"a": {"x.y": 1, "x": {"z": 3}}}, {"a": None}]


def test_files_in_archives_are_refused(path: Path) -> None:
    """They were looked for in a folder of the archive's name."""
    with zipfile.ZipFile(path.parent / "all.zip", "w") as archive:
        archive.write(path, "people.parquet")
    with pytest.raises(
        PlanError, match=r"all\.zip/people\.parquet is in an archive.* hint: 'zip://\*\.parquet::all\.zip'"
    ):
        bk.read_parquet(path.parent / "all.zip" / "*.parquet")
    assert bk.read_parquet(f"zip://*.parquet::{path.parent}/all.zip").compute(**SYNC) == PEOPLE


def array_of(values: list[Any], kind: Any) -> Any:
    """Return an array; pyarrow 16 makes halves of numpy's only."""
    halves = [value if value is None else np.float16(value) for value in values] if kind == pa.float16() else values
    return pa.array(halves, kind)


def test_values_are_exact(tmp_path: Path) -> None:
    moment = dt.datetime(2026, 7, 1, 12, 30, 1, 999_999)
    berlin = moment.replace(tzinfo=ZoneInfo("Europe/Berlin"))
    columns = {
        "bool": (pa.bool_(), [True, None, False]),
        "uint64": (pa.uint64(), [2**64 - 1, None, 0]),
        "float": (pa.float64(), [0.1, None, -math.inf]),
        "half": (pa.float16(), [0.5, None, 2.0]),
        "decimal": (pa.decimal128(38, 9), [Decimal("12345678901234567890.123456789"), None, Decimal("0E-9")]),
        "text": (pa.string(), ["\0é\U0001f600", None, ""]),
        "large": (pa.large_string(), ["x", None, ""]),
        "bytes": (pa.binary(), [b"\xff\0", None, b""]),
        "date": (pa.date32(), [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)]),
        "time": (pa.time64("ns"), [dt.time(23, 59, 59, 999_999), None, dt.time(0)]),
        "us": (pa.timestamp("us"), [moment, None, dt.datetime(1, 1, 1)]),
        "ns": (pa.timestamp("ns"), [moment, None, dt.datetime(1970, 1, 1)]),
        "utc": (pa.timestamp("us", "UTC"), [moment.replace(tzinfo=dt.UTC), None, dt.datetime(1, 1, 1, tzinfo=dt.UTC)]),
        "zone": (pa.timestamp("us", "Europe/Berlin"), [berlin, None, berlin]),
        "delta": (pa.duration("ns"), [dt.timedelta(days=1, microseconds=1), None, dt.timedelta(0)]),
        "words": (pa.dictionary(pa.int8(), pa.string()), ["a", None, "a"]),
        "map": (pa.map_(pa.string(), pa.int64()), [[("a", 1), ("a", 2)], None, []]),
        "nested": (
            pa.list_(pa.struct([("at", pa.timestamp("ns")), ("x", pa.list_(pa.int8()))])),
            [[{"at": moment, "x": [1, None]}, None], None, []],
        ),
        "two": (pa.list_(pa.timestamp("ns"), 2), [[moment, None], [None, None], [moment, moment]]),
        "nothing": (pa.null(), [None, None, None]),
        "a.b": (pa.int64(), [1, None, 2]),
        "a": (pa.struct([("b", pa.int64())]), [{"b": 1}, None, {"b": None}]),
    }  # fmt: skip
    table = pa.table({name: array_of(values, kind) for name, (kind, values) in columns.items()})
    pq.write_table(table, tmp_path / "a.parquet")
    bag = bk.read_parquet(tmp_path / "a.parquet")
    expected = [{name: values[row] for name, (_, values) in columns.items()} for row in range(3)]
    found = bag.compute(scheduler="processes", workers=1)
    assert found == expected
    assert [{name: type(value) for name, value in row.items()} for row in found] == [
        {name: type(value) for name, value in row.items()} for row in expected
    ]
    assert found[0]["utc"].tzinfo is dt.UTC
    assert bag.map(lambda row: (row["a.b"], row["a"])).compute(**SYNC) == [(r["a.b"], r["a"]) for r in expected]
    pq.write_table(pa.table({"n": [1], "at": pa.array([1], pa.timestamp("ns"))}), tmp_path / "ns.parquet")
    with pytest.raises(SourceError, match=r"ns\.parquet: the column 'at' is of timestamp\[ns\], and has values that "):
        bk.read_parquet(tmp_path / "ns.parquet").compute(**SYNC)
    assert bk.read_parquet(tmp_path / "ns.parquet", columns=["n"]).compute(**SYNC) == [{"n": 1}]
    for kind, late in (  # the file is whole, though no Python can say when that is
        (pa.timestamp("us"), 3 * 10**17), (pa.timestamp("us", "UTC"), 3 * 10**17), (pa.date32(), 10**7),
        (pa.duration("s"), 10**15), (pa.list_(pa.timestamp("ms")), [10**15]),
    ):  # fmt: skip
        pq.write_table(pa.table({"at": pa.array([late], kind)}), tmp_path / "late.parquet")
        with pytest.raises(SourceError, match=r"late\.parquet: the column 'at' is of .* do not hold: ") as caught:
            bk.read_parquet(tmp_path / "late.parquet").compute(**SYNC)
        assert not isinstance(caught.value, CorruptInputError)


def test_there_and_back(tmp_path: Path) -> None:
    rows = [
        {"n": n, "x": n / 7, "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "day": dt.date(2026, 1, n + 1),
         "tags": ["a"] * n, "who": {"name": None if n else "é"}, "raw": b"\0", "ok": n > 3}
        for n in range(9)
    ]  # fmt: skip
    bk.from_sequence(rows, npartitions=3).to_parquet(tmp_path / "*.parquet", **SYNC)
    bag = bk.read_parquet(tmp_path / "*.parquet")
    assert bag.npartitions == 3
    assert bag.compute(**SYNC) == rows
    bag.to_parquet(tmp_path / "again.parquet", **SYNC)
    assert bk.read_parquet(tmp_path / "again.parquet").compute(**SYNC) == rows
    assert sum((part.compute(**SYNC) for part in bag.to_delayed()), []) == rows  # noqa: RUF017  # lists of a few


def test_other_places_and_what_is_no_parquet(path: Path, tmp_path: Path) -> None:
    url = f"memory://{uuid4()}/a.parquet"
    fsspec.filesystem("memory").pipe(url, path.read_bytes())
    assert bk.read_parquet(url, blocksize=5000).compute(**SYNC) == PEOPLE
    broken = tmp_path / "broken.parquet"
    data = path.read_bytes()
    for content in (b"", b"no parquet", data[:-100], data[:40] + b"\xff" * 4000 + data[4040:]):
        broken.write_bytes(content)
        with pytest.raises(CorruptInputError, match=r"broken\.parquet: can't be read as Parquet after \d+ rows: "):
            bk.read_parquet(broken).compute(**SYNC)
    bag = bk.read_parquet(broken)
    broken.write_bytes(data)
    with pytest.raises(InputChangedError, match=r"broken\.parquet: changed since"):
        bag.compute(**SYNC)
    with pytest.raises(NoFilesError, match="matches no file"):
        bk.read_parquet(tmp_path / "*.none")
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["n", "n"]), tmp_path / "twice.parquet")
    with pytest.raises(SourceError, match=r"twice\.parquet: has the column 'n' more than once"):
        bk.read_parquet(tmp_path / "twice.parquet").compute(**SYNC)
    pq.write_table(pa.table({"n": pa.array([], pa.int64())}), tmp_path / "empty.parquet")
    assert bk.read_parquet([tmp_path / "empty.parquet", path]).count().compute(**SYNC) == 1000
    with pytest.raises(SourceError, match=r"begins as Parquet data; .* hint: bagkit\.read_parquet\(path\)"):
        bk.read_text(path).compute(**SYNC)
