"""Says in the caller's process what workers print, log and warn about; `speech` is the worker's side of it."""

from __future__ import annotations

import _pickle
import contextlib
import marshal
import sys
import threading
import warnings
from collections import deque
from typing import Any

from bagkit.diagnostics.events import Event, WorkerSaid
from bagkit.diagnostics.observer import Observer
from bagkit.diagnostics.terminal import line_has_ended, room_for_text, write_text

TOLD, TOLD_BYTES = 1000, 4 << 20
"""What workers may say while the caller is busy with a value: the texts and records, and their bytes in all."""


class Hearing:
    """Says what workers tell, and tells the observer of events, in the caller's thread; mutable, of one run."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._thread = threading.get_ident()
        """The thread of the caller."""
        self._told: deque[tuple[bytes, int]] = deque()
        self._bytes = 0
        self._events: deque[Event] = deque()

    def take(self, body: bytes, worker: int) -> None:
        """Say what `worker` tells: now, or when the caller is here."""
        if threading.get_ident() == self._thread and not self._told:
            hear(body, worker)
            self._observer.emit(WorkerSaid(worker, body))
        else:
            self._told.append((body, worker))
            self._bytes += len(body)

    def emit(self, event: Event) -> None:
        """Tell the observer of an event: now, or when the caller is here."""
        if threading.get_ident() == self._thread:
            self._observer.emit(event)
        else:
            self._events.append(event)

    def say_all(self) -> None:
        """Say what has come while the caller, in whose thread this is, was away."""
        self._thread = threading.get_ident()
        while self._told:
            body, worker = self._told.popleft()
            self._bytes -= len(body)
            hear(body, worker)
            self._observer.emit(WorkerSaid(worker, body))
        while self._events:
            self._observer.emit(self._events.popleft())

    @property
    def is_full(self) -> bool:
        """Whether enough waits to be said, so that the workers are to wait too."""
        return len(self._told) >= TOLD or self._bytes >= TOLD_BYTES


def hear(body: bytes, worker: int) -> None:
    """Say what `worker` told."""
    what, data = marshal.loads(body)
    with room_for_text():
        if what == "record":
            from bagkit.crossing.log_records import handle_record

            handle_record(data, worker)
            line_has_ended()
        elif what == "warning":
            _warn(data)
            line_has_ended()
        elif what == "stderr":
            with contextlib.suppress(Exception):  # no reason to end a run
                write_text(what, data)
        else:
            write_text(what, data)


def said_text(body: bytes) -> tuple[str, str]:
    """Return what a worker told: its kind, and the text. Nothing of it is unpickled."""
    what, data = marshal.loads(body)
    if what == "record":
        plain, _ = marshal.loads(data)
        text = str(plain["msg"])
        if plain["args"]:
            with contextlib.suppress(TypeError, ValueError):  # logging says it, where the record is handled
                text %= plain["args"]
        return str(plain["levelname"]), f"{plain['name']}: {text}"
    if what == "warning":
        _, text, kinds, filename, lineno, _ = marshal.loads(data)
        return "warning", f"{filename}:{lineno}: {kinds[0][1] if kinds else 'Warning'}: {text}"
    return str(what), data.decode("utf-8", "backslashreplace")


_shown: dict[Any, Any] = {}
"""Which warnings were shown of modules that only workers have."""


def _warn(data: bytes) -> None:
    """Warn as the worker was about to, so that a warning to be shown once is shown once for all workers."""
    pickled, text, kinds, filename, lineno, module = marshal.loads(data)
    message: Any = None
    try:
        message = None if pickled is None else _pickle.loads(pickled)
    except Exception:
        pass  # its class differs here
    if not isinstance(message, Warning):
        message = _category(kinds)(text)
    namespace = vars(sys.modules[module]) if module in sys.modules else {}
    registry = namespace.setdefault("__warningregistry__", {}) if namespace else _shown
    warnings.warn_explicit(message, type(message), filename, lineno, module, registry)


def _category(kinds: list[tuple[str, str]]) -> type[Warning]:
    """Return the first of a warning's class and its bases that this process has, and that takes a text."""
    for module, name in kinds:
        found: Any = sys.modules.get(module)
        for part in name.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and issubclass(found, Warning):
            try:
                found("")
            except Exception:  # its __init__ wants other arguments
                continue
            return found
    return UserWarning
