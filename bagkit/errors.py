"""Every error that bagkit raises of its own, and the notes it adds to errors of its users.

    BagkitError
    ├── PlanError (ValueError, TypeError) a call that can't become a plan: wrong arguments, partitions that do not match
    │   ├── ResumeMismatchError           the files there come from other operations or inputs
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
    ├── ValidationError (ValueError)      a record does not fit the model of validate
    ├── ColumnTypeError (TypeError)       records that do not go together in typed columns
    ├── EmptyBagError (ValueError, TypeError)  a result that an empty bag does not have
    ├── NotPicklableError (TypeError)     something can't be sent to, or back from, another process
    ├── UnstableKeyError (TypeError)      a key that can't be told from others in another process
    └── TaskError (RuntimeError)          a task failed with something that can't reach the user as it is
        ├── GroupTooLargeError (MemoryError)  the records of one key do not fit into memory
        ├── TooManyErrorsError            on_error has left out more records than max_errors allows
        ├── StoppedEarlyError             a function raised StopIteration, which would have ended the data silently
        └── WorkerDiedError               the process that ran a task ended, more than once

Where programs for dask.bag catch another type than the first one, the error is of that type too.

Messages read: subject, what happened, got, expected, hint. An exception of a user's function keeps its type and gets
notes instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

from bagkit.visible import LONGEST, cut, visible, visible_message
from bagkit.visible import ask as ask
from bagkit.visible import notes_on_text as notes_on_text
from bagkit.visible import one_line as one_line
from bagkit.visible import printable as printable
from bagkit.visible import text_of as text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

E = TypeVar("E", bound=BaseException)


class BagkitError(Exception):
    """The root of all errors of bagkit's own: `except bagkit.BagkitError` catches them.

    Errors of your own functions are not among them: they keep their types, and get notes that say where.

    >>> import bagkit as bk
    >>> try:
    ...     bk.range(3, npartitions=0)
    ... except bk.BagkitError as error:
    ...     print(error)
    range: npartitions is 0; expected an int of 1 or more
    """

    def __init__(self, *args: Any, **keywords: Any) -> None:
        """Make the error. File names, keys and texts from outside in its message are made safe to show."""
        super().__init__(*[visible_message(each) if isinstance(each, str) else each for each in args], **keywords)


class PlanError(BagkitError, ValueError, TypeError):
    """A call can't become a plan: an argument is wrong, or arguments do not go together.

    >>> import bagkit as bk
    >>> bk.range(3, npartitions=0)
    Traceback (most recent call last):
    bagkit.errors.PlanError: range: npartitions is 0; expected an int of 1 or more
    """


class ResumeMismatchError(PlanError):
    """The files there come from other operations or inputs, and `exist="resume"` can't go on with them.

    >>> import bagkit as bk, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = bk.range(3, npartitions=1).to_jsonl(folder, scheduler="sync")
    >>> bk.range(4, npartitions=1).to_jsonl(folder, exist="resume", scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.ResumeMismatchError: ...
    """


class MismatchError(PlanError, AssertionError):
    """Things do not fit: bags to zip have different numbers of partitions, a schema is none, or what is to be a bag.

    >>> import bagkit as bk
    >>> bk.zip(bk.range(3, npartitions=1), bk.range(3, npartitions=2))
    Traceback (most recent call last):
    bagkit.errors.MismatchError: zip: the bags have different numbers of partitions; got 1, 2; expected the same for all
    """


class OptionError(BagkitError, TypeError, ValueError):
    """An option does not exist, or can't take a value.

    >>> import bagkit as bk
    >>> bk.range(3, npartitions=1).compute(worker=3)
    Traceback (most recent call last):
    bagkit.errors.OptionError: no option is called 'worker'; ...; did you mean 'workers'?
    """


class LazyError(BagkitError, TypeError):
    """A value that is not computed yet was used as if it were. `compute()` computes it.

    >>> import bagkit as bk
    >>> len(bk.range(3, npartitions=1))
    Traceback (most recent call last):
    bagkit.errors.LazyError: a bag has no length: it is not read yet; hint: bag.count().compute()
    """


class MissingExtraError(BagkitError, ImportError):
    """A package is needed that bagkit does not bring. The message says how to install it.

    >>> import bagkit as bk
    >>> issubclass(bk.MissingExtraError, ImportError)
    True
    """


class SourceError(BagkitError, OSError):
    """An input can't be read.

    >>> import bagkit as bk, tempfile
    >>> bk.read_text(tempfile.mkdtemp())
    Traceback (most recent call last):
    bagkit.errors.SourceError: ...: is a directory; expected a file; hint: ...
    """


class NoFilesError(SourceError, FileNotFoundError, ValueError):
    """A path or a pattern names no file.

    >>> import bagkit as bk
    >>> bk.read_text("no/such/file.txt")
    Traceback (most recent call last):
    bagkit.errors.NoFilesError: no/such/file.txt: there is no such file
    """


class CorruptInputError(SourceError):
    """A compressed file is cut off or damaged, or a file is not of the format that it should have.

    >>> import bagkit as bk, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt.gz")
    >>> _ = path.write_bytes(b"no gzip")
    >>> bk.read_text(path).compute(scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.CorruptInputError: ...
    """


class LineTooLongError(SourceError, ValueError):
    """A line is longer than `max_line` allows.

    >>> import bagkit as bk, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt")
    >>> _ = path.write_text("a long line\\n")
    >>> bk.read_text(path, max_line=5).compute(scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.LineTooLongError: ...
    """


class InputChangedError(SourceError):
    """A file is not what it was when the bag was made. Make the bag again to read it as it is now.

    >>> import bagkit as bk, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt")
    >>> _ = path.write_text("one\\n")
    >>> b = bk.read_text(path)
    >>> _ = path.write_text("one\\ntwo\\n")
    >>> b.compute(scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.InputChangedError: ...
    """


class ColumnTypeError(BagkitError, TypeError):
    """The values of a column are not all of one type, or there is no type for them. `on_conflict=` says what to do.

    >>> import bagkit as bk, tempfile
    >>> bk.from_sequence([{"n": 1}, {"n": "two"}]).to_sqlite(tempfile.mkdtemp() + "/a.db", "t", scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.ColumnTypeError: ...
    """


class Violation(TypedDict):
    """What is wrong with a record that `validate` refuses.

    Attributes:
        path: The value that does not fit: `"items[2].name"`. `""` is the record itself; `*` stands for any key of a
            dict.
        expected: What should be there, in words.
        got: What is there: a value and its type, or the type of one that can't be told.

    >>> import bagkit as bk
    >>> violation: bk.Violation = {"path": "age", "expected": "int", "got": "'x' (str)"}
    """

    path: str
    expected: str
    got: str


class ValidationError(BagkitError, ValueError):
    """A record does not fit the model of `validate`.

    Attributes:
        violations: What is wrong with it, a `Violation` each: the first for a model of msgspec, all for pydantic's.

    >>> import bagkit as bk
    >>> bk.from_sequence(["x"]).validate(int).compute(scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.ValidationError: the record: expected int, got 'x' (str)
    """

    def __init__(self, message: str, *, violations: Sequence[Violation] = ()) -> None:
        super().__init__(message)
        self.violations = list(violations)


class OutputError(BagkitError, OSError):
    """An output can't be written.

    >>> import bagkit as bk
    >>> bk.from_sequence(["a"]).to_textfiles("/dev/null/a", scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.OutputError: ...
    """


class OutputExistsError(OutputError, FileExistsError):
    """An output is there already. `exist="overwrite"` replaces it.

    >>> import bagkit as bk, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> _ = bk.range(3, npartitions=1).to_jsonl(folder, scheduler="sync")
    >>> bk.range(3, npartitions=1).to_jsonl(folder, scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.OutputExistsError: ...
    """


class OutputBusyError(OutputError):
    """Another run writes to the same place. The message names its process.

    >>> import bagkit as bk
    >>> issubclass(bk.OutputBusyError, bk.OutputError)
    True
    """


class EmptyBagError(BagkitError, ValueError, TypeError, ZeroDivisionError):
    """A bag without records has no mean, minimum and so on.

    It is a ValueError, as Python's `max([])` raises, a TypeError, as `functools.reduce` raises, and a
    ZeroDivisionError, as dask.bag's `mean` raises.

    >>> import bagkit as bk
    >>> bk.from_sequence([]).max().compute(scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.EmptyBagError: ...
    """


class NotPicklableError(BagkitError, TypeError):
    """A function or a value can't be sent to another process. The message says which, and what holds it.

    `scheduler="threads"` runs it in this process, where nothing has to be sent.

    >>> import bagkit as bk, threading
    >>> lock = threading.Lock()
    >>> bk.range(3, npartitions=1).map(lambda x: lock.locked()).compute(workers=1)
    Traceback (most recent call last):
    bagkit.errors.NotPicklableError: ...
    """


class UnstableKeyError(BagkitError, TypeError):
    """A key can't be told from others in another process, because bagkit does not know when two of its type are equal.

    >>> import bagkit as bk
    >>> bk.from_sequence([object(), object()], npartitions=2).groupby(lambda x: x).compute(scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.UnstableKeyError: ...
    """


class TaskError(BagkitError, RuntimeError):
    """A task failed with something that can't reach the caller as it is, such as SystemExit.

    >>> import bagkit as bk
    >>> bk.range(3, npartitions=1).map(exit).compute(workers=1)
    Traceback (most recent call last):
    bagkit.errors.TaskError: ...
    """


class GroupTooLargeError(TaskError, MemoryError):
    """The records of one key do not fit into the memory that a task may use. `foldby` does not hold them.

    >>> import bagkit as bk
    >>> issubclass(bk.GroupTooLargeError, MemoryError)
    True
    """


class StoppedEarlyError(TaskError):
    """A function raised StopIteration, which would have ended the data as if there were no more.

    >>> import bagkit as bk
    >>> bk.range(3, npartitions=1).map(lambda x: next(iter([]))).compute(scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.StoppedEarlyError: ...
    """


class TooManyErrorsError(TaskError):
    """More records have failed than `max_errors` allows, so the run has given up.

    >>> import bagkit as bk
    >>> bk.from_sequence(["1", "two"]).map(int).compute(scheduler="sync", on_error="skip", max_errors=0)
    Traceback (most recent call last):
    bagkit.errors.TooManyErrorsError: 1 record has failed, and max_errors=0 allows no more; ...
    """


class WorkerDiedError(TaskError):
    """The process that ran a task died, in each attempt: it was killed, or ran out of memory.

    Attributes:
        attempts: How often the task was tried.
        exit_code: The exit code of the process, as in `subprocess`: a negative number stands for a signal. None where
            it is not known: of a process that a function has cut off from the caller, by closing all descriptors, say;
            and in a program that ignores SIGCHLD, or waits for all of its child processes itself.

    >>> import bagkit as bk
    >>> bk.WorkerDiedError("the worker ended", attempts=3, exit_code=-9).exit_code
    -9
    """

    def __init__(self, message: str, *, attempts: int = 0, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.exit_code = exit_code


class SkippedRecordsWarning(UserWarning):
    """Records were left out, as `on_error="skip"` asks. The message says how many and shows some.

    >>> import bagkit as bk, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")
    ...     bk.from_sequence(["1", "two"]).map(int).compute(scheduler="sync", on_error="skip")
    Traceback (most recent call last):
    bagkit.errors.SkippedRecordsWarning: 1 record skipped, as on_error="skip" asked; ...
    """


class DamagedInputWarning(UserWarning):
    """Data of damaged files is missing, as `damaged=` asks. The message counts the files, and says what is wrong.

    >>> import bagkit as bk, pathlib, tempfile, warnings
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.txt.gz")
    >>> _ = path.write_bytes(b"no gzip")
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")
    ...     bk.read_text(path, damaged="skip_file").compute(scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.DamagedInputWarning: data of a damaged file is missing, as damaged= asked; ...
    """


class ShortTakeWarning(UserWarning):
    """`take` found fewer records than it was asked for. `warn=False` keeps it quiet.

    >>> import bagkit as bk, warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error")
    ...     bk.range(2, npartitions=1).take(3, scheduler="sync")
    Traceback (most recent call last):
    bagkit.errors.ShortTakeWarning: take: asked for 3 records, and found 2
    """


def add_notes(error: BaseException, notes: Sequence[str], *, lines: bool = False) -> None:
    """Add each of `notes` that `error` does not have yet; with `lines` a note may have several lines.

    It works whatever the class of `error` does about attributes: an error that takes no notes gets a cause with them.
    """
    for note in notes:
        note = visible(note, lines=lines)
        if note not in notes_of(error) and not any(way(error, note) for way in (_by_method, _by_attribute)):
            _by_cause(error, note)


def notes_of(error: BaseException) -> list[str]:
    """Return the notes of `error`; an empty list if something else is in their place."""
    try:
        found = error.__notes__
    except Exception:  # a property of the user's
        return []
    return [note for note in found if isinstance(note, str)] if isinstance(found, (list, tuple)) else []


def _by_method(error: BaseException, note: str) -> bool:
    if "__notes__" not in attribute(error, "__dict__") and ask(type(error), "__notes__", False) is not False:
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
    """Set an attribute that every exception has, past the rules of the class of `error` for attributes."""
    own = vars(BaseException).get(name)
    if own is None:
        BaseException.__setattr__(error, name, value)
    else:
        own.__set__(error, value)


def attribute(error: BaseException, name: str, of: type[BaseException] = BaseException) -> Any:
    """Return an attribute that every exception of Python's type `of` has, whatever the class of `error` does to it."""
    return vars(of)[name].__get__(error)


def in_place_of(cause: BaseException, error: E) -> E:
    """Return `error`, which is raised in place of `cause`, with the notes of `cause`."""
    error.__cause__ = cause
    add_notes(error, notes_of(cause), lines=True)
    return error


def cut_document(error: BaseException) -> None:
    """Leave the beginning of a long text that an error of JSON holds, which is the whole document."""
    document = attribute(error, "__dict__").get("doc") if type(error).__name__ == "JSONDecodeError" else None
    if type(document) is str and len(document) > LONGEST:
        put(error, "doc", cut(document))


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """Return the error for an optional `package` that is not installed.

    >>> str(missing_extra("backports.zstd", "zstd", "to read .zst files"))
    "the package 'backports.zstd' is not installed, and is needed to read .zst files; hint: pip install 'bagkit[zstd]'"
    """
    return MissingExtraError(
        f"the package {package!r} is not installed, and is needed {purpose}; hint: pip install 'bagkit[{extra}]'"
    )


def too_many_errors(lost: int, of: str, most: int | str, first: str) -> TooManyErrorsError:
    """Return the error for `lost` records that have failed: of how many, and the first, in words."""
    return TooManyErrorsError(
        f"{lost:,} record{' has' if lost == 1 else 's have'} failed{of}, and max_errors={most!r} allows no more"
        + (f"; the first: {first}" if first else "")
        + "; hint: good, bad = bag.split_errors() keeps any number of them"
    )
