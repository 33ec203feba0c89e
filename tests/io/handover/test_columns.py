"""Records as typed columns: what type comes out, what policies make of mixed ones, where errors are said to be."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.io.handover.column_types import Typing, fits_one, has_fields, unify
from bagkit.io.handover.columns import as_row, columns_of, pack
from tests.each_case import each_case
from tests.examples import examples

SYNC = {"scheduler": "sync"}


def arrow(records: list[Any], npartitions: int = 1, **arguments: Any) -> Any:
    return bk.from_sequence(records, npartitions=npartitions).to_arrow(**arguments, **SYNC)


def column(*values: Any, **arguments: Any) -> tuple[str, list[Any]]:
    """Return the type and the values of one column, whatever the partitions."""
    records = [{"x": value} for value in values]
    tables = [arrow(records, npartitions=n, **arguments) for n in (1, len(records))]
    assert tables[0].equals(tables[1])
    return str(tables[0]["x"].type), tables[0]["x"].to_pylist()


@dataclass
class Point:
    x: int


class Colour(enum.IntEnum):
    RED = 1


class Word(enum.StrEnum):
    YES = "yes"


class Large(enum.IntEnum):
    """Subclasses of int are looked at one by one."""

    EXACT = 2**53
    WIDE = 2**53 + 1
    LEAST = -(2**63)
    HUGE = 2**63


UTC = dt.UTC
TYPES: dict[str, tuple[list[Any], str]] = {
    "ints": ([1, -(2**63), 2**63 - 1], "int64"),
    "ints, some missing": ([None, 2**60, None], "int64"),
    "ints and floats": ([1, 2.5, -(2**53)], "double"),
    "the largest of such ints": ([2**53, 0.5, Large.EXACT], "double"),
    "ints of subclasses": ([1, Large.WIDE, Large.LEAST], "int64"),
    "floats and None": ([1.5, None], "double"),
    "bools": ([True, False], "bool"),
    "bools and None": ([None, True, False, None, True, False, True, True, False, True], "bool"),
    "text": (["", "a\0b", "é", "😀", "a\nb"], "string"),
    "text and None": (["a", None, "é"], "string"),
    "bytes": ([b"", b"\xff\0", None], "binary"),
    "nothing": ([None, None], "null"),
    "datetimes": ([dt.datetime(2026, 1, 2, 3, 4, 5, 6), None], "timestamp[us]"),
    "datetimes with zones": ([dt.datetime(2026, 1, 2, tzinfo=UTC), None], "timestamp[us, tz=UTC]"),
    "dates": ([dt.date(2026, 1, 2), None], "date32[day]"),
    "lists": ([[1, None], [], None, [2]], "list<item: int64>"),
    "lists of ints and floats": ([[1.0], [2.5]], "list<item: double>"),
    "lists of lists": ([[["a"]], [[]]], "list<item: list<item: string>>"),
}


@pytest.mark.parametrize("name", TYPES)
def test_a_column_is_of_the_type_that_holds_all_its_values(name: str) -> None:
    values, kind = TYPES[name]
    assert column(*values) == (kind, values)


def test_values_of_subclasses_and_of_numpy_are_plain_values() -> None:
    assert column(Colour.RED, 2) == ("int64", [1, 2])
    assert column(Word.YES, "no") == ("string", ["yes", "no"])
    assert column(np.int64(3), 4, np.uint8(5)) == ("int64", [3, 4, 5])
    assert column(np.bool_(True), False) == ("bool", [True, False])
    assert column(np.float32(0.5), 1) == ("double", [0.5, 1.0])
    assert column(np.bytes_(b"a"), b"") == ("binary", [b"a", b""])
    day, none = np.datetime64("2026-01-02"), np.datetime64("NaT", "D")
    assert column(day, none) == ("date32[day]", [dt.date(2026, 1, 2), None])
    assert column(np.datetime64("2026-01-02T03:04")) == ("timestamp[us]", [dt.datetime(2026, 1, 2, 3, 4)])
    assert column(none) == ("null", [None])
    assert column(pd.Timestamp("2026-01-02")) == ("timestamp[us]", [dt.datetime(2026, 1, 2)])


class SaysNoOffset(dt.tzinfo):
    def utcoffset(self, when: dt.datetime | None) -> None:
        return None

    dst = tzname = utcoffset


def test_times_of_a_zone_without_offset_are_times_without_zone() -> None:
    """So Python takes them."""
    times = [dt.datetime(2026, 1, 2, tzinfo=SaysNoOffset()), None, dt.datetime(2026, 1, 3)]
    table = bk.from_sequence(times, npartitions=1).to_arrow(["t"], scheduler="sync")
    assert str(table.schema.field("t").type) == "timestamp[us]"
    assert table["t"].to_pylist() == [dt.datetime(2026, 1, 2), None, dt.datetime(2026, 1, 3)]
    frame = bk.from_sequence(times, npartitions=3).to_dataframe(columns=["t"], scheduler="sync")
    assert frame["t"].isna().tolist() == [False, True, False]


def test_times_that_a_column_would_cut_short_are_of_no_type() -> None:
    for value, kind in (
        (pd.Timestamp(1), "datetime with nanoseconds"),
        (np.datetime64(1, "ns"), "numpy.datetime64"),
        (np.timedelta64(1, "ns"), "numpy.timedelta64"),
        (np.longdouble(1), "numpy.longdouble"),
        (pd.NaT, "NaT"),
    ):
        with pytest.raises(bk.ColumnTypeError, match=f"to_arrow: the field 'x' is {kind}; expected values of one type"):
            arrow([{"x": value}])
    assert column(dt.datetime(2026, 1, 2), pd.NaT, on_conflict="null")[1] == [dt.datetime(2026, 1, 2), None]
    with pytest.raises(bk.ColumnTypeError, match="to_arrow: the field 'x' can't be list of date of Arrow's: "):
        arrow([{"x": [np.datetime64("2026-01-02")]}])


def test_dicts_are_structs_of_all_their_fields() -> None:
    kind, values = column({"a": 1}, {"b": "x", "a": None}, None)
    assert kind == "struct<a: int64, b: string>"
    assert values == [{"a": 1, "b": None}, {"a": None, "b": "x"}, None]


def test_dicts_without_fields_get_those_of_others() -> None:
    for values, expected in (
        ([{"x": 1}, {}], [{"x": 1}, {"x": None}]),
        ([{}, None, {"x": 1}], [{"x": None}, None, {"x": 1}]),
        ([[{}], [], [{"x": 1}, {}]], [[{"x": None}], [], [{"x": 1}, {"x": None}]]),
        ([{"p": {}}, {"p": {"q": [{}]}}, {"p": {"q": [{"r": 1}]}}],
         [{"p": {"q": None}}, {"p": {"q": [{"r": None}]}}, {"p": {"q": [{"r": 1}]}}]),
    ):  # fmt: skip
        assert column(*values)[1] == expected
        assert column(*values, on_conflict="null")[1] == expected
    assert column({}, {"x": {}}, on_conflict="json") == ("string", ["{}", '{"x": {}}'])
    assert column({}, 1, on_conflict="null") == ("int64", [None, 1])


@pytest.mark.parametrize("method", ["to_arrow", "to_polars", "to_parquet"])
def test_more_than_one_array_can_hold_is_several(tmp_path: Path, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow counts the bytes of texts in 32 bits; here it is as if it had 7 for them."""
    array, chunked = pa.array, pa.chunked_array

    def small_array(values: Any, kind: Any = None) -> Any:
        plain = str(kind) in ("string", "binary")
        if sum(len(value) for value in values if isinstance(value, (str, bytes, list))) < 128:
            return array(values, kind)
        if not plain or len(values) == 1:
            raise pa.ArrowCapacityError("array cannot contain more than 127 bytes")
        return chunked([values[:1], values[1:]], kind)

    monkeypatch.setattr(pa, "array", small_array)
    records = [
        {"n": n, "b": bytes([n]) * 9, "t": Word.YES if n % 3 else None, "l": ["a"] * (n % 5)} for n in range(100)
    ]
    bag = bk.from_sequence(records, npartitions=2)
    if method == "to_parquet":
        found = [
            row for path in bag.to_parquet(tmp_path / "*.parquet", **SYNC) for row in pq.read_table(path).to_pylist()
        ]
    else:
        made = getattr(bag, method)(**SYNC)
        found = made.to_pylist() if method == "to_arrow" else made.to_dicts()
    assert found == records
    long = bk.from_sequence([{"n": 1, "b": b"a"}, {"n": 2, "b": b"a" * 200}])
    with pytest.raises(bk.ColumnTypeError) as caught:
        getattr(long, method)(*([tmp_path / "long"] if method == "to_parquet" else []), **SYNC)
    assert str(caught.value).startswith(
        f"{method}: the field 'b' has a value of more than 2 GiB, which is what Arrow takes at the most; "
        "hint: leave it out with columns=[...]"
    )


