"""retries=: a task that raised is run again, on every scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import OptionError

SCHEDULERS = ["sync", "threads", "processes"]


def failing(path: Path, times: int) -> Any:
    """Return a function that raises a number of `times`, wherever it runs: it counts in a file."""

    def fail(x: Any = None) -> Any:
        with path.open("a") as file:  # which only grows, however many call at once
            file.write("x")
            file.flush()
            count = file.tell()
        if count <= times:
            raise ConnectionError("not now")
        return x

    return fail


@pytest.mark.parametrize("scheduler", SCHEDULERS)
class TestRetries:
    def test_of_delayed_calls(self, scheduler: str, tmp_path: Path) -> None:
        value = bk.delayed(failing(tmp_path / "count", 2))(5)
        assert (value + 1).compute(scheduler=scheduler, retries=2) == 6

    def test_of_bags(self, scheduler: str, tmp_path: Path) -> None:
        b = bk.range(4, npartitions=1)
        assert b.map(failing(tmp_path / "records", 1)).compute(scheduler=scheduler, retries=1) == [0, 1, 2, 3]
        assert b.map(failing(tmp_path / "sum", 1)).sum().compute(scheduler=scheduler, retries=1) == 6

    def test_of_both_halves_of_an_exchange(self, scheduler: str, tmp_path: Path) -> None:
        b = bk.range(6, npartitions=3).map(failing(tmp_path / "split", 1)).groupby(lambda n: n % 2, npartitions=2)
        groups = b.map(failing(tmp_path / "collect", 1))
        assert sorted(groups.compute(scheduler=scheduler, retries=2)) == [(0, [0, 2, 4]), (1, [1, 3, 5])]

    def test_not_more_often(self, scheduler: str, tmp_path: Path) -> None:
        value = bk.delayed(failing(tmp_path / "count", 9))(5)
        with pytest.raises(ConnectionError, match="not now") as caught:
            value.compute(scheduler=scheduler, retries=2)
        assert "tried 3 times" in caught.value.__notes__
        assert len((tmp_path / "count").read_text()) == 3


def test_none_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        bk.delayed(failing(tmp_path / "count", 1))().compute()
    with bk.options(retries=1):
        assert bk.get({"a": (failing(tmp_path / "other", 1), 3)}, "a") == 3


def test_what_is_written_is_written_once(tmp_path: Path) -> None:
    b = bk.from_sequence(["a", "b", "c"], npartitions=1).map(failing(tmp_path / "count", 1))
    paths = b.to_textfiles(tmp_path / "out-*.txt", scheduler="sync", retries=1)
    assert [Path(path).read_text() for path in paths] == ["a\nb\nc"]


def test_skipped_records_are_counted_once(tmp_path: Path) -> None:
    b = bk.from_sequence(["1", "x"], npartitions=1).map(int).map(failing(tmp_path / "count", 0))
    collected = b.compute(scheduler="sync", retries=3, on_error="collect")
    assert (collected.result, len(collected.failures)) == ([1], 1)


@pytest.mark.parametrize("wrong", [-1, True, 1.5, "2"])
def test_what_it_can_not_be(wrong: Any) -> None:
    with pytest.raises(OptionError, match=r"option 'retries': wrong value: got .*, expected a whole number from 0 up"):
        bk.compute(retries=wrong)
    assert bk.compute(1, retries=0) == (1,)
