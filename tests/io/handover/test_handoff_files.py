"""to_parquet, to_sqlite: what the libraries read back, and that a file is there whole or not at all."""

from __future__ import annotations

import datetime as dt
import errno
import fcntl
import io
import os
import shutil
import signal
import sqlite3
import stat
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow.parquet as pq
import pytest

import bagkit as bk
from bagkit.io.output import whole_files
from tests.small_disks import files_up_to
from tests.wheels import ALL_HAVE_WHEELS

SYNC = {"scheduler": "sync"}
RECORDS: list[dict[str, Any]] = [
    {"i": 1, "n": None, "f": 1.5, "b": True, "m": False, "s": "é", "raw": b"\xff\0", "day": dt.date(2026, 1, 2)},
    {"i": 2**63 - 1, "n": 2**60 + 1, "f": None, "b": False, "m": None, "s": "😀\n", "raw": None, "day": None},
    {"i": -(2**63), "n": 3, "f": 2, "b": True, "m": True, "s": None, "raw": b"", "day": dt.date(1, 1, 1)},
]


def bag(records: list[Any] = RECORDS, npartitions: int = 2) -> Any:
    return bk.from_sequence(records, npartitions=npartitions)


# Parquet ------------------------------------------------------------------------------------------------------------


def test_parquet_gives_back_the_records(tmp_path: Path) -> None:
    records = [{**record, "tags": [1, None], "place": {"x": 1.5, "names": ["a"]}} for record in RECORDS]
    path = tmp_path / "a.parquet"
    assert bag(records).to_parquet(path, **SYNC) == [str(path)]
    assert pq.read_table(path).to_pylist() == [
        {**record, "f": record["f"] and float(record["f"])} for record in records
    ]
    assert os.listdir(tmp_path) == ["a.parquet"]


def test_parquet_has_columns_of_any_name(tmp_path: Path) -> None:
    record = {name: {"": 1} for name in ("", "column_0", "a.b", "a", "A", "é", "É", " ")}
    (path,) = bag([record]).to_parquet(tmp_path / "a.parquet", **SYNC)
    assert pq.read_table(path).to_pylist() == [record]


def test_parquet_of_dicts_without_fields(tmp_path: Path) -> None:
    (path,) = bag([{"a": {}}, {"a": {"x": 1}}, {"a": None}]).to_parquet(tmp_path / "a.parquet", **SYNC)
    assert pq.read_table(path)["a"].to_pylist() == [{"x": None}, {"x": 1}, None]
    with pytest.raises(bk.ColumnTypeError, match="to_parquet: the field 'a' is dict without fields; expected"):
        bag([{"a": {}}, {"a": {}}]).to_parquet(tmp_path / "b.parquet", **SYNC)


@pytest.mark.parametrize(("wrap", "most"), [(lambda value: [value], 49), (lambda value: {"a": value}, 98)])
def test_parquet_of_lists_and_dicts_as_deep_as_can_be_read(tmp_path: Path, wrap: Any, most: int) -> None:
    value: Any = 1
    for _ in range(most):
        value = wrap(value)
    (path,) = bag([{"x": value}], 1).to_parquet(tmp_path / "a.parquet", **SYNC)
    assert pq.read_table(path).to_pylist() == [{"x": value}]
    with pytest.raises(bk.ColumnTypeError, match=r"to_parquet: the field 'x' is nested too deeply: in (100|99) levels"):
        bag([{"x": wrap(value)}], 1).to_parquet(tmp_path / "b.parquet", **SYNC)


def test_parquet_of_each_partition_is_of_one_schema(tmp_path: Path) -> None:
    found = bk.from_sequence([{"a": 1}, {"b": "x"}, {"a": 2.5}] * 4, npartitions=12).to_parquet(
        tmp_path / "part-*.parquet", **SYNC
    )
    assert [os.path.basename(path) for path in found] == [f"part-{n:02}.parquet" for n in range(12)]
    tables = [pq.read_table(path) for path in found]
    assert {str(table.schema.remove_metadata()) for table in tables} == {"a: double\nb: string"}
    assert tables[1].to_pylist() == [{"a": None, "b": "x"}]


