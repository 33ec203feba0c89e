"""Which error of a run is due, when tasks have turns."""

from __future__ import annotations

from typing import Any

from bagkit.lower.graph import Graph, Task, with_works
from bagkit.schedulers.state import RunState
from bagkit.schedulers.turns import Failed, Turns


def work(part: Any, inputs: Any, report: Any) -> None:
    """Do nothing: no task of these runs."""


ALL = [Task((name,), work, one_of=file) for name, file in zip("abcd", ("x", "x", "y", None), strict=True)]
A, B, C, D = ALL


def failed(task: Task) -> Failed:
    return Failed(task, 0, ValueError(task.keys[0]))


def begun(graph: Graph) -> tuple[RunState, Turns]:
    """Return the state of a run of all tasks of a graph, and their turns."""
    state = RunState(graph, [task.keys[0] for task in graph.tasks])
    return state, Turns(graph, state)


def test_an_error_waits_for_tasks_of_its_file() -> None:
    state, turns = begun(Graph(ALL))
    assert not turns.waits
    assert turns.hold(failed(B))
    assert turns.waits
    assert turns.due is None
    assert [turns.may_begin(task) for task in ALL] == [True, False, False, False]
    state.finish(C)
    assert turns.due is None
    state.finish(A)
    assert turns.due is not None
    assert turns.due.task is B


def test_an_earlier_error_goes_before_it() -> None:
    _, turns = begun(Graph(ALL))
    assert turns.hold(failed(B))
    assert turns.hold(failed(A))
    assert turns.due is not None
    assert turns.due.task is A


def test_what_has_no_turn_or_is_of_another_file_does_not_wait() -> None:
    _, turns = begun(Graph(ALL))
    assert not turns.hold(failed(D))
    assert turns.hold(failed(B))
    assert not turns.hold(failed(C))


def test_all_tasks_of_a_graph_can_have_turns() -> None:
    graph = Graph(ALL, in_turn=True)
    state, turns = begun(graph)
    *before, last = graph.tasks
    assert turns.hold(failed(last))
    for task in before:
        assert turns.due is None
        state.finish(task)
    assert turns.due is not None


def test_works_that_are_wrapped_leave_tasks_their_turns() -> None:
    graph = with_works(Graph(ALL, in_turn=True), lambda each: lambda *task: each(*task))
    assert {graph.turn_of(task) for task in graph.tasks} == {"all in turn"}
    assert [with_works(Graph(ALL), lambda each: each).turn_of(task) for task in ALL] == ["x", "x", "y", None]