MIXED: dict[str, tuple[list[Any], str, str]] = {
    "int and str": ([1, None, "x"], "int", "str"),
    "bool and int": ([True, 1], "bool", "int"),
    "float and a large int": ([0.5, 2**53 + 1], "float", "int beyond 2**53"),
    "float and a large negative int": ([0.5, -(2**53) - 1], "float", "int beyond 2**53"),
    "float and a large int of a subclass": ([0.5, Large.WIDE], "float", "int beyond 2**53"),
    "an int of 64 bits without a sign": ([1, 2**63], "int", "int beyond 64 bits"),
    "the same of a subclass": ([1, Large.HUGE], "int", "int beyond 64 bits"),
    "list and int": ([[1], 1], "list of int", "int"),
    "a list of both": ([[], [1, "a"]], "list of null", "list of int or str"),
    "dict and list": ([{"a": 1}, [1]], "dict of a: int", "list of int"),
    "dicts of other fields": ([{"a": 1}, {"a": "b"}], "dict of a: int", "dict of a: str"),
    "date and datetime": ([dt.date(2026, 1, 1), dt.datetime(2026, 1, 1)], "date", "datetime"),
    "an int of 65 bits": ([1, 2**64], "int", "int beyond 64 bits"),
    "a lone surrogate": (["a", "\ud800"], "str", "str with a lone surrogate"),
    "a Decimal": ([1, Decimal(1)], "int", "decimal.Decimal"),
    "a set": ([{"a"}], "", "set"),
    "a dict without fields": ([None, {}], "", "dict without fields"),
    "lists of dicts without fields": ([[], [{}]], "list of null", "list of dict without fields"),
    "a dict that has a dict without fields": (
        [{"p": None}, {"p": {}}],
        "dict of p: null",
        "dict of p: dict without fields",
    ),
    "a dict without fields and an int": ([{}, 1], "dict without fields", "int"),
    "what can't be pickled": ([None, memoryview(b"")], "", "memoryview"),
    "a dict with other keys": ([{1: 2}], "", "dict with the key 1"),
    "a dict that has a set": ([{"a": {1}}], "", "dict whose 'a' is set"),
}


