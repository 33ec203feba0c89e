"""What msgspec says of a line is taken for a no of json.loads only where that is sure."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest

from bagkit.json.refused import is_refused, text_if_cut, text_of

STRINGS = [
    '"a"',
    '"\\u00e9"',
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\ud800\\ud800"',
    '"é"',
    '"\\',
    '"\\u12',
    '"\\x"',
    '"\x01"',
    "'a'",
]
NUMBERS = ["1", "-1", "01", "1e400", "-0", "9" * 30, "1.", ".5", "-", "1e", "NaN", "Infinity", "-Infinity", "I", "N"]
OTHERS = ["true", "nul", "tru", "[1, 2]", "{}", '{"a": 1}', "\ufeff", " ", "\t", "\x0b", *",:{}[]", '"a": ']
PARTS = [*STRINGS, *NUMBERS, *OTHERS]


class Some(msgspec.Struct):
    a: Any = None


DECODERS = [msgspec.json.Decoder().decode, msgspec.json.Decoder(Some).decode]


def document(depth: int = 0) -> str:
    which = random.random()
    if depth > 3 or which < 0.4:
        return random.choice(PARTS)
    inside = [document(depth + 1) for _ in range(random.randrange(4))]
    if which < 0.7:
        return "{" + ", ".join([f'"{name}": {each}' for name, each in zip("abcd", inside, strict=False)]) + "}"
    return f"[{', '.join(inside)}]"


def changed(text: str) -> str:
    at = random.randrange(len(text) + 1)
    return random.choice([text[:at], text[:at] + random.choice(PARTS) + text[at:], text[:at] + text[at + 1 :], text])


@pytest.mark.parametrize("seed", range(4))
def test_json_refuses_what_is_said_to_be_refused(seed: int) -> None:
    random.seed(seed)
    seen = {True: 0, False: 0}
    for _ in range(5000):
        text = changed(document())
        for line in (text, text.encode()):
            for decode in DECODERS:
                try:
                    decode(line)
                except msgspec.DecodeError as error:
                    refused = is_refused(str(error), line)
                    seen[refused] += 1
                    if refused:
                        with pytest.raises(json.JSONDecodeError):
                            json.loads(text)
    assert min(seen.values()) > 1000


CUTS = ["", '"', '"a', '"abcd', '"abcde', '"abcdef', '"a long text', '": "a long text', "c\x02 or so", '"a\x7fb or so']
"""What lines end in."""


def line_end() -> str:
    return random.choice(["", "\n", "\r\n", "\r"])


@pytest.mark.parametrize("seed", range(4))
def test_what_is_said_of_lines_that_end_in_a_string_is_what_json_says(seed: int) -> None:
    random.seed(seed)
    said = 0
    for _ in range(5000):
        text = changed(document())
        text = text[: random.randrange(len(text) + 1)] + random.choice(CUTS) + line_end()
        for line in (text, text.encode()):
            for decode in DECODERS:
                try:
                    decode(line)
                except msgspec.DecodeError as error:
                    if is_refused(str(error), line):
                        said += is_said(line, True, str(error)) + is_said(line, False, str(error))
    assert said > 1000


def is_said(line: str | bytes, without_end: bool, msgspec_said: str) -> bool:
    """Return whether something is said of a line, which has to be what json says of its text."""
    raw = isinstance(line, bytes)
    found = text_if_cut(raw, without_end, line, msgspec_said)
    if found is not None:
        with pytest.raises(json.JSONDecodeError) as raised:
            json.loads(text_of(raw, without_end, line))
        assert found == str(raised.value)
    return found is not None


TAKEN = ['{"a": NaN}', "[Infinity, -Infinity]", '"\\ud800"', '["\\ud800", "\\ud800\\ud800"]', "[1e400]", "9" * 400]


@pytest.mark.parametrize("text", TAKEN)
def test_what_python_takes_is_not_refused(text: str) -> None:
    json.loads(text)
    for line in (text, text.encode(), text + "\n"):
        assert not is_refused(said_of(line), line)


def said_of(line: str | bytes) -> str:
    try:
        msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        return str(error)
    return ""
