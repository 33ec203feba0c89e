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
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

E = TypeVar("E", bound=BaseException)


class BagkitError(Exception):
    """The root: `except bagkit.BagkitError` catches all that bagkit raises of its own."""


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


def add_notes(error: BaseException, notes: Sequence[str]) -> None:
    """Add each of `notes` that `error` does not carry yet."""
    present = getattr(error, "__notes__", [])
    for note in notes:
        if note not in present:
            error.add_note(note)


def in_place_of(cause: BaseException, error: E) -> E:
    """Return `error`, which is raised in place of `cause`, with the notes of that."""
    error.__cause__ = cause
    add_notes(error, getattr(cause, "__notes__", []))
    return error


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """Return the error for an optional `package` that is not installed.

    >>> str(missing_extra("backports.zstd", "zstd", "to read .zst files"))
    "the package 'backports.zstd' is not installed, and is needed to read .zst files; hint: pip install 'bagkit[zstd]'"
    """
    return MissingExtraError(
        f"the package {package!r} is not installed, and is needed {purpose}; hint: pip install 'bagkit[{extra}]'"
    )


def one_line(value: object, width: int = 160) -> str:
    """Return `value` for a message: its repr, without control characters, cut to `width` characters.

    >>> one_line("a\\x1b]0;b" + "c" * 20, width=16)
    "'a\\\\x1b]0;bccccc…"
    """
    try:
        text = repr(value[: width * 4] if isinstance(value, (str, bytes)) and len(value) > width * 4 else value)
    except Exception as error:
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    return printable(text, width)


def printable(text: str, width: int = 160) -> str:
    """Return `text` for a message: without line ends and control characters, cut to `width` characters.

    >>> printable("one\\ntwo"), printable("a" * 200, width=4)
    ('one\\\\ntwo', 'aaa…')
    """
    text = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text[: width + 1])
    return text if len(text) <= width else text[: width - 1] + "…"


def python_version() -> str:
    """Return the running Python's version as `3.11.7`."""
    return ".".join(map(str, sys.version_info[:3]))
