"""Functions that clients call: of a module that workers import, and light."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bagkit as bk

Pair = namedtuple("Pair", "left right")


@dataclass
class Box:
    content: Any


def inc(x: int) -> int:
    return x + 1


def wait_a_moment(x: int) -> int:
    time.sleep(0.05)
    return x


def fail(text: str) -> None:
    raise ValueError(text)


class OfTwoThings(Exception):
    def __init__(self, one: str, other: object) -> None:
        super().__init__(one)
        self.other = other


class WithoutText(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def fail_oddly(kind: str) -> None:
    """Raise what can't be pickled as it is, with such a cause, in a group, or what has no text."""
    odd = OfTwoThings("odd", threading.Lock())
    if kind == "cause":
        raise ValueError("after") from odd
    if kind == "group":
        raise ExceptionGroup("several", [odd, ValueError("in a group")])
    raise WithoutText if kind == "text" else odd


class ComesBackNot:
    def __reduce__(self) -> tuple[Any, ...]:
        return fail, ("not here",)


def wait_for(path: Path) -> str:
    while not path.exists() or not path.read_text():  # it is there before it is written
        time.sleep(0.005)
    return path.read_text()


def die_once(path: Path) -> int:
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 7


def die(_: Any) -> None:
    os._exit(3)


def fail_until(path: Path, times: int) -> int:
    with path.open("a") as file:
        file.write("x")
    if path.stat().st_size < times:
        raise OSError("not yet")
    return path.stat().st_size


def nested(numbers: list[int]) -> int:
    client = bk.get_client()
    return sum(client.gather(client.map(inc, numbers)))
