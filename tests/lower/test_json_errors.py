"""Lines that are no JSON: the position is that in the line as its reader sees it, and hints do what they say."""

from __future__ import annotations

import ast
import gzip
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.each_case import each_case

BAD = ['{"a": ', '{"a": "x', "", '{"a": 1', "[", "nul", '{"a" 1}', '{"a": 1}}', "\t", '{"a":\t"\t"}', "é", '"\\u12']
READERS: dict[str, Callable[[Path], Any]] = {
    "json": lambda path: bk.read_json(path),
    "pluck": lambda path: bk.read_json(path).pluck("a", None),
    "utf-16": lambda path: bk.read_json(path, encoding="utf-16"),
    "blocks": lambda path: bk.read_json(path, blocksize=20),
    "gz": lambda path: bk.read_json(path),
}


def written(path: Path, text: str, reader: str = "json") -> Path:
    data = text.encode("utf-16" if reader == "utf-16" else "utf-8")
    path = path.with_suffix(".json.gz") if reader == "gz" else path
    path.write_bytes(gzip.compress(data) if reader == "gz" else data)
    return path


def told(error: json.JSONDecodeError) -> tuple[Any, ...]:
    return error.msg, error.doc, error.pos, error.lineno, error.colno, str(error)


def of_json(line: str) -> tuple[Any, ...]:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(line)
    return told(caught.value)


def failing(made: Any, **options: Any) -> json.JSONDecodeError:
    """Return the error, without its traceback: the frames in that keep the file open that was read."""
    try:
        made.compute(**{"scheduler": "sync", **options})
    except json.JSONDecodeError as error:
        return error.with_traceback(None)
    raise AssertionError("there was no error")


@each_case("optimize", [True, False])
@each_case("reader", READERS)
@each_case("end", ["\n", "\r\n", "", "\n" + '{"a": 3}' + "\n"])
def test_the_position_is_that_in_the_line(tmp_path: Path, end: str, reader: str, optimize: bool) -> None:
    for bad in BAD if end else filter(None, BAD):
        path = written(tmp_path / "a.json", '{"a": 1}\n' + bad + end, reader)
        made = READERS[reader](path)
        assert told(failing(made, optimize=optimize)) == of_json(bad)
        got = made.compute(scheduler="sync", optimize=optimize, on_error="collect")
        assert [told(failure.error) for failure in got.failures] == [of_json(bad)]


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_and_so_it_is_from_workers(tmp_path: Path, scheduler: str) -> None:
    path = written(tmp_path / "a.json", '{"a": 1}\n{"a": \n')
    for optimize in (True, False):
        error = failing(bk.read_json(path), scheduler=scheduler, workers=2, optimize=optimize)
        assert told(error) == of_json('{"a": ')


@pytest.mark.parametrize("optimize", [True, False])
def test_a_map_of_json_loads_raises_what_it_raises_and_a_note_has_the_column(tmp_path: Path, optimize: bool) -> None:
    path = written(tmp_path / "a.json", '{"a": 1}\n{"a": \n')
    made = bk.read_text(path).map(json.loads)
    error = failing(made, optimize=optimize)
    assert told(error) == of_json('{"a": \n')
    assert "in the line: column 7, its end" in error.__notes__
    (failure,) = made.compute(scheduler="sync", optimize=optimize, on_error="collect").failures
    assert str(failure) == (
        "JSONDecodeError: Expecting value: line 2 column 1 (char 7) (column 7 of the line, its end) in map(json.loads) "
        f"at {path}, line 2 (byte 9), partition 0"
    )
    for exact in ('{"a" 1}', '{"a": 1}}'):
        error = failing(bk.read_text(written(path, exact + "\n")).map(json.loads), optimize=optimize)
        assert told(error) == of_json(exact + "\n")
        assert not any(note.startswith("in the line") for note in error.__notes__)


def test_values_are_as_before(tmp_path: Path) -> None:
    lines = ['{"a": NaN}', "[1e400]", '"\\ud800"', "1", " 2 ", '{"a": 1, "a": 2}']
    path = written(tmp_path / "a.json", "\n".join(lines) + "\n")
    for optimize in (True, False):
        got = bk.read_json(path).compute(scheduler="sync", optimize=optimize)
        assert repr(got) == repr(list(map(json.loads, lines)))


