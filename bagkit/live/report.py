"""report: the page of runs as a file."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

from bagkit.errors import notes_of, text_of
from bagkit.front_doors import front_door
from bagkit.html.style import shown
from bagkit.io.output.stores import failing_as
from bagkit.io.output.whole_files import check_place, whole_file
from bagkit.live.recorder import RunRecorder
from bagkit.live.sections import of_run, page_file, table_of, whole_page
from bagkit.warn import warn_at_caller

MOST_SHOWN = 20
"""Runs that are shown in full, the last ones."""


class ReportFile:
    """Records what runs in this process while its `with` block is open, and then writes a file about it."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._recorder: RunRecorder | None = None
        self._text = ""

    def __enter__(self) -> ReportFile:
        self._recorder = RunRecorder()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        recorder.close()
        try:
            self._text = text = report_text(recorder, error)
            with whole_file("report", self._place, "overwrite") as name, failing_as(self._place):
                Path(name).write_text(text, encoding="utf-8")
        except Exception as other:
            if error is None:
                raise
            warn_at_caller(f"the report {self._place} was not written: {type(other).__name__}: {other}", UserWarning)

    def _repr_html_(self) -> str:
        from bagkit.html.runs import report_page

        return report_page(self._place, self._text)


@front_door
def report(path: str | os.PathLike[str]) -> ReportFile:
    """Write a file with what `bagkit.dashboard()` would show of the runs inside the `with` block.

    The file is one page of HTML without scripts, which needs nothing else: to keep, or to send. It is written when the
    block ends; if an error ends the block, the page says so. A file that is there is replaced when the new one is
    whole.

    Args:
        path: The file to write, such as "run.html". Its directory is made if need be.

    Returns:
        A context manager.

    Raises:
        PlanError: The path is a URL, a directory, or below what is no directory.

    >>> import bagkit as bk
    >>> with bk.report("run.html"):
    ...     bk.range(100, npartitions=4).sum().compute(scheduler="sync")
    4950
    >>> from pathlib import Path
    >>> Path("run.html").read_text().count("<h2>Run 1 ")
    1
    """
    return ReportFile(check_place("report", path, "overwrite"))


def report_text(recorder: RunRecorder, error: BaseException | None) -> str:
    """Return the page about all that was recorded, until an error ended it."""
    with recorder.lock:
        runs = list(recorder.runs)
        parts = [_ended(recorder, error), table_of(recorder, None, links=False)]
        for run in runs[-MOST_SHOWN:]:
            parts += of_run(recorder, run).values()
    more = len(runs) - MOST_SHOWN
    if more > 0:
        parts.insert(2, f'<p class="quiet">The last {MOST_SHOWN} are shown in full, {more:,} are not.</p>')
    content = "\n".join(f"<section>{part}</section>" for part in parts if part)
    return whole_page(page_file("page.css"), content).encode("utf-8", "backslashreplace").decode("utf-8")


def _ended(recorder: RunRecorder, error: BaseException | None) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(recorder.started))
    head = f'<p class="quiet">recorded from {when} by bagkit {sys.modules["bagkit"].__version__}</p>'
    if error is None:
        return head
    lines = [f"It ended with {type(error).__name__}: {text_of(error)}", *notes_of(error)]
    return f'{head}<p class="ended">{chr(10).join(shown(line, 1000) for line in lines)}</p>'
