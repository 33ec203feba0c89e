"""Operations on objects that a parser gives in place of records, with an expression in place of their function.

To make a dict takes longer than to make an object, and to call a function longer than to do what it does. The function
is called all the same where the expression raises, for its error; where the parser has given a dict; and where someone
watches which functions are called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from operator import itemgetter, length_hint
from typing import Any, Final

from bagkit.flow.untold import Untold
from bagkit.flow.watched import CALCULATING_RAISES, calls_are_watched
from bagkit.json.attributes import Defaults, attribute_paths
from bagkit.light_classes import NamedTuple, dataclass
from bagkit.ops._as_expression import NotKnown, as_expression, written
from bagkit.ops.elementwise import Filter, Map, Pluck, PluckWithDefault, StarMap
from bagkit.ops.functions import Spread
from bagkit.plan.fields import overlaps
from bagkit.plan.going_on import Further, GoesOn, Note, put_further
from bagkit.plan.kinds import ALL, Field, Fields, OnRecords, PerPartition, union
from bagkit.sentinels import NOT_GIVEN

PLAIN: Final = frozenset({dict, list, str, int, float, bool, type(None)})
"""Types of what json.loads gives."""
DICTS: Final = frozenset({dict})
_OTHERS_RAISE: Final = (AttributeError, MemoryError, RecursionError)
"""What the expression may raise where the function does not, or raises something else: for a dict, or near a limit."""
_CALM: Final = 64
"""For how many blocks what comes before a record that fails is kept, once one has failed: the next is not far."""


class Calculation(NamedTuple):
    """How an op does with objects, or with pairs whose second is one, what its function does with records."""

    attributes: tuple[Field, ...] = ()
    """The fields that are attributes."""
    expression: str = ""
    """What the function gives, made of the object `record`; of a pair made of `left` and that."""
    read: Fields = ALL
    of_pairs: bool = False

    def begin(self, function: Callable[[Any], Any]) -> OnObjects:
        """Return what is to be called with objects."""
        kind = OnPairs if self.of_pairs else OnObjects
        return kind(function, self.expression, self.read, self.attributes)


@dataclass(frozen=True)
class MapObjects(Map):
    """A map of objects, or of pairs with one."""

    way: Calculation = Calculation()

    def begin(self) -> OnRecords:
        return self.way.begin(self.function)


@dataclass(frozen=True)
class StarMapObjects(StarMap):
    """A starmap of pairs with an object."""

    way: Calculation = Calculation()

    def begin(self) -> OnRecords:
        return self.way.begin(Spread(self.function))


@dataclass(frozen=True)
class FilterObjects(Filter):
    """A filter of objects, or of pairs with one."""

    way: Calculation = Calculation()

    def begin(self) -> OnRecords:
        assert self.predicate is not None
        return self.way.begin(self.predicate if self.keep else partial(_not, self.predicate))


@dataclass(frozen=True)
class PluckObjects(Pluck):
    """A pluck of objects."""

    way: Calculation = Calculation()

    def begin(self) -> OnRecords:
        get = itemgetter(self.key) if self.default is NOT_GIVEN else PluckWithDefault(self.key, self.default)
        return self.way.begin(get)


def _not(predicate: Callable[[Any], Any], record: Any) -> bool:
    return not predicate(record)


def on_objects(op: PerPartition, attributes: tuple[Field, ...], of_pairs: bool = False) -> PerPartition | None:
    """Return what does as `op` with objects that have these `attributes`, or with pairs whose second is one.

    None if that is not known.
    """
    paths = attribute_paths(attributes)
    spell = partial(_spelt_of_pair if of_pairs else spelt, paths=paths)

    def way(expression: str, read: Fields) -> Calculation:
        return Calculation(attributes, expression, ALL if of_pairs else read, of_pairs)

    if type(op) is Map and not op.kwargs:
        expression = as_expression(op.function, (), spell, pair=of_pairs)
        return MapObjects(op.function, way=way(expression, op.demand(ALL))) if expression else None
    if type(op) is StarMap and of_pairs and not op.kwargs:
        expression = as_expression(op.function, [(0,)], spell, (1,), pair=True)
        return StarMapObjects(op.function, way=way(expression, ALL)) if expression else None
    if type(op) is Filter and op.predicate is not None and op.reason is None:
        expression = as_expression(op.predicate, (), spell, pair=of_pairs)
        kept = expression and (expression if op.keep else f"not {expression}")
        return FilterObjects(op.predicate, op.keep, way=way(kept, op.reads)) if kept else None
    if type(op) is Pluck and type(op.key) is str and not of_pairs:
        expression = spelt((op.key,), paths)
        if expression is None and op.default is not NOT_GIVEN and not overlaps(op.key, frozenset(attributes)):
            expression = _for_any_object(_written(op.default))
        return PluckObjects(op.key, op.default, way(expression, op.demand(ALL))) if expression else None
    return None


def _for_any_object(value: str | None) -> str | None:
    """Return the expression that gives `value` for any object, and raises for a list or a text as a pluck does."""
    return value and f"({value} if record.field_0 is None else {value})"


def _written(default: Any) -> str | None:
    try:
        return written(default)
    except NotKnown:
        return None


def defaults_of(ops: Iterable[PerPartition], attributes: tuple[Field, ...]) -> Defaults:
    """Return the `attributes` that only plucks with one plain default look up, each with that default.

    `ops` are all that look up attributes.
    """
    found: dict[str, dict[str | None, Any]] = {}
    others: Fields = frozenset()
    for op in ops:
        if isinstance(op, Pluck) and type(op.key) is str and op.default is not NOT_GIVEN:
            found.setdefault(op.key, {})[_written(op.default)] = op.default
        else:
            others = union(others, op.reads if isinstance(op, Filter) else op.demand(ALL))
    return tuple(
        (key, next(iter(defaults.values())))
        for key, defaults in found.items()
        if key in attributes and len(defaults) == 1 and None not in defaults and not overlaps(key, others)
    )


def spelt(keys: tuple[str, ...], paths: dict[tuple[str, ...], str]) -> str | None:
    """Return the text for a part of `record`: the attribute that it is in, and subscripts from there on."""
    for length in range(1, len(keys) + 1):
        if keys[:length] in paths:
            return f"record.{paths[keys[:length]]}{''.join([f'[{key!a}]' for key in keys[length:]])}"
    return None


def _spelt_of_pair(keys: tuple[Any, ...], paths: dict[tuple[str, ...], str]) -> str | None:
    """Return the text for a part of a pair: of `left`, which is a record as it is, or of `record`."""
    if keys[:1] == (0,):
        return f"left{''.join([f'[{key!a}]' for key in keys[1:]])}"
    return spelt(keys[1:], paths)


class OnObjects(GoesOn):
    """Does with objects what a function does with records; mutable, of one task."""

    _variables = "record"
    """What stands in the expression for a record."""

    def __init__(
        self, function: Callable[[Any], Any], expression: str, read: Fields, attributes: tuple[Field, ...]
    ) -> None:
        self._function = function
        self._all, self._put = _compiled(expression, self._variables)
        self._names = names_of(attributes, read)
        self._calm = 0

    def further(self, records: Sequence[Any], with_frames: bool) -> Further:
        if calls_are_watched():
            return partial(put_further, map(self._called, records))
        if DICTS.issuperset(self._kinds(records[:1])) and DICTS.issuperset(self._kinds(records)):
            return partial(put_further, map(self._function, records))
        asked = CALCULATING_RAISES if with_frames else _OTHERS_RAISE
        return partial(self._put_further, records, iter(records), asked)

    def _put_further(
        self,
        records: Sequence[Any],
        rest: Iterator[Any],
        asked: _Errors,
        found: list[Any],
        start: int,
        note: Note | None = None,
    ) -> None:
        if start == 0 and self._calm == 0:
            try:
                found += self._all(records)
                return
            except CALCULATING_RAISES:  # for this record the function raises; or it is a dict, and others are not
                self._calm = _CALM
        if start == 0:
            self._calm -= 1
        elif length_hint(rest) != len(records) - start:  # a signal came between two records
            rest = iter(records[start:])
        called = partial(self._put_called, records, found)
        untold = Untold(self._called, self._called)
        self._put(rest, found, start - len(found), len(records), note, asked, called, untold)

    def _put_called(self, records: Sequence[Any], found: list[Any], index: int) -> Exception | None:
        """Put what the function gives for a record, or return what it raises."""
        try:
            found.append(self._called(records[index]))
        except Exception as error:
            return error
        return None

    def _kinds(self, records: Sequence[Any]) -> Iterable[type]:
        return map(type, records)

    def _called(self, record: Any) -> Any:
        return self._function(self._names.dict_of(record))


class OnPairs(OnObjects):
    """Does with pairs that have an object in them what a function does with such of records; mutable, of one task."""

    _variables = "left, record"

    def _kinds(self, records: Sequence[Any]) -> Iterable[type]:
        return map(type, map(itemgetter(1), records))

    def _called(self, record: Any) -> Any:
        left, right = record
        return self._function((left, self._names.dict_of(right)))


_LOOP: Final = """
def put(records, found, missing, count, note, asked, called, untold):
    for {variables} in records:
        try:
            found.append({expression})
            continue
        except Exception as error:
            index = missing + len(found)
            if length_hint(records) != count - index - 1:
                raise  # of a signal's handler, between two records
            if not isinstance(error, asked):
                if note is None:
                    raise
                note(index, error, 0, untold)
                missing += 1
                continue
        failed = called(index)
        if failed is not None:
            try:
                if note is None:
                    raise failed
                note(index, failed)
                missing += 1
            finally:
                del failed  # which leads to this frame
