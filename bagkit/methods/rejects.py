"""Methods that keep records which fail: as a bag of their own, beside the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NotRequired, TypedDict, TypeVar

from bagkit.errors import Violation
from bagkit.lazily import Lazily
from bagkit.methods.making import Making, T_co
from bagkit.plan.kinds import Op, Pairing, PerPartition, Returning, Scan, Source
from bagkit.plan.node import Plan
from bagkit.plan.split_errors import Bad, Choosing, Described, Good, SplitErrors

if TYPE_CHECKING:
    from bagkit.bag import Bag, Rejects
    from bagkit.ops import regroup
    from bagkit.ops import rejects as ops
else:
    ops = Lazily("bagkit.ops.rejects")
    regroup = Lazily("bagkit.ops.regroup")

U = TypeVar("U")


class Reject(TypedDict):
    """A record that failed, as a record of `bad` in `good, bad = bag.split_errors()`.

    Attributes:
        error: The name of the exception's type: `"ValueError"`.
        message: The exception's text.
        operation: The operation in which it failed: `"map(clean)"`.
        path: Its file, or words for a source that is not a file. None if it is not known.
        line: Its line in the file, counted from 1. None if there are no lines.
        offset: Where its line begins in the uncompressed file, in bytes.
        index: Its number in its partition, counted from 0, if there are no lines.
        partition: The number of its partition.
        input: The record as it was read: the line of the file, or the element.
        record: The record as the operation got it. None for an iterator, which gives nothing a second time.
        step: The number of the operation in the plan, counted from 0; None where it is not known.
        violations: What `validate` found wrong with it, a `Violation` each; an empty list for all other errors.
        record_repr: Only where `record` is None because it was an iterator, or because JSON has no such record: its
            text. `retry` begins with `input` then.
        elements: Only where some elements of the record came through before it failed, as with a generator in
            `flat_map`: how many. They are in `good`, and `retry` gives those behind them.

    >>> import bagkit as bk
    >>> good, bad = bk.from_sequence(["1", "two"]).map(int).split_errors()
    >>> reject: bk.Reject = bad.compute(scheduler="sync")[0]
    >>> reject["input"], reject["error"]
    ('two', 'ValueError')
    """

    error: str
    message: str
    operation: str
    path: str | None
    line: int | None
    offset: int | None
    index: int | None
    partition: int | None
    input: Any
    record: Any
    step: int | None
    violations: list[Violation]
    record_repr: NotRequired[str]
    elements: NotRequired[int]


class KeepingRejects(Making[T_co]):
    """Methods that keep records which fail."""

    __slots__ = ()

    def split_errors(self) -> tuple[Bag[T_co], Rejects[T_co]]:
        """Split the bag into the records that come through, and the records that fail on the way.

        It covers the operations before it that work record by record, back to one that does not, such as `groupby` or
        `map_partitions`. `bagkit.compute(good, bad)` reads each record once and calls each function once with it, and
        so does a `compute` of two things that are made of them. Computing one after the other takes two runs.

        Returns:
            A pair of bags, `good, bad`, with the same partitions. `good` has the records that do not fail, in order.
            `bad` has a `Reject` for each that fails: its input, its place, the operation and the error.

        >>> import bagkit as bk
        >>> good, bad = bk.from_sequence(["1", "two", "3"]).map(int).split_errors()
        >>> records, rejects = bk.compute(good, bad, scheduler="sync")
        >>> records, rejects[0]["input"], rejects[0]["operation"]
        ([1, 3], 'two', 'map(int)')
        """
        split = split_plan(self.plan)
        return self._bag(_chosen(split, Good())), self._rejects(_described(split), split)

    def _rejects(self, plan: Plan, split: Plan) -> Rejects[Any]:
        raise NotImplementedError  # Bag has it: the class of rejects is a Bag itself


def split_plan(plan: Plan) -> Plan:
    """Return the plan that gives the records of `plan`, and what fails on the way: of each bag of a concat alone.

    The operations are copied. So what else is made of the same bag shares none of them, and fails as it did.
    """
    chain: list[Plan] = []
    while _by_record(plan.op):
        chain.append(plan)
        plan = plan.inputs[0]
        if isinstance(chain[-1].op, Returning):
            break
    if isinstance(plan.op, Source):
        below = Plan(plan.op)
    elif isinstance(plan.op, regroup.Concat):
        return Plan(plan.op, tuple([split_plan(_copied(chain, bag)) for bag in plan.inputs]))
    else:
        below = plan
    written: tuple[Op, ...] = tuple([each.op for each in reversed(chain)])
    return Plan(SplitErrors(written), (_copied(chain, below),))


def _by_record(op: Op) -> bool:
    """Return whether `op` works on the records of one bag one by one."""
    if isinstance(op, Pairing):
        return op.bags == 1 and bool(op.per_record) and not isinstance(op, Scan)
    return isinstance(op, PerPartition) and bool(op.per_record) and not isinstance(op, (Choosing, Described))


def _copied(chain: list[Plan], below: Plan) -> Plan:
    for each in reversed(chain):
        below = Plan(each.op, (below, *each.inputs[1:]))
    return below


def _chosen(split: Plan, op: Choosing) -> Plan:
    if isinstance(split.op, SplitErrors):
        return Plan(op, (split,))
    return Plan(split.op, tuple([_chosen(each, op) for each in split.inputs]))


def _described(split: Plan) -> Plan:
    if isinstance(split.op, SplitErrors):
        return Plan(Described(), (Plan(Bad(), (split,)),))
    return Plan(split.op, tuple([_described(each) for each in split.inputs]))


def for_json_plan(rejects: Plan) -> Plan:
    """Return the plan of what `rejects` gives, as JSON has it."""
    return Plan(ops.ForJson(), (rejects,))
