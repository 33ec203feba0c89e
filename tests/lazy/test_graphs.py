"""The public graph: a dict of names to values and tasks."""

from __future__ import annotations

import operator
import threading
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import PlanError


def inc(x: int) -> int:
    return x + 1


GRAPH: dict[Any, Any] = {
    "x": 1,
    "y": (inc, "x"),
    ("z", 0): (operator.add, "x", "y"),
    2: (sum, ["x", "y", ("z", 0)]),
    "nested": (operator.mul, (inc, (inc, "y")), 10),
    "alias": "y",
    "list": ["x", ["y", 7]],
    "dict": (dict, [["k", "y"], ["x", 5]]),
    "literal": (lambda *a: a, "not a name", ("z", 1), {"x": "x"}, None, True),
    "empty": (),
}


class TestGet:
    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes", None])
    def test_values(self, scheduler: str | None) -> None:
        def get(keys: Any) -> Any:
            return bk.get(GRAPH, keys, scheduler=scheduler)

        assert get("x") == 1
        assert get(("z", 0)) == 3
        assert get(["x", ["y", [2]], []]) == (1, (2, (6,)), ())
        assert get(["nested", "alias", "list"]) == (40, 2, [1, [2, 7]])
        assert get("dict") == {"k": 2, 1: 5}
        assert get(["literal", "empty"]) == (("not a name", ("z", 1), {"x": "x"}, None, True), ())

    def test_only_what_is_needed_runs_and_once(self) -> None:
        seen: list[str] = []
        graph = {
            "a": (lambda: seen.append("a"),),
            "b": (lambda a: seen.append("b"), "a"),
            "c": (lambda a, b: len(seen), "a", "b"),
            "other": (operator.truediv, 1, 0),
            "loop": (inc, "loop"),
        }
        assert bk.get(graph, ["c", "c"], scheduler="sync") == (2, 2)
        assert seen == ["a", "b"]

    def test_threads_by_default(self) -> None:
        main = threading.main_thread()
        graph = {"a": (lambda: threading.current_thread() is main,)}
        assert bk.get(graph, "a") is False
        with bk.options(scheduler="sync"):
            assert bk.get(graph, "a") is True

    def test_names_have_the_type_of_the_name(self) -> None:
        graph = {1: "one", "out": (lambda *args: args, 1, True, 1.0)}
        assert bk.get(graph, "out") == ("one", True, 1.0)

    def test_deep_graphs(self) -> None:
        graph: dict[Any, Any] = {0: 0, **{n: (inc, n - 1) for n in range(1, 5000)}}
        assert bk.get(graph, 4999, scheduler="sync") == 4999


class TestErrors:
    def test_a_missing_key(self) -> None:
        with pytest.raises(PlanError, match=r"get: the graph has no 'aliass'; did you mean 'alias'"):
            bk.get(GRAPH, ["x", ["aliass"]])

    def test_a_key_that_is_not_hashable(self) -> None:
        with pytest.raises(PlanError, match=r"get: the key \{'x'\} is not hashable; expected names, or lists"):
            bk.get(GRAPH, {"x"})
        with pytest.raises(PlanError, match=r"get: the key \('x', \['y'\]\) is not hashable, for there is"):
            bk.get(GRAPH, ("x", ["y"]))

    def test_a_circle_is_named(self) -> None:
        graph = {"a": (inc, "b"), "b": (inc, "c"), "c": (inc, "a")}
        with pytest.raises(PlanError, match=r"tasks need each other in a circle: .*'a'.* -> ") as caught:
            bk.get(graph, "a")
        assert all(repr(name) in str(caught.value) for name in graph)

    def test_tasks_that_are_nested_too_deeply(self) -> None:
        value: Any = 1
        for _ in range(2000):
            value = (inc, value)
        with pytest.raises(PlanError, match=r"get: what 'a' stands for is nested too deeply, .*; hint: give the tasks"):
            bk.get({"a": value}, "a")

    def test_no_graph(self) -> None:
        with pytest.raises(PlanError, match="get: the graph is a list; expected a dict of names to values and tasks"):
            bk.get([("a", 1)], "a")

    @pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
    def test_a_failure_names_its_task(self, scheduler: str) -> None:
        with pytest.raises(ZeroDivisionError) as caught:
            bk.get({"a": (operator.truediv, 1, 0), "b": (inc, "a")}, "b", scheduler=scheduler)
        assert caught.value.__notes__[0] == "in the task 'a': truediv"
