"""Operations that bring records of one key together, or put all in order: what exchanges do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final, Literal

from bagkit.errors import PlanError, add_notes, one_line
from bagkit.exchange.group import (
    PLAIN_KEYS,
    Gather,
    GatherSides,
    Groups,
    Splitting,
    merge_by_key,
    table_of,
)
from bagkit.exchange.lines import KEY_PART, Parse, completed, whole_records
from bagkit.exchange.merge import Order, Sorting, SortingLines, cut_runs, merged_runs, range_bounds
from bagkit.exchange.pairs import Entry
from bagkit.exchange.spill import Room
from bagkit.flow.replay import reading
from bagkit.flow.stopped import results
from bagkit.light_classes import dataclass
from bagkit.ops.calls import identity
from bagkit.ops.elementwise import ParseJson
from bagkit.ops.exchange_errors import TakingForUser, exchange_errors
from bagkit.ops.fields_read import fields_read
from bagkit.ops.functions import checked_npartitions, key_function, shown_key
from bagkit.ops.reductions import Keeping, Row, joined, or_else
from bagkit.plan.fields import shown_fields
from bagkit.plan.kinds import ALL, Exchange, Fields, OnRecords, Pairing, SampledExchange, Taking, union

How = Literal["inner", "left", "right", "outer"]
Emit = Callable[[list[Entry]], Sequence[Any]]
"""Makes records of some groups."""

HOWS = ("inner", "left", "right", "outer")


@dataclass(frozen=True)
class ByKey(Exchange):
    """Groups by key, and what `emit` makes of lists of them: `groupby(key)`, `join(other, key)`."""

    name: str
    shown: str
    """What stands in the brackets after the name."""
    keys: tuple[Callable[[Any], Any], ...]
    """The key function of each input."""
    gathering: Gather
    emit: Emit
    count: int | None = None
    value: Callable[[Any], Any] | None = None
    """What is kept of a record; None for all of it."""
    functions: tuple[Any, ...] = ()
    parsers: tuple[ParseJson | None, ...] = ()
    """Of each input whose records travel as lines, what parses these; empty where none do."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", checked_npartitions(self.name, self.count))

    @property
    def label(self) -> str:
        return f"{self.name}({self.shown})" if self.shown else self.name

    @property
    def keys_of_records(self) -> tuple[Callable[[Any], Any], ...]:
        """The key functions of inputs whose whole records travel."""
        return self.keys if self.value is None else ()

    def user_functions(self) -> tuple[Any, ...]:
        return self.functions

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0] if self.count is None else self.count

    def split(self, side: int, count: int, room: Room) -> Taking:
        parser = self.parsers[side] if self.parsers else None
        parse = None if parser is None else parser.begin()
        return TakingForUser(self.name, Splitting(self.keys[side], self.value, self.gathering, count, room, parse))

    def collect(self, sides: Sequence[Sequence[Any]], room: Room) -> Iterator[Sequence[Any]]:
        with exchange_errors(self.name):
            groups = merge_by_key(sides, self.gathering, room)
            if self.parsers:
                groups = completed(groups, [None if parser is None else parser.begin() for parser in self.parsers])
            yield from map(self.emit, groups)


# What becomes of groups: each is called with a list of (key, cell) ---------------------------------------------------


def keys_with_sides(groups: list[Entry]) -> Sequence[Any]:
    """Return `(key, (records of one bag, records of the next, ...))`."""
    return [(key, tuple(cell)) for key, cell in groups]


@dataclass(frozen=True, slots=True)
class JoinedPairs:
    """Makes of groups of two bags the pairs `(record of the other, record of this)`."""

    how: How

    def __call__(self, groups: list[Entry]) -> Sequence[Any]:
        return list(chain.from_iterable(map(self._pairs, groups)))

    def _pairs(self, group: Entry) -> list[tuple[Any, Any]]:
        ours, others = group[1]
        if not others and self.how in ("left", "outer"):
            others = [None]
        if not ours and self.how in ("right", "outer"):
            ours = [None]
        return [(other, one) for one in ours for other in others]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Takes of groups of two bags the records of the first, if the second has the key, or if it has not."""

    in_both: bool

    def __call__(self, groups: list[Entry]) -> Sequence[Any]:
        if self.in_both:
            return [ours[0] for _, (ours, others) in groups if ours and others]
        return [record for _, (ours, others) in groups if not others for record in ours]


def one_after_the_other(groups: list[Entry]) -> Sequence[Any]:
    """Return the records of all groups."""
    return list(chain.from_iterable(cell for _, cell in groups))


_DASK_METHODS = ("disk", "tasks", "p2p")
"""Ways to group that have names in dask, and no meaning here."""


def check_method(grouper: Any, method: Any) -> None:
    """Raise PlanError for what stands in the place of dask's `method` and is none: users of tables mean a reduction."""
    word = method if isinstance(method, str) else ""
    if method is None or word in _DASK_METHODS:
        return
    shown = shown_key(grouper)
    if word in ("count", "size"):
        hint = f"bag.{'map' if callable(grouper) else 'pluck'}({shown}).frequencies()"
    elif type(method) is int:
        hint = f"bag.groupby({shown}, npartitions={method})"
    elif callable(method):
        hint = (
            f"bag.groupby({shown}).map(lambda group: (group[0], function(group[1]))) calls it with each group's records"
        )
        if method is len:
            hint = f"bag.{'map' if callable(grouper) else 'pluck'}({shown}).frequencies()"
    elif word in ("sum", "mean", "min", "max", "first", "last", "std", "var", "agg"):
        hint = f"bag.foldby({shown}, lambda total, record: total + record['field'], 0, lambda one, other: one + other)"
    else:
        hint = f"bag.groupby([{shown}, {shown_key(method)}]) groups by both"
    raise PlanError(f"groupby: the method is {one_line(method, 80)}; expected none, 'disk' or 'tasks'; hint: {hint}")


