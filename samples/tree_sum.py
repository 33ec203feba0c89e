"""Integrate a function numerically: a tree of sums built with a loop, and a loop that decides on computed values.

    python samples/tree_sum.py
    python samples/tree_sum.py --tolerance 1e-6 --picture tree.svg

The interval is cut into pieces, each piece is a delayed call, and a loop adds neighbours until one value is left. Then
plain `while` doubles the number of points until the result no longer changes: a computed value is an ordinary number,
so ordinary Python decides what to do next.
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timing import timed

import bagkit as bk

START, STOP = 0.0, 10.0
PIECES = 16
FIRST_POINTS = 64_000


def height(x: float) -> float:
    """The function that is integrated; it wiggles faster and faster."""
    return math.sin(x * x) * math.exp(-x / 5)


def area(start: float, stop: float, points: int) -> float:
    """Return the area below the function, by the midpoint rule."""
    step = (stop - start) / points
    return step * math.fsum(height(start + (n + 0.5) * step) for n in range(points))


def add(one: float, other: float) -> float:
    """Return the sum of two areas."""
    return one + other


def tree_sum(values: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    """Return the sum of `values`, neighbours first: with a delayed `add`, the pairs of a level run side by side."""
    while len(values) > 1:
        pairs = [add(*values[n : n + 2]) for n in range(0, len(values) - 1, 2)]
        values = pairs + values[len(pairs) * 2 :]
    return values[0]


def plan(points: int) -> Any:
    """Return the delayed area of the whole interval."""
    width = (STOP - START) / PIECES
    areas = [bk.delayed(area)(START + n * width, START + (n + 1) * width, points // PIECES) for n in range(PIECES)]
    return tree_sum(areas, bk.delayed(add))


def in_sequence(points: int) -> float:
    """Return the same area, one piece after the other."""
    width = (STOP - START) / PIECES
    areas = [area(START + n * width, START + (n + 1) * width, points // PIECES) for n in range(PIECES)]
    return float(tree_sum(areas, add))


def refine(integrate: Callable[[int], float], tolerance: float) -> tuple[float, int]:
    """Return an area that twice as many points change by no more than `tolerance`, and the number of points."""
    points = FIRST_POINTS
    before, now = math.inf, integrate(points)
    while abs(now - before) > tolerance:
        points *= 2
        before, now = now, integrate(points)
    return now, points


def main() -> None:
    """Integrate twice, and compare."""
    parser = argparse.ArgumentParser(description="Integrate a function with a tree of sums.")
    parser.add_argument("--tolerance", type=float, default=2e-13, help="when to stop (default: 2e-13)")
    parser.add_argument("--workers", type=int, help="how many processes (default: one for each processor)")
    parser.add_argument("--picture", type=Path, help="where to draw the tree: name.svg, .dot or .mermaid")
    arguments = parser.parse_args()

    def in_parallel(points: int) -> float:
        return float(plan(points).compute(scheduler="processes", workers=arguments.workers))

    expected = timed("in sequence", lambda: refine(in_sequence, arguments.tolerance))
    result, points = timed("in parallel", lambda: refine(in_parallel, arguments.tolerance))
    assert (result, points) == expected
    print(f"the area is {result:.9f}, the same both times, with {points:,} points")
    if arguments.picture:
        bk.visualize(plan(points), filename=arguments.picture)


if __name__ == "__main__":
    main()
