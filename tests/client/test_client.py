"""Client: calls, futures and their values, what fails, what is cancelled, workers that come and go."""

from __future__ import annotations

import asyncio
import concurrent.futures
import operator
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import distributed
import pytest

import bagkit as bk
from bagkit.schedulers import pool

Pair = namedtuple("Pair", "left right")


@dataclass
class Box:
    content: Any


def inc(x: int) -> int:
    return x + 1


def fail(text: str) -> None:
    raise ValueError(text)


def wait_for(path: Path) -> str:
    while not path.exists() or not path.read_text():  # it is there before it is written
        time.sleep(0.005)
    return path.read_text()


def die_once(path: Path) -> int:
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 7


def die(_: Any) -> None:
    os._exit(3)


def fail_until(path: Path, times: int) -> int:
    with path.open("a") as file:
        file.write("x")
    if path.stat().st_size < times:
        raise OSError("not yet")
    return path.stat().st_size


def nested(numbers: list[int]) -> int:
    client = bk.get_client()
    return sum(client.gather(client.map(inc, numbers)))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of dask.distributed, of two worker processes."""
    make_cluster: Any = distributed.LocalCluster
    make_client: Any = distributed.Client
    with (
        make_cluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
        ) as cluster,
        make_client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(scope="module", params=["local", "distributed"])
def where(request: pytest.FixtureRequest) -> Any:
    """Of the module, so that the tests on the cluster come one after the other, and few workers of pytest start one."""
    return request.getfixturevalue("cluster") if request.param == "distributed" else None


@pytest.fixture
def client(where: Any) -> Iterator[bk.Client]:
    with bk.Client(where) if where is not None else bk.Client(workers=2) as client:
        yield client


@pytest.fixture
def local() -> Iterator[bk.Client]:
    with bk.Client(workers=2) as client:
        yield client


def test_a_call(client: bk.Client) -> None:
    future = client.submit(inc, 1)
    assert future.result(timeout=60) == 2
    assert future.done()
    assert future.status == "finished"
    assert future.exception() is None
    assert isinstance(future, concurrent.futures.Future)
    assert isinstance(client, concurrent.futures.Executor)


def test_keywords_lambdas_and_partials(client: bk.Client) -> None:
    assert client.submit(round, 2.345, ndigits=1).result() == 2.3
    assert client.submit(lambda a, *, b: (a, b), 1, b=2).result() == (1, 2)
    assert client.submit(partial(sorted, key=str), [10, 9]).result() == [10, 9]


def test_a_tree_of_sums(client: bk.Client) -> None:
    futures: Any = client.map(inc, range(16))
    while len(futures) > 1:
        futures = [client.submit(operator.add, *pair) for pair in zip(futures[::2], futures[1::2], strict=True)]
    assert futures[0].result() == sum(range(1, 17))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda f: [f, [f]],
        lambda f: {"a": f, "b": {"c": f}},
        lambda f: (f, {1: [f]}),
        lambda f: Pair(f, 1),
        lambda f: Box([f]),
        lambda f: {f},
    ],
    ids=["list", "dict", "tuple", "namedtuple", "dataclass", "set"],
)
def test_futures_anywhere_in_arguments(client: bk.Client, wrap: Any) -> None:
    future = client.submit(inc, 1)
    assert client.submit(lambda value: value, wrap(future)).result() == wrap(2)
    assert client.gather(wrap(future)) == wrap(2)


def test_map_over_several_iterables_and_over_an_endless_one(client: bk.Client) -> None:
    assert client.gather(client.map(pow, [2, 3, 4], [3, 2])) == [8, 9]
    endless = iter(client.map(inc, iter(int, 1)))
    assert [next(endless).result() for _ in range(3)] == [1, 1, 1]


def test_arguments_are_those_of_the_time_of_the_call(client: bk.Client, tmp_path: Path) -> None:
    first = client.submit(wait_for, tmp_path / "go")
    numbers = [1, 2]
    future = client.submit(lambda numbers, _: sum(numbers), numbers, first)
    numbers.append(100)
    (tmp_path / "go").write_text("x")
    assert future.result() == 3


def test_the_same_object_each_time_and_large_values(client: bk.Client) -> None:
    future = client.submit(bytes, 3_000_000)
    assert future.result() is future.result()
    other = client.submit(bytes, 2_000_000)
    assert client.submit(len, other).result() == 2_000_000


def test_errors_have_their_type_and_place_and_pass_on(client: bk.Client) -> None:
    future = client.submit(fail, "no")
    with pytest.raises(ValueError, match="no") as caught:
        future.result()
    assert f"in the task {future.key!r}: fail" in caught.value.__notes__
    after = client.submit(inc, future)
    assert isinstance(after.exception(), ValueError)
    assert after.status == "error"
    assert client.gather([client.submit(inc, 1), after], errors="skip") == [2]
    with pytest.raises(bk.OptionError, match="errors is 'no'; expected 'raise' or 'skip'"):
        client.gather([], errors="no")


def test_what_does_not_pickle_is_said_at_the_call(local: bk.Client) -> None:
    with pytest.raises(bk.NotPicklableError, match="lock"):
        local.submit(inc, threading.Lock())
    with pytest.raises(bk.NotPicklableError, match="lock"):
        local.submit(threading.Lock).result()
    assert local.submit(inc, 1).result() == 2


def test_retries(client: bk.Client, tmp_path: Path) -> None:
    assert client.submit(fail_until, tmp_path / "a", 3, retries=2).result() == 3
    with pytest.raises(OSError, match="not yet"):
        client.submit(fail_until, tmp_path / "b", 3, retries=1).result()
    with pytest.raises(bk.OptionError, match="retries"):
        client.submit(inc, 1, retries=-1)


def test_a_key_names_a_call(client: bk.Client, tmp_path: Path) -> None:
    first = client.submit(fail_until, tmp_path / "a", 1, key="once")
    assert client.submit(fail_until, tmp_path / "a", 1, key="once") is first
    assert first.key == "once"
    assert first.result() == 1


def test_priorities(tmp_path: Path) -> None:
    with bk.Client(workers=1) as client:
        client.submit(wait_for, tmp_path / "go")
        order = [client.submit(fail_until, tmp_path / "order", 1, priority=priority) for priority in (0, 5, 1)]
        (tmp_path / "go").write_text("x")
        assert client.gather(order) == [3, 1, 2]


def test_as_completed_and_wait(client: bk.Client, tmp_path: Path) -> None:
    late = client.submit(wait_for, tmp_path / "go")
    early = client.submit(inc, 1)
    futures = bk.as_completed([late, early])
    assert next(futures) is early
    done, not_done = bk.wait([late, early], timeout=0)
    assert done == {early}
    assert not_done == {late}
    with pytest.raises(TimeoutError):
        late.result(timeout=0.01)
    (tmp_path / "go").write_text("x")
    assert next(futures) is late
    assert bk.wait([late, early]) == ({late, early}, set())


def test_cancel(tmp_path: Path) -> None:
    with bk.Client(workers=1) as client:
        running = client.submit(wait_for, tmp_path / "go")
        while not running.running():
            time.sleep(0.001)
        waiting = client.submit(fail_until, tmp_path / "ran", 1)
        after = client.submit(inc, waiting)
        client.cancel([waiting, running])
        (tmp_path / "go").write_text("x")
        assert running.result() == "x"
        assert waiting.cancelled()
        assert waiting.status == "cancelled"
        with pytest.raises(concurrent.futures.CancelledError):
            after.result()
        assert not (tmp_path / "ran").exists()
        assert bk.wait([waiting, after], timeout=60)[1] == set()
        assert client.submit(inc, 1).result() == 2


def test_a_worker_that_dies_is_replaced(local: bk.Client, tmp_path: Path) -> None:
    others = local.map(inc, range(20))
    assert local.submit(die_once, tmp_path / "died").result() == 7
    assert local.gather(others) == list(range(1, 21))
    with pytest.raises(bk.WorkerDiedError, match="die"):
        local.submit(die, 1).result()
    assert local.submit(inc, 1).result() == 2


def test_killed_workers_lose_nothing_that_was_made(local: bk.Client) -> None:
    made = local.map(inc, range(50))
    bk.wait(made)
    for worker in pool.all_workers():
        worker.process.kill()
    assert local.submit(sum, made).result() == sum(range(1, 51))


def test_scatter(client: bk.Client) -> None:
    one = client.scatter("text")
    assert client.submit(len, one).result() == 4
    assert client.gather(client.scatter([1, 2])) == [1, 2]
    many = client.scatter({"a": 1})
    assert client.submit(inc, many["a"]).result() == 2


def test_bags_items_and_delayed(client: bk.Client) -> None:
    bag = bk.from_sequence(range(10), npartitions=3)
    assert client.compute(bag.map(inc)).result() == list(range(1, 11))
    assert [future.result() for future in client.compute([bag.sum(), bk.delayed(inc)(1)])] == [45, 2]
    assert client.submit(inc, bag.sum()).result() == 46
    assert client.submit(inc, client.compute(bag.sum())).result() == 46
    assert client.submit(sum, bag).result() == 45
    assert client.persist(bag.map(inc)).sum().compute() == 55
    future = client.submit(inc, 9)
    assert bag.map(operator.add, future).compute(scheduler="processes") == list(range(10, 20))
    assert bk.delayed(inc)(future).compute() == 11
    with pytest.raises(ValueError, match="no"):
        client.submit(inc, client.compute(bag.map(lambda _: fail("no")))).result()
    with pytest.raises(bk.OptionError, match="compute: it got a int; expected a bag"):
        client.compute(3)


def test_scale_and_restart(local: bk.Client, tmp_path: Path) -> None:
    local.scale(3)
    assert local.workers == 3
    waiting = [local.submit(wait_for, tmp_path / "go") for _ in range(3)]
    while not all(future.running() for future in waiting):
        time.sleep(0.001)
    local.scale(1)
    later = local.submit(inc, 1)
    local.restart()
    for future in [*waiting, later]:
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(timeout=60)
    assert local.submit(inc, 1).result() == 2
    with pytest.raises(bk.OptionError, match="workers"):
        local.scale(0)


def test_calls_inside_of_calls_do_not_wait_for_workers() -> None:
    with bk.Client(workers=1) as client:
        assert client.submit(nested, [1, 2, 3]).result() == 9
        assert client.submit(lambda: client.submit(inc, 1).result()).result() == 2


def test_many_threads(client: bk.Client) -> None:
    found: list[int] = []

    def work(start: int) -> None:
        found.extend(client.gather(client.map(inc, range(start, start + 50))))

    threads = [threading.Thread(target=work, args=(50 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 201))


def test_asyncio() -> None:
    async def main() -> tuple[int, list[int], int]:
        async with bk.Client(workers=1) as client:
            several = await asyncio.gather(*client.map(inc, [1, 2]))
            loop = asyncio.get_running_loop()
            return await client.submit(inc, 1), several, await loop.run_in_executor(client, inc, 5)

    assert asyncio.run(main()) == (2, [2, 3], 6)


def test_an_executor_whose_map_gives_values(client: bk.Client) -> None:
    executor = client.get_executor()
    assert list(executor.map(inc, range(5))) == [1, 2, 3, 4, 5]
    executor.shutdown()
    assert client.submit(inc, 1).result() == 2
    total = bk.from_sequence(range(10), npartitions=2).map(inc).sum()
    assert total.compute(scheduler=executor) == 55


def test_values_that_nobody_holds_are_let_go_of(tmp_path: Path) -> None:
    with bk.Client(workers=1, temporary_directory=str(tmp_path)) as client:
        future = client.submit(bytes, 3_000_000)
        bk.wait([future])
        (directory,) = tmp_path.iterdir()
        assert [path.stat().st_size > 1_000_000 for path in directory.iterdir() if path.name != "lock"].count(True) == 1
        del future
        client.submit(inc, 1).result()
        assert not [path for path in directory.iterdir() if path.stat().st_size > 1_000_000]


def test_calls_run_though_nobody_holds_their_futures(tmp_path: Path) -> None:
    with bk.Client(workers=1) as client:
        client.submit(fail_until, tmp_path / "ran", 1)
        bk.fire_and_forget(client.submit(fail_until, tmp_path / "too", 1))
    assert (tmp_path / "ran").exists()
    assert (tmp_path / "too").exists()


def test_a_client_that_nobody_holds_ends_when_its_calls_are_over(tmp_path: Path) -> None:
    client = bk.Client(workers=1)
    waiting = client.submit(wait_for, tmp_path / "go")
    (thread,) = [each for each in threading.enumerate() if each.name == "bagkit-client"]
    del client
    (tmp_path / "go").write_text("x")
    assert waiting.result() == "x"
    thread.join(timeout=60)
    assert not thread.is_alive()


def test_closed() -> None:
    client = bk.Client(workers=1)
    future = client.submit(bytes, 2_000_000)
    client.shutdown()
    assert len(future.result()) == 2_000_000
    with pytest.raises(bk.TaskError, match="client: it is closed; hint: make another one"):
        client.submit(inc, 1)
    client.close()


def test_close_ends_what_runs(tmp_path: Path) -> None:
    client = bk.Client(workers=1)
    running, waiting = client.submit(wait_for, tmp_path / "never"), client.submit(inc, 1)
    client.close()
    for future in (running, waiting):
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(timeout=60)


def test_options_are_checked() -> None:
    with pytest.raises(bk.OptionError, match="workers"):
        bk.Client(workers=0)
    with pytest.raises(bk.OptionError, match="memory_limit"):
        bk.Client(memory_limit="much")


PROGRAM = """
import bagkit as bk, sys, os

