"""What type checkers make of bags: they read this file (test_checkers.py), pytest runs it: types and values agree."""

from __future__ import annotations

import json
import operator
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeGuard, Unpack, assert_type

import pytest

import bagkit as bk
from bagkit.methods.text import Strings
from bagkit.methods.writing import Writes

Words = bk.Bag[str]


pytestmark = pytest.mark.usefixtures("sync")


@pytest.fixture
def words() -> Words:
    return bk.from_sequence(["b", "a", "b", "ccc"], npartitions=2)


@pytest.fixture
def ages() -> bk.Bag[tuple[str, int]]:
    return bk.from_sequence([("ada", 36), ("bob", 5), ("ada", 1)], npartitions=2)


@pytest.fixture
def records() -> bk.Bag[Any]:
    return bk.from_sequence(['{"n": "ada", "x": 1}', '{"n": "bob", "x": 2}'], npartitions=2).map(json.loads)


class Named(TypedDict):
    n: str


@dataclass
class Point:
    x: int


def is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def scaled(number: int, factor: int = 1, shift: int = 0) -> float:
    return number * factor + shift


def count_words(count: int, word: str) -> int:
    return count + 1


def grown(seen: set[str], word: str) -> set[str]:
    return seen | {word}


def merged(one: set[str], other: set[str]) -> set[str]:
    return one | other


def add(one: int, other: int) -> int:
    return one + other


def test_what_compute_gives(words: Words) -> None:
    assert assert_type(words.compute(), list[str]) == ["b", "a", "b", "ccc"]
    assert assert_type(words.compute(workers=1, on_error="skip"), list[str])[0] == "b"
    got = assert_type(words.map(int).compute(on_error="collect"), bk.Collected[list[int]])
    assert (got.result, len(got.failures)) == ([], 4)
    policy: Literal["raise", "skip"] = "raise"
    assert assert_type(words.count().compute(on_error=policy), int) == 4
    counted = assert_type(words.map(int).count().compute(on_error="collect"), bk.Collected[int])
    assert counted.result == 0
    assert assert_type(words.persist(num_workers=2), bk.Bag[str]).npartitions == 2
    assert assert_type(words.take(2), tuple[str, ...]) == ("b", "a")
    assert assert_type(words.take(2, compute=False), bk.Bag[str]).compute() == ["b", "a"]
    assert [assert_type(word, str) for word in words] == ["b", "a", "b", "ccc"]
    assert assert_type(words.on_error("skip"), bk.Bag[str]).npartitions == 2
    assert words.map(int).on_error("collect").compute().result == []
    parts = assert_type(words.to_delayed(), list[bk.Delayed[list[str]]])
    assert assert_type(parts[0].compute(), list[str]) == ["b", "a"]
    assert assert_type(words.partitions[0], bk.Bag[str]).compute() == ["b", "a"]


def test_what_several_compute_to(words: Words) -> None:
    later: bk.Delayed[int] = bk.delayed(len)("ab")
    assert assert_type(bk.compute(words.count()), tuple[int]) == (4,)
    first, count, two = bk.compute(words.min(), words.count(), later)
    assert (assert_type(first, str), assert_type(count, int), assert_type(two, int)) == ("a", 4, 2)
    assert assert_type(bk.compute(*[words.count(), words.map(len).sum()]), tuple[int, ...]) == (4, 6)
    assert assert_type(bk.compute({"count": words.count()}, 1), tuple[Any, ...]) == ({"count": 4}, 1)
    kept, number = bk.persist(words, words.count())
    assert_type(kept, bk.Bag[str])
    assert assert_type(number, bk.Item[int]).compute() == 4
    (same,) = bk.optimize(words)
    assert_type(same, bk.Bag[str])


