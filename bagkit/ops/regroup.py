"""The same records in other partitions, and single values made of single values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bagkit.errors import PlanError
from bagkit.ops.functions import check_callable, function_label
from bagkit.plan.kinds import Call, Regroup
from bagkit.plan.template import fill_arguments


@dataclass(frozen=True)
class Concat(Regroup):
    """`concat(bags)`: the partitions of one bag after the partitions of another."""

    picks = slice(None)

    @property
    def label(self) -> str:
        return "concat"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return sum(inputs)


@dataclass(frozen=True)
class Repartition(Regroup):
    """`repartition(npartitions)`: neighbours joined, or partitions split into equal parts."""

    count: int

    def __post_init__(self) -> None:
        if type(self.count) is not int or self.count < 1:
            raise PlanError(f"repartition: npartitions is {self.count!r}; expected an int of 1 or more")

    @property
    def label(self) -> str:
        return f"repartition({self.count})"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return self.count


@dataclass(frozen=True)
class Partitions(Regroup):
    """Some partitions of a bag, from `start` up to `stop`."""

    start: int
    stop: int

    @property
    def picks(self) -> slice:  # type: ignore[override]  # it depends on the op
        return slice(self.start, self.stop)

    @property
    def label(self) -> str:
        return f"partitions[{self.start}:{self.stop}]"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Pick(Regroup):
    """The partitions of a bag with the numbers given, in that order, each as often as it is given."""

    picks: tuple[int, ...]

    @property
    def label(self) -> str:
        shown = ", ".join(map(str, self.picks[:6])) + (", ..." if len(self.picks) > 6 else "")
        return f"partitions[[{shown}]]"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.picks)


def even_shares(total: int, count: int) -> list[int]:
    """Return `count` numbers that add up to `total` and differ by one at the most, larger ones spread evenly.

    >>> even_shares(10, 3), even_shares(2, 4)
    ([3, 3, 4], [0, 1, 0, 1])
    """
    return [total * (n + 1) // count - total * n // count for n in range(count)]


@dataclass(frozen=True)
class Apply(Call):
    """`item.apply(function)`: what the function returns for the item's value, and for other values beside it."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_callable("apply", self.function)

    @property
    def label(self) -> str:
        return f"apply({function_label(self.function)})"

    def user_functions(self) -> tuple[Any, ...]:
        return (self.function,)

    def call(self, values: Sequence[Any]) -> Any:
        args, kwargs = fill_arguments(self.args, self.kwargs, values)
        return self.function(*args, **kwargs)
