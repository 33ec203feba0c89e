"""Methods that take some of the records by chance.

With a `seed` (an int) they take the same records each time: on every scheduler, with any number of workers, as long as
the bag has the same partitions. Without one they draw a seed when they are called, so that what they return is the
same however often it is computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bagkit.computing import iterate
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co, check_now
from bagkit.signatures import checked_count

if TYPE_CHECKING:
    from typing import Unpack

    from bagkit.bag import Bag
    from bagkit.ops import sampling as ops
    from bagkit.ops import sequences
    from bagkit.options import PlainOptions
else:
    ops = Lazily("bagkit.ops.sampling")
    sequences = Lazily("bagkit.ops.sequences")


class Sampling(Making[T_co]):
    """Methods that take some of the records by chance."""

    __slots__ = ()

    def random_sample(self, prob: float, random_state: Any = None) -> Bag[T_co]:
        """Keep each record with the same probability.

        Args:
            prob: The probability, from 0 to 1.
            random_state: A whole number for the same choice each time, on every scheduler, as long as the bag has the
                same partitions. A `random.Random` draws the number. None draws a new one at this call.

        Returns:
            A bag of the records that are kept, in order and in the same partitions. Computing it again gives the same
            ones.

        Raises:
            PlanError: `prob` is not a number from 0 to 1, or `random_state` has a value that is not allowed.

        >>> import bagkit as bk
        >>> bk.range(20, npartitions=2).random_sample(0.2, random_state=1).compute(scheduler="sync")
        [5, 16]
        """
        return self._with_info(ops.random_sample(prob, ops.seed_number("random_sample", random_state)))

    def sample_by_key(self, fractions: Mapping[Any, float], seed: int | None = None) -> Bag[T_co]:
        """Keep each `(key, value)` record with the probability of its key.

        Args:
            fractions: A dict with a probability, from 0 to 1, for each key.
            seed: A whole number for the same choice each time, on every scheduler, as long as the bag has the same
                partitions. None draws a new seed at this call.

        Returns:
            A bag of the records that are kept, in order and in the same partitions.

        Raises:
            PlanError: `fractions` is no such dict, or `seed` has a value that is not allowed.
            KeyError: When the bag is computed: a key is not in `fractions`.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([("a", 1), ("b", 2), ("a", 3)])
        >>> b.sample_by_key({"a": 1.0, "b": 0.0}).compute(scheduler="sync")
        [('a', 1), ('a', 3)]
        """
        return self._with_info(ops.sample_by_key(fractions, ops.seed_number("sample_by_key", seed)))

    def random_split(self, weights: Sequence[float], seed: int | None = None) -> list[Bag[T_co]]:
        """Share the records out by chance, into bags of given sizes.

        Args:
            weights: How large the bags are in relation to each other, such as `[0.8, 0.2]`: numbers from 0 up, not all
                0.
            seed: A whole number for the same choice each time, on every scheduler, as long as the bag has the same
                partitions. None draws a new seed at this call.

        Returns:
            A list of as many bags. Each record is in exactly one of them.

        Raises:
            PlanError: `weights` or `seed` has a value that is not allowed.

        >>> import bagkit as bk
        >>> train, test = bk.range(10, npartitions=2).random_split([0.8, 0.2], seed=3)
        >>> train.compute(scheduler="sync"), test.compute(scheduler="sync")
        ([0, 1, 3, 4, 5, 6, 7, 9], [2, 8])
        """
        return [self._with_info(op) for op in ops.shares(weights, ops.seed_number("random_split", seed))]

    def take_sample(
        self, n: int, replace: bool = False, seed: int | None = None, **options: Unpack[PlainOptions]
    ) -> tuple[T_co, ...]:
        """Take `n` records by chance, at once.

        `bagkit.random.sample` and `bagkit.random.choices` give a bag instead, which is computed later.

        Args:
            n: How many records to take, from 0 up.
            replace: Whether the same record can be taken again and again.
            seed: A whole number for the same choice each time, on every scheduler, as long as the bag has the same
                partitions. None draws a new seed at this call.
            **options: Options for this run alone, such as `scheduler="threads"`, `workers=4` or `on_error="skip"`.
                `help(bagkit.set_options)` explains each.

        Returns:
            A tuple of records, in no order. Without `replace` it has all records where there are fewer than `n`.

        Raises:
            PlanError: `n` is not a whole number from 0 up, or `seed` has a value that is not allowed.
            OptionError: No option has that name, or it can't take that value.
            EmptyBagError: The bag has no records, and `replace` is true.

        >>> import bagkit as bk
        >>> sorted(bk.range(1000, npartitions=4).take_sample(3, seed=1, scheduler="sync"))
        [355, 519, 656]
        """
        check_now("take_sample", True, options)
        bag = self._sampled("take_sample", n, seed, None, replace=replace, all_if_fewer=True)
        return tuple(iterate(bag.plan, options))

    def _sampled(
        self, operation: str, k: int, seed: Any, split_every: Any, *, replace: bool, all_if_fewer: bool = False
    ) -> Bag[T_co]:
        """Return the bag of `k` records taken by chance, in one partition."""
        k = checked_count(operation, "n" if operation == "take_sample" else "k", k, 0)
        bag = self._with_info(ops.candidates(operation, k, ops.seed_number(operation, seed), replace=replace))
        if replace:
            row = ops.with_replacement_row(operation, k, split_every)
        else:
            row = ops.without_replacement_row(operation, k, split_every, all_if_fewer=all_if_fewer)
        return bag._then(row)
