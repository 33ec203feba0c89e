"""Programs as the documentation of dask.bag has them, with one import changed."""

from __future__ import annotations

import json
import operator
import pickle
from pathlib import Path
from typing import Any

import pytest

import bagkit as db
from bagkit import random

pytestmark = pytest.mark.usefixtures("sync")


def add(x: Any, y: Any) -> Any:
    return x + y


def inc(x: int) -> int:
    return x + 1


def iseven(x: int) -> bool:
    return x % 2 == 0


def test_sequences() -> None:
    assert list(db.from_sequence([1, 2, 3, 4, 5, 6], npartitions=2)) == [1, 2, 3, 4, 5, 6]
    assert list(db.range(5, npartitions=2).map(inc)) == [1, 2, 3, 4, 5]
    assert list(db.concat([db.from_sequence([1, 2, 3]), db.from_sequence([4, 5, 6])])) == [1, 2, 3, 4, 5, 6]
    assert db.from_sequence(["Alice", "Bob", "Chuck"], npartitions=2).count().compute() == 3
    assert list(db.from_sequence([[1], [2, 3]]).flatten()) == [1, 2, 3]
    assert db.from_sequence([0, 1, None, 2]).filter(None).compute() == [1, 2]


def test_map() -> None:
    b, b2 = db.from_sequence(range(5), npartitions=2), db.from_sequence(range(5, 10), npartitions=2)
    assert b.map(operator.add, b2).compute() == [5, 7, 9, 11, 13]
    assert b.map(operator.add, 1).compute() == [1, 2, 3, 4, 5]
    assert b.map(lambda x, y=0: x + y, y=b.max()).compute() == [4, 5, 6, 7, 8]
    assert db.map(lambda x, y=0: x + y, b, y=b2).compute() == [5, 7, 9, 11, 13]
    assert db.map(lambda x, y=0: x + y, b, y=1).compute() == [1, 2, 3, 4, 5]


def test_starmap() -> None:
    b = db.from_sequence([(1, 2), (3, 4), (5, 6), (7, 8), (9, 10)], npartitions=2)
    assert b.starmap(operator.add).compute() == [3, 7, 11, 15, 19]
    most = b.starmap(operator.add).max()
    assert b.starmap(lambda x, y, z: x + y + z, z=most).compute() == [22, 26, 30, 34, 38]


def test_map_partitions() -> None:
    b, b2 = db.from_sequence(range(1, 101), npartitions=10), db.from_sequence(range(101, 201), npartitions=10)
    halves = b.map_partitions(lambda nums, den=1: [n / den for n in nums], den=b.max())
    assert halves.compute()[-1] == 1.0

    def ratios(nums: Any, dens: Any) -> Any:
        return (n / d for n, d in zip(nums, dens, strict=True))

    assert b.map_partitions(ratios, b2).compute() == db.map_partitions(ratios, b, b2).compute()


def test_filter_remove_pluck_unzip() -> None:
    b = db.from_sequence(range(5))
    assert (list(b.filter(iseven)), list(b.remove(iseven))) == ([0, 2, 4], [1, 3])
    people = db.from_sequence([{"name": "Alice", "credits": [1, 2, 3]}, {"name": "Bob", "credits": [10, 20]}])
    assert list(people.pluck("name")) == ["Alice", "Bob"]
    assert list(people.pluck("credits").pluck(0)) == [1, 10]
    one, other = db.from_sequence([(i, i + 1) for i in range(4)], npartitions=2).unzip(2)
    assert (list(one), list(other)) == ([0, 1, 2, 3], [1, 2, 3, 4])


def test_reductions() -> None:
    b = db.from_sequence(range(5), npartitions=2)
    assert (int(b.sum()), float(b.max()), b.mean().compute(), b.var(ddof=1).compute()) == (10, 4.0, 2, 2.5)
    assert b.reduction(sum, sum).compute() == 10
    assert b.fold(add).compute() == 10
    assert b.fold(lambda acc, x: acc | {x}, set.union, initial=set()).compute() == set(range(5))
    assert b.sum().apply(inc).compute() == 11
    assert db.compute(b.sum(), b.max()) == (10, 4)
    names = db.from_sequence(["Alice", "Bob", "Alice"])
    assert dict(names.frequencies()) == {"Alice": 2, "Bob": 1}
    assert sorted(names.distinct()) == ["Alice", "Bob"]
    assert db.from_sequence([{"a": 1}, {"a": 2}, {"a": 1}]).distinct(key="a").compute() == [{"a": 1}, {"a": 2}]
    numbers = db.from_sequence([10, 3, 5, 7, 11, 4])
    assert (list(numbers.topk(2)), list(numbers.topk(2, lambda x: -x))) == ([11, 10], [3, 4])


