"""Every error that bagkit raises of its own, and the notes it adds to those of its users.

    BagkitError
    ├── PlanError (ValueError, TypeError) a call that can't become a plan: wrong arguments, partitions that do not match
    │   ├── ResumeMismatchError           an output that is to be gone on with was made otherwise, or of other inputs
    │   └── MismatchError (AssertionError)  what must fit does not: bags to zip, a schema of Avro
    ├── OptionError (TypeError, ValueError)           an option that does not exist, or a value it can't take
    ├── LazyError (TypeError)             a lazy value used as if it were computed
    ├── MissingExtraError (ImportError)   an optional package is needed; the message names the extra
    ├── SourceError (OSError)             an input can't be read
    │   ├── NoFilesError (FileNotFoundError, ValueError)
    │   ├── CorruptInputError             a compressed file that is cut off or damaged
    │   ├── LineTooLongError (ValueError)  a line is longer than max_line allows
    │   └── InputChangedError             a file is not what it was when the plan was made
    ├── OutputError (OSError)             an output can't be written
    │   ├── OutputExistsError (FileExistsError)
    │   └── OutputBusyError               another run writes to the same place
    ├── ColumnTypeError (TypeError)       records that do not go together in typed columns
    ├── EmptyBagError (ValueError)        a result that an empty bag does not have
    ├── NotPicklableError (TypeError)     something can't be sent to, or back from, another process
    ├── UnstableKeyError (TypeError)      a key of which no one can tell, in another process, what it is equal to
    └── TaskError (RuntimeError)          a task failed with something that can't reach the user as it is
        ├── GroupTooLargeError (MemoryError)  the records of one key do not fit into memory
        ├── StoppedEarlyError             a function raised StopIteration, which would have ended the data silently
        └── WorkerDiedError               the process that ran a task ended, more than once

Where programs for dask.bag catch another type than the first one, the error is of that type too.

Messages read: subject, what happened, got, expected, hint. An exception of a user's function keeps its type and gets
notes instead.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar

from bagkit.visible import one_line as one_line
from bagkit.visible import printable as printable
from bagkit.visible import visible, visible_message

if TYPE_CHECKING:
    from collections.abc import Sequence

E = TypeVar("E", bound=BaseException)


class BagkitError(Exception):
    """The root: `except bagkit.BagkitError` catches all that bagkit raises of its own."""

    def __init__(self, *args: Any, **keywords: Any) -> None:
        """Make the error; file names, keys and texts of others in its message are made safe to show."""
        super().__init__(*[visible_message(each) if isinstance(each, str) else each for each in args], **keywords)


class PlanError(BagkitError, ValueError, TypeError):
    """A call that can't become a plan."""


class ResumeMismatchError(PlanError):
    """An output that is to be gone on with was made by another plan, or from other inputs."""


class MismatchError(PlanError, AssertionError):
    """What must fit does not: bags to zip have other numbers of partitions, a schema is none."""


class OptionError(BagkitError, TypeError, ValueError):
    """An option that does not exist, or a value that it can't take."""


class LazyError(BagkitError, TypeError):
    """A lazy value was used as if it were computed."""


class MissingExtraError(BagkitError, ImportError):
    """An optional package is needed and not installed."""


class SourceError(BagkitError, OSError):
    """An input can't be read."""


class NoFilesError(SourceError, FileNotFoundError, ValueError):
    """A path or pattern names no file."""


class CorruptInputError(SourceError):
    """A compressed file is cut off or damaged."""


class LineTooLongError(SourceError, ValueError):
    """A line is longer than `max_line` allows."""


class InputChangedError(SourceError):
    """A file is not what it was when the plan was made."""


class ColumnTypeError(BagkitError, TypeError):
    """Records do not go together in typed columns."""


class OutputError(BagkitError, OSError):
    """An output can't be written."""


class OutputExistsError(OutputError, FileExistsError):
    """An output is there already, and may not be replaced."""


class OutputBusyError(OutputError):
    """Another run writes to the same place."""


class EmptyBagError(BagkitError, ValueError):
    """An empty bag has no such result."""


class NotPicklableError(BagkitError, TypeError):
    """A function or a value can't be sent to another process."""


class UnstableKeyError(BagkitError, TypeError):
    """A key of which no one can tell, in another process, what it is equal to."""


