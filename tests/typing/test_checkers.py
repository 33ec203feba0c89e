"""mypy and basedpyright: both take the right programs of this directory as they are, and refuse the wrong ones here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import bagkit

ROOT = Path(bagkit.__file__).parent.parent
HERE = Path(__file__).parent

HEAD = """\
from __future__ import annotations
import json, math, operator
from typing import Any
import bagkit as bk

def two(record: int, other: str) -> float: raise NotImplementedError

def programs(ints: bk.Bag[int], texts: bk.Bag[str], pairs: bk.Bag[tuple[str, int]], anything: bk.Bag[Any],
             total: bk.Item[int], later: bk.Delayed[int]) -> None:
"""

WRONG = {
    # Options: their names and their values, at every door.
    "ints.compute(worker=3)": "worker|No overloads",
    "ints.compute(workers='3')": "workers|'3'|\"str\"",
    "ints.compute(on_error='skipp')": 'skipp|"str"',
    "ints.compute(scheduler=3)": 'scheduler|"int"',
    "ints.compute(memory_limit=[])": "memory_limit|list",
    "ints.compute(progress='yes')": 'progress|"str"',
    "ints.compute(retries=1.5)": 'retries|"float"',
    "ints.compute(3)": 'positional|"int"|No overloads',
    "ints.persist(worker=3)": "worker",
    "total.compute(worker=3)": "worker|No overloads",
    "total.persist(optimise=True)": "optimise",
    "later.compute(worker=3)": "worker|No overloads",
    "later.persist(worker=3)": "worker",
    "bk.compute(ints, worker=3)": "worker|No overloads",
    "bk.compute([ints], workers='3')": "workers|'3'|\"str\"",
    "bk.persist(ints, worker=3)": "worker|No overloads",
    "bk.get({}, 'a', worker=3)": "worker",
    "bk.to_textfiles(texts, 'a', worker=3)": "worker|No overload",
    "pairs.to_hdf5('a', worker=3)": "worker|No overload",
    "bk.options(worker=3)": "worker",
    "ints.take(3, worker=3)": "worker|No overload",
    "ints.take(3, on_error='collect')": 'collect|"str"|No overload',
    "ints.take_sample(3, workers='3')": "workers|'3'|\"str\"",
    "ints.to_arrow(worker=3)": "worker|No overload",
    "bk.set_options(workers='3')": "str|'3'",
    # What comes back.
    "one: str = ints.compute()": "list\\[int\\]",
    "texts.compute()[0].real": "real",
    "texts.compute(on_error='collect')[0]": "Collected|__getitem__|not indexable",
    "ints.sum().compute().upper()": "upper",
    "ints.take(3).append(4)": "append",
    "ints.take('3')": "str|'3'",
    "for text in texts: text.real": "real",
    "low, high = bk.compute(ints.min())": "tuple|unpack",
    "bk.compute(total, texts)[1].upper()": "upper",
    # Functions that records do not fit.
    "ints.map(3)": "int",
    "ints.map(len)": "Sized|len",
    "ints.map(str.upper)": "str",
    "texts.map(math.sqrt)": "float|SupportsFloat",
    "ints.map(two).compute()": "NeedsMoreArguments",
    "texts.map(two, 'a')": "two|int",
    "ints.map(lambda x: x.upper())": "upper",
    "texts.map(len).map(str.upper)": "str",
    "ints.filter(3)": "int",
    "ints.filter(str.isdigit)": "str",
    "texts.remove(math.isnan)": "float|SupportsFloat",
    "ints.flatten()": "self|flatten",
    "texts.map(json.loads, 3).nope": "nope",
    "texts.map_partitions(math.sqrt)": "list\\[str\\]",
    "ints.map_partitions(3)": "int",
    "ints.fold(3)": "int",
    "ints.fold(str.join)": "str",
    "texts.fold(operator.add, 0)": "int|Literal\\[0\\]",
    "texts.foldby(math.sqrt, operator.add)": "float|SupportsFloat",
    "ints.foldby('a')": "foldby|str",
    "ints.reduction(3, max)": "int",
    "texts.topk('3')": "str|'3'",
    "texts.topk(3, key=math.sqrt)": "float|SupportsFloat",
    "texts.distinct(key=math.sqrt)": "float|SupportsFloat",
    "ints.repartition('3')": "str|'3'",
    "total.apply(str.upper)": "str",
    "texts.on_error('skipp')": "skipp|str",
    # What is not there.
    "ints.nope()": "nope",
    "bk.read_jsn('a')": "read_jsn",
    "texts.str.nope()": "nope",
    "for one in total: pass": "iter",
    "texts.str.upper().map(math.sqrt)": "float|SupportsFloat",
    "texts.to_jsonl('a', exists='error')": "exists|No overloads",
    "texts.to_textfiles('a').nope": "nope",
    "texts.to_parquet('a', exist='resume')": "resume|str|No overload",
    "pairs.reduce_by_key(3)": "int|No overload",
    "ints.values()": "values|self",
    "texts.groupby(math.sqrt)": "float|SupportsFloat|No overload",
}
"""Programs, and what the error of both says."""


def line_of(program: str) -> int:
    return HEAD.count("\n") + 1 + list(WRONG).index(program)


@pytest.fixture
def wrong_file(tmp_path: Path) -> Path:
    path = tmp_path / "wrong_programs.py"
    path.write_text(HEAD + "".join(f"    {program}\n" for program in WRONG))
    return path


Errors = dict[tuple[str, int], str]
"""By file and line."""


def run_mypy(wrong: Path) -> Errors:
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", str(HERE), str(wrong)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert not run.stderr
    found = [re.fullmatch(r"(.+?):(\d+): error: (.*)", line) for line in run.stdout.splitlines()]
    return joined([(Path(each[1]).name, int(each[2]), each[3]) for each in found if each])


def run_basedpyright(wrong: Path) -> Errors:
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    run = subprocess.run([*command, str(HERE), str(wrong)], cwd=ROOT, capture_output=True, text=True)
    found = [each for each in json.loads(run.stdout)["generalDiagnostics"] if each["severity"] == "error"]
    return joined([(Path(each["file"]).name, each["range"]["start"]["line"] + 1, each["message"]) for each in found])


def joined(found: list[tuple[str, int, str]]) -> Errors:
    errors: Errors = {}
    for file, line, message in found:
        errors[file, line] = errors.get((file, line), "") + message
    return errors


CHECKERS: dict[str, Callable[[Path], Errors]] = {"mypy": run_mypy, "basedpyright": run_basedpyright}


@pytest.mark.parametrize("checker", CHECKERS)
def test_right_programs_are_taken_and_wrong_ones_refused(checker: str, wrong_file: Path) -> None:
    """One run of a checker looks at all programs, so all that it says is asked in one test."""
    errors = CHECKERS[checker](wrong_file)
    assert {place: message for place, message in errors.items() if place[0] != "wrong_programs.py"} == {}
    said = {program: errors.get(("wrong_programs.py", line_of(program)), "") for program in WRONG}
    assert {program: text for program, text in said.items() if not re.search(WRONG[program], text)} == {}
    lines = {line for file, line in errors if file == "wrong_programs.py"}
    assert lines == set(map(line_of, WRONG)), "and nothing else is wrong with them"
