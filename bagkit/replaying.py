"""One record that failed, through the plan once more: here, where a debugger can look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bagkit.errors import PlanError, notes_of, text_of
from bagkit.flow.blocks import Block, Place
from bagkit.flow.report import Report
from bagkit.io.input.memory import FromSequence
from bagkit.ops.elementwise import OnErrorFor
from bagkit.ops.regroup import Concat
from bagkit.options import PlainOptions
from bagkit.plan.kinds import MemorySource, Op, Pairing, PerPartition, Scan, Source
from bagkit.plan.node import Plan, walk
from bagkit.plan.split_errors import Choosing
from bagkit.user_code.modules import is_users

if TYPE_CHECKING:
    from bagkit.work.failures import Failure

Run = Callable[[Sequence[Plan], PlainOptions], tuple[Any, ...]]
_HERE: PlainOptions = {"scheduler": "sync", "optimize": False, "progress": False, "on_error": "raise"}


def replayed(run: Run, roots: Sequence[Plan], failure: Failure, pdb: bool) -> Any:
    """Return what `run` makes of the record of `failure` with the operations of `roots` that it went through.

    With `pdb` the debugger shows where it fails.
    """
    for chain, base in _ways(roots, failure.operation):
        given = _given(base, failure.place)
        if given is None:
            continue
        again = Plan(FromSequence("replay", tuple(given), (1,)))
        for plan in chain:
            if not isinstance(plan.op, OnErrorFor):
                again = Plan(plan.op, (again, *plan.inputs[1:]))
        try:
            return run((again,), _HERE)[0]
        except Exception as error:
            failure.note_on(error)
            if not pdb:
                raise
            _look_at(error)
            return None
    raise PlanError(
        f"replay: the record can't be read again; got {failure.where}, in {failure.operation}; expected a record of a "
        "source that is as it was, which operations took one by one; "
        "hint: failure.place.record has what is known of it"
    )


def _ways(roots: Sequence[Plan], operation: str) -> Iterator[tuple[list[Plan], Plan]]:
    """Yield each row of operations on single records that has one called `operation`, and what the first is given."""
    labels, plans = operation.split(" or "), tuple(walk(*roots))
    users = {id(plan.inputs[0]): plan for plan in plans if plan.inputs and _by_record(plan.op)}
    for top in plans:
        if not {top.op.error_label, top.op.label}.isdisjoint(labels):
            above, last = list[Plan](), top
            while (last := users.get(id(last), top)) is not top:
                above.append(last)
            for below, base in _below(top):
                yield [*below, *above], base


def _below(top: Plan) -> Iterator[tuple[list[Plan], Plan]]:
    """Yield the operations on single records up to `top`, first to last, and what the first is given.

    Below a concat there are several such rows.
    """
    op = top.op
    if isinstance(op, Source):
        yield [], top
    elif isinstance(op, Concat):
        for each in top.inputs:
            yield from _below(each)
    elif not isinstance(op, Pairing) or op.bags == 1:
        (below, *_) = top.inputs or (top,)
        ways = _below(below) if _by_record(below.op) or isinstance(below.op, (Concat, Source)) else [([], below)]
        for chain, base in ways:
            yield [*chain, top], base


def _by_record(op: Op) -> bool:
    if isinstance(op, Pairing):
        return op.bags == 1 and bool(op.per_record) and not isinstance(op, Scan)
    return isinstance(op, PerPartition) and bool(op.per_record) and not isinstance(op, Choosing)


def _given(base: Plan, place: Place | None) -> list[Any] | None:
    """Return the record that `base` gives at a place, in a list; None if it can't be read again."""
    if place is None:
        return None
    op = base.op
    if not isinstance(op, Source):
        return [place.record] if place.source == f"the result of {op.error_label}" else None
    if isinstance(op, MemorySource):
        return [place.record] if place.source == op.label else None
    for pieces in op.pieces():
        own: list[Any] = [piece for piece in pieces if getattr(piece, "path", None) == place.source]
        for block in op.bare().read(own, Report()) if own else ():
            found = _in_block(block, _order(place))
            if found is not None:
                return found
    return None


def _order(place: Place) -> tuple[int, int, int, int]:
    return place.line or 0, place.offset or 0, place.index or 0, place.column or 0


def _in_block(block: Block, wanted: tuple[int, int, int, int]) -> list[Any] | None:
    if not block.records or _order(block.place(len(block.records) - 1)) < wanted:
        return None
    for index, record in enumerate(block.records):
        if _order(block.place(index)) == wanted:
            return [record if block.parse is None else block.parse(record)]
    return None


def _look_at(error: Exception) -> None:
    """Have the debugger show the innermost frame of the user's code."""
    import pdb

    frames, trace = list[TracebackType](), error.__traceback__
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    users = [number for number, each in enumerate(frames) if is_users(each.tb_frame.f_globals.get("__name__", ""))]
    shown: TracebackType | None = None
    for each in reversed(frames[: users[-1] + 1] if users else frames):
        shown = TracebackType(shown, each.tb_frame, each.tb_lasti, each.tb_lineno)
    print("\n".join([f"{type(error).__name__}: {text_of(error)}", *notes_of(error)]))
    pdb.post_mortem(shown)
