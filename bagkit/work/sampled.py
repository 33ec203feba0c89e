"""Work on a sample of a task's input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bagkit.flow.report import Report
from bagkit.flow.sample import Sample


class Sampled:
    """A Work: does `work`, but reads each source for no more than some `seconds`; looks at what there is on the way."""

    __slots__ = ("seconds", "work")

    def __init__(self, work: Callable[[Any, Sequence[Any], Report], Any], seconds: float) -> None:
        self.work = work
        self.seconds = seconds

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        report.sample = Sample(self.seconds)
        return self.work(part, inputs, report)

    def __reduce__(self) -> tuple[Any, ...]:
        return Sampled, (self.work, self.seconds)
