"""Near duplicates: texts that have most of their shingles in common.

TextsOf        records -> (whose, record, text)
OneOfEqual     texts that are equal go on as one
Sketches       texts -> the keys of their bands
Candidates     texts that share a band -> pairs of their numbers
with_texts, compared: pairs -> pairs that are as alike as the threshold asks
Linked         pairs -> groups
Undoubled, Members: what is kept of the records
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from typing import Any, get_args

from bagkit.errors import PlanError, one_line
from bagkit.exchange.group import GatherSides
from bagkit.exchange.pairs import Entry
from bagkit.exchange.spill import Room
from bagkit.lazily import import_extra
from bagkit.light_classes import dataclass
from bagkit.ops._minhash import SKETCH, MinHash, Unit, in_words, jaccard, rows_for, shingles
from bagkit.ops._near_pairs import Falling, groups_of_edges, pairs_in_band
from bagkit.ops.exchange_errors import TakingForUser, exchange_errors
from bagkit.ops.functions import key_function, shown_key
from bagkit.ops.grouping import ByKey
from bagkit.ops.reductions import CustomReduction
from bagkit.plan.kinds import ALL, Exchange, Fields, OnRecords, Pairing, PerPartition, Taking
from bagkit.signatures import checked_count, is_number, whole_number

MOST_PERMUTATIONS = 1024
CACHED = 1 << 20
"""Shingles of texts that are kept for the next comparison."""

TOGETHER = 64
"""Texts that bands are made of together."""

_DEFAULTS: dict[str, Any] = {"shingle": 3, "unit": "words", "permutations": 128, "seed": 1}
"""How texts are compared; the help of `near_distinct` explains each."""

Text = tuple[int, str]
"""The number of a text, and its words."""


@dataclass(frozen=True)
class Near:
    """What the user asks for: which text of a record, how alike texts must be, how they are compared."""

    name: str
    key: Any
    threshold: float
    minhash: MinHash

    @property
    def shown(self) -> str:
        return f"{self.name}({shown_key(self.key)}, threshold={self.threshold:g}; {self.minhash.shown})"


def near(name: str, key: Any, threshold: Any, **how: Any) -> Near:
    """Return what the user asks for; raise PlanError for an argument that is not allowed."""
    for argument in how.keys() - _DEFAULTS.keys():
        raise TypeError(f"Bag.{name}() got an unexpected keyword argument {argument!r}")
    shingle, unit, permutations, seed = {**_DEFAULTS, **how}.values()
    if not is_number(threshold) or not 0 < threshold <= 1:
        raise PlanError(f"{name}: threshold is {one_line(threshold, 80)}; expected a number above 0, up to 1")
    numbers = whole_number(permutations)
    if numbers is None or not 1 <= numbers <= MOST_PERMUTATIONS:
        raise PlanError(
            f"{name}: permutations is {one_line(permutations, 80)}; expected an int from 1 to {MOST_PERMUTATIONS}"
        )
    shingle = checked_count(name, "shingle", shingle)
    if unit not in get_args(Unit):
        raise PlanError(f"{name}: unit is {one_line(unit, 80)}; expected 'words' or 'characters'")
    chosen = whole_number(seed)
    if chosen is None:
        raise PlanError(f"{name}: seed is {one_line(seed, 80)}; expected an int")
    rows = rows_for(threshold, numbers)
    if rows is None:
        raise PlanError(
            f"{name}: {numbers} permutations do not find 98 % of the pairs at threshold {threshold:g}; "
            "hint: give more permutations, or a higher threshold"
        )
    key_function(name, key)
    import_extra("numpy", "near", f"for {name}")
    return Near(name, key, float(threshold), MinHash(shingle, unit, numbers // rows, rows, chosen))


# Texts ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TextsOf(PerPartition):
    """The text of each record, in words: `(whether it is a record of the bag itself, record, text)`."""

    near: Near
    own: bool
    keep: bool
    """Whether the record goes on, or None in its place."""

    per_record = "one"

    @property
    def label(self) -> str:
        return f"{self.near.name}({shown_key(self.near.key)})"

    def user_functions(self) -> tuple[Any, ...]:
        return (self.near.key,) if callable(self.near.key) else ()

    def demand(self, wanted: Fields) -> Fields:
        key = self.near.key
        return ALL if self.keep or type(key) is not str else frozenset({key})

    def begin(self) -> OnRecords:
        return partial(map, self._text_of)

    @cached_property
    def _key(self) -> Callable[[Any], Any]:
        return key_function(self.near.name, self.near.key)

    def _text_of(self, record: Any) -> tuple[bool, Any, str]:
        text = self._key(record)
        if not isinstance(text, str):
            raise TypeError(
                f"{self.near.name}: the text is {one_line(text, 80)} ({type(text).__name__}); expected str; "
                "hint: give a function that returns the text, or filter such records first"
            )
        return self.own, record if self.keep else None, in_words(text)


def by_digest(numbered: tuple[tuple[bool, Any, str], int]) -> tuple[bytes, Text]:
    """Return a digest of the text, its number and the text."""
    (_, _, text), number = numbered
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest(), (number, text)


def with_equal(cell: list[Any], text: Text) -> list[Any]:
    """Put a text to its equals: `[first text, number of another, ...]`."""
    if not cell:
        cell.append(text)
    elif text[0] < cell[0][0]:
        cell.append(cell[0][0])
        cell[0] = text
    else:
        cell.append(text[0])
    return cell


def equal_together(cell: list[Any], other: list[Any]) -> list[Any]:
    """Put the equals of another task to those in `cell`."""
    if not cell or not other:
        return cell or other
    if other[0][0] < cell[0][0]:
        cell, other = other, cell
    cell.append(other[0][0])
    cell.extend(other[1:])
    return cell


@dataclass(frozen=True)
class Sketches(PerPartition):
    """The keys of the bands of texts: `(number, text, keys, sketch, numbers of its equals)`."""

    near: Near

    per_record = "one"
    can_raise = False

    @property
    def label(self) -> str:
        return f"{self.near.name}: minhash of {self.near.minhash.shown}"

    def begin(self) -> OnRecords:
        return self._sketched

    def _sketched(
        self, equals: Sequence[tuple[bytes, list[Any]]]
    ) -> Iterator[tuple[int, str, bytes, bytes, list[int]]]:
        sketches_of = self.near.minhash.sketches_of
        for start in range(0, len(equals), TOGETHER):
            some = [cell for _, cell in equals[start : start + TOGETHER]]
            sketches = sketches_of([text for (_, text), *_ in some])
            for ((number, text), *others), (keys, sketch) in zip(some, sketches, strict=True):
                yield number, text, keys, sketch, others


# Pairs ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SharedBands(Exchange):
    """Pairs of texts that share a band."""

    near: Near

    @property
    def label(self) -> str:
        return f"{self.near.name}: texts that share a band"

    def npartitions(self, inputs: tuple[int, ...]) -> int:
        return inputs[0]

    def split(self, side: int, count: int, room: Room) -> Taking:
        return TakingForUser(self.near.name, Falling(self.near.minhash.bands, count, room))

    def collect(self, sides: Sequence[Sequence[Any]], room: Room) -> Iterator[Sequence[Any]]:
        minhash = self.near.minhash
        width = min(SKETCH, minhash.bands * minhash.rows)
        with exchange_errors(self.near.name):
            yield from pairs_in_band(sides[0], self.near.threshold, width, room)


def first_texts(near: Near) -> ByKey:
    """Return the exchange of texts and pairs that gives `(number, number of the first, text of the first)`."""
    keys = (itemgetter(0), itemgetter(0))
    return ByKey(f"{near.name}: first texts of pairs", "", keys, GatherSides(2), with_texts)


def with_texts(groups: list[Entry]) -> Sequence[Any]:
    """Return `(number of the second, number of the first, text of the first)` for each pair."""
    return [
        (other, number, text)
        for number, (texts, pairs) in groups
        for _, text in texts
        for other in sorted({pair[1] for pair in pairs})
    ]


def second_texts(near: Near) -> ByKey:
    """Return the exchange of texts and what `with_texts` gives: pairs as alike as the threshold asks."""
    keys = (itemgetter(0), itemgetter(0))
    return ByKey(f"{near.name}: compare pairs", "", keys, GatherSides(2), Compared(near))


@dataclass(frozen=True)
class Compared:
    """Gives the pairs of numbers whose texts are as alike as the threshold asks, by all their shingles."""

    near: Near

    def __call__(self, groups: list[Entry]) -> Sequence[Any]:
        size, unit = self.near.minhash.shingle, self.near.minhash.unit
        cache: dict[int, set[str]] = {}
        cached = 0
        found = []
        for number, (texts, firsts) in groups:
            for _, text in texts if firsts else ():
                own = shingles(text, size, unit)
                for _, first, first_text in firsts:
                    if first not in cache:
                        if cached > CACHED:
                            cache, cached = {}, 0
                        cache[first] = shingles(first_text, size, unit)
                        cached += len(cache[first])
                    if jaccard(cache[first], own) >= self.near.threshold:
                        found.append((first, number))
        return found


def pairs_of_equal(sketch: tuple[int, str, bytes, bytes, list[int]]) -> list[tuple[int, int]]:
    """Return the pairs of a text with its equals."""
    return [(sketch[0], other) for other in sketch[4]]


# Groups ---------------------------------------------------------------------------------------------------------------


def linked(near: Near) -> CustomReduction:
    """Return the reduction of pairs to the numbers of all texts in groups, and the first number of each one's group."""
    return CustomReduction(_packed, _linked, name=f"{near.name}: groups")


