"""The shell command: what it prints, and its exit codes. Plain Python on the same records gives the same answers."""

from __future__ import annotations

import bz2
import csv
import doctest
import gzip
import io
import json
import lzma
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

import bagkit as bk
from bagkit.shell.main import main
from bagkit.shell.printing import json_text
from tests.each_case import each_case
from tests.small_disks import files_up_to
from tests.wheels import ALL_HAVE_WHEELS

PEOPLE = [{"name": f"n{n % 7}", "age": n % 90, "id": n, "home": {"city": f"c{n % 3}"}} for n in range(300)]
EVIL = "\x1b[31mred\u202e"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "logs").mkdir()
    for part in range(3):
        lines = "".join([json.dumps(each) + "\n" for each in PEOPLE[part * 100 : part * 100 + 100]])
        with gzip.open(tmp_path / f"logs/{part}.json.gz", "wt") as file:
            file.write(lines)
    with gzip.open(tmp_path / "bad.json.gz", "wt") as file:
        file.write('{"name": "n0", "age": 1}\n{broken\n{"name": "n1"}\n')
    return tmp_path


class Ran:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err
        assert "\x1b" not in out + err

    @property
    def records(self) -> list[Any]:
        assert self.code == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> Ran:
        capsys.readouterr()
        with bk.options(scheduler="sync"):
            code = main(words)
        return Ran(code, *capsys.readouterr())

    return call


@pytest.mark.parametrize(
    "out", ["csv", "csv.gz", "jsonl", "parquet", "db", "*.parquet", *(["h5"] if ALL_HAVE_WHEELS else [])]
)
def test_errors_of_files_that_functions_open_stay_theirs(run: Any, out: str) -> None:
    done = run(
        "convert", "logs/0.json.gz", 'map({"x": open("/missing" + str(r["id"])).read()})', f"out.{out}", "--table", "t"
    )
    assert done.code == 2
    assert "FileNotFoundError: [Errno 2] No such file or directory: '/missing0'" in done.err
    assert "logs/0.json.gz, line 1" in done.err


@pytest.mark.parametrize("out", ["out.csv", "out.csv.gz"])
def test_a_full_disk_is_an_error_of_ours(run: Any, out: str) -> None:
    with files_up_to(100):
        done = run("convert", "logs/0.json.gz", out)
    assert (done.code, done.err) == (1, f"bagkit: {os.path.abspath(out)}: can't be written: file too large\n")
    assert not os.path.exists(out)


def test_counts(run: Any) -> None:
    assert run("count", "logs/*.gz").records == [300]
    names = Counter([each["name"] for each in PEOPLE]).most_common()
    assert run("count", "logs/*.gz", "name").records == [{"name": name, "count": count} for name, count in names]
    assert run("count", "logs/*.gz", "name", "--top", "2").records == [
        {"name": name, "count": count} for name, count in names[:2]
    ]
    assert run("count", "logs/0.json.gz", "logs/2.json.gz", "home.city", "--output", "csv").out.splitlines()[0] == (
        "home.city,count"
    )
    assert run("count", "logs/*.gz", "name", "age").code == 64


def test_columns_are_fields_of_json_too(run: Any) -> None:
    some = [{"age": each["age"], "id": each["id"]} for each in PEOPLE[:3]]
    assert run("convert", "logs/0.json.gz", "head(3)", "some.jsonl", "--columns", "age,id").code == 0
    assert bk.read_json("some.jsonl").compute(scheduler="sync") == some
    assert run("head", "logs/*.gz", "-n", "3", "--columns", "age,id,none").records == some
    assert run("logs/*.gz", "pluck(id)", "head(2)", "--columns", "id").records == [each["id"] for each in PEOPLE[:2]]


