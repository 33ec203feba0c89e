"""What is known not to change the records it is given; all else has to be declined."""

from __future__ import annotations

import datetime
import functools
import heapq
import json
import math
import operator
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from bagkit.user_code.purity import may_change
from tests.each_case import each_case

TABLE = {"a": 1}
FUNCTIONS = {"a": len}
PATTERN = re.compile("x")


class Holder:
    def get(self, record: Any) -> None:
        record["x"] = 1


HOLDER = Holder()
LAST: Any = None


def helper(record: Any) -> Any:
    return record["a"] + 1


def items_of(record: Any) -> Iterator[Any]:
    for item in record["items"]:
        if item["n"] > 2:
            yield {**item, "id": record["id"]}


def recursive(n: int) -> int:
    return recursive(n - 1) if n else 0


def tries(record: Any) -> Any:
    try:
        return int(record["x"])
    except (KeyError, ValueError):
        return None


def matches(record: Any) -> Any:
    match record:
        case {"a": int(x)}:
            return x
    return None


def writes(record: Any) -> Any:
    record["a"] = 1
    return record


def writes_by_another(record: Any) -> Any:
    return writes(record)


def deletes(record: Any) -> Any:
    del record["a"]
    return record


def extends_in_place(record: Any) -> Any:
    tags = record["tags"]
    tags += [1]
    return tags


def writes_a_slice(record: Any) -> None:
    record["x"][1:2] = []


def keeps(record: Any) -> None:
    global LAST
    LAST = record


def with_function(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda record: function(record)


HARMLESS = [
    helper, items_of, recursive, tries, matches, str.lower, dict.get, operator.itemgetter("a"), operator.add,
    functools.partial(max, 3), with_function(len), Counter, json.loads,
    lambda r: len(r["items"]) > 2,
    lambda r: helper(r),
    lambda r: {key: value for key, value in r.items() if value is not None},
    lambda r: PATTERN.sub("", r["t"]),
    lambda r: TABLE.get(r["k"], 0),
    lambda r: math.sqrt(r["x"]),
    lambda r: datetime.datetime.fromisoformat(r["t"]),
    lambda r: sum(item["n"] for item in r["items"]),
    lambda r: f"{r['a']:>3}",
    lambda r: sorted(r["x"], key=lambda value: value[0])[:3],
    lambda r: [*r["x"], 1],
    lambda r: json.dumps(r),
]  # fmt: skip
CHANGING = [
    writes, writes_by_another, deletes, extends_in_place, writes_a_slice, keeps, HOLDER.get, dict.update, dict.popitem,
    list.sort, [].append, operator.setitem, operator.iadd, operator.methodcaller("update"),
    operator.attrgetter("update"), random.shuffle, heapq.heapify, Holder, eval, getattr,
    functools.partial(dict.update, {}), with_function(writes),
    lambda r: r.update(a=1),
    lambda r: r["x"].append(1),
    lambda r: FUNCTIONS[r["k"]](r),
    lambda r: HOLDER.get(r),
    lambda r: random.shuffle(r["x"]),
    lambda r: setattr(r, "a", 1),
    lambda r: r.update(a=1),
    lambda r: exec("r['a'] = 1"),
    lambda r: r.__setitem__("a", 1),
    lambda r: dict.update(r, a=1),
    lambda r: Counter.update(r, a=1),
]  # fmt: skip


@each_case("function", HARMLESS)
def test_known_to_change_nothing(function: Any) -> None:
    assert not may_change([function])


@each_case("function", CHANGING)
def test_all_else_is_declined(function: Any) -> None:
    assert may_change([function])
    assert may_change([len, function])


def test_functions_of_one_code_are_told_apart() -> None:
    assert may_change([with_function(len), with_function(writes)])


def test_a_class_made_by_exec() -> None:
    content: dict[str, Any] = {}
    exec("class Made:\n    def __init__(self, record): record['a'] = 1", content)
    assert may_change([content["Made"]])
