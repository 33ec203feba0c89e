from __future__ import annotations

import io
import logging
import subprocess
import sys
import threading
import time
import types
from collections.abc import Iterator

import pytest

import bagkit as bk
from bagkit.diagnostics import progress
from bagkit.diagnostics.events import (
    Event,
    RunFinished,
    RunStarted,
    TaskFailed,
    TaskFinished,
    TaskProgressed,
    TaskStarted,
    WorkerLost,
)
from bagkit.diagnostics.observer import Observers
from bagkit.diagnostics.progress import DELAY, LONG, ProgressBar
from bagkit.diagnostics.terminal import in_notebook, wants_progress
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.sync import SyncScheduler
from tests.schedulers import works


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Screen:
    """A bar, a clock that is moved by hand, and what was drawn."""

    def __init__(self, file: io.StringIO | None = None) -> None:
        self.file = Terminal() if file is None else file
        self.now = 100.0
        self.bar = ProgressBar(self.file, clock=lambda: self.now)

    def emit(self, event: Event, seconds: float = 0.0) -> None:
        self.now += seconds
        self.bar.emit(event)

    def drawings(self) -> list[str]:
        return [line for line in self.file.getvalue().replace("\n", "\r").split("\r") if line.strip()]


@pytest.fixture
def screen() -> Iterator[Screen]:
    screen = Screen()
    yield screen
    screen.bar.close()  # an open bar takes a line of the next one's screen


def finished(key: int, nbytes: int = 0, skipped: int = 0) -> TaskFinished:
    return TaskFinished(key, "task", 0, 0.0, 1.0, nbytes, 0, skipped, ())


def test_a_short_run_draws_nothing(screen: Screen) -> None:
    screen.emit(RunStarted(1, 1000, "sync", 1))
    screen.emit(TaskStarted(0, "task", 0), 0.1)
    screen.emit(TaskProgressed(0, 500), DELAY - 0.2)
    screen.emit(finished(0, 1000))
    screen.emit(RunFinished(ok=True), 1.0)
    assert screen.file.getvalue() == ""


def test_bytes_of_running_and_finished_tasks(screen: Screen) -> None:
    screen.emit(RunStarted(4, 4_000_000, "sync", 1))
    screen.emit(finished(0, 1_000_000))
    screen.emit(TaskProgressed(1, 100_000))
    screen.emit(TaskProgressed(2, 300_000))
    screen.emit(TaskProgressed(1, 500_000), 1.0)
    (drawing,) = screen.drawings()
    assert drawing.startswith(" 45%|")
    assert "1.80MB/4.00MB [00:01<00:01, " in drawing
    assert drawing.rstrip().endswith("MB/s], 1/4 tasks")


def test_it_ends_with_a_line(screen: Screen) -> None:
    screen.emit(RunStarted(1, 1_000_000, "sync", 1))
    screen.emit(TaskProgressed(0, 500_000), 1.0)
    screen.emit(finished(0, 999_990))
    screen.emit(RunFinished(ok=True))
    assert screen.drawings()[-1].startswith("100%|")
    assert "1.00MB/1.00MB" in screen.drawings()[-1]
    assert screen.file.getvalue().endswith("\n")


def test_a_failed_run_stops_where_it_is(screen: Screen) -> None:
    screen.emit(RunStarted(2, 1_000_000, "sync", 1))
    screen.emit(TaskProgressed(0, 400_000), 1.0)
    screen.emit(TaskFailed(0, "task", 0, "ValueError()"))
    screen.emit(RunFinished(ok=False))
    assert screen.drawings()[-1].startswith(" 40%|")
    assert screen.file.getvalue().endswith("\n")


def test_tasks_where_bytes_are_not_known(screen: Screen) -> None:
    screen.emit(RunStarted(8, 0, "sync", 1))
    screen.emit(finished(0))
    screen.emit(finished(1), 1.0)
    (drawing,) = screen.drawings()
    assert drawing.startswith(" 25%|")
    assert drawing.rstrip().endswith("| 2/8 tasks [00:01<00:03]")


def test_it_draws_now_and_then() -> None:
    for file, least, most in ((Terminal(), 9, 11), (io.StringIO(), 1, 1)):
        screen = Screen(file)
        screen.emit(RunStarted(1000, 1000, "sync", 1))
        for key in range(150):
            screen.emit(finished(key, 1), 0.01)
        assert least <= len(screen.drawings()) <= most
        screen.bar.close()
        screen.bar.close()


def test_skipped_records_and_lost_workers_are_counted(screen: Screen) -> None:
    screen.emit(RunStarted(9, 900, "processes", 2))
    screen.emit(finished(0, 100, skipped=1), 1.0)
    assert screen.drawings()[-1].rstrip().endswith("1/9 tasks, 1 record skipped")
    screen.emit(TaskProgressed(1, 50), 1.0)
    screen.emit(WorkerLost(1, 1, -9, attempt=1))
    screen.emit(finished(2, 100, skipped=1233), 1.0)
    assert "200B/900B" in screen.drawings()[-1]
    # What there is no room for is cut off: the rate is there or not, depending on how long the run took.
    assert "2/9 tasks, 1,234 records skipped, 1 wo" in screen.drawings()[-1]
    screen.emit(WorkerLost(1, None, 0, attempt=1), 1.0)
    assert "skipped, 2 wo" in screen.drawings()[-1]


