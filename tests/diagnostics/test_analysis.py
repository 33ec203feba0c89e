"""explain(analyze=...): what it prints is true of the run, and a sample is a sample."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

SCHEDULERS = ("sync", "threads", "processes")


def clean(name: str) -> str:
    return name.strip() or str(sum(range(50)))


def inverse(number: int) -> float:
    return 1 / (number - 3)


def nothing_less(numbers: Iterable[int]) -> list[int]:
    return [max(numbers)]


def numbers_without_end(number: int) -> Iterable[int]:
    return range(1 << 40)


def write(path: Path, count: int = 300) -> None:
    lines = [json.dumps({"name": f" n{n % 7}", "id": n, "tags": ["a"], "x": n / 3}) for n in range(count)]
    path.write_text("\n".join(lines) + "\n")


def tables(text: str) -> list[list[tuple[str, ...]]]:
    """Return for each stage the cells of its steps: name, records in, records out, µs, share, time, remarks."""
    stages: list[list[tuple[str, ...]]] = []
    widths: list[int] = []
    for line in text.split("as run")[1].splitlines():
        if "records in" in line:
            stages.append([])
            names = ("records in", "out", "µs a record", "share", "time for all" if "for all" in line else "time")
            widths = [line.index(name) + len(name) for name in names]
        elif stages and not line:
            widths = []
        elif stages and widths:
            # Numbers stand right below their headings.
            name, rest = re.match(r" {4}(.*?)(?: {3,}|$)(.*)", line).groups()  # type: ignore[union-attr]
            ends = [line[: widths[0]][len(name) + 4 :].strip()]
            ends += [line[a:b].strip() for a, b in pairwise(widths)]
            stages[-1].append((name, *ends, line[widths[-1] :].strip()))
            assert rest
    return stages


def analysis(bag: Any, capsys: pytest.CaptureFixture[str], analyze: Any = True, **options: Any) -> str:
    capsys.readouterr()
    assert bag.explain(analyze=analyze, **options) is None
    return capsys.readouterr().out


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("analyze", [True, "full"])
def test_the_steps_stand_with_their_figures(
    scheduler: str, analyze: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        write(tmp_path / f"{name}.json")
    names = bk.read_text(tmp_path / "*.json").map(json.loads).pluck("name").map(clean)
    top = names.frequencies().topk(3, key=1)
    text = analysis(top, capsys, analyze, scheduler=scheduler, workers=2)
    first, *_, last = tables(text)
    assert [row[1:3] for row in first] == [("", "900"), ("900", "900"), ("900", "900"), ("900", "")]
    assert [row[0] for row in first][1:] == ["parse_json(value: name)", "map(test_analysis.clean)", "frequencies"]
    assert [row[0] for row in last] == ["combine frequencies", "topk(3, key=1)"]
    assert first[1][-1] == "1 of 4 fields"
    assert re.search(r"^limit: (stage \d+: 1 task, where 2 could run at a time; )?\d+% in .", text, re.MULTILINE)
    assert ("measured on a sample" in text) == (analyze is True)
    shares = [int(row[4].rstrip("%")) for row in [*first, *last] if row[4]]
    assert 97 <= sum(shares) <= 103
    capsys.readouterr()
    top.explain(scheduler=scheduler, workers=2)
    for line in capsys.readouterr().out.split("as run:")[1].split("\n"):
        assert " ".join(line.split()) in " ".join(text.split())  # the same stages


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_sample_of_very_much_is_over_soon(scheduler: str, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = bk.range(10**13, npartitions=1000)
    text = analysis(numbers.map(abs).sum(), capsys, scheduler=scheduler, workers=2)
    source, mapped, _ = tables(text)[0]
    assert 0 < int(mapped[1].replace(",", "")) == int(source[2].replace(",", "")) < 10**9
    assert re.search(r"about [\d,]+ h", mapped[5])
    ends = bk.range(8, npartitions=2).map(numbers_without_end).flatten().map(str).count()
    assert "at least" in analysis(ends, capsys, scheduler=scheduler, workers=2)


BAGS: dict[str, Any] = {
    "groupby": lambda b: b.groupby(str, npartitions=4).map(len),
    "sort_by": lambda b: b.sort_by(operator.neg).map(str),
    "join": lambda b: b.join(bk.range(9, 3), abs).count(),
    "accumulate": lambda b: b.accumulate(operator.add).map(abs),
    "zip of what is joined": lambda b: bk.zip(b.map_partitions(list).repartition(3), b.repartition(3)),
    "split": lambda b: b.repartition(70).map(abs),
    "an item beside": lambda b: b.map(max, b.max()).sum(),
    "several answers": lambda b: b.sum().apply(operator.add, b.max()),
    "of delayed calls": lambda b: bk.from_delayed([bk.delayed(list)(range(n)) for n in range(60)]).map(abs).sum(),
    "to delayed calls": lambda b: bk.Item.from_delayed(bk.delayed(len)(b)),
    "concat": lambda b: bk.concat([b, b.map(abs), bk.range(3, 2)]).count(),
    "no record": lambda b: b.filter(bool).filter(lambda n: n < 0).map(str).count(),
    "whole partitions": lambda b: b.map_partitions(nothing_less).count(),
    "persisted": lambda b: b.map(abs).persist(scheduler="sync").map(abs).sum(),
    "take": lambda b: b.take(3, npartitions=-1, compute=False),
}


@pytest.mark.parametrize("name", BAGS)
def test_every_kind_of_plan_has_a_sample(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    bag = BAGS[name](bk.range(1000, npartitions=40))
    for scheduler in ("sync", "threads"):
        text = analysis(bag, capsys, scheduler=scheduler)
        assert "nothing is known" not in text
        assert "nan" not in text
    assert "measured:" in analysis(bag, capsys, "full", scheduler="sync")


def test_errors_are_raised_as_by_compute(capsys: pytest.CaptureFixture[str]) -> None:
    bag = bk.range(9, npartitions=1).map(inverse)
    for scheduler in SCHEDULERS:
        with pytest.raises(ZeroDivisionError) as found:
            analysis(bag, capsys, scheduler=scheduler)
        notes = "\n".join(found.value.__notes__)
        assert "map(test_analysis.inverse)" in notes
        assert "ran a sample" in notes
        with pytest.raises(ZeroDivisionError) as found:
            analysis(bag, capsys, "full", scheduler=scheduler)
        assert "ran a sample" not in "\n".join(found.value.__notes__)
    with pytest.warns(bk.SkippedRecordsWarning, match="1 record skipped"):
        text = analysis(bag, capsys, scheduler="sync", on_error="skip")
    assert [row[1:3] for row in tables(text)[0]] == [("", "9"), ("9", "8")]


def test_a_sample_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = bk.range(9, npartitions=3).map(str).to_textfiles(tmp_path / "*.txt", compute=False)
    counted = bk.from_delayed([bk.delayed(lambda path: [path])(part) for part in written])
    with pytest.raises(bk.errors.PlanError, match=r"a sample would write a part of them.*analyze='full'"):
        counted.explain(analyze=True)
    assert list(tmp_path.iterdir()) == []
    assert "to_textfiles" in analysis(counted, capsys, "full", scheduler="sync")
    assert [path.read_text() for path in sorted(tmp_path.glob("*.txt"))] == ["0\n1\n2", "3\n4\n5", "6\n7\n8"]


def test_a_careful_way_and_one_reader_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import lzma

    path = tmp_path / "a.json.xz"
    path.write_bytes(lzma.compress(b'{"a": 1, "b": 2}\n{"a": NaN, "b": 2}\n' * 5000))
    text = analysis(bk.read_text(path).map(json.loads).pluck("a").count(), capsys, scheduler="processes", workers=2)
    assert "limit: one reader of one xz file: 1 task, where 2 could run at a time; " in text
    remark = tables(text)[0][1][-1]
    assert re.match(r"1 of 2 fields; \d+% one by one: .*JSON", remark)


def test_what_is_read_need_be_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bk.from_sequence([{"n": number} for number in range(3)], npartitions=1).to_sqlite(tmp_path / "a.db", "t")
    rows = bk.read_sqlite(tmp_path / "a.db", "select n from t")
    cached = rows.cache(tmp_path / "cache")
    cached.compute(scheduler="sync")
    for bag, name in ((rows, "read_sqlite("), (cached, "read cache(")):
        for analyze in (True, "full"):
            text = analysis(bag.pluck("n").sum(), capsys, analyze, scheduler="sync")
            assert name in text
            assert " file: " not in text


def test_what_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("all", 1, None):
        with pytest.raises(bk.errors.PlanError, match="expected True, False or 'full'"):
            bk.range(3, 1).explain(analyze=wrong)  # type: ignore[arg-type]
    with pytest.raises(bk.errors.OptionError):
        bk.range(3, 1).sum().explain(analyze=True, shedule="sync")  # type: ignore[call-arg]
    assert capsys.readouterr().out == ""
