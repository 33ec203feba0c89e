"""The contract on pools that others have made: of processes that are forked from a server, of loky, of interpreters."""

from __future__ import annotations

import concurrent.futures
import gzip
import multiprocessing
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers.executors import ExecutorScheduler
from bagkit.schedulers.protocol import Scheduler
from tests.schedulers.contract import ConcurrentContract


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
                with pytest.raises(ImportError, match="subinterpreters") as caught:
                    texts.to_jsonl(tmp_path / "*.jsonl")
            assert (
                "hint: a ProcessPoolExecutor has processes of its own, where each module loads"
                in caught.value.__notes__
            )
            assert bk.read_text(tmp_path / "out" / "*").map(str.rstrip).compute(scheduler="sync") == ["b", "a", "b"]


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
            assert bk.range(5, npartitions=2).window(4).compute() == [(0, 1, 2, 3), (1, 2, 3, 4)]
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
