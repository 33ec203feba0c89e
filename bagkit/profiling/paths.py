"""The tree of what was seen at each path of nested records.

Records are taken some hundreds at a time, and column by column: whatever can be asked of a whole column is one call
of C. Each value carries the number of the record that it stands in, its row, which leads to its place when asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, Final

from bagkit.ops._sketch import Seen, add_seen, merge_seen
from bagkit.profiling.examples import ROW, ROW_BITS, SHOWN, Example, Places, example, first_of
from bagkit.profiling.kinds import DEEPEST, kind_of, plain_values
from bagkit.profiling.numbers import Numbers
from bagkit.profiling.texts import BITS, PathTexts

LONGEST_KEYS: Final = 1 << 20
"""Characters of all keys of one dict's path; with more they are folded."""
KEYS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a profile goes into detail."""

    keys: int
    """Different keys at one path; with more they become one."""
    paths: int
    """Paths in all."""


class PathBatch:
    """What the nodes of a tree know of the records that are taken together; mutable, of one batch."""

    __slots__ = ("created", "limits", "odd", "places")

    def __init__(self, places: Places, limits: Limits) -> None:
        self.places = places
        self.limits = limits
        self.created = 0
        """How many paths were new."""
        self.odd = False
        """Whether there was a float that JSON does not have."""


class PathNode:
    """What was seen at one path; mutable, of one state."""

    __slots__ = (
        "depth", "empty_dicts", "empty_lists", "examples", "filled", "floats", "folded", "ints", "items",
        "key_characters", "keys", "keys_seen", "lengths", "records", "shape", "some_keys", "texts", "types",
    )  # fmt: skip

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.records = 0
        """Records that have a value here."""
        self.types: Counter[str] = Counter()
        self.examples: dict[str, list[Example]] = {}
        self.ints: Numbers | None = None
        self.floats: Numbers | None = None
        self.texts: PathTexts | None = None
        self.lengths: Numbers | None = None
        self.items: PathNode | None = None
        self.empty_lists = 0
        self.empty_dicts = 0
        self.filled = 0
        """Records that have a dict here with a key in it."""
        self.keys: dict[Any, PathNode] = {}
        self.folded: PathNode | None = None
        """What is under all keys, once there are too many; then `keys` is empty."""
        self.keys_seen: Seen = set()
        self.some_keys: list[str] = []
        """Of keys that are folded, the first few in the order of texts."""
        self.key_characters = 0
        self.shape: tuple[Any, ...] = ()
        """The keys of the dicts seen last."""

    # Taking values ----------------------------------------------------------------------------------------------------

    def take(self, values: Sequence[Any], rows: Sequence[int], records: int, batch: PathBatch) -> None:
        """Take some values, not none, which stand in `rows`; `records` is how many different ones these are."""
        types = set(map(type, values))
        self.records += records
        if len(types) == 1:
            (only,) = types
            self._take_type(only, values, rows, records, batch)
            return
        for type_ in sorted(types, key=lambda each: (each.__module__, each.__qualname__)):
            found = [value for value in values if type(value) is type_]
            where = [row for value, row in zip(values, rows, strict=True) if type(value) is type_]
            self._take_type(type_, found, where, len(where) if records == len(values) else len(set(where)), batch)

    def _take_type(
        self, type_: type, values: Sequence[Any], rows: Sequence[int], records: int, batch: PathBatch
    ) -> None:
        kind = kind_of(type_)
        self.types[kind] += len(values)
        shown = self.examples.get(kind)
        if shown is None or len(shown) < SHOWN:
            found = [example(value, batch.places.at(row)) for value, row in zip(values[:SHOWN], rows, strict=False)]
            self.examples[kind] = first_of((shown or (), found))
        values = plain_values(type_, kind, values)
        take = _TAKES.get(kind)
        if take is not None and (self.depth < DEEPEST or kind not in ("dict", "list")):
            take(self, values, rows, records, batch)

    def _take_ints(self, values: Sequence[int], rows: Sequence[int], records: int, batch: PathBatch) -> None:
        if self.ints is None:
            self.ints = Numbers()
        self.ints.take(values)

    def _take_floats(self, values: Sequence[float], rows: Sequence[int], records: int, batch: PathBatch) -> None:
        if self.floats is None:
            self.floats = Numbers()
        if not self.floats.take_floats(values):
            batch.odd = True

    def _take_texts(self, values: Sequence[str], rows: Sequence[int], records: int, batch: PathBatch) -> None:
        if self.texts is None:
            self.texts = PathTexts()
        self.texts.take(values, rows, batch.places)

    def _take_lists(self, values: Sequence[Any], rows: Sequence[int], records: int, batch: PathBatch) -> None:
        if self.lengths is None:
            self.lengths = Numbers()
        lengths = list(map(len, values))
        self.lengths.take(lengths)
        empty = lengths.count(0)
        self.empty_lists += empty
        elements = list(chain.from_iterable(values))
        if not elements:
            return
        if self.items is None:
            self.items = PathNode(self.depth + 1)
            batch.created += 1
        their_rows = Repeated(rows, lengths)
        filled = len(lengths) - empty
        records = filled if records == len(values) else len(set(their_rows))
        self.items.take(elements, their_rows, records, batch)

    def _take_dicts(self, values: Sequence[Any], rows: Sequence[int], records: int, batch: PathBatch) -> None:
        if self.folded is not None:
            self._take_folded(values, rows, records, batch)
            return
        columns = self._columns_of(values)
        if columns is None:
            self._take_any_dicts(values, rows, records, batch)
        else:
            self._take_columns(columns, rows, records, batch)

    def _columns_of(self, values: Sequence[dict[Any, Any]]) -> list[Sequence[Any]] | None:
        """Return the values of each key, if all dicts have the keys of the ones seen last, and no others."""
        shape = self.shape
        if not shape or set(map(len, values)) != {len(shape)}:
            return None
        try:
            if len(shape) == 1:
                return [list(map(itemgetter(*shape), values))]
            return list(zip(*map(itemgetter(*shape), values), strict=True))
        except KeyError:
            return None

    def _take_columns(
        self, columns: Sequence[Sequence[Any]], rows: Sequence[int], records: int, batch: PathBatch
    ) -> None:
        self.filled += records
        for key, column in zip(self.shape, columns, strict=True):
            self.keys[key].take(column, rows, records, batch)

    def _take_any_dicts(self, values: Sequence[Any], rows: Sequence[int], records: int, batch: PathBatch) -> None:
        """Take dicts whose keys differ, or are new."""
        columns: dict[Any, tuple[list[Any], list[int]]] = {}
        for row, record in zip(rows, values, strict=True):
            for key, value in record.items():
                found = columns.get(key)
                if found is None:
                    found = columns[key] = ([], [])
                found[0].append(value)
                found[1].append(row)
        each_has_one = records == len(values)
        if self._is_too_much(columns, batch.limits):
            self.fold()
            self._take_folded(values, rows, records, batch)
            return
        filled = [row for row, record in zip(rows, values, strict=True) if record]
        self.empty_dicts += len(values) - len(filled)
        self.filled += len(filled) if each_has_one else len(set(filled))
        self.shape = tuple(values[-1]) if all(type(key) is str for key in values[-1]) else ()
        for key, (column, where) in columns.items():
            node = self.keys.get(_key(key))
            if node is None:
                node = self.keys[_key(key)] = PathNode(self.depth + 1)
                batch.created += 1
            node.take(column, where, len(where) if each_has_one else len(set(where)), batch)

    def _is_too_much(self, more: Iterable[Any], limits: Limits) -> bool:
        new = [key for key in map(_key, more) if key not in self.keys]
        if len(self.keys) + len(new) > limits.keys:
            return True
        self.key_characters += sum(map(len, new))
        return self.key_characters > LONGEST_KEYS

    def _take_folded(self, values: Sequence[Any], rows: Sequence[int], records: int, batch: PathBatch) -> None:
        lengths = list(map(len, values))
        self.empty_dicts += lengths.count(0)
        elements = list(chain.from_iterable([value.values() for value in values]))
        if not elements:
            return
        self._see_keys(set(map(_key, chain.from_iterable(values))))
        assert self.folded is not None
        self.filled += len(lengths) - lengths.count(0) if records == len(values) else len(set(Repeated(rows, lengths)))
        # From here on each key of a record counts as one of its own: so it does not matter when keys are folded.
        their_rows = [(row & ROW) + (number << ROW_BITS) for number, row in enumerate(Repeated(rows, lengths))]
        self.folded.take(elements, their_rows, len(elements), batch)

    # Folding ----------------------------------------------------------------------------------------------------------

    def _see_keys(self, keys: set[str]) -> None:
        self.keys_seen = add_seen(BITS, self.keys_seen, keys)
        self.some_keys = sorted({*self.some_keys, *sorted(keys)[:KEYS_SHOWN]})[:KEYS_SHOWN]

    def fold(self) -> None:
        """Make one of all that is under different keys."""
        self._see_keys(set(self.keys))
        nodes = list(self.keys.values())
        self.keys, self.shape, self.key_characters = {}, (), 0
        if self.folded is None:
            self.folded = PathNode(self.depth + 1)
        for node in nodes:
            self.folded.merge(node)

    def count(self) -> int:
        """Return how many paths there are from here on."""
        return 1 + sum([node.count() for node in self.below()])

    def below(self) -> Iterator[PathNode]:
        """Yield what is below."""
        yield from self.keys.values()
        if self.folded is not None:
            yield self.folded
        if self.items is not None:
            yield self.items

    def widths(self) -> Iterator[int]:
        """Yield how many keys there are at each path from here on."""
        yield len(self.keys)
        for node in self.below():
            yield from node.widths()

    def fold_wide(self, most: int) -> None:
        """Fold every path that has more keys than `most`."""
        if len(self.keys) > most or self.key_characters > LONGEST_KEYS:
            self.fold()
        for node in list(self.below()):
            node.fold_wide(most)

    # Merging ----------------------------------------------------------------------------------------------------------

    def merge(self, other: PathNode) -> None:
        """Take in what another has seen, which comes after it and may change."""
        self.records += other.records
        self.filled += other.filled
        self.empty_dicts += other.empty_dicts
        self.empty_lists += other.empty_lists
        self.types.update(other.types)
        for kind, found in other.examples.items():
            self.examples[kind] = first_of((self.examples.get(kind, ()), found))
        self.ints = _merged(self.ints, other.ints)
        self.floats = _merged(self.floats, other.floats)
        self.texts = _merged(self.texts, other.texts)
        self.lengths = _merged(self.lengths, other.lengths)
        self.items = _merged(self.items, other.items)
        for each in (self, other):
            if each.keys and (self.folded is not None or other.folded is not None):
                each.fold()
        self.folded = _merged(self.folded, other.folded)
        self.keys_seen = merge_seen(BITS, (self.keys_seen, other.keys_seen))
        self.some_keys = sorted({*self.some_keys, *other.some_keys})[:KEYS_SHOWN]
        for key, node in other.keys.items():
            if key not in self.keys:
                self.key_characters += len(key)
            self.keys[key] = _merged(self.keys.get(key), node)

    def settle(self, limits: Limits) -> None:
        """Fold what is too much, after merging."""
        self.fold_wide(limits.keys)
        if self.count() > limits.paths:
            for width in sorted(set(self.widths()), reverse=True):
                self.fold_wide(max(1, width - 1))
                if self.count() <= limits.paths:
                    break


def _key(key: Any) -> str:
    """Return a key as text; a key that is no text stands for itself in what Python shows."""
    return key if type(key) is str else str(key) if isinstance(key, str) else repr(key)


def _merged(one: Any, other: Any) -> Any:
    if one is None:
        return other
    if other is not None:
        one.merge(other)
    return one


class Repeated(Sequence[int]):
    """The rows of the elements of lists, made when they are asked for; most columns never do."""

    __slots__ = ("_lengths", "_made", "_rows")

    def __init__(self, rows: Sequence[int], lengths: Sequence[int]) -> None:
        self._rows = rows
        self._lengths = lengths
        self._made: list[int] | None = None

    def _all(self) -> list[int]:
        if self._made is None:
            self._made = list(chain.from_iterable(map(repeat, self._rows, self._lengths)))
        return self._made

    def __len__(self) -> int:
        return len(self._all())

    def __getitem__(self, index: Any) -> Any:
        return self._all()[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._all())


_TAKES: Final[dict[str, Callable[[PathNode, Sequence[Any], Sequence[int], int, PathBatch], None]]] = {
    "int": PathNode._take_ints,
    "float": PathNode._take_floats,
    "str": PathNode._take_texts,
    "list": PathNode._take_lists,
    "dict": PathNode._take_dicts,
}
