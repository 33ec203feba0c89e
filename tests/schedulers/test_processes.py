"""The processes scheduler: the contract, and what is its own: backpressure, surroundings, signals, leftovers."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bagkit.diagnostics import events
from bagkit.errors import TaskError
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers import pool, run_directory, worker_process
from bagkit.schedulers.processes import ProcessScheduler
from bagkit.schedulers.worker import PROGRESS_SECONDS
from tests.schedulers import faulty_works as faulty
from tests.schedulers import works
from tests.schedulers.contract import ConcurrentContract, Recorder, dealing, one, values
from tests.schedulers.faulty_works import running

ROOT = str(Path(__file__).parents[2])


pytestmark = pytest.mark.usefixtures("workers_end")


@pytest.fixture
def scheduler() -> ProcessScheduler:
    """Two workers that are warm, so that no test is about how long one of them takes to start."""
    scheduler = ProcessScheduler(workers=2)
    values(scheduler, Graph([Task((n,), faulty.sleep, 0.05) for n in range(2)]), [0, 1])
    return scheduler


class TestProcesses(ConcurrentContract):
    in_process = False
    ahead = 200
    """While the caller waits for a task whose worker is held up, others go on; a test below is of a busy caller."""

    @pytest.fixture
    def scheduler(self, scheduler: ProcessScheduler) -> ProcessScheduler:
        return scheduler


# Backpressure


def marked(directory: Path, number: int) -> Graph:
    return Graph([Task((n,), faulty.mark_and_sleep, (str(directory), n)) for n in range(number)])


def test_tasks_ahead_of_a_busy_caller_are_few(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    run = scheduler.run(marked(tmp_path, 60), range(60), Recorder())
    assert next(run) == 0
    assert works.wait_for(lambda: len(works.marks(tmp_path)) >= 3)
    time.sleep(0.3)
    run.close()
    started = len(works.marks(tmp_path))
    assert started <= 20
    time.sleep(0.1)
    assert len(works.marks(tmp_path)) == started


def test_an_error_stops_what_has_not_begun(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    graph = Graph([Task(("bad",), works.fail, 1), *marked(tmp_path, 100).tasks])
    with pytest.raises(works.CodedError):
        values(scheduler, graph, ["bad", *range(100)])
    assert len(works.marks(tmp_path)) <= 20


def test_work_goes_on_while_the_caller_is_busy(scheduler: ProcessScheduler, tmp_path: Path) -> None:
    run = scheduler.run(marked(tmp_path, 6), range(6), Recorder())
    assert next(run) == 0
    assert works.wait_for(lambda: len(works.marks(tmp_path)) >= 4), "tasks begin while nobody asks for their values"
    assert list(run) == [1, 2, 3, 4, 5]


def test_a_busy_caller_holds_large_values_up(tmp_path: Path) -> None:
    scheduler = ProcessScheduler(workers=4, temporary_directory=str(tmp_path), memory_limit=4 * 5_000_000)
    recorder = Recorder()
    run = scheduler.run(Graph([Task((n,), faulty.large, 2_000_000) for n in range(50)]), range(50), recorder)
    assert len(next(run)) == 2_000_000
    time.sleep(0.3)
    stored = list(tmp_path.glob("*/[0-9]*"))
    assert len(stored) <= 3 + 4
    assert all(len(value) == 2_000_000 for value in run)


def test_the_next_target_is_made_however_much_waits(tmp_path: Path) -> None:
    scheduler = ProcessScheduler(workers=2, temporary_directory=str(tmp_path), memory_limit=1000)
    tasks = [Task((0,), faulty.sleep, 0.2), *(Task((n,), faulty.large, 10_000) for n in range(1, 20))]
    tasks.append(Task(("sum",), faulty.measure, needs=tuple(range(1, 20))))
    got = values(scheduler, Graph(tasks), [0, "sum", *range(1, 20)])
    assert got[:2] == [0.2, 190_000]


def test_an_error_while_the_caller_is_busy_is_raised_when_it_comes_back(scheduler: ProcessScheduler) -> None:
    recorder = Recorder()
    tasks = [Task((0,), works.give, 0), Task((1,), works.give, 1, needs=(0,)), Task((2,), works.fail, 1, needs=(1,))]
    run = scheduler.run(Graph(tasks), [0, 1, 2], recorder)
    assert next(run) == 0
    time.sleep(0.2)
    with pytest.raises(works.CodedError):
        list(run)
    assert recorder.threads == {threading.get_ident()}


def test_progress_is_told_now_and_then(scheduler: ProcessScheduler) -> None:
    recorder, began = Recorder(), time.monotonic()
    assert list(scheduler.run(one(works.read_slowly, 15), ["only"], recorder)) == [15]
    told = [event.bytes_read for event in recorder.of(events.TaskProgressed)]
    assert 2 <= len(told) <= 1 + (time.monotonic() - began) / PROGRESS_SECONDS, "however long the naps were"
    assert told == sorted(told)


# Workers


def test_workers_stay_warm(scheduler: ProcessScheduler) -> None:
    graph = Graph([Task((n,), faulty.give_pid) for n in range(10)])
    assert set(values(scheduler, graph, range(10))) == set(values(scheduler, graph, range(10)))


def test_workers_can_be_started_ahead() -> None:
    pool.end_workers()
    pool.start_workers(2)
    ahead = {worker.process.pid for worker in tuple(pool._idle)}
    assert len(ahead) == 2
    graph = Graph([Task((n,), faulty.give_pid) for n in range(2)])
    assert set(values(ProcessScheduler(workers=2), graph, [0, 1])) <= ahead


def test_no_more_workers_than_tasks() -> None:
    pool.end_workers()
    assert values(ProcessScheduler(workers=20), one(works.give, 1), ["only"]) == [1]
    assert len(pool.all_workers()) == 1


def test_an_idle_worker_leaves(scheduler: ProcessScheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    pool.end_workers()
    before = set(values(scheduler, one(faulty.give_pid), ["only"]))
    monkeypatch.setattr(worker_process, "STALE_SECONDS", -1)
    assert before.isdisjoint(values(scheduler, one(faulty.give_pid), ["only"]))
    assert not psutil.pid_exists(before.pop())


def test_surroundings_are_those_of_the_caller(
    scheduler: ProcessScheduler, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = sys.getrecursionlimit(), logging.root.level
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAGKIT_TEST", "7")
    monkeypatch.setattr(sys, "path", [*sys.path, "/nowhere/special"])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a pattern", FutureWarning)
        sys.setrecursionlimit(before[0] + 123)
        logging.root.setLevel(17)
        try:
            (got,) = values(scheduler, one(faulty.surroundings, "BAGKIT_TEST"), ["only"])
        finally:
            sys.setrecursionlimit(before[0])
            logging.root.setLevel(before[1])
    assert (got["path"], got["cwd"], got["variable"]) == ("/nowhere/special", str(tmp_path), "7")
    assert (got["level"], got["limit"]) == (17, before[0] + 123)
    assert got["filter"][0] == "ignore"
    assert got["filter"][2] is FutureWarning
    monkeypatch.delenv("BAGKIT_TEST")
    (got,) = values(scheduler, one(faulty.surroundings, "BAGKIT_TEST"), ["only"])
    assert got["variable"] is None


def test_a_thread_that_ends_leaves_its_workers(scheduler: ProcessScheduler) -> None:
    pool.end_workers()
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.extend(values(scheduler, one(faulty.give_pid), ["only"])))
    thread.start()
    thread.join()
    time.sleep(0.05)
    assert values(scheduler, one(faulty.give_pid), ["only"]) == pids


def test_a_run_can_move_to_another_thread(scheduler: ProcessScheduler) -> None:
    run = scheduler.run(Graph([Task((n,), works.give, n) for n in range(20)]), range(20), Recorder())
    assert next(run) == 0
    rest: list[int] = []
    thread = threading.Thread(target=lambda: rest.extend(run))
    thread.start()
    thread.join()
    assert rest == list(range(1, 20))


def test_nothing_is_left_over(tmp_path: Path) -> None:
    def left() -> tuple[Any, ...]:
        gc.collect()
        children = psutil.Process().children(recursive=True)
        return (
            psutil.Process().num_fds(),
            threading.active_count(),
            sorted(child.pid for child in children),
            [child.pid for child in children if child.status() == psutil.STATUS_ZOMBIE],
            os.listdir(tmp_path),
        )

    scheduler = ProcessScheduler(workers=2, temporary_directory=str(tmp_path))
    graph = Graph([*(Task((n,), faulty.large, 1_500_000 * (n % 2)) for n in range(6)), Task(("bad",), works.fail, 3)])

    def everything() -> None:
        assert len(values(scheduler, graph, range(6))) == 6
        run = scheduler.run(graph, range(6), Recorder())
        next(run)
        run.close()
        with pytest.raises(works.CodedError):
            values(scheduler, graph, [0, "bad"])
        values(scheduler, Graph([Task((n,), faulty.sleep, 0.01) for n in range(2)]), [0, 1])

    everything()
    before = left()
    for _ in range(5):
        everything()
    after = left()
    assert after[:2] + after[3:] == before[:2] + before[3:]
    assert len(after[2]) == len(before[2])


# The directory of a run


def test_the_directory_is_private(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        scheduler = ProcessScheduler(workers=1, temporary_directory=str(tmp_path))
        run = scheduler.run(Graph([Task((n,), faulty.large, 2_000_000) for n in range(2)]), [0, 1], Recorder())
        next(run)
        (directory,) = tmp_path.iterdir()
        assert directory.stat().st_mode & 0o777 == 0o700
        assert {file.stat().st_mode & 0o777 for file in directory.iterdir()} == {0o600}
        run.close()
    finally:
        os.umask(mask)
    assert list(tmp_path.iterdir()) == []


def test_files_of_buckets_stay_until_all_are_read(tmp_path: Path) -> None:
    graph, (first, second) = dealing([["x" * 100_000, "y"], ["z", "w"], ["v", "u" * 100_000]])
    end = Task(("end",), works.give, "end", (first, second))
    run = ProcessScheduler(workers=1, temporary_directory=str(tmp_path)).run(
        Graph([*graph.tasks, end]), [first, "end"], Recorder()
    )

    def files() -> list[str]:
        return sorted(path.name for path in tmp_path.glob("bagkit-*/*") if path.name != run_directory.LOCK)

    assert next(run) == [["x" * 100_000, "z", "v"]]
    assert next(run) == "end"
    assert files() == [], "nobody needs the buckets, nor the table that says where they are"
    run.close()


@pytest.mark.parametrize("which", ["table", "0-1"])
@pytest.mark.parametrize("damage", [lambda path: os.truncate(path, 5), os.unlink])
def test_damage_to_files_of_buckets_is_an_error(tmp_path: Path, which: str, damage: Callable[[Path], None]) -> None:
    graph, keys = dealing([["x" * 100_000, "y"], ["z", "w"]])
    wait = Task(("wait",), damage_files, (str(tmp_path), which, damage), (("dealt", 0),))
    late = Task(("late",), works.inputs_as_they_are, None, (("dealt", 1), "wait"))
    with pytest.raises(TaskError, match=r"a value that was stored here (was changed|can't be read)"):
        values(
            ProcessScheduler(workers=1, temporary_directory=str(tmp_path)),
            Graph([*graph.tasks, wait, late]),
            ["late"],
        )
    assert keys
    assert list(tmp_path.iterdir()) == []


def damage_files(part: tuple[str, str, Callable[[Path], None]], inputs: Any, report: Any) -> None:
    directory, which, damage = part
    (path,) = Path(directory).glob(f"bagkit-*/*{which}")
    damage(path)


def test_a_worker_killed_while_it_collects(tmp_path: Path) -> None:
    graph, keys = dealing([["x" * 100_000, "y"], ["z", "w"]])
    kill = Task(("kill",), faulty.killed_once, (str(tmp_path / "flag"), 1), (("dealt", 0),))
    after = Task(("after",), works.inputs_as_they_are, None, (("dealt", 0), ("dealt", 1), "kill"))
    scheduler = ProcessScheduler(workers=2, temporary_directory=str(tmp_path))
    got = values(scheduler, Graph([*graph.tasks, kill, after]), ["after", *keys])
    assert got == [[["x" * 100_000, "z"], ["y", "w"], (1, 2)], [["x" * 100_000, "z"]], [["y", "w"]]]


def test_directories_of_dead_runs_are_swept_and_no_others(tmp_path: Path) -> None:
    dead = Path(tempfile.mkdtemp(prefix="bagkit-1-", dir=tmp_path))
    (dead / "lock").touch()
    (dead / "3-1").write_bytes(b"x")
    others = [tmp_path / "bagkit-main", tmp_path / "bagkit-1-abcdefgh"]
    for other in others:
        other.mkdir()
        (other / "file").touch()
    (tmp_path / "bagkit-main" / "lock").touch()
    alive = run_directory.RunDirectory(str(tmp_path))
    assert not dead.exists()
    second = run_directory.RunDirectory(str(tmp_path))
    assert os.path.exists(alive.path)
    alive.end()
    second.end()
    assert sorted(tmp_path.iterdir()) == sorted(others)


# The end of the parent, as a script in a session of its own

SCRIPT = """
import multiprocessing, os, sys, threading, time
sys.path.insert(0, {root!r})
from bagkit.diagnostics.observer import Observers
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers import pool, worker_process
from bagkit.schedulers.processes import ProcessScheduler
from tests.schedulers import faulty_works as faulty, works

