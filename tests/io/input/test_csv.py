"""read_csv: the rows that the csv module reads, whatever is in them, and where errors are said to be."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bagkit as bk
from bagkit.io.input import csv as csv_source
from tests.io.input.contract import FileSourceContract

SYNC = {"scheduler": "sync"}


def read(path: Any, **arguments: Any) -> list[Any]:
    return bk.read_csv(path, **arguments).compute(**SYNC)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def dict_rows(text: str, **options: Any) -> list[dict[Any, Any]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), **options))


def rows(text: str, **options: Any) -> list[tuple[str, ...]]:
    return [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), **options) if row]


TEXTS = {
    "plain": "a,b\n1,2\n3,4\n",
    "no line end at the end": "a,b\n1,2",
    "quoted line ends": 'a,b\n"x\ny","1\r\n2"\n3,"\n"\n',
    "windows": 'a,b\r\n1,"x\r\ny"\r\n',
    "old mac": "a,b\r1,2\r3,4\r",
    "quotes": 'a,b\n"say ""hi""",\'x\'\n',
    "line ends that are none": "a,b\n1\u2028x,2\x0b3\x0c\x85\n",
    "blank lines": "a,b\n\n1,2\n\n\r\n3,4\n\n",
    "a NUL": "a,b\n1\0,2\n",
    "wide": "é,😀\nя,中\n",
    "empty": "",
    "header only": "a,b\n",
    "spaces": " a, b \n 1 , 2\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_rows_are_those_of_the_csv_module(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.csv", TEXTS[name])
    assert read(path) == dict_rows(TEXTS[name])
    assert read(path, header=False, as_tuples=True) == rows(TEXTS[name])
    assert read(path, as_tuples=True) == rows(TEXTS[name])[1:]


DIALECTS: dict[str, tuple[str, dict[str, Any]]] = {
    "semicolons": ("a;b\n1;'x;y'\n", {"delimiter": ";", "quotechar": "'"}),
    "tabs": ('a\tb\n1\t"x\ty"\n', {"dialect": "excel-tab"}),
    "escapes": ("a,b\n1\\,2,x\\\ny\n", {"quoting": csv.QUOTE_NONE, "escapechar": "\\"}),
    "numbers": ('"a","b"\n1,"x"\n2.5,"y"\n', {"quoting": csv.QUOTE_NONNUMERIC}),
    "skipped spaces": ('a, b\n1, "x, y"\n', {"skipinitialspace": True}),
    "single quotes in quotes": ('a,b\n"x\\"y",2\n', {"doublequote": False, "escapechar": "\\"}),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_dialects_are_those_of_the_csv_module(tmp_path: Path, name: str) -> None:
    text, options = DIALECTS[name]
    assert read(write(tmp_path / "a.csv", text), **options) == dict_rows(text, **options)


FIELDS = st.text(st.sampled_from('ab,"\n\r;é\u2028 '), max_size=6)


@given(
    st.lists(st.lists(FIELDS, min_size=2, max_size=2), max_size=12), st.sampled_from(["\n", "\r\n"]), st.integers(1, 4)
)
@settings(max_examples=80, deadline=None)
def test_what_is_written_is_read_in_blocks_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], end: str, size: int
) -> None:
    target = io.StringIO(newline="")
    csv.writer(target, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["x", "y"], *table])
    path = write(tmp_path_factory.getbasetemp() / "written.csv", target.getvalue())
    before, csv_source.ROWS = csv_source.ROWS, size
    try:
        found = read(path)
        places = places_of(path)
    finally:
        csv_source.ROWS = before
    assert found == [{"x": x, "y": y} for x, y in table]
    lines = io.StringIO(target.getvalue(), newline="").readlines()
    for row, (line, text) in zip(table, places, strict=True):
        assert next(csv.reader(chain(lines[line - 1 :]))) == row
        assert next(csv.reader(io.StringIO(text, newline=""))) == row


def places_of(path: Path) -> list[tuple[int, str]]:
    bag = bk.read_csv(path, as_tuples=True).map(lambda row: 1 / 0)
    return [(one.place.line, one.place.record) for one in bag.compute(on_error="collect", **SYNC).failures]


def test_a_file_is_a_partition_and_has_its_own_header(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "a,b\n1,2\n")
    write(tmp_path / "b.csv", "b,c\n3,4\n5,6\n")
    write(tmp_path / "c.csv", "")
    bag = bk.read_csv(tmp_path / "*.csv")
    assert bag.npartitions == 3
    assert bag.map_partitions(lambda records: [records]).compute(**SYNC) == [
        [{"a": "1", "b": "2"}], [{"b": "3", "c": "4"}, {"b": "5", "c": "6"}], [],
    ]  # fmt: skip
    assert bk.read_csv(tmp_path / "*.csv", files_per_partition=2).npartitions == 2
    assert read(tmp_path / "*.csv", header=["x", "y"])[:2] == [{"x": "a", "y": "b"}, {"x": "1", "y": "2"}]


