"""Keeps what tasks say of records that failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bagkit.diagnostics.events import Event, TaskFinished
from bagkit.errors import SkippedRecordsWarning
from bagkit.warn import warn_at_caller

if TYPE_CHECKING:
    from bagkit.lower.failures import Failure

EXAMPLES = 3


class FailureLog:
    """An observer that keeps failures, those of earlier tasks first; mutable, of one run."""

    def __init__(self) -> None:
        self.skipped = 0
        self._failures: list[tuple[Failure, ...]] = []

    def emit(self, event: Event) -> None:
        """Take the failures of a task that is done."""
        if isinstance(event, TaskFinished):
            self.take(event.skipped, event.failures)

    def take(self, skipped: int, failures: Sequence[Failure]) -> None:
        """Take what one task says of its failures."""
        self.skipped += skipped
        if failures:
            self._failures.append(tuple(failures))

    @property
    def failures(self) -> list[Failure]:
        """All failures, in the order of their places where those are known."""
        found = [failure for failures in self._failures for failure in failures]
        return sorted(found, key=_order)

    def collected(self) -> list[Failure]:
        """Return the failures that were asked for."""
        return [failure for failure in self.failures if failure.collected]

    def warn(self, *, streamed: bool = False) -> None:
        """Say how many records were skipped, and give a few examples; `streamed` records come without those collected.

        So that those are not lost silently they count as skipped.
        """
        lost = self.collected() if streamed else []
        number = self.skipped + len(lost)
        if not number:
            return
        examples = [failure for failure in self.failures if streamed or not failure.collected][:EXAMPLES]
        count = f"{number:,} record{'s' if number != 1 else ''}"
        asked = "collect" if len(lost) == number else "skip"
        hint = "; hint: compute() gives those collected" if lost else ""
        text = "".join(f"\n  {example}" for example in examples)
        warn_at_caller(f'{count} skipped, as on_error="{asked}" asked{hint}; for example:{text}', SkippedRecordsWarning)


def _order(failure: Failure) -> tuple[int, str, int, int]:
    place = failure.place
    if place is None:
        return (1 << 62, "", 0, 0)
    return (place.partition or 0, place.source or "", place.line or 0, place.index or 0)
