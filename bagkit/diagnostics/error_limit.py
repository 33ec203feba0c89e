"""Ends a run when more records have failed than `max_errors` allows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bagkit.diagnostics.events import Event, Key, TaskFinished, TaskProgressed, WorkerLost
from bagkit.errors import too_many_errors
from bagkit.option_values import share

JUDGED = 1000
"""Records that must have been read before a share of them is judged, while the run goes on."""


class ErrorLimit:
    """Counts records that were left out, over all tasks of a run; mutable, of that run.

    Tasks that go on count as far as they have told; one that begins again, because its worker is lost, from nothing.
    One that reads a part of a file counts when the parts before it are done: only then is it known that they end where
    it has begun. Otherwise the run begins anew, and what it has read there are no records.
    """

    essential = True
    """What it raises ends the run."""

    def __init__(self, most: int | str, readers: Collection[Key], turns: Mapping[Key, Key]) -> None:
        """`readers` are the tasks that read records; `turns` has for a task the one whose turn is just before its."""
        self._most = most
        self._share = share(most) if isinstance(most, str) else 0
        self._before = turns
        self._after = {before: key for key, before in turns.items()}
        self._readers = set(readers)
        """The tasks that read records, and are not done."""
        self._lost = self._records = 0  # of tasks that are done
        self._running: dict[Key, tuple[int, int, str]] = {}
        """Of tasks that go on, or wait for their turn: records left out, records read, the first failure."""
        self._ended: set[Key] = set()
        """The tasks that are done, and wait for their turn."""
        self._settled: set[Key] = set()
        """The tasks that are done, as all before them."""
        self._first = ""

    def emit(self, event: Event) -> None:
        """Take note of `event`; raise TooManyErrorsError where too many records were left out by now."""
        match event:
            case TaskProgressed():
                self._running[event.key] = event.lost, event.records, event.failure
            case TaskFinished():
                self._readers.discard(event.key)
                self._running[event.key] = _all_of(event)
                self._end(event.key)
            case WorkerLost():
                self._running.pop(event.key, None)
                return
            case _:
                return
        self._judge()

    def _end(self, key: Key) -> None:
        """Take a task as done, and those that have waited for it."""
        self._ended.add(key)
        while key in self._ended and self._has_turn(key):
            lost, records, first = self._running.pop(key)
            self._lost += lost
            self._records += records
            self._first = self._first or first
            self._ended.remove(key)
            self._settled.add(key)
            if key not in self._after:
                return
            key = self._after[key]

    def _has_turn(self, key: Key) -> bool:
        return key not in self._before or self._before[key] in self._settled

    def _judge(self) -> None:
        running = [told for key, told in self._running.items() if self._has_turn(key)]
        lost = self._lost + sum([one for one, _, _ in running])
        first = self._first or next((failure for _, _, failure in running if failure), "")
        if isinstance(self._most, int):
            if lost > self._most:
                raise too_many_errors(lost, "", self._most, first)
            return
        records = self._records + sum([one for _, one, _ in running])
        if lost > self._share * records and (records >= JUDGED or not self._readers):
            raise too_many_errors(lost, f" of {records:,} ({lost / max(records, 1):.2%})", self._most, first)


def _all_of(event: TaskFinished) -> tuple[int, int, str]:
    lost = event.skipped + sum([failure.collected and not failure.is_damage for failure in event.failures])
    records = sum([step.records_out for step in event.steps if step.reads])
    return lost, records, str(event.failures[0]) if event.failures else ""
