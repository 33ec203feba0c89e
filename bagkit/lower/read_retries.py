"""Tells sources how often to try a read again, as the option says."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from bagkit.plan.node import Plan, rewrite, walk


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
