"""Plans of what is computed already: what `persist` leaves."""

from __future__ import annotations

from typing import Any

from bagkit.io.input.memory import FromSequence
from bagkit.ops.calls import Known, known_call
from bagkit.plan.kinds import TaskCall
from bagkit.plan.node import Plan


def known_plan(plan: Plan, value: Any) -> Plan:
    """Return the plan of a `value` that is computed already: for a bag, a list of records for each partition."""
    if isinstance(plan.op, TaskCall):
        return Plan(known_call(value, plan.op))
    if plan.op.gives_value:
        return Plan(Known(value))
    records = [record for part in value for record in part]
    return Plan(FromSequence("persist", records, tuple(map(len, value))))
