"""Reductions: each is a row that says how one partition, several states and the result are made.

To add one: a function below that returns a `Row`, a method on Bag, a row in the test cases.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from functools import partial, reduce
from itertools import chain, islice
from operator import not_
from typing import Any

from bagkit.errors import EmptyBagError, PlanError, add_notes, one_line
from bagkit.exchange import fold
from bagkit.exchange.fold import Largest
from bagkit.exchange.spill import Room
from bagkit.flow.stopped import awaited
from bagkit.flow.takings import AllAtOnce, UntilEnough
from bagkit.light_classes import dataclass
from bagkit.ops._extremes import extreme, extreme_of, merge_extremes
from bagkit.ops._moments import Moments, add_moments, merge_moments, variance
from bagkit.ops._sums import Total, add, mean, merge_totals, value
from bagkit.ops.exchange_errors import MERGING_TOTALS
from bagkit.ops.functions import check_callable, function_label, key_function, one_argument, shown_key
from bagkit.plan.kinds import ALL, Fields, Reduction, Taking, WhenCut
from bagkit.sentinels import EMPTY, NOT_GIVEN
from bagkit.signatures import checked_count, whole_number

FAN_IN = 8
"""How many states are combined at a time unless `split_every` says otherwise."""


class Accumulating:
    """A Taking whose state is what a function makes of the state before and some records more."""

    __slots__ = ("_add", "_state")

    def __init__(self, add: Callable[[Any, list[Any]], Any], initial: Any = EMPTY) -> None:
        self._add = add
        self._state = initial

    def take(self, records: list[Any]) -> None:
        """Take some records."""
        self._state = self._add(self._state, records)

    def state(self) -> Any:
        """Return the state: the initial one if there was no record."""
        return self._state


def accumulating(add: Callable[[Any, list[Any]], Any], initial: Any = EMPTY) -> Callable[[], Accumulating]:
    """Return an object that starts with the state `initial`, and adds records to it; `add` may not change `initial`."""
    return partial(Accumulating, add, initial)


class Keeping:
    """A Taking that keeps records in a list, or what a function makes of some of them; `most` of them, from the first.

    The list grows: a new one for each block would be copied as often as there are blocks.
    """

    __slots__ = ("_found", "_most", "_of")

    def __init__(self, of: Callable[[list[Any]], Sequence[Any]] | None = None, most: int = sys.maxsize) -> None:
        self._found: list[Any] = []
        self._most = most
        self._of = of

    def take(self, records: list[Any]) -> None:
        """Take some records."""
        found = records if self._of is None else self._of(records)
        self._found += found[: self._most - len(self._found)]

    def state(self) -> list[Any]:
        """Return the list."""
        return self._found


def whole_records() -> Fields:
    """Return what a reduction reads whose result is made of records, or that says nothing else."""
    return ALL


@dataclass(frozen=True)
class Row(Reduction):
    """A reduction as data: the name to show, the three functions, and the facts."""

    name: str
    on_start: Callable[[], Taking]
    on_combine: Callable[[list[Any]], Any]
    """Makes one state of several, none of them EMPTY."""
    on_finish: Callable[[Any], Any] = lambda state: state
    """Makes the result of the last state, which is EMPTY if no partition had a record."""
    gives_bag: bool = False
    split_every: int | None = FAN_IN
    reads: Callable[[], Fields] = whole_records
    """Which fields it reads; asked when it runs, for until then IPython's autoreload may change functions."""
    functions: tuple[Any, ...] = field(default=())
    when_cut: WhenCut = "same"

    @property
    def gives_value(self) -> bool:  # type: ignore[override]  # it depends on the reduction
        return not self.gives_bag

    @property
    def label(self) -> str:
        return self.name

    def demand(self, wanted: Fields) -> Fields:
        return self.reads()

    def user_functions(self) -> tuple[Any, ...]:
        return self.functions

    def start(self, room: Room) -> Taking:
        return self.on_start()

    def combine(self, states: Sequence[Any], room: Room) -> Any:
        known = [state for state in states if state is not EMPTY]
        return self.on_combine(known) if known else EMPTY

    def finish(self, states: Sequence[Any], room: Room) -> Any:
        return self.on_finish(self.combine(states, room))


def fan_in(operation: str, split_every: int | bool | None) -> int | None:
    """Return how many states to combine at a time for dask's `split_every`: None is the default, False all at once."""
    if split_every is None:
        return FAN_IN
    if split_every is False:
        return None
    number = whole_number(split_every)
    if number is not None and number >= 2:
        return number
    raise PlanError(
        f"{operation}: split_every is {one_line(split_every, 80)}; expected an int of 2 or more, False, or None"
        f"{hint_for_field(operation, split_every)}"
    )


_OF_ONE_FIELD = {
    **dict.fromkeys(("sum", "min", "max", "mean", "var", "std", "stats", "count", "any", "all"), ""),
    **dict.fromkeys(("frequencies", "approx_distinct"), ""),
    "histogram": "10",
    "quantiles": "0.5",
}
"""Operations to which users of tables give a field's name, and what to write instead."""


