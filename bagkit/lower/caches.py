"""Decides, before the passes, which cached records a run reads and which it keeps."""

from __future__ import annotations

from bagkit.lower.policies import error_policies
from bagkit.plan.caching import Caching, Use
from bagkit.plan.node import Plan, walk
from bagkit.plan.split_errors import SplitErrors


def with_caches(roots: tuple[Plan, ...], on_error: str, use: Use) -> tuple[Plan, ...]:
    """Return `roots` in which kept records are read, and others are kept, unless `use` says otherwise.

    Records that fail must not be missing in later runs, which would know nothing of them. So a partition is kept only
    where they end the run; and rejects, which are looked for behind all operations, keep nothing.
    """
    plans = tuple(walk(*roots))
    if not any(isinstance(plan.op, Caching) for plan in plans):
        return roots
    policies = error_policies(roots, on_error)
    split = set(walk(*[plan for plan in plans if isinstance(plan.op, SplitErrors)]))
    done: dict[Plan, Plan] = {}
    for plan in plans:
        now = plan.with_inputs(tuple(done[part] for part in plan.inputs))
        if isinstance(plan.op, Caching) and plan not in split:
            strict = all(policies.get(below, "raise") == "raise" for below in walk(*plan.inputs))
            now = plan.op.instead(plan.inputs[0], now.inputs[0], use if strict or use == "look" else "read")
        done[plan] = now
    return tuple(done[root] for root in roots)
