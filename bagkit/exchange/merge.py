"""Putting all records in order, more of them than fit into memory.

    Sorting        the records of one task, sorted, as many at a time as fit; with a sample of their keys
    range_bounds   from all samples, the keys between which the records of each partition lie
    cut_runs       runs by the partitions that their records go to
    merged         the runs of one partition, in the order of the input -> lists of records in order

Equal keys keep the order of the input: sorting is stable, runs are merged in their order, and records that are equal
to a bound all go to one side of it.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from itertools import accumulate, chain, groupby
from operator import itemgetter
from typing import Any

from bagkit.exchange.lines import KEY_PART, LINE_PART, Parse, whole_records
from bagkit.exchange.spill import Frame, Held, Meter, Room, SpillFile, read_frame
from bagkit.flow.blocks import batched
from bagkit.flow.stopped import results
from bagkit.light_classes import NamedTuple, dataclass

SAMPLE_KEYS = 256
"""Of each run."""
LIST = 2048


@dataclass(frozen=True, slots=True)
class Order:
    """What comes before what."""

    key: Callable[[Any], Any] | None
    reverse: bool

    def keys(self, records: Sequence[Any]) -> Sequence[Any]:
        """Return the keys of `records`."""
        return records if self.key is None else list(map(self.key, records))

    def count_before(self, keys: Sequence[Any], bound: Any) -> int:
        """Return how many of the ordered `keys` come before `bound`."""
        return bisect_left(keys, _Backwards(bound), key=_Backwards) if self.reverse else bisect_left(keys, bound)

    def count_up_to(self, bounds: Sequence[Any], key: Any) -> int:
        """Return how many of the ordered `bounds` `key` does not come before."""
        return bisect_right(bounds, _Backwards(key), key=_Backwards) if self.reverse else bisect_right(bounds, key)


class _Backwards:
    """A key that comes before those that are less."""

    __slots__ = ("_key",)

    def __init__(self, key: Any) -> None:
        self._key = key

    def __lt__(self, other: _Backwards) -> bool:
        return bool(other._key < self._key)


class Slice(NamedTuple):
    """Some records of a frame that holds `size` of them."""

    frame: Frame
    size: int
    first: Any
    """The key of the frame's first record."""
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        return self.frame.nbytes * (self.stop - self.start) // self.size


@dataclass(slots=True)
class SortedRun:
    """Records in order: on disk, or as a list."""

    slices: list[Slice] = field(default_factory=list)
    records: list[Any] = field(default_factory=list)
    list_nbytes: int = 0

    @property
    def nbytes(self) -> int:
        """What they take in memory."""
        return sum(part.nbytes for part in self.slices) + self.list_nbytes

    def __iter__(self) -> Iterator[Any]:
        for part in self.slices:
            yield from read_frame(part.frame)[part.start : part.stop]
        yield from self.records


Sample = list[tuple[Any, int]]
"""Keys, and how many records each stands for."""


