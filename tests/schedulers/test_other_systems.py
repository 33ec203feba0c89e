"""Programs on a system that lacks what only Linux has: simulated, in the caller's process and in its workers."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.schedulers import as_on_macos
from tests.schedulers.works import wait_for


@contextmanager
def started(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start `program`, and end it with what it has started, if it has not ended by itself."""
    (folder / "sitecustomize.py").write_text(Path(as_on_macos.__file__).read_text() + "\n\nbecome_macos()\n")
    script = folder / "program.py"
    script.write_text(textwrap.dedent(program))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)]),
        "_PYTHON_SYSCONFIGDATA_NAME": sysconfig._get_sysconfigdata_name(),  # type: ignore[attr-defined]
    }
    with subprocess.Popen(
        [sys.executable, script], env=environment, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(program: str, folder: Path) -> str:
    with started(program, folder) as process:
        out, err = process.communicate()
    assert (process.returncode, err) == (0, ""), err
    return out


def test_the_simulation_reaches_workers(tmp_path: Path) -> None:
    out = run(
        """
        import os, sys
        import bagkit as bk

        def looks(_):
            return sys.platform, hasattr(os, "memfd_create"), os.path.exists("/proc/self"), os.getpid()

        here = looks(None)
        (there,) = bk.from_sequence([1]).map(looks).compute(workers=1)
        print(here[:3] == there[:3] == ("darwin", False, False), here[3] != there[3])
        """,
        tmp_path,
    )
    assert out.split() == ["True", "True"]


def test_runs_in_processes(tmp_path: Path) -> None:
    out = run(
        """
        import json
        import bagkit as bk

        big = [{"name": "ada" if n % 3 else "alan", "n": n, "text": "x" * 200} for n in range(5_000)]
        bk.from_sequence(big, npartitions=5).to_jsonl("in/*.jsonl.gz", workers=2)
        bag = bk.read_text("in/*.jsonl.gz").map(json.loads)
        print(bag.pluck("name").frequencies(sort=True).compute(workers=2))
        print(bag.map(lambda r: r["n"] + 1).sum().compute(workers=2))
        groups = bag.groupby(lambda r: r["n"] % 500, npartitions=2).map(lambda group: (group[0], len(group[1])))
        print(sorted(groups.compute(workers=2, memory_limit="2MB")) == [(n, 10) for n in range(500)])
        print(bag.compute(workers=2) == big, bag.persist(workers=2).count().compute())
        (large,) = bk.from_sequence([30_000_000]).map(bytes).compute(workers=2)
        print(len(large))
        rows = bag.map(lambda r: {"n": r["n"]})
        print(len(rows.to_parquet("out.parquet", workers=2)), rows.to_sqlite("out.db", "t", workers=2))
        for number in bk.range(10, 5).map(lambda n: n * n):
            print(number, end=" ")
        """,
        tmp_path,
    )
    assert out.splitlines() == [
        "[('ada', 3333), ('alan', 1667)]",
        "12502500",
        "True",
        "True 5000",
        "30000000",
        "1 5000",
        "0 1 4 9 16 25 36 49 64 81 ",
    ]


def test_workers_that_die(tmp_path: Path) -> None:
    out = run(
        """
        import ctypes, os, pathlib, signal
        import bagkit as bk

        def kill_once(n):
            try:
                pathlib.Path(f"killed-{n}").touch(exist_ok=False)
            except FileExistsError:
                return n
            os.kill(os.getpid(), signal.SIGKILL)

        print(bk.from_sequence([1, 2, 3], npartitions=3).map(kill_once).compute(workers=2))
        print(bk.from_sequence([4]).map(lambda n: n).compute(workers=2))
        try:
            bk.from_sequence([1]).map(lambda n: ctypes.string_at(0)).compute(workers=2)
        except bk.WorkerDiedError as error:
            print("SIGSEGV" in str(error), "string_at" in " ".join([str(error), *error.__notes__]))
        """,
        tmp_path,
    )
    assert out.splitlines() == ["[1, 2, 3]", "[4]", "True True"]


def test_an_idle_worker_that_dies_is_waited_for_and_replaced(tmp_path: Path) -> None:
    out = run(
        """
        import os, signal, time
        import bagkit as bk

        (pid,) = bk.from_sequence([1]).map(lambda n: os.getpid()).compute(workers=1)
        os.kill(pid, signal.SIGKILL)
        for _ in range(5000):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                break
            time.sleep(0.01)
        else:
            print("a zombie is left")
        (other,) = bk.from_sequence([1]).map(lambda n: os.getpid()).compute(workers=1)
        print(other != pid)
        """,
        tmp_path,
    )
    assert out.split() == ["True"]


def test_what_workers_register_runs_at_their_end(tmp_path: Path) -> None:
    run(
        """
        import atexit, pathlib
        import bagkit as bk

        def register(n):
            atexit.register(pathlib.Path("ended").touch)
            return n

        bk.from_sequence([1]).map(register).compute(workers=1)
        """,
        tmp_path,
    )
    assert (tmp_path / "ended").exists()


@pytest.mark.parametrize("busy", ["time.sleep(600)", "while True: pass"])
def test_workers_end_with_their_parent(tmp_path: Path, busy: str) -> None:
    program = f"""
        import os, pathlib, time
        import bagkit as bk

        def work(n):
            pathlib.Path(f"{{os.getpid()}}.pid").touch()
            {busy}

        bk.from_sequence([1, 2], npartitions=2).map(work).compute(workers=2)
        """
    with started(program, tmp_path) as process:
        assert wait_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
        assert all(map(is_running, pids))
        process.kill()
    assert wait_for(lambda: not any(map(is_running, pids)))


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
