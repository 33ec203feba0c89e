"""Bringing records of one key together, in two halves: each task splits its records, each partition collects its own.

    Splitting       records -> a Bucket for each partition, of entries (key, cell)
    merge_by_key    the buckets of one partition, in the order of the input -> lists of (key, cell)

A cell is a list: of all records of the key, or of what was made of them; a Gathering says which.
Keys come in the order of first sight, also where they did not fit into memory: then they are split once more, and
each group carries the number of its first entry, by which they are put in order again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import merge
from itertools import count, islice
from operator import itemgetter
from typing import Any

from bagkit.exchange.digest import bucket_of, is_nan
from bagkit.exchange.lines import KEY_PART, LINE_PART, Parse, whole_records
from bagkit.exchange.spill import Bucket, Frame, Held, Meter, Room, SpillFile, read_frame
from bagkit.flow.stopped import results

Entry = tuple[Any, list[Any]]
"""A key and its cell."""

NOTHING = object()
MANY = object()
LIST = 512
"""Groups handed on together."""
FRAME_BYTES = 32 << 20
"""Of records in one frame, at the most."""
MOST_PARTS = 64
PARTS_AGAIN = 32
"""Parts of a part that one key makes much larger than the others."""
DEEPEST = 8
_KEY, _CELL, _RANKED_CELL = itemgetter(0), itemgetter(1), itemgetter(3)


class KeyTooLarge(Exception):
    """The records of one key do not fit into memory."""

    def __init__(self, key: Any, nbytes: int, limit: int) -> None:
        super().__init__(key, nbytes, limit)
        self.key, self.nbytes, self.limit = key, nbytes, limit


class Groups(dict[Any, list[Any]]):
    """Cells by key, and the entries of each bucket in the order of first sight; a new key finds its bucket."""

    __slots__ = ("_nan", "entries")

    def __init__(self, buckets: int = 1) -> None:
        super().__init__()
        self.entries: list[list[Entry]] = [[] for _ in range(buckets)]
        self._nan: list[Any] | None = None

    def __missing__(self, key: Any) -> list[Any]:
        cell: list[Any] = []
        if is_nan(key):
            # Never equal to a key that is there, so all of them are one: two copies of one NaN would be two groups.
            if self._nan is not None:
                return self._nan
            self._nan = cell
        else:
            self[key] = cell
        number = bucket_of(key, len(self.entries)) if len(self.entries) > 1 else 0
        self.entries[number].append((key, cell))
        return cell

    def find(self, key: Any) -> list[Any] | None:
        """Return the cell of `key`, None if there is none; no cell is made."""
        found = self.get(key)
        return self._nan if found is None and is_nan(key) else found


# What is kept of the records of a key ---------------------------------------------------------------------------------


class Gather:
    """All records of a key."""

    shrinks = False
    """Whether it makes less of many records."""

    def feed(self, groups: Groups, keys: Iterator[Any], values: Iterator[Any]) -> None:
        """Put each of `values` into the cell of its key: a loop in C."""
        deque(map(list.append, map(groups.__getitem__, keys), values), maxlen=0)

    def merge(self, cell: list[Any], side: int, other: list[Any]) -> None:
        """Add the cell of another task to `cell`."""
        cell.extend(other)


@dataclass(frozen=True, slots=True)
class GatherSides(Gather):
    """All records of a key, in a list for each of several bags."""

    sides: int

    def merge(self, cell: list[Any], side: int, other: list[Any]) -> None:
        if not cell:
            cell.extend([] for _ in range(self.sides))
        cell[side].extend(other)


@dataclass(frozen=True, slots=True)
class MeetingValues:
    """One value for a key: what `meet` makes of two, beginning with what `begin` makes, if there is that."""

    meet: Callable[[Any, Any], Any]
    begin: Callable[[], Any] | None = None

    shrinks = True

    def merge(self, cell: list[Any], side: int, other: list[Any]) -> None:
        """Let the value in the cell of another task meet that in `cell`."""
        if not cell and self.begin is not None:
            cell.append(self.begin())
        if cell:
            cell[0] = self.meet(cell[0], other[0])
        else:
            cell.extend(other)


Gathering = Gather | MeetingValues


# Splitting ------------------------------------------------------------------------------------------------------------


class Piles:
    """What one task has for each bucket, part of it written; mutable, of that task."""

    def __init__(self, buckets: int, room: Room) -> None:
        self.buckets: list[Bucket | None] = [None] * buckets
        """None where nothing came so far: most of many partitions get nothing of a small task."""
        self._room = room
        self._file: SpillFile | None = None

    def _bucket(self, number: int) -> Bucket:
        bucket = self.buckets[number]
        if bucket is None:
            bucket = self.buckets[number] = Bucket()
        return bucket

    def write(self, piles: Sequence[list[Any]], weigh: Callable[[list[Any]], int], nbytes: int) -> None:
        """Write `piles`, one a bucket, that take `nbytes` together; `weigh` gives the share of each."""
        if self._file is None:
            self._file = self._room.file()
        weights = list(map(weigh, piles))
        total = max(1, sum(weights))
        for number, (pile, weight) in enumerate(zip(piles, weights, strict=True)):
            if not pile:
                continue
            frames = self._bucket(number).frames
            size = nbytes * weight // total
            portions = size // FRAME_BYTES + 1
            step = -(-len(pile) // portions)
            for start in range(0, len(pile), step):
                frames.append(self._file.write(pile[start : start + step], size // portions))

    def finish(self, piles: Sequence[list[Any]], weigh: Callable[[list[Any]], int], nbytes: int) -> list[Bucket | None]:
        """Take the last of it, which stays unwritten if it is little; return the buckets."""
        if self._room.rest is not None and nbytes > self._room.rest:
            self.write(piles, weigh, nbytes)
        else:
            filled = max(1, sum(map(bool, piles)))
            for number, pile in enumerate(piles):
                if pile:
                    bucket = self._bucket(number)
                    bucket.rest, bucket.rest_nbytes = pile, nbytes // filled
        self.close()
        return self.buckets

    def __enter__(self) -> Piles:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if there is one; what is in it stays."""
        if self._file is not None:
            self._file.close()

    def remove(self) -> None:
        """Remove what was written."""
        if self._file is not None:
            self._file.remove()


