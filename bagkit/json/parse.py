"""Blocks of JSON lines, parsed to exactly what `json.loads` gives, several times faster.

msgspec decodes a block. Where it gives a value for a whole document that is the value of `json.loads`; where it
raises, `json.loads` may still give one (NaN, 1e400, lone surrogates), so then each line of the block is parsed by
itself, and `json.loads` has the word on those that msgspec refuses. Values that nobody asked for are skipped, their
grammar checked. What skipping does not look at is checked for the block:

    invalid UTF-8 in skipped strings and keys     `bytes.isascii`, or else decode the block
    integers of more digits than `int` takes      such a run of digits covers a whole window of half its length
    nesting deeper than `json.loads` can follow   both count one a level where Python counts its recursion; msgspec is
                                                  called from a few calls deeper, so it is the first to give up
"""

from __future__ import annotations

import sys
from codecs import utf_8_decode
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import compress, count, filterfalse
from operator import attrgetter, itemgetter
from threading import Lock
from typing import Any, Final, Literal

from bagkit.json.attributes import (
    Defaults,
    Field,
    Objects,
    ObjectsOrDicts,
    Tree,
    attribute_paths,
    attribute_values,
    tree_of,
)
from bagkit.json.recurring import BlockDecoder, Recurring
from bagkit.json.refused import Scan, put_lines, refuse, text_if_cut, text_of
from bagkit.light_classes import dataclass

Shape = Literal["record", "value", "values", "attributes", "scalars"]
Careful = Callable[[Any], Any]
Refused = list[tuple[int, str]]
PutLines = Callable[[list[Any], Sequence[Any], Refused, int], None]
Steps = tuple[Callable[[Any], Any], ...]

_DIGITS: Final = frozenset("0123456789") | frozenset(b"0123456789")
_MARGIN: Final = 6
"""Calls in reserve: `json.loads` is three calls deep where it begins to count."""
_SHORT: Final = 640
"""The lowest limit on digits that Python allows."""
_NESTING_IS_COUNTED: Final = sys.version_info < (3, 14)
"""Later Pythons measure the C stack; msgspec and json need different amounts of it for a level."""
_RECURSION_IS_OF_CALLS: Final = sys.version_info < (3, 12)
"""Later Pythons count calls in C apart from those in Python, and allow more than any document needs."""
_CALLS_OF_LOADS: Final = 5
"""Levels of recursion that are taken before the first of a document, where a program calls `json.loads`."""
_limit_lock = Lock()
_DEEP: Final = 1000
_LONG: Final = 512
"""How many bytes a line must have for it to pay to ask each line whether it is ASCII."""
_PIECE: Final = 1 << 12
_VERY_LONG: Final = 8 << 20
_BEGINNING: Final = 10_000
"""How many bytes of a very long line are looked at first."""
_AT_THE_END: Final = 16
"""How many characters before its end an error may be that the cut of a document makes."""
_numbers: Final = count()


def json_parser(
    fields: tuple[Field, ...] | None,
    shape: Shape = "record",
    among: tuple[Field, ...] | None = None,
    learns: tuple[Field, ...] | None = None,
    defaults: Defaults = (),
) -> JsonParser:
    """Return a parser of JSON lines: of whole records, or of only some `fields`.

    A field of a record may be several keys, each of the dict under the one before; of those dicts the record has only
    what is asked for. What is no dict where a field leads on is in the record as it is.

    `shape` says what the fields become: "record" is a dict of those that are present, "value" the value of the one
    field, as `record[field]`, "values" the tuple of all of them, as `toolz.pluck([...])` gives. "attributes" is
    faster than "record": an object whose attributes are the fields, named as `attribute_paths` of all fields that they
    are `among` says; but the dict of "record" where one of them is missing that has no default, or the line was not
    parsed as easily. It learns which texts some of the fields have, if not said otherwise all.

    >>> quick, careful = json_parser(("a", "c")).ways(['{"a": 1, "b": 2}'], None)
    >>> quick(['{"a": 1, "b": 2}']), careful('{"a": 1, "b": 2}')
    ([{'a': 1}], {'a': 1})
    >>> json_parser((("b", "c"),)).ways([], None)[1]('{"a": 1, "b": {"c": 2, "d": 3}}')
    {'b': {'c': 2}}
    >>> json_parser(("b", "a"), "values").ways(['{"a": 1, "b": 2}'], None)[1]('{"a": 1, "b": 2}')
    (2, 1)
    """
    return JsonParser(fields, shape, Objects(among or fields or (), defaults), learns)


