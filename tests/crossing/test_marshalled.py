"""Records of a parser of JSON come back by marshal: they are what comes back by pickle, and what the parser gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.crossing.values import Output, load
from bagkit.flow.batches import Batches
from bagkit.optimizer import optimize
from bagkit.schedulers import pool
from tests.each_case import each_case

DEEP = "[" * 900 + "]" * 900
LINES = [
    *('{"a": 1, "b": [1.5, null, true, {"c": "é"}]}', '{"a": 1, "a": 2}', "[]", "null", "-0.0", "1e400", "NaN", '"x"'),
    *('{"big": 123456789012345678901234567890, "min": -9223372036854775808}', r'"\ud800"', r'{"\ud800": "😀\u0000"}'),
    *("5e-324", "0.30000000000000004", DEEP, "[" * 3000 + "]" * 3000, '{"": {"": [{}]}}', "18446744073709551616"),
]


@pytest.fixture(scope="module", autouse=True)
def end_workers() -> Any:
    yield
    pool.end_workers()


def good_lines() -> list[str]:
    def is_good(line: str) -> bool:
        try:
            json.loads(line)
        except RecursionError:  # as deep as some Pythons follow
            return False
        return True

    return list(filter(is_good, LINES))


def test_whole_records_and_values(tmp_path: Path) -> None:
    lines = good_lines() * 9
    (tmp_path / "a.json").write_text("".join(line + "\n" for line in lines))
    records = bk.read_text(tmp_path / "a.json").map(json.loads)
    expected = list(map(json.loads, lines))
    with bk.options(scheduler="processes", workers=1):
        assert repr(records.compute()) == repr(expected)
        kept = records.persist()
        assert repr(kept.compute()) == repr(expected)
        assert repr(kept.map(repr).compute()) == repr(list(map(repr, expected)))
        dicts = records.filter(lambda r: type(r) is dict and "a" in r)
        assert repr(dicts.pluck("a").compute()) == repr([r["a"] for r in expected if type(r) is dict and "a" in r])
    (tmp_path / "b.json").write_text("".join(f'{{"a": {line}, "b": "{n}"}}\n' for n, line in enumerate(lines)))
    records = bk.read_text(tmp_path / "b.json").map(json.loads)
    with bk.options(scheduler="processes", workers=1):
        assert repr(records.pluck("a").compute()) == repr(expected)
        pairs = [(each, str(n)) for n, each in enumerate(expected)]
        assert repr(records.pluck(["a", "b"]).compute()) == repr(pairs)


@each_case("budget", [0, 1 << 20])
def test_in_messages_and_files(tmp_path: Path, budget: int) -> None:
    batches = [list(map(json.loads, good_lines())), [], [{"a": n} for n in range(5000)]]
    output = Output(budget, lambda: str(tmp_path), "out", watched=True)
    (stored, plain), *_ = output.store_all((Batches(batches, parsed=True),))
    output.close()
    assert plain
    assert repr(list(load(stored))) == repr(batches)


def test_what_is_nested_too_deep_is_pickled(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(2500):
        deep = [deep]
    output = Output(1 << 20, lambda: str(tmp_path), "out")
    (found,) = load(output.store(Batches([[deep, 1]], parsed=True)))
    assert found[1] == 1
    levels = 0
    while found[0]:
        found, levels = found[0], levels + 1
    assert levels == 2501 - 1


def adding(record: Any) -> bool:
    record["a"].append(bytearray(b"x"))
    return True


def test_filtered_records_are_marshalled_unless_a_filter_may_have_changed_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.json"
    path.write_text("".join(f'{{"a": [{n}], "n": {n}}}\n' for n in range(900)))
    records = bk.read_text(path).map(json.loads)
    kept = records.filter(lambda r: r["n"] % 9 == 0).remove(lambda r: r["n"] == 9)
    expected = [{"a": [n], "n": n} for n in range(0, 900, 9) if n != 9]
    assert kept.compute(scheduler="processes", workers=1) == expected == kept.compute(scheduler="sync")
    changed = records.filter(adding).compute(scheduler="processes", workers=1)
    assert changed[7] == {"a": [7, b"x"], "n": 7}
    assert type(changed[7]["a"][1]) is bytearray
    assert [is_parsed(bag) for bag in (records, kept, records.filter(adding), records.pluck("a"))] == [1, 1, 0, 1]
    assert not is_parsed(records.map(lambda r: r["a"]))


def is_parsed(bag: Any) -> bool:
    (plan,) = optimize((bag.plan,), until="objects_of_fields")
    return plan.op.plain == "parsed"
