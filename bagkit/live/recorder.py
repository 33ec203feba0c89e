"""RunRecorder: hears of all runs of this process, and counts what they say at a fixed rate, in a thread of its own."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from bagkit.diagnostics.observer import add_recorder, remove_recorder
from bagkit.live.machine import Samples
from bagkit.live.runs import RunRecord
from bagkit.own_threads import started_thread

if TYPE_CHECKING:
    from bagkit.diagnostics.observer import Observer
    from bagkit.lower.graph import Graph

SECONDS = 0.5
"""How often events are counted and memory is looked at."""
PART = 0.01
"""Which part of the time the recorder takes at the most: it waits the longer the more there was to do."""
MOST_RUNS = 50
"""Runs that are remembered, the last ones."""


class RunRecorder:
    """What has run in this process since it was made; mutable. Any thread may ask, holding `lock`."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.runs: deque[RunRecord] = deque()
        self.forgotten = 0
        """How many runs there were before those in `runs`."""
        self.samples = Samples()
        self.started = time.time()
        self.version = 0
        """Grows each time that something was counted."""
        self.counted = threading.Condition()
        """Told each time."""
        self._pid = os.getpid()
        self._numbers = itertools.count(1)
        self._closed = threading.Event()
        self._spent = 0.0
        self._thread = started_thread("bagkit-recorder", self._work)
        add_recorder(self)

    def begin(self, graph: Graph | None) -> Observer:
        """Return the record of a run that is about to start."""
        run = RunRecord(next(self._numbers), graph)
        if os.getpid() == self._pid:  # nobody looks at a forked one
            with self.lock:
                if not self.is_closed:
                    if len(self.runs) == MOST_RUNS:
                        self.runs.popleft().forget()
                        self.forgotten += 1
                    self.runs.append(run)
                    return run
        run.forget()
        return run

    def count(self) -> None:
        """Count what has happened, and measure."""
        with self.lock:
            for run in self.runs:
                run.count()
            self.samples.take()
            self.version += 1
        with self.counted:
            self.counted.notify_all()

    def spend(self, seconds: float) -> None:
        """Take note of time of this process that was spent on showing what is recorded."""
        self._spent += seconds

    @property
    def is_closed(self) -> bool:
        """Whether it hears of no more runs."""
        return self._closed.is_set()

    def wait(self, version: int, seconds: float) -> bool:
        """Wait until something newer than `version` is known; return whether it is."""
        with self.counted:
            self.counted.wait_for(lambda: self.version > version or self.is_closed, seconds)
        return self.version > version

    def _work(self) -> None:
        pause = SECONDS
        while not self._closed.wait(pause):
            begun = time.thread_time()
            self.count()
            spent = time.thread_time() - begun + self._spent
            self._spent = 0.0
            pause = max(SECONDS, spent / PART)

    def close(self) -> None:
        """Hear of no more runs, and count what is left."""
        if self.is_closed:
            return
        remove_recorder(self)
        self._closed.set()
        if os.getpid() == self._pid:
            self.count()
        for run in tuple(self.runs):
            run.forget()
