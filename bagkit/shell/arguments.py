"""The arguments of the shell command, read by argparse. Imports nothing else, so that `--help` is there at once."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from typing import Final, Literal

HELP: Final = """\
usage: bagkit FILES STEP... [options]        run steps over records
       bagkit COMMAND FILES ... [options]

Files of text, JSON lines, JSON documents, CSV, Parquet and Avro, plain or compressed, on all cores.

  bagkit 'logs/*.gz' 'filter(r["age"] > 30)' 'pluck(name)' freq
  bagkit count 'logs/*.json.gz' name --top 10

commands:
  run FILES STEP...          the steps are methods of a bag, and `r` is a record; `run` may be left out
  count FILES [FIELD]        how many records there are, or how many of each value of a field
  head FILES [STEP...]       the first records
  profile FILES [STEP...]    what the records are like: fields, types, odd values, with places
  convert FILES OUT          write Parquet, JSON lines, CSV, HDF5, SQLite or text, as the name of OUT says
  split-errors FILES [STEP...] --good OUT --bad OUT
                             records that come through, and those that do not parse or fail in a step

`bagkit COMMAND --help` has the options of each. A pattern in quotes is expanded by bagkit, and `-` is standard input.

exit codes:
  0   done
  1   it failed: a file is missing or damaged, a disk is full, a process was killed
  2   the data broke a policy: a record failed, or more than --max-errors allows
  64  the arguments are wrong
  130 interrupted       141 who read the output has closed it
