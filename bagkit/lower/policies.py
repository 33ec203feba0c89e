"""What happens to records that fail, for each plan of a run."""

from __future__ import annotations

from collections.abc import Sequence

from bagkit.ops.calls import DelayedCall
from bagkit.ops.elementwise import OnErrorFor
from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import Op, Pairing, PerPartition, Returning, Scan, Source
from bagkit.plan.node import Plan, walk
from bagkit.plan.split_errors import SplitErrors


def error_policies(roots: Sequence[Plan], default: str) -> dict[Plan, str]:
    """Return what is done about records that fail in each plan: the nearest on_error above it says so, or `default`.

    Where its users differ, to raise goes before to collect, and that before to skip.
    """
    policies = dict.fromkeys(roots, default)
    plans = tuple(walk(*roots))
    for plan in () if all(isinstance(plan.op, DelayedCall) for plan in plans) else reversed(plans):
        said = policy_of(plan.op) or policies[plan]
        for place, below in enumerate(plan.inputs):
            one = said if said != "reject" or (place == 0 and _hands_on(plan.op, below.op)) else default
            policies[below] = min(policies.get(below, "skip"), one, key=_STRICTEST_FIRST.index)
    return policies


_STRICTEST_FIRST = ("raise", "reject", "collect", "skip")


def policy_of(op: Op) -> str:
    """Return what an op says about records that fail before it; "" for all that say nothing."""
    return op.policy if isinstance(op, OnErrorFor) else "reject" if isinstance(op, SplitErrors) else ""


def _hands_on(op: Op, below: Op) -> bool:
    """Return whether records that fail in `below` go on beside the others through `op`."""
    if isinstance(op, Returning):
        return False  # what it is given are rejects
    if isinstance(op, Pairing) and op.bags != 1:
        return False  # without one of a row, others would be side by side
    if isinstance(below, Pairing):
        return bool(below.per_record) and not isinstance(below, Scan)
    return isinstance(below, (ChainMark, Source)) or (isinstance(below, PerPartition) and bool(below.per_record))
