"""An exception's way from the worker to the caller: the same type with the same attributes, cause and notes if it can.

`pack_error` makes nodes of all exceptions that hang together: causes, contexts, members of groups. Each is bytes that
give the same again, tried in the worker; what does not come back is said in words. `unpack_error` puts them together.
"""

from __future__ import annotations

import marshal
import os
from dataclasses import field, replace
from typing import Any

from bagkit.crossing.error_forms import PICKLE_BYTES, TEXT, GroupLater, pickled_error, size_of_pickle, type_name
from bagkit.crossing.transport import CLOSED, known_code, loads
from bagkit.crossing.worker_frames import Row, frames_text, pack_frames
from bagkit.errors import (
    NotPicklableError,
    StoppedEarlyError,
    TaskError,
    WorkerDiedError,
    add_notes,
    attribute,
    in_place_of,
    notes_of,
    one_line,
    put,
    text_of,
)
from bagkit.light_classes import dataclass
from bagkit.visible import visible

CHAIN = 20
"""Causes of causes."""
NODES = 200
"""Exceptions that come along, members of groups too."""

Node = tuple[bytes | None, str, str, list[str], list[str], list[Row], int | None, int | None, bool, list[int] | None]
"""An exception: its bytes, its type and text in words, its notes, notes on what its bytes lack, its frames, the
numbers of its cause and context, whether its context is hidden, the numbers of its members."""


@dataclass(slots=True)
class Packing:
    """The exceptions that hang together, numbered; mutable, of one call."""

    found: list[BaseException] = field(default_factory=list)
    _numbers: dict[int, tuple[int, int]] = field(default_factory=dict)

    def number(self, error: BaseException | None, depth: int) -> int | None:
        """Return the number of `error`, None where there is none or there are too many."""
        if error is None:
            return None
        if id(error) not in self._numbers:
            if len(self.found) == NODES or depth == CHAIN:
                return None
            self._numbers[id(error)] = len(self.found), depth
            self.found.append(error)
        return self._numbers[id(error)][0]

    def node(self, error: BaseException) -> Node:
        """Return the form of `error` to send, and number the errors that hang on it."""
        _, depth = self._numbers[id(error)]
        data, missing = pickled_error(error)
        members = None
        if isinstance(error, BaseExceptionGroup):
            inside = attribute(error, "exceptions", BaseExceptionGroup)
            members = [number for each in inside if (number := self.number(each, depth)) is not None]
            if len(members) < len(inside):
                missing.append(f"left behind: {len(inside) - len(members)} more exceptions of the group")
        hidden = attribute(error, "__suppress_context__")
        cause = self.number(attribute(error, "__cause__"), depth + 1)
        context = self.number(None if hidden else attribute(error, "__context__"), depth + 1)
        text = text_of(error)
        text = text if len(text) <= TEXT else text[: TEXT - 1] + "…"
        notes = [note[:TEXT] for note in notes_of(error)]
        said = type_name(type(error)), text, notes, missing, pack_frames(error, self.found[0])
        return data, *said, cause, context, hidden, members


def pack_error(error: BaseException) -> bytes:
    """Describe `error`, what caused it, and its members if it is a group."""
    packing = Packing()
    packing.number(error, 0)
    nodes = [packing.node(each) for each in packing.found]  # which grow meanwhile
    return marshal.dumps((os.getpid(), nodes))


def pack_failure(failure: Any) -> tuple[Any, bytes | None]:
    """Return `failure` without its error, with a record that comes back from a pickle, and the error packed.

    A record that is only an example, and large, goes in words. What is no failure with an error goes as it is.
    """
    if not hasattr(failure, "error"):
        return failure, None
    place = failure.place
    if place is not None:
        size = size_of_pickle(place.record)
        if size is None or (size > PICKLE_BYTES and not failure.collected):
            place = replace(place, record=one_line(place.record))
    return replace(failure, error=None, place=place), pack_error(failure.error)


def unpack_failure(packed: tuple[Any, bytes | None]) -> Any:
    """Return the failure that `pack_failure` took apart."""
    failure, error = packed
    return failure if error is None else replace(failure, error=unpack_error(error, ""))


