"""Methods that see the records of a bag as a sequence, or its partitions one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, TypeVar, overload

from bagkit.arguments import BY_NAME, bag_plan, given_function, plan_arguments
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.methods.partitions import PartitionsOf
from bagkit.ops.elementwise import Pluck
from bagkit.ops.regroup import Pick
from bagkit.plan.node import Plan
from bagkit.sentinels import NOT_GIVEN

if TYPE_CHECKING:
    from bagkit.arguments import Empty, HasDefault
    from bagkit.bag import Bag
    from bagkit.io.input import partition_info
    from bagkit.ops import pairs
    from bagkit.ops import sequences as ops
else:
    ops = Lazily("bagkit.ops.sequences")
    partition_info = Lazily("bagkit.io.input.partition_info")
    pairs = Lazily("bagkit.ops.pairs")


A = TypeVar("A")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")
P = ParamSpec("P")


class Sequences(Making[T_co]):
    """Methods that see the records of a bag as a sequence, or its partitions one by one."""

    __slots__ = ()

    # Several bags, and several of one ---------------------------------------------------------------------------------

    def product(self, other: Bag[U]) -> Bag[tuple[T_co, U]]:
        """Return the bag of each record with each of `other`, in as many partitions as there are pairs of partitions.

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
        """Return `n` bags: of the first elements of all records, of the second ones, and so on.

        >>> import bagkit as bk
        >>> names, ages = bk.from_sequence([("Ada", 36), ("Bob", 41)]).unzip(2)
        >>> ages.compute(scheduler="sync")
        [36, 41]
        """
        ops.check_count("unzip", "n", n)
        return tuple(self._then(Pluck(number)) for number in range(n))

    # Record by record -------------------------------------------------------------------------------------------------

    @overload
    def flat_map(self, func: Callable[[T_co], Iterable[U]], /) -> Bag[U]: ...
    @overload
    def flat_map(
        self, func: Callable[Concatenate[T_co, P], Iterable[U]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Bag[U]: ...
    @overload
    def flat_map(self, func: HasDefault[T_co, Iterable[U]], /, *args: Any, **kwargs: Any) -> Bag[U]: ...
    @overload
    def flat_map(self, func: Callable[[T_co, Any], Iterable[U]], /, *args: Any, **kwargs: Any) -> Bag[U]: ...
    @overload
    def flat_map(  # type: ignore[overload-cannot-match]
        self, func: Callable[Concatenate[T_co, ...], Iterable[U]], /, *args: Any, **kwargs: Any
    ) -> Bag[U]: ...
    @overload
    def flat_map(self, *, func: Callable[..., Iterable[U]], **kwargs: Any) -> Bag[U]: ...
    def flat_map(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Return the bag of the elements of what `func` returns for each record: `map(...)`, then `flatten()`.

        >>> import bagkit as bk
        >>> bk.from_sequence(["a b", "c"]).flat_map(str.split).compute(scheduler="sync")
        ['a', 'b', 'c']
        """
        bag: Any = self
        return bag.map(func, *args, **kwargs).flatten()

    def tap(self, func: Callable[[T_co], object]) -> Bag[T_co]:
        """Return this bag, which calls `func` with each record on its way: where the task runs, each time it runs.

        >>> import bagkit as bk
        >>> bk.from_sequence([1, 2]).tap(print).map(str).compute(scheduler="sync")
        1
        2
        ['1', '2']
        """
        return self._then(pairs.Tap(func))

    def peek(self, n: int = 5) -> Bag[T_co]:
        """Return this bag, which writes the first `n` records of each partition to standard error as they pass by.

        >>> import bagkit as bk
        >>> bk.range(4, npartitions=2).peek(1).sum().compute(scheduler="sync")
        6
        """
        return self._with_info(ops.Peek(n))

    # Across partitions ------------------------------------------------------------------------------------------------

    @overload
    def accumulate(self: Making[A], binop: Callable[[A, A], A]) -> Bag[A]: ...
    @overload
    def accumulate(self, binop: Callable[[A, T_co], A], initial: A) -> Bag[A]: ...
    @overload
    def accumulate(self, binop: Callable[[Any, T_co], U], initial: Empty) -> Bag[U]: ...
    def accumulate(self, binop: Callable[[Any, Any], Any], initial: Any = NOT_GIVEN) -> Any:
        """Return the bag of what `binop` makes of all records up to each, as itertools.accumulate does.

        With `initial` that is the first record. A partition is done after those before it.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([1, 2, 3, 4, 5], npartitions=2)
        >>> b.accumulate(lambda total, x: total + x).compute(scheduler="sync")
        [1, 3, 6, 10, 15]
        >>> b.accumulate(lambda total, x: total + x, initial=-1).compute(scheduler="sync")
        [-1, 0, 2, 5, 9, 14]
        """
        return self._then(ops.Accumulate(binop, initial))

    def zip_with_index(self) -> Bag[tuple[T_co, int]]:
        """Return the bag of `(record, its number in the whole bag)`, counted from 0.

        With several partitions, those are counted first; their records are kept meanwhile, not read twice.

        >>> import bagkit as bk
        >>> bk.from_sequence("abc", npartitions=2).zip_with_index().compute(scheduler="sync")
        [('a', 0), ('b', 1), ('c', 2)]
        """
        starts = [] if self.npartitions == 1 else [Plan(ops.starts_row(), (self.plan,))]
        return self._with_info(ops.WithIndex(), *starts)

    def window(self, n: int, step: int = 1) -> Bag[tuple[T_co, ...]]:
        """Return the bag of each `n` neighbours as a tuple, across partitions, the next window `step` records on.

        What is left over at the end, fewer than `n` records, is in no window of its own.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).window(3).compute(scheduler="sync")
        [(0, 1, 2), (1, 2, 3), (2, 3, 4)]
        """
        op = ops.Window(n, step)
        edges = [] if self.npartitions == 1 else [Plan(ops.edges_row(n, step), (self.plan,))]
        return self._with_info(op, *edges)

    # Partitions -------------------------------------------------------------------------------------------------------

    def batch(self, n: int) -> Bag[list[T_co]]:
        """Return the bag of lists of `n` records of a partition; the last of each partition may be shorter.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=1).batch(2).compute(scheduler="sync")
        [[0, 1], [2, 3], [4]]
        """
        return self._then(ops.Batch(n))

    def glom(self) -> Bag[list[T_co]]:
        """Return the bag of one list for each partition.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).glom().compute(scheduler="sync")
        [[0, 1], [2, 3, 4]]
        """
        return self._then(ops.Glom())

    @property
    def partitions(self) -> PartitionsOf[T_co]:
        """The partitions, to be picked by number: each pick is a bag.

        >>> import bagkit as bk
        >>> b = bk.range(6, npartitions=3)
        >>> b.partitions[1].compute(scheduler="sync"), b.partitions[::2].compute(scheduler="sync")
        ([2, 3], [0, 1, 4, 5])
        """
        return PartitionsOf(self)

    def map_partitions_with_info(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Bag[Any]:
        """Return the bag of what `func(records, info, ...)` returns for each partition, as map_partitions does.

        `info` has `index` (from 0), `npartitions`, and `paths`, the files that the partition is read from. Other
        arguments can be items.

        >>> import bagkit as bk
        >>> b = bk.range(5, npartitions=2)
        >>> b.map_partitions_with_info(lambda records, info: [(info.index, len(records))]).compute(scheduler="sync")
        [(0, 2), (1, 3)]
        """
        func = given_function("map_partitions_with_info", func, kwargs)
        plans, args, kwargs = plan_arguments("map_partitions_with_info", args, kwargs, bags=False)
        return self._with_info(ops.MapPartitionsWithInfo(func, args, kwargs), *plans.values)

    def pipe(self, command: str | Sequence[str], check: bool = True) -> Bag[str]:
        """Return the bag of the lines that a program writes, run once for each partition, given its records as lines.

        `command` is for the shell, or a list of words. Records are text, each a line with or without its end; lines
        come out with theirs, as UTF-8. With `check`, another exit status than 0 is a `subprocess.CalledProcessError`.

        >>> import bagkit as bk
        >>> bk.from_sequence(["b", "a"], npartitions=1).pipe("sort").compute(scheduler="sync")
        ['a\\n', 'b\\n']
        """
        return self._then(ops.Pipe(command if isinstance(command, str) else tuple(command), bool(check)))

    def _with_info(self, op: Any, *values: Plan) -> Bag[Any]:
        """Return the bag of a pairing of this bag's records with the PartitionInfo of each partition."""
        return self._bag(Plan(op, (self.plan, partition_info.with_info(self.plan), *values)))
