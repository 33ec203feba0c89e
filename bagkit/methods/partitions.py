"""Methods that work on whole partitions; `bag.partitions`: some of a bag's partitions, by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, TypeVar, cast, overload

from bagkit.errors import PlanError
from bagkit.front_doors import front_doors
from bagkit.lazily import Lazily
from bagkit.lazy.arguments import holds_plan, plan_arguments
from bagkit.methods.making import Making, T_co
from bagkit.ops.elementwise import MapPartitions
from bagkit.ops.regroup import Partitions, Pick, Repartition
from bagkit.plan.node import Plan
from bagkit.signatures import BY_NAME, given_function

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
    def map_partitions(  # type: ignore[overload-cannot-match]
        self, func: Callable[Concatenate[list[T_co], ...], Any], /, *args: Any, **kwargs: Any
    ) -> Bag[Any]: ...
    @overload
    def map_partitions(self, *, func: Callable[..., Any], **kwargs: Any) -> Bag[Any]: ...
    def map_partitions(self, func: Callable[..., Any] = BY_NAME, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]
        """Return the bag of what `func` returns for the list of each partition's records.

        What can be iterated gives its elements; text, a dict and a single value are one record.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).map_partitions(sum).compute(scheduler="sync")
        [1, 9]
        """
        func = given_function("map_partitions", func, kwargs)
        if not any(map(holds_plan, (*args, *kwargs.values()))):
            return self._then(MapPartitions(func, args, kwargs))
        return self._paired("map_partitions", func, args, kwargs)

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

    def glom(self) -> Bag[list[T_co]]:
        """Return the bag of one list for each partition.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).glom().compute(scheduler="sync")
        [[0, 1], [2, 3, 4]]
        """
        return self._then(ops.Glom())

    def batch(self, n: int) -> Bag[list[T_co]]:
        """Return the bag of lists of `n` records of a partition; the last of each partition may be shorter.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=1).batch(2).compute(scheduler="sync")
        [[0, 1], [2, 3], [4]]
        """
        return self._then(ops.Batch(n))

    def pipe(self, command: str | Sequence[str], check: bool = True) -> Bag[str]:
        """Return the bag of the lines that a program writes, run once for each partition, given its records as lines.

        `command` is for the shell, or a list of words. Records are text, each a line with or without its end; lines
        come out with theirs, as UTF-8. With `check`, another exit status than 0 is a `subprocess.CalledProcessError`.

        >>> import bagkit as bk
        >>> bk.from_sequence(["b", "a"], npartitions=1).pipe("sort").compute(scheduler="sync")
        ['a\\n', 'b\\n']
        """
        return self._then(ops.Pipe(command if isinstance(command, str) else tuple(command), bool(check)))

    def repartition(self, npartitions: int | None = None, partition_size: int | str | None = None) -> Bag[T_co]:
        """Return the bag in `npartitions` partitions: neighbours joined, or each split evenly; order is kept.

        With `partition_size`, the bytes of memory that a partition is to take, the bag is computed to see how many
        partitions that makes.
        """
        if (npartitions is None) == (partition_size is None):
            raise PlanError("repartition: expected either npartitions or partition_size, and not both")
        if partition_size is not None:
            from bagkit.sizes import partitions_for

            npartitions = partitions_for(self, partition_size)
        assert npartitions is not None
        return self._bag(Plan(Repartition(npartitions), (self.plan,)))

    @property
    def partitions(self) -> PartitionsOf[T_co]:
        """The partitions, to be picked by number: each pick is a bag.

        >>> import bagkit as bk
        >>> b = bk.range(6, npartitions=3)
        >>> b.partitions[1].compute(scheduler="sync"), b.partitions[::2].compute(scheduler="sync")
        ([2, 3], [0, 1, 4, 5])
        """
        return PartitionsOf(self)

    def partitions_apart(self) -> list[Bag[T_co]]:
        """Return the bags of one partition each that make up this one."""
        return [self._bag(Plan(Partitions(n, n + 1), (self.plan,))) for n in range(self.npartitions)]


@front_doors
class PartitionsOf(Generic[T_co]):
    """The partitions of a bag: `[3]`, `[1:4]`, `[[5, 0]]` give bags, `len` and iteration what they say."""

    __slots__ = ("_bag",)

    def __init__(self, bag: Making[T_co]) -> None:
        self._bag = bag

    def __len__(self) -> int:
        return self._bag.npartitions

    def __iter__(self) -> Iterator[Bag[T_co]]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, index: int | slice | list[int] | tuple[int, ...] | range) -> Bag[T_co]:
        """Return the bag of the partition with that number, or of those of a slice, or of a list of numbers.

        Raises IndexError for a number that no partition has, PlanError for what picks none.
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
        if type(index) is not int:
            raise PlanError(f"partitions[{index!r}]: expected a number, a slice, or a list of numbers")
        if not -len(self) <= index < len(self):
            raise IndexError(f"partitions[{index}]: the bag has {len(self)} partitions, numbered from 0")
        return range(len(self))[index]

    def __repr__(self) -> str:
        return f"<the {len(self)} partitions of a bag>"
