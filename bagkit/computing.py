"""From plans to values: options, optimise, lower, run. The only file that sees every layer.

It imports them when it needs them: workers boot meanwhile, and a program that only builds bags has no use for them.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bagkit.errors import PlanError, add_notes, one_line
from bagkit.flow.anew import RunAttempts
from bagkit.flow.replay import reading
from bagkit.flow.tallies import Counted, counted_words
from bagkit.front_doors import over
from bagkit.io.input.persisted import Persisted
from bagkit.light_classes import dataclass
from bagkit.ops.calls import DelayedCall, FutureValue, Known
from bagkit.ops.elementwise import OnErrorFor
from bagkit.options import ComputeOptions, Options, PlainOptions, merged
from bagkit.plan.head import Head
from bagkit.plan.kinds import Regroup, Sink, Source
from bagkit.plan.node import Plan, rewrite, walk
from bagkit.tracebacks import as_front_door, shorten_traceback
from bagkit.visible import type_and_size
from bagkit.work.failures import Failure, tell_plan

if TYPE_CHECKING:
    from bagkit.diagnostics.events import TaskFinished
    from bagkit.diagnostics.failure_log import FailureLog
    from bagkit.diagnostics.observer import Observer
    from bagkit.lower.graph import Graph, Key
    from bagkit.lower.sinks import Writings
    from bagkit.lower.stages import Stage
    from bagkit.plan.caching import Use

T = TypeVar("T")

IN_SAMPLE = "explain(analyze=True) ran a sample of the records; explain(analyze='full') runs all of them"
LIGHT_BYTES = 1 << 20
"""How much of files one process reads and parses in about the time that two processes take to start."""


@dataclasses.dataclass(frozen=True, slots=True)  # a true one, for users
class Collected(Counted, Generic[T]):
    """What a run with `on_error="collect"` returns: the result without the records that failed, and the failures.

    Attributes:
        result: What the run returns otherwise, such as a list of records.
        failures: The records that failed, in order, each with its error and its place.
        tallies: What was counted by reason in the run: by `filter(reason=)`, and by `bagkit.tally` in functions.

    >>> import bagkit as bk
    >>> got = bk.from_sequence(["1", "two"]).map(int).compute(scheduler="sync", on_error="collect")
    >>> got.result, str(got.failures[0].error)
    ([1], "invalid literal for int() with base 10: 'two'")
    """

    result: T
    failures: list[Failure]

    def __repr__(self) -> str:
        count = len(self.failures)
        failures = f"{count:,} failure{'s' * (count != 1)}" if count else "no failure"
        first = f"{', first' if count > 1 else ':'}\n  {self.failures[0]}" if count else ""
        return f"Collected({type_and_size(self.result)}; {failures}{counted_words(self.tallies)}{first})"

    def _repr_html_(self) -> str:
        from bagkit.html.results import collected_page

        return collected_page(self.result, self.failures, self.tallies)


def run(roots: Sequence[Plan], keywords: ComputeOptions | PlainOptions) -> tuple[Any, ...]:
    """Return the value of each of `roots`: a list of records for a bag, the value for an item.

    With `on_error="collect"`, in `keywords`, in the options or in a plan, each is a Collected.
    """
    refuse_at_the_end()
    from bagkit.diagnostics.failure_log import FailureLog

    options = merged(**keywords)
    try:
        for attempt in RunAttempts():
            log = FailureLog(roots)
            with attempt, closing(stream(roots, options, log)) as values:
                result = [_gathered(root, parts) for root, parts in zip(roots, values, strict=True)]
    except BaseException as error:
        shorten_traceback(error)
        raise
    log.warn()
    result, tallies = log.with_tallies(result), log.reasons.most_first()
    if not collects(roots, options):
        return tuple(result)
    return tuple(Collected(value, _collected(log, roots), tallies=tallies) for value in result)


def _collected(log: FailureLog, roots: Sequence[Plan]) -> list[Failure]:
    """Return the failures that were asked for; they know the plan, and can be replayed."""
    from bagkit.replaying import replayed

    again, found = partial(replayed, run, roots), log.collected()
    for failure in found:
        tell_plan(failure, again)
    return found


@as_front_door
def iterate(
    root: Plan,
    keywords: ComputeOptions | PlainOptions,
    collected: Collected[Any] | None = None,
    *,
    writes: bool = False,
) -> Generator[Any, None, None]:
    """Yield the records of a bag in order, while workers go on with what comes next.

    In the end `collected` has what was counted, and the failures that were asked for; without it they count as skipped.
    `writes` says that the caller makes a file of the records.
    """
    __tracebackhide__ = True
    found = _batches(root, keywords, collected, writes)
    try:
        for batch in found:
            yield from batch
    except BaseException as error:
        shorten_traceback(error)
        raise
    finally:
        found.close()


def _batches(
    root: Plan, keywords: ComputeOptions | PlainOptions, collected: Collected[Any] | None, writes: bool
) -> Generator[Iterable[Any], None, None]:
    refuse_at_the_end()
    from bagkit.diagnostics.failure_log import FailureLog

    options = merged(**keywords)
    try:
        for attempt in RunAttempts():
            log = FailureLog((root,), writes=writes)
            with attempt, closing(stream((root,), options, log)) as values:
                yield from attempt.fresh(chain.from_iterable(chain.from_iterable(values)))
    except GeneratorExit:
        log.warn(streamed=True)
        raise
    log.warn(streamed=collected is None)
    if collected is not None:
        collected.failures.extend(_collected(log, (root,)))
        collected.tallies.update(log.reasons.most_first())


def refuse_at_the_end() -> None:
    """Raise TaskError in a finaliser that runs as the last of a program: nothing can be imported or started then."""
    if sys.is_finalizing():
        raise over("compute")


def _gathered(root: Plan, parts: Iterable[Any]) -> Any:
    if root.op.gives_value:
        (value,) = parts
        return reading(value)
    records: list[Any] = []
    for batches in parts:
        for batch in batches:
            records.extend(batch)
    return records


def collects(roots: Sequence[Plan], options: Options) -> bool:
    """Return whether failures are collected, as the options or a plan say."""
    policies = [plan.op.policy for plan in walk(*roots) if isinstance(plan.op, OnErrorFor)]
    return "collect" in (options.on_error, *policies)


def stream(
    roots: Sequence[Plan], options: Options, log: FailureLog, exact: bool = False, boot: bool = True
) -> Generator[Iterator[Any], None, None]:
    """Yield an iterator for each root, over the values of its keys. Use up one before the next.

    With `exact` these are the partitions that users see, as a Kept each where the scheduler keeps them. When the first
    iterator is there, all is ready, and nothing runs; but workers `boot`, unless it is a while until it has its turn.
    """
    with ExitStack() as stack:
        ready = _prepared(roots, options, stack, exact, boot=boot)
        targets = [key for part in ready.keys for key in part]
        bags = zip(ready.plans, ready.keys, strict=True) if exact else ()
        log.reasons.add(ready.writings.kept_tallies())
        keep = {key for plan, part in bags if not plan.op.gives_value for key in part}
        run = run_graph(ready.graph, targets, ready.spec, ready.options, log, ready.writings, keep=keep)
        values = stack.enter_context(closing(run))
        for part in ready.keys:
            yield (next(values) for _ in part)
        for _ in values:  # to its end, so that the run is seen to be over
            pass


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is about to be run."""

    plans: tuple[Plan, ...]
    graph: Graph
    keys: list[list[Key]]
    spec: Any
    """The scheduler."""
    options: Options
    writings: Writings


