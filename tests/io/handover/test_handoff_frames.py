"""to_dataframe and to_polars: what the libraries themselves read out of their frames."""

from __future__ import annotations

import datetime as dt
import math
import re
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import bagkit as bk
from tests.each_case import each_case

SYNC = {"scheduler": "sync"}
RECORDS: list[dict[str, Any]] = [
    {"i": 1, "n": None, "f": 1.5, "b": True, "m": False, "s": "a\0b", "raw": b"\xff", "tags": [1, "x"]},
    {"i": 2**63 - 1, "n": 2**60 + 1, "f": None, "b": False, "m": None, "s": "😀", "raw": None, "tags": {}},
    {"i": -(2**63), "n": 3, "f": 2, "b": True, "m": True, "s": None, "raw": b"", "tags": None},
]


def frame(records: list[Any], npartitions: int = 2, **arguments: Any) -> pd.DataFrame:
    return bk.from_sequence(records, npartitions=npartitions).to_dataframe(**arguments, **SYNC)


def test_pandas_columns_are_exact_also_where_values_are_missing() -> None:
    made = frame(RECORDS)
    dtypes = {name: str(kind) for name, kind in made.dtypes.items()}
    text = str(pd.Series(["a"]).dtype)
    assert dtypes == {
        "i": "int64", "n": "Int64", "f": "float64", "b": "bool", "m": "boolean", "s": text, "raw": "object",
        "tags": "object",
    }  # fmt: skip
    assert made["i"].tolist() == [1, 2**63 - 1, -(2**63)]
    assert made["n"].tolist() == [pd.NA, 2**60 + 1, 3]
    assert made["f"].fillna(-1).tolist() == [1.5, -1.0, 2.0]
    assert made["m"].tolist() == [False, pd.NA, True]
    assert made["s"].tolist()[:2] == ["a\0b", "😀"]
    assert pd.isna(made["s"][2])
    assert made["raw"].tolist() == [b"\xff", None, b""]
    assert made["tags"].tolist() == [[1, "x"], {}, None]
    assert made.index.equals(pd.RangeIndex(3))


