"""Reductions over the same records read them once, and give what each gives alone."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from operator import add
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.work import taking

RECORDS = [{"name": f"n{n % 7}", "age": n % 40, "height": n / 7, "tags": ["a"] * (n % 3)} for n in range(500)]

REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "count": lambda b: b.count(),
    "mean": lambda b: b.pluck("height").mean(),
    "max": lambda b: b.pluck("age").max(),
    "frequencies": lambda b: b.pluck("name").frequencies(),
    "distinct": lambda b: b.distinct("name"),
    "topk": lambda b: b.topk(5, key="height"),
    "foldby": lambda b: b.foldby("name", lambda total, r: total + r["age"], 0, add),
    "fold": lambda b: b.map(lambda r: (r["name"],)).fold(add),
    "filter": lambda b: b.filter(lambda r: r["age"] > 20).count(),
    "flatten": lambda b: b.pluck("tags").flatten().count(),
    "stats": lambda b: b.pluck("height").stats(),
    "any": lambda b: b.map(lambda r: r["age"] == 39).any(),
}
OTHERS: dict[str, Callable[[Any], Any]] = {
    "by parts": lambda b: b.reduction(lambda part: sum(1 for _ in part), sum),  # which can tell where one begins
    "records": lambda b: b.pluck("age"),
    "the bag": lambda b: b,
    "sorted": lambda b: b.sort_by("height").pluck("age"),
    "pairs": lambda b: bk.zip(b.pluck("age"), b.filter(lambda r: r["age"] >= 0).pluck("name")),
    "uses a value of the others": lambda b: b.map(lambda r, m: r["age"] - m, b.pluck("age").max()),
    "nested": lambda b: (lambda c: c.map(lambda x: x * 2))(b.pluck("tags").flatten()),
    "groups": lambda b: b.groupby("name"),
    "joined with itself": lambda b: b.join(b, "name").map(lambda pair: (pair[0]["age"], pair[1]["height"])),
    "joined with a part of itself": lambda b: b.filter(lambda r: r["age"] > 20).join(b.pluck("age"), "age", abs),
    "beside itself": lambda b: b.key_by("age").cogroup(b.filter(lambda r: r["age"] > 30).key_by("age")),
    "folded from a value": lambda b: b.pluck("age").fold(add, initial=1),  # which counts once for each partition
    "numbered": lambda b: b.zip_with_index(),
    "neighbours": lambda b: b.pluck("age").window(3),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):  # the second is empty
        lines = RECORDS[: 300 if number == 0 else 0] if number < 2 else RECORDS[300:]
        (tmp_path / f"{number}.json").write_text("".join(json.dumps(record) + "\n" for record in lines))
    return tmp_path


@pytest.fixture(autouse=True)
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "RUN", 70)


def bags(folder: Path) -> dict[str, Any]:
    lines = bk.read_text(folder / "*.json")
    return {
        "read_json": bk.read_json(folder / "*.json"),
        "map(json.loads)": lines.map(json.loads),
        "one partition": bk.read_json(folder / "0.json"),
        "small blocks": bk.read_json(folder / "*.json", blocksize=4000),
        "a function between": lines.map(lambda line: json.loads(line)).filter(lambda r: r["age"] != 3),
        "in memory": bk.from_sequence(RECORDS, npartitions=4),
    }


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
@pytest.mark.parametrize("name", ["read_json", "map(json.loads)", "one partition", "small blocks",
                                  "a function between", "in memory"])  # fmt: skip
def test_each_answer_is_that_of_its_own_compute(folder: Path, name: str, scheduler: str) -> None:
    bag = bags(folder)[name]
    alone = {name: make(bag).compute(scheduler="sync", optimize=False) for name, make in REDUCTIONS.items()}
    assert compute_all(REDUCTIONS, bag, scheduler=scheduler) == alone
    assert compute_all(REDUCTIONS, bag, scheduler=scheduler, optimize=False) == alone


def compute_all(made: dict[str, Callable[[Any], Any]], bag: Any, **options: Any) -> dict[str, Any]:
    return dict(zip(made, bk.compute(*(make(bag) for make in made.values()), **options), strict=True))


@pytest.mark.parametrize("other", OTHERS)
def test_answers_beside_one_that_needs_whole_partitions(folder: Path, other: str) -> None:
    bag = bk.read_json(folder / "*.json")
    made = {**REDUCTIONS, other: OTHERS[other]}
    alone = {name: make(bag).compute(scheduler="sync", optimize=False) for name, make in made.items()}
    assert compute_all(made, bag, scheduler="processes") == alone


def test_records_are_made_once_and_not_kept(folder: Path) -> None:
    calls: list[Any] = []
    bag = bk.read_text(folder / "*.json").map(lambda line: calls.append(line) or len(line))
    assert bk.compute(bag.count(), bag.max(), bag.sum(), scheduler="sync")[0] == 500
    assert len(calls) == 500


def test_an_item_and_what_it_is_an_argument_of(folder: Path) -> None:
    bag = bk.read_json(folder / "*.json")
    most = bag.pluck("age").max()
    oldest = bag.map(lambda record, age: record["age"] == age, most).sum()
    assert bk.compute(most, oldest, bag.count(), scheduler="threads") == (39, 12, 500)


def test_an_error_has_the_place_of_its_record(folder: Path) -> None:
    bag = bk.read_json(folder / "*.json")
    items = bag.count(), bag.map(lambda r: 1 / (r["age"] - 39)).max(), bag.pluck("name").frequencies()
    with pytest.raises(ZeroDivisionError) as caught:
        bk.compute(*items, scheduler="sync")
    notes = "\n".join(caught.value.__notes__)
    assert "in map(lambda)" in notes
    assert f"{folder / '0.json'}, line 40 " in notes


def test_an_error_of_a_reduction_has_the_place_of_its_record(folder: Path) -> None:
    (folder / "9.json").write_text('{"age": 1}\n{"age": "old"}\n')
    bag = bk.read_json(folder / "*.json")
    with pytest.raises(TypeError) as caught:
        bk.compute(bag.count(), bag.pluck("age").sum(), scheduler="sync")
    assert f"{folder / '9.json'}, line 2 " in "\n".join(caught.value.__notes__)


def test_a_line_that_is_no_json_has_its_place(folder: Path) -> None:
    (folder / "9.json").write_text('{"age": 1}\n{"age": \n')
    bag = bk.read_json(folder / "*.json")
    with pytest.raises(json.JSONDecodeError) as caught:
        bk.compute(bag.count(), bag.pluck("age").sum(), scheduler="sync")
    assert f"{folder / '9.json'}, line 2 " in "\n".join(caught.value.__notes__)


@pytest.mark.filterwarnings("ignore::bagkit.SkippedRecordsWarning")
def test_records_that_fail_are_left_out_of_each(folder: Path) -> None:
    (folder / "9.json").write_text('{"age": 1}\n{"age": \n{"age": "old"}\n')
    bag = bk.read_json(folder / "*.json")
    count, total = bag.count(), bag.pluck("age").sum()
    alone = count.compute(on_error="skip", scheduler="sync"), total.compute(on_error="skip", scheduler="sync")
    assert bk.compute(count, total, on_error="skip", scheduler="sync") == alone


def test_an_empty_bag(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("")
    bag = bk.read_json(tmp_path / "a.json")
    assert bk.compute(bag.count(), bag.frequencies(), scheduler="sync") == (0, [])
    with pytest.raises(bk.EmptyBagError, match="max"):
        bk.compute(bag.count(), bag.max(), scheduler="sync")


PLUCKS: dict[str, Callable[[Any], Any]] = {
    "name": lambda b: b.pluck("name").frequencies(),
    "age": lambda b: b.pluck("age").filter(lambda age: age > 3).max(),
    "count": lambda b: b.count(),
    "height": lambda b: b.pluck("height").map(lambda height: height * 2).sum(),
}


@pytest.mark.parametrize("line", ['{"name": "x", "age": 5, "height": 1}', '{"name": "x", "height": NaN, "age": 5}',
                                  '{"age": 5, "age": 6, "name": "\\ud800", "height": 1e400}'])  # fmt: skip
def test_plucks_share_a_read_of_odd_lines(folder: Path, line: str) -> None:
    (folder / "9.json").write_text(f"{line}\n" * 3)
    bag = bk.read_json(folder / "*.json")
    alone = [repr(make(bag).compute(scheduler="sync", optimize=False)) for make in PLUCKS.values()]
    assert list(map(repr, compute_all(PLUCKS, bag, scheduler="sync").values())) == alone


@pytest.mark.parametrize(("line", "error"), [('{"name": "x", "height": 1}', KeyError), ("[1]", TypeError),
                                             ('"text"', TypeError), ("{", ValueError)])  # fmt: skip
def test_plucks_share_a_read_of_a_record_without_the_field(folder: Path, line: str, error: type[Exception]) -> None:
    (folder / "9.json").write_text('{"name": "x", "age": 5, "height": 1}\n' + line + "\n")
    bag = bk.read_json(folder / "*.json")
    with pytest.raises(error) as alone:
        bag.pluck("age").max().compute(scheduler="sync", optimize=False)
    with pytest.raises(error) as caught:
        bk.compute(*(PLUCKS[name](bag) for name in ("age", "count", "height")), scheduler="sync")
    assert str(caught.value) == str(alone.value)
    assert f"{folder / '9.json'}, line 2 " in "\n".join(caught.value.__notes__)


class Nameless:
    """A key that is equal to itself only, so that no other process knows it."""


def test_a_key_that_is_noticed_when_a_table_is_written(folder: Path, tmp_path: Path) -> None:
    bag = bk.read_json(folder / "*.json").map(lambda r: Nameless() if r["age"] == 39 else f"{r['age']} {r['height']}")
    made = bag.count(), bag.frequencies(), bag.map(str).distinct()
    with pytest.raises(bk.UnstableKeyError, match=r"the key <.*Nameless") as caught:
        bk.compute(*made, scheduler="sync", memory_limit=20_000, temporary_directory=tmp_path)
    assert "in frequencies" in caught.value.__notes__


# How often files are read, and what is kept -----------------------------------------------------------------------


def texts_of(answers: Any, folder: Path) -> list[Any]:
    """Return how many answers there are, and what is in the files."""
    found = {path.name: path.read_bytes() for path in sorted(folder.glob("[a-z]*-*"))}
    assert len(found) > 2
    return [len(answers), {name: gzip.decompress(its) if name.endswith(".gz") else its for name, its in found.items()}]


FORMS: dict[str, Callable[[Any, Path, dict[str, Any]], Any]] = {
    "three reductions": lambda b, to, o: bk.compute(b.count(), b.pluck("x").max(), b.pluck("y").sum(), **o),
    "two bags": lambda b, to, o: bk.compute(b.pluck("x"), b.pluck("y"), **o),
    "a bag and a reduction": lambda b, to, o: bk.compute(b.pluck("x"), b.count(), **o),
    "persist": lambda b, to, o: [bag.compute(**o) for bag in bk.persist(b.pluck("x"), b.pluck("y"), **o)],
    "unzip": lambda b, to, o: bk.compute(*b.map(lambda r: (r["x"], r["y"])).unzip(2), **o),
    "zip": lambda b, to, o: bk.zip(b.pluck("x"), b.pluck("y")).compute(**o),
    "zip of what is filtered": lambda b, to, o: (
        bk.zip(b.pluck("x").filter(lambda x: x % 2), b.filter(lambda r: r["x"] % 2).pluck("y")).compute(**o)
    ),
    "zip, and more of it": lambda b, to, o: bk.zip(b.pluck("x"), b.pluck("y")).map_partitions(list).compute(**o),
    "two arguments": lambda b, to, o: (
        bk.range(3, 1).map(lambda n, m, k: n + m + k, b.pluck("x").mean(), b.pluck("y").max()).compute(**o)
    ),
    "an exchange and a reduction": lambda b, to, o: bk.compute(b.pluck("x").groupby(abs).pluck(0), b.count(), **o),
    "what is sorted and a reduction": lambda b, to, o: bk.compute(b.pluck("x").sort_by(lambda x: -x), b.count(), **o),
    "a file and a reduction": lambda b, to, o: (
        bk.compute(b.pluck("x").map(str).to_textfiles(to / "out", compute=False), b.count(), **o)[1]
    ),
    "three outputs": lambda b, to, o: texts_of(
        bk.compute(
            b.pluck("x").map(str).to_textfiles(to / "x-*.txt.gz", compute=False),
            b.filter(lambda r: r["x"] % 9 == 0).pluck("y").to_jsonl(to / "y-*.jsonl", compute=False),
            b.map(lambda r: str(r["y"])).to_textfiles(to / "z-*.txt", compute=False),
            **o,
        ),
        to,
    ),
    "what fails and what does not": lambda b, to, o: (
        lambda good, bad: texts_of(
            bk.compute(
                good.to_jsonl(to / "good-*.jsonl", compute=False),
                bad.pluck("message").to_jsonl(to / "bad-*.jsonl", compute=False),
                good.count(),
                **o,
            ),
            to,
        )
    )(*b.map(lambda r: r["x"] % (r["y"] - 3)).split_errors()),
    "a fold from a value and a reduction": lambda b, to, o: (
        bk.compute(b.pluck("x").fold(add, initial=1), b.count(), **o)
    ),
    "a join with itself": lambda b, to, o: (lambda c: c.join(c, abs).count().compute(**o))(b.pluck("x")),
    "reductions of what two use": lambda b, to, o: (
        (lambda c: bk.compute(c.sum(), c.max(), c.filter(lambda x: x > 9), **o))(b.map(lambda r: r["x"] + r["y"]))
    ),
}  # fmt: skip


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
@pytest.mark.parametrize("form", FORMS)
def test_a_file_is_read_once_and_no_record_of_it_is_kept(tmp_path: Path, form: str, scheduler: str) -> None:
    records = [{"x": n, "y": n % 7, "text": "word " * 200} for n in range(400)]
    for number in range(2):
        lines = [json.dumps(record) + "\n" for record in records[number * 200 : number * 200 + 200]]
        (tmp_path / f"{number}.json").write_text("".join(lines))
    size = sum(path.stat().st_size for path in tmp_path.glob("*.json"))
    bag = bk.read_text(tmp_path / "*.json").map(lambda line: json.loads(line))
    with bk.Profile() as profile:
        found = FORMS[form](bag, tmp_path / "a", {"scheduler": scheduler})
    assert sum(task.bytes_read for task in profile.tasks) == size
    assert sum(task.bytes_out for task in profile.tasks) < size / 10, "whole records would be as much as the file"
    alone = bk.from_sequence(records, npartitions=2)
    assert found == FORMS[form](alone, tmp_path / "b", {"scheduler": "sync", "optimize": False})


def test_an_error_of_a_join_with_itself_has_the_place_of_its_record(folder: Path) -> None:
    (folder / "9.json").write_text('{"name": "a", "age": 1}\n{"name": "b"}\n')
    bag = bk.read_json(folder / "*.json")
    with pytest.raises(KeyError) as caught:
        bag.join(bag, "age").compute(scheduler="sync")
    assert f"{folder / '9.json'}, line 2 " in "\n".join(caught.value.__notes__)


def with_sets(record: dict[str, Any]) -> Any:
    return {1 // (record["age"] - 1)} if record["age"] < 3 else record


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@pytest.mark.parametrize("order", [1, -1])
def test_an_error_in_writing_good_records_beside_rejects_has_its_place(
    folder: Path, tmp_path: Path, order: int, scheduler: str
) -> None:
    good, bad = bk.read_json(folder / "*.json").map(with_sets).split_errors()
    writes = [each.to_jsonl(tmp_path / name, compute=False) for each, name in ((good, "good"), (bad, "bad"))]
    with pytest.raises(TypeError, match="set is not JSON serializable") as caught:
        bk.compute(*writes[::order], scheduler=scheduler)
    assert f"at {folder}" in "\n".join(caught.value.__notes__)


def changed(record: dict[str, Any]) -> int:
    record["tags"] = bytearray(b"ab")
    return 1


@pytest.mark.parametrize("one", ["count", "changed"])
def test_records_that_leave_beside_others_are_as_all_who_take_them_leave_them(folder: Path, one: str) -> None:
    """marshal, which is quick, would make bytes of a bytearray: so it has no records that functions have had."""
    bag = bk.read_json(folder / "*.json")
    other = bag.count() if one == "count" else bag.map(changed).sum()
    records, number = bk.compute(bag, other, scheduler="processes", workers=2)
    assert number == len(RECORDS)
    assert [type(record["tags"]) for record in records] == [list if one == "count" else bytearray] * number


def test_records_before_one_that_fails_go_to_all_who_want_only_the_first(folder: Path) -> None:
    bag = bk.read_json(folder / "*.json")
    first = bag.map(lambda r: 1 / (r["age"] - 30) or True).any()  # which is known before record 30
    assert bk.compute(first, bag.count(), scheduler="sync") == (True, 500)


def test_bags_of_the_same_records_that_differ_in_length(folder: Path) -> None:
    bag = bk.read_json(folder / "*.json")
    with pytest.raises(ValueError, match="zip: the bags have different numbers of records in a partition"):
        bk.zip(bag.pluck("age"), bag.filter(lambda r: r["age"] != 7)).compute(scheduler="sync")


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_records_that_fail_in_one_branch_are_in_the_others(tmp_path: Path, scheduler: str) -> None:
    (tmp_path / "a.txt").write_text("1\n0\n2\nx\n")
    numbers = bk.read_text(tmp_path / "a.txt").map(int)
    bags = numbers, numbers.map(lambda n: 2 / n).sum(), numbers.distinct(lambda n: 1 // n).count()
    got = bk.compute(*bags, on_error="collect", scheduler=scheduler)
    assert [each.result for each in got] == [[1, 0, 2], 3.0, 2]
    assert [failure.operation.partition("(")[0] for failure in got[0].failures] == ["map", "distinct", "map"]
    assert [failure.place.line for failure in got[0].failures if failure.place] == [2, 2, 4]


def test_what_is_written_beside_a_reduction_is_committed(folder: Path, tmp_path: Path) -> None:
    bag = bk.read_json(folder / "*.json")
    written = bag.pluck("name").to_textfiles(tmp_path / "out", compute=False)
    paths, ages = bk.compute(written, bag.pluck("age").sum(), scheduler="processes")
    assert ages == sum(record["age"] for record in RECORDS)
    assert "\n".join(Path(path).read_text() for path in paths).split() == [record["name"] for record in RECORDS]


def test_what_fails_beside_what_is_written_leaves_no_output(folder: Path, tmp_path: Path) -> None:
    bag = bk.read_json(folder / "*.json")
    written = bag.pluck("name").to_textfiles(tmp_path / "out", compute=False)
    with pytest.raises(ZeroDivisionError) as caught:
        bk.compute(written, bag.map(lambda r: 1 / (r["age"] - 39)).sum(), scheduler="sync")
    assert f"{folder / '0.json'}, line 40 " in "\n".join(caught.value.__notes__)
    assert not list(tmp_path.glob("out/*.txt"))


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_a_record_that_one_output_does_not_take_is_in_no_output(folder: Path, scheduler: str) -> None:
    bag = bk.read_json(folder / "*.json")
    first = bag.pluck("name").to_textfiles(folder / "out" / "n-*.txt", compute=False)
    second = bag.map(lambda r: {1, 2} if r["age"] == 39 else r["age"]).to_jsonl(folder / "out" / "a-*", compute=False)
    with pytest.raises(TypeError) as caught:
        bk.compute(first, second, scheduler=scheduler)
    assert f"{folder / '0.json'}, line 40 " in "\n".join(caught.value.__notes__)
    assert not list(folder.glob("out/[an]-0*")), "another partition may be done before"


def test_functions_are_called_once_for_several_outputs(folder: Path) -> None:
    seen = []
    names = bk.read_json(folder / "*.json").map(lambda r: seen.append(r["name"]) or r["name"])
    to = [names.to_textfiles(folder / f"{n}-*.txt", compute=False) for n in range(3)]
    assert [list(map(Path, paths)) for paths in bk.compute(*to, scheduler="sync")] == [
        [folder / f"{n}-{part}.txt" for part in range(3)] for n in range(3)
    ]
    assert seen == [record["name"] for record in RECORDS]


def test_outputs_that_leave_records_out_know_how_many(folder: Path) -> None:
    bag = bk.read_json(folder / "*.json")
    even = bag.map(lambda r: 1 // (r["age"] % 2 - 1)).to_jsonl(folder / "even-*", compute=False)
    all_of_them = bag.pluck("age").to_jsonl(folder / "all-*", compute=False)
    with pytest.warns(bk.SkippedRecordsWarning, match="250 records skipped"):
        found = bk.compute(even, all_of_them, scheduler="sync", on_error="skip")
    assert [sum(file.records for file in manifest.files) for manifest in found] == [250, 500]


def digits(line: str) -> Iterator[int]:
    return (int(digit) for digit in line.strip())


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_each_answer_reads_generators_from_their_beginning(tmp_path: Path, scheduler: str) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("12\n345\n\n6\n")
    numbers = bk.read_text(path).map(digits)
    lists, sums, count = bk.compute(numbers.map(list), numbers.map(sum).sum(), numbers.count(), scheduler=scheduler)
    assert (lists, sums, count) == ([[1, 2], [3, 4, 5], [], [6]], 21, 4)
    full = numbers.map(itertools.chain).filter(lambda _: True)
    lines, found, flat = bk.compute(
        bk.read_text(path).count(), full.map(list), full.flatten().frequencies(), scheduler=scheduler
    )
    assert (lines, found) == (4, lists)
    assert dict(flat) == dict.fromkeys(range(1, 7), 1)
    again = bk.compute(full.map(list), full.map(list), numbers.count(), scheduler=scheduler)
    assert again == (lists, lists, 4)