def _weight(entries: list[Entry]) -> int:
    return len(entries) + sum(map(len, map(_CELL, entries)))


class Splitting:
    """Takes records into entries, by the bucket of their keys; mutable, of one task."""

    def __init__(
        self,
        key: Callable[[Any], Any],
        value: Callable[[Any], Any] | None,
        gathering: Gather,
        buckets: int,
        room: Room,
        parse: Parse | None = None,
    ) -> None:
        """Take how records are split. With `parse` they come in two parts, and travel as lines which it parses."""
        self._key = key
        self._value = value if parse is None else LINE_PART
        self._key_part = None if parse is None else KEY_PART
        self._gathering = gathering
        self._groups = Groups(buckets)
        self._meter = Meter(room.heap, None if parse is None else whole_records(parse))
        self._piles = Piles(buckets, room)
        self._waiting: list[Any] = []
        """Records that are not weighed yet."""

    def take(self, records: Sequence[Any]) -> None:
        """Take some records more; if it raises, one of them is at fault."""
        step = self._meter.step
        for start in range(0, len(records), step):
            some = records[start : start + step]
            feed(some, self._key, self._value, self._gathering, self._groups, self._key_part)
            self._waiting += some
            if len(self._waiting) >= step:
                self._weigh()

    def _weigh(self) -> None:
        Held.add()
        self._meter.add(self._waiting)
        self._waiting = []
        if self._meter.full:
            self._piles.write(self._groups.entries, _weight, self._meter.nbytes)
            self._groups, self._meter.nbytes = Groups(len(self._piles.buckets)), 0

    def state(self) -> list[Bucket | None]:
        """Return the buckets, None for one that has nothing."""
        if self._waiting:
            self._weigh()
        return self._piles.finish(self._groups.entries, _weight, self._meter.nbytes)


def feed(
    records: Sequence[Any],
    key: Callable[[Any], Any],
    value: Callable[[Any], Any] | None,
    gathering: Gather,
    groups: Groups,
    key_part: Callable[[Any], Any] | None = None,
) -> None:
    """Put `records` into `groups`; raises StoppedEarly where a function raises StopIteration."""
    keys = results(key, records if key_part is None else list(map(key_part, records)))
    gathering.feed(groups, iter(keys), iter(records if value is None else results(value, records)))


def table_of(key: Callable[[Any], Any], records: Iterable[Any]) -> Groups:
    """Return `records` by their keys."""
    groups = Groups()
    feed(list(records), key, None, Gather(), groups)
    return groups


# Collecting -----------------------------------------------------------------------------------------------------------


def merge_by_key(sides: Sequence[Sequence[Bucket]], gathering: Gathering, room: Room) -> Iterator[list[Entry]]:
    """Yield the groups of one partition in lists: `sides` holds the buckets of each bag, in the order of its input.

    Raises KeyTooLarge for a key whose records do not fit into memory.
    """
    nbytes = sum(bucket.nbytes for buckets in sides for bucket in buckets)
    if room.heap is not None and nbytes > room.heap:
        yield from _merge_in_parts(sides, gathering, room, nbytes)
        return
    groups = Groups()
    with Held():
        for side, buckets in enumerate(sides):
            for bucket in buckets:
                for entries, _ in bucket.lists():
                    merge_entries(groups, gathering, side, entries)
                    Held.add()
    (entries,) = groups.entries
    for start in range(0, len(entries), LIST):
        yield entries[start : start + LIST]


def merge_entries(groups: Groups, gathering: Gathering, side: int, entries: list[Entry]) -> None:
    """Add the cells of `entries` to the cells of `groups`."""
    if type(gathering) is Gather:
        cells = map(groups.__getitem__, map(_KEY, entries))
        deque(map(list.extend, cells, map(_CELL, entries)), maxlen=0)
        return
    for key, cell in entries:
        gathering.merge(groups[key], side, cell)