directory = sys.argv[1]
scheduler = ProcessScheduler(workers=2, temporary_directory=directory + "/values")

def ready():
    with open(directory + "/new", "w") as file:
        file.write(" ".join(str(worker.process.pid) for worker in pool.all_workers()))
    os.rename(directory + "/new", directory + "/ready")

def hog(part, inputs, report):
    return sum(range(10**12))  # one call of C, which never lets go of the GIL

def run(*tasks):
    tasks = [Task((n,), work, part) for n, (work, part) in enumerate(tasks)]
    return scheduler.run(Graph(tasks), range(len(tasks)), Observers())

"""

STAGES = {
    "hogging": "threading.Timer(0.3, ready).start(); list(run((hog, 1), (hog, 1)))",
    "writing": "threading.Timer(0.3, ready).start(); list(run((faulty.large_slowly, (5000, '')), (works.give, 1)))",
    "sleeping": "threading.Timer(0.3, ready).start(); list(run((faulty.sleep, 600), (faulty.sleep, 600)))",
    "consuming": (
        "r = run((faulty.large, 2000000), *[(faulty.large, 2000000)] * 100); next(r); time.sleep(.1); ready(); "
        "time.sleep(600)"
    ),
    "idle": "list(run((works.give, 1), (works.give, 1))); ready(); time.sleep(600)",
    "starting": "threading.Timer(0.005, ready).start(); list(run((faulty.sleep, 600), (faulty.sleep, 600)))",
    "at once": "ready(); list(run((faulty.sleep, 600), (faulty.sleep, 600)))",
}


class Script:
    """A script of the stages, with files for its output; mutable, owned by one test."""

    def __init__(self, directory: Path, body: str) -> None:
        self.directory = directory
        (directory / "values").mkdir()
        (directory / "script.py").write_text(SCRIPT.format(root=ROOT) + body)
        self.output = directory / "output"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                # Since Python 3.12 a fork beside threads is a warning, which is not what is tested.
                [sys.executable, "-W", "ignore::DeprecationWarning", str(directory / "script.py"), str(directory)],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def wait_ready(self) -> list[int]:
        """Return the pids of its workers."""
        ready = self.directory / "ready"
        assert works.wait_for(lambda: ready.exists() or self.process.poll() is not None), self.output.read_text()
        return [int(pid) for pid in ready.read_text().split()]

    def descendants(self) -> list[int]:
        return [process.pid for process in psutil.Process(self.process.pid).children(recursive=True)]

    def left(self) -> list[str]:
        return os.listdir(self.directory / "values")


@pytest.mark.parametrize(
    ("stage", "stop"),
    [
        *((stage, signal.SIGKILL) for stage in ("hogging", "writing", "sleeping", "consuming", "idle", "starting")),
        *((stage, signal.SIGTERM) for stage in ("writing", "sleeping")),
    ],
)
def test_a_killed_parent_takes_its_workers_along(tmp_path: Path, stage: str, stop: signal.Signals) -> None:
    script = Script(tmp_path, STAGES[stage])
    script.wait_ready()
    descendants = script.descendants()
    if stage in ("writing", "consuming"):
        # Not just the directory: until the shell waits that removes it, the next run would.
        assert works.wait_for(lambda: any((tmp_path / "values").glob("*/[0-9]*")))
    script.process.send_signal(stop)
    assert script.process.wait() == -stop
    assert works.wait_for(lambda: not any(map(running, descendants))), "their work takes ten minutes"
    assert works.wait_for(lambda: not script.left())


LATE = """
import multiprocessing, signal
with open(directory + "/python", "w") as file:
    file.write(f"#!/bin/sh\\nwhile kill -0 {os.getpid()}; do sleep 0.01; done\\nexec {sys.executable} \\"$@\\"\\n")
