"""What fails fails alike with the passes and without; and JSON lines, where the passes do most, give what lists give.

Random programs of all operations are in tests/operations/test_random_programs.py.
"""

from __future__ import annotations

import itertools
import json
import operator
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from tests.examples import examples
from tests.operations.cases import CASES, RECORDS, Case
from tests.operations.compare import assert_same, outcome
from tests.operations.functions import Fails
from tests.operations.partitionings import PARTITIONINGS
from tests.optimize.checked import check_passes

BY_KIND: dict[str, list[Case]] = {}
for _case in CASES:
    # Chains go on over all records, however they are spread; what sees partitions has no such meaning.
    if not _case.sees_partitions and not _case.of_all and "numbers" not in _case.name:
        BY_KIND.setdefault(_case.takes, []).append(_case)

SETTINGS = examples(60)


@st.composite
def chains(draw: st.DrawFn) -> tuple[str, list[Case]]:
    """Draw a kind of records, and cases; each works on what the one before gives."""
    kind = draw(st.sampled_from(sorted(BY_KIND)))
    first, steps = kind, []
    for _ in range(draw(st.integers(1, 5))):
        steps.append(draw(st.sampled_from(BY_KIND[kind])))
        kind = steps[-1].gives
        if not kind:
            break
    return first, steps


def on_bag(bag: Any, steps: list[Case]) -> Any:
    for case in steps:
        bag = case.on_bag(bag)
    if isinstance(bag, (bk.Bag, bk.Item)):
        check_passes(bag.plan)
    return bag.compute() if isinstance(bag, (bk.Bag, bk.Item)) else bag


def on_list(records: Any, steps: list[Case]) -> Any:
    for case in steps:
        records = case.expected([records])
    return records


@SETTINGS
@given(chains(), st.sampled_from(sorted(PARTITIONINGS)), st.data())
def test_chains_in_which_a_function_fails(
    chain: tuple[str, list[Case]], partitioning: str, data: st.DataObject
) -> None:
    kind, steps = chain
    records = data.draw(st.lists(st.sampled_from(RECORDS[kind]), max_size=12))
    # Whoever has enough before the end need not see the error; and of two errors either may come first.
    if any(case.operation in ("take", "any", "all") or case.name in ("topk(0)", "on_error(skip)") for case in steps):
        return
    if outcome(lambda: on_list(records, steps))[0] == "error":
        return
    place = data.draw(st.integers(0, len(steps) - 1))
    function = Fails(*data.draw(st.sampled_from([on_list(records, steps[:place])[n : n + 1] for n in range(3)])))
    failing = Case("map(failing)", kind, lambda b: b.map(function), lambda xs: [function(x) for x in xs])
    steps = [*steps[:place], failing, *steps[place:]]
    expected = outcome(lambda: on_list(records, steps))
    for optimize in (True, False):
        with bk.options(scheduler="sync", optimize=optimize):
            got = outcome(lambda: on_bag(PARTITIONINGS[partitioning](records), steps))
        assert_same(got, expected, approximate=steps[-1].approximate)


# JSON lines, where the passes do most ---------------------------------------------------------------------------

LINES = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.one_of(st.text(max_size=3), st.none()),
            "n": st.one_of(st.integers(-5, 5), st.just(10**30), st.floats(allow_nan=False, allow_infinity=False)),
            "tags": st.lists(st.text("ab", max_size=1), max_size=2),
            "more": st.dictionaries(st.text("ab", max_size=1), st.integers(), max_size=2),
        },
    ).map(json.dumps),
    st.sampled_from([
        '{"name": "a", "name": "b", "n": 1}', '{"n": NaN, "name": "x"}', '{"n": 1e400, "name": "x"}', "[1, 2]", "5",
        "null", '{"name": "x"', "", " ", '{"name": "\\ud800", "n": 1}', '{"n": 1, "name": "\\u006e", "\\u006e": 7}',
        '{"name": "x"} {"name": "y"}', '"name"', '{"name": {"n": 1}, "n": [1]}', '{"n": -0, "name": ""}', "\ufeff{}",
        '{"name": "caf\\u00e9 \u00e9", "n": 2}',
    ]),
)  # fmt: skip


def length_of_tags(record: Any) -> int:
    return len(record["tags"])


