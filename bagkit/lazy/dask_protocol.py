"""Dask's collection protocol: it makes bags, items and delayed values collections for dask and a distributed Client.

Dask is not imported. A graph that dask asks for is the one that bagkit would run itself, a task of ours a task of
dask's; what dask hands back to be run (`__dask_scheduler__`) runs on our schedulers. There exchanges keep to the memory
limit. What tasks leave for each other elsewhere is in files where `dask_clients.py` knows a directory, else in memory.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from weakref import WeakKeyDictionary

from bagkit.computing import run_graph
from bagkit.flow.buckets import Dealing
from bagkit.flow.replay import reading
from bagkit.flow.report import Report
from bagkit.lazy.dask_tasks import RunTask, Seal, report_of_run
from bagkit.lazy.dask_writes import TakeWritten, WriteFiles, function_and_needs, tasks_of_sink
from bagkit.light_classes import dataclass
from bagkit.lower.graph import Graph, Key, Task
from bagkit.ops.calls import DelayedCall
from bagkit.options import Options, PlainOptions, merged
from bagkit.plan.kinds import Sink
from bagkit.plan.node import Plan, walk


@dataclass(frozen=True, slots=True)
class DaskGraph:
    """A plan as a graph of dask's."""

    tasks: dict[Any, Any]
    keys: list[Any]
    """The keys of a bag's partitions, or of the one value."""
    token: str


_graphs: WeakKeyDictionary[Plan, dict[Any, DaskGraph]] = WeakKeyDictionary()
"""By how often its tasks read again, and what says where they leave files; by the former alone if they leave none."""


def dask_graph(plan: Plan) -> DaskGraph:
    """Return the graph of `plan`: the same one each time, as long as the options are the same.

    Raises PlanError for what works on files that are to be written first.
    """
    from bagkit.lazy.dask_clients import names_of_clients
    from bagkit.lower.retries import with_read_retries
    from bagkit.schedulers.dask_session import with_session

    graphs, options = _graphs.setdefault(plan, {}), with_session(merged(), runs=False)
    anywhere = options.read_retries
    where = (anywhere, options.shared_directory, options.temporary_directory, names_of_clients())
    graph = graphs.get(anywhere) or graphs.get(where)
    if graph is None:
        (told,) = with_read_retries((plan,), options.read_retries)
        graph, leaves_files = _made(told, options)
        graphs[where if leaves_files else anywhere] = graph
    return graph


def _made(plan: Plan, options: Options) -> tuple[DaskGraph, bool]:
    """Return the graph of `plan`, and whether its tasks leave something for each other in an exchange."""
    from bagkit.lazy.dask_clients import Runners, directory_of_graph, remove_after
    from bagkit.lazy.dask_files import DealFiles, Leaving
    from bagkit.lower.exchange import left_for_exchanges
    from bagkit.lower.lower import lower
    from bagkit.optimizer import optimize

    below = tuple(walk(plan))
    sink = next((each for each in below if isinstance(each.op, Sink)), None)
    if sink is not None:
        return DaskGraph(*tasks_of_sink(plan, sink)), False
    (root,) = (plan,) if all(isinstance(each.op, DelayedCall) for each in below) else optimize((plan,))
    runners = Runners(options)
    graph, (keys,) = lower((root,), exact=True, joins=False, memory=runners.memory)
    left = left_for_exchanges(graph)
    files = directory_of_graph(options, runners) if left else None
    directory = None if files is None else files.path
    token = os.urandom(8).hex()
    targets = frozenset(keys)
    names = {key: _name(key, graph.maker[key], token, key in targets) for key in graph.maker}
    tasks: dict[Any, Any] = {}
    partitions = frozenset[Key]() if plan.op.gives_value else targets
    seal = Seal(graph.tasks)
    if files is not None:
        remove_after(seal, files, token)
    for number, task in enumerate(graph.tasks):
        if isinstance(task.work, Dealing) and directory is None:
            tasks.update(_dealt(task, names))
            continue
        leaving = Leaving(directory, not left.isdisjoint(task.keys)) if left else None
        needs = [names[need] for need in task.needs]
        run: Any = RunTask(task, number, seal, task.keys[0] in partitions, leaving)
        if isinstance(task.work, Dealing) and directory is not None:
            run = DealFiles(directory, len(task.keys))
        elif run.shared_work is not None:
            name = (f"work-{token}", run.shared_work.number)
            tasks[name] = (run.shared_work,)
            needs.insert(0, name)
        tasks.update(_named((run, *needs), [names[key] for key in task.keys], isinstance(run, DealFiles)))
    return DaskGraph(tasks, [names[key] for key in keys], token), bool(left)


def _named(call: tuple[Any, ...], names: Sequence[Any], gives_several: bool) -> dict[Any, Any]:
    """Return the tasks of a call under the names of its values, which are several or `gives_several` says so."""
    if len(names) == 1 and not gives_several:
        return {names[0]: call}
    whole = (*names[0], "all")
    return {whole: call} | {name: (operator.itemgetter(number), whole) for number, name in enumerate(names)}


