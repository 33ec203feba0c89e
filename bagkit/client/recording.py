"""Tells recorders of the calls that a client runs in its workers, as runs tell them of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bagkit.diagnostics.events import (
    Event,
    RunFinished,
    RunStarted,
    TaskAdded,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    WorkerLost,
    WorkerSaid,
)
from bagkit.diagnostics.observer import Observers, Recorder, recorders
from bagkit.errors import notes_of, text_of
from bagkit.visible import visible

if TYPE_CHECKING:
    from bagkit.client.backlog import Entry


class CallRecord:
    """What is told of the calls of one client; mutable, of its thread. Nothing is done while nobody listens."""

    def __init__(self) -> None:
        self._recorders: tuple[Recorder, ...] = ()
        self._observers: dict[int, Observers] = {}
        """For each recorder, by its id, who hears of the calls."""

    def _emit(self, event: Event, workers: int = 0) -> None:
        if self._recorders is not recorders():
            self._recorders = recorders()
            known = self._observers
            self._observers = {}
            for recorder in self._recorders:
                if id(recorder) not in known:
                    known[id(recorder)] = Observers([recorder.begin(None)])
                    known[id(recorder)].emit(RunStarted(0, 0, "client", workers))
                self._observers[id(recorder)] = known[id(recorder)]
        for observer in self._observers.values():
            observer.emit(event)

    def add(self, entry: Entry, workers: int) -> None:
        """Tell of a call that was submitted."""
        if self._observers or recorders():
            self._emit(TaskAdded(entry.key, entry.task.label), workers)

    def start(self, entry: Entry, worker: int) -> None:
        """Tell that a worker has been given a call."""
        if self._observers:
            self._emit(TaskStarted(entry.key, entry.task.label, worker))

    def finish(self, entry: Entry, worker: int, start: float, stop: float) -> None:
        """Tell that a call has ended well."""
        if self._observers:
            label = entry.task.label
            self._emit(TaskFinished(entry.key, label, worker, start, stop, 0, 0, 0, (), labels=(label,)))

    def fail(self, entry: Entry, worker: int, error: BaseException) -> None:
        """Tell that a call has failed."""
        if self._observers:
            message = f"{type(error).__name__}: {visible(text_of(error))}"
            self._emit(TaskFailed(entry.key, entry.task.label, worker, message, tuple(notes_of(error))))

    def lose(self, entry: Entry, worker: int, code: int | None, attempt: int) -> None:
        """Tell that a worker has died."""
        if self._observers:
            self._emit(WorkerLost(worker, entry.key, code, attempt))

    def say(self, body: bytes, worker: int) -> None:
        """Tell what a worker has said."""
        if self._observers:
            self._emit(WorkerSaid(worker, body))

    def end(self) -> None:
        """Tell that the client is closed."""
        if self._observers:
            self._emit(RunFinished(ok=True))
