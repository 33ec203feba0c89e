"""What has changed between two deliveries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bagkit.visible import printable

if TYPE_CHECKING:
    from bagkit.profiling.parts import Findings, PathProfile


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not what it was.

    Attributes:
        path: Where.
        what: What has changed, such as "present", "null", "type str" or "look number".
        before: The share, or the value, in the earlier profile.
        after: In the later one.

    >>> import bagkit as bk
    >>> old = bk.from_sequence([{"a": 1}] * 4, npartitions=1).profile(scheduler="sync")
    >>> new = bk.from_sequence([{"a": 1}, {"a": None}] * 2, npartitions=1).profile(scheduler="sync")
    >>> [(change.path, change.what, change.before, change.after) for change in old.diff(new).types]
    [('a', 'type int', 1.0, 0.5), ('a', 'type null', 0.0, 0.5)]
    """

    path: str
    what: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{printable(self.path, 200)}: {self.what}: {_share(self.before)} -> {_share(self.after)}"


def _share(value: Any) -> str:
    return f"{value:.1%}" if isinstance(value, float) else f"{value:,}"


@dataclass(frozen=True, slots=True, repr=False)
class Drift:
    """What has changed from one profile to a later one. It is true if anything has changed.

    Attributes:
        came: Paths that only the later one has.
        went: Paths that only the earlier one has.
        types: Types that came or went, and types whose share of a path's values changed by more than the tolerance.
        rates: Other shares that changed so much: how often a path is present, texts that look like something, records
            that are duplicates, lines that are not JSON.

    >>> import bagkit as bk
    >>> p = bk.from_sequence([{"a": 1}], npartitions=1).profile(scheduler="sync")
    >>> bool(p.diff(p)), p.diff(p)
    (False, no drift)
    """

    came: list[str]
    went: list[str]
    types: list[Change]
    rates: list[Change]

    def __bool__(self) -> bool:
        return bool(self.came or self.went or self.types or self.rates)

    def __repr__(self) -> str:
        lines = [f"came: {printable(path, 200)}" for path in self.came]
        lines += [f"went: {printable(path, 200)}" for path in self.went]
        lines += list(map(str, [*self.types, *self.rates]))
        return "\n".join(lines) or "no drift"

    def _repr_html_(self) -> str:
        from bagkit.profiling.html import changes_page

        return changes_page([("came", self.came), ("went", self.went), ("types", self.types), ("shares", self.rates)])


def drift(old: Findings, new: Findings, tolerance: float) -> Drift:
    """Return what has changed from `old` to `new`, leaving out shares that changed by no more than `tolerance`."""
    types: list[Change] = []
    rates = list(_of_all(old, new, tolerance))
    for path, before in old.paths.items():
        after = new.paths.get(path)
        if after is not None:
            types += _of_types(before, after, tolerance)
            rates += _of_path(before, after, tolerance)
    return Drift(
        [path for path in new.paths if path not in old.paths],
        [path for path in old.paths if path not in new.paths],
        types,
        rates,
    )


def _of_all(old: Findings, new: Findings, tolerance: float) -> Iterator[Change]:
    pairs = [("duplicates", _rate(old.duplicates.count, old.records), _rate(new.duplicates.count, new.records))]
    for key, found in old.duplicate_keys.items():
        if key in new.duplicate_keys:
            after = _rate(new.duplicate_keys[key].count, new.records)
            pairs.append((f"duplicates of {key}", _rate(found.count, old.records), after))
    bad = [_rate(each.bad_lines.count, each.records + each.bad_lines.count) for each in (old, new)]
    pairs.append(("lines that are no JSON", bad[0], bad[1]))
    for what, before, after in pairs:
        if abs(after - before) > tolerance:
            yield Change("$", what, before, after)


def _of_types(old: PathProfile, new: PathProfile, tolerance: float) -> Iterator[Change]:
    for kind in dict.fromkeys((*old.types, *new.types)):
        before, after = _rate(old.types.get(kind, 0), old.count), _rate(new.types.get(kind, 0), new.count)
        if (before == 0) != (after == 0) or abs(after - before) > tolerance:
            yield Change(old.path, f"type {kind}", before, after)


def _of_path(old: PathProfile, new: PathProfile, tolerance: float) -> Iterator[Change]:
    if abs(new.share_of_parent - old.share_of_parent) > tolerance:
        yield Change(old.path, "present", old.share_of_parent, new.share_of_parent)
    if old.texts is not None and new.texts is not None:
        for look in dict.fromkeys((*old.texts.looks, *new.texts.looks)):
            before = _rate(old.texts.looks.get(look, 0), old.texts.count)
            after = _rate(new.texts.looks.get(look, 0), new.texts.count)
            if abs(after - before) > tolerance:
                yield Change(old.path, f"texts that look like {look}", before, after)


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
