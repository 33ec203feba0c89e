"""What failures of records are made of: in the task, or once somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

from bagkit.errors import cut_document, text_of
from bagkit.flow.apart import call_apart
from bagkit.flow.blocks import Place, PlaceRow
from bagkit.flow.stopped import StoppedEarly
from bagkit.flow.untold import Untold
from bagkit.plan.kinds import Op
from bagkit.tracebacks import clear_ended, keep_users_frames
from bagkit.work.failures import Blaming, Failure, failure_told_later, stopped_early

Told = tuple[str, BaseException]
_SHORT: Final = 1 << 16
"""Characters of a line that a failure may hold beside the text of its place."""


class Telling:
    """Tells failures in some ops, which are one step of a task."""

    def __init__(self, ops: Sequence[Op]) -> None:
        self._ops = ops
        self._blaming = Blaming(ops)
        """It takes a while to make."""
        self._labels: dict[type, str] = {}
        """In which op a parser's lines fail that raise an error of a type."""

    def kept(self, error: BaseException) -> Told:
        """Return which of the ops an error is of, and the error as it is kept."""
        kept = stopped_early(self._ops) if isinstance(error, (StoppedEarly, StopIteration)) else error
        operation = self._blaming.operation(error)  # the frames tell which
        keep_users_frames(kept)
        cut_document(kept)
        return operation, kept

    def __call__(self, error: BaseException, untold: Untold, record: Any) -> Told:
        """Return the same for what was noted of a record: an error without frames of the user's, or an Untold."""
        told = call_apart(partial(self._told, [error, untold, record]))
        clear_ended([told[1]])
        return told

    def _told(self, noted: list[Any]) -> Told:
        error, untold, record = noted
        noted.clear()  # errors that are kept hold this frame's caller
        if isinstance(error, Untold):
            return self._told_of_line(error, record)
        raised = untold.again(record)
        if type(raised) is type(error) and text_of(raised) == text_of(error):
            return self.kept(raised)
        return self.kept(error)

    def _told_of_line(self, untold: Untold, line: Any) -> Told:
        """Return the same for a line that our parser has refused: there are no frames of the user's."""
        told = untold.told(line)
        operation = self._labels.get(type(told))
        if operation is None:
            operation = self._labels[type(told)] = self._blaming.operation(untold.with_frames(line))
        cut_document(told)
        return operation, told

    def failures(self, places: Sequence[Place | PlaceRow], noted: Sequence[Any], collected: bool) -> Iterator[Failure]:
        """Yield the failures at some places of what was noted: the number of each record, and more.

        That is what is told already, or what may be told.
        """
        for place, each in zip(places, noted, strict=True):
            if len(each) == 4:
                _, error, untold, record = each
                if error is not untold:
                    error.__traceback__ = None  # it leads to the block
                if type(place) is tuple and (type(text := place[-1]) is not str or len(text) <= _SHORT):
                    yield failure_told_later((self, place, error, untold, record))
                    continue
                operation, told = self(error, untold, record)
            else:
                _, operation, told = each
            found = Place(*place) if isinstance(place, tuple) else place
            yield Failure(found.to_keep(), operation, told, collected=collected)
