"""Frequencies, distinct and foldby of more keys than fit into memory: the answers of plain lists, in their order."""

from __future__ import annotations

import json
import os
import pickle
import tempfile
import traceback
import tracemalloc
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.exchange import tables as kernel
from bagkit.exchange import weight as weights
from bagkit.exchange.packing import Integers, Texts, are_large_integers
from bagkit.exchange.spill import Bucket, Room
from bagkit.exchange.tables import Filling, join, lists
from bagkit.exchange.tabling import Counting, Folding, Seeing, Tabling
from bagkit.exchange.weight import TableScale, weight
from bagkit.flow.blocks import batched
from tests.operations.functions import add, add_length, longest, put, word

SMALL = 60_000
"""Bytes. A task holds a quarter of them: some hundred keys."""


@pytest.fixture(autouse=True)
def directory(tmp_path: Path) -> Iterator[None]:
    """What is written goes to a directory of its own, where nothing is left."""
    runs = tmp_path / "runs"
    runs.mkdir()
    with bk.options(temporary_directory=runs):
        yield
    assert os.listdir(runs) == []


NUMBERS = [n * n % 2003 for n in range(3_000)]
WORDS = list(map(word, NUMBERS))


def words(npartitions: int = 6) -> Any:
    return bk.from_sequence(NUMBERS, npartitions=npartitions).map(word)


def lengths(start: int = 0) -> dict[str, int]:
    return {each: start + len(each) * number for each, number in Counter(WORDS).items()}


