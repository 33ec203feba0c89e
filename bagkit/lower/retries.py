"""Runs a task again that raised: in the worker, from its beginning, so that no scheduler need know.

And tells sources how often to try a read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from bagkit.errors import TooManyErrorsError, add_notes
from bagkit.flow.batches import kept
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.lower.graph import Graph, Work, with_works
from bagkit.plan.node import Plan, rewrite, walk


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
    return with_works(graph, lambda work: Retrying(work, retries)) if retries else graph


def with_read_retries(roots: tuple[Plan, ...], retries: int) -> tuple[Plan, ...]:
    """Return `roots` with sources that try again `retries` times in a row."""
    if all(_retries(plan.op) in (None, retries) for plan in walk(*roots)):
        return roots
    return rewrite(roots, partial(_told, retries))


def _retries(op: Any) -> int | None:
    """Return how often an op tries again; None for one that reads nothing remote."""
    found: int | None = getattr(getattr(op, "files", op), "retries", None)
    return found


def _told(retries: int, plan: Plan) -> Plan:
    op: Any = plan.op
    if _retries(op) is None:
        return plan
    files = getattr(op, "files", None)
    told = replace(op, retries=retries) if files is None else replace(op, files=replace(files, retries=retries))
    return Plan(told, plan.inputs)
