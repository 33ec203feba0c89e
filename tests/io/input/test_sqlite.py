"""`read_sqlite`: what a query gives is what the sqlite3 module gives, whoever reads it, and nothing is written."""

from __future__ import annotations

import glob
import os
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import CorruptInputError, InputChangedError, NoFilesError, PlanError, SourceError

SYNC: dict[str, Any] = {"scheduler": "sync"}
VALUES = [None, 1, -(2**63), 2**63 - 1, 0.1, -2.5, "é\0\n", "", b"\xff", b""]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a b#?%[1].db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("create table people (id integer primary key, name text, x, y real)")
        rows = [(n * 3, f"n{n % 7}", VALUES[n % len(VALUES)], None if n % 11 == 0 else n / 7 - 20) for n in range(3000)]
        database.executemany("insert into people values (?, ?, ?, ?)", rows)
    return path


def oracle(path: Path, query: str, params: Any = ()) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(path)) as database:
        cursor = database.execute(query, params)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]


@pytest.mark.parametrize("options", [SYNC, {"scheduler": "threads"}, {"scheduler": "processes", "workers": 2}])
def test_rows_are_what_sqlite3_gives(path: Path, options: dict[str, Any]) -> None:
    for query, params in (
        ("select * from people", ()),
        ("select name, x as \"the x\" from people where id > ? order by y desc, id; ", (300,)),
        ("with p as (select name, count(*) from people where y > :y group by name) select * from p -- all", {"y": 3}),
        ("/* select */ values (1, 'a'), (2, null)", []),
        ("select * from people where 0", ()),
    ):  # fmt: skip
        bag = bk.read_sqlite(path, query, params)
        assert bag.npartitions == 1
        assert bag.compute(**options) == oracle(path, query, params)
    with pytest.raises(ZeroDivisionError) as caught:
        bk.read_sqlite(path, "select id from people").map(lambda row: 1 // (row["id"] - 6000)).compute(**options)
    assert f"at {path}, record 2000, partition 0" in caught.value.__notes__
    assert "record: {'id': 6000}" in caught.value.__notes__


@pytest.mark.parametrize("key", ["id", "y", "half"])
@pytest.mark.parametrize("npartitions", [1, 3, 8])
def test_ranges_of_a_key_have_each_row_once(path: Path, key: str, npartitions: int) -> None:
    query = "select *, id / 2 as half, id as \"key\" from people where name <> ?"  # fmt: skip
    bag = bk.read_sqlite(path, query, ("n3",), key=key, npartitions=npartitions)
    assert bag.npartitions == npartitions
    parts = [part.compute(**SYNC) for part in bag.to_delayed()]
    expected = oracle(path, query, ("n3",))
    assert sorted((row for part in parts for row in part), key=lambda row: row["id"]) == expected
    assert all(parts)
    assert bag.count().compute(scheduler="processes", workers=2) == len(expected)


def test_keys_that_are_few_or_none(path: Path) -> None:
    for query, count in (
        ("select 1 as k", 1), ("select null as k", 1), ("select id as k from people where id < 7", 5),
        ("select * from (select 1 as k) where 0", 1), ("select 9e999 as k union select -9e999", 1),
        ("select 9e999 as k", 1), ("select -9e999 as k union all select null", 1),
        ("select -9223372036854775807 as k union select 9223372036854775807", 5),
    ):  # fmt: skip
        bag = bk.read_sqlite(path, query, key="k", npartitions=5)
        assert bag.npartitions == count
        assert sorted(bag.compute(**SYNC), key=str) == sorted(oracle(path, query), key=str)


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.db")
    with closing(sqlite3.connect(os.fsencode(path))) as database, database:
        database.execute("create table t as select 1 as n")
    assert bk.read_sqlite(path, "select * from t").compute(**SYNC) == [{"n": 1}]


def test_wrong_calls_are_errors_of_the_call(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NoFilesError, match="there is no such file"):
        bk.read_sqlite(tmp_path / "none.db", "select 1")
    assert not (tmp_path / "none.db").exists()
    (tmp_path / "text.db").write_bytes(b"no database" * 100)
    with pytest.raises(CorruptInputError, match=r"text\.db: can't be read as a SQLite database: file is not a"):
        bk.read_sqlite(tmp_path / "text.db", "select 1")
    with pytest.raises(SourceError, match="is a directory"):
        bk.read_sqlite(tmp_path, "select 1")
    wrong: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
        (("select * from peple",), {}, r"no such table: peple; .* it has 'people'; did you mean 'people'\?"),
        (("people",), {}, "hint: 'select \\* from people'"),
        (("delete from people",), {}, "query is 'delete from people'; expected one that selects"),
        (("select 1; select 2",), {}, "the query can't be run"),
        (("select ? as a",), {}, "the query can't be run: Incorrect number of bindings"),
        (("select id, id from people",), {}, "gives the column 'id' more than once; .* hint: select"),
        ((3,), {}, "query is 3; expected SQL"),
        (("select ? as a", "abc"), {}, "params is 'abc'; expected a tuple"),
        (("select 1 as a",), {"key": "a"}, "got only one of key and npartitions"),
        (("select 1 as a",), {"key": "b", "npartitions": 2}, "key is 'b'; expected one of the query's columns, 'a'"),
        (("select 1 as a",), {"key": "a", "npartitions": 0}, "npartitions is 0; expected an int of 1 or more"),
        (("select * from people",), {"key": "x", "npartitions": 2}, "that column has the value b'.*; expected numbers"),
        (("select * from people",), {"key": "name", "npartitions": 2}, "column has the value 'n0'; expected numbers"),
    ]
    for args, options, words in wrong:
        with pytest.raises(PlanError, match=words):
            bk.read_sqlite(path, *args, **options)
    with pytest.raises(PlanError, match=r"path is 's3://a/b\.db'; expected the path of a file on this machine"):
        bk.read_sqlite("s3://a/b.db", "select 1")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("a.db", path.read_bytes())
    with pytest.raises(PlanError, match=r"all\.zip/a\.db is in an archive; expected a file"):
        bk.read_sqlite(tmp_path / "all.zip" / "a.db", "select 1")
    assert oracle(path, "select count(*) as n from people") == [{"n": 3000}]
    with pytest.raises(SourceError, match=r"hint: bagkit\.read_sqlite\(path, 'select \* from records'\)"):
        bk.read_text(glob.escape(str(path))).compute(**SYNC)


