"""`bag.partitions`: some of a bag's partitions, by number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, cast

from bagkit.errors import PlanError
from bagkit.front_doors import front_doors
from bagkit.methods.making import Making, T_co
from bagkit.ops.regroup import Partitions, Pick

if TYPE_CHECKING:
    from bagkit.bag import Bag


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
