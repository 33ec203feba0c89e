"""Lines that are longer than a block: one copy of them is made, and `max_line` says which are too long."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk

SYNC: dict[str, Any] = {"scheduler": "sync"}
LONG = 12_000_000
"""Bytes of a line that is long beside what a block takes."""


def packed(folder: Path, data: bytes, name: str = "a.txt.gz") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(data, 1))
    return path


def peak_of(run: Callable[[], Any]) -> int:
    """Return how many bytes Python had allocated at a time while it did `run`, beside those it had before."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestMemory:
    @pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nshort\n"])
    @pytest.mark.parametrize("options", [{}, {"include_path": True}, {"linedelimiter": "\n"}, {"encoding": "latin-1"}])
    def test_of_a_line_there_is_one_copy(self, tmp_path: Path, end: bytes, options: dict[str, Any]) -> None:
        path = packed(tmp_path, b"x" * LONG + end)
        bag = bk.read_text(path, **options).map(lambda line: len(line[0] if isinstance(line, tuple) else line))
        assert bag.max().compute(**SYNC) == LONG + (
            0 if not end else 2 if "linedelimiter" in options and b"\r" in end else 1
        )
        assert peak_of(lambda: bag.max().compute(**SYNC)) < 1.3 * LONG

    def test_of_text_that_is_no_ascii_too(self, tmp_path: Path) -> None:
        path = packed(tmp_path, "é".encode() * (LONG // 2))
        bag = bk.read_text(path).map(len)
        assert bag.compute(**SYNC) == [LONG // 2]
        assert peak_of(lambda: bag.compute(**SYNC)) < 1.3 * LONG

    def test_of_an_encoding_that_is_decoded_first(self, tmp_path: Path) -> None:
        path = packed(tmp_path, ("x" * LONG).encode("utf-16"))
        bag = bk.read_text(path, encoding="utf-16").map(len)
        assert bag.compute(**SYNC) == [LONG]
        assert peak_of(lambda: bag.compute(**SYNC)) < 1.3 * LONG

    def test_of_json_of_which_little_is_wanted(self, tmp_path: Path) -> None:
        path = packed(tmp_path, json.dumps({"a": 1, "b": "x" * LONG}).encode())
        bag = bk.read_json(path).pluck("a")
        assert bag.compute(**SYNC) == [1]
        assert peak_of(lambda: bag.compute(**SYNC)) < 1.3 * LONG

    def test_of_a_whole_file(self, tmp_path: Path) -> None:
        path = packed(tmp_path, b"x" * LONG)
        bag = bk.read_files(path, binary=True).map(lambda file: len(file[1]))
        assert bag.compute(**SYNC) == [LONG]
        assert peak_of(lambda: bag.compute(**SYNC)) < 1.3 * LONG

    def test_of_a_line_that_is_too_long_there_is_none(self, tmp_path: Path) -> None:
        path = packed(tmp_path, b"x" * LONG + b"\nshort\n")
        bag = bk.read_text(path, max_line="100 kB")
        with pytest.warns(bk.SkippedRecordsWarning):
            assert bag.compute(on_error="skip", **SYNC) == ["short\n"]
        with pytest.warns(bk.SkippedRecordsWarning):
            assert peak_of(lambda: bag.compute(on_error="skip", **SYNC)) < LONG / 2


VERY_LONG = 20_000_000
"""Bytes of a line, above which an error keeps only the beginning."""


def fails(bag: Any, policy: str, scheduler: str) -> BaseException:
    """Return the error of the only line, raised or collected."""
    options: dict[str, Any] = (
        {"scheduler": scheduler} if scheduler == "sync" else {"scheduler": scheduler, "workers": 1}
    )
    if policy == "collect":
        (failure,) = bag.compute(on_error="collect", **options).failures
        assert failure.place.line == 1
        assert len(failure.place.record) <= 10_000
        error: BaseException = failure.error
        return error
    with pytest.raises(ValueError) as caught:
        bag.compute(**options)
    assert any(", line 1" in note for note in caught.value.__notes__)
    return caught.value.with_traceback(None)


FAILING: dict[str, Callable[[Path], Any]] = {
    "read_json": bk.read_json,
    "json.loads": lambda path: bk.read_text(path).map(json.loads),
    "json.loads of text": lambda path: bk.read_text(path, encoding="utf-16").map(json.loads),
    "a field": lambda path: bk.read_json(path).pluck("a"),
}


class TestVeryLongLinesThatFail:
    """An error does not take copies of the line that it is about, and sends none to the caller."""

    @pytest.mark.parametrize("policy", ["raise", "collect"])
    @pytest.mark.parametrize("kind", FAILING)
    def test_of_the_line_there_is_one_copy(self, tmp_path: Path, kind: str, policy: str) -> None:
        encoding = "utf-16" if kind.endswith("text") else "ascii"
        bag = FAILING[kind](packed(tmp_path, ("x" * VERY_LONG + "\n").encode(encoding)))
        assert peak_of(lambda: fails(bag, policy, "sync")) < 1.6 * VERY_LONG
        assert peak_of(lambda: fails(bag, policy, "processes")) < 0.4 * VERY_LONG
        error = fails(bag, policy, "processes")
        assert isinstance(error, json.JSONDecodeError)
        assert str(error) == "Expecting value: line 1 column 1 (char 0)"
        assert len(error.doc) <= 10_000

    @pytest.mark.parametrize("kind", ["read_json", "json.loads"])
    def test_what_only_its_end_tells_is_said_too(self, tmp_path: Path, kind: str) -> None:
        for line in (
            '{"a": "' + "x" * VERY_LONG,
            '{"a": ' + " " * VERY_LONG + "}",
            '{"a": ' + " " * 9_990 + "1}" * VERY_LONG,
        ):
            with pytest.raises(json.JSONDecodeError) as expected:
                json.loads(line)
            for policy in ("raise", "collect"):
                assert str(fails(FAILING[kind](packed(tmp_path, line.encode())), policy, "sync")) == str(expected.value)

    def test_a_value_that_its_beginning_does_not_tell_is_read(self, tmp_path: Path) -> None:
        for cut in range(9_970, 10_010, 13):
            line = '["' + "é" * (cut // 2) + '", -1.5e3, NaN, "\\ud83d\\ude00", {"a" : true}' + " " * 9_000_000 + "]"
            assert len(bk.read_json(packed(tmp_path, line.encode())).compute(**SYNC)[0]) == 5

    def test_errors_of_others_are_cut_on_their_way(self, tmp_path: Path) -> None:
        def refuse(line: str) -> None:
            error = ValueError("no", line)
            error.line = line  # type: ignore[attr-defined]
            raise error

        bag = bk.read_text(packed(tmp_path, b"x" * VERY_LONG)).map(refuse)
        for policy in ("collect", "raise"):
            assert peak_of(lambda policy=policy: fails(bag, policy, "processes")) < 0.4 * VERY_LONG  # type: ignore[misc]
            error = fails(bag, policy, "processes")
            assert [len(each) for each in error.args] == [2, 10_000]
            assert len(error.line) == 10_000  # type: ignore[attr-defined]
        assert any("characters of attribute `line`" in note for note in error.__notes__)

    def test_a_reject_has_all_of_it(self, tmp_path: Path) -> None:
        bag = bk.read_json(packed(tmp_path, b"x" * VERY_LONG + b"\n"))
        (reject,) = bag.split_errors()[1].compute(**SYNC)
        assert reject["input"] == reject["record"].rstrip() == "x" * VERY_LONG

    def test_an_element_is_cut_too(self) -> None:
        for scheduler in ("sync", "processes"):
            bag = bk.from_sequence(["x" * VERY_LONG]).map(int)
            (failure,) = bag.compute(on_error="collect", scheduler=scheduler, workers=1).failures
            assert len(failure.place.record) == 10_000

    def test_a_list_in_one_line_has_its_hint(self, tmp_path: Path) -> None:
        path = packed(tmp_path, json.dumps([{"a": "x" * VERY_LONG}]).encode())
        with pytest.raises(TypeError) as caught:
            bk.read_json(path).pluck("a").compute(**SYNC)
        assert any("lines=False" in note for note in caught.value.__notes__)


LINES = [b"a" * 10, b"b" * 3_000_000, b"c" * 11, "dé".encode(), b"", b"f" * 1_200_000, b"g"]


class TestMaxLine:
    """Lines of up to `max_line` bytes, their ends counted, are as they are; others are errors of their places."""

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    @pytest.mark.parametrize("limit", [1, 4, 11, 12, 13, 100, 1_200_001, 1_200_002, 5_000_000])
    @pytest.mark.parametrize("pack", [True, False])
    def test_which_are_left_out(self, tmp_path: Path, end: str, limit: int, pack: bool) -> None:
        raw = [line + end.encode() for line in LINES]
        path = tmp_path / "a.txt"
        path.write_bytes(b"".join(raw))
        path = packed(tmp_path, path.read_bytes()) if pack else path
        good = [line.decode().replace("\r\n", "\n") for line in raw if len(line) <= limit]
        lost = [number for number, line in enumerate(raw, 1) if len(line) > limit]
        found = bk.read_text(path, max_line=limit).compute(on_error="collect", **SYNC)
        assert found.result == good
        assert [failure.place.line for failure in found.failures] == lost
        assert [failure.place.offset for failure in found.failures] == [sum(map(len, raw[: n - 1])) for n in lost]
        assert {type(failure.error) for failure in found.failures} <= {bk.LineTooLongError}

    def test_what_the_error_says(self, tmp_path: Path) -> None:
        path = packed(tmp_path, b"short\n" + b"x" * LONG)
        with pytest.raises(bk.LineTooLongError) as caught:
            bk.read_text(path, max_line=1000).compute(**SYNC)
        assert str(caught.value) == (
            f"{path}: the line at byte 6 is longer than max_line=1000; hint: on_error='skip' leaves such lines out, "
            "a larger max_line takes them"
        )
        notes = "\n".join(caught.value.__notes__)
        assert "in read_text(" in notes
        assert f"at {path}, line 2 (byte 6), partition 0" in notes
        assert "record: 'xxx" in notes
        assert len(notes) < 1000
        assert isinstance(caught.value, bk.SourceError)

    def test_it_is_raised_before_the_line_is_read_to_its_end(self, tmp_path: Path) -> None:
        path = packed(tmp_path, b"x" * LONG + b"\n")
        path.write_bytes(path.read_bytes()[:-20])  # which would be an error too, at the end
        with pytest.raises(bk.LineTooLongError):
            bk.read_text(path, max_line=1000).compute(**SYNC)

    @pytest.mark.parametrize("blocksize", [1000, 300_000, 1_000_000, "3 MB"])
    def test_in_files_that_are_cut(self, tmp_path: Path, blocksize: Any) -> None:
        path = tmp_path / "a.txt"
        path.write_bytes(b"\n".join([b"x" * 2_100_000, b"a", b"y" * 1_300_000, b"b", b""]))
        blocksize = 500_000 if blocksize == 1000 else blocksize
        assert bk.read_text(path, blocksize=blocksize).map(len).compute(**SYNC) == [2_100_001, 2, 1_300_001, 2]
        found = bk.read_text(path, blocksize=blocksize, max_line="1 MB").compute(on_error="collect", **SYNC)
        assert found.result == ["a\n", "b\n"]
        assert [failure.place.line for failure in found.failures] == [1, 3]

    @pytest.mark.parametrize("long", [20, 2_000_000])
    def test_of_json_lines(self, tmp_path: Path, long: int) -> None:
        rows = [{"n": 1}, {"n": 2, "text": "x" * long}, {"n": 3}]
        path = packed(tmp_path, "\n".join(map(json.dumps, rows)).encode(), "a.json.gz")
        assert bk.read_json(path).pluck("n").compute(**SYNC) == [1, 2, 3]
        for bag in (bk.read_json(path, max_line=20).pluck("n"), bk.read_json(path, max_line=20).map(lambda r: r["n"])):
            found = bag.compute(on_error="collect", **SYNC)
            assert found.result == [1, 3]
            assert [(type(failure.error), failure.place.line) for failure in found.failures] == [
                (bk.LineTooLongError, 2)
            ]

    @pytest.mark.parametrize("long", [20, 2_000_000])
    def test_of_an_encoding_that_is_decoded_first(self, tmp_path: Path, long: int) -> None:
        path = packed(tmp_path, ("a\n" + "x" * long + "\nb\n").encode("utf-16"))
        found = bk.read_text(path, encoding="utf-16", max_line=10).compute(on_error="collect", **SYNC)
        assert found.result == ["a\n", "b\n"]
        assert [(failure.place.line, failure.operation[:10]) for failure in found.failures] == [(2, "read_text(")]

    def test_with_paths(self, tmp_path: Path) -> None:
        path = packed(tmp_path, b"a\n" + b"x" * 2_000_000 + b"\n" + b"y" * 20 + b"\nb")
        found = bk.read_text(path, include_path=True, max_line=10).compute(on_error="collect", **SYNC)
        assert found.result == [("a\n", str(path)), ("b", str(path))]
        assert [failure.place.line for failure in found.failures] == [2, 3]

    @pytest.mark.parametrize("wrong", [0, -1, "many", 1.5])
    def test_what_it_may_not_be(self, tmp_path: Path, wrong: Any) -> None:
        with pytest.raises(bk.PlanError, match="max_line: not a size"):
            bk.read_text(packed(tmp_path, b""), max_line=wrong)


class TestUndecodable:
    @pytest.mark.parametrize("where", [3, 1_500_000])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "shift_jis"])
    def test_a_long_line_fails_as_a_short_one_does(self, tmp_path: Path, where: int, encoding: str) -> None:
        bad = b"\x81" if encoding == "cp1252" else b"\xff"
        data = b"x" * where + bad + b"y" * 1_500_000
        path = packed(tmp_path, b"a\n" + data + b"\nb\n")
        with pytest.raises(UnicodeDecodeError) as expected:
            data.decode(encoding.removesuffix("-sig"))
        found = bk.read_text(path, encoding=encoding).compute(on_error="collect", **SYNC)
        assert found.result == ["a\n", "b\n"]
        (failure,) = found.failures
        assert str(failure.error) == str(expected.value)
        assert (failure.place.line, failure.place.offset, failure.place.record) == (2, 2, data)

    def test_its_neighbours_are_read_in_the_files_encoding(self, tmp_path: Path) -> None:
        path = tmp_path / "a.json"
        path.write_bytes(b'{"a": "\xe9"}\n{"a": "\x81"}\n{"a": "\xc3\xa9"}\n')
        found = bk.read_json(path, encoding="cp1252").pluck("a").compute(on_error="collect", **SYNC)
        assert found.result == ["é", "Ã©"]
        assert [failure.place.line for failure in found.failures] == [2]


@pytest.mark.parametrize("errors", ["replace", "ignore", "surrogateescape", "backslashreplace"])
@pytest.mark.parametrize("text", [b"\xff", b"\r\xff\n", b"\xc3\xa9", b"\xe2\x82", b"\r"])
def test_long_lines_are_those_of_python(tmp_path: Path, errors: str, text: bytes) -> None:
    data = b"x" * 131_071 + text + b"y" * 1_500_000 + text + b"\n" + text + b"z" * 1_200_000
    path = packed(tmp_path, data)
    with gzip.open(path, "rt", encoding="utf-8", errors=errors) as file:
        expected = list(file)
    assert bk.read_text(path, errors=errors).compute(**SYNC) == expected
