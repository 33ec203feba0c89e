"""What a legal plan is, and what each pass must keep; `check_passes` runs the passes one by one and looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from bagkit.errors import PlanError
from bagkit.exchange.tabling import FoldingField
from bagkit.json.standard import is_standard_loads
from bagkit.ops.by_attributes import FilterObjects, MapObjects, PluckObjects, StarMapObjects
from bagkit.ops.calls import DelayedCall, SinkPart
from bagkit.ops.elementwise import Flatten, OnErrorFor, ParseJson
from bagkit.ops.pairs_of_objects import MatchObjects
from bagkit.ops.parts_of_records import CompleteJson
from bagkit.ops.tables import ToTable
from bagkit.optimizer import PASSES, optimize
from bagkit.optimizer.push_fields import wanted_of_each
from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import (
    ALL,
    Call,
    Exchange,
    Field,
    Op,
    Pairing,
    PerPartition,
    Reduction,
    Regroup,
    Sink,
    Source,
    picked,
    union,
)
from bagkit.plan.node import Plan, users_of, walk

Roots = tuple[Plan, ...]


def check_passes(*roots: Plan) -> None:
    """Raise PlanError where a pass makes a plan that is not legal, or changes what it must keep."""
    check_legal(roots)
    before = roots
    for rule in PASSES:
        after = optimize(roots, until=rule.__name__)
        check_legal(after)
        check_kept(before, after)
        before = after


def check_legal(roots: Roots) -> None:
    """Raise PlanError unless each plan below `roots` is one that can be run.

    Each op has the inputs that its kind works on, and as many partitions as it says. A chain mark stands on an op that
    chains. A parser that gives anything but records is read only by those who can take that.
    """
    for plan in walk(*roots):
        for fault in _faults(plan):
            raise PlanError(f"check: {plan.op.label} is not legal: {fault}")
    _check_parsers(roots)


def check_kept(before: Roots, after: Roots) -> None:
    """Raise PlanError where a pass has changed what it must keep.

    It keeps how many roots there are, whether each gives a value, and their partitions; each user's function, with what
    happens to records that fail in it; each source, read no more often than before; and the fields that are asked for.
    """
    kinds = [[(root.op.gives_value, root.npartitions) for root in roots] for roots in (before, after)]
    if kinds[0] != kinds[1]:
        raise PlanError(f"check: the roots have changed from {kinds[0]} to {kinds[1]}: (is a value, partitions)")
    had, has = _policies_of_functions(before), _policies_of_functions(after)
    if had != has:
        raise PlanError(f"check: functions, or what happens to records that fail in them: {had} became {has}")
    read, reads = _sources(before), _sources(after)
    if read.keys() != reads.keys() or any(reads[op] > read[op] for op in reads):
        raise PlanError(f"check: sources were read {list(read.values())} times, and are read {list(reads.values())}")
    _check_narrowed(before, after)


def _faults(plan: Plan) -> Iterator[str]:
    op, inputs = plan.op, plan.inputs
    values = [below.op.gives_value for below in inputs]
    expected = next((says for kind, says in _INPUTS if isinstance(op, kind)), None)
    if expected is None:
        yield f"{type(op).__name__} is no kind of op"
    elif not expected(plan, values):
        yield f"it works on {['a value' if value else 'a bag' for value in values] or 'nothing'}"
    elif not op.gives_value and op.npartitions(tuple(below.npartitions for below in inputs)) != plan.npartitions:
        yield f"it has {plan.npartitions} partitions"
    elif isinstance(op, Pairing) and len({below.npartitions for below in inputs[: op.bags]}) > 1:
        yield f"its bags have {[below.npartitions for below in inputs[: op.bags]]} partitions"
    elif isinstance(op, Regroup) and op.picks is not None:
        numbers = range(sum(below.npartitions for below in inputs))
        try:
            count = len(picked(op.picks, numbers))
        except IndexError:
            count = -1
        if count != plan.npartitions:
            yield f"it picks partitions out of {len(numbers)} that are not there"


def _of_bags(plan: Plan, values: list[bool]) -> bool:
    return bool(values) and not any(values)


def _of_one_bag(plan: Plan, values: list[bool]) -> bool:
    return values == [False]


def _of_row(plan: Plan, values: list[bool]) -> bool:
    assert isinstance(plan.op, Pairing)
    bags = plan.op.bags
    return len(values) >= max(bags, 1) and not any(values[:bags]) and all(values[bags:])


def _of_partitions(plan: Plan, values: list[bool]) -> bool:
    assert isinstance(plan.op, Regroup)
    return _of_bags(plan, values) and (plan.op.picks is not None or len(values) == 1)


def _chains(plan: Plan, values: list[bool]) -> bool:
    return values == [False] and isinstance(plan.inputs[0].op, (Source, PerPartition, Pairing))


def _of_its_sink(plan: Plan, values: list[bool]) -> bool:
    assert isinstance(plan.op, SinkPart)
    if len(values) != 1 or not isinstance(plan.inputs[0].op, Sink):
        return False
    return 0 <= plan.op.number < plan.inputs[0].inputs[0].npartitions


_INPUTS: tuple[tuple[type, Callable[[Plan, list[bool]], bool]], ...] = (
    (Source, lambda _plan, values: not values),
    (ChainMark, _chains),
    (PerPartition, _of_one_bag),
    (Pairing, _of_row),
    (Reduction, _of_one_bag),
    (Exchange, _of_bags),
    (Regroup, _of_partitions),
    (Sink, _of_one_bag),
    (SinkPart, _of_its_sink),
    (DelayedCall, lambda _plan, _values: True),
    (Call, lambda _plan, values: all(values)),
)
"""For each kind of op: can it work on its inputs? It is told whether each of them is a value."""


def _check_parsers(roots: Roots) -> None:
    """Raise PlanError for a parser whose records its users do not know how to take."""
    users = users_of(tuple(walk(*roots)))
    for plan in users:
        op = plan.op
        if _attributes_taken(plan) and not _fits(plan, _attributes_given(_under_mark(plan.inputs[0]))):
            label = _under_mark(plan.inputs[0]).op.label
            raise PlanError(f"check: {op.label} takes attributes of {label}, which does not give them")
        given = _attributes_given(plan)
        takers = list(_over_marks(plan, users))
        if given and (plan in roots or not all(_fits(taker, given) or _reads_none(taker.op) for taker in takers)):
            raise PlanError(f"check: {op.label} gives objects to those who do not know them")
        if not isinstance(op, ParseJson):
            continue
        if op.first is not None and not isinstance(_under_mark(plan.inputs[0]).op, Source):
            raise PlanError(f"check: {op.label} does not stand on a source")
        gives = op.attributes if op.plucked is None else op.plucked.keys
        among = op.first if op.fields is ALL else op.fields
        if gives and (among is None or union(among, frozenset(gives)) != among):
            raise PlanError(f"check: {op.label} gives what is not among its fields")


def _check_narrowed(before: Roots, after: Roots) -> None:
    """Raise PlanError for a parser that gives fewer fields than its users asked for before it was told of them."""
    wanted = wanted_of_each(before)
    had, has = [[plan for plan in walk(*roots) if isinstance(plan.op, ParseJson)] for roots in (before, after)]
    for parser, now in zip(had, has, strict=True) if len(had) == len(has) else ():
        assert isinstance(parser.op, ParseJson)
        assert isinstance(now.op, ParseJson)
        asked, fields = wanted[parser] if parser.op.fields is ALL else parser.op.fields, now.op.fields
        if fields is not ALL and (asked is ALL or union(fields, asked) != fields):
            raise PlanError(f"check: {now.op.label} gives less than its users read")


_TAKERS = (MapObjects, FilterObjects, PluckObjects, StarMapObjects)


def _attributes_taken(plan: Plan) -> tuple[Field, ...]:
    """Return the fields that an op looks up as attributes of its records, or of pairs; none if it takes dicts."""
    op = plan.op
    if isinstance(op, _TAKERS):
        return op.way.attributes
    if isinstance(op, MatchObjects):
        return op.attributes
    if isinstance(op, CompleteJson):
        return op.parser.attributes
    if isinstance(op, Flatten):
        return _pairs_given(plan)
    return op.tabling.names if isinstance(op, ToTable) and isinstance(op.tabling, FoldingField) else ()


def _fits(plan: Plan, given: tuple[Field, ...]) -> bool:
    """Say whether an op takes objects with these attributes: a foldby looks at the first two alone."""
    taken = _attributes_taken(plan)
    return taken == (given[:2] if isinstance(plan.op, ToTable) else given)


def _attributes_given(plan: Plan) -> tuple[Field, ...]:
    """Return the fields that are attributes of what an op gives, or of its pairs; none if it gives no objects."""
    op = plan.op
    if isinstance(op, CompleteJson):
        return () if op.parser.fields is ALL else op.parser.attributes
    if isinstance(op, Flatten):
        return _pairs_given(plan)
    if isinstance(op, FilterObjects):
        return op.way.attributes
    return op.attributes if isinstance(op, (ParseJson, MatchObjects)) else ()


def _pairs_given(flatten: Plan) -> tuple[Field, ...]:
    below = _under_mark(flatten.inputs[0]).op
    return below.attributes if isinstance(below, MatchObjects) else ()


def _reads_none(op: Op) -> bool:
    return isinstance(op, Reduction) and op.demand(ALL) == frozenset()


def _under_mark(plan: Plan) -> Plan:
    return plan.inputs[0] if isinstance(plan.op, ChainMark) else plan


def _over_marks(plan: Plan, users: dict[Plan, list[Plan]]) -> Iterator[Plan]:
    for user in users[plan]:
        if isinstance(user.op, ChainMark):
            yield from users[user]
        else:
            yield user


def _policies_of_functions(roots: Roots) -> dict[int, set[str]]:
    """Return for each function of the user's, by its id, what the nearest on_error above says; "" if there is none."""
    policies: dict[Plan, set[str]] = {plan: set() for plan in walk(*roots)}
    for root in roots:
        policies[root].add("")
    found: dict[int, set[str]] = {}
    for plan in reversed(tuple(policies)):
        op = plan.op
        said = {op.policy} if isinstance(op, OnErrorFor) else policies[plan]
        for below in plan.inputs:
            policies[below] |= said
        for function in () if isinstance(op, ParseJson) else op.user_functions():
            if function is not None and not is_standard_loads(function):
                found.setdefault(id(function), set()).update(policies[plan])
    return found


def _sources(roots: Roots) -> Counter[int]:
    """Return how often each source is read; one that leaves out lines is the same, for it reads the same files."""
    return Counter(id(getattr(plan.op, "files", plan.op)) for plan in walk(*roots) if isinstance(plan.op, Source))
