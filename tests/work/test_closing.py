"""Files that a task reads are closed when it ends, also by an error that somebody holds."""

from __future__ import annotations

import gc
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit import Bag


def half(record: dict[str, Any]) -> float:
    return 1 / (5000 - record["n"])


def written(bag: Bag[Any], folder: Path) -> object:
    return bag.to_jsonl(folder / "out-*.json")


def written_and_counted(bag: Bag[Any], folder: Path) -> object:
    return bk.compute(bag.to_jsonl(folder / "out-*.json", compute=False), bag.count(), bag.max(), scheduler="sync")


ENDS: dict[str, Callable[[Bag[Any], Path], object]] = {
    "records": lambda bag, _: bag.compute(),
    "some records": lambda bag, _: bag.take(9000),
    "a state": lambda bag, _: bag.sum().compute(),
    "a state of two": lambda bag, _: bk.compute(bag.sum(), bag.max(), scheduler="sync"),
    "files": written,
    "files and states": written_and_counted,
    "a function of a partition": lambda bag, _: bag.map_partitions(lambda part: [sum(part)]).compute(),
    "buckets": lambda bag, _: bag.groupby(int).compute(),
}


def still_open(path: Path) -> list[io.FileIO]:
    return [x for x in gc.get_objects() if isinstance(x, io.FileIO) and not x.closed and x.name == str(path)]


@pytest.mark.parametrize("name", ["lines.json", "lines.json.gz"])
@pytest.mark.parametrize("end", list(ENDS.values()), ids=list(ENDS))
def test_a_failed_task_closes_its_file_though_its_error_is_held(
    end: Callable[[Bag[Any], Path], object], name: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    with gzip.open(path, "wt") if name.endswith("gz") else path.open("wt") as file:
        file.writelines(json.dumps({"n": n, "pad": "x" * 100}) + "\n" for n in range(20_000))
    held = None
    with bk.options(scheduler="sync"):
        try:
            end(bk.read_json(path).map(half), tmp_path)
        except ZeroDivisionError as error:
            held = error
    assert held is not None
    assert held.__traceback__ is not None
    assert still_open(path) == []
