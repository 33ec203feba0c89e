"""The documents of a part of a file: each begins in one part, wherever it is cut."""

import itertools
from typing import Any

import pytest

from bagkit.json.documents import DocumentBatch, DocumentSpan, documents
from tests.each_case import each_case

FILES = [
    (b"[1,2,3]", ()),
    (b"[1, [], {}, 22]\n[3]", ()),
    (b'1 2 {"a": 1}\n[4,5] 6', ()),
    (b'{"n": [0], "a": [1,2,{"b": 1},3]} {"a": [4]}', ("a",)),
]


def begun_in(
    text: bytes, path: tuple[str, ...], start: int, stop: int | None, size: int = 1000
) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    chunks = [text[at : at + size] for at in range(0, len(text), size)]
    for batch in documents(chunks, path, DocumentSpan(lambda: start, lambda: stop)):
        assert isinstance(batch, DocumentBatch)
        found += zip(batch.offsets(), batch.documents, strict=True)
    return found


@pytest.mark.parametrize(("text", "path"), FILES)
def test_each_part_has_the_documents_that_begin_in_it(text: bytes, path: tuple[str, ...]) -> None:
    everything = begun_in(text, path, 0, None)
    assert all(text.startswith(document, at) for at, document in everything)
    for start, stop in itertools.combinations([*range(len(text)), None], 2):
        assert start is not None
        expected = [each for each in everything if start <= each[0] and (stop is None or each[0] < stop)]
        assert begun_in(text, path, start, stop) == expected, (start, stop)


@each_case(
    ("text", "path", "found"),
    [
        (b"[1,,2, ,\n3,]", (), [(1, b"1"), (3, b""), (4, b"2"), (7, b""), (9, b"3"), (11, b"")]),
        (b"[1 , ]", (), [(1, b"1"), (5, b"")]),
        (rb'[{\"a\": 1}, {"b": 1}]', (), [(1, rb"{\"a\": 1}"), (13, b'{"b": 1}')]),
        (rb'{\"a\": 1} {"b": 1}', (), [(0, rb"{\"a\": 1}"), (11, b'{"b": 1}')]),
    ],
)
def test_what_is_no_json_is_cut_alike_wherever_chunks_end(text: bytes, path: Any, found: Any) -> None:
    for size in (1, 2, 3, 5, 1000):
        assert begun_in(text, path, 0, None, size) == found, size
