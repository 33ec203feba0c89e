"""What taking records by chance means: with the same random numbers, the same records as a loop over lists takes."""

from __future__ import annotations

import random as python_random
from typing import Any

import bagkit as bk
from bagkit import random
from tests.operations.case import Case

HALF = {"a": 0.5, "b": 1, "c": 0}


def numbers(partition: int, seed: int = 7) -> python_random.Random:
    return python_random.Random(f"{seed}/{partition}")


def chosen(partitions: list[list[Any]], takes: Any, seed: int = 7) -> list[Any]:
    """Take the records of each partition for which `takes(record, random number)` is true."""
    kept = []
    for number, part in enumerate(partitions):
        rng = numbers(number, seed)
        kept += [record for record in part if takes(record, rng.random())]
    return kept


def sampled(records: list[Any], k: int) -> list[Any]:
    """Return how many of a sample are among the records, and how many are more often there than in the records."""
    if len(records) < k:
        raise ValueError("too few")
    return [k, 0]


def facts_of(sample: list[Any], records: list[Any]) -> list[Any]:
    left = list(records)
    extra = 0
    for record in sample:
        if record in left:
            left.remove(record)
        else:
            extra += 1
    return [len(sample), extra]


def taken(bag: Any, k: int, **options: Any) -> Any:
    return facts_of(list(bag.take_sample(k, **options)), bag.compute())


SAMPLES = [
    Case("random_sample", "ints", lambda b: b.random_sample(0.5, random_state=7),
         lambda parts: chosen(parts, lambda x, u: u < 0.5), "ints", sees_partitions=True),
    Case("random_sample(of a map)", "strings", lambda b: b.map(str.upper).random_sample(0.3, 8),
         lambda parts: [x.upper() for x in chosen(parts, lambda x, u: u < 0.3, 8)], "strings", sees_partitions=True),
    Case("random_sample(0)", "ints", lambda b: b.random_sample(0), lambda xs: [], "ints"),
    Case("random_sample(1)", "ints", lambda b: b.random_sample(1), lambda xs: xs, "ints"),
    Case("sample_by_key", "pairs", lambda b: b.sample_by_key(HALF, seed=7),
         lambda parts: chosen(parts, lambda x, u: u < HALF[x[0]]), "pairs", sees_partitions=True),
    Case("sample_by_key(missing)", "pairs", lambda b: b.sample_by_key({"a": 1}),
         lambda xs: [pair for pair in xs if {"a": 1}[pair[0]]]),
    Case("random_split", "ints", lambda b: b.random_split([1, 2, 1], seed=7)[1],
         lambda parts: chosen(parts, lambda x, u: 0.25 <= u < 0.75), "ints", sees_partitions=True),
    Case("random_split(of one)", "ints", lambda b: b.random_split([5])[0], lambda xs: xs, "ints"),
    Case("random_split(together)", "ints", lambda b: bk.concat(b.random_split([0.2, 0.3, 0.5], seed=1)).topk(99),
         lambda xs: sorted(xs, reverse=True)),
    Case("take_sample", "ints", lambda b: taken(b, 4), lambda xs: [min(4, len(xs)), 0]),
    Case("take_sample(all)", "strings", lambda b: sorted(b.take_sample(99)), sorted),
    Case("take_sample(replace)", "ints", lambda b: set(b.take_sample(50, replace=True, seed=1)) <= set(b.compute()),
         lambda xs: bool(xs) or int("")),
    Case("sample", "ints", lambda b: random.sample(b, 3).count(), lambda xs: sampled(xs, 3)[0]),
    Case("sample(9)", "strings", lambda b: random.sample(b, 9).count(), lambda xs: sampled(xs, 9)[0]),
    Case("sample(0)", "ints", lambda b: random.sample(b, 0), lambda xs: []),
    Case("sample(split_every)", "ints", lambda b: random.sample(b, 5, split_every=2, seed=1).count(),
         lambda xs: sampled(xs, 5)[0]),
    Case("choices", "ints", lambda b: random.choices(b, 30, split_every=2).count(), lambda xs: 30 if xs else int("")),
    Case("choices(0)", "ints", lambda b: random.choices(b, 0), lambda xs: []),
]  # fmt: skip
