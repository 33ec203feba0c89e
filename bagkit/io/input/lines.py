"""Cutting bytes into blocks of whole lines: in bulk, at any byte, and always into the same lines.

Two ways, told apart by `byte_ends`. Where the bytes of a line end are a line end wherever they stand, bytes are cut
and each block is decoded by itself: such files can be read from the middle. Elsewhere (UTF-16, UTF-7, a `|` that is
half of a Japanese character) a file is decoded from its beginning on and the text is cut.

Lines end as in Python's text mode: "\\n", "\\r\\n" and "\\r" end one and are given as "\\n"; U+2028, U+0085, VT and
FF do not, which is why nothing here uses `str.splitlines`.
"""

from __future__ import annotations

import codecs
import importlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from encodings import normalize_encoding
from functools import lru_cache
from itertools import chain, repeat
from operator import add
from typing import Any, AnyStr, Final, Generic, Protocol

from bagkit.io.input.long_lines import Gathering, LongLine, TextBuffer
from bagkit.light_classes import dataclass

BLOCK: Final = 1 << 17
"""How many bytes are cut into lines at a time: measured the fastest of 64 KiB to 1 MiB."""

PLAIN_BLOCK: Final = 1 << 16 if "MALLOC_TRIM_THRESHOLD_" in os.environ else BLOCK
"""The same of files that are not compressed. In workers of dask.distributed, which set that variable, freed memory goes
back to the system at once, and a block of 128 KiB is new memory each time: tasks take a quarter longer."""

LONG: Final = 1 << 20
"""How long a line is before it is gathered piece by piece."""

BOM: Final = codecs.BOM_UTF8


class Ends(Protocol[AnyStr]):
    """Says where lines end; a position is an index into the data, just behind a line end."""

    @property
    def lead(self) -> int:
        """How much before a position one must look to see whether a line begins there; -1 for all of the file."""

    def last(self, data: AnyStr) -> int:
        """Return the last position of `data`, whatever follows it; 0 for none."""

    def first(self, data: AnyStr, at: int) -> int:
        """Return the first position that is `at` or more; the length of `data` for none."""

    def seam(self, data: AnyStr) -> AnyStr:
        """Return what of the end of `data` may be the beginning of a line end."""

    def split(self, data: AnyStr) -> list[AnyStr]:
        """Return the lines of `data`, each with its line end."""


@dataclass(frozen=True, slots=True)
class UniversalEnds:
    r"""`\n`, `\r\n` and `\r`, as in Python's text mode."""

    ascii_only: bool = False
    r"""Take a lone `\r` only where ASCII follows: bytes that are ignored in decoding might hide a `\n` behind them."""

    lead = 1

    def last(self, data: bytes) -> int:
        end = data.rfind(b"\n") + 1
        at = data.rfind(b"\r", end, max(0, len(data) - 1))
        while at >= 0 and not self._alone(data, at):
            at = data.rfind(b"\r", end, at)
        return at + 1 if at >= 0 else end

    def first(self, data: bytes, at: int) -> int:
        newline = data.find(b"\n", max(0, at - 1))
        stop = len(data) if newline < 0 else newline
        at = data.find(b"\r", max(0, at - 1), stop)
        while at >= 0 and not self._alone(data, at):
            at = data.find(b"\r", at + 1, stop)
        if at >= 0:
            return at + 1
        return len(data) if newline < 0 else newline + 1

    def seam(self, data: bytes) -> bytes:
        return b"\r" if data.endswith(b"\r") else b""

    def split(self, data: bytes) -> list[bytes]:
        if b"\r" in data:
            return data.splitlines(keepends=True)
        return io.BytesIO(data).readlines()  # up to three times as fast

    def _alone(self, data: bytes, at: int) -> bool:
        after = data[at + 1 : at + 2]
        return after != b"\n" and (not self.ascii_only or (after.isascii() and bool(after)))


