"""What a text looks like: a number, a date in some format, a URL, or what is odd about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

_NUMBER: Final = re.compile(
    r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?|[+-]?\d{1,3}(?:([,.' ])\d{3})+(?:[.,]\d+)?"
)
_EMAIL: Final = re.compile(r"[^@\s<>()\[\],;:\"]+@[^@\s<>()\[\],;:\"]+\.[^@\s<>()\[\],;:\".]{2,}")
_URL: Final = re.compile(r"(?:(?:https?|ftps?|sftp|s3|gs|wss?)://|www\.)[^\s<>\"]+", re.IGNORECASE)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_BOOLEANS: Final = frozenset({"true", "false", "yes", "no", "y", "n", "t", "f", "on", "off"})
_MISSING: Final = frozenset(
    {"null", "none", "nan", "n/a", "na", "nil", "-", "--", "?", "undefined", "unknown", "missing"}
)

_Y, _M, _D = r"(?:1[5-9]|2[01])\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_M1, _D1 = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-4]):[0-5]\d(?::[0-6]\d(?:[.,]\d+)?)?"
_ZONE = r"\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?"
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}"
_REST = rf"(?P<time>[ ,T]\s?{_TIME}(?:\s?[ap]m)?)?(?P<zone>{_ZONE})?"
_DATES: Final = [
    ("YYYY-MM-DD", re.compile(rf"{_Y}-{_M}-{_D}{_REST}", re.IGNORECASE)),
    ("YYYY/MM/DD", re.compile(rf"{_Y}/{_M1}/{_D1}{_REST}", re.IGNORECASE)),
    ("YYYYMMDD", re.compile(rf"{_Y}{_M}{_D}(?P<time>)(?P<zone>)")),
    ("DD.MM.YYYY", re.compile(rf"{_D1}\.{_M1}\.{_Y}{_REST}", re.IGNORECASE)),
    ("DD/MM/YYYY", re.compile(rf"(?:1[3-9]|2\d|3[01])/{_M1}/{_Y}{_REST}", re.IGNORECASE)),
    ("MM/DD/YYYY", re.compile(rf"{_M1}/(?:1[3-9]|2\d|3[01])/{_Y}{_REST}", re.IGNORECASE)),
    ("DD/MM/YYYY or MM/DD/YYYY", re.compile(rf"{_M1}/{_M1}/{_Y}{_REST}", re.IGNORECASE)),
    ("DD-MM-YYYY", re.compile(rf"(?:1[3-9]|2\d|3[01])-{_M1}-{_Y}{_REST}", re.IGNORECASE)),
    ("MM-DD-YYYY", re.compile(rf"{_M1}-(?:1[3-9]|2\d|3[01])-{_Y}{_REST}", re.IGNORECASE)),
    ("DD-MM-YYYY or MM-DD-YYYY", re.compile(rf"{_M1}-{_M1}-{_Y}{_REST}", re.IGNORECASE)),
    ("DD Month YYYY", re.compile(rf"(?:{_DAY},? )?{_D1}(?:st|nd|rd|th)?[ -]{_MONTH},?[ -]{_Y}{_REST}", re.IGNORECASE)),
    ("Month DD, YYYY", re.compile(rf"(?:{_DAY},? )?{_MONTH} {_D1}(?:st|nd|rd|th)?,? {_Y}{_REST}", re.IGNORECASE)),
]
_LONGEST_DATE: Final = 48
_BEGINS_AS_DATE: Final = re.compile(
    rf"\d{{1,4}}[-/. ]?\d|\d{{1,2}}(?:st|nd|rd|th)?[ -][a-z]|{_MONTH}|{_DAY}", re.IGNORECASE
)
"""What all dates begin with, and few other texts: else each of those would be tried with all patterns."""
_WORDS: Final = "|".join(sorted(re.escape(word) for word in _BOOLEANS | _MISSING))
_PLAIN: Final = re.compile(
    rf"(?!(?:{_WORDS})\Z|{_MONTH}|{_DAY}|[0-9a-f-]{{36}}\Z)[a-z](?:[\w ,;'()/+-]*[\w')])?", re.ASCII | re.IGNORECASE
)
"""Words that look like nothing: no text that is told by its first letter, by `@`, `:` or `.`, or as a whole."""
_ODD: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xa0\xad\u034f\u061c\u115f\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u3000\ufeff\ufff0-\uffff\ud800-\udfff]"
)
"""Control characters, blanks that are no spaces, marks without width, what stands for bytes that did not decode."""
_MOJIBAKE: Final = re.compile(
    "[\xc2\xc3][\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u2122]|\xe2\u20ac"
)
"""UTF-8 that was decoded as Latin-1 or Windows-1252."""

EMPTY, BLANK, SURROUNDED, ODD = "empty", "blank", "surrounding blanks", "odd characters"
NUMBER, BOOLEAN, MISSING, URL, EMAIL, UUID = "number", "boolean", "missing-value word", "URL", "e-mail", "UUID"
DATE: Final = "date "
"""What the names of looks begin with that are dates."""
STANDARD: Final = "RFC 3339"
"""What no user sees as a look: dates, and dates with time and zone, just as JSON Schema has them."""
_STANDARD_TIME: Final = re.compile(
    r"[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)


def not_plain(texts: Iterable[str]) -> list[str]:
    """Return the `texts` that may look like something; to ask each of them takes ten times as long.

    >>> not_plain(["Ada", "user 17", "yes", "12.50"])
    ['yes', '12.50']
    """
    plain = _PLAIN.fullmatch
    return [text for text in texts if plain(text) is None]


def looks_of(text: str) -> Iterator[str]:
    """Yield what `text` looks like; nothing for most texts.

    >>> list(looks_of(" 12.50")), list(looks_of("2024-03-01T10:00Z")), list(looks_of("Ada"))
    (['surrounding blanks', 'number'], ['date YYYY-MM-DD time zone'], [])
    """
    if not text:
        yield EMPTY
        return
    if not (text.isascii() and text.isprintable()) and (_ODD.search(text) or _MOJIBAKE.search(text)):
        yield ODD
    stripped = text.strip()
    if len(stripped) != len(text):
        if not stripped:
            yield BLANK
            return
        yield SURROUNDED
    if len(stripped) <= _LONGEST_DATE:
        yield from _short_looks(stripped)
    if "@" in stripped and _EMAIL.fullmatch(stripped):
        yield EMAIL
    elif (":" in stripped or "." in stripped) and _URL.fullmatch(stripped):
        yield URL


def _short_looks(text: str) -> Iterator[str]:
    if not text.isalpha():
        if _has_digit(text):
            if _NUMBER.fullmatch(text):
                yield NUMBER
            found = date_format(text)
            if found:
                yield DATE + found
                if found.startswith("YYYY-MM-DD") and _is_standard(text):
                    yield STANDARD
            elif len(text) == 36 and _UUID.fullmatch(text):
                yield UUID
            return
        if text.lower() in _MISSING:
            yield MISSING
        return
    if len(text) <= 9:
        lower = text.lower()
        if lower in _BOOLEANS:
            yield BOOLEAN
        elif lower in _MISSING:
            yield MISSING


def _is_standard(text: str) -> bool:
    """Return whether a date is one of the calendar, with nothing behind it or all of a time."""
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return len(text) == 10 or _STANDARD_TIME.fullmatch(text, 10) is not None


def _has_digit(text: str) -> bool:
    return text[0].isdigit() or text[-1].isdigit() or any(map(str.isdigit, text))


def date_format(text: str) -> str:
    """Return the format of the date that `text` looks like, "" for what looks like none.

    >>> date_format("31/12/2024"), date_format("Mar 1, 2024"), date_format("12.50")
    ('DD/MM/YYYY', 'Month DD, YYYY', '')
    """
    if not 8 <= len(text) <= _LONGEST_DATE or not _BEGINS_AS_DATE.match(text):
        return ""
    for name, pattern in _DATES:
        found = pattern.fullmatch(text)
        if found:
            return name + (" time" if found["time"] else "") + (" zone" if found["zone"] else "")
    return ""
