"""Our tasks in graphs for dask, and how they travel.

Schedulers of distributed have a process of their own, which unpickles what tasks are and can't import the user's
modules. So what a task does stays bytes until it runs. A work that many tasks share is a value of the graph of its own
(`SharedWork`), which dask brings to each worker once; what a task has for itself is some dozens of bytes.
"""

from __future__ import annotations

import marshal
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from bagkit.flow.report import Report
from bagkit.front_doors import front_door
from bagkit.lower.calls import Calls
from bagkit.lower.graph import Task, Work

if TYPE_CHECKING:
    from bagkit.lazy.dask_files import Leaving

MANY = 16
"""A work of more tasks than that is a value of its own."""
SMALL_PART = 1 << 16
"""What a task has for itself is compressed, where it is no longer than that."""
_NO_HEADER = -15

report_of_run: ContextVar[Report | None] = ContextVar("the report of the task that runs", default=None)
"""The report that our scheduler takes; None where another scheduler calls."""

SealedWork = tuple[tuple[str, int], bytes]
Common = tuple[int, str, bool, "Leaving | None", bytes, SealedWork | None]
"""What tasks have in common: how many values they give, their label, whether those are for dask, how they use files,
what their parts are like, and their work, unless that is a value of its own."""


class Seal:
    """Makes bytes of works and parts, a work once; mutable, of one graph."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        from bagkit.crossing.outgoing import Outgoing

        self._outgoing = Outgoing(tracked=True)
        self._works: dict[int, tuple[SealedWork, Work]] = {}  # the work is held on to, so its id stays its own
        self._commons: dict[Any, Common] = {}
        self._uses = Counter([id(task.work) for task in tasks if not isinstance(task.work, Calls)])
        self._shared: WeakValueDictionary[int, SharedWork] = WeakValueDictionary()
        """What tasks hold: it holds this, and no circle is to keep a graph until the collector comes."""
        self._numbers = count()

    def shared(self, task: Task) -> SharedWork | None:
        """Return what the work of `task` is in the graph; None where few tasks have it, which bring it along."""
        work = task.work
        if self._uses[id(work)] <= MANY:
            return None
        shared = self._shared.get(id(work))
        if shared is None:
            shared = self._shared[id(work)] = SharedWork(work, self, next(self._numbers))
        return shared

    def work(self, work: Work) -> SealedWork:
        """Return `work` as a key, by which a process knows it, and bytes."""
        if id(work) not in self._works:
            key = (self._outgoing.run, len(self._works))
            self._works[id(work)] = ((key, self._outgoing.work_with_content(work)), work)
        return self._works[id(work)][0]

    def part(self, part: Any, number: int) -> bytes:
        """Return the part of a task, and its number, as bytes."""
        return marshal.dumps((self._outgoing.part(part), number))

    def common(self, width: int, name: str, gives_partition: bool, leaving: Leaving | None, work: Work | None) -> Any:
        """Return a function of the first part of a task: what it has in common with others, the same object for all."""
        known = width, name, gives_partition, leaving, id(work)

        def made(part: bytes) -> Common:
            if known not in self._commons:
                sealed = None if work is None else self.work(work)
                like = part if len(part) <= SMALL_PART else b""
                self._commons[known] = (width, name, gives_partition, leaving, like, sealed)
            return self._commons[known]

        return made


class SharedWork:
    """A task of dask's, without needs, that gives a work to the tasks that share it: itself."""

    def __init__(self, work: Work, seal: Seal, number: int) -> None:
        self.number = number
        """By which it is known in its graph."""
        self._work = work
        self._seal = seal

    def __reduce__(self) -> tuple[Any, ...]:
        return SentWork, (self._seal.work(self._work),)

    def __call__(self) -> SharedWork:
        return self


class SentWork:
    """A SharedWork in another process; it stays bytes until a task wants it."""

    def __init__(self, sealed: SealedWork) -> None:
        self.sealed = sealed

    def __call__(self) -> SentWork:
        return self


