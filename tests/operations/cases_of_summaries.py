"""What summaries are, said twice: on a bag, and on plain lists."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from typing import Any

from tests.operations.case import Case


def not_none(records: list[Any]) -> list[Any]:
    if not records:
        raise ValueError("no records")
    return records


def quantile(records: list[Any], fraction: float) -> Any:
    """Return the smallest record that at least that share of the records does not exceed."""
    ordered = sorted(not_none(records))
    share = Fraction(str(fraction)) * len(ordered)
    return ordered[max(1, math.ceil(share)) - 1]


def counts(records: list[Any], edges: list[Any]) -> list[int]:
    last = len(edges) - 2
    return [
        sum(edges[n] <= x < edges[n + 1] or (n == last and x == edges[-1]) for x in records) for n in range(last + 1)
    ]


def histogram(records: list[Any], count: int) -> tuple[list[Any], list[int]]:
    low, high = min(records), max(records)
    if low == high:
        return [low, high], [len(records)]
    edges = [low, *[low + (high - low) * n / count for n in range(1, count)], high]
    return edges, counts(records, edges)


SUMMARIES = [
    Case("stats(count and sum)", "ints", lambda b: b.stats().apply(lambda s: (s.count, s.sum, s.min, s.max, s.mean)),
         lambda xs: (len(xs), sum(xs), min(xs), max(xs), sum(xs) / len(xs)) if xs else not_none(xs)),
    Case("stats(var)", "ints", lambda b: b.stats().apply(lambda s: s.var),
         lambda xs: float(statistics.pvariance(not_none(xs))), approximate=True),
    Case("stats(std)", "floats", lambda b: b.stats().apply(lambda s: s.std),
         lambda xs: float(statistics.pstdev(not_none(xs))), approximate=True),
    Case("stats(mean)", "floats", lambda b: b.stats().apply(lambda s: s.mean),
         lambda xs: statistics.fmean(not_none(xs)), approximate=True),
    Case("histogram", "ints", lambda b: b.histogram(4), lambda xs: histogram(not_none(xs), 4)),
    Case("histogram(1)", "ints", lambda b: b.histogram(1), lambda xs: histogram(not_none(xs), 1)),
    Case("histogram(floats)", "floats", lambda b: b.histogram(7), lambda xs: histogram(not_none(xs), 7)),
    Case("histogram(of a map)", "strings", lambda b: b.map(len).histogram(2),
         lambda xs: histogram(not_none(list(map(len, xs))), 2)),
    Case("histogram(edges)", "ints", lambda b: b.histogram([1, 3, 5]), lambda xs: ([1, 3, 5], counts(xs, [1, 3, 5]))
         if xs else ([1, 3, 5], [0, 0])),
    Case("histogram(text)", "strings", lambda b: b.histogram(["a", "f", "kiwi"]),
         lambda xs: (["a", "f", "kiwi"], counts(xs, ["a", "f", "kiwi"]))),
    Case("histogram(of text)", "ints", lambda b: b.histogram(["a", "f"]),
         lambda xs: (["a", "f"], counts(xs, ["a", "f"]))),
    Case("quantiles", "ints", lambda b: b.quantiles([0, 0.1, 0.25, 0.5, 0.9, 1]),
         lambda xs: [quantile(xs, q) for q in (0, 0.1, 0.25, 0.5, 0.9, 1)]),
    Case("quantiles(one)", "strings", lambda b: b.quantiles(0.5), lambda xs: quantile(xs, 0.5)),
    Case("quantiles(exact)", "floats", lambda b: b.quantiles((0.3, 0.7), error=0),
         lambda xs: [quantile(xs, 0.3), quantile(xs, 0.7)]),
    Case("quantiles(of what has no order)", "dicts", lambda b: b.quantiles(0.5), lambda xs: quantile(xs, 0.5)),
    Case("approx_distinct", "strings", lambda b: b.approx_distinct(), lambda xs: len(set(xs))),
    Case("approx_distinct(equal)", "equal", lambda b: b.approx_distinct(0.05), lambda xs: len(set(xs))),
    Case("approx_distinct(pairs)", "pairs", lambda b: b.approx_distinct(), lambda xs: len(set(xs))),
    Case("approx_distinct(lists)", "lists", lambda b: b.approx_distinct(), lambda xs: len({hash(x) for x in xs})),
]  # fmt: skip