@each_case("npartitions", [1, 3])
@each_case("name", MIXED)
def test_by_default_other_types_are_an_error_with_the_place_of_the_record(name: str, npartitions: int) -> None:
    values, before, kind = MIXED[name]
    with pytest.raises(bk.ColumnTypeError) as caught:
        arrow([{"x": value} for value in values], npartitions)
    was = f", and was {before} before" if before else ""
    assert str(caught.value) == (
        f"to_arrow: the field 'x' is {kind}{was}; expected values of one type that a column can have; "
        "hint: on_conflict='string', 'json' or 'null', or columns=[...] without it"
    )
    assert caught.value.__notes__[0] == "in to_arrow"
    assert caught.value.__notes__[1].startswith("at from_sequence, record")
    assert caught.value.__notes__[2] == f"record: { ({'x': values[-1]})!r}"


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@pytest.mark.parametrize("optimize", [True, False])
def test_the_error_names_file_and_line(tmp_path: Path, scheduler: str, optimize: bool) -> None:
    (tmp_path / "a.json").write_text('{"n": 1}\n' * 10000)
    (tmp_path / "b.json").write_text('{"n": 1}\n' * 6 + '{"n": "seven"}\n' + '{"n": 1}\n' * 10)
    bag = bk.read_json(tmp_path / "*.json").filter(lambda record: True)
    with pytest.raises(bk.ColumnTypeError, match="the field 'n' is str, and was int before") as caught:
        bag.to_arrow(scheduler=scheduler, workers=2, optimize=optimize)
    assert caught.value.__notes__[:3] == [
        "in to_arrow", f"at {tmp_path}/b.json, line 7 (byte 54), partition 1", "record: '{\"n\": \"seven\"}'",
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["to_dataframe", "to_arrow", "to_polars", "to_parquet", "to_sqlite"])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_all_fields_that_are_wrong_are_said_at_once_each_with_its_place(
    tmp_path: Path, method: str, on_error: Any
) -> None:
    for number, changed in enumerate([{}, {"n": "seven", "t": 5}, {"m": True, "s": [1]}]):
        lines = [json.dumps({"n": 1, "m": 2, "s": "a", "t": "b", "u": None})] * 6
        lines[number * 2] = json.dumps(json.loads(lines[0]) | changed)
        (tmp_path / f"{number}.json").write_text("\n".join(lines))
    where = {"to_parquet": [tmp_path / "a.parquet"], "to_sqlite": [tmp_path / "a.db", "t"]}.get(method, [])
    kind = {"to_sqlite": "list", "to_dataframe": "list or dict"}.get(method, "list of int")
    with pytest.raises(bk.ColumnTypeError) as caught:
        getattr(bk.read_json(tmp_path / "*.json"), method)(*where, on_error=on_error, **SYNC)
    at = f"at {tmp_path}/1.json, line 3 (byte 96), partition 1"
    assert str(caught.value) == (
        f"{method}: 4 fields can't be columns; expected values of one type that a column can have; "
        "hint: on_conflict='string', 'json' or 'null', or columns=[...] without it\n"
        f"  the field 'n' is str, and was int before ({at})\n"
        f"  the field 't' is int, and was str before ({at})\n"
        f"  the field 'm' is bool, and was int before (at {tmp_path}/2.json, line 5 (byte 192), partition 2)\n"
        f"  the field 's' is {kind}, and was str before (at {tmp_path}/2.json, line 5 (byte 192), partition 2)"
    )
    assert caught.value.__notes__[:2] == [f"in {method}", at]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.json", "1.json", "2.json"]