os.chmod(directory + "/python", 0o700)
multiprocessing.set_executable(directory + "/python")

def end():
    ready()
    os.kill(os.getpid(), signal.SIGKILL)

threading.Timer(0.3, end).start()
list(run((hog, 1), (hog, 1)))
"""


def test_workers_end_whose_parent_is_gone_before_they_have_begun(tmp_path: Path) -> None:
    script = Script(tmp_path, LATE)
    assert script.process.wait() == -signal.SIGKILL
    workers = script.wait_ready()
    assert works.wait_for(lambda: not any(map(running, workers))), "their tasks wait in their sockets"


def test_a_parent_that_is_gone_already_is_seen_before_any_task_runs() -> None:
    """The thread that watches it does not have its turn then."""
    body = """
import os
from bagkit.schedulers.worker import _watch_parent
read, write = os.pipe()
os.close(write)
_watch_parent(read)
sum(range(10**12))
"""
    process = subprocess.Popen([sys.executable, "-c", body], cwd=ROOT, start_new_session=True)
    try:
        assert process.wait() == -signal.SIGKILL
    finally:
        process.kill()


@pytest.mark.parametrize("stage", ["hogging", "writing", "sleeping", "consuming", "idle", "starting", "at once"])
@pytest.mark.parametrize("group", [True, False], ids=["group", "parent"])
def test_an_interrupt_ends_it_all(tmp_path: Path, stage: str, group: bool) -> None:
    script = Script(tmp_path, STAGES[stage])
    script.wait_ready()
    descendants = script.descendants()
    if group:
        os.killpg(script.process.pid, signal.SIGINT)
    else:
        script.process.send_signal(signal.SIGINT)
    assert script.process.wait() in (-signal.SIGINT, 130)
    assert works.wait_for(lambda: not any(map(running, descendants))), "their work takes ten minutes"
    assert script.left() == []
    text = script.output.read_text()
    assert text.count("KeyboardInterrupt") == 1, text
    assert text.endswith("\nKeyboardInterrupt\n"), text
    # It may come anywhere, also where another error is being handled.
    assert text.count("Traceback") == 1 + text.count("During handling of the above exception"), text


def run_script(directory: Path, body: str) -> str:
    script = Script(directory, body)
    code = script.process.wait()
    text = script.output.read_text()
    assert code == 0, text
    assert script.left() == []
    return text.strip()


def test_classes_of_the_main_module(tmp_path: Path) -> None:
    body = """
