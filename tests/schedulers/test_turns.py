"""Which error of a run is due, when tasks have turns."""

from __future__ import annotations

from typing import Any

from bagkit.lower.graph import Graph, Task
from bagkit.schedulers.turns import Failed, Turns


def work(part: Any, inputs: Any, report: Any) -> None:
    """Do nothing: no task of these runs."""


ALL = [Task((name,), work, one_of=file) for name, file in zip("abcd", ("x", "x", "y", None), strict=True)]
A, B, C, D = ALL


def failed(task: Task) -> Failed:
    return Failed(task, 0, ValueError(task.keys[0]))


def test_an_error_waits_for_tasks_of_its_file() -> None:
    turns = Turns(ALL)
    assert not turns.waits
    assert turns.hold(failed(B))
    assert turns.waits
    assert turns.due is None
    assert [turns.may_begin(task) for task in ALL] == [True, False, False, False]
    turns.end(C)
    assert turns.due is None
    turns.end(A)
    assert turns.due is not None
    assert turns.due.task is B


def test_an_earlier_error_goes_before_it() -> None:
    turns = Turns(ALL)
    assert turns.hold(failed(B))
    assert turns.hold(failed(A))
    assert turns.due is not None
    assert turns.due.task is A


def test_what_has_no_turn_or_is_of_another_file_does_not_wait() -> None:
    turns = Turns(ALL)
    assert not turns.hold(failed(D))
    assert turns.hold(failed(B))
    assert not turns.hold(failed(C))


def test_all_tasks_of_a_graph_can_have_turns() -> None:
    *before, last = Graph(ALL).in_turn().tasks
    turns = Turns([*before, last])
    assert turns.hold(failed(last))
    for task in before:
        assert turns.due is None
        turns.end(task)
    assert turns.due is not None
