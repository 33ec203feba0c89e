"""Plans that loops have made: thousands of operations on top of each other, and nothing that goes down by recursion."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from operator import add
from typing import Any

import pytest

import bagkit as bk
from bagkit.lower.lower import DEEPEST, lower
from bagkit.optimizer import optimize
from bagkit.plan.fingerprint import fingerprint
from bagkit.work.chain import Chain, Step

DEPTH = 1_500


def inc(x: int) -> int:
    return x + 1


@pytest.fixture(scope="module")
def deep() -> bk.Bag[int]:
    bag = bk.range(5, npartitions=2)
    for _ in range(DEPTH):
        bag = bag.map(inc)
    return bag


def depth(step: Step) -> int:
    return 1 + max(map(depth, step.inputs), default=0)


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_a_deep_bag_runs(deep: bk.Bag[int], scheduler: str) -> None:
    assert deep.compute(scheduler=scheduler, num_workers=2) == [DEPTH + n for n in range(5)]


def test_far_more_operations_than_python_calls_deep_run() -> None:
    bag = bk.range(5, npartitions=1)
    for _ in range(4_000):
        bag = bag.map(inc)
    assert bag.sum().compute(scheduler="sync") == 20_010


def test_no_task_goes_deep(deep: bk.Bag[int]) -> None:
    graph, (keys,) = lower(optimize((deep.plan,)))
    steps = [task.work.step for task in graph.tasks if isinstance(task.work, Chain)]
    assert len(steps) == len(graph.tasks) == 2 * -(-DEPTH // (DEEPEST + 1))
    assert max(map(depth, steps)) == DEEPEST + 2  # with where the records come from
    assert len(keys) == 2


def test_a_deep_bag_is_shown_by_its_first_and_last_lines(deep: bk.Bag[int], capsys: Any) -> None:
    deep.explain()
    for text in (repr(deep), capsys.readouterr().out):
        assert "map(test_deep_plans.inc)\n" in text
        assert "… 1,421 more …" in text
        assert " range" in text
        assert len(text) < 30_000


def test_a_deep_bag_is_copied_and_known_again(deep: bk.Bag[int]) -> None:
    again = pickle.loads(pickle.dumps(deep))
    assert again.npartitions == copy.deepcopy(deep).npartitions == 2
    steps = fingerprint(again.plan)
    assert steps == fingerprint(deep.plan)
    assert len(steps) == DEPTH + 1


def test_what_fails_below_a_cut_is_left_out() -> None:
    bag = bk.from_sequence([1, "a", 2], npartitions=1)
    for _ in range(3 * DEEPEST):
        bag = bag.map(inc)
    result: Any = bag.compute(scheduler="sync", on_error="collect")
    assert result.result == [1 + 3 * DEEPEST, 2 + 3 * DEEPEST]
    assert [failure.place.record for failure in result.failures] == ["a"]


GROWING: dict[str, Callable[[Any], Any]] = {
    "concat": lambda bag: bk.concat([bag, bk.range(1, npartitions=1)]),
    "map of itself": lambda bag: bag.map(add, bag),
    "map with an item": lambda bag: bag.map(max, bag.min()),
    "one after the other": lambda bag: bag.accumulate(max),
    "exchange": lambda bag: bag.distinct(npartitions=2),
    "repartition": lambda bag: bag.repartition(bag.npartitions % 3 + 1),
}


@pytest.mark.parametrize("how", GROWING)
def test_deep_plans_of_all_kinds(how: str) -> None:
    grown = bk.range(3, npartitions=2)
    expected = GROWING[how](grown).max()
    for _ in range(150):
        grown = GROWING[how](grown)
    factor = 2**149 if how == "map of itself" else 1
    assert grown.max().compute(scheduler="sync") == factor * expected.compute(scheduler="sync")


def test_a_deep_item_runs_and_is_shown() -> None:
    item = bk.range(3, npartitions=2).sum()
    for _ in range(1500):
        item = item.apply(inc)
    assert item.compute(scheduler="sync") == 1503
    assert repr(item).count("apply(test_deep_plans.inc)") == 78


def test_attributes_of_attributes() -> None:
    value = bk.delayed(1)
    for _ in range(1500):
        value = value.real
    assert value.compute(scheduler="sync") == 1


def test_an_argument_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    bag = bk.range(2, npartitions=1).map(lambda x, other: other is other[0], other=loop)
    assert bag.compute(scheduler="sync") == [True, True]
