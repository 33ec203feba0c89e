"""The kinds of op that the machinery knows, and the facts that it may ask of any op.

Passes and lowering ask facts, never names: an op that is not listed anywhere still gets its due.

    Source         reads partitions                          read_text, from_sequence
    PerPartition   records of a partition -> records         map, filter, pluck
    Pairing        partitions of several bags, side by side  map over two bags, or with an Item
    Reduction      all records -> one value or one partition  sum, frequencies, foldby
    Regroup        the same records in other partitions      concat, repartition
    Call           whole values -> a value                   Item.apply
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, Protocol

from bagkit.kernels.report import Report
from bagkit.kernels.stream import Block

Fields = frozenset[str] | None
"""Which keys of a record are read; ALL where it can't be known, or is the whole record."""

ALL: Final = None


class Op:
    """What every op answers; the defaults claim nothing."""

    elementwise: ClassVar[bool] = False
    """Works record by record, so that where a partition begins and ends can't be seen in the result."""
    keeps_length: ClassVar[bool] = False
    keeps_order: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """The op as `explain` and error notes show it: `map(json.loads)`."""
        raise TypeError(f"{type(self).__name__} has no label")

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        """Return how many partitions come out of inputs that have so many."""
        raise TypeError(f"{type(self).__name__} does not say its partitions")

    def demand(self, wanted: Fields) -> Fields:
        """Return which fields of its input's records the op needs, to give `wanted` fields of its own."""
        return ALL

    def user_functions(self) -> tuple[Any, ...]:
        """Return the user's functions that run inside, so that an error can be traced to this op."""
        return ()


class Piece(Protocol):
    """A part of a partition that a source can read by itself; small, and it pickles."""

    @property
    def weight(self) -> int:
        """Bytes of input, or of memory; for progress, and for deciding what is large or small."""

    @property
    def label(self) -> str:
        """For people: `logs/a.json.gz`, `logs/a.json bytes 0-33554432`."""

    def cut(self, size: int) -> Sequence[Piece]:
        """Return pieces of about `size` bytes that are together what this one is: only itself if it can't be cut."""


class Source(Op):
    """Reads the partitions of a bag."""

    elementwise = True
    gives_raw_lines: bool = False
    """Whether `read(raw=True)` can give lines as UTF-8 bytes, exactly those that would be decoded to the text lines."""

    def pieces(self) -> Sequence[tuple[Piece, ...]]:
        """Return what each partition consists of, in order. Opens nothing."""
        raise NotImplementedError

    def bare(self) -> Source:
        """Return the source without its pieces: what crosses to workers, which are sent pieces one by one."""
        raise NotImplementedError

    def read(self, pieces: Sequence[Any], report: Report, raw: bool = False) -> Iterator[Block]:
        """Yield the records of `pieces` in blocks, opening each input anew."""
        raise NotImplementedError

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.pieces())


class PerPartition(Op):
    """Turns the records of one partition into others."""

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def run(self, records: Iterator[Any]) -> Iterator[Any]:
        """Return the new records, pulling one record at a time."""
        raise NotImplementedError


class BlockParser(PerPartition):
    """A PerPartition that works on whole blocks of lines, straight off the source."""

    def parse(self, block: Block) -> Block:
        """Return the block of what the lines say."""
        raise NotImplementedError


class Pairing(Op):
    """Works on one partition of several bags at a time, with single values beside them.

    The plan's inputs are `bags` bags, then values.
    """

    bags: int

    def run(self, records: Sequence[Iterator[Any]], values: Sequence[Any]) -> Iterator[Any]:
        """Return the new records, pulling one record of each bag at a time."""
        raise NotImplementedError


class Reduction(Op):
    """Boils the records of a bag down: a state for each partition, states into one state, that into the result."""

    gives_bag: bool
    """Whether the result is a bag of one partition rather than a single value."""
    split_every: int | None
    """How many states are combined at a time; None for all at once."""

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return 1

    def chunk(self, records: Iterator[Any]) -> Any:
        """Return the state of one partition; EMPTY where it has no record and that matters."""
        raise NotImplementedError

    def combine(self, states: Iterable[Any]) -> Any:
        """Return the state of several partitions, given in order."""
        raise NotImplementedError

    def finish(self, state: Any) -> Any:
        """Return the result: for a bag, an iterable of its records."""
        raise NotImplementedError
