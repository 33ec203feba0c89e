"""persist: runs whose records stay, in the background where there is one."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from bagkit.computing import for_this_session, refuse_at_the_end, scheduler_for, stream
from bagkit.errors import NotPicklableError, TaskError
from bagkit.flow.anew import RunAttempts
from bagkit.flow.inside import inside_task
from bagkit.flow.kept import Kept
from bagkit.flow.replay import for_many
from bagkit.io.input.persisted import Persisted
from bagkit.lazy.known import known_plan, promised_value
from bagkit.ops.calls import FutureValue
from bagkit.option_values import checked_scheduler
from bagkit.options import merged
from bagkit.plan.kinds import Source
from bagkit.plan.node import Plan, walk
from bagkit.schedulers.stopping import check_stopped
from bagkit.tracebacks import shorten_traceback

if TYPE_CHECKING:
    from bagkit.diagnostics.failure_log import FailureLog
    from bagkit.lazy.background import BackgroundRun, Turns
    from bagkit.options import ComputeOptions, Options, PlainOptions

Take = Callable[[Any], None]
"""Is told of each piece that a run has made of a root: a Kept for a partition, or the value."""


def persisted(roots: Sequence[Plan], keywords: ComputeOptions | PlainOptions, turns: Turns | None = None) -> list[Plan]:
    """Return the plans of what `roots` are when they are computed: at once with sync, else in the background.

    Args:
        roots: The plans. Those that persist has made stay as they are.
        keywords: Options of the run.
        turns: In which row it waits for its turn. Default: the one of this machine.
    """
    refuse_at_the_end()
    options = for_this_session(merged(**keywords))
    wanted = tuple(dict.fromkeys(root for root in roots if not isinstance(root.op, Persisted)))
    made: dict[Plan, Plan] = {}
    if wanted and _runs_here(wanted, options):
        found: list[list[Any]] = [[] for _ in wanted]
        _run(wanted, options)([each.append for each in found])
        for root, pieces in zip(wanted, found, strict=True):
            made[root] = known_plan(root, pieces[0] if root.op.gives_value else pieces)
    elif wanted:
        made = dict(zip(wanted, _begun(wanted, options, turns), strict=True))
    return [made.get(root, root) for root in roots]


def _runs_here(roots: Sequence[Plan], options: Options) -> bool:
    """Return whether only this thread would compute `roots`."""
    if inside_task():
        return True
    if options.scheduler is None and _is_to_move(roots):
        return False
    spec = scheduler_for(tuple(walk(*roots)), options)
    return spec is not None and checked_scheduler(spec) == "sync"


def _begun(roots: tuple[Plan, ...], options: Options, turns: Turns | None) -> list[Plan]:
    """Begin to compute `roots` in the background; return the plans of what they will be."""
    from bagkit.diagnostics.standing import Counts
    from bagkit.lazy import background
    from bagkit.warn import users_line

    if options.progress is None:
        options = replace(options, progress=False)  # what waits for it draws
    run = background.BackgroundRun(users_line(), Counts())
    context = run.context()
    turns = turns or background.here
    work = context.run(_prepared, roots, options, not turns.is_busy)
    plans, takes = zip(*[_promised(run, root) for root in roots], strict=True)
    turns.add(partial(context.run, run.do, partial(work, takes)))
    return list(plans)


def _promised(run: BackgroundRun, root: Plan) -> tuple[Plan, Take]:
    """Return the plan of the value that `root` will have, and a function that takes its pieces."""
    from bagkit.lazy.background import PromisedPart, PromisedValue, taker, taker_of_parts

    if root.op.gives_value:
        value = PromisedValue(run)
        return promised_value(root, value), taker(value)
    parts = [Kept(promise=PromisedPart(run)) for _ in range(root.npartitions)]
    return known_plan(root, parts), taker_of_parts(parts, run.lock)


Work = Callable[[Sequence[Take]], None]
"""A run: what is told of the pieces of each root."""


def _prepared(roots: tuple[Plan, ...], options: Options, boot: bool) -> Work:
    """Return the run that computes `roots`. It needs nothing more from here, unless it has to wait for a value."""
    if any(isinstance(plan.op, FutureValue) and not plan.op.future.done() for plan in walk(*roots)):
        return lambda takes: _run(roots, options)(takes)
    if options.scheduler is None and _is_to_move(roots):
        with suppress(NotPicklableError, TaskError):
            move = _run(roots, replace(options, scheduler="processes"), boot)
            return partial(_moved, move, partial(_run, roots, options))
    return _run(roots, options, boot)


def _moved(move: Work, stay: Callable[[], Work], takes: Sequence[Take]) -> None:
    """Move records to workers; where they can't be moved they stay."""
    try:
        move(takes)
    except (NotPicklableError, TaskError):
        check_stopped()
        stay()(takes)


