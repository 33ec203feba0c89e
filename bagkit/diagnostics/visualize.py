"""Plans as drawings: a node for each operation, whatever its partitions, and the counts of those on the edges.

Functions are ellipses and data are boxes, as people know them from dask's pictures: also what a function gives, where
that is a single value. The partitions of bags are the edges. A chain, which is one task on each partition, is a rounded
box with a line for each of its operations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from reprlib import repr as short_repr
from typing import Any

from bagkit.amounts import how_many, seconds_text
from bagkit.diagnostics.drawing import Drawing, Edge, Node, Shape, clean
from bagkit.diagnostics.profile import Profile, Spent, figures_by_labels
from bagkit.errors import PlanError, one_line
from bagkit.ops.calls import DelayedCall, Known, identity
from bagkit.plan.chain import ChainMark
from bagkit.plan.kinds import PerPartition, Source
from bagkit.plan.node import Plan, count_uses, walk

RANKDIRS = ("TB", "BT", "LR", "RL")
COLORS = ("function", "time")
FILLS: dict[Shape, str] = {"function": "#dbe9f6", "data": "#eeeeee", "chain": "#e4f2dd"}
PALETTE = ("#aec7e8", "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94", "#f7b6d2", "#dbdb8d", "#9edae5", "#fdd0a2")
LINES_FIRST, LINES_LAST = 14, 5
"""How many lines of a long chain are shown: a loop can make hundreds."""
COLD, HOT = (0xFF, 0xF9, 0xD9), (0xF0, 0x6A, 0x4A)
"""The colours of no time and of the most time."""


def draw(roots: Sequence[Plan], rankdir: str, color: str | None, profile: Profile | None) -> Drawing:
    """Return the drawing of `roots`, each with a box for its result.

    With `color="time"` the plans have to be the ones that ran while `profile` listened. Raises PlanError for an unknown
    `rankdir` or `color`.
    """
    if rankdir not in RANKDIRS:
        raise PlanError(f"visualize: rankdir is {rankdir!r}; expected one of {', '.join(RANKDIRS)}")
    if color is not None and color not in COLORS:
        raise PlanError(f"visualize: color is {color!r}; expected 'function' or 'time'")
    if profile is not None and not isinstance(profile, Profile):
        raise PlanError(f"visualize: profile is {one_line(profile)}; expected a bagkit.Profile")
    if (color == "time") != (profile is not None):
        raise PlanError(
            "visualize: color='time' and profile= go together; hint: `with bagkit.Profile() as profile: x.compute()`, "
            "and then x.visualize(color='time', profile=profile)"
        )
    return Drawn(roots).drawing(rankdir, color, profile)


class Drawn:
    """The nodes and edges made so far; mutable, of the one call of `draw` that makes it."""

    def __init__(self, roots: Sequence[Plan]) -> None:
        self._uses = count_uses(*roots)
        self._nodes: list[Node] = []
        self._labels: list[tuple[str, ...]] = []
        """The labels of the operations that each node shows, in the order in which they run."""
        self._edges: dict[Edge, None] = {}
        """As a set that keeps its order: an argument that is used twice is one edge."""
        self._numbers: dict[Plan, int] = {}
        """The nodes from which edges lead to the users of a plan's values."""
        self._calls: dict[Any, int] = {}
        """The nodes of delayed calls, by the keys of their tasks."""
        self._values: dict[Any, int] = {}
        """The nodes of what the calls return."""
        self._merged: set[Plan] = set()
        """Plans that are a line of a chain."""
        chains = {plan: self._members(plan) for plan in self._uses if isinstance(plan.op, ChainMark)}
        self._merged.update(member for members in chains.values() for member in members)
        for plan in walk(*roots):
            if isinstance(plan.op, DelayedCall):
                self._add_call(plan, plan.op)
            elif plan not in self._merged:
                self._add(plan, chains.get(plan, [plan]))
        for n, root in enumerate(roots, start=1):
            self._add_result(root, "result" if len(roots) == 1 else f"result {n}")

    def drawing(self, rankdir: str, color: str | None, profile: Profile | None) -> Drawing:
        """Return all that was made, in colour."""
        nodes = self._nodes
        if rankdir == "BT":  # data goes up, so also inside of a chain
            nodes = [replace(node, lines=node.lines[::-1]) if node.shape == "chain" else node for node in nodes]
        if color == "function":
            nodes = _by_function(nodes)
        elif profile is not None:
            nodes = _by_time(nodes, self._labels, self._calls, profile)
        return Drawing(nodes, list(self._edges), rankdir)

    def _members(self, chain: Plan) -> list[Plan]:
        """Return the plans of a chain that are drawn as its lines, last first: as far as one follows from one."""
        members = [chain.inputs[0]]
        while isinstance(members[-1].op, PerPartition):
            (below,) = members[-1].inputs
            if self._uses[below] > 1 or not isinstance(below.op, (PerPartition, Source)):
                break
            members.append(below)
        return members

    def _add(self, plan: Plan, members: Sequence[Plan]) -> None:
        """Add the node of `plan`, which shows `members`, last first."""
        inside = isinstance(plan.op, ChainMark)
        labels = tuple(member.op.label for member in reversed(members))
        lines = labels
        if len(lines) > LINES_FIRST + LINES_LAST + 1:
            left_out = len(lines) - LINES_FIRST - LINES_LAST
            lines = (*lines[:LINES_FIRST], f"… {left_out:,} more …", *lines[-LINES_LAST:])
        shape: Shape = "chain" if inside and len(members) > 1 else "function"
        if isinstance(members[0].op, Source):
            shape = "data"
        elif isinstance(members[0].op, Known):
            shape, lines = "data", (_value_text(members[0].op.value, "value"),)
        self._function(plan, members[-1], lines, shape, labels)
        if plan.op.gives_value and shape != "data":
            self._numbers[plan] = self._value(self._numbers[plan])

    def _add_call(self, plan: Plan, op: DelayedCall) -> None:
        """Add the node of a delayed call and the node of its value; `delayed(5)` is a value alone."""
        key = op.key
        if key in self._calls:  # calls of one name are one call
            self._numbers[plan] = self._values[key]
            return
        self._calls[key] = len(self._nodes)
        if op.function is identity and not plan.inputs:
            self._function(plan, plan, (_value_text(op.args[0], op.title),), "data")
        else:
            self._function(plan, plan, (op.title,), "function")
            named = op.name is not None and not str(op.name).startswith(f"{op.title}-")
            self._numbers[plan] = self._value(self._numbers[plan], str(op.name) if named else "")
        self._values[key] = self._numbers[plan]

    def _add_result(self, root: Plan, text: str) -> None:
        """Say of the value of `root` that it is a result, or add a box that says so of its partitions."""
        number = self._numbers[root]
        if root.op.gives_value:
            node = self._nodes[number]
            if node.lines == ("",) or text != "result":
                self._nodes[number] = replace(node, lines=(*filter(None, node.lines), text))
            return
        self._edges[Edge(number, self._node((text,), "data"), _partitions(root))] = None

    def _function(
        self, plan: Plan, lowest: Plan, lines: tuple[str, ...], shape: Shape, labels: tuple[str, ...] = ()
    ) -> None:
        """Add the node of `plan`, which works on the inputs of `lowest`."""
        number = self._numbers[plan] = self._node(lines, shape, labels)
        for below in lowest.inputs:
            self._edges[Edge(self._numbers[below], number, _counts(below, lowest))] = None

    def _value(self, function: int, text: str = "") -> int:
        """Add the box of what the node number `function` gives; return its number."""
        number = self._node((text,), "data")
        self._edges[Edge(function, number)] = None
        return number

    def _node(self, lines: tuple[str, ...], shape: Shape, labels: tuple[str, ...] = ()) -> int:
        self._nodes.append(Node(tuple(map(clean, lines)), shape, FILLS[shape]))
        self._labels.append(labels)
        return len(self._nodes) - 1


