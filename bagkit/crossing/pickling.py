"""Pickles, or an error that says what can't be pickled. Imported by every worker, so light."""

from __future__ import annotations

from bagkit.crossing.transport import to_bytes

TYPE_CHECKING = False  # importing it would import typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

NOT_SENT = "it can't be sent to another process"
"""What follows where no more is known of the process."""


def pickled(dumps: Callable[[Any], bytes], value: Any, what: str, so: str, task: str = "") -> bytes:
    """Return the pickle of `value`; raise NotPicklableError with `what` it is of the `task`, and what can't be done."""
    try:
        return dumps(value)
    except Exception as error:
        from bagkit.crossing.culprits import not_picklable

        raise not_picklable(value, what, error, so, task) from error


def dumps_records(value: Any) -> bytes:
    """Pickle a list of records that are to wait on disk; raise NotPicklableError for what can't be pickled."""
    return pickled(to_bytes, value, "the records", "it can't be brought to another partition")
