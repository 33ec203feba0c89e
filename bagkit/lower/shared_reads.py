"""One read for several answers: whatever works on the same records one by one is one task a partition, with one read.

    compute(b.count(), b.pluck("age").max(), b.pluck("name"))

        read_text ─ parse_json ─┬─ count
                                ├─ pluck('age') ─ max
                                └─ pluck('name') ─ leaves the task, a batch at a time

Each consumer takes each block of records, through the ops that are its own. So no record is kept longer than its block,
and none is pickled for others. What needs whole partitions, or a value that is made of the same records, gets the
records from that task as before: they are one more output. Where the ways meet again (`zip` of two fields of one bag)
and nothing else uses the records, both ways are steps of one task, on which others can follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from bagkit.lazily import Lazily
from bagkit.light_classes import dataclass
from bagkit.ops.reductions import CustomReduction
from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import Completion, Exchange, MemorySource, Pairing, PerPartition, Reduction, Scan, Sink, Source
from bagkit.plan.node import Plan, users_of, walk

grouping = Lazily("bagkit.ops.grouping")

Writable = Callable[[Sink], bool]
"""Says of a sink whether all its partitions are to be written now."""


@dataclass(frozen=True, slots=True)
class SharedRead:
    """Records with several users, and everything that is made of them in the same task."""

    records: Plan
    inner: tuple[Plan, ...]
    """What works on the records one by one, inputs before what is made of them."""
    ends: tuple[Plan, ...]
    """What takes all records of a task: reductions, exchanges, sinks."""
    outs: tuple[Plan, ...]
    """Plans whose records leave the task: `records` itself, or some of `inner`."""
    alike: bool
    """Whether it can't be seen where a partition begins: so tasks may have parts of one, or several."""


@dataclass(frozen=True, slots=True)
class Meeting:
    """Records whose users all lead to one pairing, and the steps on the way; the last step is the pairing."""

    records: Plan
    inner: tuple[Plan, ...]


class _Users:
    """Who uses each plan below the roots; frozen once made."""

    def __init__(self, uses: Mapping[Plan, int]) -> None:
        self.uses = uses
        self.order = {plan: number for number, plan in enumerate(uses)}
        self.of = users_of(uses)

    def roots(self, plan: Plan) -> int:
        """Return how many times `plan` is a root."""
        return self.uses[plan] - len(self.of[plan])


def shared_reads(
    uses: Mapping[Plan, int], policies: Mapping[Plan, str], *, exact: bool, writable: Writable
) -> tuple[dict[Plan, SharedRead], dict[Plan, Meeting]]:
    """Return for each end and each output of a shared read what it shares, and for each pairing the ways that meet.

    `uses` says how many use each plan, roots counted too; `policies` what happens to records that fail. With `exact`
    the roots are wanted in the partitions that users see.
    """
    users = _Users(uses)
    reads: dict[Plan, SharedRead] = {}
    meetings: dict[Plan, Meeting] = {}
    done: set[Plan] = set()
    for plan in uses:  # what is below comes first, and has what is above it in its task
        if uses[plan] < 2 or plan in done or not _can_be_shared(plan):
            continue
        above = _above(plan, users, policies, writable)
        meeting = _meeting(plan, above, users)
        if meeting is not None:
            meetings[meeting.inner[-1]] = meeting
            done.update(meeting.inner[:-1])
            continue
        read = _shared_read(plan, above, users, exact)
        if read is not None:
            reads.update(dict.fromkeys((*read.ends, *read.outs), read))
            done.update(read.inner)
    return reads, meetings


def _can_be_shared(plan: Plan) -> bool:
    if isinstance(plan.op, MemorySource):
        return False  # there is nothing to read
    return isinstance(plan.op, (ChainMark, PerPartition, Source))


@dataclass(frozen=True, slots=True)
class _Above:
    """What can run in the task that makes some records, in the order of the plan."""

    inner: tuple[Plan, ...]
    ends: tuple[Plan, ...]


