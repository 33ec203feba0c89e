"""Dask's collection protocol: bags, items and delayed values as dask, and a distributed Client, know collections.

Dask is not imported. A graph that dask asks for is the one that bagkit would run itself, a task of ours a task of
dask's; what dask hands back to be run (`__dask_scheduler__`) runs on our schedulers. There exchanges keep to the memory
limit; elsewhere they hold what they exchange in memory, for dask has no place for files that goes with the run.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from bagkit.computing import run_graph, with_room
from bagkit.errors import PlanError
from bagkit.kernels.report import Report
from bagkit.lower.graph import Batches, Graph, Key, Task
from bagkit.options import merged
from bagkit.plan.kinds import Sink, TaskCall
from bagkit.plan.node import Plan, walk


@dataclass(frozen=True, slots=True)
class DaskGraph:
    """A plan as a graph of dask's."""

    tasks: dict[Any, Any]
    keys: list[Any]
    """Of the partitions of a bag, or of the one value."""
    token: str


class DaskCollection:
    """What makes a class with a plan a collection of dask's.

    >>> import bagkit as bk
    >>> len(bk.range(4, npartitions=2).__dask_keys__())
    2
    """

    __slots__ = ()
    plan: Any

    @property
    def dask(self) -> dict[Any, Any]:
        """The graph as dask has it."""
        return dask_graph(self.plan).tasks

    def __dask_graph__(self) -> dict[Any, Any]:
        return dask_graph(self.plan).tasks

    def __dask_keys__(self) -> list[Any]:
        return dask_graph(self.plan).keys

    def __dask_tokenize__(self) -> Any:
        return "bagkit", dask_graph(self.plan).token

    def __dask_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (only_value if self.plan.op.gives_value else all_records), ()

    def __dask_postpersist__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return rebuilt, (self, self.__dask_keys__())

    @staticmethod
    def __dask_optimize__(dsk: Any, keys: Any, **_: Any) -> Any:
        return dsk  # the plan was optimised before it became a graph

    @staticmethod
    def __dask_scheduler__(dsk: Any, keys: Any, **keywords: Any) -> Any:
        return run_dask_graph(dsk, keys, **keywords)


_graphs: WeakKeyDictionary[Plan, DaskGraph] = WeakKeyDictionary()


def dask_graph(plan: Plan) -> DaskGraph:
    """Return the graph of `plan`: the same one each time.

    Raises PlanError for what writes files: its outputs are committed by our schedulers only.
    """
    if plan not in _graphs:
        _graphs[plan] = _made(plan)
    return _graphs[plan]


def _made(plan: Plan) -> DaskGraph:
    from bagkit.lower.lower import lower
    from bagkit.optimizer import optimize

    below = tuple(walk(plan))
    sink = next((each for each in below if isinstance(each.op, Sink)), None)
    if sink is not None:
        raise PlanError(f"{sink.op.label}: dask can't run what writes files; hint: its own compute() does")
    (root,) = (plan,) if all(isinstance(each.op, TaskCall) for each in below) else optimize((plan,))
    graph, (keys,) = lower(with_room((root,), merged()), exact=True, joins=False)
    token = os.urandom(8).hex()
    names = {key: _name(key, graph.maker[key], token) for key in graph.maker}
    tasks: dict[Any, Any] = {}
    for task in graph.tasks:
        call = (RunTask(task), *[names[need] for need in task.needs])
        if len(task.keys) == 1:
            tasks[names[task.keys[0]]] = call
        else:
            whole = (*names[task.keys[0]], "all")
            tasks[whole] = call
            tasks.update({names[key]: (operator.itemgetter(n), whole) for n, key in enumerate(task.keys)})
    return DaskGraph(tasks, [names[key] for key in keys], token)


def _name(key: Key, task: Task, token: str) -> Any:
    from bagkit.lower.calls import Calls

    if isinstance(task.work, Calls):
        return key  # delayed values have names of their own, by which dask knows those that several share
    return (f"bagkit-{token}", *_flat(key))


def _flat(key: Any) -> list[str | int]:
    return [part for each in key for part in _flat(each)] if isinstance(key, tuple) else [key]


_report: ContextVar[Report | None] = ContextVar("the report of the task that runs", default=None)
"""That of our scheduler; None where another one calls."""


