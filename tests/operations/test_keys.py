"""keys(): an ordinary bag, which does not keep `dict(bag)` from making a dict of the pairs in one computation."""

from __future__ import annotations

import pickle
import threading
from collections import Counter, OrderedDict, UserDict
from collections.abc import Callable
from typing import Any

import pytest

import bagkit as bk
from bagkit.methods import walks
from tests.operations.functions import Counts

PAIRS = [("a", 1), ("b", 2), ("a", 3), (None, 4), ((1, "x"), 5)]


pytestmark = pytest.mark.usefixtures("sync")


def updated(pairs: Any) -> dict[Any, Any]:
    found = {"b": 0, "z": 0}
    found.update(pairs)
    found |= pairs
    return found


@pytest.mark.parametrize(
    ("make", "runs"),
    [(dict, 1), (lambda b: dict(b, x=1), 1), (updated, 2), (OrderedDict, 1),
     (UserDict, 1), (Counter, 1), (list, 1)],
)  # fmt: skip
def test_what_takes_pairs_gets_them_in_one_computation(make: Callable[[Any], Any], runs: int) -> None:
    calls = Counts()
    bag = bk.from_sequence(PAIRS, npartitions=3).map(calls)
    assert make(bag) == make(PAIRS)
    assert calls.calls == PAIRS * runs


def test_mappings_are_unpacked() -> None:
    bag: Any = bk.from_sequence([("a", 1), ("b", 2)])
    assert {**bag, "c": 3} == dict(**bag, c=3) == {"a": 1, "b": 2, "c": 3}


def test_keys_are_an_ordinary_bag() -> None:
    keys = bk.from_sequence(PAIRS, npartitions=2).keys()
    expected = [key for key, _ in PAIRS]
    assert keys.compute() == list(keys) == list(iter(keys)) == list(pickle.loads(pickle.dumps(keys))) == expected
    assert [keys.npartitions, keys.map(str).keys().compute()[:2], keys.persist().take(2)] == [2, ["a", "b"], ("a", "b")]
    assert list(bk.zip(keys, keys.persist()))[-1] == ((1, "x"), (1, "x"))


def test_records_without_a_key_are_what_the_options_say() -> None:
    with bk.options(on_error="skip"), pytest.warns(bk.SkippedRecordsWarning):
        assert list(bk.from_sequence([("a", 1), 7, "bc"]).keys()) == ["a", "b"]


@pytest.mark.parametrize(
    ("pairs", "error"), [([(1, 2), ([], 3), (4, 5)], TypeError), ([1], TypeError), ([(1, 2), (3, 4, 5)], ValueError)]
)
def test_what_makes_no_dict_is_an_error_and_nothing_of_it_is_kept(pairs: list[Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        dict(pairs)
    with pytest.raises(error):
        dict(bk.from_sequence(pairs, npartitions=2))
    if error is TypeError:
        assert not walks._last.walk[1]


def test_a_walk_gives_the_value_of_its_last_key_and_of_no_other() -> None:
    bag = bk.from_sequence([("a", 1), ("b", 2), ("a", 3)])
    other = bk.from_sequence([("a", 9)])
    walk = iter(bag.keys())
    assert (next(walk), bag["a"]) == ("a", 1)
    assert next(walk) == "b"
    for misuse in (lambda: bag["a"], lambda: other["b"], lambda: bag[0]):
        with pytest.raises(bk.LazyError, match=r"can't be indexed"):
            misuse()
    assert dict(other) == {"a": 9}
    assert (next(walk), bag["a"]) == ("a", 3)
    with pytest.raises(bk.LazyError, match=r"can't be indexed, got \['a'\]"):
        bag["a"]


def test_a_walk_that_is_left_ends_its_run() -> None:
    calls = Counts()
    walk = iter(bk.range(1000, 100).map(calls).map(lambda x: (x, x)).keys())
    assert next(walk) == 0
    del walk
    assert len(calls.calls) < 1000


def test_walks_inside_of_walks() -> None:
    inner = bk.from_sequence([(1, "x"), (2, "y")], npartitions=2)
    outer = bk.from_sequence(["a", "b", "c"], npartitions=2).map(lambda key: (key, dict(inner)))
    assert dict(outer) == {key: {1: "x", 2: "y"} for key in "abc"}
    keys = inner.keys()
    assert {key: dict(inner) for key in keys} == {key: {1: "x", 2: "y"} for key in (1, 2)}


def test_threads_walk_over_the_same_bag() -> None:
    bag = bk.range(3000, 3).map(lambda x: (x % 1000, x))
    found: list[dict[int, int]] = []

    def walk() -> None:
        with bk.options(scheduler="sync"):
            found.append(dict(bag))

    threads = [threading.Thread(target=walk) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [{x: x + 2000 for x in range(1000)}] * 3


def test_on_workers() -> None:
    with bk.options(scheduler="processes", workers=2):
        assert dict(bk.from_sequence("abca", 3).frequencies()) == {"a": 2, "b": 1, "c": 1}
