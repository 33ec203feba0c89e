"""Lines that a filter would drop are left out as they are read, before they are cut and decoded."""

from __future__ import annotations

from bagkit.lazily import Lazily
from bagkit.ops.elementwise import Filter
from bagkit.plan.kinds import Op, Source
from bagkit.plan.node import Plan, rewrite, shared_ops

text = Lazily("bagkit.ops.text")
texts = Lazily("bagkit.ops.texts_needed")


def search_lines(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a source look for the texts that lines need for a filter to keep them.

        filter(lambda)                filter(lambda)
          read_text('a.log')   =>       read_text('a.log', lines with 'error')

    The filter stays, and is given the lines that are found: what it does with them is its own business. Declines where
    the filter may keep a line, or fail on it, that has no such text; where the source can't find texts in bytes; and
    where others use its lines too.
    """
    shared = shared_ops(roots)

    def search(plan: Plan) -> Plan:
        match plan:
            case Plan(op, (Plan(Source() as source) as below,)) if id(source) not in shared and _is_filter(op):
                needed = texts.texts_needed(op)
                found = source.having(needed) if needed else None
                return plan if found is None else plan.with_inputs((Plan(found, below.inputs),))
        return plan

    return rewrite(roots, search)


def _is_filter(op: Op) -> bool:
    return isinstance(op, Filter) or text.has_made(op, "MatchGlob")