JSON_STEPS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], bool]] = {
    "filter": (lambda b: b.filter(lambda r: r["n"] > 0), lambda xs: (r for r in xs if r["n"] > 0), True),
    "filter get": (lambda b: b.filter(lambda r: r.get("name")), lambda xs: (r for r in xs if r.get("name")), True),
    "remove": (lambda b: b.remove(lambda r: "tags" in r), lambda xs: (r for r in xs if "tags" not in r), True),
    "on_error": (lambda b: b.on_error("raise"), lambda xs: xs, True),
    "pluck": (lambda b: b.pluck("name"), lambda xs: (r["name"] for r in xs), False),
    "pluck default": (lambda b: b.pluck("n", None), lambda xs: (pluck(r, "n", None) for r in xs), False),
    "pluck list": (lambda b: b.pluck(["name", "n"]), lambda xs: ((r["name"], r["n"]) for r in xs), False),
    "pluck list of one": (lambda b: b.pluck(["n"]), lambda xs: ((r["n"],) for r in xs), False),
    "pluck list, default": (lambda b: b.pluck(["tags", "n"], 0),
                            lambda xs: ((pluck(r, "tags", 0), pluck(r, "n", 0)) for r in xs), False),
    "map": (lambda b: b.map(lambda r: (r["n"], r.get("more"))),
            lambda xs: ((r["n"], r.get("more")) for r in xs), False),
    "map len": (lambda b: b.map(len), lambda xs: map(len, xs), False),
    "map function": (lambda b: b.map(length_of_tags), lambda xs: map(length_of_tags, xs), False),
    "nested": (lambda b: b.pluck("more").pluck("a"), lambda xs: (r["more"]["a"] for r in xs), False),
    "flatten": (lambda b: b.pluck("tags").flatten(), lambda xs: (t for r in xs for t in r["tags"]), False),
    "count": (lambda b: b.count(), lambda xs: sum(1 for _ in xs), False),
    "count distinct": (lambda b: b.pluck("name").distinct().count(), lambda xs: len({r["name"] for r in xs}), False),
    "count distinct by field": (lambda b: b.distinct("n").count(), lambda xs: len({r["n"] for r in xs}), False),
    "count distinct pairs": (lambda b: b.pluck(["name", "n"]).distinct().count(),
                             lambda xs: len({(r["name"], r["n"]) for r in xs}), False),
    "count distinct by fields": (lambda b: b.distinct(["name", "n"]).count(),
                                 lambda xs: len({(r["name"], r["n"]) for r in xs}), False),
    "count the frequent": (lambda b: b.pluck("n").frequencies().filter(lambda pair: pair[1] > 1).count(),
                           lambda xs: sum(n > 1 for n in Counter(r["n"] for r in xs).values()), False),
    "count groups": (lambda b: b.foldby("name", lambda n, r: n + 1, 0, lambda a, c: a + c).count(),
                     lambda xs: len({r["name"] for r in xs}), False),
    "fold one field": (lambda b: b.foldby("name", lambda ns, r: [*ns, r["n"]], [], operator.add),
                       lambda xs: list(groups((r["name"], r["n"]) for r in xs).items()), False),
    "fold one field, if there": (lambda b: b.foldby("name", lambda ns, r: [*ns, r.get("n")], list, operator.add),
                                 lambda xs: list(groups((r["name"], r.get("n")) for r in xs).items()), False),
    "whole": (lambda b: b, lambda xs: xs, False),
    "keys": (lambda b: b.map(list), lambda xs: map(list, xs), False),
    "foldby": (lambda b: b.foldby(lambda r: r["n"], lambda n, r: n + 1, 0, lambda a, c: a + c),
               lambda xs: [(k, len(list(v))) for k, v in grouped(r["n"] for r in xs)], False),
}  # fmt: skip
"""On a bag, on an iterator (so the error of the first record comes first), and whether records go on."""


def pluck(record: Any, key: str, default: Any) -> Any:
    try:
        return record[key]
    except (KeyError, IndexError):
        return default


def grouped(values: Any) -> list[tuple[Any, list[Any]]]:
    return list(groups((value, value) for value in values).items())


