import json
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bagkit.json.attributes import attribute_paths
from bagkit.json.parse import JsonParser, json_parser
from tests.each_case import each_case
from tests.examples import examples
from tests.json.json_cases import LINES, VALUES, documents, documents_of, parse

WANTED: list[tuple[tuple[Any, ...] | None, Any]] = [
    (None, "record"),
    (("a",), "record"),
    (("a", "b"), "record"),
    ((), "record"),
    (("a",), "value"),
    (("z",), "value"),
    (("a",), "values"),
    (("b", "a"), "values"),
    (("a", "a"), "values"),
    ((), "values"),
    (("b", "a"), "attributes"),
    (("a", "a"), "attributes"),
    ((("a", "x"), "b"), "attributes"),
    ((("a", "x"), ("a", "y", "z"), "b"), "attributes"),
    ((("a", "x"),), "record"),
    ((("a", "x"), ("a", "y", "z"), "b"), "record"),
    ((("z", "a"), ("a", ""), "z"), "record"),
]
PLAIN = (dict, list, str, int, float, bool, type(None))
ODD_NAMES = ["", " ", "a b", 'a"b', "a\\b", "é", "😀", "\ud800", "\x00", "\n", "class", "__class__", "__dict__", "self"]
ODD_NAMES += ["field_0", "record", "None", "1", "__slots__", "_", "a.b", "'", "__init__", "total", "x" * 300]


def outcome(function: Callable[[Any], Any], line: Any) -> Any:
    """Return what `function` gives or raises, in a form that is equal only where all of it is."""
    try:
        return exact(function(line))
    except Exception as error:
        place = [getattr(error, name, None) for name in ("msg", "doc", "pos", "lineno", "colno")]
        return type(error), str(error), place


def exact(value: Any) -> Any:
    """Return a form of `value` that is equal only to the form of a value of the same types and bits."""
    match value:
        case float():
            return struct.pack("<d", value)
        case list() | tuple():
            return type(value), [exact(each) for each in value]
        case dict():
            return dict, [(key, exact(each)) for key, each in value.items()]
    return type(value), value


def plain(fields: tuple[str, ...] | None, shape: str, raw: bool, line: Any) -> Any:
    """Do as the plain program: text mode, json.loads, then take what is wanted."""
    record = json.loads(line.decode().replace("\r\n", "\n").replace("\r", "\n") if raw else line)
    if fields is None:
        return record
    if shape in ("record", "attributes"):
        found = only([field if isinstance(field, tuple) else (field,) for field in fields], record)
        return in_one_order(found) if shape == "attributes" else found
    return record[fields[0]] if shape == "value" else tuple(record[name] for name in fields)


def only(paths: list[tuple[str, ...]], value: Any) -> Any:
    """Return what `paths` lead to, in dicts of nothing else."""
    if () in paths or not isinstance(value, dict):
        return value
    inner = {key: [path[1:] for path in paths if path[0] == key] for key in value}
    return {key: only(inner[key], value[key]) for key in value if inner[key]}


def outcomes(parser: JsonParser, lines: list[Any], data: bytes | None) -> list[Any]:
    """Return what comes of each line, as a stream would have it."""
    records, careful = parse(parser, lines, data)
    if careful is None:
        assert len(records) == len(lines)
        return [exact(as_dict(parser, record)) for record in records]
    assert records is lines
    return [outcome(lambda line: as_dict(parser, careful(line)), line) for line in lines]


def as_dict(parser: JsonParser, record: Any) -> Any:
    """Return `record`, made a dict if it has the fields as attributes, which have no order."""
    if parser.shape != "attributes":
        return record
    found: Any = {}
    if type(record) in PLAIN:
        return in_one_order(record)
    for keys, path in attribute_paths(parser.fields or ()).items():
        value, names, inner = record, path.split("."), found
        for key, name in zip(keys[:-1], names[:-1], strict=True):
            value = getattr(value, name)
            if type(value) in PLAIN:  # it is no dict
                inner[key] = value
                break
            inner = inner.setdefault(key, {})
        else:
            inner[keys[-1]] = getattr(value, names[-1])
    return in_one_order(found)