"""
"""A record that fails is noted where it is caught, and the loop goes on. Where the expression raises what was `asked`,
the function has to tell what is wrong; behind the handler, for its error must not have the other one as context."""
_Errors = tuple[type[Exception], ...]
_All = Callable[[Sequence[Any]], list[Any]]
_PutCalled = Callable[[int], Exception | None]
_Put = Callable[[Iterator[Any], list[Any], int, int, Note | None, _Errors, _PutCalled, Untold], None]


@cache
def _compiled(expression: str, variables: str) -> tuple[_All, _Put]:
    """Return what gives the values of an expression for all records of a list; and what puts them to another one."""
    found: dict[str, Any] = {}
    exec(_LOOP.format(expression=expression, variables=variables), globals(), found)
    put: _Put = found["put"]
    return every(expression, variables), put


@cache
def every(expression: str, variables: str = "record") -> _All:
    """Return what gives the values of an expression for all records of a list."""
    found: _All = eval(f"lambda records: [{expression} for {variables} in records]")
    return found


def names_of(attributes: tuple[Field, ...], read: Fields) -> Names:
    """Return the names of those `attributes` that are `read`: the first parser makes no others."""
    names = Names()
    for keys, path in attribute_paths(attributes).items():
        if overlaps(keys, read):
            names.add(keys, path.split("."))
    return names


class Names(dict[str, tuple[str, "Names"]]):
    """For each key of a dict the attribute that it is in an object, and the names of what is inside, if it has any."""

    def add(self, keys: Sequence[str], path: Sequence[str]) -> None:
        """Add the attributes that lead to a field."""
        _, inner = self.setdefault(keys[0], (path[0], Names()))
        if keys[1:]:
            inner.add(keys[1:], path[1:])

    def dict_of(self, record: Any) -> Any:
        """Return an object as the dict that it stands for; what is none as it is."""
        if type(record) in PLAIN:
            return record
        found = {}
        for key, (name, inner) in self.items():
            value = getattr(record, name)
            found[key] = inner.dict_of(value) if inner else value
        return found
