"""The passes, from plan to plan. Each is a function of the roots, and leaves the result of the plan as it was."""

from __future__ import annotations

from collections.abc import Callable

from bagkit.errors import PlanError
from bagkit.optimizer.as_written import hide, show
from bagkit.optimizer.copy_lines import copy_lines
from bagkit.optimizer.filter_first import filter_first
from bagkit.optimizer.fuse import fuse
from bagkit.optimizer.narrow_joins import narrow_joins
from bagkit.optimizer.objects_in_joins import objects_in_joins
from bagkit.optimizer.objects_of_fields import objects_of_fields
from bagkit.optimizer.pluck_in_parser import pluck_in_parser
from bagkit.optimizer.prune import prune
from bagkit.optimizer.push_fields import push_fields
from bagkit.optimizer.recognise_dumps import recognise_dumps
from bagkit.optimizer.recognise_json import recognise_json
from bagkit.optimizer.search_lines import search_lines
from bagkit.optimizer.send_lines import send_lines
from bagkit.optimizer.spread_concat import spread_concat
from bagkit.optimizer.spread_tables import spread_tables
from bagkit.plan.node import Plan

Roots = tuple[Plan, ...]
Pass = Callable[[Roots], Roots]

PASSES: tuple[Pass, ...] = (
    prune,  # first: the others look for ops that stand directly on each other
    spread_concat,  # before fuse: brings what follows a concat to each of its bags
    search_lines,  # after spread_concat: then filters stand on sources
    recognise_json,  # before push_fields, which tells the parsers what is read
    recognise_dumps,
    spread_tables,  # after recognise_json: then the types of parsed records are known
    narrow_joins,  # before push_fields, which asks joins what they read
    push_fields,
    pluck_in_parser,  # after push_fields: the parser knows its fields then
    filter_first,  # after that, which joins what follows a parser with it
    send_lines,  # after filter_first: whose filters are given the same first parts
    copy_lines,
    objects_of_fields,  # after send_lines, whose keys are given dicts with what filters read
    objects_in_joins,
    fuse,  # last: it marks what becomes one task, which no other rule looks into
)


def optimize(roots: Roots, until: str | None = None, sends: bool = True) -> Roots:
    """Return `roots` after the passes, or after those up to and with the one named `until`.

    Without `sends`, tasks find what others leave for them in memory: `send_lines` would save nothing, and is left out.
    What `to_delayed(optimize_graph=False)` was asked for stays as it was written.

    Raises PlanError for a name that no pass has.
    """
    names = [rule.__name__ for rule in PASSES]
    if until is not None and until not in names:
        raise PlanError(f"optimize: no pass is called {until!r}; there are {', '.join(names)}")
    roots, hidden = hide(roots)
    for rule in PASSES:
        if rule is fuse:  # what runs as it was written runs in chains too
            roots, hidden = show(roots, hidden), {}
        if sends or rule is not send_lines:
            roots = rule(roots)
        if rule.__name__ == until:
            break
    return show(roots, hidden)
