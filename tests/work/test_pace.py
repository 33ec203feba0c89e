"""How many records go through a task at a time: few of what is slow or large, and none that nobody wants."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.flow.blocks import Block, result_of
from tests.operations.functions import Counts, Fails

SLOW = 0.06
"""Seconds, longer than any block of several records may take."""


pytestmark = pytest.mark.usefixtures("sync")


def test_a_slow_function_is_called_for_no_record_behind_one_that_fails() -> None:
    calls: list[int] = []

    def slow(record: int) -> int:
        calls.append(record)
        time.sleep(SLOW)
        return record

    with pytest.raises(Exception, match="4"):
        bk.range(100, npartitions=1).map(slow).map(Fails(4)).compute()
    assert calls == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 64, 100, 1000])
def test_no_more_records_are_made_than_are_taken(count: int) -> None:
    counts = Counts()
    bag = bk.range(5000, npartitions=1).map(counts)
    assert bag.take(count) == tuple(range(count))
    assert counts.calls == list(range(count))


@pytest.mark.parametrize("count", [1, 7, 300])
def test_no_more_elements_are_taken_of_iterators_without_end(count: int) -> None:
    drawn = Counts()
    bag = bk.from_sequence([3], npartitions=1).map(lambda x: map(drawn, itertools.count(x))).flatten()
    assert bag.take(count) == tuple(range(3, 3 + count))
    assert len(drawn.calls) <= count


def test_any_and_all_read_no_further_than_they_must() -> None:
    counts = Counts()
    assert bk.range(10_000, npartitions=1).map(counts).map(lambda x: x == 2).any().compute()
    assert len(counts.calls) < 10


LARGE = """
import sys, tracemalloc
import bagkit as bk
mb = 50_000_000
bag = bk.range(7, npartitions=1).map(lambda n: chr(97 + n % 26) * mb)
runs = {
    "max": lambda: bag.max().compute() == chr(103) * mb,
    "sum": lambda: bag.map(len).sum().compute() == 7 * mb,
    "count": lambda: bag.map(str.upper).filter(len).count().compute() == 7,
    "to_textfiles": lambda: len(bag.to_textfiles(sys.argv[1])) == 1,
}
tracemalloc.start(1)
with bk.options(scheduler="sync"):
    for name, run in runs.items():
        tracemalloc.reset_peak()
        print(name, run(), tracemalloc.get_traced_memory()[1])
