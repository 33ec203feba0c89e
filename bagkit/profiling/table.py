"""A Findings as a table for a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, Final

from bagkit.amounts import how_many
from bagkit.profiling.examples import Example, Repeat
from bagkit.profiling.kinds import ANY, DEEPEST
from bagkit.profiling.parts import Findings, NumberProfile, PathProfile, TextProfile
from bagkit.visible import one_line, printable, visible

_PATH: Final = 40
_VALUES: Final = 100
ROWS: Final = 200
"""Paths that are shown; `profile.paths` has all."""
RARE: Final = 0.05
"""Share of values below which a type is rare, and its places are shown."""
_TOP: Final = 3
_GAP: Final = "  "
_TYPES: Final = 3
"""The number of that column."""
_ENOUGH, _NARROW = 40, 16
"""Characters: from fewer on than the first, the last column takes some of others, and leaves them the second."""


def table(profile: Findings, width: int | None = None) -> str:
    """Return a profile as lines of text; its rows are cut to `width` characters, and remarks are broken."""
    shown = list(profile.paths.values())[:ROWS]
    rows = [("path", "present", "non-null", "types", "values")]
    rows += [
        (path_words(each), percent(each.share), percent(_non_null(each)), types_words(each), values_words(each))
        for each in shown
    ]
    widths = _widths([max(map(len, column)) for column in zip(*rows, strict=True)], width)
    lines = [headline(profile), ""]
    lines += [_line(row, widths) for row in rows]
    if len(profile.paths) > ROWS:
        lines.append(f"... {len(profile.paths) - ROWS:,} more paths; hint: profile.paths has all")
    found = list(remarks(profile))
    if found:
        lines += ["", f"to look at{in_folder(profile)}:", *_wrapped(found[:ROWS], width)]
    return "\n".join(lines)


def terminal_width() -> int | None:
    """Return how wide the terminal is that standard output goes to; None where it goes elsewhere."""
    try:
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    except (AttributeError, ValueError):  # None, closed, or something of the program's own
        return None


def headline(profile: Findings) -> str:
    """Return how many records there are, and what is wrong with them, in one line."""
    said = [how_many(profile.records, "record"), how_many(len(profile.paths), "path")]
    said.append(f"{_about(profile.duplicates.count, profile.duplicates.error)} the same as one before")
    for key, found in profile.duplicate_keys.items():
        said.append(f"{_about(found.count, found.error)} repeat {one_line(key, 60).strip(chr(39))}")
    if profile.bad_lines.count:
        said.append(f"{how_many(profile.bad_lines.count, 'line')} no JSON")
    return ", ".join(said)


def _about(count: int, error: float) -> str:
    return f"about {count:,} ± {error:,.0f}" if error else f"{count:,}"


def _wrapped(remarks: Sequence[str], width: int | None) -> Iterator[str]:
    """Yield lines of remarks, each with a margin, and broken between words to `width`."""
    if width is None:
        yield from [f"  {each}" for each in remarks]
        return
    import textwrap

    for each in remarks:
        yield from textwrap.wrap(
            each,
            max(width, _ENOUGH),
            initial_indent="  ",
            subsequent_indent="      ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _widths(wanted: Sequence[int], width: int | None) -> list[int]:
    """Return how wide the columns are in a line of `width`: the last has what is left, and others give way to it."""
    *widths, values = [min(each, _PATH) for each in wanted[:-1]] + [wanted[-1]]
    if width is None:
        return [*widths, values]
    left = width - sum(widths) - len(_GAP) * len(widths)
    for column in (_TYPES, 0):
        less = min(max(min(values, _ENOUGH) - left, 0), max(widths[column] - _NARROW, 0))
        widths[column] -= less
        left += less
    return [*widths, max(left, _NARROW)]


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = []
    for number, (cell, width) in enumerate(zip(row, widths, strict=True)):
        cut = cell if len(cell) <= width else cell[: width - 1] + "…"
        cells.append(cut.rjust(width) if number in (1, 2) else cut.ljust(width))
    return _GAP.join(cells).rstrip()


def percent(share: float) -> str:
    """Return a share as text that is 100% only where it is all, and 0% only where it is none.

    >>> percent(1), percent(0.9999), percent(0.5), percent(0.00001), percent(0)
    ('100%', '99.9%', '50%', '<0.1%', '0%')
    """
    if share in (0, 1):
        return f"{share:.0%}"
    if share < 0.001:
        return "<0.1%"
    return f"{min(share * 100, 99.9):.1f}%".replace(".0%", "%")


def _non_null(each: PathProfile) -> float:
    return each.non_null / each.count if each.count else 0.0


def path_words(each: PathProfile) -> str:
    """Return a path as it is shown, with how many keys are folded into it."""
    return printable(each.path, 200)


def types_words(each: PathProfile) -> str:
    """Return the types of a path in a few words."""
    if len(each.types) == 1:
        return next(iter(each.types))
    return " ".join([f"{kind} {percent(count / each.count)}" for kind, count in each.types.items()])


def values_words(each: PathProfile) -> str:
    """Return what the values of a path are like in one line."""
    said = []
    if each.folded is not None:
        keys = ", ".join([one_line(key, 20) for key in each.keys[:_TOP]])
        said.append(f"about {each.folded:,} keys as one, such as {keys}")
    if each.lengths is not None:
        said.append(f"lengths {_range(each.lengths)}")
    if each.numbers is not None:
        said.append(_numbers_words(each.numbers))
    if each.texts is not None:
        said.append(_texts_words(each.texts))
    return printable("; ".join(said), _VALUES)


def _range(numbers: NumberProfile) -> str:
    low, high = number_words(numbers.min), number_words(numbers.max)
    return low if low == high else f"{low} to {high}, median {number_words(numbers.quantiles[0.5])}"


def number_words(number: Any) -> str:
    """Return a number as people write it."""
    if isinstance(number, int):
        return f"{number:,}" if abs(number) < 10**15 else f"{number:.4g}" if abs(number) < 10**300 else "a huge number"
    return "none" if number is None else f"{number:.6g}"


def _numbers_words(numbers: NumberProfile) -> str:
    said = [_range(numbers)] if numbers.count else []
    if numbers.min != numbers.max and numbers.mean is not None:
        said.append(f"mean {numbers.mean:.6g}")
    said += [f"{numbers.nan:,} NaN"] if numbers.nan else []
    said += [f"{numbers.infinite:,} infinite"] if numbers.infinite else []
    return ", ".join(said)


def _texts_words(texts: TextProfile) -> str:
    about = "about " if texts.distinct_error else ""
    said = [f"{about}{texts.distinct:,} different"]
    said += [f"{count:,} {look}" for look, count in list(texts.looks.items())[:_TOP]]
    top = [f"{one_line(text, 24)} {count:,}" for text, count in texts.top[:_TOP] if count > 1]
    return "; ".join([", ".join(said), ", ".join(top)]) if top else ", ".join(said)


def in_folder(profile: Findings) -> str:
    """Return in which folder all places are, in words; nothing where there is no such folder."""
    folder = _folder(profile)
    return f", in {visible(folder)}" if folder else ""


def _folder(profile: Findings) -> str:
    """Return the folder of all files that are named in a profile, with a slash at its end."""
    found = [
        *profile.bad_lines.examples.values(),
        *[each for one in profile.paths.values() for each in _places_of(one)],
    ]
    sources = {example.source or "" for examples in found for example in examples}
    first, last = min(sources, default=""), max(sources, default="")  # what these have in common all have
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    folder, slash, _ = "".join([letter for letter, _ in same]).rpartition("/")
    return folder + slash


def _places_of(each: PathProfile) -> Iterator[list[Example]]:
    yield from each.examples.values()
    yield from each.texts.examples.values() if each.texts is not None else ()


def remarks(profile: Findings) -> Iterator[str]:
    """Yield what is worth a look, with places: lines that are no JSON, rare types, odd texts.

    The places are in the folder that `in_folder` says.
    """
    folder = _folder(profile)
    for reason, count in profile.bad_lines.reasons.items():
        yield f"{count:,} × no JSON: {printable(reason)}: {places(profile.bad_lines.examples[reason], folder)}"
    for what, found in (("same record", profile.duplicates), *profile.duplicate_keys.items()):
        if found.examples:
            many = _about(found.count, found.error)
            yield f"{many} × again: {printable(what, 60)}: {_repeats(found.examples, folder)}"
    for each in profile.paths.values():
        for kind in rare_types(each):
            yield f"{path_words(each)}: {each.types[kind]:,} × {kind}: {places(each.examples[kind], folder)}"
        for look in rare_looks(each):
            assert each.texts is not None
            shown = places(each.texts.examples.get(look, []), folder)
            yield f"{path_words(each)}: {each.texts.looks[look]:,} × {look}: {shown}"
        if each.steps and each.steps[-1] == ANY and each.folded is not None:
            yield f"{path_words(each)}: about {each.folded:,} different keys stand for one path"
        if len(each.steps) == DEEPEST and each.types.keys() & {"dict", "list"}:
            yield f"{path_words(each)}: what is deeper than {DEEPEST} levels is not looked into"


def _repeats(examples: list[Repeat], folder: str) -> str:
    inside = visible(folder)
    return ", ".join([f"{each.where.removeprefix(inside)} as {each.first.removeprefix(inside)}" for each in examples])


def rare_types(each: PathProfile) -> list[str]:
    """Return the types that few values have."""
    return [kind for kind, count in each.types.items() if count < RARE * each.count]


_ALWAYS: Final = ("odd characters", "surrounding blanks", "blank")


def rare_looks(each: PathProfile) -> list[str]:
    """Return what few texts look like, and what is odd however many do."""
    if each.texts is None:
        return []
    return [look for look, count in each.texts.looks.items() if look in _ALWAYS or count < RARE * each.texts.count]


def places(examples: list[Example], folder: str = "") -> str:
    """Return examples in one line, with their places in a folder."""
    return ", ".join(
        [f"{printable(each.value, 40)} at {each.where.removeprefix(visible(folder))}" for each in examples]
    )
