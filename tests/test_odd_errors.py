"""Exceptions of users whose classes are odd: their type reaches the caller, and where they were raised is told."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import bagkit as bk
from bagkit.errors import attribute
from tests.each_case import each_case

SCHEDULERS = ("sync", "threads", "processes")


@dataclass(frozen=True)
class FrozenError(Exception):
    code: int


@dataclass(frozen=True, slots=True)
class FrozenSlotsError(Exception):
    code: int


class RefusesAttributesError(Exception):
    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError(f"{name} is not for others")


class SlotsError(Exception):
    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        self.code = code


class TupleNotesError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.__notes__ = ("one of mine",)  # type: ignore[assignment]


class TextNotesError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.__notes__ = "one of mine"  # type: ignore[assignment]


class SharedNotesError(Exception):
    __notes__: list[str] = []  # noqa: RUF012 (which is what is odd about it)


class NumberForNotesError(Exception):
    __notes__ = property(lambda self: 5)  # type: ignore[assignment]


class RefusesNotesError(Exception):
    def add_note(self, note: str) -> None:
        raise ValueError("no notes")


class ForgetsNotesError(Exception):
    def add_note(self, note: str) -> None:
        pass


class NoTextError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class NoTextKeyError(KeyError):
    def __str__(self) -> str:
        raise ValueError("no words")


class NoTextTypeError(TypeError):
    def __str__(self) -> str:
        raise ValueError("no words")


class LikeCodecsError(LookupError):
    """It says what codecs say of an error handler that is not known, and takes no hint."""

    def __str__(self) -> str:
        return "unknown error handler name 'none'"

    def add_note(self, note: str) -> None:
        raise ValueError("no notes")


class NoReprError(Exception):
    def __repr__(self) -> str:
        raise ValueError("no words")


class NoPickleError(Exception):
    def __reduce__(self) -> Any:
        raise ValueError("not by mail")


class NoStateError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def __setstate__(self, state: Any) -> None:
        raise ValueError("no state")


class KeywordError(Exception):
    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class AnswersFromDataError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
        self.data = {"code": code}

    def __getattr__(self, name: str) -> Any:
        return self.data[name]


class AnswersFromInsideError(Exception):
    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)  # which it does not have: a RecursionError


class AnswersAnythingError(Exception):
    def __getattr__(self, name: str) -> Any:
        return lambda *args, **keywords: self


class NoArgumentsError(KeyError):
    @property
    def args(self) -> Any:
        raise ValueError("no arguments")


class NoDictionaryError(Exception):
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise ValueError("no dictionary")


class _RefusesQuestions(type):
    def __getattr__(cls, name: str) -> Any:
        raise ValueError(f"{name} is not for others")


class OfAnOddClassError(Exception, metaclass=_RefusesQuestions):
    pass


def _secretive(self: Any, name: str) -> Any:
    if name[:2] != "__":
        raise ValueError(f"{name} is not for others")
    return BaseException.__getattribute__(self, name)


class SecretiveOSError(OSError):
    __getattribute__ = _secretive


class JSONDecodeError(ValueError):
    """One that has the name of json's own, and none of its attributes."""

    __getattribute__ = _secretive


class _Undecodable(UnicodeDecodeError):
    __getattribute__ = _secretive

    def __init__(self, code: int) -> None:
        super().__init__("utf-8", b"\xff", 0, 1, "bad")

    def __new__(cls, code: int) -> Any:
        return super().__new__(cls, "utf-8", b"\xff", 0, 1, "bad")


class _SecretiveGroup(ExceptionGroup[Exception]):
    @property
    def message(self) -> Any:
        raise ValueError("no message")

    def __new__(cls, code: int) -> Any:
        return super().__new__(cls, "a group", [ValueError(code)])


KINDS: list[Callable[[int], Exception]] = [
    FrozenError, FrozenSlotsError, RefusesAttributesError, SlotsError, TupleNotesError, TextNotesError,
    SharedNotesError, NumberForNotesError, RefusesNotesError, ForgetsNotesError, NoTextError, NoReprError,
    NoPickleError, NoStateError, AnswersFromDataError, AnswersFromInsideError, AnswersAnythingError, NoArgumentsError,
    NoTextKeyError, NoTextTypeError, LikeCodecsError, NoDictionaryError,
    OfAnOddClassError, SecretiveOSError, JSONDecodeError, _Undecodable, _SecretiveGroup,
]  # fmt: skip


