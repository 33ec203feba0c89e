"""Records that fail, as a bag beside the others: nothing is lost, nothing is done twice, whatever runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.ops.rejects import is_json
from tests.examples import examples
from tests.operations.functions import stops

WAYS: list[dict[str, Any]] = [
    {"scheduler": "sync"},
    {"scheduler": "sync", "optimize": False},
    {"scheduler": "threads", "workers": 2},
    {"scheduler": "processes", "workers": 2},
]


def divided(by: int, number: int) -> int:
    return 60 // (number % by)


def is_good(by: int, number: int) -> bool:
    return bool(12 // (number % by)) and number % 5 != 4


def several(by: int, number: int) -> list[int]:
    return [number, number + 1] * (7 % (number % by))


Program = list[tuple[str, int]]
PLAIN: dict[str, Callable[[int, int], list[int]]] = {
    "map": lambda by, number: [divided(by, number)],
    "filter": lambda by, number: [number] if is_good(by, number) else [],
    "flat_map": several,
}


def on_lists(program: Program, number: int) -> tuple[list[int], list[tuple[int, int, int]]]:
    """Return what a program makes of a number, and what fails: the input, the step's number, the record there."""
    good, bad = [number], []
    for step, (name, by) in enumerate(program):
        found = []
        for each in good:
            try:
                found += PLAIN[name](by, each)
            except ZeroDivisionError:
                bad.append((number, step, each))
        good = found
    return good, bad


def on_bag(program: Program, bag: Any) -> Any:
    functions = {"map": divided, "filter": is_good, "flat_map": several}
    for name, by in program:
        bag = getattr(bag, name)(partial(functions[name], by))
    return bag


def seen(record: dict[str, Any]) -> bool:
    record["seen"] = True
    return True


@pytest.mark.parametrize("optimize", [True, False])
def test_a_record_has_what_a_filter_has_changed(tmp_path: Path, optimize: bool) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1, "b": 2}\n{"a": 0, "b": 5}\n')
    for bag in (bk.read_json(path), bk.read_text(path).map(json.loads)):
        for changed in (bag.filter(seen), bag.filter(seen).filter(lambda r: r["b"] > 1)):
            _, bad = changed.map(lambda r: 1 / r["a"]).split_errors()
            assert bad.pluck("record").compute(scheduler="sync", optimize=optimize) == [{"a": 0, "b": 5, "seen": True}]


def test_nothing_is_lost_whatever_the_program() -> None:
    @examples(30)
    @given(
        program=st.lists(st.tuples(st.sampled_from(sorted(PLAIN)), st.integers(2, 6)), min_size=1, max_size=5),
        numbers=st.lists(st.integers(0, 30), max_size=40),
        npartitions=st.integers(1, 4),
        way=st.sampled_from(WAYS[:2]),
    )
    def check(program: Program, numbers: list[int], npartitions: int, way: dict[str, Any]) -> None:
        good, bad = on_bag(program, bk.from_sequence(numbers, npartitions=npartitions)).split_errors()
        records, rejects = bk.compute(good, bad, **way)
        expected = [on_lists(program, number) for number in numbers]
        assert records == [record for found, _ in expected for record in found]
        steps = [sum(2 if name == "flat_map" else 1 for name, _ in program[:n]) for n in range(len(program))]
        assert sorted((reject["input"], reject["step"], reject["record"]) for reject in rejects) == sorted(
            (number, steps[step], record) for _, failed in expected for number, step, record in failed
        )
        assert (bk.compute(good.count(), bad.count(), **way)) == (len(records), len(rejects))

    check()


STOPPING: dict[str, Callable[[Any], Any]] = {
    "map": lambda bag: bag.map(stops(0, 4, 5, 11)),
    "filter": lambda bag: bag.filter(stops(0, 4, 5, 11, then=lambda number: True)),
    "flat_map": lambda bag: bag.flat_map(stops(0, 4, 5, 11, then=lambda number: [number])),
    "map beside an item": lambda bag: bag.map(lambda number, total: stops(0, 4, 5, 11)(number), bag.sum()),
    "all of them": lambda bag: bag.map(stops(*range(12))),
}


