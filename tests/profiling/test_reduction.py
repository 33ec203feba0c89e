"""What is planted in a messy delivery is found, with places, however it is cut and wherever it runs."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

import bagkit as bk
from tests.each_case import each_case

DATES = ["2024-03-{:02}", "{:02}.03.2024", "March {}, 2024", "2024/03/{:02}"]
FORMATS = ["YYYY-MM-DD", "DD.MM.YYYY", "Month DD, YYYY", "YYYY/MM/DD"]


def record(number: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": number,
        "user": {"name": f"name {number % 50}", "address": {"city": ["Oslo", "Rome"][number % 2]}},
        "when": DATES[number % 4].format(number % 28 + 1),
        "amount": number / 4,
        "orders": [{"sku": f"s{n}", "count": n} for n in range(number % 3)],
        "by.id": {},
    }
    if number % 10 == 0:
        del found["user"]["address"]
    return found


def delivery(folder: Path, count: int) -> tuple[list[str], dict[str, int]]:
    """Write three files of messy records; return them, and what is planted."""
    lines = [json.dumps(record(number)).encode() for number in range(count)]
    lines[17] = json.dumps({**record(17), "id": "17"}).encode()
    lines[31] = json.dumps({**record(31), "amount": float("nan")}).encode()
    lines[41] = json.dumps({**record(41), "user": None}).encode()
    lines[52] = json.dumps({**record(52), "by.id": {f"k{n}": n for n in range(3000)}}).encode()
    lines[63] = json.dumps({**record(63), "when": " 2024-03-01 "}).encode()
    lines[75] = json.dumps({**record(75), "when": "20\u200b24"}).encode()
    lines[count - 20] = lines[count // 2]
    lines[count - 10] = json.dumps(dict(reversed(record(count // 2 + 1).items()))).encode()
    lines[80] = b'{"id": 80, "user": {"na'
    lines[81] = b""
    lines[90] = '{"id": "é"}'.encode("latin-1")
    third = count // 3
    marked = b"\xef\xbb\xbf"
    parts = [b"\n".join(lines[at : at + third]) + b"\n" for at in (0, third, 2 * third)]
    parts[2] = marked + parts[2]
    paths = [str(folder / f"{number}.json.gz") for number in range(3)]
    for path, part in zip(paths, parts, strict=True):
        Path(path).write_bytes(gzip.compress(part, 1))
    return paths, {"third": third, "records": 3 * third - 4}


def test_all_that_is_planted_is_found(tmp_path: Path) -> None:
    paths, planted = delivery(tmp_path, 4998)
    profile = bk.read_json(paths).profile(keys=["id", ("user.name", "when")], scheduler="sync")

    def places(examples: list[Any]) -> list[tuple[str, int]]:
        return [(each.source.rpartition("/")[2], each.line) for each in examples]

    first, bad, when = "0.json.gz", profile.bad_lines, profile["when"].texts
    assert when is not None
    numbers = profile["amount"].numbers
    assert numbers is not None
    found = {
        "records": (profile.records, planted["records"]),
        "cut off": (places(bad.examples["cut off"]), [(first, 81)]),
        "blank": (places(bad.examples["blank line"]), [(first, 82)]),
        "encoding": (places(bad.examples["bytes that are not utf-8"]), [(first, 91)]),
        "mark": (places(next(v for k, v in bad.examples.items() if "mark" in k)), [("2.json.gz", 1)]),
        "bad": (bad.count, 4),
        "text as id": (places(profile["id"].examples["str"]), [(first, 18)]),
        "NaN": (numbers.nan, 1),
        "null": (places(profile["user"].examples["null"]), [(first, 42)]),
        "blanks": (places(when.examples["surrounding blanks"]), [(first, 64)]),
        "odd": (places(when.examples["odd characters"]), [(first, 76)]),
        "dates": ({look for look in when.looks if look.startswith("date ")}, {f"date {name}" for name in FORMATS}),
        "duplicates": (profile.duplicates.count, 2),
        "first duplicates": (places(profile.duplicates.examples), [("2.json.gz", 1647), ("2.json.gz", 1657)]),
        "the same as": (profile.duplicates.examples[0].first.rpartition("/")[2], "1.json.gz:834"),
        "duplicate ids": (profile.duplicate_keys["id"].count, 2),
        # Of every tenth record, but for two whose lines are broken, and once more of the one that comes twice.
        "missing": (profile["user"].types["dict"] - profile["user.address"].records, 4998 // 10 + 1 - 2 + 1),
        "nested": (profile["orders[].sku"].records, profile["orders[]"].records),
        "folded": ('["by.id"].*' in profile, True),
    }  # fmt: skip
    assert {name: got for name, (got, _) in found.items()} == {name: want for name, (_, want) in found.items()}


@pytest.fixture(scope="module")
def messy() -> list[Any]:
    many = [record(number) for number in range(1200)]
    many[5]["amount"] = float("nan")
    many[6]["id"] = "\ud800"
    many[7]["user"] = [1, [2, {"a": None}], []]
    many[8]["by.id"] = {f"k{n}": {"v": [n] * (n % 3)} for n in range(60)}
    many[900]["by.id"] = {f"k{n}": {"v": [n]} for n in range(40, 110)}
    many[9] = {"": 1, "\n": 2, "*": 3, '"': 4, "[]": 5}
    return [*many, None, 7, [1, "x"], *many[:3]]


def without_places(profile: bk.DataProfile) -> dict[str, Any]:
    found = profile.to_dict()
    for each in (found["duplicates"], *found["duplicate_keys"].values()):
        del each["examples"]
    for each in found["paths"].values():
        each["examples"] = {kind: [one["value"] for one in some] for kind, some in each["examples"].items()}
        if each["texts"]:
            looks = each["texts"]["examples"].items()
            each["texts"]["examples"] = {look: [one["value"] for one in some] for look, some in looks}
    return found


def test_partitions_and_schedulers_do_not_matter(messy: list[Any]) -> None:
    def profiled(npartitions: int, scheduler: str) -> dict[str, Any]:
        bag = bk.from_sequence(messy, npartitions=npartitions)
        return without_places(bag.profile(keys=["id"], max_keys=100, scheduler=scheduler))

    expected = profiled(1, "sync")
    assert expected["records"] == len(messy)
    assert expected["paths"]['["by.id"].*']["count"] == 130
    assert profiled(7, "sync") == expected
    assert profiled(40, "processes") == expected


def test_figures_are_those_of_plain_lists(messy: list[Any]) -> None:
    profile = bk.from_sequence(messy, npartitions=3).profile(scheduler="sync")
    amounts = [each["amount"] for each in messy if isinstance(each, dict) and "amount" in each]
    finite = sorted(each for each in amounts if each == each)
    numbers = profile["amount"].numbers
    assert numbers is not None
    assert (numbers.count, numbers.nan, numbers.min, numbers.max) == (len(finite), 1, finite[0], finite[-1])
    assert numbers.mean == sum(finite) / len(finite)
    for share, value in numbers.quantiles.items():
        rank = finite[max(0, round(share * len(finite)) - 1)]
        assert abs(value - rank) <= 1 + numbers.quantile_error * abs(rank)
    assert [profile[steps].count for steps in ((), ("",), ("\n",), ("*",), ("[]",))] == [len(messy), 1, 1, 1, 1]
    assert len(set(profile)) == len(profile.paths)
    assert profile.duplicates.count == 3


def test_bad_lines_on_the_way_to_other_operations_are_counted_too(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}\nno\n{"a": 2}\n')
    profile = bk.read_json(path).filter(lambda each: each["a"] > 1).profile(scheduler="sync")
    assert (profile.records, profile.bad_lines.count) == (1, 1)
    assert next(iter(profile.bad_lines.examples.values()))[0].line == 2


def test_what_is_known_of_a_path_is_shown_in_lines(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1, "t": [1]}\n{"a": "2024-05-01"}\n{"a": null}\n')
    profile = bk.read_json(tmp_path / "a.json").profile(scheduler="sync")
    assert repr(profile["a"]).splitlines() == [
        "a: in 3 records, 3 values, 2 not null",
        f"  int: 1, such as 1 at {tmp_path}/a.json:1",
        f"  null: 1, such as None at {tmp_path}/a.json:3",
        f"  str: 1, such as '2024-05-01' at {tmp_path}/a.json:2",
        "  numbers: from 1 to 1, median 1, mean 1.0",
        "  texts: 1 different; '2024-05-01' 1",
        f"    date YYYY-MM-DD: 1, such as '2024-05-01' at {tmp_path}/a.json:2",
    ]
    assert repr(profile["t"]).splitlines()[-1] == "  lengths: from 1 to 1, median 1, mean 1.0"
    (tmp_path / "b.json").write_text('{"a": 1}\nno\n')
    text = str(bk.read_json([tmp_path / "a.json", tmp_path / "b.json"]).profile(scheduler="sync"))
    assert f"to look at, in {tmp_path}/:" in text
    assert "b'no\\n' at b.json:2" in text


def test_bad_lines_of_several_bags_behind_each_other_are_counted(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for number, path in enumerate(paths):
        path.write_text('{"a": 1}\n' * number + 'no\n{"a": 2}\n')
    one, other = map(bk.read_json, paths)
    for bag, records in [
        (bk.concat([one, other]), 3),
        (bk.concat([one, other.map(dict), bk.from_sequence([{"a": 3}])]), 4),
        (bk.concat([bk.concat([one, other]), one]).filter(lambda each: each["a"] > 1), 3),
    ]:
        profile = bag.profile(scheduler="sync")
        (examples,) = profile.bad_lines.examples.values()
        places = [(Path(each.source or "").name, each.line) for each in examples]
        assert (profile.records, places[:2]) == (records, [("a.json", 1), ("b.json", 2)])
    with pytest.raises(ValueError, match="Expecting value"):
        bk.concat([one.distinct(lambda each: each["a"]), other]).profile(scheduler="sync")


@contextmanager
def written_types(records: list[Any], style: Any) -> Iterator[ModuleType]:
    """Give the module that `struct` writes for records."""
    source = bk.from_sequence(records, npartitions=2).profile(max_keys=50, scheduler="sync").struct(style=style)
    module = ModuleType("written_types")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, module.__name__, "exec"), vars(module))
        yield module
    finally:
        del sys.modules[module.__name__]


@pytest.mark.parametrize("style", ["msgspec", "TypedDict"])
def test_types_written_for_records_decode_them(messy: list[Any], style: Any) -> None:
    records = [each for each in messy[:900] if isinstance(each, dict) and each.get("id") != "\ud800"]
    with written_types(records, style) as module:
        decode = msgspec.json.Decoder(module.Record).decode
        for each in records:
            if each.get("amount") == each.get("amount"):
                decode(json.dumps(each))


def test_names_in_any_language_stay_names() -> None:
    record = {"größe": 1, "名前": "x", "Ünder": {"été": 1}, "naïve key": 3, "\ufb01": 2, "x²": 1, "": 4, "-": 5}
    with written_types([record], "msgspec") as module:
        made = msgspec.convert(record, module.Record)
        assert (made.größe, made.名前, made.ünder.été, made.naïve_key, made.fi, made.x2) == (1, "x", 1, 3, 2, 1)
        assert msgspec.to_builtins(made) == record
    with written_types([record], "TypedDict") as module:
        assert set(module.Record.__annotations__) == {*record}


class Word(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("what a class of the user's says of itself is not asked")


@dataclass
class Point:
    x: float
    y: Any = None


class Order(msgspec.Struct):
    id: int
    at: Point
    note: str | msgspec.UnsetType = msgspec.UNSET


def test_records_of_other_types_than_those_of_json() -> None:
    records: list[Any] = [Order(1, Point(1.5)), Order(2, Point(2.0, 3), "x"), Order(1, Point(1.5))]
    profile = bk.from_sequence(records, npartitions=1).profile(keys=["id"], scheduler="sync")
    assert list(profile) == ["$", "id", "at", "at.x", "at.y", "note"]
    assert (profile["note"].count, profile["at.y"].types) == (1, {"null": 2, "int": 1})
    assert (profile.duplicates.count, profile.duplicate_keys["id"].count) == (1, 1)
    counting = [defaultdict(int, a=1, b=2), defaultdict(int, a=1, c=2), OrderedDict(a=HTTPStatus.OK, b=True)]
    profile = bk.from_sequence([*counting, {"a": Word("x"), "b": datetime(2024, 3, 1)}], npartitions=1).profile(
        scheduler="sync"
    )
    assert profile["a"].types == {"int": 3, "str": 1}
    assert profile["b"].types == {"bool": 1, "datetime": 1, "int": 1}
    assert sorted(counting[1]) == ["a", "c"]
    assert profile["a"].numbers is not None
    assert type(profile["a"].numbers.max) is int


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = {"a": [found]}
    return found


@pytest.mark.parametrize(
    "records",
    [
        [],
        [None],
        [[], [[]], "", "a", 0, None, 1.5, (), {}, b"x", {1}],
        [deep(200), deep(3)],
        [10**400, -(10**400), *range(3000), 10**5000],
        [{f"k{n}" for n in range(3)}, {f"{n}": n for n in range(100_000)}],
        [{"t": "\u00e9" * 2_000_000}, {"t": "a@" * 300_000}, {"t": "1" * 1_000_000}, {"t": "\ud800"}],
        [{"a": float("inf")}, {"a": float("nan")}, {1: 2, None: 3, "1": 4}],
    ],
    ids=["nothing", "None", "no dicts", "deep", "huge ints", "many keys", "long texts", "odd"],
)
def test_any_records_have_a_profile(records: list[Any]) -> None:
    profile = bk.from_sequence(records, npartitions=2).profile(keys=["a"], scheduler="sync")
    assert profile.records == len(records)
    assert profile["$"].count == len(records) if records else True
    assert len(str(profile)) < 30_000
    assert len(profile._repr_html_()) < 200_000
    json.dumps([profile.to_dict(), profile.schema()], allow_nan=False)
    compile(profile.struct(), "source", "exec")
    assert not profile.diff(profile)


def test_a_schema_has_the_format_of_texts_that_all_have_it() -> None:
    moments = ["2024-03-01T10:00:00Z", "2024-02-29t23:59:59.5+02:00"]
    texts = {
        "day": ["2024-03-01", "2024-02-29"],
        "moment": moments,
        "no day": ["2024-03-01", "2024-02-31"],
        "both": ["2024-03-01", moments[0]],
        "no zone": ["2024-03-01T10:00:00", "2024-03-01T10:00:00"],
        "id": ["123e4567-e89b-12d3-a456-426614174000"] * 2,
    }
    records = [{name: some[number] for name, some in texts.items()} for number in range(2)]
    schema = bk.from_sequence(records, npartitions=2).profile(scheduler="sync").schema()
    found = {name: each.get("format") for name, each in schema["properties"].items()}
    assert found == {"day": "date", "moment": "date-time", "no day": None, "both": None, "no zone": None, "id": "uuid"}


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@each_case("columns", [20, 60, 80, 120, 300])
def test_a_table_fits_the_terminal(messy: list[Any], columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    profile = bk.from_sequence(messy, npartitions=2).profile(scheduler="sync")
    whole = repr(profile).splitlines()
    monkeypatch.setattr(sys, "stdout", _Terminal())
    fitted = repr(profile).splitlines()
    rows = fitted[2 : 3 + min(200, len(profile.paths))]
    assert rows[0].startswith("path")
    assert rows[0].endswith("values")
    assert max(map(len, rows)) <= max(columns, 71)  # five columns and their gaps, as narrow as they get
    assert fitted[0] == whole[0]
    assert " ".join(fitted[len(rows) + 2 :]).split() == " ".join(whole[len(rows) + 2 :]).split()
    if columns == 300:
        assert rows == whole[2 : len(rows) + 2]
        assert max(map(len, fitted)) <= 300
    monkeypatch.setattr(sys, "stdout", None)
    assert repr(profile).splitlines() == whole


def test_places_of_records_without_lines_have_their_partition() -> None:
    profile = bk.from_sequence([{"id": 1}, {"id": 2}, {"id": 1}, {"id": "x"}], npartitions=2).profile(scheduler="sync")
    (repeat,) = profile.duplicates.examples
    assert (repeat.where, repeat.first) == (
        "from_sequence, record 0, partition 1",
        "from_sequence, record 0, partition 0",
    )
    (text,) = profile["id"].examples["str"]
    assert (text.index, text.partition) == (1, 1)


@each_case("depth", [47, 48, 49])
def test_what_is_too_deep_is_said(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    profile = bk.from_sequence([value]).profile(scheduler="sync")
    assert len(profile.paths) == min(depth, 48) + 1
    assert ("what is deeper than 48 levels is not looked into" in repr(profile)) == (depth > 48)


def test_hostile_texts_are_escaped() -> None:
    hostile = '<script>alert(1)</script>"\x1b[31m\n'
    profile = bk.from_sequence([{hostile: hostile}] * 3, npartitions=1).profile(scheduler="sync")
    html = profile._repr_html_()
    assert "<script" not in html
    assert "\x1b" not in html
    assert "\x1b" not in str(profile)
    assert len(str(profile).splitlines()) < 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keys": 3}, "profile: keys is 3; expected a list of paths such as 'user.id'"),
        ({"keys": [3]}, "profile: a key is 3; expected a path such as 'user.id', or a tuple of paths"),
        ({"keys": ["a["]}, r"profile: 'a\[' is no path: .* in brackets"),
        ({"keys": ["a[]"]}, r"profile: 'a\[\]' can't be a key; expected a path of one value in each record"),
        ({"max_keys": 0}, "profile: max_keys is 0; expected an int of 1 or more"),
    ],
)
def test_arguments_are_checked(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(bk.PlanError, match=message):
        bk.from_sequence([1]).profile(**arguments)


def test_arguments_of_profiles_are_checked() -> None:
    profile: Any = bk.from_sequence([{"name": 1}], npartitions=1).profile(scheduler="sync")
    with pytest.raises(bk.PlanError, match="diff: got int; expected the DataProfile of another bag"):
        profile.diff(1)
    with pytest.raises(bk.PlanError, match="diff: tolerance is 2; expected a number from 0 to 1"):
        profile.diff(profile, 2)
    with pytest.raises(bk.PlanError, match="struct: name is 'a b'; expected the name of a class, such as 'Record'"):
        profile.struct("a b")
    with pytest.raises(bk.PlanError, match="struct: style is 'x'; expected 'msgspec' or 'TypedDict'"):
        profile.struct(style="x")
    with pytest.raises(KeyError, match="no record has the path 'nam'; hint: there is 'name'"):
        profile["nam"]
