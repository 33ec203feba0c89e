"""Every benchmark runs on a little data, all contenders come to the same answers, and the report says how they stand.

No time is asserted here. dask and Polars are not needed: what a test installs is bagkit and the standard library.
"""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks import report, targets  # noqa: E402
from benchmarks.catalogue import WARM, counts_above_last  # noqa: E402
from benchmarks.generate import FEW, LARGE, SMALL, files_of, write_repeated  # noqa: E402
from benchmarks.measure import Figure, merge  # noqa: E402
from benchmarks.run import NAMES, main, parse_arguments  # noqa: E402


def run_benchmarks(folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run `python -m benchmarks` on tiny data; return its status, the figures it wrote and what it printed."""
    kept = folder / "figures.json"
    tiny = ["--rounds=1", "--repeat=1", "--scale=0.0005", f"--data={folder}", f"--json={kept}"]
    command = [sys.executable, "-m", "benchmarks", *tiny, *arguments]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert kept.exists(), done.stderr
    return done.returncode, json.loads(kept.read_text(encoding="utf-8"))["figures"], done.stdout + done.stderr


@pytest.mark.parametrize("name", WARM)
def test_the_contenders_of_a_warm_benchmark_agree(name: str, tmp_path: Path) -> None:
    status, figures, printed = run_benchmarks(tmp_path, name, "--contenders", "bagkit,bagkit-processes,pool,fastest")
    assert status == 0, printed
    assert {"bagkit", "pool"} & set(WARM[name].contenders) <= {figure["contender"] for figure in figures}
    assert all(figure["answer"] == figures[0]["answer"] for figure in figures)
    assert all(len(figure["values"]) == 1 for figure in figures)


@pytest.mark.parametrize("name", ["cold-few", "cold-small"])
def test_whole_programs_agree(name: str, tmp_path: Path) -> None:
    status, figures, printed = run_benchmarks(tmp_path, name, "--contenders", "bagkit,pool")
    assert status == 0, printed
    assert [figure["contender"] for figure in figures] == ["bagkit", "pool"]
    assert figures[0]["answer"] == figures[1]["answer"]


def test_import_time(tmp_path: Path) -> None:
    status, figures, printed = run_benchmarks(tmp_path, "import", "--contenders", "bagkit")
    assert status == 0, printed
    assert figures[0]["unit"] == "ms"
    assert figures[0]["target"] == "<= 60 ms"


def test_memory(tmp_path: Path) -> None:
    status, figures, printed = run_benchmarks(tmp_path, "--memory", "--contenders", "bagkit")
    assert status == 0, printed
    parents = [figure for figure in figures if figure["contender"] == "bagkit parent"]
    assert len(parents) == 4
    assert all(figure["values"][0] > 5 for figure in parents)


def test_a_failing_contender_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "few-8").mkdir()
    for number in range(8):
        (tmp_path / "few-8" / f"part-{number}.json.gz").write_bytes(gzip.compress(b'{"no name": 1}'))
    status = main(["cold-few", "--scale=0.0005", "--rounds=1", f"--data={tmp_path}", "--contenders=pool"])
    assert status == 1
    assert "failed: KeyError: 'name'" in capsys.readouterr().out


def test_answers_that_differ_are_reported() -> None:
    figures = [Figure("main-small", "bagkit", "s", (1.0,), answer=[1]), Figure("main-small", "pool", "s", (1.0,), [2])]
    assert not report.answers_agree(figures)
    assert "THE ANSWERS DIFFER" in report.table("main job", figures)
    changed = merge(figures[0], Figure("main-small", "bagkit", "s", (1.0,), answer=[3]))
    assert changed.error.startswith("two rounds gave two answers")


@pytest.mark.parametrize(("seconds", "met"), [(8.1, True), (7.9, False)])
def test_a_ratio_is_judged(seconds: float, met: bool) -> None:
    own = Figure("main-small", "bagkit", "s", (1.0, 0.9, 5.0))
    verdict = targets.judge(Figure("main-small", "dask", "s", (seconds,)), own)
    assert verdict == targets.Verdict(seconds, ">= 8.00x", met)


def test_a_limit_is_judged() -> None:
    assert targets.judge(Figure("import", "bagkit", "ms", (61.0,)), None).met is False
    assert targets.judge(Figure("import", "dask", "ms", (170.0,)), None) == targets.Verdict()


def test_every_target_belongs_to_a_benchmark() -> None:
    assert set(targets.RATIOS) <= set(NAMES)
    for name, wanted in targets.RATIOS.items():
        assert name not in WARM or set(wanted) <= set(WARM[name].contenders)


def test_ties_for_the_last_place_do_not_matter() -> None:
    assert counts_above_last([("a", 3), ("b", 1)]) == counts_above_last([["a", 3], ["c", 1]])
    assert counts_above_last([("a", 3), ("b", 1)]) != counts_above_last([("b", 3), ("a", 1)])


@pytest.mark.parametrize(("data", "low", "high"), [(SMALL, 80, 120), (LARGE, 1700, 2200)])
def test_generated_files_are_as_said(data: Any, low: int, high: int, tmp_path: Path) -> None:
    data = data.scaled(0.001)
    paths = files_of(data, tmp_path)
    lines = [line for path in paths for line in read_lines(path)]
    assert len(lines) == data.records
    assert low < sum(map(len, lines)) / len(lines) < high
    assert all({"name", "age", "tags"} <= set(json.loads(line)) for line in lines)
    assert files_of(data, tmp_path) == paths


def test_generated_files_are_the_same_every_time(tmp_path: Path) -> None:
    first, second = (files_of(FEW.scaled(0.01), tmp_path / folder) for folder in ("first", "second"))
    assert [read_lines(path) for path in first] == [read_lines(path) for path in second]


@pytest.mark.parametrize("name", ["one.json", "one.json.gz"])
def test_large_files_repeat_a_small_one(name: str, tmp_path: Path) -> None:
    [source, *_] = files_of(FEW.scaled(0.01), tmp_path)
    content = b"".join(read_lines(source))
    target = tmp_path / name
    write_repeated(source, target, size=3 * len(content) - 1)
    assert b"".join(read_lines(str(target))) == content * 3


def read_lines(path: str) -> list[bytes]:
    """Return the lines of a file, plain or gzip."""
    with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as file:
        return file.readlines()


@pytest.mark.parametrize("arguments", [["no-such-benchmark"], ["--contenders", "pool,no-such"]])
def test_unknown_names_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(arguments)
    assert "there are" in capsys.readouterr().err
