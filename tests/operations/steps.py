"""What random programs are made of beside the rows of `cases.CASES`: steps on one bag, and on two.

Exchanges are here with the number of partitions left open, and without a sorted list at their end, so that a program
goes on with what comes out of them. `expected` gives the records in the order in which one partition has them: keys in
the order of first sight. Of several partitions each has its keys in that order.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import bagkit as bk
from tests.operations.case import Case
from tests.operations.cases_of_grouping import cogrouped, first, groups, joined, same, values
from tests.operations.cases_of_sequences import flat, product

Parts = list[list[Any]]


@dataclass(frozen=True)
class Step:
    """An operation on `takes`, two bags or one; `on_bags` gets the bags and a number of partitions."""

    name: str
    takes: tuple[str, ...]
    on_bags: Callable[..., Any]
    expected: Callable[..., Any]
    """What it gives, of the partitions of each bag."""
    gives: str
    by_key: bool = False
    """Whether records go to the partition of their key."""

    def __repr__(self) -> str:
        return self.name


def of_records(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` of lists of records as a function of lists of partitions."""
    return lambda *bags: function(*map(flat, bags))


def by_key(name: str, takes: str, on_bags: Callable[..., Any], expected: Callable[..., Any], gives: str) -> Step:
    return Step(name, tuple(takes.split()), on_bags, of_records(expected), gives, by_key=True)


def keyed_join(xs: list[Any], others: list[Any], how: str) -> list[Any]:
    """Return the pairs of a join in the order of the keys."""
    keys = dict.fromkeys([record[0] for record in (*xs, *others)])
    return [
        pair
        for key in keys
        for pair in joined([x for x in xs if x[0] == key], [x for x in others if x[0] == key], first, how)
    ]


def one_by_one(bag: Any) -> Any:
    """Return the bag of the lists that delayed values of its partitions give, one more and one of none between."""
    lists = bk.delayed(list)
    parts = bag.to_delayed()
    return bk.from_delayed([lists(()), *parts[:1], lists(()), *parts[1:], lists(())])


def in_parts(name: str, how: str) -> Step:
    return by_key(f"join({name})", "pairs pairs", lambda b, c, n: b.join(c, 0, how=how, npartitions=n),
                  lambda xs, ys: keyed_join(xs, ys, how), "joined")  # fmt: skip


