"""What users of other tools type first: an error that names the way, and the way works. Every hint here is run."""

from __future__ import annotations

import ast
import copy
import json
import operator
import os
import pickle
import re
import sqlite3
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy
import pandas
import polars
import pyarrow
import pyarrow.feather
import pyarrow.parquet
import pytest

import bagkit
import bagkit as bk
from bagkit.other_names import OF_ARGUMENTS, OF_BAGS, OF_CSV, OF_ITEMS, OF_MODULE, OF_MORE
from tests.each_case import each_case
from tests.wheels import ALL_HAVE_WHEELS

RECORDS = [{"name": "Ada", "age": 36, "plan": "pro"}, {"name": "Bob", "age": 17, "plan": "free"}]


@pytest.fixture(autouse=True)
def _sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    with bk.options(scheduler="sync"):
        yield


def bag() -> Any:
    return bk.from_sequence(RECORDS, npartitions=1)


def told(error: BaseException) -> str:
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def codes(error: BaseException) -> list[str]:
    """Return the pieces of code in the hints of an error: calls from `bag.` or `bagkit.` on."""
    hint = told(error).partition("hint: ")[2]
    found = []
    for start in (match.start() for match in re.finditer(r"\b(?:bag|bagkit|item)\.[a-z]", hint)):
        ends = [end for end in range(start + 1, len(hint) + 1) if compiles(hint[start:end])]
        found.append(hint[start : ends[-1]])
    return found


def compiles(code: str) -> bool:
    try:
        return not isinstance(ast.parse(code, mode="eval").body, ast.Tuple)
    except SyntaxError:
        return False


NAMES: dict[str, Any] = {
    "bagkit": bagkit, "operator": operator, "numpy": numpy, "json": json, "pandas": pandas, "spec": ">5",
    "pyarrow": pyarrow, "polars": polars, "connection": sqlite3.connect(":memory:"), "query": "select 1",
    "value": {"name": "Ada", "age": 36, "plan": "pro"}, "function": str, "key": lambda record: record["name"],
    "predicate": bool, "binop": lambda one, other: one, "zero": 0, "seq": lambda n, x: n, "comb": lambda n, m: n,
    "fractions": {"a": 1.0, "b": 1.0}, "records": RECORDS, "text": "ab",
}  # fmt: skip


def run(code: str, **names: Any) -> Any:
    made = eval(code, {**NAMES, "bag": bag(), "other": bag(), **names})
    return made.compute() if isinstance(made, (bk.Bag, bk.Item)) else made


