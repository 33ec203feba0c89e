"""Plans of values that are computed already, as `persist` leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bagkit.io.input.memory import FromSequence
from bagkit.io.input.persisted import Persisted
from bagkit.ops.calls import DelayedCall, FutureValue, Known, known_call
from bagkit.plan.node import Plan
from bagkit.plan.template import Hole

if TYPE_CHECKING:
    from concurrent.futures import Future


def known_plan(plan: Plan, value: Any) -> Plan:
    """Return the plan of a `value` that is computed already: for a bag, what is kept of each partition."""
    if isinstance(plan.op, DelayedCall):
        return Plan(known_call(value, plan.op))
    if plan.op.gives_value:
        return Plan(Known(value))
    if isinstance(plan.op, FromSequence):
        for kept, (piece,) in zip(value, plan.op.pieces(), strict=True):
            kept.also_here(piece.records)
    return Plan(Persisted(tuple(value)))


def promised_value(plan: Plan, future: Future[Any]) -> Plan:
    """Return the plan of a value that the `future` will have."""
    value = Plan(FutureValue(future))
    return Plan(known_call(Hole(0), plan.op), (value,)) if isinstance(plan.op, DelayedCall) else value
