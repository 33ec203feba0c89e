"""Operations on objects that a parser gives in place of records, with an expression in place of their function.

To make a dict takes longer than to make an object, and to call a function longer than to do what it does. The function
is called all the same where the expression raises, for its error; where the parser has given a dict; and where someone
watches which functions are called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any, Final

from bagkit.flow.watched import CALCULATING_RAISES, calls_are_watched
from bagkit.json.attributes import Defaults, attribute_paths
from bagkit.light_classes import dataclass
from bagkit.ops._as_expression import NotKnown, as_expression, written
from bagkit.ops.elementwise import Filter, Map, Pluck, PluckWithDefault
from bagkit.plan.fields import overlaps
from bagkit.plan.kinds import ALL, Field, Fields, GoesOn, OnRecords, PerPartition, union
from bagkit.sentinels import NOT_GIVEN

_PLAIN: Final = frozenset({dict, list, str, int, float, bool, type(None)})
"""Types of what json.loads gives."""
_DICTS: Final = frozenset({dict})
_CALM: Final = 64
"""For how many blocks what comes before a record that fails is kept, once one has failed: the next is not far."""
_ALONE: Final = 8
"""One record in this number may be given to the function; where there are more, each is taken by itself."""


@dataclass(frozen=True)
class MapAttributes(Map):
    """A map of objects."""

    attributes: tuple[Field, ...] = ()
    """The fields that are attributes."""
    expression: str = ""
    """What the function gives, made of the object `record`."""

    def begin(self) -> OnRecords:
        return OnObjects(self.function, self.expression, self.demand(ALL), self.attributes)


@dataclass(frozen=True)
class FilterAttributes(Filter):
    """A filter of objects."""

    attributes: tuple[Field, ...] = ()
    expression: str = ""

    def begin(self) -> OnRecords:
        assert self.predicate is not None
        if self.keep:
            return OnObjects(self.predicate, self.expression, self.reads, self.attributes)
        return OnObjects(partial(_not, self.predicate), f"not {self.expression}", self.reads, self.attributes)


@dataclass(frozen=True)
class PluckAttributes(Pluck):
    """A pluck of objects."""

    attributes: tuple[Field, ...] = ()
    expression: str = ""

    def begin(self) -> OnRecords:
        get = itemgetter(self.key) if self.default is NOT_GIVEN else PluckWithDefault(self.key, self.default)
        return OnObjects(get, self.expression, self.demand(ALL), self.attributes)


def _not(predicate: Callable[[Any], Any], record: Any) -> bool:
    return not predicate(record)


def on_attributes(op: PerPartition, attributes: tuple[Field, ...]) -> PerPartition | None:
    """Return what does as `op` with objects that have these `attributes`; None if that is not known."""
    paths = attribute_paths(attributes)
    if type(op) is Map and not op.kwargs:
        expression = as_expression(op.function, (), lambda keys: _spelt(keys, paths))
        return MapAttributes(op.function, attributes=attributes, expression=expression) if expression else None
    if type(op) is Filter and op.predicate is not None and op.reason is None:
        expression = as_expression(op.predicate, (), lambda keys: _spelt(keys, paths))
        made = FilterAttributes(op.predicate, op.keep, attributes=attributes, expression=expression or "")
        return made if expression else None
    if type(op) is Pluck and type(op.key) is str:
        expression = _spelt((op.key,), paths)
        if expression is None and op.default is not NOT_GIVEN and not overlaps(op.key, frozenset(attributes)):
            expression = _for_any_object(_written(op.default))
        return PluckAttributes(op.key, op.default, attributes, expression) if expression else None
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


def _spelt(keys: tuple[str, ...], paths: dict[tuple[str, ...], str]) -> str | None:
    """Return the text for a part of `record`: the attribute that it is in, and subscripts from there on."""
    for length in range(1, len(keys) + 1):
        if keys[:length] in paths:
            return f"record.{paths[keys[:length]]}{''.join([f'[{key!a}]' for key in keys[length:]])}"
    return None


class OnObjects(GoesOn):
    """Does with objects what a function does with records; mutable, of one task."""

    def __init__(
        self, function: Callable[[Any], Any], expression: str, read: Any, attributes: tuple[Field, ...]
    ) -> None:
        self._function = function
        self._all, self._put, self._one = _compiled(expression)
        self._names = _Names()
        for keys, path in attribute_paths(attributes).items():
            if overlaps(keys, read):  # the first parser makes no attributes of what filters do not read
                self._names.add(keys, path.split("."))
        self._calm = 0

    def __call__(self, records: Sequence[Any]) -> Iterable[Any]:
        """Return what the function gives for each of `records`, as far as it does not raise."""
        if calls_are_watched():
            return map(self._called, records)
        if records and _PLAIN.issuperset(map(type, records[:1])):
            return map(self._function if _DICTS.issuperset(map(type, records)) else self._given, records)
        if self._calm:
            self._calm -= 1
            return chain.from_iterable(self._in_turn(records))
        try:
            return self._all(records)
        except CALCULATING_RAISES:  # the function raises for a record; or it is a dict, and others are not
            self._calm = _CALM
        return chain.from_iterable(self._in_turn(records))

    def _in_turn(self, records: Sequence[Any]) -> Iterator[Iterable[Any]]:
        """Yield what the expression gives, and between that what calls the function with a record.

        That raises, and not this, which would have ended then; a `chain` of both goes on.
        """
        rest, done, left = iter(records), 0, 1 + len(records) // _ALONE
        while done < len(records):
            found: list[Any] = []
            tell = self._called  # what is wrong with a record
            try:
                self._put(rest, found.append)
            except Exception as error:
                if not isinstance(error, CALCULATING_RAISES):  # of a signal's handler
                    tell = partial(_raise, error)
            yield found
            done += len(found)
            if done < len(records):
                yield map(tell, (records[done],))
                done, left = done + 1, left - 1
            if not left:
                yield map(self._given, rest)
                return

    def _given(self, record: Any) -> Any:
        if type(record) is not dict:
            try:
                return self._one(record)
            except CALCULATING_RAISES:
                pass  # to tell what is wrong is left to the function
        return self._called(record)

    def _called(self, record: Any) -> Any:
        return self._function(record if type(record) in _PLAIN else self._names.dict_of(record))


def _raise(error: Exception, record: Any) -> Any:
    raise error


_All = Callable[[Sequence[Any]], list[Any]]
_Put = Callable[[Iterator[Any], Callable[[Any], None]], list[None]]


@cache
def _compiled(expression: str) -> tuple[_All, _Put, Callable[[Any], Any]]:
    """Return what gives the values of an expression for all records of a list, puts them somewhere, gives one."""
    every: _All = eval(f"lambda records: [{expression} for record in records]")
    put: _Put = eval(f"lambda records, put: [put({expression}) for record in records]")
    return every, put, eval(f"lambda record: {expression}")


class _Names(dict[str, tuple[str, "_Names"]]):
    """For each key of a dict the attribute that it is in an object, and the names of what is inside, if it has any."""

    def add(self, keys: Sequence[str], path: Sequence[str]) -> None:
        """Add the attributes that lead to a field."""
        _, inner = self.setdefault(keys[0], (path[0], _Names()))
        if keys[1:]:
            inner.add(keys[1:], path[1:])

    def dict_of(self, record: Any) -> dict[str, Any]:
        """Return an object as the dict that it stands for."""
        found = {}
        for key, (name, inner) in self.items():
            value = getattr(record, name)
            found[key] = inner.dict_of(value) if inner and type(value) not in _PLAIN else value
        return found
