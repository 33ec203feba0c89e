"""What a table by key is made of, and how several become one: counts, first records, folded values.

put      records -> into a table, pulled one at a time
merge    tables, and lists of records that are in none yet -> one table, keys in the order of first sight
result   a table -> the records that it stands for
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import chain, islice
from typing import Any

from bagkit.exchange.fold import add_count, fresh_initial
from bagkit.exchange.packing import Integers, Texts, packed
from bagkit.flow.stopped import StoppedEarly, awaited
from bagkit.light_classes import dataclass

Table = dict[Any, Any]
Packed = Table | list[Any] | Texts | Integers
"""A table as it is kept and sent; or keys, or records that are to be put into a table."""

_count_into: Callable[[Any, Iterable[Any]], None] = Counter.update
"""The loop of Counter, in C; it works on a dict too."""
_MAY_BE_NAN = ("float", "Decimal")


class Tabling:
    """What the values of a table are, and how several become one."""

    __slots__ = ()

    alone: Any = None
    """The value of a record in a list."""
    takes_lists = False
    """Whether records can be in a list, to be put into a table later."""
    in_one_go = False
    """Whether tables must not be merged before all are there."""

    def put(self, table: Table, records: Iterable[Any]) -> None:
        """Put `records` into `table`."""
        raise NotImplementedError

    def merge(self, tables: Sequence[Any]) -> Table:
        """Return the table of all `tables` together."""
        raise NotImplementedError

    def meet(self, one: Any, other: Any) -> Any:
        """Return the value of two keys that are one."""
        raise NotImplementedError

    def packed(self, table: Table) -> Packed:
        """Return `table` as it is kept and sent."""
        return table

    def result(self, table: Table) -> Iterable[Any]:
        """Return the records that a table stands for."""
        return table.items()


class Counting(Tabling):
    """How often each record occurs."""

    alone = 1
    takes_lists = True

    def put(self, table: Table, records: Iterable[Any]) -> None:
        _count_into(table, records)

    def merge(self, tables: Sequence[Any]) -> Table:
        total: Table = {}
        for table in tables:
            if isinstance(table, dict):
                add_count(total, table)
            else:
                _count_into(total, table)
        return total

    def meet(self, one: Any, other: Any) -> Any:
        return one + other


@dataclass(frozen=True, slots=True)
class Seeing(Tabling):
    """The first record of each key; without a key the records are the keys, and nothing is kept beside them."""

    key: Callable[[Any], Any] | None = None

    @property
    def takes_lists(self) -> bool:  # type: ignore[override]  # it depends on the key
        return self.key is None

    def put(self, table: Table, records: Iterable[Any]) -> None:
        if self.key is None:
            deque(map(table.setdefault, records), maxlen=0)
            return
        key, value = self.key, None
        try:
            for record in records:
                value = key(record)
                if value not in table:
                    table[value] = record
        except StopIteration:
            raise StoppedEarly from None
        awaited(value)

    def merge(self, tables: Sequence[Any]) -> Table:
        if self.key is None:
            return dict.fromkeys(chain.from_iterable(tables))
        total = dict(tables[0])
        for table in islice(tables, 1, None):
            for value, record in table.items():
                total.setdefault(value, record)
        return total

    def meet(self, one: Any, other: Any) -> Any:
        return one

    def packed(self, table: Table) -> Packed:
        return packed(table) if self.key is None else table

    def result(self, table: Table) -> Iterable[Any]:
        return table if self.key is None else table.values()


@dataclass(frozen=True, slots=True)
class Folding(Tabling):
    """What the records of a key, or their `value`s, are folded to.

    `initial` (in a tuple, if there is one) starts each key of a table, `merge_initial` each key of the merged tables;
    one that can be called makes it.
    """

    key: Callable[[Any], Any]
    binop: Callable[[Any, Any], Any]
    combine: Callable[[Any, Any], Any]
    initial: tuple[Any, ...] = ()
    merge_initial: tuple[Any, ...] = ()
    value: Callable[[Any], Any] | None = None

    @property
    def in_one_go(self) -> bool:  # type: ignore[override]  # a value that starts the merging counts once
        return bool(self.merge_initial)

    def put(self, table: Table, records: Iterable[Any]) -> None:
        key, binop, value, name = self.key, self.binop, self.value, None
        try:
            for record in records:
                name = key(record)
                one = record if value is None else value(record)
                try:
                    total = table[name]
                except KeyError:
                    table[name] = binop(fresh_initial(self.initial[0]), one) if self.initial else one
                else:
                    table[name] = binop(total, one)
        except StopIteration:
            raise StoppedEarly from None
        awaited(name)
        awaited(table.get(name))  # of the last record: who returns coroutines does so for it

    def merge(self, tables: Sequence[Any]) -> Table:
        total: Table = {}
        if self.merge_initial:
            for key in chain.from_iterable(tables):
                if key not in total:
                    total[key] = self.begin()
        for table in tables:
            for key, value in table.items():
                total[key] = self.meet(total[key], value) if key in total else value
        return total

    def whole(self, records: Iterator[Any]) -> Iterator[Any]:
        """Return `records` as what can wait on disk."""
        return records

    def meet(self, one: Any, other: Any) -> Any:
        try:
            return awaited(self.combine(one, other))
        except StopIteration:
            raise StoppedEarly from None

    def begin(self) -> Any:
        """Return what starts a key of the merged tables."""
        try:
            return fresh_initial(self.merge_initial[0])
        except StopIteration:
            raise StoppedEarly from None


@dataclass(frozen=True, slots=True)
class FoldingField(Folding):
    """A Folding with an initial value that looks up nothing in a record but its key and one other field.

    It takes objects with attributes for these two, as parsers give them, beside dicts. `binop` is called with one dict,
    which holds the other field and is filled anew for each record: to make a dict takes as long as to fold it. So
    `binop` must do nothing with it but look that field up.
    """

    names: tuple[str, str] = ("", "")
    """Of the key and of the other field: what the attributes field_0 and field_1 are."""
    expression: str = ""
    """What `binop` gives, made of `total` and `value`, with an initial value that can't be changed; "" if not known."""

    def put(self, table: Table, records: Iterable[Any]) -> None:
        from bagkit.flow.watched import calls_are_watched

        if not self.expression or calls_are_watched():
            self._put(table, records)
            return
        put, (initial,), rest = _loop(self.expression), self.initial, iter(records)
        while failed := put(table, rest, initial):
            self._put(table, failed)  # it takes a dict; or raises, from the line of the user

    def _put(self, table: Table, records: Iterable[Any]) -> None:
        binop, (_, field), (initial,) = self.binop, self.names, self.initial
        only: dict[str, Any] = {}
        try:
            for record in records:
                try:
                    name = record.field_0
                    only[field] = record.field_1
                except AttributeError:
                    name = self._look_up(record, only)
                try:
                    total = table[name]
                except KeyError:
                    table[name] = binop(fresh_initial(initial), only)
                else:
                    table[name] = binop(total, only)
        except StopIteration:
            raise StoppedEarly from None

    def _look_up(self, record: Any, only: dict[str, Any]) -> Any:
        """Return the key of a record without attributes, and leave in `only` what is to be there."""
        try:
            name = self.key(record)
        except Exception as error:
            raise error from None  # that there are no attributes is nobody's business
        field = self.names[1]
        only.clear()
        if field in record:
            only[field] = record[field]
        return name

    def whole(self, records: Iterator[Any]) -> Iterator[Any]:
        """Return `records` as dicts, which can wait on disk."""
        return map(self._whole, records)

    def _whole(self, record: Any) -> Any:
        try:
            return dict(zip(self.names, (record.field_0, record.field_1), strict=True))
        except AttributeError:
            return record