"""
"""Seven records are blocks of one, two and four, where blocks grow: 300 MB, and more where steps make copies."""


def test_large_records_go_one_by_one(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LARGE, str(tmp_path / "*.txt")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peaks = {name: (right, int(peak)) for name, right, peak in map(str.split, done.stdout.splitlines())}
    assert {right for right, _ in peaks.values()} == {"True"}
    assert len(peaks) == 4
    assert max(peak for _, peak in peaks.values()) < 250_000_000, peaks


# Where one block ends and the next begins must not be seen ------------------------------------------------------------

VALUES: list[Any] = [n * 7919 % 1009 / 7 for n in range(3000)]
ENDS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda b: b.sum(),
    "mean": lambda b: b.mean(),
    "std": lambda b: b.std(),
    "stats": lambda b: b.stats(),
    "quantiles": lambda b: b.quantiles([0.1, 0.5, 0.9], error=0.05),
    "approx_distinct": lambda b: b.approx_distinct(0.05),
    "histogram": lambda b: b.histogram(9),
    "topk": lambda b: b.topk(20, key=lambda x: x % 10),
    "frequencies": lambda b: b.frequencies(),
    "distinct": lambda b: b.distinct(lambda x: round(x)),
    "foldby": lambda b: b.foldby(lambda x: round(x) % 7, lambda total, x: total + x, 0.0),
    "fold": lambda b: b.fold(lambda total, x: total * 0.5 + x),
    "accumulate": lambda b: b.accumulate(lambda total, x: total * 0.5 + x, 1.0),
    "groupby": lambda b: b.groupby(lambda x: round(x) % 7),
    "sort_by": lambda b: b.sort_by(lambda x: -x),
    "window": lambda b: b.window(3),
    "batch": lambda b: b.batch(7),
    "sample": lambda b: b.random_sample(0.3, random_state=1),
    "side by side": lambda b: b.map(lambda x, y: x - y, b.filter(lambda x: True)),
    "product": lambda b: b.filter(lambda x: x < 3).product(b.filter(lambda x: x < 2)),
}


@pytest.mark.parametrize("end", ENDS)
def test_blocks_are_not_seen_in_results(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from bagkit.work import pace

    bag = bk.from_sequence(VALUES, npartitions=2)
    results = []
    for some, most in ((1, 1), (3, 3), (64, 1024)):
        monkeypatch.setattr(pace, "SOME", some)
        monkeypatch.setattr(pace, "MOST", most)
        monkeypatch.setattr(pace, "MANY", most)
        results.append(ENDS[end](bag).compute())
    assert results[0] == results[1] == results[2]


def largest_block(monkeypatch: pytest.MonkeyPatch, seconds: float) -> int:
    """Return how many records the largest of many blocks has, each of whose records takes that many seconds."""
    from bagkit.work import pace

    now = 0.0
    monkeypatch.setattr(pace, "perf_counter", lambda: now)
    sizes = []
    for block in pace.Pace(pace.Wanted()).cut(Block(range(20_000), origin=result_of("numbers", 0))):
        sizes.append(len(block.records))
        now += seconds * len(block.records)
    return max(sizes[:-1])  # the last may have some more


def test_blocks_are_as_large_as_records_are_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    try:
        gc.set_threshold(50_000)  # as in workers
        assert [largest_block(monkeypatch, each) for each in (3e-7, 9e-7, 5e-6)] == [2048, 512, 64]
        gc.set_threshold(700)  # a block of lists is not to be collected
        assert [largest_block(monkeypatch, each) for each in (3e-7, 9e-7, 5e-6)] == [512, 512, 64]
    finally:
        gc.set_threshold(*before)


def test_slower_ones_grow_with_care(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for four times as many records as have shown how long they take, but where that is no time."""
    from bagkit.work import pace

    now = 0.0
    monkeypatch.setattr(pace, "perf_counter", lambda: now)

    def first(seconds: float) -> list[int]:
        nonlocal now
        found = []
        for block in pace.Pace(pace.Wanted()).cut(Block(range(1000), origin=result_of("numbers", 0))):
            found.append(len(block.records))
            now += seconds * len(block.records)
        return found[:5]

    assert first(1e-5) == [1, 4, 16, 64, 64]
    assert first(2e-4) == [1, 4, 8, 16, 16]
    assert first(9e-4) == [1, 2, 4, 4, 4]
    assert first(0.01) == [1, 1, 1, 1, 1]


def test_a_few_records_that_are_left_over_go_with_the_block_before_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from bagkit.work import pace

    now = 0.0
    monkeypatch.setattr(pace, "perf_counter", lambda: now)
    wanted = pace.Wanted()
    cutting = pace.Pace(wanted)

    def sizes(count: int) -> list[int]:
        nonlocal now
        found = []
        for block in cutting.cut(Block(range(count), origin=result_of("numbers", 0))):
            found.append(len(block.records))
            now += 5e-6 * len(block.records)
        return found

    assert sizes(7) == [1, 4, 2]
    assert sum(sizes(500)) == 500
    assert [sizes(count) for count in (64, 67, 80, 81, 145)] == [[64], [67], [80], [64, 17], [64, 64, 17]]
    wanted.number, wanted.cut = 64, 0
    assert sizes(67) == [64, 3]


def test_a_search_through_much_goes_on_with_larger_blocks() -> None:
    sizes: list[int] = []

    def look(record: int) -> bool:
        sizes.append(record)
        return record in (700, 4999)

    bag = bk.range(10_000, npartitions=1).filter(look)
    assert bag.take(1) == (700,)
    assert len(sizes) <= 2 * 701
    assert bag.take(2) == (700, 4999)


def test_who_presses_ctrl_c_waits_for_nothing() -> None:
    later = Counts()

    def pressed(record: int) -> int:
        if record == 40:
            raise KeyboardInterrupt
        return record

    with pytest.raises(KeyboardInterrupt):
        bk.range(41, npartitions=1).map(pressed).map(later).compute()
    assert len(later.calls) < 40
