"""What a task does to write the records of one partition."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any

from bagkit.errors import OutputError
from bagkit.flow.blocks import Block
from bagkit.flow.report import Report
from bagkit.plan.kinds import PartBeingWritten, Sink
from bagkit.work.failing import USER_ERRORS
from bagkit.work.run import TaskRun
from bagkit.work.steps import Step


class Writing:
    """Has a sink take blocks; mutable, of one task. At the end of its `with` what is not sealed is removed.

    What was written goes into the report too, with the `number` of the sink: so the caller's side has it as soon as the
    task is done.
    """

    def __init__(self, run: TaskRun, below: Step, sink: Sink, number: int, where: Any, report: Report) -> None:
        self._failing = run.failing
        self._report = report
        self._below = below
        self._sink = sink
        self._number = number
        self._where = where
        self._figures = run.next_figures()
        self._part: PartBeingWritten | None = None

    def __enter__(self) -> Writing:
        self._part = self._sink.start(self._where, self._report.attempt)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        part, self._part = self._part, None
        if part is not None:
            part.abandon()

    def take(self, blocks: Iterator[Block]) -> None:
        """Write the records of `blocks`."""
        assert self._part is not None
        for block in blocks:
            try:
                self._part.take(block.records)
            except OutputError:
                raise  # which no record is to blame for
            except USER_ERRORS as error:
                self._failing.raise_in(self._below.ops(), None, error)
            self._figures.note(len(block.records), 0)
            del block  # errors that are kept hold this frame

    def seal(self) -> Any:
        """Return what was written, once it is where it goes."""
        assert self._part is not None
        written = self._part.seal()
        self._part = None
        self._figures.note(0, 0)
        self._report.outputs.append((self._number, written))
        return written