def test_pandas_dates() -> None:
    noon = dt.datetime(2026, 1, 2, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    made = frame([{"t": dt.datetime(1, 1, 2, 3, 4, 5, 678901), "z": noon, "d": dt.date(2026, 1, 2)}, {}])
    assert made["t"][0] == dt.datetime(1, 1, 2, 3, 4, 5, 678901)
    assert made["z"][0] == noon
    assert made["d"][0] == dt.date(2026, 1, 2)
    assert pd.isna(made["t"][1])
    assert str(made["t"].dtype) == "datetime64[us]"
    assert str(made["z"].dtype) == "datetime64[us, UTC]"
    late = frame([{"z": dt.datetime.max.replace(tzinfo=dt.timezone(dt.timedelta(hours=-1)))}, {}])["z"]
    assert (late - noon)[0].days // 365 == 7979  # years; in UTC it is of the year 10000


def test_pandas_policies() -> None:
    mixed = [{"x": 1}, {"x": None}, {"x": [1]}]
    with pytest.raises(bk.ColumnTypeError, match="the field 'x' is list or dict, and was int before"):
        frame(mixed)
    assert frame(mixed, on_conflict="json")["x"].tolist()[::2] == ["1", "[1]"]
    assert frame(mixed, on_conflict="null")["x"].tolist() == [1, pd.NA, pd.NA]


def test_pandas_frames_of_nothing_and_of_empty_partitions() -> None:
    assert frame([]).shape == (0, 0)
    assert frame([], columns=["a", "b"]).columns.tolist() == ["a", "b"]
    assert frame([{}, {}]).shape == (2, 0)
    bag = bk.from_sequence(range(6), npartitions=3).filter(lambda n: n in (0, 5)).map(lambda n: {"n": n})
    assert bag.to_dataframe(**SYNC)["n"].tolist() == [0, 5]


def test_a_frame_has_an_order_of_columns_and_can_have_an_odd_name() -> None:
    assert frame([{"b": 1}, {"a b": 2, "": 3}]).columns.tolist() == ["b", "a b", ""]


@pytest.mark.parametrize("meta", [
    {"b": "float32", "a": "int8"}, [("b", "float32"), ("a", "int8")],
    pd.DataFrame({"b": np.empty(0, "float32"), "a": np.empty(0, "int8")}),
])  # fmt: skip
def test_meta_gives_columns_and_dtypes(meta: Any) -> None:
    made = frame([{"a": 1, "b": 2, "c": 3}, {"b": 0.5, "a": 2}], meta=meta)
    assert {name: str(kind) for name, kind in made.dtypes.items()} == {"b": "float32", "a": "int8"}
    assert made["b"].tolist() == [2.0, 0.5]


NOON = dt.datetime(2026, 1, 2, 12, 0, 0, 6)
CHANGED: list[tuple[Any, str]] = [
    (1.5, "int64"), (1e30, "int64"), (math.nan, "int64"), (math.inf, "Int64"), (300, "uint8"), (-1, "uint64"),
    (2**40, "int32"), (300, "int8[pyarrow]"), (2**53 + 1, "float64"), (2**63 - 1, "float64"), (2**24 + 1, "float32"),
    (1e300, "float32"), (1e-50, "float32"), (1e-40, "Float32"), (1e5, "float16"), (2, "bool"), (0.5, "bool"),
    (math.nan, "bool"), (None, "bool"), (None, "int64"), ("False", "bool"), ("x", "bool"), ("", "bool"),
    ("1.5", "int64"), ("300", "uint8"), ("9007199254740993", "float64"), ("1e400", "float64"), ("1e-400", "float64"),
    ("a", "int64"), ("02/03/2021", "datetime64[us]"), ("2026-01-02T00:00:00.0001", "datetime64[s]"),
    (NOON, "datetime64[s]"), (dt.datetime(1, 1, 1), "datetime64[ns]"), (NOON, "int64"), (NOON, "date32[pyarrow]"),
    (NOON, "datetime64[us, UTC]"), (NOON.replace(tzinfo=dt.UTC), "datetime64[us]"), (1.5, "datetime64[s]"),
    (b"a", "str"), ([1], "str"), ({"a": 1}, "str"), ("abc", "S1"), ("a", pd.CategoricalDtype(["b"])),
]  # fmt: skip
CAST: list[tuple[Any, str, Any]] = [
    (1, "int8", 1), (2.0, "int64", 2), (2.0, "Int64", 2), (2**53, "float64", 2.0**53), (True, "int64", 1),
    (1, "bool", True), (0.0, "bool", False), (0.1, "float32", np.float32(0.1)), (0.1, "float16", np.float16(0.1)),
    (math.inf, "float32", math.inf), (1, "str", "1"), (1.5, "str", "1.5"), (True, "str", "True"), ("12", "int64", 12),
    ("007", "int64", 7), ("0.1", "float64", 0.1), ("0.1", "float32", np.float32(0.1)), ("inf", "float64", math.inf),
    ("True", "bool", True), ("a", "category", "a"), ("a", pd.CategoricalDtype(["a", "b"]), "a"), ([1], "object", [1]),
    ("2026-01-02", "datetime64[ns]", dt.datetime(2026, 1, 2)), (NOON, "datetime64[ns]", NOON),
    (NOON.replace(tzinfo=dt.UTC), "datetime64[us, Europe/Berlin]", NOON.replace(tzinfo=dt.UTC)),
    (NOON, "str", str(NOON)), (dt.date(2026, 1, 2), "datetime64[s]", dt.datetime(2026, 1, 2)),
    (60, "datetime64[s]", dt.datetime(1970, 1, 1, 0, 1)), (60, "timedelta64[s]", dt.timedelta(minutes=1)),
    (b"a", "object", b"a"), (1, "complex128", 1 + 0j),
]  # fmt: skip


@each_case(("value", "dtype"), CHANGED, ids=str)
def test_meta_that_would_change_a_value_is_an_error(value: Any, dtype: Any) -> None:
    for records in ([{"a": value}], [{"a": None}, {"a": value}]):
        with pytest.raises(
            bk.ColumnTypeError, match=r"to_dataframe: the field 'a' (is .* in row \d, and would be|can't)"
        ):
            frame(records, 1, meta={"a": dtype})


@each_case(("value", "dtype", "expected"), CAST, ids=str)
def test_meta_gives_what_keeps_a_value(value: Any, dtype: Any, expected: Any) -> None:
    made = frame([{"a": value}], meta={"a": dtype})["a"]
    assert made[0] == expected
    assert made.dtype == pd.Series([value]).astype(dtype).dtype


def test_missing_values_stay_missing_whatever_meta_says() -> None:
    records = [{"i": 1, "s": "a", "t": NOON, "n": None}, {}]
    made = frame(records, meta={"i": "float32", "s": "category", "t": "str", "n": "Int64"})
    assert made.isna().to_numpy().tolist() == [[False, False, False, True], [True] * 4]
    assert frame([{"i": 1}, {}], meta={"i": "str"})["i"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("value", "dtype", "other"),
    [(1, "int64", "Int64"), (1, "uint8", "UInt8"), (True, "bool", "boolean"), ("7", "int32", "Int32")],
)
def test_dtypes_without_missing_values_name_the_one_that_has_them(value: Any, dtype: Any, other: Any) -> None:
    records = bk.from_sequence([{"x": value}, {}], npartitions=2)
    said = f"the field 'x' can't be {dtype}, which has no missing values, as {other} has"
    with pytest.raises(bk.ColumnTypeError, match=said):
        records.to_dataframe(meta={"x": dtype}, scheduler="sync")
    found = records.to_dataframe(meta={"x": other}, scheduler="sync")["x"]
    assert found[0] == (int(value) if value == "7" else value)
    assert found.isna().tolist() == [False, True]


def test_all_fields_that_meta_would_change_are_said_at_once() -> None:
    with pytest.raises(bk.ColumnTypeError) as caught:
        frame([{"a": 1, "b": 1, "c": 1}, {"a": 1.5, "b": 300, "c": 2}], meta={"a": "int64", "b": "int8", "c": "int8"})
    assert str(caught.value) == (
        "to_dataframe: 2 fields can't be cast; expected values that stay what they are as the dtypes of meta; "
        "hint: another dtype, or map the values before\n"
        "  the field 'a' is 1.5 in row 1, and would be 1 as int64\n"
        "  the field 'b' is 300 in row 1, and would be 44 as int8"
    )


def test_messages() -> None:
    with pytest.raises(bk.PlanError, match="to_dataframe: meta gives 'a' the dtype 'foo': "):
        frame([{"a": 1}], meta={"a": "foo"})
    with pytest.raises(bk.PlanError) as caught:
        frame([{"a": 1}], meta={"a": int}, columns=["a"])
    assert str(caught.value) == "to_dataframe: both meta and columns are given; expected one of them"
    with pytest.raises(bk.PlanError) as caught:
        frame([{"a": 1}], meta=5)
    assert str(caught.value) == "to_dataframe: meta is 5; expected a frame, a dict, or pairs of name and dtype"
    with pytest.raises(bk.PlanError, match=r"to_dataframe: meta is .*; expected a frame, a dict, or pairs of name and"):
        frame([{"a": 1}], meta=pd.Series([1]))


@pytest.mark.parametrize(("method", "package", "extra"), [
    ("to_dataframe", "pandas", "pandas"), ("to_arrow", "pyarrow", "arrow"), ("to_polars", "polars", "polars"),
    ("to_polars", "pyarrow", "polars"),
])  # fmt: skip
def test_a_missing_package_names_its_extra(
    method: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(bk.MissingExtraError) as caught:
        getattr(bk.from_sequence([{"a": 1}]), method)(**SYNC)
    assert str(caught.value) == (
        f"the package {package!r} is not installed, and is needed for {method}; hint: pip install 'bagkit[{extra}]'"
    )


def test_optimize_graph_and_options_are_those_of_compute() -> None:
    assert frame([{"a": 1}], optimize_graph=False)["a"].tolist() == [1]
    with pytest.raises(bk.OptionError):
        bk.from_sequence([{"a": 1}]).to_dataframe(schedular="sync")


def test_polars_frames() -> None:
    records = [{**record, "tags": [1], "d": {"x": None}} for record in RECORDS]
    made = bk.from_sequence(records, npartitions=3).to_polars(**SYNC)
    assert made.to_dicts() == [{**record, "f": record["f"] and float(record["f"])} for record in records]
    assert made.schema["n"] == pl.Int64
    assert made.schema["tags"] == pl.List(pl.Int64)
    assert bk.from_sequence([]).to_polars(columns=["a"], **SYNC).shape == (0, 1)


@pytest.mark.parametrize("names", [[""], ["", "column_0"], ["column_0", ""], ["a.b", "a", " ", '"', "A"]])
def test_polars_has_the_names_of_the_fields(names: list[str]) -> None:
    record = {name: {"": number} for number, name in enumerate(names)}
    assert bk.from_sequence([record]).to_polars(**SYNC).to_dicts() == [record]


def test_workers_encode() -> None:
    bag = bk.range(30_000, 4).map(lambda n: {"n": n, "text": f"é{n}", "half": n / 2 if n % 3 else None})
    made = bag.to_dataframe(scheduler="processes", workers=2)
    assert made["n"].tolist() == list(range(30_000))
    assert made["text"][29_999] == "é29999"
    assert made["half"].isna().sum() == 10_000


def test_elements_of_tuples_have_numbers() -> None:
    rows: list[Any] = [(1, "a"), [2, None], (3, "c")]
    for npartitions in (1, 2, 3):
        frame = bk.from_sequence(rows, npartitions=npartitions).to_dataframe(**SYNC)
        pd.testing.assert_frame_equal(frame, pd.DataFrame(rows))
    with pytest.raises(bk.ColumnTypeError, match=r"^to_arrow: the record is .* of type tuple; expected a dict"):
        bk.from_sequence(rows).to_arrow(**SYNC)
    parts: list[list[Any]]
    for parts, words in (
        ([[(1, 2), (3,)]], "the record has 1 elements; expected 2: 0, 1"),
        ([[(1, 2), {"a": 3}]], "the record is {'a': 3} of type dict; expected a tuple of 2 elements, as before it"),
        ([[(1, 2), 5]], "the record is 5 of type int; expected a tuple of 2 elements"),
        ([[{"a": 3}, (1, 2)]], "the record is (1, 2) of type tuple; expected a dict"),
        ([[()]], "the record is () of type tuple; expected a dict"),
        ([[(1, 2)], [(3,)]], "records have the columns 0, and had 0, 1 before; expected tuples of as many elements"),
        ([[{"a": 3}], [(1, 2)]], "records have the columns 0, 1, and had a before"),
        ([[(1, 2)], [{}]], "records have the columns , and had 0, 1 before"),
        ([[(1, 2), ("x", 3)]], "the field 0 is str, and was int before"),
    ):
        bag = bk.from_delayed([bk.delayed(part) for part in parts])
        with pytest.raises(bk.ColumnTypeError, match=f"^to_dataframe: {re.escape(words)}"):
            bag.to_dataframe(**SYNC)
