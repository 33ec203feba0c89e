"""Random programs of several answers from one read of JSON lines give what plain loops over json.loads give.

Records lack fields, have some twice, or are no dicts; lines are broken. A field that one answer plucks with a default,
another asks for without one, or with another one, or not at all.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import bagkit as bk
from tests.examples import FACTOR

KEYS = ["name", "age", "id", "address"]
ODD = ["null", "true", "false", "0", "-0.0", "1.0", "1e400", "1" * 30, '""', '"é"', '"n\\u0031"', "[]", "[1]", "{}"]
NO_RECORDS = [
    "[]",
    "[1]",
    '"name"',
    "5",
    "null",
    "true",
    "",
    "{",
    '{"name": 01}',
    '{"name": "\\ud800"}',
    '{} {"id": 1}',
]
DEFAULTS = [None, None, None, 0, -1.5, True, "n1", "", float("inf"), ()]
FILTERS: list[Callable[[Any], Any]] = [
    lambda r: r["age"] > 30,
    lambda r: r["id"] is not None,
    lambda r: r["name"] == "n1" or r["age"] == 7,
    lambda r: r["address"]["city"] != "a",
    lambda r: "id" in r,
]
MAPS: list[Callable[[Any], Any]] = [
    lambda r: r["age"] * 2,
    lambda r: (r["name"], r["id"]),
    lambda r: r["address"]["city"],
    lambda r: r.get("id", 5),
    lambda r: 1,
    len,
]


class Answer(NamedTuple):
    """One answer: what it makes of a record, and of all."""

    filters: list[Callable[[Any], Any]]
    take: tuple[Any, ...]
    end: str

    def of_bag(self, bag: Any) -> Any:
        for keep in self.filters:
            bag = bag.filter(keep)
        if self.take:
            method, *args = self.take
            bag = getattr(bag, method)(*args)
        return bag.map(repr) if self.end == "repr" else getattr(bag, self.end)()

    def of_record(self, record: Any) -> Any:
        """Return what is made of a record, in a tuple; nothing where it is left out."""
        if not all(keep(record) for keep in self.filters):
            return ()
        if self.take:
            method, function, *default = self.take
            record = function(record) if method == "map" else plucked(record, function, *default)
        hash(record if self.end in ("frequencies", "distinct") else 0)
        return (record,)

    def of_lines(self, lines: list[bytes]) -> tuple[Any, Exception | None]:
        """Return the answer without the lines that fail, and the error of the first of them."""
        found, first = list[Any](), None
        for line in lines:
            try:
                found.extend(self.of_record(json.loads(line.decode() + "\n")))
            except Exception as error:
                first = first or error
        counts: dict[Any, int] = {}
        for record in found if self.end in ("frequencies", "distinct") else ():
            counts[record] = counts.get(record, 0) + 1
        ends = {"count": len(found), "repr": [*map(repr, found)], "distinct": [*counts]}
        return ends.get(self.end, [*counts.items()]), first


def plucked(record: Any, key: str, *default: Any) -> Any:
    try:
        return record[key]
    except KeyError:
        if not default:
            raise
        return default[0]


def told(error: BaseException) -> tuple[type, str]:
    """Return the type and the text of an error; Python 3.14 says more of what has no hash, one way or another."""
    return type(error), re.sub(r"cannot use .* \((unhashable type: .*)\)", r"\1", str(error))


def an_answer(rng: random.Random) -> Answer:
    filters = rng.sample(FILTERS, rng.choice([0, 0, 0, 1, 2]))
    kind = rng.random()
    if kind < 0.3:
        take: tuple[Any, ...] = ("pluck", rng.choice(KEYS))
    elif kind < 0.75:
        take = ("pluck", rng.choice(KEYS), rng.choice(DEFAULTS))
    else:
        take = ("map", rng.choice(MAPS)) if kind < 0.9 else ()
    return Answer(filters, take, rng.choice(["frequencies", "count", "repr", "distinct"] if take else ["count"]))


def a_line(rng: random.Random, lacking: float, odd: float, broken: float) -> bytes:
    if rng.random() < broken:
        return rng.choice(NO_RECORDS).encode()
    values = {"name": f'"n{rng.randrange(5)}"', "age": f"{rng.randrange(60)}", "id": f"{rng.randrange(9)}"}
    values["address"] = f'{{"street": "s", "city": "{rng.choice("abc")}"}}'
    members = [
        f'"{key}": {rng.choice(ODD) if rng.random() < odd else value}'
        for key, value in values.items()
        if rng.random() >= lacking
    ]
    if rng.random() < odd:
        members.append(f'"{rng.choice(KEYS)}": {rng.choice(ODD)}')
    rng.shuffle(members)
    return ("{" + ", ".join(members) + "}").encode()


@pytest.mark.filterwarnings("ignore::bagkit.errors.SkippedRecordsWarning")
@pytest.mark.parametrize("number", range(40 * FACTOR))
def test_answers_from_one_read(number: int, tmp_path: Path) -> None:
    rng = random.Random(number)
    lacking, odd, broken = rng.choice([(0.0, 0.0, 0.0), (0.2, 0.0, 0.0), (0.02, 0.02, 0.0), (0.1, 0.1, 0.05)])
    lines = [a_line(rng, lacking, odd, broken) for _ in range(rng.choice([3, 100, 1500]))]
    path = tmp_path / "a.json"
    path.write_bytes(b"\n".join(lines) + b"\n")
    answers = [an_answer(rng) for _ in range(rng.choice([1, 2, 3, 4]))]
    wanted = [answer.of_lines(lines) for answer in answers]
    for optimize in (True, False):
        with bk.options(scheduler="sync", optimize=optimize):
            parsed = bk.read_text(path).map(json.loads)
            made = [answer.of_bag(parsed) for answer in answers]
            computed = bk.compute(*made, on_error="skip")
            assert repr([*computed]) == repr([found for found, _ in wanted]), answers
            errors = [told(error) for _, error in wanted if error is not None]
            if not errors:
                assert repr(bk.compute(*made)) == repr(computed)
                continue
            with pytest.raises(tuple({kind for kind, _ in errors})) as caught:
                bk.compute(*made)
            assert told(caught.value) in errors
