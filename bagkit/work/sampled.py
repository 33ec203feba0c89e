"""Work on a sample of a task's input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bagkit.flow.report import Report
from bagkit.flow.sample import Sample
from bagkit.light_classes import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A Work: does `work`, but reads each source for no more than some `seconds`; looks at what there is on the way."""

    work: Callable[[Any, Sequence[Any], Report], Any]
    seconds: float

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        report.sample = Sample(self.seconds)
        return self.work(part, inputs, report)
