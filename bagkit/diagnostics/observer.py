"""Observers: objects that are told what happens. One that raises is reported once and dropped; the run goes on.

But for those that say that they are `essential`: the outputs of a run are made by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from bagkit.diagnostics.events import Event
from bagkit.errors import one_line, text_of
from bagkit.warn import warn_at_caller

if TYPE_CHECKING:
    from bagkit.lower.graph import Graph


class Observer(Protocol):
    """An object that listens: it has one method, called in the process and thread of the run."""

    def emit(self, event: Event) -> None:
        """Take note of `event`."""


class Observers:
    """Several observers as one."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def emit(self, event: Event) -> None:
        """Pass `event` to each observer that has not failed so far."""
        for observer in self._observers:
            try:
                observer.emit(event)
            except Exception as error:
                if getattr(type(observer), "essential", False):  # an odd object may raise when it is asked
                    raise
                self._observers = tuple(each for each in self._observers if each is not observer)
                said = f"the observer {one_line(observer)} raised {type(error).__name__}: {text_of(error)}"
                warn_at_caller(f"{said}; it hears no more of this run", UserWarning)


class OfOneRun(Protocol):
    """Tells a listener of one run, and when that is over: by a RunAnew, if nothing of it counts."""

    def __enter__(self) -> Observer:
        """Return what hears of the run."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Take note that the run is over."""


_listeners: ContextVar[tuple[tuple[Observer, Callable[[], OfOneRun]], ...]] = ContextVar("bagkit observers", default=())


def listen(observer: Observer, of_one_run: Callable[[], OfOneRun] | None = None) -> None:
    """Tell `observer` of all runs that start in this thread, or task of asyncio, from now on.

    With `of_one_run`, what that returns is told of a run.
    """
    _listeners.set((*_listeners.get(), (observer, of_one_run or (lambda: nullcontext(observer)))))


def stop_listening(observer: Observer) -> None:
    """Undo `listen`."""
    _listeners.set(tuple(each for each in _listeners.get() if each[0] is not observer))


def listeners() -> list[OfOneRun]:
    """Return those that are told of a run that starts here."""
    return [of_one_run() for _, of_one_run in _listeners.get()]


class Recorder(Protocol):
    """Who is told of all runs of this process, in all its threads."""

    def begin(self, graph: Graph | None) -> Observer:
        """Return the observer of a run of `graph` that is about to start; None stands for the calls of a client."""


_recorders: tuple[Recorder, ...] = ()


def add_recorder(recorder: Recorder) -> None:
    """Tell `recorder` of all runs that start from now on."""
    global _recorders
    _recorders = (*_recorders, recorder)


def remove_recorder(recorder: Recorder) -> None:
    """Undo `add_recorder`; runs that go on tell their observers to their end."""
    global _recorders
    _recorders = tuple(each for each in _recorders if each is not recorder)


def recorders() -> tuple[Recorder, ...]:
    """Return those that are told of a run that starts now."""
    return _recorders
