"""Client: calls, futures and their values, what fails, what is cancelled, workers that come and go."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import importlib
import operator
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest.mock
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.client import calls
from bagkit.schedulers import pool
from tests import clusters
from tests.client.calls import fail_until, inc, wait_a_moment, wait_for
from tests.client.contract import ClientContract, MakeClient


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    yield from clusters.dask_client()


class TestLocal(ClientContract):
    @pytest.fixture
    def make(self) -> MakeClient:
        return lambda: bk.Client(workers=2)

    def test_a_module_of_the_users_that_changes(
        self, client: bk.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        text = "def f(x): return '{0}'\nclass Record:\n    def s(self): return '{0}'\n"
        file = tmp_path / "changing_users_module.py"
        file.write_text(text.format("old"))
        module = importlib.import_module(file.stem)

        def patched(x: int) -> str:
            return "patched"

        def lazily(x: int) -> Any:
            return importlib.import_module("changing_users_module").f(x)

        def texts() -> list[Any]:
            calls = [(lazily, 1), (module.f, 1), (operator.methodcaller("s"), module.Record())]
            return [client.submit(*call).result() for call in calls]

        try:
            assert texts() == ["old"] * 3
            file.write_text(text.format("edited since"))
            assert texts() == ["old"] * 3
            importlib.reload(module)
            assert texts() == ["edited since"] * 3
            with unittest.mock.patch.object(module, "f", new=patched):
                assert texts() == ["patched", "patched", "edited since"]
            assert texts() == ["edited since"] * 3
        finally:
            del sys.modules[file.stem]


class TestOnDistributed(ClientContract):
    @pytest.fixture
    def make(self, cluster: Any) -> MakeClient:
        return lambda: bk.Client(cluster)


def test_what_is_scattered_outlives_its_worker(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both workers die at once, each perhaps with the same call, and no call is to be blamed for it.
    monkeypatch.setattr(cluster.cluster.scheduler, "allowed_failures", 10)
    numbers = [1, 2]
    with bk.Client(cluster) as client:
        several = client.scatter({"a": numbers, "b": "text"})
        assert client.submit(sum, several["a"]).result() == 3
        numbers.append(100)
        clusters.end_workers(cluster)
        assert client.gather([client.submit(sum, several["a"]), client.submit(len, several["b"])]) == [3, 4]
        late = client.submit(wait_for, tmp_path / "go")
        waiting = [client.submit(lambda numbers, _: sum(numbers), several["a"], late) for _ in range(5)]
        clusters.end_workers(cluster)
        (tmp_path / "go").write_text("x")
        assert client.gather(waiting) == [3] * 5


class Counted:
    """Counts how often a method of dask's client is called."""

    def __init__(self, client: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        method = getattr(client, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.sizes.append(len(args[-1]) if name == "map" else 1)
            return method(*args, **kwargs)

        monkeypatch.setattr(client, name, counted)


def test_a_cluster_is_sent_calls_and_asked_for_values_together(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with bk.Client(cluster) as client:
        assert client.submit(inc, 0).result() == 1
        alone, together, fetched = (Counted(cluster, name, monkeypatch) for name in ("submit", "map", "gather"))
        parts: list[Any] = [client.submit(inc, n, priority=n % 2) for n in range(40)]
        large = client.submit(len, b"x" * 3_000_000)
        both = client.submit(sum, parts)
        assert client.gather([*parts, both, large]) == [*range(1, 41), 820, 3_000_000]
    assert sum(together.sizes) == 41  # all that need no value of another
    assert len(alone.sizes) == 1  # what needs values; functions go along, for they are small
    assert len(fetched.sizes) == 1


@pytest.fixture
def local() -> Iterator[bk.Client]:
    with bk.Client(workers=2) as client:
        yield client


def test_priorities(tmp_path: Path) -> None:
    with bk.Client(workers=1) as client:
        client.submit(wait_for, tmp_path / "go")
        order = [client.submit(fail_until, tmp_path / "order", 1, priority=priority) for priority in (0, 5, 1)]
        (tmp_path / "go").write_text("x")
        assert client.gather(order) == [3, 1, 2]


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
        assert bk.wait([waiting, after])[1] == set()
        assert client.submit(inc, 1).result() == 2


def test_killed_workers_lose_nothing_that_was_made(local: bk.Client) -> None:
    made = local.map(inc, range(50))
    bk.wait(made)
    for worker in pool.all_workers():
        worker.process.kill()
    assert local.submit(sum, made).result() == sum(range(1, 51))


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
            future.result()
        assert future.cancelled()  # also one whose call was running
        assert future.status == "cancelled"
    assert local.submit(inc, 1).result() == 2
    with pytest.raises(bk.OptionError, match="workers"):
        local.scale(0)


def test_keys_after_a_restart(local: bk.Client, tmp_path: Path) -> None:
    before = local.submit(wait_for, tmp_path / "go", key="a")
    while not before.running():
        time.sleep(0.001)
    local.restart()
    after = local.submit(inc, 1, key="a")
    del before
    assert after.result() == 2
    assert local.submit(inc, after).result() == 3


def test_what_can_not_be_scattered_leaves_nothing_behind(local: bk.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(bk.NotPicklableError):
        local.scatter(threading.Lock())
    monkeypatch.setenv("BAGKIT_SET_LATER", "now")  # what workers take over when there is nothing to do
    assert local.submit(os.getenv, "BAGKIT_SET_LATER").result() == "now"


def test_a_map_over_an_iterator_goes_on_behind_a_call_that_was_cancelled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("bagkit.client.mapping.AHEAD", 3)
    with bk.Client(workers=1) as client:
        running = client.submit(wait_for, tmp_path / "go")
        second = client.submit(inc, 2, key="2")
        names: list[Any] = ["1", "2", "3", "4", "5", "6"]

        def numbers() -> Iterator[int]:
            yield from (1, 2, 3)
            second.cancel()
            (tmp_path / "go").write_text("x")
            yield from (4, 5, 6)

        made = list(client.map(inc, numbers(), key=names))
        assert [each.cancelled() for each in made] == [False, True, False, False, False, False]
        assert running.result() == "x"


def test_asyncio() -> None:
    async def main() -> tuple[int, list[int], int]:
        async with bk.Client(workers=1) as client:
            several = await asyncio.gather(*client.map(inc, [1, 2]))
            loop = asyncio.get_running_loop()
            return await client.submit(inc, 1), several, await loop.run_in_executor(client, inc, 5)

    assert asyncio.run(main()) == (2, [2, 3], 6)


def test_values_that_nobody_holds_are_let_go_of(tmp_path: Path) -> None:
    with bk.Client(workers=1, temporary_directory=str(tmp_path)) as client:
        future = client.submit(bytes, 3_000_000)
        bk.wait([future])
        (directory,) = tmp_path.iterdir()
        assert [path.stat().st_size > 1_000_000 for path in directory.iterdir() if path.name != "lock"].count(True) == 1
        del future
        client.submit(inc, 1).result()
        assert not [path for path in directory.iterdir() if path.stat().st_size > 1_000_000]


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_values_that_calls_have_needed_are_let_go_of(tmp_path: Path, without_collector: None) -> None:
    with bk.Client(workers=1, temporary_directory=str(tmp_path)) as client:
        future = client.submit(bytes, 3_000_000)
        assert client.submit(len, future).result() == 3_000_000
        assert future.plan is future.plan
        del future
        client.submit(inc, 1).result()
        (directory,) = tmp_path.iterdir()
        assert not [path for path in directory.iterdir() if path.stat().st_size > 1_000_000]


def test_a_client_that_nobody_holds_ends_when_its_calls_are_over(tmp_path: Path) -> None:
    client = bk.Client(workers=1)
    waiting = client.submit(wait_for, tmp_path / "go")
    (thread,) = [each for each in threading.enumerate() if each.name == "bagkit-client"]
    del client
    (tmp_path / "go").write_text("x")
    assert waiting.result() == "x"
    thread.join()
    assert not thread.is_alive()


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
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "doubling 4\nTrue 8\nat the end\n"


REBINDS = """
import bagkit as bk, functools

FACTOR = 1
TABLE = {"a": 1}

class Adds:
    @staticmethod
    def to(x): return x + FACTOR

def helper(x): return x * FACTOR
def through(x): return helper(x)
def by_class(x): return Adds.to(x)
def looks_up(): return TABLE["a"]
def with_default(x=FACTOR): return x

def around():
    number = 0
    def change(x):
        nonlocal number
        number = x
    def get(): return number
    return change, get

if __name__ == "__main__":
    change, get = around()
    with bk.Client(workers=1) as client:
        calls = [(through, 1), (functools.partial(through, 1),), (by_class, 1), (looks_up,), (with_default,), (get,)]
        def show():
            print(*[client.submit(*call).result() for call in calls], *client.gather(client.map(through, [1, 2])))
        show()
        FACTOR, TABLE = 10, {"a": 10}
        show()
        def helper(x): return "new"
        with_default.__defaults__ = (5,)
        change(7)
        show()
"""


def test_what_functions_of_the_program_use_counts_as_it_is_when_they_are_submitted(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(REBINDS)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["1 1 2 1 1 0 1 2", "10 10 11 10 1 0 10 20", "new new 11 10 5 7 new new"]


COMPUTES_LAST = """
import bagkit as bk

if __name__ == "__main__":
    client = bk.Client(workers=1)
    client.compute(bk.range(3, npartitions=3).map(print), scheduler={scheduler!r})
"""


@pytest.mark.parametrize("scheduler", ["processes", "threads", "sync"])
def test_a_program_that_ends_while_a_bag_is_computed(tmp_path: Path, scheduler: str) -> None:
    # From 3.12 on no thread can be started then.
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(COMPUTES_LAST).format(scheduler=scheduler))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert "".join(sorted(done.stdout)).split() == ["012"]  # threads print into each other's lines


INTERRUPTED = """
import bagkit as bk, os, pathlib, signal, sys, threading, time

def begin(path):
    path.touch()
    time.sleep(600)

if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    client = bk.Client(workers=1)
    future = client.submit(begin, path)
    while not path.exists():
        time.sleep(0.01)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    {wait}
"""


@pytest.mark.parametrize("wait", ["future.result()", "with client: future.result()"], ids=["result", "in a block"])
def test_a_program_that_is_interrupted_does_not_wait(tmp_path: Path, wait: str) -> None:
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(INTERRUPTED).format(wait=wait))
    command = [sys.executable, str(script), str(tmp_path / "began")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGINT
    assert done.stderr.endswith("KeyboardInterrupt\n")


def test_functions_that_are_of_no_module_use_what_there_is_now() -> None:
    class Large:
        pass

    nowhere: dict[str, Any] = {"large": Large()}
    exec("def use(): return number, type(large).__name__", nowhere)
    with bk.Client(workers=1) as client:
        for number in range(3):
            nowhere["number"] = number
            assert client.submit(nowhere["use"]).result() == (number, "Large")
        large = weakref.ref(nowhere.pop("large"))
        gc.collect()
        assert large() is None


def test_more_functions_than_a_client_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MOST_WORKS", 2)
    with bk.Client(workers=1) as client:
        made = (eval(f"lambda x: x + {number}") for number in range(300))  # each is gone when the next one comes
        assert [client.submit(function, 1).result() for function in made] == list(range(1, 301))


def test_what_a_callback_waits_for() -> None:
    said: list[Any] = []
    over = threading.Event()

    def try_all(first: bk.Future[Any]) -> None:
        late = client.submit(time.sleep, 60)
        waits: list[Any] = [late.result, late.exception, lambda: bk.wait([late]), lambda: bk.as_completed([late])]
        for wait in [*waits, lambda: client.gather([late])]:
            try:
                wait()
            except bk.TaskError as error:
                said.append("a callback can't wait for it" in str(error))
        said.append(first.result())
        client.restart()
        over.set()

    with bk.Client(workers=1) as client:
        client.submit(wait_a_moment, 5).add_done_callback(try_all)
        assert over.wait()
        assert client.submit(inc, 1).result() == 2
    assert said == [True] * 5 + [5]


def test_bags_run_on_the_cluster(cluster: Any) -> None:
    bag = bk.from_sequence(range(10), npartitions=3)
    pids = bag.map_partitions(lambda _: [os.getpid()])
    workers = set(clusters.worker_pids(cluster))  # tests before this one may have killed some
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
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    said = "client: this process was forked from the one that the client belongs to; make one here"
    assert done.stdout == f"2\n{said}\n3\n"
