"""Every message that bagkit raises of its own, raised once; and that each message is here.

Messages about options, pictures, files, clients, schedulers, legal plans, sequences, samples, summaries, profiles,
models and replays are raised in the tests of these.
"""

from __future__ import annotations

import ast
import inspect
import operator
import re
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

import bagkit as bk
from bagkit import errors
from bagkit.exchange.group import KeyTooLarge
from bagkit.exchange.spill import NotUnpickled, SpillError
from bagkit.lower.graph import Graph, Task
from bagkit.ops.grouping import exchange_errors
from bagkit.optimizer import PASSES, optimize
from tests.each_case import each_case

ROOT = Path(bk.__file__).parent
OWN = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, bk.BagkitError)}
ELSEWHERE = (
    "options.py",
    "option_values.py",
    "own_threads.py",
    "io/handover/arrow.py",
    "io/input/avro.py",
    "io/output/avro.py",
    "io/handover/columns.py",
    "io/handover/gathered.py",
    "io/handover/casts.py",
    "io/input/csv.py",
    "io/handover/converted.py",
    "io/handover/frames.py",
    "io/handover/hdf5.py",
    "io/handover/hdf5_datasets.py",
    "io/handover/hdf5_looks.py",
    "io/handover/hdf5_tables.py",
    "io/handover/parquet.py",
    "io/handover/sqlite.py",
    "io/output/whole_files.py",
    "methods/elementwise.py",
    "methods/tabulating.py",
    "methods/table_parts.py",
    "client/",
    "diagnostics/",
    "io/input/files.py",
    "io/input/json_documents.py",
    "io/input/listing.py",
    "io/input/long_lines.py",
    "io/input/members.py",
    "io/input/parquet.py",
    "io/input/paths.py",
    "io/input/codecs.py",
    "io/input/encodings.py",
    "io/input/file_source.py",
    "io/input/sqlite.py",
    "io/input/text.py",
    "io/input/text_blocks.py",
    "io/input/too_long.py",
    "io/output/names.py",
    "io/output/input_names.py",
    "io/output/cache.py",
    "io/output/merging.py",
    "io/input/sharding.py",
    "io/output/commits.py",
    "io/output/stores.py",
    "io/output/locks.py",
    "io/output/sinks.py",
    "ops/encoding.py",
    "ops/near.py",
    "crossing/",
    "schedulers/",
    "lazy/",
    "shown.py",
    "shell/",
    "live/",
    "lower/calls.py",
    "ops/calls.py",
    "combine.py",
    "io/input/contents.py",
    "io/input/web.py",
    "methods/partitions.py",
    "methods/retrying.py",
    "methods/profiling.py",
    "methods/sequences.py",
    "methods/text.py",
    "ops/sampling.py",
    "ops/sequences.py",
    "ops/summaries.py",
    "ops/text.py",
    "ops/validating.py",
    "profiling/",
    "random.py",
    "replaying.py",
    "work/failures.py",
)


def bag() -> Any:
    return bk.range(4, 2)


def item() -> Any:
    return bag().sum()


def stop(record: Any) -> Any:
    raise StopIteration


class NoNotesError(Exception):
    @property
    def __notes__(self) -> int:
        return 5


def note_nothing() -> None:
    error = NoNotesError()
    errors.add_notes(error, ["a note"])
    assert error.__cause__ is not None
    assert error.__cause__.__notes__ == ["a note"]
    raise error.__cause__


def compute(made: Any) -> Any:
    return made.compute(scheduler="sync")


def nothing(record: Any) -> None: ...


class Itself:
    def __repr__(self) -> str:
        return "Itself"


EMPTY = bk.from_sequence([], npartitions=2)
LOOP: list[Any] = []
LOOP.append(LOOP)
LOOP.append(bk.range(4, 2).sum())


def let_go() -> Any:
    """Return a bag whose records unpersist() has let go of."""
    kept = bag().persist(scheduler="processes", workers=1)
    kept.unpersist()
    return kept


