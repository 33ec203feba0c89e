"""Graphs as plain dicts of names and tasks, and `get`, which runs them. docs/graphs.md is the specification."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import closing
from typing import Any, Unpack

from bagkit.computing import for_this_session, run_graph
from bagkit.errors import PlanError, ask, one_line
from bagkit.flow.replay import reading
from bagkit.front_doors import front_door
from bagkit.lower.calls import Calls
from bagkit.lower.graph import Graph, Task
from bagkit.ops.calls import identity
from bagkit.ops.functions import Spread
from bagkit.option_values import did_you_mean
from bagkit.options import GraphOptions, merged
from bagkit.plan.template import Hole, Nest, fill
from bagkit.tracebacks import shorten_traceback


@front_door
def get(graph: Mapping[Any, Any], keys: Any, scheduler: Any = None, **options: Unpack[GraphOptions]) -> Any:
    """Compute some names of a graph, which is a dict of names to values and tasks.

    A task is a tuple `(function, argument, ...)`. An argument is a name of the graph, a plain value, a list of
    arguments, or a task. Only what the keys need is run.

    Args:
        graph: The dict.
        keys: A name, or a list of names and of such lists.
        scheduler: What runs the tasks, as the option `scheduler`. Default: threads.
        **options: Options for this run alone, such as `workers=4` or `retries=2`. `help(bagkit.set_options)` explains
            each.

    Returns:
        The value of a name; for a list a tuple of the values.

    Raises:
        PlanError: The graph does not have a key, a key can't be hashed, or names need each other in a circle.
        OptionError: No option has that name, or it can't take that value.

    >>> import bagkit as bk
    >>> graph = {"x": 1, "y": (lambda x: x + 1, "x"), "z": (sum, ["x", "y", (abs, -10)])}
    >>> bk.get(graph, "z"), bk.get(graph, ["x", ["y", "z"]])
    (13, (1, (2, 13)))
    """
    if not isinstance(graph, Mapping):
        raise PlanError(f"get: the graph is a {type(graph).__name__}; expected a dict of names to values and tasks")
    wanted: list[Any] = []
    template = _template_of_keys(graph, keys, wanted)
    settings = for_this_session(merged(scheduler=scheduler, **options))
    tasks = Tasks(graph)
    for key in wanted:
        tasks.add(key)
    targets = list(dict.fromkeys(wanted))
    try:
        with closing(run_graph(Graph(tasks.made), targets, settings.scheduler or "threads", settings)) as values:
            found = dict(zip(targets, values, strict=True))
    except BaseException as error:
        shorten_traceback(error)
        raise
    return fill(template, [reading(found[key]) for key in wanted])


def _template_of_keys(graph: Mapping[Any, Any], keys: Any, wanted: list[Any]) -> Any:
    """Return a template of the shape of `keys`; append the key of each hole to `wanted`."""
    if isinstance(keys, list):
        return Nest(tuple, [_template_of_keys(graph, key, wanted) for key in keys])
    if not isinstance(keys, Hashable):
        raise PlanError(f"get: the key {one_line(keys, 60)} is not hashable; expected names, or lists of names")
    try:
        known = keys in graph
    except TypeError:
        raise PlanError(
            f"get: the key {one_line(keys, 60)} is not hashable, for there is something in it that is not; "
            "hint: several names go into a list"
        ) from None
    if not known:
        raise PlanError(f"get: the graph has no {one_line(keys, 60)}{did_you_mean(keys, map(str, graph))}")
    wanted.append(keys)
    return Hole(len(wanted) - 1)


class Tasks:
    """The tasks of a dict that are needed; mutable, of one call of `get`."""

    def __init__(self, graph: Mapping[Any, Any]) -> None:
        self.made: list[Task] = []
        self.graph = graph
        self._kinds = frozenset(map(type, graph))  # only what is of the type of a name is looked up
        self._done: set[Any] = set()
        self._works: dict[int, Calls] = {}

    def add(self, key: Any) -> None:
        """Make the task of `key`, and of all that it needs."""
        waiting = [key]  # a stack of our own: graphs can be deep
        while waiting:
            name = waiting.pop()
            if name not in self._done:
                self._done.add(name)
                try:
                    waiting.extend(self.add_one(name))
                except RecursionError:
                    raise PlanError(
                        f"get: what {one_line(name, 60)} stands for is nested too deeply, or contains itself; "
                        "hint: give the tasks inside of it names of their own"
                    ) from None

    def add_one(self, name: Any) -> tuple[Any, ...]:
        """Make the task of `name`; return what it needs."""
        needs: dict[Any, int] = {}
        value = self.graph[name]
        if _is_task(value):
            function, *parts = value
            args = tuple([self._template(part, needs) for part in parts])
        else:
            # A name whose value equals it is that value: {0: 0}.
            itself = self._is_name(value) and value == name
            function, args = identity, (value if itself else self._template(value, needs),)
        work = self._works.setdefault(id(function), Calls((function,)))
        title = ask(function, "__name__", type(function).__name__) if _is_task(value) else "value"
        self.made.append(Task((name,), work, ((args, None, name, "", 0),), tuple(needs), title))
        return tuple(needs)

    def _template(self, value: Any, needs: dict[Any, int]) -> Any:
        """Return `value` with holes for names of the graph, whose numbers are in `needs`."""
        if self._is_name(value):
            return Hole(needs.setdefault(value, len(needs)))
        if type(value) is list:
            return Nest(list, [self._template(part, needs) for part in value])
        if _is_task(value):
            return Nest(Spread(value[0]), [self._template(part, needs) for part in value[1:]])
        return value

    def _is_name(self, value: Any) -> bool:
        if type(value) not in self._kinds:
            return False
        try:
            return value in self.graph
        except TypeError:  # a tuple with something in it that is not hashable
            return False


def _is_task(value: Any) -> bool:
    return type(value) is tuple and bool(value) and callable(value[0])
