"""Records held to models of pydantic, which has no wheel for Python 3.15: left out there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest

import bagkit as bk
from tests.operations.test_validating import WAYS, written


def test_a_model_of_pydantic_tells_all_violations(tmp_path: Path) -> None:
    class Inner(pydantic.BaseModel):
        order_id: int
        tags: list[str] = []

        @pydantic.field_validator("order_id")
        @classmethod
        def is_small(cls, value: int) -> int:
            if value > 6:
                raise ValueError("too large")
            return value

    lines = written(tmp_path)
    for way in WAYS:
        good, bad = bk.read_json(lines).validate(Inner).split_errors()
        records, rejects = bk.compute(good, bad, **way)
        assert [record.order_id for record in records] == [1, 4]
        assert type(records[0]) is Inner
        assert [len(reject["violations"]) for reject in rejects] == [1, 1, 1, 1, 1, 1, 1, 1, 1]
        assert rejects[-1]["violations"] == [
            {"path": "order_id", "expected": "to pass its check: too large", "got": "7 (int)"}
        ]
        strict = bk.read_json(lines).validate(Inner, strict=True).split_errors()[1].compute(**way)
        assert [each["path"] for each in strict[0]["violations"]] == ["order_id", "tags[1]"]


def test_a_model_of_pydantic_inside_of_another_is_held_to_as_well() -> None:
    class Small(pydantic.BaseModel):
        n: int

        @pydantic.field_validator("n")
        @classmethod
        def is_small(cls, value: int) -> int:
            if value > 3:
                raise ValueError("too large")
            return value

    holder: Any = make_dataclass("Holder", [("small", Small)])
    other: Any = msgspec.defstruct("Other", [("small", Small)])
    later: Any = pydantic.create_model("Later", field=("Nowhere", ...))
    given: dict[Any, Callable[[int], Any]] = {
        list[Small]: lambda n: [{"n": n}],
        Small | None: lambda n: {"n": n},
        holder: lambda n: {"small": {"n": n}},
    }
    for model, record in given.items():
        good, bad = bk.from_sequence([record(1), record(5)], npartitions=1).validate(model).split_errors()
        found, wrong = bk.compute(good, bad.pluck("violations"), scheduler="sync")
        assert "n=1" in str(found)
        assert [each["expected"] for each in wrong[0]] == ["to pass its check: too large"], model
    for model in (other, later, pydantic.BaseModel, Small(n=1)):
        with pytest.raises(bk.PlanError, match="is no model: "):
            bk.range(3, npartitions=1).validate(model)


def test_models_of_pydantic_1_are_an_error_at_once() -> None:
    import pydantic.v1

    with pytest.raises(bk.PlanError, match=r"validate: v1\.Old is a model of pydantic 1"):
        bk.range(3, npartitions=1).validate(type("Old", (pydantic.v1.BaseModel,), {"__module__": "v1"}))


class Order(pydantic.BaseModel):
    amount: int

    @pydantic.field_validator("amount")
    @classmethod
    def positive(cls, value: int) -> int:
        if value < 0:
            raise ValueError("it is negative")
        return value


def test_an_error_of_pydantic_itself_comes_back_from_workers() -> None:
    """Its class is one of Rust's, and its pickle leaves out the notes that say where it was raised."""
    orders = bk.from_sequence([{"amount": 1}, {"amount": -1}], npartitions=2).map(lambda r: Order(**r).amount)
    with pytest.raises(pydantic.ValidationError, match="it is negative") as caught:
        orders.compute(scheduler="processes", workers=2)
    assert caught.value.errors()[0]["loc"] == ("amount",)
    assert "record: {'amount': -1}" in caught.value.__notes__