def in_one_order(record: Any) -> Any:
    return {key: in_one_order(record[key]) for key in sorted(record)} if isinstance(record, dict) else record


def check(lines: list[bytes], fields: tuple[str, ...] | None, shape: Any) -> None:
    """Compare parser and plain program on `lines`: as raw lines, as bytes, and as text."""
    parser = json_parser(fields, shape)
    expected = partial(plain, fields, shape)
    assert outcomes(parser, lines, b"".join(lines)) == [outcome(partial(expected, True), line) for line in lines]
    assert outcomes(parser, lines, None) == [outcome(partial(expected, False), line) for line in lines]
    texts = [line.decode("utf-8", "surrogateescape") for line in lines]
    assert outcomes(parser, texts, None) == [outcome(partial(expected, False), text) for text in texts]


def test_corpus_is_large() -> None:
    assert len(set(VALUES)) > 250


@pytest.mark.parametrize(("fields", "shape"), WANTED)
def test_corpus(fields: tuple[str, ...] | None, shape: str) -> None:
    place = WANTED.index((fields, shape))
    for number, value in enumerate(VALUES):  # in one of the places where it can stand; for others in another one
        check(documents_of(value)[(number + place) % 4 :][:1], fields, shape)
    for line in LINES:
        check([line], fields, shape)


@pytest.mark.parametrize(("fields", "shape"), WANTED)
def test_corpus_in_one_block(fields: tuple[str, ...] | None, shape: str) -> None:
    check(documents(), fields, shape)


@each_case("name", ODD_NAMES)
@each_case("shape", ["record", "value", "values", "attributes"])
def test_any_name(name: str, shape: Any) -> None:
    records: list[Any] = [{name: 1, "other": 2}, {"other": [1], name: {"x": "é"}}, {name: "é"}]
    lines = [json.dumps(record, ensure_ascii=True).encode() + b"\n" for record in records]
    check(lines, (name,), shape)
    check([*lines, b'{"other": 1}\n', b"[]\n"], (name,), shape)
    check(lines, (name, "other"), "values")
    check(lines, ("other", name), "attributes")
    if name.isprintable() and '"' not in name and "\\" not in name:
        assert parse(json_parser((name,), shape), lines, b"".join(lines))[1] is None


def test_fast_where_nothing_is_odd() -> None:
    lines = [b'{"a": 1, "b": [1.5, null, "\xc3\xa9"], "c": {"d": "%s"}}\r\n' % (b"1" * 100)] * 3
    for fields, shape in WANTED[:5]:
        assert parse(json_parser(fields, shape), lines, b"".join(lines))[1] is None
        assert parse(json_parser(fields, shape), lines, None)[1] is None
        assert parse(json_parser(fields, shape), [line.decode() for line in lines], None)[1] is None


def test_attributes_are_given_where_all_are_there() -> None:
    parser = json_parser(("b", "a"), "attributes")
    (record,), careful = parse(parser, ['{"a": [1], "b": 2, "c": 3}'], None)
    assert careful is None
    assert (record.field_0, record.field_1) == (2, [1])
    records, careful = parse(parser, ['{"a": 1, "b": 2}', '{"a": 1}'], None)
    assert careful is None
    assert records == [{"a": 1, "b": 2}, {"a": 1}]


def test_objects_are_tried_again_and_again_but_less_often_where_fields_are_missing() -> None:
    parser = json_parser(("b", "a"), "attributes")
    whole, lacking = ['{"a": 1, "b": 2}'], ['{"a": 1}']
    kinds = [type(parse(parser, lines, None)[0][0]) is dict for lines in [lacking, whole, lacking, whole, whole, whole]]
    assert kinds == [True, True, True, True, True, False]