MISTAKES: dict[str, tuple[Any, list[Any]]] = {
    "filter of text": (lambda b: b.filter("age > 30"), []),
    "filter of a bag": (lambda b: b.filter(b.pluck("age")), []),
    "index by a bag": (lambda b: b[b.pluck("age")], [[RECORDS[0]]]),
    "remove of text": (lambda b: b.remove("age > 30"), []),
    "map of a name": (lambda b: b.map("name"), [["Ada", "Bob"]]),
    "topk of a name": (lambda b: b.topk("age"), [RECORDS]),
    "frequencies of a name": (lambda b: b.frequencies("plan"), [[("pro", 1), ("free", 1)]]),
    "sum of a name": (lambda b: b.sum("age"), [53]),
    "min of a name": (lambda b: b.min("age"), [17]),
    "max of a name": (lambda b: b.max("age"), [36, [RECORDS[0]]]),
    "mean of a name": (lambda b: b.mean("age"), [26.5]),
    "var of a name": (lambda b: b.var("age"), [90.25]),
    "std of a name": (lambda b: b.std("age"), [9.5]),
    "count of a name": (lambda b: b.count("age"), [2]),
    "any of a name": (lambda b: b.any("age"), [True]),
    "all of a name": (lambda b: b.all("age"), [True]),
    "stats of a name": (lambda b: b.stats("age"), None),
    "histogram of a name": (lambda b: b.histogram("age"), None),
    "quantiles of a name": (lambda b: b.quantiles("age"), [17]),
    "approx_distinct of a name": (lambda b: b.approx_distinct("age"), [2]),
    "count of a function": (lambda b: b.count(lambda r: r["age"] > 30), [2]),
    "any of a function": (lambda b: b.any(lambda r: r["age"] > 30), [True]),
    "grouped and counted": (lambda b: b.groupby("plan", "count"), [[("pro", 1), ("free", 1)]]),
    "grouped and summed": (lambda b: b.groupby("plan", "sum"), None),
    "grouped by two": (lambda b: b.groupby("plan", "age").pluck(0), None),
    "grouped into four": (lambda b: b.groupby("plan", 4), None),
    "foldby the other way round": (lambda b: b.foldby(operator.add, "name"), []),
    "fold the other way round": (lambda b: b.fold(0, operator.add), []),
    "fold with an initial value for combine": (lambda b: b.fold(operator.add, 0), []),
    "sorted descending": (lambda b: b.sort_by("age", "desc"), []),
    "an open end": (lambda b: b[:5], [tuple(RECORDS)]),
    "set a field": (lambda b: operator.setitem(b, "x", 1), None),
    "a key that is a bag": (lambda b: b.groupby(b.pluck("plan")), []),
    "grouped and counted by len": (lambda b: b.groupby("plan", len), [[("pro", 1), ("free", 1)]]),
    "grouped and a function": (lambda b: b.groupby("plan", max), None),
    "sum of a list of names": (lambda b: b.sum(["age"]), [53]),
    "max of a list of names": (lambda b: b.max(["age"]), [36]),
    "a bag made of a list": (lambda b: bk.Bag(RECORDS), [RECORDS]),  # type: ignore[arg-type]
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_arguments(case: str) -> None:
    act, values = MISTAKES[case]
    with pytest.raises((bk.PlanError, bk.LazyError)) as caught:
        act(bag())
    assert "hint: " in told(caught.value)
    found = codes(caught.value)
    if values is None:
        assert found
    elif values:
        assert [run(code.replace("bag.take(5)", "bag.take(2)")) for code in found[: len(values)]] == values


KEYWORDS: dict[str, tuple[Any, Any]] = {
    "max": (lambda b: b.max(key=lambda r: r["name"]), [RECORDS[1]]),
    "min": (lambda b: b.min(key=lambda r: r["name"]), (RECORDS[0],)),
    "groupby by": (lambda b: b.groupby(by="name"), [("Ada", [RECORDS[0]]), ("Bob", [RECORDS[1]])]),
    "groupby agg": (lambda b: b.groupby("name", agg="sum"), [("Ada", RECORDS[0]), ("Bob", RECORDS[1])]),
    "sort_by": (lambda b: b.sort_by(by="name"), RECORDS),
    "ascending": (lambda b: b.sort_by("name", ascending=False), RECORDS[::-1]),
    "join": (lambda b: b.join(b, on="name"), [(RECORDS[0], RECORDS[0]), (RECORDS[1], RECORDS[1])]),
    "distinct": (lambda b: b.distinct(subset=["name"]), RECORDS),
    "frequencies": (lambda b: b.frequencies(by="name"), [("Ada", 1), ("Bob", 1)]),
}


@each_case("case", KEYWORDS)
def test_arguments_of_others(case: str) -> None:
    act, right = KEYWORDS[case]
    with pytest.raises(TypeError, match="unexpected keyword argument") as caught:
        act(bag())
    (code,) = codes(caught.value)
    assert run(code) == right


def test_every_hint_for_an_argument_runs() -> None:
    for method, hints in OF_ARGUMENTS.items():
        for name, code in hints.items():
            assert not isinstance(run(code, key=lambda record: record["age"]), Exception)
            with pytest.raises(TypeError) as caught:
                getattr(bag(), method)(**{name: 1})
            assert f"hint: {code}" in told(caught.value), (method, name)


def test_what_readers_of_csv_files_have_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("name,age\nAda,36\n")
    for name, code in OF_CSV.items():
        with pytest.raises(bk.PlanError) as caught:
            bk.read_csv("a.csv", **{name: 1})
        assert str(caught.value).endswith(f"hint: {code}"), name
        run(code.replace("(5)", "(1)") if "(" in code else f"bagkit.read_csv(paths, {code})", paths="a.csv")


def test_every_hint_for_too_many_arguments_runs() -> None:
    lists = bk.from_sequence([[[1]], [[2]]])
    for name, code in OF_MORE.items():
        with pytest.raises(TypeError, match="were given") as caught:
            getattr(bag() if hasattr(bk.Bag, name) else bk, name)(1, 2, 3)
        assert f"hint: {code}" in told(caught.value), name
        run(code, bag=lists if name == "flatten" else bag())
    assert run(OF_MORE["pluck"]) == [("Ada", 36), ("Bob", 17)]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("drop", [{"age": 36, "plan": "pro"}, {"age": 17, "plan": "free"}]),
        ("rename", [{"new": "Ada", "age": 36, "plan": "pro"}, {"new": "Bob", "age": 17, "plan": "free"}]),
        ("to_duckdb", pyarrow.Table.from_pylist(RECORDS)),
    ],
)
def test_what_the_hints_for_columns_give(name: str, right: Any) -> None:
    assert run(OF_BAGS[name]) == right


