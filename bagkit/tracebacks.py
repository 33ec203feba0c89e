"""Tracebacks that show the user's lines and not ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from types import FrameType, TracebackType
from typing import Any, TypeVar

from bagkit.errors import (
    BagkitError,
    NotPicklableError,
    TaskError,
    UnstableKeyError,
    add_notes,
    ask,
    attribute,
    notes_of,
    put,
    text_of,
)
from bagkit.visible import visible_message

F = TypeVar("F", bound=Callable[..., Any])

CO_GENERATOR = 0x20
"""The flag in the code of generators; importing inspect takes long."""
FRONT_DOOR = "<bagkit>"
"""The file name in the frame of a front door. There is no such file, so a traceback shows one line for the frame."""

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_OWN = (_PACKAGE, FRONT_DOOR)
_SAID_ANYHOW = (FileNotFoundError, NotADirectoryError, ModuleNotFoundError, EOFError)
"""Causes whose type says all: our message says in words of its own that something is not there, or cut off."""


def is_own(frame: FrameType) -> bool:
    """Return whether `frame` runs code of bagkit."""
    return _is_own(frame.f_code.co_filename, str(frame.f_globals.get("__name__")))


@lru_cache(1024)
def _is_own(filename: str, module: str) -> bool:
    # What dataclasses generate has no file, and the globals of its module.
    return filename.startswith(_OWN) or (filename == "<string>" and module.startswith("bagkit."))


def keep_users_frames(error: BaseException) -> None:
    """Leave the user's frames in the traceback of the error of a record, which is kept.

    Ours let go of what they worked on: blocks of other records. The user's keep their variables, for a debugger. So do
    ours that are still at work.
    """
    theirs, ours = _apart(_trace(error))
    put(error, "__traceback__", theirs)
    if isinstance(error, BagkitError):
        _shorten_causes(error)
    for frame in ours:
        try:
            frame.clear()
        except RuntimeError:
            pass  # it is at work, and lets go of them itself


def frame_above(error: BaseException) -> FrameType | None:
    """Return the frame that called the first one in the traceback of a kept error: the user's."""
    trace = _trace(error)
    return trace.tb_frame.f_back if trace is not None else None


def is_of_a_task(frame: FrameType) -> bool:
    """Return whether `frame`, which is above the user's, runs code of ours or of what ours calls."""
    return _whose(frame.f_code.co_filename, str(frame.f_globals.get("__name__"))) != "others"


def clear_ended(errors: Iterable[BaseException]) -> None:
    """Let our frames right above the user's in the tracebacks of kept errors go of all, which have ended by now.

    When an error is kept, the loop that noted it is at work. Its frame holds the records of a block.
    """
    seen: set[int] = set()
    for error in errors:
        frame = frame_above(error)
        while frame is not None and id(frame) not in seen and is_own(frame):
            if frame.f_code.co_flags & CO_GENERATOR:
                break  # it is not over, and what is above it neither
            seen.add(id(frame))  # many errors come of one loop
            try:
                frame.clear()
            except RuntimeError:
                break  # it is at work
            frame = frame.f_back


def users_frame() -> FrameType:
    """Return the innermost frame that is not ours, among the callers of the caller."""
    frame = sys._getframe(2)
    while is_own(frame) and frame.f_back is not None:
        frame = frame.f_back
    return frame


def shown_file(frame: FrameType) -> str:
    """Return the name of the file whose code `frame` runs; of a notebook's cell what its tracebacks call it.

    >>> import sys
    >>> shown_file(sys._getframe())
    '<doctest bagkit.tracebacks.shown_file[1]>'
    """
    name = frame.f_code.co_filename
    return cell_of(name) or name


def cell_of(filename: str) -> str | None:
    """Return `Cell In[8]` for the file that a cell of a notebook was compiled from; None for others."""
    shell = interactive_shell()
    try:
        known = None if shell is None else shell.compile.format_code_name(filename)
    except Exception:  # a shell of another make may raise anything
        return None
    return " ".join(known) if known else None