class JsonParser:
    """Parses blocks of JSON lines; pickles as the few words that `json_parser` was given."""

    __slots__ = ("_ways", "fields", "learns", "objects", "shape")

    def __init__(
        self, fields: tuple[Field, ...] | None, shape: Shape, objects: Objects, learns: tuple[Field, ...] | None
    ) -> None:
        self.fields = fields
        self.shape: Shape = shape
        self.objects = objects
        self.learns = learns
        self._ways: _Ways | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return json_parser, (self.fields, self.shape, self.objects.among, self.learns, self.objects.defaults)

    def __repr__(self) -> str:
        return f"json_parser({self.fields!r}, {self.shape!r})"

    def ways(self, lines: Sequence[Any], data: bytes | None) -> tuple[BlockDecoder | None, Careful]:
        """Return the function that makes records of some of `lines` in one go, and the one that takes any single line.

        `lines` are raw lines cut out of `data`, with their line ends as they are in the file; or any elements, where
        `data` is None. The first is None where not all lines are for it; where it raises, the second says what is.
        That gives, or raises, what decoding the line as text and then `json.loads` would.

        >>> quick, careful = json_parser(("name",), "value").ways(['{"name": "Ada", "age": 36}'], None)
        >>> quick(['{"name": "Ada", "age": 36}'])
        ['Ada']
        >>> careful('{"nom": "Ada"}')
        Traceback (most recent call last):
        KeyError: 'name'
        """
        ways = self._own_ways()
        careful = partial(_decode_carefully, ways, data is not None)
        try:
            return ways.decode_all if _can_decode(lines, data, ways.skips) else None, careful
        except Exception:  # whatever it was: json.loads may take it, or says it better
            return None, careful

    def takes(self, lines: Sequence[Any]) -> bool:
        """Return whether all `lines` are for the first function of `ways`."""
        try:
            return _can_decode(lines, None, self._own_ways().skips)
        except Exception:  # the careful way says what is wrong
            return False

    def further(self, rest: Iterator[Any]) -> PutLines:
        """Return a function that puts to a list what is made of the `rest` of some lines, up to one not for that.

        It is told these lines, has a list for the numbers of those that `json.loads` refuses for sure, with what
        msgspec says, and goes on behind one that it puts there; without lines there are none. And it is told how many
        more lines there were than are in the first list.

        Called again, it goes on behind the other one. It does not raise: from so deep, this takes longer than all else.
        """
        made = rest
        for step in self._own_ways().steps:
            made = map(step, made)
        return partial(_put_further, made)

    def as_standard(self, raw: bool, without_end: bool) -> Careful:
        """Return the function for single lines for which that has raised; they are `raw` as for `ways`.

        It may take them without their line ends, which are no news where an error says how long a line is.
        """
        return partial(_decode_as_standard, self._own_ways(), raw, without_end)

    def as_refused(self, raw: bool, without_end: bool) -> Careful:
        """Return a function for lines that json.loads refuses: it raises what the one of `as_standard` does."""
        return partial(refuse, self._own_ways().scan, self.as_standard(raw, without_end), raw, without_end)

    def text_if_refused(self, raw: bool, without_end: bool) -> Callable[[Any, str], str | None] | None:
        """Return what gives the text of that, of a line and what msgspec says; None where json.loads is another."""
        return None if self._own_ways().scan is None else partial(text_if_cut, raw, without_end)

    def after(self, make: Callable[[Any], Any]) -> Careful:
        """Return the function that makes a line of an element with `make`, and a record of that."""
        return partial(_make_and_decode, self._own_ways(), make)

    def _own_ways(self) -> _Ways:
        if self._ways is None:
            self._ways = _make_ways(self.fields, self.shape, self.objects, self.learns)
        return self._ways