@pytest.mark.parametrize("name", STOPPING)
def test_a_function_that_stops_is_a_reject(name: str) -> None:
    """StopIteration ends no data; the record that it was raised for is the one that is rejected."""
    for npartitions, way in ((1, WAYS[0]), (3, WAYS[1]), (3, WAYS[2])):
        good, bad = STOPPING[name](bk.range(12, npartitions=npartitions)).map(str).split_errors()
        records, rejects = bk.compute(good, bad, **way)
        stopped = [*range(12)] if name == "all of them" else [0, 4, 5, 11]
        assert records == [str(number) for number in range(12) if number not in stopped]
        assert [reject["record"] for reject in rejects] == stopped
        assert {reject["error"] for reject in rejects} == {"StoppedEarlyError"}
        assert all("it raised StopIteration, which would have ended" in reject["message"] for reject in rejects)


@pytest.mark.parametrize("way", WAYS[:2], ids=str)
def test_rejects_of_one_task_have_the_order_of_what_it_reads(tmp_path: Path, way: dict[str, Any]) -> None:
    """Each step takes many records before the next one takes the first, and a partition may have several files."""
    rows = {"b.jsonl": ["3", "{", "1", "3", "{"], "a.jsonl": ["{", "3", "2", "{", "3"]}
    for name, lines in rows.items():
        (tmp_path / name).write_text("".join((line if line == "{" else f'{{"n": {line}}}') + "\n" for line in lines))
    paths = [tmp_path / name for name in rows]
    bag = bk.read_text(paths, files_per_partition=2).map(json.loads).map(inverse)
    good, bad = bag.split_errors()
    records, rejects = bk.compute(good, bad, **way)
    assert records == [-30, -60]
    assert [(Path(reject["path"]).name, reject["line"]) for reject in rejects] == [
        (name, number) for name, lines in rows.items() for number, line in enumerate(lines, 1) if line in "{3"
    ]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    rows = [json.dumps({"n": n % 7, "more": [n]}) if n % 50 else "{broken" for n in range(500)]
    path.write_text("\n".join(rows) + "\n")
    return path


def inverse(record: dict[str, Any]) -> int:
    return 60 // (record["n"] - 3)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_rejects_have_input_place_operation_and_error(lines: Path, way: dict[str, Any]) -> None:
    good, bad = bk.read_json(lines).map(inverse).split_errors()
    records, rejects = bk.compute(good, bad, **way)
    rows = lines.read_text().splitlines()
    is_broken = [number for number, row in enumerate(rows, 1) if row == "{broken"]
    fails = [number for number, row in enumerate(rows, 1) if row.startswith('{"n": 3')]
    assert [reject["line"] for reject in rejects] == sorted([*is_broken, *fails])
    assert len(records) + len(rejects) == len(rows)
    by_line = {reject["line"]: reject for reject in rejects}
    assert by_line[1] == {
        "error": "JSONDecodeError",
        "message": "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        "operation": "map(json.loads)",
        "path": str(lines),
        "line": 1,
        "offset": 0,
        "index": None,
        "partition": 0,
        "input": "{broken",
        "record": "{broken\n",
        "step": 0,
        "violations": [],
    }
    one = by_line[fails[0]]
    assert (one["error"], one["operation"], one["step"]) == ("ZeroDivisionError", "map(test_rejects.inverse)", 1)
    assert one["input"] == rows[fails[0] - 1]
    assert one["record"] == json.loads(one["input"]), "whole, though only n is read"


