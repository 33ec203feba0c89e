"""What is known to fail, and is not raised before somebody asks what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Untold(Exception):
    """Stands for the error of a record that is known to fail: to raise that would take longer than all else."""

    def __init__(self, call: Callable[[Any], Any]) -> None:
        super().__init__(call)
        self._call = call

    def told(self, record: Any) -> Exception:
        """Return what is raised for `record`."""
        try:
            self._call(record)
        except Exception as error:
            return error
        raise AssertionError(f"a record was known to fail, and did not: {record!r}")