def hint_for_field(operation: str, argument: object) -> str:
    """Return the hint for a field's name, or a function, where `operation` has no argument for it: "" for others."""
    if operation not in _OF_ONE_FIELD:
        return ""
    if isinstance(argument, (list, tuple)) and len(argument) == 1:
        (argument,) = argument
    call = f"{operation}({_OF_ONE_FIELD[operation]})"
    if isinstance(argument, (list, tuple)) and all(isinstance(each, str) for each in argument):
        return f"; hint: bag.pluck('name').{call} takes one field; several Items go into bagkit.compute(...)"
    if isinstance(argument, str) and not argument.isdigit():
        record = f", or bag.topk(1, key={argument!r}) for the record" if operation == "max" else ""
        return f"; hint: bag.pluck({argument!r}).{call}{record}"
    if callable(argument):
        return f"; hint: bag.{'filter' if operation == 'count' else 'map'}(function).{call}"
    return ""


def not_empty(name: str, finish: Callable[[Any], Any] | None = None) -> Callable[[Any], Any]:
    """Return a finish that raises EmptyBagError where there was no record."""
    return partial(_finish_unless_empty, name, finish)


def _finish_unless_empty(name: str, finish: Callable[[Any], Any] | None, state: Any) -> Any:
    if state is EMPTY:
        raise EmptyBagError(f"{name} of an empty bag: there is no record to take it of")
    return state if finish is None else finish(state)


def joined(states: Iterable[list[Any]]) -> list[Any]:
    """Return the elements of all `states` in one list."""
    return list(chain.from_iterable(states))


def or_else(default: Any, state: Any) -> Any:
    """Return `state`, or `default` where there was none."""
    return default if state is EMPTY else state


# Numbers -----------------------------------------------------------------------------------------------------------


def count_row(split_every: Any = None) -> Row:
    finish = partial(or_else, 0)
    every = fan_in("count", split_every)
    start = accumulating(_count, 0)
    return Row("count", start, sum, finish, reads=frozenset, split_every=every)


def _count(number: int, records: Sequence[Any]) -> int:
    return number + len(records)


def sum_row(split_every: Any = None) -> Row:
    every = fan_in("sum", split_every)
    return Row("sum", accumulating(add, Total()), merge_totals, _sum, split_every=every, when_cut="same if plain")


def _sum(state: Any) -> Any:
    return 0 if state is EMPTY else value(state)


def min_row(split_every: Any = None) -> Row:
    return _extreme("min", min, split_every)


def max_row(split_every: Any = None) -> Row:
    return _extreme("max", max, split_every)


def _extreme(name: str, choose: Callable[[Iterable[Any]], Any], split_every: Any) -> Row:
    finish = not_empty(name, extreme_of)
    every = fan_in(name, split_every)
    start = accumulating(partial(_with_extreme, choose))
    return Row(name, start, partial(merge_extremes, choose), finish, split_every=every)


def _with_extreme(choose: Callable[[Iterable[Any]], Any], state: Any, records: Sequence[Any]) -> Any:
    found = extreme(choose, records)
    return found if state is EMPTY else merge_extremes(choose, [state, found])


def any_row(split_every: Any = None) -> Row:
    return _until("any", any, bool, split_every)


def all_row(split_every: Any = None) -> Row:
    return _until("all", all, not_, split_every)


def _until(name: str, holds: Callable[[Iterable[Any]], bool], is_known: Callable[[Any], bool], split_every: Any) -> Row:
    """Return the reduction to what `holds` says of the records; no more are read once that is known."""
    nothing = holds(())
    start = partial(UntilEnough, accumulating(partial(_with_more, holds), nothing), is_known)
    return Row(name, start, holds, partial(or_else, nothing), split_every=fan_in(name, split_every), when_cut="rounded")


def _with_more(holds: Callable[[Iterable[Any]], bool], before: bool, records: Sequence[Any]) -> bool:
    return holds((before, holds(records)))


def _mean(state: Total) -> Any:
    if not state.number:
        raise EmptyBagError("mean of an empty bag: there is no record to take it of")
    return mean(state)


def mean_row(split_every: Any = None) -> Row:
    every = fan_in("mean", split_every)
    return Row("mean", accumulating(add, Total()), merge_totals, _mean, split_every=every, when_cut="same if plain")


def _variance(name: str, ddof: int, root: bool, state: Moments) -> Any:
    if state.total.number <= ddof:
        raise EmptyBagError(f"{name} of {state.total.number} records: it needs more than ddof={ddof} of them")
    return variance(state, ddof, root=root)


def var_row(ddof: int, *, root: bool) -> Row:
    name = "std" if root else "var"
    less = checked_count(name, "ddof", ddof, 0, hint_for_field(name, ddof))
    shown = f"{name}(ddof={less})" if less else name
    finish = partial(_variance, name, less, root)
    return Row(shown, accumulating(add_moments, Moments()), merge_moments, finish, when_cut="same if plain")


# Values ------------------------------------------------------------------------------------------------------------


