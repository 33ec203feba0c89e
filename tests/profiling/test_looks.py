"""Texts that are passed over in one go look like nothing, and no date is missed."""

from __future__ import annotations

import random
import string

from bagkit.profiling.looks import date_format, looks_of, not_plain

LETTERS = string.ascii_letters + string.digits + " -_/.,:@'()+;\n\t\u0663\xe9\u017f\u0130"
ODD = [
    "yes", "n/a", "unknown", "Jan 1, 2024", "Tue, 3 Mar 2024", "abcdefab-1234-1234-1234-abcdefabcdef",
    "a.b@c.de", "www.x.y", "http://a", "-", "?", " x", "x ", "1e5", "",
]  # fmt: skip
DATES = {
    "2024-03-01": "YYYY-MM-DD", "2024/3/1": "YYYY/MM/DD", "20240301": "YYYYMMDD", "1.3.2024": "DD.MM.YYYY",
    "31/12/2024": "DD/MM/YYYY", "12/31/2024": "MM/DD/YYYY", "1/2/2024": "DD/MM/YYYY or MM/DD/YYYY",
    "31-12-2024": "DD-MM-YYYY", "12-31-2024": "MM-DD-YYYY", "1-2-2024": "DD-MM-YYYY or MM-DD-YYYY",
    "1st march 2024": "DD Month YYYY", "3-Mar-2024": "DD Month YYYY", "Tuesday, 5th March 2024": "DD Month YYYY",
    "SEPT. 3, 2024": "Month DD, YYYY", "wed Jan 1st 2024": "Month DD, YYYY",
    "2024-03-01T10:00:00Z": "YYYY-MM-DD time zone", "1.3.2024, 10:00": "DD.MM.YYYY time",
}  # fmt: skip


def test_dates_of_all_formats_are_found() -> None:
    assert {text: date_format(text) for text in DATES} == DATES
    assert not_plain(DATES) == list(DATES)


def test_what_is_passed_over_looks_like_nothing() -> None:
    rng = random.Random(1)
    texts = []
    for _ in range(20_000):
        text = "".join(rng.choices(LETTERS, k=rng.randrange(14))) if rng.random() < 0.6 else rng.choice(ODD)
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(["", *LETTERS]) + text[at + rng.randrange(2) :]
        texts.append(text.upper() if rng.random() < 0.2 else text)
    passed_over = set(texts) - set(not_plain(texts))
    assert len(passed_over) > 1000
    assert [text for text in passed_over if list(looks_of(text))] == []
