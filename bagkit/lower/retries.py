"""Runs a task again that raised: in the worker, from its beginning, so that no scheduler need know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bagkit.errors import TooManyErrorsError, add_notes
from bagkit.flow.batches import kept
from bagkit.flow.buckets import Dealing
from bagkit.flow.report import Report
from bagkit.lower.graph import Graph, Work


class Retrying:
    """A Work: does `work`, and does it again after an exception, up to `retries` times."""

    __slots__ = ("retries", "work")

    def __init__(self, work: Work, retries: int) -> None:
        self.work = work
        self.retries = retries

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

    def __reduce__(self) -> tuple[Any, ...]:
        return Retrying, (self.work, self.retries)


def with_retries(graph: Graph, retries: int) -> Graph:
    """Return `graph` with tasks that are run again after an exception, up to `retries` times."""
    if not retries:
        return graph
    works: dict[int, Retrying] = {}  # one for each work, which crosses to a worker once
    return Graph(
        [
            task
            if isinstance(task.work, Dealing)  # which runs no function, and which schedulers know
            else replace(task, work=works.setdefault(id(task.work), Retrying(task.work, retries)))
            for task in graph.tasks
        ]
    )
