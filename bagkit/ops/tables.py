"""Reductions to a table by key, which may be larger than memory: frequencies, distinct, foldby."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import Any

from bagkit.kernels import tables as kernel
from bagkit.kernels.report import Report
from bagkit.kernels.spill import Room
from bagkit.ops.fields_read import fields_read
from bagkit.ops.functions import check_callable, function_label, key_function, shown_key
from bagkit.ops.kernel_errors import kernel_errors
from bagkit.ops.reductions import FAN_IN, fan_in
from bagkit.plan.kinds import ALL, Fields, Reduction, union
from bagkit.sentinels import NOT_GIVEN


@dataclass(frozen=True)
class ToTable(Reduction):
    """What a table by key stands for: `frequencies`, `distinct(key)`."""

    name: str
    shown: str
    """What stands in the brackets after the name."""
    tabling: kernel.Tabling
    most_frequent_first: bool = False
    """Whether the result is sorted by its values, largest first; else it has the order of first sight."""
    split_every: int | None = FAN_IN
    elementwise: bool = True
    fields: Fields = ALL
    functions: tuple[Any, ...] = ()
    memory: int | None = None
    states: int = 1
    """How many states come together in one task."""

    gives_bag = True
    limited = True

    @property
    def label(self) -> str:
        return f"{self.name}({self.shown})" if self.shown else self.name

    def demand(self, wanted: Fields) -> Fields:
        return self.fields

    def user_functions(self) -> tuple[Any, ...]:
        return self.functions

    def sharing(self, states: int) -> ToTable:
        return replace(self, states=states)

    def within(self, report: Report) -> ToTableWithin:
        return ToTableWithin(self, Room(self.memory, report.directory, report.dumps, self.states))


@dataclass(frozen=True, eq=False, slots=True)
class ToTableWithin:
    """A ToTable of one task, and what that may use."""

    op: ToTable
    room: Room

    def chunk(self, records: Iterator[Any]) -> kernel.State:
        """Return the state of one partition."""
        with kernel_errors(self.op.name):
            return kernel.fill(records, self.op.tabling, self.room)

    def combine(self, states: Iterable[kernel.State]) -> kernel.State:
        """Return the state of several partitions."""
        with kernel_errors(self.op.name):
            return kernel.join(states, self.op.tabling, self.room)

    def finish(self, state: kernel.State) -> Iterator[Any]:
        """Return the records of the result."""
        return chain.from_iterable(self._lists(state))

    def _lists(self, state: kernel.State) -> Iterator[list[Any]]:
        op = self.op
        with kernel_errors(op.name):
            made = kernel.lists(state, op.tabling, self.room)
            if not op.most_frequent_first:
                yield from made
                return
            from bagkit.kernels.merge import Order, merged, sorted_runs

            order = Order(itemgetter(1), reverse=True)
            runs, _ = sorted_runs(chain.from_iterable(made), order, self.room)
            yield from merged(runs, order, self.room)


def frequencies_table(split_every: Any, sort: bool) -> ToTable:
    """Return the reduction to how often each record occurs."""
    return ToTable(
        "frequencies",
        "sort=True" if sort else "",
        kernel.Counting(),
        bool(sort),
        fan_in("frequencies", split_every),
    )


def distinct_table(key: Any) -> ToTable:
    """Return the reduction to the first record of each key."""
    if key is None:
        return ToTable("distinct", "", kernel.Seeing())
    return ToTable(
        "distinct",
        shown_key(key),
        kernel.Seeing(key_function("distinct", key)),
        functions=(key,) if callable(key) else (),
    )


def fold_by_table(key: Any, binop: Any, initial: Any, combine: Any, combine_initial: Any, split_every: Any) -> ToTable:
    """Return the reduction to what the records of each key are folded to."""
    check_callable("foldby", binop)
    function = key_function("foldby", key)
    combine = binop if combine is None else combine
    check_callable("foldby", combine)
    start = () if initial is NOT_GIVEN else (initial,)
    merge_start = () if combine_initial is NOT_GIVEN else (combine_initial,)
    return ToTable(
        "foldby",
        f"{shown_key(key)}, {function_label(binop)}",
        kernel.Folding(function, binop, combine, start, merge_start),
        # An initial value of the merge counts once, so it is one merge.
        split_every=None if merge_start else fan_in("foldby", split_every),
        elementwise=not start and not merge_start,
        # Without an initial value the first record of a key is its first total, so it is needed whole.
        fields=union(fields_read(function), fields_read(binop, 2)) if start else ALL,
        functions=(*([key] if callable(key) else []), binop, combine),
    )