def unpack_error(data: bytes, task: str) -> BaseException:
    """Return the error to raise for `task` (words for it): never one that would end the caller's program or loop."""
    pid, nodes = marshal.loads(data)
    errors: dict[int, BaseException] = {}
    for number in range(len(nodes)):
        _unpack(number, nodes, errors, task)
    for number, (*_, cause, context, hidden, _members) in enumerate(nodes):
        put(errors[number], "__cause__", None if cause is None else errors[cause])
        put(errors[number], "__context__", None if context is None else errors[context])
        put(errors[number], "__suppress_context__", hidden)
    for number, (*_, missing, frames, _, _, _, _) in enumerate(nodes):
        add_notes(errors[number], missing)
        traceback = frames_text(frames)
        if traceback:
            of = f", {visible(task)}" if task else ""
            root = f"In the worker process {pid}{of} (most recent call last)"
            where = "In the worker" if number else root
            add_notes(errors[number], [f"{where}:\n{traceback}"], lines=True)
    first = errors[0]
    if isinstance(first, StopIteration):
        named: TaskError = StoppedEarlyError(f"{task}: the task raised StopIteration({_arguments(first)})")
    elif isinstance(first, (Exception, BaseExceptionGroup)):
        return first
    else:
        what = f"{type(first).__name__}({_arguments(first)})"
        named = TaskError(
            f"{task}: a function raised {what}; expected it to return, or to raise a subclass of Exception"
        )
    return in_place_of(first, named)


def _arguments(error: BaseException) -> str:
    return ", ".join(one_line(argument, 200) for argument in attribute(error, "args"))


def _unpack(number: int, nodes: list[Node], errors: dict[int, BaseException], task: str) -> BaseException:
    """Return the exception of a node, made when it is first asked for: members before their group."""
    if number in errors:
        return errors[number]
    data, kind, text, notes, *_, numbers = nodes[number]
    members = None if numbers is None else [_unpack(each, nodes, errors, task) for each in numbers]
    error = _read(data, members)
    start = f"{task}: " if number == 0 and task else ""
    if error is None:  # its type is not known here
        words = f"{start}{kind}: {visible(text)}"
        error = BaseExceptionGroup(words, members) if members else TaskError(words)
        add_notes(error, notes, lines=True)
    elif start and isinstance(error, NotPicklableError) and not str(error).startswith(task):
        error, before = NotPicklableError(f"{task}: {error}"), error
        add_notes(error, notes_of(before))
    errors[number] = error
    return error


def _read(data: bytes | None, members: list[BaseException] | None) -> BaseException | None:
    """Return the exception that `data` is of; None if there is none, or its class differs here from the worker's."""
    if data is None:
        return None
    try:
        error = loads(data)
        if isinstance(error, GroupLater):
            error = error.of(members or [TaskError("exceptions of the group, which were left behind")])
        if isinstance(error, BaseException):
            put(error, "__traceback__", None)  # tblib, which distributed brings, pickles it: its note tells the same
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None
    return error if isinstance(error, BaseException) else None


def describe_exit(code: int | None) -> str:
    """Return what an exit code of `subprocess` means: `killed by SIGKILL: probably out of memory`."""
    if code is None:
        return (
            "has ended, and how is not known: this program ignores SIGCHLD, or waits for all of its child processes, "
            "as os.wait() does, so that their exit codes are gone; hint: os.waitpid(pid, 0) waits for one process"
        )
    if code == CLOSED:
        return "lost its connection: a function closed descriptors that were not its own, as os.closerange does"
    if code >= 0:
        return f"ended with exit code {code}"
    import signal

    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hints = {
        "SIGKILL": ": probably the machine ran out of memory; use smaller partitions or fewer workers",
        "SIGSEGV": ": a crash in C code, or recursion that is too deep",
        "SIGABRT": ": C code gave up",
    }
    return f"was killed by {name}{hints.get(name, '')}"


def worker_died(task: str, attempts: int, code: int | None, report: str) -> WorkerDiedError:
    """Return the error for a task (words for it) that no worker has survived; `report` is what the last one left."""
    error = WorkerDiedError(
        f"{task}: the worker process that ran it {describe_exit(code)}; "
        f"it was tried {attempts} times, the last ones with no other task beside it",
        attempts=attempts,
        exit_code=known_code(code),
    )
    if report:
        add_notes(error, [f"What the worker left:\n{report}"], lines=True)
    return error
