"""What a notebook shows of lazy values: the plan, and what is known without computing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from bagkit.amounts import bytes_text, how_many
from bagkit.errors import BagkitError
from bagkit.html.style import folded, framed, head, lines, shown
from bagkit.html.trees import TREE, tree
from bagkit.io.input.memory import FromSequence
from bagkit.io.input.persisted import Persisted
from bagkit.ops.calls import DelayedCall, FutureValue, Known, identity
from bagkit.options import merged
from bagkit.plan.explain import plan_text
from bagkit.plan.kinds import MemorySource, Source
from bagkit.plan.node import Plan, walk

if TYPE_CHECKING:
    from concurrent.futures import Future

PREVIEW: Final = 5
"""Records that are shown, where they are in memory already."""
MOST_LOOKED_AT: Final = 20_000
"""Partitions of all plans together: with more, the tasks are not worked out."""


def bag_page(plan: Plan, kind: str = "Bag") -> str:
    """Return the page of a bag: its partitions, what it reads, its plan; records only if they are in memory."""
    count = plan.npartitions
    title = head(f"{kind} of {how_many(count, 'partition')}", *_facts(plan))
    records = _records(plan.op)
    preview = ""
    if records is not None:
        first = list(islice(records, PREVIEW))
        title_of_first = "the first record" if len(first) == 1 else f"the first {len(first)} records"
        preview = folded(title_of_first, tree(first, opened=1)) if first else ""
    return framed(title, lines(plan_text(plan)), preview, _as_run(plan), style=TREE)


def item_page(plan: Plan) -> str:
    """Return the page of an Item: its plan, and its value if that is known."""
    if isinstance(plan.op, Known):
        return framed(head("Item", "computed"), tree(plan.op.value), style=TREE)
    if isinstance(plan.op, FutureValue) and _has_value(plan.op.future):
        return framed(head("Item", "computed"), tree(plan.op.future.result()), style=TREE)
    return framed(head("Item, not computed yet", *_facts(plan)), lines(plan_text(plan)), _as_run(plan))


def _has_value(future: Future[Any]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def delayed_page(name: str, plan: Plan) -> str:
    """Return the page of a delayed value: what it is called, how many calls there are below it, and its plan."""
    op = plan.op
    if isinstance(op, DelayedCall) and op.function is identity and not plan.inputs:
        return framed(head(name, "computed"), tree(op.args[0]), style=TREE)
    calls = sum([isinstance(each.op, DelayedCall) for each in walk(plan)])
    return framed(head(name, "not computed yet", how_many(calls, "call")), lines(plan_text(plan)))


def _facts(plan: Plan) -> Iterator[str]:
    """Yield what is known of the files below a plan, and how far a run is that computes it in the background."""
    if isinstance(plan.op, Persisted) and plan.op.standing:
        yield plan.op.standing
    sources = [each.op for each in walk(plan) if isinstance(each.op, Source) and not isinstance(each.op, MemorySource)]
    if not sources:
        return
    pieces = [piece for op in sources for part in op.pieces() for piece in part]
    files = {path for piece in pieces if (path := getattr(piece, "path", None))}
    size = sum([piece.weight for piece in pieces])
    if files:
        yield f"reads {how_many(len(files), 'file')}"
    if size:
        yield bytes_text(size)


def _records(op: Any) -> Iterator[Any] | None:
    """Return the records that an op gives, if this process has them."""
    if isinstance(op, FromSequence):
        return iter(op.sequence)
    if isinstance(op, Persisted) and op.parts and all(kept.local is not None for kept in op.parts):
        return chain.from_iterable(kept.local or () for kept in op.parts)
    return None


def _as_run(plan: Plan) -> str:
    """Return the stages of tasks that would run, unless there is too much to work out."""
    from bagkit.computing import stages
    from bagkit.lower.stages import stages_text

    below: Sequence[Plan] = tuple(walk(plan))
    if len(below) < 2 or sum([each.npartitions for each in below]) > MOST_LOOKED_AT:
        return ""
    try:
        text = stages_text(stages((plan,), merged()))
    except BagkitError as error:  # what can't be run can still be looked at
        return f'<div class="bk-bad">{shown(error)}</div>'
    return folded("as run", lines(text))
