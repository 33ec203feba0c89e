from __future__ import annotations

import asyncio
import inspect
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import FrozenInstanceError, asdict, fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bagkit as bk
from bagkit.errors import BagkitError, OptionError
from bagkit.option_values import ALIASES, did_you_mean, parse_bytes
from bagkit.options import (
    ComputeOptions,
    Options,
    get_options,
    merged,
    options,
    set_options,
)
from bagkit.schedulers.protocol import Scheduler
from bagkit.sentinels import NOT_GIVEN


@pytest.fixture(autouse=True)
def _the_session_as_it_was() -> Iterator[None]:
    before = get_options()
    yield
    set_options(**asdict(before))


def test_the_defaults() -> None:
    assert get_options() == merged() == Options()
    assert (Options().on_error, Options().optimize, Options().scheduler) == ("raise", True, None)


def test_options_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Options().workers = 3  # type: ignore[misc]


def test_with_sets_them_and_puts_them_back() -> None:
    with options(workers=3, scheduler="sync") as outer:
        assert get_options() is outer
        with options(workers=5, on_error="skip"):
            now = get_options()
            assert (now.workers, now.scheduler, now.on_error) == (5, "sync", "skip")
        assert get_options() is outer
    assert get_options() == Options()


def test_an_error_in_the_block_puts_them_back() -> None:
    with pytest.raises(KeyError), options(workers=3):
        raise KeyError
    assert get_options() == Options()


def test_none_is_the_default_again() -> None:
    with options(workers=3, scheduler="sync", optimize=False), options(workers=None, optimize=None):
        assert (get_options().workers, get_options().scheduler) == (None, "sync")
        assert get_options().optimize is True


def test_one_object_can_be_entered_again_and_inside_of_itself() -> None:
    four = options(workers=4)
    for _ in range(2):
        with four, options(workers=1), four:
            assert get_options().workers == 4
        assert get_options().workers is None


def test_as_a_decorator() -> None:
    @options(workers=6)
    def workers(depth: int = 2) -> list[int | None]:
        return [get_options().workers, *(workers(depth - 1) if depth else [])]

    assert workers() == [6, 6, 6]
    assert workers.__name__ == "workers"
    assert get_options().workers is None


def test_as_a_decorator_of_a_function_that_runs_later() -> None:
    def generator() -> Any:
        yield 1

    async def coroutine() -> None: ...

    async def both() -> Any:
        yield 1

    for function in (generator, coroutine, both):
        with pytest.raises(
            OptionError, match=r"can't decorate .*; hint: write `with bagkit.options\(...\):` inside it"
        ):
            options(workers=6)(function)


def test_merged_puts_keywords_on_top() -> None:
    with options(workers=3, scheduler="sync"):
        now = merged(workers=8, num_workers=NOT_GIVEN, scheduler=None, optimize=False)
        assert (now.workers, now.scheduler, now.optimize) == (8, "sync", False)
        assert get_options().workers == 3


def test_the_words_of_dask() -> None:
    now = merged(num_workers=2, optimize_graph=False, scheduler="single-threaded")
    assert (now.workers, now.optimize, now.scheduler) == (2, False, "sync")
    assert merged(scheduler="multiprocessing").scheduler == "processes"
    assert merged(scheduler="threading").scheduler == "threads"
    assert set(ALIASES.values()) <= {field.name for field in fields(Options)}


def test_threads_do_not_disturb_each_other() -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> int | None:
        with options(workers=number):
            barrier.wait(timeout=200)
            return get_options().workers

    with options(workers=99), ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(1, 9))) == list(range(1, 9))
        assert list(pool.map(lambda _: get_options().workers, range(8))) == [None] * 8
        assert get_options().workers == 99


def test_asyncio_tasks_do_not_disturb_each_other() -> None:
    async def work(number: int) -> tuple[int | None, int | None]:
        before = get_options().workers
        with options(workers=number):
            await asyncio.sleep(0)
            return before, get_options().workers

    async def main() -> list[tuple[int | None, int | None]]:
        with options(workers=99):
            return await asyncio.gather(*map(work, range(1, 6)))

    assert asyncio.run(main()) == [(99, number) for number in range(1, 6)]


