"""The mean, the least and the greatest value of an HDF5 dataset that is larger than the memory given to it.

    pip install '.[samples]'
    python samples/blocked_mean.py                          # makes a dataset of 400 MB first, and uses 64 MB
    python samples/blocked_mean.py --megabytes 4000 --memory 256

Blocks are read in parallel, and each is boiled down to four numbers. Values go as soon as nothing needs them,
and what is newest runs first, so that never more than a block for each worker, and two, are in memory. It runs in
threads, which hand blocks on without a copy. HDF5 reads for one thread at a time, so with data in memory or on a fast
disk this is not faster than a loop; but it needs no more memory.
"""

import argparse
import math
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from timing import timed

import bagkit as bk

NAME = "values"
ITEM = 8
"""Bytes of a value."""


class Summary(NamedTuple):
    """What is known of some values."""

    length: int
    total: float
    least: float
    greatest: float

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return self.total / self.length


def make_dataset(path: Path, length: int) -> None:
    """Write a dataset of `length` random values, the same ones every time, unless it is there."""
    if path.exists():
        with h5py.File(path) as file:
            if file[NAME].shape == (length,):
                return
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        values = file.create_dataset(NAME, (length,), dtype="f8")
        for start in range(0, length, 1_000_000):
            stop = min(start + 1_000_000, length)
            values[start:stop] = rng.normal(size=stop - start)


def read_block(path: Path, start: int, stop: int) -> Any:
    """Return the values from `start` up to `stop`."""
    with h5py.File(path) as file:
        return file[NAME][start:stop]


def summarise(block: Any) -> Summary:
    """Boil a block down."""
    return Summary(len(block), float(block.sum()), float(block.min()), float(block.max()))


def combine(summaries: Sequence[Summary]) -> Summary:
    """Return what is known of all blocks together."""
    lengths, totals, least, greatest = zip(*summaries, strict=True)
    return Summary(sum(lengths), math.fsum(totals), min(least), max(greatest))


def edges(path: Path, length: int) -> list[tuple[int, int]]:
    """Return where blocks of `length` values begin and end."""
    with h5py.File(path) as file:
        (total,) = file[NAME].shape
    return [(start, min(start + length, total)) for start in range(0, total, length)]


def in_sequence(path: Path, length: int) -> Summary:
    """Boil one block down after the other."""
    return combine([summarise(read_block(path, start, stop)) for start, stop in edges(path, length)])


def in_parallel(path: Path, length: int, workers: int) -> Summary:
    """Boil blocks down in parallel: the same functions, called later."""
    read, boil_down = bk.delayed(read_block), bk.delayed(summarise)
    summaries = [boil_down(read(path, start, stop)) for start, stop in edges(path, length)]
    result: Summary = bk.delayed(combine)(summaries).compute(scheduler="threads", workers=workers)
    return result


def main() -> None:
    """Make the dataset, summarise it twice, and compare."""
    parser = argparse.ArgumentParser(description="Mean, minimum and maximum of a large HDF5 dataset, by blocks.")
    parser.add_argument("--file", type=Path, default=Path("data/values.h5"), help="where the dataset is, or will be")
    parser.add_argument("--megabytes", type=float, default=400, help="of values (default: 400)")
    parser.add_argument("--memory", type=float, default=64, help="megabytes that blocks may take (default: 64)")
    parser.add_argument("--workers", type=int, default=2, help="how many threads (default: 2)")
    arguments = parser.parse_args()
    make_dataset(arguments.file, int(arguments.megabytes * 1e6) // ITEM)
    length = max(1, int(arguments.memory * 1e6) // ITEM // (arguments.workers + 2))
    before = peak_megabytes()
    expected = timed("in sequence", lambda: in_sequence(arguments.file, length))
    result = timed("in parallel", lambda: in_parallel(arguments.file, length, arguments.workers))
    assert result == expected
    print(f"{result.length:,} values, the same both times: mean {result.mean:.6f}, ", end="")
    print(f"from {result.least:.6f} to {result.greatest:.6f}")
    print(f"blocks of {length * ITEM / 1e6:.0f} MB; memory grew by {max(0.0, peak_megabytes() - before):.0f} MB")


def peak_megabytes() -> float:
    """Return how much memory this process has held at the most so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    main()
