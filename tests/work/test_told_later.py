"""What a collected failure says is made once somebody asks, where it is known that it will be the same then."""

from __future__ import annotations

import gc
import json
import pickle
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import bagkit as bk

AGES: list[Any] = [1, "x", 3, None, 5, [], 7]


def clean(record: dict[str, Any]) -> dict[str, Any]:
    return {"name": record["name"], "age": record["age"] + 1}


def is_old(record: dict[str, Any]) -> Any:
    return record["age"] > 4


def inverse(record: dict[str, Any]) -> Any:
    return 1 / record["age"]


def first(record: dict[str, Any]) -> Any:
    return record["age"][0]


STEPS: dict[str, Callable[[bk.Bag[Any]], bk.Bag[Any]]] = {
    "map": lambda bag: bag.map(clean),
    "map behind filter": lambda bag: bag.filter(lambda record: record["name"] != "e").map(clean),
    "filter": lambda bag: bag.filter(is_old),
    "remove": lambda bag: bag.remove(is_old),
    "division": lambda bag: bag.map(inverse),
    "subscript": lambda bag: bag.map(first),
    "pluck": lambda bag: bag.pluck("nothing"),
    "two functions": lambda bag: bag.map(lambda record: record["age"] + 1).map(lambda age: 1 / (age - 2)),
}


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Return the path of lines with fields that nobody reads; two of them are cut off."""
    path = tmp_path / "lines.jsonl"
    records = [json.dumps({"name": name, "age": age, "more": "ä"}) for name, age in zip("abcdefg", AGES, strict=True)]
    path.write_text("\n".join([*records[:3], '{"name": "c', *records[3:], '{"name":']) + "\n", encoding="utf-8")
    return path


def collected(bag: bk.Bag[Any], scheduler: Any = "sync") -> list[bk.Failure]:
    return bag.compute(scheduler=scheduler, on_error="collect").failures


def said(failure: bk.Failure) -> tuple[Any, ...]:
    return failure.place, failure.operation, type(failure.error), str(failure.error), failure.error.args


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_it_says_what_plain_python_does(name: str, scheduler: Any, lines: Path) -> None:
    found = collected(STEPS[name](bk.read_text(lines).map(json.loads)), scheduler)
    plainly = STEPS[name](bk.from_sequence(lines.read_text(encoding="utf-8").splitlines(True)).map(json.loads))
    expected = collected(plainly)
    texts = [line.removesuffix("\n") for line in [failure.place.record for failure in expected if failure.place]]
    assert [failure.place.record for failure in found if failure.place] == texts
    assert [said(failure)[1:] for failure in found] == [said(failure)[1:] for failure in expected]
    whole = lines.read_text(encoding="utf-8").splitlines()
    assert [failure.place.line for failure in found if failure.place] == [whole.index(text) + 1 for text in texts]


@pytest.mark.parametrize("asked", ["place", "operation", "error"])
def test_it_is_told_once_and_whatever_is_asked_first(asked: str, lines: Path) -> None:
    for failure in collected(bk.read_text(lines).map(json.loads).map(clean)):
        once = getattr(failure, asked)
        assert getattr(failure, asked) is once
        assert failure.error is failure.error
        assert said(failure) == said(replace(failure)) == said(pickle.loads(pickle.dumps(failure)))
        assert failure.collected
        assert not failure.is_damage
    unknown = "nothing"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(failure, unknown)


def test_the_users_frames_are_there_with_their_variables(lines: Path) -> None:
    failures = collected(bk.read_text(lines).map(json.loads).map(clean))
    traces = [failure.error.__traceback__ for failure in failures]
    codes = [trace.tb_frame.f_code for trace in traces if trace is not None]
    assert codes == [clean.__code__] * 3
    assert all(trace.tb_next is None for trace in traces if trace is not None)
    names = [trace.tb_frame.f_locals["record"]["name"] for trace in traces if trace is not None]
    assert names == ["b", "d", "f"]


class Asker:
    """What is at hand where somebody asks."""


def test_it_holds_nothing_of_who_asks(lines: Path) -> None:
    failures = collected(bk.read_text(lines).map(json.loads).map(clean))

    def ask() -> weakref.ref[Asker]:
        asker = Asker()
        assert "".join([str(failure.error) for failure in failures])
        return weakref.ref(asker)

    asker = ask()
    gc.collect()
    assert asker() is None
    for failure in failures:
        context = failure.error.__context__  # of json's own
        assert context is None or context.__traceback__ is None
        trace = failure.error.__traceback__
        frame: FrameType | None = None if trace is None else trace.tb_frame.f_back
        while frame is not None:
            assert frame is not sys._getframe()
            assert not frame.f_locals
            frame = frame.f_back


def test_a_function_of_the_users_is_called_once_for_each_record(lines: Path) -> None:
    names: list[str] = []

    def noted(record: dict[str, Any]) -> Any:
        names.append(record["name"])
        return record["age"] + 1

    failures = collected(bk.read_text(lines).map(json.loads).map(noted))
    kinds = [type(failure.error).__name__ for failure in failures]
    assert kinds == ["TypeError", "JSONDecodeError", "TypeError", "TypeError", "JSONDecodeError"]
    assert names == list("abcdefg")


def test_failures_of_several_steps_stand_in_order(lines: Path) -> None:
    bag = bk.read_text(lines).map(json.loads).filter(lambda record: record["age"] != 3).map(clean)
    failures = collected(bag)
    assert [failure.place.line for failure in failures if failure.place] == [2, 4, 5, 7, 9]
    assert [failure.operation.partition("(")[0] for failure in failures] == ["map"] * 5
