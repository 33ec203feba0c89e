"""Settings of the caller: functions in workers see them, and no longer when the caller has changed them back."""

from __future__ import annotations

import codecs
import contextlib
import csv
import decimal
import locale
import logging
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

import bagkit as bk
from bagkit.schedulers import pool


def in_worker(function: Callable[[], Any]) -> Any:
    """Return what `function` returns in a worker."""
    (value,) = bk.from_sequence([0], npartitions=1).map(lambda _: function()).compute(scheduler="processes", workers=1)
    return value


Change = Callable[[], contextlib.AbstractContextManager[None]]


@contextlib.contextmanager
def mask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@contextlib.contextmanager
def zone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


@contextlib.contextmanager
def zone_that_the_clock_was_not_told() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        yield


@contextlib.contextmanager
def precision() -> Iterator[None]:
    with decimal.localcontext() as context:
        context.prec, context.rounding = 40, decimal.ROUND_UP
        context.traps[decimal.Inexact] = True
        context.traps[decimal.DivisionByZero] = False
        yield


@contextlib.contextmanager
def precision_of_threads() -> Iterator[None]:
    decimal.DefaultContext.prec = 11
    yield
    decimal.DefaultContext.prec = 28


@contextlib.contextmanager
def digits() -> Iterator[None]:
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(100_000)
    yield
    sys.set_int_max_str_digits(before)


@contextlib.contextmanager
def long_fields() -> Iterator[None]:
    before = csv.field_size_limit(1 << 30)
    csv.register_dialect("semicolons", delimiter=";", quoting=csv.QUOTE_ALL)
    yield
    csv.field_size_limit(before)
    csv.unregister_dialect("semicolons")


@contextlib.contextmanager
def seconds() -> Iterator[None]:
    socket.setdefaulttimeout(7)
    yield
    socket.setdefaulttimeout(None)


@contextlib.contextmanager
def numbers_of_the_user() -> Iterator[None]:
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C.UTF-8" if "LC_NUMERIC=C;" in before or before == "C" else "C")
    yield
    locale.setlocale(locale.LC_ALL, before)


@contextlib.contextmanager
def errors_of_numpy() -> Iterator[None]:
    with numpy.errstate(divide="raise", under="warn"), numpy.printoptions(precision=2):
        yield


@contextlib.contextmanager
def no_bytecode() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", not sys.dont_write_bytecode)
        yield


@contextlib.contextmanager
def filters() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "a pattern", FutureWarning, "a module")
        warnings.simplefilter("error", ResourceWarning, append=True)
        yield


@contextlib.contextmanager
def other_place() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/dev")
        yield


@contextlib.contextmanager
def deep() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(before + 123)
    yield
    sys.setrecursionlimit(before)


def umask() -> int:
    before = os.umask(0)
    os.umask(before)
    return before


def third() -> list[Any]:
    context = decimal.getcontext()
    return [context.prec, context.rounding, *[kind.__name__ for kind, on in context.traps.items() if on]]


def of_numpy() -> Any:
    return numpy.geterr(), numpy.get_printoptions()["precision"]


def shown_filters() -> list[Any]:
    return [(each[0], getattr(each[1], "pattern", each[1]), each[2].__name__, each[4]) for each in warnings.filters]


CHANGES: dict[str, tuple[Change, Callable[[], Any]]] = {
    "umask": (mask, umask),
    "TZ": (zone, lambda: (time.localtime(0)[:5], time.tzname, os.environ.get("TZ"))),
    "TZ without tzset": (zone_that_the_clock_was_not_told, lambda: (time.localtime(0)[:5], os.environ.get("TZ"))),
    "decimal": (precision, third),
    "decimal of threads": (precision_of_threads, lambda: decimal.DefaultContext.prec),
    "digits of int": (digits, sys.get_int_max_str_digits),
    "csv": (long_fields, lambda: (csv.field_size_limit(), sorted(csv.list_dialects()))),
    "timeout of sockets": (seconds, socket.getdefaulttimeout),
    "locale": (numbers_of_the_user, lambda: locale.setlocale(locale.LC_ALL)),
    "numpy": (errors_of_numpy, of_numpy),
    "bytecode": (no_bytecode, lambda: sys.dont_write_bytecode),
    "warning filters": (filters, shown_filters),
    "temporary directory": (other_place, tempfile.gettempdir),
    "recursion limit": (deep, sys.getrecursionlimit),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_setting_reaches_workers_and_leaves_them(name: str) -> None:
    change, look = CHANGES[name]
    in_worker(look)
    before = look()
    with change():
        changed = look()
        assert in_worker(look) == changed
    assert before == look()
    assert in_worker(look) == before


def test_a_dialect_is_as_the_caller_made_it() -> None:
    with long_fields():
        assert in_worker(lambda: next(csv.reader(["1;2"], dialect="semicolons"))) == ["1", "2"]


def test_what_a_function_sets_is_gone_at_the_next_run() -> None:
    def spoil() -> None:
        os.umask(0o111)
        os.environ["BAGKIT_SPOILT"] = "1"
        decimal.getcontext().prec = 3
        warnings.simplefilter("error")
        sys.setrecursionlimit(5000)
        sys.stdout.close()

    def look() -> Any:
        print(end="")
        return umask(), os.environ.get("BAGKIT_SPOILT"), decimal.getcontext().prec, sys.getrecursionlimit()

    in_worker(spoil)
    assert in_worker(look) == look()


def test_a_filter_that_made_errors_is_gone_at_the_next_run() -> None:
    def careful() -> int:
        warnings.warn("careful", stacklevel=1)
        return 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="careful"):
            in_worker(careful)
    with pytest.warns(UserWarning, match="careful"):
        assert in_worker(careful) == 1


