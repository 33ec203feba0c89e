"""Dask's own lazy values as plans: delayed values, items, bags, arrays, frames and futures, wherever ours can stand.

Dask is not imported, for who has such a value has imported it. A task of dask's becomes a call of its own, so it runs
on our schedulers, beside others, and once for all that use it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from bagkit.errors import PlanError, TaskError, one_line
from bagkit.ops.calls import DelayedCall, FutureValue, PartitionOf, identity, next_number
from bagkit.ops.regroup import Concat
from bagkit.plan.node import Plan
from bagkit.plan.template import Hole
from bagkit.schedulers.cluster import check_open, is_closed, meant


def plan_of_dask(value: Any) -> Plan | None:
    """Return the plan of a collection of dask's: a bag for one of dask.bag, else one value; None if it has no graph."""
    graph = value.__dask_graph__()
    if graph is None:
        return None
    keys = value.__dask_keys__()
    parts = leaves(keys)
    plans = plans_of_graph(graph, parts)
    bags = sys.modules.get("dask.bag.core")
    if bags is not None and isinstance(value, bags.Bag):
        return bag_of([plans[key] for key in keys])
    function, extra = value.__dask_postcompute__()
    if function.__module__ == "dask.delayed" and len(parts) == 1:
        return plans[parts[0]]  # the value itself
    shape = shaped(keys, {key: n for n, key in enumerate(parts)})
    return _call(Finished(function, extra, shape), type(value).__name__.lower(), tuple(map(plans.__getitem__, parts)))


def plan_of_future(value: Any) -> Plan | None:
    """Return the plan of the value of a future of distributed's; None for anything else. A run waits for it."""
    kind = getattr(sys.modules["distributed.client"], "Future", None)
    if kind is None or not issubclass(type(value), kind):
        return None
    if value.client.asynchronous:
        raise PlanError(
            f"{one_line(value, 80)} is of an asynchronous client, so a run can't wait for it; "
            "hint: `await` it, and give its value"
        )
    plan = _futures.get(value)
    if plan is None:
        future: Any = DaskFuture(value)  # it has all that runs ask a future for
        plan = _futures[value] = Plan(FutureValue(future))
    return plan


_futures: WeakValueDictionary[Any, Plan] = WeakValueDictionary()


class DaskFuture:
    """A future of distributed's, which says that its client is closed, rather than what dask raises then."""

    def __init__(self, there: Any) -> None:
        self._there = there

    @property
    def status(self) -> str:
        """What dask calls its state."""
        return str(self._there.status)

    def done(self) -> bool:
        """Return whether nobody has to wait for it."""
        return bool(self._there.done())

    def cancelled(self) -> bool:
        """Return whether somebody has cancelled it; a client that closes cancels all of its own."""
        return bool(self._there.cancelled()) and not is_closed(self._there.client)

    def result(self) -> Any:
        """Wait for the value, and return it; raises what made it fail."""
        try:
            check_open(self._there.client, self._subject)
            return self._there.result()
        except TaskError:
            raise
        except (Exception, CancelledError) as error:
            told = meant(self._there.client, error, self._subject)
            if told is error:
                raise
            raise told from error

    def exception(self) -> BaseException | None:
        """Wait, and return what made it fail."""
        try:
            self.result()
        except (Exception, CancelledError) as error:
            return error
        return None

    def add_done_callback(self, tell: Any) -> None:
        """Call `tell` when it is over; at once where its client is closed, whose loop calls nobody any more."""
        if is_closed(self._there.client):
            tell(self)
        else:
            self._there.add_done_callback(lambda _: tell(self))

    @property
    def _subject(self) -> str:
        return f"the future {one_line(self._there.key, 80)}"


def bag_of(partitions: Sequence[Plan]) -> Plan:
    """Return the plan of the bag whose partitions are what `partitions` compute to."""
    parts = tuple([Plan(PartitionOf("dask.bag"), (plan,)) for plan in partitions])
    return parts[0] if len(parts) == 1 else Plan(Concat(), parts)


