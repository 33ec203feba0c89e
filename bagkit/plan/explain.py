"""A plan as text: one node a line, outermost first, inputs indented; the ops of one chain stand at one depth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bagkit.plan.chain import ChainMark
from bagkit.plan.node import Plan, count_uses
from bagkit.visible import visible

SHOWN_FIRST, SHOWN_LAST = 60, 20
"""How many lines of a long plan are shown: a loop can make ten thousand."""

Line = tuple[int, str]
"""The indentation of a line, and its text."""


def plan_text(*roots: Plan) -> str:
    """Return the text of `roots`; a plan used more than once is written out once and named after."""
    lines = list(_lines(roots))
    left_out = len(lines) - SHOWN_FIRST - SHOWN_LAST
    if left_out > 1:
        first, last = lines[:SHOWN_FIRST], lines[-SHOWN_LAST:]
        between = (first[-1][0], f"… {left_out:,} more …")
        back = max(0, min(depth for depth, _ in last) - between[0])
        lines = [*first, between, *((depth - back, text) for depth, text in last)]
    return "\n".join("  " * depth + visible(text) for depth, text in lines)


def _lines(roots: Sequence[Plan]) -> Iterator[Line]:
    uses = count_uses(*roots)
    names: dict[Plan, str] = {}
    waiting = [(root, 0, False) for root in reversed(roots)]
    while waiting:  # and no recursion, for plans can be deep
        plan, depth, chained = waiting.pop()
        text = _label(plan)
        if plan in names:
            yield depth, f"{text} [as {names[plan]} above]"
            continue
        if uses[plan] > 1:
            names[plan] = f"#{len(names) + 1}"
            text += f" [{names[plan]}]"
        yield depth, text
        mark = isinstance(plan.op, ChainMark)
        for below in reversed(plan.inputs):
            straight = (mark or chained) and len(plan.inputs) == 1 and not isinstance(below.op, ChainMark)
            waiting.append((below, depth if straight and not mark else depth + 1, straight))


def _label(plan: Plan) -> str:
    if not isinstance(plan.op, ChainMark):
        return plan.op.label
    count = plan.npartitions
    return f"chain ({count} partition{'s' if count != 1 else ''})"
