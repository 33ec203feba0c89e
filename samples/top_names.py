"""Print the most frequent values of one field of JSON lines files.

    python samples/top_names.py                                  # makes some files first
    python samples/top_names.py logs/*.json.gz --field user -n 5

The files may be compressed (gz, bz2, xz, zst) or not. All cores work on them.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from make_data import make_data

import bagkit as bk


def top_values(files: list[str], field: str, n: int) -> list[tuple[Any, int]]:
    """Return the `n` most frequent values of `field`, each with how often it is there, most frequent first.

    `json.loads` is plain Python, yet it is not called: bagkit sees that only one field is used, and reads that one.
    """
    values = bk.read_text(files).map(json.loads).pluck(field)
    return list(values.frequencies().topk(n, key=1))


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Print the most frequent values of one field of JSON lines files.")
    parser.add_argument("files", nargs="*", help="JSON lines files or globs (default: make some in data/)")
    parser.add_argument("--field", default="name", help="the field to count (default: name)")
    parser.add_argument("-n", type=int, default=10, help="how many values to print (default: 10)")
    return parser.parse_args()


def main() -> None:
    """Count, and print what came out."""
    arguments = parse_arguments()
    files = arguments.files
    if not files:
        folder = Path("data")
        print(f"No files given: using 200,000 made-up orders in {folder.absolute()}")
        files = [str(path) for path in make_data(folder)]
    started = time.perf_counter()
    counts = top_values(files, arguments.field, arguments.n)
    seconds = time.perf_counter() - started
    for value, count in counts:
        print(f"{count:>10,}  {value}")
    print(f"counted in {seconds:.2f} s")


if __name__ == "__main__":
    main()