# Exchanges by what is their key --------------------------------------------------------------------------------------


def by_key(name: str, key: Any, emit: Emit, count: int | None) -> ByKey:
    """Return the exchange of records by a key as users give it: a function, or a key of the records."""
    functions = (key,) if callable(key) else ()
    return ByKey(name, shown_key(key), (key_function(name, key),), Gather(), emit, count, functions=functions)


def by_first_field(name: str, gathering: Gather, emit: Emit, count: int | None, inputs: int = 1) -> ByKey:
    """Return the exchange of `(key, value)` pairs, of one bag or of several."""
    return ByKey(name, "", (itemgetter(0),) * inputs, gathering, emit, count, itemgetter(1))


def of_two(name: str, emit: Emit, count: int | None) -> ByKey:
    """Return the exchange of the records of two bags, which are their own keys."""
    return ByKey(name, "", (identity, identity), GatherSides(2), emit, count)


def join_by(on_self: Any, on_other: Any, how: How, count: int | None) -> ByKey:
    """Return the exchange of two bags that gives the pairs of their records."""
    keys = on_self, on_other
    return ByKey(
        "join",
        shown_join(on_self, on_other, how),
        tuple([key_function("join", key) for key in keys]),
        GatherSides(2),
        JoinedPairs(how),
        count,
        functions=tuple(filter(callable, keys)),
    )


# Order ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SortBy(SampledExchange):
    """`sort_by(key)`: all records in order, over all partitions."""

    key: Any
    reverse: bool = False
    count: int | None = None
    parsers: tuple[ParseJson | None, ...] = ()
    """As for ByKey: what parses the lines, if records travel as lines. Their keys travel with these."""

    when_cut = "rounded"  # where partitions begin is told from a sample of each task

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", checked_npartitions("sort_by", self.count))
        if self.key is not None:
            key_function("sort_by", self.key)

    @property
    def label(self) -> str:
        shown = [shown_key(self.key)] if self.key is not None else []
        return f"sort_by({', '.join([*shown, *(['reverse=True'] if self.reverse else [])])})"

    @property
    def _order(self) -> Order:
        if self.parsers:
            return Order(KEY_PART, self.reverse)
        return Order(None if self.key is None else key_function("sort_by", self.key), self.reverse)

    @property
    def keys_of_records(self) -> tuple[Callable[[Any], Any], ...]:
        """The key function, if there is one."""
        return () if self.key is None else (key_function("sort_by", self.key),)

    @property
    def _parse(self) -> Parse | None:
        parser = self.parsers[0] if self.parsers else None
        return None if parser is None else parser.begin()

    def user_functions(self) -> tuple[Any, ...]:
        return (self.key,) if callable(self.key) else ()

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0] if self.count is None else self.count

    def split(self, side: int, count: int, room: Room) -> Taking:
        sorting = Sorting(self._order, room, self._parse)
        taking = SortingLines(key_function("sort_by", self.key), sorting) if self.parsers else sorting
        return TakingForUser("sort_by", taking)

    def bounds(self, samples: Sequence[Any], count: int) -> Any:
        return range_bounds(samples, count, self._order) if count > 1 else []

    def cut(self, prepared: Any, bounds: Any) -> Mapping[int, Any]:
        with exchange_errors("sort_by"):
            return cut_runs(prepared, bounds, self._order)

    def collect(self, sides: Sequence[Sequence[Any]], room: Room) -> Iterator[Sequence[Any]]:
        with exchange_errors("sort_by"):
            runs, parse = merged_runs(list(chain.from_iterable(sides[0])), self._order, room), self._parse
            yield from runs if parse is None else map(whole_records(parse), runs)


