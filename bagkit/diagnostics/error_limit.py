"""Ends a run when more records have failed than `max_errors` allows."""

from __future__ import annotations

from collections.abc import Collection

from bagkit.diagnostics.events import Event, Key, TaskFinished, TaskProgressed, WorkerLost
from bagkit.errors import too_many_errors
from bagkit.option_values import share

JUDGED = 1000
"""Records that must have been read before a share of them is judged, while the run goes on."""


class ErrorLimit:
    """Counts records that were left out, over all tasks of a run; mutable, of that run.

    Tasks that go on count as far as they have told; one that begins again, because its worker is lost, from nothing.
    """

    essential = True
    """What it raises ends the run."""

    def __init__(self, most: int | str, readers: Collection[Key]) -> None:
        self._most = most
        self._readers = set(readers)
        """The tasks that read records, and are not done."""
        self._lost = self._records = 0  # of tasks that are done
        self._running: dict[Key, tuple[int, int]] = {}
        self._first = ""

    def emit(self, event: Event) -> None:
        """Take note of `event`; raise TooManyErrorsError where too many records were left out by now."""
        match event:
            case TaskProgressed():
                self._running[event.key] = event.lost, event.records
                self._first = self._first or event.failure
            case TaskFinished():
                self._running.pop(event.key, None)
                self._readers.discard(event.key)
                self._lost += event.skipped + sum(
                    [failure.collected and not failure.is_damage for failure in event.failures]
                )
                self._records += sum([step.records_out for step in event.steps if step.reads])
                if event.failures and not self._first:
                    self._first = str(event.failures[0])
            case WorkerLost():
                self._running.pop(event.key, None)
                return
            case _:
                return
        self._judge()

    def _judge(self) -> None:
        lost = self._lost + sum([one for one, _ in self._running.values()])
        if isinstance(self._most, int):
            if lost > self._most:
                raise too_many_errors(lost, "", self._most, self._first)
            return
        records = self._records + sum([one for _, one in self._running.values()])
        if lost > share(self._most) * records and (records >= JUDGED or not self._readers):
            raise too_many_errors(lost, f" of {records:,} ({lost / max(records, 1):.2%})", self._most, self._first)
