"""What every operation means, said twice: on a bag, and on plain lists. A new operation gets a row here.

`takes` is the kind of records that a case works on (a key of RECORDS), `gives` the kind of those that come out, so that
random chains can be built of the same rows; it is empty where what comes out is a value, or records of no kind.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypedDict

import bagkit as bk
from tests.operations.case import RECORDS as RECORDS
from tests.operations.case import Case
from tests.operations.cases_of_grouping import GROUPING
from tests.operations.cases_of_handing_over import HANDING_OVER
from tests.operations.cases_of_pairs import PAIRS
from tests.operations.cases_of_samples import SAMPLES
from tests.operations.cases_of_sequences import SEQUENCES
from tests.operations.cases_of_summaries import SUMMARIES
from tests.operations.cases_of_text import TEXTS
from tests.operations.cases_of_writing import WRITING


class Named(TypedDict):
    name: str


def add(one: Any, other: Any) -> Any:
    return one + other


def reverse_text(text: str) -> str:
    return text[::-1]


def unique(records: Iterable[Any], key: Callable[[Any], Any] = lambda record: record) -> list[Any]:
    seen, kept = set(), []
    for record in records:
        if key(record) not in seen:
            seen.add(key(record))
            kept.append(record)
    return kept


def topk(k: int, records: Iterable[Any], key: Callable[[Any], Any] | None = None) -> list[Any]:
    return sorted(records, key=key, reverse=True)[:k]


def counts(records: Iterable[Any]) -> list[tuple[Any, int]]:
    return list(Counter(records).items())


def mean(records: list[Any]) -> Any:
    if not records:
        raise ValueError("no records")
    return statistics.fmean(records)


def variance(records: list[Any], ddof: int = 0) -> float:
    if len(records) <= ddof:
        raise ValueError("too few records")
    centre = sum(map(as_fraction, records)) / len(records)
    return float(sum((as_fraction(x) - centre) ** 2 for x in records) / (len(records) - ddof))


def as_fraction(number: Any) -> Any:
    from fractions import Fraction

    return Fraction(number)


def fold(binop: Any, combine: Any, partitions: list[list[Any]], *initial: Any) -> Any:
    """Fold as documented: `initial` starts each partition that has records, and is the result where none has."""
    states = [functools.reduce(binop, part, *initial) for part in partitions if part]
    if not states and initial:
        return initial[0]
    return functools.reduce(combine, states)  # of nothing it is a TypeError


def fold_by(key: Any, binop: Any, partitions: list[list[Any]], initial: Any = ..., combine: Any = None,
            combine_initial: Any = ...) -> list[tuple[Any, Any]]:  # fmt: skip
    groups: dict[Any, list[list[Any]]] = {}
    for part in partitions:
        here: dict[Any, list[Any]] = {}
        for record in part:
            here.setdefault(key(record), []).append(record)
        for name, members in here.items():
            groups.setdefault(name, []).append(members)
    result = []
    for name, parts in groups.items():
        start = [] if initial is ... else [initial]
        states = [functools.reduce(binop, part, *start) for part in parts]
        merge_start = [] if combine_initial is ... else [combine_initial]
        result.append((name, functools.reduce(combine or binop, states, *merge_start)))
    return result


def regrouped(partitions: list[list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(partitions))


def pairs_of(part: list[Any]) -> Iterator[Any]:
    yield from enumerate(part)


def collect_record(state: list[Any], record: Any) -> list[Any]:
    state.append(record)
    return state


def by_n(record: dict[str, Any]) -> int:
    return record["n"]


def max_or_none(numbers: Iterable[Any]) -> Any:
    return max(numbers, default=None)


ELEMENTWISE = [
    Case("map(function)", "ints", lambda b: b.map(abs), lambda xs: [abs(x) for x in xs], "ints"),
    Case("map(lambda)", "ints", lambda b: b.map(lambda x: -x), lambda xs: [-x for x in xs], "ints"),
    Case("map(positional)", "ints", lambda b: b.map(add, 10), lambda xs: [x + 10 for x in xs], "ints"),
    Case("map(keyword)", "ints", lambda b: b.map(round, ndigits=-1), lambda xs: [round(x, -1) for x in xs], "ints"),
    Case("map(method)", "strings", lambda b: b.map(str.upper), lambda xs: [x.upper() for x in xs], "strings"),
    Case("map(class)", "strings", lambda b: b.map(list), lambda xs: [list(x) for x in xs]),
    Case("map(partial)", "ints", lambda b: b.map(functools.partial(add, 1)), lambda xs: [1 + x for x in xs], "ints"),
    Case("map(to pair)", "ints", lambda b: b.map(lambda x: (str(x), x)), lambda xs: [(str(x), x) for x in xs], "pairs"),
    Case("map(to text)", "ints", lambda b: b.map(str), lambda xs: [str(x) for x in xs], "strings"),
    Case("map(to number)", "strings", lambda b: b.map(len), lambda xs: [len(x) for x in xs], "ints"),
    Case("map(field)", "dicts", lambda b: b.map(lambda r: r["n"] * 2), lambda xs: [r["n"] * 2 for r in xs], "ints"),
    Case("map(to list)", "ints", lambda b: b.map(lambda x: [x] * (x % 3)), lambda xs: [[x] * (x % 3) for x in xs],
         "lists"),
    Case("map(type)", "equal", lambda b: b.map(type).map(lambda t: t.__name__),
         lambda xs: [type(x).__name__ for x in xs], "strings"),
    Case("starmap", "pairs", lambda b: b.starmap(lambda k, v: k * v), lambda xs: [k * v for k, v in xs], "strings"),
    Case("starmap(keyword)", "pairs", lambda b: b.starmap(lambda k, v, n: (k, v + n), n=4),
         lambda xs: [(k, v + 4) for k, v in xs], "pairs"),
    Case("filter", "ints", lambda b: b.filter(lambda x: x % 2), lambda xs: [x for x in xs if x % 2], "ints"),
    Case("filter(field)", "dicts", lambda b: b.filter(lambda r: r["n"] > 1), lambda xs: [r for r in xs if r["n"] > 1],
         "dicts"),
    Case("filter(None)", "truths", lambda b: b.filter(None), lambda xs: [x for x in xs if x], "truths"),
    Case("filter(reason)", "ints", lambda b: b.filter(lambda x: x % 2, reason=str), lambda xs: [x for x in xs if x % 2],
         "ints"),
    Case("filter(text)", "strings", lambda b: b.filter(str.isalpha), lambda xs: [x for x in xs if x.isalpha()],
         "strings"),
    Case("filter(none)", "ints", lambda b: b.filter(lambda x: False), lambda xs: [], "ints"),
    Case("remove", "ints", lambda b: b.remove(lambda x: x % 2), lambda xs: [x for x in xs if not x % 2], "ints"),
    Case("remove(None)", "truths", lambda b: b.remove(None), lambda xs: [x for x in xs if not x], "truths"),
    Case("validate(dict)", "dicts", lambda b: b.validate(dict[str, Any]), list, "dicts"),
    Case("validate(TypedDict)", "dicts", lambda b: b.validate(Named), lambda xs: [{"name": x["name"]} for x in xs]),
    Case("pluck(field)", "dicts", lambda b: b.pluck("name"), lambda xs: [r["name"] for r in xs], "strings"),
    Case("pluck(index)", "pairs", lambda b: b.pluck(1), lambda xs: [r[1] for r in xs], "ints"),
    Case("pluck(negative)", "pairs", lambda b: b.pluck(-2), lambda xs: [r[-2] for r in xs], "strings"),
    Case("pluck(list)", "dicts", lambda b: b.pluck(["name", "n"]), lambda xs: [(r["name"], r["n"]) for r in xs],
         "pairs"),
    Case("pluck(list of one)", "dicts", lambda b: b.pluck(["n"]), lambda xs: [(r["n"],) for r in xs]),
    Case("pluck(list of none)", "dicts", lambda b: b.pluck([]), lambda xs: [() for _ in xs]),
    Case("pluck(default)", "dicts", lambda b: b.pluck("m", 0), lambda xs: [0 for _ in xs], "ints"),
    Case("pluck(default None)", "dicts", lambda b: b.pluck("m", None), lambda xs: [None for _ in xs]),
    Case("pluck(list, default)", "dicts", lambda b: b.pluck(["n", "m"], None), lambda xs: [(r["n"], None) for r in xs]),
    Case("pluck(index, default)", "lists", lambda b: b.pluck(0, -1), lambda xs: [x[0] if x else -1 for x in xs],
         "ints"),
    Case("pluck(missing)", "dicts", lambda b: b.pluck("m"), lambda xs: [r["m"] for r in xs]),
    Case("pluck(out of range)", "lists", lambda b: b.pluck(1), lambda xs: [x[1] for x in xs]),
    Case("flatten", "lists", lambda b: b.flatten(), lambda xs: [y for x in xs for y in x], "ints"),
    Case("flatten(text)", "strings", lambda b: b.flatten(), lambda xs: [y for x in xs for y in x], "strings"),
    Case("flatten(dicts)", "dicts", lambda b: b.flatten(), lambda xs: [y for x in xs for y in x], "strings"),
    Case("flatten(iterators)", "ints", lambda b: b.map(lambda x: iter(range(x))).flatten(),
         lambda xs: [y for x in xs for y in range(x)], "ints"),
    Case("flatten(numbers)", "ints", lambda b: b.flatten(), lambda xs: [y for x in xs for y in x]),
    Case("on_error", "ints", lambda b: b.map(abs).on_error("raise"), lambda xs: [abs(x) for x in xs], "ints"),
    Case("on_error(skip)", "ints", lambda b: b.map(abs).on_error("skip"), lambda xs: [abs(x) for x in xs], "ints"),
]  # fmt: skip

PARTITIONS = [
    Case("map_partitions(list)", "ints", lambda b: b.map_partitions(lambda p: [len(p), sum(p)]),
         lambda parts: [n for p in parts for n in (len(p), sum(p))], "ints", sees_partitions=True),
    Case("map_partitions(value)", "ints", lambda b: b.map_partitions(len), lambda parts: [len(p) for p in parts],
         "ints", sees_partitions=True),
    Case("map_partitions(generator)", "strings", lambda b: b.map_partitions(pairs_of),
         lambda parts: [pair for p in parts for pair in enumerate(p)], sees_partitions=True),
    Case("map_partitions(text)", "strings", lambda b: b.map_partitions("".join),
         lambda parts: ["".join(p) for p in parts], "strings", sees_partitions=True),
    Case("map_partitions(dict)", "strings", lambda b: b.map_partitions(lambda p: dict.fromkeys(p, 1)),
         lambda parts: [dict.fromkeys(p, 1) for p in parts], sees_partitions=True),
    Case("map_partitions(None)", "strings", lambda b: b.map_partitions(lambda p: None),
         lambda parts: [None for p in parts], sees_partitions=True),
    Case("map_partitions(sorted)", "ints", lambda b: b.map_partitions(sorted, reverse=True),
         lambda parts: [x for p in parts for x in sorted(p, reverse=True)], "ints", sees_partitions=True),
    Case("map_partitions(type)", "ints", lambda b: b.map(abs).map_partitions(lambda p: [type(p).__name__]),
         lambda parts: ["list" for p in parts], "strings", sees_partitions=True),
    Case("repartition(1)", "ints", lambda b: b.repartition(1), lambda xs: xs, "ints"),
    Case("repartition(2)", "strings", lambda b: b.repartition(2), lambda xs: xs, "strings"),
    Case("repartition(7)", "dicts", lambda b: b.repartition(7), lambda xs: xs, "dicts"),
    Case("repartition(7 after map)", "pairs", lambda b: b.map(lambda x: x).repartition(npartitions=7), lambda xs: xs,
         "pairs"),
    Case("partitions_apart", "ints", lambda b: bk.concat(b.partitions_apart()), lambda xs: xs, "ints"),
    Case("concat(itself)", "ints", lambda b: bk.concat([b, b]), lambda xs: xs + xs, "ints"),
    Case("concat(others)", "strings", lambda b: bk.concat([bk.from_sequence([]), b.map(str.upper), b]),
         lambda xs: [x.upper() for x in xs] + xs, "strings"),
]  # fmt: skip

REDUCTIONS = [
    Case("count", "truths", lambda b: b.count(), len),
    Case("sum", "ints", lambda b: b.sum(), sum),
    Case("sum(floats)", "floats", lambda b: b.sum(), lambda xs: math.fsum(xs) if xs else 0),
    Case("sum(split_every)", "ints", lambda b: b.sum(split_every=2), sum),
    Case("sum(strings)", "strings", lambda b: b.sum(), sum),
    Case("min", "ints", lambda b: b.min(), min),
    Case("max", "ints", lambda b: b.max(split_every=3), max),
    Case("max(strings)", "strings", lambda b: b.max(), max),
    Case("max(equal)", "equal", lambda b: b.filter(lambda x: x != "1").max(),
         lambda xs: max(x for x in xs if x != "1")),
    Case("min(equal)", "equal", lambda b: b.filter(lambda x: x != "1").min(split_every=2),
         lambda xs: min(x for x in xs if x != "1")),
    Case("mean", "ints", lambda b: b.mean(), mean, approximate=True),
    Case("mean(floats)", "floats", lambda b: b.mean(), mean, approximate=True),
    Case("var", "ints", lambda b: b.var(), variance, approximate=True),
    Case("var(ddof)", "floats", lambda b: b.var(ddof=1), lambda xs: variance(xs, 1), approximate=True),
    Case("std", "ints", lambda b: b.std(), lambda xs: variance(xs) ** 0.5, approximate=True),
    Case("std(ddof)", "floats", lambda b: b.std(1), lambda xs: variance(xs, 1) ** 0.5, approximate=True),
    Case("any", "truths", lambda b: b.any(), any),
    Case("any(none)", "ints", lambda b: b.map(lambda x: False).any(split_every=2), lambda xs: False),
    Case("all", "truths", lambda b: b.all(), all),
    Case("all(true)", "ints", lambda b: b.map(lambda x: True).all(split_every=2), lambda xs: True),
    Case("frequencies", "strings", lambda b: b.frequencies(), counts, "pairs"),
    Case("frequencies(equal)", "equal", lambda b: b.frequencies(split_every=2), counts),
    Case("frequencies(sort)", "strings", lambda b: b.frequencies(sort=True),
         lambda xs: sorted(counts(xs), key=lambda pair: -pair[1]), "pairs"),
    Case("frequencies(unhashable)", "lists", lambda b: b.frequencies(), counts),
    Case("topk", "ints", lambda b: b.topk(4), lambda xs: topk(4, xs), "ints"),
    Case("topk(1)", "strings", lambda b: b.topk(1), lambda xs: topk(1, xs), "strings"),
    Case("topk(1, key)", "pairs", lambda b: b.topk(1, 1), lambda xs: topk(1, xs, operator.itemgetter(1)), "pairs"),
    Case("topk(0)", "ints", lambda b: b.topk(0), lambda xs: [], "ints"),
    Case("topk(more than there are)", "ints", lambda b: b.topk(99), lambda xs: topk(99, xs), "ints"),
    Case("topk(function)", "strings", lambda b: b.topk(5, len, split_every=2), lambda xs: topk(5, xs, len), "strings"),
    Case("topk(index)", "pairs", lambda b: b.topk(4, key=1), lambda xs: topk(4, xs, operator.itemgetter(1)), "pairs"),
    Case("topk(field)", "dicts", lambda b: b.topk(3, key="n"), lambda xs: topk(3, xs, by_n), "dicts"),
    Case("topk(fields)", "dicts", lambda b: b.topk(3, key=["n", "name"]),
         lambda xs: topk(3, xs, operator.itemgetter("n", "name")), "dicts"),
    Case("topk(two arguments)", "pairs", lambda b: b.topk(4, key=lambda k, v: v),
         lambda xs: topk(4, xs, operator.itemgetter(1)), "pairs"),
    Case("topk(equal)", "equal", lambda b: b.topk(9, key=float), lambda xs: topk(9, xs, float)),
    Case("topk(unorderable)", "truths", lambda b: b.topk(2), lambda xs: topk(2, xs), of_all=True),
    Case("distinct", "strings", lambda b: b.distinct(), unique, "strings"),
    Case("distinct(equal)", "equal", lambda b: b.distinct(), unique),
    Case("distinct(field)", "dicts", lambda b: b.distinct("name"), lambda xs: unique(xs, lambda r: r["name"]), "dicts"),
    Case("distinct(index)", "pairs", lambda b: b.distinct(key=0), lambda xs: unique(xs, lambda r: r[0]), "pairs"),
    Case("distinct(fields)", "dicts", lambda b: b.distinct(["name", "n"]),
         lambda xs: unique(xs, lambda r: (r["name"], r["n"])), "dicts"),
    Case("distinct(function)", "strings", lambda b: b.distinct(len), lambda xs: unique(xs, len), "strings"),
    Case("distinct(unhashable)", "lists", lambda b: b.distinct(), lambda xs: list(dict.fromkeys(xs))),
    Case("take(compute=False)", "ints", lambda b: b.take(4, compute=False), lambda xs: xs[:4], "ints"),
    Case("take(0, compute=False)", "ints", lambda b: b.take(0, compute=False), lambda xs: [], "ints"),
    Case("take(one partition)", "ints", lambda b: b.take(4, npartitions=1, compute=False),
         lambda parts: parts[0][:4], "ints", sees_partitions=True),
    Case("take(compute)", "strings", lambda b: b.take(3, warn=False), lambda xs: tuple(xs[:3])),
    Case("take(all partitions)", "strings", lambda b: b.take(99, npartitions=-1, warn=False), tuple),
]  # fmt: skip

FOLDS = [
    Case("fold", "ints", lambda b: b.fold(add), lambda parts: fold(add, add, parts), sees_partitions=True),
    Case("fold(strings)", "strings", lambda b: b.fold(add, split_every=2), lambda parts: fold(add, add, parts),
         sees_partitions=True),
    Case("fold(combine)", "strings", lambda b: b.fold(lambda n, text: n + len(text), add, 0),
         lambda parts: fold(lambda n, text: n + len(text), add, parts, 0), sees_partitions=True),
    Case("fold(initial counts per partition)", "ints", lambda b: b.fold(add, initial=10),
         lambda parts: fold(add, add, parts, 10), sees_partitions=True),
    Case("fold(mutable initial)", "ints", lambda b: b.fold(collect_record, add, initial=[]),
         lambda parts: regrouped(parts), sees_partitions=True),
    Case("fold(initial None)", "ints", lambda b: b.fold(lambda s, x: (s or 0) + x, initial=None),
         lambda parts: fold(lambda s, x: (s or 0) + x, lambda s, x: (s or 0) + x, parts, None), sees_partitions=True),
    Case("fold(to a bag)", "ints", lambda b: b.fold(collect_record, add, initial=[], out_type=bk.Bag),
         lambda parts: regrouped(parts), "ints", sees_partitions=True),
    Case("foldby", "dicts", lambda b: b.pluck(["name", "n"]).foldby(0, lambda a, r: (a[0], a[1] + r[1])),
         lambda parts: fold_by(lambda r: r[0], lambda a, r: (a[0], a[1] + r[1]),
                               [[(r["name"], r["n"]) for r in p] for p in parts]), sees_partitions=True),
    Case("foldby(initial)", "dicts", lambda b: b.foldby("name", lambda n, r: n + r["n"], 0, add),
         lambda parts: fold_by(lambda r: r["name"], lambda n, r: n + r["n"], parts, 0, add), "pairs",
         sees_partitions=True),
    Case("foldby(initial counts per partition)", "pairs", lambda b: b.foldby(0, lambda n, r: n + r[1], 5, add),
         lambda parts: fold_by(lambda r: r[0], lambda n, r: n + r[1], parts, 5, add), "pairs", sees_partitions=True),
    Case("foldby(callable initial)", "pairs", lambda b: b.foldby(0, collect_record, list, add),
         lambda xs: [(k, [r for r in xs if r[0] == k]) for k in unique(r[0] for r in xs)]),
    Case("foldby(list literal as initial)", "pairs", lambda b: b.foldby(0, collect_record, [], add),
         lambda xs: [(k, [r for r in xs if r[0] == k]) for k in unique(r[0] for r in xs)]),
    Case("foldby(combine_initial)", "pairs",
         lambda b: b.foldby(0, lambda n, r: n + r[1], 0, add, combine_initial=100),
         lambda parts: fold_by(lambda r: r[0], lambda n, r: n + r[1], parts, 0, add, 100), "pairs",
         sees_partitions=True),
    Case("foldby(function, split_every)", "strings",
         lambda b: b.foldby(len, lambda n, text: n + 1, 0, add, split_every=2),
         lambda parts: fold_by(len, lambda n, text: n + 1, parts, 0, add), sees_partitions=True),
    Case("foldby(fields)", "dicts", lambda b: b.foldby(["name", "n"], lambda n, r: n + 1, 0, add, split_every=False),
         lambda parts: fold_by(lambda r: (r["name"], r["n"]), lambda n, r: n + 1, parts, 0, add),
         sees_partitions=True),
    Case("foldby(equal keys)", "equal", lambda b: b.foldby(lambda x: x, lambda n, x: n + 1, 0, add), counts),
    Case("reduction", "ints", lambda b: b.reduction(sum, sum), sum),
    Case("reduction(max)", "ints", lambda b: b.reduction(max, max, split_every=2), max),
    Case("reduction(partials)", "strings", lambda b: b.reduction(lambda p: len(list(p)), list),
         lambda parts: [len(p) for p in parts if p], sees_partitions=True),
    Case("reduction(of nothing)", "ints", lambda b: b.reduction(max, max_or_none), lambda xs: max(xs, default=None)),
    Case("reduction(to a bag)", "ints",
         lambda b: b.reduction(sorted, lambda ps: sorted(regrouped(ps)), out_type=bk.Bag), sorted, "ints"),
    Case("reduction(to a bag, iterators)", "ints",
         lambda b: b.reduction(iter, itertools.chain.from_iterable, split_every=2, out_type=bk.Bag), list, "ints"),
]  # fmt: skip

PAIRINGS = [
    Case("map(itself)", "ints", lambda b: b.map(add, b), lambda xs: [x + x for x in xs], "ints"),
    Case("map(itself after map)", "ints", lambda b: (lambda c: c.map(add, c))(b.map(abs)),
         lambda xs: [2 * abs(x) for x in xs], "ints"),
    Case("map(another)", "ints", lambda b: b.map(lambda x, y: (str(x), y), b.map(abs)),
         lambda xs: [(str(x), abs(x)) for x in xs], "pairs"),
    Case("map(three)", "strings", lambda b: b.map(lambda x, y, z: x + z + y, b.map(str.upper), b.map(reverse_text)),
         lambda xs: [x + x[::-1] + x.upper() for x in xs], "strings"),
    Case("map(bag as keyword)", "ints", lambda b: b.map(lambda x, y: x - y, y=b.map(abs)),
         lambda xs: [x - abs(x) for x in xs], "ints"),
    Case("map(bag after a value)", "ints", lambda b: b.map(lambda x, c, y: x * c - y, 3, b),
         lambda xs: [x * 2 for x in xs], "ints"),
    Case("map(item)", "ints", lambda b: b.map(add, b.sum()), lambda xs: [x + sum(xs) for x in xs], "ints"),
    Case("map(item as keyword)", "ints", lambda b: b.map(lambda x, total: x - total, total=b.sum()),
         lambda xs: [x - sum(xs) for x in xs], "ints"),
    Case("map(item in a list)", "ints", lambda b: b.map(lambda x, pair: x + pair[1], [0, b.count()]),
         lambda xs: [x + len(xs) for x in xs], "ints"),
    Case("map(item in a dict)", "ints", lambda b: b.map(lambda x, facts: x + facts["n"][0], {"n": (b.count(), 1)}),
         lambda xs: [x + len(xs) for x in xs], "ints"),
    Case("map(item in a keyword's list)", "ints", lambda b: b.map(lambda x, p: x + p[0][0], p=[[b.count()]]),
         lambda xs: [x + len(xs) for x in xs], "ints"),
    Case("map(items and bags)", "ints",
         lambda b: b.map(lambda x, n, y, m: (str(x * n), y - m), b.count(), b.map(abs), m=b.sum()),
         lambda xs: [(str(x * len(xs)), abs(x) - sum(xs)) for x in xs], "pairs"),
    Case("starmap(item)", "pairs", lambda b: b.starmap(lambda k, v, n: (k, v * n), n=b.count()),
         lambda xs: [(k, v * len(xs)) for k, v in xs], "pairs"),
    Case("map_partitions(another)", "ints", lambda b: b.map_partitions(lambda p, q: [len(p), sum(q)], b.map(abs)),
         lambda parts: [n for p in parts for n in (len(p), sum(map(abs, p)))], "ints", sees_partitions=True),
    Case("map_partitions(itself)", "ints", lambda b: b.map_partitions(lambda p, q: zip(p, q, strict=True), b),
         lambda parts: [(x, x) for p in parts for x in p], sees_partitions=True),
    Case("map_partitions(item)", "ints",
         lambda b: b.map_partitions(lambda p, n, m: (x * n + m for x in p), b.count(), m=1),
         lambda parts: [x * sum(map(len, parts)) + 1 for p in parts for x in p], "ints", sees_partitions=True),
    Case("map_partitions(bag as keyword)", "ints", lambda b: b.map_partitions(lambda p, q: [len(p + q)], q=b),
         lambda parts: [2 * len(p) for p in parts], "ints", sees_partitions=True),
    Case("apply", "ints", lambda b: b.sum().apply(str), lambda xs: str(sum(xs))),
    Case("apply(arguments)", "ints", lambda b: b.sum().apply(lambda s, n, k: (s, n, k), b.count(), k=[b.any()]),
         lambda xs: (sum(xs), len(xs), [any(xs)])),
    Case("apply(itself)", "ints", lambda b: (lambda s: s.apply(add, s))(b.sum()), lambda xs: 2 * sum(xs)),
]  # fmt: skip

CASES: list[Case] = [*ELEMENTWISE, *PARTITIONS, *REDUCTIONS, *FOLDS, *PAIRINGS]
CASES += [*GROUPING, *HANDING_OVER, *PAIRS, *SAMPLES, *SEQUENCES, *SUMMARIES, *TEXTS, *WRITING]
