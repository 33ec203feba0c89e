"""How workers end: gently when they are idle, with nothing left of them, and never without an end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

import bagkit as bk
from bagkit.schedulers import pool
from tests.schedulers.works import wait_for


def pids() -> set[int]:
    bag = bk.from_sequence(range(2), npartitions=2)
    return set(bag.map(lambda x: time.sleep(0.05) or os.getpid()).compute(scheduler="processes", workers=2))


def run_program(program: str, *arguments: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_nothing_is_left_of_idle_workers_that_have_ended() -> None:
    pool.end_workers()
    assert pool._reaper.watched == set()
    before = psutil.Process().num_fds()
    pids()
    ended = {worker.process.pid for worker in pool.all_workers()}  # also of one that came too late for a task
    for pid in ended:
        os.kill(pid, signal.SIGTERM)
    assert wait_for(lambda: not any(map(psutil.pid_exists, ended)))
    assert wait_for(lambda: psutil.Process().num_fds() <= before)
    assert not pool.all_workers()


FORKS = """
import os, time, warnings
import bagkit as bk
from bagkit.schedulers import pool

def pids():
    bag = bk.range(2, 2).map(lambda n: time.sleep(0.05) or os.getpid())
    return set(bag.compute(scheduler="processes", workers=2))

first = pids()
warnings.simplefilter("error")  # since Python 3.12 a fork beside threads is a warning
child = os.fork()
if child == 0:
    os._exit(len(pool.all_workers()))
print(os.waitpid(child, 0)[1], bool(pids() & first))
"""


def test_a_fork_is_one_of_a_process_without_threads_and_the_workers_stay_the_parents() -> None:
    ended = run_program(FORKS)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "0 True\n", "")


ENDS = """
import atexit, gzip, sys, tempfile, threading, time
import bagkit as bk

def leave(directory):
    text = open(directory + "/text", "w")
    text.write("not flushed")
    packed = gzip.open(directory + "/packed.gz", "wb")
    packed.write(b"not closed")
    kept = [text, packed]
    atexit.register(lambda: (kept, open(directory + "/handler", "w").write("ran")))
    atexit.register(print, "last words")
    threading.Thread(target=time.sleep, args=(600,)).start()  # which is not waited for

bk.from_sequence([sys.argv[1]]).map(leave).compute(scheduler="processes", workers=1)
"""


def test_idle_workers_end_as_programs_do(tmp_path: Path) -> None:
    ended = run_program(ENDS, tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "last words\n", "")
    assert (tmp_path / "handler").read_text() == "ran"
    assert (tmp_path / "text").read_text() == "not flushed"
    assert bk.read_text(str(tmp_path / "packed.gz")).compute(scheduler="sync") == ["not closed"]


def test_workers_of_another_user_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    bag = bk.from_sequence([0]).map(lambda x: os.getpid())
    (before,) = bag.compute(workers=1)
    assert bag.compute(workers=1) == [before]
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)  # as after os.setuid
    (after,) = bag.compute(workers=1)
    assert after != before
    assert bag.compute(workers=1) == [after]


def test_a_worker_that_may_not_be_killed_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    worker = pool.start_worker()
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", refuse)
        patch.setattr(worker.process, "kill", refuse)
        worker.kill()
    worker.kill()
    assert pool.bury(worker) == -signal.SIGKILL


def test_an_exit_handler_that_does_not_end(tmp_path: Path) -> None:
    program = """
    import atexit, os, time
    import bagkit as bk
    def leave(x):
        atexit.register(time.sleep, 600)
        return os.getpid()
    print(*bk.from_sequence([1]).map(leave).compute(scheduler="processes", workers=1))
    """
    ended = run_program(program)
    assert ended.returncode == 0, ended.stderr
    assert not psutil.pid_exists(int(ended.stdout))


def test_a_stopped_worker_ends_with_its_parent() -> None:
    program = """
    import os, signal
    import bagkit as bk
    bag = bk.from_sequence(range(2), npartitions=2)
    print(*bag.map(lambda x: os.getpid()).compute(scheduler="processes", workers=2), flush=True)
    bag.map(lambda x: os.kill(os.getpid(), signal.SIGSTOP)).compute(scheduler="processes", workers=2)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [psutil.Process(int(pid)) for pid in set(parent.stdout.readline().split())]
        assert wait_for(lambda: any(worker.status() == psutil.STATUS_STOPPED for worker in workers))
        parent.kill()
        parent.wait()
    gone = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    assert wait_for(lambda: not any(each.is_running() and each.status() not in gone for each in workers))


