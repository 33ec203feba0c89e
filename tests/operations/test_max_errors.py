"""A run gives up with too many failures: by their count, or by their share, and with nothing that looks done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

WAYS: list[dict[str, Any]] = [
    {"scheduler": "sync"},
    {"scheduler": "threads", "workers": 2},
    {"scheduler": "processes", "workers": 2},
]


def checked(number: int) -> int:
    if number % 10 == 0:
        raise ValueError(f"no {number}")
    return number


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.filterwarnings("ignore::bagkit.SkippedRecordsWarning")
def test_a_count_is_over_all_partitions(way: dict[str, Any]) -> None:
    bag = bk.range(100, npartitions=4).map(checked)
    for policy in ("skip", "collect"):
        found: Any = bag.count().compute(on_error=policy, max_errors=10, **way)
        assert (found.result if policy == "collect" else found) == 90
        with pytest.raises(bk.TooManyErrorsError) as caught:
            bag.count().compute(on_error=policy, max_errors=9, retries=2, **way)
        assert str(caught.value).startswith("10 records have failed, and max_errors=9 allows no more; the first: Value")
        assert "; hint: good, bad = bag.split_errors()" in str(caught.value)
        assert "tried" not in " ".join(getattr(caught.value, "__notes__", []))
    with bk.options(max_errors=3, on_error="skip", **way), pytest.raises(bk.TooManyErrorsError):
        list(bag)
    alone = bk.range(100, npartitions=1).map(checked).count()  # its task counts too, to end soon
    assert alone.compute(on_error="skip", max_errors=10, **way) == 90
    with pytest.raises(bk.TooManyErrorsError):
        alone.compute(on_error="skip", max_errors=9, **way)


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.filterwarnings("ignore::bagkit.SkippedRecordsWarning")
def test_a_share_is_of_the_records_that_were_read(way: dict[str, Any]) -> None:
    bag = bk.range(100, npartitions=4).map(checked).frequencies()
    assert bag.count().compute(on_error="skip", max_errors="10%", **way) == 90
    with pytest.raises(bk.TooManyErrorsError) as caught:
        bag.count().compute(on_error="skip", max_errors="9.9 %", **way)
    assert str(caught.value).startswith("10 records have failed of 100 (10.00%), and max_errors='9.9 %' allows no more")


def test_the_run_ends_soon_after(tmp_path: Path) -> None:
    calls = tmp_path / "calls"

    def noted(number: int) -> int:
        with calls.open("a") as file:
            file.write(".")
        raise ValueError(number)

    for way in WAYS[::2]:
        for most in (20, "1%"):
            calls.write_text("")
            with pytest.raises(bk.TooManyErrorsError, match="the first: ValueError: "):
                bk.range(200_000, npartitions=2).map(noted).count().compute(on_error="skip", max_errors=most, **way)
            assert len(calls.read_text()) < (100 if most == 20 and way["scheduler"] == "sync" else 150_000)


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_files_that_are_not_all_there_do_not_look_so(tmp_path: Path, way: dict[str, Any]) -> None:
    bag = bk.range(100, npartitions=4).map(checked)
    for number, most in enumerate([0, 9, "9%"]):
        folder = tmp_path / str(number)
        with pytest.raises(bk.TooManyErrorsError):
            bag.to_jsonl(folder, on_error="skip", max_errors=most, **way)
        assert not [path for path in folder.iterdir() if path.name.endswith((".manifest.json", ".tmp"))]
        assert len(list(folder.glob("*.jsonl"))) < 4
        with pytest.warns(bk.SkippedRecordsWarning):
            assert bag.to_jsonl(folder, exist="resume", on_error="skip", **way).records == 90


def test_what_split_errors_keeps_counts_not() -> None:
    good, bad = bk.range(100, npartitions=4).map(checked).split_errors()
    found = bk.compute(good.count(), bad.count(), scheduler="sync", on_error="skip", max_errors=0)
    assert found == (90, 10)


@pytest.mark.parametrize("value", [-1, True, 0.5, "5", "x%", "101%", "-1%", "nan%"])
def test_what_is_no_limit_is_an_error_at_once(value: Any) -> None:
    with pytest.raises(bk.OptionError, match="a whole number from 0 up, or a share as text like '1%'"):
        bk.range(3, npartitions=1).compute(max_errors=value)
