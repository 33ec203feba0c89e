"""Records and functions of users whose classes are odd about attributes: they are records and functions as any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from tests.each_case import each_case


class Row(dict[str, Any]):
    __getattr__ = dict.__getitem__


class Strict:
    """It answers nothing but what it holds, with a KeyError."""

    def __init__(self, code: int) -> None:
        self.data = {"code": code}

    def __getattr__(self, name: str) -> Any:
        return self.__dict__["data"][name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Strict) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.code)


class _RefusesQuestions(type):
    def __getattr__(cls, name: str) -> Any:
        raise ValueError(f"{name} is not for others")


class OfAnOddClass(metaclass=_RefusesQuestions):
    def __init__(self, code: int) -> None:
        self.code = code


KINDS: list[Callable[[int], Any]] = [lambda code: Row(code=code), Strict, OfAnOddClass]


@each_case("kind", KINDS)
def test_records(kind: Callable[[int], Any], tmp_path: Path) -> None:
    records = [kind(code) for code in (2, 0, 1)]
    bag = bk.from_sequence(records, npartitions=2)
    with bk.options(scheduler="sync"):
        assert bag.compute() == records
        assert bag.map(lambda record: record.code).compute() == [2, 0, 1]
        assert [record.code for record in bag.sort_by(lambda record: record.code)] == [0, 1, 2]
        assert sorted(key for key, _ in bag.groupby(lambda record: record.code % 2)) == [0, 1]
        assert bag.distinct(lambda record: record.code % 2).count().compute() == 2
        assert [record.code for record in bag.topk(1, key=lambda record: record.code)] == [2]
        assert bag.map(lambda record, other: record.code + other.code, records[2]).compute() == [3, 1, 2]
        assert bk.delayed(lambda records: records[0].code)([records[0]]).compute() == 2
        assert bk.delayed(kind)(3).compute().code == 3
        got = bag.map(lambda record: 1 // record.code).compute(on_error="collect")
    assert got.result == [0, 1]
    assert "ZeroDivisionError" in repr(got.failures[0])
    assert "ZeroDivisionError" in got._repr_html_()


class StrictFunction:
    """It has no name, and says so with a KeyError."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def __getattr__(self, name: str) -> Any:
        return {}[name]


class AnswersWithItself(StrictFunction):
    def __getattr__(self, name: str) -> Any:
        return self


class _OfAnOddClass(StrictFunction, metaclass=_RefusesQuestions):
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@each_case("kind", [StrictFunction, AnswersWithItself, _OfAnOddClass])
def test_functions(kind: type[StrictFunction], tmp_path: Path) -> None:
    bag = bk.range(4, npartitions=2)
    with bk.options(scheduler="sync"):
        assert bag.map(kind(lambda value: value + 1)).compute() == [1, 2, 3, 4]
        assert bag.filter(kind(lambda value: value > 1)).compute() == [2, 3]
        assert bag.map_partitions(kind(list)).compute() == [0, 1, 2, 3]
        assert bag.fold(kind(lambda left, right: left + right)).compute() == 6
        assert bag.sort_by(kind(lambda value: -value)).compute() == [3, 2, 1, 0]
        assert bag.topk(1, key=kind(lambda value: -value)).compute() == [0]
        assert bag.map(lambda value: (value, value)).starmap(kind(max)).compute() == [0, 1, 2, 3]
        assert bk.delayed(kind(lambda value: value + 1))(1).compute() == 2
        with pytest.raises(ZeroDivisionError) as caught:
            bag.map(kind(lambda value: 1 // value)).map(kind(lambda value: value)).compute()
    assert f"in map({kind.__name__})" in caught.value.__notes__


def test_a_failure_in_a_method_of_an_odd_object_is_placed() -> None:
    strict = Strict(1)
    strict.__dict__["divide"] = lambda value: 1 // value

    def divide(value: int, self: Any) -> Any:
        return self.__dict__["divide"](value)

    with pytest.raises(ZeroDivisionError) as caught:
        bk.from_sequence([0]).map(divide, self=strict).filter(bool).compute(scheduler="sync")
    assert "record: 0" in caught.value.__notes__
