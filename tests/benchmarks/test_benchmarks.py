"""Every benchmark runs on a little data, all contenders come to the same answers, and the report says how they stand.

No time is asserted here. dask and Polars are not needed: what a test installs is bagkit and the standard library.
"""

import contextlib
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import contenders, memory, page, report, targets
from benchmarks.beyond_memory import joined_digest, ordered_digest
from benchmarks.catalogue import BEYOND, MEASURED, WARM, counts_above_last
from benchmarks.generate import ADDRESSES, FEW, IDS, LARGE, NUMBERS, SMALL, files_of, write_repeated
from benchmarks.measure import Figure, cpu_seconds, merge
from benchmarks.run import FAMILIES, NAMES, main, parse_arguments

ROOT = Path(__file__).resolve().parents[2]


def environment() -> dict[str, str]:
    """Return the environment of a process that finds this checkout."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The answers of all contenders that need no other package, to all benchmarks."""
    folder = tmp_path_factory.mktemp("answers")
    command = [sys.executable, str(ROOT / "tests" / "benchmarks" / "all_answers.py"), str(folder)]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def run_benchmarks(folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run `python -m benchmarks` on tiny data; return its status, the figures it wrote and what it printed."""
    kept = folder / "figures.json"
    tiny = ["--rounds=1", "--repeat=1", "--scale=0.0005", f"--data={folder}", f"--json={kept}"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main([*tiny, *arguments])  # what it measures are processes of their own
    return status, json.loads(kept.read_text(encoding="utf-8"))["figures"], printed.getvalue()


@pytest.mark.parametrize("name", MEASURED)
def test_the_contenders_of_a_benchmark_agree(name: str, answers: dict[str, dict[str, Any]]) -> None:
    assert set(answers[name]) == set(MEASURED[name].contenders) - set(contenders.PACKAGES)
    assert all(answer == answers[name]["bagkit"] for answer in answers[name].values())


def test_contenders_are_timed(tmp_path: Path) -> None:
    names = ["main-small", "delayed-many"]
    status, figures, printed = run_benchmarks(tmp_path, *names, "--contenders", "bagkit,fastest,in-tenths")
    assert status == 0, printed
    assert [figure["unit"] for figure in figures] == ["s", "s", "µs/task", "µs/task"]
    assert all(figures[n]["answer"] == figures[n + 1]["answer"] for n in (0, 2))
    assert all(len(figure["values"]) == 1 and figure["values"][0] > 0 for figure in figures)
    assert all(len(figure["cpu"]) == 1 and figure["cpu"][0] > 0 for figure in figures if figure["unit"] == "s")


def test_cpu_time_is_that_of_all_processes() -> None:
    program = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True)\ninput()"
    before = cpu_seconds()
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert cpu_seconds() - before > 0.25, "it is there still"
        child.communicate(b"\n")
    assert cpu_seconds() - before > 0.25, "it has ended"


def test_whole_programs_agree(tmp_path: Path) -> None:
    status, figures, printed = run_benchmarks(tmp_path, "cold-few", "--contenders", "bagkit,pool")
    assert status == 0, printed
    assert [figure["contender"] for figure in figures] == ["bagkit", "pool"]
    assert figures[0]["answer"] == figures[1]["answer"]


def test_import_time(tmp_path: Path) -> None:
    status, figures, printed = run_benchmarks(tmp_path, "import", "--contenders", "bagkit")
    assert status == 0, printed
    assert figures[0]["unit"] == "ms"
    assert figures[0]["target"] == "<= 30 ms"


def test_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "JOBS", memory.JOBS[:1])
    monkeypatch.setattr(memory, "PAUSE", 0.1)
    names = [memory.FILES, "memory-distinct-keys", memory.DELAYED]
    status, figures, printed = run_benchmarks(tmp_path, *names, "--contenders", "bagkit,plain")
    assert status == 0, printed
    parents = [figure for figure in figures if figure["contender"] == "bagkit parent" and figure["unit"] == "MB"]
    assert len(parents) == 2
    assert all(figure["values"][0] > 5 for figure in parents)
    multiples = {figure["contender"]: figure["values"][0] for figure in figures if figure["unit"] == "x limit"}
    assert set(multiples) == {"bagkit parent", "bagkit worker", "plain parent"}
    assert multiples["bagkit parent"] > 5  # of the limit of 1 MB
    assert figures[-1]["target"] == "<= 1500 bytes"


def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(contenders.PACKAGES, "dask", "no_such_package")
    monkeypatch.setitem(contenders.PACKAGES, "pyspark", "json")
    monkeypatch.setitem(contenders.PROGRAMS, "pyspark", "no-such-program")
    assert contenders.what_is_missing("bagkit") == ""
    assert main(["delayed-build", "--contenders=dask,pyspark", f"--data={tmp_path}"]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "left out: dask, because the package no_such_package is not there",
        "left out: pyspark, because the program no-such-program is not there",
    ]


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


@pytest.mark.parametrize(("seconds", "met"), [(9.1, True), (8.9, False)])
def test_a_ratio_is_judged(seconds: float, met: bool) -> None:
    own = Figure("main-small", "bagkit", "s", (1.0, 0.9, 5.0))
    verdict = targets.judge(Figure("main-small", "dask", "s", (seconds,)), own)
    assert verdict == targets.Verdict(seconds, ">= 9.00x", met)


def test_a_limit_is_judged() -> None:
    assert targets.judge(Figure("import", "bagkit", "ms", (61.0,)), None).met is False
    assert targets.judge(Figure("import", "dask", "ms", (170.0,)), None) == targets.Verdict()


def test_every_target_belongs_to_a_benchmark() -> None:
    assert set(targets.RATIOS) <= set(NAMES)
    for name, wanted in targets.RATIOS.items():
        assert name not in WARM or set(wanted) <= set(WARM[name].contenders)
    assert {name for name, contender in targets.LIMITS if contender == "bagkit worker"} >= set(BEYOND)


def test_one_word_asks_for_several_benchmarks() -> None:
    assert all(set(names) <= set(NAMES) for names in FAMILIES.values())
    assert parse_arguments(["samples", "delayed-run", "sample-tree"]).names == [*FAMILIES["samples"], "delayed-run"]
    assert parse_arguments(["--memory"]).names == list(memory.NAMES)
    assert set(parse_arguments([]).names) == set(NAMES) - set(memory.NAMES)


def test_digests_of_parts_make_that_of_the_whole() -> None:
    records = [{"ts": number * 7 % 10, "age": number} for number in range(10)]
    whole = ordered_digest(records)
    assert joined_digest([ordered_digest(records[:3]), ordered_digest([]), ordered_digest(records[3:])]) == whole
    assert ordered_digest(records[::-1]) != whole


def test_ties_for_the_last_place_do_not_matter() -> None:
    assert counts_above_last([("a", 3), ("b", 1)]) == counts_above_last([["a", 3], ["c", 1]])
    assert counts_above_last([("a", 3), ("b", 1)]) != counts_above_last([("b", 3), ("a", 1)])


@pytest.mark.parametrize(
    ("data", "low", "high"),
    [(SMALL, 80, 120), (IDS, 95, 140), (ADDRESSES, 80, 120), (NUMBERS, 95, 145), (LARGE, 1700, 2200)],
)
def test_generated_files_are_as_said(data: Any, low: int, high: int, tmp_path: Path) -> None:
    data = data.scaled(0.001)
    paths = files_of(data, tmp_path)
    lines = [line for path in paths for line in read_lines(path)]
    assert len(lines) == data.records
    assert low < sum(map(len, lines)) / len(lines) < high
    assert all({"name", "age"} <= set(json.loads(line)) for line in lines)
    assert files_of(data, tmp_path) == paths


def test_generated_files_are_the_same_every_time(tmp_path: Path) -> None:
    first, second = (files_of(FEW.scaled(0.01), tmp_path / folder) for folder in ("first", "second"))
    assert [read_lines(path) for path in first] == [read_lines(path) for path in second]


def test_the_page_is_made_of_figures(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"Before.\n\n{page.BEGIN}\nyesterday\n{page.END}\nAfter.\n", encoding="utf-8")
    timed = [
        Figure("main-small", "bagkit", "s", (0.5,), cpu=(0.7, 0.8, 0.9)),
        Figure("main-small", "dask", "s", (2.0,), cpu=(4.0,)),
        Figure("main-small", "pool", "s", (5.0,)),
        Figure("main-small", "duckdb", "s", (), error="it broke"),
    ]
    peaks = [Figure("main-small", "bagkit parent", "MB", (40.4,)), Figure("main-small", "bagkit worker", "MB", (60.0,))]
    page.rewrite(path, "python -m benchmarks", {"names": timed}, {"names": peaks})
    written = path.read_text(encoding="utf-8")
    assert (written[:8], written[-8:]) == ("Before.\n", "\nAfter.\n")
    assert "yesterday" not in written
    assert "| names | 0.5 s | **4x (9)** |  | 10x (5) |  |  | failed |  |" in written
    assert "| names | 0.8 s | 5x |  |  |  |  |  |  |" in written
    assert "| names | 40 + 60 |" in written
    path.write_text("no marks", encoding="utf-8")
    with pytest.raises(SystemExit, match="between which"):
        page.rewrite(path, "", {}, {})


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
