"""A plan as text: one node a line, outermost first, inputs indented; what is one chain stands at one depth."""

from __future__ import annotations

from collections.abc import Iterator

from bagkit.plan.chain import ChainMark
from bagkit.plan.node import Plan, count_uses


def plan_text(*roots: Plan) -> str:
    """Return the text of `roots`; a plan used more than once is written out once and named after."""
    uses = count_uses(*roots)
    names: dict[Plan, str] = {}
    lines: list[str] = []
    for root in roots:
        lines.extend(_lines(root, 0, uses, names))
    return "\n".join(lines)


def _lines(
    plan: Plan, depth: int, uses: dict[Plan, int], names: dict[Plan, str], chained: bool = False
) -> Iterator[str]:
    text = "  " * depth + _label(plan)
    if plan in names:
        yield f"{text} [as {names[plan]} above]"
        return
    if uses[plan] > 1:
        names[plan] = f"#{len(names) + 1}"
        text += f" [{names[plan]}]"
    yield text
    inside = isinstance(plan.op, ChainMark) or chained
    for below in plan.inputs:
        straight = inside and len(plan.inputs) == 1 and not isinstance(below.op, ChainMark)
        flat = straight and not isinstance(plan.op, ChainMark)
        yield from _lines(below, depth if flat else depth + 1, uses, names, chained=straight)


def _label(plan: Plan) -> str:
    if not isinstance(plan.op, ChainMark):
        return plan.op.label
    count = plan.npartitions
    size = f", {plan.op.size}" if plan.op.size else ""
    return f"chain ({count} partition{'s' if count != 1 else ''}{size})"
