"""`read_text`: the lines of text files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bagkit.errors import PlanError, one_line
from bagkit.flow.blocks import Block
from bagkit.io.input import lines
from bagkit.io.input.encodings import Encoding, checked_encoding
from bagkit.io.input.file_source import FileSource, PieceReader, checked_bytes, find_partitions
from bagkit.io.input.line_search import encoded
from bagkit.io.input.text_blocks import LineFormat, decode_line, given, read_lines
from bagkit.light_classes import dataclass


@dataclass(frozen=True, slots=True)
class ReadText(FileSource):
    """The lines of files; made by `plan_text_files`."""

    encoding: Encoding
    linedelimiter: str | None
    max_line: int | None
    """How many bytes a line may have, with its end."""
    texts: tuple[str, ...] = ()
    """Lines that have none of these may be left out; none if all lines are wanted."""

    function = "read_text"
    unit = "line"
    any_content = True
    plain = "always"

    def user_functions(self) -> tuple[Any, ...]:
        # Through their code an error in a line is known as this op's.
        return (lines.decode_line, decode_line, given)

    @property
    def label(self) -> str:
        looked_for = f", lines with {' or '.join(map(one_line, self.texts))}" if self.texts else ""
        return f"{self.function}({self.files.name}{looked_for})"

    @property
    def error_label(self) -> str:
        return f"{self.function}({self.files.name})"

    def having(self, texts: tuple[str, ...]) -> ReadText | None:
        if self.include_path or encoded(texts, self.encoding, self.linedelimiter) is None:
            return None
        return replace(self, texts=texts)

    def blocks(self, reader: PieceReader, raw: bool) -> Iterator[Block]:
        texts = None if reader.only_counts else encoded(self.texts, self.encoding, self.linedelimiter)
        form = LineFormat(self.encoding, self.linedelimiter, self.max_line, texts or ())
        can_be_raw = self.linedelimiter is None and not self.include_path and self.encoding.is_strict_utf8
        return read_lines(form, reader, raw and can_be_raw)


def plan_text_files(
    urlpath: Any,
    *,
    blocksize: int | str | None = None,
    encoding: str = "utf-8",
    errors: str = "strict",
    linedelimiter: str | None = None,
    include_path: bool = False,
    max_line: int | str | None = None,
    **options: Any,
) -> ReadText:
    """Return the source of `read_text`: finds the files and checks everything that can be checked without opening them.

    Raises PlanError for arguments that do not go together, and what `find_partitions` raises.
    """
    longest = checked_bytes(max_line, "max_line")
    known = checked_encoding(encoding, errors)
    if linedelimiter is not None and (not isinstance(linedelimiter, str) or not linedelimiter):
        raise PlanError(f"linedelimiter: got {one_line(linedelimiter)}; expected one character or more, or None")
    ends = LineFormat(known, linedelimiter, longest).byte_ends
    if blocksize is not None and ends is None:
        raise PlanError(
            f"blocksize: with encoding={encoding!r}, errors={errors!r} and linedelimiter={linedelimiter!r} lines "
            "can't be found from the middle of a file; expected blocksize=None"
        )
    divisible = ends is not None and ends.lead >= 0
    from_members = divisible and longest is None  # which tells bytes of lines that it meets
    files = find_partitions(urlpath, blocksize=blocksize, divisible=divisible, from_members=from_members, **options)
    return ReadText(files, known, bool(include_path), linedelimiter, longest)