def test_of_very_many_fields_that_are_wrong_some_are_listed() -> None:
    with pytest.raises(bk.ColumnTypeError) as caught:
        arrow([dict.fromkeys(map(str, range(30)), 1), dict.fromkeys(map(str, range(30)), "a")], 2)
    first, *listed, last = str(caught.value).split("\n")
    assert first.startswith("to_arrow: 30 fields can't be columns; ")
    assert listed == [
        f"  the field '{n}' is str, and was int before (at from_sequence, record 0, partition 1)" for n in range(20)
    ]
    assert last == "  and 10 more"


def test_values_that_no_policy_can_be_applied_to_are_an_error() -> None:
    made = bk.range(2, 2).map(lambda n: {"a": 1, "x": memoryview(b"")})
    with pytest.raises(bk.ColumnTypeError) as caught:
        made.to_arrow(on_conflict="string", **SYNC)
    assert str(caught.value) == (
        "to_arrow: the field 'x' has values that can't be pickled: TypeError: cannot pickle memoryview objects "
        "(in partition 0)"
    )


def test_policy_string() -> None:
    values = [1, None, "x", 2.5, True, [1], b"b", Decimal("1.0"), "\ud800", 2**70]
    expected = ["1", None, "x", "2.5", "True", "[1]", "b'b'", "1.0", "\\ud800", str(2**70)]
    assert column(*values, on_conflict="string") == ("string", expected)


def test_policy_json_gives_text_that_parses_to_the_values() -> None:
    values = [1, None, "x", 2.5, True, [1, "a", None], {"a": {"b": []}}, {}, "\ud800", 2**70]
    kind, texts = column(*values, on_conflict="json")
    assert kind == "string"
    assert [text and json.loads(text) for text in texts] == values
    assert texts[2] == '"x"'


def test_policy_json_of_what_is_no_json_is_an_error_with_its_place() -> None:
    with pytest.raises(bk.ColumnTypeError) as caught:
        arrow([{"x": 1}, {"x": "a"}, {"x": {1}}], 3, on_conflict="json")
    assert str(caught.value) == (
        "to_arrow: the field 'x' can't be written as JSON: Object of type set is not JSON serializable; got {1}; "
        "hint: on_conflict='string' or 'null'"
    )
    assert "at from_sequence, record 0, partition 2" in caught.value.__notes__


