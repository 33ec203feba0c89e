"""A program that writes JSON lines, for tests that kill it: `writing_job.py OUT TROUBLES SUFFIX LIMIT SCHEDULER`.

What goes wrong is what there is a file for in the directory TROUBLES: slow, held, held-3 (which holds partition 3 from
its first record on), error, worker-once, worker-always. So it is the same plan with and without it.
LIMIT is how large a file may be, 0 for as large as it likes.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import bagkit as bk

PARTITIONS = 12
EACH = 1000
TROUBLED = 5 * EACH + EACH // 2


def record(n: int) -> dict[str, Any]:
    return {"n": n, "text": f"record {n * 7919 % 10007} " * 3, "x": n / 7 if n % 3 else None}


def with_troubles(folder: str) -> Callable[[int], dict[str, Any]]:
    def make(n: int) -> dict[str, Any]:
        if n % 200 == 0 and os.path.exists(f"{folder}/slow"):
            time.sleep(0.02)
        while n % EACH == 0 and os.path.exists(f"{folder}/held-{n // EACH}"):
            time.sleep(0.01)
        while n == TROUBLED and os.path.exists(f"{folder}/held"):
            time.sleep(0.01)
        if n == TROUBLED:
            if os.path.exists(f"{folder}/error"):
                raise KeyError("in the middle")
            if os.path.exists(f"{folder}/worker-always"):
                os.kill(os.getpid(), signal.SIGKILL)
            if os.path.exists(f"{folder}/worker-once"):
                os.unlink(f"{folder}/worker-once")
                os.kill(os.getpid(), signal.SIGKILL)
        return record(n)

    return make


def main() -> None:
    scheduler: Any
    out, troubles, suffix, limit, scheduler = sys.argv[1:]
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    bag = bk.range(PARTITIONS * EACH, npartitions=PARTITIONS).map(with_troubles(troubles))
    bag.to_jsonl(f"{out}/*.jsonl{suffix}", exist="resume", scheduler=scheduler, workers=2)


if __name__ == "__main__":
    main()
