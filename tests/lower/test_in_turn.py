"""Many small partitions in one task: each is still a partition of its own, and nobody sees which task made what."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.flow.buckets import SPREAD
from bagkit.lower.in_turn import HELD
from bagkit.lower.lower import lower
from bagkit.lower.resize import JOIN_BYTES, LEAST_TASKS, SPREAD_TASKS
from bagkit.optimizer import optimize
from tests.each_case import each_case

FILES = 4 * LEAST_TASKS + 44
"""One record each, but for every seventh, which is empty."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small")
    for number in range(FILES):
        line = "" if number % 7 == 6 else f'{{"n": {number}, "name": "{number % 5}"}}\n'
        Path(path, f"{number:03}.jsonl").write_text(line)
    return path


NUMBERS = [number for number in range(FILES) if number % 7 != 6]


def records(folder: Path) -> bk.Bag[Any]:
    return bk.read_text(f"{folder}/*.jsonl").map(json.loads)


def groups(numbers: list[int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for number in numbers:
        found.setdefault(str(number % 5), []).append(number)
    return found


CASES: dict[str, tuple[Callable[[bk.Bag[Any]], Any], Any]] = {
    "groupby": (
        lambda bag: bag.groupby("name").map(lambda g: (g[0], [r["n"] for r in g[1]])).fold(
            lambda found, group: {**found, group[0]: group[1]}, lambda one, other: {**one, **other}, initial={}),
        groups(NUMBERS),
    ),
    "groups": (lambda bag: bag.groupby(lambda r: r["n"]).pluck(0).frequencies().count(), len(NUMBERS)),
    "sort": (lambda bag: bag.pluck("n").sort_by(reverse=True), NUMBERS[::-1]),
    "join": (lambda bag: bag.join(bag, "n", how="outer").pluck(1).pluck("n").sum(), sum(NUMBERS)),
    "distinct": (lambda bag: bag.pluck("name").distinct(npartitions=FILES).count(), 5),
    "a table that is counted": (lambda bag: bag.pluck("n").distinct().filter(lambda n: n > 9).count(),
                                sum(n > 9 for n in NUMBERS)),
    "an exchange of another": (
        lambda bag: bag.groupby("n").sort_by(0).pluck(1).flatten().pluck("n"), NUMBERS),
    "partitions": (
        lambda bag: bag.map_partitions(lambda part: [len(part)]), [int(n % 7 != 6) for n in range(FILES)]),
    "partitions, and on": (
        lambda bag: bag.map_partitions(lambda part: [len(part)]).filter(None).sum(), len(NUMBERS)),
    "partitions of groups": (
        lambda bag: bag.groupby("n", npartitions=FILES).map_partitions(lambda part: [len(part)]).sum(), len(NUMBERS)),
    "batch": (lambda bag: bag.pluck("n").batch(2), [[n] for n in NUMBERS]),
    "a value beside": (lambda bag: bag.map_partitions(lambda part, n: [n], bag.count()).sum(), FILES * len(NUMBERS)),
}  # fmt: skip


@each_case("make, expected", CASES.values(), ids=CASES)
def test_results_are_those_of_partitions_alone(make: Any, expected: Any, folder: Path) -> None:
    for scheduler in ("sync", "processes"):
        assert make(records(folder)).compute(scheduler=scheduler, workers=2) == expected


def tasks(bag: Any, memory: int | None = None) -> list[Any]:
    graph, _ = lower(optimize((bag.plan,)), memory=None if memory is None else lambda: memory)
    return [task for task in graph.tasks if task.part is not None and getattr(task.work, "in_turn", False)]


def test_as_many_tasks_are_left_as_of_joined_files(folder: Path) -> None:
    made = tasks(records(folder).groupby("name"))
    assert len(made) == -(-FILES // 4)
    assert [len(task.part[-1]) for task in made] == [4] * (FILES // 4)
    assert not tasks(records(folder).groupby("name", npartitions=LEAST_TASKS))


def test_partitions_that_nobody_has_asked_for_are_a_few_tasks(folder: Path) -> None:
    few = bk.read_text([f"{folder}/{number:03}.jsonl" for number in range(3)]).map(json.loads).pluck("n")
    made = tasks(few.distinct().count())
    assert sum(len(task.part[-1]) for task in made) >= SPREAD - 1, "one may be left over"
    assert len(made) <= SPREAD_TASKS
    assert not tasks(few.distinct(npartitions=SPREAD).count())


def test_partitions_are_together_as_far_as_they_fit_into_memory(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(b'{"n": 1}\n' * (SPREAD * 100))  # 1,800 bytes for each partition of two such files
    counted = bk.read_text([str(path)] * 2).map(json.loads).pluck("n").distinct().count()
    most = SPREAD // SPREAD_TASKS
    for memory, together in [(None, most), (10**9, most), (3 * 1800 * HELD, 3), (1800 * HELD, 1)]:
        assert {len(task.part[-1]) for task in tasks(counted, memory)} <= {together, SPREAD % together}
        assert bool(tasks(counted, memory)) == (together > 1)


def test_large_partitions_are_tasks_of_their_own(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(b"{}\n" * (JOIN_BYTES // 3))
    files = [*sorted(map(str, folder.iterdir())), str(path)]
    made = tasks(bk.read_text(files).map_partitions(len))
    assert len(made) == -(-FILES // 4)  # all but the last, which stays alone
    assert "large" not in "".join(task.place for task in made)
    big = bk.read_text([str(path)] * (2 * LEAST_TASKS)).map(json.loads)
    assert not tasks(big.groupby(len))


def test_errors_name_the_file_and_the_record(folder: Path) -> None:
    for scheduler in ("sync", "processes"):
        bag = records(folder).map(lambda r: 1 / (249 - r["n"])).map_partitions(list)
        with pytest.raises(ZeroDivisionError) as caught:
            bag.compute(scheduler=scheduler, workers=1)
        notes = "\n".join(caught.value.__notes__)
        assert f"{folder}/249.jsonl" in notes, notes


def test_records_that_fail_are_left_out_of_each(folder: Path) -> None:
    bag = records(folder).map_partitions(lambda part: part).map(lambda r: 1 // (r["n"] % 10))
    with pytest.warns(bk.SkippedRecordsWarning):
        found = bag.count().compute(scheduler="sync", on_error="skip")
    assert found == sum(1 for n in NUMBERS if n % 10)


def test_figures_are_of_all_partitions(folder: Path) -> None:
    with bk.Profile() as profile:
        records(folder).map_partitions(lambda part: [len(part)] * 2).count().compute(scheduler="sync")
    made = [step for task in profile.tasks for step in task.steps if step.label.startswith("map_partitions")]
    assert sum(step.records_in for step in made) == len(NUMBERS)
    assert sum(step.records_out for step in made) == 2 * FILES


def test_explain_tells_of_all_files(folder: Path) -> None:
    bag = records(folder).map_partitions(lambda part: [len(part)])
    size = sum(path.stat().st_size for path in folder.iterdir())
    with redirect_stdout(io.StringIO()) as said:
        bag.explain(analyze=True, scheduler="sync")
    assert f"({size / 1000:.3g} kB)" in said.getvalue()
