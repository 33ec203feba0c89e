"""When workers were busy, in few spans however many tasks there were."""

from __future__ import annotations

from dataclasses import dataclass

MOST_SPANS = 200
"""Of one worker. With more, spans that are close together become one."""
FIRST_GAP = 0.001
"""Seconds between spans that become one, to begin with."""


@dataclass(slots=True)
class Span:
    """A time in which a worker ran one or several tasks; mutable, of its Lane."""

    start: float
    stop: float
    stage: int
    """The stage that most of the time went to, as far as it was noticed."""
    tasks: int
    busy: float
    """How many seconds of it tasks took."""


class Lane:
    """The spans of one worker, in the order of their ends; mutable, of one run."""

    __slots__ = ("_gap", "spans")

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self._gap = FIRST_GAP

    def add(self, start: float, stop: float, stage: int) -> None:
        """Add a task."""
        if self.spans:
            last = self.spans[-1]
            # Short ones become one whatever they are, long ones of several stages do not.
            if start - last.stop < self._gap and (last.stage == stage or stop - start < self._gap):
                last.stop = max(last.stop, stop)
                last.start = min(last.start, start)
                last.tasks += 1
                last.busy += stop - start
                return
        self.spans.append(Span(start, stop, stage, 1, stop - start))
        while len(self.spans) > MOST_SPANS:
            self._gap *= 2
            self._join()

    def _join(self) -> None:
        joined: list[Span] = []
        for span in self.spans:
            last = joined[-1] if joined else None
            if last is None or span.start - last.stop >= self._gap:
                joined.append(span)
                continue
            if span.stage != last.stage and min(span.stop - span.start, last.stop - last.start) >= self._gap:
                joined.append(span)
                continue
            last.stage = last.stage if last.busy >= span.busy else span.stage
            last.start, last.stop = min(last.start, span.start), max(last.stop, span.stop)
            last.tasks += span.tasks
            last.busy += span.busy
        self.spans = joined
