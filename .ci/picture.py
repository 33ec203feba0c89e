"""Writes docs/readme.svg: what bagkit prints, as a terminal shows it. Each line was printed by a run of this program.

    python .ci/picture.py            # runs, and writes the picture
    python .ci/picture.py --print    # prints what is the same in every run: a profile, and an error

A test compares what `--print` gives with the picture, so that it shows what bagkit prints today.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import sys
import tempfile
import traceback
from html import escape
from pathlib import Path

import bagkit as bk

ROOT = Path(__file__).parent.parent
COLUMNS, LINE, CHARACTER, MARGIN = 112, 18, 7.85, 20
NO_BREAK = "\u00a0"  # where spaces in a row are one space otherwise
COLOURS = {"prompt": "#7ee787", "text": "#c9d1d9", "error": "#ff7b72", "place": "#79c0ff"}


def next_age(record: dict[str, int]) -> int:
    """Return the age of a record, a year on."""
    return record["age"] + 1


def slowly(record: dict[str, int]) -> int:
    """Take some time for a record."""
    return sum(range(record["id"] % 100))


class Terminal(io.StringIO):
    """Keeps what is written to it, and says that it is a terminal with all characters."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Return True."""
        return True


def make_files(folder: Path, orders: int = 4_000) -> None:
    """Write three days of `orders` orders each, with what goes wrong in real ones."""
    for day in range(3):
        lines = []
        for number in range(day * orders, (day + 1) * orders):
            age: object = 18 + number % 60
            age = str(age) if number % 9 == 0 else age
            order = {
                "id": number,
                "name": f"customer {number % 700}",
                "age": age,
                "when": f"2026-03-{number % 28 + 1:02}",
            }
            if number % 97 == 0:
                order["when"] = f"{number % 28 + 1:02}.03.2026"
            if number % 1013 == 0:
                del order["age"]
            lines += [json.dumps(order) if number % 2_011 else '{"id": 7, "na'] * (2 if number % 450 == 449 else 1)
        (folder / f"day-{day}.json.gz").write_bytes(gzip.compress("\n".join(lines).encode(), 1, mtime=0))


def bar(folder: Path) -> list[str]:
    """Return how the progress bar stands when the work is half done."""
    screen = Terminal()
    good, _ = bk.read_json(folder / "*.json.gz").split_errors()
    with contextlib.redirect_stderr(screen):
        good.map(slowly).sum().compute(progress=True, scheduler="sync")
    shown = [each for each in re.split("[\r\n]", screen.getvalue()) if each.strip()]
    return [shown[len(shown) // 2].rstrip()]


def profile(folder: Path) -> list[str]:
    """Return the lines of a profile."""
    found = bk.read_json(folder / "*.json.gz").profile(keys=["id"], scheduler="sync")
    return str(found).replace(f", in {folder}/", "").replace(f"{folder}/", "").splitlines()


def error(folder: Path) -> list[str]:
    """Return the last lines of the traceback of a record that fails."""
    good, _ = bk.read_json(folder / "*.json.gz").split_errors()
    try:
        good.map(next_age).compute(scheduler="sync")
    except (KeyError, TypeError) as caught:
        text = "".join(traceback.format_exception_only(caught))
        return text.replace(f"{folder}/", "").splitlines()
    raise AssertionError("no record has failed")


def lasting(folder: Path) -> dict[str, list[str]]:
    """Return what is the same in every run, by the command."""
    return {
        'bk.read_json("*.json.gz").profile(keys=["id"])': profile(folder),
        'bk.read_json("*.json.gz").map(next_age).compute()': error(folder),
    }


def cut(line: str) -> str:
    """Return a line as far as the picture has columns."""
    return line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"


def picture(sections: dict[str, list[str]]) -> str:
    """Return the picture of commands and what they print."""
    rows: list[tuple[str, str]] = []
    for command, lines in sections.items():
        rows += [("prompt", f">>> {command}"), *[(_kind(line), line) for line in lines], ("text", "")]
    width, height = round(COLUMNS * CHARACTER) + 2 * MARGIN, (len(rows) - 1) * LINE + 2 * MARGIN
    texts = [
        f'<text x="{MARGIN}" y="{MARGIN + LINE * number + 13}" fill="{COLOURS[kind]}">{_shown(line)}</text>'
        for number, (kind, line) in enumerate(rows)
        if line
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'role="img" aria-label="A progress bar, a profile of messy records, and an error with its place">',
            f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
            '<g font-family="ui-monospace, SFMono-Regular, Menlo, DejaVu Sans Mono, monospace" font-size="13">',
            *texts,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _shown(line: str) -> str:
    return escape(cut(line)).replace(" ", NO_BREAK)


def _kind(line: str) -> str:
    if re.match(r"\w+Error", line):
        return "error"
    return "place" if line.startswith(("in ", "at ", "record: ")) else "text"


def main() -> None:
    """Run, and write or print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(os.path.realpath(name))
        make_files(folder)
        same = lasting(folder)
        if "--print" in sys.argv:
            print("\n".join([cut(line) for lines in same.values() for line in lines if line]))
            return
        make_files(folder, 100_000)
        sections = {'bk.read_json("*.json.gz").map(slowly).sum().compute()': bar(folder), **same}
    (ROOT / "docs/readme.svg").write_text(picture(sections), encoding="utf-8")


if __name__ == "__main__":
    main()
