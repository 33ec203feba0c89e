"""RunState: the order of tasks and the release of values, without running anything."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from typing import Any

import pytest

from bagkit.errors import PlanError
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.state import RunState
from tests.each_case import each_case


def work(part: Any, inputs: Sequence[Any], report: Any) -> Any:
    """Stand for the work of a task that is never run."""


def task(keys: str, needs: str = "") -> Task:
    return Task(tuple(keys.split()), work, needs=tuple(needs.split()))


def drain(state: RunState) -> list[Hashable]:
    """Run all one at a time, and return the keys in their order."""
    order = []
    while (next_task := state.next_task()) is not None:
        order.append(next_task.keys[0])
        state.finish(next_task)
    return order


TREE = (task("a"), task("b"), task("c"), task("d"), task("ab", "a b"), task("cd", "c d"), task("all", "ab cd"))


def test_a_task_that_uses_values_up_comes_as_soon_as_they_are_there() -> None:
    assert drain(RunState(Graph(TREE), ["all"])) == ["a", "b", "ab", "c", "d", "cd", "all"]


def test_work_for_earlier_targets_comes_first() -> None:
    assert drain(RunState(Graph(TREE), ["cd", "ab"])) == ["c", "d", "cd", "a", "b", "ab"]


def test_only_needed_tasks_run() -> None:
    state = RunState(Graph(TREE), ["ab"])
    assert [each.keys[0] for each in state.tasks] == ["a", "b", "ab"]


def test_values_are_released_by_their_last_use() -> None:
    state = RunState(Graph([task("a"), task("b", "a"), task("c", "a a")]), ["c", "b"])
    first, second, third = (state.next_task() for _ in range(3))
    assert first is not None
    assert second is None
    assert third is None
    assert state.finish(first) == ()
    c, b = state.next_task(), state.next_task()
    assert c is not None
    assert b is not None
    assert state.finish(c) == ()
    assert state.finish(b) == ("a",)


def test_targets_are_released_by_their_last_delivery() -> None:
    state = RunState(Graph([task("a"), task("b", "a")]), ["a", "b", "a"])
    assert not state.deliverable
    a = state.next_task()
    assert a is not None
    assert state.finish(a) == ()
    assert state.deliverable
    assert state.deliver() == ("a", False)
    assert not state.deliverable
    b = state.next_task()
    assert b is not None
    assert state.finish(b) == ()
    assert state.deliver() == ("b", True)
    assert state.deliver() == ("a", True)
    assert state.done
    assert not state.deliverable


def test_values_of_a_task_are_released_one_by_one() -> None:
    state = RunState(Graph([task("x y z"), task("b", "x"), task("c", "y")]), ["b", "c"])
    split, *_ = (state.next_task(),)
    assert split is not None
    assert state.finish(split) == ("z",)
    b, c = state.next_task(), state.next_task()
    assert b is not None
    assert c is not None
    assert state.finish(c) == ("y",)
    assert state.finish(b) == ("x",)
    assert state.exhausted


def test_a_task_put_back_is_next_again() -> None:
    state = RunState(Graph([task("a"), task("b")]), ["a", "b"])
    a = state.next_task()
    assert a is not None
    assert state.running == 1
    state.put_back(a)
    assert state.running == 0
    assert state.next_task() is a


def test_tasks_that_are_not_for_the_next_target_can_be_held_back() -> None:
    state = RunState(Graph([task("a"), task("b"), task("c", "b")]), ["a", "c"])
    a = state.next_task(ahead=False)
    assert a is not None
    assert a.keys == ("a",)
    assert state.next_task(ahead=False) is None
    state.finish(a)
    assert state.next_task(ahead=False) is None
    state.deliver()
    b = state.next_task(ahead=False)
    assert b is not None
    assert b.keys == ("b",)


def test_a_target_that_no_task_makes() -> None:
    with pytest.raises(PlanError, match="'nothing' is made by no task"):
        RunState(Graph(TREE), ["all", "nothing"])


def test_no_targets() -> None:
    state = RunState(Graph(TREE), [])
    assert state.done
    assert state.exhausted
    assert state.next_task() is None
    assert state.next_task(ahead=False) is None


def test_a_long_chain_and_many_tasks() -> None:
    chain = [task("t0"), *(task(f"t{i}", f"t{i - 1}") for i in range(1, 20_000))]
    wide = [task(f"w{i}") for i in range(20_000)]
    graph = Graph([*chain, *wide])
    order = drain(RunState(graph, ["t19999", *(f"w{i}" for i in range(20_000))]))
    assert len(order) == 40_000
    assert order[0] == "t0"


@each_case("seed", range(30))
def test_any_graph_runs_and_releases_every_value_once(seed: int) -> None:
    choose = random.Random(seed)
    tasks: list[Task] = []
    made: list[Hashable] = []
    for number in range(choose.randint(1, 40)):
        needs = tuple(choose.choice(made) for _ in range(choose.randint(0, 3)) if made)
        keys = tuple((number, index) for index in range(choose.randint(1, 3)))
        tasks.append(Task(keys, work, needs=needs))
        made += keys
    targets = [choose.choice(made) for _ in range(choose.randint(1, 6))]
    state = RunState(Graph(tasks), targets)
    values: set[Hashable] = set()
    running: list[Task] = []
    while not state.done:
        if (started := state.next_task()) is not None and choose.random() < 0.7:
            assert set(started.needs) <= values
            running.append(started)
            continue
        if started is not None:
            state.put_back(started)
        if running:
            finished = running.pop(choose.randrange(len(running)))
            assert set(finished.needs) <= values
            values |= set(finished.keys)
            values -= set(state.finish(finished))
        while state.deliverable:
            key, last = state.deliver()
            assert key in values
            if last:
                values.discard(key)
    assert not values
    assert state.exhausted
    assert state.running == 0


def test_users_of_a_value_follow_it_also_those_of_later_targets() -> None:
    # Two results over the same parts: no part waits for the second result.
    tasks = [Task((f"part {n}",), work, None, ()) for n in range(50)]
    for name in ("min", "max"):
        tasks += [Task((f"{name} {n}",), work, None, (f"part {n}",)) for n in range(50)]
        tasks.append(Task((name,), work, None, tuple(f"{name} {n}" for n in range(50))))
    state = RunState(Graph(tasks), ["min", "max"])
    held: set[object] = set()
    most = 0
    while (made := state.next_task()) is not None:
        held.update(key for key in made.keys if str(key).startswith("part"))
        most = max(most, len(held))
        held.difference_update(state.finish(made))
    assert state.exhausted
    assert (most, held) == (1, set())


def test_many_users_of_a_value_do_not_all_come_at_once() -> None:
    tasks = [Task(("small",), work, None, ())]
    tasks += [Task((f"large {n}",), work, None, ("small",)) for n in range(50)]
    tasks += [Task((f"size {n}",), work, None, (f"large {n}",)) for n in range(50)]
    state = RunState(Graph(tasks), [f"size {n}" for n in range(50)])
    assert [state.tasks[n].keys[0] for n in range(5)] == ["small", "large 0", "size 0", "large 1", "size 1"]
