"""Filters, maps and folds that take objects in place of records: the answers and errors of plain Python on dicts."""

from __future__ import annotations

import json
import operator
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import pytest

import bagkit as bk
from bagkit.exchange.tabling import FoldingField
from bagkit.ops.by_attributes import OnObjects
from bagkit.tracebacks import is_own
from tests.each_case import each_case
from tests.examples import FACTOR
from tests.json.on_lists import on_lists, outcome

ODD = [
    *("0", "-1", "31", "31.0", "-0.0", "2.5", "1e400", "NaN", "true", "false", "null", '"a"', '""', '"é"', '"\\ud800"'),
    *("1" * 30, "-" + "9" * 25, "[]", "[1]", "{}", '{"city": 1}', '{"city": null}', '"a\\u0062"', "1e5"),
]
BROKEN = ["", "nothing", '{"age": 1', "[]", '"age"', "{}", '{"age": 01}', '{"age": 1} {}', '{"age": "\udcff"}']


@pytest.fixture(autouse=True)
def sync() -> Any:
    with bk.options(scheduler="sync"):
        yield


def a_line(rng: random.Random, odd: float, broken: float) -> bytes:
    if rng.random() < broken:
        return rng.choice(BROKEN).encode("utf-8", "surrogateescape") + b"\n"
    values = {
        "name": f'"n{rng.randrange(9)}"',
        "age": f"{rng.randrange(90)}",
        "x": "1.5",
        "city": f'"{rng.choice("abé")}"',
    }
    values = {key: rng.choice(ODD) if rng.random() < odd else value for key, value in values.items()}
    address = f'{{"street": "s", "city": {values["city"]}}}' if rng.random() > odd else rng.choice(ODD)
    members = [f'"{key}": {values[key]}' for key in ("name", "age", "x")] + [f'"address": {address}']
    if rng.random() < odd / 4:
        members.pop(rng.randrange(4))
    if rng.random() < odd / 4:
        members.append(f'"age": {rng.choice(ODD)}')
    return ("{" + ", ".join(members) + "}\n").encode()


AGE = lambda r: r["age"] > 30  # noqa: E731
CITY = lambda r: r["address"]["city"]  # noqa: E731
PROGRAMS: dict[str, list[tuple[str, Any]]] = {
    "filter, map of what is inside": [("filter", AGE), ("map", CITY)],
    "map alone": [("map", CITY)],
    "a part, and all of it": [("filter", lambda r: r["address"]["city"] == "a"), ("map", lambda r: r["address"])],
    "filter and pluck": [("filter", lambda r: r["age"] % 2 == 0), ("pluck", operator.itemgetter("name"))],
    "filters": [("filter", AGE), ("remove", lambda r: r["x"] == 1.5), ("map", lambda r: r["name"] + r["name"])],
    "remove first": [("remove", AGE), ("map", lambda r: r["age"] * 2 - r["x"])],
    "what is true": [("filter", lambda r: r["address"]), ("map", lambda r: not r["age"])],
    "and, or": [("filter", lambda r: (r["age"] > 30 and r["x"]) or r["name"] == "n1"), ("map", lambda r: r["x"] or 0)],
    "is": [("filter", lambda r: r["x"] is not None and r["age"] is not True), ("map", lambda r: r["address"])],
    "to tuples": [("filter", AGE), ("map", lambda r: (r["name"], [r["x"], r["address"]["city"]]))],
    "to dicts": [("map", lambda r: {"who": r["name"], "where": {"city": r["address"]["city"]}, r["name"]: 1})],
    "one part, then another": [
        ("filter", lambda r: r["address"]["city"] > r["x"]),  # it raises
        ("map", lambda r: r["address"]["street"]),
    ],
    "a map of what was filtered by": [("filter", AGE), ("map", lambda r: r["age"])],
}