async def waits(record: Any) -> Any:
    return record


async def yields(record: Any) -> Any:
    yield record


CASES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "profile of no path": (
        lambda: bag().profile(max_paths=0), bk.PlanError, "profile: max_paths is 0; expected an int of 1 or more"),
    "profile with keys that are none": (
        lambda: bag().profile(keys=1), bk.PlanError,
        "profile: keys is 1; expected a list of paths such as 'user.id'"),
    "profile with a key that is no path": (
        lambda: bag().profile(keys=[1]), bk.PlanError,
        "profile: a key is 1; expected a path such as 'user.id', or a tuple of paths"),
    "profile with a key that is not written as a path": (
        lambda: bag().profile(keys=["a["]), bk.PlanError,
        "profile: 'a[' is no path: it can't be read from character 1 on; "
        "hint: a key with a dot in it is written in brackets, '[\"a.b\"]'"),
    "profile with the elements of an array as key": (
        lambda: bag().profile(keys=["a[]"]), bk.PlanError,
        "profile: 'a[]' can't be a key; expected a path of one value in each record"),
    "diff with something else": (
        lambda: bag().profile().diff(1), bk.PlanError, "diff: got int; expected the DataProfile of another bag"),
    "diff with a tolerance above 1": (
        lambda: bag().profile().diff(bag().profile(), tolerance=2), bk.PlanError,
        "diff: tolerance is 2; expected a number from 0 to 1"),
    "struct without a name": (
        lambda: bag().profile().struct("a b"), bk.PlanError,
        "struct: name is 'a b'; expected the name of a class, such as 'Record'"),
    "struct of another library": (
        lambda: bag().profile().struct(style="attrs"), bk.PlanError,
        "struct: style is 'attrs'; expected 'msgspec' or 'TypedDict'"),
    "read_errors of no bag": (
        lambda: bk.read_errors("bad.jsonl", of=1), bk.PlanError,
        "read_errors: of is int; expected the bag that split_errors() was called on"),
    "explain that analyzes something else": (
        lambda: bag().explain(analyze="all"), bk.PlanError,
        "explain: analyze is 'all'; expected True, False or 'full'"),
    "explain of nothing": (
        lambda: bk.explain([1]), bk.PlanError,
        "explain: there is nothing to explain; expected bags, items or delayed values, also in containers"),
    "update without computing": (
        lambda: bag().to_jsonl("out/*.jsonl", exist="update", compute=False), bk.PlanError,
        "to_jsonl: exist='update' looks for what has changed when it writes, and compute=False writes nothing yet; "
        "hint: leave out compute=False"),
    "explain of a sample that writes": (
        lambda: bag().to_jsonl("out/*.jsonl", compute=False).explain(analyze=True), bk.PlanError,
        "explain: the plan writes files (to_jsonl), and a sample would write a part of them; expected a "
        "plan that writes nothing; "
        "hint: explain the bag that is written, or explain(analyze='full'), which writes all"),
    "split_errors of a deep plan": (
        lambda: reduce(lambda deep, _: deep.map(str).repartition(2), range(80), bag()).split_errors()[0].compute(),
        bk.PlanError,
        "split_errors: there are more than 64 operations before it; "
        "hint: split errors in the middle too: good, bad = ..., then go on with good"),
    "unpersist of what is not kept": (
        lambda: bag().unpersist(), bk.PlanError,
        "unpersist: got a bag that keeps no records; expected one that persist() has returned"),
    "a bag that was let go of": (
        lambda: let_go().compute(), bk.TaskError,
        "persist: the records were let go of by unpersist(); hint: use the bag that persist() was called on"),
    "visualize of nothing": (
        lambda: bk.visualize([1]), bk.PlanError,
        "visualize: there is nothing to draw; expected bags, items or delayed values, also in containers"),
    "take later with options": (
        lambda: bag().take(1, compute=False, workers=2), bk.PlanError,
        "take: 'workers' is an option of compute, and compute=False; hint: give it to compute(...) later"),
    "take that collects": (
        lambda: bag().take(1, on_error="collect"), bk.PlanError,
        "take: on_error is 'collect'; expected 'raise' or 'skip'; "
        "hint: bag.compute(on_error='collect') returns the failures too"),
    "visualize with a format only": (
        lambda: bag().visualize(format="png"), bk.PlanError,
        "visualize: format is 'png', and there is no filename; "
        "hint: filename='picture.png', or leave both out for a picture that a notebook shows"),
    "map with an item in an argument that contains itself": (
        lambda: bag().map(max, LOOP), bk.PlanError,
        "map: there is a lazy value in a list that contains itself, or is nested too deeply; "
        "hint: hand over the lazy value as an argument of its own"),
    "fold from an item": (
        lambda: bag().fold(max, initial=bag().sum()), bk.PlanError,
        "fold: initial is not computed yet; expected a plain value; hint: initial=value.compute() computes it first"),
    "pluck with an item as default": (
        lambda: bag().pluck("a", bag().sum()), bk.PlanError,
        "pluck: the key or the default is not computed yet; expected a plain value; "
        "hint: bag.map(lambda record, value: ..., value) takes bags, items and delayed values"),
    "map without a function": (lambda: bag().map(x=1), bk.PlanError,
        "map: there is no function; expected map(function, ...)"),
    "map of an async function": (
        lambda: bag().map(waits), bk.PlanError,
        "map: waits is an async function, and nobody waits for its calls; hint: map(lambda *args: "
        "asyncio.run(waits(*args))) waits for each call; to wait for many at a time, call asyncio.gather in a function "
        "for map_partitions"),
    "map of a function that returns a coroutine": (
        lambda: bag().map(lambda record: waits(record)).compute(scheduler="sync"), bk.TaskError,
        "map(lambda): the function returned a coroutine, and nobody waits for it; hint: "
        "lambda *args: asyncio.run(function(*args)) waits for each call"),
    "map of an async generator function": (
        lambda: bag().map(yields), bk.PlanError,
        "map: yields is an async generator function, and nobody waits for what it yields; hint: collect that in "
        "another async function, and call that by asyncio.run"),
    "map of no function": (
        lambda: bag().map("upper"), bk.PlanError,
        "map: the function can't be called; got 'upper' of type str; "
        "hint: pass the function itself, as in map(str.upper)"),
    "filter of no function": (
        lambda: bag().filter(5), bk.PlanError,
        "filter: the function can't be called; got 5 of type int; "
        "hint: pass the function itself, as in filter(str.upper)"),
    "reason of a filter": (
        lambda: bag().remove(None, reason=5), bk.PlanError,
        "remove: the reason is 5; expected text, or a function that takes a record and returns text"),
    "reason of a tally": (
        lambda: bk.tally(5), bk.PlanError,  # type: ignore[arg-type]  # that is the error
        "tally: the reason is 5; expected text; hint: str(...) makes text of it"),
    "count of a tally": (
        lambda: bk.tally("a", -1), bk.PlanError, "tally: count is -1; expected an int of 0 or more"),
    "key": (
        lambda: bag().foldby({}, max), bk.PlanError,
        "foldby: the key is neither a function nor an index; got {}; "
        "expected a function, a field's name, an index, or a list of those"),
    "pluck of a function": (
        lambda: bag().pluck(len), bk.PlanError,
        "pluck: the key is a function; got len; expected a field's name, an index, or a list of those; "
        "hint: map takes functions"),
    "on_error": (
        lambda: bag().on_error("ignore"), bk.PlanError,
        "on_error: the policy is 'ignore'; expected 'raise', 'skip' or 'collect'"),
    "starmap of a bag": (
        lambda: bag().starmap(max, key=bag()), bk.PlanError,
        "starmap: a keyword argument is a bag; expected values and items; "
        "hint: bag.map(lambda record, other: function(*record, other), other_bag)"),
    "other numbers of partitions": (
        lambda: bag().map(max, bk.range(4, 3)), bk.PlanError,
        "map: the bags have different numbers of partitions; got 2, 3; expected the same for all; "
        "hint: repartition(npartitions=...) one of them"),
    "bag in a list": (
        lambda: bag().map(max, [bag()]), bk.PlanError,
        "map: a bag stands where only values and items can; "
        "hint: for all of its records at once, reduce it first, as in bag.fold(...) or bag.distinct()"),
    "repartition into nothing": (
        lambda: bag().repartition(0), bk.PlanError, "repartition: npartitions is 0; expected an int of 1 or more"),
    "repartition into what": (
        lambda: bag().repartition(), bk.PlanError,
        "repartition: expected either npartitions or partition_size, and not both"),
    "split_every": (
        lambda: bag().sum(split_every=1), bk.PlanError,
        "sum: split_every is 1; expected an int of 2 or more, False, or None"),
    "split_every of a reduction": (
        lambda: bag().reduction(sum, sum, split_every=1), bk.PlanError,
        "reduction: split_every is 1; expected an int of 2 or more, False, or None"),
    "max of nothing": (
        lambda: compute(EMPTY.max()), bk.EmptyBagError, "max of an empty bag: there is no record to take it of"),
    "mean of nothing": (
        lambda: compute(EMPTY.mean()), bk.EmptyBagError, "mean of an empty bag: there is no record to take it of"),
    "var of too little": (
        lambda: compute(bk.range(1, 1).std(ddof=1)), bk.EmptyBagError,
        "std of 1 records: it needs more than ddof=1 of them"),
    "fold of nothing": (
        lambda: compute(EMPTY.fold(max)), bk.EmptyBagError,
        "fold of an empty bag: it has no value without an initial one; hint: fold(..., initial=0)"),
    "ddof": (lambda: bag().var(-1), bk.PlanError, "var: ddof is -1; expected an int of 0 or more"),
    "topk": (lambda: bag().topk("3"), bk.PlanError, "topk: k is '3'; expected an int of 0 or more"),
    "out_type": (
        lambda: bag().fold(max, out_type=list), bk.PlanError,
        "out_type is <class 'list'>; expected bagkit.Bag or bagkit.Item"),
    "take": (lambda: bag().take(-1), bk.PlanError, "take: k is -1; expected an int of 0 or more"),
    "take of partitions": (
        lambda: bag().take(1, npartitions=3), bk.PlanError, "take: npartitions is 3; expected -1, or 1 to 2"),
    "concat of something else": (
        lambda: bk.concat([bag(), [1]]), bk.PlanError, "concat: got list; expected one bag or more, in a list"),
    "concat of a bag": (
        lambda: bk.concat(bag()), bk.PlanError, "concat: got a Bag; expected one bag or more, in a list"),
    "from_delayed of text": (
        lambda: bk.from_delayed("ab"), bk.PlanError,
        "from_delayed: got str; expected one delayed value or item, or a list of them; "
        "hint: bagkit.delayed(function)(arguments) makes one"),
    "from_delayed of something else": (
        lambda: bk.from_delayed([1]), bk.PlanError,
        "from_delayed: got int; expected one delayed value or item, or a list of them; "
        "hint: bagkit.delayed(function)(arguments) makes one"),
    "from_sequence": (
        lambda: bk.from_sequence([1], npartitions=0), bk.PlanError,
        "from_sequence: npartitions is 0; expected an int of 1 or more"),
    "from_sequence of both": (
        lambda: bk.from_sequence([1], 1, 1), bk.PlanError,
        "from_sequence: both partition_size and npartitions are given; expected one of them"),
    "from_sequence of a number": (
        lambda: bk.from_sequence(5), bk.PlanError,
        "from_sequence: got int, which can't be iterated; expected a sequence"),
    "item of something else": (
        lambda: bk.Item.from_delayed(bag()), bk.PlanError,
        "from_delayed: got Bag; expected a delayed value or an item"),
    "range": (lambda: bk.range(-1, 1), bk.PlanError, "range: n is -1; expected an int of 0 or more"),
    "change of a bag": (
        lambda: operator.setitem(bag(), "x", 1), bk.LazyError,
        "a bag can't be changed; hint: bag.map(lambda record: {**record, 'x': value})"),
    "slice of a bag": (
        lambda: bag()[:3], bk.LazyError,
        "a bag can't be indexed, got [:3]; hint: bag.take(5) gives the first five records"),
    "bag as an index of a bag": (
        lambda: bag()[bag()], bk.LazyError,
        "a bag can't be indexed by another; hint: bag.filter(lambda record: record['age'] > 30)"),
    "bag as a key": (
        lambda: bag().groupby(bag()), bk.PlanError,
        "groupby: the key is a Bag, which is not computed yet; expected a function, a field's name, an index, or a "
        "list of those; hint: groupby(lambda record: ...) is given each record"),
    "groupby and count": (
        lambda: bag().groupby("plan", "count"), bk.PlanError,
        "groupby: the method is 'count'; expected none, 'disk' or 'tasks'; hint: bag.pluck('plan').frequencies()"),
    "groupby and an array": (
        lambda: bag().groupby("plan", numpy.array([1, 2])), bk.PlanError,
        "groupby: the method is array([1, 2]); expected none, 'disk' or 'tasks'; "
        "hint: bag.groupby(['plan', array([1, 2])]) groups by both"),
    "retry where nothing has a function": (
        lambda: bag().pluck("plan").split_errors()[1].retry(len), bk.PlanError,
        "retry: it is not known which operation the function is for; got no operation; "
        "the bag has none with a function"),
    "sort_by descending": (
        lambda: bag().sort_by(None, "desc"), bk.PlanError,
        "sort_by: reverse is 'desc'; expected True or False; hint: reverse=True for descending"),
    "map_partitions to a frame": (
        lambda: bag().map_partitions(pandas.DataFrame), bk.PlanError,
        f"map_partitions: {pandas.DataFrame.__module__.rpartition('.')[2]}.DataFrame gives a DataFrame, "
        "whose elements are its columns and not its rows; "
        "hint: bag.to_dataframe() makes one of all records; returning "
        "frame.astype(object).where(frame.notna(), None).to_dict('records') gives rows"),
    "from_sequence of a frame": (
        lambda: bk.from_sequence(pandas.DataFrame({"a": [1]})), bk.PlanError,
        "from_sequence: got a DataFrame, whose elements are its columns and not its rows; "
        "hint: bagkit.from_sequence(frame.astype(object).where(frame.notna(), None).to_dict('records'))"),
    "a bag of a list": (
        lambda: bk.Bag([1]), bk.PlanError,  # type: ignore[arg-type]
        "Bag: got list; expected a plan; hint: bagkit.from_sequence(records) makes a bag"),
    "from_sequence of a path": (
        lambda: bk.from_sequence("logs/*.json.gz"), bk.PlanError,
        "from_sequence: got 'logs/*.json.gz', which looks like a path, and would be a bag of its letters; "
        "hint: bagkit.read_json('logs/*.json.gz') reads it, bagkit.from_sequence(list(text)) takes letters"),
    "from_sequence of a path to lz4": (
        lambda: bk.from_sequence("a.json.lz4"), bk.PlanError,
        "from_sequence: got 'a.json.lz4', which looks like a path, and would be a bag of its letters; "
        "hint: bagkit.read_json('a.json.lz4') reads it, bagkit.from_sequence(list(text)) takes letters"),
    "arithmetic with an item": (
        lambda: item() / 2, bk.LazyError,
        "sum: the value is not computed yet, so there is no `/`; hint: item.compute(), "
        "or item.apply(lambda value, other: value / other, other)"),
    "index of an item": (
        lambda: item()[0], bk.LazyError,
        "sum: the value is not computed yet; hint: item.compute()[0], "
        "or item.apply(operator.itemgetter(0)) for a lazy one"),
    "in an item": (
        lambda: 3 in item(), bk.LazyError, "sum: the value is not computed yet; hint: 3 in item.compute()"),
    "an item rounded": (
        lambda: round(item(), 2), bk.LazyError,
        "sum: the value is not computed yet; hint: round(item.compute()), or item.apply(round)"),
    "an item with a minus": (
        lambda: -item(), bk.LazyError,
        "sum: the value is not computed yet; hint: operator.neg(item.compute()), or item.apply(operator.neg)"),
    "len of an item": (
        lambda: len(item()), bk.LazyError, "sum: the value is not computed yet; hint: len(item.compute())"),
    "format of an item": (
        lambda: f"{item():.2f}", bk.LazyError,
        "sum: the value is not computed yet, and can't be formatted as '.2f'; hint: format(item.compute(), spec)"),
    "bool of a bag": (
        lambda: bool(bag()), bk.LazyError,
        "a bag is neither true nor false: it is not read yet; hint: `if bag.take(1, warn=False):`"),
    "array of a bag": (
        lambda: numpy.array(bag()), bk.LazyError,
        "a bag is no array: it is not read yet; hint: numpy.array(bag.compute())"),
    "array of an item": (
        lambda: numpy.array(bag().count()), bk.LazyError,
        "count: the value is not computed yet; hint: numpy.array(item.compute())"),
    "len of a bag": (
        lambda: len(bag()), bk.LazyError, "a bag has no length: it is not read yet; hint: bag.count().compute()"),
    "index of a bag": (
        lambda: bag()[3], bk.LazyError,
        "a bag can't be indexed, got [3]; hint: bag.take(5) gives the first five records, bag.pluck(3) that field of "
        "each, bag.lookup(3) the values of that key"),
    "in a bag": (
        lambda: 3 in bag(), bk.LazyError,
        "a bag is not read yet; hint: bag.map(lambda record: record == value).any().compute()"),
    "equality with a bag": (
        lambda: bag() == [1, 2], bk.LazyError,
        "a bag is not computed yet, so it equals nothing; hint: bag.compute() == [1, 2]"),
    "equality with an item": (
        lambda: item() != 3, bk.LazyError,
        "sum: the value is not computed yet, so it equals nothing; hint: item.compute() == 3"),
    "sum of bags": (
        lambda: bag() + bag(), bk.LazyError, "bags are not added; hint: bagkit.concat([one, other])"),
    "bool of an item": (
        lambda: bool(item()), bk.LazyError,
        "sum: the value is not computed yet, so it is neither true nor false; hint: write `if item.compute():`"),
    "iteration over an item": (
        lambda: list(item()), bk.LazyError,
        "sum: the value is not computed yet; hint: iterate over item.compute()"),
    "StopIteration": (
        lambda: compute(bag().map(stop)), bk.StoppedEarlyError,
        "map(test_errors.stop): it raised StopIteration, which would have ended the data as if there were no more; "
        "hint: next(iterator, default) never raises it"),
    "graph with a key twice": (
        lambda: Graph([Task((1,), nothing, label="a"), Task((1,), nothing, label="b")]), bk.PlanError,
        "graph: two tasks make the key 1: a and b"),
    "graph with a need": (
        lambda: Graph([Task((1,), nothing, needs=(2,), label="a")]), bk.PlanError,
        "graph: the task 'a' needs 2, which no task makes"),
    "graph with a circle": (
        lambda: Graph([Task((1,), nothing, needs=(1,), label="a")]), bk.PlanError,
        "graph: tasks need each other in a circle: 1 -> 1"),
    "columns of read_json": (
        lambda: bk.read_json("a.json", columns="name"), bk.PlanError,
        "read_json: columns is 'name'; expected a list of keys, and of tuples of keys for what is inside of dicts; "
        'hint: read_json(path, columns=["name", ("address", "city")])'),
    "pass": (
        lambda: optimize((bag().plan,), until="fold"), bk.PlanError,
        f"optimize: no pass is called 'fold'; there are {', '.join([rule.__name__ for rule in PASSES])}"),
    "npartitions of an exchange": (
        lambda: bag().groupby(str, npartitions=0), bk.PlanError,
        "groupby: npartitions is 0; expected an int of 1 or more"),
    "cogroup with a list": (
        lambda: bag().cogroup([1]), bk.MismatchError,
        "cogroup: got list; expected a bag; hint: from_sequence(...) makes one of a list"),
    "join with a number": (
        lambda: bag().join(5, str), bk.PlanError,
        "join: other is 5; expected a bag, an item of a list, or a list of records"),
    "kind of join": (
        lambda: bag().join([5], str, how="cross"), bk.PlanError,
        "join: how is 'cross'; expected one of 'inner', 'left', 'right', 'outer'"),
    "kind of join as a key": (
        lambda: bag().join([5], str, "left"), bk.PlanError,
        "join: on_other is 'left'; expected a key of the records of other; hint: how='left' is a kind of join, "
        "on_other=lambda record: record['left'] a field"),
    "right join with an item": (
        lambda: compute(bag().join(item(), str, how="right")), bk.PlanError,
        "join: a value computes to 6 of type int; expected an iterable of the records of one partition; "
        "hint: for a single record let its function return [value]"),
    "key of unknown equality": (
        lambda: compute(bag().groupby(lambda x: Itself())), bk.UnstableKeyError,
        "groupby: the key Itself can't be told from others in another process: tests.test_errors.Itself is compared by "
        "identity; expected text, numbers, dates, enums, frozen dataclasses, or tuples of those; "
        "hint: give a key function that returns one of them"),
    "key of too many records": (
        lambda: in_kernel(KeyTooLarge("a", 80 << 20, 16 << 20)), bk.GroupTooLargeError,
        "groupby: the records of the key 'a' take about 83.9 MB, and a task may hold 16.8 MB; hint: foldby and "
        "aggregate_by_key hold no groups; or give more memory_limit, or fewer workers"),
    "notes without a place": (
        note_nothing, bk.TaskError, "what is known of the NoNotesError, which takes no notes"),
    "engine of a client": (
        lambda: bk.Client(engine="spark"), bk.OptionError,
        "Client: engine='spark'; expected 'ray' alone, or none; hint: bagkit.Client(address) is for dask.distributed"),
    "spilled records that can't be unpickled": (
        lambda: in_kernel(NotUnpickled("TypeError: no")), bk.NotPicklableError,
        "groupby: records that are more than memory_limit were pickled to wait on disk, and can't be unpickled: "
        "TypeError: no; hint: pickle.loads(pickle.dumps(record)) shows it; a larger memory_limit keeps them in memory"),
    "full disk": (
        lambda: in_kernel(SpillError("/tmp/x: can't be written: no space")), bk.TaskError,
        "groupby: /tmp/x: can't be written: no space; hint: give another temporary_directory"),
    "options without compute": (
        lambda: bag().to_textfiles("out", compute=False, scheduler="sync"), bk.PlanError,
        "to_textfiles: 'scheduler' is an option of compute, and compute=False; hint: give it to item.compute(...)"),
    "after the end": (
        lambda: at_the_end(bag().compute), bk.TaskError,
        "compute: the program is over and Python is being shut down; hint: call it before its end"),
    "missing extra": (
        lambda: raise_(errors.missing_extra("zstd", "zstd", "to read .zst files")), bk.MissingExtraError,
        "the package 'zstd' is not installed, and is needed to read .zst files; hint: pip install 'bagkit[zstd]'"),
}  # fmt: skip


