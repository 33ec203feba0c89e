"""What the shell command says on standard error, and by its exit code."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any, Final

from bagkit.contexts import context
from bagkit.errors import (
    BagkitError,
    ColumnTypeError,
    CorruptInputError,
    LineTooLongError,
    SourceError,
    StoppedEarlyError,
    TooManyErrorsError,
    ValidationError,
    notes_of,
    text_of,
)
from bagkit.shell.arguments import Arguments
from bagkit.shell.expressions import WrongStep
from bagkit.visible import visible_message

_OF_DATA: Final = (ColumnTypeError, LineTooLongError, TooManyErrorsError)
_OF_A_RECORD: Final = (ValidationError, SourceError, StoppedEarlyError)
"""How a record fails by bagkit's own words: it fits no type, a row has too few fields, a function stopped at it."""


_IN_PYTHON: Final = {
    'as on_error="skip" asked; hint: on_error="collect" gives each with its place': (
        "as --on-error skip asked; hint: --bad FILE keeps each with its place"
    ),
    'as damaged= asked; hint: on_error="collect" gives each with its place': "as --damaged asked",
    "; hint: damaged='keep' takes what comes before the damage, damaged='skip_file' leaves out such files": "",
    "hint: exist='overwrite' replaces": "hint: --overwrite replaces",
    "hint: on_conflict='string', 'json' or 'null', or columns=[...] without it": (
        "hint: --on-conflict string, json or null, or --columns A,B without it"
    ),
    "hint: on_conflict='string' or 'null'": "hint: --on-conflict string or null",
    "hint: columns=[...]": "hint: --columns A,B",
    "; errors='replace' goes on with marks in place of such bytes": "",
    "hint: lines=False": "hint: --format documents",
    "hint: bagkit.read_parquet(path)": "hint: --format parquet",
    "hint: bagkit.read_avro(path)": "hint: --format avro",
    "hint: bagkit.": "hint: in Python, bagkit.",
    "hint: path=... names": "hint: --path names",
    "hint: allow_nan=True writes": "hint: --allow-nan writes",
    "hint: good, bad = bag.split_errors() keeps": "hint: --bad FILE keeps",
    "hint: bag.map(json.dumps).frequencies() counts whole records, bag.pluck('name').frequencies() a field": (
        "hint: 'map(json.dumps)' freq counts whole records, 'pluck(name)' freq a field"
    ),
}
"""What hints say, and what is to be typed in a shell."""
GOING_ON: Final = "  hint: --on-error skip leaves such records out, and --bad FILE keeps them in a file"

_NO_ATTRIBUTE: Final = re.compile(r"'dict' object has no attribute '(\w+)'")
PARTLY_GOOD: Final = "  hint: --damaged keep takes what can be read of such files, of text, JSON and CSV"


def hints_of(error: BaseException, given: Arguments) -> list[str]:
    """Return what may be done about an error, in words of the shell."""
    hints = []
    field = _NO_ATTRIBUTE.fullmatch(str(error)) if isinstance(error, AttributeError) else None
    if field is not None:
        hints.append(f"  hint: a record is a dict, and r['{field[1]}'] its field")
    of_records = exit_code(error) == 2 and not isinstance(error, _OF_DATA)
    if of_records and given.on_error == "raise" and not given.bad:
        hints.append(GOING_ON)
    if is_partly_good(error) and given.damaged == "raise":
        hints.append(PARTLY_GOOD)
    return hints


def is_partly_good(error: BaseException) -> bool:
    """Tell whether a file is damaged behind a place up to which it can be read."""
    return isinstance(error, CorruptInputError) and "; before that, " in str(error)


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error: 2 for what the data did, 64 for what the user wrote, 1 for all else."""
    if isinstance(error, WrongStep):
        return 64
    if isinstance(error, _OF_DATA):
        return 2
    at_a_record = any(note.startswith("record: ") for note in notes_of(error))
    return 2 if at_a_record and (isinstance(error, _OF_A_RECORD) or not isinstance(error, BagkitError)) else 1


_MAX_ERRORS: Final = re.compile(r"max_errors='?([\d.]+%?)'?")
_COMPRESSION: Final = re.compile(r"hint: compression='\w+', or compression=None to read it as it is")
_ENCODING: Final = re.compile(r"hint: (?:bk\.read_\w+\([^()]*, )?encoding='([\w-]+)'\)?")

_STEP: Final = re.compile(r"(?<=hint: )bag\.(?=(?:filter|map|pluck|remove)\()|(?<=, and )bag\.(?=sort_by\()")
_AS_DOCUMENTS: Final = re.compile(r"(?<=hint: )bk\.read_json\(.*?, lines=False\)")
_AS_TEXT: Final = re.compile(r"(?<=hint: )bk\.read_text\([^()]*\)((?:\.(?:filter|map)\([\w.]+\))+)")


def error_text(error: BaseException) -> str:
    """Return the type and the text of an error that is none of bagkit's own."""
    return visible_message(f"{type(error).__name__}: {text_of(error)}")


def in_a_shell(message: str) -> str:
    """Return a message with hints that a shell's user can follow."""
    for python, shell in _IN_PYTHON.items():
        message = message.replace(python, shell)
    message = _AS_DOCUMENTS.sub("--format documents", _STEP.sub("", message))
    message = _AS_TEXT.sub(_as_text, message)
    message = _COMPRESSION.sub("hint: `bagkit - ... < FILE` unpacks it", message)
    return _MAX_ERRORS.sub(r"--max-errors \1", _ENCODING.sub(r"hint: --encoding \1", message))


def _as_text(reading: re.Match[str]) -> str:
    """Return how to read text and go on with steps."""
    steps = reading[1].removeprefix(".").replace(").", ")' '")
    return f"--format text '{steps}'"


@context
def told() -> Iterator[None]:
    """Have warnings said in a line, without the place in the code that gave them."""

    def say(message: Any, *_: Any, **__: Any) -> None:
        print(f"bagkit: {in_a_shell(str(message))}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=UserWarning)
        warnings.showwarning = say
        yield
