"""Reductions to a table by key, which may be larger than memory: frequencies, distinct, foldby."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from bagkit.exchange import tables
from bagkit.exchange.fold import IMMUTABLE, fresh
from bagkit.exchange.spill import Held, Room
from bagkit.exchange.states import State
from bagkit.exchange.tabling import Counting, Folding, FoldingField, Seeing, Tabling
from bagkit.lazily import Lazily
from bagkit.light_classes import dataclass
from bagkit.ops.exchange_errors import MERGING_TOTALS, TakingForUser, exchange_errors
from bagkit.ops.functions import check_callable, checked_npartitions, function_label, key_function, shown_key
from bagkit.ops.reductions import FAN_IN, fan_in
from bagkit.plan.kinds import ALL, Exchange, Fields, Reduction, Taking, WhenCut, union
from bagkit.sentinels import NOT_GIVEN

if TYPE_CHECKING:
    from bagkit.ops import fields_read as reading
else:
    reading = Lazily("bagkit.ops.fields_read")


@dataclass(frozen=True)
class ToTable(Reduction):
    """What a table by key stands for: `frequencies`, `distinct(key)`."""

    name: str
    shown: str
    """What stands in the brackets after the name."""
    tabling: Tabling
    most_frequent_first: bool = False
    """Whether the result is sorted by its values, largest first; else it has the order of first sight."""
    split_every: int | None = FAN_IN
    functions: tuple[Any, ...] = ()
    plain_keys: bool = True
    """Whether keys are as plain as records are: not if a function of the user's makes them, or if they are tuples."""

    gives_value = False

    @property
    def of_attributes(self) -> FoldingField | None:
        """What does the same with objects that a parser makes faster than dicts."""
        return None

    @property
    def when_cut(self) -> WhenCut:  # type: ignore[override]  # it depends on the tabling
        if not isinstance(self.tabling, Folding):
            return "same"
        return "other" if self.tabling.initial or self.tabling.merge_initial else "rounded"

    @property
    def label(self) -> str:
        return f"{self.name}({self.shown})" if self.shown else self.name

    def user_functions(self) -> tuple[Any, ...]:
        return self.functions

    def exchange(self, count: int, as_written: str = "", only_number: bool = False) -> ByTable:
        """Return the exchange that gives the same records in `count` partitions."""
        shown = ", ".join(filter(None, [self.shown, f"npartitions={count}"]))
        facts = self.demand(ALL), self.functions, as_written, only_number
        return ByTable(self.name, shown, self.tabling, count, *facts)

    def spread(self, most: int, only_number: bool) -> ByTable:
        """Return the exchange that gives the same records in up to `most` partitions, as many as are quick.

        If `only_number` is of interest, it gives as many records, whatever they are.
        """
        from bagkit.flow.buckets import SPREAD

        return self.exchange(min(SPREAD, most), self.label, only_number)

    def start(self, room: Room) -> Taking:
        return TakingForUser(self.name, tables.Filling(self.tabling, room), only=True)

    def combine(self, states: Sequence[State], room: Room) -> State:
        with exchange_errors(self.name, _notes(self.tabling)):
            return tables.join(states, self.tabling, room)

    def finish(self, states: Sequence[State], room: Room) -> Iterator[Any]:
        with exchange_errors(self.name, _notes(self.tabling)):
            state = tables.join(states, self.tabling, room, last=True)
        return chain.from_iterable(self._lists(state, room))

    def _lists(self, state: State, room: Room) -> Iterator[list[Any]]:
        with exchange_errors(self.name, _notes(self.tabling)):
            made = tables.lists(state, self.tabling, room)
            if not self.most_frequent_first:
                yield from made
                return
            from bagkit.exchange.merge import Order, Sorting, merged_runs

            order = Order(itemgetter(1), reverse=True)
            sorting = Sorting(order, room)
            with Held():
                for records in made:
                    sorting.take(records)
                runs, _ = sorting.state()
            yield from merged_runs(runs, order, room)


@dataclass(frozen=True)
class FoldToTable(ToTable):
    """`foldby`: what its functions read is asked when it runs, for until then IPython's autoreload may change them."""

    key: Any = None

    def demand(self, wanted: Fields) -> Fields:
        return union(reading.fields_read(self._folding.key), self._read_of_records)

    @property
    def of_attributes(self) -> FoldingField | None:
        return _folding_field(self._folding, self.key, self._read_of_records)

    @property
    def _folding(self) -> Folding:
        assert isinstance(self.tabling, Folding)
        return self.tabling

    @property
    def _read_of_records(self) -> Fields:
        """Which fields the function reads; without an initial value the first record of a key is its first total."""
        return reading.fields_read(self._folding.binop, 2) if self._folding.initial else ALL


