"""Bags on dask.distributed: the contract of schedulers, and that all that a run tells is what it tells here."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future
from functools import partial
from pathlib import Path
from typing import Any

import distributed
import pytest

import bagkit as bk
from bagkit.errors import WorkerDiedError
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.cluster import ClusterExecutor, cancel
from bagkit.schedulers.executors import ExecutorScheduler
from bagkit.schedulers.protocol import Scheduler
from benchmarks import cluster_memory
from tests import clusters
from tests.schedulers import works
from tests.schedulers.contract import ConcurrentContract, values
from tests.schedulers.persisting import PersistContract


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    yield from clusters.dask_client()


class TestContract(ConcurrentContract):
    in_process = False
    in_flight = 6
    many = 100

    @pytest.fixture
    def scheduler(self, client: Any) -> Scheduler:
        return ExecutorScheduler(ClusterExecutor(client))


class TestPersist(PersistContract):
    @pytest.fixture
    def engine(self, client: Any) -> Any:
        return client

    @pytest.fixture
    def end_workers(self, client: Any) -> Callable[[], None]:
        return partial(clusters.end_workers, client)


def inverse(n: int) -> float:
    return 1 / n


def bag() -> bk.Bag[int]:
    return bk.range(200, npartitions=5)


def test_figures_are_those_of_a_run_here(client: Any) -> None:
    found = []
    for scheduler in (client, "sync"):
        groups = bag().map(inverse).groupby(round, npartitions=3).map(len)
        with bk.Profile() as profile, pytest.warns(bk.SkippedRecordsWarning, match="ZeroDivisionError"):
            assert sum(groups.compute(scheduler=scheduler, on_error="skip")) == 2 + 2, (
                "two groups, of a key and its records"
            )
        found.append({
            labels: [(step.label, step.records_in, step.records_out) for step in steps]
            for labels, steps in profile.figures().items()
            if not labels[0].startswith("deal")
        })  # fmt: skip
    assert found[0] == found[1]


def test_errors_retries_and_what_is_written_go_on_as_here(client: Any, tmp_path: Path) -> None:
    with bk.options(scheduler=client):
        result = bag().map(inverse).count().compute(on_error="collect")
        assert (result.result, [str(failure.error) for failure in result.failures]) == (199, ["division by zero"])
        with pytest.raises(ZeroDivisionError) as caught:
            bag().map(inverse).compute()
        assert any("partition 0" in note for note in caught.value.__notes__)
        mark = tmp_path / "failed"

        def fails_once(n: int) -> int:
            if n == 77 and not mark.exists():
                mark.touch()
                raise OSError("not yet")
            return n

        assert bag().map(fails_once).sum().compute(retries=1) == sum(range(200))
        paths = bag().map(str).to_textfiles(f"{tmp_path}/out/*.txt")
        os.unlink(paths[3])
        before = [os.stat(path).st_mtime_ns for path in (*paths[:3], paths[4])]
        assert bag().map(str).to_textfiles(f"{tmp_path}/out/*.txt", exist="resume") == paths
        assert [os.stat(path).st_mtime_ns for path in (*paths[:3], paths[4])] == before
    assert bk.read_text(f"{tmp_path}/out/*.txt").map(int).compute(scheduler="sync") == list(range(200))


def held(client: Any) -> int:
    """Return how many tasks and values the cluster has."""
    return int(client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)))


@pytest.mark.parametrize("job", ["groupby", "for x in bag", "collect"])
def test_nobody_holds_all_records(job: str, client: Any) -> None:
    clusters.worker_pids(client)  # one that another test has killed may be on its way
    # There are 40 MB of them: who held them all would grow by more than 24 MB and a tenth, which is a problem there.
    assert cluster_memory.measure(job, client, cluster_memory.Setting(40_000, None), limit=10**9) == []


def test_values_come_as_they_are_asked_for(client: Any, tmp_path: Path) -> None:
    """While a consumer holds a record, the cluster holds some values for each worker, of however many there are."""

    def large(n: int) -> bytes:
        works.mark(str(tmp_path), n)
        return bytes(100_000)

    gc.collect()  # errors of other tests hold what they ran with
    texts = bk.range(60, npartitions=60).map(large)
    assert len(texts.take(3, scheduler=client)) == 3
    assert len(works.marks(tmp_path)) <= 12
    with bk.options(scheduler=client):
        records = iter(texts)
        for number, _ in enumerate(records):
            if number == 30:
                break
        assert held(client) <= 12
        records.close()
        assert works.wait_for(lambda: held(client) == 0)


def test_quick_tasks_share_messages_and_slow_ones_do_not(client: Any) -> None:
    sent: list[int] = []

    class Counting(ClusterExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            sent.append(len(args[2]) if fn.__name__ == "run_several" else 1)
            return super().submit(fn, *args, **kwargs)

    scheduler = ExecutorScheduler(Counting(client))
    tasks = [Task(keys=(n,), work=works.give, part=n) for n in range(300)]
    tasks.append(Task(keys=("sum",), work=works.add, part=0, needs=tuple(range(300))))
    assert values(scheduler, Graph(tasks), ["sum", *range(300)]) == [sum(range(300)), *range(300)]
    assert sum(sent) == 301
    assert len(sent) < 150
    sent.clear()
    slow = Graph([Task(keys=(n,), work=works.nap, part=n) for n in range(20)])
    assert values(scheduler, slow, range(20)) == list(range(20))
    assert sent == [1] * 20


def test_of_tasks_that_went_together_the_one_is_named_that_kills(client: Any) -> None:
    tasks = [Task(keys=(n,), work=works.dies_at_last, part=n, label=f"task {n}") for n in range(60)]
    with pytest.raises(WorkerDiedError, match="task 59"):
        values(ExecutorScheduler(ClusterExecutor(client)), Graph(tasks), range(60))


def test_of_tasks_that_ran_beside_each_other_the_one_is_named_that_kills(client: Any) -> None:
    # The cluster blames all that a worker had when it died; who is told last is no more to blame than others.
    sent: list[tuple[str, Future[Any]]] = []

    class Breaking(ClusterExecutor):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            label, future = args[6], Future[Any]()
            sent.append((label, future))
            if len(sent) > 2 and label != "kills":
                return super().submit(fn, *args, **kwargs)
            for _, told in sent if len(sent) == 2 else sent[2:]:
                told.set_exception(BrokenExecutor("a worker died"))
            return future

    tasks = [Task(keys=(n,), work=works.give, part=n, label=label) for n, label in enumerate(["kills", "innocent"])]
    with pytest.raises(WorkerDiedError, match="kills"):
        values(ExecutorScheduler(Breaking(client)), Graph(tasks), range(2))
    assert [label for label, _ in sent] == ["kills", "innocent", "kills"]


class Closing:
    """A client of dask.distributed that is closed while it is asked to cancel something."""

    status = "running"

    def cancel(self, _: Any) -> None:
        self.status = "closed"
        raise RuntimeError("Client is closed. Can't send cancel-keys message.")


def test_to_cancel_while_a_client_is_closed_is_no_error() -> None:
    cancel(Closing(), [])
    closed = Closing()
    closed.status = "closed"
    cancel(closed, [])


def test_a_cluster_that_has_gone_is_said_to_have() -> None:
    make_cluster: Any = distributed.LocalCluster
    make_client: Any = distributed.Client
    with (
        make_cluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0") as cluster,
        make_client(cluster, set_as_default=False) as client,
    ):
        with bk.options(scheduler=client):
            records = iter(bk.range(1_000, npartitions=200).map(str))
            assert next(records) == "0"
        executor = client.get_executor()
        cluster.close()
        gone = r"^scheduler: the cluster has gone: dask's client is clos.*; hint: make another client"
        with pytest.raises(bk.TaskError, match=gone):
            list(records)
        client.close()
        for scheduler in (client, executor, bk.Client(client)):
            with pytest.raises(bk.TaskError, match=gone):
                bag().count().compute(scheduler=scheduler)
        with pytest.raises(bk.TaskError, match=gone):
            bag().persist(scheduler=client)