def test_map(words: Words, records: bk.Bag[Any]) -> None:
    lengths = assert_type(words.map(len), bk.Bag[int])
    assert assert_type(words.map(str.upper), bk.Bag[str]).take(1) == ("B",)
    assert assert_type(lengths.map(lambda n: n / 2), bk.Bag[float]).take(1) == (0.5,)
    assert assert_type(words.map(json.dumps), bk.Bag[str]).take(1) == ('"b"',)
    assert_type(words.map(json.loads), bk.Bag[Any])
    assert_type(words.map(list), bk.Bag[list[str]])
    assert_type(lengths.map(float), bk.Bag[float])
    assert_type(lengths.map(str), bk.Bag[str])
    assert_type(records.map(len), bk.Bag[int])
    assert_type(words.map(str.replace, "a", "b"), bk.Bag[str])
    assert assert_type(lengths.map(scaled, 2), bk.Bag[float]).compute() == [2, 2, 2, 6]
    assert assert_type(lengths.map(scaled, shift=2), bk.Bag[float]).take(1) == (3,)
    assert assert_type(lengths.map(scaled, lengths.max()), bk.Bag[float]).take(1) == (3,)
    assert assert_type(lengths.map(scaled, shift=lengths), bk.Bag[float]).take(1) == (2,)
    assert lengths.map(lambda n, most: n / most, lengths.max()).take(1) == (1 / 3,)
    assert lengths.map(lambda n, most: n / most, most=lengths.max()).take(1) == (1 / 3,)
    assert lengths.map(lambda n, low, high: (n - low) / high, low=lengths.min(), high=lengths.max()).take(1) == (0,)
    for factor in (3,):
        assert lengths.map(lambda n, factor=factor: n * factor).take(1) == (3,)
    assert assert_type(words.flat_map(list), bk.Bag[str]).count().compute() == 6
    assert assert_type(words.map(list).flatten(), bk.Bag[str]).count().compute() == 6
    assert assert_type(lengths.sum().apply(str), bk.Item[str]).compute() == "6"


def test_filter(words: Words) -> None:
    mixed: bk.Bag[str | int | None] = bk.from_sequence(["a", 0, None])
    assert assert_type(mixed.filter(is_text), bk.Bag[str]).compute() == ["a"]
    some: bk.Bag[str | None] = bk.from_sequence(["a", None])
    assert assert_type(some.filter(None), bk.Bag[str]).compute() == ["a"]
    assert assert_type(words.filter(str.isalpha), bk.Bag[str]).count().compute() == 4
    assert assert_type(words.remove(lambda word: word == "b"), bk.Bag[str]).compute() == ["a", "ccc"]
    assert assert_type(mixed.filter(is_text, reason="no text"), bk.Bag[str]).compute() == ["a"]
    assert assert_type(words.remove(None, reason=lambda word: word.upper()), bk.Bag[str]).compute() == []


def test_methods_of_text(words: Words) -> None:
    assert assert_type(words.str.upper(), bk.Bag[str]).take(1) == ("B",)
    assert assert_type(words.str.split("c"), bk.Bag[list[str]]).take(1) == (["b"],)
    assert assert_type(words.str.match("*b"), bk.Bag[str]).take(1) == ("b",)
    assert assert_type(words.str.isdigit().sum(), bk.Item[int]).compute() == 0
    names = {name for name in dir(str) if not name.startswith("_")}
    assert set(dir(words.str)) == {*names, "match"}
    with pytest.raises(AttributeError, match="text has no method 'nope'"):
        words.str.nope  # type: ignore  # noqa: B018
    assert set(Strings.__annotations__) == names  # for editors


def test_what_prompts_complete(words: Words) -> None:
    assert set(dir(bk)) == {*bk.__all__, "random", *(name for name in dir(bk) if name.startswith("__"))}
    assert [name for name in dir(bk.random) if not name.startswith("_")] == ["choices", "sample"]
    assert {"map", "str", "to_jsonl"} <= set(dir(words))


