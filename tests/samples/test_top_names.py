"""The first thing a newcomer runs, run as a newcomer does."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_sample(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the sample in `folder`."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, str(ROOT / "samples" / "top_names.py"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def printed_counts(output: str) -> list[tuple[int, str]]:
    """Return the counts and values among the lines a sample printed."""
    pairs = [line.split(None, 1) for line in output.splitlines() if line.startswith(" ")]
    return [(int(count.replace(",", "")), value) for count, value in pairs]


def test_without_files_it_makes_some(tmp_path: Path) -> None:
    done = run_sample(tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"No files given: using 200,000 made-up orders in {tmp_path / 'data'}" in done.stdout
    counts: Counter[str] = Counter()
    for path in sorted((tmp_path / "data").iterdir()):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            counts.update(json.loads(line)["name"] for line in lines)
    assert counts.total() == 200_000
    assert printed_counts(done.stdout) == [(count, name) for name, count in counts.most_common(10)]
    assert "counted in " in done.stdout


@pytest.fixture
def two_files(tmp_path: Path) -> Path:
    """A folder with a plain file and a gzip file."""
    rows = [{"user": user, "size": size} for size, user in enumerate("abracadabra")]
    (tmp_path / "one.json").write_text("".join(json.dumps(row) + "\n" for row in rows[:6]))
    with gzip.open(tmp_path / "two.json.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows[6:])
    return tmp_path


def test_field_and_number_are_honoured(two_files: Path) -> None:
    done = run_sample(two_files, "one.json", "two.json.gz", "--field", "user", "-n", "1")
    assert done.returncode == 0, done.stderr
    assert printed_counts(done.stdout) == [(5, "a")]
    assert not (two_files / "data").exists()


def test_a_missing_field_says_where(two_files: Path) -> None:
    done = run_sample(two_files, "one.json", "--field", "colour")
    assert done.returncode != 0
    assert "KeyError: 'colour'" in done.stderr
    assert "one.json" in done.stderr
