"""Which texts to compare: texts that share a band, most alike first.

An entry says that a text falls into a band. Entries travel as bytes, and are put in order by band: neighbours that have
one key are candidates. In a band of many texts each is compared with the few that its sketch finds most alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bagkit.exchange.group import Piles
from bagkit.exchange.spill import Bucket, Room
from bagkit.ops._minhash import SKETCH

SMALL = 8
"""Texts in a band that are all compared with each other."""
BEST = 4
"""Texts of a larger band that each is compared with."""
WINDOW = 512
"""Texts of a larger band, the first and the ones right before it, among which each looks for these."""
MARGIN = 0.2
"""How far the similarity of two sketches may be below the threshold: four standard deviations."""
TOGETHER = 1024
"""Texts whose entries are made together, and pairs handed on together."""


def entry_type() -> Any:
    """Return the type of an entry: the key of the band, the number of the text, its sketch."""
    import numpy as np

    return np.dtype([("key", "<u8"), ("text", "<i8"), ("sketch", "u1", (SKETCH,))])


class Falling:
    """Takes `(number, text, keys, sketch, ...)` into entries, by the bucket of their keys; mutable, of one task."""

    def __init__(self, bands: int, buckets: int, room: Room) -> None:
        self._bands = bands
        self._heap = room.heap
        self._piles = Piles(room)
        self._lists: list[list[bytes]] = [[] for _ in range(buckets)]
        self._held = 0
        self._waiting: list[Any] = []

    def take(self, records: Sequence[Any]) -> None:
        """Take some texts more."""
        self._waiting += [record for record in records if record[2]]
        if len(self._waiting) >= TOGETHER:
            self._divide()

    def _divide(self) -> None:
        import numpy as np

        waiting, self._waiting = self._waiting, []
        entries = np.zeros((len(waiting), self._bands), entry_type())
        entries["key"] = np.frombuffer(b"".join([record[2] for record in waiting]), "<u8").reshape(entries.shape)
        entries["text"] = np.array([record[0] for record in waiting], np.int64)[:, None]
        sketches = np.frombuffer(b"".join([record[3] for record in waiting]), np.uint8).reshape(len(waiting), -1)
        entries["sketch"][:, :, : sketches.shape[1]] = sketches[:, None, :]
        flat = entries.reshape(-1)
        numbers = (flat["key"] >> np.uint64(32)) % np.uint64(len(self._lists))
        order = np.argsort(numbers, kind="stable")
        ends = np.searchsorted(numbers[order], np.arange(1, len(self._lists) + 1, dtype=np.uint64)).tolist()
        start = 0
        for pile, end in zip(self._lists, ends, strict=True):
            if end > start:
                pile.append(flat[order[start:end]].tobytes())
            start = end
        self._held += flat.nbytes
        if self._heap is not None and self._held >= self._heap:
            self._piles.write(dict(enumerate(self._lists)), _weight, self._held)
            self._lists, self._held = [[] for _ in self._lists], 0

    def state(self) -> dict[int, Bucket]:
        """Return the buckets that have something, by their numbers."""
        if self._waiting:
            self._divide()
        return self._piles.finish(dict(enumerate(self._lists)), _weight, self._held)


def _weight(chunks: list[bytes]) -> int:
    return sum(map(len, chunks))


def pairs_in_band(buckets: Sequence[Bucket], alike: float, width: int, room: Room) -> Iterator[list[tuple[int, int]]]:
    """Yield the pairs to compare, the smaller number first, of the entries in `buckets`.

    Sketches of `width` numbers are `alike` if they have this share of numbers in common. What does not fit into memory
    is gone through several times, for some of the bands each.
    """
    import numpy as np

    total = sum(bucket.nbytes for bucket in buckets)
    passes = 1 if room.heap is None else 3 * total // room.heap + 1
    for number in range(passes):
        parts = []
        for bucket in buckets:
            for chunks, _ in bucket.lists():
                for chunk in chunks:
                    entries = np.frombuffer(chunk, entry_type())
                    if passes > 1:
                        entries = entries[(entries["key"] >> np.uint64(8)) % np.uint64(passes) == number]
                    parts.append(entries)
        if parts:
            yield from _pairs(np.concatenate(parts), max(0, int((alike - MARGIN) * width)) + SKETCH - width)


def _pairs(entries: Any, least: int) -> Iterator[list[tuple[int, int]]]:
    """Yield pairs of texts that share a band, and `least` numbers of their sketches."""
    import numpy as np

    entries = entries[np.lexsort((entries["text"], entries["key"]))]
    keys, texts, sketches = entries["key"], entries["text"], entries["sketch"]
    starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    sizes = np.diff(np.append(starts, len(keys)))
    small = np.repeat(sizes <= SMALL, sizes)
    for apart in range(1, SMALL):
        first = np.flatnonzero((keys[:-apart] == keys[apart:]) & small[:-apart])
        for start in range(0, len(first), TOGETHER):
            ones = first[start : start + TOGETHER]
            ones = ones[(sketches[ones] == sketches[ones + apart]).sum(axis=1) >= least]
            yield list(zip(texts[ones].tolist(), texts[ones + apart].tolist(), strict=True))
    for start, size in zip(starts[sizes > SMALL].tolist(), sizes[sizes > SMALL].tolist(), strict=True):
        yield from _pairs_of_many(texts[start : start + size], sketches[start : start + size], least)


def _pairs_of_many(texts: Any, sketches: Any, least: int) -> Iterator[list[tuple[int, int]]]:
    """Yield for each text of a band the most alike of the first ones, and of the ones right before it."""
    import numpy as np

    sketches = np.ascontiguousarray(sketches)
    found: list[tuple[int, int]] = []
    for place in range(1, len(texts)):
        near = max(0, place - WINDOW)
        head = min(WINDOW, near)
        shared = (sketches[near:place] == sketches[place]).sum(axis=1)
        if head:
            shared = np.concatenate(((sketches[:head] == sketches[place]).sum(axis=1), shared))
        # Of equals the last ones: else one text would be in the pairs of all.
        best = place - near + head - 1 - np.argsort(-shared[::-1], kind="stable")[:BEST]
        for other in best[shared[best] >= least].tolist():
            found.append((int(texts[other if other < head else other - head + near]), int(texts[place])))
        if len(found) >= TOGETHER:
            yield found
            found = []
    yield found


def groups_of_edges(edges: bytes) -> tuple[bytes, bytes]:
    """Return all numbers of pairs in order, and the smallest that each is linked to, as 8 bytes each."""
    import numpy as np

    numbers, places = np.unique(np.frombuffer(edges, "<i8"), return_inverse=True)
    parents = list(range(len(numbers)))
    flat = places.reshape(-1).tolist()
    for one, other in zip(flat[::2], flat[1::2], strict=True):
        while parents[one] != one:
            parents[one] = one = parents[parents[one]]
        while parents[other] != other:
            parents[other] = other = parents[parents[other]]
        if one < other:
            parents[other] = one
        else:
            parents[one] = other
    for place, parent in enumerate(parents):
        parents[place] = parents[parent]  # a parent comes before its children
    return numbers.astype("<i8").tobytes(), numbers[np.array(parents, np.int64)].astype("<i8").tobytes()
