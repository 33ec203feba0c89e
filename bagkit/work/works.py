"""The works of tasks that do more with records, states and files than a Chain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Any

from bagkit.flow.batches import Batches
from bagkit.flow.buckets import Buckets
from bagkit.flow.report import Report
from bagkit.flow.sample import Sample
from bagkit.light_classes import dataclass
from bagkit.plan.kinds import Call, Op, Reduction, SampledExchange, Sink
from bagkit.sentinels import EMPTY
from bagkit.work.chain import Chain
from bagkit.work.failures import add_place, failed_operation
from bagkit.work.run import TaskRun
from bagkit.work.steps import Value
from bagkit.work.taking import task_room
from bagkit.work.writing import Writing


@dataclass(frozen=True, eq=False)
class Combine:
    """A Work: several states of a reduction into one."""

    reduction: Reduction
    tasks: int = 1
    """How many states come together in one task."""
    memory: int | None = None
    """How many bytes it may hold; None for any number."""

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        room = task_room(report, self.memory, self.tasks)
        return noting(self.reduction, report, lambda: self.reduction.combine(inputs, room))


@dataclass(frozen=True, eq=False)
class Split:
    """A Work: the records of `chain` in equal parts, as many as the last element of the task's part says."""

    chain: Chain

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        *part, count = part
        records = [record for batch in self.chain(part, inputs, report) for record in batch]
        edges = [len(records) * n // count for n in range(count + 1)]
        parts = tuple(Batches([records[a:b]]) for a, b in pairwise(edges))
        return parts if count > 1 else parts[0]


@dataclass(frozen=True, eq=False)
class WithLast:
    """A Work: the records of `chain`, and apart from them the last one: if there is none, what was the last before."""

    chain: Chain
    leading: Callable[[], Sequence[Any]] = tuple
    """Gives the records that come before those."""

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        leading = self.leading()
        batches = [*([leading] if leading else []), *self.chain(part, inputs, report)]
        before = inputs[-1] if isinstance(self.chain.step.inputs[-1].op, Value) else EMPTY
        return Batches(batches), batches[-1][-1] if batches else before


@dataclass(frozen=True, eq=False)
class Write:
    """A Work: writes the records of `chain` to where the last element of its part says, and says what it wrote."""

    chain: Chain
    sink: Sink
    number: int

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        *part, where = part
        run, step = TaskRun(part, inputs, report), self.chain.step
        blocks = run.blocks(step)
        with closing(run), Writing(run, step, self.sink, self.number, where, report) as writing:
            writing.take(blocks)
            return writing.seal()


@dataclass(frozen=True)
class AllWritten(Call):
    """The value of a sink: made of what was written now, and of the partitions that were there already."""

    sink: Sink
    known: tuple[tuple[bool, Any], ...]
    """For each partition whether it was there, and what was written then."""

    opaque = False

    @property
    def label(self) -> str:
        return self.sink.label

    def call(self, values: Sequence[Any]) -> Any:
        new = iter(values)
        return self.sink.result([written if known else next(new) for known, written in self.known])


@dataclass(frozen=True)
class OneWritten(Call):
    """The value of one partition of a sink, which was there already."""

    part: Call
    written: Any

    opaque = False

    @property
    def label(self) -> str:
        return self.part.label

    def call(self, values: Sequence[Any]) -> Any:
        return self.part.call((self.written,))


@dataclass(frozen=True, eq=False)
class Bounding:
    """A Work: from the samples of all tasks, what tells where a record belongs."""

    exchange: SampledExchange
    count: int

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        return noting(self.exchange, report, lambda: self.exchange.bounds(inputs, self.count))


@dataclass(frozen=True, eq=False)
class Cutting:
    """A Work: the prepared records of one task by the partitions that they go to."""

    exchange: SampledExchange
    count: int

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        prepared, bounds = inputs
        buckets = noting(self.exchange, report, lambda: self.exchange.cut(prepared, bounds))
        return Buckets(buckets, self.count)


@dataclass(frozen=True, slots=True, eq=False)
class Sampled:
    """A Work: does `work`, but reads each source for no more than some `seconds`; looks at what there is on the way."""

    work: Callable[[Any, Sequence[Any], Report], Any]
    seconds: float

    def __call__(self, part: Any, inputs: Sequence[Any], report: Report) -> Any:
        report.sample = Sample(self.seconds)
        return self.work(part, inputs, report)


def noting(op: Op, report: Report, function: Callable[[], Any]) -> Any:
    """Return what `function` gives, noting how long it took, and on an error that it was in `op`."""
    report.begin()
    figures = report.next_step()
    try:
        value = function()
    except Exception as error:
        add_place(error, None, failed_operation(error, [op]))
        raise
    finally:
        report.close_files()
    figures.note(0, 0)
    return value