def _prepared(
    roots: Sequence[Plan], options: Options, stack: ExitStack, exact: bool = False, use: Use = "keep",
    boot: bool = True,
) -> Prepared:  # fmt: skip
    """Return what computes `roots`; what it has begun ends with `stack`; `use` is for caches."""
    from bagkit.schedulers.registry import memory_of_task, start_ahead, tasks_at_a_time

    options = for_this_session(options)
    roots = with_values(roots)
    below = tuple(walk(*roots))
    spec = scheduler_for(below, options)
    if spec != "sync" and boot and not any(isinstance(plan.op, Persisted) and plan.op.standing for plan in below):
        start_ahead(spec, options.workers, [plan.op for plan in below])
    from bagkit.lower.caches import with_caches
    from bagkit.lower.lower import lower
    from bagkit.lower.retries import with_read_retries
    from bagkit.lower.sinks import Writings

    plans = _optimised(with_caches(tuple(roots), options.on_error, use), below, options, spec)
    writings = stack.enter_context(closing(Writings()))
    writings.begin(roots)
    plans = with_read_retries(plans, options.read_retries)
    workers = tasks_at_a_time(spec, options.workers)
    memory = partial(memory_of_task, options)
    graph, keys = lower(
        plans, on_error=options.on_error, exact=exact, writings=writings, workers=workers, memory=memory
    )
    writings.see(graph)
    graph.in_turn = any(isinstance(root.op, Head) for root in roots)
    return Prepared(plans, graph, keys, spec, options, writings)