@pytest.mark.parametrize("value", [math.nan, [1, -math.inf], {"a": math.nan}, dt.date(2021, 2, 2), b"a", Decimal(1)])
def test_policy_json_gives_nothing_that_is_no_json(value: Any) -> None:
    with pytest.raises(bk.ColumnTypeError, match=r"the field 'x' can't be written as JSON: .*; hint: on_conf"):
        arrow([{"x": "02/02/2021"}, {"x": value}, {"x": [1]}], on_conflict="json")


def test_texts_beside_dates() -> None:
    """As "string" both are what they say; as "json" all texts are quoted, so that "1" and 1 stay two things."""
    dates = ["02/02/2021", dt.date(2021, 2, 3), dt.datetime(2021, 2, 4, 5, 6), 20210205]
    assert column(*dates, on_conflict="string")[1] == [
        "02/02/2021", "2021-02-03", "2021-02-04 05:06:00", "20210205",
    ]  # fmt: skip
    assert column("02/02/2021", 20210205, on_conflict="json")[1] == ['"02/02/2021"', "20210205"]


def test_policy_null_keeps_the_first_type() -> None:
    assert column(None, 1, "x", 2**60, 2.5, [1], on_conflict="null") == ("int64", [None, 1, None, 2**60, None, None])
    assert column(1, 2.5, 2**60, on_conflict="null") == ("double", [1.0, 2.5, None])
    assert column(2**70, "x", "\ud800", 1, on_conflict="null") == ("string", [None, "x", None, None])
    assert column([1], ["a"], [1, "a"], on_conflict="null") == ("list<item: int64>", [[1], None, None])
    assert column({1}, Decimal(1), on_conflict="null") == ("null", [None, None])


def test_a_policy_leaves_columns_of_one_type_alone() -> None:
    records = [{"a": 1, "b": 1}, {"a": None, "b": "x"}]
    for policy in ("string", "json", "null"):
        table = arrow(records, 2, on_conflict=policy)
        assert table["a"].to_pylist() == [1, None]
        assert str(table["a"].type) == "int64"


def test_missing_fields_are_missing_values_and_columns_come_in_the_order_of_sight() -> None:
    table = arrow([{"b": 1}, {"a": 2, "b": 3}, {}, {"c": 4}], 2)
    assert table.to_pylist() == [
        {"b": 1, "a": None, "c": None}, {"b": 3, "a": 2, "c": None},
        {"b": None, "a": None, "c": None}, {"b": None, "a": None, "c": 4},
    ]  # fmt: skip


def test_columns_choose_fields_and_give_tuples_names() -> None:
    assert arrow([{"a": 1, "b": 2}, {"b": 3}], columns=["b", "z"]).to_pylist() == [
        {"b": 2, "z": None},
        {"b": 3, "z": None},
    ]
    assert arrow([(1, "x"), [2, "y"]], columns=["n", "s"]).to_pylist() == [{"n": 1, "s": "x"}, {"n": 2, "s": "y"}]
    assert arrow([1, None, 3], columns=iter(["n"])).to_pylist() == [{"n": 1}, {"n": None}, {"n": 3}]
    assert arrow([(1,), {"n": 2}, 3], columns=["n"]).to_pylist() == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert arrow([], columns=["a"]).column_names == ["a"]


def test_columns_are_all_that_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1, "b": 2}\n{"b": 3}\n')
    from bagkit.io.handover.columns import encoding
    from bagkit.optimizer import optimize
    from bagkit.plan.explain import plan_text
    from bagkit.plan.node import Plan

    bag = bk.read_json(path)
    (plan,) = optimize((Plan(encoding("to_arrow", ["a"], "error", Typing()), (bag.plan,)),))
    assert "parse_json(fields: a)" in plan_text(plan)
    assert bag.to_arrow(columns=["a"], **SYNC).to_pylist() == [{"a": 1}, {"a": None}]


def test_results_of_reductions_are_handed_over_too() -> None:
    counts = bk.from_sequence(["a", "b", "a"], npartitions=3).frequencies()
    assert counts.to_arrow(columns=["word", "n"], **SYNC).to_pylist() == [{"word": "a", "n": 2}, {"word": "b", "n": 1}]
    with pytest.raises(bk.ColumnTypeError) as caught:
        bk.from_sequence(["a", 1], npartitions=2).frequencies().to_arrow(columns=["word", "n"], **SYNC)
    assert "at the result of frequencies, record 1" in caught.value.__notes__


