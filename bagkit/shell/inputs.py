"""From words of a command line to a bag: which of them are files, and how those are read."""

from __future__ import annotations

import glob
import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

import bagkit as bk
from bagkit.contexts import context
from bagkit.errors import LineTooLongError, PlanError, SourceError, one_line
from bagkit.io.input.codecs import BY_NAME, MAGIC_BYTES, recognise
from bagkit.shell.arguments import Arguments
from bagkit.shell.expressions import is_step
from bagkit.shell.standard_input import StandardInput

_COMPRESSED: Final = re.compile(r"\.(gz|gzip|bz2|xz|lzma|zst|zstd|lz4|sz|snappy|zip|bgz)$", re.IGNORECASE)
_BY_SUFFIX: Final = {
    "jsonl": "json", "ndjson": "json", "json": "json?", "csv": "csv", "tsv": "csv", "avro": "avro",
    "parquet": "parquet", "txt": "text",
}  # fmt: skip
LONGEST_FIRST_LINE: Final = 1 << 20


def split_words(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words that are files, and the other words. The first is a file, and so are all that look like one."""
    count = 1
    while count < len(words) and _is_file(words[count]):
        count += 1
    return list(words[:count]), list(words[count:])


def _is_file(word: str) -> bool:
    if is_step(word):  # whoever has a file of that name calls it ./count
        return False
    is_there = os.path.exists(word) and not os.path.isdir(word)  # a folder is no input, but may be called as a field
    if word == "-" or is_there or re.match(r"[a-z][a-z0-9+.\-]*://", word):
        return True
    return (
        "(" not in word
        and bool(re.search(r"[*?\[]", word))
        and next(glob.iglob(word, recursive=True), None) is not None
    )


@context
def bag_of(files: Sequence[str], given: Arguments, *, as_it_comes: bool = False) -> Iterator[bk.Bag[Any]]:
    """Give the bag of the records in `files`, until the block ends.

    Standard input is read to its end before that, or `as_it_comes`, for a run in this process.
    """
    if "-" not in files:
        yield _read(list(files), given)
        return
    if sys.stdin is None:
        raise SourceError("-: standard input is closed; expected a terminal, a file or a pipe")
    with tempfile.TemporaryDirectory(prefix="bagkit-") as folder:
        place = os.path.join(folder, "stdin")
        with open(place, "w+b") as file:
            kept = StandardInput(sys.stdin.buffer, file)
            codec = recognise(kept.begin(MAGIC_BYTES))
            suffix = "" if codec is None else BY_NAME[codec].suffixes[0] if codec in BY_NAME else f".{codec}"
            if as_it_comes and codec != "zip" and given.format not in ("avro", "parquet"):  # their lists are at the end
                place = kept.url(suffix)
            else:
                kept.read_all()
                os.rename(place, place + suffix)
                place += suffix
            yield _read([place if each == "-" else each for each in files], given)


def _read(paths: list[str], given: Arguments) -> bk.Bag[Any]:
    kind = given.format or _format_of_files(paths, given)
    if given.path is not None:
        kind = "documents"
    if kind == "json":
        return bk.read_json(paths, encoding=given.encoding, damaged=given.damaged)
    if kind == "documents":
        return bk.read_json(paths, encoding=given.encoding, lines=False, path=given.path, damaged=given.damaged)
    if kind == "csv":
        dialect = "excel-tab" if _suffix(_names(paths[0])[0]) == "tsv" else "excel"
        return bk.read_csv(paths, dialect=dialect, encoding=given.encoding, damaged=given.damaged)
    if kind == "text":
        return bk.read_text(paths, encoding=given.encoding, damaged=given.damaged).map(_without_end)
    if given.damaged != "raise":
        raise PlanError(f"{one_line(paths[0], 100)}: --damaged is for text, JSON and CSV; got {kind}")
    if kind == "avro":
        return bk.read_avro(paths)
    reader = getattr(bk, f"read_{kind}", None)
    if reader is None:
        raise PlanError(f"{one_line(paths[0], 100)}: this version of bagkit does not read {kind}")
    found: bk.Bag[Any] = reader(paths)
    return found


def _without_end(line: str) -> str:
    return line.rstrip("\r\n")


def _suffix(path: str) -> str:
    path = path.partition("?")[0] if "://" in path else path
    return _COMPRESSED.sub("", path).rpartition("/")[2].rpartition(".")[2].lower()


def _format_of_files(paths: Sequence[str], given: Arguments) -> str:
    """Return the format of files: by their names, and if these do not tell, by the first lines."""
    names = [name for path in paths for name in _names(path)]
    kind = _BY_SUFFIX.get(_suffix(names[0]), "?")
    _refuse_several(names)
    if not kind.endswith("?"):
        return kind
    try:
        for number in (1, 5):  # a stream may have no more for long, and mostly the first tells
            lines = [line for line in _first(paths, given, None, number) if line.strip()]
            if lines and _tells(lines[0]):
                break
    except UnicodeDecodeError:
        return "documents" if kind == "json?" else "text"
    except LineTooLongError:
        return "documents" if kind == "json?" or _begins_a_document(_first_of_a_long_line(paths, given)) else "text"
    return _format_of_lines(lines, named_json=kind == "json?")


def _tells(line: str) -> bool:
    """Return whether a line tells the format whatever follows it: a bracket may begin a document of several lines."""
    begins = line.lstrip()[0]
    return begins not in "{[" or (begins == "{" and _is_json(line))


def _first(paths: Sequence[str], given: Arguments, delimiter: str | None, number: int) -> tuple[str, ...]:
    """Return the first lines, or what else ends with `delimiter`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bk.DamagedInputWarning)  # the run says it
        return bk.read_text(
            list(paths),
            encoding=given.encoding,
            linedelimiter=delimiter,
            max_line=LONGEST_FIRST_LINE,
            damaged=given.damaged,
        ).take(number, warn=False, scheduler="sync")


