"""The records that a task gives, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
P = TypeVar("P")


class Bulk:
    """A record that is made of a thousand others, so that it leaves its task alone."""

    __slots__ = ()


class Batches:
    """The records that a task gives, as an iterable of lists.

    A scheduler that sends them elsewhere takes one list at a time, so no process need hold them all; one that keeps
    them calls `kept()`.
    """

    def __init__(self, batches: Iterable[Sequence[Any]], parsed: bool = False) -> None:
        """Take the lists. `parsed` says that their records are what a parser of JSON has made, and nothing else."""
        self._batches = batches
        self.parsed = parsed

    def __iter__(self) -> Iterator[Sequence[Any]]:
        return iter(self._batches)

    def kept(self) -> Batches:
        """Return batches that can be iterated again and again."""
        return Batches(list(self._batches), self.parsed)


Emit = Callable[[int, list[Any]], None]
"""Called with the number of a value, and the next records of it."""


class InTurns:
    """The values of a task with several keys, where records come by turns, some at a time.

    A scheduler stores each batch as it comes, so no process need hold them. Mutable: it can be stored once.
    """

    def __init__(self, width: int, batched: Mapping[int, bool], run: Callable[[Emit], Sequence[Any]]) -> None:
        """Take how many values there are, which are records, and a function that emits these and returns the others.

        `batched` says of those that are records whether they are `parsed`, as for Batches. In what `run` returns there
        is None in their places.
        """
        self._width = width
        self._batched = batched
        self._run = run

    def __len__(self) -> int:
        return self._width

    def stored(
        self, part: Callable[[list[Any], int, bool], P], whole: Callable[[list[P]], T], single: Callable[[Any], T]
    ) -> list[T]:
        """Return all values, made by `whole` of what `part` makes of each batch, or by `single`.

        `part` is given the number of a batch too, and whether its records are parsed.
        """
        parts: dict[int, list[P]] = {number: [] for number in self._batched}

        def emit(number: int, batch: list[Any]) -> None:
            parts[number].append(part(batch, len(parts[number]), self._batched[number]))

        values = self._run(emit)
        return [whole(parts[n]) if n in parts else single(value) for n, value in enumerate(values)]

    def kept(self) -> tuple[Any, ...]:
        """Return the values as they can be read again and again."""
        return tuple(self.stored(lambda batch, number, parsed: batch, Batches, kept))


def kept(values: Any) -> Any:
    """Return a value, or values, of a task as they can be read again and again in this process."""
    return values.kept() if isinstance(values, (Batches, InTurns)) else values
