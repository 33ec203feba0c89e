"""Small partitions that others need each: one task does several, one after the other, and has the values of each."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from operator import add
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.lower.lower import lower
from bagkit.lower.resize import JOIN_BYTES, LEAST_TASKS
from bagkit.optimizer import optimize
from bagkit.work.in_turn import EachInTurn
from tests.each_case import each_case

FILES = 4 * LEAST_TASKS + 44
"""One record each, but for every seventh, which is empty."""
NUMBERS = [number for number in range(FILES) if number % 7 != 6]
SIZES = [int(number % 7 != 6) for number in range(FILES)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("small")
    for number in range(FILES):
        Path(path, f"{number:03}.jsonl").write_text("" if number % 7 == 6 else f'{{"n": {number}}}\n')
    return path


def numbers(folder: Path) -> bk.Bag[Any]:
    return bk.read_text(f"{folder}/*.jsonl").map(json.loads).map(lambda r: r["n"])


def sums(found: list[int]) -> list[int]:
    return [sum(found[: n + 1]) for n in range(len(found))]


CASES: dict[str, tuple[Callable[[bk.Bag[Any]], Any], Any]] = {
    "zip_with_index": (lambda bag: bag.zip_with_index(), [(n, i) for i, n in enumerate(NUMBERS)]),
    "window": (lambda bag: bag.window(3), list(zip(NUMBERS, NUMBERS[1:], NUMBERS[2:], strict=False))),
    "steps of a window": (
        lambda bag: bag.window(2, step=5), [tuple(NUMBERS[n : n + 2]) for n in range(0, len(NUMBERS) - 1, 5)]),
    "accumulate": (lambda bag: bag.accumulate(add), sums(NUMBERS)),
    "accumulate from": (lambda bag: bag.accumulate(add, 5), [5, *[total + 5 for total in sums(NUMBERS)]]),
    "accumulate twice": (lambda bag: bag.accumulate(add).accumulate(max), sums(NUMBERS)),
    "a fold with an initial value": (lambda bag: bag.fold(add, initial=1), sum(NUMBERS) + FILES - SIZES.count(0)),
    "a reduction": (lambda bag: bag.reduction(lambda part: len(list(part)), list), [1] * len(NUMBERS)),
    "numbers and their partitions": (
        lambda bag: bag.zip_with_index().map_partitions(lambda part: [len(part)]), SIZES),
    "a value beside": (lambda bag: bag.map_partitions(lambda part, n: [n], bag.count()).sum(), FILES * len(NUMBERS)),
    "product": (lambda bag: bag.product(bk.from_sequence("ab", npartitions=1)).count(), 2 * len(NUMBERS)),
    "more partitions": (
        lambda bag: bag.repartition(2 * FILES).map_partitions(lambda part: [len(part)]),
        [n for size in SIZES for n in (0, size)]),
    "sorted, and others": (
        lambda bag: bag.sort_by(reverse=True).zip_with_index(), [(n, i) for i, n in enumerate(NUMBERS[::-1])]),
}  # fmt: skip


@each_case("make, expected", CASES.values(), ids=CASES)
def test_results_are_those_of_partitions_alone(make: Any, expected: Any, folder: Path) -> None:
    for scheduler in ("sync", "threads", "processes"):
        assert make(numbers(folder)).compute(scheduler=scheduler, workers=2) == expected, scheduler


TOGETHER: dict[str, tuple[Callable[[bk.Bag[Any]], Any], Any]] = {
    "count": (lambda bag: bag.count(), len(NUMBERS)),
    "groups": (
        lambda bag: bag.groupby(lambda n: n % 5).starmap(lambda key, of: (key, len(of))).sort_by(0),
        [(k, sum(n % 5 == k for n in NUMBERS)) for k in range(5)]),
    "sorted": (lambda bag: bag.sort_by(lambda n: -n), NUMBERS[::-1]),
    "a value beside": (lambda bag: bag.map(add, bk.from_sequence([1, 2]).sum()).max(), max(NUMBERS) + 3),
    "largest": (lambda bag: bag.topk(2), NUMBERS[:-3:-1]),
    "records": (lambda bag: bag.map(str), list(map(str, NUMBERS))),
    "numbers": (lambda bag: bag.zip_with_index().map(sum).count(), len(NUMBERS)),
}  # fmt: skip


@each_case("names", [("count", "groups", "a value beside", "largest"), ("count", "sorted"), tuple(TOGETHER)])
def test_several_answers_of_one_read(names: Any, folder: Path) -> None:
    for scheduler in ("sync", "processes"):
        for bag in (numbers(folder), numbers(folder).map_partitions(lambda part: part)):
            found = bk.compute(*[TOGETHER[name][0](bag) for name in names], scheduler=scheduler, workers=2)
            assert list(found) == [TOGETHER[name][1] for name in names], scheduler


def tasks(*made: Any, **options: Any) -> tuple[Any, ...]:
    graph, _ = lower(optimize(tuple([each.plan for each in made])), **options)
    return graph.tasks


def test_a_task_for_each_is_nowhere(folder: Path) -> None:
    bag = numbers(folder)
    few = 6 * (LEAST_TASKS + 22)
    for make, _ in CASES.values():
        assert len(tasks(make(bag))) < few
    read = bag.map_partitions(lambda part: part)
    shared = tasks(*[make(read) for make, _ in (TOGETHER["count"], TOGETHER["groups"])])
    assert len(shared) < few
    assert sum(1 for task in shared if not task.needs) == -(-FILES // 4)
    assert len(tasks(bag, exact=True)) == -(-FILES // 4)  # as persist asks for them


def test_large_partitions_are_tasks_of_their_own(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(b"1\n" * (JOIN_BYTES // 3))
    bag = bk.read_text([str(path)] * (2 * LEAST_TASKS)).map(json.loads)
    assert sum(1 for task in tasks(bag.accumulate(add)) if not task.part) == 0
    assert len([task for task in tasks(bag.accumulate(add)) if len(task.keys) == 2]) == 2 * LEAST_TASKS


def test_what_is_written_is_a_task_for_each_file(tmp_path: Path) -> None:
    """So a file is there as soon as it is done."""
    with bk.Profile() as profile:
        bk.range(FILES, FILES).map(str).to_textfiles(tmp_path / "*.txt", scheduler="sync")
    assert sum("range" in task.label for task in profile.tasks) == FILES


def test_kept_records_are_partitions(folder: Path) -> None:
    for scheduler in ("sync", "processes"):
        kept = numbers(folder).persist(scheduler=scheduler, workers=2)
        assert kept.npartitions == FILES
        assert kept.map_partitions(lambda part: [len(part)]).compute(scheduler=scheduler, workers=2) == SIZES
        assert kept.partitions[5].compute(scheduler="sync") == [5]


def test_take_reads_no_further_than_needed() -> None:
    called: list[int] = []
    bag = bk.range(1000, 1000).map(lambda n: called.append(n) or n)
    assert bag.take(1, scheduler="sync") == (0,)
    assert called == [0]
    assert bag.filter(lambda n: n > 300).take(2, scheduler="sync") == (301, 302)
    assert called == [0, *range(303)]


def test_errors_name_the_file_and_the_record(folder: Path) -> None:
    for scheduler in ("sync", "processes"):
        bag = numbers(folder).map(lambda n: 1 / (249 - n)).accumulate(add)
        with pytest.raises(ZeroDivisionError) as caught:
            bag.compute(scheduler=scheduler, workers=1)
        assert f"{folder}/249.jsonl" in "\n".join(caught.value.__notes__)


def test_records_that_fail_are_left_out_of_each(folder: Path) -> None:
    bag = numbers(folder).map(lambda n: 10 // (n % 10)).zip_with_index()
    left = [10 // (n % 10) for n in NUMBERS if n % 10]
    found = bag.compute(scheduler="sync", on_error="collect")
    assert found.result == [(n, i) for i, n in enumerate(left)]
    assert len(found.failures) == len(NUMBERS) - len(left)
    with pytest.warns(bk.SkippedRecordsWarning, match=f"{len(NUMBERS) - len(left)} records"):
        assert bag.count().compute(scheduler="processes", workers=2, on_error="skip") == len(left)


def test_a_fold_that_leaves_records_out(folder: Path) -> None:
    """It takes all records of a partition again, and what was counted of those before stays."""
    bag = numbers(folder).map(lambda n: 10 // (n % 10))
    before = sum(1 for n in NUMBERS if n % 10 == 0)

    def binop(total: int, n: int) -> int:
        if n == 10:
            raise ValueError("ten")
        return total + n

    found = bag.fold(binop, add, initial=0).compute(scheduler="sync", on_error="collect")
    assert found.result == sum(10 // (n % 10) for n in NUMBERS if n % 10 > 1)
    assert len(found.failures) == before + sum(1 for n in NUMBERS if n % 10 == 1)


def test_too_many_that_fail_end_the_run(folder: Path) -> None:
    bag = numbers(folder).map(lambda n: 1 / (n % 2)).accumulate(add)
    with pytest.raises(bk.TooManyErrorsError):
        bag.compute(scheduler="sync", on_error="skip", max_errors=20)
    with pytest.raises(bk.TooManyErrorsError):
        bag.compute(scheduler="sync", on_error="skip", max_errors="10%")
    found = bag.compute(scheduler="sync", on_error="collect", max_errors="60%")
    assert found.result[-1] == sum(n % 2 for n in NUMBERS)


def test_what_is_tried_again_is_one_partition(folder: Path) -> None:
    tried: list[int] = []

    def twice(n: int) -> int:
        tried.append(n)
        if tried.count(n) < 2:
            raise OSError("not yet")
        return n

    bag = bk.range(FILES, FILES).map(twice).accumulate(add)
    assert bag.compute(scheduler="sync", retries=1) == sums(list(range(FILES)))
    assert tried == [n for n in range(FILES) for _ in range(2)]


def test_figures_are_of_all_partitions(folder: Path) -> None:
    with bk.Profile() as profile:
        numbers(folder).accumulate(add).count().compute(scheduler="sync")
    for label, given in (("accumulate", len(NUMBERS)), ("map", len(NUMBERS))):
        made = [step for task in profile.tasks for step in task.steps if step.label.startswith(label)]
        assert sum(step.records_out for step in made) >= given


def test_tallies_are_of_all_partitions(folder: Path) -> None:
    def odd(n: int) -> int:
        if n % 2:
            bk.tally("odd")
        return n

    found = numbers(folder).map(odd).zip_with_index().compute(scheduler="sync", on_error="collect")
    assert found.tallies == {"odd": sum(n % 2 for n in NUMBERS)}


def test_explain_tells_of_all_files_and_stages(folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.iterdir())
    for bag in (numbers(folder).zip_with_index(), numbers(folder).window(2)):
        for analyze in (False, True, "full"):
            with redirect_stdout(io.StringIO()) as said:
                bag.explain(analyze=analyze, scheduler="sync")
            assert f"({size / 1000:.3g} kB)" in said.getvalue()
            assert "with [partitions], [value of stage 3]" in said.getvalue()


def test_random_numbers_of_a_seed_are_the_same_for_any_workers() -> None:
    import random

    generator = random.Random(7)
    bag = bk.range(FILES, FILES).map(lambda n: generator.random()).zip_with_index()
    found = [bag.compute(scheduler="processes", workers=workers) for workers in (1, 2)]
    assert len({number for number, _ in found[0]}) > FILES / 3


def test_only_what_makes_several_has_the_work_of_several(folder: Path) -> None:
    made = tasks(bk.range(127, 127).accumulate(add))
    assert not any(isinstance(task.work, EachInTurn) for task in made)
