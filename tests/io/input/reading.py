"""Reads a source as a run does: its pieces by its bare self, block by block."""

from __future__ import annotations

import pickle
from itertools import chain
from pathlib import Path
from typing import Any

from bagkit.io.input.file_source import FilePiece, FileSource
from bagkit.io.input.text import plan_text_files
from bagkit.kernels.report import Report
from bagkit.kernels.stream import Stream


def read_pieces(source: FileSource, pieces: tuple[FilePiece, ...], raw: bool = False) -> list[Any]:
    report = Report()
    bare, pieces = pickle.loads(pickle.dumps((source.bare(), pieces)))
    stream = Stream(bare.read(pieces, report, raw), report.read)
    records = list(stream.records())
    assert stream.ended
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
