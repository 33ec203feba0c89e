"""What is to be run for a client, what waits for what, and which values nobody holds any more: no threads, no workers.

        ┌──────────── put_back ────────────┐
        ▼                                  │
    [waiting] ─needs made─▶ [ready] ─next─▶ [running] ─finish─▶ [made] ─nobody holds or needs it─▶ released
                                                     └─fail──▶ [failed], with all that need it

Of the ready calls the one with the highest priority is next, then the one that was submitted first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
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
    dependents: list[Entry] = field(default_factory=list)
    """Calls that wait for its value."""
    is_made: bool = False
    error: BaseException | None = None
    is_cancelled: bool = False
    users: int = 0
    """How many calls that are not over need its value."""
    is_held: bool = True
    """Whether somebody holds its future."""

    @property
    def key(self) -> Key:
        """The key of its value."""
        return self.task.keys[0]

    @property
    def is_over(self) -> bool:
        """Whether it will not run any more."""
        return self.is_made or self.error is not None or self.is_cancelled


class Backlog:
    """The calls of a client; mutable, of the one thread that runs them."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self._ready: list[tuple[float, int, Entry]] = []
        self.pending = 0
        """How many calls are not over."""

    def __getitem__(self, key: Key) -> Entry:
        return self._entries[key]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def add(self, entry: Entry) -> Entry | None:
        """Take in a call. Return the call that it needs and that has failed or was cancelled, if there is one."""
        makers = [self._entries[need] for need in dict.fromkeys(entry.task.needs)]
        for maker in makers:
            if maker.error is not None or maker.is_cancelled:
                return maker
        self._entries[entry.key] = entry
        self.pending += 1
        for maker in makers:
            maker.users += 1
            if not maker.is_made:
                entry.missing += 1
                maker.dependents.append(entry)
        if not entry.missing:
            self.put_back(entry)
        return None

    def next(self) -> Entry | None:
        """Return the ready call that should run next, or None."""
        while self._ready:
            *_, entry = heappop(self._ready)
            if not entry.is_over:
                return entry
        return None

    @property
    def has_ready(self) -> bool:
        """Whether a call can run."""
        return bool(self._ready)

    def put_back(self, entry: Entry) -> None:
        """Make a call, which was running, ready again."""
        heappush(self._ready, (-entry.priority, entry.number, entry))

    def finish(self, entry: Entry) -> list[Key]:
        """Note that a call has made its value; return the keys of values that nobody holds or needs now."""
        entry.is_made = True
        for dependent in entry.dependents:
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
            waiting.extend(each.dependents)
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
        entry.dependents = []
        released = self._released(entry)
        for need in dict.fromkeys(entry.task.needs):
            maker = self._entries[need]
            maker.users -= 1
            released += self._released(maker)
        return released

    def _released(self, entry: Entry) -> list[Key]:
        if entry.is_held or entry.users or not entry.is_over or entry.key not in self._entries:
            return []
        del self._entries[entry.key]
        return [entry.key] if entry.is_made else []
