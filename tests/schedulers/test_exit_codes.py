"""Programs that take the exit codes of their child processes: runs are right, and errors say what is known."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, tempfile, threading, time
import bagkit as bk

def reap():
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.001)

def killed(once):
    def function(n):
        if n == 5 and not os.path.exists(once):
            os.close(os.open(once, os.O_CREAT))
            os.kill(os.getpid(), signal.SIGKILL)
        return n
    return function

if __name__ == "__main__":
    if sys.argv[1] == "ignored":
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    else:
        threading.Thread(target=reap, daemon=True).start()
    with bk.options(scheduler="processes", workers=2):
        bag = bk.range(10, 5)
        print(bag.map(killed(tempfile.mkdtemp() + "/flag")).sum().compute())
        try:
            bag.map(lambda n: os.kill(os.getpid(), signal.SIGKILL)).compute()
        except bk.WorkerDiedError as error:
            print(error.exit_code, error)
        print(bag.sum().compute())
    with bk.Client(workers=1) as client:
        try:
            client.submit(lambda: os.kill(os.getpid(), signal.SIGKILL)).result()
        except bk.WorkerDiedError as error:
            print(error.exit_code, error)
        print(client.submit(abs, -1).result())
"""

GONE = "has ended, and how is not known: this program ignores SIGCHLD, or waits for all of its child processes"


@pytest.mark.parametrize("how", ["ignored", "reaped"])
def test_who_takes_the_exit_codes_of_workers(how: str) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=False)
    total, died, again, called, last = ran.stdout.splitlines()
    assert (total, again, last, ran.returncode) == ("45", "45", "1", 0)
    for line in (died, called):
        assert "exit code 0" not in line
        known, gone = (
            line.startswith("-9 ") and "was killed by SIGKILL" in line,
            line.startswith("None ") and GONE in line,
        )
        assert gone or (known and how == "reaped")  # whoever asks first has it
