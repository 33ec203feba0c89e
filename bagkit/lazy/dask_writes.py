"""Files that are to be written, in graphs of dask's: one task writes all that a graph asks for of one output.

They have one lock and one manifest, and what they share is made once, so one run of bagkit's writes them. The value of
each file has a graph of its own, with a task that writes that file alone. Where dask puts such graphs together and
optimises them, one task comes in the place of these. Where it does not, their runs take turns.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bagkit.computing import for_this_session, run, scheduler_for
from bagkit.errors import PlanError
from bagkit.ops.calls import DelayedCall, SinkPart, as_written, identity
from bagkit.options import PlainOptions, merged
from bagkit.plan.node import Plan, walk

Wanted = frozenset[int] | None
"""The numbers of files; None for all of them, and what the sink gives for the whole."""


def tasks_of_sink(plan: Plan, sink: Plan) -> tuple[dict[Any, Any], list[Any], str]:
    """Return the tasks for the value of `plan`, which writes all files of `sink` or one; its key in a list; a token.

    Raises PlanError for what works on files that are to be written first.
    """
    passes_on = isinstance(plan.op, DelayedCall) and plan.op.function in (identity, as_written) and plan.inputs
    part = plan.inputs[0] if passes_on else plan
    number = part.op.number if isinstance(part.op, SinkPart) else None
    if part is not sink and (number is None or part.inputs != (sink,)):
        raise PlanError(
            f"{sink.op.label}: dask can't run what works on files that are yet to be written; "
            "hint: its own compute() does"
        )
    wanted = None if number is None else frozenset({number})
    write = WriteFiles(SentSink(sink), wanted, merged().read_retries)
    key = plan.op.key if isinstance(plan.op, DelayedCall) else (f"bagkit-{write.sink.token}", 0)
    return {write.key: (write,), key: (TakeWritten(number), write.key)}, [key], f"{write.sink.token}-{number}"


class SentSink:
    """The plan of a sink. It travels as bytes: a scheduler of distributed can't import what the plan needs."""

    def __init__(self, plan: Plan | None, token: str = "", sealed: tuple[tuple[str, int], bytes] | None = None) -> None:
        self._plan = plan
        self._sealed = sealed
        self.token: str = token if plan is None else getattr(plan.op, "token", "")

    def __reduce__(self) -> tuple[Any, ...]:
        if self._sealed is None:
            from bagkit.crossing.outgoing import Outgoing

            outgoing = Outgoing(tracked=True)
            self._sealed = (outgoing.run, 0), outgoing.work_with_content(self._plan)
        return SentSink, (None, self.token, self._sealed)

    @property
    def plan(self) -> Plan:
        """The plan, opened where it is wanted."""
        if self._plan is not None:
            return self._plan
        from bagkit.schedulers.elsewhere import unpickled

        assert self._sealed is not None
        plan: Any = unpickled(*self._sealed)
        return plan  # type: ignore[no-any-return]  # its pickle is what was sealed


class WriteFiles:
    """Writes the `wanted` files of a sink. Returns what each became by its number, and the whole under None.

    It tries reads again as often as the program said that has made the graph: where it runs nobody has said anything.
    """

    def __init__(self, sink: SentSink, wanted: Wanted, read_retries: int) -> None:
        self.sink = sink
        self.wanted = wanted
        self.read_retries = read_retries

    def __reduce__(self) -> tuple[Any, ...]:
        return WriteFiles, (self.sink, self.wanted, self.read_retries)

    @property
    def key(self) -> Any:
        """What the task is called: a Client knows tasks by their names, so none writes other files by the same one."""
        if self.wanted is None:
            return f"bagkit-{self.sink.token}", "write"
        numbers = ",".join(map(str, sorted(self.wanted)))
        if len(numbers) > 16:
            import hashlib

            numbers = hashlib.blake2b(numbers.encode(), digest_size=8).hexdigest()
        return f"bagkit-{self.sink.token}", "write", numbers

    def __call__(self) -> dict[int | None, Any]:
        return self.write(_elsewhere(self.sink.plan))

    def write(self, keywords: PlainOptions) -> dict[int | None, Any]:
        """Write the files in a run with the options of `keywords`."""
        plan = self.sink.plan
        sink: Any = plan.op
        numbers = range(plan.inputs[0].npartitions) if self.wanted is None else sorted(self.wanted)
        parts = [Plan(sink.part(number), (plan,)) for number in numbers]
        told: PlainOptions = {"read_retries": self.read_retries, **keywords}
        values = run((*parts, plan) if self.wanted is None else parts, told)
        return dict(zip((*numbers, None), values, strict=False))


def _elsewhere(plan: Plan) -> PlainOptions:
    """Return options for a run that does not wait for who calls it: a pool may be full of those that wait for it."""
    options = for_this_session(merged())
    if options.scheduler is None or isinstance(options.scheduler, str):
        return {}
    return {"scheduler": scheduler_for(tuple(walk(plan)), replace(options, scheduler=None)) or "processes"}


class TakeWritten:
    """Takes the value of one file from what WriteFiles returns, or without a `number` the whole."""

    def __init__(self, number: int | None) -> None:
        self.number = number

    def __call__(self, written: dict[int | None, Any]) -> Any:
        return written[self.number]


def with_common_writes(graph: Any) -> Any:
    """Return a graph in which one task writes all files of an output that something takes."""
    found = {key: function_and_needs(graph[key]) for key in graph}
    writes: defaultdict[str, dict[Any, WriteFiles]] = defaultdict(dict)
    for key, (head, _) in found.items():
        if isinstance(head, WriteFiles):
            writes[head.sink.token][key] = head
    moved = {key: common for each in writes.values() if len(each) > 1 for key, common in _common(each).items()}
    if not moved:
        return graph
    new = {key: node for key, node in graph.items() if key not in moved}
    new.update({common.key: (common,) for common in moved.values()})
    for key, (head, needs) in found.items():
        if isinstance(head, TakeWritten):
            (need,) = needs
            new[key] = (head, moved[need].key) if need in moved else new[key]
    return new


def _common(writes: dict[Any, WriteFiles]) -> dict[Any, WriteFiles]:
    """Return by the key of each of `writes` what writes the files of all of them."""
    several: Sequence[WriteFiles] = list(writes.values())
    numbers = [each.wanted for each in several if each.wanted is not None]
    wanted = frozenset[int]().union(*numbers) if len(numbers) == len(several) else None
    return dict.fromkeys(writes, WriteFiles(several[0].sink, wanted, several[0].read_retries))


def function_and_needs(node: Any) -> tuple[Any, Any]:
    """Return the function of a task and what it needs. A task is a tuple or an object of dask's; others have None."""
    if type(node) is tuple and node:
        return node[0], node[1:]
    return getattr(node, "func", None), getattr(node, "dependencies", ())
