"""Operations that see the records of a bag as a sequence, or its partitions one by one.

Those that need to know which partition they are at are pairings with a bag of PartitionInfos.
"""

from __future__ import annotations

import contextlib
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from functools import cache, partial
from itertools import accumulate, chain, count, islice, repeat
from typing import Any

from bagkit.errors import MismatchError, PlanError, one_line
from bagkit.exchange import fold
from bagkit.flow.replay import reading
from bagkit.flow.takings import UntilEnough
from bagkit.light_classes import dataclass
from bagkit.ops._pipe import piped
from bagkit.ops.elementwise import partition_result
from bagkit.ops.functions import OfFunction, check_callable, function_label
from bagkit.ops.pairing import the_same_count
from bagkit.ops.reductions import Row, accumulating, joined
from bagkit.plan.kinds import OnRecords, Pairing, PerPartition, Scan, Taking
from bagkit.plan.template import fill_arguments
from bagkit.sentinels import EMPTY, NOT_GIVEN
from bagkit.signatures import checked_count

# Several bags -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Zip(Pairing):
    """`zip(*bags)`: tuples of the records that stand at the same place in each bag."""

    bags: int

    per_record = "one"
    label = "zip"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        try:
            return the_same_count("zip", inputs)
        except PlanError as error:
            raise MismatchError(str(error)) from None

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        return zip


@dataclass(frozen=True)
class Product(Pairing):
    """Each record of one partition with each of another."""

    bags = 2
    read_first = 1
    per_record = "many"
    can_raise = False
    label = "product"

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        (others,) = read
        return lambda records: map(zip, map(repeat, records), repeat(others))


# Across partitions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Accumulate(Scan):
    """`accumulate(binop, initial)`: what the function makes of all records up to each."""

    binop: Callable[[Any, Any], Any]
    initial: Any = NOT_GIVEN

    per_record = "one"

    def __post_init__(self) -> None:
        check_callable("accumulate", self.binop)

    @property
    def label(self) -> str:
        return f"accumulate({function_label(self.binop)})"

    def user_functions(self) -> tuple[Any, ...]:
        return (self.binop,)

    def leading(self) -> Sequence[Any]:
        """Return the records that stand in front of the result: `initial`, if it is given."""
        return () if self.initial is NOT_GIVEN else (fold.fresh(self.initial),)

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        before = [*map(reading, values)] or self.leading()
        return partial(map, _Totals(self.binop, before[0] if before else EMPTY))


class _Totals:
    """Gives what a function makes of all records up to each; of one partition."""

    def __init__(self, binop: Callable[[Any, Any], Any], total: Any) -> None:
        self._binop = binop
        self._total = total

    def __call__(self, record: Any) -> Any:
        self._total = record if self._total is EMPTY else self._binop(self._total, record)
        return self._total


@dataclass(frozen=True)
class WithIndex(Pairing):
    """`zip_with_index()`: each record with its number in the whole bag; the value is where each partition begins."""

    bags = 2
    read_first = 1
    per_record = "one"
    can_raise = False
    label = "zip_with_index"

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        ((info,),) = read
        numbers = count(_of_partition(values, info.index, 0))
        return lambda records: zip(records, numbers, strict=False)  # records first: where they end, no number is taken


def _of_partition(values: Sequence[Any], number: int, default: Any) -> Any:
    """Return what the value has for a partition. There is none for the only one, and less where a sample is run."""
    return values[0][number] if values and number < len(values[0]) else default


def starts_row() -> Row:
    """Return the reduction to the numbers of the first record of each partition."""
    start = accumulating(_count, (0,))
    return Row("count_partitions", start, joined, _starts, when_cut="other", reads=frozenset)


def _count(counted: tuple[int, ...], records: Sequence[Any]) -> tuple[int, ...]:
    (number,) = counted
    return (number + len(records),)


def _starts(counts: list[int]) -> array[int]:
    return array("q", accumulate(counts, initial=0))  # every task gets it: it is quickly unpickled


@dataclass(frozen=True)
class Window(Pairing):
    """`window(size, step)`: neighbours as tuples; the value is what follows each partition, and where it begins."""

    size: int
    step: int = 1

    bags = 2
    read_first = 1
    can_raise = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", checked_count("window", "n", self.size))
        object.__setattr__(self, "step", checked_count("window", "step", self.step))

    @property
    def label(self) -> str:
        return f"window({self.size}{f', step={self.step}' if self.step > 1 else ''})"

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        ((info,),) = read
        return partial(self._windows, *_of_partition(values, info.index, ((), 0)))

    def _windows(self, after: Sequence[Any], start: int, records: Iterator[Any]) -> Iterator[Any]:
        found: Iterator[Any] = itertoolz().sliding_window(self.size, chain(records, after))
        return islice(found, -start % self.step, None, self.step) if self.step > 1 else found