PRETTY = json.dumps({"a": 1, "b": [1, 2]}, indent=2)
ARRAY = json.dumps([{"a": 1}, {"a": [2]}], indent=1)
HINTS: dict[str, tuple[str, list[Any]]] = {
    "a document": (PRETTY, [{"a": 1, "b": [1, 2]}]),
    "an array": (ARRAY, [{"a": 1}, {"a": [2]}]),
    "an array with an element a line": ('[{"a": 1},\n{"a": 2}]\n', [{"a": 1}, {"a": 2}]),
    "a document that begins on the line": ('{"a": [\n1]}', [{"a": [1]}]),
    "blank lines": ('{"a": 1}\n\n  \n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    "a mark": ('\ufeff{"a": 1}\n', [{"a": 1}]),
    "Python": ("{'a': None}\n", [{"a": None}]),
    "words of Python": ('{"a": [1, True], "b": None}\n', [{"a": [1, True], "b": None}]),
    "commas": ('{"a": 1},\n{"a": 2},\n', [{"a": 1}, {"a": 2}]),
}


@pytest.mark.parametrize("case", HINTS)
@pytest.mark.parametrize("optimize", [True, False])
def test_hints_do_what_they_say(tmp_path: Path, case: str, optimize: bool) -> None:
    text, right = HINTS[case]
    path = written(tmp_path / "a b'c.json", text)
    for made in (bk.read_json(path), bk.read_text(path).map(json.loads)):
        error = failing(made, optimize=optimize)
        (hint,) = [note for note in error.__notes__ if "hint: " in note]
        code = hint.partition("hint: ")[2].rpartition(")")[0] + ")"
        made = eval(code, {"bk": bk, "json": json, "ast": ast})
        assert made.compute(scheduler="sync") == right
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            bk.read_json(path).compute(scheduler="sync", on_error="skip")
        assert code in str(caught[0].message)
        assert len(str(caught[0].message).splitlines()) == 3


def test_the_hint_for_an_array_on_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '[{"a": 1}, {"a": 2}]\n')
    for made in (
        bk.read_json(path).pluck("a"),
        bk.read_json(path).map(lambda r: r["a"]),
        bk.read_json(path).map(lambda r: r.get("a")),
        bk.read_text(path).map(json.loads).filter(lambda r: r.items()),
    ):
        with pytest.raises((TypeError, AttributeError), match=r"list indices must be|'list' object has no") as caught:
            made.compute(scheduler="sync")
        (hint,) = [note for note in caught.value.__notes__ if "hint: " in note]
        code = hint.partition("hint: ")[2].rpartition(")")[0] + ")"
        assert eval(code, {"bk": bk}).pluck("a").compute(scheduler="sync") == [1, 2]


@pytest.mark.parametrize("line", ["[2026-11-27] started", "[x]", "no array"])
def test_text_that_begins_like_an_array_is_none(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "a.txt", line + "\n")
    with pytest.raises(AttributeError) as caught:
        bk.read_text(path).map(str.split).map(lambda words: words.get("a")).compute(scheduler="sync")  # type: ignore[attr-defined]
    assert not any("hint: " in note for note in caught.value.__notes__)


CUT = ['{"a":2,', '{"a":2,"b":', '{"a":[1,', '{"a":2', '{"a":{"b":[', "[1,2,"]
PARTS = ["{", "[", "}", "],", "}]", '  "a": 1,', '  "a": {', '{"a": 1},', "[1, 2],"]


@pytest.mark.parametrize("reader", READERS)
def test_a_line_that_is_cut_off_is_no_document(tmp_path: Path, reader: str) -> None:
    for line, is_part in [*((line, False) for line in CUT), *((line, True) for line in PARTS)]:
        path = written(tmp_path / "a.json", '{"a":1}\n' + line + '\n{"a":3}\n', reader)
        error = failing(READERS[reader](path))
        assert any("lines=False" in note for note in error.__notes__) == is_part, line


@pytest.mark.parametrize("line", ['{"a" 1}', "nul", '{"a": "x', "hello", "1 2"])
def test_no_hint_where_nothing_is_known(tmp_path: Path, line: str) -> None:
    error = failing(bk.read_json(written(tmp_path / "a.json", line + "\n")))
    assert not any("hint: " in note for note in error.__notes__)
    error = failing(bk.from_sequence(["["]).map(json.loads))
    assert not any("hint: " in note for note in error.__notes__)
