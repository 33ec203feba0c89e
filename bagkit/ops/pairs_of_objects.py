"""A join of objects that a parser gives in place of records, and what takes its pairs with expressions for functions.

The rows of the other side are as they are. They are known to be dicts, lists and tuples of plain values: an operator
could be the user's otherwise, and do what it likes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final

from bagkit.flow.watched import CALCULATING_RAISES, calls_are_watched
from bagkit.json.attributes import attribute_paths
from bagkit.light_classes import dataclass
from bagkit.ops._as_expression import as_expression
from bagkit.ops.by_attributes import DICTS, every, names_of, spelt
from bagkit.ops.grouping import Match, Matches
from bagkit.plan.going_on import Further, GoesOn, put_further
from bagkit.plan.kinds import ALL, Field, OnRecords

_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
_MOST_ROWS: Final = 1 << 16
"""How many rows are looked at."""


@dataclass(frozen=True)
class MatchObjects(Match):
    """A join of objects: for each the list of its pairs `(other, object)`."""

    attributes: tuple[Field, ...] = ()
    """The fields that are attributes."""
    expression: str = ""
    """The key of the object `record`."""

    def _on_records(self, matches: Matches) -> OnRecords:
        return _MatchingObjects(self, matches, super()._on_records(matches))


class _MatchingObjects(GoesOn):
    """Gives the pairs of objects; of one task."""

    def __init__(self, op: MatchObjects, matches: Matches, on_dicts: OnRecords) -> None:
        self._matches = matches
        self._on_dicts = on_dicts
        self._keys = every(op.expression)
        self._names = names_of(op.attributes, ALL)

    def further(self, records: Sequence[Any], with_frames: bool) -> Further:
        return partial(put_further, self._pairs(records))

    def _pairs(self, records: Sequence[Any]) -> Iterable[Any]:
        if DICTS.issuperset(map(type, records)):
            return self._on_dicts(records)
        if not calls_are_watched():
            try:
                return self._matches.of_keys(self._keys(records), records)
            except CALCULATING_RAISES:  # one of them is a dict, or has no such key
                pass
        return map(self._one, records)

    def _one(self, record: Any) -> list[tuple[Any, Any]]:
        return self._matches(self._names.dict_of(record))


def match_objects(match: Any, attributes: tuple[Field, ...]) -> MatchObjects | None:
    """Return what does as `match` with objects that have these `attributes`; None if that is not known."""
    paths, key = attribute_paths(attributes), match.on_self
    if type(match) is not Match or match.others is None or not _are_plain(match.others):
        return None
    expression = spelt((key,), paths) if type(key) is str else as_expression(key, (), partial(spelt, paths=paths))
    if not expression:
        return None
    own = (match.on_self, match.on_other, match.how, match.others, match.reads)
    return MatchObjects(*own, attributes=attributes, expression=expression)


def _are_plain(others: Sequence[Any]) -> bool:
    """Return whether rows are known to have no value of a type of the user's."""
    return len(others) <= _MOST_ROWS and all(map(_is_plain, others))


def _is_plain(row: Any) -> bool:
    kind = type(row)
    if kind is dict:
        return _SCALARS.issuperset(map(type, row)) and _SCALARS.issuperset(map(type, row.values()))
    return (kind is list or kind is tuple) and _SCALARS.issuperset(map(type, row))
