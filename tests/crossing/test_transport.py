"""What crosses to workers and back, and the words for what does not."""

from __future__ import annotations

import functools
import importlib
import json
import logging
import operator
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bagkit.crossing.culprits import not_picklable
from bagkit.crossing.outgoing import Outgoing
from bagkit.crossing.transport import IncomingMessages, frame
from bagkit.errors import NotPicklableError
from bagkit.lower.graph import Graph, Task
from bagkit.schedulers import pool
from bagkit.schedulers.processes import ProcessScheduler
from tests.schedulers.contract import Recorder

pytestmark = pytest.mark.usefixtures("workers_end")


# Frames


@pytest.mark.parametrize("piece", [1, 2, 7, 8, 9, 10, 1000])
def test_messages_come_out_as_they_went_in_however_they_are_cut(piece: int) -> None:
    messages = [(1, b""), (2, b"x"), (200, bytes(range(256)) * 9), (3, b""), (4, b"end")]
    data = b"".join(frame(kind, body) for kind, body in messages)
    frames = IncomingMessages()
    got = [message for at in range(0, len(data), piece) for message in frames.feed(data[at : at + piece])]
    assert got == messages


# Functions


class Scaler:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def scale(self, number: int) -> int:
        return number * self.factor

    @classmethod
    def double(cls, number: int) -> int:
        return 2 * number

    def __call__(self, number: int) -> int:
        return number * self.factor


def decorated(function: Callable[[int], int]) -> Callable[[int], int]:
    @functools.wraps(function)
    def wrapper(number: int) -> int:
        return function(number) + 1

    return wrapper


@decorated
def plus_one(number: int) -> int:
    return number


@functools.lru_cache
def cached(number: int) -> int:
    return number + 5


def closure(offset: int) -> Callable[[int], int]:
    def recurse(number: int) -> int:
        return number + offset if number < 10 else recurse(number - 10)

    return recurse