def test_folds_by_key_groups_and_joins() -> None:
    b = db.from_sequence(range(10))
    assert dict(b.foldby(iseven, add)) == {True: 20, False: 25}
    assert dict(b.foldby(iseven, lambda acc, x: acc + 1, 0, add, 0)) == {True: 5, False: 5}
    assert dict(b.groupby(iseven)) == {True: [0, 2, 4, 6, 8], False: [1, 3, 5, 7, 9]}
    people, fruit = db.from_sequence(["Alice", "Bob", "Charlie"]), ["Apple", "Apricot", "Banana"]
    assert sorted(people.join(fruit, lambda x: x[0])) == [("Apple", "Alice"), ("Apricot", "Alice"), ("Banana", "Bob")]


def test_accumulate_zip_product() -> None:
    b = db.from_sequence([1, 2, 3, 4, 5], npartitions=2)
    assert list(b.accumulate(add)) == [1, 3, 6, 10, 15]
    assert list(b.accumulate(add, initial=-1)) == [-1, 0, 2, 5, 9, 14]
    evens, odds = (db.from_sequence(range(start, 100, 2), npartitions=5) for start in (0, 1))
    pairs = db.zip(evens, odds)
    assert (pairs.npartitions, list(pairs.take(3))) == (5, [(0, 1), (2, 3), (4, 5)])
    assert sorted(b.product(b)) == [(x, y) for x in range(1, 6) for y in range(1, 6)]


def test_samples() -> None:
    b = db.from_sequence(range(100), npartitions=4)
    assert list(b.random_sample(0.5, 42)) == list(b.random_sample(0.5, 42))
    assert len(set(random.sample(b, 3).compute())) == len(set(db.random.sample(b, 3).compute())) == 3
    assert len(random.choices(b, 3).compute()) == 3
    with pytest.raises(ValueError, match="larger than that population"):
        random.sample(b, 101).compute()


def test_text() -> None:
    b = db.from_sequence(["Alice Smith", "Bob Jones", "Charlie Smith"])
    assert list(b.str.lower()) == ["alice smith", "bob jones", "charlie smith"]
    assert list(b.str.match("*Smith")) == ["Alice Smith", "Charlie Smith"]
    assert list(b.str.split(" ")) == [["Alice", "Smith"], ["Bob", "Jones"], ["Charlie", "Smith"]]
    with pytest.raises(AttributeError):
        _ = b.str.sfohsofhf


def test_files(tmp_path: Path) -> None:
    b = db.from_sequence([{"name": "Alice", "n": n} for n in range(5)], npartitions=2)
    b.map(json.dumps).to_textfiles(str(tmp_path / "out" / "*.json.gz"))
    back = db.read_text(str(tmp_path / "out" / "*.json.gz"))
    assert back.npartitions == 2
    assert back.map(json.loads).pluck("n").sum().compute() == 10
    (tmp_path / "words.txt").write_text("a b a\nb a\n")
    words = db.read_text(str(tmp_path / "words.txt"))
    assert words.str.split().flatten().frequencies().topk(1, lambda pair: pair[1]).compute() == [("a", 3)]
    paths = db.read_text(tmp_path / "words.txt", include_path=True).pluck(1)
    assert paths.distinct().compute() == [str(tmp_path / "words.txt")]
    assert list(db.from_url((tmp_path / "words.txt").as_uri())) == [b"a b a\n", b"b a\n"]


def test_delayed_persist_pickle() -> None:
    x, y, z = (db.delayed(pow)(2, i) for i in range(3))
    lists: list[Any] = [db.delayed(lambda one: [one])(one) for one in (x, y, z)]
    assert list(db.from_delayed(lists)) == [1, 2, 4]
    b = db.from_sequence(range(5), npartitions=2)
    assert len(b.to_delayed()) == 2
    assert list(b.map(inc).persist()) == [1, 2, 3, 4, 5]
    assert list(pickle.loads(pickle.dumps(b))) == [0, 1, 2, 3, 4]
    assert b.compute(num_workers=2, optimize_graph=False) == [0, 1, 2, 3, 4]


def test_errors_are_of_the_types_that_programs_catch(tmp_path: Path) -> None:
    b = db.from_sequence(["abc", "123", "xyz"], npartitions=2)
    for wrong in (lambda: b.to_textfiles(5), lambda: db.read_text(5), lambda: db.from_sequence(5)):  # type: ignore
        with pytest.raises(TypeError):
            wrong()
    for missing in ("non-existent-*-path", str(tmp_path / "non-existent")):
        for kind in (ValueError, OSError):
            with pytest.raises(kind):
                db.read_text(missing)
    for schema in ([], {}, {"name": "test"}, {"name": "t", "type": "record", "fields": [{"name": "a"}]}):
        with pytest.raises(AssertionError):
            b.to_avro(str(tmp_path / "*.avro"), schema=schema)
    with pytest.raises(AssertionError):
        db.zip(b, db.range(3, npartitions=1))
    with pytest.raises(AssertionError):
        b.product([1])
    with pytest.raises(TypeError):
        db.from_sequence([]).fold(add).compute()
    for empty in (db.from_sequence([]).mean(), db.from_sequence([]).var(), db.from_sequence([]).std()):
        with pytest.raises(ZeroDivisionError):
            empty.compute()
    with pytest.raises(ValueError, match="same"):
        b.map(add, db.range(3, npartitions=1))
    with pytest.raises(ValueError, match="Sample larger than population"):
        random.sample(b, 4).compute()
    with pytest.raises(ValueError, match="scheduler"):
        b.compute(scheduler="no such")


