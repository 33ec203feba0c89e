"""Blocks in which records fail: they go on behind the record, and stay whole where nobody can tell the difference."""

from __future__ import annotations

import gc
import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.plan.going_on import put_further

NUMBERS = range(1000)


class Called:
    """A function that counts its calls by record, and fails for some."""

    def __init__(self, fails: Callable[[int], bool], error: type[Exception] = ValueError) -> None:
        self.calls: Counter[int] = Counter()
        self._fails = fails
        self._error = error

    def __call__(self, number: int) -> int:
        self.calls[number] += 1
        if self._fails(number):
            raise self._error(number)
        return number


def fails(number: int) -> bool:
    return number % 7 == 3 or 100 <= number < 110 or number == 999


STEPS: dict[str, Callable[[bk.Bag[int], Called], bk.Bag[Any]]] = {
    "map": lambda bag, called: bag.map(called),
    "map of two bags": lambda bag, called: bag.map(lambda number, other: called(other), bag),
    "starmap": lambda bag, called: bag.map(lambda number: (number,)).starmap(called),
    "filter": lambda bag, called: bag.filter(lambda number: called(number) >= 0),
    "remove": lambda bag, called: bag.remove(lambda number: called(number) < 0),
    "flat_map": lambda bag, called: bag.flat_map(lambda number: [called(number)]),
}


@pytest.mark.parametrize("error", [ValueError, StopIteration])
@pytest.mark.parametrize("on_error", ["skip", "collect", "split"])
@pytest.mark.parametrize("name", STEPS)
def test_each_record_is_tried_once_and_none_is_lost(name: str, on_error: Any, error: type[Exception]) -> None:
    called = Called(fails, error)
    bag = STEPS[name](bk.from_sequence(NUMBERS, npartitions=1), called)
    bad = [number for number in NUMBERS if fails(number)]
    failed: list[Any]
    if on_error == "split":
        good, rejects = bag.split_errors()
        records, failed = bk.compute(good, rejects.pluck("index"), scheduler="sync")
    elif on_error == "collect":
        got = bag.compute(on_error="collect", scheduler="sync")
        records, failed = got.result, [failure.place.index for failure in got.failures]
    else:
        with pytest.warns(bk.SkippedRecordsWarning, match=f"{len(bad)} records skipped"):
            records = bag.compute(on_error="skip", scheduler="sync")
        failed = bad
    assert records == [number for number in NUMBERS if not fails(number)]
    assert failed == bad
    again = {number: count for number, count in called.calls.items() if count > 1}
    assert not again or name == "remove", "a generator that raised has ended: what is behind it is begun anew"
    assert called.calls.keys() == set(NUMBERS)


def test_failures_of_several_steps_come_in_order() -> None:
    by_two, by_three = Called(lambda number: number % 2 == 1), Called(lambda number: number % 3 == 0)
    got = (
        bk.from_sequence(NUMBERS, npartitions=2).map(by_two).map(by_three).compute(on_error="collect", scheduler="sync")
    )
    assert got.result == [number for number in NUMBERS if number % 2 == 0 and number % 3]
    expected = [number for number in NUMBERS if number % 2 or number % 3 == 0]
    assert [failure.error.args[0] for failure in got.failures] == expected
    assert [failure.place.record for failure in got.failures] == expected
    operations = {failure.operation for failure in got.failures if failure.place.record % 2 == 0}
    assert len(operations) == 1


def test_the_first_of_those_skipped_are_shown_wherever_they_failed() -> None:
    first, second = Called(lambda number: number > 500), Called(lambda number: number in (490, 498))
    bag = bk.from_sequence(NUMBERS, npartitions=1).map(first).map(second)
    with pytest.warns(bk.SkippedRecordsWarning) as found:
        bag.compute(on_error="skip", scheduler="sync")
    (warning,) = found
    text = str(warning.message)
    assert "501 records skipped" in text
    where = [text.index(each) for each in ("record 490", "record 498", "record 501")]
    assert where == sorted(where)


