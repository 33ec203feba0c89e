"""Lines that are no JSON: why they are not, in words that are the same for the same fault."""

from __future__ import annotations

from pathlib import Path

import bagkit as bk

WHOLE = r'{"a": [1.5e-3, -0.25E+10, true, null, -Infinity, "x\u00e9\n\ud83d\ude00\\", {}], "é": false, "b": NaN}'
OTHERS = {
    r'{"a": "\u00zz"}': r"Invalid \uXXXX escape",
    r'{"a": "\q"}': r"Invalid \escape",
    '{"a": 1.}': "Expecting ',' delimiter",
    '{"a": 1e}': "Expecting ',' delimiter",
    '{"a": trueish}': "Expecting ',' delimiter",
    '{"a": tr}': "Expecting value",
    '{"a": 1 2': "Expecting ',' delimiter",
    '{"a": x': "Expecting value",
    "{} .": "Extra data",
}


def test_a_line_that_ends_anywhere_in_a_document_is_cut_off(tmp_path: Path) -> None:
    document = WHOLE.encode()
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b"".join([document[:end] + b"\n" for end in range(1, len(document) + 1)]))
    bad = bk.read_json(path).profile(scheduler="sync").bad_lines
    assert bad.reasons == {"cut off": len(document) - 1}, bad.examples


def test_what_goes_on_behind_a_fault_is_not_cut_off(tmp_path: Path) -> None:
    for line, reason in OTHERS.items():
        (tmp_path / "a.jsonl").write_text(f"{line}\n", encoding="utf-8")
        assert bk.read_json(tmp_path / "a.jsonl").profile(scheduler="sync").bad_lines.reasons == {reason: 1}, line


def test_a_mark_says_the_encoding(tmp_path: Path) -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        (tmp_path / "a.jsonl").write_bytes("\ufeff{}\n{}\n".encode(encoding))
        profile = bk.read_json(tmp_path / "a.jsonl").profile(scheduler="sync")
        assert profile.bad_lines.reasons["begins with a mark of UTF-16 (encoding='utf-16' reads it)"] == 1
        assert bk.read_json(tmp_path / "a.jsonl", encoding="utf-16").profile(scheduler="sync").records == 2
