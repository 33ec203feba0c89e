"""What functions in workers print, log and warn of arrives where the caller's own would."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import bagkit as bk
from bagkit.schedulers import pool
from tests.schedulers.works import wait_for

LOGGER = "bagkit_test.hearing"


def in_workers(function: Callable[[int], Any], records: int = 4, **options: Any) -> list[Any]:
    bag = bk.from_sequence(range(records), npartitions=min(records, 2))
    return bag.map(function).compute(scheduler="processes", workers=2, **options)


class Kept(logging.Handler):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def kept() -> Iterator[Kept]:
    """What a logger's own handler is given; the logger takes INFO and passes nothing on."""
    handler, logger = Kept(), logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


# Prints


def test_prints_go_to_the_caller_s_streams() -> None:
    def say(x: int) -> None:
        print("out", x)
        print("err", x, file=sys.stderr)

    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        in_workers(say)
    assert sorted(out.getvalue().splitlines()) == [f"out {x}" for x in range(4)]
    assert sorted(err.getvalue().splitlines()) == [f"err {x}" for x in range(4)]


def test_many_prints_arrive_in_their_order() -> None:
    def flood(x: int) -> None:
        for number in range(5000):
            print(x, number)

    with contextlib.redirect_stdout(io.StringIO()) as out:
        in_workers(flood, 2)
    lines = out.getvalue().splitlines()
    for x in range(2):
        assert [line for line in lines if line.startswith(f"{x} ")] == [f"{x} {number}" for number in range(5000)]


def test_a_flood_waits_for_a_busy_caller() -> None:
    def flood(x: int) -> int:
        for number in range(3000):
            print(number)
        return x

    bag = bk.from_sequence(range(6), npartitions=6).map(flood)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        records = iter(bag)
        first = next(records)
        assert [first, *records] == list(range(6))
    assert out.getvalue().count("\n") == 18_000


@pytest.mark.parametrize("data", [b"\xff\x00\xfe", "é".encode()])
def test_bytes_are_written_as_they_are(data: bytes) -> None:
    def write(x: int) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")) as out:
        in_workers(write, 1)
        out.flush()
        assert out.buffer.getvalue() == data  # type: ignore[attr-defined]


def test_what_the_caller_s_stdout_can_t_encode() -> None:
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "ascii")) as out:
        in_workers(lambda x: print("é"), 1)
        out.flush()
        assert out.buffer.getvalue() == b"\\xe9\n"  # type: ignore[attr-defined]


class OnlyWrite:
    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


class Raising(OnlyWrite):
    def isatty(self) -> bool:
        raise RuntimeError("no idea")


def closed() -> io.StringIO:
    file = io.StringIO()
    file.close()
    return file


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize(
    "file", [None, closed(), OnlyWrite(), Raising(), object()], ids=lambda file: type(file).__name__
)
@pytest.mark.parametrize("scheduler", ["processes", "threads", "sync"])
def test_streams_that_are_no_files(monkeypatch: pytest.MonkeyPatch, name: str, file: Any, scheduler: str) -> None:
    def skipping(x: int) -> int:
        if scheduler == "processes":
            print("said", file=getattr(sys, name))
        return 1 // x

    monkeypatch.setattr(sys, name, file)
    bag = bk.from_sequence([0, 1], npartitions=2)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.simplefilter("ignore", bk.SkippedRecordsWarning)
        result = bag.map(skipping).compute(scheduler=scheduler, on_error="skip", progress=True)
    assert result == [1]
    if isinstance(file, OnlyWrite) and scheduler == "processes":
        assert "said\n" in file.text
    assert bag.peek(1).compute(scheduler=scheduler) == [0, 1]


