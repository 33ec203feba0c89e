"""How what an op does with records goes on behind one that has failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from bagkit.flow.untold import Untold


class Note(Protocol):
    """Takes the number of a record among some, what was raised for it, and how many of its elements have gone on.

    Where `error` has no frames of the user's, `untold` raises the same with them, once somebody asks. Where it is not
    there, but `untold` itself, who parses the record `said` something of it, and it may be told of that.
    """

    def __call__(
        self,
        index: int,
        error: BaseException,
        given: int = 0,
        untold: Untold | None = None,
        said: str = "",
        /,
    ) -> None: ...


class Further(Protocol):
    """Puts to a list what is made of some records."""

    def __call__(self, found: list[Any], start: int, note: Note | None = None, /) -> None:
        """Put to `found` what is made of the records from the number `start` on.

        Of one that fails it may tell `note`, and go on without it: that takes less time than to be called again. Where
        it raises, a record has failed, and what is made of those before it is in `found`, but for those that `note`
        was told of. Called again, with the number of the next record, it goes on.
        """


def put_further(made: Iterable[Any], found: list[Any], start: int, note: Note | None = None) -> None:
    """Do as a Further with a list, which does not raise, or with a `map` and the like, which go on behind a record."""
    missing = start - len(found)
    while True:
        try:
            found.extend(made)
        except Exception as error:
            if note is None:
                raise
            note(missing + len(found), error)
            missing += 1
        else:
            return


class GoesOn:
    """An OnRecords that goes on behind a record for which it raises."""

    def __call__(self, records: Sequence[Any], /) -> Iterable[Any]:
        """Return what it gives for each of `records`."""
        found: list[Any] = []
        self.further(records, True)(found, 0)
        return found

    def further(self, records: Sequence[Any], with_frames: bool, /) -> Further:
        """Return what puts what it gives for `records` to a list.

        What it raises is an error of the user's code, with its frames; or, without them, one of that type and text.
        """
        raise NotImplementedError


class InTurn(GoesOn):
    """Parses lines in one go up to one that is not for that; takes this one with care, and goes on behind it."""

    with_care: int = 0
    """How many lines it has taken with care."""

    def inside(self, outer: Callable[[Callable[[Any], Any], Any], Any]) -> InTurn:
        """Return the same with `outer` around the function for single lines: it is given that, and the line."""
        raise NotImplementedError