def test_other_mappings_are_records_too() -> None:
    assert columns_of([OrderedDict(a=1), MappingProxyType({"b": 2})], None) == {"a": [1, None], "b": [None, 2]}
    assert as_row(MappingProxyType({"b": 2}), ["a", "b"]) == {"a": None, "b": 2}


def test_keys_of_subclasses_of_text_are_names() -> None:
    records = [{Word.YES: 1, "a": {Word.YES: 2}}, {np.str_("yes"): 3}]
    for columns in (None, ["yes", "a"]):
        table = arrow(records, 2, columns=columns)
        assert table.to_pylist() == [{"yes": 1, "a": {"yes": 2}}, {"yes": 3, "a": None}]
        assert all(type(name) is str for name in table.column_names)


def deep(n: int) -> Any:
    value: Any = n
    for _ in range(5000):
        value = [value]
    return {"x": value if n else [0]}


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_a_record_that_is_nested_too_deeply_is_an_error_with_its_place(scheduler: str) -> None:
    with pytest.raises(bk.ColumnTypeError) as caught:
        bk.range(2, 1).map(deep).to_arrow(scheduler=scheduler, workers=1)
    assert str(caught.value) == (
        "to_arrow: the record is nested too deeply for columns; hint: json.dumps makes text of it"
    )
    assert "at range, record 1, partition 0" in caught.value.__notes__


def test_a_record_that_is_no_row_is_the_error_also_where_types_differ_and_may() -> None:
    with pytest.raises(bk.ColumnTypeError, match="the record is 5 of type int") as caught:
        arrow([{"x": 1}, {"x": "a"}, 5], on_conflict="string")
    assert "at from_sequence, record 2, partition 0" in caught.value.__notes__


NO_ROWS: dict[str, tuple[list[Any], list[str] | None, str]] = {
    "a number": (
        [{"a": 1}, 5], None,
        "the record is 5 of type int; expected a dict; hint: columns=[...] gives the elements of tuples names"),
    "an object, which has a hint": (
        [{"a": 1}, Point(2)], None,
        "the record is Point(x=2) of type Point; expected a dict; "
        "hint: bag.map(msgspec.to_builtins) makes dicts of them"),
    "a short tuple": ([(1, 2), (3,)], ["a", "b"], "the record has 1 elements; expected 2: a, b"),
    "a key that is no text": (
        [{"a": 1}, {2: 3}], None,
        "the record has the key 2; expected text that UTF-8 can hold; hint: columns=[...]"),
    "a key with a lone surrogate": (
        [{"a": 1}, {"\udcff": 3}], None,
        "the record has the key '\\udcff'; expected text that UTF-8 can hold; hint: columns=[...]"),
    "a number for two columns": ([(1, 2), 5], ["a", "b"],
                                 "the record is 5 of type int; expected a dict, or a tuple of 2 elements"),
}  # fmt: skip


@pytest.mark.parametrize("policy", ["error", "null"])
@pytest.mark.parametrize("npartitions", [1, 2])
@pytest.mark.parametrize("name", NO_ROWS)
def test_a_record_that_is_no_row_is_an_error_with_its_place(name: str, npartitions: int, policy: str) -> None:
    records, columns, message = NO_ROWS[name]
    with pytest.raises(bk.ColumnTypeError) as caught:
        arrow(records, npartitions, columns=columns, on_conflict=policy)
    assert str(caught.value) == f"to_arrow: {message}"
    assert caught.value.__notes__[-1] == f"record: {records[1]!r}"


@pytest.mark.parametrize(("arguments", "message"), [
    ({"on_conflict": "guess"}, "to_arrow: on_conflict is 'guess'; expected 'error', 'string', 'json' or 'null'"),
    ({"columns": "abc"}, "to_arrow: columns is 'abc'; expected a list of names, each once"),
    ({"columns": []}, "to_arrow: columns is []; expected a list of names, each once"),
    ({"columns": ["a", "a"]}, "to_arrow: columns is ['a', 'a']; expected a list of names, each once"),
    ({"columns": {"a": "int64"}}, "to_arrow: columns is {'a': 'int64'}; expected a list of names, without types; "
                                  "hint: to_dataframe(meta=...) casts columns"),
    ({"columns": [1]}, "to_arrow: columns is [1]; expected a list of names, each once"),
])  # fmt: skip
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(bk.PlanError) as caught:
        arrow([{"a": 1}], **arguments)
    assert str(caught.value) == message