@pytest.mark.parametrize("scheduler", ["processes", "threads", "sync"])
def test_a_daemon_thread_at_the_end_of_the_program(scheduler: str) -> None:
    program = """
    import sys, threading, time
    import bagkit as bk
    begun = threading.Event()
    bag = bk.from_sequence(range(400), npartitions=100).map(lambda x: time.sleep(0.02) or x)
    def use(values):
        for _ in values():
            begun.set()
    for values in (lambda: iter(bag), lambda: bag.compute(scheduler=sys.argv[1], workers=2)):
        threading.Thread(target=use, args=(values,), daemon=True).start()
    begun.wait()
    """
    ended = run_program(program, scheduler)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_finaliser_at_the_end_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "late.py").write_text(
        "import bagkit as bk\n"
        "class Late:\n"
        "    def __init__(self): self.me, self.bag = self, bk.from_sequence([1]).map(str)\n"
        "    def __del__(self): self.bag.compute()\n"
        "late = Late()\n"
    )
    for program in ("import late", "from late import Late; a = Late(); a.bag.compute(scheduler='processes')"):
        ended = run_program(program, cwd=tmp_path)
        assert ended.returncode == 0
        assert "TaskError: compute: the program is over and Python is being shut down; hint: " in ended.stderr
        assert "ImportError" not in ended.stderr


AT_THE_END = """
import bagkit as bk, tempfile

bag = bk.from_sequence([{"a": 1}, {"a": 2}], npartitions=2)
lines = bag.map(str)
folder = tempfile.mkdtemp()
CALLS = {
    "to_textfiles": lambda: lines.to_textfiles(folder + "/a"),
    "to_jsonl": lambda: bag.to_jsonl(folder + "/b"),
    "to_parquet": lambda: bag.to_parquet(folder + "/c"),
    "to_dataframe": lambda: bag.to_dataframe(),
    "persist": lambda: bag.persist(),
    "explain": lambda: bag.explain(),
    "profile": lambda: bag.profile(),
    "groupby": lambda: bag.groupby("a"),
    "sort_by": lambda: bag.sort_by("a").compute(),
    "frequencies": lambda: lines.frequencies().compute(),
    "join": lambda: bag.join(bag, "a"),
    "str": lambda: lines.str.lower(),
    "cache": lambda: bag.cache(folder),
    "visualize": lambda: bag.visualize(folder + "/a.svg"),
    "compute": lambda: bk.compute(bag, lines),
    "delayed": lambda: bk.delayed(len)([1]).compute(),
    "get": lambda: bk.get({"a": 1}, "a"),
    "submit|Client": lambda: bk.Client().submit(len, [1]),
    "dashboard": lambda: bk.dashboard(),
    "read_text": lambda: bk.read_text(folder),
    "read_json": lambda: bk.read_json(folder),
    "range": lambda: bk.range(3, 1),
    "set_options": lambda: bk.set_options(workers=1),
    "compute ": lambda: lines.compute(),
    "take": lambda: bag.take(1),
    "compute   ": lambda: list(bag),
}

class Late:
    def __init__(self): self.me = self

    def __del__(self):
        for name, call in CALLS.items():
            try:
                call()
            except BaseException as error:
                right = "the program is over and Python is being shut down; hint: call it before its end"
                names = name.strip().split("|")
                ok = isinstance(error, bk_TaskError) and str(error) in [f"{each}: {right}" for each in names]
                print(name if ok else repr(error), error.__cause__)

bk_TaskError = bk.TaskError
"""


@pytest.mark.parametrize("late", ["Late()", "late = Late()"])  # before modules go, and after
def test_all_that_is_called_as_the_last_of_a_program_says_so(late: str) -> None:
    ended = run_program(AT_THE_END + late)
    assert (ended.returncode, ended.stderr) == (0, "")
    names = re.findall(r'^    "([\w|]+ *)": lambda', AT_THE_END, re.MULTILINE)
    assert ended.stdout.splitlines() == [f"{name} None" for name in names]


def test_standard_descriptors_that_are_closed(tmp_path: Path) -> None:
    program = (
        "import os, sys; os.closerange(0, 3); import bagkit as bk\n"
        "bag = bk.from_sequence([1, 2], npartitions=2).map(lambda x: print(x) or x)\n"
        "open(sys.argv[1], 'w').write(str(bag.compute(scheduler='processes', workers=2)))\n"
    )
    ended = run_program(program, tmp_path / "result")
    assert (tmp_path / "result").read_text() == "[1, 2]", ended.stderr


@pytest.mark.parametrize("wait", [0, 0.2])  # the thread that waits for idle workers is between two waits, or in one
def test_a_program_that_has_closed_all_descriptors_computes_on(wait: float) -> None:
    program = f"""
        import os, time
        import bagkit as bk
        def compute():
            return bk.range(4, 2).map(lambda x: x + 1).compute(scheduler="processes", workers=2)
        for _ in range(3):
            print(compute(), compute())
            time.sleep({wait})
            os.closerange(3, 300)
    """
    ended = run_program(textwrap.dedent(program))
    assert (ended.stdout, ended.stderr) == ("[1, 2, 3, 4] [1, 2, 3, 4]\n" * 3, "")