@dataclass(frozen=True)
class ByTable(Exchange):
    """An exchange of tables by key: what a ToTable gives, in several partitions, each in the order of first sight."""

    name: str
    shown: str
    tabling: Tabling
    count: int | None = None
    fields: Fields = ALL
    functions: tuple[Any, ...] = ()
    as_written: str = ""
    """The label of what the user wrote, where that is something else."""
    only_number: bool = False
    """Whether nobody looks at the records, but only counts them."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", checked_npartitions(self.name, self.count))

    @property
    def is_spread(self) -> bool:
        """Whether nobody has asked for its partitions: bagkit makes many, so that each is small."""
        return bool(self.as_written)

    @property
    def when_cut(self) -> WhenCut:  # type: ignore[override]  # it depends on the tabling
        return "rounded" if isinstance(self.tabling, Folding) else "same"

    @property
    def label(self) -> str:
        return f"{self.name}({self.shown})"

    @property
    def error_label(self) -> str:
        return self.as_written or self.label

    def demand(self, wanted: Fields) -> Fields:
        return self.fields

    def user_functions(self) -> tuple[Any, ...]:
        return self.functions

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0] if self.count is None else self.count

    def split(self, side: int, count: int, room: Room) -> Taking:
        # Partitions that nobody has asked for are made of records that come from a text as they are (`spread_tables`).
        return TakingForUser(self.name, tables.Filling(self.tabling, room, count, of_text=self.is_spread))

    def collect(self, sides: Sequence[Sequence[Any]], room: Room) -> Iterator[Sequence[Any]]:
        with exchange_errors(self.name, _notes(self.tabling)):
            yield from tables.lists(list(chain.from_iterable(sides[0])), self.tabling, room, self.only_number)


def _notes(tabling: Tabling) -> list[str]:
    """Return what to note on an error of the user's while tables are merged."""
    if isinstance(tabling, Folding) and tabling.initial and tabling.combine is tabling.binop:
        return [MERGING_TOTALS]
    return []


def frequencies_table(split_every: Any, sort: bool) -> ToTable:
    """Return the reduction to how often each record occurs."""
    return ToTable(
        "frequencies",
        "sort=True" if sort else "",
        Counting(),
        bool(sort),
        fan_in("frequencies", split_every),
    )


def distinct_table(key: Any) -> ToTable:
    """Return the reduction to the first record of each key."""
    if key is None:
        return ToTable("distinct", "", Seeing())
    return ToTable(
        "distinct",
        shown_key(key),
        Seeing(key_function("distinct", key)),
        functions=(key,) if callable(key) else (),
        plain_keys=not callable(key) and not isinstance(key, list),
    )


def fold_by_table(key: Any, binop: Any, initial: Any, combine: Any, combine_initial: Any, split_every: Any) -> ToTable:
    """Return the reduction to what the records of each key are folded to."""
    check_callable("foldby", binop)
    function = key_function("foldby", key)
    combine = binop if combine is None else combine
    check_callable("foldby", combine)
    start = () if initial is NOT_GIVEN else (initial,)
    merge_start = () if combine_initial is NOT_GIVEN else (combine_initial,)
    folding = Folding(function, binop, combine, start, merge_start)
    return FoldToTable(
        "foldby",
        f"{shown_key(key)}, {function_label(binop)}",
        folding,
        # An initial value of the merge counts once, so it is one merge.
        split_every=None if merge_start else fan_in("foldby", split_every),
        functions=(*([key] if callable(key) else []), binop, combine),
        plain_keys=not callable(key) and not isinstance(key, list),
        key=key,
    )


def _folding_field(folding: Folding, key: Any, read: Fields) -> FoldingField | None:
    """Return what does as `folding` if that looks up nothing in a record but the key and one other field."""
    if type(key) is not str or read is ALL or len(read) != 1 or key in read or not reading.needs_all(folding.binop):
        return None
    (field,) = read
    if not isinstance(field, str):
        return None
    from bagkit.ops._as_expression import as_expression  # workers need none of it

    expression = None
    if type(folding.initial[0]) in IMMUTABLE:  # then no function of the user's is called by an operator
        expression = as_expression(folding.binop, ["total"], lambda path: "value" if path == (field,) else None)
    return FoldingField(
        *(folding.key, folding.binop, folding.combine, folding.initial, folding.merge_initial),
        names=(key, field),
        expression=expression or "",
    )


def reduce_by_key(binop: Any, count: int | None) -> ByTable:
    """Return the exchange that reduces the values of each key."""
    check_callable("reduce_by_key", binop)
    return folded_pairs("reduce_by_key", binop, binop, (), count)


def aggregate_by_key(zero: Any, binop: Any, combine: Any, count: int | None) -> ByTable:
    """Return the exchange that folds the values of each key from a copy of `zero`."""
    check_callable("aggregate_by_key", binop)
    check_callable("aggregate_by_key", combine)
    return folded_pairs("aggregate_by_key", binop, combine, (partial(fresh, zero),), count)


def folded_pairs(name: str, binop: Any, combine: Any, initial: tuple[Any, ...], count: int | None) -> ByTable:
    """Return the exchange called `name` that folds the values of pairs, from `initial` or the first of each key."""
    folding = Folding(itemgetter(0), binop, combine, initial, value=itemgetter(1))
    functions = (binop,) if combine is binop else (binop, combine)
    return ByTable(name, function_label(binop), folding, count, functions=functions)