def interactive_shell() -> Any:
    """Return the shell of IPython that this process runs in; None elsewhere.

    None may stand among the modules for IPython, so that nobody imports it; and its import may be on the way.
    """
    module = sys.modules.get("IPython")
    return None if module is None else ask(module, "get_ipython", lambda: None)()


def shorten_traceback(error: BaseException) -> None:
    """Leave only the user's frames in the traceback of an error whose message or notes say where it came from.

    Others keep all their frames: they are about our lines. A cause that adds nothing is not shown.
    """
    put(error, "__traceback__", frames_to_show(error))
    if isinstance(error, BagkitError):
        _shorten_causes(error)


def leave_users_frames(error: BaseException) -> None:
    """Take our frames off the traceback of an error, whatever it says."""
    put(error, "__traceback__", _without_ours(_trace(error)))


def frames_to_show(error: BaseException) -> TracebackType | None:
    """Return the traceback of `error` without our frames, unless the error is about them."""
    trace = _trace(error)
    return _without_ours(trace) if _says_where(error) or _is_of_a_function(trace) else trace


def frames_of_worker(error: BaseException, raised: BaseException) -> TracebackType | None:
    """Return the frames to show of `error`, which is on its way out of a worker: what was `raised`, or its cause.

    There the frames above the user's are always the same. Without any of theirs it is about ours.
    """
    theirs = _without_ours(_trace(error))
    return theirs if theirs is not None or _says_where(raised) else _trace(error)


def stack_of_worker(text: str) -> str:
    """Return the text of a stack that logging has made in a worker, from the user's first frame on, without ours."""
    head, *frames = text.split(_FRAME)
    begin = frames[0].startswith("<string>")  # the worker's own program; the user's may be called the same
    return _FRAME.join([head, *[frame for frame in frames[begin:] if not frame.startswith(_OWN)]])


_FRAME = '\n  File "'


def _trace(error: BaseException) -> TracebackType | None:
    trace: TracebackType | None = attribute(error, "__traceback__")
    return trace


def _says_where(error: BaseException) -> bool:
    return isinstance(error, (BagkitError, KeyboardInterrupt)) or bool(notes_of(error))


def _is_of_a_function(trace: TracebackType | None) -> bool:
    """Return whether it was a function of the user's, called by ours, that raised: not ours, nor a library's."""
    called = None
    while trace is not None:
        if is_own(trace.tb_frame):
            called = None
        elif called is None:
            called = trace.tb_frame
        trace = trace.tb_next
    return called is not None and _is_users(called)


def _is_users(frame: FrameType) -> bool:
    # Code in C names the file that it was made from, and its module the one that was installed.
    files = frame.f_code.co_filename, str(frame.f_globals.get("__file__"))
    installed = any(each.startswith(_paths(_PACKAGES)) for each in files)
    return not installed and not is_own(frame) and not _is_pythons(files[0])


@lru_cache(1024)
def _whose(filename: str, module: str) -> str:
    """Return whose code it is; where it stands below ours, Python's own library and tasks of dask are called by ours.

    It is asked of each record that fails.
    """
    if _is_own(filename, module):
        return "ours"
    return "called by ours" if _is_pythons(filename) or module.partition(".")[0] in _MACHINERY else "others"


_MACHINERY = ("dask", "toolz", "tlz")


def _is_pythons(filename: str) -> bool:
    """Return whether a file is of Python's own library."""
    return filename.startswith("<frozen") or (
        filename.startswith(_paths(("stdlib", "platstdlib"))) and not filename.startswith(_paths(_PACKAGES))
    )


_PACKAGES = ("purelib", "platlib")


@cache
def _paths(kinds: tuple[str, ...]) -> tuple[str, ...]:
    import sysconfig

    return tuple(sysconfig.get_path(kind) + os.sep for kind in kinds)


def _shorten_causes(error: BaseException) -> None:
    """Leave the user's frames in what caused an error of ours; if there are none, and it says no more, hide it."""
    each, seen = error, {id(error)}
    while (cause := _cause_shown(each)) is not None and id(cause) not in seen:
        seen.add(id(cause))
        put(cause, "__traceback__", _kept(_trace(cause), _is_users))
        if _stands_for(each, cause):
            put(each, "__traceback__", _joined(_trace(each), _trace(cause)))
            add_notes(each, notes_of(cause), lines=True)
            _hide(cause, each, _cause_shown(cause))
        elif _adds_nothing(cause, each):
            _hide(cause, each, None)
        else:
            each = cause