class TaskError(BagkitError, RuntimeError):
    """A task failed with something that can't reach the user as it is, such as SystemExit."""


class GroupTooLargeError(TaskError, MemoryError):
    """The records of one key do not fit into the memory that a task may use."""


class StoppedEarlyError(TaskError):
    """A user's function raised StopIteration, which would have ended the data as if there were no more."""


class WorkerDiedError(TaskError):
    """The process that ran a task ended, on every attempt.

    `attempts` counts them, `exit_code` is as `subprocess` gives it (negative: the signal's number).
    """

    def __init__(self, message: str, *, attempts: int = 0, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.exit_code = exit_code


class SkippedRecordsWarning(UserWarning):
    """Records were left out, as `on_error="skip"` asked."""


class ShortTakeWarning(UserWarning):
    """`take` found fewer records than it was asked for."""


def add_notes(error: BaseException, notes: Sequence[str], *, lines: bool = False) -> None:
    """Add each of `notes` that `error` does not carry yet, whatever its class thinks of that; with `lines` of several.

    What takes no notes gets a cause that has them.
    """
    for note in notes:
        note = visible(note, lines=lines)
        if note not in notes_of(error) and not any(way(error, note) for way in (_by_method, _by_attribute)):
            _by_cause(error, note)


def notes_of(error: BaseException) -> list[str]:
    """Return the notes of `error`; none if what is in their place is something else."""
    try:
        found = error.__notes__
    except Exception:  # a property of the user's
        return []
    return [note for note in found if isinstance(note, str)] if isinstance(found, (list, tuple)) else []


def _by_method(error: BaseException, note: str) -> bool:
    if "__notes__" not in attribute(error, "__dict__") and hasattr(type(error), "__notes__"):
        return False  # all exceptions of the class would get it
    try:
        error.add_note(note)
    except Exception:  # its class is frozen, or has something else in the place of the notes
        return False
    return note in notes_of(error)


def _by_attribute(error: BaseException, note: str) -> bool:
    try:
        kept = attribute(error, "__dict__").get("__notes__", notes_of(error))
        before = kept if isinstance(kept, (list, tuple)) else [one_line(kept)]
        put(error, "__notes__", (*before, note) if isinstance(before, tuple) and before else [*before, note])
    except Exception:
        return False
    return note in notes_of(error)


def _by_cause(error: BaseException, note: str) -> None:
    end, seen = error, {id(error)}
    while (cause := attribute(end, "__cause__")) is not None and id(cause) not in seen:
        end = cause
        seen.add(id(end))
    if end is error or not isinstance(end, TaskError):
        last, end = end, TaskError(f"what is known of the {type(error).__name__}, which takes no notes")
        put(last, "__cause__", end)
    end.add_note(note)


def put(error: BaseException, name: str, value: object) -> None:
    """Set an attribute that every exception has, past what the class of `error` does about attributes."""
    BaseException.__setattr__(error, name, value)


def attribute(error: BaseException, name: str) -> Any:
    """Return an attribute that every exception has, past what the class of `error` does about attributes."""
    return BaseException.__getattribute__(error, name)


def in_place_of(cause: BaseException, error: E) -> E:
    """Return `error`, which is raised in place of `cause`, with the notes of that."""
    error.__cause__ = cause
    add_notes(error, notes_of(cause), lines=True)
    return error


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """Return the error for an optional `package` that is not installed.

    >>> str(missing_extra("backports.zstd", "zstd", "to read .zst files"))
    "the package 'backports.zstd' is not installed, and is needed to read .zst files; hint: pip install 'bagkit[zstd]'"
    """
    return MissingExtraError(
        f"the package {package!r} is not installed, and is needed {purpose}; hint: pip install 'bagkit[{extra}]'"
    )


def text_of(error: BaseException) -> str:
    """Return the text of `error`, or words for what its `__str__` raises."""
    try:
        return str(error)
    except Exception as broken:
        return f"<its str() raises {type(broken).__name__}>"


def notes_on_text(error: BaseException) -> list[str]:
    """Return a note on why `error` has no text that can be shown, if that is so."""
    try:
        str(error)
    except Exception as broken:
        return [f"its text can't be shown: its str() raises {type(broken).__name__}: {text_of(broken)}"]
    return []


def python_version() -> str:
    """Return the running Python's version as `3.11.7`."""
    return ".".join(map(str, sys.version_info[:3]))