def test_a_kind_of_join_in_the_place_of_a_key() -> None:
    for how in ("inner", "left", "right", "outer"):
        with pytest.raises(
            bk.PlanError, match=f"join: on_other is '{how}'; .* hint: how='{how}' is a kind of join"
        ) as caught:
            bag().join(bag(), "plan", how)
        assert f"on_other=lambda record: record['{how}'] a field" in str(caught.value)
    assert bag().join(bag(), "plan", how="left").count().compute() == 2
    rows = bk.from_sequence([{"left": 1}])
    assert rows.join(rows, "left", lambda record: record["left"]).count().compute() == 1


def test_hints_that_are_not_of_one_value() -> None:
    for act, hint, right in (
        (lambda b: b.filter("age > 30"), "filter(lambda record: record['age'] > 30)", [RECORDS[0]]),
        (lambda b: b.remove("age > 30"), "remove(lambda record: record['age'] > 30)", [RECORDS[1]]),
    ):
        with pytest.raises(bk.PlanError) as caught:
            act(bag())
        assert hint in str(caught.value)
        assert run(f"bag.{hint}") == right
    numbers = bk.from_sequence([1, 2, 3])
    for name, args, right in (("fold", (0,), 6), ("accumulate", (0,), [0, 1, 3, 6]), ("reduction", ("sum", "sum"), 6)):
        with pytest.raises(bk.PlanError) as caught:
            getattr(numbers, name)(*args)
        code = str(caught.value).partition("as in ")[2]
        assert run(f"bag.{code}", bag=numbers) == right


@pytest.mark.parametrize("value", [0, "", False, None, float("inf"), 1, "a", (), {"a": 1}])
def test_the_hint_for_in(value: Any) -> None:
    made = bk.from_sequence([value, 1])
    with pytest.raises(bk.LazyError) as caught:
        _ = value in made
    hint = str(caught.value).split("hint: ")[1]
    assert eval(hint, {"bag": made, "value": value}) is True
    assert eval(hint, {"bag": made, "value": "not there"}) is False


@pytest.mark.parametrize("value", [0, "", False, None, 1, (), {"a": 1}])
@pytest.mark.parametrize("name", ["contains", "isin"])
def test_the_hint_for_contains(name: str, value: Any) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(bag(), name)
    (code,) = codes(caught.value)
    assert run(code, bag=bk.from_sequence([value, 1]), value=value) is True
    assert run(code, bag=bk.from_sequence([value, 1]), value="not there") is False


@pytest.mark.parametrize(
    ("name", "right"),
    [("tail", [3, 4, 5, 6, 7]), ("reverse", [7, 6, 5, 4, 3, 2, 1]), ("prod", 5040), ("head", (1, 2, 3, 4, 5))],
)
def test_what_the_hints_for_names_give(name: str, right: Any) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(bag(), name)
    (code,) = codes(caught.value)
    assert run(code, bag=bk.range(8, 2).filter(bool)) == right


def test_records_that_are_no_keys() -> None:
    for act, right in (
        (lambda b: b.distinct(), [RECORDS, RECORDS]),
        (lambda b: b.frequencies(), [[(json.dumps(each), 1) for each in RECORDS], [("Ada", 1), ("Bob", 1)]]),
    ):
        with pytest.raises(TypeError, match="unhashable type: 'dict'") as caught:
            act(bag()).compute()
        assert [run(code) for code in codes(caught.value)] == right
    with pytest.raises(TypeError, match="unhashable") as caught:
        bag().groupby(lambda record: [record["name"]]).compute(scheduler="processes")
    assert "hint: the key can be a field's name, or a function that gives text" in told(caught.value)


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@pytest.mark.parametrize("name", ["sort_by", "max", "min", "topk"])
def test_none_has_no_order(name: str, scheduler: Any) -> None:
    made = bk.from_sequence([3, None, 1], npartitions=1)
    with pytest.raises(TypeError, match="not supported between instances of") as caught:
        getattr(made, name)(*([2] if name == "topk" else [])).compute(scheduler=scheduler)
    remove, last = codes(caught.value)
    assert run(remove, bag=made) == [3, 1]
    assert run(last, bag=made) == [1, 3, None]