class RunTask:
    """A task of ours as a function of what it needs."""

    def __init__(self, task: Task) -> None:
        self._work = task.work
        self._part = task.part
        self._width = len(task.keys)
        self._name = task.label or "task"

    @property
    def is_call(self) -> bool:
        """Whether it is of a delayed call."""
        from bagkit.lower.calls import Calls

        return isinstance(self._work, Calls)

    def __call__(self, *inputs: Any) -> Any:
        report = _report.get()
        if report is not None:
            return self.run(inputs, report)
        from bagkit.diagnostics.failure_log import FailureLog

        report, log = Report(), FailureLog()
        value = self.run(inputs, report)
        log.take(report.skipped, report.failures)
        log.warn(streamed=True)  # in the worker: nobody collects what tasks say beside their values
        return value

    def run(self, inputs: Sequence[Any], report: Report) -> Any:
        """Return the value, or the tuple of the values of several keys."""
        from bagkit.schedulers.sync import call_work, kept

        values = call_work(self._work, self._part, inputs, report, self._width, self._name, kept)
        return values[0] if self._width == 1 else values

    def __repr__(self) -> str:
        return self._name


def all_records(parts: Sequence[Batches]) -> list[Any]:
    """Return the records of all partitions of a bag."""
    return [record for part in parts for batch in part for record in batch]


def only_value(parts: Sequence[Any]) -> Any:
    """Return the value of an item, or a delayed one."""
    (value,) = parts
    return value


def rebuilt(
    values: Mapping[Any, Any], collection: Any, keys: Sequence[Any], rename: Mapping[str, str] | None = None
) -> Any:
    """Return `collection` with what it was computed to, in this process; futures of a Client are waited for."""
    from bagkit.together import known_plan

    found = []
    for key in keys:
        head = key[0] if isinstance(key, tuple) else key
        new = (rename or {}).get(head, head)
        value = values[(new, *key[1:]) if isinstance(key, tuple) else new]
        found.append(value.result() if hasattr(value, "result") and hasattr(value, "key") else value)
    if collection.plan.op.gives_value:
        return collection._with_plan(known_plan(collection.plan, found[0]))
    return collection._with_plan(known_plan(collection.plan, [all_records([part]) for part in found]))


def run_dask_graph(dsk: Any, keys: Any, num_workers: int | None = None, **_: Any) -> Any:
    """Return the values of `keys`, in lists as they are, of a graph of dask's tasks, which can be other people's too.

    Tasks of bags run in processes, all others in threads, unless `bagkit.options` say otherwise.
    """
    from bagkit.diagnostics.failure_log import FailureLog
    from bagkit.graphs import Tasks

    class DaskTasks(Tasks):
        """Those of a dict that has objects for tasks too."""

        def add_one(self, name: Any) -> tuple[Any, ...]:
            """Make the task of `name`; return what it needs."""
            node = self.graph[name]
            if type(node) is tuple and node and isinstance(node[0], RunTask):
                self.made.append(Task((name,), run_ours, node[0], node[1:], repr(node[0])))
                return node[1:]
            if not hasattr(node, "dependencies"):
                return super().add_one(name)
            needs = tuple(node.dependencies)
            self.made.append(Task((name,), run_node, (node, needs), needs, str(getattr(node, "func", "value"))))
            return needs

    tasks = DaskTasks(dsk if isinstance(dsk, Mapping) else dsk.__dask_graph__())
    targets = list(dict.fromkeys(_leaves(keys)))
    for key in targets:
        tasks.add(key)
    options = merged(workers=num_workers)
    heads = [node[0] if type(node) is tuple and node else getattr(node, "func", None) for node in tasks.graph.values()]
    in_threads = all(head.is_call for head in heads if isinstance(head, RunTask))
    spec = options.scheduler or ("threads" if in_threads else "processes")
    log = FailureLog()
    with closing(run_graph(Graph(tasks.made), targets, spec, options, log)) as values:
        found = dict(zip(targets, values, strict=True))
    log.warn(streamed=True)
    return _shaped(keys, found)


def run_node(part: tuple[Any, tuple[Key, ...]], inputs: Sequence[Any], report: Report) -> Any:
    """A Work: one task of dask's."""
    node, needs = part
    before = _report.set(report)
    try:
        return node(dict(zip(needs, inputs, strict=True)))
    finally:
        _report.reset(before)


def run_ours(part: RunTask, inputs: Sequence[Any], report: Report) -> Any:
    """A Work: a task of ours that stands in a graph of dask's as the tuple it was made."""
    return part.run(inputs, report)


def _leaves(keys: Any) -> list[Any]:
    return [leaf for key in keys for leaf in _leaves(key)] if isinstance(keys, list) else [keys]


def _shaped(keys: Any, found: dict[Any, Any]) -> Any:
    return [_shaped(key, found) for key in keys] if isinstance(keys, list) else found[keys]
