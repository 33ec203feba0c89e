"""The program that kills workers and fills disks: a small run of it, and that it sees what there is to see."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import faults
from benchmarks.faults import LimitedFiles, Run, Series

ROOT = Path(__file__).resolve().parents[2]


def test_workers_killed_and_disks_filled_at_random_moments() -> None:
    series = ["--runs=1", "--records=4000", "--seed=suite", "--job=groups_to_jsonl"]
    series += ["--fault=workers killed", "--fault=disk full"]
    command = [sys.executable, "-m", "benchmarks.faults", *series]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [
        line.rpartition("killed" if "killed" in line else "full")[2].split() for line in done.stdout.splitlines()[2:]
    ]
    assert len(rows) == 2
    for right, clear, wrong, left in rows:
        assert (int(right) + int(clear), wrong, left) == (1, "0", "0")


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Series:
    """A series that has run, and left nothing."""
    monkeypatch.setattr(faults, "GRACE", 0)
    series = Series("to_jsonl", LimitedFiles(tmp_path), 100, "seed")
    for name in ("temporary", "output"):
        (tmp_path / name).mkdir()
    series.files = {"00.jsonl.gz": b"whole"}
    (tmp_path / "output" / "00.jsonl.gz").write_bytes(b"whole")
    (tmp_path / "output" / ".bagkit-0.manifest.json").touch()
    return series


def seen(series: Series, fault: str = "disk full", **result: Any) -> Run:
    answer = None if result.get("error") else series.expected
    run = Run(result={"answer": answer, "error": "", "message": "", "typed": True, "files": [5, 5], **result})
    series.look_at(run, fault)
    return run


def test_what_is_right_is_right(series: Series) -> None:
    assert seen(series).outcome == "right result"
    assert seen(series, error="OutputError", message="no space left on device").outcome == "clear error"


@pytest.mark.parametrize(
    "result",
    [
        {"answer": ["other"]},
        {"error": "KeyError", "message": "no space left on device", "typed": False},
        {"error": "OutputError", "message": "something happened"},
        {"error": "WorkerDiedError", "message": "the worker process that ran it was killed by SIGKILL"},
    ],
)
def test_what_is_wrong_is_seen(series: Series, result: dict[str, Any]) -> None:
    assert seen(series, **result).outcome == "WRONG"


def test_errors_without_faults_are_wrong(series: Series) -> None:
    assert seen(series, fault="", error="OutputError", message="no space left on device").outcome == "WRONG"


def test_how_bytes_differ_is_told() -> None:
    lines = [b"1\n2\n3\n", b"1\n2\n4\n"]
    one, other = (gzip.compress(each, 1, mtime=0) for each in lines)
    assert faults.difference(gzip.compress(lines[0], 9, mtime=0), one).endswith("; all lines are the same")
    assert faults.difference(other, one).endswith("; 3 lines, expected 3; line 3 is the first that differs")
    assert faults.difference(one[:-9], one).startswith(
        f"{len(one) - 9} bytes, expected {len(one)}; byte {len(one) - 9}"
    )
    assert "it can't be read: " in faults.difference(one[:-9], one)


@pytest.mark.parametrize("data", [b"half", None])
def test_files_that_are_not_whole_are_seen(series: Series, data: bytes | None) -> None:
    path = series.disk.folder / "output" / "00.jsonl.gz"
    path.write_bytes(data) if data is not None else path.unlink()
    assert seen(series).outcome == "WRONG"


@pytest.mark.parametrize("name", ["temporary/bagkit-1-abcdefgh", "output/.bagkit-0.lock", "output/.bagkit-0.journal"])
def test_what_is_left_behind_is_seen(series: Series, name: str) -> None:
    (series.disk.folder / name).touch()
    assert seen(series).outcome == "LEFT BEHIND"


def test_open_files_are_seen(series: Series) -> None:
    assert seen(series, files=[5, 6]).left == ["open files: 1"]


def test_processes_that_outlive_a_run_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "GRACE", 0)
    process = subprocess.Popen(["sleep", "60"], env={**os.environ, faults.MARK: "token"})
    try:
        assert faults.processes_of("token") == ["sleep 60"]
    finally:
        process.kill()
        process.wait()
    assert faults.processes_of("token") == []
