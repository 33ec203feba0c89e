"""Figures of steps: records in and out, seconds and bytes, as they come to whoever observes a run."""

from __future__ import annotations

import gzip
import json
import operator
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

SCHEDULERS = ("sync", "threads", "processes")


def of_stages(compute: Callable[[], object]) -> list[list[tuple[str, int, int]]]:
    """Return label, records in and records out of the steps of each stage, in the order in which stages ended."""
    with bk.Profile() as profile:
        compute()
    return [[(step.label, step.records_in, step.records_out) for step in steps] for steps in profile.figures().values()]


def bag(npartitions: int = 3) -> bk.Bag[int]:
    return bk.from_sequence(range(1000), npartitions=npartitions)


def slow(x: int) -> int:
    end = time.perf_counter() + 0.002
    while time.perf_counter() < end:
        pass
    return x


def is_odd(x: int) -> int:
    return x % 2


def twice(x: int) -> list[int]:
    return [x, x]


def endless(x: int) -> Iterator[int]:
    return iter(range(x))


def add_one(numbers: Iterator[int]) -> Iterator[int]:
    return (x + 1 for x in numbers)


def remainder(x: int) -> int:
    return x % 7


def inverse(x: int) -> float:
    return 1 / (x % 5)


CASES: dict[str, tuple[Callable[[], Any], list[list[tuple[str, int, int]]]]] = {
    "one by one": (
        lambda: bag().map(operator.neg).filter(is_odd).map(str).count(),
        [
            [
                ("from_sequence", 0, 1000),
                ("map(operator.neg)", 1000, 1000),
                ("filter(test_report.is_odd)", 1000, 500),
                ("map(str)", 500, 500),
                ("count", 500, 0),
            ],
            [("count", 0, 0)],
        ],
    ),
    "lists of each": (
        lambda: bag().map(twice).flatten(),
        [[("from_sequence", 0, 1000), ("map(test_report.twice)", 1000, 1000), ("flatten", 1000, 2000)]],
    ),
    "iterators of each": (
        lambda: bk.from_sequence([5, 0, 2000, 3], npartitions=1).map(endless).flatten(),
        [[("from_sequence", 0, 4), ("map(test_report.endless)", 4, 4), ("flatten", 4, 2008)]],
    ),
    "whole partitions": (
        lambda: bag().map_partitions(add_one).sum(),
        [
            [("from_sequence", 0, 1000), ("map_partitions(test_report.add_one)", 1000, 1000), ("sum", 1000, 0)],
            [("sum", 0, 0)],
        ],
    ),
    "side by side": (
        lambda: bk.zip(bag(), bag().map(str)),
        [[("from_sequence", 0, 1000), ("from_sequence", 0, 1000), ("map(str)", 1000, 1000), ("zip", 2000, 1000)]],
    ),
    "a table, and what follows": (
        lambda: bag().map(remainder).frequencies().topk(2, key=1),
        [
            [("from_sequence", 0, 1000), ("map(test_report.remainder)", 1000, 1000), ("frequencies", 1000, 0)],
            [("frequencies", 0, 7), ("topk(2, key=1)", 7, 2)],
        ],
    ),
    "an exchange": (
        lambda: bag().groupby(remainder).map(len),
        [
            [("from_sequence", 0, 1000), ("groupby(test_report.remainder)", 1000, 0)],
            [("groupby(test_report.remainder)", 0, 0)],
            [("groupby(test_report.remainder)", 0, 7), ("map(len)", 7, 7)],
        ],
    ),
    "one partition alone": (
        lambda: bag(1).groupby(remainder).map(len).sum(),
        [
            [
                ("from_sequence", 0, 1000),
                ("groupby(test_report.remainder)", 1000, 7),
                ("map(len)", 7, 7),
                ("sum", 7, 0),
            ]
        ],
    ),
    "empty partitions": (
        lambda: bag().filter(lambda x: x < 0).map(str).count(),
        [
            [("from_sequence", 0, 1000), ("filter(lambda)", 1000, 0), ("map(str)", 0, 0), ("count", 0, 0)],
            [("count", 0, 0)],
        ],
    ),
    "no record at all": (
        lambda: bk.from_sequence([], npartitions=1).map(str).count(),
        [[("from_sequence", 0, 0), ("map(str)", 0, 0), ("count", 0, 0)]],
    ),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("name", CASES)
def test_each_step_counts_its_records(name: str, scheduler: str) -> None:
    make, expected = CASES[name]
    assert of_stages(lambda: make().compute(scheduler=scheduler, workers=2)) == expected


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("policy", ["skip", "collect"])
@pytest.mark.filterwarnings("ignore::bagkit.SkippedRecordsWarning")
def test_records_that_fail_go_in_and_not_out(scheduler: str, policy: str) -> None:
    numbers = bag().map(inverse)
    expected = [("from_sequence", 0, 1000), ("map(test_report.inverse)", 1000, 800), ("max", 800, 0)]
    stages = of_stages(lambda: numbers.max().compute(scheduler=scheduler, workers=2, on_error=policy))
    assert stages[0] == expected


@pytest.mark.filterwarnings("ignore::bagkit.SkippedRecordsWarning")
def test_a_reduction_that_looks_for_what_fails_counts_once() -> None:
    with bk.Profile() as profile:
        mixed = bk.from_sequence([1, "x", 2, 3], npartitions=1)
        assert mixed.sum().compute(scheduler="sync", on_error="skip") == 6
    source, total = next(iter(profile.figures().values()))
    assert (source.records_out, total.records_in, total.careful) == (4, 4, 4)
    assert total.why == "records on which it fails"


def test_take_counts_what_was_made() -> None:
    (steps,) = of_stages(lambda: bag().map(str).take(3, scheduler="sync"))
    assert steps == [("from_sequence", 0, 3), ("map(str)", 3, 3), ("head(3)", 3, 3)]


def test_iteration_counts() -> None:
    with bk.Profile() as profile:
        assert list(bag().map(str)) == list(map(str, range(1000)))
    ((source, mapped),) = profile.figures().values()
    assert (source.records_out, mapped.records_in, mapped.records_out) == (1000, 1000, 1000)


def test_reductions_that_share_a_read_count_apart(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("".join(json.dumps({"age": n % 9, "name": str(n)}) + "\n" for n in range(100)))
    people = bk.read_text(tmp_path / "a.json").map(json.loads)
    ages = people.pluck("age")
    stages = of_stages(lambda: bk.compute(ages.max(), people.pluck("name").count(), scheduler="sync"))
    shared = next(steps for steps in stages if len(steps) > 2)
    assert [counts for _, *counts in shared] == [[0, 100], [100, 100], [100, 100], [100, 100], [100, 0], [100, 0]]
    assert [label for label, *_ in shared[2:]] == ["pluck('age')", "pluck('name')", "max", "count"]


def test_an_executor_reports_too() -> None:
    with ProcessPoolExecutor(1) as executor:
        (steps, _) = of_stages(lambda: bag().map(str).count().compute(scheduler=executor))
    assert steps == [("from_sequence", 0, 1000), ("map(str)", 1000, 1000), ("count", 1000, 0)]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_sources_report_bytes_as_they_are_compressed(scheduler: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(b'{"a": %d}\n' % n for n in range(5000))))
    with bk.Profile() as profile:
        bk.read_text(path).map(json.loads).pluck("a").sum().compute(scheduler=scheduler, workers=1)
    source, parser, *_ = next(iter(profile.figures().values()))
    assert source.bytes_read == path.stat().st_size == sum(task.bytes_read for task in profile.tasks)
    assert source.records_out == parser.records_in == 5000
    assert (parser.careful, parser.why) == (0, "")


def test_a_careful_way_is_told_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a": NaN}\n{"a": 2}\n')
    with bk.Profile() as profile:
        assert bk.read_text(path).map(json.loads).pluck("a").count().compute(scheduler="sync") == 3
    parser = next(iter(profile.figures().values()))[1]
    assert parser.records_in == 3
    assert 1 <= parser.careful <= 3
    assert "JSON" in parser.why


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_each_step_has_its_own_time_and_all_of_them_fit_into_the_task(scheduler: str) -> None:
    numbers = bk.range(50, npartitions=1).map(abs).map(slow).map_partitions(add_one)
    with bk.Profile() as profile:
        numbers.sum().compute(scheduler=scheduler, workers=1)
    (task,) = profile.tasks
    seconds = {step.label: step.seconds for step in task.steps}
    assert seconds["map(test_report.slow)"] >= 0.1
    assert sum(seconds.values()) - seconds["map(test_report.slow)"] < seconds["map(test_report.slow)"]
    assert sum(seconds.values()) <= task.stop - task.start + 0.001


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_an_attempt_that_failed_does_not_count(scheduler: str, tmp_path: Path) -> None:
    def fail_once(x: int) -> int:
        if x == 20 and not (tmp_path / "failed").exists():
            (tmp_path / "failed").touch()
            raise ValueError("once")
        return x

    numbers = bk.range(40, npartitions=1).map(fail_once)
    ((_, mapped),) = of_stages(lambda: numbers.compute(scheduler=scheduler, workers=1, retries=2))
    assert mapped[1:] == (40, 40)


def test_a_task_that_fails_tells_no_figures() -> None:
    with bk.Profile() as profile, pytest.raises(ZeroDivisionError):
        bag(1).map(inverse).compute(scheduler="sync")
    assert profile.figures() == {}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_slow_task_tells_where_its_time_goes_while_it_runs(scheduler: str) -> None:
    from bagkit.diagnostics.events import Event, TaskProgressed
    from bagkit.diagnostics.observer import listen, stop_listening

    class Watcher:
        def __init__(self) -> None:
            self.told: list[TaskProgressed] = []

        def emit(self, event: Event) -> None:
            self.told += [event] if isinstance(event, TaskProgressed) else []

    watcher = Watcher()
    listen(watcher)
    try:
        bk.range(150, npartitions=1).map(slow).sum().compute(scheduler=scheduler, workers=1)
    finally:
        stop_listening(watcher)
    last = watcher.told[-1]
    assert dict(zip(last.labels, last.seconds, strict=True))["map(test_report.slow)"] == max(last.seconds) > 0.05
