"""Methods that bring records of one key together, or put all in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from bagkit.errors import PlanError
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import bag_plan, starting_value
from bagkit.lazy.nesting import plan_of
from bagkit.methods.making import Making, T_co
from bagkit.ops.functions import rows_of_table
from bagkit.ops.regroup import Concat
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.exchange import group
    from bagkit.io.input import memory
    from bagkit.item import Item
    from bagkit.lazy.delayed_values import Delayed
    from bagkit.ops import calls, tables
    from bagkit.ops import grouping as ops
    from bagkit.signatures import Empty, Field
else:
    ops = Lazily("bagkit.ops.grouping")
    group = Lazily("bagkit.exchange.group")
    calls = Lazily("bagkit.ops.calls")
    tables = Lazily("bagkit.ops.tables")
    memory = Lazily("bagkit.io.input.memory")


A = TypeVar("A")
K = TypeVar("K")
U = TypeVar("U")
V = TypeVar("V")


class Grouping(Making[T_co]):
    """Methods that bring records of one key together, or put all in order.

    They work on more records than fit into memory: what a task can't hold waits on disk. Equal keys meet whatever their
    types: 1, 1.0 and True are one key, and so are all NaN. Keys come in the order in which they are first seen.
    """

    __slots__ = ()

    @overload
    def groupby(self, grouper: Callable[[T_co], K], method: Any = ..., npartitions: int | None = ...,
                blocksize: Any = ..., max_branch: Any = ..., shuffle: Any = ...) -> Bag[tuple[K,
                list[T_co]]]: ...  # fmt: skip
    @overload
    def groupby(self, grouper: Field, method: Any = ..., npartitions: int | None = ..., blocksize: Any = ...,
                max_branch: Any = ..., shuffle: Any = ...) -> Bag[tuple[Any, list[T_co]]]: ...  # fmt: skip
    def groupby(
        self,
        grouper: Any,
        method: Any = None,
        npartitions: int | None = None,
        blocksize: Any = None,
        max_branch: Any = None,
        shuffle: Any = None,
    ) -> Any:
        """Bring the records of each key together.

        `foldby` is much faster where only a total of each group is needed, such as a count or a sum.

        Args:
            grouper: What the records of a group have in common: a function of a record, or the name or position of a
                field.
            method: Taken for programs written for dask; it changes nothing.
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.
            blocksize: Taken for programs written for dask; it changes nothing.
            max_branch: Taken for programs written for dask; it changes nothing.
            shuffle: Taken for programs written for dask; it changes nothing.

        Returns:
            A bag of `(key, list of its records)`. The records of a group are in the order of the bag.

        Raises:
            PlanError: `method` is no way that dask knows, or `npartitions` is not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.
            GroupTooLargeError: When the bag is computed: the records of one key do not fit into memory.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).groupby(lambda x: x % 2, npartitions=1).compute(scheduler="sync")
        [(0, [0, 2, 4]), (1, [1, 3])]
        """
        ops.check_method(grouper, method)
        return self._then(ops.by_key("groupby", grouper, calls.identity, npartitions))

    def partition_by(self, key: Callable[[T_co], Any] | Field, npartitions: int | None = None) -> Bag[T_co]:
        """Bring the records of each key into the same partition, one after the other.

        Use it before `map_partitions`, with a function that has to see all records of a key.

        Args:
            key: What the records have in common: a function of a record, or the name or position of a field.
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.

        Returns:
            A bag of the same records.

        Raises:
            PlanError: `npartitions` is not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.

        >>> import bagkit as bk
        >>> b = bk.range(6, npartitions=3).partition_by(lambda x: x % 2, npartitions=1)
        >>> b.compute(scheduler="sync")
        [0, 2, 4, 1, 3, 5]
        """
        return self._then(ops.by_key("partition_by", key, ops.one_after_the_other, npartitions))

    def sort_by(
        self, key: Callable[[T_co], Any] | Field | None = None, reverse: bool = False, npartitions: int | None = None
    ) -> Bag[T_co]:
        """Put all records in order, over all partitions.

        Equal records keep their order, as in `sorted`, with `reverse` too.

        Args:
            key: What is compared: a function of a record, or the name or position of a field. None: the records
                themselves. It is looked up more than once for each record, so it should be cheap.
            reverse: Whether the largest come first.
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.

        Returns:
            A bag whose first partition has the first records, the second the next ones, and so on.

        Raises:
            PlanError: `reverse` is text, or `npartitions` is not a whole number from 1 up.
            TypeError: When the bag is computed: two records can't be compared.

        >>> import bagkit as bk
        >>> bk.from_sequence(["pear", "fig", "apple"], 2).sort_by(len).compute(scheduler="sync")
        ['fig', 'pear', 'apple']
        """
        if isinstance(reverse, str):
            raise PlanError(
                f"sort_by: reverse is {reverse!r}; expected True or False; hint: reverse=True for descending"
            )
        return self._then(ops.SortBy(key, bool(reverse), npartitions))

    @overload
    def join(self, other: Item[Iterable[U]] | Delayed[Iterable[U]] | Iterable[U],
             on_self: Callable[[T_co], Any] | Field, on_other: Callable[[U], Any] | Field | None = ...,
             how: Literal["inner"] = ..., npartitions: int | None = ...) -> Bag[tuple[U, T_co]]: ...  # fmt: skip
    @overload
    def join(self, other: Item[Iterable[U]] | Delayed[Iterable[U]] | Iterable[U],
             on_self: Callable[[T_co], Any] | Field, on_other: Callable[[U], Any] | Field | None = ..., *,
             how: Literal["left"], npartitions: int | None = ...) -> Bag[tuple[U | None, T_co]]: ...  # fmt: skip
    @overload
    def join(self, other: Item[Iterable[U]] | Delayed[Iterable[U]] | Iterable[U],
             on_self: Callable[[T_co], Any] | Field, on_other: Callable[[U], Any] | Field | None = ..., *,
             how: Literal["right"], npartitions: int | None = ...) -> Bag[tuple[U, T_co | None]]: ...  # fmt: skip
    @overload
    def join(self, other: Item[Iterable[U]] | Delayed[Iterable[U]] | Iterable[U],
             on_self: Callable[[T_co], Any] | Field, on_other: Callable[[U], Any] | Field | None = ..., *, how: ops.How,
             npartitions: int | None = ...) -> Bag[tuple[U | None, T_co | None]]: ...  # fmt: skip
    def join(
        self, other: Any, on_self: Any, on_other: Any = None, how: ops.How = "inner", npartitions: int | None = None
    ) -> Any:
        """Pair the records of this bag with the records of another that have the same key.

        If `other` is a bag of several partitions, or `how` is "right" or "outer", the records of both travel to other
        partitions by their keys. Otherwise each task holds all of `other`, which has to fit into memory, and the
        records of this bag keep their order and partitions.

        Args:
            other: A bag, an Item of a list, a delayed value, or anything that can be iterated over.
            on_self: The key of the records of this bag: a function of a record, or the name or position of a field.
            on_other: The key of the records of `other`, as for `on_self`. None: `on_self` serves both.
            how: "inner": only pairs. "left": also records of this bag without a partner; None takes its place. "right":
                also records of `other` without a partner. "outer": both.
            npartitions: How many partitions the result has. None: as many as this bag. A number from 1 up makes the
                records travel.

        Returns:
            A bag of `(record of other, record of this bag)`, in this order, as dask has it.

        Raises:
            PlanError: `how` is no such word, or `on_other` is one, `other` can't be iterated over, or `npartitions` is
                not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.
            GroupTooLargeError: When the bag is computed: the records of one key do not fit into memory.

        >>> import bagkit as bk
        >>> people = bk.from_sequence([("ada", 1), ("bob", 2), ("cy", 1)], 2)
        >>> people.join([(1, "London"), (2, "Paris")], on_self=1, on_other=0).compute(scheduler="sync")
        [((1, 'London'), ('ada', 1)), ((2, 'Paris'), ('bob', 2)), ((1, 'London'), ('cy', 1))]
        """
        on_other = on_self if on_other is None else on_other
        ops.check_how(how, on_other)
        op = ops.join_by(on_self, on_other, how, npartitions)
        plan = plan_of(other)
        if plan is None:
            if not isinstance(other, Iterable) and rows_of_table(type(other)) is None:
                raise PlanError(f"join: other is {other!r}; expected a bag, an item of a list, or a list of records")
            memory.check_records("join", other)
        spread = how in ("right", "outer") or npartitions is not None
        if plan is None and not spread:
            return self._bag(Plan(ops.Match(on_self, on_other, how, tuple(other)), (self.plan,))).flatten()
        if plan is not None and not spread and (plan.op.gives_value or plan.npartitions == 1):
            match = ops.Match(on_self, on_other, how)
            value = plan if plan.op.gives_value else Plan(ops.other_side(match), (plan,))
            return self._bag(Plan(match, (self.plan, value))).flatten()
        if plan is None:
            plan = Plan(memory.plan_sequence(other, None, 1))
        elif plan.op.gives_value:
            plan = Plan(calls.PartitionOf("join"), (plan,))
        return self._bag(Plan(op, (self.plan, plan)))

    @overload
    def group_by_key(self: Making[tuple[K, V]], npartitions: int | None = ...) -> Bag[tuple[K, list[V]]]: ...
    @overload
    def group_by_key(self: Making[Sequence[Any]], npartitions: int | None = ...) -> Bag[tuple[Any, list[Any]]]: ...
    def group_by_key(self, npartitions: int | None = None) -> Any:
        """Bring the values of each key together. The records are `(key, value)` pairs.

        Args:
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.

        Returns:
            A bag of `(key, list of its values)`. The values are in the order of the bag.

        Raises:
            PlanError: `npartitions` is not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.
            GroupTooLargeError: When the bag is computed: the values of one key do not fit into memory.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2), ("a", 3)], npartitions=1).group_by_key().compute(scheduler="sync")
        [('a', [1, 3]), ('b', [2])]
        """
        return self._then(ops.by_first_field("group_by_key", group.Gather(), calls.identity, npartitions))

    @overload
    def reduce_by_key(
        self: Making[tuple[K, V]], binop: Callable[[V, V], V], npartitions: int | None = ...
    ) -> Bag[tuple[K, V]]: ...
    @overload
    def reduce_by_key(
        self: Making[Sequence[Any]], binop: Callable[[Any, Any], V], npartitions: int | None = ...
    ) -> Bag[tuple[Any, V]]: ...
    def reduce_by_key(self, binop: Callable[[Any, Any], Any], npartitions: int | None = None) -> Any:
        """Reduce the values of each key with `binop`. The records are `(key, value)` pairs.

        Values are reduced in each task first, then across tasks, in order. So little travels between tasks.

        Args:
            binop: `binop(value, value)` returns one value for two. It must be associative, as addition is: `(a + b) +
                c` equals `a + (b + c)`.
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.

        Returns:
            A bag of `(key, value)`, each key once.

        Raises:
            PlanError: `binop` can't be called, or `npartitions` is not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([("a", 1), ("b", 2), ("a", 3)], npartitions=1)
        >>> b.reduce_by_key(lambda x, y: x + y).compute(scheduler="sync")
        [('a', 4), ('b', 2)]
        """
        return self._then(tables.reduce_by_key(binop, npartitions))

    @overload
    def aggregate_by_key(self: Making[tuple[K, V]], zero: A, seq: Callable[[A, V], A], comb: Callable[[A, A], A],
                         npartitions: int | None = ...) -> Bag[tuple[K, A]]: ...  # fmt: skip
    @overload
    def aggregate_by_key(self: Making[tuple[K, V]], zero: Empty, seq: Callable[[Any, V], U],
                         comb: Callable[[Any, Any], U],
                         npartitions: int | None = ...) -> Bag[tuple[K, U]]: ...  # fmt: skip
    @overload
    def aggregate_by_key(self: Making[Sequence[Any]], zero: Any, seq: Callable[[Any, Any], U],
                         comb: Callable[[Any, Any], U],
                         npartitions: int | None = ...) -> Bag[tuple[Any, U]]: ...  # fmt: skip
    def aggregate_by_key(
        self, zero: Any, seq: Callable[[Any, Any], Any], comb: Callable[[Any, Any], Any], npartitions: int | None = None
    ) -> Any:
        """Fold the values of each key to a total. The records are `(key, value)` pairs.

        Args:
            zero: The total that each key starts from in each task. It is copied, so `seq` may change it. It must be
                neutral for `comb`: 0 for a sum, an empty list for a concatenation.
            seq: `seq(total, value)` returns the new total.
            comb: `comb(total, total)` merges the totals of two tasks.
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.

        Returns:
            A bag of `(key, total)`, each key once.

        Raises:
            PlanError: `seq` or `comb` can't be called, or `npartitions` is not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([("a", "x"), ("b", "yy"), ("a", "zzz")], npartitions=1)
        >>> b.aggregate_by_key(0, lambda n, text: n + len(text), lambda n, m: n + m).compute(scheduler="sync")
        [('a', 4), ('b', 2)]
        """
        zero = starting_value("aggregate_by_key", "zero", zero)
        return self._then(tables.aggregate_by_key(zero, seq, comb, npartitions))

    def cogroup(self, *others: Bag[Any], npartitions: int | None = None) -> Bag[tuple[Any, tuple[list[Any], ...]]]:
        """Bring the values of each key together, side by side for several bags of `(key, value)` pairs.

        Args:
            *others: The other bags, each of `(key, value)` pairs.
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.

        Returns:
            A bag of `(key, (values here, values in the next bag, ...))`. A key is there if any of the bags has it; the
            values are lists.

        Raises:
            PlanError: One of `others` is not a bag, or `npartitions` is not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.

        >>> import bagkit as bk
        >>> ages, towns = bk.from_sequence([("ada", 36), ("bob", 5)], 2), bk.from_sequence([("ada", "London")])
        >>> ages.cogroup(towns).compute(scheduler="sync")
        [('ada', ([36], ['London'])), ('bob', ([5], []))]
        """
        inputs = len(others) + 1
        sides = group.GatherSides(inputs)
        op = ops.by_first_field("cogroup", sides, ops.keys_with_sides, npartitions, inputs)
        return self._with_others(op, others)

    def intersection(self, other: Bag[Any], npartitions: int | None = None) -> Bag[T_co]:
        """Keep the records that are in the other bag too, each once.

        Args:
            other: The other bag.
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.

        Returns:
            A bag of records that all differ.

        Raises:
            PlanError: `other` is not a bag, or `npartitions` is not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.

        >>> import bagkit as bk
        >>> bk.from_sequence([3, 1, 3]).intersection(bk.from_sequence([2, 3]), npartitions=1).compute(scheduler="sync")
        [3]
        """
        return self._with_others(self._chosen("intersection", True, npartitions), (other,))

    def subtract(self, other: Bag[Any], npartitions: int | None = None) -> Bag[T_co]:
        """Drop the records that are in the other bag.

        Args:
            other: The other bag.
            npartitions: How many partitions the result has: a number from 1 up. None: as many as this bag. Give fewer
                where few keys are left, more where the partitions grow too large.

        Returns:
            A bag of the records that are left. Repeated records stay, one after the other.

        Raises:
            PlanError: `other` is not a bag, or `npartitions` is not a whole number from 1 up.
            UnstableKeyError: When the bag is computed: a key can't be told from others in another process, because
                bagkit does not know when two of its type are equal.

        >>> import bagkit as bk
        >>> bk.from_sequence([3, 1, 2, 3], 4).subtract(bk.from_sequence([1])).compute(scheduler="sync")
        [3, 3, 2]
        """
        return self._with_others(self._chosen("subtract", False, npartitions), (other,))

    @staticmethod
    def _chosen(name: str, in_both: bool, npartitions: int | None) -> ops.ByKey:
        return ops.of_two(name, ops.Chosen(in_both), npartitions)

    def union(self, *others: Bag[U]) -> Bag[T_co | U]:
        """Put the partitions of other bags behind the partitions of this one: `bagkit.concat` as a method.

        Args:
            *others: The other bags.

        Returns:
            A bag of the records of all the bags. Repeated records stay.

        Raises:
            PlanError: One of `others` is not a bag.

        >>> import bagkit as bk
        >>> bk.range(2, 1).union(bk.range(3, 1)).compute(scheduler="sync")
        [0, 1, 0, 1, 2]
        """
        return self._with_others(Concat(), others, name="union")

    def _with_others(self, op: Any, others: tuple[Any, ...], name: str = "") -> Bag[Any]:
        plans = [bag_plan(name or op.name, other) for other in others]
        return self._bag(Plan(op, (self.plan, *plans)))
