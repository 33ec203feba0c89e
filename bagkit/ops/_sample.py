"""Plain functions that take some records by chance, without a Python frame for those that they leave.

Samples of a fixed size can be merged: each record that is taken carries the random number that got it in, and of
several samples together the records with the smallest numbers are the sample of all.
"""

from __future__ import annotations

import heapq
import random
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain, islice, repeat
from math import log, log1p
from operator import eq, itemgetter
from random import Random
from typing import Any

_NOTHING = object()


def partition_random(seed: int, partition: int) -> Random:
    """Return the source of random numbers of one partition: the same for the same two numbers, anywhere."""
    return random.Random(f"{seed}/{partition}")  # text is digested by SHA-512, so neighbours are not alike


def with_probability(probability: float, records: Iterable[Any], rng: Random) -> Iterator[bool]:
    """Return for each of `records` whether it is taken, with the same probability."""
    return map(float(probability).__gt__, _numbers(records, rng))


def with_probability_by_key(probabilities: Mapping[Any, float], records: Iterable[Any], rng: Random) -> Iterator[bool]:
    """Return for each pair whether it is taken, with the probability of its key; raises KeyError for one without."""
    return map(partial(_is_taken, probabilities, rng), records)


def _is_taken(probabilities: Mapping[Any, float], rng: Random, pair: Any) -> bool:
    return rng.random() < probabilities[pair[0]]


def one_share(edges: Sequence[float], number: int, records: Iterable[Any], rng: Random) -> Iterator[bool]:
    """Return for each of `records` whether its random number falls between the edges `number - 1` and `number`."""
    return map(eq, repeat(number), map(partial(bisect_right, edges), _numbers(records, rng)))


def share_edges(weights: Sequence[float]) -> list[float]:
    """Return where in [0, 1) one share ends and the next begins.

    >>> share_edges([1, 1, 2])
    [0.25, 0.5]
    """
    total = sum(weights)
    return [edge / total for edge in accumulate(weights)][:-1]


def _numbers(records: Iterable[Any], rng: Random) -> Iterator[float]:
    """Return a random number for each of `records`."""
    return map(_RECORDS_NUMBER, zip(records, iter(rng.random, None), strict=False))


_RECORDS_NUMBER = itemgetter(1)


def smallest(size: int, records: Iterator[Any], rng: Random) -> Iterator[tuple[float, Any]]:
    """Return `(random number, record)` of the `size` records with the smallest numbers; all if there are fewer.

    No number is drawn for a record that is not taken: how many are passed over until one is smaller than the largest
    of those kept has a geometric distribution.
    """
    # Numbers are negative so that the heap's first is the largest; places decide between equal ones, never records.
    heap = [(-_positive(rng), place, record) for place, record in enumerate(islice(records, size))]
    if len(heap) < size or not size:
        deque(records, maxlen=0)
        return ((-number, record) for number, _, record in heap)
    heapq.heapify(heap)
    place = size
    while True:
        largest = -heap[0][0]
        skipped = _passed_over(largest, rng)
        record = next(islice(records, skipped, None), _NOTHING)
        if record is _NOTHING:
            return ((-number, record) for number, _, record in heap)
        heapq.heapreplace(heap, (-largest * _positive(rng), place, record))
        place += 1


def smallest_in_slots(size: int, records: Iterator[Any], rng: Random) -> Iterator[tuple[float, int, Any]]:
    """Return `(random number, slot, record)` for `size` slots, each with the record that has its smallest number.

    Each slot is a sample of one by itself, so a record can be in several.
    """
    first = next(records, _NOTHING)
    if first is _NOTHING or not size:
        deque(records, maxlen=0)
        return iter(())
    kept = [(_positive(rng), first) for _ in range(size)]
    # When does each slot's next record come? They are met in that order.
    turns = [(_passed_over(number, rng), slot) for slot, (number, _) in enumerate(kept)]
    heapq.heapify(turns)
    at = 0
    while True:
        turn = turns[0][0]
        record = next(islice(records, turn - at, None), _NOTHING)
        if record is _NOTHING:
            return ((number, slot, record) for slot, (number, record) in enumerate(kept))
        at = turn + 1
        while turns[0][0] == turn:
            slot = turns[0][1]
            number = kept[slot][0] * _positive(rng)
            kept[slot] = (number, record)
            heapq.heapreplace(turns, (at + _passed_over(number, rng), slot))


def _positive(rng: Random) -> float:
    return 1.0 - rng.random()


def _passed_over(number: float, rng: Random) -> int:
    """Return how many random numbers come before one that is smaller than `number`."""
    if number >= 1.0:
        return 0
    return min(int(log(_positive(rng)) / log1p(-number)), sys.maxsize >> 1)


def merge_smallest(size: int, samples: Iterable[Iterable[tuple[float, Any]]]) -> list[tuple[float, Any]]:
    """Return the sample of all, smallest number first."""
    return heapq.nsmallest(size, chain.from_iterable(samples), key=itemgetter(0))


def merge_slots(samples: Iterable[Iterable[tuple[float, int, Any]]]) -> list[tuple[float, int, Any]]:
    """Return for each slot what has the smallest number of it, slots in order."""
    best: dict[int, tuple[float, int, Any]] = {}
    for one in chain.from_iterable(samples):
        if one[1] not in best or one[0] < best[one[1]][0]:
            best[one[1]] = one
    return [best[slot] for slot in sorted(best)]
