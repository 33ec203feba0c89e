"""Counts may be numpy's ints and shares numpy's floats, as programs have them that reckon with numpy; no bools."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bagkit as bk
from bagkit.signatures import whole_number
from tests.wheels import ALL_HAVE_WHEELS


def bag() -> bk.Bag[int]:
    return bk.from_sequence(range(20), npartitions=4)


COUNTS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "from_sequence, npartitions": (lambda n: bk.from_sequence(range(20), npartitions=n).map_partitions(len), 3),
    "from_sequence, partition_size": (lambda n: bk.from_sequence(range(20), partition_size=n).map_partitions(len), 3),
    "range": (lambda n: bk.range(n, n), 3),
    "take": (lambda n: bag().take(n, scheduler="sync"), 3),
    "take of partitions": (lambda n: bag().take(20, npartitions=n, warn=False, scheduler="sync"), 2),
    "topk": (lambda n: bag().topk(n), 3),
    "repartition": (lambda n: bag().repartition(n).map_partitions(len), 3),
    "batch": (lambda n: bag().batch(n), 3),
    "window": (lambda n: bag().window(n, n), 3),
    "groupby": (lambda n: bag().groupby(lambda x: x % 5, npartitions=n).map_partitions(len), 3),
    "sort_by": (lambda n: bag().sort_by(npartitions=n).map_partitions(len), 3),
    "frequencies": (lambda n: bag().frequencies(npartitions=n, split_every=n).map_partitions(len), 3),
    "split_every": (lambda n: bag().sum(split_every=n), 2),
    "var": (lambda n: bag().var(ddof=n), 1),
    "histogram": (lambda n: bag().histogram(n), 3),
    "unzip": (lambda n: bag().map(lambda x: (x, x)).unzip(n)[1], 2),
    "partitions": (lambda n: bag().partitions[n], 2),
    "shard": (lambda n: bag().shard(n, of=4), 2),
    "take_sample": (lambda n: bag().take_sample(n, seed=n, scheduler="sync"), 3),
    "random_split": (lambda n: bag().random_split([2, 3], seed=n)[0], 1),
    "profile": (lambda n: bag().profile(max_keys=n, max_paths=n, scheduler="sync").to_dict(), 30),
    "near_distinct": (lambda n: bag().map(str).near_distinct(str, shingle=n, permutations=n, seed=n), 128),
    "nout": (lambda n: bk.delayed(divmod, nout=n)(7, 2)[1], 2),
    "workers": (lambda n: bag().sum().compute(workers=n, retries=n, read_retries=n, max_errors=n, on_error="skip"), 2),
    "show": (lambda n: bk.show([[1, [2]]], levels=n)._repr_html_(), 1),
}


def value(made: Any) -> Any:
    return made.compute(scheduler="sync") if hasattr(made, "compute") else made


@pytest.mark.parametrize("name", COUNTS)
def test_numpy_ints_count_and_bools_do_not(name: str) -> None:
    make, count = COUNTS[name]
    for kind in (np.int64, np.uint8):
        assert value(make(kind(count))) == value(make(count))
    for wrong in (True, np.bool_(True), float(count), f"{count}!"):
        with pytest.raises((bk.PlanError, bk.OptionError)):
            value(make(wrong))


class Odd:
    """A number whose own methods fail."""

    def __index__(self) -> int:
        raise ZeroDivisionError

    __float__ = __round__ = __index__


class Named(int):
    """An int of another type."""


@pytest.mark.parametrize("name", COUNTS)
def test_what_fails_when_it_is_asked_is_no_count(name: str) -> None:
    make, count = COUNTS[name]
    with pytest.raises((bk.PlanError, bk.OptionError), match="Odd"):
        value(make(Odd()))
    assert value(make(Named(count))) == value(make(count))


def test_counts_are_plain_ints() -> None:
    assert type(whole_number(Named(3))) is int


@pytest.mark.parametrize("odd", [Odd(), 10**400, Decimal("sNaN"), Fraction(10**400)])
def test_what_no_float_holds_is_no_share(odd: Any) -> None:
    for make in (
        lambda: bag().random_sample(odd),
        lambda: bag().quantiles(odd),
        lambda: bag().random_split([odd, 1]),
        lambda: bag().map(str).near_distinct(str, threshold=odd),
        lambda: (
            bag().sum().compute(max_errors=odd, on_error="skip") if type(odd) is not int else bag().random_sample(odd)
        ),
    ):
        with pytest.raises((bk.PlanError, bk.OptionError)):
            make()


def test_tally_counts_as_others_do() -> None:
    with bk.Tallies() as counts:
        bk.tally("a", np.int64(2))
        bk.tally("a", Named(3))
        for wrong in (True, 1.0, -1, Odd(), None):
            with pytest.raises(bk.PlanError, match=r"tally: count is .*; expected an int of 0 or more"):
                bk.tally("a", wrong)  # type: ignore[arg-type]
    assert counts == {"a": 5}


def test_numpy_floats_are_shares() -> None:
    assert bag().random_sample(np.float32(1)).count().compute(scheduler="sync") == 20
    assert bag().quantiles(np.float32(0.5)).compute(scheduler="sync") == bag().quantiles(0.5).compute(scheduler="sync")
    splits = [bag().random_split(weights, seed=1) for weights in (np.array([1, 3]), [1, 3])]
    for one, other in zip(*splits, strict=True):
        assert one.compute(scheduler="sync") == other.compute(scheduler="sync")
    kept = bag().map(str).near_distinct(str, threshold=np.float32(0.5))
    assert kept.count().compute(scheduler="sync") == 20


def test_files_take_numpy_ints(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x\n" * 100)
    assert bk.read_text(path, blocksize=np.int64(50)).npartitions == 4
    assert bk.read_text([path] * 3, files_per_partition=np.int64(2)).npartitions == 2
    if ALL_HAVE_WHEELS:
        assert bag().map(str).to_hdf5(tmp_path / "a.h5", columns=["n"], strings=np.int64(2), scheduler="sync") == 20
    schema = {"type": "record", "name": "r", "fields": [{"name": "n", "type": "long"}]}
    bag().map(lambda n: {"n": n}).to_avro(tmp_path / "avro", schema, sync_interval=np.int64(40), scheduler="sync")


def test_more_records_than_an_int_of_the_machine_counts() -> None:
    assert bag().take(10**30, warn=False, scheduler="sync") == tuple(range(20))
    assert bag().topk(10**30).compute(scheduler="sync") == list(range(19, -1, -1))


def test_one_record_without_an_order_is_sorted() -> None:
    assert bk.from_sequence([{}], npartitions=3).sort_by(npartitions=2).compute(scheduler="sync") == [{}]
