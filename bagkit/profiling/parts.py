"""The parts of a profile: what is known of the values at one path, of duplicates, of lines that are no JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bagkit.profiling.examples import Example, Repeat
from bagkit.profiling.kinds import Steps
from bagkit.visible import one_line, printable


@dataclass(frozen=True, slots=True)
class NumberProfile:
    """What is known of the numbers at a path, or of the lengths of its lists or texts.

    Attributes:
        count: How many finite numbers there are.
        min: The smallest; None where there is none.
        max: The largest.
        mean: The arithmetic mean, exact but for the last rounding.
        quantiles: By share, such as `quantiles[0.5]` for the median.
        quantile_error: By what share of itself a quantile may be off. 0: they are exact.
        integers: How many are whole numbers, 2.0 too.
        nan: How many are NaN; they are in nothing else.
        infinite: How many are infinite; they are in nothing else.
        counts: How often each number comes, smallest first, where there are few different ones; None where not.

    >>> import bagkit as bk
    >>> p = bk.from_sequence([{"n": 1}, {"n": 2.5}], npartitions=1).profile(scheduler="sync")
    >>> p["n"].numbers.mean, p["n"].numbers.integers
    (1.75, 1)
    """

    count: int
    min: Any
    max: Any
    mean: float | None
    quantiles: dict[float, Any]
    quantile_error: float
    integers: int
    nan: int = 0
    infinite: int = 0
    counts: list[tuple[Any, int]] | None = None


@dataclass(frozen=True, slots=True)
class TextProfile:
    """What is known of the texts at a path.

    Attributes:
        count: How many texts there are.
        distinct: How many different ones.
        distinct_error: The standard error of that, as a share. 0: it is exact.
        lengths: Their lengths in characters.
        top: The texts that come most often, with how often, most often first. Texts of more than 256 characters are
            not among them where there are many different ones.
        top_error: By how much a count in `top` may be too low. 0: they are exact.
        looks: What texts look like, with how many do: "empty", "blank", "number", "boolean", "URL", "e-mail", "UUID",
            "date YYYY-MM-DD" and other formats, "surrounding blanks", "odd characters", "missing-value word".
        examples: For each look the first texts that have it, and where they stand.
        standard_dates: How many are dates, or dates with time and zone, as RFC 3339 and so JSON Schema have them.

    >>> import bagkit as bk
    >>> p = bk.from_sequence(["12", " x", "12"], npartitions=1).profile(scheduler="sync")
    >>> p["$"].texts.looks, p["$"].texts.top
    ({'number': 2, 'surrounding blanks': 1}, [('12', 2), (' x', 1)])
    """

    count: int
    distinct: int
    distinct_error: float
    lengths: NumberProfile
    top: list[tuple[str, int]]
    top_error: int
    looks: dict[str, int]
    examples: dict[str, list[Example]]
    standard_dates: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class PathProfile:
    """What is known of the values at one path.

    Attributes:
        path: The path as text: `user.address.city`, `tags[]` for the elements of a list, `users.*` for the values of
            all keys of a dict. A key that is not a plain name stands in brackets: `user["a.b"]`.
        steps: The path step by step: keys, 0 for elements, 1 for all keys.
        count: How many values there are, None included. Below a list a record may have several.
        records: How many records have a value here.
        non_null: How many of the values are not None.
        share: `records` as a share of all records.
        share_of_parent: How many of the dicts, or lists, above have it, as a share: for the elements of a list the
            share of lists that are not empty.
        types: How many values of each type: "null", "bool", "int", "float", "str", "list", "dict", or the name of
            another Python type. The most frequent first.
        examples: For each type the first values, and where they stand.
        numbers: What is known of ints and floats; None where there are none.
        texts: What is known of texts; None where there are none.
        lengths: How many elements lists have; None where there is no list.
        folded: If this path stands for all keys of its parent: about how many different keys there are. None otherwise.
        keys: Some of these keys.

    >>> import bagkit as bk
    >>> p = bk.from_sequence([{"a": {"b": 1}}, {"a": {}}, {}], npartitions=1).profile(scheduler="sync")
    >>> p["a.b"].records, p["a.b"].share_of_parent, p["a.b"].types
    (1, 0.5, {'int': 1})
    """

    path: str
    steps: Steps
    count: int
    records: int
    non_null: int
    share: float
    share_of_parent: float
    types: dict[str, int]
    examples: dict[str, list[Example]]
    numbers: NumberProfile | None = None
    texts: TextProfile | None = None
    lengths: NumberProfile | None = None
    folded: int | None = None
    keys: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        lines = [
            f"{printable(self.path)}: in {self.records:,} records, {self.count:,} values, {self.non_null:,} not null",
            *_counts(self.types, self.examples, "  "),
        ]
        for name, numbers in (("numbers", self.numbers), ("lengths", self.lengths)):
            if numbers is not None:
                nan = f", {numbers.nan:,} NaN" if numbers.nan else ""
                median = numbers.quantiles.get(0.5)
                lines.append(
                    f"  {name}: from {numbers.min} to {numbers.max}, median {median}, mean {numbers.mean}{nan}"
                )
        if self.texts is not None:
            top = ", ".join([f"{one_line(text, 40)} {count:,}" for text, count in self.texts.top[:5]])
            about = "about " if self.texts.distinct_error else ""
            lines.append(f"  texts: {about}{self.texts.distinct:,} different" + (f"; {top}" if top else ""))
            lines += _counts(self.texts.looks, self.texts.examples, "    ")
        return "\n".join(lines)


def _counts(counts: Mapping[str, int], examples: Mapping[str, list[Example]], indent: str) -> list[str]:
    """Return a line for each kind of value: how many there are, and the first of them."""
    lines = []
    for kind, count in counts.items():
        first = [f", such as {printable(each.value)} at {each.where}" for each in examples.get(kind, [])[:1]]
        lines.append(f"{indent}{kind}: {count:,}{''.join(first)}")
    return lines


@dataclass(frozen=True, slots=True)
class BadLineProfile:
    """Lines that are no JSON, and so no records.

    Attributes:
        count: How many.
        reasons: How many for each reason.
        examples: For each reason the first lines, and where they stand.

    >>> import bagkit as bk, json
    >>> p = bk.from_sequence(["1", "{", ""], npartitions=1).map(json.loads).profile(scheduler="sync")
    >>> p.bad_lines.reasons
    {'blank line': 1, 'cut off': 1}
    """

    count: int
    reasons: dict[str, int]
    examples: dict[str, list[Example]]


@dataclass(frozen=True, slots=True)
class DuplicateProfile:
    """Records that are the same as one before.

    Attributes:
        count: How many are the same as a record before them.
        error: The standard error of that number. 0: it is exact, up to a million records.
        without: Records that were not compared: they have none of the keys, or a value that can't be written as JSON.
        examples: The first of them, each with its place and the place of the first record that is the same. Of more
            than a million records not all can be found; there may be none then.

    >>> import bagkit as bk
    >>> bk.from_sequence([{"a": 1, "b": 2}, {"b": 2, "a": 1}]).profile(scheduler="sync").duplicates.count
    1
    """

    count: int
    error: float
    without: int
    examples: list[Repeat] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is known of the records of a bag; DataProfile is what users have of it."""

    records: int
    paths: dict[str, PathProfile]
    duplicates: DuplicateProfile
    duplicate_keys: dict[str, DuplicateProfile]
    bad_lines: BadLineProfile


def children(profile: Findings) -> dict[Steps, list[PathProfile]]:
    """Return for the steps of each path the paths right below."""
    found: dict[Steps, list[PathProfile]] = {each.steps: [] for each in profile.paths.values()}
    for each in profile.paths.values():
        if each.steps:
            found[each.steps[:-1]].append(each)
    return found


def is_key(step: Any) -> bool:
    """Return whether a step of a path is a key of a dict."""
    return isinstance(step, str)


def largest_first(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts with the largest first, and equal ones by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
