"""The contract on pools that others have made: of processes that are forked from a server, of loky, of interpreters."""

from __future__ import annotations

import concurrent.futures
import gzip
import json
import multiprocessing
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers import elsewhere
from bagkit.schedulers.executors import ExecutorScheduler
from bagkit.schedulers.protocol import Scheduler
from tests.schedulers.contract import ConcurrentContract
from tests.schedulers.works import wait_for


class PoolContract(ConcurrentContract):
    """A pool of two, which the tests of a class share."""

    in_process = False
    in_flight = 6
    many = 300


@pytest.fixture(scope="module")
def forked() -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as executor:
        yield executor


class TestOnForkedProcesses(PoolContract):
    @pytest.fixture
    def scheduler(self, forked: Executor) -> Scheduler:
        return ExecutorScheduler(forked)


@pytest.fixture(scope="module")
def of_loky() -> Iterator[Executor]:
    import loky

    executor: Any = loky.ProcessPoolExecutor(2)
    with executor:
        yield executor


class TestOnLoky(PoolContract):
    @pytest.fixture
    def scheduler(self, of_loky: Executor) -> Scheduler:
        return ExecutorScheduler(of_loky)


if hasattr(concurrent.futures, "InterpreterPoolExecutor"):  # Python 3.14 and later

    @pytest.fixture(scope="module")
    def interpreters() -> Iterator[Executor]:
        make_pool: Any = getattr(concurrent.futures, "InterpreterPoolExecutor", None)
        with make_pool(2) as executor:
            yield executor

    class TestOnInterpreters(PoolContract):
        @pytest.fixture
        def scheduler(self, interpreters: Executor) -> Scheduler:
            return ExecutorScheduler(interpreters)

        def test_what_loads_in_no_interpreter_is_not_needed(self, interpreters: Executor, tmp_path: Path) -> None:
            (tmp_path / "a.gz").write_bytes(gzip.compress(b"b\na\nb\n"))
            with bk.options(scheduler=interpreters, memory_limit="1 MB"):
                texts = bk.read_text(tmp_path / "a.gz").map(str.rstrip)
                assert dict(texts.frequencies().compute()) == {"a": 1, "b": 2}
                assert texts.sort_by(str).batch(2).compute() == [["a", "b"], ["b"]]
                texts.to_textfiles(tmp_path / "out" / "*.txt.gz")
                assert texts.window(2).compute() == [("b", "a"), ("a", "b")]
                records = bk.from_sequence(['{"a": 1}']).map(json.loads).pluck("a")
                for fails in (partial(texts.to_jsonl, tmp_path / "*.jsonl"), records.compute):
                    with pytest.raises(ImportError, match="subinterpreters") as caught:
                        fails()
                    assert "hint: a ProcessPoolExecutor has processes of its own" in "".join(caught.value.__notes__)
                with bk.options(optimize=False):
                    assert records.compute() == [1]
            assert bk.read_text(tmp_path / "out" / "*").map(str.rstrip).compute(scheduler="sync") == ["b", "a", "b"]


class Far(Executor):
    """Calls go by plain pickle to unknown processes, as mpi4py's do; or none finds what others left.

    As with Lithops, where each has a new process, which would take a second here.
    """

    def __init__(self, processes: Executor, forgets: bool) -> None:
        self._processes = processes
        self._forgets = forgets

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self._processes.submit(called, pickle.dumps((function, args, kwargs)), self._forgets)


def called(data: bytes, forgets: bool) -> Any:
    if forgets:
        elsewhere.end_turn()
        elsewhere.kept_works.clear()
    function, args, kwargs = pickle.loads(data)
    return pickle.loads(pickle.dumps(function(*args, **kwargs)))