def test_what_is_set_for_the_session_is_so_in_all_threads() -> None:
    assert set_options(num_workers=3, memory_limit="1 kB") is None  # type: ignore[func-returns-value]
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(get_options).result() == get_options() == Options(workers=3, memory_limit=1000)
        set_options(scheduler="threads")
        assert pool.submit(merged, workers=5).result() == Options(workers=5, memory_limit=1000, scheduler="threads")
    set_options(workers=None)
    assert (get_options().workers, get_options().memory_limit) == (None, 1000)


def test_a_block_of_code_goes_before_the_session() -> None:
    set_options(workers=2, on_error="skip")
    with options(workers=4) as outer:
        assert (outer.workers, outer.on_error) == (4, "skip")
        set_options(workers=9, on_error="collect")
        assert (get_options().workers, get_options().on_error) == (4, "collect")
        with options(on_error="raise", workers=None):
            assert get_options() == Options()
        assert merged(workers=1).on_error == "collect"
    assert get_options().workers == 9


def test_what_is_wrong_leaves_the_session_as_it_was() -> None:
    set_options(workers=2)
    with pytest.raises(OptionError, match="option 'retries'"):
        set_options(workers=3, retries=-1)
    with pytest.raises(OptionError, match="did you mean 'workers'"):
        set_options(worker=3)  # type: ignore[call-arg]
    assert get_options() == Options(workers=2)


STATEMENTS = [
    ("options(workers=5)", "exec"),
    ("options(workers=5)", "single"),  # what a prompt and the last line of a notebook's cell are
    ("options(**{'workers': 5})", "exec"),
    ("options(num_workers=5); options()", "exec"),
    ("for _ in range(3000): options(workers=5)", "exec"),  # a loop that the interpreter makes instructions for
    ("def f():\n    options(workers=5)\nf()", "exec"),
    ("def f():\n    if True:\n        options(workers=5)\n    return 1\nf()", "exec"),
    ("async def f():\n    options(workers=5)\nimport asyncio; asyncio.run(f())", "exec"),
    ("import functools; functools.partial(options, workers=5)()", "exec"),
    ("import bagkit; bagkit.options(workers=5)", "exec"),
]


@pytest.mark.parametrize(("program", "mode"), STATEMENTS)
def test_a_line_of_its_own_is_for_the_session(program: str, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(program, "<test>", mode), {"options": options})
    assert get_options().workers == 5
    assert ("set for the session" in capsys.readouterr().out) == (mode == "single")


OTHERS = [
    "four = options(workers=4)",
    "four = None or options(workers=4)",
    "with options(workers=4): pass",
    "with options(workers=4) as now, options(workers=5): assert now.workers == 4",
    "for _ in range(3000):\n    with options(workers=4): pass",
    "for four in [options(workers=4)]:\n    with four, four: pass",
    "from contextlib import ExitStack\nwith ExitStack() as stack: stack.enter_context(options(workers=4))",
    "@options(workers=4)\ndef f(): pass\nf()",
    "f = lambda: options(workers=4)\nwith f(): pass",
    "def f(): return options(workers=4)\nwith f(): pass",
    "def f():\n    with options(workers=4): yield\nnext(f())",
    "import functools\nwith functools.partial(options, workers=4)(): pass",
    "[options(workers=4) for _ in range(3)]",
    "async def f():\n    with options(workers=4): pass\nimport asyncio; asyncio.run(f())",
    "eval('options(workers=4)')",
]


@pytest.mark.parametrize("program", OTHERS)
def test_all_else_leaves_the_session_alone(program: str) -> None:
    exec(compile(program, "<test>", "exec"), {"options": options})
    assert get_options() == Options()


def test_threads_see_nothing_of_the_blocks_of_others() -> None:
    """Not even for a moment: records would be skipped where nobody asked for it."""
    done = threading.Event()
    seen: set[Options] = set()

    def look() -> None:
        while not done.is_set():
            seen.add(get_options())

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for number in range(1, 2000):
            with options(workers=number):
                pass
        done.set()
        looking.result()
    assert seen == {Options()}


def test_what_is_entered_was_no_line_of_its_own() -> None:
    """Compiled code has no frame, so it may look as if a line of Python had made it."""
    four = options.__new__(options)
    four.__init__(workers=4)  # type: ignore[misc]
    assert get_options().workers == 4
    with four:
        assert get_options().workers == 4
    assert get_options() == Options()


