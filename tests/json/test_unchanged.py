"""Lines that are written as they are: files are those that `json.loads` and a plain writer make of them."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.json import unchanged
from bagkit.json.unchanged import Unchanged

FORMS = (
    *("0", "-0", "7", "-7", "12345678901234567890", "123456789012345678", "1" * 30),
    *("1.0", "1.5", "1.50", "1.", "-0.0", "0.0", "0.0001", "0.00001", "1e5", "1.0e5", "1E5", "1e400", "123456.789"),
    *("0.1234567890123456789", "0.30000000000000004", "100000.000000001", "1700000000.123", "99999999999999.5"),
    *("904036722446574.7", "8889712.580866286", "9007199254740993.0"),  # of these there is another text for the float
    *("12345678901234567.0", "1000000000000000.0", "0.00012345678901234", "01", "+1", ".5", "NaN", "-Infinity"),
    *('""', '"a"', '"é"', r'"\u00e9"', r'"\n"', r'"\/"', r'"\""', r'"a\\"', r'"\u0041"', '"\x7f"', '"a\tb"'),
    *(r'"\ud800"', r'"😀"', r'"\u2028"', '" { , "', "true", "false", "null", "nul"),
    *("[]", "[ ]", "[1,2]", "[1, 2]", "{}", '{"x":1}', '{"x": 1}', '[{"x":1},{"y":null}]', '[[1.5],"a",[]]', "[1,]"),
)
"""Values as they may be written, and some that are no JSON."""
USUAL = ('"ada"', "36", "1.5", "true", "null", '["a","b"]', '{"city":"Oslo","zip":[1,2]}')


def encoded(record: Any) -> bytes:
    """Return the line of a record as a plain program writes it, or raise."""
    line = json.dumps(record, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A float is what it is in any notation.
    return line.encode() + b"\n"


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


def run(paths: list[Path], out: Path, change: Callable[[Any], Any], **options: Any) -> Any:
    """Return the files of a run and what was left out of them; or the error, with its place."""
    try:
        result = change(bk.read_json(paths)).to_jsonl(out, exist="overwrite", **options)
    except Exception as error:
        return type(error), str(error), getattr(error, "__notes__", None)
    failures = [(repr(each.place), repr(each.error)) for each in getattr(result, "failures", [])]
    return [path.read_bytes() for path in sorted(out.glob("*.jsonl"))], failures


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
    oddly = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)[seed]
    paths = [tmp_path / f"{n}.json" for n in range(2)]
    for path in paths:
        path.write_bytes(
            b"".join(made_line(choose, oddly) for _ in range(150)).removesuffix(choose.choice([b"\n", b""]))
        )
    for policy in ("raise", "collect"):
        options = {"scheduler": "sync", "on_error": policy, "allow_nan": seed % 2 == 0}
        got, expected = [
            run(paths, tmp_path / f"{policy}-{optimize}", CHANGES[change], optimize=optimize, **options)
            for optimize in (True, False)
        ]
        assert got == expected


def test_the_writer_is_plain(tmp_path: Path) -> None:
    """What is copied is what `json.dumps` writes, form by form."""
    for form in FORMS:
        line = b'{"a":%s}\n' % form.encode(errors="surrogatepass")
        try:
            record = json.loads(line)
            expected = encoded(record)
        except (ValueError, UnicodeEncodeError):
            continue
        told = Unchanged()
        for known in (
            record,
            {"a": 1, "b": 2},
            {"a": [1, "x", 1.5, True, None, {"x": 1, "y": "z"}, ["a"]]},
            {"a": "x"},
        ):
            told.lines_or_records([line] * 4, lambda lines, known=known: [known] * len(lines))
        (found,) = told.lines_or_records([line], lambda lines: [None])
        assert found in (expected, None), form
        assert found or not re.fullmatch(r'-?[1-9]\d{0,5}\.[1-9]|"[a-zé]*"|\[\]|true|null|\{"x":1\}', form), form
        assert math.isfinite(1.0)


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
    assert Path("out/0.jsonl").read_bytes() == b"".join(map(encoded, records[3::4]))
    assert 450 < sum(asked) <= 500
    kept.to_jsonl("more", compute=False)[0].compute(scheduler="processes", workers=2)
    assert Path("more/0.jsonl").read_bytes() == Path("out/0.jsonl").read_bytes()