def test_parquet_of_empty_partitions(tmp_path: Path) -> None:
    part = bag([1, 2, 3], 3).filter(lambda n: n == 2).map(lambda n: {"n": n})
    paths = part.to_parquet(tmp_path / "*.parquet", **SYNC)
    assert [pq.read_table(path).to_pylist() for path in paths] == [[], [{"n": 2}], []]
    (path,) = bag([], 2).to_parquet(tmp_path / "none.parquet", **SYNC)
    assert pq.read_table(path).num_rows == 0


def test_parquet_has_no_rows_without_columns(tmp_path: Path) -> None:
    with pytest.raises(bk.ColumnTypeError) as caught:
        bag([{}, {}]).to_parquet(tmp_path / "a.parquet", **SYNC)
    assert str(caught.value) == "to_parquet: the records have no fields, and rows without columns can't be written"
    assert os.listdir(tmp_path) == []


def test_parquet_is_written_in_row_groups_not_batch_by_batch(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    bk.range(150_000, 4).map(lambda n: (n,)).to_parquet(path, columns=["n"], compression="zstd", workers=2)
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups == 2
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert pq.read_table(path)["n"].to_pylist() == list(range(150_000))


def test_parquet_policy(tmp_path: Path) -> None:
    mixed = bag([{"x": 1}, {"x": "a"}, {"x": {}}], 3)
    with pytest.raises(bk.ColumnTypeError, match="to_parquet: the field 'x' is str, and was int before"):
        mixed.to_parquet(tmp_path / "a.parquet", **SYNC)
    assert os.listdir(tmp_path) == []
    mixed.to_parquet(tmp_path / "a.parquet", on_conflict="json", **SYNC)
    assert pq.read_table(tmp_path / "a.parquet")["x"].to_pylist() == ["1", '"a"', "{}"]


# SQLite -------------------------------------------------------------------------------------------------------------


def rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_sqlite_gives_back_the_records(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    assert bag([*RECORDS, {"s": "a\0b"}]).to_sqlite(path, 'my "table"', **SYNC) == 4
    assert rows(path, 'SELECT * FROM "my ""table""" ORDER BY rowid') == [
        (1, None, 1.5, 1, 0, "é", b"\xff\0", "2026-01-02"),
        (2**63 - 1, 2**60 + 1, None, 0, None, "😀\n", None, None),
        (-(2**63), 3, 2.0, 1, 1, None, b"", "0001-01-01"),
        (None, None, None, None, None, "a\0b", None, None),
    ]
    assert [kind for _, _, kind, *_ in rows(path, "PRAGMA table_info('my \"table\"')")] == [
        "INTEGER", "INTEGER", "REAL", "BOOLEAN", "BOOLEAN", "TEXT", "BLOB", "TEXT",
    ]  # fmt: skip


def test_sqlite_has_no_lists_so_they_follow_the_policy(tmp_path: Path) -> None:
    nested = bag([{"x": [1, {"a": None}]}, {"x": None}, {"x": []}])
    with pytest.raises(bk.ColumnTypeError, match="to_sqlite: the field 'x' is list; expected"):
        nested.to_sqlite(tmp_path / "a.db", "t", **SYNC)
    assert os.listdir(tmp_path) == []
    nested.to_sqlite(tmp_path / "a.db", "t", on_conflict="json", **SYNC)
    assert rows(tmp_path / "a.db", "SELECT x FROM t") == [('[1, {"a": null}]',), (None,), ("[]",)]
    assert rows(tmp_path / "a.db", "SELECT json_extract(x, '$[0]') FROM t") == [(1,), (None,), (None,)]


def test_sqlite_tables_beside_others(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    bag().to_sqlite(path, "one", columns=["i"], **SYNC)
    bag().to_sqlite(path, "two", columns=["s"], **SYNC)
    with pytest.raises(bk.OutputExistsError) as caught:
        bag().to_sqlite(path, "ONE", **SYNC)
    assert str(caught.value) == (
        "to_sqlite: the database has a 'one' already; hint: exist='overwrite' replaces the table"
    )
    with pytest.raises(ZeroDivisionError):
        bag().map(lambda record: 1 / 0).to_sqlite(path, "one", exist="overwrite", **SYNC)
    assert len(rows(path, "SELECT * FROM one")) == 3
    assert bag([{"z": 1}]).to_sqlite(path, "one", exist="overwrite", **SYNC) == 1
    assert rows(path, "SELECT * FROM one") == [(1,)]
    assert len(rows(path, "SELECT * FROM two")) == 3


def test_sqlite_a_failing_transaction_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    bag().to_sqlite(path, "t", columns=["i"], **SYNC)
    before = path.read_bytes()
    mixed = bag([{"x": 1}, {"x": "a"}, {"x": {1}}], 3)
    for target, exist in ((path, "overwrite"), (tmp_path / "new.db", "error")):
        with pytest.raises(bk.ColumnTypeError, match="can't be written as JSON"):
            mixed.to_sqlite(target, "t", on_conflict="json", exist=exist, **SYNC)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.db"]


def test_sqlite_of_nothing(tmp_path: Path) -> None:
    assert bag([], 1).to_sqlite(tmp_path / "a.db", "t", columns=["a"], **SYNC) == 0
    assert rows(tmp_path / "a.db", "SELECT * FROM t") == []


def test_sqlite_tells_apart_what_sqlite_does(tmp_path: Path) -> None:
    record = dict(
        zip(["É", "é", "K", "\u212a", "i", "İ", "ı", "ß", "ss", "", "rowid", '"', "select"], range(13), strict=True)
    )
    assert bag([record]).to_sqlite(tmp_path / "a.db", "t", **SYNC) == 1
    assert rows(tmp_path / "a.db", "SELECT * FROM t") == [tuple(range(13))]
    for table in ("É", "é"):
        bag([{"a": table}]).to_sqlite(tmp_path / "a.db", table, **SYNC)
        assert rows(tmp_path / "a.db", f"SELECT a FROM {table}") == [(table,)]


@pytest.mark.parametrize(("records", "message"), [
    ([dict.fromkeys(map(str, range(2001)))],
     "to_sqlite: the records have 2001 fields; expected 2000 at the most, as SQLite has columns; hint: columns=[...]"),
    ([], "to_sqlite: the records have no fields, and a table needs one; hint: columns=[...]"),
    ([{"a": 1, "A": 2}],
     "to_sqlite: the fields 'a' and 'A' would be one column of SQLite's, which does not tell cases apart"),
    ([{"a\0": 1}], "to_sqlite: the field 'a\\x00' can't be the name of a column"),
])  # fmt: skip
def test_sqlite_columns_it_can_not_have(tmp_path: Path, records: list[Any], message: str) -> None:
    with pytest.raises(bk.ColumnTypeError) as caught:
        bag(records, 1).to_sqlite(tmp_path / "a.db", "t", **SYNC)
    assert str(caught.value) == message
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(("arguments", "message"), [
    ({"table": ""}, "to_sqlite: table is ''; expected the name of a table"),
    ({"table": "SQLITE_a"}, "to_sqlite: table is 'SQLITE_a'; expected the name of a table"),
    ({"table": "\ud800"}, "to_sqlite: table is '\\ud800'; expected the name of a table"),
    ({"table": "t", "exist": "append"}, "to_sqlite: exist is 'append'; expected 'error' or 'overwrite'"),
])  # fmt: skip
def test_sqlite_arguments(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(bk.PlanError) as caught:
        bag().to_sqlite(tmp_path / "a.db", **arguments, **SYNC)
    assert str(caught.value) == message


def test_a_missing_package_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(bk.MissingExtraError, match=r"needed for to_hdf5; hint: pip install 'bagkit\[hdf5\]'"):
        bag().to_hdf5(tmp_path / "a.h5", **SYNC)
    with pytest.raises(bk.MissingExtraError, match=r"needed for to_parquet; hint: pip install 'bagkit\[arrow\]'"):
        bag().to_parquet(tmp_path / "a.parquet", **SYNC)


# Places -------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_text("old")
    with pytest.raises(bk.OutputExistsError) as caught:
        bag().to_parquet(path, **SYNC)
    assert str(caught.value) == (
        f"to_parquet: {path} exists; hint: exist='overwrite' replaces it when the new one is whole"
    )
    with pytest.raises(ZeroDivisionError):
        bag().map(lambda record: 1 / 0).to_parquet(path, exist="overwrite", **SYNC)
    assert path.read_text() == "old"
    bag().to_parquet(path, exist="overwrite", **SYNC)
    assert pq.read_table(path).num_rows == 3
    assert os.listdir(tmp_path) == ["a.parquet"]


def test_a_file_of_many_that_is_there_is_an_error_too(tmp_path: Path) -> None:
    (tmp_path / "1.parquet").write_text("old")
    with pytest.raises(bk.OutputExistsError, match=r"1\.parquet exists"):
        bag().to_parquet(tmp_path / "*.parquet", **SYNC)


def left_of(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir() if each.name[0] != ".")


WRITE_MANY: dict[str, Callable[..., Any]] = {
    "to_jsonl": lambda bag, *to, **options: bag.to_jsonl(*to, **options),
    "to_textfiles": lambda bag, *to, **options: bag.map(str).to_textfiles(*to, **options),
    "to_avro": lambda bag, *to, **options: bag.to_avro(
        *to, {"type": "record", "name": "r", "fields": [{"name": "n", "type": "int"}]}, **options
    ),
    "to_parquet": lambda bag, *to, **options: bag.to_parquet(*to, **options),
}


@pytest.mark.parametrize("write", WRITE_MANY.values(), ids=list(WRITE_MANY))
@pytest.mark.filterwarnings("ignore::bagkit.WrittenAgainWarning")
def test_files_of_earlier_runs_are_removed_whatever_their_names(tmp_path: Path, write: Any) -> None:
    """Fewer partitions, shorter numbers, the names of inputs: readers would take what is left for parts."""
    place, out = tmp_path / "out" / "part-*.x", tmp_path / "out"
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.json").write_text('{"n": 1}\n')
    made = bk.range(11, 11).map(lambda n: {"n": n})
    of_files = bk.read_json(tmp_path / "*.json")
    write(made, place, exist="error", **SYNC)
    os.mkfifo(out / "part-all.x")  # no file of bagkit's
    for now in (12, 3, 2):
        write(made.repartition(now), place, exist="overwrite", **SYNC)
        assert left_of(out) == [*(f"part-{n:0{len(str(now - 1))}}.x" for n in range(now)), "part-all.x"]
    write(of_files, place, exist="update", **SYNC)
    assert left_of(out) == ["part-a.x", "part-all.x", "part-b.x", "part-c.x"]
    with pytest.raises(bk.OutputExistsError, match=r"part-a\.x exists, which an earlier run has written; hint"):
        write(made, place, exist="error", **SYNC)
    write(made.repartition(2), place, exist="overwrite", **SYNC)
    assert left_of(out) == ["part-0.x", "part-1.x", "part-all.x"]
    (out / "part-0.x").unlink()
    (out / "part-1.x").unlink()
    write(made.repartition(1), place, exist="error", **SYNC)  # its account alone forbids nothing
    assert left_of(out) == ["part-0.x", "part-all.x"]


def test_nothing_lies_beside_the_files(tmp_path: Path) -> None:
    """polars reads all files of a folder, hidden ones too."""
    bag().to_parquet(tmp_path / "*", exist="update", **SYNC)
    for exist in ("overwrite", "overwrite"):
        bag().to_parquet(tmp_path / "*", exist=exist, **SYNC)
        assert sorted(os.listdir(tmp_path)) == ["0", "1"]


@pytest.mark.parametrize("then", [3, 11])
@pytest.mark.parametrize("exist", ["error", "overwrite", "update"])
def test_files_of_other_numbers_that_were_not_written_here_are_an_error(tmp_path: Path, then: int, exist: str) -> None:
    made = bk.range(11, then).map(lambda n: {"n": n})
    (tmp_path / "else").mkdir()
    paths = made.to_parquet(tmp_path / "else" / "part-*.parquet", **SYNC)
    for path in paths[2:] if then == 3 else paths:
        os.rename(path, tmp_path / os.path.basename(path))
    there = sorted(tmp_path.glob("*.parquet"))
    with pytest.raises(bk.OutputExistsError) as caught:
        made.repartition(2).to_parquet(tmp_path / "part-*.parquet", exist=exist, **SYNC)
    assert str(caught.value) == (
        f"to_parquet: {there[0]} exists, and would be read together with the 2 files that are "
        "written; hint: remove it, or write to another directory"
    )
    assert sorted(tmp_path.glob("*")) == [tmp_path / "else", *there]


def test_a_file_that_another_process_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "0.parquet"
    for place in (path, tmp_path / "*.parquet"):
        with pytest.raises(bk.OutputExistsError):
            bag([1], 1).map(lambda n: path.write_text("theirs") and {"n": n}).to_parquet(place, **SYNC)
        assert path.read_text() == "theirs"
        assert os.listdir(tmp_path) == ["0.parquet"]
        path.unlink()


def test_two_at_once_and_what_the_dead_have_left(tmp_path: Path) -> None:
    """Whoever has the lock is the only one that writes there; the next one removes what a dead owner has left."""
    place = str(tmp_path / "a.parquet")
    with whole_files.whole_file("test", place, "error") as temporary:
        Path(temporary).touch()
        with pytest.raises(bk.OutputBusyError, match="this program writes to these files already"):
            pq_write(place)
        Path(temporary).unlink()
        left, other = Path(temporary.replace(".part", "x.part")), tmp_path / ".bagkit-0123456789ab.0.part"
        left.write_text("half")
        other.write_text("of a file that may still be written")
        shutil.copy(temporary_lock(temporary), tmp_path / "lock")
        Path(temporary).touch()
    Path(place).unlink()
    (tmp_path / "lock").rename(temporary_lock(temporary))
    pq_write(place)
    assert (left.exists(), other.exists()) == (False, True)
    assert len(list(tmp_path.glob(".bagkit-*"))) == 1


def pq_write(place: str) -> None:
    bag().to_parquet(place, **SYNC)


def temporary_lock(temporary: str) -> Path:
    return Path(temporary.rsplit(".", 2)[0] + ".lock")


def test_a_disk_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is locked there, and what may be another's is left alone."""

    def no_locks(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with whole_files.whole_file("test", str(tmp_path / "a"), "error") as theirs:
        Path(theirs).write_text("theirs")
        monkeypatch.setattr(fcntl, "flock", no_locks)
        pq_write(str(tmp_path / "a"))
        assert Path(theirs).read_text() == "theirs"
        (tmp_path / "a").unlink()


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    for name in ("*.parquet", "a.parquet"):
        with pytest.raises(bk.OutputError, match="can't be written: no space left on device"):
            bag().to_parquet(tmp_path / name, **SYNC)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_while_columns_wait_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.FileIO):
        def __init__(self, **where: Any) -> None:
            super().__init__(os.devnull, "wb")

        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("bagkit.io.output.whole_files.tempfile.TemporaryFile", FullDisk)
    with pytest.raises(bk.OutputError, match=r"a\.db: can't be written: no space left on device"):
        bag().to_sqlite(tmp_path / "a.db", "t", **SYNC)
    assert os.listdir(tmp_path) == []


def test_no_room_for_what_the_libraries_write_is_an_error_of_ours(tmp_path: Path) -> None:
    """Columns take less room while they wait."""
    flags = bk.range(20_000, 2).map(lambda n: {"b": n % 3 == 0, "s": "a"})
    with files_up_to(160_000), pytest.raises(bk.OutputError, match=r"a\.db: can't be written: "):
        flags.to_sqlite(tmp_path / "a.db", "t", **SYNC)
    assert os.listdir(tmp_path) == []


WRITE_ROWS: dict[str, Callable[[Any, Path], Any]] = {
    "to_sqlite": lambda bag, path: bag.to_sqlite(path / "a.db", "t", **SYNC),
    "to_parquet": lambda bag, path: bag.to_parquet(path / "a.parquet", **SYNC),
    "to_parquet(many)": lambda bag, path: bag.to_parquet(path / "*.parquet", **SYNC),
    "to_hdf5": lambda bag, path: bag.to_hdf5(path / "a.h5", **SYNC),
}


@pytest.mark.parametrize("name", [name for name in WRITE_ROWS if ALL_HAVE_WHEELS or "hdf5" not in name])
@pytest.mark.parametrize("records", [100, 100_000])
def test_no_room_for_columns_that_wait_is_an_error_of_ours(tmp_path: Path, name: str, records: int) -> None:
    """Few of them fit into a buffer, which would find the disk full when it is emptied in the end."""
    numbers = bk.range(records, 2).map(lambda n: {"n": n, "s": str(n)})
    with files_up_to(600), pytest.raises(bk.OutputError, match="can't be written: file too large"):
        WRITE_ROWS[name](numbers, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_full_disk_below_sqlite_says_how_much_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    monkeypatch.setattr("bagkit.io.handover.sqlite._write", Mock(side_effect=full))
    with pytest.raises(bk.OutputError, match=r"a\.db: can't be written: .*full; [\d,]+ MB are free there$") as caught:
        bag().to_sqlite(tmp_path / "a.db", "t", columns=["i"], **SYNC)
    assert caught.value.errno == errno.ENOSPC


def test_sqlite_what_is_no_database_and_one_that_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.db").write_text("no database, not at all" * 50)
    with pytest.raises(bk.OutputError, match=r"a\.db: can't be written: DatabaseError: file is not a database"):
        bag().to_sqlite(tmp_path / "a.db", "t", columns=["i"], **SYNC)
    path = tmp_path / "b.db"
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, timeout=0))
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (a)")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(bk.OutputBusyError) as caught:
            bag().to_sqlite(path, "new", columns=["i"], **SYNC)
    assert str(caught.value) == (f"{path}: another connection writes to this database; hint: wait for its end")


def test_a_worker_that_is_killed_changes_nothing(tmp_path: Path) -> None:
    out, flag = tmp_path / "out", tmp_path / "killed"
    out.mkdir()

    def kill_once(n: int) -> dict[str, int]:
        if n == 15_000 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return {"n": n}

    made = bk.range(20_000, 2).map(kill_once)
    assert made.to_sqlite(out / "a.db", "t", scheduler="processes", workers=2) == 20_000
    assert flag.exists()
    with closing(sqlite3.connect(out / "a.db")) as database:
        assert database.execute("SELECT n FROM t ORDER BY rowid").fetchall() == [(n,) for n in range(20_000)]
    assert os.listdir(out) == ["a.db"]


def test_errors_of_users_that_look_like_ours_stay_theirs(tmp_path: Path) -> None:
    def missing(record: Any) -> Any:
        raise FileNotFoundError(2, "No such file", "theirs")

    for write in (bk.Bag.to_parquet, partial(bk.Bag.to_sqlite, table="t")):
        with pytest.raises(FileNotFoundError, match="theirs"):
            write(bag().map(missing), tmp_path / "a", **SYNC)


def test_files_have_the_permissions_of_new_files(tmp_path: Path) -> None:
    bag().to_parquet(tmp_path / "a", **SYNC)
    (tmp_path / "b").touch()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "b").stat().st_mode)


EMPTY = {"type": "record", "name": "r", "fields": []}
WRITERS: dict[str, Callable[[bk.Bag[Any], Path], Any]] = {
    "to_jsonl": lambda bag, path: bag.map(str).to_jsonl(path, **SYNC),
    "to_textfiles": lambda bag, path: bag.map(str).to_textfiles(path, **SYNC),
    "to_avro": lambda bag, path: bag.map(lambda _: {}).to_avro(
        path, {"type": "record", "name": "r", "fields": []}, **SYNC
    ),
    "to_parquet": lambda bag, path: bag.to_parquet(path, **SYNC),
    "to_parquet(update)": lambda bag, path: bag.to_parquet(path, exist="update", **SYNC),
    "to_sqlite": lambda bag, path: bag.to_sqlite(path, "records", **SYNC),
    "to_hdf5": lambda bag, path: bag.to_hdf5(path, columns=["i"], **SYNC),
    "to_hdf5(table)": lambda bag, path: bag.to_hdf5(path, "records", columns=["i"], format="table", **SYNC),
    "to_hdf5(append)": lambda bag, path: bag.to_hdf5(path, columns=["i"], exist="append", **SYNC),
}


@pytest.mark.parametrize("name", [name for name in WRITERS if ALL_HAVE_WHEELS or "hdf5" not in name])
def test_directories_are_made(tmp_path: Path, name: str) -> None:
    one = name.startswith(("to_sqlite", "to_hdf5"))
    place = tmp_path / "new" / "one" / ("a" if one else "*.part")
    if one:
        with pytest.raises(bk.PlanError, match=r"has a \*, and one file is written; expected a name without it"):
            WRITERS[name](bag(), place.with_name("*"))
    WRITERS[name](bag(), place)
    assert [path for path in place.parent.iterdir() if path.name[0] != "."]


@pytest.mark.parametrize(("path", "message"), [
    (5, "to_parquet: path is 5; expected a path, as a str or os.PathLike"),
    ("s3://bucket/a.parquet", "to_parquet: s3://bucket/a.parquet is a URL; expected a file of this machine"),
    ("{}/", "to_parquet: {}/ is a directory; expected a file's name"),
    ("{}", "to_parquet: {} is a directory; expected a file's name"),
    ("{}/a file/a.parquet", "to_parquet: {}/a file is no directory; expected one for {}/a file/a.parquet"),
    ("{}/*-*.parquet", "to_parquet: got '{}/*-*.parquet'; expected one * at the most, in the file's name"),
])  # fmt: skip
def test_places_that_can_not_be_written_to(tmp_path: Path, path: Any, message: str) -> None:
    place = path.format(tmp_path) if isinstance(path, str) else path
    (tmp_path / "a file").touch()
    with pytest.raises(bk.PlanError) as caught:
        bag().to_parquet(place, **SYNC)
    assert str(caught.value) == message.replace("{}", str(tmp_path))


@pytest.mark.parametrize(("arguments", "message"), [
    ({"compression": "rar"},
     "to_parquet: compression is 'rar'; expected one of 'snappy', 'zstd', 'gzip', 'lz4', 'brotli', None"),
    ({"exist": "resume"}, "to_parquet: exist is 'resume'; expected 'error', 'overwrite' or 'update'"),
])  # fmt: skip
def test_parquet_arguments(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(bk.PlanError) as caught:
        bag().to_parquet(tmp_path / "a.parquet", **arguments, **SYNC)
    assert str(caught.value) == message
