"""A block of records is let go before the next one is made: so its memory is used again while it is in a cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import bagkit as bk


class Record:
    """Counts how many there are."""

    there = 0

    def __init__(self, number: int) -> None:
        self.number = number
        Record.there += 1

    def __del__(self) -> None:
        Record.there -= 1


ANSWERS: dict[str, Callable[[Any, Callable[[Record], int]], tuple[Any, ...]]] = {
    "one": lambda b, number: (b.map(number).sum(),),
    "two": lambda b, number: (b.map(number).sum(), b.map(number).max()),
    "a fold of the records": lambda b, number: (
        b.foldby(lambda r: number(r) % 3, lambda total, r: total + r.number, 0),
    ),
    "an answer that leaves the task": lambda b, number: (b.map(number), b.map(number).max()),
    "branches that meet": lambda b, number: (bk.zip(b.map(number), b.map(number)).count(),),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_no_record_of_a_block_is_there_when_the_next_is_made(name: str) -> None:
    taken, still_there = [False], list[int]()

    def make(number: int) -> Record:
        if taken[0]:
            still_there.append(Record.there)
            taken[0] = False
        return Record(number)

    def number(record: Record) -> int:
        taken[0] = True
        return record.number

    bag = bk.from_sequence(range(300), npartitions=1).map(make)
    bk.compute(*ANSWERS[name](bag, number), scheduler="sync")
    assert still_there
    assert not any(still_there)