def bag_of(path: Path, steps: list[tuple[str, Any]]) -> Any:
    bag: Any = bk.read_text(path).map(json.loads)
    for method, function in steps:
        bag = bag.pluck("name") if method == "pluck" else getattr(bag, method)(function)
    return bag


@pytest.mark.filterwarnings("ignore::bagkit.errors.SkippedRecordsWarning")
@each_case("name", PROGRAMS)
@pytest.mark.parametrize(("odd", "broken"), [(0.0, 0.0), (0.02, 0.0), (0.3, 0.0), (0.0, 0.01), (0.1, 0.1)])
def test_answers_and_errors(name: str, odd: float, broken: float, tmp_path: Path) -> None:
    rng = random.Random(f"{name} {odd} {broken}")
    path, steps = tmp_path / "a.json", PROGRAMS[name]
    for number in (1, 40, 700) * FACTOR:
        lines = [a_line(rng, odd, broken) for _ in range(number)]
        path.write_bytes(b"".join(lines))
        found, first = on_lists(lines, steps)
        bag = bag_of(path, steps)
        assert outcome(lambda: bag.compute(on_error="skip")) == repr(found)  # noqa: B023
        expected = repr(found) if first is None else (type(first), str(first))
        assert outcome(bag.compute) == expected
        if "map" not in dict(steps[:-1]):
            kept, _ = on_lists(lines, steps[:-1])
            assert bag_of(path, steps[:-1]).count().compute(on_error="skip") == len(kept)


@each_case("name", PROGRAMS)
@each_case("odd", [0.02, 0.3])
def test_rejects_and_failures_are_told_as_the_function_raises(name: str, odd: float, tmp_path: Path) -> None:
    rng = random.Random(f"{name} {odd}")
    path, steps = tmp_path / "a.json", PROGRAMS[name]
    lines = [a_line(rng, odd, odd / 9) for _ in range(700)]
    path.write_bytes(b"".join(lines))
    expected = [(number, *told[1:]) for number, line in enumerate(lines, 1) for told in [told_of(line, steps)] if told]
    good, bad = bag_of(path, steps).split_errors()
    for wanted in (good, good.count()):
        found, rejects = bk.compute(wanted, bad)
        assert [(each["line"], each["error"], each["message"]) for each in rejects] == expected
        records, _ = on_lists(lines, steps)
        assert repr(found) == repr(records if wanted is good else len(records))
    failures = bag_of(path, steps).compute(on_error="collect").failures
    assert [(each.place.line, type(each.error).__name__, str(each.error)) for each in failures] == expected
    errors = [each.error for each in failures if type(each.error) is TypeError and "pluck" not in each.operation]
    assert {is_own(error.__traceback__.tb_frame) for error in errors} <= {False}
    assert {error.__context__ for error in errors} <= {None}


def told_of(line: bytes, steps: list[tuple[str, Any]]) -> tuple[type[Exception], str, str] | None:
    """Return what is told of a line that fails."""
    _, error = on_lists([line], steps)
    return None if error is None else (type(error), type(error).__name__, str(error))


def test_places_and_lines_of_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    lines = ['{"age": 40, "address": {"city": "a"}}'] * 900
    lines[777] = '{"age": 40, "address": null}'
    path.write_text("\n".join(lines))
    bag = bk.read_text(path).map(json.loads).filter(AGE).map(CITY)
    with pytest.raises(TypeError, match="not subscriptable") as caught:
        bag.compute()
    notes = "\n".join(caught.value.__notes__)
    assert f"{path}, line 778" in notes or f"{path}:778" in notes
    frames = []
    traceback = caught.value.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame.f_code)
        traceback = traceback.tb_next
    assert frames[-1] is CITY.__code__


