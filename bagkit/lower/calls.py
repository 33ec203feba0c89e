"""The tasks of calls on whole values: one for each, or one for several that only wait for one another.

A run of calls, where each call needs the one before it and nothing else that is computed, is one task: they could
not run side by side, and what they hand on need not leave the thread. Nothing here recurses: runs are long.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bagkit.errors import PlanError, add_notes, ask, notes_on_text
from bagkit.flow.replay import Replay, reading, replayed
from bagkit.flow.report import Report
from bagkit.lower.graph import Key, Task
from bagkit.ops.by_name import by_name, function_of
from bagkit.ops.calls import DelayedCall
from bagkit.plan.kinds import Pairing
from bagkit.plan.node import Plan
from bagkit.plan.template import Nest, fill, fill_arguments

LABELS_SHOWN = 5
"""Calls that the label of a task names."""

Entry = tuple[tuple[Any, ...], dict[str, Any] | None, Key, str, int]
"""What is a call's own: arguments, keywords, key, and the file and line where its user wrote it."""


class Calls:
    """A Work: calls `functions` one after the other; the first gets the inputs, each further one the value before it.

    Its part has an Entry for each.
    """

    __slots__ = ("functions", "shared")

    def __init__(self, functions: tuple[Callable[..., Any], ...], shared: bool = True) -> None:
        self.functions = functions
        self.shared = shared
        """Whether there may be several users of the last value."""

    def __call__(self, part: Sequence[Entry], inputs: Sequence[Any], report: Report) -> Any:
        values = [*map(reading, inputs)] if Replay in map(type, inputs) else inputs
        several = len(part) > 1  # else the task's time is the call's
        if several:
            report.begin()
        for function, (args, kwargs, key, file, line) in zip(self.functions, part, strict=True):
            try:
                if kwargs is None:
                    templates = values or Nest in map(type, args)
                    value = function(*([fill(arg, values) for arg in args] if templates else args))
                else:
                    given, named = fill_arguments(args, kwargs, values)
                    value = function(*given, **named)
            except BaseException as error:  # whatever of those becomes an error of the task
                add_notes(error, [*failure_notes(function, key, file, line), *notes_on_text(error)])
                raise
            values = (value,)
            if several:
                report.next_step().note(0, 0)
        return replayed(value, self.shared)

    def __reduce__(self) -> tuple[Any, ...]:
        return _calls, (tuple(map(by_name, self.functions)), self.shared)


def failure_notes(function: Callable[..., Any], key: Key, file: str, line: int) -> list[str]:
    """Return what is noted on an error of a call: the task, its function, the user's line."""
    name = ask(function, "__qualname__") or ask(function, "name") or type(function).__name__
    return [f"in the task {key!r}: {name}", *([f'called in "{file}", line {line}'] if line else [])]


def _calls(references: tuple[Any, ...], shared: bool) -> Calls:
    return Calls(tuple(map(function_of, references)), shared)


def list_of_records(part: Any, inputs: Sequence[Any], report: Report) -> list[Any]:
    """A Work: the records of all partitions of a bag, in one list."""
    return [record for batches in inputs for batch in batches for record in batch]


