"""Bags of what is in memory already: a sequence, a range of numbers."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field, replace
from functools import cached_property
from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.flow.blocks import Block, NumberedOrigin
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.ops.functions import rows_of_table
from bagkit.ops.regroup import even_shares
from bagkit.plan.kinds import MemorySource
from bagkit.plan.pieces import Indivisible
from bagkit.signatures import checked_count

DEFAULT_PARTITIONS = 100
"""How many partitions a sequence is cut into where nothing is said: enough to keep many cores busy evenly."""

MOST_PARTITIONS = 250
"""The same of a long sequence, for a cluster. Small ones share tasks, so they cost little. Where they are written
each is a file."""

RECORDS_EACH = 64
"""A sequence is long if more than the usual number of partitions have as many."""


@dataclass(frozen=True, slots=True)
class SequencePiece(Indivisible):
    """A slice of the sequence, which is a partition."""

    records: Sequence[Any] = field(repr=False)
    partition: int

    weight = 0
    label = ""


@dataclass(frozen=True)
class FromSequence(MemorySource):
    """The elements of a sequence, in slices of the `sizes` given."""

    name: str
    sequence: Sequence[Any] = field(repr=False)
    sizes: tuple[int, ...]

    @property
    def label(self) -> str:
        return self.name

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return len(self.sizes)

    @cached_property
    def _pieces(self) -> tuple[tuple[SequencePiece, ...], ...]:
        pieces, start = [], 0
        for number, size in enumerate(self.sizes):
            pieces.append((SequencePiece(self.sequence[start : start + size], number),))
            start += size
        return tuple(pieces)

    def pieces(self) -> Sequence[tuple[SequencePiece, ...]]:
        return self._pieces

    def bare(self) -> MemorySource:
        return replace(self, sequence=(), sizes=())

    def read(self, pieces: Sequence[SequencePiece], report: Report, raw: bool = False) -> Iterator[Block]:
        for piece in pieces:
            yield Block(piece.records, NumberedOrigin(self.name, piece.partition))


def plan_sequence(seq: Iterable[Any], partition_size: int | None, npartitions: int | None) -> FromSequence:
    """Return the source of `seq` in exactly `npartitions`, or in partitions of `partition_size` records.

    Raises PlanError where both are given, or one is no int of 1 or more.
    """
    if partition_size is not None:
        partition_size = checked_count("from_sequence", "partition_size", partition_size)
    if npartitions is not None:
        npartitions = checked_count("from_sequence", "npartitions", npartitions)
    if partition_size is not None and npartitions is not None:
        raise PlanError("from_sequence: both partition_size and npartitions are given; expected one of them")
    check_records("from_sequence", seq)
    records = list(seq)
    if partition_size is not None:
        full, rest = divmod(len(records), partition_size)
        sizes = [partition_size] * full + ([rest] if rest or not full else [])
    else:
        sizes = sizes_of(len(records), npartitions or _default_partitions(len(records)))
    return FromSequence("from_sequence", records, tuple(sizes))


def _default_partitions(total: int) -> int:
    """Return how many partitions `total` records are cut into where nothing is said.

    >>> [_default_partitions(total) for total in (0, 99, 6_400, 10_000, 1_000_000)]
    [1, 99, 100, 156, 250]
    """
    long = min(MOST_PARTITIONS, total // RECORDS_EACH)
    return max(1, min(total, max(DEFAULT_PARTITIONS, long)))


def sizes_of(total: int, count: int) -> list[int]:
    """Return how many records each of `count` partitions has: all as many, and the last one what is left.

    So dask cuts sequences, and programs see it: in what `map_partitions` gives, in the lines of files. Where that makes
    too few partitions, they differ by one record at the most. The largest has the same size either way.

    >>> sizes_of(20, 3), sizes_of(10, 4), sizes_of(5, 4), sizes_of(1, 2)
    ([7, 7, 6], [3, 3, 3, 1], [2, 1, 1, 1], [1, 0])
    """
    size = -(-total // count)
    rest = total - size * (count - 1)
    if rest > 0:
        return [size] * (count - 1) + [rest]
    small, larger = divmod(total, count)
    return [small + 1] * larger + [small] * (count - larger)


def check_records(operation: str, seq: object) -> None:
    """Raise PlanError for a value that can't be iterated, and for tables and paths, which are not meant to be."""
    rows = rows_of_table(type(seq))
    if rows is not None:
        raise PlanError(
            f"{operation}: got a {type(seq).__name__}, whose elements are its columns and not its rows; "
            f"hint: bagkit.from_sequence({rows})"
        )
    if not _can_be_iterated(seq):
        hint = ""
        if isinstance(seq, os.PathLike):
            hint = f"; hint: {_reader(os.fspath(seq))}(path) reads a file"
        elif callable(seq):
            hint = "; hint: call it, and hand on what it returns"
        raise PlanError(f"{operation}: got {type(seq).__name__}, which can't be iterated; expected a sequence{hint}")
    if isinstance(seq, str) and _is_path(seq):
        raise PlanError(
            f"{operation}: got {one_line(seq, 80)}, which looks like a path, and would be a bag of its letters; "
            f"hint: {_reader(seq)}({one_line(seq, 80)}) reads it, bagkit.from_sequence(list(text)) takes letters"
        )


def _can_be_iterated(seq: object) -> bool:
    """Say whether `iter` takes a value: also one that only has `__getitem__`, as datasets for learning do."""
    if isinstance(seq, Iterable):
        return True
    if isinstance(seq, type) or not hasattr(type(seq), "__getitem__"):
        return False
    try:
        iter(seq)  # type: ignore[call-overload]  # it is asked whether it can be
    except TypeError:
        return False
    return True


def _is_path(text: str) -> bool:
    """Say whether a text is a path, a pattern or a URL, and nothing else that one would take the letters of."""
    if len(text) > 4096 or not text.isprintable():
        return False
    if re.search(_SUFFIXES, text, re.IGNORECASE) or re.match(r"[a-z][a-z0-9+.\-]*://\S", text):
        return True
    path = os.path.expanduser(text)
    if len(text) == 1:
        return False
    return os.path.exists(path) or (glob.has_magic(path) and next(glob.iglob(path), None) is not None)


_SUFFIXES = (
    r"\w\S*\.(jsonl?|ndjson|txt|text|csv|tsv|log|gz|bgz|bz2|xz|zst|lz4|snappy|zip"
    r"|parquet|avro|xml|html?|h5|hdf5|npy|pkl)$|^\*\.\w+$"
)


def _reader(path: Any) -> str:
    """Return the function that reads files like one."""
    for name, words in (("json", ("json", "ndjson")), ("csv", ("csv", "tsv")), ("avro", ("avro",))):
        if any(word in str(path).lower() for word in words):
            return f"bagkit.read_{name}"
    return "bagkit.read_text"


def plan_range(n: int, npartitions: int) -> FromSequence:
    """Return the source of the numbers from 0 up to `n`, without making them."""
    n = checked_count("range", "n", n, 0)
    npartitions = checked_count("range", "npartitions", npartitions)
    return FromSequence("range", range(n), tuple(even_shares(n, npartitions)))
