"""Large functions of calls on dask.distributed: they are there once, and decide nothing about who runs a call."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed.comm import CommClosedError

import bagkit as bk
from bagkit.client import distributed
from bagkit.schedulers.executors import SMALL_WORK
from tests import clusters
from tests.client.calls import wait_for
from tests.schedulers import works


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    yield from clusters.dask_client()


def adding(data: bytes) -> Callable[[int], int]:
    """Return a function that is larger than `data`."""
    return lambda n: n + len(data)


def bytes_made(cluster: Any) -> dict[str, list[str]]:
    """Return the keys of functions that the cluster has, each with the addresses of who has it."""
    holders: dict[Any, Any] = cluster.who_has()
    return {key: list(workers) for key, workers in holders.items() if str(key).startswith("bytes-")}


def test_a_call_does_not_wait_where_its_function_is(cluster: Any, tmp_path: Path) -> None:
    function = adding(os.urandom(5 * SMALL_WORK))
    with bk.Client(cluster) as client:
        assert client.submit(function, 1).result() == 5 * SMALL_WORK + 1
        ((holder,),) = bytes_made(cluster).values()
        long = cluster.submit(wait_for, tmp_path / "go", workers=[holder], pure=False)
        values = [client.submit(function, n).result() for n in range(4)]
        assert values == [5 * SMALL_WORK + n for n in range(4)]
        assert client.submit(sum, client.map(function, [1, 2])).result() == 10 * SMALL_WORK + 3
        assert not long.done()
        (tmp_path / "go").write_text("x")
        long.result()


def test_a_function_is_there_again_when_its_worker_has_died(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both workers die at once, and no call is to be blamed for it.
    monkeypatch.setattr(cluster.cluster.scheduler, "allowed_failures", 10)
    data = os.urandom(2 * SMALL_WORK)
    with bk.Client(cluster) as client:
        values = client.map(adding(data), range(3))
        total = client.submit(sum, values)
        assert total.result() == 6 * SMALL_WORK + 3
        clusters.end_workers(cluster)
        assert client.submit(adding(data), 1).result() == 2 * SMALL_WORK + 1
        after = client.submit(lambda total, _: total, total, bytes(3 * SMALL_WORK))
        del values, total
        for _ in range(2):
            clusters.end_workers(cluster)
            assert client.submit(int, after).result() == 6 * SMALL_WORK + 3
    del after
    gc.collect()
    assert works.wait_for(lambda: not bytes_made(cluster))


def test_a_function_that_nobody_holds_is_not_waited_for_without_end(cluster: Any) -> None:
    def bring() -> str:
        distributed.LOST_SECONDS = 0.2
        try:
            distributed.BytesThere("bytes-gone")()
        except bk.TaskError as error:
            return str(error)
        return "nothing"

    said = cluster.submit(bring, pure=False).result()
    assert said == "bytes-gone: the cluster has lost the bytes of the function, and did not make them again"


def test_what_was_made_of_scattered_values_is_made_again(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.cluster.scheduler, "allowed_failures", 10)
    with bk.Client(cluster) as client:
        numbers = client.scatter([1, 2])
        plain = client.submit(abs, -1)
        total = client.submit(sum, numbers)
        both = client.submit(lambda *given: sum(given), total, plain)
        assert both.result() == 4
        clusters.end_workers(cluster)
        assert both.result() == 4
        clusters.end_workers(cluster)
        assert client.submit(abs, both).result() == 4
        clusters.end_workers(cluster)
        assert client.gather([total, both, client.submit(len, numbers)]) == [3, 4, 2]
        alone = client.submit(sum, client.scatter([5]))
        assert alone.result() == 5
        gc.collect()
        clusters.end_workers(cluster)
        assert client.submit(abs, -1).result() == 1
        with pytest.raises(bk.TaskError, match="what was scattered for it is gone too; hint: keep the futures"):
            client.submit(abs, alone).result()


def test_a_scattered_value_that_is_lost_unheard_is_brought_again(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The message that it is lost may be read before the answer that it is there.
    keys: list[str] = []
    scatter = cluster.scatter

    def lost(*values: Any, **options: Any) -> Any:
        found = scatter(*values, **options)
        if not keys:
            keys.extend(each.key for each in found)
            given = {"keys": keys, "client": cluster.id, "stimulus_id": "lost"}
            cluster.run_on_scheduler(lambda dask_scheduler: dask_scheduler.client_releases_keys(**given))
        return found

    monkeypatch.setattr(cluster, "scatter", lost)
    with bk.Client(cluster) as client:
        assert client.submit(sum, client.scatter([1, 2])).result() == 3


DYING: list[Exception] = [
    CommClosedError("in <TCP>: Stream is closed"),
    OSError("Timed out trying to connect to tcp://127.0.0.1:1 after 30 s"),
    TimeoutError("No valid workers found"),
    KeyError("tcp://127.0.0.1:1"),
]
"""What dask's scheduler raises when a worker dies to which it brings something."""