@dataclass(frozen=True, slots=True)
class DelimiterEnds(Generic[AnyStr]):
    """One delimiter, which the lines keep; found from the left, as `split` does."""

    delimiter: AnyStr

    @property
    def overlaps(self) -> bool:
        """Whether two delimiters can share a part, as `||` in `|||`: only the file's beginning tells where one is."""
        size = len(self.delimiter)
        return any(self.delimiter[:k] == self.delimiter[size - k :] for k in range(1, size))

    @property
    def lead(self) -> int:
        return -1 if self.overlaps else len(self.delimiter)

    def last(self, data: AnyStr) -> int:
        if self.overlaps:
            return len(data) - len(data.split(self.delimiter)[-1])
        at = data.rfind(self.delimiter)
        return at + len(self.delimiter) if at >= 0 else 0

    def first(self, data: AnyStr, at: int) -> int:
        size = len(self.delimiter)
        end = 0 if self.overlaps else max(0, at - size)
        if at <= 0:
            return 0
        while True:
            found = data.find(self.delimiter, end)
            if found < 0:
                return len(data)
            end = found + size
            if end >= at:
                return end

    def seam(self, data: AnyStr) -> AnyStr:
        size = len(self.delimiter)
        return data[-(size - 1) :] if size > 1 else data[:0]

    def split(self, data: AnyStr) -> list[AnyStr]:
        if isinstance(data, bytes) and self.delimiter == b"\n":
            return io.BytesIO(data).readlines()
        *parts, rest = data.split(self.delimiter)
        lines = list(map(add, parts, repeat(self.delimiter)))
        if rest:
            lines.append(rest)
        return lines


def whole_lines(chunks: Iterable[AnyStr], ends: Ends[AnyStr]) -> Iterator[AnyStr]:
    """Yield what `chunks` hold, cut at line ends; only the last may lack one.

    Each byte is looked at a fixed number of times, however long a line is.
    """
    text = isinstance(ends, DelimiterEnds) and isinstance(ends.delimiter, str)
    buffer: Any = TextBuffer if text else io.BytesIO
    for block in blocks_of_lines(chunks, ends, lambda: Gathering(buffer())):
        yield block.content if isinstance(block, LongLine) else block  # type: ignore[misc]


def blocks_of_lines(
    chunks: Iterable[AnyStr], ends: Ends[AnyStr], gather: Callable[[], Gathering[AnyStr]]
) -> Iterator[AnyStr | LongLine]:
    """Yield what `whole_lines` does, but each line that is longer than LONG by itself, as `gather()` gathers it."""
    held: list[AnyStr] = []
    long: Gathering[AnyStr] | None = None
    seam: AnyStr | None = None
    for chunk in chunks:
        probe = seam + chunk if seam else chunk
        end = ends.last(probe)
        if not end:
            seam = ends.seam(probe)
            if long is None:
                held.append(chunk)
                if len(held) * len(chunk) <= LONG or sum(map(len, held)) <= LONG:
                    continue
                long = gather()
                yield from filter(None, map(long.add, held))
                held = []
            elif (refused := long.add(chunk)) is not None:
                yield refused
            continue
        end -= len(probe) - len(chunk)
        if long is not None:
            first = ends.first(probe, 1) - (len(probe) - len(chunk))
            yield from filter(None, (long.add(chunk[:first]), long.end()))
            long, chunk, end = None, chunk[first:], end - first
        if held or end:
            block = _joined(held, chunk, end)
            yield block
            del block
        held = [rest] if (rest := chunk[end:]) else []
        seam = ends.seam(rest)
    if long is not None:
        yield long.end()
    elif held:
        block = held[0] if len(held) == 1 else held[0][:0].join(held)
        del held
        yield block


def _joined(held: list[AnyStr], chunk: AnyStr, end: int) -> AnyStr:
    """Return what is held, and `chunk` up to `end` behind it."""
    if not held:
        return chunk if end == len(chunk) else chunk[:end]
    # A view, so that bytes are copied only once.
    parts: list[Any] = [*held, memoryview(chunk)[:end] if isinstance(chunk, bytes) else chunk[:end]]
    return chunk[:0].join(parts)


def split_lines(block: AnyStr, ends: Ends[AnyStr]) -> list[AnyStr]:
    """Return the lines of `block`, each with its line end; of a single long one there is no copy."""
    if len(block) > LONG and ends.first(block, 1) == len(block):
        return [block]
    return ends.split(block)