def test_pluck(ages: bk.Bag[tuple[str, int]], records: bk.Bag[Any]) -> None:
    assert assert_type(ages.pluck(0), bk.Bag[str]).take(1) == ("ada",)
    assert assert_type(ages.pluck(1), bk.Bag[int]).take(1) == (36,)
    assert assert_type(records.pluck("n"), bk.Bag[Any]).take(1) == ("ada",)
    assert_type(records.pluck(["n", "x"]), bk.Bag[Any])
    counts = bk.from_sequence([{"a": 1}, {"b": 2}])
    assert_type(counts.pluck("a"), bk.Bag[int])
    assert assert_type(counts.pluck("a", None), bk.Bag[int | None]).compute() == [1, None]
    assert assert_type(bk.from_sequence([[1], [2]]).pluck(0), bk.Bag[int]).compute() == [1, 2]


def test_map_partitions(words: Words) -> None:
    assert assert_type(words.map_partitions(sorted), bk.Bag[str]).compute() == ["a", "b", "b", "ccc"]
    assert assert_type(words.map_partitions("".join), bk.Bag[str]).compute() == ["ba", "bccc"]
    assert assert_type(words.map_partitions(len), bk.Bag[int]).compute() == [2, 2]
    assert assert_type(words.map_partitions(Counter), bk.Bag[dict[str, int]]).count().compute() == 2
    assert words.map_partitions(lambda part, n: part[:n], 1).compute() == ["b", "b"]


def test_reductions(words: Words, records: bk.Bag[Any]) -> None:
    lengths = words.map(len)
    assert assert_type(words.count(), bk.Item[int]).compute() == 4
    assert assert_type(lengths.sum(), bk.Item[int]).compute() == 6
    assert assert_type(lengths.map(lambda n: n > 1).sum(), bk.Item[int]).compute() == 1
    assert assert_type(lengths.map(float).sum(), bk.Item[float]).compute() == 6
    assert_type(records.pluck("x").sum(), bk.Item[Any])
    assert assert_type(lengths.mean(), bk.Item[float]).compute() == 1.5
    assert_type(records.pluck("x").std(), bk.Item[Any])
    assert assert_type(words.max(), bk.Item[str]).compute() == "ccc"
    assert assert_type(words.any(), bk.Item[bool]).compute() is True
    assert assert_type(words.frequencies(), bk.Bag[tuple[str, int]]).compute() == [("b", 2), ("a", 1), ("ccc", 1)]
    assert assert_type(words.topk(1, key=len), bk.Bag[str]).compute() == ["ccc"]
    assert assert_type(words.distinct(), bk.Bag[str]).compute() == ["b", "a", "ccc"]
    assert assert_type(lengths.quantiles(0.5), bk.Item[int]).compute() == 1
    assert assert_type(lengths.quantiles([0, 1]), bk.Item[list[int]]).compute() == [1, 3]
    assert assert_type(lengths.reduction(sum, max), bk.Item[Any]).compute() == 4


def test_folds(words: Words, records: bk.Bag[Any]) -> None:
    lengths = words.map(len)
    assert assert_type(lengths.fold(max), bk.Item[int]).compute() == 3
    assert assert_type(lengths.fold(lambda a, b: a + b), bk.Item[int]).compute() == 6
    assert assert_type(words.fold(count_words, operator.add, 0), bk.Item[int]).compute() == 4
    assert assert_type(words.fold(lambda n, w: n + len(w), lambda a, b: a + b, 0), bk.Item[int]).compute() == 6
    assert assert_type(words.fold(grown, set.union, set()), bk.Item[set[str]]).compute() == {"a", "b", "ccc"}
    assert words.fold(lambda seen, w: [*seen, w], operator.add, []).compute() == ["b", "a", "b", "ccc"]
    assert_type(words.fold(operator.add, out_type=bk.Bag), bk.Bag[Any])
    by_length = assert_type(words.foldby(len, count_words, 0, operator.add), bk.Bag[tuple[int, int]])
    assert by_length.compute() == [(1, 3), (3, 1)]
    assert_type(words.foldby(len, lambda n, word: n + 1, 0, lambda a, b: a + b), bk.Bag[tuple[int, int]])
    assert_type(words.foldby(len, max), bk.Bag[tuple[int, str]])
    assert assert_type(words.foldby(len, grown, set[str], merged), bk.Bag[tuple[int, set[str]]]).count().compute() == 2
    assert_type(records.foldby("n", lambda total, r: total + r["x"], 0, operator.add).take(1)[0][0], Any)
    assert assert_type(lengths.accumulate(operator.add), bk.Bag[int]).compute() == [1, 2, 3, 6]
    assert assert_type(words.accumulate(count_words, 0), bk.Bag[int]).compute() == [0, 1, 2, 3, 4]


