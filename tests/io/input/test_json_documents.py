"""`read_json(lines=False)`: documents over several lines, one behind the other, and the elements of arrays."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.errors import CorruptInputError, PlanError, SourceError
from bagkit.flow.report import Report
from bagkit.io.input import file_source, inflating, shares
from tests.io.input.contract import FileSourceContract

SYNC: dict[str, Any] = {"scheduler": "sync"}
WAYS: list[dict[str, Any]] = [SYNC, {**SYNC, "optimize": False}, {"scheduler": "processes", "workers": 2}]
VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text('ab\\"{}[],:é\ud800\n', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"}{', max_size=2), inner, max_size=3),
    max_leaves=8,
)


class TestJsonDocuments(FileSourceContract):
    suffix = ".json"
    unit = "documents"

    def read(self, urlpath: Any, **options: Any) -> bk.Bag[Any]:
        return bk.read_json(urlpath, lines=False, **options)

    def content(self, numbers: Sequence[int]) -> bytes:
        return json.dumps([{"n": number} for number in numbers], indent=1).encode()

    def records(self, path: str, numbers: Sequence[int]) -> list[Any]:
        return [{"n": number} for number in numbers]

    def test_the_plan_names_the_files_as_they_were_given(self, paths: list[Path]) -> None:
        source = self.read(str(paths[0])).plan.inputs[0]
        assert source.op.label.startswith(f"read_json({str(paths[0])!r}"[:40])
        assert source.op.label.endswith(", lines=False)")


@given(
    values=st.lists(VALUES, max_size=5), indent=st.sampled_from([None, 1]), ascii_only=st.booleans(),
    kind=st.sampled_from(["array", "objects", "path"]), between=st.sampled_from(["", "\n", " \r\n "]),
)  # fmt: skip
def test_records_are_what_json_loads_gives(
    tmp_path_factory: Any, values: list[Any], indent: Any, ascii_only: bool, kind: str, between: str
) -> None:
    def dump(value: Any) -> str:
        text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
        return text.encode("utf-8", "replace").decode()

    path = tmp_path_factory.mktemp("documents") / "a.json"
    if kind == "array":
        text = dump(values)
        expected = json.loads(text)
    elif kind == "objects":
        text = between.join(dump({"v": value}) for value in values)
        expected = [json.loads(dump({"v": value})) for value in values]
    else:
        text = between.join([dump({"x": values, "a": {"items": values, "y": 1}})] * 2)
        expected = 2 * json.loads(dump(values))
    path.write_bytes(text.encode())
    bag = bk.read_json(path, lines=False, path="a.items" if kind == "path" else None)
    for options in WAYS[:2]:
        assert repr(bag.compute(**options)) == repr(expected)


ODD = '[{"a": 1, "a": 2}, NaN, -Infinity, 1e400, 123456789012345678901234567890, "\\ud800", [[]], "\\\\", "}, {"]'


@pytest.mark.parametrize("options", WAYS)
def test_odd_values_and_encodings_are_as_json_loads_has_them(tmp_path: Path, options: dict[str, Any]) -> None:
    path, expected = tmp_path / "a.json", repr(json.loads(ODD))
    path.write_bytes(b"\xef\xbb\xbf" + ODD.encode())
    assert repr(bk.read_json(path, lines=False).compute(**options)) == expected
    for encoding in ("utf-16", "latin-1"):
        path.write_text(f'{{"é": {ODD}}}', encoding=encoding)
        found = bk.read_json(path, lines=False, path="é", encoding=encoding).compute(**options)
        assert repr(found) == expected
    path.write_bytes(ODD.encode("utf-16"))
    for encoding in ("utf-16", "punycode"):  # whose errors are not all UnicodeDecodeErrors
        (path.parent / "plain.json").write_bytes(b'{\n"n": 1}\n')
        with pytest.raises(SourceError, match=rf"plain\.json: after 0 documents it does not decode as {encoding}: "):
            bk.read_json(path.parent / "plain.json", lines=False, encoding=encoding).compute(scheduler="sync")
    with pytest.raises(SourceError, match="begins as utf-16 text; hint: encoding='utf-16'"):
        bk.read_json(path, lines=False).compute(**options)


def test_deep_documents_and_large_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    values = [json.loads("[" * 300 + "]" * 300), {"text": "x" * 300_000}, {"items": list(range(60_000))}, 1]
    path.write_text(json.dumps({"other": values, "items": values}))
    assert bk.read_json(path, lines=False, path="items").compute(**SYNC) == values
    path.write_text("\n".join(json.dumps({"v": value}, indent=2) for value in values))
    assert bk.read_json(path, lines=False).pluck("v").compute(**SYNC) == values


@pytest.mark.parametrize("suffix", ["json", "json.gz"])
def test_one_file_is_read_by_several_workers(monkeypatch: Any, tmp_path: Path, suffix: str) -> None:
    monkeypatch.setattr(inflating, "STEP", 256)
    monkeypatch.setattr(shares, "BLOCK", 100)
    monkeypatch.setattr(file_source, "LEAST_SHARE", 300)
    records = [{"n": n, "s": '},{"', "t": [{"n": n}] * (n % 4)} for n in range(400)]
    text = json.dumps({"n": 1, "items": records, "z": [1]}, indent=1).encode()
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(gzip.compress(text) if suffix.endswith("gz") else text)
    bag = bk.read_json(path, lines=False, path="items")
    (piece,) = bag.plan.inputs[0].op.pieces()[0]
    shares_of_it = [piece.shares(count) for count in (2, 3, 7)]
    assert all(len(found) > 1 for found in shares_of_it)
    source: Any = bag.plan.inputs[0].op
    for found in shares_of_it:
        texts = [document for each in found for block in source.read([each], Report()) for document in block.records]
        assert list(map(json.loads, texts)) == records
    # A place is in the file, whoever reads it.
    last = [block for block in source.read([shares_of_it[0][-1]], Report()) if block.records][-1]
    place = last.origin.place(len(last.records) - 1, last.records[-1])
    assert text[place.offset :].startswith(b'{\n   "n": 399')
    assert place.line == text[: place.offset].count(b"\n") + 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1},\n {"a": 2}', r"it is not JSON, at line 2, column 10: Expecting ',' delimiter; before that, 1 doc"),
        ('{"a": 1}\n{"a": "', r"at line 2, column 7: Unterminated string .*; before that, 1 document was good"),
        ('{"a": 1} ]', r"at line 1, column 10: Expecting value; before that, 1 document was good"),
        ('[1, 2}', r"at line 1, column 6: Expecting ',' delimiter; before that, 2 documents"),
    ],
)  # fmt: skip
def test_text_around_documents_that_is_not_json_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    for options in WAYS:
        with pytest.raises(CorruptInputError, match=message):
            bk.read_json(path, lines=False).compute(**options)


@pytest.mark.parametrize(("text", "good", "where"), [
    ('[{"a": 1},\n  {"a": x},\n {"a": 3}]', [{"a": 1}, {"a": 3}], "in the file: line 2, column 9"),
    ("[1, 2,\n]", [1, 2], "in the file: line 2, column 1"),  # as json.loads says before Python 3.13
    ('{"a":\n [1 x]}\n{"b": 1}', [{"b": 1}], "in the file: line 2, column 5"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore::bagkit.errors.SkippedRecordsWarning")
def test_a_document_that_is_not_json_can_be_left_out(tmp_path: Path, text: str, good: list[Any], where: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    for options in WAYS:
        with pytest.raises(json.JSONDecodeError) as caught:
            bk.read_json(path, lines=False).compute(**options)
        assert where in caught.value.__notes__
        assert bk.read_json(path, lines=False).compute(on_error="skip", **options) == good


def test_a_path_that_leads_nowhere_is_an_error_of_its_document(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"items": [1]}\n{"error": "rate"}\n{"items": {"x": 2}}\n[3]\n{"items": [4]}')
    bag = bk.read_json(path, lines=False, path="items")
    with pytest.raises(SourceError, match="there is no 'items' in it") as caught:
        bag.compute(**SYNC)
    assert any(note.startswith(f"at {path}, line 2 (byte 15)") for note in caught.value.__notes__)
    got = bag.compute(on_error="collect", **SYNC)
    assert got.result == [1, 4]
    assert [str(failure.error).partition(";")[0] for failure in got.failures] == [
        "read_json: there is no 'items' in it, but 'error'",
        "read_json: the value of 'items' is an object",
        "read_json: the document is an array",
    ]
    path.write_text(json.dumps({"data": {"a": 1, "x" * 50: 2, "c\x1b": 3, "d": 4, "e": 5, "f": 6}}))
    with pytest.raises(SourceError) as caught:
        bk.read_json(path, lines=False, path="data.items").compute(**SYNC)
    said = f"there is no 'data.items' in it, but 'a', '{'x' * 40}', 'c\\x1b', 'd', 'e'; hint: path=... names the keys"
    assert said in str(caught.value)
    path.write_text("{}")
    with pytest.raises(SourceError, match="there is no 'items' in it; hint"):
        bk.read_json(path, lines=False, path="items").compute(**SYNC)
    path.write_text('{"items": [1], "items": [2]}')
    with pytest.raises(CorruptInputError, match="the key 'items' is there twice"):
        bk.read_json(path, lines=False, path="items").compute(**SYNC)
    path.write_text('{"items": [1], "other": {"a": 1,}}')
    with pytest.raises(CorruptInputError, match="line 1, column 3"):
        bk.read_json(path, lines=False, path=("items",)).compute(**SYNC)


def test_fields_are_pushed_into_the_parser(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"a": n, "b": {"c": n}} for n in range(3)], indent=4))
    bag = bk.read_json(path, lines=False)
    bag.pluck("a").sum().explain()
    assert "parse_json(value: a)" in capsys.readouterr().out
    assert bk.read_json(path, lines=False, columns=[("b", "c")]).compute(**SYNC) == [{"b": {"c": n}} for n in range(3)]


def test_lines_that_are_no_documents_name_what_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[\n {"a": 1}\n]')
    with pytest.raises(json.JSONDecodeError) as caught:
        bk.read_json(path).compute(**SYNC)
    assert f"hint: bk.read_json('{path}', lines=False) gives its elements" in caught.value.__notes__[-1]


@pytest.mark.parametrize("options", [
    {"path": "a"}, {"lines": 3}, {"lines": False, "path": ""}, {"lines": False, "path": [1]},
    {"lines": False, "blocksize": 100}, {"lines": False, "max_line": 100},
])  # fmt: skip
def test_arguments_that_make_no_sense_are_an_error_of_the_call(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.json"
    path.write_text("[]")
    with pytest.raises(PlanError, match="read_json: "):
        bk.read_json(path, **options)


ZURICH = ['{"name": "Zürich"}', '[{"n": 1},\n {"name": "Zürich"}]', '{"n": 1}\n{"name":\n"Zürich"}']


@pytest.mark.parametrize("content", ZURICH)
def test_a_document_in_another_encoding_gets_a_hint(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content.encode("latin-1"))
    for bag in (bk.read_json(path, lines=False), bk.read_json(path, lines=False).map(lambda each: each.get("name"))):
        with pytest.raises(UnicodeDecodeError) as caught:
            bag.compute(scheduler="sync")
        assert "hint: encoding='latin-1' reads it as" in caught.value.__notes__[-1]
        assert "Zürich" in caught.value.__notes__[-1]


def test_bytes_that_a_function_decodes_get_no_hint_at_the_encoding_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    with pytest.raises(UnicodeDecodeError) as caught:
        bk.read_json(tmp_path / "a.json", lines=False).map(lambda _: b"\xfc".decode()).compute(scheduler="sync")
    assert not any("encoding=" in note for note in caught.value.__notes__)