def lines_within(
    chunks: Iterable[bytes],
    ends: Ends[bytes],
    begin: int,
    start: int,
    stop: int | Callable[[], int | None] | None,
    gather: Callable[[int], Gathering[bytes]] = lambda offset: Gathering(io.BytesIO()),
) -> Iterator[tuple[int, bytes | LongLine]]:
    """Yield the lines whose first byte is from `start` to before `stop`, in blocks with their offsets.

    `chunks` hold the file from `begin` on, which is `first_byte(ends, start)`, and go on after `stop` for as long as
    they are asked. Where `stop` is a function, it says what is known of that when it is called: None until the chunks
    before it were given, which end there. `gather` gives what gathers the long line that begins at an offset.
    """
    known, offset = (None if callable(stop) else stop), begin
    if known is not None and known <= start:
        return

    def gather_here() -> Gathering[bytes]:
        last = stop() if callable(stop) else stop
        ours = offset >= start and (last is None or offset < last)
        return gather(offset) if ours else Gathering(None)  # others have a line that began before, or behind

    for block in blocks_of_lines(chunks, ends, gather_here):
        if known is None and callable(stop) and (known := stop()) is not None and offset >= max(known, start):
            return
        if isinstance(block, LongLine):
            if offset >= start and (block.content is not None or block.head is not None):
                yield offset, block
            offset += block.size
        else:
            low, high = 0, len(block)
            if offset < start:
                low = ends.first(block, start - offset)
            if known is not None and offset + high > known:
                high = ends.first(block, known - offset)
            if low < high:
                yield offset + low, (block if high - low == len(block) else block[low:high])
            offset += len(block)
        if known is not None and offset >= known:
            return


def first_byte(ends: Ends[bytes], start: int) -> int:
    """Return where to begin reading to find the lines that begin at `start` or after."""
    return 0 if ends.lead < 0 else max(0, start - ends.lead)


def count_lines(chunks: Iterable[bytes], ends: Ends[bytes], stop: int | Callable[[], int | None] | None = None) -> int:
    """Return how many lines of the file that `chunks` hold begin before `stop`, as `lines_within` has it."""
    several = isinstance(ends, UniversalEnds) and ends.ascii_only  # what is one line here may be cut further
    found = lines_within(chunks, ends, 0, 0, stop, lambda offset: Gathering(io.BytesIO(), None if several else 0))
    blocks = (block.content if isinstance(block, LongLine) else block for _, block in found)
    return sum(len(ends.split(block)) if isinstance(block, bytes) else 1 for block in blocks)


def strip_end(line: AnyStr, ends: Ends[AnyStr]) -> AnyStr:
    """Return `line` without its line end."""
    if isinstance(ends, DelimiterEnds):
        return line.removesuffix(ends.delimiter)
    if isinstance(line, bytes):
        if line.endswith(b"\n"):
            return line[:-2] if line.endswith(b"\r\n") else line[:-1]
        return line.removesuffix(b"\r")
    return line


# -- encodings ------------------------------------------------------------------------------

_HANDLERS: Final = frozenset({"strict", "replace", "ignore", "backslashreplace", "surrogateescape", "surrogatepass"})

_MULTIBYTE: Final = {
    **dict.fromkeys(["gbk", "gb2312", "big5", "big5hkscs", "cp932", "shift_jis", "shift_jis_2004"], _HANDLERS),
    **dict.fromkeys(["shift_jisx0213", "cp949", "johab", "cp950"], _HANDLERS),
    # Bytes that do not decode can take the line end with them, unless they are an error.
    **dict.fromkeys(["gb18030", "euc_jp", "euc_jis_2004", "euc_jisx0213", "euc_kr"], frozenset({"strict"})),
}
r"""Encodings in which bytes below 0x30 are never part of another character, under which error handlers."""


_UNDEFINED: Final = "\ufffe"
"""What the tables of `encodings` have for a byte that is no character."""


