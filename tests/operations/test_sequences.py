"""Sequences and partitions: sizes of every kind, misuse, what crosses from one partition to the next."""

from __future__ import annotations

import itertools
import operator
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bagkit as bk
from bagkit.errors import PlanError, SkippedRecordsWarning, StoppedEarlyError
from tests.each_case import each_case
from tests.operations.functions import Counts, Fails, stops

PARTS = st.lists(st.lists(st.integers(-9, 9), max_size=5), min_size=1, max_size=6)


def bag_of(parts: list[list[Any]]) -> Any:
    return bk.concat([bk.from_sequence(part, npartitions=1) for part in parts])


def flat(parts: list[list[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(parts))


# Across partitions ------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(PARTS, st.integers(1, 7), st.integers(1, 4))
def test_windows_do_not_see_partitions(parts: list[list[int]], size: int, step: int) -> None:
    records = flat(parts)
    expected = [tuple(records[at : at + size]) for at in range(0, len(records) - size + 1, step)]
    assert bag_of(parts).window(size, step).compute(scheduler="sync") == expected


@settings(max_examples=60, deadline=None)
@given(PARTS)
def test_indices_and_totals_do_not_see_partitions(parts: list[list[int]]) -> None:
    bag, records = bag_of(parts).map(abs), list(map(abs, flat(parts)))
    with bk.options(scheduler="sync"):
        assert bag.zip_with_index().compute() == [(x, n) for n, x in enumerate(records)]
        assert bag.accumulate(operator.sub).compute() == list(itertools.accumulate(records, operator.sub))
        assert bag.accumulate(operator.sub, 5).compute() == list(itertools.accumulate(records, operator.sub, initial=5))


@settings(max_examples=60, deadline=None)
@given(PARTS, st.integers(1, 4))
def test_batches_and_lists_of_partitions_hold_all(parts: list[list[int]], size: int) -> None:
    bag = bag_of(parts)
    with bk.options(scheduler="sync"):
        assert bag.glom().compute() == parts
        batches = bag.batch(size).compute()
        assert flat(batches) == flat(parts)
        assert all(0 < len(batch) <= size for batch in batches)


def test_accumulating_many_partitions_is_no_deep_recursion() -> None:
    bag = bk.range(1500, npartitions=1500)
    assert bag.accumulate(operator.add).compute(scheduler="sync") == list(itertools.accumulate(range(1500)))


def test_accumulating_calls_the_function_once_for_each_pair() -> None:
    calls = Counts()
    bag = bk.range(12, npartitions=4).accumulate(lambda one, other: calls((one, other)) and one + other)
    bag.compute(scheduler="sync")
    assert len(calls.calls) == 11


def test_an_initial_value_is_not_shared() -> None:
    seen: list[int] = []
    bag = bk.range(4, npartitions=2).accumulate(lambda total, x: total.append(x) or total, seen)
    assert bag.compute(scheduler="sync")[-1] == [0, 1, 2, 3]
    assert seen == []


def test_what_fails_in_accumulate_can_be_skipped() -> None:
    bag = bk.from_sequence([1, 2, "x", 3, 4], npartitions=2).accumulate(operator.add)
    with pytest.warns(SkippedRecordsWarning, match="accumulate"):
        assert bag.compute(scheduler="sync", on_error="skip") == [1, 3, 6, 10]
    with pytest.raises(TypeError) as caught:
        bag.compute(scheduler="sync")
    assert "in accumulate(operator.add)" in caught.value.__notes__
    assert "record: 'x'" in caught.value.__notes__


def test_indices_count_what_is_left_when_records_are_skipped() -> None:
    bag = bk.range(10, npartitions=3).map(Fails(1, 5)).zip_with_index()
    with pytest.warns(SkippedRecordsWarning):
        result = bag.compute(scheduler="sync", on_error="skip")
    assert result == [(x, n) for n, x in enumerate([0, 2, 3, 4, 6, 7, 8, 9])]


@pytest.mark.parametrize(
    "made",
    [
        lambda b, f: b.key_by(f),
        lambda b, f: b.key_by(str).map_values(f),
        lambda b, f: b.key_by(str).flat_map_values(f),
        lambda b, f: b.tap(f),
        lambda b, f: b.flat_map(f),
        lambda b, f: b.accumulate(lambda total, x: f(x)),
        lambda b, f: bk.map(lambda x, y: f(x), b, b),
    ],
)
def test_a_function_that_stops_early_is_an_error(made: Any) -> None:
    for last in (4, 9):
        with pytest.raises(StoppedEarlyError):
            made(bk.range(10, npartitions=2), stops(last, then=lambda x: [x])).compute(scheduler="sync")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda b, f: b.key_by(f), [(x, x) for x in (0, 1, 3, 4)]),
        (lambda b, f: b.key_by(str).map_values(f), [(str(x), x) for x in (0, 1, 3, 4)]),
        (lambda b, f: b.tap(f), [0, 1, 3, 4]),
    ],
)
def test_a_key_never_meets_the_value_of_a_record_that_failed(made: Any, expected: list[Any]) -> None:
    with pytest.warns(SkippedRecordsWarning):
        assert made(bk.range(5, npartitions=1), Fails(2)).compute(scheduler="sync", on_error="skip") == expected


