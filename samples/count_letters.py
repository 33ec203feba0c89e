"""Sort and count the letters of a hundred text files, one after the other and then in parallel.

    python samples/count_letters.py                       # makes the files first, in data/texts
    python samples/count_letters.py --workers 4

This is plain Python that keeps a processor busy, so it runs in processes: threads would wait for each other.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from make_texts import make_texts
from timing import timed

import bagkit as bk


def count_letters(path: Path) -> Counter[str]:
    """Return how often each letter is in one file: sort them, and count those that are the same."""
    letters = sorted(letter for letter in path.read_text().lower() if letter.isalpha())
    return Counter({letter: len(list(same)) for letter, same in groupby(letters)})


def add_up(counts: Sequence[Counter[str]]) -> Counter[str]:
    """Return the counts of all files together."""
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total


def in_sequence(paths: Sequence[Path]) -> Counter[str]:
    """Count one file after the other."""
    return add_up([count_letters(path) for path in paths])


def in_parallel(paths: Sequence[Path], workers: int | None = None) -> Counter[str]:
    """Count in parallel: the same two functions, called later."""
    counts = [bk.delayed(count_letters)(path) for path in paths]
    total: Counter[str] = bk.delayed(add_up)(counts).compute(scheduler="processes", workers=workers)
    return total


def main() -> None:
    """Make the files, count twice, and compare."""
    parser = argparse.ArgumentParser(description="Sort and count the letters of text files.")
    parser.add_argument("--folder", type=Path, default=Path("data/texts"), help="where the files are, or will be")
    parser.add_argument("--files", type=int, default=100, help="how many files (default: 100)")
    parser.add_argument("--characters", type=int, default=400_000, help="in each file (default: 400,000)")
    parser.add_argument("--workers", type=int, help="how many processes (default: one for each processor)")
    arguments = parser.parse_args()
    paths = make_texts(arguments.folder, arguments.files, arguments.characters)
    expected = timed("in sequence", lambda: in_sequence(paths))
    counts = timed("in parallel", lambda: in_parallel(paths, arguments.workers))
    assert counts == expected
    print("the most frequent letters, the same both times:")
    for letter, count in counts.most_common(5):
        print(f"  {letter} {count:>12,}")


if __name__ == "__main__":
    main()
