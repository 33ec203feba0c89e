"""JSON that parsers disagree about: values to stand anywhere in a document, and whole lines.

All are bytes, for not all are text. What is right for each is not written here: it is what `json.loads` does with it.
"""

from __future__ import annotations

from typing import Any

NUMBERS = [
    *(b"0", b"-0", b"-0.0", b"0.0", b"1", b"-1", b"10", b"0e5", b"0E-5", b"1e5", b"1E+5", b"1e-7", b"-1.5e3"),
    *(b"01", b"-01", b"00", b"1.", b".5", b"-.5", b"+1", b"-", b"--1", b"1e", b"1e+", b"1.e5", b"1.5.5", b"0x10"),
    *(b"1_000", b"1,5", b"1 2", b"- 1", b"1f", b"1L", b"0b1", b"0o7", b"\xd9\xa1", b"\xef\xbc\x91"),
    *(b"NaN", b"-NaN", b"nan", b"Infinity", b"-Infinity", b"+Infinity", b"inf", b"-inf", b"Infinit", b"Na"),
    *(b"1e400", b"-1e400", b"1e-400", b"-1e-400", b"1e309", b"1.7976931348623157e308", b"1.7976931348623159e308"),
    *(b"5e-324", b"2e-324", b"2.2250738585072011e-308", b"2.2250738585072014e-308", b"0.1", b"0.30000000000000004"),
    *(b"9007199254740993", b"9007199254740993.0", b"123456789012345678.9", b"1e22", b"1e23", b"8.5e-45"),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"-9223372036854775809"),
    *(b"18446744073709551615", b"18446744073709551616", b"-18446744073709551616", b"1" + b"0" * 30, b"9" * 400),
    *(b"1" * 4000, b"1" * 4300, b"1" * 4301, b"-" + b"1" * 4300, b"-" + b"1" * 4301, b"1" * 9000),
    *(b"1" * 5000 + b".5", b"1" * 5000 + b"e1", b"0." + b"1" * 5000, b"1e" + b"1" * 5000, b"1." + b"0" * 400),
    *(b"100000000000000000000000e-10", b"1e0000000000000000001", b"1e00400", b"0e400", b"0.0e-400"),
]

STRINGS = [
    *(b'""', b'"a"', b'" "', b'"\\""', b'"\\\\"', b'"\\/"', b'"\\b\\f\\n\\r\\t"', b'"\\u0041"', b'"\\u0000"'),
    *(b'"\\ud83d\\ude00"', b'"\\uD83D\\uDE00"', b'"\\ud800"', b'"\\udc00"', b'"\\ude00\\ud83d"', b'"\\ud800\\ud800"'),
    *(b'"\\ud800a"', b'"\\ud800\\n"', b'"\\ud800\\u0041"', b'"\\udbff\\udfff"', b'"\\ud83d"', b'"\\ud83d\\u12"'),
    *(b'"\\x"', b'"\\x41"', b'"\\u"', b'"\\u1"', b'"\\u12"', b'"\\u123"', b'"\\u12g4"', b'"\\u+123"', b'"\\u1_23"'),
    *(b'"\\u 123"', b'"\\U0041"', b'"\\a"', b'"\\\'"', b'"\\', b'"\\"', b'"', b'"a', b'a"', b"'a'", b"`a`"),
    *(b'"\x00"', b'"\x01"', b'"\x1f"', b'"\t"', b'"\x7f"', b'"\x0b"', b'"a\x00b"', b'"\\\x01"', b'"\\\t"'),
    *(b'"\xc3\xa9"', b'"\xe2\x82\xac"', b'"\xf0\x9f\x98\x80"', b'"\xe2\x80\xa8"', b'"\xc2\x85"', b'"\xef\xbb\xbf"'),
    *(b'"\xff"', b'"\xfe"', b'"\x80"', b'"\xc3"', b'"\xc3("', b'"\xc0\x80"', b'"\xe0\x80\x80"', b'"\xed\xa0\x80"'),
    *(b'"\xed\xa0\x80\xed\xb0\x80"', b'"\xf4\x90\x80\x80"', b'"\xf5\x80\x80\x80"', b'"\xe2\x82"', b'"\xef\xbf\xbf"'),
    *(b'"' + b"x" * 5000 + b'"', b'"' + b"1" * 9000 + b'"', b'"' + b"\xc3\xa9" * 400 + b'"'),
]

