"""Which interpreter workers run where `sys.executable` is none."""

from __future__ import annotations

import multiprocessing.spawn
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bagkit as bk
from bagkit.schedulers import pool
from bagkit.schedulers.interpreter import find_interpreter

REAL = sys.executable


@pytest.fixture(autouse=True)
def no_workers() -> None:
    pool.end_workers()


def test_a_frozen_program_starts_no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(bk.TaskError, match=r"this program is frozen: .*hint: scheduler='threads', or name a Python"):
        bk.from_sequence([1]).map(str).compute(scheduler="processes")
    assert bk.from_sequence([1]).map(str).compute(scheduler="threads") == ["1"]


def test_an_interpreter_that_the_user_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/nowhere/app")
    before = multiprocessing.spawn.get_executable()
    multiprocessing.set_executable(REAL)
    try:
        assert bk.from_sequence([1]).map(str).compute(scheduler="processes") == ["1"]
    finally:
        multiprocessing.set_executable(before)


@pytest.mark.parametrize("executable", [None, "", "/nowhere/uwsgi", "/bin/sh"])
def test_a_program_that_has_python_built_in(monkeypatch: pytest.MonkeyPatch, executable: str | None) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(sys, "orig_argv", [])
    monkeypatch.setattr(multiprocessing.spawn, "get_executable", lambda: executable)
    assert os.path.samefile(find_interpreter(), REAL)
    assert bk.from_sequence([1]).map(str).compute(scheduler="processes") == ["1"]
    for name in ("exec_prefix", "base_exec_prefix", "_base_executable"):
        monkeypatch.setattr(sys, name, "/nowhere")
    with pytest.raises(bk.TaskError, match="which is no Python interpreter; hint: scheduler='threads'"):
        find_interpreter()


def test_a_program_that_is_started_as_a_worker_of_itself_starts_no_more(tmp_path: Path) -> None:
    program = tmp_path / "python-app"
    program.write_text(
        f"#!{REAL}\n"
        "import sys\n"
        "with open(__file__ + '.starts', 'a') as file: file.write('x')\n"
        "sys.executable = __file__\n"
        "import bagkit as bk\n"
        "print(bk.from_sequence([1], npartitions=1).map(str).compute(scheduler='processes', workers=1))\n"
    )
    program.chmod(0o755)
    ended = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "runs this program instead" in ended.stderr
    assert len((tmp_path / "python-app.starts").read_text()) <= 5