def test_they_say_what_they_are_for() -> None:
    four = options(workers=4)
    assert repr(four) == (
        "<bagkit.options(workers=4): for a `with` block; bagkit.set_options(workers=4) sets them for the session>"
    )


def test_runs_go_by_what_is_set_for_the_session() -> None:
    bag = bk.from_sequence(["1", "x"], npartitions=2).map(int)
    set_options(scheduler="sync", on_error="collect")
    got = bag.compute()
    assert (got.result, [failure.place.record for failure in got.failures]) == ([1], ["x"])
    assert set(bag.map(lambda _: os.getpid()).compute(on_error="collect").result) == {os.getpid()}


def test_the_keywords_that_type_checkers_know_are_the_options() -> None:
    """With the same types, and with what stands for them in a call: text for bytes, paths, None for the default."""
    names = {"Executor": Executor, "Scheduler": Scheduler}
    keywords, kept = get_type_hints(ComputeOptions, None, names), get_type_hints(Options, None, names)
    assert set(keywords) == {*kept, *ALIASES}
    for alias, name in ALIASES.items():
        assert keywords[alias] == keywords[name]
    for name, kind in kept.items():
        members = set(get_args(kind)) if get_origin(kind) in (Union, UnionType) else {kind}
        wider = set(get_args(keywords[name])) - members
        assert members | wider == set(get_args(keywords[name])), name
        assert wider <= {type(None), str, float, os.PathLike[str]}, name


@pytest.mark.parametrize("field", fields(Options), ids=lambda field: field.name)
def test_each_option_is_documented(field: Any) -> None:
    """In `help(set_options)`, which is enough, and with the fields of both classes; with their defaults."""
    for documented, indent in ((set_options, 8), (Options, 4), (ComputeOptions, 4)):
        entry_of = re.compile(rf"^ {{{indent}}}(\w+): (.*\n(?: {{{indent + 4}}}.*\n)*)", re.MULTILINE)
        entries = [entry for entry in entry_of.findall(f"{inspect.getdoc(documented)}\n") if entry[0] not in ALIASES]
        assert [name for name, _ in entries] == [each.name for each in fields(Options)]
        entry = " ".join(dict(entries)[field.name].split())
        assert "efault" in entry
        if field.default is not None:
            assert str(field.default) in entry
        for alias in (alias for alias, name in ALIASES.items() if name == field.name and documented is set_options):
            assert f"`{alias}`" in entry


class Runs:
    name = "runs"

    def run(self, graph: Any, targets: Any, observer: Any) -> Any: ...


class Client:
    """Looks like the Client of dask.distributed."""

    def run(self, function: Any) -> None: ...

    def submit(self, function: Any) -> None: ...

    def get_executor(self) -> None: ...


