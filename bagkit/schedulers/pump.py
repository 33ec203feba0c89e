"""Who drives a run: its caller while it waits for a value, and a thread while the caller is busy with one."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator

PUMP_SECONDS = 0.01


class Pump:
    """The turn of one run and the thread that takes it, the pump; mutable, of that run.

    Looking now and then whether the caller is away costs the caller nothing.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._away = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake: tuple[int, int] | None = None

    @property
    def is_away(self) -> bool:
        """Whether the caller is busy with a value."""
        return self._away

    @property
    def is_closed(self) -> bool:
        """Whether the run is over, also for a caller who has not asked for that."""
        return self._closed.is_set()

    def take_turn(self) -> None:
        """Take the turn for the caller, who is here; no context manager, which takes longer than the turn.

        And one made of a generator sets the traceback of errors that leave it, which frozen ones refuse.
        """
        self._away = False
        if not self._turn.acquire(blocking=False):
            self._rouse()
            self._turn.acquire()

    def pass_turn(self) -> None:
        """Give the caller's turn back."""
        self._turn.release()

    def leave(self, go_on: Callable[[], bool] | None, watch: Callable[[int], None]) -> None:
        """Note that the caller goes; have a thread call `go_on` while it is away, until that returns False.

        `watch` is told the pipe whose message ends what `go_on` waits for.
        """
        if go_on is not None and self._wake is None:
            self._wake = os.pipe()
            for descriptor in self._wake:
                os.set_blocking(descriptor, False)
            watch(self._wake[0])
            thread = threading.Thread(target=self._steps, args=(go_on,), name="bagkit-pump", daemon=True)
            with contextlib.suppress(RuntimeError):  # the interpreter is ending: then the caller alone drives the run
                thread.start()
                self._thread = thread
        self._away = True

    def _rouse(self) -> None:
        if self._wake is not None:
            with contextlib.suppress(OSError):
                os.write(self._wake[1], b"\0")

    def _steps(self, go_on: Callable[[], bool]) -> None:
        more = True
        while more and not self._closed.wait(PUMP_SECONDS):
            if self._away and self._turn.acquire(blocking=False):
                try:
                    more = go_on()
                finally:
                    self._turn.release()

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Take the turn for the last time, or do without after a second; then end the thread."""
        self._closed.set()
        self._away = False
        self._rouse()
        held = self._turn.acquire(timeout=1)
        try:
            yield
        finally:
            if held:
                self._turn.release()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join(timeout=1)
            if self._wake is not None:
                wake, self._wake = self._wake, None
                for descriptor in wake:
                    os.close(descriptor)
