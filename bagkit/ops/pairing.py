"""Operations on the partitions of several bags side by side, or with single values beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from functools import partial
from itertools import repeat, starmap
from typing import Any

from bagkit.errors import PlanError
from bagkit.flow.replay import Replay, reading
from bagkit.light_classes import dataclass
from bagkit.ops.elementwise import bind, partition_result
from bagkit.ops.functions import check_callable, function_label
from bagkit.plan.kinds import OnRecords, Pairing, PerRecord
from bagkit.plan.template import fill, makes_iterators


@dataclass(frozen=True, slots=True)
class BagArgument:
    """The argument that is the record, or the partition, of a bag: its number among the bags."""

    number: int


@dataclass(frozen=True)
class Paired(Pairing):
    """A function called with one record, or partition, of several bags, and with values: `map(f, other, item)`."""

    name: str
    function: Callable[..., Any]
    bags: int
    args: tuple[Any, ...]
    """Each a BagArgument or a template, with a hole for each single value; at least one is a BagArgument."""
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_callable(self.name, self.function)
        if self.name == "starmap" and self.bags > 1:
            raise PlanError(
                "starmap: a keyword argument is a bag; expected values and items; "
                "hint: bag.map(lambda record, other: function(*record, other), other_bag)"
            )

    @property
    def read_first(self) -> int:  # type: ignore[override]  # it depends on the operation
        return self.bags if self.name == "map_partitions" else 0

    @property
    def label(self) -> str:
        return f"{self.name}({function_label(self.function)})"

    def user_functions(self) -> tuple[Any, ...]:
        return (self.function,)

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return the_same_count(self.name, inputs[: self.bags])

    @property
    def per_record(self) -> PerRecord:  # type: ignore[override]  # it depends on the operation
        return "" if self.name == "map_partitions" else "one"

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        if self.per_record and self._has_iterators(values):
            return partial(map, partial(self._of_row, values))
        return self._begun(read, [*map(reading, values)])

    def _has_iterators(self, values: Sequence[Any]) -> bool:
        templates = (*self.args, *self.kwargs.values())
        return Replay in map(type, values) or any(map(makes_iterators, templates))

    def _of_row(self, values: Sequence[Any], *row: Any) -> Any:
        """Return what the function gives for a row of records, and for iterators that begin anew for each row."""
        return next(iter(self._begun((), [*map(reading, values)])(*[[record] for record in row])))

    def _begun(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        fixed = {name: fill(value, values) for name, value in self.kwargs.items() if not isinstance(value, BagArgument)}
        moving = {name: value.number for name, value in self.kwargs.items() if isinstance(value, BagArgument)}
        function = bind(self.function, fixed)
        if self.name == "starmap":
            return partial(starmap, function)
        args = [arg if isinstance(arg, BagArgument) else fill(arg, values) for arg in self.args]
        if self.name == "map":
            return partial(
                _mapped, _Named(function, tuple(moving)) if moving else function, args, tuple(moving.values())
            )
        row = [read[arg.number] if isinstance(arg, BagArgument) else arg for arg in args]
        keywords = {name: read[number] for name, number in moving.items()}
        return lambda: partition_result(self.function, function(*row, **keywords))


def _mapped(function: Callable[..., Any], args: Sequence[Any], moving: Sequence[int], *columns: Any) -> Iterator[Any]:
    """Return what `function` gives for rows of the columns; columns that it takes by name come last."""
    rows = [columns[arg.number] if isinstance(arg, BagArgument) else repeat(arg) for arg in args]
    return map(function, *rows, *[columns[number] for number in moving])


def the_same_count(operation: str, counts: Sequence[int]) -> int:
    """Return how many partitions each of several bags has; raises PlanError unless it is the same for all."""
    if len(set(counts)) > 1:
        raise PlanError(
            f"{operation}: the bags have different numbers of partitions; got {', '.join(map(str, counts))}; "
            "expected the same for all; hint: repartition(npartitions=...) one of them"
        )
    return counts[0]


class _Named:
    """Calls a function with the last of its arguments under names."""

    def __init__(self, function: Callable[..., Any], names: tuple[str, ...]) -> None:
        self._function = function
        self._names = names

    def __call__(self, *row: Any) -> Any:
        first = len(row) - len(self._names)
        return self._function(*row[:first], **dict(zip(self._names, row[first:], strict=True)))
