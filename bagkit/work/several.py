"""The work of a task that reads records once for several reductions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bagkit.exchange.spill import Held
from bagkit.flow.blocks import Block
from bagkit.flow.report import Report
from bagkit.plan.kinds import PerPartition
from bagkit.work.chain import Chain
from bagkit.work.failing import Unplaced
from bagkit.work.pace import together
from bagkit.work.run import Run
from bagkit.work.steps import Into, Step
from bagkit.work.taking import LONG, RUN, end, start, take


@dataclass(frozen=True, eq=False)
class Several:
    """A Work: the states of several reductions, each of what its own steps make of the records of `step`."""

    step: Step
    ends: tuple[tuple[Step, Into], ...]
    """For each reduction the last step before it. The steps up to that begin behind `step`."""

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        run = Run(part, inputs, report)
        try:
            return self._states(run)
        except Unplaced as error:
            unplaced = error
        for step, into in self.ends:
            if into is unplaced.into:
                Chain(step, into)(part, inputs, Report())  # which looks for the record
        return run.failing.raise_in([], None, unplaced)

    def _states(self, run: Run) -> tuple[Any, ...]:
        records = run.blocks(self.step)
        takings = []
        for step, into in self.ends:
            lead = _way(run, step, self.step)
            takings.append((into, start(run.failing, into), lead, run.next_figures()))
        with Held():
            for blocks in together(records, RUN, LONG):
                for into, taking, lead, figures in takings:
                    for some in together(lead(iter(blocks)), RUN, LONG):
                        take(run.failing, into, taking, some, figures)
            return tuple([end(run.failing, into, taking, figures) for into, taking, _, figures in takings])


def _way(run: Run, last: Step, first: Step) -> Callable[[Iterator[Block]], Iterator[Block]]:
    """Return the function that leads blocks of the records of `first` through the steps behind it, up to `last`."""
    steps: list[tuple[Step, PerPartition]] = []
    step = last
    while step is not first:
        assert isinstance(step.op, PerPartition), step.op
        steps.append((step, step.op))
        (step,) = step.inputs
    begun = [(step, op.begin(), run.next_figures()) for step, op in reversed(steps)]

    def lead(blocks: Iterator[Block]) -> Iterator[Block]:
        for step, function, figures in begun:
            blocks = run.through(step, function, blocks, figures)
        return blocks

    return lead
