"""What explain() says of what runs, for each kind of stage."""

from __future__ import annotations

import json
import operator
import re
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk


@pytest.fixture(autouse=True)
def in_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.json", "b.json"):
        tmp_path.joinpath(name).write_text('{"name": "ada", "n": 1}\n')
    monkeypatch.chdir(tmp_path)


def make_list(*values: Any) -> list[Any]:
    return list(values)


def bags() -> dict[str, Any]:
    numbers = bk.range(6, 3)
    both = bk.read_text(["a.json", "b.json"])
    records = both.map(json.loads)
    return {
        "map": numbers.map(str),
        "topk": records.pluck("name").frequencies().topk(10, key=1),
        "one partition": bk.range(6, 1).sum(),
        "tree": bk.range(20, 20).sum(split_every=4),
        "groupby": records.groupby("name", npartitions=4).map(len),
        "sort_by": numbers.sort_by(abs),
        "accumulate": numbers.accumulate(operator.add).map(abs),
        "joined": numbers.repartition(2).map(abs),
        "split": numbers.repartition(5).map(abs),
        "pairing": numbers.map(max, numbers.map(abs), numbers.sum()),
        "concat": bk.concat([both, numbers]).map(str),
        "lines twice": bk.zip(records, both),
        "on_error": records.map(len).on_error("skip").sum(),
        "items": numbers.sum().apply(operator.add, numbers.max()),
        "persist": numbers.map(abs).persist(scheduler="sync").map(abs),
        "from_delayed": bk.from_delayed([bk.delayed(make_list)(1, numbers.sum())]),
        "sinks": bk.from_delayed([
            bk.delayed(make_list)(part) for part in numbers.map(str).to_textfiles("out/*.txt", compute=False)[:2]
        ]),
    }  # fmt: skip


STAGES = {
    "map": """
        stage 1, 3 tasks   range -> map(str)""",
    "topk": """
        stage 1, 2 tasks   read_text(['a.json', 'b.json']) (48 B) -> parse_json(value: name) -> frequencies
        stage 2, 1 task    combine frequencies of stage 1 -> topk(10, key=1)""",
    "one partition": """
        stage 1, 1 task   range -> sum""",
    "tree": """
        stage 1, 20 tasks   range -> sum
        stage 2, 7 tasks    combine sum of stage 1
        stage 3, 1 task     combine sum of stage 2""",
    "groupby": """
        stage 1, 2 tasks   read_text(['a.json', 'b.json']) (48 B) -> parse_json(first: name) -> parse_json, later
                             -> split for groupby('name')
        stage 2, 1 task    deal buckets of groupby('name') of stage 1
        stage 3, 4 tasks   collect groupby('name') of stage 2 -> map(len)""",
    "sort_by": """
        stage 1, 3 tasks   range -> sample for sort_by(abs)
        stage 2, 1 task    bounds of sort_by(abs) of stage 1
        stage 3, 3 tasks   cut for sort_by(abs) of stages 1 and 2
        stage 4, 1 task    deal buckets of sort_by(abs) of stage 3
        stage 5, 3 tasks   collect sort_by(abs) of stage 4""",
    "accumulate": """
        stage 1, 1 task    range -> accumulate(operator.add)
        stage 2, 2 tasks   range -> accumulate(operator.add) with [value of stage 1]
        stage 3, 3 tasks   records of accumulate(operator.add) of stages 1 and 2 -> map(abs)""",
    "joined": """
        stage 1, 2 tasks   range -> map(abs)""",
    "split": """
        stage 1, 3 tasks   range -> cut into parts
        stage 2, 5 tasks   records of repartition(5) of stage 1 -> map(abs)""",
    "pairing": """
        stage 1, 3 tasks   range -> sum
        stage 2, 1 task    combine sum of stage 1
        stage 3, 3 tasks   range -> map(max) with [range -> map(abs)], [value of stage 2]""",
    "concat": """
        stage 1, 2 tasks   read_text(['a.json', 'b.json']) (48 B) -> map(str)
        stage 2, 3 tasks   range -> map(str)""",
    "lines twice": """
        stage 1, 2 tasks   read_text(['a.json', 'b.json']) (48 B) -> parse_json -> zip with [the same]""",
    "on_error": """
        stage 1, 2 tasks   read_text(['a.json', 'b.json']) (48 B) -> parse_json -> map(len) -> on_error('skip') -> sum
        stage 2, 1 task    combine sum of stage 1

        not done:

        parsing only some fields: map(len) may need all of a record""",
    "items": """
        stage 1, 3 tasks   range -> [sum] and [max]
        stage 2, 1 task    combine sum of stage 1
        stage 3, 1 task    combine max of stage 1
        stage 4, 1 task    value of stage 2 -> apply(operator.add) with [value of stage 3]""",
    "persist": """
        stage 1, 3 tasks   persist -> map(abs)""",
    "from_delayed": """
        stage 1, 3 tasks   range -> sum
        stage 2, 1 task    combine sum of stage 1
        stage 3, 1 task    make_list of stage 2
        stage 4, 1 task    value of stage 3 -> from_delayed""",
    "sinks": """
        stage 1, 2 tasks   range -> map(str) -> encode('utf-8') -> to_textfiles
        stage 2, 1 task    value of stage 1 -> to_textfiles[0]
        stage 3, 1 task    value of stage 1 -> to_textfiles[1]
        stage 4, 2 tasks   item of stages 2 and 3 -> make_list
        stage 5, 1 task    value of stage 4 -> from_delayed
        stage 6, 1 task    value of stage 4 -> from_delayed""",
}