STEPS: dict[tuple[str, ...], Any] = {
    ('filter(r["age"] > 80)', "pluck(name)"): [each["name"] for each in PEOPLE if each["age"] > 80],
    ("pluck(age)", "sum"): [sum(each["age"] for each in PEOPLE)],
    ("pluck(home.city)", "distinct", "sort(r)"): ["c0", "c1", "c2"],
    ("pluck(home.city, 'none')", "distinct", "sort(r)"): ["c0", "c1", "c2"],
    ("pluck(home.town.name, default='none')", "distinct"): ["none"],
    ("topk(2, id)", "pluck(id)"): [299, 298],
    ("map({**r, 'new': math.floor(r['age'] / 7)})", "pluck(new)", "max"): [89 // 7],
    ("remove(lambda r: r['age'])", "count"): [sum(not each["age"] for each in PEOPLE)],
    ("pluck('name')", "map(str.upper)", "head(1)"): ["N0"],
    ("pluck([id, age])", "take(1)"): [[0, 0]],
    ('map([x for x in r["name"]])', "flatten", "take(2)"): ["n", "0"],
    ("pluck(id)", "mean"): [149.5],
    ("validate(dict)", "count"): [300],
}


@pytest.mark.parametrize("steps", STEPS)
def test_steps(run: Any, steps: tuple[str, ...]) -> None:
    assert run("logs/*.gz", *steps).records == STEPS[steps]


def test_steps_use_modules_of_the_current_folder(run: Any, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each not in ("", str(here))])
    Path("own_steps.py").write_text("def doubled(record):\n    return record['id'] * 2\n")
    Path("textwrap.py").write_text("raise ValueError('somebody else has put it there')\n")
    assert run("logs/*.gz", "map(own_steps.doubled)", "take(2)").records == [0, 2]
    assert run("logs/*.gz", "map(textwrap.dedent(r['name']))", "take(1)").records == ["n0"]
    sys.modules.pop("own_steps")


@pytest.mark.parametrize("step", ["head", "take"])
def test_steps_have_the_numbers_of_the_commands(run: Any, step: str) -> None:
    assert len(run("logs/*.gz", step).records) == 10
    assert run("logs/*.gz", "pluck(id)", "top").records == [*range(299, 289, -1)]


def test_functions_cross_to_workers(here: Path) -> None:
    """As a process of its own, with worker processes: standard output is a pipe, so what comes is JSON."""
    steps = [
        "filter(re.match('n[12]', r['name']))",
        "pluck(name)",
        "freq",
        "--scheduler",
        "processes",
        "--workers",
        "2",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "bagkit", "logs/*.gz", *steps], capture_output=True, text=True, check=True, env=env()
    )
    assert done.stderr == ""
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert dict(found) == Counter([each["name"] for each in PEOPLE if each["name"] in ("n1", "n2")])


def env() -> dict[str, str]:
    root = str(Path(bk.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))}