def test_who_watches_calls_sees_them(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"age": 40, "name": "a", "address": {"city": "a"}}\n' * 30)
    bag = bk.read_text(path).map(json.loads)
    add_age = lambda total, r: total + r["age"]  # noqa: E731
    seen: list[Any] = []
    before = sys.getprofile()
    sys.setprofile(lambda frame, event, _: seen.append(frame.f_code) if event == "call" else None)
    try:
        cities = bag.filter(AGE).map(CITY).compute()
        folded = bag.foldby("name", add_age, 0, operator.add).compute()
    finally:
        sys.setprofile(before)
    assert (cities, folded) == (["a"] * 30, [("a", 1200)])
    assert [seen.count(function.__code__) for function in (AGE, CITY, add_age)] == [30, 30, 30]


REPLACED: dict[str, tuple[Any, Any, Callable[[Any, Any], Any], Any]] = {
    "map": (lambda r: r["a"], lambda r: r["b"], lambda bag, f: bag.map(f), [2, 2]),
    "filter": (lambda r: r["a"] > 1, lambda r: r["b"] > 1, lambda bag, f: bag.filter(f).pluck("a"), [1, 1]),
    "fold": (
        *(lambda total, r: total + r["a"], lambda total, r: total + r["b"]),
        *(lambda bag, f: bag.fold(f, operator.add, 0), 4),
    ),
    "foldby": (
        *(lambda total, r: total + r["a"], lambda total, r: total + r["b"]),
        *(lambda bag, f: bag.foldby("k", f, 0, operator.add), [("x", 4)]),
    ),
    "foldby, the same field": (
        *(lambda total, r: total + r["a"], lambda total, r: total + r["a"] * 10),
        *(lambda bag, f: bag.foldby("k", f, 0, operator.add), [("x", 20)]),
    ),
}


@each_case("name", REPLACED)
def test_code_that_autoreload_replaces_before_the_run(name: str, tmp_path: Path) -> None:
    before, after, method, expected = REPLACED[name]
    path = tmp_path / "a.json"
    path.write_text('{"k": "x", "a": 1, "b": 2, "c": 3}\n' * 2)
    function = FunctionType(before.__code__, globals())
    made = method(bk.read_text(path).map(json.loads), function)
    function.__code__ = after.__code__
    assert made.compute() == expected


def test_rejects_know_their_steps(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1, "b": 1, "c": 1}\n{"a": null, "b": 1, "c": 1}\n{"a": 1, "b": null, "c": 1}\n')
    kept = bk.read_text(path).map(json.loads).filter(lambda r: r["a"] * 2).filter(lambda r: r["b"] * 2)
    for bag in (kept, kept.map(lambda r: r["c"])):
        good, bad = bag.split_errors()
        count, steps = bk.compute(good.count(), bad.pluck("step"))
        assert (count, steps) == (1, [1, 2])


class Interrupted:
    """A record during which a signal comes, whose handler raises."""

    field_0 = "a"

    def __init__(self) -> None:
        self._errors = [TimeoutError("no more time")]

    @property
    def field_1(self) -> Any:
        if self._errors:
            raise self._errors.pop()
        return 1


def test_errors_of_signals_end_loops() -> None:
    called: list[Any] = []
    on_objects = OnObjects(called.append, "record.field_1 > 1", frozenset({"a", "b"}), ("a", "b"))
    folding = FoldingField(
        *(operator.itemgetter("a"), lambda total, r: called.append(r), operator.add, (0,)),
        names=("a", "b"),
        expression="total + value",
    )
    with pytest.raises(TimeoutError, match="no more time"):
        list(on_objects([Interrupted()]))
    with pytest.raises(TimeoutError, match="no more time") as caught:
        folding.put({}, [Interrupted()])
    assert called == []
    assert caught.tb.tb_next is not None
    assert is_own(caught.tb.tb_next.tb_next.tb_frame)  # the frame of the loop is not taken for one of the user's


