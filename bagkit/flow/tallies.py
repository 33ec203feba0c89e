"""Counts by reason: of `tally` in users' functions, and of records that filters drop.

A task counts into what its report has. A run adds up the counts of the tasks that ended well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from bagkit.visible import printable

T = TypeVar("T")

MOST: Final = 1000
"""Reasons that are told apart. If there are twice as many, the rarest of them are counted together."""
LONGEST: Final = 200
"""Characters of a reason."""
SHOWN: Final = 40
"""Characters of a reason where there is one line for several."""
OTHERS: Final = "(other reasons)"
"""What the rarest are counted as."""

Pairs = tuple[tuple[str, int], ...]
"""Reasons and their counts, as they cross between processes."""


class Reasons(dict[str, int]):
    """How often each reason was counted; mutable, of the one who counts."""

    __slots__ = ()

    def count(self, reason: str, count: int = 1) -> None:
        """Count a reason once more, or several times."""
        if len(reason) > LONGEST:
            reason = reason[: LONGEST - 1] + "…"
        before = self.get(reason)
        if before is None:
            if len(self) >= 2 * MOST:
                self._fold()
            before = 0
        self[reason] = before + count

    def add(self, pairs: Iterable[tuple[str, int]]) -> None:
        """Add the counts of others."""
        for reason, count in pairs:
            self.count(reason, count)

    def _fold(self) -> None:
        rest = self.pop(OTHERS, 0)
        kept = sorted(self.items(), key=_most_first)[: MOST - 1]
        rest += sum(self.values()) - sum([count for _, count in kept])
        self.clear()
        self.update(kept)
        self[OTHERS] = rest

    def most_first(self) -> dict[str, int]:
        """Return the counts, the largest first; the rarest, if they are counted together, come last."""
        if len(self) > MOST:
            self._fold()
        return dict(sorted(self.items(), key=_most_first))


def _most_first(pair: tuple[str, int]) -> tuple[bool, int, str]:
    return pair[0] == OTHERS, -pair[1], pair[0]


def together(one: Pairs, other: Pairs) -> Pairs:
    """Return two counts as one.

    >>> together((("a", 1),), (("b", 2), ("a", 1)))
    (('a', 2), ('b', 2))
    """
    if not one or not other:
        return one or other
    reasons = Reasons(one)
    reasons.add(other)
    return tuple(reasons.most_first().items())


def in_words(reasons: Mapping[str, int]) -> str:
    """Return the three largest of counts, which are in order, and the sum of the others, on one line.

    >>> in_words({"too short": 1200, "no name": 3, "no age": 1, "odd": 1})
    '1,200 too short, 3 no name, 1 no age, 1 of other reasons'
    """
    pairs = list(reasons.items())
    words = [f"{count:,} {printable(reason, SHOWN)}" for reason, count in pairs[:3]]
    rest = sum([count for _, count in pairs[3:]])
    return ", ".join([*words, f"{rest:,} of other reasons"] if rest else words)


@dataclass(frozen=True, slots=True)
class Counted:
    """A result that holds the counts of its run."""

    tallies: dict[str, int] = field(default_factory=dict, compare=False, repr=False, kw_only=True)


def counted_words(tallies: dict[str, int]) -> str:
    """Return the largest counts, to be put behind other words; nothing where nothing was counted."""
    return f"; counted: {in_words(tallies)}" if tallies else ""


_counting: ContextVar[tuple[Reasons, ...]] = ContextVar("bagkit_counting", default=())


def count_here(reason: str, count: int = 1) -> None:
    """Count a reason for the task that runs in this thread; outside tasks, for open Tallies blocks."""
    for reasons in _counting.get():
        reasons.count(reason, count)


def counting_here() -> tuple[Reasons, ...]:
    """Return the counter of this thread."""
    return _counting.get()


class counting:
    """Have `reasons` count what is counted in the `with` block, in this thread; nobody where there are none."""

    __slots__ = ("_reasons", "_token")
    _token: Token[tuple[Reasons, ...]]

    def __init__(self, *reasons: Reasons) -> None:
        self._reasons = reasons

    def __enter__(self) -> None:
        self._token = _counting.set(self._reasons)

    def __exit__(self, *exc: object) -> None:
        _counting.reset(self._token)


def uncounted(items: Iterator[T]) -> Iterator[T]:
    """Yield `items`, where nobody counts what is counted while they are made: it was counted before."""
    while True:
        with counting():
            found = list(islice(items, 1))
        if not found:
            return
        yield found.pop()