def plans_of_graph(graph: Any, keys: Iterable[Any]) -> dict[Any, Plan]:
    """Return the plans of the tasks of `keys` in a graph of dask's; a task that is known has the plan that it had."""
    given = nodes = dict(graph)
    if not all(hasattr(node, "dependencies") for node in nodes.values()):
        nodes = sys.modules["dask._task_spec"].convert_legacy_graph(nodes)
    made: dict[Any, Plan] = {}
    waiting = list(keys)  # a stack of our own: graphs can be deep
    while waiting:
        key = waiting[-1]
        if key not in nodes:
            made.setdefault(key, _plan_of_missing(key))
            waiting.pop()
            continue
        node = nodes[key]
        unknown = [need for need in node.dependencies if need not in made] if key not in made else []
        if unknown:
            waiting.extend(unknown)
            continue
        waiting.pop()
        if key not in made:
            made[key] = _plan_of_node(key, node, given[key], made)
    return {key: made[key] for key in keys}


def _plan_of_missing(key: Any) -> Plan:
    """Return the plan of a value that a graph needs and does not make: a client of distributed's has its future."""
    kind = getattr(sys.modules.get("distributed.client"), "Client", None)
    for client in tuple(getattr(kind, "_instances", ())):
        if key in client.futures and not client.asynchronous:
            plan = plan_of_future(sys.modules["distributed.client"].Future(key, client))
            if plan is not None:
                return plan
    raise PlanError(
        f"a graph of dask's needs {one_line(key, 80)}, which is not in it, and which no open client of "
        "dask.distributed has; hint: make it again with a client that stays open"
    )


def _plan_of_node(key: Any, node: Any, given: Any, made: Mapping[Any, Plan]) -> Plan:
    known = _plans.get((key, id(given)))
    if known is None:
        needs = tuple(node.dependencies)
        if type(node).__name__ == "DataNode":
            known = Plan(DelayedCall(identity, (_held(node.value),), None, _title(key), next_number()))
        else:
            known = _call(DaskTask(node, needs), _title(key), tuple([made[need] for need in needs]))
        _plans[key, id(given)], _givens[known] = known, given
    return known


_plans: WeakValueDictionary[tuple[Any, int], Plan] = WeakValueDictionary()
_givens: WeakKeyDictionary[Plan, Any] = WeakKeyDictionary()
"""What each plan was made of: held as long as the plan, so that its id can't become another object's."""


def _held(value: Any) -> Any:
    """Return a value that a graph holds; for a Client's future wait, and return its result."""
    is_future = type(value).__module__.startswith("distributed") and hasattr(value, "result")
    return DaskFuture(value).result() if is_future else value


def _call(function: Any, title: str, inputs: tuple[Plan, ...]) -> Plan:
    args = tuple([Hole(n) for n in range(len(inputs))])
    return Plan(DelayedCall(function, args, None, title, next_number()), inputs)


def _title(key: Any) -> str:
    head = str(key[0] if isinstance(key, tuple) and key else key)
    return head.rpartition("-")[0] or head


class DaskTask:
    """A task of dask's as a function of what it needs."""

    def __init__(self, node: Any, needs: tuple[Any, ...]) -> None:
        self.node = node
        self.needs = needs
        self.__name__ = str(getattr(getattr(node, "func", None), "__name__", "value"))

    def __call__(self, *values: Any) -> Any:
        return self.node(dict(zip(self.needs, values, strict=True)))


class Finished:
    """What dask makes of the values of a collection's tasks. They are in lists, as `shape` numbers them."""

    def __init__(self, function: Any, extra: tuple[Any, ...], shape: Any) -> None:
        self.function = function
        self.extra = extra
        self.shape = shape

    def __call__(self, *values: Any) -> Any:
        return self.function(shaped(self.shape, values), *self.extra)


def leaves(keys: Any) -> list[Any]:
    """Return the keys that are in lists of lists, as dask has them."""
    return [leaf for key in keys for leaf in leaves(key)] if isinstance(keys, list) else [keys]


def shaped(keys: Any, values: Any) -> Any:
    """Return what `values` has for each of `keys`, in lists as they are."""
    return [shaped(key, values) for key in keys] if isinstance(keys, list) else values[keys]
