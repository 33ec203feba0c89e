"""Keeps what tasks report about records that failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from bagkit.diagnostics.events import Event, TaskFinished
from bagkit.errors import DamagedInputWarning, SkippedRecordsWarning
from bagkit.flow.tallies import Counted, Reasons
from bagkit.plan.kinds import Sink
from bagkit.plan.node import Plan, walk
from bagkit.warn import warn_about

if TYPE_CHECKING:
    from bagkit.work.failures import Failure

EXAMPLES = 3


class FailureLog:
    """An observer that keeps failures, in the order of the tasks; mutable, of one run of `roots`.

    A run `writes` that makes files, of its records or by a sink: what is missing from each file is said.
    """

    def __init__(self, roots: Sequence[Plan] = (), *, writes: bool = False) -> None:
        self.skipped = 0
        self.reasons = Reasons()
        """What was counted by reason."""
        self._roots = roots
        self._writes = writes
        self._failures: list[tuple[Failure, ...]] = []

    def emit(self, event: Event) -> None:
        """Take the failures of a task that is done."""
        if isinstance(event, TaskFinished):
            self.take(event.skipped, event.failures)
            self.reasons.add(event.tallies)

    def take(self, skipped: int, failures: Sequence[Failure]) -> None:
        """Take what one task reports about its failures."""
        self.skipped += skipped
        if failures:
            self._failures.append(tuple(failures))

    def with_tallies(self, values: Sequence[Any]) -> list[Any]:
        """Return the values of the roots; a Manifest among them gets the counts of the run."""
        return [
            replace(value, tallies=self.reasons.most_first())
            if isinstance(root.op, Sink) and isinstance(value, Counted)
            else value
            for root, value in zip(self._roots, values, strict=True)
        ]

    @property
    def failures(self) -> list[Failure]:
        """All failures, in the order of their places where those are known."""
        return sorted(chain.from_iterable(self._failures), key=attrgetter("_order"))

    def collected(self) -> list[Failure]:
        """Return the failures that were asked for."""
        return [failure for failure in self.failures if failure.collected]

    def warn(self, *, streamed: bool = False) -> None:
        """Say what is missing: which files are damaged, how many records were skipped, and where the first are.

        Records that are `streamed` come without those collected: so that those are not lost silently they count as
        skipped. It is said once for a plan and its counts, but each time by a run that writes.
        """
        self._warn_of_damage(streamed)
        lost = [failure for failure in self.collected() if not failure.is_damage] if streamed else []
        number = self.skipped + len(lost)
        if not number:
            return
        records = [failure for failure in self.failures if not failure.is_damage]
        examples = [failure for failure in records if streamed or not failure.collected][:EXAMPLES]
        from bagkit.amounts import how_many

        count = how_many(number, "record")
        asked = "collect" if len(lost) == number else "skip"
        hint = 'on_error="collect" gives each with its place' if not lost else "compute() gives those collected"
        more = f"\n  {examples[0].hint}" if examples and examples[0].hint else ""
        first = f"\n  first: {'; '.join(_in_short(examples))}" if examples else ""
        message = f'{count} skipped, as on_error="{asked}" asked; hint: {hint}{first}{more}'
        warn_about(self._about(number, len(lost)), message, SkippedRecordsWarning)

    def _warn_of_damage(self, streamed: bool) -> None:
        """Say which files are damaged, unless the failures are handed out."""
        if not any(failure.is_damage for failure in chain.from_iterable(self._failures)):
            return
        damage = [failure for failure in self.failures if failure.is_damage and (streamed or not failure.collected)]
        if not damage:
            return
        paths = {failure.place.source for failure in damage if failure.place is not None}
        count = f"{len(paths):,} damaged files" if len(paths) != 1 else "a damaged file"
        first = "; ".join(str(failure.error) for failure in damage[:EXAMPLES])
        more = f"; and {len(damage) - EXAMPLES} more" if len(damage) > EXAMPLES else ""
        message = (
            f"data of {count} {'are' if len(paths) != 1 else 'is'} missing, as damaged= asked; "
            f'hint: on_error="collect" gives each with its place\n  first: {first}{more}'
        )
        warn_about(self._about("damage", len(damage)), message, DamagedInputWarning)

    def _about(self, *counts: object) -> object:
        """Return the subject of a warning that comes once; None if each run warns anew, because it writes."""
        if self._writes or not self._roots or any(isinstance(plan.op, Sink) for plan in walk(*self._roots)):
            return None
        from bagkit.plan.fingerprint import process_fingerprint

        return tuple(map(process_fingerprint, self._roots)), *counts


def _in_short(examples: Sequence[Failure]) -> Iterator[str]:
    """Yield a line for each failure: the first in full, the others with their place only."""
    first = examples[0].place
    yield str(examples[0])
    for failure in examples[1:]:
        place = failure.place
        if place is None or (place.line is None and place.index is None):
            yield str(failure)
            continue
        source = "" if first is not None and place.source == first.source else f"{place.source}, "
        where = f"line {place.line}" if place.line is not None else f"record {place.index}"
        yield source + where + ("" if place.partition is None else f", partition {place.partition}")