STEPS = [
    by_key("groupby", "ints", lambda b, n: b.groupby(lambda x: x % 3, npartitions=n),
           lambda xs: groups(lambda x: x % 3, xs), "groups"),
    by_key("groupby(of equal ones)", "equal", lambda b, n: b.groupby(same, npartitions=n),
           lambda xs: groups(same, xs), "groups of equal ones"),
    by_key("partition_by", "pairs", lambda b, n: b.partition_by(0, npartitions=n),
           lambda xs: [x for _, members in groups(first, xs) for x in members], "pairs"),
    by_key("partition_by(text)", "strings", lambda b, n: b.partition_by(len, npartitions=n),
           lambda xs: [x for _, members in groups(len, xs) for x in members], "strings"),
    by_key("group_by_key", "pairs", lambda b, n: b.group_by_key(n), values, "groups"),
    by_key("reduce_by_key", "pairs", lambda b, n: b.reduce_by_key(max, npartitions=n),
           lambda xs: [(k, max(v)) for k, v in values(xs)], "pairs"),
    by_key("aggregate_by_key", "pairs", lambda b, n: b.aggregate_by_key(0, lambda t, x: t + 1, operator.add, n),
           lambda xs: [(k, len(v)) for k, v in values(xs)], "pairs"),
    by_key("frequencies", "strings", lambda b, n: b.frequencies(npartitions=n), lambda xs: list(Counter(xs).items()),
           "pairs"),
    by_key("distinct", "ints", lambda b, n: b.distinct(npartitions=n), lambda xs: list(dict.fromkeys(xs)), "ints"),
    by_key("distinct(of equal ones)", "equal", lambda b, n: b.distinct(npartitions=n),
           lambda xs: list(dict.fromkeys(xs)), "equal"),
    by_key("distinct(field)", "dicts", lambda b, n: b.distinct("name", npartitions=n),
           lambda xs: [members[0] for _, members in groups(lambda r: r["name"], xs)], "dicts"),
    by_key("cogroup", "pairs pairs", lambda b, c, n: b.cogroup(c, npartitions=n), cogrouped, "cogroups"),
    by_key("intersection", "ints ints", lambda b, c, n: b.intersection(c, npartitions=n),
           lambda xs, ys: [x for x in dict.fromkeys(xs) if x in ys], "ints"),
    by_key("subtract", "ints ints", lambda b, c, n: b.subtract(c, npartitions=n),
           lambda xs, ys: [x for _, members in groups(same, [x for x in xs if x not in ys]) for x in members], "ints"),
    by_key("subtract(of equal ones)", "equal equal", lambda b, c, n: b.subtract(c, npartitions=n),
           lambda xs, ys: [x for _, members in groups(same, [x for x in xs if x not in ys]) for x in members],
           "equal"),
    *(in_parts(how, how) for how in ("inner", "left", "right", "outer")),
    Step("join(as an item)", ("pairs", "pairs"), lambda b, c, n: b.join(c.reduction(list, chained), 0),
         of_records(joined), "joined"),
    Step("sort_by", ("ints",), lambda b, n: b.sort_by(npartitions=n), of_records(sorted), "ints"),
    Step("sort_by(reverse)", ("pairs",), lambda b, n: b.sort_by(1, reverse=True, npartitions=n),
         of_records(lambda xs: sorted(xs, key=lambda x: x[1], reverse=True)), "pairs"),
    Step("sort_by(floats)", ("floats",), lambda b, n: b.sort_by(npartitions=n), of_records(sorted), "floats"),
    Step("sort_by(length)", ("strings",), lambda b, n: b.sort_by(len, npartitions=n),
         of_records(lambda xs: sorted(xs, key=len)), "strings"),
    *(Step(f"repartition({kind})", (kind,), lambda b, n: b.repartition(n), flat, kind)
      for kind in ("ints", "floats", "strings", "pairs", "lists", "dicts", "equal", "truths", "groups",
                   "groups of equal ones", "cogroups", "joined")),
    *(Step(f"concat({kind})", (kind, kind), lambda b, c, n: bk.concat([b, c]), lambda one, other: flat(one + other),
           kind) for kind in ("ints", "strings", "pairs", "lists", "equal")),
    *(Step(f"persist({kind})", (kind,), lambda b, n: b.persist(), flat, kind) for kind in ("ints", "pairs")),
    *(Step(f"from_delayed({kind})", (kind,), lambda b, n: one_by_one(b), flat, kind) for kind in ("ints", "pairs")),
    Step("union", ("dicts", "dicts"), lambda b, c, n: b.union(c), lambda one, other: flat(one + other), "dicts"),
    Step("product", ("ints", "ints"), lambda b, c, n: b.product(c).starmap(lambda x, y: x * 10 + y),
         lambda one, other: [x * 10 + y for x, y in product(one, other)], "ints"),
    Step("map(item of another)", ("ints", "strings"), lambda b, c, n: b.map(operator.add, c.count()),
         of_records(lambda xs, ys: [x + len(ys) for x in xs]), "ints"),
    Step("zip", ("strings", "ints"), lambda b, c, n: bk.zip(b, c), lambda one, other: side_by_side(zip, one, other),
         "pairs"),
    Step("map(other)", ("ints", "ints"), lambda b, c, n: b.map(operator.sub, c),
         lambda one, other: side_by_side(lambda p, q: map(operator.sub, p, q), one, other), "ints"),
    Step("map_partitions(other)", ("ints", "pairs"),
         lambda b, c, n: bk.map_partitions(lambda p, q: [len(p), len(q)], b, c),
         lambda one, other: [len(part) for pair in zip(one, other, strict=True) for part in pair], "ints"),
]  # fmt: skip


def chained(lists: Any) -> list[Any]:
    return flat(list(lists))


def side_by_side(function: Callable[..., Any], *bags: Parts) -> list[Any]:
    """Return what `function` makes of partitions side by side; ValueError where they do not match."""
    made = []
    for parts in zip(*bags, strict=True):
        if len(set(map(len, parts))) > 1:
            raise ValueError("of different lengths")
        made += function(*parts)
    return made


GOING_ON = [
    Case("groupby, counted", "groups", lambda b: b.map(lambda g: (str(g[0]), len(g[1]))),
         lambda xs: [(str(k), len(v)) for k, v in xs], "pairs"),
    Case("groupby, flattened", "groups", lambda b: b.flat_map(lambda g: g[1]), lambda xs: [x for _, v in xs for x in v],
         "ints"),
    Case("groupby, flattened again", "groups of equal ones", lambda b: b.flat_map(lambda g: g[1]),
         lambda xs: [x for _, v in xs for x in v], "equal"),
    Case("cogroup, counted", "cogroups", lambda b: b.map_values(lambda lists: len(lists[0]) - len(lists[1])),
         lambda xs: [(k, len(one) - len(other)) for k, (one, other) in xs], "pairs"),
    Case("join, described", "joined", lambda b: b.map(lambda pair: (repr(pair[0]), repr(pair[1]))).map_values(len),
         lambda xs: [(repr(one), len(repr(other))) for one, other in xs], "pairs"),
    Case("join, as text", "joined", lambda b: b.map(repr), lambda xs: list(map(repr, xs)), "strings"),
]  # fmt: skip
"""How a program goes on with what only an exchange gives."""