def _value_text(value: Any, otherwise: str) -> str:
    """Return `value` as text if it is small enough to show, else `otherwise`."""
    return short_repr(value) if isinstance(value, (bool, int, float, str, bytes, type(None))) else otherwise


def _partitions(plan: Plan) -> str:
    if plan.op.gives_value:
        return ""
    return how_many(plan.npartitions, "partition")


def _counts(below: Plan, plan: Plan) -> str:
    """Return what goes over the edge from `below` to `plan`: `8 partitions`, `8 partitions → 1`."""
    counts = _partitions(below)
    if counts and len(plan.inputs) == 1 and plan.npartitions != below.npartitions:
        return f"{counts} → {plan.npartitions:,}"
    return counts


def _by_function(nodes: Sequence[Node]) -> list[Node]:
    fills: dict[tuple[str, ...], str] = {}
    for node in nodes:
        if node.shape != "data":
            fills.setdefault(node.lines, PALETTE[len(fills) % len(PALETTE)])
    return [node if node.shape == "data" else replace(node, fill=fills[node.lines]) for node in nodes]


def _by_time(
    nodes: Sequence[Node], labels: Sequence[tuple[str, ...]], calls: dict[Any, int], profile: Profile
) -> list[Node]:
    """Return the nodes with the time of their operations on a line, and a hotter colour for a longer time.

    A task that ran the operations of several nodes counts for the node that has most of them, or the first such node.
    A task that ran several delayed calls counts for the last, whose key it has.
    """
    spent: dict[int, Spent] = {}
    for task in profile.tasks:
        if task.key in calls:
            _add(spent, calls[task.key], Spent(1, task.stop - task.start))
    others = [task for task in profile.tasks if task.key not in calls]
    counts = Counter(task.labels for task in others)
    for ran, steps in figures_by_labels(others).items():
        owners = _owners(ran, labels)
        if owners:
            _add(spent, next(iter(owners.values())), Spent(counts[ran], 0.0))
        for place, step in enumerate(steps):
            if place in owners:
                _add(spent, owners[place], Spent(0, step.seconds))
    most = max((one.seconds for one in spent.values()), default=0.0)
    return [_timed(node, spent[n], most) if n in spent else node for n, node in enumerate(nodes)]


def _add(spent: dict[int, Spent], n: int, more: Spent) -> None:
    spent[n] = spent.get(n, Spent()) + more


def _owners(ran: tuple[str, ...], labels: Sequence[tuple[str, ...]]) -> dict[int, int]:
    """Return for each place in `ran` the node that shows the operation, the one with the most of them first."""
    owners: dict[int, int] = {}
    for n in sorted(range(len(labels)), key=lambda n: -len(labels[n])):
        shown = labels[n]
        for start in range(len(ran) - len(shown) + 1) if shown else ():
            places = range(start, start + len(shown))
            if ran[start : start + len(shown)] == shown and not any(place in owners for place in places):
                owners.update(dict.fromkeys(places, n))
                break
    for place, label in enumerate(ran):  # what gathers the records of a chain has the name of its last operation
        n = next((n for n, shown in enumerate(labels) if label in shown), -1)
        if n >= 0:
            owners.setdefault(place, n)
    return owners


def _timed(node: Node, spent: Spent, most: float) -> Node:
    part = spent.seconds / most if most else 0.0
    fill = "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(COLD, HOT, strict=True))
    tasks = f"{how_many(spent.tasks, 'task')}, " if spent.tasks else ""
    return replace(node, lines=(*node.lines, f"{tasks}{seconds_text(spent.seconds)}"), fill=fill)
