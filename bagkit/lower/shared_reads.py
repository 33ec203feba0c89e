"""One read for several answers: reductions over the same records are one task a partition, which reads them once.

    compute(b.count(), b.pluck("age").max())        read_text ─ parse_json ─┬─ count
                                                                            └─ pluck('age') ─ max

The records come in runs. Each reduction takes a run as if it were a partition, through the ops that are its own. The
states of the runs are combined in the end. So no record is kept longer than its run, and none is sent anywhere. That is
done where no op can tell where a partition begins, and where all who use the records reduce them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bagkit.kernels.report import Report
from bagkit.kernels.stream import Block
from bagkit.lower.chain import USER_ERRORS, Chain, Run, Step
from bagkit.lower.works import Combine
from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import PerPartition, Reduction, Source
from bagkit.plan.node import Plan, walk

RUN_RECORDS = 8192
"""Records of a run, at the least; what combining a state costs is little beside what they cost."""


@dataclass(frozen=True, slots=True)
class SharedRead:
    """A plan whose records only reductions use, and those."""

    records: Plan
    reductions: tuple[Plan, ...]


def shared_reads(uses: Mapping[Plan, int], policies: Mapping[Plan, str]) -> dict[Plan, SharedRead]:
    """Return for each reduction, and for the records that it shares with others, what they share.

    `uses` says how many use each plan, roots counted too; `policies` what happens to records that fail.
    """
    users: dict[Plan, list[Plan]] = {}
    for plan in uses:
        for below in plan.inputs:
            users.setdefault(below, []).append(plan)
    found: dict[Plan, SharedRead] = {}
    for plan, count in uses.items():
        if count < 2 or not isinstance(plan.op, (ChainMark, PerPartition, Source)):
            continue
        if isinstance(plan.op, Source) and plan.op.in_memory:
            continue  # there is nothing to read
        ends = [_reduction_above(user, uses, users) for user in users.get(plan, ())]
        reductions = tuple(end for end in ends if end is not None)
        if len(reductions) == count and all(policies[each] == "raise" for each in (*walk(plan), *reductions)):
            shared = SharedRead(plan, reductions)
            found.update(dict.fromkeys((plan, *reductions), shared))
    return found


def _reduction_above(plan: Plan, uses: Mapping[Plan, int], users: Mapping[Plan, list[Plan]]) -> Plan | None:
    """Return the reduction that `plan` leads to, if none of what is between can tell where a partition begins."""
    while not isinstance(plan.op, Reduction):
        by_record = isinstance(plan.op, ChainMark) or (
            isinstance(plan.op, PerPartition) and plan.op.elementwise and not plan.op.policy
        )
        if not by_record or uses[plan] != 1 or plan not in users:
            return None
        (plan,) = users[plan]
    return plan if plan.op.elementwise else None


@dataclass(frozen=True, eq=False)
class Several:
    """A Work: the states of the reductions of `chains`, over the records of `step`, which is below each of them."""

    step: Step
    chains: tuple[Chain, ...]

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        states: list[list[Any]] = [[] for _ in self.chains]
        for blocks in self._runs(Run(part, inputs, report), report):
            for chain, made in zip(self.chains, states, strict=True):
                made.append(chain((), (), report, (self.step, blocks)))
        return tuple(map(self._combined, self.chains, states, [report] * len(states)))

    def _runs(self, run: Run, report: Report) -> Iterator[list[Block]]:
        """Yield the blocks of the records run by run; at least one run, which may be empty."""
        waiting: list[Block] = []
        blocks = run.blocks(self.step)
        ended = False
        while not ended:
            try:
                block = next(blocks, None)
            except USER_ERRORS as error:
                Chain(self.step).fail(error, run)
            if block is not None:
                report.read(block.nbytes)
                waiting.append(replace(block, nbytes=0))
            ended = block is None
            if ended or sum(len(each.records) for each in waiting) >= RUN_RECORDS:
                yield waiting
                waiting = []

    @staticmethod
    def _combined(chain: Chain, states: list[Any], report: Report) -> Any:
        assert isinstance(chain.end, Reduction)
        return states[0] if len(states) == 1 else Combine(chain.end)(None, states, report)
