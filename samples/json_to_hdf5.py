"""Convert a folder of daily stock prices, a JSON file for each stock, to HDF5: in sequence, and in parallel.

    pip install '.[samples]'
    python samples/json_to_hdf5.py                          # makes the JSON files first, in data/stocks

Twice: to one HDF5 file for each stock, which is a delayed call for each, and to one HDF5 file with all of them, which a
bag does: only one process can write to an HDF5 file, so workers parse, and this process writes what they send while
they go on. Parsing is plain Python, so it runs in processes.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from make_stocks import make_stocks
from timing import timed

import bagkit as bk

Columns = dict[str, np.ndarray[Any, Any]]


def read_stock(path: Path) -> Columns:
    """Return the prices of one stock as columns, a row for each day."""
    with path.open() as lines:
        days = [json.loads(line) for line in lines]
    return {name: np.array([day[name] for day in days]) for name in days[0]}


def write_stock(group: Any, prices: Columns) -> None:
    """Write columns as datasets of a file, or of a group in a file."""
    for name, column in prices.items():
        values = column.astype("S") if column.dtype.kind == "U" else column  # HDF5 has text as bytes
        group.create_dataset(name, data=values, compression="lzf")


def convert(path: Path, folder: Path) -> Path:
    """Convert one stock to a file of its own, and return that."""
    target = folder / f"{path.stem}.h5"
    with h5py.File(target, "w") as file:
        write_stock(file, read_stock(path))
    return target


def each_in_sequence(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Convert one stock after the other."""
    return [convert(path, folder) for path in paths]


def each_in_parallel(paths: Sequence[Path], folder: Path, workers: int | None = None) -> list[Path]:
    """Convert stocks in parallel: the same function, called later."""
    targets = [bk.delayed(convert)(path, folder) for path in paths]
    (converted,) = bk.compute(targets, scheduler="processes", workers=workers)
    return list(converted)


def write_all(paths: Sequence[Path], stocks: Iterable[Columns], target: Path) -> None:
    """Write all stocks to one file, a group for each, as they come."""
    with h5py.File(target, "w") as file:
        for path, prices in zip(paths, stocks, strict=True):
            write_stock(file.create_group(path.stem), prices)


def all_in_sequence(paths: Sequence[Path], target: Path) -> None:
    """Convert one stock after the other, all to one file."""
    write_all(paths, map(read_stock, paths), target)


def all_in_parallel(paths: Sequence[Path], target: Path, workers: int | None = None) -> None:
    """Read stocks in parallel, and write them to one file as they come, in order."""
    with bk.options(scheduler="processes", workers=workers):
        write_all(paths, bk.from_sequence(paths, npartitions=len(paths)).map(read_stock), target)


def contents(path: Path) -> Columns:
    """Return all datasets of an HDF5 file, by their names."""
    found = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = node[:]

    with h5py.File(path) as file:
        file.visititems(visit)
    return found


def same(one: Path, other: Path) -> bool:
    """Return whether two HDF5 files hold the same datasets."""
    mine, theirs = contents(one), contents(other)
    return mine.keys() == theirs.keys() and all(np.array_equal(mine[name], theirs[name]) for name in mine)


def main() -> None:
    """Make the JSON files, convert them four times, and compare."""
    parser = argparse.ArgumentParser(description="Convert daily stock prices from JSON to HDF5.")
    parser.add_argument("--folder", type=Path, default=Path("data/stocks"), help="where the JSON files are, or will be")
    parser.add_argument("--out", type=Path, default=Path("data/hdf5"), help="where the HDF5 files go")
    parser.add_argument("--days", type=int, default=20_000, help="in files that are made (default: 20,000)")
    parser.add_argument("--workers", type=int, help="how many processes (default: one for each processor)")
    arguments = parser.parse_args()
    paths = make_stocks(arguments.folder, arguments.days)
    out, one_by_one = arguments.out, arguments.out / "in-sequence"
    one_by_one.mkdir(parents=True, exist_ok=True)

    print(f"{len(paths)} JSON files to {len(paths)} HDF5 files")
    expected = timed("in sequence", lambda: each_in_sequence(paths, one_by_one))
    converted = timed("in parallel", lambda: each_in_parallel(paths, out, arguments.workers))
    assert all(map(same, converted, expected))
    print(f"{len(paths)} JSON files to one HDF5 file")
    timed("in sequence", lambda: all_in_sequence(paths, one_by_one / "all.h5"))
    timed("in parallel", lambda: all_in_parallel(paths, out / "all.h5", arguments.workers))
    assert same(out / "all.h5", one_by_one / "all.h5")
    print(f"the same data both times, in {out}")


if __name__ == "__main__":
    main()