import enum
from dataclasses import dataclass

class MyError(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code = code

class Colour(enum.Enum):
    RED = 1

@dataclass(frozen=True)
class Point:
    x: int
    colour: Colour

def make(part, inputs, report):
    if part > 2:
        raise MyError(part)
    return [Point(part, Colour.RED)]

print(list(run((make, 1), (make, 2))) == [[Point(1, Colour.RED)], [Point(2, Colour.RED)]])
try:
    list(run((make, 3)))
except MyError as error:
    print(error.code)
(point,), = run((make, 1))
print(point.colour is Colour.RED, isinstance(point, Point))
"""
    assert run_script(tmp_path, body).split() == ["True", "3", "True", "True"]


def test_a_script_without_a_guard_from_stdin(tmp_path: Path) -> None:
    body = SCRIPT.format(root=ROOT) + "print(list(run((lambda part, inputs, report: part + 1, 1), (works.give, 5))))"
    (tmp_path / "values").mkdir()
    result = subprocess.run(
        [sys.executable, "-", str(tmp_path)], input=body, capture_output=True, text=True, cwd=tmp_path
    )
    assert (result.stdout.strip(), result.stderr) == ("[2, 5]", "")


def test_a_forked_process_has_its_own_workers(tmp_path: Path) -> None:
    body = """
first = list(run((faulty.give_pid, 1)))
def child():
    got = list(run((faulty.give_pid, 1), (faulty.large, 3000000)))
    print(got[0] not in first, flush=True)
open_run = run(*[(faulty.large, 3000000)] * 9)
next(open_run)
if not (pid := os.fork()):
    try:
        next(open_run)
    except Exception as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
process = multiprocessing.get_context("fork").Process(target=child, daemon=True)
process.start()
process.join(200)
print(process.exitcode, sum(map(len, open_run)), list(run((works.give, 4))))
"""
    assert run_script(tmp_path, body).split("\n") == [
        "run: this process was forked from the one that the run belongs to; start one here",
        "True",
        f"0 {8 * 3_000_000} [4]",
    ]


def test_a_fork_that_outlives_the_parent_does_not_keep_workers(tmp_path: Path) -> None:
    body = """
list(run((works.give, 1), (works.give, 1)))
pid = os.fork()
if not pid:
    time.sleep(5)
    os._exit(0)
open(directory + "/child", "w").write(str(pid))
ready()
time.sleep(600)
"""
    script = Script(tmp_path, body)
    workers = script.wait_ready()
    script.process.kill()
    script.process.wait()
    assert works.wait_for(lambda: not any(map(running, workers)))
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("files", [9, 11, 14, 17])
def test_too_few_open_files(tmp_path: Path, files: int) -> None:
    body = f"""
import resource, subprocess, _posixsubprocess, tempfile, selectors, random
from bagkit.errors import TaskError
resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, {files}))
try:
    list(run(*[(faulty.sleep, 0.2)] * 4))
    print("ok")
except (TaskError, OSError) as error:
    print(type(error).__name__, error)
print(len(pool.all_workers()) <= 2)
"""
    first, second = run_script(tmp_path, body).split("\n")
    assert second == "True"
    assert first == "ok" or (
        first.startswith("TaskError workers: ") and f"(RLIMIT_NOFILE) is {files}" in first and "hint: " in first
    )


def test_interpreter_options_reach_the_workers(tmp_path: Path) -> None:
    (tmp_path / "values").mkdir()
    (tmp_path / "script.py").write_text(
        SCRIPT.format(root=ROOT)
        + "print(*run((lambda part, inputs, report: (sys.flags.dev_mode, sys.flags.optimize, sys.warnoptions), 1)))"
    )
    command = [sys.executable, "-X", "dev", "-O", "-W", "error", str(tmp_path / "script.py"), str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert (result.stdout.strip(), result.stderr) == ("(True, 1, ['default', 'error'])", "")


def test_sys_exit_with_a_run_open(tmp_path: Path) -> None:
    body = "r = run(*[(faulty.large, 3000000)] * 9); next(r); print(len(pool.all_workers())); sys.exit(0)"
    assert run_script(tmp_path, body) == "2"