def groups(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


@st.composite
def json_chains(draw: st.DrawFn) -> list[str]:
    passing = sorted(name for name, row in JSON_STEPS.items() if row[2])
    ending = sorted(name for name, row in JSON_STEPS.items() if not row[2])
    return [*draw(st.lists(st.sampled_from(passing), max_size=3)), draw(st.sampled_from(ending))]


def json_on_lists(parts: list[list[str]], steps: list[str]) -> Any:
    records: Any = map(json.loads, itertools.chain.from_iterable(parts))
    for name in steps:
        records = JSON_STEPS[name][1](records)
    return records if isinstance(records, int) else list(records)


def json_on_bag(lines: Any, steps: list[str], shared: bool = False) -> Any:
    """Compute steps on lines of JSON; `shared`: together with the lines, which come from a task of their own."""
    made = lines.map(json.loads)
    for name in steps:
        made = JSON_STEPS[name][0](made)
    check_passes(made.plan, *[lines.plan] * shared)
    return bk.compute(made, lines)[0] if shared else made.compute()


@SETTINGS
@given(st.lists(st.lists(LINES, max_size=5), min_size=1, max_size=3), json_chains(), st.booleans(), st.booleans())
def test_json_lines(parts: list[list[str]], steps: list[str], from_files: bool, shared: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, f"{n}.json") for n in range(len(parts))]
        for path, part in zip(paths, parts, strict=True):
            Path(path).write_text("".join(line + "\n" for line in part), encoding="utf-8")
        if from_files:
            lines = bk.read_text(paths)
            parts = [[line + "\n" for line in part] for part in parts]
        else:
            lines = bk.concat([bk.from_sequence(part, npartitions=1) for part in parts])
        expected = outcome(lambda: json_on_lists(parts, steps))
        for optimize in (True, False):
            with bk.options(scheduler="sync", optimize=optimize):
                assert_same(outcome(lambda: json_on_bag(lines, steps, shared)), expected)


@SETTINGS
@given(st.lists(LINES, max_size=8), json_chains())
def test_json_lines_of_which_some_are_skipped(lines: list[str], steps: list[str]) -> None:
    of_two_files = [*lines[::2], *lines[1::2]]
    good = [line for line in of_two_files if outcome(lambda line=line: json_on_lists([[line]], steps))[0] == "value"]
    expected = json_on_lists([good], steps)
    with tempfile.TemporaryDirectory() as folder:
        files = {os.path.join(folder, "a.json"): lines[::2], os.path.join(folder, "b.json"): lines[1::2]}
        for path, some in files.items():
            Path(path).write_text("".join(line + "\n" for line in some), encoding="utf-8")
        for optimize in (True, False):
            with bk.options(scheduler="sync", optimize=optimize, on_error="collect"):
                got = json_on_bag(bk.read_text(list(files)), [step for step in steps if step != "on_error"])
            assert repr(got.result) == repr(expected)
            for failure in got.failures:
                assert failure.place.record.rstrip("\n") == files[failure.place.source][failure.place.line - 1]


@pytest.mark.parametrize("value", [b'{"a": 1}', bytearray(b"[1]"), "5", 5, None, {"a": 1}, b"\xff", ["1"]])
def test_json_of_what_is_no_line(value: Any) -> None:
    expected = outcome(lambda: [json.loads(value)])
    for optimize in (True, False):
        bag = bk.from_sequence([value]).map(json.loads)
        assert_same(outcome(lambda bag=bag, on=optimize: bag.compute(scheduler="sync", optimize=on)), expected)


def test_the_error_is_that_of_the_first_record() -> None:
    bag = bk.from_sequence(['{"n": 1}', '{"m": 1}', "{"], npartitions=1).map(json.loads).filter(lambda r: r["n"])
    for optimize in (True, False):
        with pytest.raises(KeyError):
            bag.pluck("n").compute(scheduler="sync", optimize=optimize)


def test_lines_that_others_read_too_are_parsed_as_they_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"name": "a", "n": 1}\n{"name": "b", "n": 2}\n')
    lines = bk.read_text(str(path))
    records = lines.map(json.loads)
    names, sums = records.pluck("name"), records.foldby("name", lambda total, r: total + r["n"], 0, operator.add)
    for scheduler in ("sync", "processes"):
        with bk.options(scheduler=scheduler):
            assert bk.compute(names, lines)[0] == ["a", "b"]
            assert bk.compute(sums, lines)[0] == [("a", 1), ("b", 2)]
            assert bk.compute(names.distinct(), lines.count()) == (["a", "b"], 2)
            assert bk.zip(names, lines.map(len)).compute() == [("a", 22), ("b", 22)]


def test_an_error_in_lines_that_others_read_too_names_the_operation(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"name": "a"}\n{"nom": "b"}\n')
    lines = bk.read_text(str(path))
    for optimize in (True, False):
        with pytest.raises(KeyError) as caught:
            bk.compute(lines.map(json.loads).pluck("name"), lines, scheduler="sync", optimize=optimize)
        assert "in pluck('name')" in caught.value.__notes__
