"""What operations on text mean, said twice: on a bag, and on plain lists."""

from __future__ import annotations

from fnmatch import fnmatch

from tests.operations.case import Case

TEXTS = [
    Case("str (upper)", "strings", lambda b: b.str.upper(), lambda xs: [x.upper() for x in xs], "strings"),
    Case("str (split)", "strings", lambda b: b.str.split("p", maxsplit=1), lambda xs: [x.split("p", 1) for x in xs]),
    Case("str (replace)", "strings", lambda b: b.str.replace("i", "ee").str.title(),
         lambda xs: [x.replace("i", "ee").title() for x in xs], "strings"),
    Case("str (encode)", "strings", lambda b: b.str.encode().str.upper(), lambda xs: [x.encode().upper() for x in xs]),
    Case("str (startswith)", "strings", lambda b: b.str.startswith(("p", "k")),
         lambda xs: [x.startswith(("p", "k")) for x in xs]),
    Case("str (match)", "strings", lambda b: b.str.match("*[pk]*"), lambda xs: [x for x in xs if fnmatch(x, "*[pk]*")],
         "strings"),
    Case("str (match all of it)", "strings", lambda b: b.str.match("?"), lambda xs: [x for x in xs if fnmatch(x, "?")],
         "strings"),
    Case("str (upper of numbers)", "ints", lambda b: b.str.upper(), lambda xs: [x.upper() for x in xs]),
]  # fmt: skip
