"""What is known of the partitions of a bag before it is read, and as a bag of its own beside it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from bagkit.io.input.memory import FromSequence
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Pairing, PerPartition, Regroup, Source, picked, repartitioned
from bagkit.plan.node import Plan, walk
from bagkit.visible import without_secrets

Paths = tuple[str, ...]
_PATHS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class PartitionInfo:
    """Tells a function of `map_partitions_with_info` which partition it has.

    Attributes:
        index: The number of the partition, from 0.
        npartitions: How many partitions the bag has.
        paths: The files that the partition is read from. Empty if records are in memory, or if each partition has
            records of the whole bag.

    >>> import bagkit as bk
    >>> bk.range(4, npartitions=2).map_partitions_with_info(lambda records, info: [info]).compute(scheduler="sync")
    [PartitionInfo(index=0, npartitions=2, paths=()), PartitionInfo(index=1, npartitions=2, paths=())]
    """

    index: int
    """Counted from 0."""
    npartitions: int
    paths: Paths = ()
    """The files it is read from; none where records are in memory, or come from all partitions."""

    def __repr__(self) -> str:
        more = len(self.paths) - _PATHS_SHOWN
        paths = repr(self.paths) if more <= 0 else f"({str(list(self.paths[:_PATHS_SHOWN]))[1:-1]}, … {more:,} more)"
        return f"PartitionInfo(index={self.index}, npartitions={self.npartitions}, paths={without_secrets(paths)})"


def with_info(plan: Plan) -> Plan:
    """Return the plan of a bag of PartitionInfos: in each partition one record, about the same partition of `plan`."""
    infos = partition_infos(plan)
    return Plan(FromSequence("partitions", infos, (1,) * len(infos)))


def partition_infos(plan: Plan) -> tuple[PartitionInfo, ...]:
    """Return what is known of each partition of `plan`."""
    known: dict[Plan, list[Paths]] = {}
    for below in walk(plan):
        known[below] = _paths(below, known)
    return tuple(PartitionInfo(index, plan.npartitions, paths) for index, paths in enumerate(known[plan]))


def _paths(plan: Plan, known: dict[Plan, list[Paths]]) -> list[Paths]:
    op, inputs = plan.op, [known[below] for below in plan.inputs]
    if isinstance(op, Source):
        return [_unique(getattr(piece, "path", None) for piece in pieces) for pieces in op.pieces()]
    if isinstance(op, PerPartition):
        return inputs[0]
    if isinstance(op, Pairing) and op.bags:
        return [_of_all(row) for row in zip(*inputs[: op.bags], strict=True)]
    if isinstance(op, Regroup) and op.picks is not None:
        return picked(op.picks, list(chain.from_iterable(inputs)))
    if isinstance(op, Regroup) and len(inputs) == 1:
        return repartitioned(inputs[0], plan.npartitions, _of_all, lambda paths, number, count: paths)
    return [()] * plan.npartitions


def _of_all(several: Iterable[Paths]) -> Paths:
    return _unique(chain.from_iterable(several))


def _unique(paths: Any) -> Paths:
    return tuple(dict.fromkeys(path for path in paths if path))