CONTAINERS = [
    *(b"[]", b"{}", b"[1]", b"[1,2]", b"[ 1 , 2 ]", b"[[]]", b"[{}]", b'{"x":[]}', b'{"x":{}}', b'{ "x" : 1 }'),
    *(b"[1,]", b"[,1]", b"[,]", b"[1,,2]", b"[1 2]", b"[1:2]", b"[", b"]", b"[1", b"[1,", b"[[1]", b"[1]]", b"(1)"),
    *(b'{"x":1,}', b'{,"x":1}', b'{"x"}', b'{"x":}', b'{"x" 1}', b'{"x":1 "y":2}', b'{"x":1,,"y":2}', b'{"x"::1}'),
    *(b"{x:1}", b"{'x':1}", b"{1:1}", b"{null:1}", b"{[]:1}", b"{", b"}", b'{"x', b'{"x":', b'{"x":1', b'{"x":1}}'),
    *(
        b"[\t1\t]",
        b"[\x0c1]",
        b"[\x0b1]",
        b"[\xc2\xa01]",
        b"[\xe2\x80\xa81]",
        b"[\x001]",
        b"[\xef\xbb\xbf1]",
        b"[/**/]",
    ),
    *(b"[//\n]", b"[#1]", b'{"x":1,"x":2}', b'{"x":NaN,"x":2}', b'{"x":2,"x":NaN}', b'{"":1}', b'{"\\u0078":1,"x":2}'),
    *(b'{"\\ud800":1}', b'{"\xff":1}', b'{"\x01":1}', b'{"\\q":1}', b'{"\xed\xa0\x80":1}', b'{"\\u12":1}', b'{"\t":1}'),
    *(b"[" * 150 + b"]" * 150, b'{"x":' * 150 + b"1" + b"}" * 150, b"[" * 3000, b"[" * 100 + b"]" * 99),
]

WORDS = [
    *(b"true", b"false", b"null", b"True", b"None", b"TRUE", b"tru", b"truee", b"nul", b"nulll", b"fals", b"undefined"),
    *(b"", b" ", b"true false", b"\xef\xbb\xbf1", b"1\x00", b"<a/>", b"a", b"\\u0031", b"\x1a", b"b'1'"),
]

VALUES = NUMBERS + STRINGS + CONTAINERS + WORDS

LINES = [
    *(b"", b"\n", b"\r\n", b"\r", b" \n", b"\t", b"\x0c\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b"\x00", b"\xff\n"),
    *(b'{"a":1}', b'{"a":1}\n', b'{"a":1}\r\n', b'{"a":1}\r', b' {"a":1} \n', b'\t{"a":1}\t\n', b'\x0c{"a":1}\n'),
    *(b'\xef\xbb\xbf{"a":1}\n', b'{"a":1}\xef\xbb\xbf\n', b'{"a":1}\x00\n', b'{"a":1}\x1a\n', b'\xc2\xa0{"a":1}\n'),
    *(b'{"a":1}{"a":2}\n', b'{"a":1} {"a":2}\n', b'{"a":1},\n', b'{"a":1}]\n', b'{"a":1}}\n', b'{"a":1}//\n'),
    *(b'{"a":1,"a":2}\n', b'{"\\u0061":1}\n', b'{"a":1,"\\u0061":2}\n', b'{"\\u0061":1,"a":2}\n', b'{"A":1}\n'),
    *(b'{"a":NaN,"a":1}\n', b'{"a":1,"a":NaN}\n', b'{"a ":1}\n', b'{"a\\u0000":1}\n', b'{"b":1}\n', b"{}\n"),
    *(b'{"a":1,"b":2}\r\n', b'{"b":2,"a":1}\n', b'{"a":{"a":2},"b":[{"a":3}]}\n', b'{"b":{"a":2}}\n', b'{"a":null}\n'),
    *(b'["a"]\n', b'[["a",1]]\n', b"[]\n", b"[1]\n", b'"a"\n', b"1\n", b"null\n", b"true\n", b"NaN\n", b"1e400\n"),
    *(b'{"a":1', b'{"a":', b'{"a"', b'{"', b"{", b'{"a":1\n', b'{"a":1,\n', b'{"a":1,}\n', b"{a:1}\n", b"{'a':1}\n"),
    *('{"a":1}\n'.encode("utf-16"), '{"a":1}'.encode("utf-16-le"), '{"a":1}'.encode("utf-32-be"), b"1\x00"),
    *('{"a":"é"}\n'.encode("latin-1"), '{"é":1,"a":2}\n'.encode(), '{"é":1,"a":2}\n'.encode("latin-1")),
]


def documents_of(value: bytes) -> list[bytes]:
    """Return lines with a value: alone, read, passed over, in another value that is passed over."""
    around = [(b"", b"\n"), (b'{"a":', b"}\n"), (b'{"a":1,"z":', b"}\n"), (b'{"z":[{"y":', b'}],"a":1,"b":[2]}\r\n')]
    return [before + value.replace(b"\n", b" ") + after for before, after in around]


def documents() -> list[bytes]:
    """Return all lines, and those with a value."""
    return LINES + [line for value in VALUES for line in documents_of(value)]


def parse(parser: Any, lines: Any, data: bytes | None) -> tuple[Any, Any]:
    """Return the records of `lines` and None; or `lines`, and the function that makes a record of each."""
    quick, careful = parser.ways(lines, data)
    if quick is not None:
        try:
            return quick(lines), None
        except Exception:
            pass  # as a run does: the careful way says what is wrong
    return lines, careful