def test_large_files_are_one_partition_of_many_blocks(tmp_path: Path) -> None:
    text = "n,text\n" + "".join(f'{n},"line\n{n}"\n' for n in range(20_000))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    bag = bk.read_csv(tmp_path / "a.csv.gz")
    assert bag.npartitions == 1
    assert bag.pluck("n").map(int).sum().compute(scheduler="processes", workers=2) == sum(range(20_000))
    with pytest.raises(ValueError, match="invalid literal") as caught:
        bag.map(lambda record: int(record["n"] if record["n"] != "15000" else "x")).compute(**SYNC)
    assert f"at {tmp_path}/a.csv.gz, line 30002, partition 0" in caught.value.__notes__
    assert "record: '15000,\"line\\n15000\"'" in caught.value.__notes__


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1", "shift_jis"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = 'a,b\nx,"ソ\n|"\n' if encoding == "shift_jis" else 'a,b\né,"x\ny"\n'
    path = write(tmp_path / "a.csv", text, encoding)
    assert read(path, encoding=encoding) == dict_rows(text)


def test_blank_lines_before_the_header_are_no_header(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "\n\r\na,b\n\n1,2\n")
    assert read(path) == [{"a": "1", "b": "2"}]
    assert places_of(path) == [(5, "1,2")]


def test_a_bom_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.csv", "\ufeffa,b\n1,2\n")) == [{"a": "1", "b": "2"}]


def test_include_path(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a,b\n1,2\n")
    assert read(path, include_path=True) == [({"a": "1", "b": "2"}, str(path))]
    assert read(path, include_path=True, as_tuples=True) == [(("1", "2"), str(path))]
    write(path, "a,b\n1\n")
    assert read(path, include_path=True, restval="") == [({"a": "1", "b": ""}, str(path))]


RAGGED = "a,b\n1,2\n3\n4,5,6,7\n8,9\n"


def test_rows_of_other_lengths_are_errors_that_can_be_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.csv", RAGGED)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(bk.SourceError) as caught:
        read("a.csv")
    assert str(caught.value) == (
        "read_csv: the row has 1 field; expected 2, as in the header; "
        "hint: restkey=... keeps surplus fields, restval=... fills missing ones"
    )
    assert caught.value.__notes__ == ["in read_csv('a.csv')", f"at {path}, line 3, partition 0", "record: '3'"]
    got = bk.read_csv(path).compute(on_error="collect", **SYNC)
    assert got.result == [{"a": "1", "b": "2"}, {"a": "8", "b": "9"}]
    assert [failure.place.line for failure in got.failures] == [3, 4]
    with pytest.warns(bk.SkippedRecordsWarning, match="2 records"):
        assert bk.read_csv(path).map_partitions(len).compute(on_error="skip", **SYNC) == [2]
    assert read(path, as_tuples=True) == [("1", "2"), ("3",), ("4", "5", "6", "7"), ("8", "9")]


def test_rest_is_what_dict_reader_makes_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", RAGGED)
    assert read(path, restkey="rest", restval="?") == dict_rows(RAGGED, restkey="rest", restval="?")
    assert read(path, restkey=None, restval=None) == dict_rows(RAGGED)
    with pytest.raises(bk.SourceError, match="the row has 4 fields"):
        read(path, restval="?")


@pytest.mark.parametrize(("text", "options", "message"), [
    ('a,b\n1,"2\n3,4\n', {}, "ends inside of a quoted field, or behind an escape character; the row is "),
    ("a,b\n1,2\\", {"escapechar": "\\"}, "ends inside of a quoted field, or behind an escape character; the row is "),
    ('a,b\n1,2\n"x"y,3\n', {"strict": True}, "line 3 can't be read as CSV: ',' expected after '\"'"),
    ("a,b\n1," + "x" * 140_000 + "\n", {}, "line 2 can't be read as CSV: field larger than field limit (131072)"),
    ('"a"\n1\nx\n', {"quoting": csv.QUOTE_NONNUMERIC},
     "line 3 can't be read as CSV: could not convert string to float: 'x'"),
    ("a,b,a\n1,2,3\n", {}, "the header has the name 'a' more than once; expected each once; hint: as_tuples=True"),
])  # fmt: skip
def test_what_is_no_csv_names_file_and_line(tmp_path: Path, text: str, options: Any, message: str) -> None:
    path = write(tmp_path / "a.csv", text)
    with pytest.raises(bk.SourceError) as caught:
        read(path, **options)
    assert str(caught.value).startswith(f"{path}: {message}")


def test_rows_before_what_is_no_csv_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "a,b\n" + "1,2\n" * 10 + '3,"4\n')
    assert bk.read_csv(path).take(10) == ({"a": "1", "b": "2"},) * 10


