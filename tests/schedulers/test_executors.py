from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.diagnostics import events, observer
from bagkit.errors import NotPicklableError, TaskError, WorkerDiedError
from bagkit.flow.report import Report
from bagkit.lower.graph import Graph, Task, Work
from bagkit.schedulers.cpu_count import cpu_count
from bagkit.schedulers.elsewhere import WORKS_KEPT, kept_works
from bagkit.schedulers.executors import ExecutorScheduler
from bagkit.schedulers.protocol import Scheduler
from tests.schedulers import works
from tests.schedulers.contract import ConcurrentContract, InProcessContract, Recorder, SchedulerContract, one, values


class TestOnThreads(ConcurrentContract, InProcessContract):
    @pytest.fixture
    def scheduler(self) -> Iterator[Scheduler]:
        with ThreadPoolExecutor(2) as executor:
            yield ExecutorScheduler(executor)


class Recording(ProcessPoolExecutor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        sizes.append(len(pickle.dumps(args)))
        return super().submit(fn, *args, **kwargs)


sizes: list[int] = []


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    with Recording(2, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield executor


class TestOnProcesses(ConcurrentContract):
    in_process = False
    in_flight = 6

    @pytest.fixture
    def scheduler(self, processes: Executor) -> Scheduler:
        return ExecutorScheduler(processes)


class Inline(Executor):
    """Runs each call at once, in the thread that submits it, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls.append((function, args))
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class TestOnAnyOther(SchedulerContract):
    in_process = False

    @pytest.fixture
    def scheduler(self) -> Scheduler:
        return ExecutorScheduler(Inline(), workers=2)


def test_how_many_workers() -> None:
    with ThreadPoolExecutor(3) as executor:
        assert ExecutorScheduler(executor).workers == 3
        assert ExecutorScheduler(executor, workers=5).workers == 5
    assert ExecutorScheduler(Inline()).workers == cpu_count()


def test_the_executor_is_not_shut_down() -> None:
    with ThreadPoolExecutor(1) as executor:
        assert values(ExecutorScheduler(executor), one(works.give, 1), ["only"]) == [1]
        with pytest.raises(works.CodedError):
            values(ExecutorScheduler(executor), one(works.fail, 1), ["only"])
        assert executor.submit(divmod, 7, 2).result() == (3, 1)


def test_threads_get_the_objects_themselves() -> None:
    lock = threading.Lock()
    with ThreadPoolExecutor(1) as executor:
        (got,) = values(ExecutorScheduler(executor), one(works.give, lock), ["only"])
    assert got is lock


def test_others_get_bytes_and_a_work_is_unpickled_once() -> None:
    sizes.clear()  # a long list of a module goes along with works, which are large then
    executor = Inline()
    offset = 10

    def make_work() -> Work:
        def work(part: int, inputs: Sequence[Any], report: Report) -> int:
            return part + offset

        return work

    tasks = [Task(keys=(n,), work=make_work(), part=n) for n in range(3)]
    shared = [Task(keys=(n,), work=tasks[0].work, part=n, needs=(n - 1,) if n > 3 else ()) for n in range(3, 30)]
    assert values(ExecutorScheduler(executor), Graph([*tasks, *shared]), range(30)) == list(range(10, 40))
    for function, (key, work, part, *_) in executor.calls:
        assert function.__module__ == "bagkit.schedulers.elsewhere"
        assert isinstance(work, bytes)
        assert isinstance(part, bytes)
        assert key[1] in (0, 1, 2)
    assert sum(key[0] == executor.calls[0][1][0][0] for key in kept_works) == 3


def large_tasks(forgets: Sequence[int] = ()) -> Graph:
    """Return tasks of a work that is large; those in `forgets` have their process forget it."""
    table = os.urandom(100_000)

    def work(part: int, inputs: Sequence[Any], report: Report) -> int:
        if part in forgets:
            importlib.import_module("bagkit.schedulers.elsewhere").kept_works.clear()
        return len(table) + part

    return Graph([Task(keys=(n,), work=work, part=n) for n in range(60)])


@pytest.mark.parametrize(("forgets", "most"), [((), 6), ((20, 30), 8), (range(60), 60)])
def test_a_large_work_goes_with_the_first_tasks_and_where_it_is_missing(forgets: Sequence[int], most: int) -> None:
    executor, recorder = Inline(), Recorder()
    scheduler = ExecutorScheduler(executor, workers=2)
    assert list(scheduler.run(large_tasks(forgets), range(60), recorder)) == list(range(100_000, 100_060))
    sent = [arguments[1] for _, arguments in executor.calls]
    assert sum(work is not None for work in sent) == most
    assert len(sent) < 60 + 20
    assert len(recorder.of(events.TaskStarted)) == len(recorder.of(events.TaskFinished)) == 60


def test_processes_of_this_machine_share_files(processes: Executor, tmp_path: Path) -> None:
    """A large work, and what tasks leave for others, do not go through the executor; nothing of it stays."""
    words = [f"{n % 1000:0200}" for n in range(8_000)]
    salt = "x" * 50_000
    sizes.clear()
    with bk.options(scheduler=processes, temporary_directory=tmp_path, memory_limit="2 MB"):
        bag = bk.range(8_000, npartitions=8).map(lambda n: f"{n % 1000:0200}" + salt[: n % 2])
        groups = bag.map(lambda word: word[:200]).groupby(itemgetter(slice(0, 200)), npartitions=4)
        assert dict(groups.map(lambda group: (group[0], len(group[1]))).compute()) == Counter(words)
        assert sum(sizes) < 200_000
        assert next(iter(bk.range(9, npartitions=9).map(lambda n: f"{n}" * 100_000))) == "0" * 100_000
    while list(tmp_path.iterdir()):  # what was started ahead still runs
        processes.submit(int).result()


def test_only_so_many_works_are_kept() -> None:
    def make_work(number: int) -> Work:
        return lambda part, inputs, report: number

    tasks = [Task(keys=(n,), work=make_work(n)) for n in range(WORKS_KEPT + 5)]
    assert values(ExecutorScheduler(Inline()), Graph(tasks), range(len(tasks))) == list(range(len(tasks)))
    assert len(kept_works) == WORKS_KEPT


def test_what_does_not_pickle_is_named() -> None:
    lock = threading.Lock()
    with pytest.raises(
        NotPicklableError, match=r"some work, partition 0: closure variable `lock` of .* is a _thread.lock"
    ):
        values(ExecutorScheduler(Inline()), one(lambda part, inputs, report: lock), ["only"])
    with pytest.raises(NotPicklableError, match=r"some work, partition 0: the part is a _thread.lock, which can't be"):
        values(ExecutorScheduler(Inline()), one(works.give, lock), ["only"])
    with pytest.raises(
        NotPicklableError, match=r"some work, partition 0: the result is a _thread.lock, which can't be"
    ):
        values(ExecutorScheduler(Inline()), one(lambda part, inputs, report: threading.Lock()), ["only"])


def test_a_process_that_dies_is_told() -> None:
    recorder = Recorder()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        scheduler = ExecutorScheduler(executor)
        with pytest.raises(WorkerDiedError, match=r"some work, .* 0: the executor broke: .*terminated") as caught:
            list(scheduler.run(one(lambda part, inputs, report: os._exit(3)), ["only"], recorder))
        assert caught.value.attempts == 1
        assert caught.value.__cause__ is not None
        with pytest.raises(WorkerDiedError):
            values(scheduler, one(works.give), ["only"])
    assert [type(event).__name__ for event in recorder.events[-2:]] == ["TaskFailed", "RunFinished"]


def test_an_executor_that_is_shut_down_says_so_itself() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        values(ExecutorScheduler(executor), one(works.give), ["only"])


class Refuses(Executor):
    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self._error is None:
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self._error)
        return future


def test_a_future_that_somebody_else_cancels() -> None:
    with pytest.raises(TaskError, match="some work, partition 0: the executor cancelled it, and gave no result"):
        values(ExecutorScheduler(Refuses(None)), one(works.give), ["only"])


def test_an_error_of_the_executor_s_own() -> None:
    recorder = Recorder()
    with pytest.raises(OSError, match="no route") as caught:
        list(ExecutorScheduler(Refuses(OSError("no route"))).run(one(works.give), ["only"], recorder))
    assert caught.value.__notes__ == ["raised by the executor, for some work, partition 0"]
    assert "TaskFailed" in [type(event).__name__ for event in recorder.events]


def test_futures_that_have_not_started_are_cancelled() -> None:
    release = threading.Event()

    def hold(part: Any, inputs: Any, report: Any) -> None:
        release.wait(200)

    tasks = [Task(keys=(0,), work=works.fail, part=1), *(Task(keys=(n,), work=hold) for n in range(1, 20))]
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(works.CodedError):
            values(ExecutorScheduler(executor, workers=4), Graph(tasks), range(20))
        release.set()
        assert executor._work_queue.qsize() <= 12
        assert executor.submit(int).result() == 0


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_shared_directory(processes: Executor, tmp_path: Path, scheme: str) -> None:
    """What tasks leave goes through it, by a path or a URL, and nothing of it stays, also when the run fails."""
    seen: list[bool] = []

    class Looks:
        def emit(self, event: events.Event) -> None:
            seen.append(any(tmp_path.glob("bagkit-*/*")))

    numbers = range(3_000)
    with bk.options(scheduler=processes, shared_directory=f"{scheme}{tmp_path}", memory_limit="1 MB"):
        bag = bk.from_sequence(numbers, npartitions=6).map(lambda n: (n % 10, f"{n}" * 100))
        groups = bag.groupby(0, npartitions=3).map(lambda group: (group[0], [text for _, text in group[1]]))
        looks = Looks()
        observer.listen(looks)
        assert sorted(groups.compute()) == [(n, [f"{m}" * 100 for m in numbers[n::10]]) for n in range(10)]
        assert sorted(bag.pluck(1).distinct().compute()) == sorted(f"{n}" * 100 for n in numbers)
        observer.stop_listening(looks)
        with pytest.raises(ZeroDivisionError):
            groups.map(lambda group: 1 // (group[0] - 3)).compute()
    assert any(seen)
    while list(tmp_path.iterdir()):  # what was started ahead still runs
        processes.submit(int).result()


def test_a_shared_directory_goes_when_the_program_is_killed(tmp_path: Path) -> None:
    program = f"""
        import os, signal
        from bagkit.schedulers.executors import shared_files

        for directory in ({str(tmp_path / "here")!r}, {"file://" + str(tmp_path / "there")!r}):
            files = shared_files(directory, 3)
            files.write("a", b"bytes")
            print(files.path, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    (tmp_path / "here").mkdir()
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert len(ran.stdout.splitlines()) == 2
    while list(tmp_path.glob("*/bagkit-*")):
        time.sleep(0.01)
