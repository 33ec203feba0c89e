"""dask.distributed whose scheduler and workers are processes of their own: the contract, and what it can't import."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import dask
import pytest

import bagkit as bk
from bagkit.schedulers.cluster import ClusterExecutor
from bagkit.schedulers.executors import ExecutorScheduler
from bagkit.schedulers.protocol import Scheduler
from tests import clusters
from tests.operations.case import Case
from tests.operations.cases import CASES
from tests.operations.test_conformance import check, name_of
from tests.schedulers.contract import ConcurrentContract

MODULE = """
def plus_one(number): return number + 1
def parity(number): return number % 2
def inverse(number): return 1 / (number - 7)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory that workers import from."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "only_workers_know.py").write_text(MODULE)
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Any]:
    yield from clusters.separate_client(folder)


class TestContract(ConcurrentContract):
    in_process = False
    in_flight = 6
    many = 100

    @pytest.fixture
    def scheduler(self, client: Any) -> Scheduler:
        return ExecutorScheduler(ClusterExecutor(client))


@pytest.mark.parametrize("case", CASES[::12], ids=name_of)
def test_a_part_of_the_table(case: Case, client: Any) -> None:
    check(case, case.takes, [("empty middle", True, client)])


def test_the_scheduler_need_not_import_what_tasks_run(
    client: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    works = importlib.import_module("only_workers_know")
    bag = bk.range(20, npartitions=4).map(works.plus_one)
    expected = list(range(1, 21))
    groups = bag.groupby(works.parity, npartitions=2).map(itemgetter(0))
    assert bag.compute(scheduler=client) == expected
    assert client.compute(bag).result() == expected
    assert dask.compute(bag, bag.sum(), scheduler=client) == (expected, 210)
    assert sorted(client.compute(groups).result()) == [0, 1]
    assert client.persist(bag).sum().compute(scheduler="sync") == 210
    assert client.compute(bk.delayed(works.plus_one)(bag.sum())).result() == 211
    with bk.Client(client) as ours:
        assert ours.submit(sum, ours.map(works.plus_one, [1, 2])).result() == 5
    dask.compute(*bag.map(str).to_textfiles(tmp_path / "*.txt", compute=False), scheduler=client)
    assert bk.read_text(tmp_path / "*.txt").map(int).compute(scheduler="sync") == expected
    with pytest.raises(ZeroDivisionError):
        client.compute(bag.map(works.inverse)).result()
    find = importlib.util.find_spec
    assert not client.run_on_scheduler(lambda dask_scheduler: find("only_workers_know"))
    assert set(client.run(lambda: bool(find("only_workers_know"))).values()) == {True}