@dataclass(frozen=True, slots=True)
class _Ways:
    """The ways to make records of lines, for one kind of record."""

    steps: Steps
    decode_all: Callable[[Sequence[Any]], list[Any]]
    decode: Callable[[Any], Any]
    skips: bool
    """Whether all these leave values unread."""
    loads: Callable[[Any], Any]
    """The standard library's way, which is always right."""
    scan: Scan


def _make_ways(fields: tuple[Any, ...] | None, shape: Shape, objects: Objects, learns: tuple[Any, ...] | None) -> _Ways:
    """Return the ways for these fields, making msgspec's decoders for them."""
    import msgspec

    from bagkit.json.standard import loads_here, scanner_here

    pick, parse = _picker(fields, shape), loads_here()

    def loads(line: Any) -> Any:
        return pick(parse(line))

    steps = () if fields is None else _skipping_steps(fields, shape, objects)
    skips = bool(steps)
    if not skips:
        whole = msgspec.json.Decoder().decode
        steps = (whole,) if fields is None else (whole, pick)
    decode_all = _block_decoder(steps, shape if skips else "record")
    if fields and skips and shape in ("value", "attributes"):
        decode_all = _learning(decode_all, fields, shape, objects, fields if learns is None else learns)
    return _Ways(steps, decode_all, _deeper(partial(_in_steps, steps)), skips, loads, scanner_here())


def _block_decoder(steps: Steps, shape: Shape) -> BlockDecoder:
    """Return a function that does the work of `steps` for many lines at once."""
    first, *more = steps
    if shape == "value":
        # What the second step does, faster: the interpreter remembers where attributes are, attrgetter looks them up.
        return _deeper(lambda lines: [record.field_0 for record in map(first, lines)])
    if not more:
        return _deeper(lambda lines: list(map(first, lines)))
    (second,) = more
    return _deeper(lambda lines: list(map(second, list(map(first, lines)))))  # faster than taking turns


def _learning(
    decode_all: BlockDecoder, fields: tuple[Any, ...], shape: Shape, objects: Objects, learns: tuple[Any, ...]
) -> BlockDecoder:
    """Return a block decoder that learns which texts come again in the fields `learns`."""
    if learns:
        leaves = attribute_paths(learns)
        paths = [path for keys, path in attribute_paths(objects.among).items() if keys in leaves]
        looked_at = [lambda values: values] if shape == "value" else [*map(attribute_values, paths)]
        decode_all = Recurring(decode_all, looked_at, partial(_decoder_knowing, fields, objects, shape, paths))
    if shape == "value":
        return decode_all
    dicts = _skipping_steps(fields, "record", objects)
    return ObjectsOrDicts(decode_all, _block_decoder(dicts, "record")) if dicts else decode_all


def _in_steps(steps: Steps, line: Any) -> Any:
    for step in steps:
        line = step(line)
    return line


def _decoder_knowing(
    fields: Sequence[Field], objects: Objects, shape: Shape, paths: Sequence[str], texts: Sequence[frozenset[Any]]
) -> BlockDecoder:
    """Return a block decoder for records whose fields are some of `texts`: it gives these very objects."""
    any_of: Any = Literal
    # Literal remembers what it made of equal texts before, which are other objects: so one text is always new.
    kinds = {path: any_of[(*known, f"\0{next(_numbers)}")] for path, known in zip(paths, texts, strict=True) if known}
    return _block_decoder((objects.decoder(fields, kinds),), shape)


def _skipping_steps(fields: tuple[Any, ...], shape: Shape, objects: Objects) -> Steps:
    """Return the functions that, one after the other, make a record of a line; none where msgspec can't."""
    import msgspec

    unique = list(dict.fromkeys(fields))
    try:
        steps: Steps
        if shape in ("record", "scalars") or not fields:
            kind = _record_type(tree_of(fields), _SCALAR if shape == "scalars" else Any)
            steps = (msgspec.json.Decoder(kind).decode,)
            if shape not in ("record", "scalars"):
                steps = (*steps, _picker(fields, shape))
        elif shape == "attributes":
            steps = (objects.decoder(fields, {}),)
        elif shape == "values" and len(fields) == 1:
            steps = (objects.decoder(fields, {}), msgspec.structs.astuple)
        else:
            made = objects.decoder(fields, {})
            steps = (made, attrgetter(*(f"field_{unique.index(name)}" for name in fields)))
        return steps if _finds(steps, unique, fields, shape, objects.among) else ()
    except Exception:
        return ()  # declines because a name is one that msgspec does not take: a quote, a lone surrogate