def test_a_filter_of_a_class_that_workers_do_not_have() -> None:
    class Mine(UserWarning):
        pass

    def careful() -> int:
        warnings.warn("careful", Mine, stacklevel=1)
        return 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", Mine)
        assert in_worker(careful) == 1


def test_files_are_written_with_the_caller_s_umask(tmp_path: Path) -> None:
    with mask():
        (path,) = bk.from_sequence(["a"], npartitions=1).to_textfiles(f"{tmp_path}/s-*.txt", scheduler="processes")
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_settings_that_no_snapshot_can_hold_stop_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    class Level(int):
        pass

    monkeypatch.setattr(logging.getLogger("bagkit.test"), "level", Level(10))
    monkeypatch.setattr(warnings, "filters", [("ignore", None, object(), None, 0), *warnings.filters])
    assert in_worker(lambda: logging.getLogger("bagkit.test").level) == 10


def stars(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "*" * (error.end - error.start), error.end


def backwards(name: str) -> codecs.CodecInfo | None:
    def encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
        return text[::-1].encode(), len(text)

    def decode(data: bytes, errors: str = "strict") -> tuple[str, int]:
        return bytes(data).decode()[::-1], len(data)

    return codecs.CodecInfo(encode, decode, name=name) if name == "bagkit_backwards" else None


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_handlers_and_encodings_of_codecs(on_error: Any) -> None:
    codecs.register_error("bagkit-stars", stars)
    codecs.register(backwards)
    named = "bagkit-stars"
    bag = bk.from_sequence([b"a\xffb"], npartitions=1)
    options: dict[str, Any] = {"scheduler": "processes", "workers": 1, "on_error": on_error}
    try:
        assert bag.map(lambda data: data.decode("ascii", "bagkit-stars")).compute(**options) == ["a*b"]
        assert bag.map(lambda data: data.decode("ascii", named)).compute(**options) == ["a*b"]
        assert bag.map(lambda data: b"abc".decode("bagkit_backwards")).compute(**options) == ["cba"]
        assert bag.map(lambda data: "abc".encode("bagkit_backwards")).compute(**options) == [b"cba"]
    finally:
        codecs.unregister(backwards)


def test_a_source_with_a_handler_of_the_caller_s(tmp_path: Path) -> None:
    codecs.register_error("bagkit-stars-of-a-source", stars)  # which no worker has been told of before
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\n")
    bag = bk.read_text(str(tmp_path / "a.txt"), encoding="ascii", errors="bagkit-stars-of-a-source")
    assert bag.compute(scheduler="processes", workers=1) == ["caf*\n"]


def test_where_bytes_and_text_may_not_be_compared(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9\n")
    program = """
    import codecs, sys
    import bagkit as bk
    codecs.register_error("stars", lambda error: ("*", error.end))
    bag = bk.read_text(sys.argv[1] + "/a.txt", encoding="ascii", errors="stars")
    for scheduler in ("sync", "processes"):
        print(bag.compute(scheduler=scheduler, workers=1))
    """
    command = [sys.executable, "-bb", "-c", textwrap.dedent(program), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.stderr, run.stdout) == ("", "['caf*\\n']\n" * 2)


def test_names_that_codecs_do_not_know() -> None:
    def look(x: int) -> list[str]:
        found = []
        for name in ("nope-1", "nope-1", "nope-2"):
            with contextlib.suppress(LookupError):
                found.append("a".encode(name))
        return [str(each) for each in found]

    assert bk.from_sequence([1]).map(look).compute(scheduler="processes", workers=1) == [[]]
    codecs.register_error("bagkit-stars", stars)
    bag = bk.from_sequence([b"\xff"]).map(lambda data: data.decode("ascii", "-".join(["bagkit", "stars"])))
    pool.end_workers()
    with pytest.raises(LookupError) as caught:
        bag.compute(scheduler="processes", workers=1)
    assert any(note.startswith("hint: codecs.register_error in a module") for note in caught.value.__notes__)