class CallTasks:
    """The tasks of the calls in one lowering; mutable, of that lowering."""

    def __init__(self, uses: dict[Plan, int], tasks: list[Task], joins: bool) -> None:
        self._uses = uses
        self._tasks = tasks
        self._waiting: dict[Plan, tuple[list[DelayedCall], tuple[Key, ...]]] = {}
        """Calls that are no task yet: whoever works on them may be one with them."""
        self._made: dict[Plan, Key] = {}
        self._lists: dict[Plan, Key] = {}
        self._named: dict[Key, Plan] = {}
        self._works: dict[tuple[int, ...], Calls] = {}
        self._repeated = {part for plan in uses for part in _read_repeatedly(plan)}
        self._joins = joins
        """Whether calls that only wait for one another are one task."""

    def add(self, plan: Plan, keys_of: Callable[[Plan], list[Key]]) -> None:
        """Take in a call, after those below it.

        `keys_of` gives the keys of the partitions of a bag, or of the value of an item. It is not held: then lowering
        would be a circle, and its plans, with the records that persist keeps, would wait for the garbage collector.
        """
        op = plan.op
        assert isinstance(op, DelayedCall)
        if op.name is not None and self._is_known(plan, op):
            return
        below = plan.inputs
        if len(below) == 1 and self._joins and self._uses[below[0]] == 1 and below[0] in self._waiting:
            before = below[0].op
            if isinstance(before, DelayedCall) and before.name is None:
                calls, needs = self._waiting.pop(below[0])
                calls.append(op)
                self._waiting[plan] = calls, needs
                return
        self._waiting[plan] = [op], tuple([self._need(part, keys_of) for part in below])

    def key(self, plan: Plan) -> Key:
        """Return the key of the value of a call that was added, making its task unless it is made."""
        made = self._made.get(plan)
        if made is None:
            calls, needs = self._waiting.pop(plan)
            shared = self._uses[plan] > 1 or plan in self._repeated or not self._joins
            made = self._made[plan] = self._make(calls, needs, shared)
        return made

    def _is_known(self, plan: Plan, op: DelayedCall) -> bool:
        """Return whether there is a call of that name, which is this one then."""
        other = self._named.setdefault(op.name, plan)
        if other is plan:
            return False
        assert isinstance(other.op, DelayedCall)
        if op.digest(_keys(plan)) != other.op.digest(_keys(other)):
            raise PlanError(
                f"delayed: two tasks that differ are called {op.name!r}: {other.op.title} "
                f'(line {other.op.line} of "{other.op.file}") and {op.title} (line {op.line} of "{op.file}"); '
                f"expected a name for each"
            )
        self._made[plan] = self.key(other)
        return True

    def _need(self, plan: Plan, keys_of: Callable[[Plan], list[Key]]) -> Key:
        if isinstance(plan.op, DelayedCall):
            return self.key(plan)
        keys = keys_of(plan)
        if plan.op.gives_value:
            return keys[0]
        if plan not in self._lists:
            key = ("list", *(keys[:1] or [len(self._lists)]))
            self._tasks.append(
                Task((key,), list_of_records, None, tuple(keys), f"list of {plan.op.label}", steps=(plan.op.label,))
            )
            self._lists[plan] = key
        return self._lists[plan]

    def _make(self, calls: list[DelayedCall], needs: tuple[Key, ...], shared: bool) -> Key:
        ids = (shared, id(calls[0].function)) if len(calls) == 1 else (shared, *[id(op.function) for op in calls])
        work = self._works.get(ids)
        if work is None:
            # The work holds on to the functions, so that their ids stay theirs.
            work = self._works[ids] = Calls(tuple([op.function for op in calls]), shared)
        last = calls[-1]
        key: Key = last.key
        part: tuple[Entry, ...] = ((last.args, last.kwargs, key, last.file, last.line),)
        if len(calls) > 1:
            part = (*[(op.args, op.kwargs, op.key, op.file, op.line) for op in calls[:-1]], *part)
        steps = tuple([op.title for op in calls])
        self._tasks.append(Task((key,), work, part, needs, _label(calls), steps=steps))
        return key


def _read_repeatedly(plan: Plan) -> Sequence[Plan]:
    """Return the values that `plan` reads more than once, if they are iterators: for each record, or partition."""
    op = plan.op
    return plan.inputs[op.bags :] if isinstance(op, Pairing) and op.bags else ()


def _keys(plan: Plan) -> list[Any]:
    return [below.op.key if isinstance(below.op, DelayedCall) else id(below) for below in plan.inputs]


def _label(calls: Sequence[DelayedCall]) -> str:
    if len(calls) == 1:
        return calls[0].title
    titles = [op.title for op in calls]
    if len(titles) > LABELS_SHOWN:
        titles = [*titles[: LABELS_SHOWN - 2], f"… {len(titles) - LABELS_SHOWN + 1} more …", titles[-1]]
    return " → ".join(titles)
