"""Lines that a filter would drop are left out as they are read, before they are cut and decoded."""

from __future__ import annotations

from bagkit.ops.elementwise import Filter
from bagkit.ops.text import MatchGlob
from bagkit.ops.texts_needed import texts_needed
from bagkit.plan.kinds import Source
from bagkit.plan.node import Plan, count_uses, rewrite


def search_lines(roots: tuple[Plan, ...]) -> tuple[Plan, ...]:
    """Have a source look for the texts that lines need for a filter to keep them.

        filter(lambda)                filter(lambda)
          read_text('a.log')   =>       read_text('a.log', lines with 'error')

    The filter stays, and is given the lines that are found: what it does with them is its own business. Declines where
    the filter may keep a line, or fail on it, that has no such text; where the source can't find texts in bytes; and
    where others use its lines too.
    """
    shared = {id(plan.op) for plan, number in count_uses(*roots).items() if number > 1}

    def search(plan: Plan) -> Plan:
        match plan:
            case Plan(Filter() | MatchGlob(), (Plan(Source() as source) as below,)) if id(source) not in shared:
                texts = texts_needed(plan.op)
                found = source.having(texts) if texts else None
                return plan if found is None else plan.with_inputs((Plan(found, below.inputs),))
        return plan

    return rewrite(roots, search)
