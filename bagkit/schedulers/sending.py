"""What one run sends to its workers: what they take over, works, tasks with their parts and inputs, answers."""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from bagkit.lower.graph import Task, Work
from bagkit.schedulers import transport
from bagkit.schedulers.codec_names import with_error_handlers
from bagkit.schedulers.outgoing import Outgoing
from bagkit.schedulers.questions import answer
from bagkit.schedulers.surroundings import take_surroundings
from bagkit.schedulers.value_store import INLINE_BYTES, ValueStore
from bagkit.warn import warn_at_caller

if TYPE_CHECKING:
    from bagkit.schedulers.pool import WorkerProcess
    from bagkit.user_modules import Version

WARN_BYTES = 100 << 20


class Sending:
    """The messages of one run; mutable, of that run. They go through the workers' sockets when these are flushed.

    The works are pickled when it is made, before anything is sent: what can't be pickled is said at once.
    """

    def __init__(self, tasks: Iterable[Task], values: ValueStore) -> None:
        self._values = values
        self._outgoing = Outgoing()
        self._works: dict[int, int] = {}
        self._messages: list[bytes] = []
        for task in tasks:
            if id(task.work) not in self._works:
                self._works[id(task.work)] = len(self._messages)
                self._messages.append(self._work_message(len(self._messages), task))
        self._surroundings = take_surroundings()
        self._content = self._outgoing.content()

    @property
    def versions(self) -> Mapping[str, Version]:
        """The versions of the user's modules that the works name."""
        return self._outgoing.versions

    def give(self, worker: WorkerProcess, task: Task, number: int, attempt: int) -> None:
        """Send `task` to `worker`, which is free, with what it needs and `worker` does not have."""
        inputs = tuple([self._values[need] for need in task.needs])
        part, work = self._part(task), self._works[id(task.work)]
        worker.tell(transport.SURROUNDINGS, self._surroundings)
        worker.tell(transport.MODULES, self._content)
        worker.give_work(work, self._messages[work], self.versions)
        if self._values.has_directory:
            self.tell_directory(worker)
        message = (number, work, attempt, len(task.keys), self._values.inline_budget, part, inputs)
        worker.give_task(task, marshal.dumps(message))

    def tell_directory(self, worker: WorkerProcess) -> None:
        """Tell `worker` where large values go."""
        worker.tell(transport.DIRECTORY, os.fsencode(self._values.directory()))

    def answer(self, worker: WorkerProcess, kind: int, body: bytes) -> None:
        """Answer a question of a task."""
        worker.send(transport.ANSWER, answer(kind, body, self._outgoing.work))

    def _part(self, task: Task) -> bytes:
        return _pickled(self._outgoing.part, task.part, "the part", transport.name_of(task))

    def _work_message(self, number: int, task: Task) -> bytes:
        def pickled(work: Work) -> bytes:
            return with_error_handlers(self._outgoing.work(work), self._outgoing.work)

        data = self._outgoing.patched(_pickled(pickled, task.work, "the work", task.label))
        if len(data) > WARN_BYTES:
            warn_at_caller(
                f"{task.label}: the functions and what they refer to are {len(data) >> 20} MiB, "
                "which are sent to every worker; hint: load large tables inside of the function",
                UserWarning,
            )
        if len(data) <= INLINE_BYTES:
            return marshal.dumps((number, data))
        return marshal.dumps((number, self._values.write_file(f"work-{number}", data)))


def _pickled(pickled: Callable[[Any], bytes], value: Any, what: str, task: str) -> bytes:
    try:
        return pickled(value)
    except Exception as error:
        from bagkit.schedulers.culprits import not_picklable

        so = "it can't be sent to a worker process; hint: make it inside of the function, or use scheduler='threads'"
        raise not_picklable(value, what, error, so, task or "task") from error
