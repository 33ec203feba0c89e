"""persist in the background: it returns at once, and what is computed with it waits, fails, or goes on without it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import TaskError
from bagkit.lazy import background
from bagkit.schedulers import pool
from tests.schedulers.works import wait_for


@pytest.fixture(autouse=True)
def two_workers(tmp_path: Path) -> Iterator[None]:
    with bk.options(workers=2, temporary_directory=str(tmp_path)):
        yield
    gc.collect()
    background.here.join(200)


class Gate:
    """A function that stops at records from `first` on until there is a file."""

    def __init__(self, path: Path, first: int = 0) -> None:
        self.path, self.first = path, first

    def __call__(self, n: int) -> int:
        while n >= self.first and not self.path.exists():
            time.sleep(0.005)
        return n

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    found = Gate(tmp_path.with_name(tmp_path.name + "-gate"))
    yield found
    found.open()


@pytest.mark.parametrize("scheduler", ["processes", "threads"])
def test_it_returns_at_once_and_what_is_computed_with_it_waits(scheduler: Any, gate: Gate) -> None:
    with bk.options(scheduler=scheduler):
        bag, total = bk.persist(bk.range(40, npartitions=4).map(gate), bk.range(4, npartitions=2).map(gate).sum())
        more = bag.map(lambda n: n * 2).persist()
        assert "0 of 4 made" in repr(bag)
        assert "0 of 4 made, waiting for its turn" in more._repr_html_()
        assert wait_for(lambda: "running" in repr(bag))
        gate.open()
        assert more.compute() == list(range(0, 80, 2))
        assert (bag.compute(), list(bag), bag.count().compute(), bag.take(2)) == (
            list(range(40)), list(range(40)), 40, (0, 1)
        )  # fmt: skip
        assert (total.compute(), bag.map(lambda n, t: n + t, total).take(1), int(total)) == (6, (6,), 6)
        assert repr(bag) == "Bag of 4 partitions:\npersist"
        assert "computed" in total._repr_html_()


def test_the_first_records_do_not_wait_for_the_last(gate: Gate) -> None:
    gate.first = 20
    bag = bk.range(40, npartitions=4).map(gate).persist(scheduler="processes")
    with bk.options(workers=None):
        assert bag.take(3) == (0, 1, 2)
        records = iter(bag)
        assert [next(records) for _ in range(20)] == list(range(20))
    assert "2 of 4 made" in repr(bag)


def test_what_changes_later_does_not_matter(gate: Gate) -> None:
    table = {0: "a", 1: "b"}
    bag = bk.range(2, npartitions=2).map(gate).persist(scheduler="processes")
    named = bag.map(table.__getitem__).persist(scheduler="processes")
    table.clear()
    gate.open()
    assert named.compute() == ["a", "b"]


@pytest.mark.parametrize("scheduler", ["processes", "threads"])
def test_an_error_is_raised_where_the_bag_is_used(scheduler: Any) -> None:
    with bk.options(scheduler=scheduler, workers=1):  # one: the partitions are made in their order
        bag, total = bk.persist(
            bk.range(8, npartitions=4).map(lambda n: 1 // (n - 6)), bk.range(4, npartitions=1).sum()
        )
        for get in (bag.compute, lambda: list(bag), bag.map(str).count().compute, bag.map(str).persist().compute):
            with pytest.raises(ZeroDivisionError) as caught:
                get()
            assert any("record: 6" in note for note in caught.value.__notes__)
            assert sum(f'begun in "{__file__}"' in note for note in caught.value.__notes__) == 1
            lines = [entry.path for entry in caught.traceback]
            assert lines.count(Path(__file__)) <= 3
        assert "failed: ZeroDivisionError" in repr(bag)
        if scheduler == "processes":
            with bk.options(scheduler=None, workers=None):
                assert bag.take(2) == (-1, -1)  # of a partition that was made
        with pytest.raises(ZeroDivisionError):
            total.compute()


def test_records_that_fail_are_told_of_at_the_line_of_persist() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bag = bk.from_sequence(["1", "x", "3"], npartitions=2).map(int).persist(scheduler="processes", on_error="skip")
        assert bag.compute() == [1, 3]
        background.here.join(200)
    assert [(str(each.message)[:16], each.filename) for each in caught] == [("1 record skipped", __file__)]


def test_dropping_and_unpersisting_stop_what_still_runs(gate: Gate, tmp_path: Path) -> None:
    one, two = bk.persist(bk.range(9, npartitions=9).map(gate), bk.range(9, npartitions=9).map(gate).map(str))
    waiting = bk.range(9, npartitions=9).map(gate).persist()
    assert wait_for(lambda: "running" in repr(one))
    one.unpersist()
    one.unpersist()
    with pytest.raises(TaskError, match="unpersist"):
        one.compute()
    assert background.here.is_busy  # for the other one
    two.unpersist()
    del waiting
    gc.collect()
    assert wait_for(lambda: not background.here.is_busy)
    assert not list(tmp_path.iterdir())


def test_a_later_compute_that_is_interrupted_leaves_it(gate: Gate) -> None:
    bag = bk.range(4, npartitions=2).map(gate).persist()

    def interrupted() -> None:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        bag.map(str).compute()

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    gate.open()
    assert bag.map(str).compute() == ["0", "1", "2", "3"]


def test_a_killed_workers_partitions_are_made_again(gate: Gate) -> None:
    gate.first = 6
    bag = bk.range(8, npartitions=8).map(gate).persist(scheduler="processes")
    assert wait_for(lambda: "6 of 8" in repr(bag))
    for worker in pool.all_workers():
        os.kill(worker.process.pid, signal.SIGKILL)
    gate.open()
    assert bag.map(lambda n: n).compute() == list(range(8))


def test_computed_at_once() -> None:
    with pytest.raises(ZeroDivisionError):
        bk.range(2, npartitions=1).map(lambda n: 1 // n).persist(scheduler="sync")
    nested = bk.range(2, npartitions=2).map(lambda n: bk.range(n + 1, npartitions=1).map(str).persist().compute())
    assert nested.compute(scheduler="processes") == [["0"], ["0", "1"]]


def test_persisted_again_it_is_the_same() -> None:
    bag = bk.range(4, npartitions=2).map(str).persist()
    again, value = bk.persist(bag, bk.delayed(len)("abc"))
    assert again.plan is bag.plan
    assert value.compute() == 3


PROGRAM = """
import time, sys
import bagkit as bk
if __name__ == "__main__":
    one = bk.range(9, npartitions=9).map(lambda n: time.sleep(60)).persist(scheduler=sys.argv[1], workers=2)
    two = one.map(str).persist(scheduler=sys.argv[1], workers=2)
    time.sleep(0.2)
    print(one.npartitions)
"""


@pytest.mark.parametrize("scheduler", ["processes", "threads"])
def test_the_end_of_the_program_stops_it(scheduler: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with bk.options(temporary_directory=None):
        run = subprocess.run(
            [sys.executable, program, scheduler], capture_output=True, text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
    assert (run.stdout, run.stderr, run.returncode) == ("9\n", "", 0)
    assert list(tmp_path.iterdir()) == [program]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_told(gate: Gate) -> None:
    bag = bk.range(4, npartitions=2).map(gate).persist()
    # While another thread imports modules, a fork leaves Python's locks of these held in the child for ever.
    assert wait_for(lambda: "running" in repr(bag))
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            bag.compute()
        except TaskError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert b"forked" in os.read(read, 1000)
    gate.open()
    assert bag.compute() == [0, 1, 2, 3]