# Joining with what is small -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Match(Pairing):
    """`join` with records that every task holds: for each record the list of its pairs `(other, record)`.

    The others are the op's own, or a value beside the bag.
    """

    on_self: Any
    on_other: Any
    how: How
    others: tuple[Any, ...] | None = field(default=None, repr=False)
    reads: Fields = ALL
    """What is read of the bag's own records in the pairs."""

    bags = 1
    per_record = "one"

    @property
    def error_label(self) -> str:
        return f"join({shown_join(self.on_self, self.on_other, self.how)})"

    @property
    def label(self) -> str:
        return self.error_label if self.reads is ALL else f"{self.error_label}, read: {shown_fields(self.reads)}"

    def demand(self, wanted: Fields) -> Fields:
        return union(self.reads, fields_read(key_function("join", self.on_self)))

    def user_functions(self) -> tuple[Any, ...]:
        return tuple(key for key in (self.on_self, self.on_other) if callable(key))

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        return self._on_records(self._matches(values))

    def _matches(self, values: Sequence[Any]) -> Matches:
        others = reading(values[0]) if self.others is None else self.others
        key = key_function("join", self.on_other)
        try:
            table = table_of(key, others)
        except Exception as error:
            _note_record(error, key, list(others))
            raise
        return Matches(key_function("join", self.on_self), table, self.how)

    def _on_records(self, matches: Matches) -> OnRecords:
        return matches.of_block if type(self.on_self) is str else partial(map, matches)


def _note_record(error: Exception, key: Callable[[Any], Any], others: Sequence[Any]) -> None:
    """Note on `error` at which of the other side's records it was raised, if one of them alone raises it again."""
    for index, record in enumerate(others):
        try:
            table_of(key, [record])
        except Exception as again:
            if type(again) is type(error):
                add_notes(error, [f"at record {index} of the other side", f"record: {one_line(record)}"])
                return


_NO_ROW: Final = object()
_MOST_ROWS: Final = 1 << 16
"""How many rows a table may have for a task to make another one, with a row for each key in place of a list."""


class Matches:
    """Gives for a record the list of its pairs; of one task."""

    def __init__(self, key: Callable[[Any], Any], table: Groups, how: How) -> None:
        self._key = key
        self._table = table
        self._nothing: tuple[Any, ...] = (None,) if how == "left" else ()
        is_unique = len(table) <= _MOST_ROWS and all(len(cell) == 1 for cell in table.values())
        self._rows = {key: row for key, (row,) in table.items()} if is_unique else None
        """The only row of each key, if no key has several."""

    def __call__(self, record: Any) -> list[tuple[Any, Any]]:
        others = self._table.find(self._key(record)) or self._nothing
        return [(other, record) for other in others]

    def of_block(self, records: Sequence[Any]) -> Iterable[Sequence[tuple[Any, Any]]]:
        """Return the pairs of each of some records whose key is a field: all at once, where they are plain dicts."""
        if set(map(type, records)) == {dict}:
            try:
                return self.of_keys(list(map(self._key, records)), records)
            except (KeyError, TypeError):
                pass  # one by one it is known which it was
        return map(self, records)

    def of_keys(self, keys: Sequence[Any], records: Sequence[Any]) -> list[Sequence[tuple[Any, Any]]]:
        """Return the pairs of each of some records with these `keys`; raises TypeError for one that has no hash."""
        are_plain = PLAIN_KEYS.issuperset(map(type, keys))
        if self._rows is None or not are_plain:
            found = map(self._table.get, keys) if are_plain else map(self._table.find, keys)
            nothing: Sequence[Any] = self._nothing
            return [[(other, record) for other in cell or nothing] for cell, record in zip(found, records, strict=True)]
        missing = self._nothing[0] if self._nothing else _NO_ROW
        rows = map(self._rows.get, keys, repeat(missing))
        return [((row, record),) if row is not _NO_ROW else () for row, record in zip(rows, records, strict=True)]


def shown_join(on_self: Any, on_other: Any, how: How) -> str:
    """Return the arguments of a join as the user wrote them."""
    shown = [shown_key(on_self), *([] if on_other is on_self else [shown_key(on_other)])]
    return ", ".join([*shown, *([] if how == "inner" else [f"how={how!r}"])])


def check_how(how: object, on_other: object) -> None:
    """Raise PlanError unless `how` is a kind of join, and for such a word as a key: it stands there in pandas."""
    if isinstance(on_other, str) and on_other in HOWS:
        raise PlanError(
            f"join: on_other is {on_other!r}; expected a key of the records of other; "
            f"hint: how={on_other!r} is a kind of join, on_other=lambda record: record[{on_other!r}] a field"
        )
    if how not in HOWS:
        raise PlanError(f"join: how is {how!r}; expected one of {', '.join(map(repr, HOWS))}")


def _checked(key: Callable[[Any], Any], records: list[Any]) -> list[Any]:
    """Return records by whose keys a table is made; raises what is wrong with a key, where its place is known."""
    dict.fromkeys(results(key, records))  # a key without a hash is an error
    return records


@dataclass(frozen=True)
class OtherSide(Row):
    """The reduction of a bag to the list of its records, which a join holds as a table."""


def other_side(match: Match) -> OtherSide:
    """Return the reduction of the bag that `match` holds as a table."""
    return OtherSide(
        f"the other side of {match.error_label}",
        partial(Keeping, partial(_checked, key_function("join", match.on_other))),
        joined,
        partial(or_else, []),
        functions=(match.on_other,) if callable(match.on_other) else (),
        when_cut="other",
    )