def test_what_happens_to_the_database(path: Path) -> None:
    bag = bk.read_sqlite(path, "select name from people")
    odd = bk.read_sqlite(path, "select cast(x'ff' as text) as t from people")
    with pytest.raises(SourceError, match=r"reading failed after 0 rows: Could not decode to UTF-8"):
        odd.compute(**SYNC)
    with closing(sqlite3.connect(path)) as database:
        database.execute("pragma journal_mode = wal")
        database.execute("insert into people (name) values ('new')")
        database.commit()
        with pytest.raises(InputChangedError, match="changed since the plan was made"):
            bag.compute(**SYNC)
        logged = bk.read_sqlite(path, "select name from people")
        assert logged.count().compute(scheduler="processes", workers=1) == 3001
        database.execute("insert into people (name) values ('newer')")
        database.commit()
        with pytest.raises(InputChangedError, match="changed since the plan was made"):
            logged.compute(**SYNC)
    path.unlink()
    with pytest.raises(InputChangedError, match="and is gone"):
        bag.compute(**SYNC)


def test_there_and_back(tmp_path: Path) -> None:
    rows = [{"n": n, "x": n / 3, "t": None if n % 2 else "é", "b": bytes([n])} for n in range(9)]
    bk.from_sequence(rows, npartitions=2).to_sqlite(tmp_path / "a.db", "t", **SYNC)
    assert bk.read_sqlite(tmp_path / "a.db", "select * from t").compute(**SYNC) == rows