def with_values(roots: Sequence[Plan]) -> tuple[Plan, ...]:
    """Return `roots` with their values in the place of futures: wait for these, and raise what they raise."""

    def known(plan: Plan) -> Plan:
        return Plan(Known(plan.op.future.result())) if isinstance(plan.op, FutureValue) else plan

    found = any(isinstance(plan.op, FutureValue) for plan in walk(*roots))
    return rewrite(tuple(roots), known) if found else tuple(roots)


def _optimised(roots: tuple[Plan, ...], below: Sequence[Plan], options: Options, spec: Any) -> tuple[Plan, ...]:
    """Return `roots`, which have the plans `below`, as they run on the scheduler that `spec` names."""
    if all(isinstance(plan.op, DelayedCall) for plan in below):
        return roots  # there is nothing to rewrite in calls alone
    from bagkit.optimizer import optimize
    from bagkit.optimizer.fuse import fuse
    from bagkit.optimizer.materialise_generators import materialise_generators
    from bagkit.schedulers.registry import sends_records

    roots = materialise_generators(roots)
    return optimize(roots, sends=sends_records(spec)) if options.optimize else fuse(roots)


def for_this_session(options: Options) -> Options:
    """Return `options`; where they say nothing, with what the program has set up for dask, if it uses dask."""
    if "dask.config" not in sys.modules:
        return options
    from bagkit.schedulers.dask_session import with_session

    return with_session(options)


def run_graph(
    graph: Graph,
    targets: Sequence[Key],
    spec: Any,
    options: Options,
    *observers: Observer,
    keep: Collection[Key] = (),
) -> Generator[Any, None, None]:
    """Run `graph` on the scheduler that `spec` names, and yield the values of `targets`. `observers` are told too.

    A scheduler that can leaves those in `keep` where they were made, and yields a Kept for each. What it needs to take
    of this process it has taken when this returns; nothing runs before a value is asked for.
    """
    values = _values(graph, targets, spec, options, observers, keep)
    next(values)
    return values


def _values(
    graph: Graph, targets: Sequence[Key], spec: Any, options: Options, observers: Sequence[Observer],
    keep: Collection[Key],
) -> Generator[Any, None, None]:  # fmt: skip
    from bagkit.diagnostics.observer import Observers, listeners, recorders
    from bagkit.lower.retries import with_retries
    from bagkit.schedulers.registry import get_scheduler

    limited, limits = _limited(graph, targets, options.max_errors)
    scheduler = get_scheduler(
        spec,
        workers=options.workers,
        temporary_directory=options.temporary_directory,
        memory_limit=options.memory_limit,
        shared_directory=options.shared_directory,
        read_retries=options.read_retries,
    )
    guarded = with_retries(limited, options.retries)  # tasks with the same keys
    with ExitStack() as stack:
        told = [*map(stack.enter_context, listeners()), *[recorder.begin(graph) for recorder in recorders()]]
        observer = Observers([*limits, *observers, *told, *_watchers(options, stack)])
        keeps = getattr(scheduler, "keeps", False)
        kept = (keep,) if keep and keeps else ()
        run = stack.enter_context(closing(scheduler.run(guarded, targets, observer, *kept)))
        yield  # all is ready
        if getattr(scheduler, "name", "") != "sync":  # which needs no more than the next task does
            _await_kept(graph, options, keeps)
        yield from run


