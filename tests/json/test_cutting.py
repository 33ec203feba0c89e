"""Documents are cut where they end, though that is mostly guessed: by what stands between the ones before."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import CorruptInputError
from bagkit.io.input import file_source
from bagkit.json import documents, levels
from tests.each_case import each_case

SYNC: dict[str, Any] = {"scheduler": "sync"}


@pytest.fixture(autouse=True)
def small_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text comes in parts of a few bytes, so that there are guesses in small files too."""
    monkeypatch.setattr(file_source, "BLOCK", 97)
    monkeypatch.setattr(documents, "_FIRST_LOOK", 16)
    monkeypatch.setattr(levels, "_SMALL", 32)
    monkeypatch.setattr(levels, "_ROUNDS", 1)  # and what is nested deeper is counted bracket by bracket


def records(choose: random.Random) -> list[Any]:
    """Records with what stands between records inside of them, in lists and in text."""
    inner = [{"id": 1}, {"id": 2, "x": [{"id": 3}, {"id": 4}]}]
    texts = ["", '}, {"id": 7}, {', "}\n{", "}{", '"', "\\", "]", "é"]
    odd = [0, 1, None, [], {}, [[{"id": 1}, {"id": 2}]], float("nan")]
    found: list[Any] = []
    for number in range(choose.randrange(60)):
        found.append({"id": number, "t": choose.choice(texts)})
        if choose.random() < 0.3:
            found[-1]["in"] = inner[: choose.randrange(3)]
        if choose.random() < 0.05:
            found.append(choose.choice(odd))
    return found


def test_text_is_not_cut_inside_of_an_escape(tmp_path: Path) -> None:
    """However many backslashes come before: an odd one says something of what follows it."""
    path = tmp_path / "a.json"
    values = [{"n": count, "t": "\\" * count + '"}, {"n": 1'} for count in range(0, 90, 2)]
    path.write_text(json.dumps(values))
    assert bk.read_json(path, lines=False).compute(**SYNC) == values
    path.write_text("\n".join(map(json.dumps, values)))
    assert bk.read_json(path, lines=False).compute(**SYNC) == values


@each_case("seed", range(40))
def test_documents_are_what_json_loads_gives(tmp_path: Path, seed: int) -> None:
    choose, path = random.Random(seed), tmp_path / "a.json"
    values, indent = records(choose), choose.choice([None, None, 1])
    separators = choose.choice([(",", ":"), (", ", ": ")])

    def dump(value: Any) -> str:
        return json.dumps(value, indent=indent, separators=separators, ensure_ascii=choose.random() < 0.5)

    path.write_text(dump({"other": values, "items": values, "more": 1}))
    assert repr(bk.read_json(path, lines=False, path="items").compute(**SYNC)) == repr(values)
    objects = [value for value in values if isinstance(value, dict)]
    between = [choose.choice(["", "\n", " "])] * 9 + [choose.choice(["", "\n\n"])]
    path.write_text("".join(dump(value) + choose.choice(between) for value in objects))
    assert repr(bk.read_json(path, lines=False).compute(**SYNC)) == repr(objects)
    path.write_text(dump(values) + "\n" + dump(values))
    assert repr(bk.read_json(path, lines=False).compute(**SYNC)) == repr(values * 2)


@each_case("seed", range(40))
def test_what_is_no_json_is_found_where_it_is(tmp_path: Path, seed: int) -> None:
    """One sign too much or too little: then it is an error, unless it is JSON all the same."""
    choose, path = random.Random(seed), tmp_path / "a.json"
    text = json.dumps([{"id": n, "in": [{"id": n}] * (n % 3)} for n in range(40)])
    at = choose.randrange(len(text))
    wrong = text[:at] + choose.choice(["", "", "}", "{", "]", "[", ",", '"']) + text[at + choose.randrange(2) :]
    path.write_text(wrong)
    bag = bk.read_json(path, lines=False)
    try:
        expected = json.loads(wrong)
    except json.JSONDecodeError:
        with pytest.raises((json.JSONDecodeError, CorruptInputError)):
            bag.compute(**SYNC)
    else:
        assert bag.compute(**SYNC) == expected
