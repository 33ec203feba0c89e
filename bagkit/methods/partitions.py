"""Methods that work on whole partitions; `bag.partitions`: some of a bag's partitions, by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, TypeVar, cast, overload

from bagkit.errors import PlanError
from bagkit.front_doors import front_doors
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import Operands
from bagkit.methods.making import Making, T_co
from bagkit.ops.elementwise import MapPartitions
from bagkit.ops.regroup import Partitions, Pick, Repartition, Shard
from bagkit.plan.node import Plan, walk
from bagkit.signatures import BY_NAME, given_function, whole_number

if TYPE_CHECKING:
    from bagkit.bag import Bag
    from bagkit.ops import sequences as ops
    from bagkit.signatures import HasDefault, OnlyAny
else:
    ops = Lazily("bagkit.ops.sequences")

K = TypeVar("K")
U = TypeVar("U")
V = TypeVar("V")


class PartitionWise(Making[T_co]):
    """Methods that work on whole partitions."""

    __slots__ = ()

    @overload
    def map_partitions(self, func: Callable[[list[T_co]], OnlyAny], /) -> Bag[Any]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co]], bytes], /) -> Bag[bytes]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co]], dict[K, V]], /) -> Bag[dict[K, V]]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co]], Iterable[U]], /) -> Bag[U]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co]], U], /) -> Bag[U]: ...
    @overload
    def map_partitions(self, func: HasDefault[list[T_co], Any], /, *args: Any, **kwargs: Any) -> Bag[Any]: ...
    @overload
    def map_partitions(self, func: Callable[[list[T_co], Any], Any], /, *args: Any, **kwargs: Any) -> Bag[Any]: ...
    @overload
    def map_partitions(  # type: ignore[overload-cannot-match]  # of lambdas the one before matches
        self, func: Callable[Concatenate[list[T_co], ...], Any], /, *args: Any, **kwargs: Any
    ) -> Bag[Any]: ...
    @overload
    def map_partitions(self, *, func: Callable[..., Any], **kwargs: Any) -> Bag[Any]: ...
    def map_partitions(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # func has a name too
        """Call `func` once for each partition, with the list of its records.

        Args:
            func: The function to call. A partition has to fit into memory for it. Can also be given by name, as
                `func=`.
            *args: Further arguments of `func`: plain values; Items and delayed values, which are computed first; or
                bags with as many partitions: `func` gets the list of the same partition's records.
            **kwargs: The same, by name.

        Returns:
            A bag with as many partitions. Where `func` returns a list, a generator or another iterable, its elements
            are the records. Text, bytes, a dict or a single value is one record.

        Raises:
            PlanError: `func` can't be called, or another bag has a different number of partitions.

        >>> import bagkit as bk
        >>> b = bk.range(5, npartitions=2)
        >>> b.map_partitions(sum).compute(scheduler="sync")
        [1, 9]
        >>> b.map_partitions(lambda records, n: records[:n], 1).compute(scheduler="sync")
        [0, 2]
        """
        func = given_function("map_partitions", func, kwargs)
        operands = self._operands("map_partitions", args, kwargs)
        if not operands.changed:
            return self._then(MapPartitions(func, args, kwargs))
        return self._bag(operands.call(func))

    def map_partitions_with_info(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Bag[Any]:
        """Call `func` once for each partition, with the list of its records and which partition it is.

        Args:
            func: The function to call: `func(records, info, ...)`. `info` has `index` (counted from 0), `npartitions`,
                and `paths`, the files that the partition is read from. Can also be given by name, as `func=`.
            *args: Further arguments of `func`: plain values; Items and delayed values, which are computed first.
            **kwargs: The same, by name.

        Returns:
            A bag with as many partitions, of what `func` returns, as for `map_partitions`.

        Raises:
            PlanError: `func` can't be called, or an argument is a bag.

        >>> import bagkit as bk
        >>> b = bk.range(5, npartitions=2)
        >>> b.map_partitions_with_info(lambda records, info: [(info.index, len(records))]).compute(scheduler="sync")
        [(0, 2), (1, 3)]
        """
        func = given_function("map_partitions_with_info", func, kwargs)
        operands = Operands("map_partitions_with_info", args, kwargs, bags=False)
        return self._with_info(ops.MapPartitionsWithInfo(func, operands.args, operands.kwargs), *operands.plans)

    def glom(self) -> Bag[list[T_co]]:
        """Make one list of each partition.

        Returns:
            A bag with one record for each partition: the list of its records.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).glom().compute(scheduler="sync")
        [[0, 1], [2, 3, 4]]
        """
        return self._then(ops.Glom())

    def batch(self, n: int) -> Bag[list[T_co]]:
        """Gather the records of each partition into lists of `n`.

        Args:
            n: How many records a list holds, from 1 up. The last list of a partition holds what is left over.

        Returns:
            A bag of lists, in order and in the same partitions.

        Raises:
            PlanError: `n` is not a whole number from 1 up.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=1).batch(2).compute(scheduler="sync")
        [[0, 1], [2, 3], [4]]
        """
        return self._then(ops.Batch(n))

    def pipe(self, command: str | Sequence[str], check: bool = True) -> Bag[str]:
        """Send the records of each partition through a program, as lines.

        The program runs once for each partition. It reads the records from its standard input, and what it writes to
        its standard output are the new records.

        Args:
            command: A line for the shell, such as `"sort -u"`, or a list of the program and its arguments. The records
                are text; a record without a line end gets one.
            check: Whether an exit status other than 0 is an error. Set it to False for programs such as grep, which end
                with 1 where they find nothing.

        Returns:
            A bag of the lines that the program writes, with their line ends, decoded as UTF-8.

        Raises:
            PlanError: `command` is neither text nor a list of texts.
            subprocess.CalledProcessError: When the bag is computed: the program failed.

        >>> import bagkit as bk
        >>> bk.from_sequence(["b", "a"], npartitions=1).pipe("sort").compute(scheduler="sync")
        ['a\\n', 'b\\n']
        """
        return self._then(ops.Pipe(command, bool(check)))

    def repartition(self, npartitions: int | None = None, partition_size: int | str | None = None) -> Bag[T_co]:
        """Join or split partitions. The order of the records stays.

        Give one of the two arguments.

        Args:
            npartitions: How many partitions there are to be, from 1 up. Fewer than now: neighbours are joined. More:
                each is split evenly.
            partition_size: How many bytes of memory a partition is to take: a number, or text such as "64 MiB". To find
                out how many partitions that makes, the bag is computed at once.

        Returns:
            A bag of the same records in other partitions; this bag, if it has as many already and is no shard.

        Raises:
            PlanError: Both arguments are given, or neither, or `npartitions` is not a whole number from 1 up.
            OptionError: `partition_size` is not a size.

        >>> import bagkit as bk
        >>> bk.range(6, npartitions=6).repartition(2).map_partitions(list).glom().compute(scheduler="sync")
        [[0, 1, 2], [3, 4, 5]]
        """
        if (npartitions is None) == (partition_size is None):
            raise PlanError("repartition: expected either npartitions or partition_size, and not both")
        if partition_size is not None:
            from bagkit.sizes import partitions_for

            npartitions = partitions_for(self, partition_size)
        assert npartitions is not None
        plan = Plan(Repartition(npartitions), (self.plan,))
        bag: Any = self
        # Partitions of a shard have the numbers that they have in the whole bag: new ones have others, in every shard.
        return self._bag(plan) if npartitions != bag.npartitions or _is_of_shard(self.plan) else bag

    @property
    def partitions(self) -> PartitionsOf[T_co]:
        """The partitions, to be picked by number: each pick is a bag.

        An index, a slice or a list of indexes picks; negative ones count from the end. `len(bag.partitions)` is their
        number, and a loop over `bag.partitions` gives a bag for each.

        >>> import bagkit as bk
        >>> b = bk.range(6, npartitions=3)
        >>> b.partitions[1].compute(scheduler="sync"), b.partitions[::2].compute(scheduler="sync")
        ([2, 3], [0, 1, 4, 5])
        """
        return PartitionsOf(self)

    def partitions_apart(self) -> list[Bag[T_co]]:
        """Make a bag of each partition.

        Returns:
            A list of bags of one partition each.

        >>> import bagkit as bk
        >>> [part.compute(scheduler="sync") for part in bk.range(3, npartitions=2).partitions_apart()]
        [[0], [1, 2]]
        """
        return [self._bag(Plan(Partitions(n, n + 1), (self.plan,))) for n in range(self.npartitions)]


@front_doors
class PartitionsOf(Generic[T_co]):
    """The partitions of a bag: `[3]`, `[1:4]` and `[[5, 0]]` pick some, `len` counts them, a loop goes over them.

    >>> import bagkit as bk
    >>> parts = bk.range(6, npartitions=3).partitions
    >>> len(parts), parts[[2, 0]].compute(scheduler="sync")
    (3, [4, 5, 0, 1])
    """

    __slots__ = ("_bag",)

    def __init__(self, bag: Making[T_co]) -> None:
        self._bag = bag

    def __len__(self) -> int:
        return self._bag.npartitions

    def __iter__(self) -> Iterator[Bag[T_co]]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, index: int | slice | list[int] | tuple[int, ...] | range) -> Bag[T_co]:
        """Pick partitions.

        Args:
            index: The number of a partition, a slice, or a list of numbers. They count from 0, negative ones from the
                end.

        Returns:
            A bag of those partitions, in the order in which they are picked.

        Raises:
            IndexError: No partition has that number.
            PlanError: `index` picks none, or is nothing of the above.

        >>> import bagkit as bk
        >>> bk.range(6, npartitions=3).partitions[1:].compute(scheduler="sync")
        [2, 3, 4, 5]
        """
        numbers, given = range(len(self)), cast(Any, index)
        if isinstance(index, slice):
            picked = list(numbers[index])
        elif type(index) in (list, tuple, range):
            picked = [self._number(number) for number in given]
        else:
            picked = [self._number(index)]
        if not picked:
            raise PlanError(f"partitions[{index!r}]: picks none of {len(self)}; expected one partition or more")
        if picked == list(range(picked[0], picked[-1] + 1)):
            return self._bag._then(Partitions(picked[0], picked[-1] + 1))
        return self._bag._then(Pick(tuple(picked)))

    def _number(self, index: Any) -> int:
        number = whole_number(index)
        if number is None:
            raise PlanError(f"partitions[{index!r}]: expected a number, a slice, or a list of numbers")
        if not -len(self) <= number < len(self):
            raise IndexError(f"partitions[{number}]: the bag has {len(self)} partitions, numbered from 0")
        return range(len(self))[number]

    def __repr__(self) -> str:
        return f"<the {len(self)} partitions of a bag>"


def _is_of_shard(plan: Plan) -> bool:
    return any(isinstance(each.op, Shard) for each in walk(plan))
