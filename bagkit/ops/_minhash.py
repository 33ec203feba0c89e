"""MinHash of texts: what bands they fall into, so that texts with many common shingles meet.

A shingle is a run of words, or of characters. A permutation is `a * shingle + b` in 32 bits, and a text keeps the
smallest number of each. Two texts have the same smallest number with a probability that is their Jaccard similarity.
Some of these numbers make a band. All of it is whole numbers made of a seed: the same on every Python and machine.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate, islice
from typing import Any, Literal
from zlib import crc32

from bagkit.light_classes import dataclass

Unit = Literal["words", "characters"]

FOUND = 0.98
"""The least probability with which two texts are compared whose similarity is just the threshold."""
SKETCH = 64
"""Numbers of a text, a byte each, by which candidates are compared before their texts are."""
AT_ONCE = 4096
"""Shingles that all permutations are made of at a time."""
_MASK = (1 << 64) - 1


def found_share(similarity: float, bands: int, rows: int) -> float:
    """Return the probability that two texts of this similarity share a band.

    >>> round(found_share(0.8, 18, 7), 3)
    0.986
    """
    return 1 - (1 - similarity**rows) ** bands


def rows_for(threshold: float, permutations: int) -> int | None:
    """Return the most rows a band can have so that pairs at the threshold are found; None if even one row is too much.

    >>> rows_for(0.8, 128), rows_for(0.5, 128), rows_for(1.0, 128), rows_for(0.01, 128)
    (7, 3, 128, None)
    """
    fitting = [
        rows for rows in range(1, permutations + 1) if found_share(threshold, permutations // rows, rows) >= FOUND
    ]
    return max(fitting, default=None)


def _numbers(seed: int) -> Iterator[int]:
    """Yield pseudorandom numbers of 64 bits: splitmix64."""
    state = seed & _MASK
    while True:
        state = (state + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        yield mixed ^ (mixed >> 31)


def in_words(text: str) -> str:
    """Return the words of `text` with one blank between: texts that differ in blanks alone are equal.

    >>> in_words(" to  be\\n")
    'to be'
    """
    return " ".join(text.split())


def shingles(text: str, size: int, unit: Unit) -> set[str]:
    """Return the runs of `size` words, or characters, of what `in_words` gives; of a shorter text it is all of it.

    >>> sorted(shingles("to be or", 2, "words")), sorted(shingles("", 2, "words")), shingles("to", 2, "words")
    (['be or', 'to be'], [], {'to'})
    """
    if not text:
        return set()
    if unit == "characters":
        return {text[start : start + size] for start in range(max(1, len(text) - size + 1))}
    words = text.split(" ")
    if len(words) <= size:
        return {text}
    return set(map(" ".join, zip(*[islice(words, start, None) for start in range(size)], strict=False)))


def jaccard(one: set[str], other: set[str]) -> float:
    """Return how much two sets have in common: 1.0 for equal sets, 0.0 for sets that share nothing.

    >>> jaccard({"a", "b"}, {"b", "c"}), jaccard(set(), set())
    (0.3333333333333333, 1.0)
    """
    common = len(one & other)
    return common / (len(one) + len(other) - common) if one or other else 1.0


@dataclass(frozen=True)
class MinHash:
    """How texts are made into bands."""

    shingle: int
    unit: Unit
    bands: int
    rows: int
    seed: int = 1

    def __getstate__(self) -> dict[str, Any]:  # without what is made of them
        return {name: getattr(self, name) for name in ("shingle", "unit", "bands", "rows", "seed")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    @property
    def shown(self) -> str:
        """What `explain()` shows of it."""
        number = self.bands * self.rows
        return f"{number} permutations in {self.bands} bands of {self.rows}, shingles of {self.shingle} {self.unit}"

    @cached_property
    def sketches_of(self) -> Callable[[Sequence[str]], list[tuple[bytes, bytes]]]:
        """The function that gives the keys of each text's bands, 8 bytes each, and its sketch; nothing if it is empty.

        A call of numpy takes as long as its work on one text of a hundred words. So most calls are for many texts.
        """
        import numpy as np

        numbers = _numbers(self.seed)
        count = self.bands * self.rows
        factors = np.array([next(numbers) | 1 for _ in range(count)], np.uint64).astype(np.uint32)[:, None]
        added = np.array([next(numbers) for _ in range(count)], np.uint64).astype(np.uint32)[:, None]
        weights = np.array([next(numbers) | 1 for _ in range(count)], np.uint64).reshape(self.bands, self.rows)
        apart = np.array([next(numbers) for _ in range(self.bands)], np.uint64)
        hashed = self._hashed
        high, factor = np.uint64(32), np.uint64(next(numbers) | 1)

        def sketches(texts: Sequence[str]) -> list[tuple[bytes, bytes]]:
            rows = [row for row, text in enumerate(texts) if text]
            least = np.empty((len(rows), count), np.uint32)
            for found, out in zip(hashed([texts[row] for row in rows]), least, strict=True):
                (factors * found[:AT_ONCE] + added).min(axis=1, out=out)
                for start in range(AT_ONCE, len(found), AT_ONCE):
                    np.minimum(out, (factors * found[start : start + AT_ONCE] + added).min(axis=1), out=out)
            keys = np.einsum("tij,ij->ti", least.reshape(len(rows), self.bands, self.rows), weights) + apart
            keys ^= keys >> high
            keys *= factor
            made = [(b"", b"")] * len(texts)
            small = least[:, :SKETCH].astype(np.uint8)
            for row, key, sketch in zip(rows, keys.astype("<u8"), small, strict=True):
                made[row] = key.tobytes(), sketch.tobytes()
            return made

        return sketches

    @cached_property
    def _hashed(self) -> Callable[[Sequence[str]], list[Any]]:
        """The function that gives a number of 32 bits for each shingle of each text; none is empty."""
        import numpy as np

        numbers = _numbers(self.seed + 1)
        size, unit = self.shingle, self.unit
        factors = [np.uint64(next(numbers) | 1) for _ in range(64)]
        high = np.uint64(32)

        def in_numbers(texts: Sequence[str]) -> tuple[Any, list[int]]:
            if unit == "characters":
                data = "".join(texts).encode("utf-32-le", "surrogatepass")
                return np.frombuffer(data, "<u4").astype(np.uint64), list(map(len, texts))
            words = " ".join(texts).encode("utf-8", "surrogatepass").split(b" ")
            return np.array(array("I", map(crc32, words)), np.uint64), [text.count(" ") + 1 for text in texts]

        def mixed(each: Any, most: int) -> Any:
            length = len(each) - most + 1
            total = each[:length] * factors[0]
            for place in range(1, most):
                total += each[place : place + length]
                total *= factors[place % len(factors)]
            total ^= total >> high
            total *= factors[-1]
            total >>= high
            return total.astype(np.uint32)

        def hashed(texts: Sequence[str]) -> list[Any]:
            each, counts = in_numbers(texts)
            ends = list(accumulate(counts))
            together = mixed(each, size) if len(each) >= size else each  # of runs over the end of a text too
            return [
                together[end - count : end - size + 1] if count >= size else mixed(each[end - count : end], count)
                for count, end in zip(counts, ends, strict=True)
            ]

        return hashed
