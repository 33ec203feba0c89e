"""The Client of dask.distributed that a program has: bags go there as dask would, or one line says that they do not."""

from __future__ import annotations

import asyncio
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import dask
import distributed
import pytest

import bagkit as bk
from bagkit.client import quiet
from bagkit.errors import OptionError
from bagkit.schedulers import futures
from tests.clusters import LIGHT
from tests.schedulers.works import wait_for

QUIET = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0"}
make_client: Any = distributed.Client


@pytest.fixture(scope="module")
def clusters() -> Iterator[list[Any]]:
    make_cluster: Any = distributed.LocalCluster
    with warnings.catch_warnings(), dask.config.set(LIGHT):
        warnings.simplefilter("ignore")  # distributed's own, while it starts and stops
        with make_cluster(**QUIET) as first, make_cluster(**QUIET) as second:
            yield [first, second]


@pytest.fixture(autouse=True)
def each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bagkit.warn._told", {})


def where(**options: Any) -> str | None:
    """Return the address of the scheduler whose worker runs the tasks of a bag; None if no cluster runs them."""

    def address(_: int) -> str | None:
        try:
            return str(distributed.get_worker().scheduler.addr)
        except ValueError:
            return None

    (found,) = set(bk.range(4, npartitions=2).map(address).compute(**options))
    return found


def test_the_default_one_is_used_as_dask_would(clusters: list[Any]) -> None:
    first, second = [cluster.scheduler_address for cluster in clusters]
    with make_client(clusters[0], set_as_default=False) as apart, warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert where(scheduler="threads") is None
        assert where() is None, "it is no default"
        with apart.as_current():
            assert where() == first
            assert where(scheduler="sync") is None
            with bk.options(scheduler="threads"):
                assert where() is None
            with dask.config.set(scheduler="sync"):
                assert where() is None
        default, newer = make_client(clusters[0]), make_client(clusters[1])
        assert where() == second, "the newest"
        with default.as_current():
            assert where() == first
        newer.close()
        assert where() == first
        default.close()
        assert where() is None


def test_a_thread_for_which_no_client_is_current_says_so(clusters: list[Any]) -> None:
    said: list[Any] = []

    def compute() -> None:
        with pytest.warns(UserWarning, match="dask is to use a Client, and this thread has none: not used"):
            said.append(where())

    with make_client(clusters[0], set_as_default=False) as client, client.as_current():
        thread = threading.Thread(target=compute)
        thread.start()
        thread.join()
    assert said == [None]


def test_an_asynchronous_one_is_used_where_it_can_be_waited_for(clusters: list[Any]) -> None:
    address = clusters[0].scheduler_address
    refused = "dask's client is asynchronous, and this thread, where its event loop runs, can't wait for it"

    async def main() -> None:
        async with make_client(address, asynchronous=True) as client:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("default")
                assert where() is None
                assert where() is None
            (line,) = [str(each.message) for each in told if each.category is UserWarning]
            assert "is asynchronous" in line
            assert "it is not used; hint: await asyncio.to_thread(bag.compute)" in line
            for scheduler in (client, "distributed", client.get_executor()):
                with pytest.raises(OptionError, match=refused):
                    where(scheduler=scheduler)
            with pytest.raises(OptionError, match=refused):
                bk.Client(client)
            assert await asyncio.to_thread(where) == address
            assert await asyncio.to_thread(where, scheduler=client) == address
            assert await client.compute(bk.range(4, npartitions=2).map(abs)) == [0, 1, 2, 3]
            ours = await asyncio.to_thread(bk.Client, client)
            future = await asyncio.to_thread(ours.submit, abs, -1)
            assert await asyncio.to_thread(future.result) == 1
            future = ours.submit(abs, -2)
            with pytest.raises(OptionError, match=refused):
                await future
            with pytest.raises(OptionError, match=refused):
                ours.scatter([1])
            assert await asyncio.to_thread(future.result) == 2
            await asyncio.to_thread(ours.close)

    asyncio.run(main())


def test_one_whose_scheduler_has_died_is_told_of_once() -> None:
    """dask closes such a client, and computes without it, without a word."""
    make_cluster: Any = distributed.LocalCluster
    with dask.config.set(LIGHT):
        with make_cluster(**QUIET, silence_logs=50) as cluster:
            client = make_client(cluster.scheduler_address, timeout="60s")
            client._timeout = 0.1  # how long it tries to find the scheduler again
            assert where() == cluster.scheduler_address
        assert wait_for(lambda: client.status == "closed")
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("default")
            assert where(scheduler="threads") is None
            assert not told
            assert where() is None
            assert where() is None
        (line,) = told
        assert "the Client of dask.distributed has lost its scheduler, so it is not used" in str(line.message)
        assert line.filename == __file__
        with make_cluster(**QUIET) as another, make_client(another), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            assert where() == another.scheduler_address


def some(how: str, client: Any) -> Any:
    """Return some numbers from a bag, or from calls."""
    if how == "a bag":
        return bk.range(4, npartitions=2).map(abs).compute(scheduler=client)
    with bk.Client(client) as ours:
        return ours.gather(ours.map(abs, range(4)))


@pytest.mark.parametrize("how", ["a bag", "calls"])
@pytest.mark.parametrize("why", ["1 of 1 workers of dask.distributed is paused", "has no worker; tasks wait for one"])
def test_a_run_that_waits_for_workers_says_so(how: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(futures, "QUIET_SECONDS", 0.3)
    monkeypatch.setattr(quiet, "QUIET_SECONDS", 0.3)
    make_cluster: Any = distributed.LocalCluster
    below = {f"distributed.worker.memory.{name}": False for name in ("target", "spill", "terminate")}
    settings = {**LIGHT, **below, "distributed.worker.memory.pause": 1e-6}
    with warnings.catch_warnings(), dask.config.set(settings):
        warnings.simplefilter("ignore")
        with make_cluster(**QUIET, memory_limit="1 GB", silence_logs=50) as cluster:
            (worker,) = cluster.workers.values()
            assert wait_for(lambda: worker.status.name == "paused")
            if "no worker" in why:
                cluster.scale(0)
                assert wait_for(lambda: not cluster.scheduler.workers)
            with make_client(cluster, set_as_default=False) as client, warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("default")

                def mend() -> None:
                    assert wait_for(lambda: any(why in str(each.message) for each in told))
                    worker.memory_manager.memory_pause_fraction = 1e6
                    if "no worker" in why:
                        dask.config.set({"distributed.worker.memory.pause": False})
                        cluster.scale(1)

                thread = threading.Thread(target=mend)
                thread.start()
                assert some(how, client) == [0, 1, 2, 3]
                thread.join()
    (line,) = [each for each in told if each.category is UserWarning and why in str(each.message)]
    assert line.filename == __file__
    assert "bagkit-watch" not in {thread.name for thread in threading.enumerate()}
