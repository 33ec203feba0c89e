"""explain() says why whole records are parsed, where functions may need all of them."""

import functools
import json
import linecache
from collections.abc import Callable
from operator import add
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

import bagkit as bk


def cleaned(r: dict[str, Any]) -> dict[str, Any]:
    out = dict(r)
    out["c"] = r["a"] + 1
    return out


def named_anew(r: dict[str, Any]) -> Any:
    r = {**r, "x": 1}
    return r["x"]


def of_any(*r: dict[str, Any]) -> Any:
    return r[0]["a"]


def some(r: dict[str, Any]) -> Any:
    yield r["a"]


def evaluated(r: dict[str, Any]) -> Any:
    return eval("r['a']")


def without_b(r: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in r.items() if key != "b"}


def longer(total: int, r: dict[str, Any]) -> int:
    return total + len(r)


def with_name(name: str, r: dict[str, Any]) -> tuple[str, int]:
    return name, len(r)


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(*args: Any) -> Any:
        return function(*args)

    return called


@decorated
def in_decorator(r: dict[str, Any]) -> Any:
    return r["a"]


class Called:
    def __call__(self, r: dict[str, Any]) -> Any:
        return r["a"]


@pytest.fixture
def records(tmp_path: Path) -> Any:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1, "b": 2}\n')
    return bk.read_text(path).map(json.loads)


def told(bag: Any, capsys: pytest.CaptureFixture[str]) -> str:
    bag.explain()
    return capsys.readouterr().out.partition("not done:\n\n")[2]


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda b: b.map(cleaned), "map(test_whole_records.cleaned) may need all of a record: dict(r) in line 18"),
        (lambda b: b.map(without_b).count(), "map(test_whole_records.without_b) may need all of a record: r.items"),
        (lambda b: b.map(named_anew), '{**r, "x": 1} in line'),
        (lambda b: b.map(of_any), ": it takes any arguments\n"),
        (lambda b: b.flat_map(some), ": it gives no value at once\n"),
        (lambda b: b.map(evaluated), "'eval' in it could reach all of its variables"),
        (lambda b: b.map(in_decorator), "a decorator stands around it"),
        (lambda b: b.map(functools.partial(with_name, "x")), ": len(r) in line"),
        (lambda b: b.map(Called()), "map(Called) may need all of a record\n"),
        (lambda b: b.map(len).mean(), "map(len) may need all of a record\n"),
        (lambda b: b.filter(lambda r: len(r) > 0).pluck("a"), "filter(lambda) may need all of a record: len(r) in"),
        (lambda b: b.filter(lambda r: r["a"] > 0).map(cleaned), "map(test_whole_records.cleaned) may need all"),
        (
            lambda b: b.foldby("a", longer, 0, add, 0),
            "foldby('a', test_whole_records.longer) may need all",
        ),
        (lambda b: b.fold(longer, add, initial=0), "fold(test_whole_records.longer) may need all of a record: len(r)"),
        (lambda b: b.map_partitions(lambda some: [len(some)]), "map_partitions(lambda) may need all of a record"),
    ],
)
def test_a_function_that_may_need_all_is_named(
    records: Any, capsys: pytest.CaptureFixture[str], ask: Callable[[Any], Any], reason: str
) -> None:
    text = told(ask(records), capsys)
    assert text.startswith("parsing only some fields: ")
    assert reason in text
    assert text.count("\n") == 1


def test_each_function_is_named_where_several_take_records(records: Any, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(bk.zip(records.map(cleaned), records.map(without_b)), capsys)
    assert "map(test_whole_records.cleaned)" in text
    assert "map(test_whole_records.without_b)" in text


@pytest.mark.parametrize(
    "ask",
    [
        lambda b: b,
        lambda b: b.map(lambda r: r["a"]),
        lambda b: b.filter(lambda r: len(r) > 0),  # whole records are the result
        lambda b: b.groupby(lambda r: len(r)),
        lambda b: b.map(json.dumps),
        lambda b: b.map(lambda r: json.dumps(r, ensure_ascii=False)).count(),
        lambda b: b.topk(2, key=lambda r: len(r)),
        lambda b: b.distinct(key=lambda r: len(r)),
        lambda b: bk.zip(b, b.map(cleaned)),
    ],
)
def test_nothing_is_said_where_functions_make_no_difference(
    records: Any, capsys: pytest.CaptureFixture[str], ask: Callable[[Any], Any]
) -> None:
    assert told(ask(records), capsys) == ""


def test_a_function_without_source_has_a_line(records: Any, capsys: pytest.CaptureFixture[str]) -> None:
    made: dict[str, Any] = {}
    exec("def made(r):\n    return len(r)", made)  # in no file
    assert told(records.map(made["made"]), capsys).rstrip().endswith("may need all of a record: line 2")


@pytest.mark.parametrize("odd", [{"co_linetable": b""}, {"co_filename": "a\0b"}, {"co_filename": "\udce4"}])
def test_code_with_odd_lines_has_the_first_or_none_of_their_text(
    records: Any, capsys: pytest.CaptureFixture[str], odd: dict[str, Any]
) -> None:
    made = FunctionType(without_b.__code__.replace(**odd), globals())
    text = told(records.map(made), capsys)
    assert "may need all of a record: line " in text


def test_lines_that_no_file_can_hold_are_shown(records: Any, capsys: pytest.CaptureFixture[str]) -> None:
    linecache.cache["odd"] = (1, None, ["\ud800 = lambda r: len(r)\n"], "odd")
    made = FunctionType((lambda r: len(r)).__code__.replace(co_filename="odd", co_firstlineno=1), globals())
    assert "may need all of a record: " in told(records.map(made), capsys)


def test_so_do_columns_of_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("pyarrow")
    bk.from_sequence([{"a": 1, "b": 2}]).to_parquet(tmp_path / "*.parquet", scheduler="sync")
    text = told(bk.read_parquet(tmp_path / "*.parquet").map(cleaned), capsys)
    assert "map(test_whole_records.cleaned) may need all of a record: dict(r)" in text