def raises(make: Callable[[int], BaseException]) -> Callable[[int], Any]:
    def fail(record: int) -> Any:
        raise make(record)

    return fail


def caught_from(make: Callable[[int], BaseException], scheduler: str) -> BaseException:
    with pytest.raises(BaseException) as caught:
        bk.from_sequence([7]).map(raises(make)).compute(scheduler=scheduler)
    return caught.value


def all_notes(error: BaseException) -> list[str]:
    """Return the notes of `error`, and the notes of a cause that stands in for it."""
    notes: list[str] = []
    each: BaseException | None = error
    while each is not None:
        notes += attribute(each, "__dict__").get("__notes__", ())
        each = attribute(each, "__cause__")
    return notes


@each_case("scheduler", SCHEDULERS)
@each_case("kind", KINDS)
def test_the_type_stays_and_the_place_is_told(kind: type[Exception], scheduler: str) -> None:
    error = caught_from(kind, scheduler)
    assert type(error) is kind
    notes = all_notes(error)
    for note in ("in map(test_odd_errors.fail)", "at from_sequence, record 0, partition 0", "record: 7"):
        assert notes.count(note) == 1
    if kind in (TupleNotesError, TextNotesError):
        assert "one of mine" in str(notes[0])
    if "code" in dir(kind) or "code" in attribute(error, "__dict__"):
        assert error.code == 7  # type: ignore[attr-defined]
    if kind in (NoTextError, NoTextKeyError, NoTextTypeError):
        assert "its text can't be shown: its str() raises ValueError: no words" in notes
    assert "record: 7" in "".join(traceback.format_exception(error))


@each_case("kind", KINDS)
def test_lines_of_files_are_told_of_too(kind: type[Exception], tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{'a': 1}\n")
    with pytest.raises(kind) as caught:
        bk.read_text(tmp_path / "a.json").map(raises(kind)).compute(scheduler="sync")
    assert [note for note in all_notes(caught.value) if "line 1 (byte 0), partition 0" in note]


def test_notes_of_one_are_not_those_of_all() -> None:
    caught_from(SharedNotesError, "sync")
    assert SharedNotesError.__notes__ == []


@each_case("scheduler", SCHEDULERS)
@each_case("kind", KINDS)
def test_their_records_can_be_left_out(kind: type[Exception], scheduler: str) -> None:
    bag = bk.from_sequence([7, 8]).map(raises(kind))
    with bk.options(scheduler=scheduler):
        with pytest.warns(bk.SkippedRecordsWarning, match="2 records skipped"):
            assert bag.compute(on_error="skip") == []
        got = bag.compute(on_error="collect")
    assert got.result == []
    assert [type(failure.error) for failure in got.failures] == [kind, kind]
    assert kind.__name__ in str(got.failures[0])
    assert repr(got.failures[0])


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("method", ["groupby", "distinct", "sort_by"])
def test_keys_that_fail(method: str, scheduler: str) -> None:
    bag = bk.from_sequence([7, 7], npartitions=2)
    with pytest.raises(FrozenError) as caught:
        getattr(bag, method)(raises(FrozenError)).compute(scheduler=scheduler)
    assert caught.value.code == 7
    assert "record: 7" in caught.value.__notes__


AVRO = {"type": "record", "name": "r", "fields": [{"name": "a", "type": "int"}]}
OTHERS: list[Callable[[bk.Bag[int], Callable[[Any], Any], Path], Any]] = [
    lambda bag, fail, folder: bag.reduction(fail, fail).compute(),
    lambda bag, fail, folder: bag.map_partitions(fail).compute(),
    lambda bag, fail, folder: bag.foldby(fail, max).compute(),
    lambda bag, fail, folder: bag.map(lambda record: object()).to_jsonl(folder / "jsonl", default=fail),
    lambda bag, fail, folder: bag.map(fail).to_avro(folder / "avro", AVRO),
]


@each_case("kind", KINDS)
@each_case("run", OTHERS)
def test_other_operations(run: Callable[..., Any], kind: type[Exception], tmp_path: Path) -> None:
    bag = bk.from_sequence([7], npartitions=1)
    with bk.options(scheduler="sync"), pytest.raises(kind):
        run(bag, raises(kind), tmp_path)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_delayed_calls(scheduler: str) -> None:
    with pytest.raises(FrozenError) as caught:
        bk.delayed(raises(FrozenError))(7).compute(scheduler=scheduler)
    assert any("fail" in note for note in caught.value.__notes__)


def with_lock(record: int) -> Exception:
    error = KeywordError(record, reason="busy")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    return error


def test_what_can_not_be_sent_is_left_behind_and_named() -> None:
    error = caught_from(with_lock, "processes")
    assert isinstance(error, KeywordError)
    assert (error.args, error.code, error.reason) == (("7: busy",), 7, "busy")
    assert not hasattr(error, "lock")
    assert "left behind in the worker: attribute `lock` (_thread.lock)" in error.__notes__


class LockTextError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code, threading.Lock())
        self.lock = threading.Lock()

    def __str__(self) -> str:
        return f"locked: {self.lock.locked()}"


