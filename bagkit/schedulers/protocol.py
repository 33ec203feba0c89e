"""What a scheduler is: one method, and what one is that keeps values."""

from __future__ import annotations

from collections.abc import Collection, Generator, Sequence
from typing import Any, Protocol, runtime_checkable

from bagkit.diagnostics.observer import Observer
from bagkit.lower.graph import Graph, Key


class Scheduler(Protocol):
    """Runs graphs. It never optimises, and does not know plans."""

    name: str

    def run(self, graph: Graph, targets: Sequence[Key], observer: Observer) -> Generator[Any, None, None]:
        """Run what `targets` need and yield their values in order, each as soon as it and those before it are there.

        Work goes on while the caller is busy, but only a bounded amount ahead of it. Closing the iterator ends the
        run. The first error ends the run and is raised; of tasks that are `one_of` the same that is the one of the
        lowest rank, which is raised when the values before it were yielded.
        """


@runtime_checkable
class Keeper(Protocol):
    """A scheduler that can leave values where they were made."""

    keeps: bool
    """Whether it does, as it is set up."""

    def run(
        self, graph: Graph, targets: Sequence[Key], observer: Observer, keep: Collection[Key] = ()
    ) -> Generator[Any, None, None]:
        """Do what `Scheduler.run` says, and yield a Kept for each target in `keep`."""
