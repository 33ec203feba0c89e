"""The simulation of a terabyte runs, and what a graph takes grows with tasks and partitions, not with their product."""

from __future__ import annotations

import pytest

from benchmarks import scale


@pytest.mark.parametrize(("job", "files"), [*[(job, 40) for job in scale.JOBS], ("groupby", 300)])
def test_tasks_and_bytes_are_of_tasks_and_partitions(job: str, files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 300 files there are more tasks than small partitions are left alone; these are not small."""
    monkeypatch.setattr(scale, "FILES", files)
    monkeypatch.setattr(scale, "SIZE", 20_000_000)
    monkeypatch.setattr(scale, "PARTITIONS", 30)
    monkeypatch.setattr(scale.sys, "argv", ["--dask"])
    found = scale.measure(job)
    assert files <= found["tasks"] < 4 * (files + 30)
    assert found["dask_keys"] < 6 * (files + 30)
    assert found["sent_bytes"] < 2000 * found["tasks"]
