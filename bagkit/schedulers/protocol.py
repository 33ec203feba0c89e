"""What a scheduler is: one method."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol

from bagkit.diagnostics.observer import Observer
from bagkit.lower.graph import Graph, Key


class Scheduler(Protocol):
    """Runs graphs. It never optimises, and does not know plans.

    One that has `keeps`, which is true, can leave values where they were made. Its `run` takes the keys of such values
    as a fourth argument, and yields a Kept for each.
    """

    name: str

    def run(self, graph: Graph, targets: Sequence[Key], observer: Observer) -> Generator[Any, None, None]:
        """Run what `targets` need and yield their values in order, each as soon as it and those before it are there.

        Work goes on while the caller is busy, but only a bounded amount ahead of it. Closing the iterator ends the
        run. The first error ends the run and is raised; of tasks that have turns (`Graph.turn_of`) that is the one of
        the lowest rank, which is raised when the values before it were yielded.
        """