FOLDS: dict[str, tuple[Any, Any]] = {
    "sum": (lambda total, r: total + r["age"], 0),
    "sum from a float": (lambda total, r: total + r["age"], 0.0),
    "sum of parts": (lambda total, r: total + r["age"] * 2 - 1, 1),
    "difference": (lambda total, r: r["age"] - total, 0),
    "text": (lambda total, r: total + r["name"], ""),
    "the last": (lambda total, r: r["age"], 0),
    "whether any": (lambda total, r: total | (r["age"] == 31), False),
    "sum from what can be changed": (lambda total, r: total + r["age"], []),
    "sum from what is called": (lambda total, r: total + r["age"], int),
}


def folded(lines: list[bytes], key: str, binop: Any, initial: Any) -> tuple[list[Any], Exception | None]:
    found: dict[Any, Any] = {}
    first = None
    for line in lines:
        try:
            record = json.loads(line.decode())
            start = initial() if callable(initial) else initial
            binop(start, record)  # who fails alone is left out
            total = found.get(record[key], start)
            found[record[key]] = binop(total, record)
        except Exception as error:
            first = first or error
    return list(found.items()), first


@pytest.mark.filterwarnings("ignore::bagkit.errors.SkippedRecordsWarning")
@each_case("name", FOLDS)
@pytest.mark.parametrize("key", ["name", "x"])
@pytest.mark.parametrize(("odd", "broken"), [(0.0, 0.0), (0.05, 0.0), (0.0, 0.01)])
def test_folds(name: str, key: str, odd: float, broken: float, tmp_path: Path) -> None:
    rng = random.Random(f"{name} {odd} {broken} {key}")
    binop, initial = FOLDS[name]
    path = tmp_path / "a.json"
    for number in (1, 40, 700) * FACTOR:
        lines = [a_line(rng, odd, broken) for _ in range(number)]
        if odd:  # some values that numbers can be added to
            plain = [b"true", b"2.5", b"-0.0", b"1" * 30, b"1e5"]
            places = [(rng.randrange(4), rng.randrange(4), rng.choice(plain)) for _ in range(number)]
            lines = [b'{"name": "n%d", "x": %d, "age": %s}\n' % place for place in places]
        path.write_bytes(b"".join(lines))
        expected, first = folded(lines, key, binop, initial)
        bag = bk.read_text(path).map(json.loads).foldby(key, binop, initial, operator.add)
        if first is None:
            assert outcome(bag.compute) == repr(expected)
        else:
            assert outcome(bag.compute)[0] is type(first)


@pytest.mark.parametrize("scheduler", ["processes", "threads"])
def test_in_workers(scheduler: str, tmp_path: Path) -> None:
    rng = random.Random(scheduler)
    lines = [a_line(rng, 0.0, 0.0) for _ in range(3000)]
    for number in range(3):
        (tmp_path / f"{number}.json").write_bytes(b"".join(lines[number * 1000 : (number + 1) * 1000]))
    records = [json.loads(line) for line in lines]
    bag = bk.read_text(tmp_path / "*.json").map(json.loads)
    with bk.options(scheduler=scheduler, workers=2):
        assert bag.filter(AGE).map(CITY).compute() == [CITY(r) for r in records if AGE(r)]
        assert bag.foldby("name", FOLDS["sum"][0], 0, operator.add).compute() == folded(lines, "name", *FOLDS["sum"])[0]
        nothing = bag.pluck("nothing", "none")
        assert bk.compute(nothing.frequencies(), nothing.count(), bag.pluck("age").max()) == (
            [("none", 3000)],
            3000,
            max(r["age"] for r in records),
        )


TOGETHER = [
    ("filter, map of what is inside", "filter and pluck", "a map of what was filtered by"),
    ("what is true", "filters", "map alone", "to tuples"),
    ("remove first", "and, or", "a part, and all of it"),
]