def test_bagkit_s_own_warnings_need_no_stderr() -> None:
    program = """
import io, sys, warnings
import bagkit as bk
class OnlyWrite:
    def write(self, text): pass
class Full:
    def isatty(self): return True
    def write(self, text): raise OSError(5, "Input/output error")
closed = io.StringIO()
closed.close()
warnings.simplefilter("always")
bag = bk.from_sequence([0, 1], npartitions=2).peek(1).map(lambda x: 1 // x)
for file in (None, OnlyWrite(), Full(), closed, io.BytesIO(), object()):
    sys.stderr = file
    for scheduler in ("processes", "threads", "sync"):
        print(type(file).__name__, bag.compute(scheduler=scheduler, on_error="skip", progress=True))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    kinds = ("NoneType", "OnlyWrite", "Full", "StringIO", "BytesIO", "object")
    assert ended.stdout == "".join(f"{kind} [1]\n" * 3 for kind in kinds), ended.stderr


def test_a_reader_that_has_gone_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(OnlyWrite):
        def write(self, text: str) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", Gone())
    with pytest.raises(BrokenPipeError):
        in_workers(print)


def test_a_finaliser_that_prints() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            print("gone")

    def make(x: int) -> bytes:
        for _ in range(3000):
            Cycle()
            print("x" * 200)
        gc.collect()
        return b"x" * 100_000

    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert in_workers(make, 2) == [b"x" * 100_000] * 2
    assert set(out.getvalue().splitlines()) <= {"gone", "x" * 200}


@pytest.mark.filterwarnings("ignore:.*is multi-threaded, use of fork:DeprecationWarning")  # from Python 3.15 on it is
def test_a_process_that_a_function_forks_prints_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    def fork(x: int) -> int:
        child = os.fork()
        if child == 0:
            print("of the child", flush=True)
            os._exit(0)
        return os.waitpid(child, 0)[1]

    pool.end_workers()  # those there are write elsewhere
    assert in_workers(fork, 1) == [0]
    pool.end_workers()
    assert "of the child" in capfd.readouterr().out


def test_a_thread_that_a_function_has_left_behind_prints_between_runs() -> None:
    def leave(x: int) -> int:
        threading.Timer(0.1, print, ["from the thread"]).start()
        return os.getpid()

    with contextlib.redirect_stdout(io.StringIO()) as out:
        pids = in_workers(leave, 1)
        wait_for(lambda: out.getvalue().endswith("\n"))
        assert out.getvalue() == "from the thread\n"
    assert pids == bk.from_sequence([0]).map(lambda _: os.getpid()).compute(scheduler="processes", workers=1)


# Logs


def test_records_have_all_that_they_had(kept: Kept) -> None:
    def log(x: int) -> None:
        logging.getLogger(LOGGER).info("one %s and %d", "a", x, extra={"size": 5, "thing": {1, 2}})

    in_workers(log, 1)
    (record,) = kept.records
    assert (record.msg, record.args, record.getMessage()) == ("one %s and %d", ("a", 0), "one a and 0")
    assert (record.name, record.levelname, record.funcName) == (LOGGER, "INFO", "log")
    assert (record.size, record.thing) == (5, {1, 2})  # type: ignore[attr-defined]
    assert record.process != os.getpid()
    assert abs(record.created - time.time()) < 60
    assert record.relativeCreated > 0


def test_arguments_that_can_t_be_pickled_are_formatted_first(kept: Kept) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    def log(x: int) -> None:
        logging.getLogger(LOGGER).info("%s %(no)s" if x else "%s", Odd(), extra={"lock": threading.Lock()})

    in_workers(log, 1)
    (record,) = kept.records
    assert record.getMessage() == "odd"
    assert "lock" in record.lock  # type: ignore[attr-defined]


def test_a_traceback_arrives_as_text(kept: Kept) -> None:
    def log(x: int) -> None:
        try:
            1 // x
        except ZeroDivisionError:
            logging.getLogger(LOGGER).exception("broken")

    in_workers(log, 1)
    (record,) = kept.records
    assert "ZeroDivisionError" in logging.Formatter().format(record)


def test_a_stack_is_the_user_s(kept: Kept) -> None:
    def inner(x: int) -> None:
        logging.getLogger(LOGGER).warning("here", stack_info=True)

    in_workers(lambda x: inner(x), 1)
    (record,) = kept.records
    assert record.stack_info is not None
    head, *frames = record.stack_info.split("\n  File ")
    assert head == "Stack (most recent call last):"
    assert [frame.partition("\n")[0].rpartition(" in ")[2] for frame in frames] == ["<lambda>", "inner"]


def test_levels_are_the_caller_s(kept: Kept) -> None:
    logger = logging.getLogger(LOGGER)

    def log(x: int) -> list[bool]:
        mine = logging.getLogger(LOGGER)
        mine.debug("debug")
        mine.info("info")
        mine.getChild("deep").info("deep")
        return [mine.isEnabledFor(level) for level in (logging.DEBUG, logging.INFO, logging.CRITICAL)]

    assert in_workers(log, 1) == [[False, True, True]]
    logger.setLevel(logging.DEBUG)
    assert in_workers(log, 1) == [[True, True, True]]
    logger.setLevel(logging.NOTSET)
    assert in_workers(log, 1) == [[False, False, True]]
    logger.disabled = True
    assert in_workers(log, 1) == [[False, False, False]]
    logger.disabled = False
    logging.disable(logging.CRITICAL)
    assert in_workers(log, 1) == [[False, False, False]]
    logging.disable(logging.NOTSET)
    assert in_workers(log, 1) == [[False, False, True]]
    assert kept.texts == ["info", "deep", "debug", "info", "deep"]


def test_filters_and_formats_are_the_caller_s(kept: Kept, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger(LOGGER)
    stream = logging.StreamHandler(sys.stderr)
    stream.setFormatter(logging.Formatter("SEEN %(message)s"))
    kept.addFilter(lambda record: "secret" not in record.getMessage())
    logger.addHandler(stream)

    def log(x: int) -> None:
        logging.getLogger(LOGGER).info("a secret")

    in_workers(log, 1)
    logger.removeHandler(stream)
    assert kept.records == []
    assert capsys.readouterr().err == "SEEN a secret\n"


def test_a_handler_that_a_function_adds_works_in_its_worker(kept: Kept) -> None:
    def log(x: int) -> str:
        text = io.StringIO()
        logger = logging.getLogger(LOGGER + ".own")
        handler = logging.StreamHandler(text)
        logger.addHandler(handler)
        logger.warning("both")
        logger.removeHandler(handler)
        return text.getvalue()

    assert in_workers(log, 1) == ["both\n"]
    assert kept.texts == ["both"]


def test_records_of_a_worker_that_dies(kept: Kept) -> None:
    def die(x: int) -> None:
        logging.getLogger(LOGGER).info("last words")
        print("and these")
        os.kill(os.getpid(), 9)

    with contextlib.redirect_stdout(io.StringIO()) as out, pytest.raises(bk.WorkerDiedError):
        in_workers(die, 1)
    assert kept.texts == ["last words"] * 3
    assert out.getvalue() == "and these\n" * 3


def test_without_handlers_there_is_the_last_resort(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.root
    handlers, root.handlers = root.handlers, []
    try:
        in_workers(lambda x: logging.getLogger(LOGGER).warning("by the last resort"), 1)
    finally:
        root.handlers = handlers
    assert capsys.readouterr().err == "by the last resort\n"


# Warnings


def careful(x: int) -> int:
    warnings.warn("careful", UserWarning, stacklevel=1)
    return x


def test_warnings_are_the_caller_s_to_show() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        in_workers(careful)
    assert [(str(each.message), each.category) for each in caught] == [("careful", UserWarning)] * 4
    assert {os.path.basename(each.filename) for each in caught} == {"test_hearing.py"}


@pytest.mark.parametrize("action", ["default", "once", "module"])
def test_what_is_to_be_shown_once_is_shown_once_for_all_workers(action: Any) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        in_workers(careful, 8)
        in_workers(careful, 8)
        assert len(caught) == 1
        warnings.simplefilter("always")
        in_workers(careful, 8)
    assert len(caught) == 9


def test_a_category_that_workers_have_by_value() -> None:
    class Mine(UserWarning):
        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.more = threading.Lock()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        in_workers(lambda x: warnings.warn(Mine("careful"), stacklevel=1), 1)
    assert str(caught[0].message) == "careful"
    assert issubclass(caught[0].category, UserWarning)


def test_a_warning_has_its_attributes() -> None:
    class Mine(UserWarning):
        def __init__(self, text: str, *, line: int) -> None:
            super().__init__(text)
            self.line = line

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        in_workers(lambda x: warnings.warn(Mine("careful", line=x), stacklevel=1), 2)
    assert all(each.category is Mine for each in caught)
    assert sorted(each.message.line for each in caught) == [0, 1]  # type: ignore[union-attr]
