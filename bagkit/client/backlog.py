"""What is to be run for a client, what waits for what, and which values nobody holds any more: no threads, no workers.

        ┌──────────── put_back ────────────┐
        ▼                                  │
    [waiting] ─needs made─▶ [ready] ─next─▶ [running] ─finish─▶ [made] ─nobody holds or needs it─▶ released
                                                     └─fail──▶ [failed], with all that need it

Of the ready calls the one with the highest priority is next, then the one that was submitted first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from bagkit.lower.graph import Key, Task


@dataclass(slots=True, eq=False)
class Entry:
    """One call; mutable, of the backlog."""

    task: Task
    number: int
    future: Any
    """Who waits for the value; None when it has been told."""
    retries: int = 0
    priority: float = 0.0
    attempts: int = 0
    """How many workers died on it."""
    runs: int = 0
    """How many times it was given to a worker."""
    missing: int = 0
    """How many of the values that it needs are not made."""
    dependents: list[Entry] | None = None
    """Calls that wait for its value, if there were some."""
    is_made: bool = False
    error: BaseException | None = None
    is_cancelled: bool = False
    is_over: bool = False
    """Whether it will not run any more."""
    users: int = 0
    """How many calls that are not over need its value."""
    is_held: bool = True
    """Whether somebody holds its future."""

    @property
    def key(self) -> Key:
        """The key of its value."""
        return self.task.keys[0]


class Backlog:
    """The calls of a client; mutable, of the one thread that runs them."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._in_order: deque[Entry] = deque()
        """Ready calls of the usual priority, in the order in which they were submitted: nearly all."""
        self._others: list[tuple[float, int, Entry]] = []
        """The other ready calls, as a heap."""
        self.pending = 0
        """How many calls are not over."""

    def __getitem__(self, key: Key) -> Entry:
        return self._entries[key]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def add(self, entry: Entry) -> Entry | None:
        """Take in a call. Return the call that it needs and that has failed or was cancelled, if there is one."""
        task = entry.task
        makers = [self._entries[need] for need in dict.fromkeys(task.needs)] if task.needs else ()
        for maker in makers:
            if maker.error is not None or maker.is_cancelled:
                return maker
        self._entries[task.keys[0]] = entry
        self.pending += 1
        for maker in makers:
            maker.users += 1
            if not maker.is_made:
                entry.missing += 1
                if maker.dependents is None:
                    maker.dependents = []
                maker.dependents.append(entry)
        if not entry.missing:
            self.put_back(entry)
        return None

    def next(self) -> Entry | None:
        """Return the ready call that should run next, or None."""
        while self.has_ready:
            entry = self._first()
            if not entry.is_over:
                return entry
        return None

    def _first(self) -> Entry:
        others = self._others
        if self._in_order and not (others and others[0] < (0, self._in_order[0].number)):
            return self._in_order.popleft()
        return heappop(others)[-1]

    @property
    def has_ready(self) -> bool:
        """Whether a call can run."""
        return bool(self._in_order or self._others)

    def put_back(self, entry: Entry) -> None:
        """Make a call, which was running, ready again."""
        if entry.priority == 0 and not (self._in_order and self._in_order[-1].number > entry.number):
            self._in_order.append(entry)
        else:
            heappush(self._others, (-entry.priority, entry.number, entry))

    def finish(self, entry: Entry) -> list[Key]:
        """Note that a call has made its value; return the keys of values that nobody holds or needs now."""
        entry.is_made = True
        for dependent in entry.dependents or ():
            dependent.missing -= 1
            if not dependent.missing and not dependent.is_over:
                self.put_back(dependent)
        return self._end(entry)

    def fail(self, entry: Entry, error: BaseException | None) -> tuple[list[Entry], list[Key]]:
        """End a call, and all that need it, with `error`, or as cancelled if that is None.

        Return these calls, itself as the first, and the keys of values that nobody holds or needs now.
        """
        ended: list[Entry] = []
        released: list[Key] = []
        waiting = [entry]
        while waiting:
            each = waiting.pop()
            if each.is_over:
                continue
            each.error, each.is_cancelled = error, error is None
            ended.append(each)
            waiting.extend(each.dependents or ())
            released += self._end(each)
        return ended, released

    def let_go(self, key: Key) -> list[Key]:
        """Note that nobody holds the future of `key`; return the keys of values that nobody needs now."""
        entry = self._entries.get(key)
        if entry is None:
            return []
        entry.is_held = False
        return self._released(entry)

    def _end(self, entry: Entry) -> list[Key]:
        self.pending -= 1
        entry.is_over, entry.dependents = True, None
        released = self._released(entry)
        if not entry.task.needs:
            return released
        for need in dict.fromkeys(entry.task.needs):
            maker = self._entries[need]
            maker.users -= 1
            released += self._released(maker)
        return released

    def _released(self, entry: Entry) -> list[Key]:
        if entry.is_held or entry.users or not entry.is_over or self._entries.get(entry.key) is not entry:
            return []
        del self._entries[entry.key]
        return [entry.key] if entry.is_made else []