def window_edges_row(size: int, step: int) -> Row:
    """Return the reduction for windows: the records that follow each partition, and where it begins."""
    start: Callable[[], Taking] = accumulating(partial(_edge, size - 1), (([], 0),))
    if step == 1:  # else how many there are decides where a step falls
        start = partial(UntilEnough, start, partial(_has_edge, size - 1))
    return Row("partition_edges", start, joined, partial(_edges, size - 1), when_cut="other")


def _edge(size: int, edges: Sequence[tuple[list[Any], int]], records: Sequence[Any]) -> list[tuple[list[Any], int]]:
    ((head, number),) = edges
    if len(head) < size:
        head = [*head, *records[: size - len(head)]]
    return [(head, number + len(records))]


def _has_edge(size: int, edges: Sequence[tuple[list[Any], int]]) -> bool:
    ((head, _),) = edges
    return len(head) >= size


def _edges(size: int, edges: list[tuple[list[Any], int]]) -> list[tuple[list[Any], int]]:
    after = following(size, [head for head, _ in edges])
    return list(zip(after, _starts([number for _, number in edges]), strict=False))


def following(size: int, heads: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return for each partition the `size` records that come after it, given each one's first `size` records.

    >>> following(2, ["ab", "", "c", "de"])
    [['c', 'd'], ['c', 'd'], ['d', 'e'], []]
    """
    after: list[list[Any]] = []
    behind: list[Any] = []
    for head in reversed(heads):
        after.append(behind)
        behind = [*head, *behind][:size]
    return after[::-1]


@cache
def itertoolz() -> Any:
    """Return cytoolz's functions; toolz's where it does not load, as in an interpreter beside others of one process."""
    try:
        from cytoolz import itertoolz as found
    except ImportError:
        from toolz import itertoolz as found
    return found


# Within partitions ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch(PerPartition):
    """`batch(size)`: the records of a partition in lists of `size`; the last may be shorter."""

    size: int

    can_raise = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", checked_count("batch", "n", self.size))

    @property
    def label(self) -> str:
        return f"batch({self.size})"

    def begin(self) -> OnRecords:
        partition_all = itertoolz().partition_all

        return lambda records: map(list, partition_all(self.size, records))


@dataclass(frozen=True)
class Glom(PerPartition):
    """`glom()`: one list of each partition."""

    can_raise = False
    label = "glom"

    def begin(self) -> OnRecords:
        return lambda records: [list(records)]


@dataclass(frozen=True)
class MapPartitionsWithInfo(OfFunction, Pairing):
    """`map_partitions_with_info(function)`: the function called with a partition's records and its PartitionInfo."""

    operation = "map_partitions_with_info"
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    bags = 2
    read_first = 2

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        records, (info,) = read
        args, kwargs = fill_arguments(self.args, self.kwargs, [*map(reading, values)])
        return lambda: partition_result(self.function, self.function(records, info, *args, **kwargs))


@dataclass(frozen=True)
class Peek(Pairing):
    """`peek(count)`: the records as they are, the first of each partition written to standard error."""

    count: int

    bags = 2
    read_first = 1
    per_record = "one"
    can_raise = False
    opaque = True  # it runs the records' own repr

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", checked_count("peek", "n", self.count, 0))

    @property
    def label(self) -> str:
        return f"peek({self.count})"

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        ((info,),) = read
        return partial(_shown, info.index, iter(range(self.count)))


def _shown(partition: int, turns: Iterator[int], records: Sequence[Any]) -> Sequence[Any]:
    """Return `records`; show the first of them, one at each of the `turns`."""
    for record, _ in zip(records, turns, strict=False):
        if sys.stderr is not None:  # print would take stdout for it
            with contextlib.suppress(Exception):  # it is closed, or no file at all
                print(f"partition {partition}: {one_line(record)}", file=sys.stderr)
    return records


@dataclass(frozen=True)
class Pipe(PerPartition):
    """`pipe(command)`: the lines that another program makes of the lines of a partition."""

    command: str | Sequence[str]
    check: bool = True

    opaque = True

    def __post_init__(self) -> None:
        if isinstance(self.command, list):
            object.__setattr__(self, "command", tuple(self.command))
        words = (self.command,) if isinstance(self.command, str) else self.command
        texts = isinstance(words, tuple) and all(isinstance(word, str) for word in words)
        if not texts or not words or not words[0].strip():
            raise PlanError(f"pipe: the command is {self.command!r}; expected a shell command, or a list of its words")

    @property
    def label(self) -> str:
        return f"pipe({self.command if isinstance(self.command, str) else list(self.command)!r})"

    def begin(self) -> OnRecords:
        return lambda records: piped(self.command, records, self.check)
