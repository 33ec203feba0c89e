"""A progress bar: an observer that draws with tqdm, which is imported when there is something to draw.

64%|██████████▉      | 6.0GB/9.3GB [00:08<00:04, 750MB/s], 26/40 tasks, 3 records skipped, 63% in map(clean)
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from bagkit.diagnostics.events import (
    Event,
    Key,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskProgressed,
    WorkerLost,
)
from bagkit.diagnostics.terminal import add_drawing, can_write, end_line, is_terminal, line_is_open, remove_drawing
from bagkit.errors import printable

DELAY = 0.5
"""Seconds before a bar appears, so that short runs draw nothing."""
TERMINAL_INTERVAL = 0.1
"""Seconds between two drawings on a terminal."""
SHOW_INTERVAL = 0.05
"""Seconds between two drawings where texts come in between: many texts do not draw the bar again after each."""
LONG = 5.0
"""Seconds after which the bar names the step that takes most of the time."""
NAME_LENGTH = 40
"""Characters of its name, at the most."""
FILE_INTERVAL = 10.0
"""Seconds between two drawings where stderr is a file: each drawing stays in it."""

BYTES = "{percentage:3.0f}%|{bar}| {n_fmt}B/{total_fmt}B [{elapsed}<{remaining}, {rate_fmt}]{postfix}"
TASKS = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} tasks [{elapsed}<{remaining}]{postfix}"


def wants_progress(option: bool | None) -> bool:
    """Return whether to draw: as told, and where nothing was told, in a notebook and if stderr is a terminal."""
    if option is not None:
        return option
    return in_notebook() or is_terminal(sys.stderr)


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook."""
    if "ipykernel" not in sys.modules or "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return type(shell).__name__ not in ("NoneType", "TerminalInteractiveShell")


class ProgressBar:
    """Draws the progress of one run: in bytes of input, or in tasks where their bytes are not known."""

    def __init__(self, file: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file if file is not None else sys.stderr
        self._clock = clock
        self._started = clock()
        self._due = self._started + DELAY
        self._on_terminal = is_terminal(self._file)
        self._interval = TERMINAL_INTERVAL if self._on_terminal or in_notebook() else FILE_INTERVAL
        self._bar: Any = None
        self._drawn_at = 0.0
        self._hidden = False
        self._weight = 0
        self._tasks = 0
        self._tasks_done = 0
        self._bytes_done = 0  # of tasks that finished
        self._bytes_running: dict[Key, int] = {}
        self._seconds_done: Counter[str] = Counter()  # of the steps of each label, in tasks that finished
        self._seconds_running: dict[Key, dict[str, float]] = {}
        self._skipped = 0
        self._workers_lost = 0

    def emit(self, event: Event) -> None:
        """Take note of `event`, and draw if it is time to."""
        match event:
            case RunStarted():
                self._weight, self._tasks = event.weight, event.tasks
            case TaskProgressed():
                self._bytes_running[event.key] = event.bytes_read
                self._seconds_running[event.key] = _by_label(zip(event.labels, event.seconds, strict=False))
            case TaskFinished():
                self._forget(event.key)
                self._seconds_done.update(_by_label((step.label, step.seconds) for step in event.steps))
                self._bytes_done += event.bytes_read
                self._tasks_done += 1
                self._skipped += event.skipped
            case WorkerLost():
                # Its task begins anew.
                self._forget(event.key)
                self._workers_lost += 1
            case RunFinished():
                self.close()
                return
        if self._clock() >= self._due and (self._bar is not None or in_notebook() or can_write(self._file)):
            self._due = self._clock() + self._interval
            if self._bar is None:
                self._bar = self._open()
                add_drawing(self)
            self._draw()

    def _forget(self, key: Key) -> None:
        self._bytes_running.pop(key, None)
        self._seconds_running.pop(key, None)

    def _draw(self) -> None:
        end_line(self._file)
        self._update(self._bar)
        self._bar.refresh()
        self._drawn_at = self._clock()
        self._hidden = False

    def hide(self) -> None:
        """Clear the bar's line for a text; in a notebook the bar has a place of its own."""
        if self._bar is None or self._hidden or in_notebook():
            return
        self._hidden = True
        if self._on_terminal:
            self._bar.clear()
        else:
            self._file.write("\n")

    def show(self) -> None:
        """Draw it below the text, on a terminal; in a file it is drawn when it is due."""
        due = self._clock() >= self._drawn_at + SHOW_INTERVAL
        if due and self._hidden and self._on_terminal and not line_is_open():
            self._draw()

    def _update(self, bar: Any) -> None:
        bar.n = self._bytes_done + sum(self._bytes_running.values()) if self._weight else self._tasks_done
        bar.total = max(bar.total, bar.n)  # files that have grown, ranges that overlap by a line
        bar.set_postfix_str(", ".join(self._remarks()), refresh=False)

    def _remarks(self) -> list[str]:
        remarks = [f"{self._tasks_done}/{self._tasks} tasks"] if self._weight else []
        if self._skipped:
            remarks.append(f"{self._skipped:,} record{'s' * (self._skipped != 1)} skipped")
        if self._workers_lost:
            remarks.append(f"{self._workers_lost} worker{'s' * (self._workers_lost != 1)} lost")
        if self._clock() - self._started >= LONG:
            remarks += self._slowest()
        return remarks

    def _slowest(self) -> list[str]:
        """Return which step takes the largest part of the time, of all tasks that told of theirs."""
        seconds = sum(map(Counter, self._seconds_running.values()), self._seconds_done)
        total = seconds.total()
        if not total:
            return []
        label, most = seconds.most_common(1)[0]
        return [f"{most / total:.0%} in {printable(label, NAME_LENGTH)}"]

    def _open(self) -> Any:
        bar = _bar_class()(
            total=self._weight or self._tasks,
            file=self._file,
            unit="B" if self._weight else "task",
            unit_scale=bool(self._weight),
            bar_format=BYTES if self._weight else TASKS,
            dynamic_ncols=True,
            leave=True,
            delay=1e-9,  # no first drawing of nothing at all
        )
        bar.start_t -= self._clock() - self._started
        return bar

    def close(self) -> None:
        """Leave a line that says how far the run came, if a bar was drawn; the end of the run does this too."""
        if self._bar is None:
            return
        remove_drawing(self)
        if self._tasks_done == self._tasks:
            self._bytes_done = max(self._bytes_done, self._weight)
        bar, self._bar = self._bar, None
        with contextlib.suppress(Exception):  # of a file that is closed, or takes no text
            end_line(self._file)
            self._update(bar)
            bar.close()  # draws it for the last time


def _by_label(steps: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return what the steps of each label took together."""
    seconds: dict[str, float] = {}
    for label, one in steps:
        seconds[label] = seconds.get(label, 0.0) + one
    return seconds


def _bar_class() -> Any:
    """Return tqdm's class for here, without the thread and the semaphore that it comes with."""
    import threading

    if in_notebook() and _has_widgets():
        from tqdm.notebook import tqdm
    else:
        from tqdm.std import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0

    Bar.set_lock(threading.RLock())
    return Bar


def _has_widgets() -> bool:
    from importlib.util import find_spec

    return find_spec("ipywidgets") is not None