class Changing:
    """A function that gives something else every time it is called."""

    calls = 0

    def __call__(self, record: Any) -> Any:
        Changing.calls += 1
        return {"x": "text" if Changing.calls == 2 else 1}


def test_a_conflict_that_is_gone_when_looked_for_is_an_error_all_the_same() -> None:
    Changing.calls = 0
    with pytest.raises(bk.ColumnTypeError, match=r"field 'x' is int or str; .*\(in partition 0\)"):
        bk.from_sequence(range(3), npartitions=1).map(Changing()).to_arrow(**SYNC)


def test_on_error_is_for_functions_and_no_reason_to_leave_out_a_conflict() -> None:
    bag = bk.from_sequence([{"x": "1"}, {"x": "a"}, {"x": "3"}, {"x": None}], npartitions=2)
    numbers = bag.map(lambda record: {"x": int(record["x"])})
    with pytest.warns(bk.SkippedRecordsWarning, match="2 records"):
        table = numbers.to_arrow(on_error="skip", **SYNC)
    assert table.to_pylist() == [{"x": 1}, {"x": 3}]
    with pytest.raises(bk.ColumnTypeError):
        bk.from_sequence([{"x": 1}, {"x": "a"}], npartitions=1).map(dict).to_arrow(on_error="skip", **SYNC)


@pytest.mark.parametrize("how", ["call", "plan"])
def test_on_error_collect_gives_the_failures_beside_what_was_handed_over(tmp_path: Path, how: str) -> None:
    made = bk.range(4, 2).map(lambda n: {"x": 6 // (n - 1)})
    options: Any = {"on_error": "collect", **SYNC} if how == "call" else SYNC
    bag = made if how == "call" else made.on_error("collect")
    found = [
        bag.to_dataframe(**options),
        bag.to_arrow(**options),
        bag.to_polars(**options),
        bag.to_parquet(tmp_path / "a.parquet", **options),
        bag.to_sqlite(tmp_path / "a.db", "t", **options),
    ]
    assert [[failure.place.record for failure in one.failures] for one in found] == [[1]] * 5
    assert found[0].result["x"].tolist() == found[1].result["x"].to_pylist() == found[2].result["x"].to_list()
    assert found[2].result["x"].to_list() == [-6, 6, 3]
    assert [one.result for one in found[3:]] == [[str(tmp_path / "a.parquet")], 3]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-3, 3), st.floats(allow_nan=False), st.text(max_size=4),
    st.binary(max_size=3), st.lists(st.integers(0, 3) | st.text(max_size=1), max_size=2),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 2), max_size=2),
)  # fmt: skip


@given(st.lists(VALUES, max_size=8))
@examples(60)
def test_packed_values_are_given_back_exactly(values: list[Any]) -> None:
    assert repr(pack(values).to_list()) == repr(values)


@given(st.lists(VALUES, min_size=1, max_size=6), st.integers(1, 3))
@examples(40)
def test_what_comes_out_does_not_depend_on_partitions_and_is_what_went_in(values: list[Any], npartitions: int) -> None:
    seen = Typing().types_of(values)
    records = [{"x": value} for value in values]
    if fits_one(seen) and all(map(has_fields, seen)):
        assert arrow(records, npartitions).to_pylist() == [{"x": filled(value, values)} for value in values]
    else:
        with pytest.raises(bk.ColumnTypeError):
            arrow(records, npartitions)
    for policy in ("string", "null"):
        assert arrow(records, npartitions, on_conflict=policy).equals(arrow(records, 1, on_conflict=policy))


def filled(value: Any, values: list[Any]) -> Any:
    """Return a dict with all the fields that any of `values` has."""
    if not isinstance(value, dict):
        return value
    return {name: value.get(name) for other in values if isinstance(other, dict) for name in other}


@given(st.lists(VALUES, min_size=2, max_size=2))
@examples(50)
def test_types_go_together_whichever_comes_first(values: list[Any]) -> None:
    one, other = map(Typing().type_of, values)
    assert (unify(one, other) is None) == (unify(other, one) is None)
