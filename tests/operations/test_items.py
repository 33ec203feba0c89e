"""Items: lazy single values, what may be done with them and what may not."""

from __future__ import annotations

from typing import Any

import pytest

import bagkit as bk
from tests.operations.cases import add

pytestmark = pytest.mark.usefixtures("sync")


def test_numbers_compute() -> None:
    total = bk.range(5, 2).sum()
    assert (int(total), float(total), complex(total)) == (10, 10.0, 10 + 0j)
    assert int(bk.from_sequence([2.5]).max()) == 2


def test_apply() -> None:
    bag = bk.range(5, 2)
    total = bag.sum()
    assert total.apply(lambda x: x + 1).apply(str).compute() == "11"
    assert total.apply(pow, 2).compute() == 100
    assert total.apply(lambda a, b, c: (a, b, c), bag.count(), c=[total]).compute() == (10, 5, [10])
    assert total.apply(max, total, 11).compute() == 11
    assert total.apply(func=str).compute() == "10"


def test_of_delayed_values() -> None:
    three = bk.Item.from_delayed(bk.delayed(add)(1, 2))
    assert (three.compute(), bk.range(2, 2).map(add, three).compute(), int(three)) == (3, [3, 4], 3)


def test_values_are_worked_out_once() -> None:
    calls: list[int] = []
    total = bk.range(5, 2).map(lambda x: calls.append(x) or x).sum()
    assert total.apply(lambda a, b: a + b, total).compute() == 20
    assert sorted(calls) == [0, 1, 2, 3, 4]


def test_a_value_may_be_anything() -> None:
    assert bk.from_sequence([None]).fold(max).compute() is None
    assert bk.range(3, 1).reduction(list, list).apply(lambda parts: {"parts": parts}).compute() == {
        "parts": [[0, 1, 2]]
    }
    batches = bk.range(3, 2).reduction(list, list).apply(iter).apply(list).compute()
    assert batches == [[0], [1, 2]]


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_on_workers(scheduler: str) -> None:
    bag = bk.range(10, 3)
    with bk.options(scheduler=scheduler, workers=2):
        assert bag.map(lambda x, m: x - m, bag.mean()).sum().compute() == pytest.approx(0)
        assert bag.sum().apply(lambda a, b: a / b, bag.count()).compute() == 4.5


class TestLaziness:
    def test_truth_is_an_error(self) -> None:
        item = bk.range(3, 1).sum()
        with pytest.raises(bk.LazyError, match=r"^sum: .*neither true nor false; hint: write `if item.compute\(\):`$"):
            bool(item)
        with pytest.raises(bk.LazyError, match=r"^sum: the value is not computed yet; hint: iterate over item.compute"):
            list(item)  # type: ignore[call-overload]
        with pytest.raises(TypeError):
            len(item)  # type: ignore[arg-type]

    def test_bags_are_not_lists(self) -> None:
        bag = bk.range(3, 1)
        with pytest.raises(bk.LazyError, match=r"^a bag is neither true nor false: .*`if bag.take\(1, warn=False\)"):
            bool(bag)
        with pytest.raises(bk.LazyError, match=r"^a bag has no length: .* hint: bag.count\(\).compute\(\)$"):
            len(bag)
        with pytest.raises(bk.LazyError, match=r"^a bag can't be indexed, got \[0\]; hint: bag.take\(5\) gives"):
            bag[0]
        with pytest.raises(bk.LazyError, match=r"bag.map\(lambda record: record == value\).any\(\).compute\(\)$"):
            1 in bag  # noqa: B015
        with pytest.raises(bk.LazyError, match=r"hint: bagkit.concat\(\[one, other\]\)$"):
            bag + bag
        with pytest.raises(TypeError):
            sum([bag, bag])  # type: ignore[list-item]

    def test_reprs_do_not_compute(self) -> None:
        bag = bk.range(3, 1).map(lambda x: 1 / 0)
        assert repr(bag) == "Bag of 1 partition:\nmap(lambda)\n  range"
        assert repr(bk.range(3, 2)) == "Bag of 2 partitions:\nrange"
        assert repr(bag.sum()) == "Item:\nsum\n  map(lambda)\n    range"

    def test_nothing_runs_before_compute(self) -> None:
        calls: list[int] = []
        bag = bk.range(3, 2).map(calls.append)
        bag.filter(None).distinct().frequencies().topk(1).repartition(4).map_partitions(len).take(1, compute=False)
        bag.count().apply(calls.append)
        bag.map(lambda x, y: 0, bag)
        repr(bag)
        assert calls == []

    @pytest.mark.parametrize("name", ["compute", "explain", "apply"])
    def test_items_and_bags_share_names(self, name: str) -> None:
        assert hasattr(bk.Item, name)
        assert name == "apply" or hasattr(bk.Bag, name)


def test_unknown_options_are_errors() -> None:
    with pytest.raises(bk.OptionError, match=r"no option is called 'schedular'; .*did you mean 'scheduler'\?"):
        bk.range(3, 1).compute(schedular="sync")
    with pytest.raises(bk.OptionError):
        bk.range(3, 1).sum().compute(workers=0)


@pytest.mark.parametrize("alias", [{"num_workers": 2}, {"optimize_graph": False}, {"scheduler": "synchronous"}])
def test_words_of_dask(alias: dict[str, Any]) -> None:
    assert bk.range(3, 1).compute(**alias) == [0, 1, 2]
