"""Errors leave through the front doors with the user's frames, and no others."""

from __future__ import annotations

import gzip
import inspect
import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import dask.bag as dask_bag
import pytest

import bagkit as bk
from bagkit.front_doors import front_door
from tests.each_case import each_case
from tests.wheels import ALL_HAVE_WHEELS

ROOT = str(Path(bk.__file__).parent)


def divide(record: Any) -> Any:
    return 1 / record


def with_lock() -> Any:
    lock = threading.Lock()
    return bag().map(lambda record: lock and record)


def numbers() -> Any:
    yield 1
    raise KeyError("mine")


def bag() -> Any:
    return bk.from_sequence([0, 1], npartitions=2)


def first(records: Any) -> Any:
    for record in records:
        return record
    return None


def enter(options: Any) -> None:
    with options:
        pass


def set_item(value: Any) -> None:
    value["a"] = 1


CASES: dict[str, Callable[[Path], Any]] = {
    "a file that there is not": lambda path: bk.read_text(str(path / "a.json")),
    "a pattern without files": lambda path: bk.read_json(str(path / "*.json")),
    "a wrong option": lambda path: bag().compute(worker=2),
    "a wrong value of an option": lambda path: bag().sum().compute(scheduler="none"),
    "a wrong option of a block": lambda path: enter(bk.options(worker=2)),
    "a plan": lambda path: bag().map("upper"),
    "a plan of a bag's method": lambda path: bag().groupby(str, npartitions=0),
    "a size": lambda path: bag().repartition(partition_size="x"),
    "a partition": lambda path: bag().partitions["a"],
    "text methods": lambda path: bk.from_sequence(["a"]).str.startswith(bag()),
    "random": lambda path: bk.random.sample(bag(), k=-1),
    "zip": lambda path: bk.zip(1, 2),
    "concat": lambda path: bk.concat([1]),  # type: ignore[list-item]
    "concat of no list": lambda path: bk.concat(1),  # type: ignore[arg-type]
    "truth": lambda path: bool(bag()),
    "length": lambda path: len(bag()),
    "addition": lambda path: bag() + bag(),
    "an index": lambda path: bag()["a"],
    "a sum of an item": lambda path: bag().sum() + 1,
    "a sum with an item": lambda path: 1 - bag().sum(),
    "a comparison of an item": lambda path: bag().sum() >= 1,
    "a delayed truth": lambda path: bool(bk.delayed(divide)(0)),
    "a delayed item": lambda path: set_item(bk.delayed(divide)(0)),
    "a graph": lambda path: bk.get({"a": 1}, "b"),
    "a picture": lambda path: bk.visualize([1]),
    "an empty bag": lambda path: bk.from_sequence([], npartitions=2).max().compute(),
    "what can't be sent": lambda path: with_lock().compute(scheduler="processes"),
    "compute": lambda path: bag().map(divide).compute(scheduler="processes"),
    "compute here": lambda path: bag().map(divide).compute(scheduler="sync"),
    "compute in threads": lambda path: bag().map(divide).compute(scheduler="threads"),
    "an item": lambda path: bag().map(divide).sum().compute(scheduler="sync"),
    "a builtin": lambda path: bk.from_sequence(["a"]).map(int).compute(scheduler="processes"),
    "several": lambda path: bk.compute(bag().map(divide), scheduler="sync"),
    "persist": lambda path: bag().map(divide).persist(scheduler="sync"),
    "take": lambda path: bag().map(divide).take(1),
    "iteration": lambda path: first(bag().map(divide)),
    "a dict": lambda path: dict(bag().key_by(divide)),
    "delayed": lambda path: bk.delayed(divide)(0).compute(),
    "get": lambda path: bk.get({"a": (divide, 0)}, "a"),
    "a generator": lambda path: bk.from_sequence(numbers()),
    "writing": lambda path: bag().map(divide).to_textfiles(str(path / "out")),
    "what is no JSON": lambda path: bk.from_sequence([{1}]).to_jsonl(str(path / "out"), scheduler="sync"),
    "a table": lambda path: bk.from_sequence([{"a": 1}, {"a": "x"}]).to_dataframe(),
    "a line that is no JSON": lambda path: bk.read_json(written(path / "a.json", "{bad")).compute(),
    "what is no URL": lambda path: bk.from_url("nowhere"),
    "no host": lambda path: bk.read_text("http://127.0.0.1:1/a.json"),
}


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