ENOUGH: dict[str, tuple[Callable[[bk.Bag[int]], Any], int]] = {
    "take": (lambda bag: bag.take(450, compute=False), 50),
    "any": (lambda bag: bag.map(lambda number: number == 520).any(), 52),
    "all": (lambda bag: bag.map(lambda number: number != 520).all(), 52),
}


@pytest.mark.parametrize("name", ENOUGH)
def test_what_is_behind_enough_has_not_failed(name: str) -> None:
    """Whether a record is looked at that nobody needs depends on blocks; whether it has failed must not."""
    of, expected = ENOUGH[name]
    bag = bk.from_sequence(NUMBERS, npartitions=1).map(Called(lambda number: number % 10 == 0 and number != 520))
    assert len(of(bag).compute(on_error="collect", scheduler="sync").failures) == expected


def test_max_errors_gives_up_at_the_same_record() -> None:
    first, second = Called(lambda number: number >= 600), Called(lambda number: number == 400)
    bag = bk.from_sequence(NUMBERS, npartitions=1).map(first).map(second)
    with pytest.raises(bk.TooManyErrorsError, match="the first: ValueError: 400"):
        bag.compute(on_error="collect", max_errors=1, scheduler="sync")


def test_places_of_many_are_those_of_each(tmp_path: Path) -> None:
    lines = [("é" * (number % 5) + str(number) + ("!" if fails(number) else "")) for number in NUMBERS]
    for ends, name in (("\n", "a.txt"), ("\r\n", "b.txt")):
        (tmp_path / name).write_bytes(ends.join(lines).encode())
    bag = bk.read_text([tmp_path / "a.txt", tmp_path / "b.txt"]).map(lambda line: 1 // ("!" not in line))
    rejects = bag.split_errors()[1].compute(scheduler="sync")
    failures = bag.compute(on_error="collect", scheduler="sync").failures
    place = itemgetter("path", "line", "offset", "partition", "input")
    found = [place(reject) for reject in rejects]
    each = [failure.place for failure in failures]
    assert found == [(one.source, one.line, one.offset, one.partition, one.record) for one in each]
    for path, line, offset, _, text in found:
        data = Path(path).read_bytes()
        assert data[offset:].startswith(text.encode())
        assert lines[line - 1] == text
    assert len(found) == 2 * sum(map(fails, NUMBERS))


LINES: dict[str, str] = {
    "good": '{"a": %d, "b": {"c": "é"}}',
    "for the careful way": '{"a": %d, "b": NaN}',
    "half of a pair": '{"a": %d, "b": "\\ud800"}',
    "infinite": '{"a": %d, "b": [-Infinity]}',
    "cut off": '{"a": %d, "b": {"c"',
    "cut off behind half of a pair": '{"a": %d, "b": "\\udbff\\',
    "as Python writes it": "{'a': %d}",
    "without the field": '{"b": %d}',
    "no dict": "%d",
    "empty": "",
    "no text": '{"a": %d, "b": "\udcff"}',
}
PARSING: dict[str, tuple[Callable[[bk.Bag[Any]], bk.Bag[Any]], Callable[[Any], Any]]] = {
    "whole": (lambda bag: bag, lambda record: record),
    "pluck": (lambda bag: bag.pluck("a"), itemgetter("a")),
    "pluck two": (lambda bag: bag.pluck(["a", "b"]), itemgetter("a", "b")),
    "map": (lambda bag: bag.map(lambda record: record["a"] + 1), lambda record: record["a"] + 1),
    "filter": (lambda bag: bag.filter(lambda record: record["a"] >= 0), lambda record: record["a"] >= 0 and record),
}


@pytest.mark.parametrize("name", PARSING)
@pytest.mark.parametrize("bad", [1, 3, 7])
def test_lines_that_are_no_json_are_the_only_ones_that_are_left_out(tmp_path: Path, name: str, bad: int) -> None:
    """Lines before and behind a wrong one are parsed in one go, as if it were not there."""
    of_bag, of_record = PARSING[name]
    kinds = list(LINES)[1:]
    of = [kinds[number * 3 % 10] if number % bad == 0 else "good" for number in NUMBERS]
    lines = [LINES[kind] % number if "%d" in LINES[kind] else "" for number, kind in enumerate(of)]
    data = [line.encode(errors="surrogateescape") for line in lines]
    (tmp_path / "a.jsonl").write_bytes(b"".join(line + b"\n" for line in data))
    expected, failed = [], []
    for number, line in enumerate(lines, 1):
        try:
            expected.append(of_record(json.loads((data[number - 1] + b"\n").decode())))
        except Exception as error:
            read = data[number - 1] if isinstance(error, UnicodeDecodeError) else line
            failed.append((number, read, type(error).__name__, str(error)))
    bag = of_bag(bk.read_text(tmp_path / "a.jsonl").map(json.loads))
    good, rejects = bag.split_errors()
    for wanted in (good, good.count()):
        found, left = bk.compute(wanted, rejects, scheduler="sync")
        assert str(found) == str(expected if wanted is good else len(expected))
        assert [(each["line"], each["input"], each["error"], each["message"]) for each in left] == failed
    got = bag.compute(scheduler="sync", on_error="collect")
    assert str(got.result) == str(expected)
    of_failures = [(each.place.line, each.place.record, type(each.error).__name__) for each in got.failures]
    assert of_failures == [each[:3] for each in failed]


def test_records_that_fail_leave_no_cycles() -> None:
    """A cycle of an error and its frames holds the records of its block until the collector comes."""
    good, bad = bk.from_sequence(NUMBERS, npartitions=1).map(Called(fails)).split_errors()
    both = good.count(), bad.count()
    bk.compute(*both, scheduler="sync")
    gc.collect()
    gc.disable()
    try:
        bk.compute(*both, scheduler="sync")
        errors = [each for each in gc.get_objects() if type(each) is ValueError]
    finally:
        gc.enable()
    assert not errors


def test_a_failure_can_be_replayed_and_says_so() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = (
            bk.from_sequence(NUMBERS, npartitions=3).map(Called(fails)).compute(on_error="collect", scheduler="threads")
        )
    for failure in got.failures[:3]:
        with pytest.raises(ValueError, match=str(failure.place.record)):
            failure.replay()


class Alarm(Exception):
    """What a handler of signals raises."""


SIGNALLED: dict[str, Callable[[bk.Bag[int]], Any]] = {
    "map": lambda bag: bag.map(abs),
    "starmap": lambda bag: bag.map(lambda number: (number,)).starmap(abs),
    "filter": lambda bag: bag.filter(abs),
    "flat_map": lambda bag: bag.map(abs).map(lambda number: [number]).flatten(),
    "count": lambda bag: bag.map(abs).count(),
    "split": lambda bag: bag.map(abs).split_errors()[0],
}


@pytest.mark.parametrize("policy", ["raise", "skip", "collect"])
@pytest.mark.parametrize("name", SIGNALLED)
@pytest.mark.parametrize("error", [KeyboardInterrupt, Alarm])
def test_a_signal_when_the_last_record_is_done_is_no_failure_of_a_record(
    name: str, error: type[BaseException], policy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C code goes on where a signal has come: its handler raises when the loop over a block is at its end."""

    def signalled(made: Iterable[Any]) -> Iterator[Any]:
        yield from made
        raise error("stop")

    monkeypatch.setattr("bagkit.work.elementwise.put_further", lambda made, *rest: put_further(signalled(made), *rest))
    with pytest.raises(error, match="stop") as caught:
        SIGNALLED[name](bk.from_sequence([5], npartitions=1)).compute(on_error=policy, scheduler="sync")
    assert "at from_sequence, record 0, partition 0" in caught.value.__notes__
