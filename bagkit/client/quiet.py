"""Says why the calls of a client on a cluster may not end: a thread that looks now and then while there are some."""

from __future__ import annotations

import contextvars
import threading
import time
import weakref
from functools import partial
from typing import Protocol

from bagkit.errors import TaskError
from bagkit.own_threads import started_thread
from bagkit.schedulers.futures import QUIET_SECONDS
from bagkit.warn import begun_at, users_line, warn_about


class Watched(Protocol):
    """Who has calls that may not end."""

    def has_calls(self) -> bool:
        """Return whether calls are not over."""

    def why_it_waits(self) -> str:
        """Return what may keep calls from ending; nothing where nothing is known."""


class Watch:
    """Warns if no call has ended for a while and there is a reason; mutable, of one client. Any thread may use it.

    A thread stays for the time after which it would look, so that calls that come one by one do not start one each.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = weakref.ref(watched)
        self._seconds = QUIET_SECONDS
        self._lock = threading.Lock()
        self._is_watching = False
        self._end = threading.Event()
        self._quiet_since = 0.0
        self._told: set[str] = set()

    def begin(self) -> None:
        """Note that there is a call, after a time without."""
        self.went_on()
        with self._lock:
            if self._is_watching or self._end.is_set():
                return
            self._is_watching = True
        context = contextvars.copy_context()  # with the filters of warnings, where these belong to one
        context.run(begun_at, users_line())
        try:
            started_thread("bagkit-watch", partial(context.run, self._watch))
        except TaskError:  # the system allows no more threads: calls run without
            self._is_watching = False

    def went_on(self) -> None:
        """Note that a call has ended, or begun after a time without."""
        self._quiet_since = time.monotonic()

    def end(self) -> None:
        """Watch no more."""
        self._end.set()

    def _watch(self) -> None:
        pause = self._seconds
        while not self._end.wait(pause):
            pause = self._look(time.monotonic() - self._quiet_since)
            if not pause:
                return

    def _look(self, quiet: float) -> float:
        """Look whether calls go on if none has ended for `quiet` seconds; return when to look again, or 0 to end."""
        watched = self._watched()
        with self._lock:
            if watched is None or not watched.has_calls():
                self._is_watching = False
                return 0.0
        if quiet < self._seconds:
            return self._seconds - quiet
        try:
            why = watched.why_it_waits()
        except Exception:  # a cluster that has gone: calls end, and say so
            why = ""
        if why and why not in self._told:
            self._told.add(why)
            warn_about(None, f"no call of the client has ended for a while: {why}", UserWarning)
        return self._seconds
