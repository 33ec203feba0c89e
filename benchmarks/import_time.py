"""How long `import bagkit` takes, over what a bare interpreter takes to start."""

import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.measure import Figure, environment

NAME = "import"
MODULES = {"bagkit": "bagkit", "dask": "dask.bag", "polars": "polars"}


def start_seconds(code: str, workers: int) -> float:
    """Return how long an interpreter takes from its start over `code` to its end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], env=environment(workers), check=True, capture_output=True)
    return time.perf_counter() - started


def measure(contenders: Sequence[str], repeat: int, workers: int) -> list[Figure]:
    """Start interpreters in turn, bare ones and importing ones, and return the differences in milliseconds."""
    modules = {name: module for name, module in MODULES.items() if name in contenders}
    values: dict[str, list[float]] = {name: [] for name in modules}
    errors: dict[str, str] = {}
    for number in range(repeat + 1):
        bare = start_seconds("pass", workers)
        for name, module in modules.items():
            try:
                seconds = start_seconds(f"import {module}", workers)
            except subprocess.CalledProcessError as error:
                errors[name] = error.stderr.decode(errors="replace").strip().splitlines()[-1]
                continue
            if number > 0:  # the first one compiles and fills the disk cache
                values[name].append((seconds - bare) * 1e3)
    return [
        Figure(NAME, name, "ms", () if name in errors else tuple(values[name]), error=errors.get(name, ""))
        for name in modules
    ]