def test_grouping(words: Words, ages: bk.Bag[tuple[str, int]]) -> None:
    assert assert_type(words.groupby(len), bk.Bag[tuple[int, list[str]]]).count().compute() == 2
    assert_type(ages.groupby(0), bk.Bag[tuple[Any, list[tuple[str, int]]]])
    assert assert_type(words.sort_by(len), bk.Bag[str]).compute() == ["b", "a", "b", "ccc"]
    inner = assert_type(words.join([(1, "one")], len, 0), bk.Bag[tuple[tuple[int, str], str]])
    assert inner.take(1) == (((1, "one"), "b"),)
    left = words.join(ages, on_self=0, on_other=0, how="left")
    assert_type(left, bk.Bag[tuple[tuple[str, int] | None, str]])
    assert_type(words.join(words.fold(grown, merged, set()), str), bk.Bag[tuple[str, str]])
    assert assert_type(words.key_by(len), bk.Bag[tuple[int, str]]).take(1) == ((1, "b"),)
    assert assert_type(words.union(ages.pluck(1)), bk.Bag[str | int]).count().compute() == 7


def test_pairs(ages: bk.Bag[tuple[str, int]], records: bk.Bag[Any]) -> None:
    assert assert_type(ages.keys(), bk.Bag[str]).compute() == ["ada", "bob", "ada"]
    assert assert_type(ages.values(), bk.Bag[int]).compute() == [36, 5, 1]
    assert assert_type(ages.map_values(float), bk.Bag[tuple[str, float]]).take(1) == (("ada", 36),)
    assert_type(ages.flat_map_values(range), bk.Bag[tuple[str, int]])
    assert assert_type(ages.count_by_key(), bk.Bag[tuple[str, int]]).compute() == [("ada", 2), ("bob", 1)]
    assert assert_type(ages.lookup("ada"), bk.Item[list[int]]).compute() == [36, 1]
    assert assert_type(ages.group_by_key(), bk.Bag[tuple[str, list[int]]]).count().compute() == 2
    assert assert_type(ages.reduce_by_key(add), bk.Bag[tuple[str, int]]).count().compute() == 2
    zero = ages.aggregate_by_key(0, add, add)
    assert assert_type(zero, bk.Bag[tuple[str, int]]).count().compute() == 2
    assert_type(records.map_values(str), bk.Bag[tuple[Any, str]])
    names, numbers = ages.unzip(2)
    assert assert_type(names, bk.Bag[str]).take(1) == ("ada",)
    assert assert_type(numbers, bk.Bag[int]).take(1) == (36,)


def test_several_bags(words: Words) -> None:
    lengths = words.map(len)
    assert assert_type(bk.zip(words, lengths), bk.Bag[tuple[str, int]]).take(1) == (("b", 1),)
    assert assert_type(bk.map(scaled, lengths, lengths), bk.Bag[float]).take(1) == (1,)
    assert assert_type(bk.concat([words, words]), bk.Bag[str]).count().compute() == 8
    assert assert_type(words.product(lengths), bk.Bag[tuple[str, int]]).count().compute() == 16
    assert_type(words.zip_with_index(), bk.Bag[tuple[str, int]])
    assert_type(words.batch(2), bk.Bag[list[str]])
    made = bk.from_delayed([bk.delayed(sorted)("ba"), bk.delayed(sorted)("c")])
    assert assert_type(made, bk.Bag[str]).compute() == ["a", "b", "c"]