class Sorting:
    """Takes records into sorted runs, and a sample of their keys; mutable, of one task."""

    def __init__(self, order: Order, room: Room, parse: Parse | None = None) -> None:
        """Take the order. With `parse` records are a key and a line, which it parses."""
        self._order = order
        self._room = room
        self._runs: list[SortedRun] = []
        self._sample: Sample = []
        self._meter = Meter(room.heap, None if parse is None else whole_records(parse))
        self._records: list[Any] = []
        self._keys: list[Any] = []
        self._weighed = 0
        """Records whose bytes are counted."""
        self._file = None if room.heap is None else room.file()

    def take(self, records: Sequence[Any]) -> None:
        """Take some records more; if it raises, one of them is at fault."""
        if self._order.key is not None:
            self._keys += results(self._order.key, records)
        self._records += records
        if len(self._records) - self._weighed >= self._meter.step:
            self._weigh()
            if self._meter.full:
                self._end_run(keep=False)

    def _weigh(self) -> None:
        self._meter.add(self._records[self._weighed :])
        self._weighed = len(self._records)
        Held.add()

    def _end_run(self, keep: bool) -> None:
        ordered, ordered_keys = _sorted(self._records, self._keys, self._order)
        step = max(1, len(ordered) // SAMPLE_KEYS)
        self._sample += [(key, step) for key in ordered_keys[::step]]
        self._runs.append(_run(ordered, ordered_keys, self._meter.nbytes, None if keep else self._file, self._room))
        self._records, self._keys, self._meter.nbytes, self._weighed = [], [], 0, 0

    def state(self) -> tuple[list[SortedRun], Sample]:
        """Return the runs and the sample."""
        if self._records:
            self._weigh()
            self._end_run(keep=self._room.rest is None or self._meter.nbytes <= self._room.rest)
        if self._file is not None:
            self._file.close()
        return self._runs, self._sample


class SortingLines:
    """Takes records in two parts, and has their keys and lines sorted; mutable, of one task."""

    def __init__(self, key: Callable[[Any], Any], sorting: Sorting) -> None:
        self._key = key
        self._sorting = sorting

    def take(self, records: Sequence[Any]) -> None:
        keys = results(self._key, list(map(KEY_PART, records)))
        self._sorting.take(list(zip(keys, map(LINE_PART, records), strict=True)))

    def state(self) -> tuple[list[SortedRun], Sample]:
        return self._sorting.state()


def _sorted(records: list[Any], keys: list[Any], order: Order) -> tuple[list[Any], list[Any]]:
    if order.key is None:
        records = sorted(records, reverse=order.reverse)
        return records, records
    places = sorted(range(len(keys)), key=keys.__getitem__, reverse=order.reverse)
    return [records[place] for place in places], [keys[place] for place in places]


def _run(records: list[Any], keys: list[Any], nbytes: int, file: SpillFile | None, room: Room) -> SortedRun:
    if file is None:
        return SortedRun(records=records, list_nbytes=nbytes)
    step = max(1, room.frame * len(records) // max(1, nbytes))
    run = SortedRun()
    for start in range(0, len(records), step):
        part = records[start : start + step]
        frame = file.write(part, nbytes * len(part) // len(records))
        run.slices.append(Slice(frame, len(part), keys[start], 0, len(part)))
    return run


def range_bounds(samples: Sequence[Sample], count: int, order: Order) -> list[Any]:
    """Return the `count - 1` keys where partitions begin, so that they are about equally large."""
    keys = sorted(chain.from_iterable(samples), key=itemgetter(0), reverse=order.reverse)
    sums = list(accumulate(weight for _, weight in keys))
    if len(keys) < 2:
        return []  # one record alone is not compared with itself: it may have no order
    wanted = [sums[-1] * number / count for number in range(1, count)]
    bounds, place = [], 0
    for total in wanted:
        while sums[place] < total:
            place += 1
        bounds.append(keys[place][0])
    return bounds


def cut_runs(runs: Sequence[SortedRun], bounds: Sequence[Any], order: Order) -> dict[int, list[SortedRun]]:
    """Return the parts of `runs` that go to each partition, by its number; none for one that gets nothing."""
    parts = defaultdict[int, list[SortedRun]](list)
    for run in runs:
        cut = _cut_list(run, bounds, order) if run.records else _cut_slices(run, bounds, order)
        for number, part in cut:
            parts[number].append(part)
    return parts


def _cut_list(run: SortedRun, bounds: Sequence[Any], order: Order) -> Iterator[tuple[int, SortedRun]]:
    keys = order.keys(run.records)
    start = 0
    for number, stop in _stops(keys, bounds, order):
        stop = max(start, stop)  # keys without an order (NaN) lose no record
        if start < stop:
            nbytes = run.list_nbytes * (stop - start) // len(keys)
            yield number, SortedRun(records=run.records[start:stop], list_nbytes=nbytes)
        start = stop


def _stops(keys: Sequence[Any], bounds: Sequence[Any], order: Order) -> Iterator[tuple[int, int]]:
    """Yield the numbers of partitions, and before which of the `keys` each ends; not of all that get none of them."""
    if len(keys) >= len(bounds):
        yield from enumerate([*(order.count_before(keys, bound) for bound in bounds), len(keys)])
        return
    start = 0
    for number, same in groupby(order.count_up_to(bounds, key) for key in keys):
        start += len(list(same))
        yield number, start


def _cut_slices(run: SortedRun, bounds: Sequence[Any], order: Order) -> Iterator[tuple[int, SortedRun]]:
    """Cut between frames, and where a bound falls into a frame, within it: that one is read."""
    firsts = [part.first for part in run.slices]
    places = []
    read: tuple[int, Sequence[Any]] = (-1, ())
    for bound in bounds:
        frame = max(0, order.count_before(firsts, bound) - 1)
        if read[0] != frame:
            read = (frame, order.keys(read_frame(run.slices[frame].frame)))
        places.append((frame, order.count_before(read[1], bound)))
    start = (0, 0)
    for part, stop in enumerate([*places, (len(firsts), 0)]):
        stop = max(start, stop)
        slices = []
        for number in range(start[0], min(stop[0] + 1, len(firsts))):
            whole = run.slices[number]
            low = start[1] if number == start[0] else 0
            high = stop[1] if number == stop[0] else whole.size
            if low < high:
                slices.append(whole._replace(start=low, stop=high))
        if slices:
            yield part, SortedRun(slices)
        start = stop


def merged_runs(runs: Sequence[SortedRun], order: Order, room: Room) -> Iterator[list[Any]]:
    """Yield the records of `runs` in order, in lists: sorted at once where they fit, else merged off the disk."""
    if room.heap is None or sum(run.nbytes for run in runs) <= room.heap:
        records = list(chain.from_iterable(runs))
        records.sort(key=order.key, reverse=order.reverse)  # of a few runs, so in linear time
        yield from batched(iter(records), LIST)
        return
    yield from batched(heapq.merge(*runs, key=order.key, reverse=order.reverse), LIST // 8)
