"""to_hdf5 as pandas.read_hdf and PyTables read it, in several groups, and rows added to what is there."""

from __future__ import annotations

import datetime as dt
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import tables

import bagkit as bk
from tests.small_disks import files_up_to

SYNC: dict[str, Any] = {"scheduler": "sync"}
TABLE: dict[str, Any] = {"scheduler": "sync", "format": "table"}
ADD: dict[str, Any] = {"scheduler": "sync", "format": "table", "exist": "append"}
TWO_HOURS = dt.timezone(dt.timedelta(hours=2))
RECORDS: list[dict[str, Any]] = [
    {"i": 2**60 + 1, "n": None, "f": 1.5, "g": None, "b": True, "m": None, "s": "éé", "t": "nan", "none": None,
     "when": dt.datetime(2026, 1, 2, 3, 4, 5, 6), "zone": dt.datetime(2026, 1, 2, 3, tzinfo=TWO_HOURS),
     "day": dt.date(1999, 12, 31)},
    {"i": -1, "n": 3, "f": float("nan"), "g": 2.5, "b": False, "m": True, "s": "", "t": None,
     "when": None, "day": None},
    {"i": 0, "n": 2**53, "f": 2, "g": 0, "b": True, "m": False, "s": "abcdef", "t": "_nan_",
     "when": dt.datetime(1700, 1, 1), "zone": dt.datetime(2261, 12, 31, tzinfo=dt.UTC)},
]  # fmt: skip


def bag(records: list[Any] = RECORDS, npartitions: int = 2) -> Any:
    return bk.from_sequence(records, npartitions=npartitions)


def frame(path: Path, group: str | None = None) -> Any:
    return pd.read_hdf(path, group)


def cells(found: Any) -> list[list[Any]]:
    """Return the rows of a frame, None for what is missing."""
    return [[None if pd.isna(value) else value for value in row] for row in found.itertuples(index=False)]


@pytest.mark.parametrize("group", ["/", "prices", "a/b/c", "/a/b"])
def test_pandas_reads_the_records(tmp_path: Path, group: str) -> None:
    path = tmp_path / "a.h5"
    assert bag().to_hdf5(path, group, **TABLE) == 3
    for found in (frame(path, group), frame(path)):
        assert list(found.columns) == list(RECORDS[0])
        assert found.index.tolist() == [0, 1, 2]
        zone = dt.datetime(2026, 1, 2, 1, tzinfo=dt.UTC), dt.datetime(2261, 12, 31, tzinfo=dt.UTC)
        assert cells(found) == [
            [2**60 + 1, None, 1.5, None, True, None, "éé", "nan", None,
             pd.Timestamp("2026-01-02T03:04:05.000006"), zone[0], pd.Timestamp("1999-12-31")],
            [-1, 3, None, 2.5, False, 1, "", None, None, None, None, None],
            [0, 2**53, 2, 0, True, 0, "abcdef", "_nan_", None, pd.Timestamp("1700-01-01"), zone[1], None],
        ]  # fmt: skip
        kinds = {name: dtype.kind for name, dtype in found.dtypes.items()}
        assert {name: kinds[name] for name in "infgbm"} == dict(zip("infgbm", "iffFbF".lower(), strict=True))


def test_pytables_and_h5py_read_the_rows(tmp_path: Path) -> None:
    bag().to_hdf5(tmp_path / "a.h5", "a/b", **TABLE)
    with tables.open_file(tmp_path / "a.h5") as file:
        rows = file.root.a.b.table
        assert rows.nrows == 3
        assert rows.col("i").tolist() == [2**60 + 1, -1, 0]
        assert rows.col("b").dtype == bool
        assert rows.col("s").tolist() == ["éé".encode(), b"", b"abcdef"]
        assert [row["i"] for row in rows.where("b & (f > 1.8)")] == [0]
    with h5py.File(tmp_path / "a.h5") as file:
        rows = file["a/b/table"]
        assert rows.maxshape == (None,)
        assert np.isnan(rows["n"]).tolist() == [True, False, False]
        assert np.isnan(rows["m"]).tolist() == [True, False, False]
        assert rows["t"].tolist() == [b"nan", b"__nan__", b"_nan_"]
        assert (rows["when"] == np.iinfo("i8").min).tolist() == [False, True, False]  # pandas' NaT