def _cause_shown(error: BaseException) -> BaseException | None:
    """Return the error that Python shows above `error`."""
    hidden = attribute(error, "__suppress_context__")
    cause: BaseException | None = attribute(error, "__cause__") or (None if hidden else attribute(error, "__context__"))
    return cause


def _hide(cause: BaseException, error: BaseException, instead: BaseException | None) -> None:
    """Have Python show `instead` above `error`, and not `cause`."""
    put(error, "__cause__", instead)
    put(error, "__context__", cause)  # for who looks for it
    put(error, "__suppress_context__", True)


def _stands_for(error: BaseException, cause: BaseException) -> bool:
    """Return whether `error` was raised in the place of `cause`, which would end the program or the records."""
    ends = not isinstance(cause, (Exception, BaseExceptionGroup)) or isinstance(cause, StopIteration)
    return isinstance(error, TaskError) and ends


def _adds_nothing(cause: BaseException, error: BaseException) -> bool:
    """Return whether `error` says all that `cause` does, and where it was."""
    if _trace(cause) is not None:
        return False
    if isinstance(error, UnstableKeyError):
        return True
    return set(notes_of(cause)) <= set(notes_of(error)) and _is_said(cause, error)


def _is_said(cause: BaseException, error: BaseException) -> bool:
    """Return whether the message of `error` says all that `cause` does, or is made to say it where `cause` can't."""
    internal = type(cause).__module__.startswith("bagkit.") and not isinstance(cause, BagkitError)
    if internal or isinstance(error, NotPicklableError) or isinstance(cause, _SAID_ANYHOW):
        return True
    said = text_of(error).lower()
    text, reason = text_of(cause), attribute(cause, "strerror", OSError) if isinstance(cause, OSError) else None
    safe = visible_message(text)
    if any(isinstance(each, str) and each and each.lower() in said for each in (text, safe, reason)):
        return True
    if f": {type(cause).__name__}: ".lower() in said:  # its text follows, without what must not be shown of it
        return True
    if text != safe and not isinstance(cause, BagkitError):  # it has a password, or moves the cursor
        add_notes(error, [f"caused by {type(cause).__name__}: {safe}"])
        return True
    return False


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """Return `trace` without frames of ours, and without frames of what ours called: Python's own library, dask."""
    return _apart(trace)[0]


def _apart(trace: TracebackType | None) -> tuple[TracebackType | None, list[FrameType]]:
    """Return `trace` without frames of ours and of what ours called, and our frames."""
    theirs: list[TracebackType] = []
    ours: list[FrameType] = []
    below_ours, last = False, True
    while trace is not None:
        frame = trace.tb_frame
        whose = _whose(frame.f_code.co_filename, str(frame.f_globals.get("__name__")))
        below_ours = whose == "ours" or (below_ours and whose == "called by ours")
        if whose == "ours":
            ours.append(frame)
        if not below_ours:
            theirs.append(trace)
        elif theirs:
            last = False
        trace = trace.tb_next
    return theirs[0] if theirs and last else _made(theirs), ours


def _kept(trace: TracebackType | None, keep: Callable[[FrameType], bool]) -> TracebackType | None:
    return _made([each for each in _entries(trace) if keep(each.tb_frame)])


def _joined(above: TracebackType | None, below: TracebackType | None) -> TracebackType | None:
    return _made([*_entries(above), *_entries(below)])


def _entries(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _made(entries: Sequence[TracebackType]) -> TracebackType | None:
    made: TracebackType | None = None
    for entry in reversed(entries):
        made = TracebackType(made, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return made


def as_front_door(function: F) -> F:
    """Return `function` with a frame of one line in tracebacks."""
    changed: Any = function
    changed.__code__ = changed.__code__.replace(co_filename=FRONT_DOOR, co_firstlineno=1)
    return function