def _limited(graph: Graph, targets: Sequence[Key], most: int | str | None) -> tuple[Graph, list[Observer]]:
    """Return `graph` with tasks that know how many records they may leave out, and an observer of all of them."""
    if most is None:
        return graph, []
    from bagkit.diagnostics.error_limit import ErrorLimit
    from bagkit.lower.limits import readers_of, turns_of, with_limit

    return with_limit(graph, most), [ErrorLimit(most, readers_of(graph), turns_of(graph, targets))]


def _await_kept(graph: Graph, options: Options, in_workers: bool) -> None:
    """Wait until the records are there that runs in the background make for `graph`, and draw how far those are.

    What `in_workers` is to run waits for those too that this process has, and that are brought there.
    """
    from bagkit.diagnostics.terminal import wants_progress
    from bagkit.schedulers.kept_parts import promised_in

    for kept in chain.from_iterable(promised_in(task.part) for task in graph.tasks):
        if in_workers or kept.local is None:
            kept.wait(draw=wants_progress(options.progress))


def scheduler_for(plans: Sequence[Plan], options: Options) -> Any:
    """Return the scheduler for `plans`: what the user said, or what suits most (docs/decisions/delayed.md)."""
    if options.scheduler is not None:
        return options.scheduler
    calls = [plan for plan in plans if isinstance(plan.op, DelayedCall)]
    if calls and not any(plan.op.opaque for plan in plans if not isinstance(plan.op, DelayedCall)):
        return "threads"
    return "sync" if options.workers is None and _is_light(plans) else None


def _is_light(plans: Sequence[Plan]) -> bool:
    """Return whether processes would cost more than they save, and the user can't tell the difference.

    So it is where no function of the user's runs, and there is little data, or all of it would have to be sent.
    """
    if all(isinstance(plan.op, (Persisted, Head, Regroup)) for plan in plans):
        return True  # a partition is read when it is asked for, which is less than to have a worker hand it over
    weight = 0
    for plan in plans:
        if plan.op.opaque:
            return False
        if isinstance(plan.op, Source):
            weight += sum(piece.weight for pieces in plan.op.pieces() for piece in pieces)
    return weight <= LIGHT_BYTES


def _watchers(options: Options, stack: ExitStack) -> list[Observer]:
    from bagkit.diagnostics.terminal import wants_progress

    found: list[Observer] = []
    draws = options.progress
    if "dask.callbacks" in sys.modules:
        from bagkit.schedulers.dask_session import dask_callbacks, draws_progress

        callbacks = dask_callbacks()
        found += callbacks
        if draws is None and draws_progress(callbacks):
            draws = False
    if wants_progress(draws):
        from bagkit.diagnostics.progress import ProgressBar

        found.append(stack.enter_context(closing(ProgressBar())))
    return found


def explain(roots: tuple[Plan, ...], analyze: bool | str, keywords: ComputeOptions | PlainOptions) -> None:
    """Print the plans as they were written, and the tasks that run them: after a run, if it is to `analyze` one."""
    from bagkit.lower.stages import stages_text
    from bagkit.optimizer.declined import why_not
    from bagkit.plan.explain import plan_text

    if not isinstance(analyze, bool) and analyze != "full":
        raise PlanError(f"explain: analyze is {one_line(analyze)}; expected True, False or 'full'")
    options = merged(**keywords)
    policy = "" if options.on_error == "raise" else f", on_error={options.on_error!r}"
    if analyze:
        policy += ", measured" if analyze == "full" else ", measured on a sample"
    as_run = _analyzed(roots, options, analyze == "full") if analyze else stages_text(stages(roots, options))
    not_done = why_not(*roots) if options.optimize else ""
    print(f"as written:\n\n{plan_text(*roots)}\n\nas run{policy}:\n\n{as_run}{not_done}")