def topk_row(k: int, key: Any, split_every: Any) -> Row:
    key_for_k = repr(k) if isinstance(k, str) and not k.isdigit() else "function" if callable(k) else ""
    count = checked_count("topk", "k", k, 0, f"; hint: bag.topk(10, key={key_for_k})" if key_for_k else "")
    function = None if key is None else one_argument(key_function("topk", key))
    shown = "" if key is None else f", key={shown_key(key)}"
    return Row(
        f"topk({count}{shown})",
        partial(Largest, count, function),
        partial(_largest_of_all, count, function),
        partial(or_else, []),
        gives_bag=True,
        split_every=fan_in("topk", split_every),
        functions=(key,) if callable(key) else (),
    )


def _largest_of_all(k: int, key: Callable[[Any], Any] | None, states: list[list[Any]]) -> list[Any]:
    largest = Largest(k, key)
    largest.take(list(chain.from_iterable(states)))
    return largest.state()


def head_row(k: int) -> Row:
    start = partial(UntilEnough, partial(Keeping, most=k), partial(_has, k))
    merge = partial(_first_of_all, k)
    return Row(f"take({k})", start, merge, partial(or_else, []), gives_bag=True, when_cut="rounded")


def _first_of_all(k: int, states: list[Sequence[Any]]) -> list[Any]:
    return list(islice(chain.from_iterable(states), k))


def _has(k: int, found: Sequence[Any]) -> bool:
    return len(found) >= k


# Folds -------------------------------------------------------------------------------------------------------------


def _fold(binop: Callable[[Any, Any], Any], initial: Any, state: Any, records: Sequence[Any]) -> Any:
    if state is not EMPTY:
        return awaited(reduce(binop, records, state))
    return awaited(reduce(binop, records) if initial is NOT_GIVEN else reduce(binop, records, fold.fresh(initial)))


def _fold_combine(combine: Callable[[Any, Any], Any], is_binop: bool, states: Sequence[Any]) -> Any:
    try:
        return awaited(reduce(combine, states))
    except Exception as error:
        if is_binop:
            add_notes(error, [MERGING_TOTALS])
        raise


def _fold_finish(initial: Any, state: Any) -> Any:
    if state is not EMPTY:
        return state
    if initial is NOT_GIVEN:
        raise EmptyBagError("fold of an empty bag: it has no value without an initial one; hint: fold(..., initial=0)")
    return fold.fresh(initial)


def fold_row(binop: Any, combine: Any, initial: Any, split_every: Any, gives_bag: bool) -> Row:
    check_callable("fold", binop)
    combine = binop if combine is None else combine
    check_callable("fold", combine)
    from bagkit.ops.fields_read import fields_read  # few reductions call functions

    return Row(
        f"fold({function_label(binop)})",
        accumulating(partial(_fold, binop, initial)),
        partial(_fold_combine, combine, combine is binop and initial is not NOT_GIVEN),
        partial(_fold_finish, initial),
        gives_bag=gives_bag,
        split_every=fan_in("fold", split_every),
        reads=whole_records if initial is NOT_GIVEN else partial(fields_read, binop, 2),
        functions=(binop, combine),
        # An initial value counts once for each partition, so partitions can be seen.
        when_cut="rounded" if initial is NOT_GIVEN else "other",
    )


@dataclass(frozen=True)
class CustomReduction(Reduction):
    """`reduction(perpartition, aggregate)`: the user's own two functions."""

    perpartition: Callable[[Iterator[Any]], Any]
    aggregate: Callable[[Iterator[Any]], Any]
    gives_bag: bool = False
    split_every: int | None = None
    """None unless the user asks for a tree: an aggregate need not take its own results."""
    name: str | None = None

    when_cut = "other"

    def __post_init__(self) -> None:
        check_callable("reduction", self.perpartition)
        check_callable("reduction", self.aggregate)

    @property
    def gives_value(self) -> bool:  # type: ignore[override]  # it depends on the reduction
        return not self.gives_bag

    @property
    def label(self) -> str:
        return self.name or f"reduction({function_label(self.perpartition)}, {function_label(self.aggregate)})"

    def user_functions(self) -> tuple[Any, ...]:
        return (self.perpartition, self.aggregate)

    def start(self, room: Room) -> Taking:
        return AllAtOnce(self._reduced)

    def _reduced(self, records: Iterator[Any]) -> Any:
        first = next(records, EMPTY)
        if first is EMPTY:
            return EMPTY
        try:
            return _settled(self.perpartition(chain((first,), records)))
        except TypeError as error:
            if type(error) is TypeError and "itertools.chain" in str(error):
                error.add_note(
                    "hint: a partition is an iterator here: reduction(lambda records: len(list(records)), sum)"
                )
            raise

    def combine(self, states: Sequence[Any], room: Room) -> Any:
        known = [state for state in states if state is not EMPTY]
        return _settled(self.aggregate(iter(known))) if known else EMPTY

    def finish(self, states: Sequence[Any], room: Room) -> Any:
        state = self.combine(states, room)
        # Only at the very end does the user's function see that there was no record, never inside a tree.
        return _settled(self.aggregate(iter(()))) if state is EMPTY else state


def _settled(value: Any) -> Any:
    """Return a list for an iterator, which could be neither sent nor read twice."""
    return list(value) if isinstance(value, Iterator) else awaited(value)
