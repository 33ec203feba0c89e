from __future__ import annotations

import contextvars
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from bagkit.diagnostics import events
from bagkit.errors import TaskError
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.cpu_count import cpu_count
from bagkit.schedulers.futures import Ticket
from bagkit.schedulers.protocol import Scheduler
from bagkit.schedulers.threads import DaemonThreads, ThreadScheduler
from tests.schedulers import works
from tests.schedulers.contract import ConcurrentContract, InProcessContract, Recorder, one, values


class TestThreads(ConcurrentContract, InProcessContract):
    @pytest.fixture
    def scheduler(self) -> Scheduler:
        return ThreadScheduler(2)


def test_as_many_threads_as_cpus() -> None:
    assert ThreadScheduler().workers == cpu_count()


def test_no_more_threads_than_workers_and_none_left() -> None:
    before = set(threading.enumerate())
    graph = Graph([Task(keys=(n,), work=works.read_slowly, part=1) for n in range(8)])
    recorder = Recorder()
    run = ThreadScheduler(3).run(graph, range(8), recorder)
    next(run)
    assert len(set(threading.enumerate()) - before) == 3
    list(run)
    assert works.wait_for(lambda: set(threading.enumerate()) <= before)
    assert {event.worker for event in recorder.events if hasattr(event, "worker")} <= {0, 1, 2}


def test_the_caller_s_context_is_seen() -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    variable.set("the caller's")
    graph = Graph([Task(keys=(n,), work=lambda part, inputs, report: variable.get()) for n in range(4)])
    assert values(ThreadScheduler(2), graph, range(4)) == ["the caller's"] * 4


def test_keyboard_interrupt_raised_by_a_task_is_an_error_of_the_task() -> None:
    with pytest.raises(TaskError, match=r"some work, partition 0: a function raised KeyboardInterrupt\(\) in a thread"):
        values(ThreadScheduler(2), one(works.interrupt), ["only"])


def test_ctrl_c_comes_through_at_once(tmp_path: Path) -> None:
    recorder = Recorder()

    def press_ctrl_c() -> None:
        works.wait_for(lambda: works.marks(tmp_path))
        os.kill(os.getpid(), signal.SIGINT)

    press = threading.Thread(target=press_ctrl_c)
    press.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            list(ThreadScheduler(2).run(one(works.hold, (str(tmp_path), "held")), ["only"], recorder))
        assert not recorder.of(events.TaskFinished), "it still waits"
        assert type(recorder.events[-1]).__name__ == "RunFinished"
    finally:
        (tmp_path / "release").touch()
        press.join()


def test_the_interpreter_does_not_wait_for_abandoned_threads() -> None:
    program = """
import time
from bagkit.diagnostics.observer import Observers
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.threads import ThreadScheduler

def fail(part, inputs, report):
    time.sleep(0.1)
    raise SystemError("this one")

graph = Graph([Task(keys=(0,), work=lambda *args: time.sleep(60)), Task(keys=(1,), work=fail)])
list(ThreadScheduler(2).run(graph, [0, 1], Observers()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.rstrip().endswith("SystemError: this one")
    assert done.returncode == 1


def test_calls_of_daemon_threads_give_what_a_function_returns_or_raises() -> None:
    threads, ended = DaemonThreads(2), SimpleQueue[Ticket]()
    calls = [threads.start(partial(divmod, n, 2), ended.put) for n in range(5)]
    broken = threads.start(partial(divmod, 1, 0), ended.put)
    threads.end()
    assert {ended.get() for _ in range(6)} == {*calls, broken}
    assert [call.result() for call in calls] == [divmod(n, 2) for n in range(5)]
    with pytest.raises(ZeroDivisionError):
        broken.result()


def test_a_cancelled_call_is_not_made() -> None:
    threads, ended, held = DaemonThreads(1), SimpleQueue[Ticket](), threading.Event()
    first = threads.start(lambda: held.wait(), ended.put)
    threads.start(lambda: ended.put(first), ended.put).cancel()
    held.set()
    threads.end()
    assert ended.get() is first
    assert works.wait_for(lambda: not any(thread.is_alive() for thread in threads._threads))
    assert ended.empty()
