"""From the bytes of a file to the JSON documents in it: one after the other, or the elements of an array.

Nothing is parsed here that becomes a record. Text is cut where `levels` says that it can be, msgspec cuts what is
between into documents, and where it refuses, since it is stricter than `json.loads`, commas do. So a document that is
not JSON is cut out like the others, and its parser says what is wrong with it. What is around the documents is
checked here; and so is what is beside the array that a path leads to, since `json.loads` would read that too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from bagkit.json.cutting import SCALAR, Seam, elements, one_by_one
from bagkit.json.levels import Level, ends_in_escape, surveyed
from bagkit.json.standard import loads_here
from bagkit.light_classes import NamedTuple, dataclass

_SPACE: Final = b" \t\n\r"
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_ASKED_AT: Final = 1 << 23
"""Bytes of a document that has not ended, after which is asked whether it can become one."""
_EXPLAINED: Final = 1 << 26
"""Bytes of text that is parsed again to say what is wrong with it."""
_MARK: Final = b"\xef\xbb\xbf"
_SPACES: Final = re.compile(rb"[ \t\n\r]*+")
_BETWEEN: Final = re.compile(rb"[ \t\n\r]*+,?+[ \t\n\r]*+")
_SHOWN_KEYS: Final = 5
_AT_THE_END: Final = 16
"""How many bytes before its end an error may be that only the cut of a document makes."""
_FIRST_LOOK: Final = 1 << 12
"""Bytes that are looked at first, for a document may be short; then twice as many each time."""


class NoJsonError(Exception):
    """Text around documents is not JSON, or ends too early."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        """Of the first byte that is wrong."""


@dataclass(frozen=True, slots=True)
class DocumentBatch:
    """Some documents that follow each other: `text` has them, and begins at the byte `offset`."""

    offset: int
    text: bytes
    documents: Sequence[bytes]

    def offsets(self) -> Iterator[int]:
        """Yield where each of the documents begins; for one that is missing between commas, where it should."""
        at, between = 0, _SPACES
        for document in self.documents:
            if document:
                at = self.text.find(document, at)
            elif (found := between.match(self.text, at)) is not None:
                at = found.end()
            yield self.offset + at
            at, between = at + len(document), _BETWEEN


@dataclass(frozen=True, slots=True)
class Refused:
    """A document in which a path leads nowhere."""

    offset: int
    message: str


@dataclass(frozen=True, slots=True)
class DocumentSpan:
    """Which documents are wanted: those that begin from byte `start()` to before `stop()`.

    Both are None until it is known: then all that was read so far comes before.
    """

    start: Callable[[], int | None]
    stop: Callable[[], int | None]


def documents(
    chunks: Iterable[bytes], path: tuple[str, ...], span: DocumentSpan | None = None
) -> Iterator[DocumentBatch | Refused]:
    """Yield the documents of a file.

    Those that are arrays are in their place the elements that they have. With a `path` the documents are the elements
    of the array that it leads to, in each of the documents of the file.

    Args:
        chunks: The file, in UTF-8.
        path: Keys, each of the object under the one before.
        span: Which documents are wanted; None for all.

    Raises:
        NoJsonError: What is around the documents is not JSON.

    >>> [batch.documents for batch in documents([b'{"a": [1, {}]} [2, 3]'], ())]
    [[b'{"a": [1, {}]}', b'2', b'3']]
    >>> [batch.documents for batch in documents([b'{"n": 1, "a": [1, {}]}'], ("a",))]
    [[b'1', b'{}']]
    """
    return _Reading(chunks, span or DocumentSpan(lambda: 0, lambda: None)).read(path)


class _Body(NamedTuple):
    """Some text with documents in it: `whole` says whether it is all that is between two brackets."""

    offset: int
    text: bytes
    whole: bool
    documents: Sequence[Any] | None = None
    """The documents, as msgspec's Raw, where they are known already."""


