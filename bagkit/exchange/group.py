"""Bringing records of one key together, in two halves: each task splits its records, each partition collects its own.

    Splitting       records -> a Bucket for each partition, of entries (key, cell)
    merge_by_key    the buckets of one partition, in the order of the input -> lists of (key, cell)

A cell is a list: of all records of the key, or of what was made of them; a Gathering says which.
Keys come in the order of first sight, also where they did not fit into memory: then they are split once more, and
each group carries the number of its first entry, by which they are put in order again.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import count, filterfalse
from operator import itemgetter, ne
from typing import Any, Final

from bagkit.exchange.digest import MAY_BE_NAN, bucket_of, divided, is_nan, numbers_of
from bagkit.exchange.lines import KEY_PART, LINE_PART, Parse, whole_records
from bagkit.exchange.pairs import Entry, Listing, Pairs
from bagkit.exchange.spill import Bucket, Frame, Held, Meter, Room, SpillFile, read_frame
from bagkit.exchange.weight import are_new
from bagkit.flow.blocks import batched
from bagkit.flow.stopped import results
from bagkit.light_classes import dataclass

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
_TRIED = 8192
"""Records put into groups before it is known whether that makes less of them."""
_KEY, _CELL, _RANKED_CELL = itemgetter(0), itemgetter(1), itemgetter(3)


class KeyTooLarge(Exception):
    """The records of one key do not fit into memory."""

    def __init__(self, key: Any, nbytes: int, limit: int) -> None:
        super().__init__(key, nbytes, limit)
        self.key, self.nbytes, self.limit = key, nbytes, limit


class Groups(defaultdict[Any, list[Any]]):
    """Cells by key, in the order of first sight; a key that is not there gets a cell when it is looked up.

    Keys that may be of any type are to be `known` before.
    """

    __slots__ = ("_buckets", "_nan", "_numbers")

    def __init__(self, buckets: int = 1) -> None:
        super().__init__(list)
        self._buckets = buckets
        self._nan: Any = NOTHING
        self._numbers: dict[Any, int] = {}
        """The buckets of keys for which they take long to find."""

    def known(self, keys: Sequence[Any]) -> Sequence[Any]:
        """Return `keys` as they can be looked up; raises Undigestible for one that has no bucket.

        A NaN is never equal to a key that is there, but found if it is the same object: so all of them are one.
        """
        kinds = set(map(type, keys))
        if kinds <= PLAIN_KEYS or (kinds <= _PLAIN_OR_FLOAT and not any(map(ne, keys, keys))):
            return keys
        if any(issubclass(kind, MAY_BE_NAN) for kind in kinds):
            keys = list(map(self._one_nan, keys))
        if self._buckets > 1 and not kinds <= _PLAIN_OR_FLOAT:
            for key in filterfalse(self.__contains__, keys):
                self._numbers[key] = bucket_of(key, self._buckets)
        return keys

    def _one_nan(self, key: Any) -> Any:
        if key in self or not is_nan(key):
            return key
        if self._nan is NOTHING:
            self._nan = key
        return self._nan

    def entries(self) -> dict[int, list[Entry]]:
        """Return the entries of each bucket that has some, in the order of first sight."""
        if self._buckets == 1:
            return {0: list(self.items())} if self else {}
        numbers: Iterable[int]
        if known := self._numbers:
            numbers = [known[key] if key in known else bucket_of(key, self._buckets) for key in self]
        else:
            numbers = numbers_of(self, set(map(type, self)), self._buckets)
        return divided(self.items(), numbers, self._buckets)

    def find(self, key: Any) -> list[Any] | None:
        """Return the cell of `key`, None if there is none; no cell is made."""
        found = self.get(key)
        return self.get(self._nan) if found is None and is_nan(key) else found


PLAIN_KEYS: Final = frozenset({str, int, bool, bytes, type(None)})
"""Types of keys that all have a bucket."""
_PLAIN_OR_FLOAT: Final = PLAIN_KEYS | {float}


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

    def __init__(self, room: Room) -> None:
        self.buckets: dict[int, Bucket] = {}
        """Those to which something came: most of many partitions get nothing of a small task."""
        self._room = room
        self._file: SpillFile | None = None

    def _bucket(self, number: int) -> Bucket:
        bucket = self.buckets.get(number)
        if bucket is None:
            bucket = self.buckets[number] = Bucket()
        return bucket

    def write(self, piles: Mapping[int, Any], weigh: Callable[[Any], int], nbytes: int) -> None:
        """Write `piles` by the numbers of their buckets: `nbytes` together, shared out as `weigh` says."""
        if self._file is None:
            self._file = self._room.file()
        weights = list(map(weigh, piles.values()))
        total = max(1, sum(weights))
        for (number, pile), weight in zip(piles.items(), weights, strict=True):
            if not pile:
                continue
            frames = self._bucket(number).frames
            size = nbytes * weight // total
            portions = size // FRAME_BYTES + 1
            step = -(-len(pile) // portions)
            for start in range(0, len(pile), step):
                frames.append(self._file.write(pile[start : start + step], size // portions))

    def finish(self, piles: Mapping[int, Any], weigh: Callable[[Any], int], nbytes: int) -> dict[int, Bucket]:
        """Take the last of it, which stays unwritten if it is little; return the buckets."""
        if self._room.rest is not None and nbytes > self._room.rest:
            self.write(piles, weigh, nbytes)
        else:
            filled = max(1, sum(map(bool, piles.values())))
            for number, pile in piles.items():
                if pile:
                    bucket = self._bucket(number)
                    bucket.rest, bucket.rest_nbytes = pile, nbytes // filled
        self.close()
        return self.buckets

    def close(self) -> None:
        """Close the file, if there is one; what is in it stays."""
        if self._file is not None:
            self._file.close()

    def remove(self) -> None:
        """Remove what was written."""
        if self._file is not None:
            self._file.remove()


def _weight(entries: list[Entry] | Pairs) -> int:
    if isinstance(entries, Pairs):
        return 2 * len(entries)
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
        self._buckets = buckets
        self._groups = Groups(buckets)
        self._listing: Listing | None = None
        """Takes records that go into no groups, where hardly any key comes twice."""
        self._put = 0
        """Records until that is known."""
        self._meter = Meter(room.heap, None if parse is None else whole_records(parse))
        self._piles = Piles(room)
        self._waiting: list[Any] = []
        """Records that are not weighed yet."""

    def take(self, records: Sequence[Any]) -> None:
        """Take some records more; if it raises, one of them is at fault."""
        step = self._meter.step
        for start in range(0, len(records), step):
            some = records[start : start + step]
            keys, values = keyed(some, self._key, self._value, self._key_part)
            if self._listing is not None:
                self._listing.add(keys, values)
            else:
                self._gathering.feed(self._groups, iter(self._groups.known(keys)), iter(values))
                self._look(len(some))
            self._waiting += some
            if len(self._waiting) >= step:
                self._weigh()

    def _look(self, number: int) -> None:
        """Count `number` records, and begin to list those that follow if nearly all have a key of their own."""
        before, self._put = self._put, self._put + number
        if before < _TRIED <= self._put and are_new(len(self._groups), self._put):
            self._listing, self._groups = Listing(self._groups.entries(), self._buckets), Groups(self._buckets)

    def _weigh(self) -> None:
        Held.add()
        self._meter.add(self._waiting)
        self._waiting = []
        if self._meter.full:
            self._piles.write(self._held(), _weight, self._meter.nbytes)
            self._groups, self._meter.nbytes = Groups(self._buckets), 0
            if self._listing is not None:
                self._listing = Listing({}, self._buckets)

    def _held(self) -> Mapping[int, list[Entry] | Pairs]:
        return self._groups.entries() if self._listing is None else dict(enumerate(self._listing.pairs))

    def state(self) -> dict[int, Bucket]:
        """Return the buckets that have something, by their numbers."""
        if self._waiting:
            self._weigh()
        return self._piles.finish(self._held(), _weight, self._meter.nbytes)


def keyed(
    records: Sequence[Any],
    key: Callable[[Any], Any],
    value: Callable[[Any], Any] | None,
    key_part: Callable[[Any], Any] | None = None,
) -> tuple[Sequence[Any], Sequence[Any]]:
    """Return the keys and the values of `records`; raises StoppedEarly where a function raises StopIteration."""
    keys = results(key, records if key_part is None else list(map(key_part, records)))
    return keys, records if value is None else results(value, records)


def table_of(key: Callable[[Any], Any], records: Iterable[Any]) -> Groups:
    """Return `records` by their keys."""
    groups = Groups()
    keys, values = keyed(list(records), key, None)
    Gather().feed(groups, iter(groups.known(keys)), iter(values))
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
    yield from batched(iter(groups.items()), LIST)


def merge_entries(groups: Groups, gathering: Gathering, side: int, entries: list[Entry] | Pairs) -> None:
    """Add the cells of `entries` to the cells of `groups`."""
    keys = groups.known(list(entries.keys if isinstance(entries, Pairs) else map(_KEY, entries)))
    if type(gathering) is Gather:
        cells = map(groups.__getitem__, keys)
        if isinstance(entries, Pairs):
            deque(map(list.append, cells, entries.values), maxlen=0)
        else:
            deque(map(list.extend, cells, map(_CELL, entries)), maxlen=0)
        return
    for key, (_, cell) in zip(keys, entries, strict=True):
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
        yield from batched(((key, cell) for _, key, cell in ordered), LIST // 16)


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
    file = Piles(room)
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
            file.write(dict(enumerate(piles)), _ranked_weight, held)
            piles, held = [[] for _ in range(number)], 0
    file.write(dict(enumerate(piles)), _ranked_weight, held)
    file.close()
    return [Part(bucket.frames, keys[part]) for part, bucket in sorted(file.buckets.items())]


def _ranked_weight(entries: list[Ranked]) -> int:
    return len(entries) + sum(map(len, map(_RANKED_CELL, entries)))


def _grouped(
    part: Part, gathering: Gathering, room: Room, stack: ExitStack, open_bytes: int
) -> Iterator[tuple[int, Any, list[Any]]]:
    """Return the groups of `part`, which wait on disk until they are read, `open_bytes` at a time."""
    groups, first = Groups(), list[int]()
    for frame in part.frames:
        ranked = read_frame(frame)
        for key, (number, side, _, cell) in zip(groups.known([key for _, _, key, _ in ranked]), ranked, strict=True):
            known = len(groups)
            gathering.merge(groups[key], side, cell)
            if len(groups) > known:
                first.append(number)
        Held.add()
    rows = [(number, key, cell) for number, (key, cell) in zip(first, groups.items(), strict=True)]
    file = room.file()
    stack.callback(file.remove)
    step = max(1, open_bytes * len(rows) // max(1, part.nbytes))
    frames = [file.write(rows[n : n + step], 0) for n in range(0, len(rows), step)]
    file.close()
    return (row for frame in frames for row in read_frame(frame))
