"""What each command does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

import bagkit as bk
from bagkit.amounts import how_many
from bagkit.contexts import context
from bagkit.errors import OutputExistsError, TooManyErrorsError, one_line
from bagkit.methods.rejects import for_json_plan
from bagkit.option_values import share
from bagkit.shell.arguments import OTHER_FORMATS, Arguments, format_suffix
from bagkit.shell.expressions import WrongStep, as_field, function_of, with_step
from bagkit.shell.inputs import bag_of, split_words
from bagkit.shell.printing import chosen, json_text, printed, some_fields, write_csv

PAIRS: Final = ("value", "count")
_KEEP_PAIRS: Final = ("topk", "top", "take", "head")
_BY_RECORD: Final = ("map", "filter", "remove", "pluck", "flat_map", "flatten", "starmap", "map_values", "validate")
"""Steps that go record by record, so that each record that fails is known."""
_FIRST: Final = ("take", "head")
"""Steps that take the first records."""


def run(given: Arguments) -> None:
    """Run steps, and print what comes out."""
    with _steps(given) as made:
        _print(made, given)


def head(given: Arguments) -> None:
    """Print the first records."""
    with _steps(given) as made:
        bag = _bag(made, "head")
        if given.bad:
            first: Any = bag.take(given.number, compute=False)
        else:
            first = bag.take(given.number, warn=False, **_options(given))
        _print(replace(made, value=first), given)


def count(given: Arguments) -> None:
    """Print how many records there are, or how many of each value of a field."""
    files, rest = split_words(given.words)
    if len(rest) > 1:
        raise WrongStep(f"count: got {', '.join([one_line(each, 60) for each in rest])}; expected FILES and one FIELD")
    if given.top is not None and not rest:
        raise WrongStep("count: --top is for the values of a field; expected FILES and a FIELD")
    with bag_of(files, given) as bag:
        made = Made(_field(bag, rest[0]) if rest else bag)
        made = made.split() if given.bad else made
        if not rest:
            _print(replace(made, value=made.value.count()), given)
            return
        found = made.value.frequencies(sort=True)
        found = found if given.top is None else found.take(given.top, compute=False)
        names = (rest[0], "count")
        _print(replace(made, value=found.map(_as_dict(names)), names=names), given)


def _field(bag: bk.Bag[Any], name: str) -> bk.Bag[Any]:
    words = name.split(".")
    if len(words) > 1 and all(word.isidentifier() for word in words):
        inside: bk.Bag[Any] = bag.map(function_of(as_field(words), f"count {name}"))
        return inside
    return bag.pluck(name)


def profile(given: Arguments) -> None:
    """Print what records are like."""
    if given.bad:
        raise WrongStep("profile: --bad is for other commands; a profile counts lines that do not parse itself")
    with _steps(given) as made:
        found = _bag(made, "profile").profile(keys=given.keys, **_options(given))
        if given.html:
            page = f"<!doctype html><meta charset='utf-8'><title>profile</title>{found._repr_html_()}"
            Path(given.html).write_text(page, encoding="utf-8", errors="backslashreplace")
        print(json_text(found.to_dict()) if chosen(given.output) == "json" else repr(found))


def convert(given: Arguments) -> None:
    """Write records in the format that the name of the output says."""
    *words, out = given.words
    _refuse_one_place("convert", "OUT", out, given)
    with _steps(given, words) as made:
        bag, write = _bag(made, "convert"), _writer(out, given, made.names)
        if made.bad is not None:
            _compute_beside(made, given)
        write(bag, _options(given))


def split_errors(given: Arguments) -> None:
    """Write records that come through to one place, and records that fail to another."""
    _refuse_one_place("split-errors", "--good", given.good, given)
    with _steps(given) as made:
        exist = "overwrite" if given.overwrite else "error"
        bad = made.bad if made.bad is not None else _bag(made, "split-errors")
        for place in (given.good, str(given.bad)):
            _refuse_existing(place, given)
        writes = [
            *_lines_of(_bag(made, "split-errors"), given.good, exist, given.allow_nan),
            *_lines_of(bad, str(given.bad), exist),
        ]
        *_, failed, fine = bk.compute(*writes, *_counts(made), **_options(given))
        _settle(given, failed, fine)


COMMANDS: Final[Mapping[str, Callable[[Arguments], None]]] = {
    "run": run,
    "count": count,
    "head": head,
    "profile": profile,
    "convert": convert,
    "split-errors": split_errors,
}


# -- steps ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """What steps have made of files."""

    value: Any
    """A bag or an Item, or records that are there."""
    names: Sequence[str] = ()
    """What the elements of its tuples are called."""
    good: bk.Bag[Any] | None = None
    """With --bad: the records that come through as far as the steps go record by record, and"""
    bad: bk.Bag[Any] | None = None
    """those that do not, as JSON has them."""

    def then(self, text: str, *, at_once: bool = False) -> Made:
        """Return what a further step makes; `at_once` has it computed, no further than needed."""
        step = text.partition("(")[0].strip()
        pairs = PAIRS if step in ("freq", "frequencies") else self.names if step in _KEEP_PAIRS else ()
        return replace(self, value=with_step(self.value, text, at_once=at_once), names=pairs)

    def split(self) -> Made:
        """Return the bag without the records that fail, and keep these."""
        if self.bad is not None or not isinstance(self.value, bk.Bag):
            return self
        good, bad = self.value.split_errors()
        return replace(self, value=good, good=good, bad=bk.Bag(for_json_plan(bad.plan)))


@context
def _steps(given: Arguments, words: Sequence[str] | None = None) -> Iterator[Made]:
    """Give what the steps make of the files; of `run` a last step that takes the first records is computed at once."""
    files, steps = split_words(given.words if words is None else words)
    names = [text.partition("(")[0].strip() for text in steps]
    early = _ends_early(given, names)
    if early and "-" in files:
        given.scheduler = given.scheduler or "sync"
    with bag_of(files, given, as_it_comes=early) as bag:
        made = Made(bag)
        for number, (name, text) in enumerate(zip(names, steps, strict=True), start=1):
            if given.bad and name not in _BY_RECORD:
                made = made.split()
            at_once = given.command == "run" and not given.bad and number == len(steps) and name in _FIRST
            with bk.options(**_options(given)):
                made = made.then(text, at_once=at_once)
        yield made.split() if given.bad else made


def _ends_early(given: Arguments, names: Sequence[str]) -> bool:
    """Return whether first records are all that is asked for, by a run that can be in this process."""
    *before, last = [*names, "head"] if given.command == "head" else names or [""]
    return (
        given.command in ("run", "head")
        and last in _FIRST
        and all(name in _BY_RECORD for name in before)
        and not given.bad
        and given.scheduler != "processes"
    )


def _bag(made: Made, command: str) -> bk.Bag[Any]:
    if not isinstance(made.value, bk.Bag):
        raise WrongStep(f"{command}: the steps give one value, and no records")
    return made.value


def _options(given: Arguments) -> dict[str, Any]:
    found: dict[str, Any] = {"workers": given.workers, "scheduler": given.scheduler}
    if given.quiet:
        found["progress"] = False
    if given.on_error == "skip" and not given.bad:
        found["on_error"] = "skip"
        if given.max_errors is not None:
            limit = given.max_errors
            found["max_errors"] = int(limit) if limit.isdecimal() else limit
    return found


# -- results ----------------------------------------------------------------------------------------------------------


def _print(made: Made, given: Arguments) -> None:
    """Print what a bag or an Item computes to; records that fail are written where --bad says."""
    if made.bad is not None and made.value is not made.good:  # one run for all
        (value,) = _compute_beside(made, given, made.value)
        values = value if isinstance(made.value, bk.Bag) else _several(value)
        printed(values, given.output, given.columns, made.names)
        return
    if made.bad is not None:
        _compute_beside(made, given)
    if isinstance(made.value, bk.Item):
        printed(_several(made.value.compute(**_options(given))), given.output, given.columns, made.names)
        return
    with bk.options(**_options(given)):
        printed(made.value, given.output, given.columns, made.names)  # also of records that are there


def _several(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


def _as_dict(names: Sequence[str]) -> Callable[[Any], Any]:
    return lambda pair: dict(zip(names, pair, strict=True))


# -- records that fail ------------------------------------------------------------------------------------------------


def _compute_beside(made: Made, given: Arguments, *values: Any) -> list[Any]:
    """Return the computed `values`, and write the records that fail beside them: one run, which reads once."""
    assert made.bad is not None
    writes = _lines_of(made.bad, str(given.bad), "overwrite")
    *computed, failed, fine = bk.compute(*writes, *values, *_counts(made), **_options(given))
    _settle(given, failed, fine)
    return computed[len(writes) :]


def _counts(made: Made) -> tuple[Any, Any]:
    assert made.bad is not None
    assert made.good is not None
    return made.bad.count(), made.good.count()


def _lines_of(bag: bk.Bag[Any], place: str, exist: Any, allow_nan: bool = False) -> list[Any]:
    """Return the lazy writes of a bag to one file of JSON lines, or to one for each partition where there is a *."""
    bag, paths = _with_paths(bag, place)
    return list(bag.to_jsonl(paths, exist=exist, default=str, allow_nan=allow_nan, compute=False))


def _with_paths(bag: bk.Bag[Any], place: str) -> tuple[bk.Bag[Any], Any]:
    """Return what is written to a place, as partitions, and their paths."""
    return (bag, place) if "*" in place or place.endswith("/") else (bag.repartition(npartitions=1), [place])


def _settle(given: Arguments, failed: int, fine: int) -> None:
    """Say how many records have failed; raise TooManyErrorsError if these are more than are allowed."""
    if not failed:
        return
    said = f"{how_many(failed, 'record')} failed, {fine:,} came through; see {one_line(given.bad, 200)}"
    limit = given.max_errors
    if limit is not None:
        allowed = share(limit) * (failed + fine) if limit.endswith("%") else int(limit)
        if failed > allowed:
            raise TooManyErrorsError(f"{said}; --max-errors {limit} allows no more")
    print(f"bagkit: {said}", file=sys.stderr)


# -- files ------------------------------------------------------------------------------------------------------------


def _writer(out: str, given: Arguments, names: Sequence[str]) -> Callable[[bk.Bag[Any], dict[str, Any]], object]:
    """Return what writes a bag to `out`."""
    suffix = format_suffix(out)
    exist: Any = "overwrite" if given.overwrite else "error"
    columns = [each.strip() for each in given.columns.split(",")] if given.columns else None
    conflict: Any = given.on_conflict
    if suffix in ("jsonl", "ndjson", "json"):
        _refuse_existing(out, given)
        some: Any = None if columns is None else partial(some_fields, columns)
        return lambda bag, options: bk.compute(
            *_lines_of(bag.map(some) if some else bag, out, exist, given.allow_nan), **options
        )
    if suffix in ("txt", "text", "log"):
        _refuse_existing(out, given)
        if columns is not None:
            raise WrongStep(f"convert: --columns is for records, and {one_line(out, 100)} gets lines of text")
        return lambda bag, options: bk.compute(*_text_of(bag, out, exist), **options)
    if suffix == "csv":
        return lambda bag, options: _to_csv(bag, out, exist, columns, names, options)
    if suffix in OTHER_FORMATS and not out.lower().endswith(suffix):
        raise WrongStep(
            f"convert: {one_line(out, 100)}: a file of .{suffix} is not compressed; expected .{suffix} at the end"
        )
    if suffix == "parquet":
        return lambda bag, options: bag.to_parquet(out, columns, conflict, exist=exist, **options)
    if suffix in ("h5", "hdf5"):
        return lambda bag, options: bag.to_hdf5(out, columns=columns, on_conflict=conflict, exist=exist, **options)
    if suffix in ("db", "sqlite", "sqlite3"):
        return lambda bag, options: bag.to_sqlite(out, given.table, columns, conflict, exist, **options)
    raise WrongStep(
        f"convert: {one_line(out, 100)}: the name does not say which format; "
        "expected .parquet, .jsonl, .csv, .h5, .db or .txt, and .gz, .bz2, .xz or .zst behind .jsonl, .csv and .txt"
    )


def _refuse_existing(place: str, given: Arguments) -> None:
    if not given.overwrite and "*" not in place and os.path.lexists(place) and not place.endswith("/"):
        raise OutputExistsError(
            f"{one_line(place, 200)} exists; hint: --overwrite replaces it when the new one is whole"
        )


def _refuse_one_place(command: str, name: str, place: str, given: Arguments) -> None:
    """Raise WrongStep where records that come through and records that fail are to go to one place."""
    if given.bad and os.path.abspath(place) == os.path.abspath(given.bad):
        raise WrongStep(f"{command}: {name} and --bad are both {one_line(place, 200)}; expected two places")


def _text_of(bag: bk.Bag[Any], out: str, exist: Any) -> list[Any]:
    lines = bag.map(lambda record: record if isinstance(record, str) else json_text(record))
    lines, paths = _with_paths(lines, out)
    return list(lines.to_textfiles(paths, exist=exist, last_endline=True, compute=False))


def _to_csv(
    bag: bk.Bag[Any], out: str, exist: Any, columns: Sequence[str] | None, names: Sequence[str], options: dict[str, Any]
) -> None:
    from bagkit.io.output.whole_files import check_place, whole_file, written_as

    place = check_place("convert", out, exist)
    with (
        whole_file("convert", place, exist) as name,
        written_as(place, name) as packed,
        TextIOWrapper(packed, encoding="utf-8", errors="backslashreplace", newline="") as file,
        bk.options(**options),
    ):
        write_csv(bag, file, columns, names)