def _first_of_a_long_line(paths: Sequence[str], given: Arguments) -> str:
    try:
        return "".join(_first(paths, given, ",", 5)).rstrip(",")
    except (LineTooLongError, UnicodeDecodeError):
        return ""


def _format_of_lines(lines: Sequence[str], *, named_json: bool) -> str:
    """Return the format of a file that begins with these lines; its name may say that it has JSON."""
    if not lines:
        return "json" if named_json else "text"
    begins = lines[0].lstrip()[0]
    if _is_json(lines[0]) and not (len(lines) == 1 and begins == "["):
        return "json" if named_json or begins in "{[" else "text"
    if named_json:
        return "documents" if begins in "{[" else "json"
    return "documents" if _begins_a_document("".join(lines)) else "text"


def _begins_a_document(text: str) -> bool:
    """Return whether a text is a JSON document, several, or the beginning of one; but not a single value."""
    text = text.strip()
    while text.startswith(("{", "[")):
        try:
            _, end = json.JSONDecoder().raw_decode(text)
        except json.JSONDecodeError as error:
            return error.pos >= len(text) or error.msg.startswith("Unterminated string")
        except RecursionError:
            return True
        text = text[end:].lstrip()
        if not text:
            return True
    return False


def _names(path: str) -> list[str]:
    """Return the paths of the files that a path or a pattern of this machine means."""
    is_pattern = "://" not in path and re.search(r"[*?\[]", path) and not os.path.exists(path)
    return (sorted(glob.glob(path, recursive=True)) if is_pattern else []) or [path]


def _refuse_several(names: Sequence[str]) -> None:
    """Raise PlanError for files whose names say different formats: all are read as the first of them."""
    known = {_suffix(name): name for name in reversed(names) if _suffix(name) in _BY_SUFFIX}
    by_format = {_BY_SUFFIX[suffix].rstrip("?") + "\t" * (suffix == "tsv"): name for suffix, name in known.items()}
    if len(by_format) > 1:
        one, other = list(by_format.values())[:2]
        raise PlanError(
            f"{one_line(one, 100)} and {one_line(other, 100)}: the names say different formats; expected files of one; "
            "hint: --format says what all of them are"
        )


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
