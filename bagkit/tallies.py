"""Counting by reason: what functions drop, or change, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from bagkit.diagnostics.events import Event, TaskFinished
from bagkit.diagnostics.observer import listen, stop_listening
from bagkit.errors import PlanError, one_line
from bagkit.flow.anew import RunAnew
from bagkit.flow.tallies import Reasons, count_here, counting, counting_here
from bagkit.front_doors import front_door
from bagkit.signatures import checked_count


@front_door
def tally(reason: str, count: int = 1) -> None:
    """Count a reason, in a function that a bag or a delayed value calls.

    The counts of all tasks come back together: in the Manifest of a method that writes, in Collected, in
    `bagkit.Tallies`, and in the progress bar. A task that runs again, because its worker died or it is retried, counts
    once. Outside a run, a `with bagkit.Tallies()` block counts it. Without a block nobody does, so you can try a
    function alone.

    Args:
        reason: What is counted, in a few words: `"too short"`. Only the first 200 characters count.
        count: How often to count it. Default: 1.

    Raises:
        PlanError: `reason` is not text, or `count` is not a whole number from 0 up. True and False are none.

    >>> import bagkit as bk
    >>> def clean(line):
    ...     if len(line) < 3:
    ...         bk.tally("too short")
    ...     return line.strip()
    >>> with bk.Tallies() as counts:
    ...     bk.from_sequence(["a", "b", "long enough"]).map(clean).count().compute(scheduler="sync")
    3
    >>> counts
    Tallies({'too short': 2})
    """
    if type(reason) is not str:
        if not isinstance(reason, str):
            raise PlanError(f"tally: the reason is {one_line(reason)}; expected text; hint: str(...) makes text of it")
        reason = str.__str__(reason)  # of an enum, say
    if type(count) is not int or count < 0:  # not for each record: it takes longer
        count = checked_count("tally", "count", count, 0)
    count_here(reason, count)


class Tallies(Mapping[str, int]):
    """Counts by reason what the runs inside its block have counted: a mapping, the largest counts first.

    Filters with a `reason` count, and functions that call `bagkit.tally`. The counts of a task are added when it ends.
    Runs in the background, and in other threads, are not heard here.

    >>> import bagkit as bk
    >>> b = bk.range(10, npartitions=3)
    >>> with bk.Tallies() as counts:
    ...     b.filter(lambda x: x % 2, reason="even").remove(lambda x: x > 5, reason="large").compute(scheduler="sync")
    [1, 3, 5]
    >>> counts
    Tallies({'even': 5, 'large': 2})
    """

    def __init__(self) -> None:
        self._reasons = Reasons()
        self._open: dict[int, Reasons] = {}
        """What runs have counted that are not over, by the ids of these."""

    def emit(self, event: Event) -> None:
        """Take note of an event: runs call it, while the block is open.

        Args:
            event: The event. Only finished tasks count.

        >>> import bagkit as bk
        >>> with bk.Profile() as profile:
        ...     bk.range(3, npartitions=1).filter(None, reason="zero").compute(scheduler="sync")
        [1, 2]
        >>> counts = bk.Tallies()
        >>> for task in profile.tasks:
        ...     counts.emit(task)
        >>> counts
        Tallies({'zero': 1})
        """
        if isinstance(event, TaskFinished):
            self._reasons.add(event.tallies)

    def __enter__(self) -> Tallies:
        listen(self, partial(_OneRun, self._reasons, self._open))
        self._counting = counting(*counting_here(), self._reasons)
        self._counting.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._counting.__exit__()
        stop_listening(self)

    def __getitem__(self, reason: str) -> int:
        return self._all()[reason]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all().most_first())

    def __len__(self) -> int:
        return len(self._all().most_first())

    def __repr__(self) -> str:
        return f"Tallies({self._all().most_first()})"

    def _all(self) -> Reasons:
        if not self._open:
            return self._reasons
        reasons = Reasons(self._reasons)
        for each in self._open.values():
            reasons.add(each.items())
        return reasons

    def _repr_html_(self) -> str:
        from bagkit.html.style import counted, framed, head

        tallies = self._all().most_first()
        return framed(head("Tallies", "" if tallies else "nothing was counted"), counted(tallies))


class _OneRun:
    """Counts one run for a Tallies. A run that was planned on what is not so begins anew: then nothing of it counts."""

    def __init__(self, total: Reasons, open_runs: dict[int, Reasons]) -> None:
        self._total = total
        self._open = open_runs
        self._reasons = Reasons()

    def __enter__(self) -> _OneRun:
        self._open[id(self)] = self._reasons
        return self

    def emit(self, event: Event) -> None:
        if isinstance(event, TaskFinished):
            self._reasons.add(event.tallies)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        del self._open[id(self)]
        if not isinstance(error, RunAnew):
            self._total.add(self._reasons.items())
