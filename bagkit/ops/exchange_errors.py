"""What tables, sorting and grouping raise of their own, as errors for the user."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bagkit.contexts import context
from bagkit.errors import GroupTooLargeError, NotPicklableError, TaskError, UnstableKeyError, add_notes, one_line
from bagkit.exchange.spill import NotUnpickled, SpillError
from bagkit.plan.kinds import Taking

MERGING_TOTALS = "hint: the function got the totals of two partitions, to merge them: combine=operator.add adds them"
"""Of a fold where the function for a total and a record merges totals too, as nobody gave another one."""


@context
def exchange_errors(operation: str, notes: Sequence[str] = ()) -> Iterator[None]:
    """Raise what tables, sorting and grouping raise of their own as errors for the user; add `notes` to the user's."""
    try:
        yield
    except Exception as error:
        for_user = _for_user(operation, error)
        if for_user is None:
            add_notes(error, notes)
            raise
        raise for_user from error


class TakingForUser:
    """A Taking whose own errors are errors for the user; with `only`, one whose state is of the only partition."""

    __slots__ = ("_only", "_operation", "_taking")

    def __init__(self, operation: str, taking: Taking, *, only: bool = False) -> None:
        self._operation = operation
        self._taking = taking
        self._only = only

    def take(self, records: list[Any]) -> None:
        with exchange_errors(self._operation):
            self._taking.take(records)

    @property
    def failed_at(self) -> int | None:
        """The number of the record, of those that came last, at which it has raised; None where that is not known."""
        found: int | None = getattr(self._taking, "failed_at", None)
        return found

    def state(self) -> Any:
        with exchange_errors(self._operation):
            state = self._taking.state()
        return state.get(0, []) if self._only else state


def _for_user(operation: str, error: Exception) -> Exception | None:
    if isinstance(error, SpillError):
        return TaskError(f"{operation}: {error}; hint: give another temporary_directory")
    if isinstance(error, NotUnpickled):
        return NotPicklableError(
            f"{operation}: records that are more than memory_limit were pickled to wait on disk, and can't be unpickled"
            f": {error}; hint: pickle.loads(pickle.dumps(record)) shows it; a larger memory_limit keeps them in memory"
        )
    # Not at the top: who counts names needs no digests, and their module is among the slow ones.
    from bagkit.exchange.digest import Undigestible
    from bagkit.exchange.group import KeyTooLarge

    if isinstance(error, Undigestible):
        return UnstableKeyError(
            f"{operation}: the key {one_line(error.key)} can't be told from others in another process: {error}; "
            "expected text, numbers, dates, enums, frozen dataclasses, or tuples of those; "
            "hint: give a key function that returns one of them"
        )
    if isinstance(error, KeyTooLarge):
        from bagkit.amounts import bytes_text  # no worker has a use for it at its start

        return GroupTooLargeError(
            f"{operation}: the records of the key {one_line(error.key)} take about {bytes_text(error.nbytes)}, and a "
            f"task may hold {bytes_text(error.limit)}; hint: foldby and aggregate_by_key hold no groups; or give more "
            "memory_limit, or fewer workers"
        )
    return None