def raise_(error: Exception) -> None:
    raise error


def at_the_end(act: Callable[[], Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.is_finalizing", lambda: True)
        act()


def in_kernel(error: Exception) -> None:
    with exchange_errors("groupby"):
        raise error


@pytest.mark.parametrize("name", CASES)
def test_message(name: str) -> None:
    act, kind, message = CASES[name]
    with pytest.raises(kind) as caught:
        act()
    assert type(caught.value) is kind
    assert str(caught.value) == message


def templates() -> Iterator[tuple[str, str]]:
    """Yield where each own error is made, and its message as a pattern."""
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(ELSEWHERE):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OWN:
                yield f"{name}:{node.lineno}", pattern(node.args[0])


def pattern(node: ast.expr) -> str:
    match node:
        case ast.Constant(str() as text):
            return re.escape(text)
        case ast.JoinedStr(values):
            return "".join(map(pattern, values))
    return ".*"


def test_every_message_has_a_case() -> None:
    found = list(templates())
    assert len(found) > 50
    messages = [message for _, _, message in CASES.values()]
    missing = [(place, text) for place, text in found if not any(re.fullmatch(text, m, re.DOTALL) for m in messages)]
    assert missing == []


@each_case("name", sorted(OWN))
def test_errors_are_what_people_catch(name: str) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, bk.BagkitError)
    builtin = [base for base in kind.__mro__ if base.__module__ == "builtins" and base not in (object, BaseException)]
    assert name == "BagkitError" or builtin[0] is not Exception, "no builtin error catches it"
    assert name in bk.__all__


@pytest.mark.parametrize(("kind", "parents"), [
    (bk.PlanError, ValueError), (bk.OptionError, TypeError), (bk.LazyError, TypeError), (bk.SourceError, OSError),
    (bk.MissingExtraError, ImportError), (bk.NoFilesError, FileNotFoundError), (bk.NoFilesError, bk.SourceError),
    (bk.ColumnTypeError, TypeError), (bk.UnstableKeyError, TypeError), (bk.GroupTooLargeError, MemoryError),
    (bk.CorruptInputError, bk.SourceError), (bk.InputChangedError, bk.SourceError), (bk.EmptyBagError, ValueError),
    (bk.EmptyBagError, TypeError),
    (bk.NotPicklableError, TypeError), (bk.TaskError, RuntimeError), (bk.StoppedEarlyError, bk.TaskError),
    (bk.WorkerDiedError, bk.TaskError),
    (bk.OutputError, OSError), (bk.OutputExistsError, FileExistsError), (bk.OutputExistsError, bk.OutputError),
    (bk.OutputBusyError, bk.OutputError), (bk.ResumeMismatchError, bk.PlanError),
])  # fmt: skip
def test_the_tree_is_as_drawn(kind: type[Exception], parents: type[Exception]) -> None:
    assert issubclass(kind, parents)
    drawn = errors.__doc__ or ""
    assert f" {kind.__name__} " in drawn or f" {kind.__name__}\n" in drawn


class Odd:
    def __repr__(self) -> str:
        raise ValueError("no repr")


def test_records_are_shown_on_one_line() -> None:
    for record, shown in (
        ("a\x1b[31m\n", r"'a\x1b[31m\n'"),
        ("x" * 1000, "'" + "x" * 158 + "…"),
        (Odd(), "<Odd whose repr raises ValueError>"),
        ([1] * 1000, "[1, 1"),
    ):
        with pytest.raises(ZeroDivisionError) as caught:
            compute(bk.from_sequence([record]).map(lambda _: 1 / 0))
        assert caught.value.__notes__[-1].startswith(f"record: {shown}")
        assert len(caught.value.__notes__[-1]) <= len("record: ") + 160


def test_tracebacks_show_the_users_lines() -> None:
    def fail(record: int) -> float:
        return 1 / record

    with pytest.raises(ZeroDivisionError) as caught:
        compute(bk.range(3, 1).map(fail))
    frames = [entry.path for entry in caught.traceback]
    own = [path for path in frames if str(path).startswith(str(ROOT))]
    assert len(own) <= 2, "only compute and what it calls"
    assert str(frames[-1]) == __file__