_LOOP = """
def put(table, records, initial):
    try:
        for record in records:
            name = record.field_0
            value = record.field_1
            try:
                total = table[name]
            except KeyError:
                total = initial
            table[name] = {expression}
    except CALCULATING_RAISES:
        return (record,)
    return ()
"""


@cache
def _loop(expression: str) -> Callable[[Table, Iterator[Any], Any], tuple[Any, ...]]:
    """Return what folds records up to the first that it can't fold, and returns that: calling no function for each."""
    from bagkit.flow.watched import CALCULATING_RAISES

    # With a module of ours for its name, tracebacks leave it out.
    found: dict[str, Any] = {"__name__": __name__, "CALCULATING_RAISES": CALCULATING_RAISES}
    exec(_LOOP.format(expression=expression), found)
    made: Callable[[Table, Iterator[Any], Any], tuple[Any, ...]] = found["put"]
    return made


def one_nan(table: Table, tabling: Tabling) -> Table:
    """Return `table` with one key for all NaN, which are told apart by where they are in this process's memory."""
    if not any(kind.__name__ in _MAY_BE_NAN or issubclass(kind, float) for kind in set(map(type, table))):
        return table
    from bagkit.exchange.digest import is_nan

    nans = [key for key in table if is_nan(key)]
    if len(nans) < 2:
        return table
    value = table[nans[0]]
    for key in nans[1:]:
        value = tabling.meet(value, table.pop(key))
    table[nans[0]] = value
    return table
