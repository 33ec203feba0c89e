"""What failures of records are made of: in the task, or once somebody asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from bagkit.errors import cut_document, put, text_of
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
        for each in (told, told.__context__):  # json raises one error while it handles another
            if each is not None:
                put(each, "__traceback__", None)
        cut_document(told)
        return operation, told

    def failure(self, place: Place | PlaceRow, collected: bool, *noted: Any) -> Failure:
        """Return the failure at a place of what was noted: what is told already, or what may be told."""
        if len(noted) == 2:
            operation, told = noted
        else:
            error, untold, record = noted
            if error is not untold:
                error.__traceback__ = None  # it leads to the block
            if type(place) is tuple and _may_wait(place[-1]):
                return failure_told_later(self, place, error, untold, record)
            operation, told = self(error, untold, record)
        found = Place(*place) if isinstance(place, tuple) else place
        return Failure(found.to_keep(), operation, told, collected=collected)


def _may_wait(text: Any) -> bool:
    return type(text) is not str or len(text) <= _SHORT