def _packed(pairs: Iterator[tuple[int, int]]) -> bytes:
    return array("q", chain.from_iterable(pairs)).tobytes()


def _linked(states: Iterator[bytes]) -> tuple[bytes, bytes]:
    return groups_of_edges(b"".join(states))


class Labels:
    """Finds the first number of a text's group."""

    def __init__(self, packed: tuple[bytes, bytes]) -> None:
        self._numbers, self._firsts = array("q", packed[0]), array("q", packed[1])

    def find(self, number: int) -> int | None:
        """Return the first number of the group of `number`; None for a text that has no near duplicate."""
        place = bisect_left(self._numbers, number)
        if place < len(self._numbers) and self._numbers[place] == number:
            return self._firsts[place]
        return None


@dataclass(frozen=True)
class PickTexts(Pairing):
    """Picks numbered texts by the groups that they are in: the records that are the first of their group, or in none.

    With `members` those that are in a group: `(first number of the group, (number, whether its own, record))`.
    """

    near: Near
    members: bool = False

    bags = 1
    per_record = "many"
    can_raise = False

    @property
    def label(self) -> str:
        return self.near.shown

    def begin(self, read: Sequence[list[Any]], values: Sequence[Any]) -> OnRecords:
        return partial(map, partial(_member if self.members else _kept, Labels(values[0])))


def _kept(labels: Labels, numbered: tuple[tuple[bool, Any, str], int]) -> Iterable[Any]:
    (_, record, _), number = numbered
    return (record,) if labels.find(number) in (None, number) else ()


def _member(labels: Labels, numbered: tuple[tuple[bool, Any, str], int]) -> Iterable[Any]:
    (own, record, _), number = numbered
    first = labels.find(number)
    return () if first is None else ((first, (number, own, record)),)


@dataclass(frozen=True)
class GroupsOf:
    """Makes groups of members: `(first number, records in order)`."""

    of_both: bool
    """Whether only groups count that have records of both bags."""

    def __call__(self, groups: list[Entry]) -> Sequence[Any]:
        wanted = {False, True} if self.of_both else {True}
        found = []
        for first, members in groups:
            if wanted <= {own for _, own, _ in members}:
                members.sort(key=itemgetter(0))
                found.append((first, [record for _, _, record in members]))
        return found
