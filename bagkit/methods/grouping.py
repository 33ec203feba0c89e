"""Methods that bring records of one key together, or put all in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bagkit.errors import PlanError
from bagkit.kernels.group import Fold, Gather, GatherSides
from bagkit.methods.making import Making, T_co
from bagkit.ops.functions import check_callable, function_label, key_function
from bagkit.ops.grouping import (
    FIRST_FIELD,
    ByKey,
    Chosen,
    as_they_are,
    by_pairs,
    itself,
    keys_with_cells,
    keys_with_sides,
    shown_key,
)
from bagkit.ops.regroup import Concat
from bagkit.plan.node import Plan

if TYPE_CHECKING:
    from bagkit.bag import Bag


class Grouping(Making[T_co]):
    """Methods that bring records of one key together, or put all in order.

    They work on more than fits into memory: what a task can't hold waits on disk. Equal keys meet whatever their types
    (1, 1.0 and True are one key), all NaN are one key, and keys come in the order in which they are first seen.
    """

    __slots__ = ()

    def groupby(self, grouper: Any, method: Any = None, npartitions: int | None = None, blocksize: Any = None,
                max_branch: Any = None, shuffle: Any = None) -> Bag[tuple[Any, list[T_co]]]:  # fmt: skip
        """Return the bag of `(key, list of the records of that key)`, in `npartitions`, or in as many as there are.

        `grouper` is a function, or a key of the records. The records of a group are in the order of the bag. `foldby`
        is faster where the groups themselves are not needed. `method`, `blocksize`, `max_branch` and `shuffle` steer
        dask's ways of doing it, and have no effect here.

        Computing it raises UnstableKeyError for a key that can't be told from others in another process, and
        GroupTooLargeError where the records of one key do not fit into memory.

        >>> import bagkit as bk
        >>> bk.range(5, npartitions=2).groupby(lambda x: x % 2, npartitions=1).compute(scheduler="sync")
        [(0, [0, 2, 4]), (1, [1, 3])]
        """
        key = key_function("groupby", grouper)
        functions = (grouper,) if callable(grouper) else ()
        return self._then(
            ByKey("groupby", shown_key(grouper), (key,), Gather(), as_they_are, npartitions, functions=functions)
        )

    def group_by_key(self, npartitions: int | None = None) -> Bag[tuple[Any, list[Any]]]:
        """Return the bag of `(key, list of its values)` of a bag of `(key, value)`.

        >>> import bagkit as bk
        >>> bk.from_sequence([("a", 1), ("b", 2), ("a", 3)], npartitions=1).group_by_key().compute(scheduler="sync")
        [('a', [1, 3]), ('b', [2])]
        """
        return self._then(by_pairs("group_by_key", "", (FIRST_FIELD,), Gather(), as_they_are, npartitions))

    def reduce_by_key(self, binop: Callable[[Any, Any], Any], npartitions: int | None = None) -> Bag[tuple[Any, Any]]:
        """Return the bag of `(key, its values reduced by binop)` of a bag of `(key, value)`.

        `binop` must be associative: values are reduced in each task first, then across tasks, in order.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([("a", 1), ("b", 2), ("a", 3)], npartitions=1)
        >>> b.reduce_by_key(lambda x, y: x + y).compute(scheduler="sync")
        [('a', 4), ('b', 2)]
        """
        check_callable("reduce_by_key", binop)
        gathering = Fold(binop, binop)
        return self._then(by_pairs("reduce_by_key", function_label(binop), (FIRST_FIELD,), gathering, keys_with_cells,
                                   npartitions, functions=(binop,)))  # fmt: skip

    def aggregate_by_key(self, zero: Any, seq: Callable[[Any, Any], Any], comb: Callable[[Any, Any], Any],
                         npartitions: int | None = None) -> Bag[tuple[Any, Any]]:  # fmt: skip
        """Return the bag of `(key, its values folded by seq from zero, those results merged by comb)`.

        `zero` starts each key in each task, and is copied; it must change nothing that it is merged with.

        >>> import bagkit as bk
        >>> b = bk.from_sequence([("a", "x"), ("b", "yy"), ("a", "zzz")], npartitions=1)
        >>> b.aggregate_by_key(0, lambda n, text: n + len(text), lambda n, m: n + m).compute(scheduler="sync")
        [('a', 4), ('b', 2)]
        """
        check_callable("aggregate_by_key", seq)
        check_callable("aggregate_by_key", comb)
        gathering = Fold(seq, comb, (zero,))
        return self._then(by_pairs("aggregate_by_key", function_label(seq), (FIRST_FIELD,), gathering, keys_with_cells,
                                   npartitions, functions=(seq, comb)))  # fmt: skip

    def cogroup(self, *others: Bag[Any], npartitions: int | None = None) -> Bag[tuple[Any, tuple[list[Any], ...]]]:
        """Return the bag of `(key, (values here, values in the next bag, ...))` of bags of `(key, value)`.

        A key is there if any of the bags has it. The number of partitions is that of this bag unless given.

        >>> import bagkit as bk
        >>> ages, towns = bk.from_sequence([("ada", 36), ("bob", 5)], 2), bk.from_sequence([("ada", "London")])
        >>> ages.cogroup(towns).compute(scheduler="sync")
        [('ada', ([36], ['London'])), ('bob', ([5], []))]
        """
        op = by_pairs("cogroup", "", (FIRST_FIELD,) * (len(others) + 1), GatherSides(len(others) + 1), keys_with_sides,
                      npartitions)  # fmt: skip
        return self._with_others(op, others)

    def intersection(self, other: Bag[Any], npartitions: int | None = None) -> Bag[T_co]:
        """Return the bag of the records that are in both bags, each once."""
        return self._with_others(self._chosen("intersection", True, npartitions), (other,))

    def subtract(self, other: Bag[Any], npartitions: int | None = None) -> Bag[T_co]:
        """Return the bag of the records that are not in `other`; equal ones come one after the other.

        >>> import bagkit as bk
        >>> bk.from_sequence([3, 1, 2, 3], 4).subtract(bk.from_sequence([1])).compute(scheduler="sync")
        [3, 3, 2]
        """
        return self._with_others(self._chosen("subtract", False, npartitions), (other,))

    @staticmethod
    def _chosen(name: str, in_both: bool, npartitions: int | None) -> ByKey:
        return ByKey(name, "", (itself, itself), GatherSides(2), Chosen(in_both), npartitions)

    def union(self, *others: Bag[Any]) -> Bag[Any]:
        """Return the bag of the records of all the bags, repetitions kept: `concat` as a method.

        >>> import bagkit as bk
        >>> bk.range(2, 1).union(bk.range(3, 1)).compute(scheduler="sync")
        [0, 1, 0, 1, 2]
        """
        return self._with_others(Concat(), others, name="union")

    def _with_others(self, op: Any, others: tuple[Any, ...], name: str = "") -> Bag[Any]:
        plans = []
        for other in others:
            plan = getattr(other, "plan", None)
            if not isinstance(plan, Plan) or plan.op.gives_value:
                raise PlanError(f"{name or op.name}: got a {type(other).__name__}; expected a bag; hint: from_sequence")
            plans.append(plan)
        return self._bag(Plan(op, (self.plan, *plans)))
