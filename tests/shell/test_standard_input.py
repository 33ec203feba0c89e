"""Standard input: of a stream that goes on, first records come before its end; other commands read all of it."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from bagkit.shell.main import main
from tests.each_case import each_case


def gz_so_far(data: bytes) -> bytes:
    """Return the beginning of a gz stream that has `data`, and does not end yet."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jsonl", data)
    return file.getvalue()


@each_case(
    ("begins", "words", "printed"),
    [
        (b'{"a": 1}\n', ["head", "-", "-n", "1"], '{"a": 1}\n'),
        (b'{"a": 1}\n{"a": 2}\n', ["-", "filter(r['a'] > 1)", "take(1)"], '{"a": 2}\n'),
        (gz_so_far(b'{"a": 1}\n' * 20), ["head", "-", "-n", "1"], '{"a": 1}\n'),
        (b'{"a":\n1}\n' * 9, ["head", "-", "-n", "1"], '{"a": 1}\n'),
        (b"a\n" + b"1\n" * 2_000, ["head", "-", "-n", "1", "--format", "csv"], '{"a": "1"}\n'),
        (b"one\n", ["head", "-", "-n", "1", "--scheduler", "threads"], '"one"\n'),
    ],
)
def test_first_records_do_not_wait_for_the_end(begins: bytes, words: list[str], printed: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bagkit", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(begins)
        process.stdin.flush()
        assert process.stdout.read() == printed.encode()
        assert process.wait() == 0


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)

    def call(data: bytes, *words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        return main(words), *capsys.readouterr()

    return call


LINES = b'{"a": 1}\n{"a": 2}\n{"a": 3}\n'


@each_case("pack", [bytes, gzip.compress, zipped])
@each_case("words", [["take(2)"], ["map(r)", "head(2)"], ["sort(a)", "take(2)"], ["take(2)", "--bad", "bad.jsonl"]])
def test_all_ways_to_first_records(run: Any, pack: Any, words: list[str]) -> None:
    code, out, _ = run(pack(LINES), "-", *words, "--format", "json", "--scheduler", "sync")
    assert (code, [json.loads(line) for line in out.splitlines()]) == (0, [{"a": 1}, {"a": 2}])


def test_standard_input_may_stand_among_files_and_twice(run: Any, tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"b": 1}\n')
    assert run(b'{"a": 1}\n', "head", "-", "b.jsonl", "-")[1] == '{"a": 1}\n{"b": 1}\n{"a": 1}\n'


def test_errors_have_a_place(run: Any) -> None:
    code, _, said = run(b'{"a": 1}\n{bad\n', "head", "-")
    assert code == 2
    assert "at stdin://input, line 2 (byte 9)" in said
    code, _, said = run(gz_so_far(LINES), "head", "-", "--damaged", "raise")
    assert code == 1
    assert "stdin://input.gz: its gzip data is cut off; before that, 3 lines were good" in said


@pytest.mark.parametrize(
    ("begins", "hint"),
    [
        (b"PAR1", "--format parquet"),
        (b"Obj\x01", "--format avro"),
        (b"SQLite format 3\0", "in Python, bagkit.read_sqlite(path, "),
    ],
)
def test_what_is_no_text_is_told_with_a_shells_words(run: Any, begins: bytes, hint: str) -> None:
    code, _, said = run(begins, "head", "-")
    assert code == 1
    assert f"data; expected text; hint: {hint}" in said