def test_what_pandas_writes_and_what_we_write_have_the_same_attributes(tmp_path: Path) -> None:
    records = [{"n": 1, "x": 0.5, "s": "a"}, {"n": 2, "x": None, "s": "bcd"}]
    bag(records).to_hdf5(tmp_path / "ours.h5", "k", **TABLE)
    pd.DataFrame(records).to_hdf(tmp_path / "theirs.h5", key="k", format="table", data_columns=True, index=False)
    with tables.open_file(tmp_path / "ours.h5") as ours, tables.open_file(tmp_path / "theirs.h5") as theirs:
        for place in ("/", "/k", "/k/table"):
            mine, other = ours.get_node(place)._v_attrs, theirs.get_node(place)._v_attrs
            wanted = {name: other[name] for name in other._f_list("all")}
            for free in ("pandas_version", "nan_rep", "s_nan_rep", "s_meta"):
                wanted.pop(free, None)
            assert {name: mine[name] for name in wanted} == wanted
        assert ours.root.k.table.dtype == theirs.root.k.table.dtype


def test_pandas_adds_rows_to_our_table(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    records = [{"n": 1, "x": 0.5, "s": "abc", "t": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}]
    bag(records).to_hdf5(path, "k", **TABLE)
    frame(path, "k").to_hdf(path, key="k", format="table", append=True, data_columns=True, index=False)
    assert cells(frame(path, "k")) == [list(records[0].values())] * 2
    with pytest.raises(
        bk.PlanError, match=r"another program has changed the table '/k' \(it has 2 rows and to_hdf5 wrote 1"
    ):
        bag(records).to_hdf5(path, "k", **ADD)


def test_names_that_pytables_does_not_have(tmp_path: Path) -> None:
    record = {"index": 1, "a/b": 2.5, "": "x", ".": True, "_v_x": 3, "values_block_0": 4, "a b": 5, "é": 6, "class": 7,
              "a_kind": 8, "a": "y"}  # fmt: skip
    bag([record, {**record, "index": 9}]).to_hdf5(tmp_path / "a.h5", "k", **TABLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tables.NaturalNameWarning)
        found = frame(tmp_path / "a.h5")
    assert list(found.columns) == list(record)
    assert cells(found) == [list(record.values()), [9, *list(record.values())[1:]]]


@pytest.mark.parametrize(("scheduler", "compression"), [("processes", "gzip"), ("threads", None)])
def test_many_batches(tmp_path: Path, scheduler: str, compression: str | None) -> None:
    made = bk.range(40_000, 3).map(
        lambda n: {"n": n, "m": None if n == 39_000 else n, "s": "x" * (n == 20_000) + str(n)}
    )
    path = tmp_path / "a.h5"
    options: dict[str, Any] = {"scheduler": scheduler, "workers": 2, "compression": compression}
    assert made.to_hdf5(path, format="table", **options) == 40_000
    found = frame(path)
    assert found.n.tolist() == list(range(40_000))
    assert np.flatnonzero(found.m.isna()).tolist() == [39_000]
    assert found.s[20_000] == "x20000"
    with h5py.File(path) as file:
        assert file["table"].dtype["s"].itemsize == 6
        assert file["table"].compression == compression


def test_texts_as_long_as_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    bag([{"s": "ab"}, {"s": "é"}]).to_hdf5(path, strings=8, **TABLE)
    with h5py.File(path) as file:
        assert file["table"].dtype["s"].itemsize == 8
    with pytest.raises(bk.ColumnTypeError, match="the field 's' is str of more than 3 bytes") as caught:
        bag([{"s": "ab"}, {"s": "éé"}]).to_hdf5(tmp_path / "b.h5", strings=3, **TABLE)
    assert "at from_sequence, record 0, partition 1" in caught.value.__notes__
    with pytest.raises(bk.ColumnTypeError, match="which 'nan' stands for; strings is 2; expected 3 or more"):
        bag([{"s": "ab"}, {"s": None}]).to_hdf5(tmp_path / "b.h5", strings=2, **TABLE)
    bag([{"s": "ab"}, {"s": "éé"}]).to_hdf5(tmp_path / "b.h5", strings=3, on_conflict="null", **TABLE)
    assert cells(frame(tmp_path / "b.h5")) == [["ab"], [None]]


def test_nothing(tmp_path: Path) -> None:
    assert bag([]).to_hdf5(tmp_path / "a.h5", "k", columns=["a"], **TABLE) == 0
    assert cells(frame(tmp_path / "a.h5", "k")) == []
    assert bag([{"a": None}, {}]).to_hdf5(tmp_path / "b.h5", **TABLE) == 2
    assert cells(frame(tmp_path / "b.h5")) == [[None], [None]]
    for records in ([], [{}]):
        with pytest.raises(bk.ColumnTypeError) as caught:
            bag(records, 1).to_hdf5(tmp_path / "c.h5", **TABLE)
        assert str(caught.value) == "to_hdf5: the records have no fields, and a table needs one; hint: columns=[...]"


@pytest.mark.parametrize(("value", "message"), [
    (b"raw", "to_hdf5: the field 'x' is bytes, which a table of pandas has no column for; hint: format='columns', "
             "or text"),
    (2**60, "to_hdf5: the field 'x' has missing values, for which a table has float64 with NaN, and ints beyond 2**53, "
            "which are no floats; hint: format='columns', or text"),
    (dt.datetime(1600, 1, 1), "to_hdf5: the field 'x' has the time 1600-01-01T00:00:00; tables of pandas go from "
                              "1677-09-22 to 2262-04-11; hint: format='columns', or text"),
    (dt.date(2300, 1, 1), "to_hdf5: the field 'x' has the time 2300-01-01; tables of pandas go from 1677-09-22 to "
                          "2262-04-11; hint: format='columns', or text"),
])  # fmt: skip
def test_values_that_a_table_can_not_have(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(bk.ColumnTypeError) as caught:
        bag([{"x": None}, {"x": value}]).to_hdf5(tmp_path / "a.h5", **TABLE)
    assert str(caught.value) == message
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", [[1], {"a": 1}, 2**64, "a\0b"])
def test_lists_and_others_follow_the_policy(tmp_path: Path, value: Any) -> None:
    with pytest.raises(bk.ColumnTypeError, match="to_hdf5: the field 'x' is"):
        bag([{"x": value}]).to_hdf5(tmp_path / "a.h5", **TABLE)
    bag([{"x": value}]).to_hdf5(tmp_path / "a.h5", on_conflict="json", **TABLE)
    assert frame(tmp_path / "a.h5").x[0] == {2**64: str(2**64), "a\0b": '"a\\u0000b"'}.get(
        value if isinstance(value, (int, str)) else "", str(value).replace("'", '"')
    )


@pytest.mark.parametrize(("arguments", "message"), [
    ({"format": "fixed"}, "to_hdf5: format is 'fixed'; expected 'columns' or 'table'"),
    ({"strings": "variable"}, "to_hdf5: strings is 'variable'; expected how many bytes of UTF-8 each may have in a "
                              "table, or None for as many as the longest needs"),
    ({"compression": "lzf"}, "to_hdf5: compression is 'lzf'; expected 'gzip' or None for a table"),
    ({"group": "a/_v_b"}, "to_hdf5: group is 'a/_v_b'; PyTables keeps names like '_v_b' for itself"),
    ({"by": 3}, "to_hdf5: by is 3; expected the name of a field, one of columns"),
    ({"by": "q", "columns": ["i"]}, "to_hdf5: by is 'q'; expected the name of a field, one of columns"),
    ({"exist": "add"}, "to_hdf5: exist is 'add'; expected 'error', 'overwrite' or 'append'"),
])  # fmt: skip
def test_arguments(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(bk.PlanError) as caught:
        bag().to_hdf5(tmp_path / "a.h5", **{**TABLE, **arguments})
    assert str(caught.value) == message


# Rows added -----------------------------------------------------------------------------------------------------------


def test_rows_are_added_day_by_day(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    days = [[{"day": dt.date(2026, 1, day), "close": day / 4, "n": None if day == 1 else day}] * 2 for day in (1, 2, 3)]
    for day in days:
        bag(day).to_hdf5(path, "daily/XYZ", **ADD)
    found = frame(path, "daily/XYZ")
    assert found.index.tolist() == list(range(6))
    assert found.day.dt.strftime("%d").tolist() == ["01", "01", "02", "02", "03", "03"]
    assert found.close.tolist() == [0.25, 0.25, 0.5, 0.5, 0.75, 0.75]
    assert found.n.isna().tolist() == [True, True, False, False, False, False]
    with tables.open_file(path) as file:
        assert file.root.daily.XYZ.table.nrows == 6
        assert file.root.daily.XYZ.table.attrs.NROWS == 6


def test_a_group_is_added_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    bag([{"n": 1}]).to_hdf5(path, "a", **TABLE)
    bag([{"s": "x"}]).to_hdf5(path, "a/b", **ADD)
    bag([{"n": 2.5}]).to_hdf5(path, "c", exist="append", **SYNC)
    assert cells(frame(path, "a")) == [[1]]
    assert cells(frame(path, "a/b")) == [["x"]]
    with h5py.File(path) as file:
        assert file["c/n"][:].tolist() == [2.5]
    with pytest.raises(bk.OutputExistsError):
        bag([{"n": 1}]).to_hdf5(path, "d", **TABLE)
    bag([{"n": 3}]).to_hdf5(path, "d", exist="overwrite", **TABLE)
    with h5py.File(path) as file:
        assert list(file) == ["d"]


def test_fields_in_another_order_and_narrower_values(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    bag([{"x": 1.5, "s": "long text", "b": None}, {"x": None, "s": None, "b": True}]).to_hdf5(path, **TABLE)
    bag([{"s": None, "b": False, "x": 2}]).to_hdf5(path, **ADD)
    bag([{"s": "é", "x": None}]).to_hdf5(path, columns=["x", "s", "b"], **ADD)
    assert bag([]).to_hdf5(path, **ADD) == 0
    assert cells(frame(path)) == [[1.5, "long text", None], [None, None, 1], [2, None, 0], [None, "é", None]]


FULL = [{"i": 1, "f": 0.5, "b": True, "s": "abcd", "t": dt.datetime(2026, 1, 1)}]


@pytest.mark.parametrize(("changed", "message"), [
    ({"i": None}, "the field 'i' has missing values, and is int (int64), which knows none, in the group '/k'"),
    ({"b": None}, "the field 'b' has missing values, and is bool (bool), which knows none, in the group '/k'"),
    ({"i": 0.5}, "the field 'i' is float, and int (int64) in the group '/k'"),
    ({"f": 2**53 + 1}, "the field 'f' is int beyond 2**53, and float (float64) in the group '/k'"),
    ({"f": True}, "the field 'f' is bool, and float (float64) in the group '/k'"),
    ({"b": 1}, "the field 'b' is int, and bool (bool) in the group '/k'"),
    ({"s": "éée"}, "the field 's' has text of 5 bytes in UTF-8, and has room for 4 (strings= when it was made) in the "
                   "group '/k'"),
    ({"s": "nan"}, "the field 's' has the text 'nan', which stands for those that are missing, in the group '/k'"),
    ({"t": "2026"}, "the field 't' is str, and datetime (datetime64[ns]) in the group '/k'"),
    ({"t": dt.datetime(2026, 1, 1, tzinfo=TWO_HOURS)},
     "the field 't' is datetime with a time zone, and datetime (datetime64[ns]) in the group '/k'"),
    ({"new": 1}, "the group '/k' has other columns: the records have 'new' more, and lack none; hint: columns=[...] "
                 "chooses fields, and makes those that no record has"),
])  # fmt: skip
def test_rows_that_do_not_fit_change_nothing(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    path = tmp_path / "a.h5"
    bag(FULL).to_hdf5(path, "k", **TABLE)
    before = path.read_bytes()
    with pytest.raises(bk.ColumnTypeError) as caught:
        bag([*FULL, {**FULL[0], **changed}] if changed != {"b": 1} else [{**FULL[0], "b": 1}]).to_hdf5(path, "k", **ADD)
    first = str(caught.value).splitlines()[0]
    assert first == f"to_hdf5: {message}" or "expected values of one type that a column can have" in first
    without = [{**FULL[0], **changed}]
    with pytest.raises(bk.ColumnTypeError) as caught:
        bag(without).to_hdf5(path, "k", **ADD)
    if changed not in ({"i": None}, {"b": None}):  # alone they are of no type
        assert str(caught.value) == f"to_hdf5: {message}"
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.h5"]


def test_what_is_there_and_is_no_table_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    pd.DataFrame({"n": [1]}).to_hdf(path, key="k", format="table")
    with pytest.raises(bk.PlanError) as caught:
        bag([{"n": 1}]).to_hdf5(path, "k", **ADD)
    assert str(caught.value) == ("to_hdf5: the group '/k' is no table that to_hdf5 wrote; hint: write to another group")
    with pytest.raises(bk.PlanError, match="'/k/table' is a dataset of the file; expected a group, or nothing"):
        bag([{"n": 1}]).to_hdf5(path, "k/table", **ADD)
    with pytest.raises(bk.PlanError, match="the group '/k' has a 'table' already"):
        bag([{"table": 1}]).to_hdf5(path, "k", exist="append", **SYNC)
    assert cells(frame(path, "k")) == [[1]]
    (tmp_path / "b.h5").write_text("no HDF5")
    with pytest.raises(bk.PlanError, match=r"b\.h5 is no HDF5 file; hint: exist='overwrite' replaces it"):
        bag([{"n": 1}]).to_hdf5(tmp_path / "b.h5", **ADD)


def test_a_file_that_someone_writes_to(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    bag([{"n": 1}]).to_hdf5(path, "k", **SYNC)
    with h5py.File(path, "r+"), pytest.raises(bk.OutputBusyError, match=r"a\.h5 is open for writing in this process"):
        bag([{"n": 1}]).to_hdf5(path, "new", exist="append", **SYNC)
    program = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program, path], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(bk.OutputError, match=r"a\.h5: can't be written: .*lock"):
            bag([{"n": 1}]).to_hdf5(path, "new", exist="append", **SYNC)
        other.communicate()
    with h5py.File(path, "r"):
        assert bag([{"n": 1}]).to_hdf5(path, "new", exist="append", **SYNC) == 1


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "a.h5", tmp_path / "link.h5"
    bag([{"n": 1}]).to_hdf5(path, **TABLE)
    path.chmod(0o640)
    link.symlink_to(path)
    bag([{"n": 2}]).to_hdf5(link, **ADD)
    assert link.is_symlink()
    assert cells(frame(path)) == [[1], [2]]
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("options", [TABLE, SYNC, {**SYNC, "strings": 90}])
def test_no_room_changes_nothing(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.h5"
    records = [{"s": "x" * 90, "n": n} for n in range(3000)]
    bag(records).to_hdf5(path, **options)
    before = path.read_bytes()
    with files_up_to(len(before) + 100_000), pytest.raises(bk.OutputError, match=r"a\.h5: can't be written: "):
        bag(records).to_hdf5(path, exist="append", **options)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.h5"]


def test_a_function_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    bag([{"n": 1}]).to_hdf5(path, **TABLE)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError):
        bag([1, 0]).map(lambda n: {"n": 1 // n}).to_hdf5(path, **ADD)
    assert path.read_bytes() == before


def test_columns_are_made_longer(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    records = [{"n": 1, "x": 1.5, "s": "a", "b": True, "raw": b"x", "day": dt.date(2026, 1, 2)},
               {"n": None, "x": 2, "s": "é", "b": None, "raw": b"", "day": None}]  # fmt: skip
    for _ in range(2):
        bag(records).to_hdf5(path, "k", exist="append", **SYNC)
    bag([{"n": 5, "x": 3, "s": None}]).to_hdf5(path, "k", exist="append", columns=list(records[0]), **SYNC)
    assert bag([]).to_hdf5(path, "k", exist="append", **SYNC) == 0
    with h5py.File(path) as file:
        home = file["k"]
        assert home.attrs["rows"] == 5
        assert list(home.attrs["columns"]) == list(records[0])
        assert home["n"][:].tolist() == [1, 0, 1, 0, 5]
        assert home["n__missing"][:].tolist() == [False, True, False, True, False]
        assert home["x"][:].tolist() == [1.5, 2, 1.5, 2, 3]
        assert "x__missing" not in home
        assert home["s"].asstr()[:].tolist() == ["a", "é", "a", "é", ""]
        assert home["s__missing"][:].tolist() == [False] * 4 + [True]
        assert home["b__missing"][:].tolist() == [False, True, False, True, True]
        assert [bytes(value) for value in home["raw"][:]] == [b"x", b"", b"x", b"", b""]
        assert home["day"].asstr()[:].tolist() == ["2026-01-02", "", "2026-01-02", "", ""]


@pytest.mark.parametrize(("changed", "options", "message"), [
    ({"n": 0.5}, {}, "the field 'n' is float64, and int64 in the group '/k'"),
    ({"x": 2**53 + 1}, {}, "the field 'x' is int64, and float64 in the group '/k'"),
    ({"n": "a"}, {}, "the field 'n' is text of any length, and int64 in the group '/k'"),
    ({}, {"strings": 9}, "the field 's' is text of 9 bytes (strings=9), and text of any length in the group '/k'"),
    ({"z": 1}, {}, "the group '/k' has other columns: the records have 'z' more, and lack none; "
                   "hint: columns=[...] chooses fields, and makes those that no record has"),
])  # fmt: skip
def test_columns_that_do_not_fit_change_nothing(
    tmp_path: Path, changed: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    path = tmp_path / "a.h5"
    bag([{"n": 1, "x": 0.5, "s": "a"}]).to_hdf5(path, "k", **SYNC)
    before = path.read_bytes()
    with pytest.raises(bk.ColumnTypeError) as caught:
        bag([{"n": 1, "x": 0.5, "s": "a", **changed}]).to_hdf5(path, "k", exist="append", **options, **SYNC)
    assert str(caught.value) == f"to_hdf5: {message}"
    assert path.read_bytes() == before


# Several groups -------------------------------------------------------------------------------------------------------

SYMBOLS = ["AAA", "B.B", "C C", "7"]


def prices(day: int) -> list[dict[str, Any]]:
    return [{"symbol": symbol, "day": day, "close": day + n / 4, "note": None if n else "first" * day}
            for n, symbol in enumerate(SYMBOLS)]  # fmt: skip


@pytest.mark.parametrize("in_order", [True, False])
def test_a_group_for_each_value(tmp_path: Path, in_order: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bagkit.io.handover.hdf5.WAITING", 7)
    path = tmp_path / "a.h5"
    records = [record for day in range(1, 30) for record in prices(day)]
    if in_order:
        records.sort(key=lambda record: record["symbol"])
    assert bag(records, 5).to_hdf5(path, "daily", by="symbol", **TABLE) == 116
    assert bag(prices(29)).to_hdf5(path, "daily", by="symbol", columns=list(records[0]), **ADD) == 4
    assert bag([{**prices(1)[0], "symbol": "NEW"}]).to_hdf5(path, "daily", by="symbol", **ADD) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tables.NaturalNameWarning)
        for n, symbol in enumerate(SYMBOLS):
            found = frame(path, f"daily/{symbol}")
            assert list(found.columns) == ["day", "close", "note"]
            assert found.day.tolist() == [*range(1, 30), 29]
            assert found.close.tolist() == [day + n / 4 for day in (*range(1, 30), 29)]
            assert found.note.isna().tolist() == [n > 0] * 30
        assert cells(frame(path, "daily/NEW")) == [[1, 1.0, "first"]]
    with h5py.File(path) as file:
        assert sorted(file["daily"]) == sorted([*SYMBOLS, "NEW"])


def test_a_group_of_columns_for_each_value(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    records = [{"on": dt.date(2026, 1, 1 + n % 2), "n": n if n % 3 else None} for n in range(10)]
    for _ in range(2):
        bag(records, 3).to_hdf5(path, by="on", exist="append", **SYNC)
    with h5py.File(path) as file:
        assert list(file) == ["2026-01-01", "2026-01-02"]
        assert file["2026-01-01/n"][:].tolist() == [0, 2, 4, 0, 8] * 2
        assert file["2026-01-01/n__missing"][:].tolist() == [True, False, False, True, False] * 2
        assert file["2026-01-02"].attrs["rows"] == 10


@pytest.mark.parametrize("value", [None, "", "a/b", "..", "a\n", 1.5, True])
def test_values_that_name_no_group(tmp_path: Path, value: Any) -> None:
    records = [{"k": value, "n": 1}] if value is None or not isinstance(value, str) else [{"k": "a"}, {"k": value}]
    for form in ("table", "columns"):
        with pytest.raises(
            bk.ColumnTypeError, match=r"by is 'k', and a record has .* there; expected the name"
        ) as caught:
            bag(records, 1).to_hdf5(tmp_path / "a.h5", by="k", **{**TABLE, "format": form})
        notes = caught.value.__notes__
        assert notes == [
            "in to_hdf5",
            f"at from_sequence, record {len(records) - 1}, partition 0",
            f"record: {records[-1]}",
        ]
    with pytest.raises(bk.ColumnTypeError, match="by is 'no', and no record has a field of that name"):
        bag([{"k": value, "n": 1}]).to_hdf5(tmp_path / "a.h5", by="no", **TABLE)
    assert os.listdir(tmp_path) == []


def test_any_tables_come_back(tmp_path: Path) -> None:
    chance = random.Random(3)
    values: dict[str, Any] = {
        "int": lambda: chance.randrange(-(2**53), 2**53),
        "wide": lambda: chance.randrange(-(2**63), 2**63),
        "float": lambda: chance.choice([0.0, -0.0, 1e308, 5e-324, chance.random()]),
        "bool": lambda: chance.random() < 0.5,
        "str": lambda: "".join(chance.choice("anü😀_ ") for _ in range(chance.randrange(6))),
        "gaps": lambda: chance.choice([None, chance.randrange(9)]),
        "texts": lambda: chance.choice([None, "nan", "", "None", "NaN"]),
    }
    for number in range(12):
        path = tmp_path / f"{number}.h5"
        names = chance.sample(list(values), chance.randrange(1, 7))
        days = [[{name: values[name]() for name in names} for _ in range(chance.randrange(1, 30))] for _ in range(3)]
        days[0].append(
            {name: None if name == "gaps" else "nan" if name == "texts" else values[name]() for name in names}
        )
        fixed = {"strings": 24}
        for day in days:
            bag(day, chance.randrange(1, 5)).to_hdf5(path, "k", **ADD, **fixed)
        expected = [list(record.values()) for day in days for record in day]
        assert cells(frame(path, "k")) == expected


@pytest.mark.parametrize(("first", "then"), [("columns", "table"), ("table", "columns")])
@pytest.mark.parametrize("by", [None, "k"])
def test_a_group_has_one_format(tmp_path: Path, first: Any, then: Any, by: str | None) -> None:
    path = tmp_path / "a.h5"
    rows = bag([{"k": "x", "a": 1}])
    rows.to_hdf5(path, "g", format=first, by=by, **SYNC)
    before = path.read_bytes()
    said = f"the group '/g(/x)?' was written with format='{first}'; got format='{then}'; hint: format='{first}'"
    with pytest.raises(bk.PlanError, match=said):
        rows.to_hdf5(path, "g", format=then, by=by, exist="append", **SYNC)
    assert path.read_bytes() == before
    rows.to_hdf5(path, "other", format=then, by=by, exist="append", **SYNC)
    rows.to_hdf5(path, "g", format=first, by=by, exist="append", **SYNC)
    with h5py.File(path) as file:
        assert sorted(file) == ["g", "other"]


def test_more_fields_than_a_table_can_have(tmp_path: Path) -> None:
    record = {f"column_number_{number}": number for number in range(3000)}
    with pytest.raises(bk.ColumnTypeError, match=r"3,000 fields; .*64 KiB.*hint: columns=\[...\], or format='columns'"):
        bag([record]).to_hdf5(tmp_path / "a.h5", **TABLE)
    assert list(tmp_path.glob("[!.]*")) == []
    bag([record]).to_hdf5(tmp_path / "a.h5", **SYNC)
    with h5py.File(tmp_path / "a.h5") as file:
        assert len(file) == 3000
    bag([record]).to_hdf5(tmp_path / "b.h5", columns=["column_number_7"], **TABLE)
    assert cells(frame(tmp_path / "b.h5")) == [[7]]
