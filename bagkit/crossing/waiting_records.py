"""Pickles records that wait on disk for another partition, or for their turn."""

from __future__ import annotations

from typing import Any

from bagkit.crossing.transport import to_bytes


def dumps_records(value: Any) -> bytes:
    """Pickle a list of records that are to wait on disk; raise NotPicklableError for what can't be pickled."""
    try:
        return to_bytes(value)
    except Exception as error:
        from bagkit.crossing.culprits import not_picklable

        raise not_picklable(value, "the records", error, "it can't be brought to another partition") from error