@lru_cache(maxsize=64)
def byte_ends(encoding: str, errors: str, delimiter: str | None) -> Ends[bytes] | None:
    """Return how to find line ends in undecoded bytes; None where the file must be decoded first.

    `encoding` is a codec's name as `codecs.lookup` gives it.
    """
    if errors not in _HANDLERS or not _is_safe(encoding, errors, "\r\n" if delimiter is None else delimiter):
        return None
    if delimiter is None:
        return UniversalEnds(ascii_only=errors == "ignore")
    ends = DelimiterEnds(delimiter.encode("utf-8" if encoding == "utf-8-sig" else encoding))
    # What an error handler makes of bad bytes may complete a delimiter; that matters only where its beginning counts.
    return None if ends.overlaps and errors not in ("strict", "surrogateescape", "surrogatepass") else ends


def _is_safe(encoding: str, errors: str, delimiter: str) -> bool:
    """Whether `delimiter` is in the text wherever its bytes are, and each of its characters has only one encoding."""
    if encoding in ("utf-8", "utf-8-sig"):
        return not any("\ud800" <= char <= "\udfff" for char in delimiter)
    if encoding == "ascii":
        return delimiter.isascii()
    if encoding in _MULTIBYTE:
        return errors in _MULTIBYTE[encoding] and all(char < "0" for char in delimiter)
    table = _single_bytes(encoding)
    if table is None:
        return False
    return all(table.count(char) == 1 and char != _UNDEFINED for char in delimiter)


@lru_cache(maxsize=64)
def _single_bytes(encoding: str) -> str | None:
    """Return the character of each byte; None if the encoding is not one byte a character, or no relative of ASCII."""
    try:
        module = importlib.import_module("encodings." + normalize_encoding(encoding).lower())
    except ImportError:
        return None
    table = getattr(module, "decoding_table", None)
    if not isinstance(table, str) or table.count("\n") != 1 or table.count("\r") != 1:
        return None
    return table if table[10] == "\n" and table[13] == "\r" else None


def decode_lines(data: bytes, ends: Ends[bytes], encoding: str, errors: str) -> list[str]:
    """Return the lines of `data`, a block of whole ones; raises UnicodeDecodeError if any does not decode."""
    if isinstance(ends, DelimiterEnds) and ends.delimiter not in (b"\n", b"\r", b"\r\n"):
        text = data.decode(encoding, errors)
        return DelimiterEnds(ends.delimiter.decode(encoding)).split(text)
    # Each line by itself is faster than one text of wide characters that is then cut.
    if encoding == "utf-8" and errors == "strict" and not data.isascii() and b"\r" not in data:
        return list(map(bytes.decode, ends.split(data)))
    newline = None if isinstance(ends, UniversalEnds) else ends.delimiter.decode("ascii")  # type: ignore[attr-defined]
    return io.TextIOWrapper(io.BytesIO(data), encoding, errors, newline).readlines()


def decode_line(line: bytes, ends: Ends[bytes], encoding: str, errors: str) -> str:
    """Return one line as `decode_lines` would."""
    text = line.decode(encoding, errors)
    if isinstance(ends, UniversalEnds):
        return text.replace("\r\n", "\n").replace("\r", "\n")
    return text


def decode_text(chunks: Iterable[bytes], encoding: str, errors: str, translate: bool) -> Iterator[str]:
    r"""Yield the text of a file from its beginning on; with `translate`, every line end as `\n`.

    All that can be decoded comes out before UnicodeDecodeError is raised.
    """
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    translator = io.IncrementalNewlineDecoder(None, translate=True) if translate else None
    for chunk, final in chain(zip(chunks, repeat(False)), [(b"", True)]):
        state = decoder.getstate()
        failure = None
        try:
            text = decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            decoder.setstate(state)
            text, failure = _decode_up_to_error(decoder, chunk), error
        if translator is not None:
            text = translator.decode(text, final=final or failure is not None)
        if text:
            yield text
        if failure is not None:
            raise failure


def _decode_up_to_error(decoder: codecs.IncrementalDecoder, chunk: bytes) -> str:
    """Return what of `chunk` decodes before the first error in it."""
    parts: list[str] = []
    try:
        parts.extend(decoder.decode(chunk[at : at + 1]) for at in range(len(chunk)))
        parts.append(decoder.decode(b"", True))
    except UnicodeDecodeError:
        pass
    return "".join(parts)