def test_the_same_number_of_partitions_is_the_same_bag() -> None:
    b = db.range(6, npartitions=3)
    assert b.repartition(3) is b.repartition(npartitions=3) is b
    assert b.repartition(2).npartitions == 2
    shard = b.shard(0, of=2)  # whose other shards may have another number: all of them get new partitions
    assert shard.repartition(shard.npartitions) is not shard


def test_partitions_are_cut_in_the_same_places() -> None:
    sums = [
        db.from_sequence(range(n), npartitions=k).map_partitions(sum) for n, k in ((5, 2), (10, 3), (10, 4), (20, 3))
    ]
    assert db.compute(*sums) == ([3, 7], [6, 22, 17], [3, 12, 21, 9], [21, 70, 99])
    text = db.from_sequence(range(10), npartitions=3).map(str).map_partitions("".join)
    assert [part.compute() for part in text.to_delayed()] == [["0123"], ["4567"], ["89"]]


def test_no_bags_are_an_empty_bag() -> None:
    assert db.concat([]).map(str).compute() == db.concat(iter([])).compute() == []


def test_repartition() -> None:
    b = db.from_sequence(range(1, 100), npartitions=2)
    for count in (2, 5):
        memory = sum(b.map_partitions(dask_size).compute())
        parts = b.repartition(partition_size=memory // count)
        assert parts.npartitions >= count
        assert parts.compute() == b.compute()


def dask_size(part: list[int]) -> int:
    from dask.sizeof import sizeof

    return int(sizeof(part))


def test_writing_later(tmp_path: Path) -> None:
    b = db.from_sequence(["abc", "123", "xyz"], npartitions=3)
    for suffix in ("", ".gz", ".bz2"):
        pattern = str(tmp_path / f"*.txt{suffix}")
        writes = b.to_textfiles(pattern, compute=False)
        assert not list(tmp_path.glob(f"*.txt{suffix}"))
        db.compute(*writes)
        assert sorted(db.read_text(pattern)) == ["123", "abc", "xyz"]
    assert all(isinstance(each, db.Delayed) for each in writes)
    schema = {"name": "Test", "type": "record", "fields": [{"name": "a", "type": "int"}]}
    records = db.from_sequence([{"a": i} for i in range(5)], npartitions=2)
    one, other = records.to_avro(str(tmp_path / "*.avro"), schema, compute=False)
    assert (one.compute(), other.compute()) == (str(tmp_path / "0.avro"), str(tmp_path / "1.avro"))
    assert db.read_avro(str(tmp_path / "*.avro")).compute() == records.compute()


def keywords(*args: Any, **kwargs: Any) -> str:
    return f"{len(args)} {sorted(kwargs)}"


NAMES = ["args", "default", "func", "function", "initial", "key", "kwargs", "name", "op", "operation", "options",
         "partition", "part", "plan", "records", "self", "token", "value", "values", "cls", "binop", "seq"]  # fmt: skip


@pytest.mark.parametrize("optimize", [True, False])
def test_keywords_of_any_name_are_those_of_the_users_function(optimize: bool) -> None:
    b, given = db.from_sequence([(1,), (2,)], npartitions=1), dict.fromkeys(NAMES, 1)
    said = f"1 {sorted(NAMES)}"

    def part(*args: Any, **kwargs: Any) -> list[str]:
        return [keywords(*args[:1], **kwargs)]

    counts, bags = dict.fromkeys(NAMES, b.count()), dict.fromkeys(NAMES, b)
    template = db.from_sequence(["1 {self}{func}"]).str.format(self="", func="")
    lazy: list[Any] = [
        b.map(keywords, **given), b.map(keywords, **counts), b.map(keywords, **bags), b.starmap(keywords, **given),
        b.map_partitions(part, **given), db.map(keywords, b, **given), db.map(keywords, b, **counts),
        db.map_partitions(part, b, **given), b.map_partitions_with_info(part, **given), b.flat_map(part, **given),
        template.map(lambda text: text + str(sorted(NAMES))),
    ]  # fmt: skip
    for each in lazy:
        assert set(each.compute(optimize=optimize)) == {said}
    assert b.count().apply(keywords, **given).compute() == said
    assert db.delayed(keywords)(0, **given).compute() == said
    assert db.delayed("{self}, {func}, {name}").format(self=4, func=5, name=6).compute() == "4, 5, 6"
    assert db.delayed(db.delayed(keywords))(0, **given).compute() == said
    assert (db.delayed({"f": keywords})["f"])(0, **given).compute() == said


def test_the_function_can_be_given_by_its_name() -> None:
    b = db.from_sequence([1, 2], npartitions=1)
    assert b.map(func=inc).compute() == b.map_partitions(func=lambda part: [x + 1 for x in part]).compute() == [2, 3]
    assert b.sum().apply(func=inc).compute() == 4
    with pytest.raises(TypeError, match="there is no function"):
        b.map()