class RefusedError(Exception):
    """One that does not pickle as exceptions do."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"{number} is refused: {why}")
        self.number = number


def refuse(number: int) -> int:
    if number == 57:
        raise RefusedError(number, "odd")
    return number


@pytest.fixture(params=[False, True], ids=["as mpi4py", "as Lithops"])
def far(forked: Executor, request: pytest.FixtureRequest) -> Executor:
    return Far(forked, request.param)


class TestFarAway:
    """What programs do, where nothing is shared: no memory, no directory, in the second case no process either."""

    def test_all_that_is_computed(self, far: Executor, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_text("".join(f'{{"n": {n}, "name": "name {n % 13}"}}\n' for n in range(3_000)))
        table = list(range(2_000))  # a function that is too large to go with each task
        with bk.options(scheduler=far, workers=2):
            bag = bk.read_text(tmp_path / "in.jsonl", blocksize="50 kB").map(json.loads)
            assert bag.npartitions == 2
            assert bag.pluck("name").frequencies().topk(1, key=1).compute() == [("name 0", 231)]
            groups = bag.groupby(lambda record: table[record["n"] % 7], npartitions=2)
            assert dict(groups.map(lambda group: (group[0], len(group[1]))).compute()) == {
                n: len(range(n, 3_000, 7)) for n in range(7)
            }
            bag.pluck("n").filter(lambda n: n % 2).to_jsonl(tmp_path / "out" / "*.jsonl")
            assert bag.pluck("n").sort_by(lambda n: -n, npartitions=2).take(2) == (2_999, 2_998)
            kept = bag.pluck("n").persist()
            assert (kept.sum().compute(), list(kept)[-1]) == (3_000 * 2_999 // 2, 2_999)
        lines = "".join(path.read_text() for path in sorted((tmp_path / "out").glob("*.jsonl"))).split()
        assert list(map(int, lines)) == list(range(1, 3_000, 2))

    def test_what_fails(self, far: Executor) -> None:
        with bk.options(scheduler=far, workers=2):
            result = bk.range(100, npartitions=2).map(lambda n: 1 // (n - 57)).count().compute(on_error="collect")
            assert result.result == 99
            assert "ZeroDivisionError" in str(result.failures[0])
            assert "range, record 7, partition 1" in str(result.failures[0])
            with pytest.raises(RefusedError) as caught:
                bk.range(100, npartitions=2).map(refuse).compute()
            assert caught.value.number == 57
            assert "at range, record 7, partition 1" in caught.value.__notes__

    def test_it_can_be_stopped_and_goes_on(self, far: Executor, tmp_path: Path) -> None:
        """By Ctrl-C, which is a KeyboardInterrupt in the thread of the run: here while it waits for the first value."""

        def begin_and_wait(number: int) -> int:
            if number < 2:
                (tmp_path / "begun").touch()
                assert wait_for(lambda: (tmp_path / "go on").exists())
            return number

        press = threading.Thread(target=press_when, args=(tmp_path / "begun",))
        press.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                bk.range(20, npartitions=20).map(begin_and_wait).compute(scheduler=far, workers=2)
        finally:
            (tmp_path / "go on").touch()
            press.join()
        assert bk.range(20, npartitions=2).map(abs).compute(scheduler=far, workers=2) == list(range(20))


def press_when(path: Path) -> None:
    if wait_for(path.exists):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_packing_checksums_and_windows_do_without_compiled_modules() -> None:
    """Other Pythons have no interpreters to test it in."""
    program = """
        import sys
        for name in ("isal", "cytoolz", "msgspec", "orjson"):
            sys.modules[name] = None

        import bagkit as bk

        with bk.options(scheduler="sync", memory_limit=400_000):
            texts = bk.range(3_000, npartitions=4).map(lambda n: (str(n % 7), f"{n}" * 30))
            groups = texts.groupby(0, npartitions=3).map(lambda group: (group[0], len(group[1])))
            assert dict(groups.compute()) == {str(n): len(range(n, 3_000, 7)) for n in range(7)}
            assert texts.pluck(1).distinct().count().compute() == 3_000
            numbers = bk.range(30_000, npartitions=2)
            for keys in (numbers, numbers.map(str)):
                assert keys.distinct().count().compute(workers=2, memory_limit=200_000_000) == 30_000
            assert bk.range(5, npartitions=2).window(4).compute() == [(0, 1, 2, 3), (1, 2, 3, 4)]
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