class Applied:
    """A work that applies a function to the part, as an object with a function does."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __call__(self, part: Any, inputs: Any, report: Any) -> Any:
        return self.function(part)


FUNCTIONS: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "lambda": (lambda number: number + 2, 3, 5),
    "closure": (closure(4), 23, 7),
    "partial": (functools.partial(operator.add, 5), 3, 8),
    "partial of a lambda": (functools.partial(lambda a, b: a - b, 5), 3, 2),
    "method": (Scaler(3).scale, 4, 12),
    "class method": (Scaler.double, 4, 8),
    "callable object": (Scaler(5), 4, 20),
    "decorated": (plus_one, 4, 5),
    "cached": (cached, 4, 9),
    "C function": (operator.itemgetter("a"), {"a": 7}, 7),
    "module function": (json.loads, "[1]", [1]),
    "builtin": (len, "abc", 3),
    "class": (int, "17", 17),
    "method of a builtin": (str.upper, "a", "A"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_all_kinds_of_functions_cross(name: str) -> None:
    function, argument, expected = FUNCTIONS[name]
    graph = Graph([Task(("only",), Applied(function), argument)])
    assert list(ProcessScheduler(workers=1).run(graph, ["only"], Recorder())) == [expected]


def test_pickles_by_reference_do_not_need_cloudpickle() -> None:
    assert b"cloudpickle" not in Outgoing().work(Applied(json.loads))
    assert b"cloudpickle" in Outgoing().work(Applied(lambda text: text))


def test_records_of_a_module_that_was_imported_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outgoing = Outgoing()
    outgoing.part([Scaler(1)])
    before = outgoing.met
    for number, name in enumerate(["first_of_two_later", "second_of_two_later"], 1):
        (tmp_path / f"{name}.py").write_text("class Later: pass\n")
        monkeypatch.syspath_prepend(tmp_path)
        outgoing.part([importlib.import_module(name).Later()])
        assert outgoing.met == before + number
        monkeypatch.delitem(sys.modules, name)


# What can't cross


connections = [sqlite3.connect(":memory:")]
(connection,) = connections


@pytest.fixture(scope="module", autouse=True)
def closed_connections() -> Iterator[None]:
    yield
    for each in connections:
        each.close()


class Holder:
    def __init__(self) -> None:
        self.items = {"a": [1, threading.Lock()]}

    def method(self, number: int) -> int:
        return number


def uses_global(record: Any) -> Any:
    return [connection.execute(text) for text in record]


def make_unpicklable(kind: str) -> Any:
    conn = sqlite3.connect(":memory:")
    connections.append(conn)
    numbers = (number for number in range(3))

    def clean(record: Any) -> Any:
        return conn.execute(record)

    def outer(record: Any) -> Any:
        return clean(record)

    def with_default(record: Any, *, lock: Any = conn) -> Any:
        return lock

    by_value = type(uses_global)(uses_global.__code__, {**globals(), "__name__": "__main__"}, "uses_global")
    return {
        "closure": clean,
        "closure of a closure": outer,
        "default": with_default,
        "global": by_value,
        "partial": functools.partial(lambda a, b: a, conn),
        "keyword": functools.partial(json.loads, cls=numbers),
        "method": Holder().method,
        "container": {"key": (1, [conn])},
        "generator": lambda: next(numbers),
        "handler": logging.StreamHandler(),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "closure",
            r"closure variable `conn` of `make_unpicklable.<locals>.clean` \(test_transport.py:\d+\) is a sqlite3",
        ),
        ("closure of a closure", "closure variable `conn` of `make_unpicklable.<locals>.clean`"),
        ("default", "the default of `lock` of `make_unpicklable.<locals>.with_default`"),
        ("global", "global `connection`, used by `uses_global`"),
        ("partial", "argument 1 of a partial of `make_unpicklable.<locals>.<lambda>` is a sqlite3.Connection"),
        ("keyword", "argument `cls` of a partial of `loads` is a generator"),
        ("method", r"`items\['a'\]\[1\]` of the object of the method `Holder.method` is a _thread.lock"),
        ("container", r"`function\['key'\]\[1\]\[0\]` of the work is a sqlite3.Connection"),
        ("generator", "closure variable `numbers` of .* is a generator"),
        ("handler", "`function.lock` of the work is a _thread.RLock, which can't be pickled"),
    ],
)
def test_what_can_not_be_pickled_is_named_before_anything_is_sent(kind: str, words: str) -> None:
    work = Applied(make_unpicklable(kind))
    recorder = Recorder()
    started = pool.WorkerProcess._numbers
    graph = Graph([Task((0,), print), Task((1,), work, label="map(clean)", place="partition 0")])
    with pytest.raises(NotPicklableError, match=words) as caught:
        list(ProcessScheduler(workers=2).run(graph, [0, 1], recorder))
    assert str(caught.value).startswith("map(clean): ")
    assert "hint: " in str(caught.value)
    assert [type(event).__name__ for event in recorder.events] == ["RunStarted", "RunFinished"]
    assert pool.WorkerProcess._numbers == started


def test_a_part_that_can_not_be_pickled(tmp_path: Path) -> None:
    graph = Graph([Task((0,), Applied(len), [1, threading.Lock()], label="map(f)", place="partition 7")])
    with pytest.raises(NotPicklableError, match=r"map\(f\), partition 7: `\[1\]` of the part is a _thread.lock"):
        list(ProcessScheduler(workers=1).run(graph, [0], Recorder()))


def test_a_culprit_that_only_fails_itself() -> None:
    class Rude:
        def __reduce__(self) -> Any:
            raise ValueError("not me")

    said = str(not_picklable(Rude(), "the part", ValueError("not me"), "it can't be sent"))
    assert said.endswith("Rude, which can't be pickled (ValueError: not me), so it can't be sent")


def test_a_large_function_crosses_once_per_worker_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bagkit.schedulers import sending

    monkeypatch.setattr(sending, "WARN_BYTES", 1 << 20)
    table = bytes(5 << 20)
    graph = Graph([Task((n,), Applied(lambda number: len(table) + number), n, label="map(f)") for n in range(1)])
    work = graph.tasks[0].work
    graph = Graph([Task((n,), work, n, label="map(f)") for n in range(20)])
    scheduler = ProcessScheduler(workers=2, temporary_directory=str(tmp_path))
    with pytest.warns(UserWarning, match=r"map\(f\): the functions and what they refer to are 5 MiB"):
        assert list(scheduler.run(graph, range(20), Recorder())) == [len(table) + n for n in range(20)]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_hides_a_module_of_pythons_is_named(tmp_path: Path) -> None:
    (tmp_path / "platform.py").write_text("mine = 1\n")  # cloudpickle asks it for the system
    (tmp_path / "job.py").write_text(
        "import bagkit as bk\nprint(bk.from_sequence([1, 2]).map(lambda x: x).compute())\n"
    )
    ended = subprocess.run([sys.executable, tmp_path / "job.py"], capture_output=True, text=True, check=False)
    last = ended.stderr.splitlines()[-1]
    assert "is a function, which can't be pickled (AttributeError: module 'platform' has no attribute" in last
    assert last.endswith(f"hides Python's own module: platform is {tmp_path / 'platform.py'}")
