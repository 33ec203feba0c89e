"""Samples: the same for the same seed wherever they are drawn, and fair."""

from __future__ import annotations

import random as python_random
from collections import Counter
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bagkit as bk
from bagkit import random
from bagkit.errors import EmptyBagError, PlanError
from bagkit.ops._sample import merge_slots, merge_smallest, partition_random, smallest, smallest_in_slots

BAG = bk.range(200, npartitions=7).map(str)

FIRST_NUMBERS = [3031963040, 236563028, 2847190223]
SAMPLE_OF_SEVEN = ["25", "85", "98", "99", "103", "106", "112", "114", "117", "120", "134", "143", "161", "180", "198"]

SAMPLES: dict[str, Any] = {
    "random_sample": lambda b, seed: b.random_sample(0.3, random_state=seed),
    "sample_by_key": lambda b, seed: b.key_by(len).sample_by_key({1: 0.5, 2: 0.3, 3: 0.1}, seed=seed),
    "random_split": lambda b, seed: b.random_split([0.3, 0.3, 0.4], seed=seed)[1],
    "sample": lambda b, seed: random.sample(b, 20, split_every=2, seed=seed),
    "choices": lambda b, seed: random.choices(b, 20, split_every=2, seed=seed),
}


@pytest.mark.parametrize("name", SAMPLES)
class TestEachSample:
    def test_is_the_same_on_every_scheduler(self, name: str) -> None:
        expected = SAMPLES[name](BAG, 5).compute(scheduler="sync")
        assert expected
        for options in ({"scheduler": "threads", "workers": 3}, {"scheduler": "processes", "workers": 2},
                        {"scheduler": "sync", "optimize": False}):  # fmt: skip
            assert SAMPLES[name](BAG, 5).compute(**options) == expected

    def test_is_another_with_another_seed(self, name: str) -> None:
        drawn = {tuple(SAMPLES[name](BAG, seed).compute(scheduler="sync")) for seed in range(10)}
        assert len(drawn) == 10

    def test_is_the_same_when_computed_again(self, name: str) -> None:
        sample = SAMPLES[name](BAG, None)
        assert sample.compute(scheduler="sync") == sample.compute(scheduler="sync")

    def test_is_another_when_drawn_again_without_a_seed(self, name: str) -> None:
        drawn = {tuple(SAMPLES[name](BAG, None).compute(scheduler="sync")) for _ in range(3)}
        assert len(drawn) == 3

    def test_takes_a_seed_of_a_random_random(self, name: str) -> None:
        one, other = (SAMPLES[name](BAG, python_random.Random(3)).compute(scheduler="sync") for _ in range(2))
        assert one == other

    @pytest.mark.parametrize("seed", ["7", 1.5, True, [1]])
    def test_refuses_other_seeds(self, name: str, seed: Any) -> None:
        with pytest.raises(PlanError, match=f"{name}: the seed is .*expected an int, a random.Random, or None"):
            SAMPLES[name](BAG, seed)

    def test_does_not_take_the_same_of_each_partition(self, name: str) -> None:
        same = bk.concat([bk.range(50, 1)] * 4).map(str)
        parts = SAMPLES[name](same.map_partitions_with_info(number_records), 1).compute(scheduler="sync")
        taken: dict[str, list[str]] = {}
        for record in parts:
            text = record[1] if isinstance(record, tuple) else record
            taken.setdefault(text[0], []).append(text[1:])
        assert len({tuple(sorted(each)) for each in taken.values()}) > 1


def number_records(records: list[str], info: Any) -> list[str]:
    return [f"{info.index}{record}" for record in records] if records[0] == "0" else []


def fair(counts: Counter[Any], expected: float, variance: float) -> bool:
    """Say whether all counts are within 4.5 standard deviations."""
    return all(abs(count - expected) < 4.5 * variance**0.5 for count in counts.values())


def test_samples_without_replacement_are_fair() -> None:
    rng, counts, rounds = python_random.Random(1), Counter[int](), 20_000
    for _ in range(rounds):
        parts = [list(smallest(3, iter(range(a, b)), rng)) for a, b in ((0, 2), (2, 9), (9, 9), (9, 12))]
        sample = [record for _, record in merge_smallest(3, [merge_smallest(3, parts[:2]), *parts[2:]])]
        assert len(set(sample)) == 3
        counts.update(sample)
    assert len(counts) == 12
    assert fair(counts, rounds / 4, rounds * 0.25 * 0.75)


