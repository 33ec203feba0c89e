"""progress: a bar for what runs in the background."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bagkit.diagnostics.progress import ProgressBar
from bagkit.diagnostics.standing import Standing
from bagkit.diagnostics.terminal import in_notebook
from bagkit.errors import LazyError, OptionError
from bagkit.front_doors import front_door
from bagkit.io.input.persisted import Persisted
from bagkit.lazy.nesting import plan_of
from bagkit.ops.calls import FutureValue, Known
from bagkit.plan.node import walk

INTERVAL = 0.1
"""Seconds between two looks at what there is to draw."""


@front_door
def progress(*values: Any, notebook: bool | None = None) -> None:
    """Draw the progress of what runs in the background.

    In a terminal it draws one line, and returns when all is over. In a notebook it returns at once; the bar goes on in
    the output of its cell, and stays there when the notebook is saved. A call or run that fails counts as over; its
    error is raised where you ask for the result.

    The futures of bags (`client.compute(bag)`) are drawn in bytes of input, where these are known, with the operation
    that takes most of the time. Calls are counted. Several values are drawn together.

    Args:
        *values: Futures of a `Client`, of `concurrent.futures` or of dask.distributed; lists and other containers of
            futures. A bag, an item or a delayed value stands for the futures that it is made of, and for the runs in
            which `persist` computes it. If nothing computes it, that is an error.
        notebook: Whether to draw for a notebook. Default: whether this is one.

    Raises:
        LazyError: Nothing computes a bag, an item or a delayed value in the background.
        OptionError: A value has no progress.

    >>> import bagkit as bk
    >>> with bk.Client(workers=1) as client:
    ...     squares = client.map(pow, [1, 2, 3], [2, 2, 2])
    ...     bk.progress(squares, notebook=False)
    ...     client.gather(squares)
    [1, 4, 9]
    """
    watched = Watched(list({id(future): future for future in _futures(values)}.values()))
    if not watched.futures:
        return
    notebook = in_notebook() if notebook is None else notebook
    bar = ProgressBar(standing=watched.standing, delay=0.0, notebook=notebook)
    bar.draw_if_due()  # in a notebook that is where it stays
    if notebook:
        threading.Thread(target=_draw, args=(watched, bar), name="bagkit-progress", daemon=True).start()
    else:
        _draw(watched, bar)


def _draw(watched: Watched, bar: ProgressBar) -> None:
    try:
        while not watched.wait(INTERVAL):
            bar.draw_if_due()
    finally:
        bar.close()


class Watched:
    """Futures whose progress is drawn; mutable, of one call of progress."""

    def __init__(self, futures: Sequence[Any]) -> None:
        self.futures = futures
        counts = [getattr(future, "counts", None) for future in futures]
        self._counted = sum(each is not None for each in counts)
        self._runs = list({id(each): each for each in counts if each is not None}.values())
        self._lock = threading.Lock()
        self._done = self._failed = 0
        self._all_done = threading.Event()
        for future in futures:
            future.add_done_callback(self._note)

    def _note(self, future: Any) -> None:
        failed = future.cancelled() or _status(future) == "error"
        with self._lock:
            self._done += 1
            self._failed += failed
            if self._done == len(self.futures):
                self._all_done.set()

    def wait(self, seconds: float) -> bool:
        """Wait until all are over, `seconds` at the most; return whether they are."""
        return self._all_done.wait(seconds)

    def standing(self) -> Standing:
        """Return how far they are: in figures of runs, if all are runs."""
        if self._counted == len(self.futures):
            return sum([counts.standing() for counts in self._runs], Standing())
        return Standing(len(self.futures), self._done, failed=self._failed, unit="call")


def _status(future: Any) -> str:
    """Return the word for a future that is over, without waiting and without an error of its own."""
    if isinstance(future, concurrent.futures.Future):
        return "error" if not future.cancelled() and future.exception() is not None else "finished"
    return str(getattr(future, "status", "finished"))


def _of_op(op: Any) -> Iterator[Any]:
    """Yield the futures that an op of a plan waits for."""
    if isinstance(op, FutureValue):
        yield op.future
    elif isinstance(op, Persisted):
        for kept in op.parts:
            promise: Any = kept.promise
            if promise is not None:
                yield promise.run.future


def _futures(value: Any) -> Iterator[Any]:
    """Yield the futures that a value of the user's stands for."""
    if isinstance(value, concurrent.futures.Future):
        yield value
        return
    plan = plan_of(value)
    if plan is not None:  # a delayed value seems to have any method
        found = [future for each in walk(plan) for future in _of_op(each.op)]
        if not found and not isinstance(plan.op, (Known, Persisted)):
            raise LazyError(
                f"progress: nothing computes this {type(value).__name__} in the background; hint: "
                "progress(client.compute(value)) does, and value.compute(progress=True) draws a bar too"
            )
        yield from found
    elif callable(getattr(value, "add_done_callback", None)):  # a future of dask.distributed
        yield value
    elif isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _futures(each)
    else:
        raise OptionError(f"progress: it got a {type(value).__name__}; expected futures, also in containers")
