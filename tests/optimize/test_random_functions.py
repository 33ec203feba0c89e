"""Random functions on random JSON lines, good and broken ones: bags give and raise what the functions do on json.loads.

Functions are made of what `ops/fields_read.py` knows, and of some things that it does not know.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import cytoolz
import pytest
import toolz

import bagkit as bk
from tests.examples import FACTOR
from tests.json.on_lists import on_lists, outcome

KEYS = ["a", "b", "é"]
ODD = ["NaN", "1e400", "-0.0", "1.0", "1" * 30, "9" * 5000, '"\\ud800"', '"x\\u0061"', "[" * 80 + "]" * 80, "1e5", "01"]


def a_value(rng: random.Random, depth: int = 0) -> str:
    """Return the text of a value; objects most of all, some with a key twice."""
    kind = rng.random()
    if kind < 0.75 - 0.2 * depth:
        pairs = [f"{json.dumps(rng.choice(KEYS))}:{a_value(rng, depth + 1)}" for _ in range(rng.choice([0, 3, 5, 6]))]
        return "{" + ", ".join(pairs) + "}"
    if kind < 0.8 - 0.2 * depth and depth < 4:
        return "[" + ",".join(a_value(rng, depth + 2) for _ in range(rng.randrange(3))) + "]"
    if kind < 0.82 - 0.2 * depth:
        return rng.choice(ODD)
    return rng.choice(["null", "true", "0", "1", "2.5", '""', '"a"', '"ab"', '"c é"'])


def a_line(rng: random.Random) -> bytes:
    text = "{" + ", ".join(f'"{key}": {a_value(rng)}' for key in rng.sample(KEYS, rng.choice([1, 3, 3, 3]))) + "}"
    line = (a_value(rng) if rng.random() < 0.1 else text).encode()
    if rng.random() < 0.06:  # broken
        at = rng.randrange(len(line))
        line = line[:at] + rng.choice([b"", b"\xff", b"}", b'"', b"\x00"]) + line[at + 1 :]
    return line.replace(b"\n", b" ") + b"\n"


class Source:
    """Writes the source of functions."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.names = ["r"]

    def key(self) -> str:
        return repr(self.rng.choice(KEYS))

    def part(self) -> str:
        """Return what is a part of the record."""
        text = self.rng.choice(self.names)
        for _ in range(self.rng.choice([1, 1, 2, 2, 3])):
            text = self.rng.choice(
                [f"{text}[{self.key()}]"] * 4
                + [f"{text}.get({self.key()})", f"{text}.get({self.key()}, {{}})"]
                + [
                    f"({text}.get({self.key()}) or {{}})",
                    f"{text}.get({self.key()}, {self.rng.choice(['0', 'str(1)'])})",
                ]
                + [f"({text} if len(str({self.rng.choice(self.names)}[{self.key()}])) > 3 else {{}})[{self.key()}]"]
            )
        return text

    def expression(self, depth: int = 0) -> str:
        part, kind = self.part(), self.rng.randrange(14 if depth < 2 else 5)
        if kind < 5:
            return part
        if kind == 5:
            return f"{self.key()} {self.rng.choice(['in', 'not in'])} {self.rng.choice([*self.names, part])}"
        if kind == 6:
            return f"f'{{{part.replace(chr(39), chr(34))}!r:>9}}'" if '"' not in part else part
        if kind == 7:
            return f"[(x, {self.expression(2)}) for x in str({part}) if x in str({self.part()})]"
        if kind == 8:
            return f"sorted(str({part}), key=lambda x: (x in str({self.part()}), x))"
        if kind == 9:
            return f"({self.expression(depth + 1)} if {self.expression(depth + 1)} else {self.expression(depth + 1)})"
        if kind == 10:
            word = self.rng.choice(["and", "or", "==", "is None or"])
            return f"({self.expression(depth + 1)} {word} {self.expression(depth + 1)})"
        if kind == 11:
            return f"[(w := {part}), w[{self.key()}], w]"
        if kind == 12:
            return f"[{self.expression(depth + 1)}, {self.expression(depth + 1)}]"
        return self.rng.choice(
            ["sorted(r)", f"list({part})", f"isinstance({part}, dict)", f"len({part})", f"{part}.copy()"]
        )

    def function(self) -> str:
        if self.rng.random() < 0.4:
            return f"f = lambda r: {self.expression()}"
        lines = ["def f(r):"]
        for name in self.rng.sample(["u", "v"], self.rng.randrange(3)):
            lines.append(f"    {name} = {self.rng.choice([self.part(), self.part() + ' or {}', self.names[-1]])}")
            self.names.append(name)
        extra = self.rng.randrange(4)
        if extra == 0:
            lines += [f"    if {self.expression()}:", f"        return {self.expression()}"]
        if extra == 1:
            lines += ["    try:", f"        return {self.expression()}", "    except (KeyError, TypeError) as error:"]
            lines += ["        w = str(error)"]
        if extra == 2:
            lines += [f"    for u in str({self.part()}):", f"        v = {self.expression()}", "        if v: break"]
        lines.append(f"    return {self.expression()}")
        return "\n".join(lines)


def made(source: str) -> Callable[[Any], Any]:
    space: dict[str, Any] = {"toolz": toolz, "get_in": cytoolz.get_in}
    exec(source, space)
    function: Callable[[Any], Any] = space["f"]
    return function


@pytest.mark.filterwarnings("ignore::bagkit.errors.SkippedRecordsWarning")
@pytest.mark.parametrize("seed", range(12 * FACTOR))
def test_random_functions_on_random_lines(seed: int, tmp_path: Any) -> None:
    rng = random.Random(f"functions {seed}")
    path = tmp_path / "a.json"
    for _ in range(25):
        lines = [a_line(rng) for _ in range(rng.choice([1, 40, 150]))]
        path.write_bytes(b"".join(lines))
        sources = [Source(rng).function() for _ in range(rng.randrange(3))] + [Source(rng).function()]
        steps = [("filter", made(source)) for source in sources[:-1]] + [("map", made(sources[-1]))]
        bag = bk.read_text(path).map(json.loads)
        for method, function in steps:
            bag = getattr(bag, method)(function)
        found, first = on_lists(lines, steps)
        skipped = repr(found)
        raised = skipped if first is None else (type(first), str(first))
        for policy, expected in (("raise", raised), ("skip", skipped)):
            got = outcome(lambda: bag.compute(scheduler="sync", on_error=policy))  # noqa: B023
            assert got == expected, "\n".join(["", *sources])