@pytest.mark.filterwarnings("ignore::bagkit.errors.SkippedRecordsWarning")
@each_case("names", TOGETHER)
@pytest.mark.parametrize(("odd", "broken"), [(0.0, 0.0), (0.02, 0.0), (0.3, 0.0), (0.1, 0.1)])
def test_one_read_for_several(names: tuple[str, ...], odd: float, broken: float, tmp_path: Path) -> None:
    rng = random.Random(f"{names} {odd} {broken}")
    path = tmp_path / "a.json"
    lines = [a_line(rng, odd, broken) for _ in range(700 * FACTOR)]
    path.write_bytes(b"".join(lines))
    parsed = bk.read_text(path).map(json.loads)

    def made(name: str) -> Any:
        bag: Any = parsed
        for method, function in PROGRAMS[name]:
            bag = bag.pluck("name") if method == "pluck" else getattr(bag, method)(function)
        return bag

    bags = [*[made(name).map(repr) for name in names], parsed.filter(AGE).count(), parsed.count()]
    wanted = [on_lists(lines, PROGRAMS[name]) for name in names]
    wanted += [on_lists(lines, [("filter", AGE)]), on_lists(lines, [])]
    computed = bk.compute(*bags, on_error="skip")
    assert [list(each) for each in computed[:-2]] == [[*map(repr, found)] for found, _ in wanted[:-2]]
    assert computed[-2:] == tuple([len(found) for found, _ in wanted[-2:]])
    if any(first is not None for _, first in wanted):
        with pytest.raises(tuple({type(first) for _, first in wanted if first is not None})):
            bk.compute(*bags)
    else:
        assert bk.compute(*bags) == computed


def test_a_shared_parser_gives_objects_where_all_look_up_fields(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text('{"name": "a", "age": 1}\n')
    b = bk.read_text(tmp_path / "a.json").map(json.loads)
    older = b.filter(lambda r: r["age"] > 30).filter(lambda r: r["name"] != "a")
    bk.explain(b.pluck("name").frequencies(), older.count(), b.map(lambda r: r["age"] + 1).max())
    assert "parse_json(attributes: age, name)" in capsys.readouterr().out
    bk.explain(b.pluck("name").frequencies(), older, b.count())  # whose records leave the task
    bk.explain(b.pluck("name").frequencies(), b.filter(lambda r: r.get("age")).count())
    assert "attributes" not in capsys.readouterr().out


def test_an_alarm_among_records_that_fail_is_told_of_and_none_is_lost() -> None:
    class Late:
        @property
        def field_0(self) -> int:
            raise TimeoutError("of a signal's handler")

    one, late, text = SimpleNamespace(field_0=1), Late(), SimpleNamespace(field_0="a")
    step = OnObjects(lambda r: r["n"] + 1, "record.field_0 + 1", frozenset({"n"}), ("n",))
    for _ in range(2):  # the first block is taken as a whole, until a record fails
        found: list[Any] = []
        further = step.further([text, one, late, one, *[one] * 99], True)
        with pytest.raises(TypeError):
            further(found, 0)
        with pytest.raises(TimeoutError):
            further(found, 1)
        further(found, 3)
        assert found == [2, 2, *[2] * 99]


def test_an_alarm_between_two_records_costs_no_record_and_gives_none_twice() -> None:
    class Alarmed(list[Any]):
        """A list that a signal comes to when it has taken its third value."""

        def append(self, value: Any) -> None:
            super().append(value)
            if len(self) == 3:
                raise TimeoutError("of a signal's handler")

    records = [SimpleNamespace(field_0=n) for n in range(9)]
    step = OnObjects(lambda r: r["n"] + 1, "record.field_0 + 1", frozenset({"n"}), ("n",))
    with pytest.raises(TypeError):
        step.further([SimpleNamespace(field_0="a")], True)([], 0)
    found = Alarmed()
    further = step.further(records, True)
    with pytest.raises(TimeoutError):
        further(found, 0)
    further(found, 4)  # the record behind is the one that is said to have failed
    assert found == [1, 2, 3, 5, 6, 7, 8, 9]
