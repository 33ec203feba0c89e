"""What counts as too many errors while tasks go on: events go in, the error comes out."""

from __future__ import annotations

from typing import Any

import pytest

import bagkit as bk
from bagkit.diagnostics.error_limit import ErrorLimit
from bagkit.diagnostics.events import TaskFinished, TaskProgressed, WorkerLost
from bagkit.lower.graph import Graph, Task
from bagkit.lower.limits import readers_of, turns_of


def progressed(key: str, lost: int, records: int) -> TaskProgressed:
    return TaskProgressed(key, 10, records=records, lost=lost, failure=f"first of {key}")


def finished(key: str, lost: int) -> TaskFinished:
    return TaskFinished(key, "", 0, 0.0, 1.0, 10, 10, lost, (), labels=("read",), figures=((0, 2000, 1.0, *PLAIN),))


PLAIN: Any = (0, 0, "", 0, False, True, 0, ())
"""The other figures of a step that reads."""


def limit_of(most: int | str) -> ErrorLimit:
    """Return the limit of a run in which three tasks read one file, and one another."""
    tasks = [Task((key,), len, one_of="file") for key in ("one", "two", "three")]
    graph = Graph([*tasks, Task(("other",), len), Task(("unused",), len, one_of="file")])
    return ErrorLimit(most, readers_of(graph), turns_of(graph, ["three", "two", "one", "other"]))


def test_a_task_knows_the_one_before_it_and_no_others() -> None:
    tasks = [
        Task((key,), len, one_of=file) for key, file in zip("abcdef", ("x", "y", "x", None, "x", "y"), strict=True)
    ]
    assert turns_of(Graph(tasks), "abcdf") == {"c": "a", "f": "b"}
    assert turns_of(Graph(tasks), "abdef") == {"e": "a", "f": "b"}


@pytest.mark.parametrize("most", [9, "0.5%"])
def test_a_part_of_a_file_counts_when_the_parts_before_it_are_done(most: int | str) -> None:
    limit = limit_of(most)
    limit.emit(progressed("two", 100, 2000))  # it may have begun where no part begins: the first will know
    limit.emit(finished("three", 100))
    limit.emit(progressed("one", 5, 2000))
    limit.emit(finished("other", 1))
    with pytest.raises(bk.TooManyErrorsError, match=r"^106 records have failed.*; the first: first of two"):
        limit.emit(finished("one", 5))


def test_a_share_is_exact() -> None:
    lines = ["x"] * 29 + ["1"] * 71
    bag = bk.from_sequence(lines, npartitions=1).map(int)
    skip: Any = {"scheduler": "sync", "on_error": "skip"}
    with pytest.warns(bk.SkippedRecordsWarning):
        assert bag.sum().compute(max_errors="29%", **skip) == 71  # 0.29 * 100 is less than 29
    with pytest.raises(bk.TooManyErrorsError):
        bag.sum().compute(max_errors="28.9%", **skip)


def test_a_part_whose_worker_is_lost_counts_from_nothing() -> None:
    limit = limit_of(9)
    limit.emit(finished("one", 5))
    limit.emit(finished("three", 3))
    limit.emit(progressed("two", 4, 2000))
    limit.emit(WorkerLost(0, "two", -9, 1))
    limit.emit(progressed("two", 1, 1000))
    with pytest.raises(bk.TooManyErrorsError, match=r"^10 records have failed, and max_errors=9 allows no more"):
        limit.emit(finished("two", 2))
