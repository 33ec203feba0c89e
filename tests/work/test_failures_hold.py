"""Failures that are kept hold the records that they are about, and no others: a run may collect millions."""

from __future__ import annotations

import gc
import json
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, ClassVar

import psutil
import pytest

import bagkit as bk
from bagkit import Bag, Item


class Record:
    live: ClassVar[weakref.WeakSet[Record]] = weakref.WeakSet()

    def __init__(self, number: int) -> None:
        self.number = number
        self.live.add(self)

    def __lt__(self, other: Record) -> bool:
        return self.number < other.number


class Doubtful:
    def __init__(self, record: Record) -> None:
        self.number = record.number

    def __bool__(self) -> bool:
        if self.number % 10 == 0:
            raise ValueError(self.number)
        return True


def tenth_fails(record: Record) -> int:
    if record.number % 10 == 0:
        raise ValueError(record.number)
    return record.number


def fails_late(record: Record) -> Iterator[int]:
    yield record.number
    tenth_fails(record)


def fails_of(error: Exception, record: Record) -> int:
    try:
        return tenth_fails(record)
    except ValueError as cause:
        raise error from cause


def as_json(record: Record) -> str:
    return json.dumps({"number": record.number}) if record.number % 10 else "{"


OPERATIONS: dict[str, Callable[[Bag[Record]], Item[Any]]] = {
    "map": lambda bag: bag.map(tenth_fails).count(),
    "map with a cause": lambda bag: bag.map(lambda record: fails_of(KeyError(1), record)).count(),
    "map of two bags": lambda bag: bag.map(lambda record, other: tenth_fails(other), bag).count(),
    "map behind map": lambda bag: bag.map(lambda record: record).map(tenth_fails).map(str).count(),
    "map of lines": lambda bag: bag.map(as_json).map(json.loads).count(),
    "starmap": lambda bag: bag.map(lambda record: (record,)).starmap(tenth_fails).count(),
    "filter": lambda bag: bag.filter(tenth_fails).count(),
    "filter by a doubtful flag": lambda bag: bag.filter(Doubtful).count(),
    "flat_map": lambda bag: bag.flat_map(lambda record: [tenth_fails(record)]).count(),
    "flat_map of an iterator": lambda bag: bag.flat_map(fails_late).count(),
    "zip": lambda bag: bk.zip(bag, bag).map(lambda both: tenth_fails(both[0])).count(),
    "accumulate": lambda bag: bag.map(tenth_fails).accumulate(max).count(),
    "frequencies": lambda bag: bag.map(tenth_fails).frequencies().count(),
    "distinct": lambda bag: bag.distinct(tenth_fails).count(),
    "groupby": lambda bag: bag.groupby(tenth_fails).count(),
    "topk": lambda bag: bag.topk(3, key=tenth_fails).count(),
    "foldby": lambda bag: bag.foldby(tenth_fails, lambda count, _: count + 1, 0, int.__add__).count(),
}


def others_left() -> int:
    """Return how many records are left that have not failed."""
    for _ in range(100):  # a thread may still be on its way out of its task
        gc.collect()
        left = sum([record.number % 10 != 0 for record in tuple(Record.live)])
        if left <= 100:
            break
        time.sleep(0.01)
    return left


def made() -> Bag[Record]:
    return bk.range(2000, npartitions=2).map(Record)


def made_before() -> Bag[Record]:
    """Return the records as values of other tasks: whole lists come to the operation."""
    return bk.from_delayed([bk.delayed(list)(bk.delayed(map)(Record, range(n, n + 1000))) for n in (0, 1000)])


@pytest.mark.parametrize("name", list(OPERATIONS))
@pytest.mark.parametrize("source", [made, made_before])
@pytest.mark.parametrize("scheduler", ["sync", "threads"])
def test_other_records_go(scheduler: Any, source: Callable[[], Bag[Record]], name: str) -> None:
    Record.live = weakref.WeakSet()
    item = OPERATIONS[name](source())
    got = item.compute(scheduler=scheduler, on_error="collect")
    assert len(got.failures) == 200
    assert others_left() <= 100, "no more than is at hand at the end"
    shown = [failure.error.__traceback__ is not None for failure in got.failures]
    assert all(shown) or name == "map of lines"  # which no function of the user's parses
    assert all(type(failure.error.__context__) in (type(None), ValueError) for failure in got.failures)


LISTS: dict[str, Callable[[Bag[Record]], Bag[Any]]] = {
    "map": lambda bag: bag.map(lambda record: (tenth_fails(record), record)),
    "filter": lambda bag: bag.filter(tenth_fails),
    "distinct": lambda bag: bag.distinct(tenth_fails),
    "groupby": lambda bag: bag.groupby(tenth_fails),
    "sort_by": lambda bag: bag.sort_by(tenth_fails),
}


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.mark.parametrize("name", list(LISTS))
@pytest.mark.parametrize("source", [made, made_before])
@pytest.mark.parametrize("scheduler", ["sync", "threads", "pool"])
def test_results_go_that_nobody_keeps(
    scheduler: Any, source: Callable[[], Bag[Record]], name: str, pool: ThreadPoolExecutor
) -> None:
    Record.live = weakref.WeakSet()
    options: Any = {"scheduler": pool if scheduler == "pool" else scheduler, "on_error": "collect"}
    failures = LISTS[name](source()).compute(**options).failures
    assert len(failures) > 100
    assert others_left() <= 100


STOPS_EARLY: dict[str, Callable[[Bag[Record]], Item[Any]]] = {
    "any": lambda bag: bag.map(lambda record: tenth_fails(record) % 1000 > 500).any(),
    "any behind flat_map": lambda bag: bag.flat_map(fails_late).map(lambda number: number % 1000 > 500).any(),
}