Ready = tuple["FailureLog", Iterator[Any], Generator[Iterator[Any], None, None]]
"""A run that is ready: its log, what it gives of the first root, and of the others."""


def _run(roots: tuple[Plan, ...], options: Options, boot: bool = True) -> Work:
    """Return the run that computes `roots`, ready to run; workers `boot` now, or when it has its turn."""
    return partial(_all_taken, roots, options, _ready(roots, options, boot))


def _ready(roots: tuple[Plan, ...], options: Options, boot: bool = True) -> Ready:
    from bagkit.diagnostics.failure_log import FailureLog

    log = FailureLog(roots)
    values = stream(roots, options, log, exact=True, boot=boot)
    return log, next(values), values


def _all_taken(roots: tuple[Plan, ...], options: Options, ready: Ready | None, takes: Sequence[Take]) -> None:
    total = sum(1 if root.op.gives_value else root.npartitions for root in roots)
    given = 0
    try:
        for attempt in RunAttempts():
            with attempt:
                log, first, others = ready or _ready(roots, options)
                ready = None
                with closing(others):
                    for number, last in enumerate(_pieces(roots, takes, first, others), 1):
                        if given < number < total:
                            last()
                            given = number
                last()  # who waits for all of it is to find the workers free that have the records
    except BaseException as error:
        shorten_traceback(error)
        raise
    log.warn(streamed=True)


def _pieces(
    roots: Sequence[Plan], takes: Sequence[Take], first: Iterator[Any], others: Iterator[Iterator[Any]]
) -> Iterator[Callable[[], None]]:
    """Yield, for each piece that a run makes, a function that gives it to whoever waits."""
    for root, take, parts in zip(roots, takes, chain([first], others), strict=True):
        for part in parts:
            yield partial(take, for_many(part) if root.op.gives_value else _kept(part))


def _kept(part: Any) -> Kept:
    return part if isinstance(part, Kept) else Kept(local=list(chain.from_iterable(part)))


MOVED_RECORDS = 10_000
"""So many records that the caller has are worth to be brought to workers, where what follows most likely runs."""


def _is_to_move(roots: Sequence[Plan]) -> bool:
    """Return whether persist brings what the caller has to workers: much of it, all of it plain data."""
    plans = tuple(walk(*roots))
    if any(plan.op.opaque or plan.op.gives_value for plan in plans):
        return False
    sources = [plan.op for plan in plans if isinstance(plan.op, Source)]
    parts = chain.from_iterable(pieces for op in sources for pieces in op.pieces())
    records: list[Any] = [getattr(piece, "records", None) for piece in parts]
    if any(part is None for part in records):
        return False  # of files: they go where files go
    return sum(map(len, records)) >= MOVED_RECORDS and all(map(_is_plain, records))


def _is_plain(records: Any) -> bool:
    if type(records) is range:
        return True
    try:
        marshal.dumps(records, 2)
    except ValueError:
        return False
    return True
