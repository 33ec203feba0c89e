"""A progress bar: an observer that draws with tqdm, which is imported when there is something to draw; in a notebook as
HTML.

64%|██████████▉      | 6.0GB/9.3GB [00:08<00:04, 750MB/s], 26/40 tasks, 3 records skipped, 63% in map(clean)
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from bagkit.diagnostics.events import Event, RunFinished
from bagkit.diagnostics.standing import Counts, Standing
from bagkit.diagnostics.terminal import (
    add_drawing,
    can_write,
    end_line,
    in_notebook,
    is_terminal,
    line_is_open,
    remove_drawing,
)

DELAY = 0.5
"""Seconds before a bar appears, so that short runs draw nothing."""
TERMINAL_INTERVAL = 0.1
"""Seconds between two drawings on a terminal."""
SHOW_INTERVAL = 0.05
"""Seconds between two drawings where texts come in between: many texts do not draw the bar again after each."""
LONG = 5.0
"""Seconds after which the bar names the step that takes most of the time."""
FILE_INTERVAL = 10.0
"""Seconds between two drawings where stderr is a file: each drawing stays in it."""

BYTES = "{percentage:3.0f}%|{bar}| {n_fmt}B/{total_fmt}B [{elapsed}<{remaining}, {rate_fmt}]{postfix}"
TASKS = "{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} tasks [{elapsed}<{remaining}]{postfix}"


class Bar(Protocol):
    """What progress is drawn with."""

    def draw(self, standing: Standing, remarks: list[str]) -> None:
        """Draw how far it is."""

    def clear(self) -> None:
        """Take the drawing away."""

    def close(self) -> None:
        """Leave what was drawn last."""


class ProgressBar:
    """Draws the progress of one run, or of what tells its `standing`: in bytes of input, or in tasks."""

    def __init__(
        self,
        file: TextIO | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        standing: Callable[[], Standing] | None = None,
        delay: float | None = None,
        notebook: bool | None = None,
    ) -> None:
        self._file = file if file is not None else sys.stderr
        self._clock = clock
        self._started = clock()
        self._due = self._started + (DELAY if delay is None else delay)
        self._on_terminal = is_terminal(self._file)
        self._in_notebook = in_notebook() if notebook is None else notebook
        self._interval = TERMINAL_INTERVAL if self._on_terminal or self._in_notebook else FILE_INTERVAL
        self._bar: Bar | None = None
        self._drawn_at = 0.0
        self._hidden = False
        self._counts = Counts()
        self._standing = standing or self._counts.standing

    def emit(self, event: Event) -> None:
        """Take note of `event`, and draw if it is time to."""
        self._counts.emit(event)
        if isinstance(event, RunFinished):
            self.close()
        else:
            self.draw_if_due()

    def draw_if_due(self) -> None:
        """Draw if it is time to."""
        if self._clock() >= self._due and (self._bar is not None or self._in_notebook or can_write(self._file)):
            self._due = self._clock() + self._interval
            if self._bar is None:
                self._bar = self._open()
                add_drawing(self)
            self._draw(self._bar)

    def _draw(self, bar: Bar) -> None:
        end_line(self._file)
        self._update(bar)
        self._drawn_at = self._clock()
        self._hidden = False

    def hide(self) -> None:
        """Clear the bar's line for a text; in a notebook the bar has a place of its own."""
        if self._bar is None or self._hidden or self._in_notebook:
            return
        self._hidden = True
        if self._on_terminal:
            self._bar.clear()
        else:
            self._file.write("\n")

    def show(self) -> None:
        """Draw it below the text, on a terminal; in a file it is drawn when it is due."""
        due = self._clock() >= self._drawn_at + SHOW_INTERVAL
        if due and self._bar is not None and self._hidden and self._on_terminal and not line_is_open():
            self._draw(self._bar)

    def _update(self, bar: Bar) -> None:
        standing = self._standing()
        bar.draw(standing, standing.remarks(slowest=self._clock() - self._started >= LONG))

    def _open(self) -> Bar:
        if self._in_notebook:
            from bagkit.diagnostics.notebook_bar import NotebookBar

            return NotebookBar(self._clock, self._started)
        return TerminalBar(self._file, self._standing(), self._clock() - self._started)

    def close(self) -> None:
        """Leave a line that says how far the run came, if a bar was drawn; the end of the run does this too."""
        if self._bar is None:
            return
        remove_drawing(self)
        bar, self._bar = self._bar, None
        with contextlib.suppress(Exception):  # of a file that is closed, or takes no text
            end_line(self._file)
            self._update(bar)
            bar.close()


class TerminalBar:
    """A bar that tqdm draws in one line; mutable, of one ProgressBar."""

    def __init__(self, file: TextIO, standing: Standing, seconds: float) -> None:
        self._bar = _bar_class()(
            total=standing.total,
            file=file,
            dynamic_ncols=True,
            leave=True,
            delay=1e-9,  # no first drawing of nothing at all
        )
        self._bar.start_t -= seconds

    def draw(self, standing: Standing, remarks: list[str]) -> None:
        in_bytes = bool(standing.weight)  # which may not be known before the run has begun
        self._bar.unit, self._bar.unit_scale = "B" if in_bytes else standing.unit, in_bytes
        self._bar.bar_format = BYTES if in_bytes else TASKS.replace("tasks", f"{standing.unit}s")
        self._bar.n, self._bar.total = standing.done, standing.total
        self._bar.set_postfix_str(", ".join(remarks), refresh=False)
        self._bar.refresh()

    def clear(self) -> None:
        self._bar.clear()

    def close(self) -> None:
        """End the line."""
        self._bar.close()


def _bar_class() -> Any:
    """Return tqdm's class for here, without the thread and the semaphore that it comes with."""
    import threading

    from tqdm.std import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0

    Bar.set_lock(threading.RLock())
    return Bar