_SCALAR: Final = None | bool | int | float | str


def _record_type(tree: Tree, leaf: Any) -> Any:
    """Return the type with which msgspec makes dicts of the wanted parts, each part a `leaf`."""
    from typing import TypedDict

    kinds = {
        key: _record_type(inner, leaf) | _SCALAR | (list if leaf is Any else None) if inner else leaf
        for key, inner in tree.items()
    }
    return TypedDict("record", kinds, total=False)  # type: ignore[operator]  # made at run time


def _finds(steps: Steps, unique: list[Any], fields: tuple[Any, ...], shape: Shape, among: tuple[Any, ...]) -> bool:
    """Say whether `steps` find the fields in a record that has them all, written in either way."""
    from bagkit.json.standard import standard_dumps

    record = _filled(tree_of(unique))
    for ascii_only in (True, False):
        found = _in_steps(steps, standard_dumps(record, ensure_ascii=ascii_only))
        if shape == "attributes":
            if not _has_attributes(found, record, among):
                return False
        elif found != _picker(fields, shape)(record):
            return False
    return True


def _has_attributes(found: Any, record: Any, among: tuple[Any, ...]) -> bool:
    """Say whether an object has the values of `record` where consumers look for them."""
    values = {keys: reduce(_inside, keys, record) for keys in attribute_paths(among)}
    paths = attribute_paths(among)
    return all(attrgetter(paths[keys])(found) == value for keys, value in values.items() if value is not None)


