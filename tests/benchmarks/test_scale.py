"""The simulation of a terabyte runs, and what a graph takes grows with tasks and partitions, not with their product."""

from __future__ import annotations

import pytest

from benchmarks import scale


@pytest.mark.parametrize("job", scale.JOBS)
def test_tasks_and_bytes_are_of_tasks_and_partitions(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "FILES", 40)
    monkeypatch.setattr(scale, "SIZE", 20_000_000)
    monkeypatch.setattr(scale, "PARTITIONS", 30)
    monkeypatch.setattr(scale.sys, "argv", ["--dask"])
    found = scale.measure(job)
    assert 40 <= found["tasks"] < 4 * (40 + 30)
    assert found["dask_keys"] < 6 * (40 + 30)
    assert found["sent_bytes"] < 2000 * found["tasks"]
