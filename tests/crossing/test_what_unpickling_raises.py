"""Values that pickle and can't be unpickled: whoever sends them hears so, and not only what their class says."""

from __future__ import annotations

import copyreg
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk


class Refused(ValueError):
    """As exceptions with an argument by name only are: pickle gives the text to `__init__`."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"refused: {code}")


def refused(number: int) -> Refused:
    return Refused(code=number)


def made() -> bk.Bag[Refused]:
    return bk.range(3, npartitions=2).map(refused)


def of_a_closure() -> Any:
    held = refused(1)
    return bk.range(3, npartitions=1).map(lambda _: str(held)).compute()


WAYS: dict[str, Callable[[], Any]] = {
    "a result": lambda: made().compute(),
    "a result that is looped over": lambda: list(made()),
    "a record of the caller's": lambda: bk.from_sequence([1, refused(1)], npartitions=1).map(str).compute(),
    "a variable of a function": of_a_closure,
    "a group": lambda: made().groupby(str).count().compute(),
    "an argument of a call": lambda: bk.delayed(str)(refused(1)).compute(),
    "a result of a call": lambda: bk.delayed(refused)(1).compute(),
    "a reject": lambda: made().map(lambda error: error.code).split_errors()[1].compute(),
    "a persisted record": lambda: made().persist().count().compute(),
}


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # When dask.distributed is imported, as another test may have done, it tells pickle of all exceptions that there are
    # how to make them again without their `__init__`.
    monkeypatch.delitem(copyreg.dispatch_table, Refused, raising=False)
    with bk.options(scheduler="processes", workers=2):
        yield


@pytest.mark.parametrize("name", WAYS)
def test_a_value_that_can_not_be_unpickled_is_said_to_be_one(name: str) -> None:
    with pytest.raises(bk.NotPicklableError, match=r"can't be unpickled.*Refused\.__init__") as caught:
        WAYS[name]()
    assert not any("bagkit" in note for note in getattr(caught.value, "__notes__", ()))


SPILLED: dict[str, Callable[[bk.Bag[Refused]], Any]] = {
    "groupby": lambda bag: bag.groupby(str).count().compute(),
    "sort_by": lambda bag: bag.sort_by(str).count().compute(),
    "distinct": lambda bag: bag.distinct(str).count().compute(),
    "partition_by": lambda bag: bag.partition_by(str).count().compute(),
}


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@pytest.mark.parametrize("name", SPILLED)
def test_records_that_wait_on_disk_and_can_not_be_unpickled(name: str, scheduler: str) -> None:
    bag = bk.range(4_000, npartitions=1).map(refused)
    with bk.options(scheduler=scheduler, memory_limit=100_000), pytest.raises(bk.NotPicklableError) as caught:
        SPILLED[name](bag)
    assert "records that are more than memory_limit were pickled to wait on disk" in str(caught.value)
    assert "a larger memory_limit" in str(caught.value)


def test_records_of_a_cache_that_can_not_be_unpickled(tmp_path: Path) -> None:
    made().cache(tmp_path).count().compute()
    with pytest.raises(bk.NotPicklableError, match=r"records of the cache can't be unpickled: .*Refused"):
        made().cache(tmp_path).map(str).compute()


def test_threads_need_no_pickles() -> None:
    got = made().map(str).compute(scheduler="threads")
    assert got == ["refused: 0", "refused: 1", "refused: 2"]


SETTLED = """
import os

if os.environ.get("SETTLED") != "yes":
    raise RuntimeError("settings are not configured")

def double(number): return number * 2
"""


@pytest.mark.parametrize("through", ["settled", "over_it"])
def test_a_module_that_a_worker_can_not_import_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, through: str
) -> None:
    """It was said that a value can't be unpickled, which it could in the caller's process."""
    (tmp_path / "settled.py").write_text(SETTLED)
    (tmp_path / "over_it.py").write_text("import settled\ndef double(number): return settled.double(number)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with monkeypatch.context() as meanwhile:
        meanwhile.setenv("SETTLED", "yes")
        module = importlib.import_module(through)
    words = r"the module 'settled' is imported in another process \(.*settled\.py, line 5\), and it raises RuntimeError"
    with pytest.raises(bk.NotPicklableError, match=words):
        bk.range(2, npartitions=1).map(module.double).compute()
    for name in ("settled", "over_it"):
        sys.modules.pop(name, None)
