"""Lines that are written as they are: files are those that `json.loads` and a plain writer make of them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.json import unchanged
from bagkit.json.dump import BlockDumper
from bagkit.json.line_shapes import Notation
from bagkit.json.unchanged import Unchanged

FORMS = (
    *("0", "-0", "7", "-7", "12345678901234567890", "123456789012345678", "1" * 30),
    *("1.0", "1.5", "1.50", "1.", "-0.0", "0.0", "0.0001", "0.00001", "1e5", "1.0e5", "1E5", "1e400", "123456.789"),
    *("0.1234567890123456789", "0.30000000000000004", "100000.000000001", "1700000000.123", "99999999999999.5"),
    *("904036722446574.7", "8889712.580866286", "9007199254740993.0"),  # of these there is another text for the float
    *("12345678901234567.0", "1000000000000000.0", "0.00012345678901234", "01", "+1", ".5", "NaN", "-Infinity"),
    *('""', '"a"', '"é"', r'"\u00e9"', r'"\n"', r'"\/"', r'"\""', r'"a\\"', r'"\u0041"', '"\x7f"', '"a\tb"'),
    *(r'"\ud800"', r'"😀"', r'"\u2028"', '" { , "', "true", "false", "null", "nul"),
    *(r'"\u001f"', r'"\u0008"', r'"\u000a"', r'"\u0022"', r'"\u007f"', r'"\u00E9"', r'"\ud83d\ude00"', '"\u2028"'),
    *(r'"é\\x"', r'"\\u0041"', r'"\\\u00e9"', '"): "', '": "', '", "', r'"é\n"', '"😀"'),
    *("[]", "[ ]", "[1,2]", "[1, 2]", "{}", '{"x":1}', '{"x": 1}', '[{"x":1},{"y":null}]', '[[1.5],"a",[]]', "[1,]"),
)
"""Values as they may be written, and some that are no JSON."""
USUAL = ('"ada"', "36", "1.5", "true", "null", '["a","b"]', '{"city":"Oslo","zip":[1,2]}')


STYLES: dict[Notation, dict[str, Any]] = {
    Notation(): {"ensure_ascii": False, "separators": (",", ":")},
    Notation(spaces=True, ascii_only=True): {},
    Notation(spaces=True): {"ensure_ascii": False},
    Notation(ascii_only=True): {"separators": (",", ":")},
}
"""Notations, and what asks `json.dumps` for each of them."""


def encoded(record: Any, notation: Notation | None = None) -> bytes:
    """Return the line of a record as a plain program writes it, or raise."""
    return json.dumps(record, allow_nan=False, **STYLES[notation or Notation()]).encode()


def made_line(choose: random.Random, oddly: float) -> bytes:
    """Return a line of JSON, most often as it would be written."""
    keys = ["id", "name", "n", "f", "flag", "none", "tags", "home"]
    if choose.random() < oddly:
        keys = choose.choice([[*keys, "n"], keys[:4], [*keys[::-1]], ["é", *keys], ['a"b', *keys], [*keys, "n\\u0061"]])
    values = [
        choose.choice(FORMS) if choose.random() < oddly else usual for usual in (str(choose.randrange(99)), *USUAL)
    ]
    colon, comma = (": ", ", ") if choose.random() < oddly else (":", ",")
    members = [f'"{key}"{colon}{value}' for key, value in zip(keys, [*values, "1"], strict=False)]
    line = "{" + comma.join(members) + "}"
    if choose.random() < oddly / 4:
        line = choose.choice(
            ["", " ", "[1]", "5", '"a"', line[:-1], line + "x", " " + line, "\ufeff" + line, line + ",", "null"]
        )
    data = line.encode(errors="surrogatepass")
    if choose.random() < oddly / 8:
        data = data.replace(b"a", b"\xff", 1)
    return data + choose.choice([b"\n", b"\n", b"\n", b"\r\n", b" \n"] if choose.random() < oddly else [b"\n"])


def json_lines(bag: Any, out: Path, **options: Any) -> Any:
    return bag.to_jsonl(out, exist="overwrite", allow_nan=True, **options)


def dumping(bag: Any, out: Path, settings: dict[str, Any], **options: Any) -> Any:
    return bag.map(json.dumps, **settings).to_textfiles(out, exist="overwrite", **options)


WRITERS: dict[str, Callable[..., Any]] = {
    "to_jsonl": json_lines,
    "to_jsonl, no NaN": lambda bag, out, **options: bag.to_jsonl(out, exist="overwrite", **options),
    **{f"dumps({settings})": partial(dumping, settings=settings) for settings in STYLES.values()},
    "dumps, sorted": partial(dumping, settings={"sort_keys": True}),
    "dumps to Latin-1": partial(dumping, settings={}, encoding="latin-1"),
    "dumps to UTF-16": partial(dumping, settings={"ensure_ascii": False}, encoding="utf-16"),
    "dumps to marked UTF-8": partial(dumping, settings={"ensure_ascii": False}, encoding="utf-8-sig"),
    "dumps to bytes": partial(dumping, settings={"allow_nan": False}, encoding=None),
}


def run(paths: list[Path], out: Path, change: Callable[[Any], Any], writer: str, **options: Any) -> Any:
    """Return the files of a run and what was left out of them; or the error, with its place."""
    try:
        result = WRITERS[writer](change(bk.read_json(paths)), out, **options)
    except Exception as error:
        return type(error), str(error), getattr(error, "__notes__", None)
    failures = [(repr(each.place), repr(each.error)) for each in getattr(result, "failures", [])]
    return [path.read_bytes() for path in sorted(out.glob("[!.]*"))], failures


CHANGES: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda b: b,
    "one field": lambda b: b.filter(lambda r: r["id"] % 3),
    "two filters": lambda b: b.filter(lambda r: r["id"] > 9).remove(lambda r: r["name"] == "é"),
    "a nested field": lambda b: b.filter(lambda r: r["home"]["city"] == "Oslo"),
    "a filter that changes records": lambda b: b.filter(lambda r: r.pop("n", None)),
    "a policy between": lambda b: b.filter(lambda r: r["id"] > 1).on_error("collect"),
}


@pytest.fixture(autouse=True)
def _early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "_LOOKED_AT", 4)
    monkeypatch.setattr(unchanged, "_SEEN", 40)
    monkeypatch.setattr(unchanged, "_AGAIN", 1)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(6))
def test_files_and_errors_are_those_of_records(tmp_path: Path, change: str, seed: int) -> None:
    choose = random.Random(seed)
    writers = choose.sample([*WRITERS], 4)
    oddly = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)[seed]
    paths = [tmp_path / f"{n}.json" for n in range(2)]
    for path in paths:
        path.write_bytes(
            b"".join(made_line(choose, oddly) for _ in range(150)).removesuffix(choose.choice([b"\n", b""]))
        )
    for number, writer in enumerate(writers):
        options = {"scheduler": "sync", "on_error": "collect" if number % 2 else "raise"}
        got, expected = [
            run(paths, tmp_path / f"{number}-{optimize}", CHANGES[change], writer, optimize=optimize, **options)
            for optimize in (True, False)
        ]
        assert got == expected, writer


KNOWN = ({"a": 1, "b": 2}, {"a": [1, "x", 1.5, True, None, {"x": 1, "y": "z"}, ["a"]]}, {"a": "x"}, {"a": -7})


@pytest.mark.parametrize("notation", STYLES)
def test_the_writer_is_plain(notation: Notation) -> None:
    """What is copied is what `json.dumps` writes, form by form: alone, and in a block with others."""
    usual = r'-?[1-9]\d{0,5}\.[1-9]|-?[1-9]\d{0,17}|"[a-zé]*"|\[\]|true|null|\{"x":1\}'
    for form in FORMS:
        line = b'{"a":%s}\n' % form.encode(errors="surrogatepass")
        try:
            record = json.loads(line)
            expected = encoded(record, notation)
        except (ValueError, UnicodeEncodeError):
            continue
        told = Unchanged(notation)
        for known in (record, *KNOWN):
            told.lines_or_records([line] * 4, lambda lines, known=known: [known] * len(lines))
        (found,) = told.lines_or_records([line], lambda lines: [None])
        assert found in (expected, None), form
        assert found or not re.fullmatch(usual, form), form
        for other in (b'{"a":"x"}', b'{"a": "x"}\n', b'{"a":"x","b":2}\n', b'{"a":1e5}\n', b'{"a":"\\\\"}\n'):
            others = encoded(json.loads(other), notation)
            for _ in range(3):  # the second may be told line by line
                block = told.lines_or_records([line, line, other], lambda lines: [None] * len(lines))
                assert set(block[:2]) <= {expected, None}, form
                assert block[2] in (others, None), form


@pytest.mark.parametrize("notation", STYLES)
def test_blocks_are_told_as_their_lines_are(notation: Notation) -> None:
    """Texts that look like what stands between lines, keys and values."""
    choose = random.Random(7)
    texts = ["", "a", "é", "}", "{", '"', "\\", ",", ": ", '","', '"}', '},{"a":"', "}\\n{", "\x7f", "\n", "😀", "1"]
    for _ in range(150):
        records = [
            {
                "a": "".join(choose.choices(texts, k=3)),
                ",": choose.choice(texts),
                "é": choose.choice([1, -1, [{}], None]),
            }
            for _ in range(6)
        ]
        lines = [json.dumps(each, **choose.choice([*STYLES.values()])).encode() + b"\n" for each in records]
        told = Unchanged(notation)
        told.lines_or_records(lines, lambda lines: [*map(json.loads, lines)])
        found = told.lines_or_records(lines, lambda lines: [*map(json.loads, lines)])
        assert [each if type(each) is bytes else encoded(each, notation) for each in found] == [
            encoded(each, notation) for each in records
        ]


@pytest.mark.parametrize("notation", STYLES)
def test_lists_in_lists_take_no_longer(notation: Notation) -> None:
    """An expression that had its parts twice for each list in a list took minutes, and all memory."""
    value: Any = {"a": [1, 2], "b": "\n"}
    for depth in range(21):
        value = [value, [], depth]
    told, copied = Unchanged(notation), 0
    for number in range(12):  # those that come later are too deep for an expression
        deep = value if number < 6 else [[[value]]]
        lines = [encoded({"deep": deep, "n": n}, notation) for n in range(32)]
        found = told.lines_or_records([line + b"\n" for line in lines], lambda lines: [*map(json.loads, lines)])
        assert [each if type(each) is bytes else encoded(each, notation) for each in found] == lines
        copied += sum(type(each) is bytes for each in found)
    assert copied >= 32


@pytest.mark.parametrize("settings", STYLES.values(), ids=str)
def test_most_lines_of_json_dumps_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    records = [{"id": n, "name": f"né{n % 5}", "text": 'a "b"\n'} for n in range(1000)]
    for source in ({}, {"ensure_ascii": False}):
        Path("a.json").write_text("".join(json.dumps(each, **source) + "\n" for each in records))
        made: list[Any] = []
        kept = bk.read_text("a.json").map(json.loads).filter(lambda r: r["id"] % 4 == 3)
        with monkeypatch.context() as watched:
            watched.setattr(
                BlockDumper,
                "__call__",
                lambda self, records, made=made: made.extend(records) or map(self._dumps, records),
            )
            kept.map(json.dumps, **settings).to_textfiles("out", scheduler="sync", exist="overwrite")
        assert Path("out/0.part").read_text() == "\n".join(json.dumps(each, **settings) for each in records[3::4])
        is_escaped = not source and settings.get("ensure_ascii") is False
        assert (len(made) < 20) is not is_escaped  # lines with escapes for é are not written so


def test_most_lines_are_copied_and_explain_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Records of those lines are not made: the writer gets none of them."""
    monkeypatch.chdir(tmp_path)
    records = [{"id": n, "name": f"n{n % 5}", "tags": ["a"] * (n % 3), "f": n / 4} for n in range(2000)]
    lines = [json.dumps(each, separators=(",", ":") if n % 2 else None) + "\n" for n, each in enumerate(records)]
    Path("a.json").write_text("".join(lines).removesuffix("\n"))
    asked: list[int] = []
    look = Unchanged.lines_or_records

    def counted(self: Unchanged, lines: Any, decode: Any) -> Any:
        found = look(self, lines, decode)
        asked.append(sum(type(each) is bytes for each in found))
        return found

    monkeypatch.setattr(Unchanged, "lines_or_records", counted)
    kept = bk.read_json("a.json").filter(lambda r: r["id"] % 4 == 3)
    kept.to_jsonl("out", scheduler="sync")
    assert Path("out/0.jsonl").read_bytes() == b"".join([encoded(each) + b"\n" for each in records[3::4]])
    assert 450 < sum(asked) <= 500
    kept.to_jsonl("more", compute=False)[0].compute(scheduler="processes", workers=2)
    assert Path("more/0.jsonl").read_bytes() == Path("out/0.jsonl").read_bytes()


def _as_array(line: str) -> bytearray:
    return bytearray(line.encode())


@pytest.mark.parametrize("kinds", [(str,), (str.encode,), (str.encode, str), (str, _as_array)])
def test_lines_may_be_text_and_bytes_side_by_side(tmp_path: Path, kinds: tuple[Callable[[Any], Any], ...]) -> None:
    records = [{"id": n, "name": f"é{n % 5}"} for n in range(1000)]
    lines = [kinds[n % len(kinds)](json.dumps(each, ensure_ascii=False)) for n, each in enumerate(records)]
    kept = bk.from_sequence(lines, npartitions=1).map(json.loads).filter(lambda r: r["id"] > 9)
    kept.to_jsonl(tmp_path, scheduler="sync")
    assert (tmp_path / "0.jsonl").read_bytes() == b"".join([encoded(each) + b"\n" for each in records[10:]])
    kept.map(json.dumps).to_textfiles(tmp_path, scheduler="sync", encoding=None)
    (dumped,) = tmp_path.glob("*0.part")
    assert dumped.read_text() == "\n".join([json.dumps(each) for each in records[10:]])
