"""Partitions that are not tasks yet, as the functions that lower each kind of op see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from bagkit.light_classes import dataclass
from bagkit.lower.graph import Key, Task
from bagkit.plan.kinds import Exchange, Op, Reduction, Sink
from bagkit.plan.node import Plan
from bagkit.work.steps import Into, Step

if TYPE_CHECKING:
    from bagkit.work.several import Several


@dataclass(frozen=True, slots=True)
class Pending:
    """A partition, or a single value, that is not a task yet."""

    step: Step
    part: tuple[Any, ...] = ()
    """One entry for each leaf of the step that takes one."""
    needs: tuple[Key, ...] = ()
    weight: int | None = 0
    """About how many bytes of input its needs were made of; None where nobody knows. A value that many need is none."""
    turns: tuple[int, ...] = ()
    """If it is several partitions, how many needs each has: the step runs for each with the next of its part."""


class TaskMaker(Protocol):
    """What makes the tasks of one graph."""

    tasks: list[Task]
    weights: dict[Key, int | None]
    """Of how many bytes of input tasks make what they leave, by its keys; None where nobody knows."""

    policies: dict[Plan, str]
    """What is done about records that fail in each plan."""

    def pending(self, plan: Plan, inside: bool) -> list[Pending]:
        """Return the partitions of a plan, which may be `inside` of a chain, in no tasks of their own."""

    def inputs(self, plan: Plan, inside: bool) -> list[Pending]:
        """Return the partitions of what an op works on: in the tasks of the op where the plan says so."""

    def stage(self, label: str) -> str:
        """Return a name for some tasks that no others have."""

    def memory(self, op: Op) -> int | None:
        """Return how many bytes a task may hold for `op`; None for any number, and for ops that hold little."""

    def sharers(self, *plans: Plan) -> int:
        """Return how many workers may share a file for `plans`, reductions or exchanges: 1 where it could be seen."""

    def then(self, plan: Plan, inputs: tuple[Pending, ...]) -> Pending:
        """Return the partitions that the op of `plan` makes of `inputs`, in the same tasks."""

    def collected(self, op: Op, plan: Plan, needs: tuple[Key, ...], weight: int | None) -> Pending:
        """Return the partition that `op` makes of the values of `needs`, of about `weight` bytes, if that is known."""

    def split(self, one: Pending, into: Into, keys: tuple[Key, ...]) -> None:
        """Add the task that splits the records of `one`."""

    def read_once(self, plan: Plan) -> list[tuple[Key, ...]] | None:
        """Return the keys that an end, or an output, of a shared read has of each task; None if it shares none."""

    def above(self, plan: Plan, steps: tuple[Step, ...]) -> Step:
        """Return the step of `plan` on `steps`."""

    def joined(self, trunk: Step, steps: tuple[Step, ...]) -> Step:
        """Return the step that gives the records to which `steps` above `trunk` lead."""

    def value(self, plan: Plan) -> Pending:
        """Return a single value that a task has made."""

    def add(self, work: Several, one: Pending, keys: tuple[Key, ...], label: str, where: tuple[Any, ...]) -> None:
        """Add a task that reads once for several answers; `where` it writes to, if it does."""

    def into(self, op: Reduction | Exchange, count: int, policy: str, buckets: int = 1, side: int = 0) -> Into:
        """Return the end of `count` tasks, for the input number `side` of an exchange."""

    def writing(self, op: Sink) -> tuple[int, list[Any]]:
        """Return the number of a sink, and where each partition of it goes."""
