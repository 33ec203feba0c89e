"""Methods that bring records of one key together, or put all in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from bagkit.errors import PlanError
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import bag_plan, plan_of
from bagkit.methods.making import Making, T_co
from bagkit.ops.functions import rows_of_table
from bagkit.ops.regroup import Concat
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.io.input import memory
    from bagkit.item import Item
    from bagkit.kernels import group
    from bagkit.lazy.delayed_values import Delayed
    from bagkit.ops import calls, tables
    from bagkit.ops import grouping as ops
    from bagkit.signatures import Empty, Field
else:
    ops = Lazily("bagkit.ops.grouping")
    group = Lazily("bagkit.kernels.group")
    calls = Lazily("bagkit.ops.calls")
    tables = Lazily("bagkit.ops.tables")
    memory = Lazily("bagkit.io.input.memory")


A = TypeVar("A")
K = TypeVar("K")
U = TypeVar("U")
V = TypeVar("V")


class Grouping(Making[T_co]):
    """Methods that bring records of one key together, or put all in order.

    They work on more than fits into memory: what a task can't hold waits on disk. Equal keys meet whatever their types
    (1, 1.0 and True are one key), all NaN are one key, and keys come in the order in which they are first seen.
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
        """Return the bag of `(key, list of the records of that key)`, in `npartitions`, or in as many as there are.

        `grouper` is a function, or a key of the records. The records of a group are in the order of the bag. `foldby`
        is faster where the groups themselves are not needed. `method`, `blocksize`, `max_branch` and `shuffle` steer
        dask's ways of doing it, and have no effect here.

        Computing it raises UnstableKeyError for a key that can't be told from others in another process, and
        GroupTooLargeError where the records of one key do not fit into memory.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).groupby(lambda x: x % 2, npartitions=1).compute(scheduler="sync")
        [(0, [0, 2, 4]), (1, [1, 3])]
        """
        ops.check_method(grouper, method)
        return self._then(ops.by_key("groupby", grouper, ops.as_they_are, npartitions))

    def partition_by(self, key: Callable[[T_co], Any] | Field, npartitions: int | None = None) -> Bag[T_co]:
        """Return the bag with all records of a key in the same partition, one after the other; for map_partitions.

        >>> import bagkit as bk
        >>> b = bk.range(6, npartitions=3).partition_by(lambda x: x % 2, npartitions=1)
        >>> b.compute(scheduler="sync")
        [0, 2, 4, 1, 3, 5]
        """
        return self._then(ops.by_key("partition_by", key, ops.one_after_the_other, npartitions))

    def sort_by(
        self, key: Callable[[T_co], Any] | Field | None = None, reverse: bool = False, npartitions: int | None = None
    ) -> Bag[T_co]:
        """Return the bag with all records in order, over all partitions: those of the first come first.

        `key` is a function, or a key of the records; without one records are compared themselves. Equal ones keep their
        order, also with `reverse`, as in `sorted`. The key is taken more than once of each record.

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
        """Return the bag of `(record of other, record of this bag)` for all pairs whose keys are equal.

        `other` is a bag, an item of a list, or anything that can be iterated over. `on_self` and `on_other` are
        functions, or keys of records; one serves both if there is only one. With `how="left"` each record of this bag
        is there, with `None` as its other if it has none; with `how="right"` each of the other; with "outer" both.

        If `other` is a bag of several partitions, or how is "right" or "outer", records go to `npartitions` partitions
        by their keys. Otherwise each task holds all of `other`, and the records of this bag keep their order.

        >>> import bagkit as bk
        >>> people = bk.from_sequence([("ada", 1), ("bob", 2), ("cy", 1)], 2)
        >>> people.join([(1, "London"), (2, "Paris")], on_self=1, on_other=0).compute(scheduler="sync")
        [((1, 'London'), ('ada', 1)), ((2, 'Paris'), ('bob', 2)), ((1, 'London'), ('cy', 1))]
        """
        on_other = on_self if on_other is None else on_other
        ops.check_how(how)
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
            value = plan if plan.op.gives_value else Plan(ops.all_records(), (plan,))
            return self._bag(Plan(ops.Match(on_self, on_other, how), (self.plan, value))).flatten()
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
        """Return the bag of `(key, list of its values)` of a bag of `(key, value)`.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2), ("a", 3)], npartitions=1).group_by_key().compute(scheduler="sync")
        [('a', [1, 3]), ('b', [2])]
        """
        return self._then(ops.by_first_field("group_by_key", group.Gather(), ops.as_they_are, npartitions))

    @overload
    def reduce_by_key(
        self: Making[tuple[K, V]], binop: Callable[[V, V], V], npartitions: int | None = ...
    ) -> Bag[tuple[K, V]]: ...
    @overload
    def reduce_by_key(
        self: Making[Sequence[Any]], binop: Callable[[Any, Any], V], npartitions: int | None = ...
    ) -> Bag[tuple[Any, V]]: ...
    def reduce_by_key(self, binop: Callable[[Any, Any], Any], npartitions: int | None = None) -> Any:
        """Return the bag of `(key, its values reduced by binop)` of a bag of `(key, value)`.

        `binop` must be associative: values are reduced in each task first, then across tasks, in order.

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
        """Return the bag of `(key, its values folded by seq from zero, those results merged by comb)`.

        `zero` starts each key in each task, and is copied; it must change nothing that it is merged with.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([("a", "x"), ("b", "yy"), ("a", "zzz")], npartitions=1)
        >>> b.aggregate_by_key(0, lambda n, text: n + len(text), lambda n, m: n + m).compute(scheduler="sync")
        [('a', 4), ('b', 2)]
        """
        return self._then(tables.aggregate_by_key(zero, seq, comb, npartitions))

    def cogroup(self, *others: Bag[Any], npartitions: int | None = None) -> Bag[tuple[Any, tuple[list[Any], ...]]]:
        """Return the bag of `(key, (values here, values in the next bag, ...))` of bags of `(key, value)`.

        A key is there if any of the bags has it. The number of partitions is that of this bag unless given.

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
        """Return the bag of the records that are in both bags, each once."""
        return self._with_others(self._chosen("intersection", True, npartitions), (other,))

    def subtract(self, other: Bag[Any], npartitions: int | None = None) -> Bag[T_co]:
        """Return the bag of the records that are not in `other`; equal ones come one after the other.

        >>> import bagkit as bk
        >>> bk.from_sequence([3, 1, 2, 3], 4).subtract(bk.from_sequence([1])).compute(scheduler="sync")
        [3, 3, 2]
        """
        return self._with_others(self._chosen("subtract", False, npartitions), (other,))

    @staticmethod
    def _chosen(name: str, in_both: bool, npartitions: int | None) -> ops.ByKey:
        return ops.of_two(name, ops.Chosen(in_both), npartitions)

    def union(self, *others: Bag[U]) -> Bag[T_co | U]:
        """Return the bag of the records of all the bags, repetitions kept: `concat` as a method.

        >>> import bagkit as bk
        >>> bk.range(2, 1).union(bk.range(3, 1)).compute(scheduler="sync")
        [0, 1, 0, 1, 2]
        """
        return self._with_others(Concat(), others, name="union")

    def _with_others(self, op: Any, others: tuple[Any, ...], name: str = "") -> Bag[Any]:
        plans = [bag_plan(name or op.name, other) for other in others]
        return self._bag(Plan(op, (self.plan, *plans)))
