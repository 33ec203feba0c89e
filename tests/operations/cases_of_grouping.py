"""What operations that bring records of one key together mean, said twice: on a bag, and on plain lists.

Which partition a key goes to is nobody's concern, so results are put in order before they are compared, unless there
is only one partition: then keys come in the order of first sight.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import bagkit as bk
from tests.operations.case import Case


def in_order(bag: Any) -> Any:
    """Return the item of the sorted list of all records."""
    return bag.reduction(list, by_repr)


def by_repr(parts: Iterator[list[Any]]) -> list[Any]:
    return sorted(chain.from_iterable(parts), key=repr)


def same(record: Any) -> Any:
    return record


def first(record: Any) -> Any:
    return record[0]


def groups(key: Callable[[Any], Any], records: Iterable[Any], value: Callable[[Any], Any] = same) -> list[Any]:
    found: dict[Any, list[Any]] = {}
    for record in records:
        found.setdefault(key(record), []).append(value(record))
    return list(found.items())


def values(records: Iterable[Any]) -> list[Any]:
    return groups(first, records, lambda record: record[1])


def cogrouped(*lists: Iterable[Any]) -> list[Any]:
    found = [dict(values(records)) for records in lists]
    return [(key, tuple(one.get(key, []) for one in found)) for key in dict.fromkeys(chain(*found))]


def sorted_groups(key: Callable[[Any], Any], records: Iterable[Any]) -> list[Any]:
    return sorted(groups(key, records), key=repr)


OTHERS = [("b", 7), ("z", 8), ("a", 9), ("b", 6)]

GROUPING = [
    Case("groupby", "ints", lambda b: in_order(b.groupby(lambda x: x % 3)),
         lambda xs: sorted_groups(lambda x: x % 3, xs)),
    Case("groupby(one partition)", "strings", lambda b: b.groupby(len, npartitions=1), lambda xs: groups(len, xs)),
    Case("groupby(field)", "dicts", lambda b: b.groupby("name", npartitions=1),
         lambda xs: groups(lambda r: r["name"], xs)),
    Case("groupby(index)", "pairs", lambda b: in_order(b.groupby(0, npartitions=4)),
         lambda xs: sorted_groups(first, xs)),
    Case("groupby(fields)", "dicts", lambda b: in_order(b.groupby(["name", "n"], npartitions=3)),
         lambda xs: sorted_groups(lambda r: (r["name"], r["n"]), xs)),
    Case("groupby(equal keys)", "equal", lambda b: in_order(b.groupby(same, npartitions=5)),
         lambda xs: sorted_groups(same, xs)),
    Case("groupby(unhashable)", "lists", lambda b: b.groupby(same), lambda xs: groups(same, xs)),
    Case("groupby(failing)", "ints", lambda b: b.groupby(lambda x: 1 / x), lambda xs: groups(lambda x: 1 / x, xs),
         of_all=True),
    Case("groupby then map", "pairs", lambda b: in_order(b.groupby(first).map(lambda g: (g[0], len(g[1])))),
         lambda xs: sorted((k, len(v)) for k, v in groups(first, xs))),
    Case("groupby twice", "ints",
         lambda b: in_order(b.groupby(lambda x: x % 5, npartitions=3).groupby(lambda g: len(g[1]), npartitions=2)
                            .map(lambda g: (g[0], sorted(g[1])))),
         lambda xs: sorted(((n, sorted(g)) for n, g in groups(lambda g: len(g[1]), groups(lambda x: x % 5, xs))),
                           key=repr)),
    Case("group_by_key", "pairs", lambda b: b.group_by_key(npartitions=1), values),
    Case("group_by_key(spread)", "pairs", lambda b: in_order(b.group_by_key(3)),
         lambda xs: sorted(values(xs), key=repr)),
    Case("reduce_by_key", "pairs", lambda b: b.reduce_by_key(operator.add, npartitions=1),
         lambda xs: [(k, sum(v)) for k, v in values(xs)], "pairs"),
    Case("reduce_by_key(spread)", "pairs", lambda b: in_order(b.reduce_by_key(max)),
         lambda xs: sorted((k, max(v)) for k, v in values(xs))),
    Case("reduce_by_key(of what is no pair)", "ints", lambda b: b.reduce_by_key(max), lambda xs: values(xs)),
    Case("aggregate_by_key", "pairs", lambda b: in_order(b.aggregate_by_key([], lambda s, x: [*s, x], operator.add)),
         lambda xs: sorted(values(xs), key=repr)),
    Case("aggregate_by_key(one partition)", "pairs",
         lambda b: b.aggregate_by_key(0, lambda n, x: n + 1, operator.add, npartitions=1),
         lambda xs: [(k, len(v)) for k, v in values(xs)], "pairs"),
    Case("cogroup", "pairs", lambda b: b.cogroup(bk.from_sequence(OTHERS, 3), npartitions=1),
         lambda xs: cogrouped(xs, OTHERS)),
    Case("cogroup(three)", "pairs", lambda b: in_order(b.cogroup(b, bk.from_sequence(OTHERS, 2))),
         lambda xs: sorted(cogrouped(xs, xs, OTHERS), key=repr)),
    Case("intersection", "ints", lambda b: in_order(b.intersection(bk.from_sequence([5, 3, 99, 5], 2))),
         lambda xs: sorted({x for x in xs if x in (3, 5)}, key=repr)),
    Case("intersection(equal)", "equal", lambda b: b.intersection(b.map(same), npartitions=1),
         lambda xs: list(dict.fromkeys(xs))),
    Case("subtract", "ints", lambda b: in_order(b.subtract(bk.range(5, 2))),
         lambda xs: sorted((x for x in xs if x not in range(5)), key=repr)),
    Case("union", "ints", lambda b: b.union(bk.range(3, 2), b), lambda xs: [*xs, 0, 1, 2, *xs], "ints"),
]  # fmt: skip


def joined(xs: list[Any], others: list[Any], on: Callable[[Any], Any] = first, how: str = "inner") -> list[Any]:
    """Return the pairs as a loop over the records of the bag finds them; then the others that have none."""
    pairs = []
    for x in xs:
        found: list[Any] = [(other, x) for other in others if on(other) == on(x)]
        pairs += found or ([(None, x)] if how in ("left", "outer") else [])
    if how in ("right", "outer"):
        pairs += [(other, None) for other in others if all(on(other) != on(x) for x in xs)]
    return pairs


def ordered(records: Iterable[Any], **how: Any) -> list[Any]:
    return sorted(records, **how)


GROUPING += [
    Case("join", "pairs", lambda b: b.join(OTHERS, 0), lambda xs: joined(xs, OTHERS)),
    Case("join(left)", "pairs", lambda b: b.join(OTHERS, first, how="left"), lambda xs: joined(xs, OTHERS, how="left")),
    Case("join(two keys)", "pairs", lambda b: b.join(["b", "a", "b"], first, same),
         lambda xs: [(other, x) for x in xs for other in ["b", "a", "b"] if other == x[0]]),
    Case("join(item)", "pairs", lambda b: b.join(b.take(2, compute=False).reduction(list, by_repr), 0),
         lambda xs: joined(xs, sorted(xs[:2], key=repr))),
    Case("join(bag of one partition)", "pairs", lambda b: b.join(bk.from_sequence(OTHERS, npartitions=1), 0),
         lambda xs: joined(xs, OTHERS)),
    Case("join(bag)", "pairs", lambda b: in_order(b.join(bk.from_sequence(OTHERS, npartitions=3), 0)),
         lambda xs: sorted(joined(xs, OTHERS), key=repr)),
    Case("join(itself)", "pairs", lambda b: in_order(b.join(b, 1, npartitions=3)),
         lambda xs: sorted(joined(xs, xs, lambda x: x[1]), key=repr)),
    Case("join(bag, left)", "pairs", lambda b: in_order(b.join(bk.from_sequence(OTHERS, npartitions=3), 0, how="left")),
         lambda xs: sorted(joined(xs, OTHERS, how="left"), key=repr)),
    Case("join(right, item)", "pairs",
         lambda b: in_order(b.join(b.take(2, compute=False).reduction(list, by_repr), 0, how="right")),
         lambda xs: sorted(joined(xs, sorted(xs[:2], key=repr), how="right"), key=repr)),
    Case("join(right)", "pairs", lambda b: in_order(b.join(OTHERS, 0, how="right")),
         lambda xs: sorted(joined(xs, OTHERS, how="right"), key=repr)),
    Case("join(bag, outer)", "pairs",
         lambda b: in_order(b.join(bk.from_sequence(OTHERS, npartitions=2), 0, how="outer", npartitions=5)),
         lambda xs: sorted(joined(xs, OTHERS, how="outer"), key=repr)),
    Case("join(failing)", "ints", lambda b: b.join(OTHERS, 0), lambda xs: joined(xs, OTHERS)),
    Case("sort_by", "ints", lambda b: b.sort_by(), ordered, "ints"),
    Case("sort_by(key)", "pairs", lambda b: b.sort_by(1), lambda xs: ordered(xs, key=lambda x: x[1]), "pairs"),
    Case("sort_by(function)", "strings", lambda b: b.sort_by(len), lambda xs: ordered(xs, key=len), "strings"),
    Case("sort_by(reverse)", "pairs", lambda b: b.sort_by(0, reverse=True, npartitions=3),
         lambda xs: ordered(xs, key=first, reverse=True), "pairs"),
    Case("sort_by(one partition)", "floats", lambda b: b.sort_by(npartitions=1), ordered, "floats"),
    Case("sort_by(many)", "dicts", lambda b: b.sort_by(["name", "n"], npartitions=9),
         lambda xs: ordered(xs, key=lambda r: (r["name"], r["n"])), "dicts"),
    Case("sort_by(what has no order)", "equal", lambda b: b.sort_by(), ordered),
    Case("sort_by then take", "ints", lambda b: b.sort_by(reverse=True).take(3, compute=False),
         lambda xs: ordered(xs, reverse=True)[:3], "ints"),
    Case("partition_by", "pairs",
         lambda b: in_order(b.partition_by(0).map_partitions(lambda part: groups(first, part))),
         lambda xs: sorted_groups(first, xs)),
    Case("frequencies(npartitions)", "equal", lambda b: in_order(b.frequencies(npartitions=3)),
         lambda xs: sorted(Counter(xs).items(), key=repr)),
    Case("frequencies(npartitions, sort)", "strings", lambda b: b.frequencies(sort=True, npartitions=1),
         lambda xs: Counter(xs).most_common(), "pairs"),
    Case("distinct(npartitions)", "equal", lambda b: in_order(b.distinct(npartitions=4)),
         lambda xs: sorted(dict.fromkeys(xs), key=repr)),
    Case("distinct(key, npartitions)", "dicts", lambda b: b.distinct("name", npartitions=1),
         lambda xs: [members[0] for _, members in groups(lambda r: r["name"], xs)]),
]  # fmt: skip


def near_groups(texts: Iterable[str], threshold: float) -> list[list[str]]:
    """Return the groups of texts that lead from one to the next by pairs with enough characters in common."""
    groups: list[list[tuple[int, str]]] = []
    for number, text in enumerate(texts):
        alike = [group for group in groups if any(jaccard(text, other) >= threshold for _, other in group)]
        groups = [group for group in groups if group not in alike]
        groups.append(sorted([(number, text), *chain.from_iterable(alike)]))
    return [[text for _, text in group] for group in sorted(groups)]


def jaccard(one: str, other: str) -> float:
    ours, others = set(one.strip()), set(other.strip())
    return len(ours & others) / len(ours | others) if ours | others else 1.0


GROUPING += [
    Case("near_distinct", "strings", lambda b: b.near_distinct(str, 0.3, unit="characters", shingle=1),
         lambda xs: [group[0] for group in near_groups(xs, 0.3)], "strings"),
    Case("near_groups", "strings", lambda b: b.near_groups(str, 0.3, unit="characters", shingle=1),
         lambda xs: [group for group in near_groups(xs, 0.3) if len(group) > 1]),
]  # fmt: skip