class RunTask:
    """A task of ours as a function of what it needs. It travels as bytes, which it opens when it is called.

    If its work is a value of its own, that is the first thing it needs.
    """

    _is_sent = False

    def __init__(
        self, task: Task, number: int, seal: Seal, gives_partition: bool = False, leaving: Leaving | None = None
    ) -> None:
        self.shared_work = seal.shared(task)
        self._leaving = leaving
        self._work = task.work
        self._gives_partition = gives_partition
        """Whether dask takes its value: for dask a partition is a list of records."""
        self._part = task.part
        self._width = len(task.keys)
        self._name = task.label or "task"
        self._number = number
        """In its graph: no two tasks draw the same random numbers."""
        self._seal = seal

    def __reduce__(self) -> tuple[Any, ...]:
        part = self._seal.part(self._part, self._number)
        work = None if self.shared_work is not None else self._work
        common = self._seal.common(self._width, self._name, self._gives_partition, self._leaving, work)(part)
        return SentTask, (common, packed(part, common[4]))

    @property
    def is_call(self) -> bool:
        """Whether it is of a delayed call."""
        return isinstance(self._work, Calls)

    @front_door
    def __call__(self, *inputs: Any) -> Any:
        report = report_of_run.get()
        if report is not None:
            return self.run(inputs, report)
        from bagkit.diagnostics.failure_log import FailureLog

        report, log = Report(), FailureLog()
        value = self.run(inputs, report)
        log.take(report.skipped, report.failures)
        log.warn(streamed=True)  # in the worker: nobody collects what tasks say beside their values
        return value

    def run(self, inputs: Sequence[Any], report: Report) -> Any:
        """Return the value, or the tuple of the values of several keys."""
        return self._called(inputs if self.shared_work is None else inputs[1:], report)

    def _called(self, inputs: Sequence[Any], report: Report) -> Any:
        from bagkit.schedulers.sync import all_kept, call_here

        keep: Callable[[Any], Any] = all_kept
        if self._leaving is not None:
            # Objects stay objects in the process that has made the graph, and schedulers of ours know what to do.
            as_bytes = self._is_sent and report.directory is None
            inputs, keep = self._leaving.begin(inputs, report), self._leaving.store(keep, as_bytes)
        values = call_here(self._work, self._part, inputs, report, self._width, self._name, keep)
        if self._gives_partition:
            return [record for batch in values[0] for record in batch]
        return values[0] if self._width == 1 else values

    def __repr__(self) -> str:
        return self._name


class SentTask(RunTask):
    """A RunTask in another process, where it may be sent on."""

    _is_sent = True

    def __init__(self, common: Common, part: bytes) -> None:
        self._common = common
        self._packed = part
        self._width, self._name, self._gives_partition, self._leaving, _, _ = common

    def __reduce__(self) -> tuple[Any, ...]:
        return SentTask, (self._common, self._packed)

    def run(self, inputs: Sequence[Any], report: Report) -> Any:
        """Open what it is to do, and do it."""
        from bagkit.crossing.generators import seed_generators
        from bagkit.crossing.transport import loads
        from bagkit.schedulers.elsewhere import unpickled

        like, sealed = self._common[4:]
        if sealed is None:
            first, *inputs = inputs
            # Where dask has called it in the process that made it, it has not become bytes.
            sealed = first.sealed if isinstance(first, SentWork) else first.__reduce__()[1][0]
        key, work = sealed
        part, number = marshal.loads(unpacked(self._packed, like))
        self._work, self._part = unpickled(key, work), loads(part)
        seed_generators(str(number))
        return self._called(inputs, report)


def packed(part: bytes, like: bytes) -> bytes:
    """Return `part` compressed, as what differs from one that is like it; large ones as they are, with a mark.

    >>> text = b"partition 1 (logs/2026-11-27.json.gz)"
    >>> len(packed(text.replace(b"1 ", b"2 "), text)) < 20
    True
    """
    if len(part) > SMALL_PART:
        return b"=" + part
    press = zlib.compressobj(wbits=_NO_HEADER, zdict=like) if like else zlib.compressobj(wbits=_NO_HEADER)
    return b"~" + press.compress(part) + press.flush()


def unpacked(data: bytes, like: bytes) -> bytes:
    """Return what `packed` was given.

    >>> unpacked(packed(b"one part", b"another part"), b"another part")
    b'one part'
    """
    if data[:1] == b"=":
        return data[1:]
    press = zlib.decompressobj(_NO_HEADER, zdict=like) if like else zlib.decompressobj(_NO_HEADER)
    return press.decompress(data[1:]) + press.flush()
