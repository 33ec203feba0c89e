"""Which compressed files are shared by workers, and for what."""

from __future__ import annotations

import bz2
import gzip
import json
import random
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from operator import add
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.io.input import file_source, inflating
from bagkit.lower.lower import lower
from bagkit.optimizer import optimize

_GENERATOR = random.Random(1)


@pytest.fixture(autouse=True)
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small files are worth a share."""
    monkeypatch.setattr(inflating, "STEP", 8)
    monkeypatch.setattr(file_source, "LEAST_SHARE", 16)


def files(folder: Path, *sizes: int) -> list[str]:
    """Write gz files of about these sizes."""
    paths = [folder / f"{number:03}.json.gz" for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(gzip.compress(b'{"x": 1}\n' * (size // 9), 0))
    return list(map(str, paths))


def ranges(bag: Any, workers: int) -> list[list[tuple[int, int | None]]]:
    """Return what the tasks read that read something: the ranges of their pieces."""
    graph, _ = lower(optimize((bag.plan,)), workers=workers)
    parts = [task.part[0] for task in graph.tasks if isinstance(task.part, tuple) and task.part]
    return [[(piece.start, piece.stop) for piece in part] for part in parts if isinstance(part, tuple)]


def count(bag: Any, workers: int) -> int:
    return len(ranges(bag, workers))


class TestSharing:
    """As many shares as keep all workers busy, and no more."""

    def test_one_file(self, tmp_path: Path) -> None:
        bag = bk.read_text(files(tmp_path, 10_000)).map(json.loads)
        assert [count(bag, workers) for workers in (1, 2, 4, 8)] == [1, 2, 4, 8]
        assert count(bag, 100) == 16
        assert bag.npartitions == 1

    def test_none_where_all_are_busy_anyway(self, tmp_path: Path) -> None:
        bag = bk.read_text(files(tmp_path, *[10_000] * 8)).map(json.loads)
        assert [count(bag, workers) for workers in (1, 2, 4, 8)] == [8] * 4

    def test_what_is_left_over(self, tmp_path: Path) -> None:
        bag = bk.read_text(files(tmp_path, *[10_000] * 3)).map(json.loads)
        assert [len(part) for part in ranges(bag, 2)] == [1] * 4
        assert [part for part in ranges(bag, 2) if part == [(0, None)]] == [[(0, None)]] * 2
        assert count(bk.read_text(files(tmp_path, *[10_000] * 2)), 3) > 3

    def test_one_that_is_much_larger(self, tmp_path: Path) -> None:
        small = [1000] * 10
        for sizes in ([90_000, *small], [*small, 90_000]):
            found = ranges(bk.read_text(files(tmp_path, *sizes)), 2)
            assert len(found) == 12
            assert found.count([(0, None)]) == 10

    def test_a_partition_of_several_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bagkit.lower.resize.JOIN_BYTES", 5000)
        bag = bk.read_text(files(tmp_path, *[10_000] * 2), files_per_partition=2)
        assert ranges(bag, 2) == [[(0, None)], [(0, None)]]
        assert bag.compute(scheduler="sync") == ['{"x": 1}\n'] * (10_000 // 9 * 2)

    def test_not_what_takes_no_time(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_source, "LEAST_SHARE", 8_000)
        assert count(bk.read_text(files(tmp_path, 10_000)), 4) == 1

    def test_members(self, tmp_path: Path) -> None:
        path, line = tmp_path / "a.json.bz2", b'{"x": 1}\n'
        path.write_bytes(bz2.compress(line * 100) * 400)
        bag = bk.read_text(str(path))
        assert [count(bag, workers) for workers in (1, 2, 4, 20)] == [1, 2, 4, 20]
        found = ranges(bag, 4)
        assert [stop for ((_, stop),) in found] == [*[start for ((start, _),) in found[1:]], None]
        path.write_bytes(bz2.compress(random.Random(1).randbytes(20_000)))
        assert count(bk.read_text(str(path)), 4) == 1
        assert count(bk.read_text([str(path), *files(tmp_path, 40_000)]), 4) > 2  # the other one is shared

    def test_none_is_opened_where_all_are_busy(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []
        monkeypatch.setattr(file_source, "borders", lambda info, *_: opened.append(info.path) or [])
        paths = files(tmp_path, *[10_000] * 8)
        assert count(bk.read_text(paths), 4) == 8
        assert opened == []
        assert count(bk.read_text(paths[:3]), 2) == 4
        assert len(opened) == 1


class TestExactness:
    """Files are not shared where the result would tell how many workers there are."""

    def test_what_shares(self, tmp_path: Path) -> None:
        bag = bk.read_text(files(tmp_path, 10_000)).map(json.loads)
        x = bag.pluck("x")
        for shared in (
            bag, x.sum(), x.mean(), x.var(), x.stats(), x.filter(bool).mean(), x.max(), x.count(), x.frequencies(),
            x.distinct(), x.topk(3), bag.topk(3, key=lambda r: r["x"]), x.quantiles(0.5, error=0),
            bag.groupby("x", npartitions=1), x.map(Decimal).frequencies(),
        ):  # fmt: skip
            assert count(shared, 2) == 2

    def test_what_does_not(self, tmp_path: Path) -> None:
        bag = bk.read_text(files(tmp_path, 10_000)).map(json.loads)
        x = bag.pluck("x")
        for alone in (
            x.map(Decimal).sum(), x.map(Decimal).mean(), x.map(Decimal).var(), x.map(Decimal).stats(),  # rounded
            x.fold(add), bag.foldby("x", add), x.quantiles(0.5),
            x.any(), x.all(), x.take(3, compute=False),  # which may have enough before an error
            x.sort_by(npartitions=3), bag.map_partitions(list), x.fold(add, initial=0), x.random_sample(0.5),
        ):  # fmt: skip
            assert count(alone, 2) <= 1
        assert count(bk.zip(x, x), 2) <= 2

    def test_nothing_where_a_function_has_a_generator(self, tmp_path: Path) -> None:
        class Chooser:
            def __init__(self, source: Any) -> None:
                self.source = source

            def choose(self, line: str) -> float:
                return float(self.source.random())

        bag = bk.read_text(files(tmp_path, 10_000))
        seeded, chooser = random.Random(5), Chooser([random.Random(5)])
        drawing: list[Callable[..., Any]] = [
            lambda line: seeded.random(), lambda line: [seeded.random() for _ in line], seeded.choice, chooser.choose,
            partial(chooser.choose), lambda line, source=chooser: source, lambda line: _GENERATOR.random(),
        ]  # fmt: skip
        for function in drawing:
            assert count(bag.map(function), 2) == 1
            assert count(bag.map(function).count(), 2) == 1
        for function in (len, json.loads, random.choice, lambda line: random.random(), partial(add, "a")):
            assert count(bag.map(function), 2) == 2

    def test_several_answers_of_one_read(self, tmp_path: Path) -> None:
        x = bk.read_text(files(tmp_path, 10_000)).map(json.loads).pluck("x")
        for reductions, tasks in (((x.count(), x.max()), 2), ((x.count(), x.fold(add)), 1)):
            graph, _ = lower(optimize(tuple(one.plan for one in reductions)), workers=2)
            assert sum(task.weight > 0 for task in graph.tasks) == tasks