"""

FILES: Final = "a path, a pattern in quotes, a URL, or - for standard input; several are read one after the other"
STEPS: Final = """what to do, such as 'filter(r["age"] > 30)', 'pluck(name)', freq, 'take(5)'"""


class Arguments(Namespace):
    """What was asked for; mutable, as argparse makes it."""

    command: str
    words: list[str]
    output: Literal["json", "table", "csv"] | None
    columns: str | None
    bad: str | None
    good: str
    on_error: Literal["raise", "skip"]
    max_errors: str | None
    format: str | None
    encoding: str
    damaged: Literal["raise", "keep", "skip_file"]
    allow_nan: bool
    path: str | None
    workers: int | None
    scheduler: str | None
    quiet: bool
    traceback: bool
    top: int | None
    number: int
    keys: list[str]
    html: str | None
    overwrite: bool
    table: str
    on_conflict: str


def parsed(words: list[str]) -> Arguments:
    """Return what `words` say; leaves by SystemExit where they are wrong, or ask for help."""
    if words == ["--version"]:
        import bagkit

        print(f"bagkit {bagkit.__version__}")
        raise SystemExit(0)
    if not words or words[0] in ("-h", "--help", "help"):
        print(HELP, end="", file=sys.stdout if words else sys.stderr)
        raise SystemExit(0 if words else 1)
    command, rest = (words[0], words[1:]) if words[0] in _OWN else ("run", words)
    parser = _parser(command)
    found = parser.parse_intermixed_args(_without_dashes(rest), Arguments())
    found.command = command
    _check(parser, found)
    return found


def _without_dashes(words: list[str]) -> list[str]:
    """Return the words without `--`; what begins with a dash behind it is a file, for no step does."""
    if "--" not in words:
        return words
    at = words.index("--")
    behind = [f"./{word}" if word.startswith("-") and word != "-" else word for word in words[at + 1 :]]
    return [*words[:at], *behind]


def _parser(command: str) -> ArgumentParser:
    description, positional, add = _OWN[command]
    parser = ArgumentParser(
        prog=f"bagkit {command}",
        usage=f"bagkit {command} {positional} [options]",
        description=description,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="+", metavar="FILES", help=f"files: {FILES}; steps: {STEPS}")
    add(parser)
    _reading(parser)
    group = parser.add_argument_group("records that fail")
    group.add_argument(
        "--on-error",
        choices=["raise", "skip"],
        default="raise",
        help="end at the first (the default), or leave them out and say how many",
    )
    if command != "split-errors":
        group.add_argument(
            "--bad", metavar="FILE", help="leave them out, and write them to a file of JSON lines, with place and error"
        )
    group.add_argument(
        "--max-errors", metavar="N", help="how many may fail before it gives up: a number, or a share such as 1%%"
    )
    group = parser.add_argument_group("running")
    group.add_argument("--workers", type=int, metavar="N", help="how many processes; by default one for each core")
    group.add_argument("--scheduler", choices=["sync", "threads", "processes"], help="where functions run")
    group.add_argument("--quiet", action="store_true", help="no progress bar")
    group.add_argument("--traceback", action="store_true", help="show where in Python an error was raised")
    return parser


def _reading(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("reading")
    group.add_argument(
        "--format", choices=["json", "documents", "text", "csv", "avro", "parquet"],
        help="what the files are; by default their names and first lines tell; json is JSON lines, documents is JSON "
        "over several lines, or one large array",
    )  # fmt: skip
    group.add_argument("--encoding", default="utf-8", help="of text; utf-8 by default, utf-8-sig for files with a mark")
    group.add_argument(
        "--damaged",
        choices=["raise", "keep", "skip_file"],
        default="raise",
        help="what to do about a compressed file that is cut off or damaged: end (the default), keep what can be read "
        "of it, or leave it out; not for Avro and Parquet",
    )
    group.add_argument("--path", help="where in a JSON document the records are, such as data.items")


def _output(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        choices=["json", "table", "csv"],
        help="by default a table on a terminal, and JSON lines into a pipe or a file",
    )
    parser.add_argument(
        "--columns",
        metavar="A,B",
        help="the columns of a table or CSV (by default the first records' fields), the fields of JSON (all)",
    )


def _count(parser: ArgumentParser) -> None:
    parser.add_argument("--top", type=int, metavar="N", help="only the N most frequent values")
    _output(parser)


def _head(parser: ArgumentParser) -> None:
    parser.add_argument("-n", "--number", type=int, default=10, help="how many; 10 by default")
    _output(parser)


def _profile(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--keys",
        action="append",
        default=[],
        metavar="FIELD",
        help="look for duplicates of this field too; can be given several times",
    )
    parser.add_argument("--html", metavar="FILE", help="write the profile as a page of HTML")
    parser.add_argument(
        "--output", choices=["json", "table"], help="by default a table on a terminal, and JSON into a pipe or a file"
    )


def _writing(parser: ArgumentParser) -> None:
    parser.add_argument("--allow-nan", action="store_true", help="write NaN and Infinity, which are no JSON")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")


def _convert(parser: ArgumentParser) -> None:
    parser.add_argument("--columns", metavar="A,B", help="the columns; by default all fields")
    parser.add_argument(
        "--on-conflict",
        choices=["error", "string", "json", "null"],
        default="error",
        help="what to do with a column whose values are not all of one type",
    )
    parser.add_argument("--table", default="records", help="the table of an SQLite database")
    _writing(parser)


def _split(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--good",
        required=True,
        metavar="OUT",
        help="where records go that come through: a file of JSON lines, or a pattern with a *",
    )
    parser.add_argument(
        "--bad", required=True, metavar="OUT", help="the same for records that fail, with place and error"
    )
    _writing(parser)


_OWN: Final = {
    "run": ("Run steps over records, and print what comes out.", "FILES STEP...", _output),
    "count": ("Count records, or how often each value of a field comes.", "FILES [FIELD]", _count),
    "head": ("Print the first records.", "FILES [STEP...]", _head),
    "profile": ("Say what messy records are like.", "FILES [STEP...]", _profile),
    "convert": ("Write records in another format, which the name of OUT tells.", "FILES [STEP...] OUT", _convert),
    "split-errors": ("Write records that come through, and records that fail.", "FILES [STEP...]", _split),
}


OTHER_FORMATS: Final = ("csv", "tsv", "avro", "parquet", "h5", "hdf5", "db", "sqlite", "sqlite3")
"""The suffixes of files that hold no lines of text or JSON."""


def format_suffix(path: str) -> str:
    """Return the suffix that says a format, without the dot; the suffix of a compression may stand behind it."""
    return re.sub(r"\.(gz|bz2|xz|zst)$", "", path.lower()).rpartition(".")[2]


def _check(parser: ArgumentParser, found: Arguments) -> None:
    for name in ("good", "bad"):
        place = getattr(found, name, None)
        if place is not None and format_suffix(place) in OTHER_FORMATS:
            parser.error(f"--{name} is {place!r}, and gets JSON lines; expected a name such as {name}.jsonl")
    if found.max_errors is not None and found.on_error == "raise" and not found.bad:
        parser.error("--max-errors is for --on-error skip, or --bad FILE")
    if found.command == "convert" and len(found.words) < 2:
        parser.error("convert needs FILES and OUT")
    for name in ("top", "number", "workers"):
        value = getattr(found, name, None)
        if value is not None and value < (0 if name == "number" else 1):
            parser.error(f"--{name} is {value}; expected a number from {0 if name == 'number' else 1} up")
    limit = found.max_errors
    if limit is not None and not re.fullmatch(r"\d+|(\d{1,2}(\.\d+)?|100(\.0+)?)%", limit):
        parser.error(f"--max-errors is {limit!r}; expected a number, or a share such as 1%")
