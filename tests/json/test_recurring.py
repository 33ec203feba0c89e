"""Texts made once: always the values of a parser that knows nothing, and the same objects where it pays."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bagkit.json import recurring
from bagkit.json.parse import json_parser
from bagkit.json.recurring import Recurring
from tests.examples import examples
from tests.json.json_cases import parse
from tests.json.test_parse import outcome, outcomes, plain


@contextmanager
def eager(**limits: int) -> Iterator[None]:
    """Let parsers learn from a handful of records."""
    with mock.patch.multiple(recurring, **{"QUIET": 3, "MOST_TEXTS": 4, **limits}):
        yield


VALUES = ['"x"', '"y"', '"\\u0078"', '"\u00e9"', '""', "null", '"a long text"', "1", "[1]", '"\\ud800"', "NaN", "{}"]
LINES = st.one_of(
    st.sampled_from(VALUES[:5]).map('{{"a": {}, "b": 1}}'.format),
    st.sampled_from(VALUES).map('{{"b": [2], "a": {}}}'.format),
    st.sampled_from(
        ['{"b": 1}', '{"a": "x"', "[]", '{"a": "new", "a": "x"}', '{"a": "x", "a": "new"}', '{"a": "x", "b": "\xff"}']
    ),
)


@examples(120)
@given(
    st.lists(
        st.lists(st.sampled_from(['{"a": "x", "b": 1}', '{"a": "y", "b": 2}']), max_size=4)
        | st.lists(LINES, max_size=3)
    ),
    st.sampled_from([(("a",), "value"), (("a", "b"), "attributes"), (("a",), "attributes")]),
)
def test_values_are_those_of_json(blocks: list[list[str]], wanted: tuple[tuple[str, ...], Any]) -> None:
    with eager():
        parser = json_parser(*wanted)
        for block in blocks:
            lines = [f"{line}\n".encode("latin-1") for line in block]
            expected = [outcome(partial(plain, *wanted, True), line) for line in lines]
            assert outcomes(parser, lines, b"".join(lines)) == expected


@pytest.mark.parametrize("shape", ["value", "attributes"])
def test_a_text_that_comes_again_is_the_same_object(shape: Any) -> None:
    def texts(*names: Any) -> list[Any]:
        records, careful = parse(parser, [json.dumps({"name": name}) for name in names], None)
        assert careful is None
        found = [record if shape == "value" else record.field_0 for record in records]
        assert found == list(names)
        return found

    with eager():
        parser = json_parser(("name",), shape)
        texts("Ada", "Grace", None)
        assert texts("Ada")[0] is not texts("Ada")[0]
        texts("Grace")
        assert texts("Ada", "Grace")[0] is texts(None, "Ada")[1]
        texts("Edsger")  # which is new
        assert texts("Ada")[0] is not texts("Ada")[0], "it waits for twice as many now"
        texts("Ada", "Edsger", "Grace", None)
        assert texts("Edsger")[0] is texts("Edsger")[0]


def test_each_field_is_learnt() -> None:
    def fields(*rows: tuple[Any, Any]) -> list[tuple[Any, Any]]:
        records, careful = parse(parser, [json.dumps({"a": a, "b": b}) for a, b in rows], None)
        assert careful is None
        found = [(record.field_0, record.field_1) for record in records]
        assert found == list(rows)
        return found

    def are_same(row: tuple[Any, Any]) -> tuple[bool, bool]:
        (first,), (second,) = fields(row), fields(row)
        return first[0] is second[0], first[1] is second[1]

    with eager():
        parser = json_parser(("a", "b"), "attributes")
        fields(("Ada", "Rome"), ("Bob", "Oslo"))
        fields(*[("Ada", "Oslo")] * 3)
        assert are_same(("Bob", "Rome")) == (True, True)
        fields(("Ada", "Kiel"))  # which is new, so the other field goes on without this one
        fields(*[("Ada", "Oslo")] * 9)
        assert are_same(("Bob", "Rome")) == (True, False)


def texts_of(lines: Sequence[Any]) -> list[Any]:
    return list(lines)


class Told:
    """Stands for decoders that know texts; remembers what they were told."""

    def __init__(self) -> None:
        self.texts: list[frozenset[Any]] = []

    def __call__(self, known: Sequence[frozenset[Any]]) -> Callable[[Sequence[Any]], list[Any]]:
        (texts,) = known
        self.texts.append(texts)

        def decode(lines: Sequence[Any]) -> list[Any]:
            if not texts.issuperset(lines):
                raise ValueError("a text that it does not know")
            return list(lines)

        return decode


@pytest.mark.parametrize(
    "block",
    [
        ["a", "b", "c", "d", "e"],  # more than four
        ["a long text"],
        ["a", 1],
        [["unhashable"]],
        [b"a"],
    ],
)
def test_it_does_not_try_where_nothing_is_gained(block: list[Any]) -> None:
    told = Told()
    with eager(MOST_LETTERS=9):
        decode = Recurring(texts_of, [texts_of], told)
        for _ in range(9):
            assert decode(block) == block
            assert decode(["a"]) == ["a"]
    assert told.texts == []


def test_it_stops_looking_where_new_texts_keep_coming() -> None:
    told = Told()
    with eager(MOST_TEXTS=10**6, LOOKED_AT=3_000):
        decode = Recurring(texts_of, [texts_of], told)
        for number in range(1_000):
            for text in ("a", "b", "c", "d", f"new {number}"):
                assert decode([text]) == [text]
    assert 0 < len(told.texts) < 5
    assert max(map(len, told.texts)) < 1_000


def test_threads_may_share_it() -> None:
    with eager(), ThreadPoolExecutor(4) as threads:
        decode = Recurring(texts_of, [texts_of], Told())
        blocks = [["a"], ["b", "a"], ["a"] * 3, ["c"]] * 500
        assert list(threads.map(decode, blocks)) == blocks
