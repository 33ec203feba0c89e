"""The reduction to a profile: what a task takes in of its records, and how that is put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bagkit.exchange.spill import Room
from bagkit.flow.blocks import Placed, PlacesOf
from bagkit.flow.takings import PlacedTaking
from bagkit.plan.kinds import Reduction, Taking
from bagkit.profiling.duplicates import Duplicates, digests_of_equals, digests_of_odd
from bagkit.profiling.examples import Places
from bagkit.profiling.kinds import Steps, fields_of, has_fields
from bagkit.profiling.lines import BadLine, BadLines
from bagkit.profiling.paths import Limits, PathBatch
from bagkit.profiling.result import DataProfile
from bagkit.profiling.state import State
from bagkit.profiling.summing_up import profile_of

TOGETHER: Final = 256
"""Records that are looked at together: calls for a column cost the same for one record as for many."""
FEWEST: Final = 32
"""Records that come together where they are small: of large ones no more are waited for."""


class Profiling(PlacedTaking):
    """Takes the records of one task; mutable, of that task."""

    def __init__(self, keys: Sequence[tuple[Steps, ...]], limits: Limits) -> None:
        from msgspec.json import Encoder

        self._state = State(keys)
        self._keys = keys
        self._limits = limits
        self._encode_lines = Encoder(order="sorted").encode_lines
        self._waiting: list[Any] = []
        """Records that are looked at together."""
        self._below: list[tuple[Placed, Sequence[int]]] = []
        """Where these stand."""

    def take_placed(self, records: list[Any], places: PlacesOf) -> None:
        """Take records, and what says where each stands."""
        self._waiting += records
        self._below += places.below()
        if len(records) < FEWEST or len(self._waiting) >= TOGETHER:
            self._take_waiting()

    def state(self) -> State:
        """Return what is known of all."""
        self._take_waiting()
        self._state.runs.rest()
        return self._state

    def _take_waiting(self) -> None:
        records, below = self._waiting, self._below
        if not records:
            return
        self._waiting, self._below = [], []
        state, number = self._state, len(records)
        batch = PathBatch(Places(below, number), self._limits)
        if BadLine not in set(map(type, records)):
            self._take(records, range(number), batch)
            return
        for row, record in enumerate(records):
            if type(record) is BadLine:
                state.bad.take(record, partial(batch.places.at, row))
        good = [row for row, record in enumerate(records) if type(record) is not BadLine]
        if good:
            self._take([records[row] for row in good], good, batch)

    def _take(self, records: list[Any], rows: Sequence[int], batch: PathBatch) -> None:
        """Take records that are no BadLines, and stand in `rows`."""
        state, number = self._state, len(records)
        state.root.take(records, rows, number, batch)
        state.records += number
        if batch.created:
            state.root.settle(self._limits)
        if state.wants_places():
            state.runs.take(batch.places, rows)
        self._see(state.duplicates, records, range(number), number, batch.odd)
        for duplicates, key in zip(state.keys, self._keys, strict=True):
            found = [(value, row) for row, record in enumerate(records) if (value := _values(record, key)) is not None]
            values, their_rows = [value for value, _ in found], [row for _, row in found]
            self._see(duplicates, values, their_rows, number, batch.odd)

    def _see(self, duplicates: Duplicates, values: list[Any], rows: Sequence[int], of: int, odd: bool) -> None:
        digests = None if odd else digests_of_equals(values, self._encode_lines)
        if digests is None:
            digests, known = digests_of_odd(values, self._encode_lines, odd)
            rows = [rows[number] for number in known]
        duplicates.take(digests, rows, of, self._state.runs)


_NOTHING: Final = object()


def _values(record: Any, key: tuple[Steps, ...]) -> tuple[Any, ...] | None:
    """Return the values of a key; None where the record has none of them."""
    found = [_value(record, steps) for steps in key]
    if all(value is None or value is _NOTHING for value in found):
        return None
    return tuple([None if value is _NOTHING else value for value in found])


def _value(record: Any, steps: Steps) -> Any:
    for step in steps:
        if has_fields(type(record)):
            record = fields_of(record)
        if not isinstance(record, dict) or step not in record:
            return _NOTHING
        record = record[step]
    return record


@dataclass(frozen=True)
class ProfileRecords(Reduction):
    """`profile()`: records to a DataProfile."""

    keys: tuple[tuple[Steps, ...], ...]
    limits: Limits

    gives_value = True
    split_every = 8
    can_raise = False
    label = "profile"

    def start(self, room: Room) -> Taking:
        return Profiling(self.keys, self.limits)

    def combine(self, states: Sequence[Any], room: Room) -> State:
        first, *others = states
        for other in others:
            first.merge(other, self.limits)
        found: State = first
        return found

    def finish(self, states: Sequence[Any], room: Room) -> DataProfile:
        state = self.combine(states, room) if states else State(self.keys)
        return profile_of(state, self.keys)


@dataclass(frozen=True)
class CountBadLines(Reduction):
    """The lines that are no JSON, where records go on to other operations before they come to a profile."""

    gives_value = True
    split_every = 8
    can_raise = False
    label = "bad lines"

    def start(self, room: Room) -> Taking:
        return _Counting()

    def combine(self, states: Sequence[Any], room: Room) -> BadLines:
        first, *others = states
        for other in others:
            first.merge(other)
        found: BadLines = first
        return found

    def finish(self, states: Sequence[Any], room: Room) -> BadLines:
        return self.combine(states, room) if states else BadLines({}, {})


class _Counting(PlacedTaking):
    def __init__(self) -> None:
        self._state = BadLines({}, {})

    def take_placed(self, records: list[Any], places: PlacesOf) -> None:
        if BadLine in set(map(type, records)):
            for row, record in enumerate(records):
                if type(record) is BadLine:
                    self._state.take(record, partial(places.at, row))

    def state(self) -> BadLines:
        return self._state