def test_attributes_are_named_by_all_fields_that_they_are_among() -> None:
    parser = json_parser((("a", "y"),), "attributes", (("a", "x"), ("a", "y"), "b"))
    (record,), _ = parse(parser, ['{"a": {"y": 1}}'], None)
    assert record.field_0.field_1 == 1
    (whole,), _ = parse(json_parser((("a", "y"),), "attributes", ("a", "b")), ['{"a": {"y": 1, "z": 2}}'], None)
    assert whole.field_0 == {"y": 1, "z": 2}
    assert pickle.loads(pickle.dumps(parser)).objects == parser.objects


@pytest.mark.parametrize("long", [20, 3_000])
@pytest.mark.parametrize("shift", range(5))
def test_letters_of_several_bytes_are_checked_wherever_they_are(long: int, shift: int) -> None:
    lines = [json.dumps({"x": "-" * shift}).encode() + b"\n"]
    while sum(map(len, lines)) < 13_000:
        lines.append(
            json.dumps({"a": len(lines), "skipped": "é中😀" * (long // 9)}, ensure_ascii=False).encode() + b"\n"
        )
        lines.append(b'{"a": 1}\n')
    data = b"".join(lines[1:])
    parser = json_parser(("a",))
    assert parse(parser, lines, b"".join(lines))[1] is None
    for at in [*range(4_090 + shift % 2, 4_100, 2), *range(8_184 + shift % 2, 8_200, 2), len(data) - 5, len(data) - 4]:
        broken = (data[:at] + b"\xff" + data[at + 1 :]).splitlines(keepends=True)
        assert any(b"\xff" in line for line in broken)
        check([lines[0], *broken], ("a",), "record")


def test_nothing() -> None:
    assert parse(json_parser(("a",)), [], None) == ([], None)
    assert parse(json_parser(None), [], b"") == ([], None)


@pytest.mark.parametrize("element", [1, None, bytearray(b'{"a":1}'), {"a": 1}, memoryview(b"1"), ["a"]])
def test_elements_that_are_no_lines(element: Any) -> None:
    for lines in ([element], ['{"a":1}', element], [b'{"a":1}', element], ['{"a":1}', b'{"a":1}', element]):
        for fields, shape in WANTED:
            got = outcomes(json_parser(fields, shape), lines, None)
            assert got == [outcome(partial(plain, fields, shape, False), line) for line in lines]


def test_subclasses_are_not_taken_for_lines() -> None:
    class Line(str):
        pass

    lines = [Line('{"a":1}')]
    records, careful = parse(json_parser(("a",), "value"), lines, None)
    assert records is lines
    assert careful is not None
    assert careful(lines[0]) == 1


def test_pickles() -> None:
    parser = json_parser(("a",), "value")
    assert len(pickle.dumps(parser)) < 200
    parse(parser, ['{"a":1}'], None)
    copy = pickle.loads(pickle.dumps(parser))
    assert repr(copy) == repr(parser) == "json_parser(('a',), 'value')"
    assert parse(copy, ['{"a":2}'], None) == ([2], None)


def test_msgspec_is_imported_when_it_is_needed() -> None:
    code = "import sys, bagkit.json.parse as j; j.json_parser(('a',)); print('msgspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@each_case("limit", [0, 640, 700, 4300, 10000])
@each_case(("fields", "shape"), WANTED[:6])
def test_limit_on_digits(limit: int, fields: tuple[str, ...] | None, shape: str) -> None:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(limit)
    try:
        for digits in (639, 640, 641, 700, 701, 1000, 4300, 4301, 10000, 10001):
            for pad in (0, 1, 200, 319, 320, 5000):
                value = b"1" * digits
                line = b'{"p":"%s","a":1,"z":%s}\n' % (b"." * pad, value)
                check([b'{"a":2}\n', line, b'{"a":3}\n'], fields, shape)
    finally:
        sys.set_int_max_str_digits(before)


NESTS = [("[", "]"), ('{"k":', "}"), ('[{"k":', "}]"), ("[0,", "]"), ('{"b":0,"k":', "}")]


@pytest.mark.parametrize("down", [0, 500])
@pytest.mark.parametrize("fields", [None, ("a",), ("a", "b"), ()])
@pytest.mark.parametrize("wrap", ["%s", '{"a":%s}', '{"z":%s,"a":1}'])
def test_takes_nothing_that_is_too_deep_for_json(down: int, fields: tuple[str, ...] | None, wrap: str) -> None:
    """What the block's way takes, json.loads takes when called from the same place."""
    if down:
        return test_takes_nothing_that_is_too_deep_for_json(down - 1, fields, wrap)
    parser = json_parser(fields)
    for opening, closing in NESTS:
        low, high = 0, 20000
        while high - low > 1:
            depth = (low + high) // 2
            line = wrap % (opening * depth + "1" + closing * depth)
            taken = parse(parser, [line], None)[1] is None
            assert taken == (parse(parser, [line.encode()], line.encode())[1] is None)
            low, high = (depth, high) if taken else (low, depth)
        if low:
            json.loads(wrap % (opening * low + "1" + closing * low))
    return None


def test_of_several_errors_the_first_comes_first() -> None:
    lines = [b'{"a":1}\n', b'{"b":1}\n', b"{\n", b'{"a":2}\n']
    records, careful = parse(json_parser(("a",), "value"), lines, b"".join(lines))
    assert careful is not None
    stream = map(careful, records)
    assert next(stream) == 1
    with pytest.raises(KeyError, match=r"^'a'$"):
        next(stream)
    with pytest.raises(json.JSONDecodeError):
        next(stream)
    assert next(stream) == 2


keys = st.sampled_from(["a", "b", "c", "", "é", "\ud800"]) | st.text(max_size=3)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
nested = st.recursive(
    scalars | st.integers(-(10**40), 10**40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
records = st.dictionaries(keys, nested, max_size=5) | nested
pieces = st.sampled_from([*b'{}[]:,"\\0-.eE u\x00\xff\x80\xed', *VALUES]).map(
    lambda piece: piece if isinstance(piece, bytes) else bytes([piece])
)


@st.composite
def lines_of_json(draw: st.DrawFn) -> bytes:
    """Draw a line: a document, perhaps with something changed in it."""
    text = json.dumps(
        draw(records), ensure_ascii=draw(st.booleans()), separators=draw(st.sampled_from([None, (",", ":")]))
    )
    line = text.encode("utf-8", "surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(line)))
        line = line[:at] + draw(pieces) + line[at + draw(st.integers(0, 2)) :]
    line = line.replace(b"\n", b"").replace(b"\r", b"")
    return line + draw(st.sampled_from([b"\n", b"\r\n", b"\r", b""]))


@examples(100)
@given(st.lists(lines_of_json(), min_size=1, max_size=4), st.sampled_from(WANTED))
def test_same_as_json(lines: list[bytes], wanted: tuple[tuple[str, ...] | None, Any]) -> None:
    check(lines, *wanted)


@examples(50)
@given(st.lists(st.binary(max_size=12), min_size=1, max_size=3), st.sampled_from(WANTED))
def test_same_as_json_on_any_bytes(lines: list[bytes], wanted: tuple[tuple[str, ...] | None, Any]) -> None:
    check([line.replace(b"\n", b"").replace(b"\r", b"") + b"\n" for line in lines], *wanted)


@examples(50)
@given(st.dictionaries(keys, nested, min_size=1), st.data())
def test_any_fields_of_any_record(record: dict[str, Any], data: st.DataObject) -> None:
    names = tuple(data.draw(st.lists(st.sampled_from(sorted(record)), min_size=1, max_size=3)))
    line = json.dumps(record).encode() + b"\n"
    check([line], names, "values")
    check([line], names, "record")
    check([line], names, "attributes")
    check([line], names[:1], "value")
