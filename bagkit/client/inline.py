"""Calls of a client inside of a task: they run at once, where they are submitted.

All workers may be busy with tasks that wait for such calls. So nothing waits here, and nothing can block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bagkit.flow.replay import Replay, reading
from bagkit.flow.report import Report

if TYPE_CHECKING:
    import concurrent.futures

    from bagkit.client.calls import Submitted
    from bagkit.client.futures import Future
    from bagkit.lower.graph import Key


class InlineEngine:
    """Runs each call in this thread, when it is submitted."""

    workers = 1
    scheduler = None

    def add(self, call: Submitted, future: Future[Any], needs: Sequence[Future[Any]]) -> None:
        """Run `call`, and give `future` its value or its error."""
        future.set_running_or_notify_cancel()
        for attempt in range(call.retries + 1):
            try:
                values = [need.replay or need.result() for need in needs]
                self._give(future, call.work(call.part, values, Report()))
            except Exception as error:
                if attempt == call.retries:
                    future.set_exception(error)
            else:
                return

    def keep(self, key: Key, value: Any, future: Future[Any]) -> None:
        """Give `future` a value that is there already."""
        self._give(future, value)

    def _give(self, future: Future[Any], value: Any) -> None:
        future.replay = value if type(value) is Replay else None
        future.set_result(reading(value))

    def promise(self, other: concurrent.futures.Future[Any], future: Future[Any]) -> None:
        """Give `future` what the `other` one has, when it has it."""
        error = other.exception()
        if error is None:
            future.set_result(other.result())
        else:
            future.set_exception(error)

    def bring(self, futures: Sequence[Future[Any]]) -> None:
        """Do nothing: the futures have the values."""

    def let_go(self, key: Key) -> None:
        """Do nothing: the future has the value."""

    def cancel(self, key: Key) -> None:
        """Do nothing: what was submitted is over."""

    def wait_at_the_end(self, future: Future[Any]) -> None:
        """Do nothing: it is over."""

    def works_here(self) -> bool:
        """Return False: the values are there."""
        return False

    def scale(self, workers: int) -> None:
        """Do nothing: the task has this one thread."""

    def restart(self) -> None:
        """Do nothing: there is nothing that runs."""

    def close(self, *, wait: bool, cancel: bool) -> None:
        """Do nothing: there is nothing that runs."""