def test_a_pipe_that_is_closed_and_standard_input(here: Path) -> None:
    (here / "many.jsonl").write_text('{"a": "x"}\n' * 50_000)
    with subprocess.Popen(
        [sys.executable, "-m", "bagkit", "many.jsonl", "map(r)", "--scheduler", "sync"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b'{"a": "x"}\n'
        process.stdout.close()
        assert process.wait() == 141
        assert process.stderr.read() == b""
    done = subprocess.run(
        [sys.executable, "-m", "bagkit", "count", "-"], input=b'{"a": 1}\n{"a": 2}\n', capture_output=True, env=env()
    )
    assert done.stdout == b"2\n"


CLOSED = {
    "logs/0.json.gz count 2>&-": (0, "100\n", ""),
    "missing.json 2>&-": (1, "", ""),
    "bad.json.gz 'pluck(age)' sum --on-error skip 2>&-": (0, "1\n", ""),
    "logs/0.json.gz count --output xml 2>&-": (64, "", ""),
    "logs/0.json.gz count >&-": (1, "", "bagkit: standard output is closed; expected a terminal, a file or a pipe\n"),
    "profile logs/0.json.gz >&-": (1, "", "bagkit: standard output is closed; expected a terminal, a file or a pipe\n"),
    "convert logs/0.json.gz out.csv >&-": (0, "", ""),
    "- count <&-": (1, "", "bagkit: -: standard input is closed; expected a terminal, a file or a pipe\n"),
    "logs/0.json.gz 'map(r[\"id\"])' sum --workers 1 <&- 2>&-": (0, "4950\n", ""),
    "logs/0.json.gz count <&- >&- 2>&-": (1, "", ""),
}


@pytest.mark.parametrize("line", CLOSED)
def test_descriptors_that_are_closed(here: Path, line: str) -> None:
    command = f"{shlex.quote(sys.executable)} -m bagkit {line}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=env())
    assert (done.returncode, done.stdout, done.stderr) == CLOSED[line]


def test_files_that_begin_with_a_dash(run: Any, here: Path) -> None:
    Path("-a.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    assert run("--", "-a.jsonl", "pluck(a)", "sum").records == [3]
    assert run("count", "--output", "json", "--", "-a.jsonl", "a").records == [
        {"a": 1, "count": 1},
        {"a": 2, "count": 1},
    ]
    assert run("count", "--").code == 64


def test_files_and_folders_that_are_called_as_steps_and_fields(run: Any, here: Path) -> None:
    Path("count").write_text('{"name": 1}\n')
    Path("name").mkdir()
    assert run("logs/*.gz", "count").records == [300]
    assert run("logs/*.gz", "pluck(id)", "sum").records == [sum(range(300))]
    assert run("count", "logs/*.gz", "name", "--top", "1").records[0]["count"] == 43
    assert run("./count", "./count").records == [{"name": 1}] * 2
    assert run("./count", "name").code == 64


def test_files_of_several_formats(run: Any, here: Path) -> None:
    Path("a.csv").write_text("a,b\n1,2\n")
    Path("b.tsv").write_text("a\tb\n3\t4\n")
    Path("c.jsonl").write_text('{"a": "5"}\n')
    for files in (["a.csv", "b.tsv"], ["c.jsonl", "a.csv"], ["[a-c].*"]):
        refused = run(*files, "count")
        assert (refused.code, refused.out) == (1, "")
        assert "the names say different formats; expected files of one; hint: --format" in refused.err
    assert run("a.csv", "b.tsv", "--format", "text", "count").records == [4]
    assert run("?.csv", "a.csv").records == [{"a": "1", "b": "2"}] * 2
    assert run("a*").records == [{"a": "1", "b": "2"}]  # the names of the files say it
    assert run("b.*").records == [{"a": "3", "b": "4"}]


def test_tables(run: Any, here: Path) -> None:
    (here / "t.jsonl").write_text(json.dumps({"a": 1, "b": EVIL}) + '\n{"a": 22, "c": [1, null]}\n')
    assert run("t.jsonl", "map(r)", "--output", "table").out.splitlines() == [
        " a  b                  c",
        "──  ─────────────────  ─────────",
        r" 1  \x1b[31mred\u202e",
        "22                     [1, null]",
    ]
    wide = {"a": "x" * 500, "b": "y" * 500, "c": 1}
    (here / "wide.jsonl").write_text(json.dumps(wide))
    assert max(map(len, run("head", "wide.jsonl", "--output", "table").out.splitlines())) <= 100
    assert run("head", "t.jsonl", "-n", "0", "--output", "table").err == "no records\n"


def test_what_is_no_row_stands_in_a_table_as_json(run: Any, here: Path) -> None:
    (here / "mixed.jsonl").write_text('{"a": 1}\n5\n[1, 2]\n')
    assert run("mixed.jsonl", "--output", "table").out.split("\n")[2:] == ['{"a": 1}', "5", "[1, 2]", ""]
    assert run("mixed.jsonl", "--output", "csv").out.splitlines() == ["value", '"{""a"": 1}"', "5", '"[1, 2]"']
    (here / "late.jsonl").write_text('{"long_name": 1, "b": 2}\n' * 1000 + "[1, 2]\n")
    assert run("late.jsonl", "map(r)", "--output", "table").out.splitlines()[-1].strip() == "[1, 2]"


@each_case(
    ("lines", "words", "said"),
    [
        ('{"a": 1}\n' * 1000 + "[1, 2]\n", [], "a record is [1, 2], and the columns are fields of the first 1,000"),
        ("[1, 2]\n" * 1000 + '{"a": 1}\n', [], "a record is {'a': 1}, and the columns are lists of the first 1,000"),
        ("[1, 2]\n" * 1000 + "[1, 2, 3]\n", [], "a record has 3 values, and there are 2 columns"),
        ("[1, 2, 3]\n" * 9, ["--columns", "a,b"], "a record has 3 values, and there are 2 columns"),
    ],
)
def test_what_is_no_row_of_csv_is_an_error(run: Any, here: Path, lines: str, words: list[str], said: str) -> None:
    (here / "a.jsonl").write_text(lines)
    ran = run("a.jsonl", "map(r)", "--output", "csv", *words)
    assert (ran.code, ran.err) == (1, f"bagkit: csv: {said}; hint: --output json\n")


@dataclass
class Counted:
    by_pair: dict[tuple[str, str], int]


def test_keys_that_are_no_text_are_printed_at_any_depth() -> None:
    assert (
        json_text(Counted({("a", "b"): 1}))
        == json_text({"by_pair": {("a", "b"): 1}})
        == ("""{"by_pair": {"('a', 'b')": 1}}""")
    )


def test_csv(run: Any, here: Path) -> None:
    found = list(csv.DictReader(io.StringIO(run("logs/*.gz", "map(r)", "--output", "csv").out)))
    assert [int(each["id"]) for each in found] == list(range(300))
    assert json.loads(found[1]["home"]) == {"city": "c1"}
    (here / "late.jsonl").write_text('{"a": 1}\n' * 1000 + '{"b": 2}\n')
    ran = run("late.jsonl", "map(r)", "--output", "csv")
    assert (ran.code, ran.err) == (
        1,
        "bagkit: csv: a record has the field 'b', and the first 1,000 have not; hint: --columns a,b\n",
    )
    assert run("late.jsonl", "map(r)", "--output", "csv", "--columns", "a,b").out.splitlines()[-1] == ",2"


def test_records_that_fail(run: Any, here: Path) -> None:
    ran = run("bad.json.gz", "pluck(age)", "sum")
    assert (ran.code, ran.out) == (2, "")
    lines = ran.err.splitlines()
    assert lines[0].startswith("bagkit: JSONDecodeError: ")
    assert "bad.json.gz, line 2" in ran.err
    assert lines[-1] == "  hint: --on-error skip leaves such records out, and --bad FILE keeps them in a file"
    ran = run("bad.json.gz", "pluck(age)", "sum", "--on-error", "skip")
    assert (ran.code, ran.out) == (0, "1\n")
    assert "2 records skipped, as --on-error skip asked; hint: --bad FILE keeps each" in ran.err
    assert run("bad.json.gz", "pluck(age)", "sum", "--on-error", "skip", "--max-errors", "1").code == 2


@pytest.mark.parametrize(
    "words",
    [("pluck(age)", "sum"), ("pluck(age)", "map(r)"), ("pluck(age)", "freq", "pluck(0)"), ("pluck(age)", "take(5)")],
)
def test_records_that_fail_are_kept(run: Any, here: Path, words: tuple[str, ...]) -> None:
    ran = run("bad.json.gz", *words, "--bad", "rejects.jsonl")
    assert ran.records == [1]
    assert ran.err.startswith("bagkit: 2 records failed, 1 came through; see 'rejects.jsonl'\n")
    rejects = [json.loads(line) for line in (here / "rejects.jsonl").read_text().splitlines()]
    assert [(each["error"], each["line"]) for each in rejects] == [("JSONDecodeError", 2), ("KeyError", 3)]
    assert run("bad.json.gz", *words, "--bad", "rejects.jsonl", "--max-errors", "67%").code == 0
    ran = run("bad.json.gz", *words, "--bad", "rejects.jsonl", "--max-errors", "1")
    assert (ran.code, ran.out) == (2, "")


def test_files_of_other_formats(run: Any, here: Path) -> None:
    (here / "t.csv").write_text("a,b\n1,x\n")
    (here / "t.txt").write_text("one\ntwo\n")
    (here / "doc.json").write_text(json.dumps([{"a": 1}, {"a": 2}], indent=1))
    (here / "page.json").write_text(json.dumps({"data": {"items": [1, 2]}}))
    (here / "log").write_text("[12:30] started\n")
    assert run("head", "t.csv").records == [{"a": "1", "b": "x"}]
    assert run("head", "t.txt").records == ["one", "two"]
    assert run("head", "log").records == ["[12:30] started"]
    assert run("head", "doc.json").records == [{"a": 1}, {"a": 2}]
    assert run("head", "page.json", "--path", "data.items").records == [1, 2]
    assert run("head", "doc.json", "--format", "text", "-n", "1").records == ["["]


def test_files_that_are_damaged(run: Any, here: Path) -> None:
    lines = [json.dumps({"n": number}) + "\n" for number in range(100)]
    (here / "cut.json.gz").write_bytes(gzip.compress("".join(lines).encode(), 0)[:500])
    (here / "cut.json").write_text("".join(lines))
    kept = run("cut.json*", "pluck(n)", "--damaged", "keep")
    assert kept.records == [*range(100), *range(len(kept.records) - 100)]
    assert len(kept.records) > 100
    assert kept.err.count("bagkit: ") == 1
    assert "as --damaged asked" in kept.err
    assert run("count", "cut.json*", "--damaged", "skip_file").records == [100]
    assert run("count", "cut.json.gz", "--damaged", "keep", "--bad", "bad.jsonl").records == [len(kept.records) - 100]
    ended = run("count", "cut.json*")
    assert (ended.code, "hint: --damaged keep" in ended.err) == (1, True)
    refused = run("count", "cut.json.gz", "--format", "avro", "--damaged", "keep")
    assert (refused.code, "--damaged is for text, JSON and CSV" in refused.err) == (1, True)


def test_what_json_has_and_others_have_not(run: Any, here: Path) -> None:
    (here / "odd.jsonl").write_text('{"a": "\\ud800", "b": NaN}\n')
    assert run("odd.jsonl", "pluck(a)").out == '"\\ud800"\n'
    ran = run("convert", "odd.jsonl", "o.jsonl")
    assert (ran.code, "hint: --allow-nan writes NaN" in ran.err) == (2, True)
    assert run("convert", "odd.jsonl", "pluck(b)", "o.jsonl", "--allow-nan").code == 0
    (here / "mark.jsonl").write_text('{"a": 1}\n', encoding="utf-8-sig")
    ran = run("count", "mark.jsonl")
    assert (ran.code, "hint: --encoding utf-8-sig takes it off" in ran.err) == (2, True)
    assert run("count", "mark.jsonl", "--encoding", "utf-8-sig").records == [1]
    (stats,) = run("logs/*.gz", "pluck(age)", "stats").records
    assert stats["max"] == 89


def test_words_are_functions_wherever_a_method_takes_one(run: Any, here: Path) -> None:
    (here / "n.txt").write_text("3\n1\n2\n")
    words = ("n.txt", "map(int)")
    for step, found in {
        "reduction(sum, sum)": [6],
        "fold(max, combine=min)": [3],
        "foldby(str(r), max)": [["3", 3], ["1", 1], ["2", 2]],
        "accumulate(max)": [3, 3, 3],
        "key_by(str(r)) reduce_by_key(max)": [["1", 1], ["2", 2], ["3", 3]],
    }.items():
        ran = run(*words, *step.replace(") ", ")|").split("|"))
        assert (ran.code, sorted(ran.records, key=str)) == (0, sorted(found, key=str))


def test_wrong_arguments_of_a_step_and_records_that_fail_have_their_exit_codes(run: Any, here: Path) -> None:
    for step in ("take(-1)", "repartition(0)", "map(5)", "shard(3, of=2)", "join(5)"):
        ran = run("logs/0.json.gz", step)
        assert (ran.code, f"bagkit: step '{step}': " in ran.err) == (64, True)
    (here / "short.csv").write_text("a,b\n1\n")
    for words in (
        ("logs/0.json.gz", "validate(int)"),
        ("short.csv", "count"),
        ("logs/0.json.gz", "map(next(iter([r][1:])))"),
    ):
        ran = run(*words)
        assert (ran.code, "hint: --on-error skip leaves such records out" in ran.err) == (2, True)


def test_records_that_fail_are_json_lines_and_no_other_format(run: Any, here: Path) -> None:
    for words in (("count", "bad.json.gz", "--bad"), ("split-errors", "bad.json.gz", "--good", "g.jsonl", "--bad")):
        for name in ("b.csv", "b.parquet", "b.csv.gz"):
            ran = run(*words, name)
            assert (ran.code, "expected a name such as bad.jsonl" in ran.err, (here / name).exists()) == (
                64,
                True,
                False,
            )
    assert run("split-errors", "bad.json.gz", "--good", "g.h5", "--bad", "b.jsonl").code == 64
    ran = run("count", "bad.json.gz", "--on-error", "skip", "--max-errors", "0")
    assert "--max-errors 0 allows no more" in ran.err
    assert "hint: --bad FILE keeps any number of them" in ran.err


def test_a_share_of_errors_is_exact(run: Any, here: Path) -> None:
    (here / "a.jsonl").write_text("{}\n" * 29 + '{"a": 1}\n' * 71)
    assert run("a.jsonl", "pluck(a)", "sum", "--bad", "b.jsonl", "--max-errors", "29%").code == 0
    assert run("a.jsonl", "pluck(a)", "sum", "--bad", "b.jsonl", "--max-errors", "28.9%").code == 2


@each_case(
    ("content", "step", "hint"),
    [
        ("[1, 2]\n[3]\n", "map(r['a'])", "the line is a JSON array; hint: --format documents gives its elements"),
        (
            '{"a": 1}\n\n',
            "map(r['a'])",
            "hint: --format text 'filter(str.strip)' 'map(json.loads)' leaves such lines out",
        ),
        ("{'a': 1}\n", "map(r)", "that is Python, not JSON; hint: --format text 'map(ast.literal_eval)' reads such"),
        ('{\n"a": 1}\n', "map(r)", "hint: --format documents reads it"),
        (
            '{"a": 1}\n{"a": null}\n',
            "sort(a)",
            "hint: remove(lambda record: record['a'] is None) leaves them out, and sort_by(",
        ),
        ('{"a": 1}\n', "pluck(b)", "hint: pluck('b', None) gives None where it is missing"),
    ],
)
def test_hints_have_the_words_of_the_shell(run: Any, here: Path, content: str, step: str, hint: str) -> None:
    (here / "a.jsonl").write_text(content)
    ran = run("a.jsonl", step, "--format", "json")
    assert hint in ran.err
    if "--format text" in hint:
        words = shlex.split(hint.partition("hint: ")[2].partition(" leaves")[0].partition(" reads")[0])
        assert run("a.jsonl", *words).records == [{"a": 1}]


def test_hints_are_for_what_helps(run: Any, here: Path) -> None:
    (here / "two.jsonl").write_text('{"a": 1}\n{"a": "x"}\n')
    ran = run("convert", "two.jsonl", "o.parquet")
    assert (ran.code, "--on-error" in ran.err) == (2, False)
    assert "hint: --on-conflict string, json or null, or --columns A,B without it" in ran.err
    ran = run("logs/*.gz", "filter(r.age > 3)")
    assert (ran.code, "hint: a record is a dict, and r['age'] its field" in ran.err) == (2, True)


def test_convert(run: Any, here: Path) -> None:
    for name in ("o.parquet", "o.jsonl.gz", "o.csv", "o.db", "o.txt.gz", "o-*.jsonl"):
        assert run("convert", "logs/*.gz", 'map({"id": r["id"]})', name).code == 0
    ids = [each["id"] for each in PEOPLE]
    assert pyarrow.parquet.read_table("o.parquet")["id"].to_pylist() == ids
    assert [each["id"] for each in bk.read_json("o.jsonl.gz").compute(scheduler="sync")] == ids
    assert [int(row["id"]) for row in csv.DictReader((here / "o.csv").read_text().splitlines())] == ids
    with closing(sqlite3.connect("o.db")) as database:
        assert [row[0] for row in database.execute("select id from records")] == ids
    assert len(gzip.decompress((here / "o.txt.gz").read_bytes()).splitlines()) == 300
    assert len(list(here.glob("o-*.jsonl"))) == 3
    for suffix, opener in (("gz", gzip.open), ("bz2", bz2.open), ("xz", lzma.open)):
        assert run("convert", "logs/*.gz", 'map({"id": r["id"]})', f"o.csv.{suffix}").code == 0
        with opener(f"o.csv.{suffix}", "rt") as file:
            assert file.read() == (here / "o.csv").read_text()
    for name in ("o.parquet.gz", "o.h5.xz", "o.db.bz2"):
        ran = run("convert", "logs/*.gz", name)
        assert (ran.code, "is not compressed" in ran.err, (here / name).exists()) == (64, True, False)
    for name in ("o.parquet", "o.jsonl.gz", "o.csv"):
        ran = run("convert", "logs/*.gz", name)
        assert ran.code == 1
        assert "hint: --overwrite replaces it when the new one is whole" in ran.err
    assert run("convert", "logs/0.json.gz", "o.csv", "--overwrite", "--columns", "name,id").code == 0
    assert (here / "o.csv").read_text().splitlines()[:2] == ["name,id", "n0,0"]
    assert run("convert", "bad.json.gz", 'map({"age": r["age"]})', "b.parquet", "--bad", "b.jsonl").code == 0
    assert pyarrow.parquet.read_table("b.parquet")["age"].to_pylist() == [1]
    assert run("convert", "bad.json.gz", "c.parquet", "--bad", "b.jsonl", "--max-errors", "0").code == 2
    assert not (here / "c.parquet").exists()


def test_split_errors_and_profile(run: Any, here: Path) -> None:
    assert run("split-errors", "bad.json.gz", "pluck(age)", "--good", "g.jsonl", "--bad", "b.jsonl").code == 0
    assert (here / "g.jsonl").read_text() == "1\n"
    assert len((here / "b.jsonl").read_text().splitlines()) == 2
    assert run("split-errors", "bad.json.gz", "--good", "g.jsonl", "--bad", "b.jsonl").code == 1
    (profile,) = run("profile", "bad.json.gz", "--html", "p.html").records
    assert profile["records"] == 2
    assert "bad.json.gz" in run("profile", "bad.json.gz", "--output", "table").out
    assert "bk-profile" in (here / "p.html").read_text()


WRONG: dict[tuple[str, ...], str] = {
    ("logs/*.gz", "filtr(r)"): "step 'filtr(r)': there is no 'filtr' of a bag; did you mean 'filter'?",
    ("logs/*.gz", "sum", "map(r)"): "step 'map(r)': there is no 'map' of a item",
    ("logs/*.gz", "filter("): "step 'filter(': not understood: '(' was never closed; expected name or name(...)",
    ("logs/*.gz", "1 + 1"): "step '1 + 1': not understood; expected name or name(...), such as 'pluck(name)'",
    ("logs/*.gz", "map(nope)"): "step 'map(nope)': nope is not known: no module has this name, and a record is "
    "called r; hint: map('nope') takes it as a text",
    ("logs/*.gz", "map(nope(r))"): "step 'map(nope(r))': nope is not known: no module has this name, and a record is "
    "called r\n",
    ("logs/*.gz", "map(r[nope])"): "step 'map(r[nope])': nope is not known: no module has this name, and a record is "
    "called r; hint: ['nope'] takes it as a text",
    (
        "logs/*.gz",
        "filter(nope > 1)",
    ): "step 'filter(nope > 1)': nope is not known: no module has this name, and a record "
    "is called r; hint: r['nope'] is a field",
    ("logs/*.gz", "random_split([0.5, 0.5])"): "step 'random_split([0.5, 0.5])': it gives [Bag of ",
    ("logs/*.gz", "take(*[3])"): "step 'take(*[3])': not understood; expected name or name(...)",
    ("logs/*.gz", "take(**{'k': 3})"): "step \"take(**{'k': 3})\": not understood; expected name or name(...)",
    ("logs/*.gz", "plan"): "step 'plan': there is no 'plan' of a bag\n",
    ("logs/*.gz", "npartitions"): "step 'npartitions': there is no 'npartitions' of a bag; did you mean 'repartition'?",
    ("split-errors", "logs/*.gz", "--good", "g.jsonl", "--bad", "./g.jsonl"): "split-errors: --good and --bad are both",
    ("convert", "logs/*.gz", "g.jsonl", "--bad", "g.jsonl"): "convert: OUT and --bad are both 'g.jsonl'; expected two",
    ("logs/*.gz", "take(1 / 0)"): "step 'take(1 / 0)': ZeroDivisionError: division by zero",
    ("logs/*.gz", "map(exit(1))"): "step 'map(exit(1))': SystemExit: 1",
    ("logs/*.gz", "shard(0,3)"): "step 'shard(0,3)': too many positional arguments; expected shard(k, *, of)",
    ("logs/*.gz", "to_jsonl(out)"): "step 'to_jsonl(out)': there is no 'to_jsonl' of a bag",
    ("logs/*.gz", "compute"): "step 'compute': there is no 'compute' of a bag",
    ("count", "logs/*.gz", "name", "age"): "count: got 'name', 'age'; expected FILES and one FIELD",
    ("convert", "logs/*.gz", "out.txt", "--columns", "id"): "convert: --columns is for records, and 'out.txt'",
    ("count", "logs/*.gz", "--top", "3"): "count: --top is for the values of a field; expected FILES and a FIELD",
    ("head", "logs/*.gz", "count"): "head: the steps give one value, and no records",
    ("convert", "logs/*.gz", "out.xyz"): "convert: 'out.xyz': the name does not say which format; expected .parquet",
    ("profile", "logs/*.gz", "--bad", "b"): "profile: --bad is for other commands; a profile counts lines that do",
}


@pytest.mark.parametrize("words", WRONG)
def test_what_is_written_wrongly(run: Any, words: tuple[str, ...]) -> None:
    ran = run(*words)
    assert (ran.code, ran.out) == (64, "")
    assert ran.err.startswith(f"bagkit: {WRONG[words]}")


def test_exit_codes(run: Any, here: Path) -> None:
    (here / "cut.json.gz").write_bytes((here / "logs/0.json.gz").read_bytes()[:-30])
    for code, words in {
        0: [("--help",), ("--version",), ("count", "--help")],
        1: [("count", "nothing.json"), ("count", "cut.json.gz"), ("convert", "logs/*.gz", "bad.json.gz/o.csv")],
        2: [("count", "bad.json.gz"), ("logs/*.gz", "map(r['nope'])", "count")],
        64: [(), ("count",), ("count", "logs/*.gz", "--top", "0"), ("convert", "a"), ("head", "a", "--output", "xml"),
             ("count", "a", "--max-errors", "1"), ("count", "a", "--bad", "b", "--max-errors", "x"),
             ("count", "a", "--bad", "b", "--max-errors", "101%")],
    }.items():  # fmt: skip
        for each in words:
            assert run(*each).code == code, each


def test_a_traceback_for_who_asks(run: Any) -> None:
    with pytest.raises(KeyError):
        run("logs/*.gz", "map(r['nope'])", "--traceback")


def test_help_imports_little() -> None:
    code = "import sys, bagkit.shell.main as m; m.main(['count', '--help']); print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env())
    loaded = set(done.stdout.splitlines()[-1].split())
    assert not loaded & {"bagkit.bag", "bagkit.computing", "msgspec", "fsspec", "json", "multiprocessing"}


def examples() -> list[tuple[str, str]]:
    """Return the commands of the page about the shell, each with what it shows."""
    page = (Path(bk.__file__).parents[1] / "docs/shell.md").read_text()
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    found = [part.partition("\n")[::2] for block in blocks for part in re.split(r"(?m)^\$ ", block)[1:]]
    assert len(found) > 10
    return found


def test_the_page_about_it(run: Any, here: Path) -> None:
    for path in (here / "logs").iterdir():
        path.unlink()
    for command, expected in examples():
        program, *words = shlex.split(command)
        place = here / words[0]
        if program == "cat" and not place.exists():
            place.write_text(expected)
            continue
        ran = run(*words) if program == "bagkit" else Ran(0, place.read_text(), "")
        shown = doctest.OutputChecker().check_output(expected, ran.out + ran.err, doctest.ELLIPSIS)
        assert shown, (command, ran.out, ran.err)
