"""Finds lines of JSON that a writer would write unchanged, byte for byte, without making their records.

A regular expression tells (`json.line_shapes`). It is made of the first records, and asked about a whole block of lines
in one go, or about one line after the other where some of a block are others. Spaces that the writer does not write are
taken out before, and those that it writes are put in. What the expression does not take may be written so all the same;
then its record is made, and written, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import re

    from bagkit.json.line_shapes import Notation

_LOOKED_AT: Final = 32
"""How many records are looked at before an expression is made, which takes as long as to write some hundreds."""
_OF_BLOCK: Final = 16
_LEARNT: Final = 512
"""How many of a block, and in all, are looked at to make it: that takes longer than to write them."""
_LARGEST: Final = 1 << 10
"""Of a shape: an expression is made in some 50 µs for each key and list."""
_SEEN: Final = 256
"""Lines after which it is asked whether enough of them are written as they are."""
_SEEN_AGAIN: Final = 64
"""The same after a pause."""
_TOO_MANY: Final = 0.5
_AGAIN: Final = 256
"""After how many blocks it is tried again; each time that it was in vain, after twice as many."""
_SELDOM: Final = 8192
_LONGEST_WAIT: Final = 64
"""How many blocks are told line by line before the next is tried in one go, where one after the other had others."""


class Lines(list[bytes]):
    """Lines as they are written, and no records among them."""


class Unchanged:
    """Finds lines that a writer would write as they are; mutable. Threads may share it: any state of it is right."""

    def __init__(self, notation: Notation, alone: bool = False) -> None:
        """Begin to look. `alone` says that lines are parsed twice for this only, not for a filter."""
        import msgspec

        from bagkit.json.line_shapes import Shape

        self.alone = alone
        self._notation = notation
        indent = 0 if notation.spaces else -1
        self._format: Callable[[bytes], bytes] = partial(msgspec.json.format, indent=indent)  # type: ignore[assignment]  # overloads: of bytes it gives bytes
        self._shape = Shape()
        self._size = 0
        """The size of the shape that the expressions were made of."""
        self._pattern = ""
        self._plain: re.Pattern[bytes] | None = None
        self._escaping: re.Pattern[bytes] | None = None
        self._escapes = notation.escapes()
        self._missed = 0
        self._until = _LOOKED_AT
        self._left = _LEARNT
        self._given = self._missing = 0
        self._waiting: float = 0
        self._again = _AGAIN
        self._seen = _SEEN
        self._one_by_one = self._wait = 0
        """How many blocks to tell line by line."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Unchanged, (self._notation, self.alone)

    @property
    def is_hopeful(self) -> bool:
        return not self._waiting

    def pays(self) -> bool:
        if self._waiting:
            self._waiting -= 1
        return not self._waiting

    def lines_or_records(self, lines: Sequence[Any], decode: Callable[[Sequence[Any]], list[Any]]) -> list[Any]:
        r"""Return for each of `lines` the bytes that are written of it, or its record; raises what `decode` raises.

        >>> import json
        >>> from bagkit.json.line_shapes import Notation
        >>> lines = [b'{"a": 1}\n', b'{"a":2}\n', b'{"a":1e5}\n'] * 20
        >>> unchanged = Unchanged(Notation())
        >>> unchanged.lines_or_records(lines[:3], lambda lines: [json.loads(line) for line in lines])
        [{'a': 1}, {'a': 2}, {'a': 100000.0}]
        >>> _ = unchanged.lines_or_records(lines, lambda lines: [json.loads(line) for line in lines])
        >>> unchanged.lines_or_records(lines[:3], lambda lines: [json.loads(line) for line in lines])
        [b'{"a":1}', b'{"a":2}', {'a': 100000.0}]
        """
        found, missing = self._find(lines)
        if missing:
            records = decode([lines[number] for number in missing])
            for number, record in zip(missing, records, strict=True):
                found[number] = record
            self._learn(records)
        if self._plain is not None:
            self._account(len(lines), len(missing))
        return found

    def _find(self, lines: Sequence[Any]) -> tuple[list[Any], Sequence[int]]:
        """Return what is written of each of `lines`, and the numbers of those for which it is not known."""
        # Either all lines are bytes or none is, for all have been parsed in one go.
        if self._plain is None or not lines or type(lines[0]) is not bytes:
            return [None] * len(lines), range(len(lines))
        if self._one_by_one:
            self._one_by_one -= 1
        else:
            whole = self._together(lines)
            if whole is not None:
                self._wait = 0
                return whole, ()
            self._one_by_one = self._wait = min(2 * self._wait + 1, _LONGEST_WAIT)
        found = list(map(self._alone, lines))
        return found, [number for number, line in enumerate(found) if line is None]

    def _together(self, lines: Sequence[bytes]) -> list[bytes] | None:
        """Return what is written of all `lines`; None if it is not known of one of them.

        The expression finds the first where the first line stands, and each other one where a line begins: if what it
        finds, with what stands between lines, is all that there is.
        """
        first = lines[0]
        if self._expression(first).fullmatch(first.removesuffix(b"\n")):
            data = b"".join(lines)
            found = self._expression(data).findall(data)
            together = b"\n".join(found)
            is_all = data.startswith(together) and data[len(together) :] in (b"", b"\n")
        else:
            data = self._spaced_right(b"[%b]" % b",".join(lines))
            found = self._expression(data).findall(data)
            together = self._notation.comma.encode().join(found)
            is_all = len(data) == len(together) + 2 and data.startswith(together, 1)
        written = self._as_written(found) if is_all and len(found) == len(lines) else None
        return None if written is None else Lines(written)

    def _alone(self, line: bytes) -> bytes | None:
        """Return what is written of `line`, if it is known."""
        expression = self._expression(line)
        line = line.removesuffix(b"\n")
        if not expression.fullmatch(line):
            line = self._spaced_right(line)
            if not expression.fullmatch(line):
                return None
        written = self._as_written([line])
        return None if written is None else written[0]

    def _spaced_right(self, data: bytes) -> bytes:
        """Return a document with the spaces of the notation, and no others; nothing where only json.loads takes it."""
        try:
            return self._format(data)
        except Exception:
            return b""

    def _expression(self, data: bytes) -> re.Pattern[bytes]:
        """Return the expression for lines: the quicker one if each of their texts ends with its first quotation mark,
        and no escape is written otherwise."""
        assert self._plain is not None
        if b"\\" not in data:
            return self._plain
        if b'\\"' not in data and b"\\\\" not in data and len(self._escapes.findall(data)) == data.count(b"\\"):
            return self._plain
        if self._escaping is None:
            self._escaping = self._notation.expression(self._pattern, True)
        return self._escaping

    def _as_written(self, lines: list[bytes]) -> list[bytes] | None:
        """Return lines with the escapes that they need; None where that is not easy."""
        if not self._notation.ascii_only:
            return lines
        data = b"\n".join(lines)
        if data.isascii() and b"\x7f" not in data:
            return lines
        from bagkit.json.dump import as_ascii

        try:
            return as_ascii(data).split(b"\n")
        except ValueError:
            return None

    def _learn(self, records: Sequence[Any]) -> None:
        if self._left <= 0:
            return
        looked_at = records[:_OF_BLOCK]
        self._left -= len(looked_at)
        self._missed += len(records)
        try:
            for record in looked_at:
                self._shape.take(record)
            if self._missed < self._until:
                return
            size = self._shape.size()
            if size > _LARGEST:
                raise ValueError("an expression for it would be too large")
            if size != self._size:
                self._pattern, self._escaping, self._size = self._shape.pattern(self._notation), None, size
                self._plain = self._notation.expression(self._pattern, False)
            self._missed, self._until = 0, 2 * self._until
        except Exception:  # too varied, too deep, or a key that UTF-8 does not have
            self._left = 0
            if self._plain is None:
                self._waiting = inf

    def _account(self, given: int, missing: int) -> None:
        """Note how many lines of a block were not found, and wait where these are many."""
        self._given += given
        self._missing += missing
        if self._given < self._seen:
            return
        if self._missing > _TOO_MANY * self._given:
            self._waiting, self._again = self._again, min(_SELDOM, 2 * self._again)
            self._seen = _SEEN_AGAIN
        else:
            self._again, self._seen = _AGAIN, _SEEN
        self._given = self._missing = 0