def test_none_as_a_field_has_no_order() -> None:
    rows = [{"age": 3}, {"age": None}, {"age": 1}]
    made = bk.from_sequence(rows, npartitions=1)
    for act in (
        lambda: made.sort_by("age"),
        lambda: made.topk(2, key="age"),
        lambda: made.sort_by(lambda record: record["age"]),
        lambda: made.topk(2, key=operator.itemgetter("age")),
    ):
        with pytest.raises(TypeError, match="not supported between instances of") as caught:
            act().compute()
        remove, last = codes(caught.value)
        assert run(remove, bag=made, key=operator.itemgetter("age")) == [rows[0], rows[2]]
        assert run(last, bag=made, key=operator.itemgetter("age")) == [rows[2], rows[0], rows[1]]


@pytest.mark.parametrize("name", ["sum", "mean", "std", "stats"])
def test_none_is_not_added(name: str) -> None:
    made = bk.from_sequence([3, None, 1], npartitions=1)
    with pytest.raises(TypeError, match="unsupported operand") as caught:
        getattr(made, name)().compute()
    (code,) = codes(caught.value)
    assert run(f"{code}.{name}()", bag=made) == getattr(bk.from_sequence([3, 1]), name)().compute()


def test_fields_that_are_missing_or_inside_of_others() -> None:
    made = bk.from_sequence([{"home": {"city": "Rome"}}])
    with pytest.raises(KeyError) as caught:
        made.pluck("home.city").compute()
    assert [run(code, bag=made) for code in codes(caught.value)] == [["Rome"], [None]]
    with pytest.raises(KeyError) as caught:
        made.pluck("hme").compute(scheduler="processes")
    assert [run(code, bag=made) for code in codes(caught.value)] == [[None]]
    with pytest.raises(KeyError) as caught:
        made.map(lambda record: record["hme"]).compute()
    assert codes(caught.value) == []


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_lines_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    said = "Zürich – 3 €" if encoding == "cp1252" else "Zürich"
    (tmp_path / "a.json").write_text(json.dumps({"city": said}, ensure_ascii=False), encoding=encoding)
    with pytest.raises(UnicodeDecodeError) as caught:
        bk.read_json("a.json").compute()
    (found,) = re.findall(r"encoding='(.+?)' reads it", told(caught.value))
    assert bk.read_json("a.json", encoding=found).compute() == [{"city": said}]
    assert (encoding == "utf-16") == ("Zürich" not in told(caught.value).partition("hint: ")[2])
    with pytest.raises(UnicodeDecodeError) as caught:
        bk.read_json("a.json", encoding=found).map(lambda _: b"\xff".decode()).compute()
    assert "hint" not in told(caught.value)


def test_marks_of_files_that_were_put_behind_each_other(tmp_path: Path) -> None:
    marked = '\ufeff{"n": 1}\n'.encode()
    for times, encoding in ((1, "utf-8"), (2, "utf-8-sig")):
        (tmp_path / "a.json").write_bytes(marked * times)
        with pytest.raises(ValueError) as caught:
            bk.read_json("a.json", encoding=encoding).compute()
        (code,) = re.findall(r"hint: (bk\..*\)) takes it off", told(caught.value))
        assert run(code, bk=bk) == [{"n": 1}] * times
    (tmp_path / "a.txt").write_bytes(b"one\n\xff\xfetwo\n")
    with pytest.raises(UnicodeDecodeError) as caught:
        bk.read_text("a.txt").compute()
    assert "utf-16" not in told(caught.value)


def test_arguments_that_do_not_fit_name_the_ones_that_do() -> None:
    for act, expected in (
        (lambda: bag().join(bag(), on="name"), "expected Bag.join(other, "),
        (lambda: bag().cache(), "expected Bag.cache(folder, "),
        (lambda: bk.range(), "expected range(n, npartitions)"),
    ):
        with pytest.raises(TypeError) as caught:
            act()
        assert caught.value.__notes__[0].startswith(expected)
    with pytest.raises(TypeError) as caught:
        bag().map(operator.itemgetter()).compute()  # type: ignore[call-overload]  # that is the error
    assert not hasattr(caught.value, "__notes__")


def test_a_partition_of_a_reduction_has_no_length() -> None:
    made = bk.from_sequence([1, 2, 3], npartitions=2)
    with pytest.raises(TypeError, match="has no len") as caught:
        made.reduction(len, sum).compute()
    assert "hint: a partition is an iterator here: " in told(caught.value)
    assert run("bag.reduction(lambda records: len(list(records)), sum)", bag=made) == 3


