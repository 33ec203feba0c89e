"""Records held to a model: each kind of model, on every scheduler, with what is wrong told as data."""

from __future__ import annotations

import enum
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import cloudpickle
import msgspec
import pytest

import bagkit as bk

WAYS: list[dict[str, Any]] = [
    {"scheduler": "sync"},
    {"scheduler": "sync", "optimize": False},
    {"scheduler": "processes", "workers": 2},
]


class Colour(enum.Enum):
    RED = "red"


class Struct(msgspec.Struct, rename="camel", tag="order", tag_field="kind"):
    order_id: Annotated[int, msgspec.Meta(ge=0)]
    tags: list[str] = []

    def __post_init__(self) -> None:
        if self.order_id == 13:
            raise ValueError("no such luck")


@dataclass
class Order:
    order_id: int
    colours: list[Colour] = field(default_factory=list)


class Row(TypedDict):
    order_id: int
    more: NotRequired[dict[str, int]]


class Pair(NamedTuple):
    order_id: int
    name: str


RECORDS: list[Any] = [
    {"orderId": 1, "order_id": 1, "kind": "order", "other": [1]},
    {"orderId": "2", "order_id": "2", "tags": ["a", 3]},
    {},
    {"orderId": 3, "order_id": 3, "tags": ["a", 3], "colours": ["red", "blue"], "more": {"x": 1, "y": "2"}},
    {"orderId": -4, "order_id": 4, "colours": ["red"], "more": {"x": 1}},
    {"orderId": 13, "order_id": 1.5, "kind": "other"},
    {"orderId": 13},
    [5, "pear"],
    [5, 6],
    None,
    {"orderId": 7, "order_id": 7, "kind": "order"},
]
EXPECTED: dict[Any, tuple[Callable[[Any], Any], dict[int, tuple[str, str, str]]]] = {
    Struct: (
        lambda record: Struct(record["orderId"]),
        {
            1: ("orderId", "int", "'2' (str)"),
            2: ("orderId", "a value", "nothing"),
            3: ("tags[1]", "str", "3 (int)"),
            4: ("orderId", "int >= 0", "-4 (int)"),
            5: ("kind", "'order'", "'other' (str)"),
            6: ("", "to pass its check: no such luck", "dict of 1"),
            7: ("", "object", "list of 2"),
            8: ("", "object", "list of 2"),
            9: ("", "object", "None"),
        },
    ),
    Order: (
        lambda record: Order(record["order_id"], list(map(Colour, record.get("colours", ())))),
        {
            1: ("order_id", "int", "'2' (str)"),
            2: ("order_id", "a value", "nothing"),
            3: ("colours[1]", "'red'", "'blue' (str)"),
            5: ("order_id", "int", "1.5 (float)"),
            6: ("order_id", "a value", "nothing"),
            7: ("", "object", "list of 2"),
            8: ("", "object", "list of 2"),
            9: ("", "object", "None"),
        },
    ),
    Row: (
        lambda record: {name: record[name] for name in ("order_id", "more") if name in record},
        {
            1: ("order_id", "int", "'2' (str)"),
            2: ("order_id", "a value", "nothing"),
            3: ("more.*", "int", "str"),
            5: ("order_id", "int", "1.5 (float)"),
            6: ("order_id", "a value", "nothing"),
            7: ("", "object", "list of 2"),
            8: ("", "object", "list of 2"),
            9: ("", "object", "None"),
        },
    ),
    Pair: (
        lambda record: Pair(*record),
        {
            **{n: ("", "array", f"dict of {len(RECORDS[n])}") for n in (0, 1, 2, 3, 4, 5, 6, 10)},
            8: ("[1]", "str", "6 (int)"),
            9: ("", "array", "None"),
        },
    ),
}


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(folder: Path) -> Path:
    """Write the records to a file."""
    path = folder / "a.jsonl"
    path.write_text("".join([json.dumps(record) + "\n" for record in RECORDS]))
    return path


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_what_fits_comes_as_the_model_and_what_does_not_says_why(lines: Path, way: dict[str, Any]) -> None:
    for model, (made, wrong) in EXPECTED.items():
        good, bad = bk.read_json(lines).validate(model).split_errors()
        records, rejects = bk.compute(good, bad, **way)
        assert records == [made(record) for n, record in enumerate(RECORDS) if n not in wrong]
        assert model is Row or {type(record) for record in records} == {model}
        found = {reject["line"] - 1: [tuple(each.values()) for each in reject["violations"]] for reject in rejects}
        assert found == {n: [violation] for n, violation in wrong.items()}
        assert [reject["record"] for reject in rejects] == [RECORDS[n] for n in sorted(wrong)], "whole"
        assert {reject["error"] for reject in rejects} == {"ValidationError"}
        assert rejects[0]["operation"] == f"validate(test_validating.{model.__name__})"


def test_each_policy_holds(lines: Path) -> None:
    bag = bk.read_json(lines).validate(Order)
    with pytest.raises(bk.ValidationError, match=r"order_id: expected int, got '2' \(str\)") as caught:
        bag.compute(scheduler="processes", workers=1)
    assert caught.value.violations == [{"path": "order_id", "expected": "int", "got": "'2' (str)"}]
    assert f"at {lines}, line 2" in " ".join(caught.value.__notes__)
    got = bag.compute(scheduler="sync", on_error="collect")
    assert len(got.result) + len(got.failures) == len(RECORDS)
    with pytest.warns(bk.SkippedRecordsWarning, match="8 records skipped"):
        assert bag.count().compute(scheduler="sync", on_error="skip") == 3


