"""Methods that see the records of a bag as one sequence, across its partitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from bagkit.lazily import Lazily
from bagkit.lazy.arguments import bag_plan, starting_value
from bagkit.methods.making import Making, T_co
from bagkit.ops.elementwise import Pluck
from bagkit.ops.regroup import Pick
from bagkit.plan.node import Plan
from bagkit.sentinels import NOT_GIVEN
from bagkit.signatures import checked_count

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.ops import sequences as ops
    from bagkit.signatures import Empty
else:
    ops = Lazily("bagkit.ops.sequences")


A = TypeVar("A")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")


class Sequences(Making[T_co]):
    """Methods that see the records of a bag as one sequence, across its partitions."""

    __slots__ = ()

    # Several bags, and several of one ---------------------------------------------------------------------------------

    def product(self, other: Bag[U]) -> Bag[tuple[T_co, U]]:
        """Pair each record with each record of another bag.

        Args:
            other: The other bag.

        Returns:
            A bag of `(record, record of other)`, with a partition for each pair of partitions.

        Raises:
            MismatchError: `other` is not a bag.

        >>> import bagkit as bk
        >>> bk.range(2, 1).product(bk.from_sequence("ab", npartitions=1)).compute(scheduler="sync")
        [(0, 'a'), (0, 'b'), (1, 'a'), (1, 'b')]
        """
        right = bag_plan("product", other)
        mine, theirs = range(self.npartitions), range(right.npartitions)
        left = Plan(Pick(tuple(n for n in mine for _ in theirs)), (self.plan,))
        right = Plan(Pick(tuple(n for _ in mine for n in theirs)), (right,))
        return self._bag(Plan(ops.Product(), (left, right)))

    @overload
    def unzip(self: Making[tuple[U, V]], n: Literal[2]) -> tuple[Bag[U], Bag[V]]: ...
    @overload
    def unzip(self: Making[tuple[U, V, W]], n: Literal[3]) -> tuple[Bag[U], Bag[V], Bag[W]]: ...
    @overload
    def unzip(self, n: int) -> tuple[Bag[Any], ...]: ...
    def unzip(self, n: int) -> Any:
        """Make a bag of the first elements of all records, a bag of the second elements, and so on.

        Args:
            n: How many bags to make, from 1 up.

        Returns:
            A tuple of `n` bags.

        Raises:
            PlanError: `n` is not a whole number from 1 up.
            IndexError: When a bag is computed: a record has too few elements.

        >>> import bagkit as bk
        >>> names, ages = bk.from_sequence([("Ada", 36), ("Bob", 41)]).unzip(2)
        >>> ages.compute(scheduler="sync")
        [36, 41]
        """
        return tuple(self._then(Pluck(number)) for number in range(checked_count("unzip", "n", n)))

    # Across partitions ------------------------------------------------------------------------------------------------

    @overload
    def accumulate(self: Making[A], binop: Callable[[A, A], A]) -> Bag[A]: ...
    @overload
    def accumulate(self, binop: Callable[[A, T_co], A], initial: A) -> Bag[A]: ...
    @overload
    def accumulate(self, binop: Callable[[Any, T_co], U], initial: Empty) -> Bag[U]: ...
    def accumulate(self, binop: Callable[[Any, Any], Any], initial: Any = NOT_GIVEN) -> Any:
        """Replace each record by the total up to it, as `itertools.accumulate` does.

        The partitions are worked on one after the other, because each needs the total of the one before.

        Args:
            binop: `binop(total, record)` returns the new total.
            initial: The total before the first record, which comes first in the result. Without it the first record is
                the first total.

        Returns:
            A bag of totals, one for each record. With `initial` that value comes before them.

        Raises:
            PlanError: `binop` can't be called.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([1, 2, 3, 4, 5], npartitions=2)
        >>> b.accumulate(lambda total, x: total + x).compute(scheduler="sync")
        [1, 3, 6, 10, 15]
        >>> b.accumulate(lambda total, x: total + x, initial=-1).compute(scheduler="sync")
        [-1, 0, 2, 5, 9, 14]
        """
        return self._then(ops.Accumulate(binop, starting_value("accumulate", "initial", initial)))

    def zip_with_index(self) -> Bag[tuple[T_co, int]]:
        """Number the records of the whole bag, from 0.

        With several partitions the records are counted first, and kept in between, not read again.

        Returns:
            A bag of `(record, number)`.

        >>> import bagkit as bk
        >>> bk.from_sequence("abc", npartitions=2).zip_with_index().compute(scheduler="sync")
        [('a', 0), ('b', 1), ('c', 2)]
        """
        starts = [] if self.npartitions == 1 else [Plan(ops.starts_row(), (self.plan,))]
        return self._with_info(ops.WithIndex(), *starts)

    def window(self, n: int, step: int = 1) -> Bag[tuple[T_co, ...]]:
        """Slide a window over the records, across partitions.

        Args:
            n: How many neighbours a window holds, from 1 up.
            step: How many records the next window begins after this one, from 1 up. Default: 1.

        Returns:
            A bag of tuples of `n` records. What is left over at the end, fewer than `n` records, is dropped.

        Raises:
            PlanError: `n` or `step` is not a whole number from 1 up.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).window(3).compute(scheduler="sync")
        [(0, 1, 2), (1, 2, 3), (2, 3, 4)]
        """
        op = ops.Window(n, step)
        edges = [] if self.npartitions == 1 else [Plan(ops.window_edges_row(n, step), (self.plan,))]
        return self._with_info(op, *edges)