def test_what_to_jsonl_gives_is_no_path() -> None:
    manifest = bag().to_jsonl("out")
    with pytest.raises(bk.PlanError, match=r"urlpath: got Manifest.*; hint: manifest\.paths"):
        bk.read_json(manifest)  # type: ignore[arg-type]
    assert bk.read_json(manifest.paths).compute() == RECORDS


@pytest.mark.parametrize("key", ["name", 0])
def test_the_hints_of_an_index(key: Any) -> None:
    records = [("Ada", 1), ("Bob", 2)] if key == 0 else RECORDS
    made = bk.from_sequence(records)
    with pytest.raises(bk.LazyError) as caught:
        made[key]
    take, pluck, lookup = codes(caught.value)
    assert run(take.replace("5", "2"), bag=made) == tuple(records)
    assert run(pluck, bag=made) == ["Ada", "Bob"]
    assert run(lookup.replace("lookup(0)", "lookup('Ada')"), bag=bk.from_sequence([("Ada", 1), ("name", 1)])) == [1]


def test_the_hints_of_bools_and_lengths() -> None:
    for act in (bool, len):
        with pytest.raises(bk.LazyError) as caught:
            act(bag())
        (code,) = codes(caught.value)
        assert run(code) in (2, (RECORDS[0],))


# Tables, and paths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["logs", "logs/", "logs/*", "logs/part-0", "logs/part-[0-9]", "notes.md", "n*.md", "~/notes.md"]
)
def test_what_is_there_is_a_path(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with bk.options(scheduler="sync"):
        assert bk.from_sequence(text).compute() == list(text)  # nothing is there
    (tmp_path / "logs").mkdir()
    for name in ("logs/part-0", "notes.md"):
        (tmp_path / name).write_text("a\n")
    with pytest.raises(bk.PlanError, match="which looks like a path, and would be a bag of its letters") as caught:
        bk.from_sequence(text)
    assert f"({text!r}) reads it" in str(caught.value)
    assert bk.from_sequence("lo").compute() == ["l", "o"]


TABLES = {
    "pandas": pandas.DataFrame(RECORDS),
    "a subclass": type("Frame", (pandas.DataFrame,), {})(RECORDS),
    "polars": polars.DataFrame(RECORDS),
    "lazy": polars.DataFrame(RECORDS).lazy(),
    "arrow": pyarrow.Table.from_pylist(RECORDS),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_are_no_sequences(kind: str) -> None:
    with pytest.raises(bk.PlanError, match=r"from_sequence: got a \w+, whose elements are its columns") as caught:
        bk.from_sequence(TABLES[kind])
    (code,) = codes(caught.value)
    assert run(code, frame=TABLES[kind], table=TABLES[kind]) == RECORDS


def test_what_is_missing_in_a_frame_is_none_in_the_records() -> None:
    when = pandas.Timestamp("2026-01-02")
    columns = {"s": ["a", None], "t": [when, pandas.NaT], "n": [0.5, None], "i": pandas.array([1, None], "Int64")}
    frame = pandas.DataFrame(columns)
    with pytest.raises(bk.PlanError) as caught:
        bk.from_sequence(frame)
    (code,) = codes(caught.value)
    records = [{"s": "a", "t": when, "n": 0.5, "i": 1}, {"s": None, "t": None, "n": None, "i": None}]
    assert run(code, frame=frame) == records
    assert run(f"{code}.to_arrow()", frame=frame).to_pylist() == records


@pytest.mark.parametrize("kind", TABLES)
def test_joins_are_with_the_rows_of_tables(kind: str) -> None:
    with pytest.raises(bk.PlanError, match=r"join: got a \w+, whose elements are its columns") as caught:
        bag().join(TABLES[kind], "name")
    (code,) = codes(caught.value)
    rows = run(f"bag.join({code}, 'name')", frame=TABLES[kind], table=TABLES[kind])
    assert sorted(rows, key=str) == [(record, record) for record in RECORDS]


def test_joins_are_not_with_paths() -> None:
    with pytest.raises(
        bk.PlanError, match=r"join: got 'a.json', which looks like a path.*bagkit.read_json\('a.json'\)"
    ):
        bag().join("a.json", "name")
    assert bk.from_sequence("ab").join("bc", str).compute() == [("b", "b")]


@pytest.mark.parametrize("kind", TABLES)
def test_functions_of_partitions_give_no_tables(kind: str) -> None:
    for scheduler in ("sync", "processes"):
        with pytest.raises(bk.PlanError, match=r"map_partitions: .*gives a \w+, whose elements are its columns"):
            bag().map_partitions(lambda records: TABLES[kind]).compute(scheduler=scheduler)


def test_a_frame_for_a_function() -> None:
    with pytest.raises(
        bk.PlanError, match=r"map_partitions: .*DataFrame gives a DataFrame.*hint: bag\.to_dataframe\(\)"
    ):
        bag().map_partitions(pandas.DataFrame)
    assert bag().to_dataframe().equals(pandas.DataFrame(RECORDS))
    rows = bag().map_partitions(lambda records: pandas.DataFrame(records).to_dict("records"))
    assert rows.compute() == RECORDS


def test_columns_and_arrays_are_sequences() -> None:
    frame = TABLES["pandas"]
    assert bk.from_sequence(frame["age"]).compute() == [36, 17]
    assert bk.from_sequence(numpy.arange(3)).compute() == [0, 1, 2]
    assert bk.from_sequence(polars.Series([1, 2])).compute() == [1, 2]
    assert bag().map_partitions(lambda records: pandas.Series([1, 2])).compute() == [1, 2]
    assert bk.from_sequence({"a": 1, "b": 2}).compute() == ["a", "b"]
    assert bk.from_sequence({"a": 1}.items()).compute() == [("a", 1)]


@pytest.mark.parametrize(
    "path",
    ["path.json", "data/*.jsonl.gz", "~/a.csv", "s3://bucket/key", "*.json", "/x/y.TXT", "a b.parquet", "./here"],
)
def test_a_path_is_no_sequence(path: str) -> None:
    Path("here").write_text("1\n")
    with pytest.raises(bk.PlanError, match=r"from_sequence: got .*, which looks like a path, .*hint: bagkit.read_"):
        bk.from_sequence(path)
    with pytest.raises(bk.PlanError, match=r"from_sequence: got PosixPath.*hint: bagkit.read_"):
        bk.from_sequence(Path(path))
    assert bk.from_sequence([path]).compute() == [path]
    assert bk.from_sequence(list(path)).compute() == list(path)


@pytest.mark.parametrize(
    "text", ["hello", "", "a.b", "1/2*3", "a,b", "What? No.", "one\ntwo.json", "/", "*", "x" * 9999]
)
def test_text_is_the_sequence_of_its_letters(text: str) -> None:
    assert bk.from_sequence(text).compute() == list(text)


def test_what_is_no_sequence() -> None:
    with pytest.raises(bk.PlanError, match=r"from_sequence: got function, .*hint: call it"):
        bk.from_sequence(bag)


def test_paths_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("1\n")
    with open("a.json") as file:
        with pytest.raises(bk.PlanError, match=r"urlpath: got an open file, .*hint: give its name"):
            bk.read_text(file)
        assert bk.from_sequence(file).compute() == ["1\n"]
    for text in ('{"a": 1}', '[{"a": 1}]', '{"a": 1}\n{"a": 2}\n'):
        with pytest.raises(bk.NoFilesError) as caught:
            bk.read_json(text)
        assert "hint: for text that is at hand already, bagkit.from_sequence(text.splitlines())" in str(caught.value)
        assert bk.from_sequence(text.splitlines()).map(json.loads).compute() == list(map(json.loads, text.splitlines()))
    with pytest.raises(bk.SourceError, match=r"is a directory; expected a file; hint: '.*\*'"):
        bk.read_json(tmp_path)
    with pytest.raises(bk.NoFilesError, match=r"matches no file"):
        bk.read_json("none/*.json")
    with pytest.raises(bk.PlanError, match=r"urlpath"):
        bk.read_text(b"a.json")


def test_files_of_other_formats(tmp_path: Path) -> None:
    pandas.DataFrame(RECORDS).to_parquet("a.parquet")
    numpy.save("a.npy", numpy.arange(3))
    bag().pluck(["age"]).map(lambda r: {"age": r[0]}).to_avro(
        ["a.avro"], {"type": "record", "name": "r", "fields": [{"name": "age", "type": "int"}]}
    )
    bag().to_sqlite("a.db", "records")
    pandas.DataFrame({"age": [36, None], "tags": [["x"], None]}).convert_dtypes().to_parquet("b.parquet")
    missing = [{"age": 36, "tags": ["x"]}, {"age": None, "tags": None}]
    for name, right in (
        ("a.parquet", RECORDS), ("b.parquet", missing), ("a.npy", [0, 1, 2]), ("a.avro", [{"age": 36}, {"age": 17}]),
    ):  # fmt: skip
        for reading in (bk.read_text(name), bk.read_json(name)):
            with pytest.raises(bk.SourceError, match=r"begins as .* data; expected text; hint: bagkit") as caught:
                reading.compute()
        assert run(codes(caught.value)[0], path=name) == right
    (tmp_path / "a.json").write_text('{"n": 1}')
    for name, mode in (("a.tar", "w"), ("a.tar.gz", "w:gz")):
        with tarfile.open(tmp_path / name, mode) as archive:  # type: ignore[call-overload]  # a text, not one of the known modes
            archive.add(tmp_path / "a.json", "folder/a.json")
        with pytest.raises(bk.SourceError, match=r"begins as tar data; expected text; hint: 'tar://\*::' before"):
            bk.read_json(tmp_path / name).compute()
        assert bk.read_json(f"tar://*/*.json::{tmp_path / name}").compute() == [{"n": 1}]
    assert bk.read_files(tmp_path / "a.tar", binary=True).count().compute() == 1
    with pytest.raises(bk.SourceError, match=r"begins as SQLite data"):
        bk.read_text("a.db").compute()
    assert bk.read_text("a.npy", encoding="latin-1").count().compute() > 0
    assert bk.read_files("a.npy", binary=True).count().compute() == 1


# Names --------------------------------------------------------------------------------------------------------------


@each_case("name", OF_BAGS)
def test_names_that_bags_do_not_have(name: str, tmp_path: Path) -> None:
    os.chdir(tempfile.mkdtemp(dir=tmp_path))
    numbers = bk.from_sequence([3, 1, 2])
    pairs = bk.from_sequence([("a", 1), ("b", 2)])
    with pytest.raises(AttributeError) as caught:
        getattr(numbers, name)
    assert str(caught.value) == f"a bag has no attribute {name!r}; hint: {OF_BAGS[name]}"
    code = OF_BAGS[name]
    of_records = any(word in code for word in ("pluck", "**record", "record.items", "to_", "join"))
    of_pairs = any(word in code for word in ("by_key", "values(", "dict(", "sort_by(0)"))
    of_lists = bk.from_sequence([[1], [2]])
    made = bag() if of_records else pairs if of_pairs else of_lists if "flatten" in code else numbers
    keyed = {"key": lambda record: record} if not of_records else {}
    function = {"function": lambda record: [record]} if "flat_map" in code or "partitions" in code else {}
    if "with_info" in code:
        function = {"function": lambda records, info: records}
    if ALL_HAVE_WHEELS or "hdf5" not in code:
        run(code.replace("take(5)", "take(2)"), bag=made, other=made, **keyed, **function)


@pytest.mark.parametrize("name", OF_ITEMS)
def test_names_that_items_do_not_have(name: str) -> None:
    item = bk.from_sequence([3, 1]).sum()
    with pytest.raises(AttributeError) as caught:
        getattr(item, name)
    assert str(caught.value) == f"an item has no attribute {name!r}; hint: {OF_ITEMS[name]}"
    assert run(OF_ITEMS[name], item=item) in (4, "4")


def test_an_attribute_of_the_value() -> None:
    item = bk.from_sequence([3, 1]).stats()
    with pytest.raises(AttributeError, match=r"hint: item.compute\(\).mean, if its value has that"):
        item.mean  # noqa: B018
    assert run("item.compute().mean", item=item) == 2


@each_case("name", [name for name in OF_MODULE if "hdf" not in name])
def test_names_that_bagkit_does_not_have(name: str, tmp_path: Path) -> None:
    os.chdir(tempfile.mkdtemp(dir=tmp_path))
    Path("a.json").write_text('{"a": 1}\n')
    pandas.DataFrame(RECORDS).to_parquet("a.parquet")
    pandas.DataFrame(RECORDS).to_feather("a.feather")
    with pytest.raises(AttributeError) as caught:
        getattr(bk, name)
    assert str(caught.value) == f"module 'bagkit' has no attribute {name!r}; hint: {OF_MODULE[name]}"
    frame = TABLES["polars" if name == "from_polars" else "pandas"]
    sqlite3.connect("a.db").close()
    kinds = {"parquet": "a.parquet", "sql": "a.db", "database": "a.db"}
    path = next((path for kind, path in kinds.items() if kind in name), "a.feather")
    paths = path if "parquet" in name else "a.json"
    names = {"paths": paths, "path": path, "frame": frame, "table": TABLES["arrow"], "bags": [bag()]}
    for code in OF_MODULE[name].split(", or "):
        run(code, **names)


def test_slips_of_the_pen() -> None:
    with pytest.raises(AttributeError, match=r"a bag has no attribute 'frequncies'; did you mean 'frequencies'\?"):
        bag().frequncies  # noqa: B018
    with pytest.raises(AttributeError, match=r"'read_jsn'; did you mean 'read_json'"):
        bk.read_jsn  # noqa: B018
    with pytest.raises(AttributeError) as caught:
        bag().quxquux  # noqa: B018
    assert str(caught.value) == "a bag has no attribute 'quxquux'"
    for name in dir(bk.Bag):  # names for bagkit alone are not offered
        if name[0] == "_" and name[1] != "_":
            with pytest.raises(AttributeError) as caught:
                getattr(bag(), name[1:] + "x")
            assert "'_" not in str(caught.value)


def test_what_asks_for_attributes_is_content() -> None:
    for made in (bag(), bag().count(), bk.from_sequence([("a", 1)]).keys()):
        assert not hasattr(made, "shape")
        assert not hasattr(made, "_repr_latex_")
        assert getattr(made, "columns", None) is None
        for same in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert same.compute() == made.compute()
        assert not {"head", "show", "collect", "result"} & set(dir(made))
        with pytest.raises(AttributeError):
            made._hidden  # noqa: B018
        with pytest.raises(AttributeError):
            type(made).__new__(type(made)).plan  # noqa: B018


# Items ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "//", "%", "**", "<", "<=", ">", ">="])
def test_arithmetic_with_items(symbol: str) -> None:
    total, count = bk.from_sequence([3, 5]).sum(), bk.from_sequence([3, 5]).count()
    for other in (count, 2):
        with pytest.raises(bk.LazyError) as caught:
            eval(f"item {symbol} other", {"item": total, "other": other})
        code = codes(caught.value)[1]
        assert run(code, item=total, other=other) == eval(f"8 {symbol} 2")
    with pytest.raises(bk.LazyError):
        eval(f"2 {symbol} item", {"item": total})
    with pytest.raises(TypeError, match=r"not supported between|unsupported operand|can.t multiply"):
        eval(f"item {symbol} 'text'", {"item": total})
    if symbol not in ("<", "<=", ">", ">="):
        lazy = eval(f"item {symbol} two", {"item": total, "two": bk.delayed(2)})
        assert lazy.compute() == eval(f"8 {symbol} 2")


def test_other_uses_of_items() -> None:
    item = bk.from_sequence(["a", "b"]).fold(operator.add)
    for act, right in ((lambda: item[0], "a"), (lambda: len(item), 2), (lambda: f"{item:>5}", "   ab")):
        with pytest.raises(bk.LazyError) as caught:
            act()
        code = str(caught.value).partition("hint: ")[2].partition(", or")[0]
        assert run(code, item=item) == right
    assert run("item.apply(operator.itemgetter(0))", item=item) == "a"
    assert f"{item}" == str(item)


def test_mean_and_stats_take_split_every() -> None:
    numbers = bk.range(100, npartitions=9)
    for every in (None, 2, 5, False):
        assert numbers.mean(split_every=every).compute() == 49.5
        assert numbers.stats(split_every=every).compute() == numbers.stats().compute()


@each_case("parts", [1, 3])
def test_a_fold_that_merges_totals_with_the_function_for_records(parts: int) -> None:
    records = bk.from_sequence(RECORDS * 2, npartitions=parts)

    def add_age(total: int, record: Any) -> int:
        return int(total + record["age"])

    for lazy in (records.foldby("plan", add_age, 0), records.fold(add_age, initial=0)):
        if parts == 1:
            lazy.compute()  # nothing is merged
            continue
        with pytest.raises(TypeError) as caught:
            lazy.compute()
        assert "the totals of two partitions, to merge them: combine=operator.add adds them" in told(caught.value)
    assert sorted(records.foldby("plan", add_age, 0, combine=operator.add).compute()) == [("free", 34), ("pro", 72)]
    with pytest.raises(TypeError) as caught:
        records.map(lambda record: record["name"]).fold(operator.sub).compute()
    assert "totals" not in told(caught.value)  # without an initial value a total is like a record
