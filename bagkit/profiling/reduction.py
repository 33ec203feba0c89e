"""The reduction to a profile: what a task takes in of its records, and how that is put together."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
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
COLUMNS: Final = 512
"""The same where columns wait, which take less of a processor's cache than records."""
FEWEST: Final = 32
"""Records that come together where they are small: of large ones no more are waited for."""


@dataclass(slots=True)
class _Waiting:
    """Records that came together; of those that all have the keys of the ones before, only the columns are kept.

    Whatever can be is made of records when they come, while a processor's cache has them.
    """

    number: int
    records: list[Any]
    columns: list[Sequence[Any]]
    digests: array[int] | None
    """None where they have to be made one by one."""
    below: list[tuple[Placed, Sequence[int]]]


class Profiling(PlacedTaking):
    """Takes the records of one task; mutable, of that task."""

    def __init__(self, keys: Sequence[tuple[Steps, ...]], limits: Limits) -> None:
        from msgspec.json import Encoder

        self._state = State(keys)
        self._keys = keys
        self._limits = limits
        self._encode_lines = Encoder(order="sorted").encode_lines
        self._waiting: list[_Waiting] = []
        self._types: set[type] = set()
        """Of the records that wait."""
        self._number = 0
        self._even = False
        """Whether columns wait, and not records."""

    def take_placed(self, records: list[Any], places: PlacesOf) -> None:
        """Take records, and what says where each stands."""
        types = set(map(type, records))
        columns = self._state.root.columns_of(records) if self._even and types == _DICTS else None
        if self._even and columns is None:
            self._take_waiting()
            self._even = False
        digests = None if BadLine in types else digests_of_equals(records, self._encode_lines)
        number = len(records)
        self._waiting.append(
            _Waiting(number, records if columns is None else [], columns or [], digests, list(places.below()))
        )
        self._types |= types
        self._number += number
        if number < FEWEST or self._number >= (COLUMNS if self._even else TOGETHER):
            self._take_waiting()

    def state(self) -> State:
        """Return what is known of all."""
        self._take_waiting()
        self._state.runs.rest()
        return self._state

    def _take_waiting(self) -> None:
        waiting, number, types = self._waiting, self._number, self._types
        if not number:
            return
        self._waiting, self._number, self._types = [], 0, set()
        state = self._state
        places = Places([each for some in waiting for each in some.below], number)
        batch = PathBatch(places, self._limits)
        rows: Sequence[int] = range(number)
        if self._even:
            pieces = zip(*[some.columns for some in waiting], strict=True)
            columns = [list(chain.from_iterable(piece)) for piece in pieces]
            again = partial(_records_of, state.root.shape, columns)
            state.root.take_records(columns, rows, batch)
            self._see_all(waiting, again, rows, batch)
            return
        records = list(chain.from_iterable([some.records for some in waiting]))
        if BadLine in types:
            for row, record in enumerate(records):
                if type(record) is BadLine:
                    state.bad.take(record, partial(places.at, row))
            rows = [row for row, record in enumerate(records) if type(record) is not BadLine]
            records = [record for record in records if type(record) is not BadLine]
            types.discard(BadLine)
        if records:
            self._take(records, types, rows, batch)
            self._see_all(waiting, lambda: records, rows, batch)

    def _take(self, records: list[Any], types: set[type], rows: Sequence[int], batch: PathBatch) -> None:
        """Take records that are no BadLines into the tree."""
        root = self._state.root
        columns = root.columns_of(records) if types == _DICTS and root.knows_dicts() else None
        if columns is None:
            root.take_types(types, records, rows, len(records), batch)
        else:
            root.take_records(columns, rows, batch)
            self._even = len(rows) == batch.places.number

    def _see_all(
        self, waiting: Sequence[_Waiting], all_records: Callable[[], list[Any]], rows: Sequence[int], batch: PathBatch
    ) -> None:
        """Take in what is asked of whole records, which stand in `rows`; `all_records` gives them."""
        state, number = self._state, len(rows)
        state.records += number
        if batch.created:
            state.root.settle(self._limits)
        if state.wants_places():
            state.runs.take(batch.places, rows)
        digests = None if batch.odd else _joined([some.digests for some in waiting])
        records = all_records() if digests is None or self._keys else []
        if digests is None:
            self._see(state.duplicates, records, range(number), number, batch.odd)
        else:
            state.duplicates.take(digests, range(number), number, state.runs)
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


_DICTS: Final[set[type]] = {dict}


def _records_of(keys: Sequence[Any], columns: Sequence[Sequence[Any]]) -> list[Any]:
    return [dict(zip(keys, values, strict=True)) for values in zip(*columns, strict=True)]


def _joined(parts: Sequence[array[int] | None]) -> array[int] | None:
    """Return all digests; None where some are not known."""
    found = array("Q")
    for part in parts:
        if part is None:
            return None
        found += part
    return found


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
