"""Outputs that can't be written, and names that do not exist: one traceback, with the user's frames only."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

import bagkit as bk
from tests.each_case import each_case
from tests.wheels import ALL_HAVE_WHEELS


def bag() -> Any:
    return bk.from_sequence([{"a": 1}, {"a": 2}], npartitions=2)


def assert_only_ours_is_gone(error: BaseException) -> str:
    """Assert that all frames that are shown are of this file, and return all that Python shows."""
    text = "".join(traceback.format_exception(error))
    assert {frame.filename for frame in traceback.extract_tb(error.__traceback__)} == {__file__}
    assert text.count("Traceback (most recent call last)") == 1, text
    return text


OUTPUTS: dict[str, Callable[[Path], Any]] = {
    "cache": lambda path: bag().cache(path / "a").compute(),
    "cache on sync": lambda path: bag().cache(path / "a").compute(scheduler="sync"),
    "to_textfiles": lambda path: bag().map(str).to_textfiles(path / "a"),
    "to_jsonl": lambda path: bag().to_jsonl(path / "a.jsonl"),
    "visualize": lambda path: bag().visualize(path / "a.svg"),
    "a picture": lambda path: bag().visualize().save(path / "a.dot"),
}


@each_case("name", OUTPUTS)
def test_what_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(bk.OutputError, match=r"can't be written: .*[nN]ot a directory") as caught:
        OUTPUTS[name](tmp_path / "file")
    assert "file" in str(caught.value)
    assert_only_ours_is_gone(caught.value)


TABLES: dict[str, Callable[[Path], Any]] = {
    "to_sqlite": lambda path: bag().to_sqlite(path / "a.db", "t"),
    "to_parquet": lambda path: bag().to_parquet(path / "a.parquet"),
    "to_hdf5": lambda path: bag().to_hdf5(str(path / "a.h5"), "records"),
}


@each_case("name", [name for name in TABLES if ALL_HAVE_WHEELS or name != "to_hdf5"])
def test_a_table_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    full = Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    monkeypatch.setattr("bagkit.io.output.whole_files.tempfile.TemporaryFile", full)
    with pytest.raises(bk.OutputError, match=r"a\.\w+: can't be written: no space left") as caught:
        TABLES[name](tmp_path)
    assert caught.value.errno == errno.ENOSPC
    assert_only_ours_is_gone(caught.value)


NAMES_OF_FILES = {
    **{name: write for name, write in {**OUTPUTS, **TABLES}.items() if ALL_HAVE_WHEELS or name != "to_hdf5"},
    "to_avro": lambda path: bag().to_avro(path / "a", {"type": "record", "name": "r", "fields": []}),
    "a list": lambda path: bag().to_jsonl([path / "a", path / "b"]),
    "a pattern": lambda path: bag().to_parquet(path / "a-*.parquet"),
    "update": lambda path: bag().to_jsonl(path, exist="update"),
    "name_function": lambda path: bag().to_jsonl(path.parent, name_function=lambda number: f"{path.name}{number}"),
    "cache_clear": lambda path: bk.cache_clear(path),
    "report": lambda path: bk.report(path / "a.html"),
}


@pytest.mark.parametrize("wrong", ["\0", "\ud800"])
@each_case("name", NAMES_OF_FILES)
def test_names_that_no_file_can_have(tmp_path: Path, name: str, wrong: str) -> None:
    with pytest.raises((bk.PlanError, bk.OutputError)) as caught:
        NAMES_OF_FILES[name](tmp_path / f"x{wrong}y")
    assert str(caught.value).isprintable()
    assert_only_ours_is_gone(caught.value)
    assert os.listdir(tmp_path) == []


def test_a_letter_that_the_encoding_of_names_does_not_have(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("os.fsencode", lambda name: os.fspath(name).encode("ascii", "surrogateescape"))
    with pytest.raises(bk.PlanError, match=r"to_jsonl: the path '.*\\xfc' has '\\xfc'"):
        bag().to_jsonl(tmp_path / "ü")


LONG_NAMES: dict[str, Callable[[Path], Any]] = {
    "to_sqlite": lambda path: bag().to_sqlite(path, "t"),
    "to_parquet": lambda path: bag().to_parquet(path),
    "cache": lambda path: bag().cache(path).compute(scheduler="sync"),
    "to_jsonl": lambda path: bag().to_jsonl(path, scheduler="sync"),
    "visualize": lambda path: bag().visualize(path),
}


@each_case("name", LONG_NAMES)
def test_a_name_that_is_too_long(tmp_path: Path, name: str) -> None:
    with pytest.raises(bk.OutputError, match="can't be written") as caught:
        LONG_NAMES[name](tmp_path / ("x" * 300))
    assert_only_ours_is_gone(caught.value)
    assert os.listdir(tmp_path) == []


NAMES: dict[str, Callable[[], Any]] = {
    "a bag": lambda: bag().head(),
    "a bag that hides": lambda: bag()._nothing,
    "an item": lambda: bag().count().nothing,
    "text": lambda: bag().str.nothing,
    "a delayed value": lambda: bk.delayed(str)(1)._nothing,
    "the module": lambda: bk.nothing,
}


@each_case("name", NAMES)
def test_names_that_do_not_exist(name: str) -> None:
    with pytest.raises(AttributeError) as caught:
        NAMES[name]()
    assert_only_ours_is_gone(caught.value)


ARGUMENTS: dict[str, Callable[[], Any]] = {
    "too few": lambda: bag().topk(),
    "too many": lambda: bag().topk(1, str, 2, 3),
    "of a function": lambda: bk.concat(),
    "of a client": lambda: bk.Client(None, workerz=1),
    "an option of a client": lambda: bk.Client(workers=-1),
    "a directory of a client": lambda: bk.Client(temporary_directory="/no/such/directory"),
}


@each_case("name", ARGUMENTS)
def test_arguments_that_do_not_fit(name: str) -> None:
    with pytest.raises((TypeError, bk.OptionError)) as caught:
        ARGUMENTS[name]()
    assert_only_ours_is_gone(caught.value)


def test_attributes_are_still_found() -> None:
    assert not hasattr(bag(), "head")
    assert hasattr(bag(), "take")
    assert getattr(bag().count(), "nothing", 3) == 3
    assert bk.delayed({"a": 1}).get("a").compute(scheduler="sync") == 1
