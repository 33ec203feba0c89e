"""A program that multiprocessing starts again finds the same in its children as in the program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.each_case import each_case

PROGRAM = """
import json, multiprocessing, pickle, sys, tempfile, warnings
import bagkit as bk

@bk.delayed
def increased(x): return x + 1

@bk.delayed
def increased_twice(x): return increased(increased(x)).compute(scheduler="sync")

class Record:
    def __init__(self, x): self.x = x

class OwnError(Exception): pass
class OwnWarning(UserWarning): pass

def double(x): return 2 * x
def fails(x): raise OwnError(x)
def again(x): return pickle.loads(pickle.dumps(Record(x))).x

def warns(x):
    warnings.warn("a word", OwnWarning)
    return x

def failure(bag, kind):
    try:
        bag.compute()
    except kind as error:
        return [str(error).partition(";")[0], getattr(error, "__notes__", [])[:1]]

def results(_):
    bag = bk.range(2, npartitions=1)
    with bk.options(scheduler="processes", workers=1):
        with warnings.catch_warnings():
            warnings.simplefilter("error", OwnWarning)
            warned = failure(bag.map(warns), OwnWarning)
        kept = failure(bag.map(Record).cache(tempfile.mkdtemp()), bk.NotPicklableError)
        return {
            "a decorated function": [increased(1).compute(), increased(increased(1)).compute()],
            "one that calls another": increased_twice(1).compute(),
            "a label": str(bag.map(double)),
            "an error": failure(bag.map(fails), OwnError),
            "a class": [type(each) is Record for each in bag.map(Record)],
            "by its name": bag.map(again).compute(),
            "a warning": warned[0],
            "cache": kept[0].rpartition("cache: ")[2],
        }

if __name__ == "__main__":
    found = [results(0)]
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        found += pool.map(results, [0])
    print(json.dumps(found))
"""


@each_case("method", ("spawn", "forkserver"))
def test_a_child_finds_what_the_program_finds(method: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py"), method]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    here, there = json.loads(run.stdout)
    assert there == here
    assert here["a decorated function"] == [2, 3]
    assert here["one that calls another"] == 3
    assert here["an error"] == ["0", ["in map(fails)"]]
    assert here["a class"] == [True, True]
    assert here["by its name"] == [0, 1]
    assert here["a warning"] == "a word"
    assert "Record is of the program itself" in here["cache"]
