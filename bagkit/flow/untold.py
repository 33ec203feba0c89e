"""What is known to fail, and is not raised before somebody asks what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Untold(Exception):
    """Stands for the error of a record that is known to fail: to raise that would take longer than all else."""

    def __init__(
        self,
        call: Callable[[Any], Any],
        quick: Callable[[Any], Any],
        text: Callable[[Any, str], str | None] | None = None,
    ) -> None:
        """`quick` raises what `call` does for a record, but from somewhere else.

        `text` gives the text of that where it can be told of a record and what was said of it, or None.
        """
        super().__init__(call, quick)
        self._call = call
        self._quick = quick
        self._text = text

    def text(self, record: Any, said: str) -> str | None:
        """Return the text of what is raised for `record`, if that is known without raising it."""
        return None if self._text is None else self._text(record, said)

    def told(self, record: Any) -> Exception:
        """Return what is raised for `record`, without frames: they lead to who asks, and so to the error itself.

        The collector would have to find them, and with them all that waits for it.
        """
        told: Exception | None = None
        try:
            self._quick(record)
        except Exception as error:
            error.__traceback__ = None
            if error.__context__ is not None:  # json raises one error while it handles another
                error.__context__.__traceback__ = None
            told = error
        return _known(told, record)

    def with_frames(self, record: Any) -> Exception:
        """Return the same with frames that tell which operation raised it; this takes longer."""
        return _known(self.again(record), record)

    def again(self, record: Any) -> Exception | None:
        """Return the same, or None: others who have the record may have changed it since."""
        try:
            self._call(record)
        except Exception as error:
            return error
        return None


def _known(error: Exception | None, record: Any) -> Exception:
    assert error is not None, f"a record was known to fail, and did not: {record!r}"
    return error