def test_values_that_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Runs()
    with ThreadPoolExecutor(1) as executor:
        assert merged(scheduler=executor).scheduler is executor
    assert merged(scheduler=runs).scheduler is runs
    client = Client()
    assert merged(scheduler=client).scheduler is client
    assert merged(memory_limit="2 GB").memory_limit == 2_000_000_000
    assert merged(memory_limit=5).memory_limit == 5
    assert merged(progress=False).progress is False
    assert merged(on_error="collect").on_error == "collect"
    assert merged(temporary_directory=tmp_path).temporary_directory == str(tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert merged(temporary_directory=tmp_path.name).temporary_directory == str(tmp_path)
    assert merged(temporary_directory="~").temporary_directory == str(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"worker": 3}, "no option is called 'worker'; expected one of scheduler, workers, memory_limit, progress, "),
        ({"worker": 3}, "; did you mean 'workers'?"),
        ({"optimise": True}, "did you mean 'optimize'?"),
        ({"num_worker": 3}, "did you mean 'num_workers'?"),
        ({"zzz": 3}, "no option is called 'zzz'"),
        (
            {"workers": 3, "num_workers": 3},
            "option 'workers': given twice, also as 'num_workers'; expected one of them",
        ),
        ({"workers": 0}, "option 'workers': wrong value: got 0, expected a whole number from 1 up"),
        ({"workers": -1}, "got -1, expected a whole number"),
        ({"workers": True}, "got True, expected a whole number"),
        ({"workers": 2.0}, "got 2.0, expected a whole number"),
        ({"workers": "2"}, "got '2', expected a whole number"),
        ({"num_workers": 0}, "option 'workers': wrong value: got 0"),
        (
            {"scheduler": "proceses"},
            "got 'proceses', expected one of sync, threads, processes, ray; did you mean 'processes'?",
        ),
        (
            {"scheduler": 3},
            "got 3, expected one of sync, threads, processes, ray, an executor of concurrent.futures, or",
        ),
        ({"scheduler": Runs}, "expected an object; hint: this is a class, call it: Runs(...)"),
        (
            {"memory_limit": "many"},
            "option 'memory_limit': not a size: got 'many', expected a number of bytes, or text",
        ),
        ({"memory_limit": 0}, "option 'memory_limit': not a size: got 0"),
        ({"progress": "yes"}, "option 'progress': wrong value: got 'yes', expected True or False"),
        ({"optimize": 1}, "option 'optimize': wrong value: got 1, expected True or False"),
        ({"on_error": "ignore"}, "option 'on_error': wrong value: got 'ignore', expected 'raise', 'skip' or 'collect'"),
        ({"on_error": "skipp"}, "did you mean 'skip'?"),
        ({"on_error": []}, "got [], expected 'raise'"),
        ({"temporary_directory": 3}, "got 3, expected a path, as text or pathlib.Path"),
        ({"temporary_directory": b"/"}, "got b'/', expected a path, as text or pathlib.Path"),
        ({"temporary_directory": "/no/such"}, "got '/no/such', expected a directory that exists"),
    ],
)
def test_wrong_ones_are_told_at_the_call(changes: dict[str, Any], message: str) -> None:
    for call in (options, merged):
        with pytest.raises(OptionError, match=re.escape(message)) as caught:
            call(**changes)
        assert isinstance(caught.value, TypeError)
        assert isinstance(caught.value, BagkitError)


@pytest.mark.parametrize(
    ("size", "nbytes"),
    [
        (1, 1),
        ("1", 1),
        ("1b", 1),
        ("100 B", 100),
        ("1kB", 1000),
        ("1 KB", 1000),
        ("1k", 1000),
        ("1ki", 1024),
        ("1 KiB", 1024),
        (" 64  MiB ", 64 << 20),
        ("1.5GB", 1_500_000_000),
        ("0.1 GB", 100_000_000),
        ("1e3 kB", 1_000_000),
        ("2TiB", 2 << 40),
        ("1PB", 10**15),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_parse_bytes(size: int | str, nbytes: int) -> None:
    assert parse_bytes(size) == nbytes


@pytest.mark.parametrize(
    "size",
    [
        *("", "B", "MB", "-1", "-1 MB", "0", "0.1", "1 XB", "1 MBit", "1 bb", "MiB 1", "inf", "nan", "1e999 GB"),
        *("²", "1,5 GB", "10 i", 0, -1, 1.5, True, None, b"1", [1]),
    ],
)
def test_parse_bytes_declines(size: Any) -> None:
    with pytest.raises(OptionError, match=r"blocksize: not a size: got .*, expected a number of bytes"):
        parse_bytes(size, "blocksize")


@given(st.text(max_size=12))
def test_parse_bytes_gives_a_size_or_says_no(text: str) -> None:
    try:
        assert parse_bytes(text) >= 1
    except OptionError:
        pass


@given(st.integers(1, 2**70))
def test_parse_bytes_takes_numbers_as_they_are(number: int) -> None:
    assert parse_bytes(number) == parse_bytes(str(number)) == number


def test_did_you_mean() -> None:
    assert did_you_mean("workes", ["workers"]) == "; did you mean 'workers'?"
    assert did_you_mean("zzz", ["workers"]) == ""
    assert did_you_mean(3, ["workers"]) == ""


def test_importing_options_imports_no_pools() -> None:
    program = (
        "import sys, bagkit.options; "
        "assert not {'concurrent.futures', 'difflib', 'tempfile', 'multiprocessing', 'tqdm'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_password_is_not_shown() -> None:
    with options(shared_directory="http://me:secret@host/x"):
        assert get_options().shared_directory == "http://me:secret@host/x"
        assert "shared_directory='http://me:***@host/x'" in repr(get_options())
    assert repr(Options(workers=4)) == (
        "Options(scheduler=None, workers=4, memory_limit=None, progress=None, temporary_directory=None, "
        "shared_directory=None, on_error='raise', optimize=True, retries=0, max_errors=None, read_retries=3)"
    )