Ranked = tuple[int, int, Any, list[Any]]
"""The number of an entry, its side, its key, its cell."""


def _merge_in_parts(
    sides: Sequence[Sequence[Bucket]], gathering: Gathering, room: Room, nbytes: int
) -> Iterator[list[Entry]]:
    numbers = count()
    stream = (
        ([(next(numbers), side, key, cell) for key, cell in entries], size)
        for side, buckets in enumerate(sides)
        for bucket in buckets
        for entries, size in bucket.lists()
    )
    with ExitStack() as stack:
        stack.enter_context(Held())
        ordered = _in_order(stream, gathering, room, nbytes, 1, stack, (room.heap or 0) // 2)
        while batch := [(key, cell) for _, key, cell in islice(ordered, LIST // 16)]:
            yield batch


def _in_order(
    stream: Iterable[tuple[list[Ranked], int]],
    gathering: Gathering,
    room: Room,
    nbytes: int,
    salt: int,
    stack: ExitStack,
    open_bytes: int,
    least: int = 0,
) -> Iterator[tuple[int, Any, list[Any]]]:
    """Return (number of the first entry, key, cell) of each key, in the order of these numbers.

    It is split into `least` parts or more. Of all that is read while it is merged, `open_bytes` are in memory.
    """
    assert room.heap is not None
    parts = _split_again(stream, min(MOST_PARTS, max(2 * nbytes // room.heap + 2, least)), room, salt, stack)
    open_bytes //= max(1, len(parts))
    sources: list[Iterator[tuple[int, Any, list[Any]]]] = []
    for part in parts:
        fits = part.nbytes <= room.heap or salt >= DEEPEST or (gathering.shrinks and part.key is not MANY)
        if fits or part.key is not MANY:
            if not fits and part.nbytes > 2 * room.heap:
                raise KeyTooLarge(part.key, part.nbytes, 2 * room.heap)
            sources.append(_grouped(part, gathering, room, stack, open_bytes))
        else:
            again = ((read_frame(frame), frame.nbytes) for frame in part.frames)
            # Much larger than the others by one key: many parts part the rest from that in one go.
            many = PARTS_AGAIN if part.nbytes * len(parts) > 2 * nbytes else 0
            sources.append(_in_order(again, gathering, room, part.nbytes, salt + 1, stack, open_bytes, many))
    return merge(*sources, key=itemgetter(0))


@dataclass(slots=True)
class Part:
    """Some of the keys of a bucket; mutable while it is being written."""

    frames: list[Frame]
    key: Any = NOTHING
    """The only key in it, or MANY."""

    @property
    def nbytes(self) -> int:
        return sum(frame.nbytes for frame in self.frames)


def _split_again(
    stream: Iterable[tuple[list[Ranked], int]], number: int, room: Room, salt: int, stack: ExitStack
) -> list[Part]:
    """Return the entries of `stream` in `number` parts, all of them on disk."""
    keys: list[Any] = [NOTHING] * number
    file = Piles(number, room)
    stack.callback(file.remove)
    piles: list[list[Ranked]] = [[] for _ in range(number)]
    held = 0
    heap = (room.heap or 0) // 2
    for entries, nbytes in stream:
        for entry in entries:
            key = entry[2]
            part = bucket_of(key, number, salt)
            piles[part].append(entry)
            if keys[part] is not MANY and keys[part] != key:
                keys[part] = key if keys[part] is NOTHING else MANY
        Held.add()
        held += nbytes
        if held > heap:
            file.write(piles, _ranked_weight, held)
            piles, held = [[] for _ in range(number)], 0
    file.write(piles, _ranked_weight, held)
    file.close()
    return [Part(bucket.frames, key) for bucket, key in zip(file.buckets, keys, strict=True) if bucket]


def _ranked_weight(entries: list[Ranked]) -> int:
    return len(entries) + sum(map(len, map(_RANKED_CELL, entries)))


def _grouped(
    part: Part, gathering: Gathering, room: Room, stack: ExitStack, open_bytes: int
) -> Iterator[tuple[int, Any, list[Any]]]:
    """Return the groups of `part`, which wait on disk until they are read, `open_bytes` at a time."""
    groups, first = Groups(), list[int]()
    for frame in part.frames:
        for number, side, key, cell in read_frame(frame):
            known = len(groups.entries[0])
            gathering.merge(groups[key], side, cell)
            if len(groups.entries[0]) > known:
                first.append(number)
        Held.add()
    rows = [(number, key, cell) for number, (key, cell) in zip(first, groups.entries[0], strict=True)]
    file = room.file()
    stack.callback(file.remove)
    step = max(1, open_bytes * len(rows) // max(1, part.nbytes))
    frames = [file.write(rows[n : n + step], 0) for n in range(0, len(rows), step)]
    file.close()
    return (row for frame in frames for row in read_frame(frame))