def test_a_long_run_names_the_step_that_takes_most_of_the_time(screen: Screen) -> None:
    screen.emit(RunStarted(4, 0, "sync", 1))
    labels = ("read_text", "map(clean)")
    done = finished(0)._replace(labels=labels, figures=((0, 9, 1.0, 90, 0, ""), (9, 9, 2.0, 0, 0, "")))
    screen.emit(done, 1.0)
    assert "map(clean)" not in screen.drawings()[-1]
    screen.emit(TaskProgressed(1, 0, labels, (0.5, 1.5)), LONG)
    assert screen.drawings()[-1].rstrip().endswith(", 70% in map(clean)")
    screen.emit(TaskProgressed(1, 0, labels, (9.0, 1.5)), 1.0)
    assert screen.drawings()[-1].rstrip().endswith(", 74% in read_text")
    screen.emit(WorkerLost(1, 1, -9, attempt=1), 1.0)  # whose attempt does not count
    assert "67% in map(clean)" in screen.drawings()[-1]


def test_more_bytes_than_thought(screen: Screen) -> None:
    screen.emit(RunStarted(2, 1000, "sync", 1))
    screen.emit(finished(0, 1500), 1.0)
    assert screen.drawings()[-1].startswith("100%|")
    assert "1.50kB/1.50kB" in screen.drawings()[-1]


def test_no_thread_and_no_lock_of_processes_is_left(screen: Screen) -> None:
    before = threading.active_count()
    screen.emit(RunStarted(2, 0, "sync", 1))
    screen.emit(finished(0), 1.0)
    assert threading.active_count() == before
    program = (
        "import io, sys, time; from bagkit.diagnostics import events, progress; progress.DELAY = 0\n"
        "bar = progress.ProgressBar(io.StringIO())\n"
        "assert 'tqdm' not in sys.modules\n"
        "bar.emit(events.RunStarted(2, 0, 'sync', 1)); bar.emit(events.RunFinished(True))\n"
        "assert 'tqdm' in sys.modules and 'multiprocessing.synchronize' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_with_a_real_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.0)
    file = Terminal()
    graph = Graph([Task(keys=(n,), work=works.report_all, part=50, weight=50, label="a") for n in range(4)])
    assert list(SyncScheduler().run(graph, range(4), Observers([ProgressBar(file)]))) == [50] * 4
    assert "200B/200B" in file.getvalue()
    assert "4/4 tasks, 8 records skipped" in file.getvalue()


def test_as_told() -> None:
    assert wants_progress(True)
    assert not wants_progress(False)


def test_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not wants_progress(None)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert wants_progress(None)
    assert not wants_progress(False)
    monkeypatch.setattr(sys, "stderr", None)
    assert not wants_progress(None)
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert not wants_progress(None)


@pytest.mark.parametrize(
    ("shell", "notebook"), [("ZMQInteractiveShell", True), ("TerminalInteractiveShell", False), (None, False)]
)
def test_in_a_notebook(monkeypatch: pytest.MonkeyPatch, shell: str | None, notebook: bool) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: None if shell is None else type(shell, (), {})()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert not in_notebook()
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    assert in_notebook() is notebook
    assert wants_progress(None) is notebook


def test_where_ipython_may_not_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    for module in (None, types.ModuleType("IPython")):  # that is on its way
        monkeypatch.setitem(sys.modules, "IPython", module)
        assert not in_notebook()
        assert bk.delayed(len)("ab").compute(scheduler="sync") == 2


# Texts beside the bar


def lines_on_screen(text: str) -> list[str]:
    """Return the lines that a terminal shows after `text`."""
    lines, column = [""], 0
    for character in text:
        if character == "\n":
            lines.append("")
            column = 0
        elif character == "\r":
            column = 0
        else:
            lines[-1] = lines[-1][:column].ljust(column) + character + lines[-1][column + 1 :]
            column += 1
    return [line.rstrip() for line in lines]


def speak(x: int) -> int:
    time.sleep(0.002)
    print("printed", x)
    print("to stderr", x, file=sys.stderr)
    logging.getLogger("bagkit_test.progress").warning("logged %d", x)
    return x


@pytest.mark.parametrize("scheduler", ["processes", "threads", "sync"])
def test_texts_of_functions_leave_the_bar_whole(monkeypatch: pytest.MonkeyPatch, scheduler: str) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "TERMINAL_INTERVAL", 0.0)
    monkeypatch.setattr(progress, "SHOW_INTERVAL", 0.0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    handler, logger = logging.StreamHandler(), logging.getLogger("bagkit_test.progress")
    logger.addHandler(handler)
    logger.propagate = False
    bag = bk.from_sequence(range(30), npartitions=15).map(speak)
    try:
        for x in bag.compute(scheduler=scheduler, workers=2, progress=True):
            assert x >= 0
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    assert sys.stdout is sys.stderr is terminal
    lines = [line for line in lines_on_screen(terminal.getvalue()) if line]
    texts = [f"{start} {x}" for x in range(30) for start in ("printed", "to stderr", "logged")]
    assert sorted(line for line in lines if "task" not in line) == sorted(texts)
    assert terminal.getvalue().count("15 tasks") > 15
    assert lines[-1].startswith("100%")


def test_a_line_that_is_not_ended_is_not_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.0)
    monkeypatch.setattr(progress, "TERMINAL_INTERVAL", 0.0)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    bag = bk.from_sequence(range(4), npartitions=4)
    bag.map(lambda x: print("open", x, end="")).compute(scheduler="processes", workers=1, progress=True)
    lines = [line for line in lines_on_screen(terminal.getvalue()) if line]
    assert all(line.startswith("open") or "tasks" in line for line in lines), lines
    assert "".join(line for line in lines if "tasks" not in line) == "open 0open 1open 2open 3"


def test_texts_beside_a_bar_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "DELAY", 0.0)
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    bag = bk.from_sequence(range(4), npartitions=4).map(lambda x: print("said", x, file=sys.stderr))
    bag.compute(scheduler="processes", workers=1, progress=True)
    lines = file.getvalue().replace("\r", "\n").split("\n")
    assert [line for line in lines if "said" in line] == [f"said {x}" for x in range(4)]