@each_case("name", CASES)
def test_tracebacks_are_the_users_lines(tmp_path: Path, name: str) -> None:
    with pytest.raises(Exception) as caught:
        CASES[name](tmp_path)
    text = "".join(traceback.format_exception(caught.value))
    files = {frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)}
    assert files == {__file__}
    assert text.count("Traceback (most recent call last)") == 1, "causes that say nothing new are not shown"
    assert f'File "{ROOT}' not in text, "nor are our frames in what workers tell"
    assert "\nIn the worker" not in text or f'File "{__file__}"' in text.split("\nIn the worker")[1]


def damaged(path: Path) -> Any:
    (path / "a.avro").write_bytes(b"Obj\x01 and nothing that follows")
    return bk.read_avro(path / "a.avro").compute(scheduler="processes")


def to_avro(path: Path, kind: str) -> Any:
    schema = {"type": "record", "name": "r", "fields": [{"name": "x", "type": kind}]}
    return bk.from_sequence([{"x": 1.5}]).to_avro(path / "out", schema, scheduler="processes")


@pytest.mark.parametrize(
    "act",
    [
        damaged,
        lambda path: to_avro(path, "string"),
        lambda path: to_avro(path, "long"),
        lambda path: bag().quux,
        lambda path: bag().sum().quux,
        lambda path: bk.quux,
        lambda path: dask.compute(bag().map(divide)),
        lambda path: dask.compute(bag().map(divide).sum(), scheduler="processes"),
        lambda path: bag().map(divide).__dask_graph__() and dask.persist(bag().map(divide)),
    ],
)
def test_no_frames_of_ours_nor_of_what_we_call(tmp_path: Path, act: Callable[[Path], Any]) -> None:
    with pytest.raises(Exception) as caught:
        act(tmp_path)
    text = "".join(traceback.format_exception(caught.value))
    assert text.count("Traceback (most recent call last)") == 1
    assert f'File "{ROOT}' not in text
    assert "fastavro/" not in text
    assert len(text.splitlines()) <= 24


def test_a_cause_is_there_for_those_who_look_for_it(tmp_path: Path) -> None:
    with pytest.raises(bk.NoFilesError) as caught:
        bk.read_text(str(tmp_path / "a.json"))
    assert isinstance(caught.value.__context__, FileNotFoundError)


def test_a_bug_of_ours_keeps_its_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise AssertionError("a bug")

    exec(compile("def broken(*args):\n    raise AssertionError('a bug')", ROOT + "/x.py", "exec"), namespace := {})
    monkeypatch.setattr("bagkit.computing.scheduler_for", namespace["broken"])
    with pytest.raises(AssertionError) as caught:
        bag().compute()
    files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert sum(file.startswith(ROOT) for file in files) >= 3


@each_case("name", sorted(bk.__all__))
def test_every_function_is_a_front_door(name: str) -> None:
    value = getattr(bk, name)
    if inspect.isfunction(value) and name != "get_options":
        assert value.__front_door__
        assert inspect.signature(value) == inspect.signature(value.__wrapped__)
        assert value.__module__.startswith("bagkit.")


@pytest.mark.parametrize("kind", [bk.Bag, bk.Item, bk.Delayed])
def test_every_method_is_a_front_door(kind: type) -> None:
    for name, value in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            assert value.__front_door__, name
            assert value.__name__ == name


IN_IPYTHON = """
import bagkit as bk
def divide(record):
    return 1 / record
bk.from_sequence([0]).map(divide).compute(scheduler="sync")
"""


