"""Files through which tasks of a graph for dask exchange records: N tasks leave N values, and one task makes M of them.

dask moves whole values, so without files each bucket has to be a value, and there are N × M.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from bagkit.crossing import values
from bagkit.crossing.pickling import dumps_records
from bagkit.crossing.transport import Stored
from bagkit.flow.report import Report
from bagkit.light_classes import dataclass
from bagkit.schedulers.value_store import INLINE_BYTES_LATER


@dataclass(frozen=True, slots=True)
class InFiles:
    """A value that is in files, or so small that it is here as bytes."""

    stored: Stored


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a task uses the directory that all machines see."""

    directory: str
    leaves: bool
    """Whether its values are for a Dealing."""

    def begin(self, inputs: Sequence[Any], report: Report) -> list[Any]:
        """Return the values of `inputs`; `report` tells the task of the directory."""
        report.directory, report.dumps = (lambda: self.directory), dumps_records
        return [values.load(each.stored) if isinstance(each, InFiles) else each for each in inputs]

    def store(self, keep: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return what keeps the values of the task: those for a Dealing in a file, all others as `keep` does."""
        return self._store if self.leaves else keep

    def _store(self, made: Any) -> list[InFiles]:
        output = values.Output(INLINE_BYTES_LATER, lambda: self.directory, uuid.uuid4().hex)
        try:
            stored = output.store_all(made)
            output.close()
        except BaseException:
            output.remove()
            raise
        return list(map(InFiles, stored))


@dataclass(frozen=True, slots=True)
class DealFiles:
    """Says for each of `count` partitions where its buckets are, of the values of all tasks."""

    directory: str
    count: int

    def __call__(self, *several: InFiles) -> list[InFiles]:
        stored = [each.stored for each in several]
        return list(map(InFiles, values.dealt(stored, self.count, self._write)))

    def _write(self, table: bytes) -> str:
        from bagkit.schedulers.elsewhere import write_file

        return write_file(self.directory, f"table-{uuid.uuid4().hex}", table)