class Point:
    def __init__(self, x):
        self.x = x

def double(point):
    print("doubling", point.x)
    return Point(2 * point.x)

if __name__ == "__main__":
    client = bk.Client(workers=1)
    future = client.submit(double, Point(4))
    print(type(future.result()) is Point, future.result().x)
    client.submit(print, "at the end")
"""


def test_a_program_that_leaves_its_client_open(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROGRAM))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    assert done.stdout == "doubling 4\nTrue 8\nat the end\n"


def test_bags_run_on_the_cluster(cluster: Any) -> None:
    bag = bk.from_sequence(range(10), npartitions=3)
    pids = bag.map_partitions(lambda _: [os.getpid()])
    workers = set(cluster.run(os.getpid).values())
    with bk.Client(cluster) as client:
        assert set(client.compute(pids).result()) <= workers
        assert set(pids.compute(scheduler=client)) <= workers
        assert set(pids.compute(scheduler=cluster)) <= workers
        assert client.workers == 2
        with pytest.raises(bk.OptionError, match="workers is for worker processes of this machine"):
            bk.Client(cluster, workers=2)
    assert bag.groupby(lambda x: x % 2).map(len).compute(scheduler=cluster) == [2, 2]


def test_the_address_of_a_cluster(cluster: Any) -> None:
    with bk.Client(cluster.scheduler.address) as client:
        assert client.submit(inc, 1).result() == 2
        with pytest.raises(bk.OptionError, match="scale: the cluster was reached by its address"):
            client.scale(3)


def test_what_is_no_cluster() -> None:
    with pytest.raises(bk.OptionError, match="Client: it got a int; expected the address"):
        bk.Client(3)


FORKED = """
import bagkit as bk, os

if __name__ == "__main__":
    client = bk.Client(workers=1)
    print(client.submit(len, "ab").result(), flush=True)
    if os.fork() == 0:
        try:
            client.submit(len, "ab")
        except bk.TaskError as error:
            print(error, flush=True)
        client.close()
        os._exit(0)
    os.wait()
    print(client.submit(len, "abc").result())
"""


def test_a_forked_process_is_told(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(FORKED))
    command = [sys.executable, "-W", "ignore", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
    said = "client: this process was forked from the one that the client belongs to; make one here"
    assert done.stdout == f"2\n{said}\n3\n"