def _inside(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _filled(tree: Tree) -> dict[str, Any]:
    return {key: _filled(inner) if inner else number for number, (key, inner) in enumerate(tree.items())}


def _picker(fields: tuple[Any, ...] | None, shape: Shape) -> Callable[[Any], Any]:
    """Return the function that takes the wanted parts out of a whole record."""
    if fields is None:
        return lambda record: record
    if shape in ("record", "attributes", "scalars"):
        return only(fields)
    if shape == "value":
        (field,) = fields
        return itemgetter(field)
    return lambda record: tuple([record[field] for field in fields])


def only(fields: Iterable[Field]) -> Callable[[Any], Any]:
    """Return the function that leaves only `fields` of a record, in its order; a value that is no dict stays as it is.

    >>> only(["a", ("b", "c")])({"b": {"c": 1, "d": 2}, "e": 3, "a": {"x": 4}})
    {'b': {'c': 1}, 'a': {'x': 4}}
    """
    return partial(_only, tree_of(fields))


def _only(tree: Tree, record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return {key: _only(tree[key], value) if tree[key] else value for key, value in record.items() if key in tree}


def _deeper(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return `function` called from some calls deeper. Each call counts as Python's recursion and as C's."""
    for _ in range(_MARGIN):
        function = partial(_call, function)
    return function


def _call(function: Callable[[Any], Any], value: Any) -> Any:
    return function(value)


def _put_further(made: Iterator[Any], found: list[Any], lines: Sequence[Any], refused: Refused, missing: int) -> None:
    _put_deeper((made, found, lines, refused, missing))


_put_deeper = _deeper(put_lines)


def _decode_carefully(ways: _Ways, raw: bool, line: Any) -> Any:
    """Return the record of one line, or raise what the standard library raises."""
    try:
        if len(line) <= _SHORT and _can_decode((line,), line if raw else None, ways.skips):
            return ways.decode(line)
    except Exception:
        pass  # json.loads may take it, or says it better
    return _decode_as_standard(ways, raw, False, line)


def _decode_as_standard(ways: _Ways, raw: bool, without_end: bool, line: Any) -> Any:
    """Return the record of one line as the standard library has it, or raise what that raises."""
    if raw and len(line) > _VERY_LONG:
        _refuse_early(ways, line)
    return _loads(ways, text_of(raw, without_end, line))


def _refuse_early(ways: _Ways, line: bytes) -> None:
    """Raise what is wrong with a very long line if its beginning tells: then no text is made of all of it."""
    from json import JSONDecodeError

    text = line[:_BEGINNING].decode(errors="ignore")
    try:
        check_utf8(line)
        _loads(ways, text)
    except JSONDecodeError as error:
        # What is wrong at the end may be right with what follows.
        if error.pos < len(text) - _AT_THE_END and not error.msg.startswith("Unterminated string"):
            raise
    except RecursionError:
        raise
    except Exception:
        pass  # the whole line tells what is wrong


def _loads(ways: _Ways, line: str | bytes) -> Any:
    try:
        return ways.loads(line)
    except RecursionError:
        if not _RECURSION_IS_OF_CALLS or _levels(line) > sys.getrecursionlimit() - _CALLS_OF_LOADS:
            raise
    return _loads_with_more_room(ways.loads, line)


def _levels(line: str | bytes) -> int:
    """Return how deep the lists and dicts of a JSON document are nested."""
    import re

    text = line if isinstance(line, str) else line.decode(errors="replace")
    open_now = deepest = 0
    for sign in re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        open_now += 1 if sign in "[{" else -1
        deepest = max(deepest, open_now)
    return deepest


def _loads_with_more_room(loads: Callable[[Any], Any], line: Any) -> Any:
    """Parse a line as deeply nested as `json.loads` takes it from a program, however many calls are around.

    So the same documents are parsed in every operation and by every scheduler.
    """
    with _limit_lock:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(3 * limit)
        try:
            return loads(line)
        finally:
            sys.setrecursionlimit(limit)


def _make_and_decode(ways: _Ways, make: Callable[[Any], Any], element: Any) -> Any:
    return _decode_carefully(ways, False, make(element))


def _can_decode(lines: Sequence[Any], data: bytes | None, skips: bool) -> bool:
    """Say whether msgspec gives what json.loads gives, or else raises. Raises UnicodeDecodeError if it does not."""
    types = {bytes} if data is not None else set(map(type, lines))
    if not _NESTING_IS_COUNTED and max(map(len, lines), default=0) > _DEEP and any(map(_nests_deep, lines)):
        return False
    if types == {str}:
        return not (skips and _have_long_number(lines))
    if types != {bytes}:
        return not lines  # declines because json.loads alone knows what to do, or to raise
    if skips:
        whole = b"\n".join(lines) if data is None else data
        if not whole.isascii():
            check_utf8(whole if len(whole) < _LONG * len(lines) else _without_ascii(lines))
        return not _has_long_number(whole)
    return True


def check_utf8(data: bytes) -> None:
    """Raise UnicodeDecodeError unless `data` is UTF-8."""
    # In pieces: their text stays in a processor's cache, and where they are ASCII it takes a third of the time.
    view, start = memoryview(data), 0
    while start < len(data):
        stop = start + _PIECE
        start += utf_8_decode(view[start:stop], "strict", stop >= len(data))[1]


def _without_ascii(lines: Sequence[bytes]) -> bytes:
    """Return the `lines` that are not ASCII; line ends keep what is broken in one from being mended by the next."""
    others: Iterator[bytes] = filterfalse(bytes.isascii, lines)
    return b"\n".join(others)


def _have_long_number(lines: Sequence[str]) -> bool:
    limit = sys.get_int_max_str_digits()
    return limit > 0 and max(map(len, lines)) > limit and any(map(_has_long_number, lines))


def _has_long_number(data: bytes | str) -> bool:
    """Say whether there may be an integer in `data` of more digits than `int` takes."""
    window = sys.get_int_max_str_digits() // 2
    if not window or len(data) <= window:
        return False
    starts = range(0, len(data) - window + 1, window)
    return any(data[at : at + window].isdigit() for at in compress(starts, map(_DIGITS.__contains__, data[::window])))


def _nests_deep(line: Any) -> bool:
    opening = ("[", "{") if isinstance(line, str) else (b"[", b"{")
    count: int = sum(map(line.count, opening))
    return count >= _DEEP
