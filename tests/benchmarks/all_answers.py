"""Run every benchmark that the standard library and bagkit suffice for, once on a little data; print all answers.

    python tests/benchmarks/all_answers.py FOLDER

It is one process for all of them, because the start of a process takes longer than these do. What is written by hand
comes first: its pools fork, and that is done before bagkit has threads.
"""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.catalogue import MEASURED
from benchmarks.contenders import PACKAGES

SCALE = 0.0005


def all_answers(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the answers of all contenders to all benchmarks."""
    answers: dict[str, dict[str, Any]] = {name: {} for name in MEASURED}
    for ours in (False, True):
        for name, benchmark in MEASURED.items():
            setting = benchmark.setting(SCALE, folder, workers=2)
            for contender, prepare in benchmark.contenders.items():
                uses_bagkit = contender not in ("pool", "fastest", "plain")
                if contender not in PACKAGES and uses_bagkit == ours:
                    with ExitStack() as keep:
                        answers[name][contender] = benchmark.digest(prepare(setting, keep)())
    return answers


if __name__ == "__main__":
    print(json.dumps(all_answers(Path(sys.argv[1]))))