def test_a_text_that_needs_what_was_left_behind() -> None:
    error = caught_from(LockTextError, "processes")
    assert type(error) is LockTextError
    assert error.args[0] == 7
    assert "left behind in the worker: argument 2 (_thread.lock), attribute `lock` (_thread.lock)" in error.__notes__
    assert "its text was: locked: False" in error.__notes__


def long_text(record: int) -> Exception:
    return KeyError("x" * 20_000_000)


def test_an_endless_text_keeps_its_type() -> None:
    error = caught_from(long_text, "processes")
    assert type(error) is KeyError
    assert len(error.args[0]) == 10_000
    assert any("characters of argument 1" in note for note in error.__notes__)


class MyGroup(ExceptionGroup[Exception]):
    pass


def member(record: int) -> Exception:
    try:
        try:
            raise KeyError(record)
        except KeyError as cause:
            raise ValueError("a member") from cause
    except ValueError as error:
        error.add_note("of the user")
        return error


def group(record: int) -> BaseException:
    inner = MyGroup("inner", [FrozenError(record), with_lock(record)])
    inner.add_note("of the inner group")
    return ExceptionGroup("outer", [member(record), inner])


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_groups_come_with_their_members(scheduler: str) -> None:
    error = caught_from(group, scheduler)
    assert type(error) is ExceptionGroup
    assert error.message == "outer"
    assert "record: 7" in error.__notes__
    first, inner = error.exceptions
    assert (type(first), first.args, first.__notes__[0]) == (ValueError, ("a member",), "of the user")
    assert (type(first.__cause__), getattr(first.__cause__, "args", ())) == (KeyError, (7,))
    assert isinstance(inner, MyGroup)
    assert (inner.message, inner.__notes__[0]) == ("inner", "of the inner group")
    assert [type(each) for each in inner.exceptions] == [FrozenError, KeywordError]
    if scheduler == "processes":
        assert "in member" in first.__notes__[1]
        assert "left behind in the worker: attribute `lock` (_thread.lock)" in inner.exceptions[1].__notes__


def rude_group(record: int) -> BaseException:
    return BaseExceptionGroup("rude", [KeyboardInterrupt(), ValueError(record)])


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_groups_of_what_is_no_exception(scheduler: str) -> None:
    error = caught_from(rude_group, scheduler)
    assert type(error) is BaseExceptionGroup
    assert [type(each) for each in error.exceptions] == [KeyboardInterrupt, ValueError]
    assert "record: 7" in error.__notes__


def large_group(record: int) -> BaseException:
    return ExceptionGroup("large", [ValueError(number) for number in range(1000)])


def test_a_large_group_says_how_much_was_left_behind() -> None:
    error = caught_from(large_group, "processes")
    assert isinstance(error, ExceptionGroup)
    assert [each.args for each in error.exceptions] == [(number,) for number in range(len(error.exceptions))]
    assert f"left behind: {1000 - len(error.exceptions)} more exceptions of the group" in error.__notes__


def of_a_class_inside(record: int) -> Exception:
    class InsideError(Exception):
        pass

    return InsideError(record)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_class_that_a_function_makes(scheduler: str) -> None:
    error = caught_from(of_a_class_inside, scheduler)
    assert (type(error).__name__, error.args) == ("InsideError", (7,))
