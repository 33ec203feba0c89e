"""Bags on Ray: the contract, a part of the table of operations, kills. `.ci/run ray` runs it.

It is not among the tests that run by themselves: Ray is 80 MB, has wheels for some Pythons only, and is slow to start.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import bagkit as bk
from bagkit.schedulers.executors import ExecutorScheduler
from bagkit.schedulers.protocol import Scheduler
from bagkit.schedulers.ray_executor import RayExecutor
from tests import clusters
from tests.operations.case import Case
from tests.operations.cases import CASES
from tests.operations.test_conformance import check, name_of
from tests.schedulers.contract import ConcurrentContract
from tests.schedulers.persisting import PersistContract


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    yield from clusters.ray_session()


class TestContract(ConcurrentContract):
    in_process = False
    in_flight = 6

    @pytest.fixture
    def scheduler(self) -> Scheduler:
        return ExecutorScheduler(RayExecutor())


class TestPersist(PersistContract):
    @pytest.fixture
    def engine(self) -> str:
        return "ray"

    @pytest.fixture
    def end_workers(self) -> Callable[[], None]:
        def end_workers() -> None:
            family = psutil.Process().children(recursive=True)
            idle = [process for process in family if process.cmdline()[:1] == ["ray::IDLE"]]
            assert idle  # others with such names are Ray's own
            for process in idle:
                process.kill()

        return end_workers


NUMBERS = list(range(200))


def bag() -> bk.Bag[int]:
    return bk.from_sequence(NUMBERS, npartitions=5)


def test_operations() -> None:
    with bk.options(scheduler="ray"):
        assert bag().map(lambda n: n + 1).filter(lambda n: n % 3).compute() == [n + 1 for n in NUMBERS if (n + 1) % 3]
        assert bag().sum().compute() == sum(NUMBERS)
        assert dict(bag().frequencies().compute()) == dict.fromkeys(NUMBERS, 1)
        groups = bag().groupby(lambda n: n % 7, npartitions=3).compute()
        assert sorted(groups) == [(key, NUMBERS[key::7]) for key in range(7)]
        assert bag().sort_by(lambda n: -n, npartitions=3).compute() == NUMBERS[::-1]
        assert bag().take(3) == (0, 1, 2)
        assert list(bag().distinct()) == NUMBERS
        assert bk.delayed(pow)(2, bk.delayed(abs)(-3)).compute() == 8


@pytest.mark.parametrize("case", CASES[::8], ids=name_of)
def test_a_part_of_the_table(case: Case) -> None:
    check(case, case.takes, [("empty middle", True, "ray")])


def test_errors_have_type_and_place() -> None:
    with bk.options(scheduler="ray"):
        with pytest.raises(ZeroDivisionError) as caught:
            bag().map(lambda n: 1 // (n - 150)).compute()
        assert any("150" in note for note in caught.value.__notes__)
        assert bag().map(lambda n: 1 // (n - 150)).count().compute(on_error="collect").result == 199


def test_exchanges_go_through_files(tmp_path: Path) -> None:
    with bk.options(scheduler="ray", memory_limit="1 MB", shared_directory=tmp_path):
        texts = bag().map(lambda n: (n % 7, f"{n}" * 3000))
        found = texts.groupby(0, npartitions=3).map(lambda group: (group[0], len(group[1]))).compute()
        assert sorted(found) == [(key, len(NUMBERS[key::7])) for key in range(7)]
    assert list(tmp_path.iterdir()) == []


def test_killed_workers(tmp_path: Path) -> None:
    mark = tmp_path / "killed"

    def kills_once(n: int) -> int:
        if n == 77 and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return n

    with bk.options(scheduler="ray", shared_directory=tmp_path):
        assert bag().map(kills_once).sum().compute() == sum(NUMBERS)
        mark.unlink()
        bag().map(kills_once).to_jsonl(tmp_path / "out" / "*.jsonl")
    assert sorted(map(int, bk.read_text(f"{tmp_path}/out/*.jsonl").compute(scheduler="sync"))) == NUMBERS
    assert not list(tmp_path.glob("bagkit-*"))
    assert psutil.pid_exists(os.getpid())