PARTS_OF_REJECTS: dict[str, Callable[[bk.Rejects[Any]], bk.Bag[Any] | bk.Item[Any]]] = {
    "count": lambda bad: bad.count(),
    "message": lambda bad: bad.pluck("message"),
    "place": lambda bad: bad.map(lambda reject: (reject["path"], reject["line"], reject["offset"])),
    "record": lambda bad: bad.pluck("record"),
    "part of record": lambda bad: bad.filter(lambda reject: reject["line"] > 50).pluck("record"),
    "missing": lambda bad: bad.pluck("nothing", "none"),
    "violations": lambda bad: bad.pluck("violations"),
    "whole": lambda bad: bad.map(dict),
    "kinds": lambda bad: bad.summary(),
    "rejects of rejects": lambda bad: bad.map(lambda reject: reject["step"] // reject["step"]).split_errors()[1],
    "tried again": lambda bad: bad.retry(lambda n: n, operation="map(test_rejects.inverse)").split_errors()[0],
}


@pytest.mark.parametrize("name", PARTS_OF_REJECTS)
def test_what_is_read_of_rejects_is_all_there(lines: Path, name: str) -> None:
    """Nothing is made of a reject that nobody reads, and whoever reads gets what is there without the optimiser."""
    good, bad = bk.read_json(lines).map(inverse).split_errors()
    parts = PARTS_OF_REJECTS[name](bad)
    expected = bk.compute(parts, scheduler="sync", optimize=False)
    for way in WAYS:
        assert bk.compute(parts, **way) == expected
        assert bk.compute(good.count(), parts, **way)[1:] == expected


TABLE = [{"key": n, "name": f"number {n}"} for n in range(5)]
BEFORE_A_FAILURE: dict[str, Callable[[Path], bk.Bag[Any]]] = {
    "parser": lambda lines: bk.read_json(lines),
    "columns": lambda lines: bk.read_json(lines, columns=["n", "nothing"]),
    "filter": lambda lines: bk.read_json(lines).filter(lambda r: r["n"] > 1),
    "lines": lambda lines: bk.read_text(lines).filter(lambda line: "n" in line).map(json.loads),
    "sample": lambda lines: bk.read_json(lines).random_sample(0.5, 3),
    "other partitions": lambda lines: bk.read_json(lines, blocksize="2 KiB").repartition(7),
    "columns in other partitions": lambda lines: bk.read_json(lines, columns=["n"]).repartition(7),
    "pairs": lambda lines: bk.read_json(lines).join(TABLE, "n", "key").starmap(lambda other, r: 60 // (r["n"] - 4)),
    "pairs by index": lambda lines: (
        bk.read_json(lines)
        .join(TABLE, "n", "key", how="left")
        .filter(lambda pair: pair[1]["n"] > 1)
        .map(lambda pair: {"n": pair[1]["n"] + len(pair[0]["name"]) - 8})
    ),
}


@pytest.mark.parametrize("name", BEFORE_A_FAILURE)
def test_records_of_rejects_are_those_that_the_operation_was_given(lines: Path, name: str) -> None:
    """Whatever of them was read: who mends a function may read more."""
    lines.write_text(lines.read_text().replace("{broken\n", ""))
    bag = BEFORE_A_FAILURE[name](lines)
    _, bad = bag.map(inverse).split_errors()
    with bk.options(scheduler="sync"):
        expected = bad.pluck("record").compute(optimize=False)
        assert len(expected) > 10
        assert bad.pluck("record").compute() == expected


def test_rejects_say_what_is_read_of_them(lines: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = bk.read_json(lines).map(inverse).split_errors()
    bk.explain(good.count(), bad.count())
    bk.explain(bad.pluck("message"))
    bk.explain(bad, bad.count())
    text = " ".join(capsys.readouterr().out.split())
    assert "rejects(fields: none) -> count" in text
    assert "rejects(fields: message) -> pluck('message')" in text
    assert "bad -> rejects -> " in text


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_one_run_writes_both(lines: Path, tmp_path: Path, way: dict[str, Any]) -> None:
    calls = tmp_path / "calls"

    def noted(record: dict[str, Any]) -> int:
        with calls.open("a") as file:
            file.write("1\n")
        return inverse(record)

    good, bad = bk.read_json(lines).map(noted).split_errors()
    kept, failed = bk.compute(
        good.to_jsonl(tmp_path / "good", compute=False), bad.to_jsonl(tmp_path / "bad", compute=False), **way
    )
    assert kept.records + failed.records == 500
    assert len(calls.read_text().splitlines()) == 490, "each record goes through the function once"
    written = list(map(json.loads, (tmp_path / "bad" / "0.jsonl").read_text().splitlines()))
    assert written == bad.compute(**way)


def doubled(record: dict[str, Any]) -> list[int]:
    return [record["n"] * 2] * 2


@pytest.mark.parametrize("way", WAYS[1:], ids=str)
def test_rejects_are_taken_up_where_they_failed(lines: Path, tmp_path: Path, way: dict[str, Any]) -> None:
    bag = bk.concat([bk.read_json(lines), bk.from_sequence([{"n": 3}, {"m": 1}], npartitions=1)]).map(inverse)
    _, bad = bag.map(lambda n: {"n": n}).flat_map(doubled).split_errors()
    fixed, still = bad.retry(lambda record: record["n"], operation="map(test_rejects.inverse)").split_errors()
    found, left = bk.compute(fixed, still, **way)
    rejects = bad.compute(**way)
    threes = [reject for reject in rejects if reject["error"] == "ZeroDivisionError"]
    assert len(threes) > 60
    assert found == [6, 6] * len(threes)
    assert [(reject["input"], reject["error"]) for reject in left] == [
        (reject["input"], reject["error"]) for reject in rejects if reject not in threes
    ], "each is as it was, with its first input"
    broken, others = [still.filter(lambda reject, e=e: (reject["error"] == "KeyError") == e) for e in (False, True)]
    assert broken.retry(lambda line: {"n": 1}, operation="map(json.loads)").compute(**way) == [2, 2] * 10
    assert others.retry().split_errors()[1].compute(**way) == left[-1:]


def test_rejects_are_read_again_and_go_on_from_where_they_were(lines: Path, tmp_path: Path) -> None:
    bag = bk.read_json(lines).map(lambda record: (record["n"], {record["n"]})).map(lambda pair: 60 // (pair[0] - 3))
    _, bad = bag.split_errors()
    with bk.options(scheduler="sync"):
        bad.to_jsonl(tmp_path / "bad")
        again = bk.read_errors(tmp_path / "bad", of=bag)
        read = again.compute()
        assert [reject["line"] for reject in read] == [reject["line"] for reject in bad.compute()]
        assert {reject.get("record_repr", "")[:4] for reject in read} == {"", "(3, "}, "what is no JSON is text"
        fixed, still = again.retry().split_errors()
        assert fixed.compute() == []
        assert [(reject["line"], reject["error"]) for reject in still.compute()] == [
            (reject["line"], reject["error"]) for reject in read
        ], "those whose record is no JSON begin with their line"


def deep(levels: int) -> Any:
    made: Any = {"a": [1]}
    for _ in range(levels // 2):
        made = {"b": [made]}
    return made


@pytest.mark.parametrize("record", [10**5000, -(10**5000), {"n": [10**5000]}, deep(100_000)], ids=lambda _: "")
def test_rejects_that_json_can_not_hold_are_written_all_the_same(record: Any, tmp_path: Path) -> None:
    """Python can't write integers of thousands of digits, nor lists nested hundreds of levels deep."""
    _, bad = bk.from_sequence([1]).map(lambda _: record).map(lambda _: 1 // 0).split_errors()
    bad.to_jsonl(tmp_path / "bad", scheduler="sync")
    (read,) = bk.read_errors(tmp_path / "bad").compute(scheduler="sync")
    assert read["record"] is None
    assert read["record_repr"]
    assert is_json(deep(100))
    assert is_json([10**600])


def breaks_off(number: int) -> Iterator[int]:
    for element in whole(number):
        if element % 10 == 2:
            raise ValueError(f"no {element}")
        yield element


def whole(number: int) -> Iterator[int]:
    return iter(range(number * 10, number * 10 + number))


ITERATORS: dict[str, tuple[Callable[[Any], Any], str, int]] = {
    "flat_map": (lambda bag: bag.flat_map(breaks_off), "map(test_rejects.breaks_off)", 2),
    "flat_map_values": (
        lambda bag: bag.key_by(str).flat_map_values(breaks_off).values(),
        "flat_map_values(test_rejects.breaks_off)",
        2,
    ),
    "behind a list of one": (
        lambda bag: bag.flat_map(lambda number: [number]).filter(bool).on_error("raise").flat_map(breaks_off),
        "map(test_rejects.breaks_off)",
        2,
    ),
    "a list of it": (lambda bag: bag.map(breaks_off).map(list).flatten(), "map(test_rejects.breaks_off)", 0),
}


@pytest.mark.parametrize("name", ITERATORS)
@pytest.mark.parametrize("way", [*WAYS[:2], WAYS[3]], ids=str)
def test_an_iterator_that_breaks_off_loses_nothing_and_gives_nothing_twice(
    name: str, way: dict[str, Any], tmp_path: Path
) -> None:
    """It can't be asked again: its input is taken up, without what came through before."""
    program, operation, given = ITERATORS[name]
    bag = program(bk.range(5, npartitions=2))
    good, bad = bag.split_errors()
    records, rejects = bk.compute(good, bad, **way)
    assert records == [10, 20, 21, *([30, 31, 40, 41] if given else [])]
    assert [(reject["input"], reject["record"], reject.get("elements", 0)) for reject in rejects] == [
        (3, None, given),
        (4, None, given),
    ]
    assert all("<" in reject["record_repr"] for reject in rejects)
    still = bad.retry().split_errors()[1]
    assert [plain(reject) for reject in still.compute(**way)] == [plain(reject) for reject in rejects]
    bad.to_jsonl(tmp_path / "bad", **way)
    for taken_up in (bad, still, bk.read_errors(tmp_path / "bad", of=bag)):
        fixed = taken_up.retry(whole, operation=operation).compute(**way)
        assert sorted(records + fixed) == [10, 20, 21, 30, 31, 32, 40, 41, 42, 43]
        fixed = taken_up.retry(lambda number: [*whole(number)], operation=operation).compute(**way)
        assert sorted(records + fixed) == [10, 20, 21, 30, 31, 32, 40, 41, 42, 43]


def plain(reject: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in reject.items() if name != "record_repr"}


def test_a_record_that_can_be_asked_again_goes_on_behind_what_it_gave() -> None:
    class Asked:
        def __init__(self, fails: list[int]) -> None:
            self.fails = fails

        def __iter__(self) -> Iterator[int]:
            return (60 // (number not in self.fails) for number in range(4))

    record = Asked([2])
    good, bad = bk.from_sequence([record], npartitions=1).flatten().split_errors()
    with bk.options(scheduler="sync"):
        records, rejects = bk.compute(good, bad)
        assert (records, rejects[0]["record"], rejects[0]["elements"]) == ([60, 60], record, 2)
        record.fails = []
        assert bk.from_sequence(rejects, npartitions=1).count().compute() == 1
        assert bad.count().compute() == 0
        record.fails = [2]
        kept = bad.persist()
        record.fails = []
        assert kept.retry().compute() == [60, 60]


def test_an_element_that_can_not_be_had_again_is_an_error(tmp_path: Path) -> None:
    """Its input would give its brothers once more."""
    twice = bk.range(3, npartitions=1).flat_map(lambda number: [number, number + 1])
    with bk.options(scheduler="sync"):
        for name, bag in (("a", twice.flat_map(breaks_off)), ("b", twice.map(lambda n: {n}).map(lambda n: 1 // 0))):
            bad = bag.split_errors()[1]
            bad.to_jsonl(tmp_path / name)
            again = bk.read_errors(tmp_path / name, of=bag)
            fixed, still = again.retry(operation="map(test_rejects.breaks_off)" if name == "a" else None).split_errors()
            assert (fixed.compute(), still.count().compute()) == ([], bad.count().compute())
            assert "can't be had again" in still.take(1)[0]["message"]


def test_a_summary_has_a_row_for_each_way_to_fail(lines: Path) -> None:
    rows = bk.read_json(lines).map(inverse).split_errors()[1].summary().compute(scheduler="sync")
    assert [(row["count"], row["operation"], row["error"]) for row in rows] == [
        (70, "map(test_rejects.inverse)", "ZeroDivisionError"),
        (10, "map(json.loads)", "JSONDecodeError"),
    ]
    assert rows[1]["places"] == [f"{lines}:1", f"{lines}:51", f"{lines}:101"]
    assert rows[1]["example"] == "{broken"


@pytest.mark.parametrize(
    ("retry", "words"),
    [
        (
            lambda bad: bad.retry(len),
            "which operation the function is for; got no operation; expected operation= to be",
        ),
        (lambda bad: bad.retry(len, operation="map(no)"), "got 'map(no)'"),
        (lambda bad: bad.retry(len, operation="pluck('a')"), "has no function"),
        (lambda bad: bk.Rejects(bad.plan).retry(), "hint: bagkit.read_errors"),
        (lambda bad: bk.read_errors("x.jsonl", of=3), "of is int"),
    ],
)
def test_what_can_not_be_retried_is_an_error_at_once(retry: Any, words: str) -> None:
    _, bad = bk.from_sequence([{"a": 1}]).pluck("a").map(str).map(int).split_errors()
    with pytest.raises(bk.PlanError) as caught:
        retry(bad)
    assert words in str(caught.value)


def test_which_of_two_operations_of_one_name_is_meant_is_said_by_its_step() -> None:
    bag = bk.from_sequence(["1", "x", "0"], npartitions=1).pluck(0).map(lambda text: int(text)).map(lambda n: 1 / n)
    good, bad = bag.split_errors()
    assert bk.compute(good, bad.pluck("step"), scheduler="sync") == ([1.0], [1, 2])
    assert bad.retry(lambda text: 5, operation=1).split_errors()[0].compute(scheduler="sync") == [0.2]
    assert bad.retry(lambda number: 7, operation=2).split_errors()[0].compute(scheduler="sync") == [7]
    for operation in (None, "map(lambda)", 0.5, 3, True):
        with pytest.raises(
            bk.PlanError, match=r"expected operation= to be one of 1 for map\(lambda\), 2 for map\("
        ) as no:
            bad.retry(len, operation=operation)  # type: ignore[arg-type]  # that is what is tested
        assert str(no.value).endswith("hint: the numbers are the `step` of rejects, for some are called the same")


def test_a_deep_plan_says_so() -> None:
    bag = bk.range(3, npartitions=1)
    for _ in range(70):
        bag = bag.map(abs)
    with pytest.raises(bk.PlanError, match="split errors in the middle too"):
        bag.split_errors()[0].compute(scheduler="sync")


def test_rejects_stand_where_they_say_and_are_whole_among_odd_lines(tmp_path: Path) -> None:
    odd = ['"x": NaN', '"x": "\\ud800"', '"x": 1e400', '"é": {"a": [1]}', f'"x": {"9" * 40}', '"x": "\\u00e9"']
    lines = [f'{{"n": {n % 4}, {odd[n % 6]}, "at": {n}}}' for n in range(400)]
    content = "".join([line + ("\r\n" if n % 3 else "\n") for n, line in enumerate(lines)]).encode()
    (tmp_path / "a.jsonl").write_bytes(content)
    good, bad = bk.read_json(tmp_path / "a.jsonl").map(lambda record: 6 // (record["n"] % 3)).split_errors()
    kept, rejects = bk.compute(good, bad, scheduler="sync")
    assert len(kept) == 200
    assert [reject["input"] for reject in rejects] == [line for n, line in enumerate(lines) if n % 4 in (0, 3)]
    for reject in rejects:
        text = reject["input"].encode()
        assert content[reject["offset"] : reject["offset"] + len(text)] == text
        assert repr(reject["record"]) == repr(json.loads(reject["input"])), "whole, though only n is read"
