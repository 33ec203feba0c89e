"""Programs that must say the same whatever the hash seed."""

import os
import subprocess
import sys


def outputs_by_hash_seed(code: str) -> set[str]:
    """Return what the program prints, run with one hash seed and then with another."""
    said = set()
    for seed in ("0", "12345"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        said.add(run.stdout)
    return said