def test_bytes_that_do_not_decode_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n1,2\n3,\xff\n")
    with pytest.raises(bk.SourceError, match=r"a\.csv: line 2 or one soon after it does not decode as utf-8: "):
        read(path)
    assert read(path, errors="replace")[1] == {"a": "3", "b": "\ufffd"}


@pytest.mark.parametrize(("data", "hint"), [
    ("Zoë,1\n".encode("latin-1"), "encoding='latin-1' reads it as 'Zoë,1.*"),
    ("a,1\nZoë,€\n".encode("cp1252"), "hint: encoding='cp1252' reads it as '.*Zoë,€"),
    ("a,1\n".encode("utf-16"), "the file begins with a mark; hint: encoding='utf-16' reads it"),
])  # fmt: skip
def test_a_hint_at_the_encoding(tmp_path: Path, data: bytes, hint: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(data)
    with pytest.raises(bk.SourceError, match=hint):
        read(path, header=["a", "b"])


def test_damaged_and_changed_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    whole = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(9999)))
    path.write_bytes(whole[:-2000])
    with pytest.raises(bk.CorruptInputError, match=r"its gzip data is cut off; before that, \d+ rows were good"):
        read(path)
    path.write_bytes(whole)
    bag = bk.read_csv(path)
    path.write_bytes(whole + whole)
    with pytest.raises(bk.InputChangedError):
        bag.compute(**SYNC)
    (tmp_path / "b.csv").write_bytes(whole)
    with pytest.raises(bk.SourceError, match="begins as gzip data"):
        read(tmp_path / "b.csv")


@pytest.mark.parametrize(("arguments", "message"), [
    ({"delimiter": ""}, r"read_csv: .*delimiter.*; got dialect='excel' and \{'delimiter': ''\}"),
    ({"dialect": "klingon"}, "read_csv: unknown dialect; got dialect='klingon' and {}"),
    ({"sep": ";"}, "read_csv: there is no option 'sep'; the csv module has delimiter, quotechar, doublequote, "
                   "escapechar, skipinitialspace, quoting, strict; hint: delimiter=','"),
    ({"header": False},
     r"read_csv: header is False, and dicts need names; expected header=\[...\], or as_tuples=True"),
    ({"header": "ab"}, r"read_csv: header is 'ab'; expected True, False \(with as_tuples=True\), or for dicts "
                       "a list of names, each once"),
    ({"header": ["a", "a"]}, r"read_csv: header is \['a', 'a'\]; expected True.*"),
    ({"header": ["a"], "as_tuples": True}, r"read_csv: header is \['a'\]; expected True.*"),
    ({"restval": 0, "as_tuples": True},
     "read_csv: restval is given with as_tuples=True; expected dicts, or no restval"),
    ({"encoding": "klingon"}, "encoding: got 'klingon'; .*"),
])  # fmt: skip
def test_arguments_are_checked(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "a.csv", "a,b\n1,2\n")
    with pytest.raises(bk.PlanError, match=f"^{message}$"):
        bk.read_csv(path, **arguments)


def test_a_dialect_of_the_users_own_crosses_to_workers(tmp_path: Path) -> None:
    class Own(csv.excel):
        delimiter = "|"

    path = write(tmp_path / "a.csv", "a|b\n1|2\n")
    bag = bk.read_csv(path, dialect=Own).map(lambda record: record["b"])
    assert bag.compute(scheduler="processes", workers=1) == ["2"]


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_the_csv_modules_limit_of_a_field_is_the_callers(tmp_path: Path, scheduler: str) -> None:
    path = write(tmp_path / "a.csv", "a,b\n1," + "x" * 200_000 + "\n")
    bag = bk.read_csv(path).map(lambda record: len(record["b"]))
    message = r"a\.csv: line 2 can't be read as CSV: field larger than .*; hint: csv\.field_size_limit\(\.\.\.\) before"
    with pytest.raises(bk.SourceError, match=message):
        bag.compute(scheduler=scheduler, workers=1)
    before = csv.field_size_limit(1_000_000)
    try:
        bag = bk.read_csv(path).map(lambda record: len(record["b"]))
        assert bag.compute(scheduler=scheduler, workers=1) == [200_000]
    finally:
        csv.field_size_limit(before)


def test_the_plan_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.csv", "a\n")
    monkeypatch.chdir(tmp_path)
    assert "read_csv('a.csv')" in repr(bk.read_csv("a.csv"))
    with pytest.raises(bk.NoFilesError):
        bk.read_csv("b.csv")


class TestContract(FileSourceContract):
    suffix = ".csv"
    unit = "rows"

    def read(self, urlpath: Any, **options: Any) -> bk.Bag[Any]:
        return bk.read_csv(urlpath, **options)

    def content(self, numbers: Sequence[int]) -> bytes:
        return b"n,text\n" + b"".join(b'%d,"x\n%s"\n' % (number, b"y" * 60) for number in numbers)

    def records(self, path: str, numbers: Sequence[int]) -> list[Any]:
        return [{"n": str(number), "text": "x\n" + "y" * 60} for number in numbers]