class _Reading:
    """A file that is read from its beginning to its end; mutable, of one reading."""

    def __init__(self, chunks: Iterable[bytes], span: DocumentSpan) -> None:
        self._chunks = iter(chunks)
        self._span = span
        self._data = b""
        self._at = 0
        self._base = 0
        """The offset of `_data`."""
        self._done = False
        """Whether all that is wanted was given."""

    @property
    def _offset(self) -> int:
        return self._base + self._at

    def read(self, path: tuple[str, ...]) -> Iterator[DocumentBatch | Refused]:
        while len(self._data) < len(_MARK) and self._more():
            pass
        self._at = len(_MARK) if self._data.startswith(_MARK) else 0
        while not self._done and (sign := self._next_sign()) and not self._is_behind(self._offset):
            if path:
                begin = self._offset
                if sign == b"{":
                    self._at += 1
                    yield from self._at_path(path, 0, begin)
                else:
                    yield from self._refuse(begin, _kind(sign), path, 0)
            elif sign == b"[":
                self._at += 1
                yield from self._wanted(self._between(b"[]"), elements)
            else:
                yield from self._wanted(self._bodies(b""), one_by_one)

    def _is_behind(self, offset: int) -> bool:
        stop = self._span.stop()
        return stop is not None and offset >= stop

    # Signs ----------------------------------------------------------------------------------------------------------

    def _more(self, count: int = 1) -> bool:
        """Read on, `count` chunks; return whether there is more."""
        chunks = list(islice(self._chunks, count))
        while chunks and ends_in_escape(chunks[-1], len(chunks[-1])) and (more := next(self._chunks, b"")):
            chunks[-1] += more
        self._base += self._at
        self._data, self._at = b"".join([self._data[self._at :], *chunks]), 0
        return bool(chunks)

    def _next_sign(self) -> bytes:
        """Return the next byte that is no space, without taking it; none at the end."""
        while True:
            spaces = _SPACES.match(self._data, self._at)
            self._at = spaces.end() if spaces is not None else self._at
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._more():
                return b""

    def _take(self, expected: bytes, what: str) -> bytes:
        """Take the next sign, one of `expected`."""
        sign = self._next_sign()
        if not sign or sign not in expected:
            raise NoJsonError(what, self._offset)
        self._at += 1
        return sign

    def _token(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """Take what `pattern` finds here, to its end."""
        self._next_sign()
        count = 1
        while (match := pattern.match(self._data, self._at)) is None or match.end() == len(self._data):
            if not self._more(count):
                break
            count *= 2  # a token may be long
        if match is None:
            raise NoJsonError(what, self._offset)
        self._at = match.end()
        return match.group()

    # A path ---------------------------------------------------------------------------------------------------------

    def _at_path(self, path: tuple[str, ...], depth: int, begin: int) -> Iterator[DocumentBatch | Refused]:
        """Yield the elements of the array that the rest of `path` leads to, in the object that has just begun."""
        found, first = False, True
        others: list[str] = []
        while not self._done:
            sign = self._next_sign()
            if sign == b"}" and first:
                break
            at = self._offset
            if sign != b'"':
                raise NoJsonError("Expecting property name enclosed in double quotes", at)
            key = _parsed(self._token(_STRING, "Unterminated string starting at"), at)
            self._take(b":", "Expecting ':' delimiter")
            at, sign = self._offset, self._next_sign()
            if key != path[depth]:
                others += [key] if len(others) < _SHOWN_KEYS else []
                self._skip(sign)
            elif found:
                way = ".".join(path[: depth + 1])
                raise NoJsonError(f"the key {way!r} is there twice; expected once, for the last one would count", at)
            else:
                found = True
                yield from self._under(path, depth, sign)
            if self._done:
                return
            first = False
            if self._take(b",}", "Expecting ',' delimiter") == b"}":
                self._at -= 1
                break
        if self._done:
            return
        self._at += 1
        if not found:
            there = f", but {', '.join([repr(key[:40]) for key in others])}" if others else ""
            yield from self._own(Refused(begin, f"there is no {'.'.join(path[: depth + 1])!r} in it{there}"))

    def _under(self, path: tuple[str, ...], depth: int, sign: bytes) -> Iterator[DocumentBatch | Refused]:
        begin = self._offset
        if depth + 1 < len(path) and sign == b"{":
            self._at += 1
            yield from self._at_path(path, depth + 1, begin)
        elif depth + 1 == len(path) and sign == b"[":
            self._at += 1
            yield from self._wanted(self._between(b"[]"), elements)
        else:
            yield from self._refuse(begin, _kind(sign), path, depth + 1)

    def _refuse(self, begin: int, kind: str, path: tuple[str, ...], depth: int) -> Iterator[Refused]:
        """Yield the error for a value of another kind than the path needs, and go on behind it."""
        self._skip(self._next_sign())
        where = f"the value of {'.'.join(path[:depth])!r}" if depth else "the document"
        expected = "an array" if depth == len(path) else "an object"
        yield from self._own(Refused(begin, f"{where} is {kind}; expected {expected}"))

    def _own(self, refused: Refused) -> Iterator[Refused]:
        """Yield what was found out here, if it is wanted here: the reader of a document's end decides."""
        start, here = self._span.start(), self._offset - 1
        self._done = self._is_behind(here)
        if start is not None and start <= here and not self._done:
            yield refused

    def _skip(self, sign: bytes) -> None:
        """Pass over a value that nobody wants; it has to be JSON."""
        at = self._offset
        if sign in (b"{", b"["):
            self._at += 1
            brackets = b"{}" if sign == b"{" else b"[]"
            for offset, text, whole, _ in self._between(brackets):
                if not whole and not text.strip(_SPACE):
                    raise NoJsonError("Expecting value", offset + len(text))
                _check(sign + text + brackets[1:], offset - 1)
        elif sign == b'"':
            _check(self._token(_STRING, "Unterminated string starting at"), at)
        elif not sign or sign in b"}]":
            raise NoJsonError("Expecting value", at)
        else:
            _check(self._token(SCALAR, "Expecting value"), at)

    # Documents ------------------------------------------------------------------------------------------------------

    def _wanted(self, bodies: Iterator[_Body], cut: Callable[[bytes, bool], list[bytes]]) -> Iterator[DocumentBatch]:
        """Yield the documents of `bodies` that are wanted, as `cut` finds them."""
        for offset, text, whole, known in bodies:
            start, stop = self._span.start(), self._span.stop()
            if stop is not None and offset >= stop:
                self._done = True
                return
            if start is None or offset + len(text) <= start:
                continue
            batch = DocumentBatch(offset, text, cut(text, whole) if known is None else list(map(bytes, known)))
            if offset < start or (stop is not None and offset + len(text) > stop):
                inside = [start <= at and (stop is None or at < stop) for at in batch.offsets()]
                chosen = [document for document, is_in in zip(batch.documents, inside, strict=True) if is_in]
                first = next((at for at, is_in in zip(batch.offsets(), inside, strict=True) if is_in), offset)
                batch = DocumentBatch(first, text[first - offset :], chosen)
            if batch.documents:
                yield batch

    def _between(self, brackets: bytes) -> Iterator[_Body]:
        """Yield what is inside of brackets, cut at commas, with its offsets, and whether that is all of it.

        Goes on behind the closing bracket.
        """
        first = True
        for offset, text, ended, known in self._bodies(brackets[:1]):
            yield _Body(offset, text, first and ended, known)
            first = False
            if self._done:
                return
        if not self._done and self._data[self._at - 1 : self._at] != brackets[1:]:
            raise NoJsonError("Expecting ',' delimiter", self._offset - 1)

    def _bodies(self, opening: bytes) -> Iterator[_Body]:
        """Yield what is behind the `opening` bracket, up to the one that closes it, in parts that end at commas.

        Each comes with its offset, and whether it is the last one.

        Without one: whole documents, up to the end of the file or to where an array may begin.
        """
        held: list[bytes] = []
        size, level, begin, asked, look = 0, Level(), self._offset, _ASKED_AT, _FIRST_LOOK
        seam = Seam()
        while not self._done and (self._at < len(self._data) or self._more()):
            chunk, look = self._look(look), 2 * look
            if opening == b"[" and (cut := seam.cut(held, chunk)) is not None:
                edge, known = cut
                yield _Body(begin, b"".join([*held, chunk[:edge]]), False, known)
                begin, held, size, level = begin + size + edge + 1, [], 0, Level()
                self._at -= len(chunk) - edge - 1  # to see whether the array ends there
                self._done = self._is_behind(begin)
                continue
            after, end, edge = surveyed(chunk, level, "comma" if opening else "close")
            if end >= 0:
                self._at -= len(chunk) - end
                yield _Body(begin, b"".join([*held, chunk[:end]]), True)
                if not opening:
                    raise NoJsonError("Expecting value", self._offset)
                self._at += 1
                return
            if edge >= 0:
                yield _Body(begin, b"".join([*held, chunk[:edge]]), False)
                seam.learn(chunk, edge)
                edge += bool(opening)
                begin, held, size, chunk = begin + size + edge, [], 0, chunk[edge:]
                if not opening and chunk.lstrip(_SPACE)[:1] in (b"", b"["):
                    self._at -= len(chunk)
                    return
            held.append(chunk)
            size, level = size + len(chunk), after
            if size >= asked:
                self._ask(begin, b"".join(held), opening)
                asked = 2 * size
            self._done = self._is_behind(begin)
        if self._done:
            return
        text = b"".join(held)
        if opening or level != Level():
            raise _unfinished(begin, text, opening)
        yield _Body(begin, text, True)

    def _look(self, size: int) -> bytes:
        """Take about `size` bytes of what has been read."""
        stop = min(self._at + size, len(self._data))
        while stop < len(self._data) and ends_in_escape(self._data, stop):
            stop += 1
        chunk = self._data[self._at : stop]
        self._at = stop
        return chunk

    def _ask(self, begin: int, text: bytes, opening: bytes) -> None:
        """Raise NoJsonError where the beginning of a document shows that it is none, rather than read it to its end."""
        try:
            _raw(opening + text)
        except Exception as error:  # msgspec's own, or one for its depth: the words say whether it is only cut off
            if "truncated" in str(error):
                return
        raised = _unfinished(begin, text, opening)
        if raised.offset < begin + len(text) - _AT_THE_END and "Unterminated" not in raised.message:
            raise raised


# -- what is wrong -----------------------------------------------------------------------------------------------------


def _kind(sign: bytes) -> str:
    kinds = {b"{": "an object", b"[": "an array", b'"': "a string", b"n": "null", b"t": "true", b"f": "false"}
    return kinds.get(sign, "a number")


def _parsed(text: bytes, offset: int) -> Any:
    """Return what `text` says; raises NoJsonError where it is no JSON."""
    try:
        return loads_here()(text.decode())
    except json.JSONDecodeError as error:
        raise NoJsonError(error.msg, offset + len(error.doc[: error.pos].encode())) from None
    except (ValueError, RecursionError) as error:
        raise NoJsonError(str(error), offset) from None


def _raw(text: bytes) -> None:
    """Raise an exception unless `text` is a document, as far as msgspec knows."""
    import msgspec

    msgspec.json.decode(text, type=msgspec.Raw)


def _check(text: bytes, offset: int) -> None:
    """Raise NoJsonError unless `text` is JSON."""
    try:
        _raw(text)
        text.decode()
    except Exception:  # the standard library takes it, or says better what is wrong
        _parsed(text, offset)


def _unfinished(begin: int, text: bytes, opening: bytes) -> NoJsonError:
    """Return the error for a file that ends inside a document; the document may be wrong long before."""
    if len(text) <= _EXPLAINED:
        try:
            _parsed(opening + text, begin - len(opening))
        except NoJsonError as error:
            return error
    return NoJsonError("the file ends inside of a value that begins here", begin)
