"""Lines through another program: one process, both directions at once, bounded memory, no threads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, Final

from bagkit.visible import visible

if TYPE_CHECKING:
    from subprocess import Popen

BATCH: Final = 512
"""How many records are pulled at a time."""

CHUNK: Final = 1 << 16
"""How many bytes are taken from the program at a time."""

TAIL: Final = 2000
"""How many of the last bytes on the program's standard error an error shows."""


def piped(command: str | Sequence[str], records: Iterator[str], check: bool) -> Iterator[str]:
    """Yield the lines that `command` writes, given `records` as lines; a str is for the shell.

    Raises TypeError for a record that is no text, and, if `check` is true, CalledProcessError with the end of its
    standard error where the program ends with another status than 0.
    """
    import subprocess
    import tempfile

    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            command, shell=isinstance(command, str), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        ) as process:
            try:
                yield from _lines(_exchange(process, _encoded(records)))
            except BaseException:
                process.kill()
                raise
        if check and process.returncode:
            raise _failure(command, process.returncode, said)


def _failure(command: Any, status: int, said: IO[bytes]) -> Exception:
    import subprocess

    said.seek(max(0, said.seek(0, os.SEEK_END) - TAIL))
    text = said.read().decode(errors="replace").strip()
    error = subprocess.CalledProcessError(status, command, None, text)
    error.add_note(
        f"it wrote to standard error: {visible(text, lines=True) or 'nothing'}; hint: check=False takes any status"
    )
    return error


def _exchange(process: Popen[bytes], chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what the program writes; a chunk is pulled only when the program has taken the one before."""
    import select

    assert process.stdin is not None
    assert process.stdout is not None
    source, sink = process.stdout.fileno(), process.stdin.fileno()
    os.set_blocking(sink, False)
    poll = select.poll()  # not select(), which knows only small descriptors
    poll.register(source, select.POLLIN)
    poll.register(sink, select.POLLOUT)
    waiting: memoryview | None = None
    while True:
        ready = [descriptor for descriptor, _ in poll.poll()]
        if source in ready:
            data = os.read(source, CHUNK)
            if not data:
                return
            yield data
        if sink in ready:
            waiting = _written(sink, waiting or memoryview(next(chunks, b"")))
            if waiting is None:
                poll.unregister(sink)
                process.stdin.close()


def _written(sink: int, data: memoryview) -> memoryview | None:
    """Write as much of `data` as fits; return the rest, or None if nothing is left to write or nobody reads."""
    if not data:
        return None
    try:
        return data[os.write(sink, data) :]
    except BlockingIOError:
        return data
    except BrokenPipeError:  # it wants no more, as `head` does
        return None


def _encoded(records: Iterator[str]) -> Iterator[bytes]:
    """Yield `records` as lines, many together."""
    lines = map(_line, records)
    while batch := "".join(islice(lines, BATCH)):
        yield batch.encode()


def _line(record: Any) -> str:
    """Return a record as a line; raises before the next record is pulled, so that it is known which one it was."""
    if not isinstance(record, str):
        raise TypeError(f"pipe: a record is of type {type(record).__name__}; expected text; hint: map(str) before it")
    return record if record.endswith("\n") else record + "\n"


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of `chunks`, each with its line end; the last may have none."""
    rest: list[bytes] = []
    for chunk in chunks:
        whole, end, after = chunk.rpartition(b"\n")
        if end:
            yield from [line + "\n" for line in b"".join([*rest, whole]).decode().split("\n")]
            rest = []
        rest.append(after)
    if any(rest):
        yield b"".join(rest).decode()
