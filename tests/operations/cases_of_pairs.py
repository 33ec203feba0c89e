"""What operations on pairs mean, said twice: on a bag, and on plain lists."""

from __future__ import annotations

from collections import Counter

from tests.operations.case import Case

PAIRS = [
    Case("key_by(function)", "strings", lambda b: b.key_by(len), lambda xs: [(len(x), x) for x in xs]),
    Case("key_by(field)", "dicts", lambda b: b.key_by("name"), lambda xs: [(x["name"], x) for x in xs]),
    Case("key_by(list)", "dicts", lambda b: b.key_by(["name", "n"]), lambda xs: [((x["name"], x["n"]), x) for x in xs]),
    Case("key_by(missing)", "dicts", lambda b: b.key_by("m"), lambda xs: [(x["m"], x) for x in xs]),
    Case("key_by then frequencies", "strings", lambda b: b.key_by(str.upper).frequencies(),
         lambda xs: list(Counter((x.upper(), x) for x in xs).items())),
    Case("map_values", "pairs", lambda b: b.map_values(lambda v: v * 2), lambda xs: [(k, v * 2) for k, v in xs],
         "pairs"),
    Case("map_values of what is no pair", "ints", lambda b: b.map_values(str), lambda xs: [(x[0], x[1]) for x in xs]),
    Case("flat_map_values", "pairs", lambda b: b.flat_map_values(lambda v: range(v % 4)),
         lambda xs: [(k, n) for k, v in xs for n in range(v % 4)], "pairs"),
    Case("flat_map_values of what can't be iterated", "pairs", lambda b: b.flat_map_values(abs),
         lambda xs: [(k, n) for k, v in xs for n in v]),
    Case("keys", "pairs", lambda b: b.keys(), lambda xs: [k for k, _ in xs]),
    Case("keys then dict", "pairs", lambda b: dict(b.map_values(str)), lambda xs: {k: str(v) for k, v in xs}),
    Case("values then dict", "pairs", lambda b: dict(b), dict),
    Case("values", "pairs", lambda b: b.values(), lambda xs: [v for _, v in xs], "ints"),
    Case("count_by_key", "pairs", lambda b: b.count_by_key(), lambda xs: list(Counter(k for k, _ in xs).items()),
         "pairs"),
    Case("count_by_key(split_every)", "pairs", lambda b: b.count_by_key(split_every=2),
         lambda xs: list(Counter(k for k, _ in xs).items()), "pairs"),
    Case("lookup", "pairs", lambda b: b.lookup("a"), lambda xs: [v for k, v in xs if k == "a"]),
    Case("lookup of what is not there", "pairs", lambda b: b.lookup("?"), lambda xs: []),
]  # fmt: skip
