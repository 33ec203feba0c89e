"""The documents of a part of a file: each begins in one part, wherever it is cut."""

import itertools

import pytest

from bagkit.json.documents import DocumentBatch, DocumentSpan, documents

FILES = [
    (b"[1,2,3]", ()),
    (b"[1, [], {}, 22]\n[3]", ()),
    (b'1 2 {"a": 1}\n[4,5] 6', ()),
    (b'{"n": [0], "a": [1,2,{"b": 1},3]} {"a": [4]}', ("a",)),
]


def begun_in(text: bytes, path: tuple[str, ...], start: int, stop: int | None) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for batch in documents([text], path, DocumentSpan(lambda: start, lambda: stop)):
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