def stages(bag: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    bag.explain()
    return capsys.readouterr().out.partition("as run")[2].splitlines()[2:]


@pytest.mark.parametrize("name", STAGES)
def test_stages(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stages(bags()[name], capsys) == [line[8:] for line in STAGES[name].splitlines()[1:]]
    assert not Path("out").exists()


def test_one_read_for_several_answers(capsys: pytest.CaptureFixture[str]) -> None:
    records = bk.read_text(["a.json", "b.json"]).map(json.loads)
    first, second, *_ = stages(records.count().apply(max, records.pluck("n").max()), capsys)
    assert first.startswith("stage 1, 2 tasks   read_text(['a.json', 'b.json']) (48 B) -> parse_json(")
    assert first.endswith(" -> [count] and [pluck('n') -> max]")
    assert second == "stage 2, 1 task    combine count of stage 1"


def test_several_and_what_is_to_be_written_are_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    records = bk.read_text(["a.json", "b.json"]).map(json.loads)
    writes = records.map(lambda record: record).to_jsonl("out", compute=False)
    bk.explain({"files": writes, "answers": [records.count()]}, bk.delayed(len)("ab"))
    _, written, run = re.split("as written:|as run:", capsys.readouterr().out)
    assert [line for line in written.splitlines() if line[:1].strip()] == ["to_jsonl", "count", "len"]
    assert "map(json.loads) [#1]" in written
    assert "map(lambda) -> encode_json -> to_jsonl] and [count]" in re.sub(r"\s+", " ", run)
    assert re.search(r"stage \d, 1 task +finish to_jsonl of stage 1\n", run)
    assert "not done:\n\nparsing only some fields: map(lambda) may need all of a record: record in line" in run
    assert run.endswith("\ncopying lines for to_jsonl: map(lambda) stands before it\n")
    assert not Path("out").exists()


def test_options_that_change_what_runs_are_heeded(capsys: pytest.CaptureFixture[str]) -> None:
    bag = bk.read_text("a.json").map(json.loads).pluck("name")
    with bk.options(optimize=False, on_error="skip"):
        bag.explain()
    assert capsys.readouterr().out.endswith(
        "as run, on_error='skip':\n\nstage 1, 1 task   read_text('a.json') (24 B) -> map(json.loads) -> pluck('name')\n"
    )


def test_many_partitions_and_many_bags_are_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    many = stages(bk.range(10_000, 10_000).groupby(abs, npartitions=100).count(), capsys)
    assert len(many) == 5
    assert many[2].split("   ")[0].rstrip() == "stage 3, 100 tasks"
    bag: Any = bk.range(1, 1)
    for _ in range(500):
        bag = bk.concat([bag, bk.range(1, 1)])
    lines = stages(bag.map(str).count(), capsys)
    assert len(lines) == 51
    assert "… 453 more stages …" in lines
    assert "combine count of stages 1 to 501" in lines[-2]


def test_what_has_one_reader_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bagkit.lower.stages.LONG_FILE", 20)
    for name in ("a.xz", "b.xz", "c.json"):
        Path(name).write_bytes(bytes(30))
    with bk.options(scheduler="processes", workers=3):
        assert stages(bk.read_text("a.xz"), capsys) == [
            "stage 1, 1 task   read_text('a.xz') (30 B, one reader of one xz file)"
        ]
        assert "(60 B, one reader of each of 2 xz files)" in stages(bk.read_text("*.xz"), capsys)[0]
        assert "(90 B)" in stages(bk.read_text(["*.xz", "c.json"]), capsys)[0]
    assert "(30 B)" in stages(bk.read_text("a.xz"), capsys)[0]


def test_what_runs_is_shown_safely(capsys: pytest.CaptureFixture[str]) -> None:
    Path("\x1b[31m.txt").write_text("a\n")
    bk.read_text("\x1b[31m.txt").explain()
    assert "\x1b" not in capsys.readouterr().out


def test_what_leaves_beside_other_answers_and_ways_that_meet_again(capsys: pytest.CaptureFixture[str]) -> None:
    records = bk.read_text("a.json").map(len)
    (met,) = stages(bk.zip(records, records.map(abs).map(str)), capsys)
    assert met == "stage 1, 1 task   read_text('a.json') (24 B) -> map(len) -> zip with [map(abs) -> map(str)]"
    first, *_ = stages(records.map(max, records.max()), capsys)
    assert first.endswith("read_text('a.json') (24 B) -> map(len) -> [records] and [max]")
