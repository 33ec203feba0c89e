"""What the shell command reads: how it tells the format of files, and of standard input."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import sys
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.shell.main import main
from tests.each_case import each_case


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def call(data: bytes, *words: str) -> list[Any]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        with bk.options(scheduler="sync"):
            assert main(["-", *words]) == 0, capsys.readouterr().err
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return call


MANY = [{"a": number, "text": "x, y"} for number in range(60_000)]
RECORDS: dict[str, tuple[str, list[Any]]] = {
    "lines": ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    "a line": ('{"a": 1}', [{"a": 1}]),
    "lines with arrays": ("[1]\n[2]\n", [[1], [2]]),
    "an array in a line": ("[1, 2]", [1, 2]),
    "an array over lines": ("[\n1,\n2]\n", [1, 2]),
    "records over lines": (json.dumps(MANY[:9], indent=1), MANY[:9]),
    "a record over lines": ('{\n"a": {\n}}', [{"a": {}}]),
    "documents": ('{\n"a": 1\n}\n{\n"a": 2\n}\n', [{"a": 1}, {"a": 2}]),
    "a long line": (json.dumps(MANY), MANY),
    "a log": ("[12:30] begun\n[12:31] done\n", ["[12:30] begun", "[12:31] done"]),
    "numbered lines": ("[1] one\n[2] two\n", ["[1] one", "[2] two"]),
    "braces": ("{\nhello\n}\n", ["{", "hello", "}"]),
    "numbers": ("1\n2\n", ["1", "2"]),
    "a long line of text": ("a, b" * 300_000, ["a, b" * 300_000]),
    "nothing": ("", []),
}


@each_case("name", RECORDS)
def test_the_first_lines_tell_the_format(read: Any, name: str) -> None:
    text, records = RECORDS[name]
    assert read(text.encode()) == records


@each_case("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_standard_input_is_unpacked(read: Any, compress: Any) -> None:
    assert read(compress(b'{"a": 1}\n{"a": 2}\n'), "pluck(a)", "sum") == [3]


def test_what_first_records_do_not_need_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"a": 1}\n{"a": 2}\n')
    Path("b.jsonl").write_text("hello\n")
    how = ("--scheduler", "processes", "--workers", "2")
    for words in (["head", "*.jsonl", "-n", "2"], ["*.jsonl", "take(2)"], ["*.jsonl", "map(r)", "head(2)"]):
        assert (main([*words, *how]), *capsys.readouterr()) == (0, '{"a": 1}\n{"a": 2}\n', "")
    assert main(["head", "*.jsonl", "-n", "3", *how]) == 2
    assert main(["*.jsonl", "take(3)", "count", *how]) == 2
    assert main(["head", "a.jsonl", "-n", "3", *how]) == 0


def test_a_file_whose_name_hides_a_compression_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(b"one\n"))
    assert main(["count", str(tmp_path / "a"), "--scheduler", "sync"]) == 1
    assert "hint: `bagkit - ... < FILE` unpacks it" in capsys.readouterr().err