def scattering(cluster: Any, monkeypatch: pytest.MonkeyPatch, errors: list[Exception]) -> None:
    """Have the scheduler raise `errors`, one each time, before it brings a value to a worker."""
    handlers = cluster.cluster.scheduler.handlers
    scatter = handlers["scatter"]

    async def fails(**given: Any) -> Any:
        if errors:
            raise errors.pop()
        return await scatter(**given)

    monkeypatch.setitem(handlers, "scatter", fails)


def test_a_worker_that_dies_while_it_gets_a_value_does_not_matter(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [*DYING]
    scattering(cluster, monkeypatch, errors)
    with bk.Client(cluster) as client:
        assert client.submit(len, client.scatter("text")).result() == 4
        assert not errors
        errors.append(FileNotFoundError("no such file"))  # from a class of the user's, as a worker unpickles the value
        with pytest.raises(FileNotFoundError, match="no such file"):
            client.scatter("text")
        monkeypatch.setattr(distributed, "LOST_SECONDS", 0.0)
        errors.extend(DYING)
        with pytest.raises(bk.TaskError, match=r"scatter: no worker of the cluster has taken .*: KeyError\('tcp://"):
            client.scatter("text")


def test_a_worker_that_dies_as_soon_as_it_has_made_a_value_does_not_matter(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Between the message that a call is over and the look how it has ended.
    monkeypatch.setattr(cluster.cluster.scheduler, "allowed_failures", 10)
    error = distributed.OnDistributed.error

    def late(value: distributed.OnDistributed) -> BaseException | None:
        clusters.end_workers(cluster)
        assert works.wait_for(lambda: value.reference.status != "finished")
        return error(value)

    with bk.Client(cluster) as client:
        monkeypatch.setattr(distributed.OnDistributed, "error", late)
        assert client.submit(abs, -1).result() == 1


def test_a_cluster_that_goes_away_is_an_error_that_says_so(tmp_path: Path) -> None:
    import distributed as dask_distributed

    make_cluster: Any = dask_distributed.LocalCluster
    make_client: Any = dask_distributed.Client
    with (
        make_cluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0") as here,
        make_client(here, set_as_default=False) as dask_client,
    ):
        client = bk.Client(dask_client)
        made = client.submit(abs, -1)
        assert made.exception() is None
        waits = client.submit(wait_for, tmp_path / "go")
        after = client.submit(len, waits)
        threading.Timer(1.0, (tmp_path / "go").write_text, ["x"]).start()  # the threads of a worker end their calls
        here.close()
        for future in (made, waits, after):
            with pytest.raises(bk.TaskError, match=r"client: the cluster has gone: .*; hint: make another"):
                future.result()
        dask_client.close()
        with pytest.raises(bk.TaskError, match="client: the cluster has gone: dask's client is closed"):
            client.submit(abs, -1).result()
        with pytest.raises(bk.TaskError, match="client: the cluster has gone: dask's client is closed"):
            client.scatter("text")
        client.close()