def _above(records: Plan, users: _Users, policies: Mapping[Plan, str], writable: Writable) -> _Above:
    """Return all steps that work on `records` one by one, whether they lead anywhere or not, and their consumers."""
    inside, ends = {records: True}, list[Plan]()
    waiting = [(users.order[plan], plan) for plan in dict.fromkeys(users.of[records])]
    heapify(waiting)  # numbers differ, so plans are not compared
    seen = {plan for _, plan in waiting}
    while waiting:
        _, plan = heappop(waiting)
        bags = plan.inputs[: plan.op.bags] if isinstance(plan.op, Pairing) else plan.inputs
        if not bags or not all(map(inside.__contains__, bags)):
            continue
        if _by_record(plan, users.uses) and not any(_waits(value, users.uses) for value in plan.inputs[len(bags) :]):
            inside[plan] = True
            for user in users.of[plan]:
                if user not in seen:
                    seen.add(user)
                    heappush(waiting, (users.order[user], user))
        elif _takes_all(plan, writable):
            ends.append(plan)
    del inside[records]
    return _Above(tuple(inside), _without_sinks_that_lose(ends, (records, *inside), policies))


def _takes_all(plan: Plan, writable: Writable) -> bool:
    op = plan.op
    if isinstance(op, Sink):
        return writable(op)
    if isinstance(op, CustomReduction) or grouping.has_made(op, "OtherSide"):
        return False  # the first wants them all at once, the other keeps them: in the task that reads this takes longer
    return isinstance(op, (Exchange, Reduction))


def _without_sinks_that_lose(
    ends: Sequence[Plan], below: Sequence[Plan], policies: Mapping[Plan, str]
) -> tuple[Plan, ...]:
    """Return `ends` without sinks where records may be left out: each has to know how many are missing in its files."""
    if all(policies[plan] == "raise" for plan in (*below, *ends)):
        return tuple(ends)
    return tuple([plan for plan in ends if not isinstance(plan.op, Sink)])


def _by_record(plan: Plan, uses: Mapping[Plan, int]) -> bool:
    """Return whether `plan` works on records one by one, so that it can do so block by block beside others."""
    op = plan.inputs[0].op if isinstance(plan.op, ChainMark) else plan.op
    if isinstance(op, (PerPartition, Pairing)) and op.per_record == "many" and uses[plan] > 1:
        return False  # what several use is made for a whole block, and this may be much
    if isinstance(plan.op, ChainMark):
        return True
    if isinstance(op, Pairing):
        return bool(op.per_record) and not op.read_first and not isinstance(op, Scan)
    return isinstance(op, PerPartition) and bool(op.per_record) and not isinstance(op, Completion)


def _waits(value: Plan, uses: Mapping[Plan, int]) -> bool:
    """Return whether a value may be made of what shares a read: a task of it can't wait for its own result."""
    return any(uses[plan] > 1 and not (isinstance(plan.op, MemorySource)) for plan in walk(value))


def _meeting(records: Plan, above: _Above, users: _Users) -> Meeting | None:
    """Return the first pairing to which all ways from `records` lead, if there is one, and these ways."""
    if users.roots(records):
        return None
    for number, top in enumerate(above.inner):
        if not isinstance(top.op, Pairing):
            continue
        needed = {top}
        for plan in reversed(above.inner[:number]):
            if not needed.isdisjoint(users.of[plan]):
                needed.add(plan)
        between = (records, *[plan for plan in above.inner[:number] if plan in needed])
        allowed = {*between[1:], top}
        if all(not users.roots(plan) and allowed.issuperset(users.of[plan]) for plan in between):
            return Meeting(records, (*between[1:], top))
    return None


def _shared_read(records: Plan, above: _Above, users: _Users, exact: bool) -> SharedRead | None:
    kept: set[Plan] = set(above.ends)
    for plan in reversed(above.inner):  # what is used only by something outside runs there, as far as it is asked for
        if users.uses[plan] > 1 or users.roots(plan) or kept.issuperset(users.of[plan]):
            kept.add(plan)
    if not kept:
        return None
    inner = tuple(plan for plan in above.inner if plan in kept)
    outs = tuple(plan for plan in (records, *inner) if users.roots(plan) or not kept.issuperset(users.of[plan]))
    seen = exact or any(not kept.issuperset(users.of[plan]) for plan in outs)
    alike = not (outs and seen) and not any(_shows_partitions(plan) for plan in (*inner, *above.ends))
    return SharedRead(records, inner, above.ends, outs, alike)


def _shows_partitions(plan: Plan) -> bool:
    op = plan.op
    if isinstance(op, Reduction):
        return op.when_cut == "other"
    return isinstance(op, Sink) or (isinstance(op, Pairing) and op.bags > 1)