def _dealt(task: Task, names: dict[Any, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield what brings to each partition its buckets: dask moves values, so here each bucket is one."""
    from bagkit.lazy.dask_files import gathered

    for number, key in enumerate(task.keys):
        buckets = [(f"bucket of {names[need][0]}", *names[need][1:], number) for need in task.needs]
        for name, need in zip(buckets, task.needs, strict=True):
            yield name, (operator.itemgetter(number), names[need])
        yield names[key], (gathered, *buckets)


def _name(key: Key, task: Task, token: str, is_target: bool) -> Any:
    """Return what dask calls a value of ours.

    dask knows tasks of a kind by what their names begin with. Of many that need nothing it begins only some, so that
    what follows from these comes first; and how long a kind takes decides what goes to another worker.
    """
    from bagkit.lower.calls import Calls

    if isinstance(task.work, Calls):
        return key  # delayed values have names of their own, by which dask knows those that several share
    stage, *rest = _flat(key)
    number, _, label = str(stage).partition(": ")
    if is_target or not number.isdigit():
        return (f"bagkit-{token}", stage, *rest)
    return (f"{label}-{token}", int(number), *rest)


def _flat(key: Any) -> list[str | int]:
    return [part for each in key for part in _flat(each)] if isinstance(key, tuple) else [key]


def joined_partitions(parts: Sequence[list[Any]]) -> list[Any]:
    """Return the records of all partitions of a bag."""
    return [record for part in parts for record in part]


def only_value(parts: Sequence[Any]) -> Any:
    """Return the value of an item, or a delayed one."""
    (value,) = parts
    return reading(value)


def rebuilt(
    values: Mapping[Any, Any], collection: Any, keys: Sequence[Any], rename: Mapping[str, str] | None = None
) -> Any:
    """Return `collection` with its computed values, in this process; futures of a Client are waited for.

    `dask.optimize` and what manipulates graphs call it with tasks in place of values.
    """
    from bagkit.flow.kept import Kept
    from bagkit.lazy.known import known_plan

    named = [_renamed(key, rename or {}) for key in keys]
    found = [values[key] for key in named]
    ours = all(isinstance(function_and_needs(value)[0], (RunTask, TakeWritten)) for value in found)
    if ours and not rename:
        return collection
    if ours or len(values) > len(keys) or not isinstance(values, dict) or hasattr(found[0], "dependencies"):
        return _of_graph(values, named, collection)
    found = [value.result() if hasattr(value, "result") and hasattr(value, "key") else value for value in found]
    if collection.plan.op.gives_value:
        return collection._with_plan(known_plan(collection.plan, found[0]))
    return collection._with_plan(known_plan(collection.plan, [Kept(local=part) for part in found]))


def _renamed(key: Any, rename: Mapping[str, str]) -> Any:
    if isinstance(key, tuple):
        return (rename.get(key[0], key[0]), *key[1:])
    return rename.get(key, key)


def _of_graph(graph: Any, keys: Sequence[Any], collection: Any) -> Any:
    """Return `collection` made of the tasks of `keys` in a graph of dask's, which depend on other things too now."""
    from bagkit.lazy.dask_inputs import bag_of, plans_of_graph

    plans = plans_of_graph(graph, keys)
    parts = [plans[key] for key in keys]
    return collection._with_plan(parts[0] if collection.plan.op.gives_value else bag_of(parts))


def run_dask_graph(dsk: Any, keys: Any, num_workers: int | None = None, **_: Any) -> Any:
    """Return the values of `keys`, in lists as they are, of a graph of dask's. Its tasks need not all be ours.

    Tasks of bags run in processes, all others in threads, unless `bagkit.options` say otherwise.
    """
    from bagkit.diagnostics.failure_log import FailureLog
    from bagkit.lazy.dask_inputs import leaves, shaped
    from bagkit.lazy.graphs import Tasks

    class DaskTasks(Tasks):
        """Tasks of a dict that has objects for tasks too."""

        keywords: PlainOptions = {} if num_workers is None else {"workers": num_workers}

        def add_one(self, name: Any) -> tuple[Any, ...]:
            """Make the task of `name`; return what it needs."""
            node = self.graph[name]
            if type(node) is tuple and node and isinstance(node[0], RunTask):
                self.made.append(Task((name,), run_ours, node[0], node[1:], repr(node[0])))
                return node[1:]
            head, needs = function_and_needs(node)
            if isinstance(head, WriteFiles):
                # Now, and in no task of this run: there it would have one thread.
                self.made.append(Task((name,), run_value, head.write(self.keywords), (), "value"))
                return ()
            if not hasattr(node, "dependencies"):
                return super().add_one(name)
            needs = tuple(needs)
            self.made.append(Task((name,), run_node, (node, needs), needs, str(getattr(node, "func", "value"))))
            return needs

    tasks = DaskTasks(dsk if isinstance(dsk, Mapping) else dsk.__dask_graph__())
    targets = list(dict.fromkeys(leaves(keys)))
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
    return shaped(keys, found)


def run_value(part: Any, inputs: Sequence[Any], report: Report) -> Any:
    """A Work: a value that is there already."""
    return part


def run_node(part: tuple[Any, tuple[Key, ...]], inputs: Sequence[Any], report: Report) -> Any:
    """A Work: one task of dask's."""
    node, needs = part
    before = report_of_run.set(report)
    try:
        return node(dict(zip(needs, inputs, strict=True)))
    finally:
        report_of_run.reset(before)


def run_ours(part: RunTask, inputs: Sequence[Any], report: Report) -> Any:
    """A Work: a task of ours that stands in a graph of dask's as the tuple it was made."""
    return part.run(inputs, report)
