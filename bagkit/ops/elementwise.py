"""Operations on the records of one partition.

To add one: a dataclass here, a method on Bag, a row in the test cases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from functools import cached_property, partial
from itertools import starmap
from operator import itemgetter, not_
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Literal

from bagkit.errors import PlanError, one_line
from bagkit.flow.stopped import awaited, first_awaited
from bagkit.flow.tallies import count_here
from bagkit.json.attributes import Defaults
from bagkit.json.parse import JsonParser, json_parser
from bagkit.json.standard import is_standard_loads, loads_here, standard_loads
from bagkit.lazily import Lazily
from bagkit.light_classes import dataclass
from bagkit.ops._parsing import ParsingJson, load_line
from bagkit.ops._toolz_read import plucked_fields
from bagkit.ops.functions import OfFunction, check_callable, function_label, rows_of_table, tuple_getter
from bagkit.plan.fields import in_order, shown_field, shown_fields
from bagkit.plan.kinds import ALL, BlockParser, Field, Fields, OnRecords, Parsing, PerPartition, as_they_are, union
from bagkit.sentinels import NOT_GIVEN

if TYPE_CHECKING:
    from bagkit.json.line_shapes import Notation
    from bagkit.json.unchanged import Unchanged
    from bagkit.ops import fields_read as reading
    from bagkit.options import OnError
else:
    reading = Lazily("bagkit.ops.fields_read")


def bind(function: Callable[..., Any], kwargs: dict[str, Any]) -> Callable[..., Any]:
    """Return `function` with `kwargs` bound."""
    return partial(function, **kwargs) if kwargs else function


@dataclass(frozen=True)
class Map(OfFunction, PerPartition):
    """`map(function)`: what the function returns for each record."""

    operation = "map"
    kwargs: dict[str, Any] = field(default_factory=dict)

    per_record = "one"

    @property
    def opaque(self) -> bool:
        return bool(self.kwargs) or not is_standard_loads(self.function)

    def demand(self, wanted: Fields) -> Fields:
        return ALL if self.kwargs else reading.fields_read(self.function)

    def begin(self) -> OnRecords:
        return partial(map, bind(self.function, self.kwargs))


@dataclass(frozen=True)
class MapLines(Map):
    """The `map(json.loads)` of read_json, whose errors speak of a line as its reader sees it: without its end."""

    def begin(self) -> OnRecords:
        return partial(map, partial(load_line, self.function))


@dataclass(frozen=True)
class StarMap(OfFunction, PerPartition):
    """`starmap(function)`: the function called with the elements of each record."""

    operation = "starmap"
    kwargs: dict[str, Any] = field(default_factory=dict)

    per_record = "one"

    def begin(self) -> OnRecords:
        return partial(starmap, bind(self.function, self.kwargs))


@dataclass(frozen=True)
class Filter(PerPartition):
    """`filter(predicate)` and, with `keep=False`, `remove(predicate)`; with a reason it counts what it drops."""

    predicate: Callable[[Any], Any] | None
    keep: bool = True
    reason: str | Callable[[Any], str] | None = None

    per_record = "some"
    plain = "as given"

    def __post_init__(self) -> None:
        check_callable(self._name, self.predicate, none_is="the record's own truth")
        if self.reason is not None and not isinstance(self.reason, str) and not callable(self.reason):
            raise PlanError(
                f"{self._name}: the reason is {one_line(self.reason)}; expected text, or a function that takes a "
                "record and returns text"
            )

    @property
    def _name(self) -> str:
        return "filter" if self.keep else "remove"

    @property
    def label(self) -> str:
        reason = self.reason
        if reason is None:
            return f"{self._name}({function_label(self.predicate)})"
        shown = one_line(reason, 40) if isinstance(reason, str) else function_label(reason)
        return f"{self._name}({function_label(self.predicate)}, reason={shown})"

    @property
    def reads(self) -> Fields:
        """Which fields of a record the predicate and the reason read."""
        if self.predicate is None:
            return ALL
        read = reading.fields_read(self.predicate)
        return union(read, reading.fields_read(self.reason)) if callable(self.reason) else read

    def demand(self, wanted: Fields) -> Fields:
        return union(wanted, self.reads)

    def user_functions(self) -> tuple[Any, ...]:
        return (self.predicate, self.reason) if callable(self.reason) else (self.predicate,)

    def begin(self) -> OnRecords:
        predicate = self.predicate
        if self.reason is not None:
            return partial(map, _Counting(self._name, predicate, self.keep, self.reason))
        if self.keep:
            return as_they_are if predicate is None else partial(map, predicate)
        return partial(map, not_) if predicate is None else partial(_dropped, predicate)


def _dropped(predicate: Callable[[Any], Any], records: Sequence[Any]) -> Iterator[bool]:
    """Return for each record whether it does not fulfil `predicate`; a coroutine is true, so all would be dropped."""
    return map(not_, first_awaited(map(predicate, records)))


class _Counting:
    """Says of each record whether a filter keeps it, and counts the reasons of those that it drops."""

    def __init__(
        self, name: str, predicate: Callable[[Any], Any] | None, keep: bool, reason: str | Callable[[Any], str]
    ) -> None:
        self._name = name
        self._predicate = bool if predicate is None else predicate
        self._keep = keep
        self._reason = reason

    def __call__(self, record: Any) -> bool:
        found = self._predicate(record)
        if type(found) is CoroutineType:  # which is true
            awaited(found)
        kept = bool(found) is self._keep
        if not kept:
            count_here(self._reason if type(self._reason) is str else self._reason_of(record))
        return kept

    def _reason_of(self, record: Any) -> str:
        reason = self._reason if isinstance(self._reason, str) else self._reason(record)
        if isinstance(reason, str):
            return str.__str__(reason)  # of an enum, say
        shown = one_line(reason)
        raise TypeError(f"{self._name}: the reason of a record is {shown}; expected text; hint: str(...) makes it that")


@dataclass(frozen=True)
class Pluck(PerPartition):
    """`pluck(key, default)`: one field of each record, or, of a list of keys, a tuple of several."""

    key: Any
    default: Any = NOT_GIVEN

    per_record = "one"

    def __post_init__(self) -> None:
        if callable(self.key):
            raise PlanError(
                f"pluck: the key is a function; got {function_label(self.key)}; "
                "expected a field's name, an index, or a list of those; hint: map takes functions"
            )

    @property
    def plain(self) -> Literal["", "as given"]:  # type: ignore[override]  # it depends on the arguments
        # What the user gives may be anything; and of tuples with a NaN in them it is not known which are equal.
        return "as given" if self.default is NOT_GIVEN and not isinstance(self.key, list) else ""

    @property
    def label(self) -> str:
        default = "" if self.default is NOT_GIVEN else f", {one_line(self.default)}"
        return f"pluck({one_line(self.key)}{default})"

    @property
    def keys(self) -> tuple[Any, ...]:
        """The keys, also where there is only one."""
        return tuple(self.key) if isinstance(self.key, list) else (self.key,)

    def demand(self, wanted: Fields) -> Fields:
        if not all(type(key) is str for key in self.keys):
            return ALL
        if wanted == frozenset() and self.default is not NOT_GIVEN:
            return wanted  # no dict fails, whatever it lacks
        return frozenset(self.keys)

    def begin(self) -> OnRecords:
        if self.default is not NOT_GIVEN:
            return partial(_with_default, PluckWithDefault(self.key, self.default))
        return partial(map, tuple_getter(self.key) if isinstance(self.key, list) else itemgetter(self.key))


class PluckWithDefault:
    """Takes a field, or the default where a record does not have it: as toolz, a default for each key of a list."""

    def __init__(self, key: Any, default: Any) -> None:
        self.key = key
        self.default = default

    def __call__(self, record: Any) -> Any:
        if isinstance(self.key, list):
            return tuple([self._one(record, key) for key in self.key])
        return self._one(record, self.key)

    def _one(self, record: Any, key: Any) -> Any:
        try:
            return record[key]
        except (KeyError, IndexError):
            return self.default


def _with_default(get: PluckWithDefault, records: Iterable[Any]) -> Iterable[Any]:
    keys = get.key if isinstance(get.key, list) else [get.key]
    if {str} != set(map(type, keys)) or not isinstance(records, list) or not {dict}.issuperset(map(type, records)):
        return map(get, records)
    columns = [[record.get(key, get.default) for record in records] for key in keys]
    return zip(*columns, strict=True) if isinstance(get.key, list) else columns[0]


@dataclass(frozen=True)
class Flatten(PerPartition):
    """`flatten()`: the elements of each record, one level."""

    per_record = "many"
    plain = "as given"
    label = "flatten"

    def begin(self) -> OnRecords:
        return as_they_are


@dataclass(frozen=True)
class OnErrorFor(PerPartition):
    """`on_error(policy)`: what happens to records that fail in the operations before."""

    policy: OnError

    per_record = "same"
    can_raise = False

    @property
    def label(self) -> str:
        return f"on_error({self.policy!r})"

    def demand(self, wanted: Fields) -> Fields:
        return wanted


@dataclass(frozen=True)
class MapPartitions(OfFunction, PerPartition):
    """`map_partitions(function)`: what the function returns for the list of a partition's records."""

    operation = "map_partitions"
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_table(self.function, self.function)

    def demand(self, wanted: Fields) -> Fields:
        return ALL if self.args or self.kwargs else plucked_fields(self.function)

    def begin(self) -> OnRecords:
        return lambda records: partition_result(self.function, self.function(list(records), *self.args, **self.kwargs))


