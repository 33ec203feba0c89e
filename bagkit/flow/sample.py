"""How much of its input a task reads for a sample, and what it measures there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from math import inf
from time import perf_counter
from typing import Any, Protocol, TypeVar

WARM = 0.03
"""Seconds at the beginning that do not count: functions import something, or load a model, when first called."""
PATIENCE = 3
"""How many times longer records may come of records that were read in time."""
LINES = 8
"""Lines of a block that are looked at."""
LOOKS = 3
"""Blocks that are looked at."""


class SampledFigures(Protocol):
    """The figures of a step, as far as they are asked here."""

    taken: int
    given: int
    seconds: float
    fields: int


class Records(Protocol):
    """A block, as far as it is asked here."""

    @property
    def records(self) -> Sequence[Any]:
        """Its records."""


B = TypeVar("B", bound=Records)


class Sample:
    """How much of its input a task reads, and what it has seen of it; mutable, of that task."""

    def __init__(self, seconds: float = inf) -> None:
        self.seconds = seconds
        """How long each source is read, once it is warm; inf for all of it."""
        self._warm: list[tuple[float, int]] = []
        self._fields: dict[int, set[str]] = {}
        self._looks = 0
        self.is_over = False
        """Whether a step of the task has read enough."""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the input."""
        return self.seconds == inf

    def begin(self) -> None:
        """Begin, also again."""
        self._warm.clear()

    def warm_up(self, steps: Sequence[SampledFigures]) -> None:
        """Take note that the steps are warm."""
        self._warm = self._warm or [(step.seconds, step.taken or step.given) for step in steps]

    def seconds_of(self, number: int, step: SampledFigures) -> float:
        """Return how long a step would have taken for its records if it had been warm from the beginning."""
        seconds, before = self._warm[number] if number < len(self._warm) else (0.0, 0)
        records = step.taken or step.given
        return (step.seconds - seconds) * records / (records - before) if records > before else step.seconds

    def look(self, parser: SampledFigures, lines: Sequence[Any]) -> None:
        """Look which fields there are in some `lines`."""
        if self._looks == LOOKS:
            return
        self._looks += 1
        names = self._fields.setdefault(id(parser), set())
        for line in lines[:: max(1, len(lines) // LINES)]:
            try:
                record = json.loads(line)
            except Exception:  # which is for the parser to say
                continue
            names.update(record if isinstance(record, dict) else ())
        parser.fields = len(names)


class Clock:
    """Says when enough has been read; mutable, of one step of a task that reads a sample."""

    def __init__(self, sample: Sample, steps: Sequence[SampledFigures], patience: int) -> None:
        self._sample = sample
        self._steps = steps
        self._patience = patience
        self._begin: float | None = None
        self._end: float | None = None
        self.is_over = False
        self.passed = 0
        """Records of the last blocks that were yielded."""

    def upto(self, blocks: Iterator[B]) -> Iterator[B]:
        """Yield `blocks` until the time is over; none after it."""
        self.passed = 0
        if self._begin is None:
            self._begin = perf_counter()
        while not self.is_over:
            block = next(blocks, None)
            if block is None:
                return
            self.passed += len(block.records)
            given = [block]
            del block  # without a hold on it, as in all steps
            yield given.pop()
            self._look_up(perf_counter())

    def _look_up(self, now: float) -> None:
        if self._end is not None:
            self.is_over = self._sample.is_over = now >= self._end
        elif self._begin is not None and now >= self._begin + WARM:
            self._sample.warm_up(self._steps)
            self._end = now + self._sample.seconds * self._patience


def upto(clock: Clock | None, blocks: Iterator[B]) -> Iterator[B]:
    """Yield `blocks` until the time is over, if there is a clock."""
    return blocks if clock is None else clock.upto(blocks)