def _analyzed(roots: tuple[Plan, ...], options: Options, whole: bool) -> str:
    """Return the text of the stages that run `roots`, with what a run of all of it, or of a sample, has measured."""
    refuse_at_the_end()
    from bagkit.diagnostics.failure_log import FailureLog
    from bagkit.diagnostics.profile import Profile
    from bagkit.lower.sampling import looking_closely, sample_of
    from bagkit.schedulers.registry import tasks_at_a_time

    log, profile = FailureLog(roots), Profile()
    if not whole:
        _refuse_to_write(roots)
    try:
        with ExitStack() as stack:
            ready = _prepared(roots, options, stack, use="keep" if whole else "read")
            workers = tasks_at_a_time(ready.spec, ready.options.workers)
            targets = [key for part in ready.keys for key in part]
            run, targets = (
                (looking_closely(ready.graph), targets) if whole else sample_of(ready.graph, targets, workers)
            )
            bags = [part for root, part in zip(roots, ready.keys, strict=True) if not root.op.gives_value]
            own = frozenset(chain.from_iterable(bags))
            found = run_graph(run, targets, ready.spec, ready.options, log, profile, ready.writings)
            for key, value in zip(targets, stack.enter_context(closing(found)), strict=True):
                for _ in value if key in own else ():
                    pass
    except BaseException as error:
        if not whole and isinstance(error, Exception):
            add_notes(error, [IN_SAMPLE])
        shorten_traceback(error)
        raise
    log.warn(streamed=True)
    return _analysis(ready.graph, run, profile.tasks, workers, whole)


def _refuse_to_write(roots: tuple[Plan, ...]) -> None:
    sink = next((plan.op for plan in walk(*roots) if isinstance(plan.op, Sink)), None)
    if sink is not None:
        raise PlanError(
            f"explain: the plan writes files ({sink.label}), and a sample would write a part of them; expected a plan "
            "that writes nothing; hint: explain the bag that is written, or explain(analyze='full'), which writes all"
        )


def _analysis(graph: Graph, run: Graph, tasks: Sequence[TaskFinished], workers: int, whole: bool) -> str:
    """Return the text of the stages of `graph`, with what `tasks` did of `run`: of all of it, or of a sample."""
    from bagkit.diagnostics.analysis import Analysed, added_up, analysis_text
    from bagkit.lower.estimates import Scale, Scales, reader, used
    from bagkit.lower.stages import stage_lines, stages_alike

    done = {task.key: task.steps for task in tasks}
    scales = Scales(graph, run, done)
    found: list[Analysed] = []
    for stage in stages_alike(graph):
        steps = added_up([done[key] for key in stage.keys if key in done])
        known = stage.steps_of([step.label for step in steps])
        scale = Scale((1.0,) * len(steps)) if whole else scales.of(stage, known, steps)
        found.append(
            Analysed(
                lines=tuple(stage_lines(stage)),
                tasks=stage.tasks,
                ran=sum(key in done for key in stage.keys),
                steps=steps,
                names=tuple([f"{step.verb} {step.label}".strip() for step in known]),
                given=used(steps, known),
                times=scale.times,
                at_least=scale.at_least,
                parsed=tuple([step.parses for step in known]),
                reads=reader(next(task for task in graph.tasks if task.keys[0] in stage.keys)),
            )
        )
    return analysis_text(found, workers, whole)


def stages(roots: tuple[Plan, ...], options: Options) -> tuple[Stage, ...]:
    """Return the stages in which a run with `options` computes `roots`; runs and writes nothing."""
    from bagkit.lower.caches import with_caches
    from bagkit.lower.lower import lower
    from bagkit.lower.sinks import Foreseen
    from bagkit.lower.stages import stages_of
    from bagkit.schedulers.registry import tasks_at_a_time

    options = for_this_session(options)
    below = tuple(walk(*roots))
    plans = _optimised(with_caches(roots, options.on_error, "look"), below, options, scheduler_for(below, options))
    workers = tasks_at_a_time(scheduler_for(below, options), options.workers)
    return stages_of(lower(plans, on_error=options.on_error, writings=Foreseen(plans), workers=workers)[0], workers)
