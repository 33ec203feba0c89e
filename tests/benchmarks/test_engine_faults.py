"""The program that kills workers of engines: a small run of it on distributed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dask
import distributed
import pytest

from benchmarks import engine_faults
from tests import clusters


@pytest.mark.parametrize(
    ("engine", "names"), [("distributed", ("main job", "groupby", "to_jsonl")), ("apart", ("groupby",))]
)
def test_workers_of_distributed_are_killed(
    engine: str, names: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [f"--job={job}" for job in names]
    assert distributed  # its settings come with it: else those that are set here would be all, and gone afterwards
    with dask.config.set(clusters.LIGHT):
        status = engine_faults.main([f"--engine={engine}", "--runs=1", "--records=2000", "--seed=suite", *jobs])
    said = capsys.readouterr().out
    assert status == 0, said
    assert [line.split()[-2:] for line in said.splitlines()[2:]] == [["1", "0"]] * len(names)


class Lacking:
    """A cluster that had two workers, and never gets the second again."""

    name = "distributed"
    scheduler: Any = "sync"
    begins_late = False

    def workers(self) -> list[Any]:
        return [None]

    def held(self) -> int:
        return 0


def test_a_worker_that_does_not_come_back_ends_a_series(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clusters_made = []

    @contextmanager
    def lacking() -> Iterator[Any]:
        clusters_made.append(1)
        yield Lacking()

    monkeypatch.setattr(engine_faults, "BACK_SECONDS", 0.0)
    monkeypatch.setattr(engine_faults, "ENGINES", {"distributed": lacking})
    jobs = ["--job=main job", "--job=persist"]
    assert engine_faults.main(["--engine=distributed", "--runs=3", "--records=100", "--seed=suite", *jobs]) == 1
    said = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[-2:] for line in said[:2]] == [["0", "0"]] * 2
    assert said[2] == (
        "distributed, main job: the cluster did not replace a worker in 0 seconds: 0 of 3 runs, and nothing is known "
        "of the others"
    )
    assert len(clusters_made) == 2
