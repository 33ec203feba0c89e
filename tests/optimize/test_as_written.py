"""What `to_delayed(optimize_graph=False)` gives is computed as it was written, and all beside it is not."""

from __future__ import annotations

import json
from typing import Any

import dask
import pytest

import bagkit as bk


def names() -> bk.Bag[str]:
    lines = ['{"name": "Ada", "age": 36}', '{"name": "Bob", "age": 24}', '{"name": "Ada", "age": 1}']
    return bk.from_sequence(lines, npartitions=2).map(json.loads).pluck("name")


def as_run(*values: Any) -> str:
    return bk.visualize(*values, optimize_graph=True).mermaid


WRITTEN, PARSED = "map(json.loads)", "json(value: name)"


def test_a_partition() -> None:
    optimised, written = names().to_delayed()[1], names().to_delayed(optimize_graph=False)[1]
    assert PARSED in as_run(optimised)
    assert WRITTEN not in as_run(optimised)
    assert WRITTEN in as_run(written)
    assert PARSED not in as_run(written)
    assert optimised.compute() == written.compute() == ["Ada"]


def test_an_item() -> None:
    total = names().map(len).sum()
    written = total.to_delayed(optimize_graph=False) + 1
    assert WRITTEN in as_run(written)
    assert PARSED in as_run(total.to_delayed() + 1)
    assert written.compute() == written.compute(optimize=False) == 10
    assert WRITTEN in as_run(*bk.optimize(written))


def test_what_it_is_made_of_is_optimised_for_others() -> None:
    bag = names()
    written = bag.to_delayed(optimize_graph=False)
    drawn = as_run(*written, bag.count())
    assert WRITTEN in drawn
    assert "parse" in drawn
    later = bk.Item.from_delayed(bk.delayed(len)(written))
    further = bag.map(lambda name, n: (name, n), later)
    with bk.options(scheduler="sync"):
        assert bk.compute(written, bag.count()) == ([["Ada", "Bob"], ["Ada"]], 3)
        assert further.compute() == [("Ada", 2), ("Bob", 2), ("Ada", 2)]


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_on_all_schedulers(scheduler: str) -> None:
    parts = names().to_delayed(optimize_graph=False)
    assert bk.compute(*parts, scheduler=scheduler) == (["Ada", "Bob"], ["Ada"])


def test_by_dask() -> None:
    assert dask.compute(*names().to_delayed(optimize_graph=False)) == (["Ada", "Bob"], ["Ada"])
