"""Classes of a program, whose annotations are text, mean the same in worker processes."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import pytest

import bagkit as bk

PROGRAM = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple, NotRequired, Optional, TypedDict
import msgspec

@dataclass
class Part:
    n: Annotated[int, msgspec.Meta(ge=0)]
    kind: ClassVar[str] = "part"

@dataclass
class Tree:
    part: Part
    below: Optional[list[Tree]] = None
    strange: Nowhere = None

class Row(TypedDict):
    part: Part
    more: NotRequired[int]

class Node(msgspec.Struct):
    part: Part
    below: list[Node] = []

class Pair(NamedTuple):
    part: Part
"""


def test_text_is_what_it_names_in_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    main = vars(sys.modules["__main__"])
    names = ("Part", "Tree", "Row", "Node", "Pair", "dataclass", "Annotated", "ClassVar", "NamedTuple", "NotRequired")
    for name in (*names, "Optional", "TypedDict", "msgspec", "annotations"):
        monkeypatch.setitem(main, name, None)
    exec(PROGRAM, main)
    part, node = main["Part"], main["Node"]
    given: dict[str, tuple[Any, Any]] = {
        "Row": ({"part": {"n": 1}}, {"part": part(1)}),
        "Node": ({"part": {"n": 1}, "below": [{"part": {"n": 2}}]}, node(part(1), [node(part(2))])),
        "Pair": ([{"n": 1}], main["Pair"](part(1))),
    }
    for name, (record, made) in given.items():
        bag = bk.from_sequence([record], npartitions=1)
        found = bag.validate(main[name]).compute(scheduler="processes", workers=1)
        assert found == [made]
        assert type(found[0]) is type(made)
    kinds = bk.from_sequence([{"n": 1}], npartitions=1).map(lambda record: msgspec.convert(record, main["Part"]).kind)
    assert kinds.compute(scheduler="processes", workers=1) == ["part"]
    tree = main["Tree"]
    shown = bk.from_sequence([1], npartitions=1).map(lambda _: {**tree.__annotations__})
    found = shown.compute(scheduler="processes", workers=1)[0]
    assert found["part"] is part
    assert found["below"] == list[tree] | None
    assert found["strange"] == "Nowhere", "what names nothing stays as it is"