def test_in_plain_python(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(IN_IPYTHON)
    run = subprocess.run([sys.executable, script], capture_output=True, text=True)
    lines = [line for line in run.stderr.splitlines() if not set(line) <= set(" ~^")]
    assert lines == [
        "Traceback (most recent call last):",
        f'  File "{script}", line 5, in <module>',
        '    bk.from_sequence([0]).map(divide).compute(scheduler="sync")',
        f'  File "{script}", line 4, in divide',
        "    return 1 / record",
        "ZeroDivisionError: division by zero",
        "in map(divide)",
        "at from_sequence, record 0, partition 0",
        "record: 0",
    ]


def invert(record: Any) -> Any:
    return 1 / record


def in_a_list(record: Any) -> list[Any]:
    return [record]


def digits() -> Any:
    return bk.from_sequence([3, 2, 1, 0], npartitions=2)


def mixed() -> Any:
    return bk.from_sequence([1, "a"], npartitions=1)


TAKINGS: dict[str, Callable[[], Any]] = {
    "groupby": lambda: digits().groupby(invert),
    "sort_by": lambda: digits().sort_by(invert),
    "foldby": lambda: digits().foldby(invert, max, 0),
    "distinct": lambda: digits().distinct(invert),
    "topk": lambda: digits().topk(2, invert),
    "fold": lambda: digits().fold(lambda total, each: total + 1 / each, max, 0),
    "fold, combined": lambda: digits().fold(max, lambda one, other: one / 0, 0),
    "reduce_by_key": lambda: digits().map(lambda each: (1, each)).reduce_by_key(lambda one, other: one / 0),
    "join": lambda: digits().join(digits(), invert, invert),
    "filter by a flag": lambda: digits().filter(lambda each: NoFlag()),
    "several": lambda: bk.concat([digits().groupby(invert), digits().groupby(invert)]),
    "max": lambda: mixed().max(),
    "sum": lambda: mixed().sum(),
    "topk of a mixture": lambda: mixed().topk(2),
    "frequencies": lambda: digits().map(in_a_list).frequencies(),
    "distinct of lists": lambda: digits().map(in_a_list).distinct(),
    "groupby lists": lambda: digits().groupby(in_a_list),
    "mean": lambda: digits().map(str).mean(),
    "stats": lambda: digits().map(str).stats(),
    "cogroup": lambda: digits().cogroup(digits()),
    "reduce_by_key of no pairs": lambda: digits().reduce_by_key(max),
    "subtract": lambda: digits().map(in_a_list).subtract(digits()),
}


class NoFlag:
    def __bool__(self) -> bool:
        raise ValueError("neither true nor false")


def assert_short(error: BaseException) -> None:
    """Assert that a traceback of `error` has the user's frames, and tells of it once."""
    text = "".join(traceback.format_exception(error))
    assert text.count("Traceback (most recent call last)") == 1, text
    assert f'File "{ROOT}' not in text, text
    assert 'File "<bagkit>"' not in text, text
    assert f'File "{__file__}"' in text, text


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
@each_case("name", TAKINGS)
def test_a_record_that_cannot_be_taken_is_told_of_once(scheduler: str, name: str) -> None:
    with pytest.raises(Exception) as caught:
        TAKINGS[name]().compute(scheduler=scheduler)
    assert_short(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", ["groupby", "distinct of lists"])
def test_on_an_executor_too(name: str) -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(Exception) as caught:
        TAKINGS[name]().compute(scheduler=executor)
    assert_short(caught.value)


def test_a_function_that_fails_is_not_called_while_its_error_is_handled() -> None:
    handled: list[Any] = []

    def key(record: int) -> float:
        handled.append(sys.exc_info()[1])
        return 1 / record

    with pytest.raises(ZeroDivisionError):
        digits().groupby(key).compute(scheduler="sync")
    assert not any(handled)


def test_the_context_that_a_function_gives_stays() -> None:
    def key(record: int) -> float:
        try:
            return 1 / record
        except ZeroDivisionError as error:
            error.args[0].no_such_method()
            raise

    with pytest.raises(AttributeError) as caught:
        digits().groupby(key).compute(scheduler="sync")
    assert isinstance(caught.value.__context__, ZeroDivisionError)
    assert f'File "{ROOT}' not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("bag", [digits().map(invert), digits().groupby(invert)])
def test_too_many_errors_are_told_of_once(bag: Any) -> None:
    with pytest.raises(bk.TooManyErrorsError) as caught:
        bag.compute(scheduler="sync", on_error="skip", max_errors=0)
    assert_short(caught.value)


def stop(record: Any) -> Any:
    sys.exit("\x1b[31m\nfake: line")


def stop_for(record: Any) -> Any:
    try:
        return {}[record]
    except KeyError:
        sys.exit(3)


def hidden(error: BaseException) -> BaseException | None:
    """Return what `error` hides for those who look."""
    assert error.__suppress_context__
    assert error.__cause__ is None
    return error.__context__


@pytest.mark.parametrize("on", ["sync", "threads", "processes", "an executor"])
def test_an_exit_is_told_of_once(on: Any) -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(bk.TaskError, match=r"SystemExit\('\\x1b") as caught:
        digits().map(stop).compute(scheduler=executor if on == "an executor" else on)
    assert_short(caught.value)
    assert isinstance(hidden(caught.value), SystemExit)
    text = "".join(traceback.format_exception(caught.value))
    assert text.count("in stop\n") == 1
    assert text.count("\nrecord: ") == 1
    assert "\x1b" not in text
    assert "\nfake" not in text


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_what_a_function_ends_for_is_shown(scheduler: str) -> None:
    with pytest.raises(bk.TaskError) as caught:
        digits().map(stop_for).compute(scheduler=scheduler)
    assert isinstance(caught.value.__cause__, KeyError)
    assert isinstance(caught.value.__context__, SystemExit)
    text = "".join(traceback.format_exception(caught.value))
    assert "SystemExit: " not in text
    assert f'File "{ROOT}' not in text


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@pytest.mark.parametrize("failing", [invert, lambda record: 1 / record, str.upper])
def test_a_failure_shows_the_users_lines(scheduler: str, failing: Callable[[Any], Any]) -> None:
    for bag in (digits().map(failing), digits().groupby(failing)):
        failure = bag.compute(scheduler=scheduler, on_error="collect").failures[0]
        with pytest.raises(type(failure.error)) as caught:
            raise failure.error
        assert_short(caught.value)
        assert ",  (" not in "".join(traceback.format_exception(caught.value))


def test_a_replay_shows_the_users_lines() -> None:
    failure = digits().map(invert).compute(scheduler="sync", on_error="collect").failures[0]
    with pytest.raises(ZeroDivisionError) as caught:
        failure.replay()
    assert_short(caught.value)
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][1:] == ["invert"]


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_a_task_of_dask_shows_the_users_lines(scheduler: str) -> None:
    parts = dask_bag.from_sequence([1, 0], npartitions=1).map(invert).to_delayed()
    with pytest.raises(ZeroDivisionError) as caught:
        bk.from_delayed(parts).compute(scheduler=scheduler)
    assert_short(caught.value)
    assert f"{os.sep}dask{os.sep}" not in "".join(traceback.format_exception(caught.value))


DAMAGED = ["a.gz", "a.bz2", "a.xz", "a.zst", "a.zip", "a.snappy", "cut.gz", "cut late.gz"]


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@each_case("name", [*DAMAGED, *(["a.lz4"] if ALL_HAVE_WHEELS else [])])
def test_a_damaged_file_is_told_of_once(tmp_path: Path, scheduler: str, name: str) -> None:
    cut = {"cut.gz": gzip.compress(b"line\n" * 9000)[:-9], "cut late.gz": gzip.compress(b"abc\n" * 100_000)[:-30]}
    (tmp_path / name).write_bytes(cut.get(name, b"abc"))
    with pytest.raises(bk.CorruptInputError) as caught:
        bk.read_text(tmp_path / name).compute(scheduler=scheduler)
    assert_short(caught.value)
    failures = bk.read_text(tmp_path / name, damaged="keep").compute(scheduler=scheduler, on_error="collect").failures
    with pytest.raises(bk.CorruptInputError) as caught:
        raise failures[0].error
    assert_short(caught.value)


DOCUMENTS: dict[str, Callable[[Path], Any]] = {
    "json": lambda path: bk.read_json(written(path / "a.json", "[1, 2"), lines=False),
    "avro": lambda path: bk.read_avro(written(path / "a.avro", "Obj")),
    "parquet": lambda path: bk.read_parquet(written(path / "a.parquet", "PAR1")),
    "sqlite": lambda path: bk.read_sqlite(written(path / "a.db", "no database"), "select 1"),
    "an encoding": lambda path: bk.read_text(written(path / "a.txt", "a"), encoding="\x1b[31m"),
}


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
@each_case("name", DOCUMENTS)
def test_what_is_not_of_its_format_is_told_of_once(tmp_path: Path, scheduler: str, name: str) -> None:
    with pytest.raises((ValueError, OSError)) as caught:
        DOCUMENTS[name](tmp_path).compute(scheduler=scheduler)
    assert_short(caught.value)
    assert "\x1b" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("scheduler", ["sync", "processes"])
def test_a_group_that_is_too_large_is_told_of_once(scheduler: str) -> None:
    words = bk.range(3000, npartitions=2).map(lambda number: f"{number:01000}")
    with pytest.raises(bk.GroupTooLargeError) as caught:
        words.groupby(lambda word: 1).compute(scheduler=scheduler, memory_limit=2_000_000)
    assert_short(caught.value)


def test_a_cause_that_is_not_safe_to_show_is_a_note() -> None:
    @front_door
    def fail() -> None:
        raise bk.SourceError("an input can't be read") from OSError("no access to ftp://me:secret@host/a\x1b[31m")

    with pytest.raises(bk.SourceError) as caught:
        fail()
    assert isinstance(hidden(caught.value), OSError)
    assert caught.value.__notes__ == [r"caused by OSError: no access to ftp://me:***@host/a\x1b[31m"]


CELLS = [
    "digits.groupby(f).compute()",
    "digits.groupby(f).compute(scheduler='sync')",
    "mixed.max().compute()",
    "import sys; digits.map(lambda record: sys.exit(3)).compute()",
    "digits.map(f).compute(on_error='collect').failures[0].replay()",
    "raise digits.map(f).compute(on_error='collect', scheduler='sync').failures[0].error",
    "open('a.gz', 'w').write('abc'); bk.read_text('a.gz').compute()",
]
"""What fails in a notebook."""

NOTEBOOK = """
import contextlib, io, json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
shell.run_cell(sys.argv[1])
shown = []
for cell in sys.argv[2:]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        shell.run_cell(cell, store_history=True)
    shown.append(out.getvalue())
print(json.dumps(shown))
"""

FIRST_CELL = """
import bagkit as bk
f = lambda x: 1 / x
digits = bk.from_sequence([3, 2, 1, 0], npartitions=2)
mixed = bk.from_sequence([1, "a"], npartitions=1)
"""


def test_a_notebook_shows_few_lines(tmp_path: Path) -> None:
    made = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython"), "NO_COLOR": "1"}
    command = [sys.executable, "-c", NOTEBOOK, FIRST_CELL, *CELLS]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=made, check=True)
    shown = json.loads(run.stdout.splitlines()[-1])
    assert len(shown) == len(CELLS)
    for cell, text in zip(CELLS, shown, strict=True):
        assert 3 <= len(text.rstrip().splitlines()) <= 16, f"{cell}\n{text}"
        assert ROOT not in text, f"{cell}\n{text}"
        assert "<bagkit>" not in text, f"{cell}\n{text}"
