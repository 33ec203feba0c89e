"""What one run sends to its workers: what they take over, works, tasks with their parts and inputs, answers."""

from __future__ import annotations

import marshal
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bagkit.crossing import transport
from bagkit.crossing.codec_names import with_error_handlers
from bagkit.crossing.outgoing import Outgoing
from bagkit.crossing.pickling import pickled
from bagkit.crossing.questions import QUESTIONS, answer
from bagkit.crossing.surroundings import take_surroundings
from bagkit.errors import TaskError
from bagkit.flow.kept import LET_GO
from bagkit.lower.graph import Task, Work
from bagkit.schedulers.homes import home_of
from bagkit.schedulers.kept_parts import kept_in, may_hold_code, reads_earlier, with_residents
from bagkit.schedulers.value_store import INLINE_BYTES, ValueStore
from bagkit.user_code.purity import may_change
from bagkit.warn import warn_at_caller

if TYPE_CHECKING:
    from bagkit.crossing.transport import Stored
    from bagkit.schedulers.worker_process import WorkerProcess
    from bagkit.user_code.module_loads import Version

WARN_BYTES = 100 << 20
_SO = "it can't be sent to a worker process; hint: make it inside of the function, or use scheduler='threads'"
"""What follows if something can't be pickled."""

Keep = tuple[tuple[str, ...], int]
"""Under which names a worker is to keep what a task makes, and how many bytes these may take."""
NOTHING: Keep = (), 0


class Pickled(bytes):
    """The part of a task that was pickled before, when it was what its user meant."""

    __slots__ = ()


class Sending:
    """The messages of one run; mutable, of that run. They go through the workers' sockets when these are flushed.

    The works are pickled when it is made, before anything is sent: what can't be pickled is said at once.
    """

    def __init__(self, tasks: Iterable[Task], values: ValueStore) -> None:
        self._values = values
        self._outgoing = Outgoing(ours=True)
        tasks = tuple(tasks)
        self._kept = {task.keys[0]: kept for task in tasks if (kept := kept_in(task.part))}
        """What workers keep of the part of a task."""
        self.has_kept = bool(self._kept)
        self._reads_earlier = any(reads_earlier(task.part) for task in tasks)
        self._on_kept = {id(task.work) for task in tasks if task.keys[0] in self._kept}
        self._changing: set[int] = set()
        """The works that may change records of theirs which a worker keeps."""
        self._works: dict[int, int] = {}
        self._held: list[Work] = []
        """The works, so that the id of each stays its own: a client lets go of functions that it has sent."""
        self._messages: list[bytes] = []
        for task in tasks:
            if id(task.work) not in self._works:
                self._learn(task)
        self.renew_surroundings()

    def begin_anew(self) -> None:
        """Take all that this process has as it is now, but for the functions that were sent."""
        self._outgoing.renew()
        self.renew_surroundings()

    def renew_surroundings(self) -> None:
        """Take the surroundings, and the values of the user's modules, as they are now."""
        self._surroundings = take_surroundings()
        self._outgoing.start_over()
        self._renew_content()

    def _renew_content(self) -> None:
        self._content = self._outgoing.content()
        self._met = self._outgoing.met

    def is_current(self) -> bool:
        """Return whether the user's modules are as they were when the works were pickled."""
        return self._outgoing.is_current()

    @property
    def works(self) -> int:
        """How many works there are."""
        return len(self._messages)

    def learn(self, work: Work, part: Any, label: str) -> bytes:
        """Pickle the work of another task, unless it is known, and return the pickle of its part."""
        if id(work) not in self._works:
            self._learn(Task((), work, label=label))
            self._renew_content()
        return pickled(self._outgoing.part, part, "the part", _SO, label or "task")

    def _learn(self, task: Task) -> None:
        message = self._work_message(len(self._messages), task)
        self._works[id(task.work)] = len(self._messages)
        self._held.append(task.work)
        self._messages.append(message)

    @property
    def versions(self) -> Mapping[str, Version]:
        """The versions of the user's modules that the works name."""
        return self._outgoing.versions

    @property
    def kept(self) -> Iterator[str]:
        """The names of the records that tasks need and workers keep."""
        return (kept.name for several in self._kept.values() for kept in several)

    def home(self, task: Task) -> WorkerProcess | None:
        """Return the worker that keeps the most of what `task` needs; None if none does."""
        homes_of_kept = [home_of(kept.name) for kept in self._kept.get(task.keys[0], ())]
        known = Counter(home for home in homes_of_kept if home is not None)
        return known.most_common(1)[0][0] if known else None

    def give(self, worker: WorkerProcess, task: Task, number: int, attempt: int, keep: Keep) -> None:
        """Send `task` to `worker`, which is free, with what it needs and `worker` does not have."""
        inputs = tuple([self._values[need] for need in task.needs])
        if worker.has_unwanted:  # before it is told what to keep, which is to go after that if it is let go of
            worker.send_unwanted()
        part = task.part if type(task.part) is Pickled else self._part(worker, task, inputs, keep[1])
        if self._outgoing.met != self._met:  # a module that no work names: of the class of records
            self._renew_content()
        work = self._works[id(task.work)]
        worker.tell(transport.SURROUNDINGS, self._surroundings)
        worker.tell(transport.MODULES, self._content)
        if self._reads_earlier:
            worker.tell(transport.SINCE, b"%d" % self._outgoing.since)
        worker.give_work(work, self._messages[work], self.versions)
        if self._values.has_directory:
            self._tell_directory(worker)
        message = (number, work, attempt, len(task.keys), self._values.inline_budget, part, inputs, *keep)
        worker.give_task(task, marshal.dumps(message))

    def _tell_directory(self, worker: WorkerProcess) -> None:
        """Tell `worker` where large values go."""
        worker.tell(transport.DIRECTORY, os.fsencode(self._values.directory()))

    def answer(self, worker: WorkerProcess, kind: int, body: bytes) -> bool:
        """Answer a question of a task; return whether it was one."""
        if kind == transport.NEED_DIRECTORY:
            self._tell_directory(worker)
        elif kind in QUESTIONS:
            worker.send(transport.ANSWER, answer(kind, body, self._outgoing))
        else:
            return False
        return True

    def _part(self, worker: WorkerProcess, task: Task, inputs: Iterable[Stored], room: int) -> bytes:
        part = task.part
        if self.has_kept and (several := self._kept.get(task.keys[0])):
            if any(kept.is_released for kept in several):
                raise TaskError(LET_GO)
            changes = id(task.work) in self._changing or any(map(may_hold_code, inputs))
            part = with_residents(part, worker, changes, room, together=len(several) > 1)
        return pickled(self._outgoing.part, part, "the part", _SO, transport.name_of(task))

    def _work_message(self, number: int, task: Task) -> bytes:
        met: list[Any] | None = [] if id(task.work) in self._on_kept else None

        def dumps(work: Work) -> bytes:
            return with_error_handlers(self._outgoing.work(work, met), self._outgoing.work)

        data = self._outgoing.patched(pickled(dumps, task.work, "the work", _SO, task.label or "task"))
        if met is not None and may_change(met):
            self._changing.add(id(task.work))
        if len(data) > WARN_BYTES:
            warn_at_caller(
                f"{task.label}: the functions and what they refer to are {len(data) >> 20} MiB, "
                "which are sent to every worker; hint: load large tables inside of the function",
                UserWarning,
            )
        if len(data) <= INLINE_BYTES:
            return marshal.dumps((number, data))
        return marshal.dumps((number, self._values.write_file(f"work-{number}", data)))
