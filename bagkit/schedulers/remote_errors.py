"""An exception's way from the worker to the caller: the same type with the same attributes, cause and notes if it can.

`pack_error` tries, in the worker, whether each exception of the chain comes back from a pickle as it was, and says in
words what does not. `unpack_error` puts the chain together again.
"""

from __future__ import annotations

import marshal
import os
from dataclasses import replace
from typing import Any

from bagkit.errors import NotPicklableError, StoppedEarlyError, TaskError, add_notes, one_line
from bagkit.schedulers.transport import loads, to_bytes

CHAIN = 20
TEXT = 10_000
"""Characters of an exception's message, where it has to be told in words."""
PICKLE_BYTES = 8 << 20
LINES = 22
"""Of the worker's traceback."""


def pack_error(error: BaseException) -> bytes:
    """Describe `error` and what caused it."""
    chain: list[BaseException] = []
    numbers: dict[int, int] = {}

    def number_of(each: BaseException | None) -> int | None:
        if each is None:
            return None
        if id(each) not in numbers:
            if len(chain) == CHAIN:
                return None
            numbers[id(each)] = len(chain)
            chain.append(each)
        return numbers[id(each)]

    number_of(error)
    nodes = []
    for each in chain:  # grows as causes are found
        hidden = each.__suppress_context__
        cause, context = number_of(each.__cause__), number_of(None if hidden else each.__context__)
        nodes.append((*_pack_one(each), cause, context, hidden))
    return marshal.dumps((os.getpid(), nodes))


def _pack_one(error: BaseException) -> tuple[bytes | None, str, str, list[str], str]:
    try:
        text = str(error)
    except BaseException as broken:
        text = f"<its str() raises {type(broken).__name__}>"
    if len(text) > TEXT:
        text = text[: TEXT - 1] + "…"
    notes = [str(note)[:TEXT] for note in getattr(error, "__notes__", ())]
    return _pickle_error(error), _type_name(error), text, notes, _traceback(error)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )


def _pickle_error(error: BaseException) -> bytes | None:
    """Pickle `error`, if the pickle gives the same again."""
    for form in (error, _Rebuilt(error)):
        try:
            data = to_bytes(form)
            if len(data) <= PICKLE_BYTES and _same(loads(data), error):
                return data
        except BaseException:
            pass  # declines because of whatever its own methods raise; words will do
    return None


def pack_failure(failure: Any) -> tuple[Any, bytes | None]:
    """Return `failure` without its error, with a record that comes back from a pickle, and the error packed.

    What is no failure with an error goes as it is.
    """
    if not hasattr(failure, "error"):
        return failure, None
    place = failure.place
    if place is not None and not _comes_back(place.record):
        place = replace(place, record=one_line(place.record))
    return replace(failure, error=None, place=place), pack_error(failure.error)


def unpack_failure(packed: tuple[Any, bytes | None]) -> Any:
    """Return the failure that `pack_failure` took apart."""
    failure, error = packed
    return failure if error is None else replace(failure, error=unpack_error(error, ""))


def _comes_back(value: Any) -> bool:
    try:
        loads(to_bytes(value))
    except Exception:
        return False
    return True


def _same(copy: Any, error: BaseException) -> bool:
    return type(copy) is type(error) and str(copy) == str(error) and vars(copy).keys() == vars(error).keys()


class _Rebuilt:
    """Pickles an exception without its __init__, for those whose __init__ wants other arguments than it passed on."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self._error), self._error.args, vars(self._error))


def _rebuild(kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(attributes)
    return error


def _traceback(error: BaseException) -> str:
    """Format where `error` was raised: the user's frames, or the last ones where there are none of theirs."""
    if isinstance(error, NotPicklableError):
        return ""  # raised by bagkit of a value; the user's frames, if any, are with its cause
    import traceback

    try:
        frames = traceback.extract_tb(error.__traceback__)
        ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
        theirs = [frame for frame in frames if not frame.filename.startswith((ours, "<frozen"))]
        lines = "".join(traceback.format_list(theirs or frames[-3:])).splitlines()
    except Exception as broken:
        return f"  <can't be formatted: {type(broken).__name__}>"
    if len(lines) > LINES:
        lines = [*lines[: LINES // 2], f"  ... {len(lines) - LINES} lines ...", *lines[-(LINES // 2) :]]
    return "\n".join(lines)


def unpack_error(data: bytes, task: str) -> BaseException:
    """Return the error to raise for `task` (words for it): never one that would end the caller's program or loop."""
    pid, nodes = marshal.loads(data)
    errors = [_unpack_one(task, pid, *node[:5], is_root=number == 0) for number, node in enumerate(nodes)]
    for error, (*_, cause, context, hidden) in zip(errors, nodes, strict=True):
        error.__cause__ = None if cause is None else errors[cause]
        error.__context__ = None if context is None else errors[context]
        error.__suppress_context__ = hidden
    first = errors[0]
    if isinstance(first, StopIteration):
        named: TaskError = StoppedEarlyError(f"{task}: the task raised StopIteration({_arguments(first)})")
    elif isinstance(first, Exception):
        return first
    else:
        named = TaskError(f"{task}: the task raised {type(first).__name__}({_arguments(first)})")
    named.__cause__ = first
    add_notes(named, nodes[0][3])  # without that of where it was in the worker
    return named


def _arguments(error: BaseException) -> str:
    return ", ".join(repr(argument)[:200] for argument in error.args)


def _unpack_one(
    task: str, pid: int, data: bytes | None, kind: str, text: str, notes: list[str], traceback: str, *, is_root: bool
) -> BaseException:
    error: BaseException | None = None
    if data is not None:
        try:
            error = loads(data)
        except KeyboardInterrupt:
            raise
        except BaseException:
            pass  # the class differs here from what it is in the worker
    if not isinstance(error, BaseException):
        start = f"{task}: " if is_root and task else ""
        error = TaskError(f"{start}{kind}: {text}")
        add_notes(error, notes)
    elif is_root and isinstance(error, NotPicklableError) and not str(error).startswith(task):
        error = NotPicklableError(f"{task}: {error}")
    if traceback:
        heading = f"In the worker process {pid}, {task} (most recent call last):" if is_root else "In the worker:"
        add_notes(error, [f"{heading}\n{traceback}"])
    return error


def describe_exit(code: int | None) -> str:
    """Return what an exit code of `subprocess` means: `killed by SIGKILL: probably out of memory`."""
    if code is None:
        return "ended in an unknown way"
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