def test_samples_with_replacement_are_fair_in_each_slot() -> None:
    rng, rounds = python_random.Random(2), 20_000
    slots = [Counter[int](), Counter[int]()]
    for _ in range(rounds):
        parts = [list(smallest_in_slots(2, iter(range(a, b)), rng)) for a, b in ((0, 1), (1, 7), (7, 7), (7, 10))]
        for (_, _, record), counts in zip(merge_slots(parts), slots, strict=True):
            counts[record] += 1
    for counts in slots:
        assert len(counts) == 10
        assert fair(counts, rounds / 10, rounds * 0.1 * 0.9)


def test_the_random_numbers_of_partitions_are_those_of_ever() -> None:
    # Samples that people wrote down the seeds of.
    assert [partition_random(7, n).getrandbits(32) for n in range(3)] == FIRST_NUMBERS
    assert BAG.random_sample(0.05, random_state=7).compute(scheduler="sync") == SAMPLE_OF_SEVEN


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(), max_size=12), min_size=1, max_size=5), st.integers(0, 20), st.integers())
def test_a_sample_is_a_part_of_the_records(parts: list[list[int]], k: int, seed: int) -> None:
    records = Counter(chain.from_iterable(parts))
    bag = bk.concat([bk.from_sequence(part, npartitions=1) for part in parts])
    with bk.options(scheduler="sync"):
        sample = bag.take_sample(k, seed=seed)
        assert len(sample) == min(k, records.total())
        assert Counter(sample) <= records
        if records:
            drawn = random.choices(bag, k, seed=seed).compute()
            assert len(drawn) == k
            assert set(drawn) <= set(records)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(), max_size=50), st.integers(1, 5), st.integers(),
       st.lists(st.floats(0, 10), min_size=1, max_size=4).filter(sum))  # fmt: skip
def test_a_split_loses_nothing_and_repeats_nothing(records: list[int], n: int, seed: int, weights: list[float]) -> None:
    bag = bk.from_sequence(records, npartitions=n)
    shares = [share.compute(scheduler="sync") for share in bag.random_split(weights, seed=seed)]
    assert len(shares) == len(weights)
    assert Counter(chain.from_iterable(shares)) == Counter(records)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BAG.random_sample(1.5), "random_sample: prob is 1.5; expected a number from 0 to 1"),
        (lambda: BAG.random_sample("x"), "random_sample: prob is 'x'"),
        (lambda: BAG.random_sample(float("nan")), "random_sample: prob is nan"),
        (lambda: BAG.sample_by_key([0.5]), "sample_by_key: fractions is .*expected a dict"),
        (lambda: BAG.sample_by_key({"a": 2}), "sample_by_key: the fraction of 'a' is 2"),
        (lambda: BAG.random_split([]), "random_split: weights is .*not all 0"),
        (lambda: BAG.random_split([0, 0]), "random_split: weights is"),
        (lambda: BAG.random_split([1, -1]), "random_split: weights is"),
        (lambda: BAG.random_split("ab"), "random_split: weights is"),
        (lambda: BAG.take_sample(-1), "take_sample: n is -1; expected an int of 0 or more"),
        (lambda: random.sample(BAG, 1.0), "sample: k is 1.0"),
        (lambda: random.choices(BAG, -1), "choices: k is -1"),
        (lambda: random.sample([1, 2], 1), "sample: the population is of type list; expected a bag"),
        (lambda: random.choices(BAG, 1, split_every=1), "choices: split_every is 1"),
    ],
)
def test_wrong_arguments_are_errors_of_the_call(call: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        call()


def test_a_sample_larger_than_the_bag_is_an_error() -> None:
    with pytest.raises(ValueError, match="sample: the bag has 200 records, and the sample is larger than that popul"):
        random.sample(BAG, 201).compute(scheduler="sync")


def test_nothing_can_be_chosen_of_nothing() -> None:
    with pytest.raises(EmptyBagError, match="choices of an empty bag"):
        random.choices(bk.from_sequence([]), 1).compute(scheduler="sync")
    assert random.choices(bk.from_sequence([]), 0).compute(scheduler="sync") == []
