"""What is known to fail, and is not raised before somebody asks what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Untold(Exception):
    """Stands for the error of a record that is known to fail: to raise that would take longer than all else."""

    def __init__(self, call: Callable[[Any], Any], quick: Callable[[Any], Any]) -> None:
        """`quick` raises what `call` does for a record, but from somewhere else."""
        super().__init__(call, quick)
        self._call = call
        self._quick = quick

    def told(self, record: Any) -> Exception:
        """Return what is raised for `record`."""
        return _known(_raised(self._quick, record), record)

    def with_frames(self, record: Any) -> Exception:
        """Return the same with frames that tell which operation raised it; this takes longer."""
        return _known(self.again(record), record)

    def again(self, record: Any) -> Exception | None:
        """Return the same, or None: others who have the record may have changed it since."""
        return _raised(self._call, record)


def _raised(call: Callable[[Any], Any], record: Any) -> Exception | None:
    try:
        call(record)
    except Exception as error:
        return error
    return None


def _known(error: Exception | None, record: Any) -> Exception:
    assert error is not None, f"a record was known to fail, and did not: {record!r}"
    return error
