"""The samples that write HDF5. Left out where h5py and PyTables have no wheels, see tests/conftest.py."""

from __future__ import annotations

import json
import re
import weakref
from pathlib import Path
from typing import Any

import h5py
import pytest

import bagkit as bk
from tests.samples import test_delayed_samples, test_notebooks
from tests.samples.test_delayed_samples import run_sample, times
from tests.samples.test_notebooks import run_notebook

sample, paths = test_delayed_samples.sample, test_notebooks.paths


def test_blocked_mean(tmp_path: Path) -> None:
    output = run_sample(tmp_path, "blocked_mean", "--megabytes", "4", "--memory", "0.4")
    assert times(output) == ["in sequence", "in parallel"]
    with h5py.File(tmp_path / "data" / "values.h5") as file:
        values = file["values"][:]
    found = re.search(r"500,000 values, the same both times: mean (\S+), from (\S+) to (\S+)\n", output)
    assert found is not None
    expected = [values.mean(), values.min(), values.max()]
    assert [float(number) for number in found.groups()] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_blocked_mean_holds_few_blocks(
    workers: int, sample: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sample("blocked_mean")
    path = tmp_path / "values.h5"
    module.make_dataset(path, 20_000)
    read, born, gone, alive = module.read_block, list[int](), list[int](), list[int]()

    def counted(*arguments: Any) -> Any:
        block = read(*arguments)
        weakref.finalize(block, gone.append, 1)
        born.append(1)
        alive.append(len(born) - len(gone))
        return block

    monkeypatch.setattr(module, "read_block", counted)
    result = module.in_parallel(path, 100, workers)
    assert len(born) == len(gone) == 200
    assert max(alive) <= workers + 2
    assert result == module.in_sequence(path, 100)


def test_json_to_hdf5(tmp_path: Path) -> None:
    output = run_sample(tmp_path, "json_to_hdf5", "--days", "50", "--workers", "2")
    assert times(output) == ["in sequence", "in parallel"] * 2
    paths = sorted((tmp_path / "data" / "stocks").glob("*.json"))
    assert len(paths) == 20
    for path in paths:
        days = [json.loads(line) for line in path.read_text().splitlines()]
        assert len(days) == 50
        assert all(day["low"] <= min(day["open"], day["close"]) <= day["high"] for day in days)
        with h5py.File(tmp_path / "data" / "hdf5" / f"{path.stem}.h5") as one, h5py.File(
            tmp_path / "data" / "hdf5" / "all.h5"
        ) as every:  # fmt: skip
            for group in (one, every[path.stem]):
                assert set(group) == set(days[0])
                assert [date.decode() for date in group["date"][:]] == [day["date"] for day in days]
                for name in ("open", "high", "low", "close", "volume"):
                    assert group[name][:].tolist() == [day[name] for day in days]


def test_json_to_hdf5_in_a_notebook(tmp_path: Path) -> None:
    shown = run_notebook("json_to_hdf5", tmp_path)
    assert shown[-1] == "True"
    days = bk.read_json(tmp_path / "data/stocks/ibm.json").compute(scheduler="sync")
    with h5py.File(tmp_path / "data/hdf5/columns.h5") as file:
        assert len(file) == 20
        assert file["ibm/volume"][:].tolist() == [day["volume"] for day in days]
