"""What operations on a bag's sequence and its partitions mean, said twice: on a bag, and on plain lists."""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import bagkit as bk
from tests.operations.case import Case


def flat(partitions: list[list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(partitions))


def windows(records: list[Any], size: int, step: int = 1) -> list[Any]:
    return [tuple(records[at : at + size]) for at in range(0, len(records) - size + 1, step)]


def batches(partitions: list[list[Any]], size: int) -> list[Any]:
    return [part[at : at + size] for part in partitions for at in range(0, len(part), size)]


def product(one: list[list[Any]], other: list[list[Any]]) -> list[Any]:
    return [pair for left in one for right in other for pair in itertools.product(left, right)]


def minus(total: Any, record: Any) -> Any:
    return record - total


def number_partition(records: list[Any], info: Any, *more: Any) -> Iterator[Any]:
    yield info.index, info.npartitions, len(records), *more


def picked(*numbers: int) -> Callable[[list[list[Any]]], list[Any]]:
    return lambda parts: [x for n in numbers for x in parts[n]]


def doubled(bag: Any) -> Any:
    return bag.map(lambda x: x * 2)


SEQUENCES = [
    Case("zip", "ints", lambda b: bk.zip(b, b.map(abs)), lambda xs: [(x, abs(x)) for x in xs]),
    Case("zip with itself", "strings", lambda b: bk.zip(b, b, b), lambda xs: [(x, x, x) for x in xs]),
    Case("zip with its own map", "ints", lambda b: (lambda c: bk.zip(c, c))(b.map(abs)),
         lambda xs: [(abs(x), abs(x)) for x in xs]),
    Case("zip of one", "ints", bk.zip, lambda xs: [(x,) for x in xs]),
    Case("zip of unequal", "ints", lambda b: bk.zip(b, b.filter(lambda x: x != 5)),
         lambda xs: list(zip(xs, [x for x in xs if x != 5], strict=True))),
    Case("map of bags", "ints", lambda b: bk.map(operator.add, b, b), lambda xs: [x + x for x in xs], "ints"),
    Case("map_partitions of bags", "ints", lambda b: bk.map_partitions(lambda p, q: [len(p), len(q)], b, b),
         lambda parts: [len(p) for p in parts for _ in range(2)], "ints", sees_partitions=True),
    Case("product", "ints", lambda b: b.product(bk.from_sequence("abc", npartitions=2)),
         lambda parts: product(parts, [["a", "b"], ["c"]]), sees_partitions=True),
    Case("product with itself", "ints", lambda b: b.product(b), lambda parts: product(parts, parts),
         sees_partitions=True),
    Case("product with its own map", "ints", lambda b: (lambda c: c.product(c).starmap(operator.mul))(doubled(b)),
         lambda parts: [4 * x * y for x, y in product(parts, parts)], "ints", sees_partitions=True),
    Case("unzip", "pairs", lambda b: bk.zip(*b.unzip(2)), lambda xs: xs, "pairs"),
    Case("unzip of one", "pairs", lambda b: b.unzip(2)[1], lambda xs: [v for _, v in xs], "ints"),
    Case("unzip of too many", "pairs", lambda b: b.unzip(3)[2], lambda xs: [x[2] for x in xs]),
    Case("flat_map", "strings", lambda b: b.flat_map(list), lambda xs: [c for x in xs for c in x], "strings"),
    Case("flat_map(arguments)", "ints", lambda b: b.flat_map(lambda x, n: [x] * n, n=2),
         lambda xs: [y for x in xs for y in (x, x)], "ints"),
    Case("tap", "strings", lambda b: b.tap(len), lambda xs: xs, "strings"),
    Case("tap(failing)", "ints", lambda b: b.tap(len), lambda xs: [len(x) for x in xs]),
    Case("peek", "strings", lambda b: b.peek(2), lambda xs: xs, "strings"),
    Case("peek(0)", "dicts", lambda b: b.peek(0), lambda xs: xs, "dicts"),
    Case("accumulate", "ints", lambda b: b.accumulate(operator.add), lambda xs: list(itertools.accumulate(xs)), "ints"),
    Case("accumulate(in no order)", "ints", lambda b: b.accumulate(minus),
         lambda xs: list(itertools.accumulate(xs, minus)), "ints"),
    Case("accumulate(initial)", "ints", lambda b: b.accumulate(minus, initial=10),
         lambda xs: list(itertools.accumulate(xs, minus, initial=10)), "ints"),
    Case("accumulate(mutable initial)", "strings", lambda b: b.accumulate(lambda seen, x: [*seen, x], []),
         lambda xs: list(itertools.accumulate(xs, lambda seen, x: [*seen, x], initial=[]))),
    Case("accumulate(None in between)", "ints", lambda b: b.accumulate(lambda total, x: None if x % 2 else x),
         lambda xs: list(itertools.accumulate(xs, lambda total, x: None if x % 2 else x))),
    Case("accumulate(initial None)", "ints", lambda b: b.accumulate(lambda total, x: (total, x), None),
         lambda xs: list(itertools.accumulate([None, *xs], lambda total, x: (total, x)))),
    Case("accumulate then more", "ints", lambda b: b.accumulate(max).map(abs).filter(None).frequencies(),
         lambda xs: list(Counter(filter(None, map(abs, itertools.accumulate(xs, max)))).items())),
    Case("accumulate twice", "ints", lambda b: doubled(b).accumulate(operator.add).accumulate(max),
         lambda xs: list(itertools.accumulate(itertools.accumulate(2 * x for x in xs), max)), "ints"),
    Case("accumulate(failing)", "strings", lambda b: b.accumulate(operator.sub),
         lambda xs: list(itertools.accumulate(xs, operator.sub))),
    Case("zip_with_index", "strings", lambda b: b.zip_with_index(), lambda xs: [(x, n) for n, x in enumerate(xs)],
         "pairs"),
    Case("zip_with_index of what is left", "ints", lambda b: b.filter(lambda x: x > 2).zip_with_index(),
         lambda xs: [(x, n) for n, x in enumerate(x for x in xs if x > 2)]),
    Case("zip_with_index(twice)", "ints", lambda b: b.zip_with_index().zip_with_index(),
         lambda xs: [((x, n), n) for n, x in enumerate(xs)]),
    Case("window", "ints", lambda b: b.window(3), lambda xs: windows(xs, 3)),
    Case("window(1)", "ints", lambda b: b.window(1), lambda xs: [(x,) for x in xs]),
    Case("window(5)", "strings", lambda b: b.map(str.upper).window(5), lambda xs: windows([x.upper() for x in xs], 5)),
    Case("window(more than records)", "ints", lambda b: b.window(50), lambda xs: []),
    Case("window(step)", "ints", lambda b: b.window(2, step=3), lambda xs: windows(xs, 2, 3)),
    Case("window(step of size)", "ints", lambda b: b.filter(lambda x: x != 4).window(4, 4).map(sum),
         lambda xs: [sum(w) for w in windows([x for x in xs if x != 4], 4, 4)], "ints"),
    Case("window(1, step)", "strings", lambda b: b.window(1, 2), lambda xs: windows(xs, 1, 2)),
    Case("batch", "ints", lambda b: b.batch(2), lambda parts: batches(parts, 2), sees_partitions=True),
    Case("batch then count", "strings", lambda b: b.batch(3).map(len), lambda parts: list(map(len, batches(parts, 3))),
         "ints", sees_partitions=True),
    Case("glom", "ints", lambda b: b.glom(), lambda parts: parts, sees_partitions=True),
    Case("glom of what is left", "ints", lambda b: b.filter(lambda x: x > 2).glom().map(len),
         lambda parts: [sum(x > 2 for x in part) for part in parts], "ints", sees_partitions=True),
    Case("partitions", "ints", lambda b: b.partitions[0], picked(0), "ints", sees_partitions=True),
    Case("partitions(last)", "ints", lambda b: doubled(b).partitions[-1], lambda parts: [2 * x for x in parts[-1]],
         "ints", sees_partitions=True),
    Case("partitions(slice)", "ints", lambda b: b.partitions[::-1], lambda parts: flat(parts[::-1]), "ints",
         sees_partitions=True),
    Case("partitions(list)", "ints", lambda b: doubled(b).partitions[[-1, 0, -1]],
         lambda parts: [2 * x for x in picked(-1, 0, -1)(parts)], "ints", sees_partitions=True),
    Case("partitions(one by one)", "ints", lambda b: bk.concat(b.partitions), flat, "ints", sees_partitions=True),
    Case("map_partitions_with_info", "ints", lambda b: b.map_partitions_with_info(number_partition),
         lambda parts: [(n, len(parts), len(p)) for n, p in enumerate(parts)], sees_partitions=True),
    Case("map_partitions_with_info(item)", "ints", lambda b: b.map_partitions_with_info(number_partition, b.count(), 7),
         lambda parts: [(n, len(parts), len(p), sum(map(len, parts)), 7) for n, p in enumerate(parts)],
         sees_partitions=True),
    Case("pipe", "ints", lambda b: b.map(str).pipe("LC_ALL=C sort"),
         lambda parts: [f"{x}\n" for part in parts for x in sorted(map(str, part))], "strings", sees_partitions=True),
    Case("pipe(words)", "strings", lambda b: b.map(ascii).pipe(["cat"]), lambda xs: [ascii(x) + "\n" for x in xs],
         "strings"),
    Case("pipe(no check)", "ints", lambda b: b.map(str).pipe("grep 5", check=False),
         lambda xs: [f"{x}\n" for x in xs if "5" in str(x)], "strings"),
]  # fmt: skip
