"""Operations that take some records by chance: the same ones for the same seed and the same partitions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from bagkit.errors import EmptyBagError, PlanError, one_line
from bagkit.light_classes import dataclass
from bagkit.ops import _sample
from bagkit.ops.reductions import Keeping, Row, fan_in
from bagkit.plan.kinds import ALL, Fields, OnRecords, Pairing, PerRecord
from bagkit.sentinels import EMPTY
from bagkit.signatures import is_number, whole_number


@dataclass(frozen=True)
class ByChance(Pairing):
    """Some of a partition's records, as `choose` says of them with the partition's random numbers."""

    name: str
    choose: Callable[..., Iterable[Any]]
    """Gives a flag for each of some records; or, of all records, those that may be in a sample of the bag."""
    seed: int
    reads_records: bool = False
    per_record: PerRecord = "some"

    bags = 2
    read_first = 1

    @property
    def can_raise(self) -> bool:  # type: ignore[override]  # it depends on what is chosen by
        return self.reads_records

    @property
    def label(self) -> str:
        return self.name

    def demand(self, wanted: Fields) -> Fields:
        return ALL if self.reads_records or not self.per_record else wanted

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        ((info,),) = read
        return partial(self.choose, rng=_sample.partition_random(self.seed, info.index))


def random_sample(probability: Any, seed: int) -> ByChance:
    """Return the op that takes each record with the same probability."""
    check_probability("random_sample", "prob", probability)
    return ByChance(f"random_sample({probability!r})", partial(_sample.with_probability, probability), seed)


def sample_by_key(fractions: Any, seed: int) -> ByChance:
    """Return the op that takes each pair with the probability of its key."""
    if not isinstance(fractions, Mapping):
        raise PlanError(
            f"sample_by_key: fractions is {one_line(fractions, 80)}; expected a dict of a probability for each key"
        )
    for key, probability in fractions.items():
        check_probability("sample_by_key", f"the fraction of {one_line(key)}", probability)
    choose = partial(_sample.with_probability_by_key, dict(fractions))
    return ByChance(f"sample_by_key({one_line(fractions, 60)})", choose, seed, reads_records=True)


def shares(weights: Any, seed: int) -> list[ByChance]:
    """Return the ops that take the shares of a bag, disjoint, and together all of it."""
    given, weights = weights, list(weights) if isinstance(weights, Iterable) else []
    if not all(is_number(weight) and weight >= 0 for weight in weights) or not sum(weights):
        raise PlanError(
            f"random_split: weights is {one_line(given, 80)}; expected a list of numbers of 0 or more, not all 0"
        )
    edges = _sample.share_edges(weights)
    return [
        ByChance(f"random_split({weights!r})[{number}]", partial(_sample.one_share, edges, number), seed)
        for number in range(len(weights))
    ]


def candidates(operation: str, size: int, seed: int, *, replace: bool) -> ByChance:
    """Return the op that takes from each partition the records that may be in a sample of `size` records of the bag."""
    kind = _sample.smallest_in_slots if replace else _sample.smallest
    return ByChance(f"{operation}({size}): candidates", partial(kind, size), seed, per_record="")


def without_replacement_row(operation: str, size: int, split_every: Any, *, all_if_fewer: bool) -> Row:
    """Return the reduction of candidates to a sample without replacement."""
    merge = partial(_sample.merge_smallest, size)
    return Row(
        f"{operation}({size})",
        Keeping,
        merge,
        partial(_without_replacement, operation, 0 if all_if_fewer else size),
        gives_bag=True,
        split_every=fan_in(operation, split_every),
    )


def _without_replacement(operation: str, least: int, state: Any) -> list[Any]:
    found = [] if state is EMPTY else sorted(state, key=itemgetter(0))
    if len(found) < least:
        raise ValueError(
            f"{operation}: the bag has {len(found)} records, and the sample is larger than that population; "
            f"expected {least} records or more (Sample larger than population)"
        )
    return [record for _, record in found]


def with_replacement_row(operation: str, size: int, split_every: Any) -> Row:
    """Return the reduction of candidates to a sample with replacement."""
    return Row(
        f"{operation}({size})",
        Keeping,
        _sample.merge_slots,
        partial(_with_replacement, operation, size),
        gives_bag=True,
        split_every=fan_in(operation, split_every),
    )


def _with_replacement(operation: str, size: int, state: Any) -> list[Any]:
    found = [] if state is EMPTY else state
    if len(found) < size:
        raise EmptyBagError(f"{operation} of an empty bag: there is no record to choose")
    return [record for _, _, record in found]


def check_probability(operation: str, name: str, value: object) -> None:
    """Raise PlanError unless `value` is a number from 0 to 1."""
    if not is_number(value) or not 0 <= value <= 1:
        raise PlanError(f"{operation}: {name} is {one_line(value, 80)}; expected a number from 0 to 1")


def seed_number(operation: str, seed: Any) -> int:
    """Return the number that `seed` stands for: an int as it is, one drawn of a random.Random, or, for None, any."""
    if seed is None:
        return random.SystemRandom().getrandbits(64)
    if isinstance(seed, random.Random):
        return seed.getrandbits(64)
    number = whole_number(seed)
    if number is None:
        raise PlanError(f"{operation}: the seed is {one_line(seed, 80)}; expected an int, a random.Random, or None")
    return number
