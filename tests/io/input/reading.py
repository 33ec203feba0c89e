"""Reads a source as a run does: its pieces by its bare self, block by block."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

from bagkit.flow.blocks import Block, Place
from bagkit.flow.report import Report
from bagkit.io.input.file_source import FilePiece, FileSource
from bagkit.io.input.text import plan_text_files


class Reading:
    """An iterator over the records of blocks. It goes on behind one that fails, and knows which was the last."""

    def __init__(self, blocks: Iterable[Block], on_read: Callable[[int], None] = lambda nbytes: None) -> None:
        self._blocks = iter(blocks)
        self._on_read = on_read
        self._block: Block | None = None
        self._index = 0
        self.ended = False

    def __iter__(self) -> Reading:
        return self

    def __next__(self) -> Any:
        self._index += 1
        while self._block is None or self._index >= len(self._block.records):
            if self._block is not None:
                self._on_read(self._block.nbytes)
                self._block = None
            self.ended = True
            self._block = next(self._blocks)
            self.ended, self._index = False, 0
        record = self._block.records[self._index]
        return record if self._block.parse is None else self._block.parse(record)

    def place(self) -> Place:
        assert self._block is not None
        return self._block.place(self._index)


def read_pieces(source: FileSource, pieces: tuple[FilePiece, ...], raw: bool = False) -> list[Any]:
    report = Report()
    bare, pieces = pickle.loads(pickle.dumps((source.bare(), pieces)))
    reading = Reading(bare.read(pieces, report, raw), report.read)
    records = list(reading)
    assert reading.ended
    assert report.bytes_read == sum(piece.weight for piece in pieces)
    return records


def read_partitions(source: FileSource, raw: bool = False) -> list[list[Any]]:
    return [read_pieces(source, pieces, raw) for pieces in source.pieces()]


def read(urlpath: Any, raw: bool = False, **options: Any) -> list[Any]:
    return list(chain.from_iterable(read_partitions(plan_text_files(urlpath, **options), raw)))


def python_lines(path: Path, encoding: str = "utf-8", errors: str = "strict", newline: str | None = None) -> list[str]:
    with open(path, encoding=encoding, errors=errors, newline=newline) as file:
        return list(file)


def split_lines(text: str, delimiter: str) -> list[str]:
    """The oracle for any delimiter, written naively."""
    found, at = [], 0
    while at < len(text):
        end = text.find(delimiter, at)
        end = len(text) if end < 0 else end + len(delimiter)
        found.append(text[at:end])
        at = end
    return found
