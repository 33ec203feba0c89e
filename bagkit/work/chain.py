"""The work of one task: a tree of steps over what the task is given, and where the records go at its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from time import perf_counter
from typing import Any

from bagkit.flow.batches import Batches, Bulk
from bagkit.flow.replay import replayed
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.work.failing import USER_ERRORS, Unplaced
from bagkit.work.in_turn import in_one_row
from bagkit.work.run import TaskRun
from bagkit.work.steps import Into, Step
from bagkit.work.taking import careful_state_of

RESULT_BATCH = 2048
"""Records that leave a task together."""
LONG = 0.2
"""Seconds after which records leave a task, however few there are."""


def leave_now(found: list[Any], begin: float) -> bool:
    """Return whether the records that were `found` since `begin` are to leave their task."""
    return len(found) >= RESULT_BATCH or perf_counter() - begin > LONG or (bool(found) and isinstance(found[-1], Bulk))


@dataclass(frozen=True, eq=False)
class Chain:
    """A Work: runs `step` and gives its records, its value, or the state that they go `into`."""

    step: Step
    into: Into | None = None
    gives_value: bool = False
    in_turn: bool = False
    """Whether a task has several partitions; the last element of its part says where what they need is."""

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        if self.into is not None:
            return self._state(self.into, part, inputs, report)
        run = self._run(part, inputs, report)
        if not self.gives_value:
            return Batches(self.lists(run), self.step.op.plain == "parsed")
        with closing(run):
            return replayed(run.value(self.step))

    def _run(self, part: Any, inputs: Sequence[Any], report: Report) -> TaskRun:
        if not self.in_turn:
            return TaskRun(part, inputs, report)
        part, inputs, turns = in_one_row(part, inputs)
        return TaskRun(part, inputs, report, turns=turns)

    def lists(self, run: TaskRun) -> Iterator[list[Any]]:
        """Yield the records in lists that leave the task one after the other."""
        found: list[Any] = []
        begin = perf_counter()
        with closing(run):
            for block in run.all_blocks(self.step):
                found += block.records
                if leave_now(found, begin):
                    yield found
                    run.failing.report.resume()
                    found, begin = [], perf_counter()
        if found:
            yield found

    def _state(self, into: Into, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        try:
            with closing(self._run(part, inputs, report)) as run:
                return run.state(into, self.step)
        except Unplaced as unplaced:
            searching = into.policy == "raise"
            error = unplaced.error if searching else None  # it holds the records
        # All records once more, one by one: to find the one that fails, or to leave out those that do.
        report.take_back()
        run = self._run(part, inputs, Report(sample=report.sample) if searching else report)
        try:
            with closing(run):
                blocks = run.all_blocks(self.step)
                state = careful_state_of(run.failing, into, blocks, run.next_figures())
        except USER_ERRORS as second:
            found: BaseException = second
        else:
            if error is None:
                return state
            found = error
        return run.failing.raise_in([into.op], None, found)
