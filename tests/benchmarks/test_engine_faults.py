"""The program that kills workers of engines: a small run of it on distributed."""

from __future__ import annotations

import dask
import distributed
import pytest

from benchmarks import engine_faults
from tests import clusters


def test_workers_of_distributed_are_killed(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [f"--job={job}" for job in ("main job", "groupby", "to_jsonl")]
    assert distributed  # its settings come with it: else those that are set here would be all, and gone afterwards
    with dask.config.set(clusters.LIGHT):
        status = engine_faults.main(["--engine=distributed", "--runs=1", "--records=2000", "--seed=suite", *jobs])
    said = capsys.readouterr().out
    assert status == 0, said
    assert [line.split()[-2:] for line in said.splitlines()[2:]] == [["1", "0"]] * 3
