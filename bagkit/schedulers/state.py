"""What is ready to run and what may be released, as a run goes on: no threads, clocks or pools.

        ┌────────── put_back ───────────┐
        ▼                               │
    [waiting] ─needs made─▶ [ready] ─next_task─▶ [running] ─finish─▶ [finished] ─deliver─▶ given to the caller

Every task has a rank, its number in a depth-first walk from the targets in their order, needs before the tasks that
need them; but where a few tasks use a value, and nothing else keeps them, they follow it at once: also those that only
a later target needs, so that the value is not kept until then. Of the ready tasks the one of lowest rank is next. So
work for the first target comes before work for the second; a task that uses up values comes as soon as they are there,
before others make more of them; and all that the next target needs has at most the rank of the task that makes it,
which tells the tasks that run ahead of the caller.

A value is used by every task that needs it, and once for each time that it is a target. `finish` and `deliver` say
which values nobody will use any more. Every step costs the same however many tasks there are, but for the heap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from bagkit.errors import PlanError
from bagkit.lower.graph import Graph, Key, Task


class RunState:
    """The state of one run; mutable, owned by that run.

    Raises PlanError for a target that no task of `graph` makes.
    """

    __slots__ = (
        "_delivered",
        "_dependents",
        "_finished",
        "_rank",
        "_ready",
        "_unmade",
        "_uses",
        "finished",
        "running",
        "targets",
        "tasks",
    )

    def __init__(self, graph: Graph, targets: Sequence[Key]) -> None:
        self.targets = tuple(targets)
        self.tasks = _users_close_by(tuple(_post_order(graph, self.targets)))
        """The tasks that the targets need, in the order of their ranks."""
        self.running = 0
        self.finished = 0
        self._rank = {key: rank for rank, task in enumerate(self.tasks) for key in task.keys}
        self._finished = bytearray(len(self.tasks))
        self._dependents: list[list[int]] = [[] for _ in self.tasks]
        self._unmade = [0] * len(self.tasks)
        self._uses: dict[Key, int] = {}
        self._delivered = 0
        self._ready: list[int] = []
        for rank, task in enumerate(self.tasks):
            makers = {self._rank[need] for need in task.needs}
            for maker in makers:
                self._dependents[maker].append(rank)
            self._unmade[rank] = len(makers)
            for need in set(task.needs):
                self._uses[need] = self._uses.get(need, 0) + 1
            if not makers:
                self._ready.append(rank)  # ascending, so already a heap
        for key in self.targets:
            self._uses[key] = self._uses.get(key, 0) + 1

    @property
    def done(self) -> bool:
        """Whether every target was delivered."""
        return self._delivered == len(self.targets)

    @property
    def exhausted(self) -> bool:
        """Whether every task finished."""
        return self.finished == len(self.tasks)

    @property
    def deliverable(self) -> bool:
        """Whether the value of the target that is next in order is there."""
        at = self._delivered
        return at < len(self.targets) and self._finished[self._rank[self.targets[at]]] == 1

    def rank(self, task: Task) -> int:
        """Return the rank of `task`: its number in this run, which other runs of the graph give it too."""
        return self._rank[task.keys[0]]

    def is_finished(self, rank: int) -> bool:
        """Return whether the task of a rank has made its values."""
        return self._finished[rank] == 1

    @property
    def ready(self) -> int:
        """How many tasks could be started now."""
        return len(self._ready)

    def next_task(self, *, ahead: bool = True) -> Task | None:
        """Return the ready task that should run next, or None.

        With `ahead=False` only a task that the next target needs.
        """
        if not self._ready:
            return None
        if not ahead and (self.done or self._ready[0] > self._rank[self.targets[self._delivered]]):
            return None
        self.running += 1
        return self.tasks[heappop(self._ready)]

    def is_needed_next(self, task: Task) -> bool:
        """Return whether the next target may need `task`."""
        return not self.done and self.rank(task) <= self._rank[self.targets[self._delivered]]

    def put_back(self, task: Task) -> None:
        """Make `task`, which was running, ready again."""
        self.running -= 1
        heappush(self._ready, self.rank(task))

    def finish(self, task: Task) -> tuple[Key, ...]:
        """Note that `task`, which was running, made its values; return the keys of the values that nobody needs now.

        Those can be values of `task` itself, where only some of its keys are needed.
        """
        rank = self.rank(task)
        self.running -= 1
        self.finished += 1
        self._finished[rank] = True
        for dependent in self._dependents[rank]:
            self._unmade[dependent] -= 1
            if not self._unmade[dependent]:
                heappush(self._ready, dependent)
        self._dependents[rank] = []
        released = [key for key in set(task.needs) if self._use_up(key)]
        released += [key for key in task.keys if key not in self._uses]
        return tuple(released)

    def deliver(self) -> tuple[Key, bool]:
        """Note that the next target was given to the caller; return its key, and whether nobody needs its value now."""
        key = self.targets[self._delivered]
        self._delivered += 1
        return key, self._use_up(key)

    def _use_up(self, key: Key) -> bool:
        self._uses[key] -= 1
        if self._uses[key]:
            return False
        del self._uses[key]
        return True


FEW_USERS = 8
"""Users of a value that may follow it at once. More of them are likely to make larger things of a small one."""


def _users_close_by(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """Return `tasks`, each after those that it needs, with the users of a value soon after it."""
    rank = {key: number for number, task in enumerate(tasks) for key in task.keys}
    users: list[list[int]] = [[] for _ in tasks]
    missing = [0] * len(tasks)
    for number, task in enumerate(tasks):
        makers = {rank[need] for need in task.needs}
        missing[number] = len(makers)
        for maker in makers:
            users[maker].append(number)
    if all(len(each) < 2 for each in users):
        return tasks  # a tree: the walk is the best order
    order: list[Task] = []
    placed = bytearray(len(tasks))
    for start in range(len(tasks)):
        stack = [start]
        while stack:
            number = stack.pop()
            if placed[number]:
                continue
            placed[number] = True
            order.append(tasks[number])
            for user in users[number]:
                missing[user] -= 1
            if 1 < len(users[number]) <= FEW_USERS and not any(missing[user] for user in users[number]):
                stack.extend(reversed(users[number]))
    return tuple(order)


def _post_order(graph: Graph, targets: Sequence[Key]) -> Iterator[Task]:
    """Walk from `targets` depth first, with a stack of our own: chains of tasks can be long."""
    seen: set[Key] = set()
    stack: list[tuple[Task, Iterator[Key]]] = []
    for target in targets:
        if target not in graph.maker:
            raise PlanError(f"run: the target {target!r} is made by no task of the graph")
        stack.append((graph.maker[target], iter((target,))))
        while stack:
            task, needs = stack[-1]
            for need in needs:
                maker = graph.maker[need]
                if maker.keys[0] not in seen:
                    seen.add(maker.keys[0])
                    stack.append((maker, iter(maker.needs)))
                    break
            else:
                stack.pop()
                if stack:
                    yield task
