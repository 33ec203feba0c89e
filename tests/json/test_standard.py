"""A json.loads that the program has replaced, wrapped, or changed below is the one that runs, everywhere."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

import bagkit as bk

REAL = json.loads
LINES = '{"a": 1.10}\n{"a": 2.5, "b": [1.25]}\n'


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def loads(text: str, **settings: Any) -> Any:
        return {**function(text, **settings), "seen": True}

    return loads


class Wrapping:
    def __call__(self, text: str) -> Any:
        return [REAL(text)]


def with_decoder(patch: pytest.MonkeyPatch, decoder: Any) -> None:
    patch.setattr(json, "_default_decoder", decoder)


def decode(self: Any, text: str) -> Any:
    return {"a": "patched", "length": len(text)}


PATCHES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "nothing": lambda patch: None,
    "partial": lambda patch: patch.setattr(json, "loads", functools.partial(REAL, parse_float=Decimal)),
    "wrapper": lambda patch: patch.setattr(json, "loads", wrapped(REAL)),
    "wrapper of a wrapper": lambda patch: patch.setattr(json, "loads", wrapped(wrapped(REAL))),
    "lambda": lambda patch: patch.setattr(json, "loads", lambda text: REAL(text, parse_float=str)),
    "object": lambda patch: patch.setattr(json, "loads", Wrapping()),
    "orjson": lambda patch: patch.setattr(json, "loads", orjson.loads),
    "method": lambda patch: patch.setattr(json, "loads", json.JSONDecoder(parse_float=Decimal).decode),
    "defaults": lambda patch: patch.setitem(REAL.__kwdefaults__, "parse_float", Decimal),  # type: ignore[arg-type]
    "decoder": lambda patch: with_decoder(patch, json.JSONDecoder(parse_float=Decimal)),
    "decoder with a hook": lambda patch: with_decoder(patch, json.JSONDecoder(object_pairs_hook=list)),
    "class of the decoder": lambda patch: patch.setattr(json.JSONDecoder, "decode", decode),
    "method of the decoder": lambda patch: patch.setattr(
        json._default_decoder, "decode", lambda text: {"a": text}, raising=False),  # type: ignore[attr-defined]
}  # fmt: skip


@pytest.mark.parametrize("name", PATCHES)
@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_what_is_in_its_place_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, scheduler: str) -> None:
    (tmp_path / "a.jsonl").write_text(LINES)
    PATCHES[name](monkeypatch)
    expected = [json.loads(line) for line in LINES.splitlines(keepends=True)]
    original = [REAL(line) for line in LINES.splitlines(keepends=True)]
    for optimize in (True, False):
        with bk.options(scheduler=scheduler, optimize=optimize):
            lines = bk.read_text(tmp_path / "a.jsonl")
            assert lines.map(json.loads).compute() == expected
            assert bk.read_json(tmp_path / "a.jsonl").compute() == expected
            assert lines.map(REAL).compute() == original
            if isinstance(expected[0], dict):
                assert lines.map(json.loads).pluck("a").compute() == [record["a"] for record in expected]
    assert list(map(type, expected)) == list(map(type, lines.map(json.loads).compute(scheduler=scheduler)))


def test_it_is_recognised_again(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json, "loads", wrapped(REAL))
        assert "parse_json" not in repr(bk.optimize(bk.read_json(tmp_path / "a.jsonl"))[0])
    assert "parse_json" in repr(bk.optimize(bk.read_json(tmp_path / "a.jsonl"))[0])


def test_a_decoder_crosses_to_workers() -> None:
    decoder = json.JSONDecoder(parse_float=Decimal)
    b = bk.from_sequence(['{"a": 1.10}'], npartitions=1)
    assert b.map(decoder.decode).compute(scheduler="processes") == [{"a": Decimal("1.10")}]


def test_what_bagkit_keeps_itself_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    b = bk.from_sequence([{"a": 1.5}, {"a": None}], npartitions=2)
    monkeypatch.setattr(json, "loads", wrapped(REAL))
    monkeypatch.setattr(json, "dumps", lambda value, **_: "nonsense")
    written = b.to_jsonl(tmp_path / "*.jsonl")
    assert (tmp_path / "0.jsonl").read_text() == '{"a":1.5}\n'
    assert b.to_jsonl(tmp_path / "*.jsonl", exist="resume") == written