@pytest.mark.parametrize("name", list(STOPS_EARLY))
@pytest.mark.parametrize("scheduler", ["sync", "threads", "pool"])
def test_records_go_that_nobody_has_come_to(scheduler: Any, name: str, pool: ThreadPoolExecutor) -> None:
    Record.live = weakref.WeakSet()
    options: Any = {"scheduler": pool if scheduler == "pool" else scheduler, "on_error": "collect"}
    got = STOPS_EARLY[name](made()).compute(**options)
    assert got.result
    assert len(got.failures) > 40
    assert others_left() <= 100


def frames_above(error: BaseException) -> Iterator[FrameType]:
    frame = error.__traceback__.tb_frame.f_back if error.__traceback__ is not None else None
    while frame is not None:
        yield frame
        frame = frame.f_back


@pytest.mark.parametrize("name", [*OPERATIONS, *LISTS])
@pytest.mark.parametrize("scheduler", ["sync", "threads", "pool"])
def test_frames_of_failures_lead_no_further_than_to_their_task(
    scheduler: Any, name: str, pool: ThreadPoolExecutor
) -> None:
    """A thread that is at work still holds what it likes: it must not be reached, however late it lets go."""
    options: Any = {"scheduler": pool if scheduler == "pool" else scheduler, "on_error": "collect"}
    operation: Callable[[Bag[Record]], Any] = {**OPERATIONS, **LISTS}[name]
    got = operation(made()).compute(**options)
    assert len(got.failures) > 40
    frames = {id(frame): frame for failure in got.failures for frame in frames_above(failure.error)}
    assert sys._getframe() not in frames.values()
    assert not [frame for frame in frames.values() if "bagkit" not in frame.f_code.co_filename]
    assert not [frame for frame in frames.values() if frame.f_locals]


def test_a_task_in_a_task_has_frames_of_its_own() -> None:
    kept: list[Any] = []

    def inner(number: int) -> int:
        got = made().map(tenth_fails).count().compute(scheduler="sync", on_error="collect")
        kept.extend(got.failures)
        return 100 // number

    outer = bk.range(3, npartitions=1).map(inner).compute(scheduler="sync", on_error="collect")
    assert (outer.result, len(outer.failures), len(kept)) == ([100, 50], 1, 600)
    assert not [frame for failure in kept for frame in frames_above(failure.error) if frame.f_locals]
    first = frames_above(outer.failures[0].error)
    assert not [frame for frame in first if frame.f_locals]


@pytest.mark.parametrize("name", ["distinct", "foldby", "frequencies", "map"])
def test_other_records_go_where_there_are_several_answers(name: str) -> None:
    Record.live = weakref.WeakSet()
    bag = made()
    got = bk.compute(OPERATIONS[name](bag), bag.count(), scheduler="sync", on_error="collect")
    failures = {id(failure.error): failure for each in got for failure in each.failures}
    assert len(failures) == 200
    assert others_left() <= 100
    assert all(failure.error.__context__ is None for failure in failures.values())


def test_the_users_variables_are_kept_for_a_debugger() -> None:
    got = bk.range(20, npartitions=1).map(Record).map(tenth_fails).compute(scheduler="sync", on_error="collect")
    trace = got.failures[1].error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    assert trace.tb_frame.f_locals["record"].number == 10


def test_a_worker_holds_no_more() -> None:
    """Each record takes 1 MB once it is made, in one task; every tenth fails."""

    def large(number: int) -> bytearray:
        return bytearray(1_000_000 + number)

    def fail(data: bytearray) -> int:
        if len(data) % 10 == 0:
            del data  # the failure would hold it
            raise ValueError(psutil.Process().memory_info().rss)
        return 1

    got = bk.range(1000, npartitions=1).map(large).map(fail).compute(scheduler="processes", on_error="collect")
    assert len(got.failures) == 100
    first, *_, last = [failure.error.args[0] for failure in got.failures]
    assert last - first < 400e6


@pytest.mark.parametrize("name", ["map", "map behind map", "starmap", "filter"])
def test_other_records_go_while_the_task_goes_on(name: str) -> None:
    """A frame of the user's leads to the loop that called it, and that to the records of its block."""
    Record.live = weakref.WeakSet()
    held: list[int] = []

    def look(value: Any) -> Any:
        held.append(sum([record.number % 10 != 0 for record in tuple(Record.live)]) if len(held) % 1000 == 999 else 0)
        return value

    bag = bk.range(8000, npartitions=1).map(Record)
    OPERATIONS[name](bag.map(look)).compute(scheduler="sync", on_error="collect")
    assert max(held) < 3000


@pytest.mark.parametrize("fate", ["reject", "skip", "collect"])
@pytest.mark.filterwarnings("ignore:.*skipped")
def test_records_go_before_later_steps_though_some_of_their_block_have_failed(fate: Any) -> None:
    """Large ones would be held once for each step that goes on behind a record."""
    Record.live = weakref.WeakSet()
    live: list[int] = []

    def look(number: int) -> int:
        live.append(len(Record.live))
        return number

    bag = bk.range(2002, npartitions=1).map(Record).map(thousandth_fails)
    if fate == "reject":
        good, bad = bag.split_errors()
        assert bk.compute(good.map(look).count(), bad.count(), scheduler="sync") == (1999, 3)
    else:
        bag.map(look).count().compute(scheduler="sync", on_error=fate)
    assert max(live) <= 4, "those that fail are kept, of a block that is on its way none"


def thousandth_fails(record: Record) -> int:
    return tenth_fails(record) if record.number % 1000 == 0 else record.number