def test_strict_is_a_choice_and_rejects_are_repaired_before_the_model(lines: Path) -> None:
    with bk.options(scheduler="sync"):
        bag = bk.read_json(lines)
        assert bag.validate(Order, strict=False).split_errors()[0].take(2)[1] == Order(2)
        bad = bag.validate(Order).split_errors()[1]
        fixed, still = bad.retry(
            lambda record: {"order_id": len(record)}, operation="validate(test_validating.Order)"
        ).split_errors()
        assert fixed.compute() == [Order(len(RECORDS[n])) for n in EXPECTED[Order][1] if RECORDS[n] is not None]
        assert still.pluck("error").compute() == ["TypeError"]


def test_classes_made_inside_of_a_function_cross_after_msgspec_has_looked_at_them() -> None:
    inside: Any = enum.Enum("Inside", {"A": "a"}, module="__main__")
    part: Any = make_dataclass("Part", [("kind", inside), ("weight", int)])
    whole: Any = make_dataclass("Whole", [("parts", list[part])], kw_only=True)
    part.__module__ = whole.__module__ = "__main__"
    records = [{"parts": [{"kind": "a", "weight": 1}]}, {"parts": [{"kind": "a"}]}, {}]
    good, bad = bk.from_sequence(records, npartitions=1).validate(whole).split_errors()
    found, paths = bk.compute(good, bad.map(lambda reject: reject["violations"][0]["path"]), workers=1)
    assert found == [whole(parts=[part(inside.A, 1)])]
    assert paths == ["parts[0].weight", "parts"], "no field has a default that it did not have"


def test_only_fields_of_the_model_are_parsed_where_it_makes_no_difference(
    lines: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Closed(msgspec.Struct, forbid_unknown_fields=True):
        order_id: int

    for model, parsed in {Struct: "fields: kind, orderId, tags", Row: "fields: more, order_id", Closed: None}.items():
        bk.read_json(lines).validate(model).explain()
        assert (f"parse_json({parsed})" if parsed else "parse_json ->") in capsys.readouterr().out
    assert bk.read_json(lines).validate(Closed).split_errors()[1].compute(scheduler="sync")[0]["violations"] == [
        {"path": "orderId", "expected": "no such field", "got": "1 (int)"}
    ]


def test_a_changed_model_is_another_plan(tmp_path: Path) -> None:
    def model(kind: type) -> Any:
        return msgspec.defstruct("Model", [("a", kind)], module="__main__")

    with bk.options(scheduler="sync"):
        for kind in (int, float):
            bag = bk.from_sequence([{"a": 1}], npartitions=1).validate(model(kind)).map(msgspec.to_builtins)
            if kind is int:
                bag.to_jsonl(tmp_path)
                assert bag.to_jsonl(tmp_path, exist="resume").records == 1
        with pytest.raises(bk.ResumeMismatchError):
            bag.to_jsonl(tmp_path, exist="resume")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (3, "validate: 3 is no model: TypeError: Type '3' is not supported; expected a msgspec.Struct, a dataclass"),
        (object, "validate: <class 'object'> is no model: it has no declared fields; expected a msgspec.Struct"),
        (str.upper, "is no model"),
    ],
)
def test_what_is_no_model_is_an_error_at_once(model: Any, words: str) -> None:
    with pytest.raises(bk.PlanError) as caught:
        bk.range(3, npartitions=1).validate(model)
    assert words in str(caught.value)
    assert "hint: bag.map(function) calls a function with each record" in str(caught.value)


def test_values_that_are_allowed_are_named() -> None:
    tags: Any = msgspec.defstruct("A", [], tag="a") | msgspec.defstruct("B", [], tag="b")
    allowed: dict[Any, tuple[Any, str]] = {
        dict[str, list[Colour]]: ({"x": ["blue"]}, "'red'"),
        tuple[int, Literal["x", "y"] | None]: ([1, "z"], "'x' or 'y'"),
        tags: ({"type": "c"}, "'a' or 'b'"),
    }
    for model, (record, expected) in allowed.items():
        bad = bk.from_sequence([record], npartitions=1).validate(model).split_errors()[1]
        assert bad.compute(scheduler="sync")[0]["violations"][0]["expected"] == expected


def test_pydantic_is_not_imported_for_others() -> None:
    import subprocess

    code = "import bagkit as bk, sys; bk.range(3, 1).validate(int).compute(scheduler='sync'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "msgspec" in loaded
    assert "pydantic" not in loaded


def test_models_made_inside_of_a_function_cross_to_workers() -> None:
    class First(TypedDict):
        n: int

    class Second(First, total=False):
        more: int

    called = TypedDict("called", {"n": int, "more": NotRequired[int]})  # noqa: UP013  # made by a call
    records = [{"n": n, "left": n} for n in range(4)]
    for model in (First, Second, called):
        bag = bk.from_sequence(records, npartitions=2).validate(model)
        assert bag.compute(scheduler="processes", workers=2) == [{"n": n} for n in range(4)]


def test_models_are_as_they_were_after_a_run() -> None:
    """What msgspec keeps on a class is no part of it: any pickle takes the class, as one of a notebook."""

    inner: Any = make_dataclass("Inner", [("x", int)])
    outer = make_dataclass("Outer", [("inner", inner | None), ("others", list[inner])])
    records = [{"inner": {"x": 1}, "others": [{"x": 2}]}]
    (found,) = bk.from_sequence(records).validate(outer).compute(scheduler="sync")
    assert cloudpickle.loads(cloudpickle.dumps(found)).others[0].x == 2
