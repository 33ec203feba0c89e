"""Graphs for dask where the program has clients of dask.distributed: what tasks leave for each other, and how long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.lazy import dask_clients
from bagkit.schedulers.executor_facts import on_this_machine
from tests import clusters
from tests.schedulers.works import wait_for

SPLITS, PARTITIONS = 30, 20


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    yield from clusters.dask_client()


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(dask_clients, "YOUNG_SECONDS", 0.1)
    with bk.options(temporary_directory=str(tmp_path)):
        yield tmp_path


def grouped() -> bk.Bag[Any]:
    keyed = bk.range(6_000, npartitions=SPLITS).map(lambda n: (n % 500, "x" * 400))
    return keyed.groupby(0, npartitions=PARTITIONS).map(lambda pair: (pair[0], len(pair[1])))


def files(directory: Path) -> list[Path]:
    return list(directory.iterdir())


def test_tasks_of_workers_here_leave_files_that_go_with_the_last_key(client: Any, directory: Path) -> None:
    assert len(grouped().__dask_graph__()) < 3 * (SPLITS + PARTITIONS)
    kept = client.persist(grouped())
    assert dict(client.compute(kept).result()) == dict.fromkeys(range(500), 12)
    future = client.compute(grouped())
    assert dict(future.result()) == dict.fromkeys(range(500), 12)
    assert any(directory.glob("bagkit-*/*"))
    del kept, future
    assert wait_for(lambda: not files(directory))


def test_they_stay_while_a_scheduler_may_run_tasks_again(client: Any, directory: Path) -> None:
    future = client.compute(grouped())
    future.result()
    assert wait_for(lambda: len(files(directory)) == 1)
    assert wait_for(lambda: all(left.was_there for left in dask_clients._over.values()))
    dask_clients._remove_unused()
    assert len(files(directory)) == 1
    client.restart()
    del future
    assert wait_for(lambda: not files(directory))
    client.wait_for_workers(2)


def test_workers_elsewhere_have_values(client: Any, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_clients, "on_this_machine", lambda known: False)
    bag = grouped()
    assert len(bag.__dask_graph__()) > SPLITS * PARTITIONS
    assert dict(client.compute(bag).result()) == dict.fromkeys(range(500), 12)
    assert files(directory) == []


def test_a_graph_is_the_same_while_its_clients_are(client: Any, directory: Path) -> None:
    from distributed import Client

    bag, other = grouped(), bk.range(3, npartitions=3).map(str)
    first, keys = bag.__dask_keys__(), other.__dask_keys__()
    assert bag.__dask_keys__() == first
    make_client: Any = Client
    with make_client(client.cluster.scheduler_address, set_as_default=False):
        assert bag.__dask_keys__() != first
        assert other.__dask_keys__() == keys
    assert bag.__dask_keys__() == first


def test_an_address_alone_does_not_say_that_files_are_shared(tmp_path: Path) -> None:
    worker, replaced = {"local_directory": str(tmp_path)}, {"local_directory": str(tmp_path / "gone")}
    assert on_this_machine({"tcp://127.0.0.1:1": worker, "tcp://[::1]:2": replaced})
    assert on_this_machine({"inproc://10.0.0.1/1/2": worker})
    assert not on_this_machine({"tcp://127.0.0.1:1": replaced})
    assert not on_this_machine({"tcp://127.0.0.1:1": worker, "tcp://10.0.0.1:2": worker})
    assert not on_this_machine({})


@pytest.mark.parametrize("ends", ["it closes", "its loop ends"])
def test_files_of_asynchronous_clients_go_while_the_program_runs(client: Any, directory: Path, ends: str) -> None:
    from distributed import Client

    make_client: Any = Client
    address = client.cluster.scheduler_address

    async def main() -> tuple[Any, bool]:
        mine = await make_client(address, asynchronous=True, set_as_default=False)
        with bk.options(shared_directory=str(directory)):
            assert dict(await mine.compute(grouped())) == dict.fromkeys(range(500), 12)
        first_go = await asyncio.to_thread(wait_for, lambda: not files(directory))
        with bk.options(shared_directory=str(directory)):
            future = mine.compute(grouped())
            await future
        assert len(files(directory)) == 1
        if ends == "it closes":
            await mine.close()
        return mine, first_go

    left, first_go = asyncio.run(main())
    assert first_go
    assert wait_for(lambda: not files(directory))
    if ends == "its loop ends":
        with pytest.raises(bk.TaskError, match="the cluster has gone: dask's client is without its event loop"):
            bk.range(3, npartitions=1).compute(scheduler=left)
        with left.as_current(), pytest.warns(UserWarning, match="the event loop of the Client .* is closed"):
            assert grouped().count().compute() == 500
        left.status = "closed"  # nobody can close it any more
