"""The work of a task that reads records once for several reductions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bagkit.kernels.blocks import Block
from bagkit.kernels.report import Report
from bagkit.kernels.spill import Held
from bagkit.plan.kinds import PerPartition
from bagkit.work.pace import together
from bagkit.work.run import Run
from bagkit.work.steps import Into, Step
from bagkit.work.taking import LONG, RUN, end, start, take


@dataclass(frozen=True, eq=False)
class Several:
    """A Work: the states of several reductions, each of what its own steps make of the records of `step`."""

    step: Step
    ends: tuple[tuple[Step, Into], ...]
    """For each reduction the last of its steps, the first of which work on `step`."""

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        run = Run(part, inputs, report)
        with Held():
            takings = [start(run.failing, into) for _, into in self.ends]
            ways = [_way(run, step, self.step) for step, _ in self.ends]
            for blocks in together(run.blocks(self.step), RUN, LONG):
                for (_, into), taking, way in zip(self.ends, takings, ways, strict=True):
                    for some in together(way(iter(blocks)), RUN, LONG):
                        take(run.failing, into, taking, some)
            return tuple([end(run.failing, into, taking) for (_, into), taking in zip(self.ends, takings, strict=True)])


def _way(run: Run, step: Step, first: Step) -> Callable[[Iterator[Block]], Iterator[Block]]:
    """Return the function that leads blocks of the records of `first` through the steps up to `step`."""
    steps: list[Step] = []
    while step is not first:
        steps.append(step)
        (step,) = step.inputs
    steps.reverse()

    def lead(blocks: Iterator[Block]) -> Iterator[Block]:
        for each in steps:
            assert isinstance(each.op, PerPartition), each.op
            blocks = run.through(each, each.op, blocks)
        return blocks

    return lead
