"""Runs a task again that raised: in the worker, from its beginning, so that no scheduler need know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bagkit.errors import TooManyErrorsError, add_notes
from bagkit.flow.batches import kept
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.lower.graph import Graph, Work, with_works


@dataclass(frozen=True, slots=True, eq=False)
class Retrying:
    """A Work: does `work`, and does it again after an exception, up to `retries` times."""

    work: Work
    retries: int

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        for attempt in range(self.retries + 1):
            try:
                value = self.work(part, inputs, report)
                # Records that are made while they are sent could fail after some of them have gone.
                return kept(value)
            except TooManyErrorsError:
                raise
            except Exception as error:
                if attempt == self.retries:
                    add_notes(error, [f"tried {attempt + 1} times"])
                    raise
                report.start_over()
        raise AssertionError("the last attempt returns or raises")


def with_retries(graph: Graph, retries: int) -> Graph:
    """Return `graph` with tasks that are run again after an exception, up to `retries` times."""
    return with_works(graph.tasks, lambda work: Retrying(work, retries)) if retries else graph
