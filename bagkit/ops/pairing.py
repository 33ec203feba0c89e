"""Operations on the partitions of several bags side by side, or with single values beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from inspect import isgeneratorfunction
from itertools import repeat, starmap
from typing import Any

from bagkit.errors import PlanError
from bagkit.kernels.windows import side_by_side
from bagkit.ops.elementwise import bind, partition_result
from bagkit.ops.functions import check_callable, function_label
from bagkit.plan.kinds import Pairing
from bagkit.plan.template import fill


@dataclass(frozen=True, slots=True)
class Column:
    """The argument that is the record, or the partition, of a bag: its number among the bags."""

    number: int


@dataclass(frozen=True)
class Paired(Pairing):
    """A function called with one record, or partition, of several bags, and with values: `map(f, other, item)`."""

    name: str
    function: Callable[..., Any]
    bags: int
    args: tuple[Any, ...]
    """Each a Column or a template, with a hole for each single value; at least one is a Column."""
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_callable(self.name, self.function)
        if self.name == "starmap" and self.bags > 1:
            raise PlanError(
                "starmap: a keyword argument is a bag; expected values and items; "
                "hint: bag.map(lambda record, other: function(*record, other), other_bag)"
            )

    @property
    def gives_generators(self) -> bool:  # type: ignore[override]  # it depends on the function
        return self.name != "map_partitions" and isgeneratorfunction(self.function)

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

    def run(self, records: Sequence[Iterator[Any]], values: Sequence[Any]) -> Iterator[Any]:
        return self._method(records, values)

    @property
    def _method(self) -> Callable[..., Iterator[Any]]:
        return {"map": self._map, "starmap": self._starmap, "map_partitions": self._map_partitions}[self.name]

    def _keywords(self, records: Sequence[Any], values: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the keyword arguments that are the same for all records, and those that come from bags."""
        fixed, moving = {}, {}
        for name, value in self.kwargs.items():
            if isinstance(value, Column):
                moving[name] = records[value.number]
            else:
                fixed[name] = fill(value, values)
        return fixed, moving

    def _map(self, records: Sequence[Iterator[Any]], values: Sequence[Any]) -> Iterator[Any]:
        records = side_by_side(self.name, records)
        fixed, moving = self._keywords(records, values)
        function = bind(self.function, fixed)
        if moving:
            function = _Named(function, tuple(moving))
        columns = [records[arg.number] if isinstance(arg, Column) else repeat(fill(arg, values)) for arg in self.args]
        return map(function, *columns, *moving.values())  # the first bag first: that is where all must end

    def _starmap(self, records: Sequence[Iterator[Any]], values: Sequence[Any]) -> Iterator[Any]:
        return starmap(bind(self.function, self._keywords(records, values)[0]), records[0])

    def _map_partitions(self, records: Sequence[Iterator[Any]], values: Sequence[Any]) -> Iterator[Any]:
        lists = [list(column) for column in records]
        fixed, moving = self._keywords(lists, values)
        args = [lists[arg.number] if isinstance(arg, Column) else fill(arg, values) for arg in self.args]
        return iter(partition_result(self.function, self.function(*args, **fixed, **moving)))


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