def partition_result(function: object, result: Any) -> Iterable[Any]:
    """Return the records that a function of map_partitions gave: its elements, or itself where it is one value."""
    refuse_table(function, type(awaited(result)))
    if isinstance(result, Iterable) and not isinstance(result, (str, bytes, dict)):
        return result
    return [result]


def refuse_table(function: object, kind: object) -> None:
    """Raise PlanError for a type of frames or tables: iterating over one gives the names of its columns, or those."""
    rows = rows_of_table(kind)
    if rows is not None:
        raise PlanError(
            f"map_partitions: {function_label(function)} gives a {kind.__name__}, whose elements are its columns and "  # type: ignore[attr-defined]
            f"not its rows; hint: bag.to_dataframe() makes one of all records; returning {rows} gives rows"
        )


@dataclass(frozen=True)
class ParseJson(BlockParser):
    """`map(json.loads)` as the optimiser does it: whole blocks at a time, and only the fields that are read."""

    fields: Fields = ALL
    plucked: Pluck | None = None
    """The pluck that it does too, so that it gives values in place of records."""
    attributes: tuple[Field, ...] = ()
    """The fields that become attributes of objects in place of records, for consumers that can take objects; where all
    fields are parsed, only for filters, before the others."""
    learns: tuple[Field, ...] | None = None
    """Those of them whose texts are made once, if they come again; None for all."""
    columns: Fields = ALL
    """The fields that records have for who wrote the plan; `fields` are those that are read."""
    defaults: Defaults = ()
    """Those of them that a record may lack, and what they are then."""
    of_lines: bool = False
    """Whether errors speak of lines without their ends, as MapLines does."""
    first: frozenset[Field] | None = None
    """The fields that filters on it read, if these come before the others; then a CompleteJson follows."""
    copies: Notation | None = None
    """How records are written, if that one gives lines in place of those that would be written as they are."""

    per_record = "one"
    opaque = False
    error_label = "map(json.loads)"

    @property
    def plain(self) -> Literal["", "always", "parsed"]:  # type: ignore[override]  # it depends on what it gives
        if self.first is not None or self.attributes:
            return "always"
        return "parsed" if self.plucked is None or self.plucked.plain else ""

    @property
    def gives_records_of_fields(self) -> bool:
        """Whether its records are dicts of some fields."""
        return self.fields is not ALL and self.gives_records

    @property
    def gives_records(self) -> bool:
        """Whether its records are what json.loads gives, or dicts of some fields."""
        return self.plucked is None and not self.attributes and self.first is None

    @property
    def parses(self) -> int | None:
        """How many fields of a record it parses; None for all of them."""
        if self.plucked is not None:
            return len(set(self.plucked.keys))
        fields = self.first if self.first is not None else self.attributes or self.fields
        return None if fields is ALL else len(fields)

    @property
    def label(self) -> str:
        if self.first is not None:
            objects = ", as attributes" if self.attributes else ""
            return f"parse_json(first: {shown_fields(self.first)}{objects})"
        if self.fields is ALL:
            return "parse_json"
        if self.plucked is not None:
            several = "s" if isinstance(self.plucked.key, list) else ""
            return f"parse_json(value{several}: {', '.join(self.plucked.keys)})"
        if self.attributes:
            return f"parse_json(attributes: {', '.join(map(shown_field, self.attributes))})"
        return f"parse_json(fields: {shown_fields(self.fields)})"

    def user_functions(self) -> tuple[Any, ...]:
        return (loads_here(), standard_loads)

    @cached_property
    def _parser(self) -> JsonParser:
        if self.plucked is not None:
            shape: Literal["value", "values"] = "values" if isinstance(self.plucked.key, list) else "value"
            return json_parser(self.plucked.keys, shape)
        if self.attributes and self.fields is not ALL:  # else only what filters read first
            return json_parser(self.attributes, "attributes", learns=self.learns, defaults=self.defaults)
        return json_parser(None if self.fields is ALL else in_order(self.fields))

    @cached_property
    def _first_parser(self) -> JsonParser:
        first = in_order(self.first or frozenset())
        if self.attributes:
            return json_parser(first, "attributes", self.attributes, learns=())
        return json_parser(first, "scalars")

    @cached_property
    def _unchanged(self) -> Unchanged:
        from bagkit.json.unchanged import Unchanged

        assert self.copies is not None
        return Unchanged(self.copies, alone=not self.first)

    def begin(self) -> Parsing:
        first = None if self.first is None else self._first_parser
        columns = None if self.columns is ALL else in_order(self.columns)
        return ParsingJson(self._parser, first, self.of_lines, self._unchanged if self.copies else None, columns)