def test_reading_and_writing(words: Words, tmp_path: Path) -> None:
    paths = assert_type(words.to_textfiles(tmp_path / "*.txt"), list[str])
    assert assert_type(bk.read_text(paths), bk.Bag[str]).count().compute() == 4
    assert assert_type(bk.read_text(paths, include_path=True), bk.Bag[tuple[str, str]]).take(1)[0][0] == "b\n"
    assert len(assert_type(bk.read_text(paths, collection=False), list[bk.Delayed[list[str]]])) == 2
    assert assert_type(bk.read_files(paths), bk.Bag[tuple[str, str]]).count().compute() == 2
    assert assert_type(bk.read_files(paths, binary=True, include_path=False), bk.Bag[bytes]).take(1) == (b"b\na",)
    assert_type(bk.read_json(paths), bk.Bag[Any])
    assert_type(bk.range(3, 1), bk.Bag[int])
    assert len(assert_type(words.to_textfiles(tmp_path / "*.log", compute=False), Writes)) == 2
    manifest = assert_type(words.to_jsonl(tmp_path / "*.jsonl", on_error="raise"), bk.Manifest)
    assert manifest.records == 4
    again = assert_type(words.to_jsonl(tmp_path / "*.js", on_error="collect"), bk.Collected[bk.Manifest])
    assert again.result.records == 4
    rows = words.map(lambda word: {"word": word})
    assert assert_type(rows.to_sqlite(tmp_path / "a.db", "words"), int) == 4
    assert assert_type(rows.to_parquet(tmp_path / "a.parquet"), list[str]) == [str(tmp_path / "a.parquet")]
    assert_type(rows.to_parquet(tmp_path / "b.parquet", on_error="collect"), bk.Collected[list[str]])


def how_many(words: Words, **options: Unpack[bk.ComputeOptions]) -> int:
    """Hand options on: to a compute that may then return either, to others as they are."""
    got = assert_type(words.compute(**options), list[str] | bk.Collected[list[str]])
    assert_type(words.count().compute(**options), int | bk.Collected[int])
    (again,) = bk.compute(words.persist(**options), **options)
    assert assert_type(again, Any) == got
    return len(got.result if isinstance(got, bk.Collected) else got)


def written(words: Words, path: Path, **options: Unpack[bk.ComputeOptions]) -> list[str]:
    got = assert_type(words.repartition(1).to_textfiles(path, **options), list[str] | bk.Collected[list[str]])
    return got.result if isinstance(got, bk.Collected) else got


def test_options_can_be_handed_on(words: Words, tmp_path: Path) -> None:
    assert how_many(words, workers=1, num_workers=None) == how_many(words) == how_many(words, on_error="collect") == 4
    assert written(words, tmp_path) == written(words, tmp_path, num_workers=1) == [str(tmp_path / "0.part")]


def test_take_has_options(words: Words) -> None:
    assert assert_type(words.take(1, workers=1, on_error="skip"), tuple[str, ...]) == ("b",)
    assert assert_type(words.take_sample(0, memory_limit="1 GB"), tuple[str, ...]) == ()


def test_options() -> None:
    with bk.options(scheduler="sync", memory_limit="1 GB", on_error="skip") as now:
        assert assert_type(now, bk.Options).memory_limit == 10**9
    assert_type(bk.get_options(), bk.Options)


def test_validate_gives_the_model(records: bk.Bag[Any]) -> None:
    points = records.validate(Point)
    assert_type(points, bk.Bag[Point])
    assert_type(records.validate(Named), bk.Bag[Named])
    assert_type(records.validate(dict[str, str | int]), bk.Bag[dict[str, str | int]])
    assert_type(points.map(lambda point: point.x).compute(), list[int])
    assert points.map(lambda point: point.x).compute() == [1, 2]