PROGRAMS: dict[str, tuple[Any, list[Any]]] = {
    "frequencies": (words().frequencies(), list(Counter(WORDS).items())),
    "frequencies, all at once": (words().frequencies(split_every=False), list(Counter(WORDS).items())),
    "frequencies, two at a time": (words().frequencies(split_every=2), list(Counter(WORDS).items())),
    "frequencies, sorted": (
        words().frequencies(sort=True),
        sorted(Counter(WORDS).items(), key=lambda pair: pair[1], reverse=True),
    ),
    "frequencies of one partition": (words(1).frequencies(), list(Counter(WORDS).items())),
    "distinct": (words().distinct(), list(dict.fromkeys(WORDS))),
    "distinct by key": (words().distinct(len), list({len(each): each for each in reversed(WORDS)}.values())[::-1]),
    "foldby": (words().foldby(str, add_length, 0, add), list(lengths().items())),
    "foldby without initial": (words().foldby(len, longest), None),
    "foldby from what is called": (words().foldby(str, add_length, int, add), list(lengths().items())),
    "foldby, merged from 100": (words().foldby(str, add_length, 0, add, 100), list(lengths(100).items())),
    "foldby from what can be seen": (words().foldby(str, add_length, 7, add), None),
    "foldby to what grows": (words().foldby(len, put, list, add), None),
    "count_by_key": (words().map(lambda each: (each, 1)).count_by_key(), list(Counter(WORDS).items())),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_answers_do_not_depend_on_memory(name: str) -> None:
    bag, expected = PROGRAMS[name]
    roomy = bag.compute(scheduler="sync", workers=1)
    assert bag.compute(scheduler="sync", memory_limit=SMALL) == roomy
    assert sorted(roomy) == sorted(expected or roomy)
    if name != "distinct by key":
        assert roomy == (expected or roomy)


@pytest.mark.parametrize("scheduler", ["threads", "processes"])
def test_on_schedulers(scheduler: str) -> None:
    made = [PROGRAMS[name] for name in ("frequencies", "distinct", "foldby", "frequencies, sorted")]
    got = bk.compute(*(bag for bag, _ in made), scheduler=scheduler, workers=2, memory_limit=4 * SMALL)
    assert list(got) == [expected for _, expected in made]


def filled(records: Iterable[Any], tabling: Tabling, room: Room, count: int = 1) -> list[Any]:
    """Return the states of `records`, which come a few at a time."""
    filling = Filling(tabling, room, count)
    for some in batched(iter(records), 700):
        filling.take(some)
    found = filling.state()
    return [found.get(number, []) for number in range(count)]


def test_what_is_merged_off_the_disk_stays_within_the_memory(tmp_path: Path) -> None:
    tabling = Folding(str, add_length, add, (0,), (0,))
    room = Room(3_000_000, lambda: os.fspath(tmp_path), pickle.dumps, 4)
    keys = [f"a rather long key, so that there is a lot of it: {number:06}" for number in range(50_000)]
    state = [
        piece
        for start in range(0, 50_000, 12_500)
        for piece in filled(iter(keys[start : start + 12_500]), tabling, room)[0]
    ]
    tracemalloc.start()
    try:
        number = sum(map(len, lists(state, tabling, room)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert number == 50_000
    assert peak < 3_000_000


def collect_length(lengths: list[int], record: Any) -> list[int]:
    return [*lengths, len(record.get("more", ""))]


def one_more(total: int, record: Any) -> int:
    return total + record["n"]


@pytest.mark.parametrize("memory", [None, SMALL])
@pytest.mark.parametrize("odd", ["", '{"word": "word 1", "n": NaN}', '{"word": "word 1", "n": 2, "n": 3}'])
def test_fields_of_json_lines_are_folded(tmp_path: Path, memory: int | None, odd: str) -> None:
    lines = [json.dumps({"word": word, "n": len(word), **({} if len(word) == 6 else {"more": word})}) for word in WORDS]
    lines[1500:1500] = [odd] * bool(odd)
    (tmp_path / "a.json").write_text("".join(f"{line}\n" for line in lines[:1000]))
    (tmp_path / "b.json").write_text("".join(f"{line}\n" for line in lines[1000:]))
    records = list(map(json.loads, lines))
    bag = bk.read_text(tmp_path / "*.json").map(json.loads)
    totals: dict[str, int] = {}
    kept: dict[str, list[int]] = {}
    for record in records:
        totals[record["word"]] = one_more(totals.get(record["word"], 0), record)
        kept[record["word"]] = collect_length(kept.get(record["word"], []), record)
    expected = [list(totals.items()), list(kept.items()), [(key, total + 100) for key, total in totals.items()]]
    folded = [bag.foldby("word", one_more, 0, add), bag.foldby("word", collect_length, [], add)]
    folded.append(bag.foldby("word", one_more, 0, add, 100))
    assert [repr(each.compute(scheduler="sync", memory_limit=memory)) for each in folded] == list(map(repr, expected))


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_a_record_that_can_not_be_folded_is_named(tmp_path: Path, scheduler: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '{"word": "a", "n": 1}\n{"word": "b"}\n{"word": "a", "n": null}\n{"n": 1}\n[1]\n{"word": [], "n": 1}\n'
    )
    bag = bk.read_text(path).map(json.loads).foldby("word", one_more, 0, add)
    with pytest.raises(KeyError, match="'n'") as caught:
        bag.compute(scheduler=scheduler)
    assert caught.value.__notes__[:3] == [
        "in foldby('word', test_tables.one_more)",
        f"at {path}, line 2 (byte 22), partition 0",
        """record: '{"word": "b"}'""",
    ]
    assert "field_" not in "".join(traceback.format_exception(caught.value))
    collected = bag.compute(scheduler=scheduler, on_error="collect")
    assert collected.result == [("a", 1)]
    assert [(failure.place.line, failure.operation, type(failure.error)) for failure in collected.failures] == [
        (line, "foldby('word', test_tables.one_more)", error)
        for line, error in [(2, KeyError), (3, TypeError), (4, KeyError), (5, TypeError), (6, TypeError)]
    ]


def test_nan_is_one_key_wherever_it_is_counted() -> None:
    bag = bk.from_sequence(["nan", "1", "nan", "nan", "1"], npartitions=2).map(float)
    for limit in (None, 4_000):
        pairs = bag.frequencies().compute(scheduler="sync", memory_limit=limit)
        assert [(repr(value), number) for value, number in pairs] == [("nan", 3), ("1.0", 2)]
        assert list(map(repr, bag.distinct().compute(scheduler="sync", memory_limit=limit))) == ["nan", "1.0"]
        folded = bag.foldby(abs, lambda n, _: n + 1, 0, add).compute(scheduler="sync", memory_limit=limit)
        assert [(repr(value), number) for value, number in folded] == [("nan", 3), ("1.0", 2)]


def test_a_key_that_can_not_be_split_by_says_so() -> None:
    class Odd(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            return str.__eq__(self, other)

    odd = words(2).map(Odd).frequencies()
    assert len(odd.compute(scheduler="sync")) == len(set(WORDS))
    with pytest.raises(bk.errors.UnstableKeyError, match=r"^frequencies: the key 'word "):
        odd.compute(scheduler="sync", memory_limit=SMALL)


def stop(one: int, other: int) -> int:
    raise StopIteration


def test_a_combine_that_stops_is_no_end() -> None:
    bag = words(2).foldby(str, add_length, 0, stop)
    for limit in (None, SMALL):
        with pytest.raises(bk.errors.StoppedEarlyError, match="foldby"):
            bag.compute(scheduler="sync", memory_limit=limit)


@pytest.mark.parametrize("before", [10, 2_000])  # the task has begun to write when the later one fails
@pytest.mark.parametrize("operation", ["groupby", "sort_by", "foldby"])
def test_a_failure_leaves_no_file_open(operation: str, before: int) -> None:
    bag = bk.from_sequence([*WORDS[:before], None, *WORDS[before:]], npartitions=1)
    made = {
        "groupby": lambda: bag.groupby(len, npartitions=3),
        "sort_by": lambda: bag.sort_by(len, npartitions=3),
        "foldby": lambda: bag.foldby(str.upper, add_length, 0, add),
    }[operation]()
    for scheduler in ("sync", "threads"):
        before = psutil.Process().num_fds()
        with pytest.raises(TypeError):
            made.compute(scheduler=scheduler, memory_limit=SMALL)
        assert psutil.Process().num_fds() == before


# The kernel -----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=5),
    st.sampled_from([0, 600, 4000, 1 << 30]),
    st.sampled_from([1, 3]),
)
def test_states_in_any_order_of_joining(parts: list[list[int]], memory: int, width: int) -> None:
    flat = [number for part in parts for number in part]
    folding = Folding(lambda n: n % 7, add, add, (0,))
    expected = {
        Counting(): list(Counter(flat).items()),
        Seeing(): list(dict.fromkeys(flat)),
        folding: [(key, sum(n for n in flat if n % 7 == key)) for key in dict.fromkeys(n % 7 for n in flat)],
    }
    with tempfile.TemporaryDirectory() as directory:
        room = Room(memory, lambda: directory, tasks=width)
        for tabling, wanted in expected.items():
            states = [state for part in parts for state in filled(iter(part), tabling, room)]
            while len(states) > width > 1:
                states = [join(states[:width], tabling, room), *states[width:]]
            state = list(chain.from_iterable(states))
            assert list(chain.from_iterable(lists(state, tabling, room))) == wanted


SIMPLE = st.one_of(st.text(max_size=3), st.text("ab\ud800", max_size=2), st.integers(-9, 9), st.none(), st.booleans(),
                   st.binary(max_size=1), st.sampled_from([0.5, float("nan"), (1, "a"), ("a",)]))  # fmt: skip
"""Records: few repeat, or many."""


@given(
    st.lists(
        st.one_of(st.lists(st.text(max_size=3), max_size=60), st.lists(SIMPLE, max_size=60)), min_size=1, max_size=4
    ),
    st.sampled_from([None, 600, 4_000, 40_000]),
    st.sampled_from([1, 2, 5]),
    st.integers(1, 40),
)
def test_records_that_wait_for_a_table_are_those_of_a_table(
    parts: list[list[Any]], memory: int | None, count: int, tried: int
) -> None:
    """Tasks that find few records twice leave them to others, once they have `tried` a number of records."""
    tables: tuple[Tabling, ...] = (Counting(), Seeing())
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_TRIED", tried)
        patch.setattr(weights, "_AT_FIRST", tried)
        patch.setattr(weights, "MOST_AT_ONCE", tried)
        room = Room(memory, lambda: directory, tasks=3)
        for tabling in tables:
            states = [filled(iter(part), tabling, room, count) for part in parts]
            sent = pickle.loads(pickle.dumps(states))
            got = [list(chain(*lists(list(chain(*each)), tabling, room))) for each in zip(*sent, strict=True)]
            # One table gives each key and its place; NaN is one key.
            whole = {repr(key) if key != key else key: None for part in parts for key in part}
            place = {key: number for number, key in enumerate(whole)}
            keys = [record if isinstance(tabling, Seeing) else record[0] for record in chain(*got)]
            found = [repr(key) if key != key else key for key in keys]
            assert sorted(found, key=place.__getitem__) == list(whole)
            for each in got:
                names = [record if isinstance(tabling, Seeing) else record[0] for record in each]
                places = [place[repr(key) if key != key else key] for key in names]
                assert places == sorted(places)
            if isinstance(tabling, Counting):
                assert sum(number for _, number in chain(*got)) == sum(map(len, parts))


def test_few_records_twice_are_packed_not_counted() -> None:
    new = [f"key {number}" for number in range(60_000)]
    (state,) = filled(iter(new), Counting(), Room(tasks=8))
    table, waiting = state
    assert isinstance(table, dict)
    assert isinstance(waiting, Texts)
    assert len(waiting) > 40_000
    assert list(chain(*lists(state, Counting(), Room()))) == [(key, 1) for key in new]
    (alone,) = filled(iter(new), Counting(), Room())
    assert [type(piece) for piece in alone] == [dict]
    (again,) = filled(chain(new, new, new), Counting(), Room(tasks=8))
    assert [type(piece) for piece in again] == [dict, Texts, dict], "it saw that they are there again"
    assert isinstance(again[1], Texts)
    assert len(again[1]) < 80_000
    assert list(chain(*lists(again, Counting(), Room()))) == [(key, 3) for key in new]


def test_few_integers_twice_are_packed_not_counted() -> None:
    new = [number * 7919 - 2**62 for number in range(60_000)]
    (state,) = filled(iter(new), Counting(), Room(tasks=8))
    assert list(map(type, state)) == [dict, Integers]
    assert len(pickle.dumps(state[1])) < 9.1 * len(state[1])
    assert list(chain(*lists(pickle.loads(pickle.dumps(state)), Counting(), Room()))) == [(key, 1) for key in new]
    (large,) = filled((2**65 + number for number in new), Seeing(), Room(tasks=8))
    assert list(map(type, large)) == [list], "they have more than 64 bits"
    assert list(chain(*lists(large, Seeing(), Room()))) == [2**65 + number for number in new]


def odd_numbers(seed: int) -> list[Any]:
    """Return numbers of JSON, many of them equal, some thousands of a kind together, or all kinds mixed."""
    random = Random(seed)
    kinds: list[Callable[[], Any]] = [
        lambda: random.randrange(2**32, 2**52),
        lambda: random.randrange(2**32, 2**32 + 9_000),
        lambda: random.randrange(2**61 - 9_000, 2**61 + 9_000),
        lambda: random.randrange(-9_000, 9_000),
        lambda: random.randrange(2**63 - 9_000, 2**63 + 9_000),
        lambda: float(random.randrange(2**32, 2**32 + 9_000)),
        lambda: random.choice([True, False, None, 1.5, "4294967296", 2**80, -(2**33), 2.0**61 - 2.0**8]),
    ]
    several = [random.choices(kinds, k=random.choice([1, 1, 2, 7])) for _ in range(12)]
    return [random.choice(some)() for some in several for _ in range(random.randrange(3_000))]


@pytest.mark.parametrize("seed", range(6))
def test_how_many_numbers_there_are_is_told_whatever_kinds_they_are_of(seed: int, tmp_path: Path) -> None:
    numbers = [[*range(2**40, 2**40 + 9_000), *odd_numbers(8 * seed + part)] for part in range(3)]
    for part, some in enumerate(numbers):
        (tmp_path / f"{part}.json").write_text("".join(f'{{"id": {json.dumps(number)}}}\n' for number in some))
    ids = bk.read_text(tmp_path / "*.json").map(json.loads).pluck("id")
    count, expected = ids.distinct().count(), len(set(chain(*numbers)))
    assert count.compute(scheduler="sync", workers=2) == expected
    assert count.compute(scheduler="threads", workers=2, memory_limit=3_000_000) == expected
    often = sum(times > 1 for times in Counter(chain(*numbers)).values())
    assert ids.frequencies().filter(lambda pair: pair[1] > 1).count().compute(scheduler="sync", workers=2) == often


def test_a_list_among_large_integers_is_what_fails(tmp_path: Path) -> None:
    lines = [f'{{"id": {2**40 + number}}}\n' for number in range(30_000)]
    lines[25_000] = '{"id": [1]}\n'
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text("".join(lines))
    count = bk.read_text(tmp_path / "*.json").map(json.loads).pluck("id").distinct().count()
    with pytest.raises(TypeError) as caught:
        count.compute(scheduler="sync", workers=2)
    assert any("line 25001" in note for note in caught.value.__notes__), caught.value.__notes__


@pytest.mark.parametrize("length", [0, 1, 15, 16, 4_096, 4_097])
@pytest.mark.parametrize("others", [[], [0], [2**32 - 1], [2**64 - 1], [-(2**63)], [-1]])
def test_integers_are_what_was_packed(length: int, others: list[int]) -> None:
    random = Random(length)
    values = [random.randrange(2**36, 2**64) for _ in range(length)] + others
    packed = Integers(values)
    packed.extend(values[:17])
    assert list(pickle.loads(pickle.dumps(packed))) == values + values[:17]
    smaller = [value // 9 for value in values]
    assert are_large_integers(smaller) == (bool(values) and min(smaller) >= 2**32)
    with pytest.raises(OverflowError):
        packed.extend([1, 2**64])
    assert len(packed) == len(list(packed)) == len(values + values[:17])


@pytest.mark.parametrize("other", [True, None, 2.0**40, "8letters", [2**40], 2**61 - 1, -(2**40), 2**80, "\ud800"])
def test_what_is_no_large_integer(other: Any) -> None:
    assert are_large_integers([2**40, 2**61 - 2**56 - 1])
    assert not are_large_integers([other])
    assert not are_large_integers([2**40, other])
    assert not are_large_integers([2**40, other, 2**40])


@pytest.mark.parametrize("odd", ["\ud800", 2**64])
def test_what_cannot_be_packed_waits_among_what_is(odd: Any) -> None:
    """A record that comes late and has no packed form is counted once, and so are all that come with it."""
    new: list[Any] = [f"key {number}" if isinstance(odd, str) else number * 7919 for number in range(40_000)]
    new[30_000] = odd
    states = filled(iter(new), Counting(), Room(tasks=8), 3)
    assert {list} < set(map(type, chain(*states))) <= {dict, list, Texts, Integers}
    counts = dict(chain.from_iterable(chain(*lists(state, Counting(), Room())) for state in states))
    assert counts == dict.fromkeys(new, 1)


@pytest.mark.parametrize("npartitions", [None, 3])
@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_integers_and_what_equals_them(npartitions: Any, scheduler: str) -> None:
    """The first of equal keys stands for all, whatever type it has, also where the others are packed."""
    first = [True, 0.0, 3.0, 2**63, 2**64, -(2**63), *range(5, 20_000)]
    second = [*range(-4, 20_000), 1.0, False, -0.0, 2.0**63, 2**64, -(2**63)]
    records = [*first, *second]
    expected = {repr(key): records.count(key) if key in first[:6] else None for key in dict.fromkeys(records)}
    bag = bk.from_sequence(records, npartitions=1).repartition(5)
    keys = bag.distinct(npartitions=npartitions).compute(scheduler=scheduler)
    counts = dict(bag.frequencies().compute(scheduler=scheduler))
    assert sorted(map(repr, keys)) == sorted(expected)
    assert sorted(map(repr, counts)) == sorted(expected)
    assert all(counts[key] == records.count(key) for key in [*first[:9], -4, -1, 2, 4, 19_999])
    if npartitions is None:
        assert list(map(repr, keys)) == list(expected)


def test_what_is_joined_is_joined_in_one_way() -> None:
    """Floats that are added in another order are other floats; what has no values may be left as it is."""
    new = [[f"key {number}" for number in range(start, start + 50_000)] for start in (0, 50_000)]

    def joined(parts: list[list[str]], tabling: Tabling) -> Any:
        room = Room(tasks=2)
        return join([state for part in parts for state in filled(iter(part), tabling, room)], tabling, room)

    assert list(map(type, joined(new, Folding(str, add_length, add, (0.1,))))) == [dict]
    assert list(map(type, joined(new, Counting()))) == [dict, Texts, dict, Texts]
    again = joined([new[0], new[0]], Counting())
    assert list(map(type, again)) == [dict]
    assert list(chain(*lists(again, Counting(), Room()))) == [(key, 2) for key in new[0]]


def test_a_state_of_texts_is_small_where_it_is_sent() -> None:
    texts = Texts([f"key {number}" for number in range(60_000)])
    data = pickle.dumps(texts)
    assert len(data) < 800_000
    assert list(pickle.loads(data)) == list(texts)
    assert 4_000_000 < texts.nbytes < 8_000_000
    with pytest.raises(UnicodeEncodeError):
        Texts(["\ud800"])


def unhashable(number: int) -> Any:
    return [number] if number == 12_801 else f"key {number}"


class Alone:
    """Equal only to itself."""


def alone(number: int) -> Any:
    return (number, Alone()) if number == 7_001 else (number, None)


@pytest.mark.parametrize("npartitions", [None, 3])
def test_the_record_that_can_be_in_no_table_is_found(npartitions: int | None) -> None:
    """Also where it was pulled with others, which needed no look."""
    bag = bk.range(28_000, npartitions=2).map(unhashable)
    for counted in (bag.distinct(npartitions=npartitions), bag.frequencies(npartitions=npartitions)):
        with pytest.raises(TypeError, match="unhashable type: 'list'") as caught:
            counted.compute(scheduler="sync")
        assert any("record 12801, partition 0" in note for note in caught.value.__notes__), caught.value.__notes__
        with pytest.warns(bk.errors.SkippedRecordsWarning, match="1 record skipped"):
            lenient = counted.compute(scheduler="sync", on_error="skip")
        assert len(lenient) == 27_999


def unhashable_then_wrong(number: int) -> Any:
    return unhashable(number if number < 13_000 else 1 // (13_000 - number))


@pytest.mark.parametrize("npartitions", [None, 3])
def test_what_fails_first_is_told_though_records_wait_to_be_packed(npartitions: int | None) -> None:
    bag = bk.range(28_000, npartitions=2).map(unhashable_then_wrong)
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        bag.distinct(npartitions=npartitions).compute(scheduler="sync")


@pytest.mark.parametrize("npartitions", [None, 3])
def test_texts_that_msgpack_does_not_write_come_after_those_that_wait(npartitions: int | None) -> None:
    words = [f"key {number}" if number % 13_001 else f"\ud800{number}" for number in range(1, 30_000)]
    found = bk.from_sequence(words, npartitions=2).distinct(npartitions=npartitions).compute(scheduler="sync")
    assert found == words if npartitions is None else sorted(found) == sorted(words)


@dataclass
class Adding:
    """A function that is an object, which has no hash."""

    def __call__(self, one: int, other: int) -> int:
        return one + other


def test_functions_need_no_hash() -> None:
    pairs = bk.from_sequence([("a", 1), ("b", 2), ("a", 3)], npartitions=2)
    assert sorted(pairs.reduce_by_key(Adding()).compute(scheduler="sync")) == [("a", 4), ("b", 2)]
    assert sorted(pairs.aggregate_by_key(0, Adding(), Adding()).compute(scheduler="sync")) == [("a", 4), ("b", 2)]


def test_the_record_whose_key_has_no_digest_is_found() -> None:
    bag = bk.range(20_000, npartitions=2).map(alone)
    for made in (bag.distinct(npartitions=2), bag.reduce_by_key(add, npartitions=2), bag.frequencies(npartitions=2)):
        if made.plan.op.name == "reduce_by_key":
            made = bk.range(20_000, npartitions=2).map(alone).map(lambda key: (key, 1)).reduce_by_key(add)
        with pytest.raises(bk.errors.UnstableKeyError, match="is compared by identity") as caught:
            made.compute(scheduler="sync")
        assert any("record 7001, partition 0" in note for note in caught.value.__notes__), caught.value.__notes__


def test_what_is_large_is_on_disk(tmp_path: Path) -> None:
    room = Room(200_000, lambda: str(tmp_path))
    (state,) = filled(map(word, range(3000)), Counting(), room)
    assert len(state) > 3
    assert all(isinstance(piece, Bucket) and not piece.rest for piece in state)
    (small,) = filled(map(word, range(30)), Counting(), room)
    assert [type(piece) for piece in small] == [dict]
    assert all(isinstance(piece, Bucket) for piece in join([state, small], Counting(), room))


def test_a_table_is_weighed_with_its_values() -> None:
    assert weight({}) < 200
    assert weight(dict.fromkeys(range(100), "x" * 1000)) > 100_000
    scale = TableScale(100_000)
    assert not scale.is_full({1: "x"})
    assert scale.is_full(dict.fromkeys(range(20), "x" * 10_000))


def joined_texts(total: str, record: tuple[str, str]) -> str:
    if record[1] == "bad":
        raise ValueError("bad")
    return total + record[1]


def test_a_record_that_fails_after_it_has_waited_is_none_of_those_that_came_last(tmp_path: Path) -> None:
    tabling = Folding(itemgetter(0), joined_texts, joined_texts, ("",))
    filling = Filling(tabling, Room(1 << 20, lambda: os.fspath(tmp_path)))
    keys = [f"k{number:06}" for number in range(2_000)]
    filling.take([(key, "x") for key in keys])  # more than the table takes
    filling.take([("k", "bad")])
    longer = [(key, "y" * 2_000) for key in keys[:100]]
    with pytest.raises(ValueError, match="bad"):
        deque(map(filling.take, repeat(longer, 100)), maxlen=0)  # the table is put away, and what waited is folded
    assert filling.failed_at is None


def merging(total: int, record: Any) -> int:
    return total + record["n"]  # and not a total of another partition


FAILING: dict[str, Callable[[Any], Any]] = {
    "merging": lambda b: b.foldby("n", merging, 0).count(),
    "behind a table": lambda b: b.pluck("n").frequencies().map(lambda pair: 1 // 0).count(),
    "whole records behind a filter": lambda b: (
        b.filter(lambda r: r["n"] == 1).zip_with_index().map(lambda pair: 1 // 0)
    ),
    "records of another task": lambda b: b.zip_with_index().map(lambda pair: 1 // 0),
}


@pytest.mark.parametrize("name", FAILING)
def test_errors_name_operations_as_they_were_written(tmp_path: Path, name: str) -> None:
    """Not as passes made them: `parse_json`, `frequencies(npartitions=61)`."""
    for number in range(2):
        (tmp_path / f"{number}.json").write_text('{"n": 1}\n')
    notes = []
    for optimize in (True, False):
        with pytest.raises((TypeError, ZeroDivisionError)) as caught:
            FAILING[name](bk.read_json(tmp_path / "*.json")).compute(scheduler="sync", optimize=optimize)
        notes.append(caught.value.__notes__)
    assert notes[0] == notes[1]