def test_records_that_are_no_pairs_are_skipped_alone() -> None:
    bag = bk.from_sequence([("a", 1), 7, ("b", 2), (), ("c", 3)], npartitions=1)
    with pytest.warns(SkippedRecordsWarning):
        found = bag.map_values(lambda x: -x).compute(scheduler="sync", on_error="skip")
    assert found == [("a", -1), ("b", -2), ("c", -3)]


# Partitions -----------------------------------------------------------------------------------------------------------


def test_partitions_by_number() -> None:
    parts = bk.range(10, npartitions=5).partitions
    assert len(parts) == 5
    assert [part.npartitions for part in parts] == [1] * 5
    assert parts[1:4].npartitions == 3
    assert parts[[4, 4, 0]].npartitions == 3
    assert "5 partitions" in repr(parts)


def test_a_picked_partition_is_all_that_is_read(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"{number}\n")
    bag = bk.read_text(str(tmp_path / "*.txt"))
    (tmp_path / "0.txt").unlink()
    assert bag.partitions[[2, 1]].compute(scheduler="sync") == ["2\n", "1\n"]


def test_a_repeated_partition_is_made_once() -> None:
    calls = Counts()
    bag = bk.range(6, npartitions=3).map(calls)
    assert bag.partitions[[1, 1, 0]].compute(scheduler="sync") == [2, 3, 2, 3, 0, 1]
    assert calls.calls.count(2) == 1


def test_both_sides_of_a_product_are_made_once() -> None:
    left, right = Counts(), Counts()
    bag = bk.range(4, npartitions=2).map(left).product(bk.range(6, npartitions=3).map(right))
    assert bag.npartitions == 6
    assert len(bag.compute(scheduler="sync")) == 24
    assert (len(left.calls), len(right.calls)) == (4, 6)


