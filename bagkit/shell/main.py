"""What the shell calls: arguments in, an exit code out. Nothing large is imported before the arguments are right."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from bagkit.shell.arguments import Arguments, parsed

DONE: Final = 0
FAILED: Final = 1
WRONG_USE: Final = 64
INTERRUPTED: Final = 130
NOBODY_READS: Final = 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` say, of the program itself by default, and return its exit code."""
    _open_what_is_closed()
    try:
        given = parsed(list(sys.argv[1:] if arguments is None else arguments))
    except SystemExit as error:  # of argparse: help was asked for, or the arguments are wrong
        return WRONG_USE if error.code else DONE
    try:
        return _run(given)
    except BrokenPipeError:
        # Who reads has had enough. Python would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED


def _open_what_is_closed() -> None:
    """Have something at the three standard descriptors: a file of ours in the place of one would be written to."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it takes the lowest that is free
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")  # None means standard output


def _run(given: Arguments) -> int:
    from bagkit.errors import BagkitError
    from bagkit.shell.commands import COMMANDS
    from bagkit.shell.telling import error_text, exit_code, hints_of, in_a_shell, told

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # JSON has characters that no encoding has
    try:
        with told():
            COMMANDS[given.command](given)
            if sys.stdout is not None:
                sys.stdout.flush()
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        if given.traceback:
            raise
        text = in_a_shell(str(error)) if isinstance(error, BagkitError) else error_text(error)
        print("\n".join(["bagkit: " + text, *_notes(error), *hints_of(error, given)]), file=sys.stderr)
        return exit_code(error)
    return DONE


def _notes(error: BaseException) -> list[str]:
    from bagkit.errors import notes_of
    from bagkit.shell.telling import in_a_shell

    return [f"  {in_a_shell(line)}" for note in notes_of(error) for line in note.splitlines()]