def test_info_names_the_files(tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        path = tmp_path / f"{number}.txt"
        path.write_text("a\nb\n")
        paths.append(str(path))
    with bk.options(scheduler="sync"):
        lines = bk.read_text(paths)
        assert infos(lines) == [(n, 4, (path,)) for n, path in enumerate(paths)]
        assert infos(lines.repartition(2).map(str.upper)) == [(0, 2, tuple(paths[:2])), (1, 2, tuple(paths[2:]))]
        assert infos(lines.repartition(5))[-1] == (4, 5, (paths[3],))
        assert infos(lines.partitions[[3, 0]]) == [(0, 2, (paths[3],)), (1, 2, (paths[0],))]
        assert infos(bk.concat([bk.range(2, 1), lines]))[1] == (1, 5, (paths[0],))
        assert infos(bk.zip(lines, lines.partitions[::-1]))[0] == (0, 4, (paths[0], paths[3]))
        assert infos(lines.distinct()) == [(0, 1, ())]


def infos(bag: Any) -> list[Any]:
    return [(i.index, i.npartitions, i.paths) for i in bag.map_partitions_with_info(lambda _, i: [i]).compute()]


def test_a_function_of_a_partition_with_its_info_is_named_when_it_fails() -> None:
    def broken(records: list[int], info: bk.PartitionInfo) -> list[int]:
        return [records[5 + info.index]]

    with pytest.raises(IndexError) as caught:
        bk.range(4, npartitions=2).map_partitions_with_info(broken).compute(scheduler="sync")
    assert "in map_partitions_with_info(test_sequences.broken)" in " ".join(caught.value.__notes__)


def test_peek_shows_the_first_records_of_each_partition(capsys: Any) -> None:
    bag = bk.from_sequence(["a", "c", "b\x1b"], npartitions=2).peek(1)
    assert bag.compute(scheduler="sync") == ["a", "c", "b\x1b"]
    assert capsys.readouterr().err == "partition 0: 'a'\npartition 1: 'b\\x1b'\n"


# Pipe -----------------------------------------------------------------------------------------------------------------


def test_a_pipe_takes_more_than_its_buffers_hold() -> None:
    lines = [f"{n:0100d}" for n in range(30_000)]
    bag = bk.from_sequence(lines, npartitions=1)
    with bk.options(scheduler="sync"):
        assert bag.pipe("cat").compute() == [line + "\n" for line in lines]
        assert bag.pipe("tac").take(1) == (lines[-1] + "\n",)


def test_a_pipe_that_wants_no_more_is_no_error() -> None:
    bag = bk.from_sequence(["x" * 1000] * 5000, npartitions=1)
    assert bag.pipe("head -n 1").map(len).compute(scheduler="sync") == [1001]


def test_a_pipe_tells_which_record_is_no_text() -> None:
    bag = bk.from_sequence([*"abc", 3, *"def"], npartitions=1)
    with pytest.raises(TypeError, match="a record is of type int") as caught:
        bag.pipe("cat").compute(scheduler="sync")
    assert "at from_sequence, record 3, partition 0" in caught.value.__notes__


def test_a_pipe_takes_text_and_a_command() -> None:
    for record in (None, 5, b"x"):
        with pytest.raises(TypeError, match="pipe: a record is of type"):
            bk.from_sequence(["a", record]).pipe("cat").compute(scheduler="sync")
    for command in (None, 5, b"cat", {"cat": 1}, [], [""], ""):
        with pytest.raises(bk.PlanError, match="pipe: the command is"):
            bk.from_sequence(["a"]).pipe(command)  # type: ignore[arg-type]


def test_a_pipe_gives_lines_as_they_are() -> None:
    bag = bk.from_sequence(["é\n", "b"], npartitions=1)
    with bk.options(scheduler="sync"):
        assert bag.pipe("cat; printf 'no end'").compute() == ["é\n", "b\n", "no end"]
        assert bag.pipe("printf '\\r\\n\\n\\f\\n'").compute() == ["\r\n", "\n", "\f\n"]
        assert bag.pipe(["wc", "-l"]).map(int).compute() == [2]
        assert bag.filter(len).partitions[0].pipe("true").compute() == []
        assert bag.pipe("head -c 300000 /dev/zero").map(len).compute() == [300_000]


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_a_pipe_that_fails_says_what_it_wrote(scheduler: str) -> None:
    bag = bk.from_sequence(["a"], npartitions=1).pipe("echo started; echo 'no such thing' >&2; exit 3")
    with pytest.raises(subprocess.CalledProcessError, match="non-zero exit status 3") as caught:
        bag.compute(scheduler=scheduler, workers=1)
    assert any("no such thing; hint: check=False" in note for note in caught.value.__notes__)
    assert bk.from_sequence(["a"], npartitions=1).pipe("cat; exit 3", check=False).compute(scheduler="sync") == ["a\n"]


def test_a_pipe_takes_text_only() -> None:
    with pytest.raises(TypeError, match="pipe: a record is of type int; expected text; hint: map"):
        bk.range(3, 1).pipe("cat").compute(scheduler="sync")


def test_an_error_before_a_pipe_ends_its_program() -> None:
    def failing(n: int) -> str:
        if n == 2:
            raise KeyError(n)
        return str(n)

    with pytest.raises(KeyError) as caught:
        bk.range(4, 1).map(failing).pipe("cat; sleep 60").compute(scheduler="sync")
    assert "record: 2" in caught.value.__notes__


# Misuse ---------------------------------------------------------------------------------------------------------------

BAG = bk.range(6, npartitions=3)


@each_case(
    ("call", "message"),
    [
        (lambda: bk.zip(), "zip: got nothing; expected one bag or more"),
        (lambda: bk.zip(BAG, [1]), "zip: got list; expected"),
        (lambda: bk.zip(BAG, BAG.sum()), "zip: got Item; expected"),
        (lambda: bk.zip(BAG, bk.range(6, 2)), "zip: the bags have different numbers of partitions; got 3, 2"),
        (lambda: bk.map(abs, [1]), "map: no argument is a bag; expected one or more; hint: from_sequence"),
        (lambda: bk.map(abs, BAG, bk.range(6, 2)), "map: the bags have different numbers of partitions"),
        (lambda: bk.map(3, BAG), "map: the function can't be called"),
        (lambda: bk.map_partitions(len, 1), "map_partitions: no argument is a bag"),
        (lambda: BAG.product(BAG.sum()), "product: got Item; expected a bag"),
        (lambda: BAG.unzip(0), "unzip: n is 0; expected an int of 1 or more"),
        (lambda: BAG.window(0), "window: n is 0; expected"),
        (lambda: BAG.window(2, step=0), "window: step is 0; expected"),
        (lambda: BAG.batch(2.5), "batch: n is 2.5; expected"),
        (lambda: BAG.peek(-1), "peek: n is -1; expected an int of 0 or more"),
        (lambda: BAG.accumulate(3), "accumulate: the function can't be called"),
        (lambda: BAG.tap(None), "tap: the function can't be called"),
        (lambda: BAG.map_values("x"), "map_values: the function can't be called"),
        (lambda: BAG.flat_map_values(1), "flat_map_values: the function can't be called"),
        (lambda: BAG.key_by({}), "key_by: the key is neither a function nor an index"),
        (lambda: BAG.map_partitions_with_info(1), "map_partitions_with_info: the function can't be called"),
        (lambda: BAG.map_partitions_with_info(len, BAG), "map_partitions_with_info: a bag stands where only values"),
        (lambda: BAG.pipe(""), "pipe: the command is ''; expected a shell command, or a list of its words"),
        (lambda: BAG.pipe([]), "pipe: the command is"),
        (lambda: BAG.pipe([1]), "pipe: the command is"),
        (lambda: BAG.partitions["x"], r"partitions\['x'\]: expected a number, a slice, or a list"),
        (lambda: BAG.partitions[3:], "picks none of 3; expected one partition or more"),
        (lambda: BAG.partitions[[]], "picks none of 3"),
    ],
)
def test_wrong_arguments_are_errors_of_the_call(call: Any, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        call()


def test_a_partition_that_is_not_there() -> None:
    for number in (3, -4):
        with pytest.raises(IndexError, match=rf"partitions\[{number}\]: the bag has 3 partitions, numbered from 0"):
            BAG.partitions[number]


def test_zip_of_unequal_partitions_is_an_error_wherever_they_differ() -> None:
    longer = bk.concat([bk.range(2, 1), bk.range(3, 1)])
    shorter = bk.concat([bk.range(2, 1), bk.range(2, 1)])
    for bags in ((longer, shorter), (shorter, longer)):
        with pytest.raises(ValueError, match="zip"):
            bk.zip(*bags).compute(scheduler="sync")


@each_case(
    ("made", "expected"),
    [
        (lambda b, f: b.random_sample(1).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.random_split([1])[0].map(f), [0, 1, 3, 4]),
        (lambda b, f: b.zip_with_index().pluck(0).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.window(1).map(max).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.peek(0).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.map_partitions_with_info(lambda records, info: records).map(f), [0, 1, 3, 4]),
        (lambda b, f: bk.map_partitions(lambda one, other: one, b, b).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.map_partitions(lambda one, total: one, b.sum()).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.product(bk.range(2, 1)).map(sum).map(f), [0, 1, 1, 3, 3, 4, 4, 5]),
        (lambda b, f: bk.zip(b, b).map(max).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.accumulate(max).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.batch(1).map(max).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.map(str).pipe("cat").map(int).map(f), [0, 1, 3, 4]),
        (lambda b, f: b.map(f).partitions[:].key_by(abs).pluck(0), [0, 1, 3, 4]),
        (lambda b, f: b.key_by(lambda x: "a").map_values(f).sample_by_key({"a": 1}).pluck(1), [0, 1, 3, 4]),
    ],
)
@each_case("npartitions", [1, 2, 5])
def test_records_that_fail_later_on_can_be_skipped(made: Any, expected: list[int], npartitions: int) -> None:
    bag = made(bk.range(5, npartitions=npartitions), Fails(2))
    with pytest.warns(SkippedRecordsWarning):
        assert bag.compute(scheduler="sync", on_error="skip") == expected


def test_pairs_of_a_key_without_a_fraction_can_be_skipped() -> None:
    bag = bk.from_sequence([("a", 1), 3, ("c", 2), ("a", 4)], npartitions=2).sample_by_key({"a": 1})
    collected = bag.compute(scheduler="sync", on_error="collect")
    assert collected.result == [("a", 1), ("a", 4)]
    assert [failure.place.record for failure in collected.failures] == [3, ("c", 2)]


@pytest.mark.parametrize("policy", ["raise", "skip"])
def test_a_function_that_stops_early_after_whole_partitions_is_an_error(policy: str) -> None:
    for made in (bk.range(6, 2).map_partitions_with_info(lambda records, info: records),
                 bk.map_partitions(lambda one, other: one, bk.range(6, 2), bk.range(6, 2))):  # fmt: skip
        bag = made.map(stops(1))
        if policy == "raise":
            with pytest.raises(StoppedEarlyError):
                bag.compute(scheduler="sync")
        else:
            with pytest.warns(SkippedRecordsWarning):
                assert bag.compute(scheduler="sync", on_error="skip") == [0, 2, 3, 4, 5]
